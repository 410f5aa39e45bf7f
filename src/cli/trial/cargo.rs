//! Runs cargo in an environment where only the wrapper differs between builds.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use crate::cli::exit::{ErrorCode, Failure, NO_CARGO_HINT};
use crate::config::env::{CACHE_DIR, CACHE_EXECUTABLES, CONFIG, PATHS_MODE};
use crate::setup::programs;
use crate::sys::clock::Stopwatch;
use crate::sys::env::Env;
use crate::sys::program::{Aftermath, Program};

/// Variables that set the build directory, the wrapper or the output format.
const WITHHELD: [&str; 11] = [
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_TERM_COLOR",
    "CARGO_TERM_PROGRESS_WHEN",
    "CARGO_TERM_QUIET",
    "CARGO_TERM_VERBOSE",
];

/// The wrapper of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapper {
    Kache,
    None,
}

/// Cargo, with the environment that all its calls share.
pub(super) struct Cargo {
    program: PathBuf,
    vars: Vec<(OsString, OsString)>,
    kache: PathBuf,
    temporary: PathBuf,
}

/// The result of a build.
pub(super) struct Built {
    pub(super) success: bool,
    pub(super) elapsed: Duration,
    /// The output of cargo and the compiler.
    pub(super) said: String,
}

impl Cargo {
    /// Finds cargo in `PATH`. With `chooses_toolchain` the project decides which toolchain is used, even if this process
    /// was started by `cargo run`, which sets one for the processes it starts.
    pub(super) fn find(
        env: &Env,
        kache: PathBuf,
        temporary: &Path,
        chooses_toolchain: bool,
    ) -> Result<Cargo, Failure> {
        let program = programs::find("cargo", env).ok_or_else(|| {
            Failure::new("cargo is not in PATH").code(ErrorCode::CargoNotFound).hint(NO_CARGO_HINT)
        })?;
        let drops_toolchain = chooses_toolchain && env.get("CARGO").is_some();
        let mut vars = Vec::new();
        for (name, value) in env.vars() {
            if is_passed(name) && !(drops_toolchain && name == "RUSTUP_TOOLCHAIN") {
                vars.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(Cargo { program, vars, kache, temporary: temporary.to_owned() })
    }

    /// Runs cargo in `cwd` without a wrapper, and returns its output.
    pub(super) fn ask(&self, cwd: &Path, args: &[&str]) -> Result<Output, Failure> {
        let args = args.iter().map(OsString::from).collect();
        let program = Program {
            program: self.program.as_os_str(),
            args,
            cwd,
            vars: self.vars(Wrapper::None, cwd, None),
        };
        program.output().map_err(|e| self.not_started(&e))
    }

    /// Runs a build, and passes each line of its output to `each`.
    pub(super) fn build(
        &self,
        call: &BuildCall<'_>,
        aftermath: Option<&Aftermath>,
        each: &mut dyn FnMut(&str),
    ) -> Result<Built, Failure> {
        let program = Program {
            program: self.program.as_os_str(),
            args: call.args.to_vec(),
            cwd: call.cwd,
            vars: self.vars(call.wrapper, call.cwd, Some(call.target)),
        };
        let mut said = String::new();
        let watch = Stopwatch::start();
        let status = program.run_with_lines(aftermath, &mut |line| {
            let line = String::from_utf8_lossy(line);
            each(&line);
            said.push_str(&line);
        });
        let status = status.map_err(|e| self.not_started(&e))?;
        Ok(Built { success: status.success(), elapsed: watch.total(), said })
    }

    /// Waits until a build is harvested, so that the next one can be seeded. Where nothing can be, it is not.
    pub(super) fn harvest(&self, cwd: &Path, target: &Path) {
        let args = [OsString::from("harvest"), target.into()].to_vec();
        let vars = self.vars(Wrapper::Kache, cwd, Some(target));
        let program = Program { program: self.kache.as_os_str(), args, cwd, vars };
        let _ = program.output();
    }

    fn vars(&self, wrapper: Wrapper, cwd: &Path, target: Option<&Path>) -> Vec<(OsString, OsString)> {
        let kache = if wrapper == Wrapper::Kache { self.kache.as_os_str() } else { OsStr::new("") };
        let (store, config) = (self.temporary.join("store"), self.temporary.join("config.toml"));
        // An empty value means no wrapper, and overrides a configured one.
        let mut set: Vec<(&str, &OsStr)> = vec![
            ("RUSTC_WRAPPER", kache),
            ("RUSTC_WORKSPACE_WRAPPER", OsStr::new("")),
            ("CARGO_TERM_COLOR", OsStr::new("never")),
            ("CARGO_TERM_PROGRESS_WHEN", OsStr::new("never")),
            ("CARGO_TERM_QUIET", OsStr::new("false")),
            (CACHE_DIR.name, store.as_os_str()),
            (CONFIG.name, config.as_os_str()),
            ("PWD", cwd.as_os_str()),
        ];
        if let Some(target) = target {
            set.extend([
                ("CARGO_TARGET_DIR", target.as_os_str()),
                ("CARGO_BUILD_BUILD_DIR", target.as_os_str()),
            ]);
        }
        let kept = self.vars.iter().filter(|(name, _)| set.iter().all(|(other, _)| name != *other)).cloned();
        kept.chain(set.iter().map(|(name, value)| (name.into(), value.into()))).collect()
    }

    fn not_started(&self, error: &io::Error) -> Failure {
        Failure::new(format_args!("failed to run {}: {error}", self.program.display()))
    }
}

/// One build.
pub(super) struct BuildCall<'a> {
    pub(super) args: &'a [OsString],
    pub(super) cwd: &'a Path,
    pub(super) target: &'a Path,
    pub(super) wrapper: Wrapper,
}

/// Whether cargo inherits a variable. Of the variables of kache, only those that decide what is cached and how.
fn is_passed(name: &OsStr) -> bool {
    let is_ours = name.as_encoded_bytes().starts_with(b"KACHE_");
    let is_kept = [CACHE_EXECUTABLES.name, PATHS_MODE.name].iter().any(|kept| name == *kept);
    (!is_ours || is_kept) && !WITHHELD.iter().any(|withheld| name == *withheld)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fs::settle;
    use crate::sys::host;

    fn cargo(vars: &[(&str, &str)], chooses_toolchain: bool) -> Cargo {
        let mut env = Env::with_vars(vars);
        env.cwd = Some(PathBuf::from("/"));
        let found = Cargo::find(&env, "/bin/kache".into(), Path::new("/tmp/x"), chooses_toolchain);
        found.unwrap_or_else(|_| panic!("there is a cargo"))
    }

    /// A directory with a `cargo` in it.
    fn programs() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let cargo = dir.path().join(host::program_name("cargo"));
        settle::settle(&cargo, &dir.path().join("new"), b"", 0o755, &|| Ok(())).unwrap();
        dir
    }

