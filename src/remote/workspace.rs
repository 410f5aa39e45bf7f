//! What the workspace at hand can use of a remote: the packages in its lock file, compiled by its toolchain.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::action::portable::Roots;
use crate::action::roots::BuildDirs;
use crate::digest::Digest;
use crate::key::toolchain::{self, Toolchain, Unidentified};
use crate::remote::layout::CompilerName;
use crate::store::transfer;
use crate::sys::env::Env;
use crate::sys::{fs, host, os};

/// The packages and compilers of a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// The lock file.
    pub lock_file: PathBuf,
    /// Its digest.
    pub lock: Digest,
    /// Names and versions, sorted.
    pub packages: Vec<(String, String)>,
    /// The compiler that builds are named by.
    pub rustc: CompilerName,
    /// Of rustc and clippy, for each installed target, and for runs of build scripts.
    pub compilers: Vec<CompilerName>,
}

/// Why nothing is known of the workspace.
#[derive(Debug, thiserror::Error)]
pub enum NoWorkspace {
    #[error("no Cargo.lock in {} or above", .0.display())]
    NoLockFile(PathBuf),
    #[error("failed to read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("failed to parse {}: {why}", path.display())]
    Unparsable { path: PathBuf, why: String },
    #[error("failed to identify the compiler: {0}")]
    Compiler(#[from] Unidentified),
}

#[derive(Deserialize)]
struct LockFile {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

impl Workspace {
    /// The workspace around `dir`. Identities of compilers are kept in `machine_dir`.
    pub fn find(dir: &Path, env: &Env, machine_dir: &Path) -> Result<Workspace, NoWorkspace> {
        let lock_file =
            dir.ancestors().map(|dir| dir.join("Cargo.lock")).find(|path| fs::metadata(path).is_ok());
        let lock_file = lock_file.ok_or_else(|| NoWorkspace::NoLockFile(dir.to_owned()))?;
        let (packages, lock) = packages(&lock_file)?;
        let root = lock_file.parent().unwrap_or(dir);
        let (rustc, compilers) = compilers(root, env, machine_dir)?;
        Ok(Workspace { lock_file, lock, packages, rustc, compilers })
    }
}

/// The packages that a lock file names, and its digest.
fn packages(lock_file: &Path) -> Result<(Vec<(String, String)>, Digest), NoWorkspace> {
    let bytes =
        fs::read(lock_file).map_err(|error| NoWorkspace::Unreadable { path: lock_file.to_owned(), error })?;
    let lock: LockFile = toml::from_str(&String::from_utf8_lossy(&bytes))
        .map_err(|e| NoWorkspace::Unparsable { path: lock_file.to_owned(), why: e.message().to_owned() })?;
    let packages: BTreeSet<_> = lock.package.into_iter().map(|it| (it.name, it.version)).collect();
    Ok((packages.into_iter().collect(), Digest::hash(&bytes)))
}

/// The compilers that cargo would call in `root`, rustc for the host before all of them.
fn compilers(
    root: &Path,
    env: &Env,
    machine_dir: &Path,
) -> Result<(CompilerName, Vec<CompilerName>), NoWorkspace> {
    let build_dirs = BuildDirs { roots: Roots::default(), cwd: root.to_owned(), target: None, member: true };
    let identify = |compiler: &OsStr, target: Option<&str>| {
        Toolchain::identify(compiler, target, &build_dirs, env, machine_dir)
    };
    let named = env.get("RUSTC").filter(|rustc| !rustc.is_empty()).unwrap_or(OsStr::new("rustc"));
    let (mut rustc, mut own) = (named.to_owned(), identify(named, None)?);
    if os::find_program(named, env.get("PATH"), root).is_some_and(|found| toolchain::is_proxy(&found)) {
        // A command is not told which toolchain it is in, as cargo is.
        rustc = own.sysroot.join("bin").join(host::program_name("rustc")).into_os_string();
        own = identify(&rustc, None)?;
    }
    let clippy = own.sysroot.join("bin").join(host::program_name("clippy-driver"));
    let programs = [Some(rustc.as_os_str()), fs::metadata(&clippy).is_ok().then_some(clippy.as_os_str())];
    let processor = transfer::processor();
    let mut compilers = names(&own, processor.as_ref());
    for program in programs.into_iter().flatten() {
        for target in std::iter::once(None).chain(installed_targets(&own.sysroot).iter().map(Some)) {
            // One that is broken is not used by a build either.
            let identified = identify(program, target.map(String::as_str));
            compilers.extend(identified.iter().flat_map(|toolchain| names(toolchain, processor.as_ref())));
        }
    }
    compilers.sort();
    compilers.dedup();
    Ok((CompilerName::new(&own.digest), compilers))
}

/// The names under which packs of this compiler are.
fn names(toolchain: &Toolchain, processor: Option<&Digest>) -> Vec<CompilerName> {
    let of_runs = processor.map(|processor| CompilerName::of_runs(&toolchain.digest, processor));
    of_runs.into_iter().chain([CompilerName::new(&toolchain.digest)]).collect()
}

fn installed_targets(sysroot: &Path) -> Vec<String> {
    let dirs = fs::list(&sysroot.join("lib/rustlib")).unwrap_or_default();
    let targets = dirs.into_iter().filter(|dir| fs::metadata(&dir.join("lib")).is_ok());
    targets.filter_map(|dir| Some(dir.file_name()?.to_str()?.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_names_packages_and_versions() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("Cargo.lock");
        let text = "version = 4\n[[package]]\nname = \"b\"\nversion = \"1.0.0\"\nsource = \"x\"\n\
                    [[package]]\nname = \"a\"\nversion = \"0.1.0+x\"\n";
        fs::write_new(&path, text.as_bytes()).unwrap();
        let expected = [("a".to_owned(), "0.1.0+x".to_owned()), ("b".to_owned(), "1.0.0".to_owned())];
        assert_eq!(packages(&path).unwrap(), (expected.to_vec(), Digest::hash(text.as_bytes())));
        fs::remove(&path).unwrap();
        fs::write_new(&path, b"<<<<<<< HEAD").unwrap();
        assert!(matches!(packages(&path), Err(NoWorkspace::Unparsable { .. })));
    }
}
