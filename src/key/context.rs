//! What the key of one invocation is made from.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::action::memo::Memo;
use crate::action::portable::Portable;
use crate::action::roots::BuildDirs;
use crate::action::variables;
use crate::digest::Digest;
use crate::invocation::driver::Driver;
use crate::invocation::{Invocation, Output, SearchKind, Target};
use crate::key::closure::CrateClosure;
use crate::key::toolchain::Toolchain;
use crate::sys::env::{self, Env};
use crate::sys::fs;
use crate::sys::os;

/// What the unit key is made from, beyond the files it looks at.
pub struct KeyContext<'a> {
    pub invocation: &'a Invocation,
    pub outputs: &'a [Output],
    pub driver: Driver,
    pub toolchain: &'a Toolchain,
    pub env: &'a Env,
    pub build_dirs: &'a BuildDirs,
    /// Digests of the files in the build directory.
    pub memo: &'a Memo,
    /// The directory of the store for facts about this machine: its compilers, linkers and programs with privileges.
    pub machine_dir: &'a Path,
    /// How paths are mapped, and whatever else of the configuration decides outputs.
    pub paths: &'a str,
    pub salt: &'a str,
    pub declared_variables: &'a [String],
    /// What is known of artifacts, libraries and programs by their content.
    pub known: &'a dyn KnownContents,
}

/// What is known of files by their content. The store knows it; tests may bring a table.
pub trait KnownContents {
    /// The crate closure of an artifact.
    fn closure(&self, artifact: &Digest) -> Option<CrateClosure>;
    /// The possible variable names in the library of a procedural macro.
    fn library_variable_names(&self, library: &Digest) -> Option<String>;
    /// The same of a program that was started.
    fn program_variable_names(&self, program: &Digest) -> Option<String>;
    /// Accepts a dynamic library that kache has not made, as a procedural macro that may read anything. `None` for
    /// every other file.
    fn adopt(&self, path: &Path, library: &Digest) -> Option<CrateClosure>;
}

impl KeyContext<'_> {
    /// The triple that is compiled for.
    pub fn triple(&self) -> &str {
        match &self.invocation.target {
            None => &self.toolchain.host,
            Some(Target::Triple(triple)) => triple,
            Some(Target::Spec(path)) => path.file_stem().and_then(OsStr::to_str).unwrap_or_default(),
        }
    }

    /// The directories of `-L` that are searched for one of these kinds, in order.
    pub fn search_dirs(&self, kinds: &[SearchKind]) -> Vec<PathBuf> {
        let paths = self.invocation.search_paths.iter().filter(|path| kinds.contains(&path.kind));
        paths.map(|path| self.build_dirs.cwd.join(&path.path)).collect()
    }

    /// The value of a variable, as it counts where a program may ask for it.
    pub fn asked(&self, name: &str) -> Option<Portable> {
        let value = os::bytes(self.env.get(name)?);
        Some(if variables::is_literal(name) { Portable::literal(value) } else { self.portable(value) })
    }

    /// The existing directories that a user has the loader search before those of the system, without the ones that
    /// cargo adds: those of the build and of the toolchain.
    pub fn loader_dirs(&self) -> Vec<PathBuf> {
        let mut dirs = self.build_dirs.searched(self.env, env::LOADER_PATH);
        dirs.retain(|dir| {
            !dir.starts_with(&self.toolchain.sysroot)
                && fs::metadata(dir).is_ok_and(|found| found.is_dir())
                && !self.is_really_in_toolchain(dir)
        });
        dirs
    }

    /// Whether `dir` is in the sysroot once symbolic links are resolved.
    fn is_really_in_toolchain(&self, dir: &Path) -> bool {
        let Ok(dir) = fs::canonical(dir) else { return false };
        fs::canonical(&self.toolchain.sysroot).is_ok_and(|sysroot| dir.starts_with(sysroot))
    }

    /// A text with root tokens.
    pub fn portable(&self, text: &[u8]) -> Portable {
        self.build_dirs.roots.tokenize(text)
    }
}