    fn value(cargo: &Cargo, wrapper: Wrapper, name: &str) -> Option<String> {
        let vars = cargo.vars(wrapper, Path::new("/tmp/x"), Some(Path::new("/tmp/x/target")));
        let mut found = vars.iter().filter(|(this, _)| this == name);
        let value = found.next().map(|(_, value)| value.to_str().unwrap().to_owned());
        assert!(found.next().is_none(), "{name} is set twice");
        value
    }

    #[test]
    fn wrappers_and_directories_of_the_user_do_not_reach_a_build() {
        let programs = programs();
        let path = programs.path().to_str().unwrap();
        let cargo = cargo(
            &[
                ("PATH", path),
                ("RUSTC_WRAPPER", "other"),
                ("CARGO_BUILD_RUSTC_WRAPPER", "other"),
                ("CARGO_TARGET_DIR", "/home/target"),
                ("KACHE_CACHE_DIR", "/home/cache"),
                ("KACHE_DISABLED", "1"),
                ("KACHE_CACHE_EXECUTABLES", "0"),
                ("RUSTFLAGS", "-Dwarnings"),
            ],
            false,
        );
        let with_kache = |name| value(&cargo, Wrapper::Kache, name);
        assert_eq!(with_kache("RUSTC_WRAPPER").as_deref(), Some("/bin/kache"));
        assert_eq!(with_kache("CARGO_BUILD_RUSTC_WRAPPER"), None);
        assert_eq!(with_kache("CARGO_TARGET_DIR").as_deref(), Some("/tmp/x/target"));
        assert_eq!(with_kache("KACHE_CACHE_DIR").map(PathBuf::from), Some(PathBuf::from("/tmp/x/store")));
        assert_eq!(with_kache("KACHE_DISABLED"), None);
        assert_eq!(with_kache("KACHE_CACHE_EXECUTABLES").as_deref(), Some("0"));
        assert_eq!(with_kache("RUSTFLAGS").as_deref(), Some("-Dwarnings"));
        assert_eq!(with_kache("CARGO_INCREMENTAL"), None);
        assert_eq!(value(&cargo, Wrapper::None, "RUSTC_WRAPPER").as_deref(), Some(""));
        assert_eq!(value(&cargo, Wrapper::None, "CARGO_INCREMENTAL"), None);
    }

    #[test]
    fn the_toolchain_of_cargo_run_does_not_apply_to_another_project() {
        let programs = programs();
        let path = programs.path().to_str().unwrap();
        let started_by_cargo = [("PATH", path), ("CARGO", "cargo"), ("RUSTUP_TOOLCHAIN", "stable")];
        let chosen = |vars, chooses| value(&cargo(vars, chooses), Wrapper::None, "RUSTUP_TOOLCHAIN");
        assert_eq!(chosen(&started_by_cargo, true), None);
        assert_eq!(chosen(&started_by_cargo, false).as_deref(), Some("stable"));
        let by_the_user = [("PATH", path), ("RUSTUP_TOOLCHAIN", "beta")];
        assert_eq!(chosen(&by_the_user, true).as_deref(), Some("beta"));
    }

    #[test]
    fn missing_cargo_is_reported() {
        let env = Env::with_vars(&[("PATH", "/nowhere")]);
        let failure = Cargo::find(&env, "/bin/kache".into(), Path::new("/tmp/x"), false).err().unwrap();
        assert!(failure.to_string().starts_with("error: cargo is not in PATH\nhint: install Rust"));
    }
}
