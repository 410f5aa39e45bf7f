//! Where a call of cargo builds, and what: the workspace, its lock file, the build directory.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::digest::{Digest, Hasher};
use crate::manifest::form::BuildId;
use crate::seed::cargo_call::CargoCall;
use crate::seed::replay;
use crate::setup::cargo_config::chain::{self, WrapperKey};
use crate::setup::cargo_config::effective::Effective;
use crate::sys::env::Env;
use crate::sys::{fs, lock, os};

/// A build that is about to begin, or that ended.
#[derive(Debug)]
pub struct Build {
    pub call: CargoCall,
    pub workspace: PathBuf,
    pub target: PathBuf,
    /// What cargo's configuration files set for all that cargo starts.
    pub variables: Vec<SetVariable>,
    /// Each package in the lock file, as `name version`.
    pub packages: Vec<String>,
    /// The digest of the lock file.
    pub lock: Digest,
    /// The identity of the compiler.
    pub compiler: Digest,
    pub id: BuildId,
}

/// A variable that a file sets for what cargo starts.
#[derive(Debug)]
pub struct SetVariable {
    pub name: OsString,
    pub value: OsString,
    /// Whether it replaces the value that cargo itself was started with.
    wins: bool,
}

impl Build {
    /// What the call of `cargo` builds; `None` where it cannot be told, or where it does what seeding does not follow.
    /// `compiler` says which one cargo uses.
    pub fn of(cargo: &Env, cargo_version: &str, compiler: &Digest) -> Option<Build> {
        let mut call = CargoCall::parse(cargo)?;
        let cwd = cargo.cwd.as_deref()?;
        let config =
            Effective::load(cargo, cwd, &chain::resolve(WrapperKey::RustcWrapper, cargo, cwd), None)?;
        let variables = variables(&config)?;
        if call.triple.is_none() {
            call.triple = config.only_target()?;
        }
        let manifest = match &call.manifest {
            Some(manifest) => cwd.join(manifest),
            None => {
                cwd.ancestors().map(|dir| dir.join("Cargo.toml")).find(|path| fs::metadata(path).is_ok())?
            }
        };
        let workspace = root(&manifest)?;
        let lock = fs::read(&workspace.join("Cargo.lock")).ok()?;
        let target = match (&call.target_dir, config.target_dir()) {
            (Some(dir), _) => cwd.join(dir),
            (None, Some(dir)) => cwd.join(dir),
            (None, None) => workspace.join("target"),
        };
        // A directory of its own for what is in between may have a name that only cargo can make.
        let build_dir = cargo.get("CARGO_BUILD_BUILD_DIR").map(Path::new).or(config.build_dir());
        if build_dir.is_some_and(|dir| cwd.join(dir) != target) {
            return None;
        }
        // Without `-p`, what is built is the package that cargo is called in.
        let package = manifest.parent().and_then(|dir| dir.strip_prefix(&workspace).ok());
        call.selection.insert(0, package.unwrap_or(Path::new("..")).to_str()?.to_owned());
        let mut request = Hasher::new();
        request.field(&lock);
        for text in &call.selection {
            request.field(text.as_bytes());
        }
        let mut group = Hasher::new();
        group.field(compiler.as_bytes());
        let wrapper = cargo.get("RUSTC_WORKSPACE_WRAPPER").map(os::bytes).unwrap_or_default();
        let triple = call.triple.as_deref().unwrap_or_default();
        for text in [cargo_version, call.command, &call.profile_dir, triple] {
            group.field(text.as_bytes());
        }
        group.field(wrapper);
        group.number(u64::from(call.has_new_layout));
        let roots = replay::roots(&workspace, &target, cargo);
        for variable in &variables {
            group.field(os::bytes(&variable.name));
            group.field(roots.tokenize(os::bytes(&variable.value)).as_bytes());
        }
        Some(Build {
            packages: packages(&lock)?,
            call,
            workspace,
            target,
            variables,
            lock: Digest::hash(&lock),
            compiler: *compiler,
            id: BuildId { group: group.finish(), request: request.finish() },
        })
    }

    /// The variables of what `cargo` starts, but for those that it sets for one unit, and those in which it overrules files.
    pub fn with_variables(&self, cargo: &Env) -> Env {
        let cwd = cargo.cwd.clone().unwrap_or_default();
        let set = self.variables.iter().map(|variable| (variable.name.clone(), variable.value.clone()));
        cargo.with_changes(cargo.args.clone(), cwd, &set.collect::<Vec<_>>(), &[])
    }

    /// Whether a variable of `cargo`, of which nothing is left out, wins over that of a file.
    pub fn is_overruled(&self, cargo: &Env) -> bool {
        let is_other = |it: &SetVariable| cargo.get(&it.name).is_some_and(|own| own != it.value);
        self.variables.iter().any(|variable| !variable.wins && is_other(variable))
    }

