//! What cargo would use in a directory, as the crate `cargo-config2` resolves it: which of several values wins, lists that
//! are joined, tables that apply by `cfg`, and paths relative to their file.
//!
//! Doctor asks it for compiler flags, the linker and the build directories, and the tests of [`super::chain`] compare
//! that with it. It does not replace the chain: it knows no `include`, tells neither lines nor what a value overrides,
//! and one bad value anywhere makes it fail. So where a file includes others, or it fails, nothing is known here, and
//! its users fall back to what the chain has.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use cargo_config2::{Config, PathAndArgs, ResolveOptions};

use crate::setup::cargo_config::Chain;
use crate::setup::cargo_config::chain::cargo_home;
use crate::sys::env::Env;

/// Cargo's configuration in one directory.
pub struct Effective(Config);

/// The compiler, for what depends on it.
pub struct Compiler<'a> {
    pub rustc: &'a Path,
    /// The target that it compiles for by default.
    pub host: &'a str,
}

impl Effective {
    /// The configuration of cargo called in `cwd`; `None` if the crate would miss some of it. `chain` is what cargo reads
    /// there.
    pub fn load(env: &Env, cwd: &Path, chain: &Chain, compiler: Option<&Compiler<'_>>) -> Option<Effective> {
        if chain.has_includes {
            return None;
        }
        // Nothing is read from the environment of this process.
        let mut options = ResolveOptions::default().env(env.vars()).cargo_home(cargo_home(env, cwd));
        if let Some(compiler) = compiler {
            options = options.rustc(PathAndArgs::new(compiler.rustc)).host_triple(compiler.host);
        }
        Config::load_with_options(cwd, options).ok().map(Effective)
    }

    /// Where what is built is put, if that is set.
    pub fn target_dir(&self) -> Option<&Path> {
        self.0.build.target_dir.as_deref()
    }

    /// Where files in between are put, if that is set. It may hold placeholders that only cargo can fill.
    pub fn build_dir(&self) -> Option<&Path> {
        self.0.build.build_dir.as_deref()
    }

    /// Variables that files set for what cargo starts (`[env]`), and whether they win over those of cargo itself.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &OsStr, bool)> {
        self.0.env.iter().map(|(name, set)| (name.as_str(), set.value.as_os_str(), set.force))
    }

    /// The target to build for where the command line names none, if that is set: `Some(None)` where it is not, `None`
    /// where there are several.
    pub fn only_target(&self) -> Option<Option<String>> {
        match self.0.build.target.as_deref() {
            None | Some([]) => Some(None),
            Some([one]) => Some(Some(one.triple().to_owned())),
            Some(_) => None,
        }
    }

    /// The flags of the compiler for `target`; `None` if that cannot be determined.
    pub fn rustflags(&self, target: &str) -> Option<Vec<String>> {
        let flags = self.0.rustflags(target).ok()?;
        Some(flags.map(|flags| flags.flags).unwrap_or_default())
    }

    /// The linker for `target`, if that is set.
    pub fn linker(&self, target: &str) -> Option<PathBuf> {
        self.0.linker(target).ok()?
    }

    /// The wrapper of the compiler, if that is set. An empty value means none.
    pub fn rustc_wrapper(&self) -> Option<&Path> {
        let wrapper = self.0.build.rustc_wrapper.as_deref();
        wrapper.filter(|path| !path.as_os_str().is_empty())
    }
}