    /// Waits until no cargo builds this profile.
    pub fn await_end(&self) {
        for dir in self.profile_dirs() {
            for name in [".cargo-lock", ".cargo-build-lock"] {
                let _ = lock::await_lock_of_cargo(&dir.join(name));
            }
        }
    }

    /// The directories of the profile: for the target that is asked for, and for the host.
    pub fn profile_dirs(&self) -> Vec<PathBuf> {
        let host = self.target.join(&self.call.profile_dir);
        let triple = self.call.triple.as_ref();
        let of_triple = triple.map(|triple| self.target.join(triple).join(&self.call.profile_dir));
        of_triple.into_iter().chain([host]).collect()
    }
}

/// What the names of variables begin with that decide more than what compilers and build scripts are told: which these
/// are, how they are found and loaded, and what kache does.
const DECIDING: [&str; 9] =
    ["KACHE_", "RUSTC", "RUSTUP_", "LD_", "DYLD_", "PATH", "HOME", "USERPROFILE", "CARGO_HOME"];

/// The variables that files set; `None` where one of them decides more.
fn variables(config: &Effective) -> Option<Vec<SetVariable>> {
    let set = config.variables().map(|(name, value, wins)| {
        let is_followed = !DECIDING.iter().any(|prefix| name.starts_with(prefix));
        is_followed.then(|| SetVariable { name: name.into(), value: value.to_owned(), wins })
    });
    set.collect()
}

/// The packages in a lock file.
fn packages(lock: &[u8]) -> Option<Vec<String>> {
    #[derive(serde::Deserialize)]
    struct Lock {
        #[serde(default)]
        package: Vec<Package>,
    }
    #[derive(serde::Deserialize)]
    struct Package {
        name: String,
        version: String,
    }
    let lock: Lock = toml::from_str(std::str::from_utf8(lock).ok()?).ok()?;
    let names = lock.package.into_iter().map(|package| format!("{} {}", package.name, package.version));
    let mut names: Vec<String> = names.collect();
    names.sort();
    Some(names)
}

/// The part of a manifest that decides which workspace a package belongs to.
#[derive(Default, serde::Deserialize)]
struct Manifest {
    workspace: Option<Members>,
    package: Option<Package>,
}

#[derive(Default, serde::Deserialize)]
struct Members {
    #[serde(default)]
    exclude: Vec<String>,
}

#[derive(Default, serde::Deserialize)]
struct Package {
    workspace: Option<toml::Value>,
}

fn manifest(path: &Path) -> Option<Manifest> {
    toml::from_str(std::str::from_utf8(&fs::read(path).ok()?).ok()?).ok()
}

/// The root of the workspace of the package with this manifest.
fn root(path: &Path) -> Option<PathBuf> {
    let dir = path.parent()?;
    let own = manifest(path)?;
    if own.workspace.is_some() {
        return Some(dir.to_owned());
    }
    if let Some(named) = own.package.and_then(|package| package.workspace) {
        // `workspace.…` inherits something else; only a text names a directory.
        return Some(dir.join(named.as_str()?));
    }
    for above in dir.ancestors().skip(1) {
        let Some(members) = manifest(&above.join("Cargo.toml")).and_then(|found| found.workspace) else {
            continue;
        };
        let is_excluded = members.exclude.iter().any(|excluded| dir.starts_with(above.join(excluded)));
        if !is_excluded {
            return Some(above.to_owned());
        }
    }
    Some(dir.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str, text: &str) {
        fs::create_dir_all(&dir.join(name)).expect("makes it");
        fs::write_new(&dir.join(name).join("Cargo.toml"), text.as_bytes()).expect("writes");
    }

    #[test]
    fn a_package_belongs_to_the_workspace_that_cargo_finds() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let at = dir.path();
        write(at, "w", "[workspace]\nmembers = ['a']\nexclude = ['out']\n");
        write(at, "w/a", "[package]\nname = 'a'\n");
        write(at, "w/out", "[package]\nname = 'out'\n");
        write(at, "w/own", "[package]\nname = 'own'\n[workspace]\n");
        write(at, "far", "[package]\nname = 'far'\nworkspace = '../w'\n");
        let found = |name: &str| root(&at.join(name).join("Cargo.toml"));
        assert_eq!(found("w"), Some(at.join("w")));
        assert_eq!(found("w/a"), Some(at.join("w")));
        assert_eq!(found("w/out"), Some(at.join("w/out")));
        assert_eq!(found("w/own"), Some(at.join("w/own")));
        assert_eq!(found("far"), Some(at.join("far/../w")));
        assert_eq!(found("none"), None);
    }

    #[test]
    fn packages_are_those_of_the_lock_file() {
        let lock = b"version = 4\n[[package]]\nname = 'b'\nversion = '1.0.0'\n[[package]]\nname = 'a'\nversion = '2.0.0'\nsource = 'x'\n";
        assert_eq!(packages(lock), Some(vec!["a 2.0.0".to_owned(), "b 1.0.0".to_owned()]));
        assert_eq!(packages(b"not a lock file"), None);
    }
}
