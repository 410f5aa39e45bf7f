//! A run of a build script as cargo sees it: what is to be run, and where.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::action::cargo_layout;
use crate::action::portable::{Root, Roots};
use crate::action::roots::{self, BuildDirs};
use crate::store::entry::UnitName;
use crate::sys::env::{Env, LOADER_PATH};
use crate::sys::process::{self, Start};
use crate::sys::{dirs, fs, os};

/// The first argument of a launcher's call.
pub const COMMAND: &str = "run-build-script";

/// A call of a launcher: `kache run-build-script <script> <name> <argument>…`.
pub struct LaunchedRun<'a> {
    /// The real build script.
    pub script: &'a OsStr,
    /// The path under which cargo started it.
    pub name: &'a OsStr,
    pub args: &'a [OsString],
}

impl<'a> LaunchedRun<'a> {
    /// The run in the arguments after `kache`; `None` where it is no call of a launcher.
    pub fn of(args: &'a [OsString]) -> Option<LaunchedRun<'a>> {
        let [command, script, name, args @ ..] = args else { return None };
        (command == COMMAND).then_some(LaunchedRun { script, name, args })
    }

    /// What starts the build script.
    pub fn start(&self) -> Start<'a> {
        Start { program: self.script, name: Some(self.name), args: self.args }
    }

    /// Becomes the build script, or answers why that is impossible.
    pub fn exec(&self) -> std::io::Error {
        process::become_program(self.start())
    }
}

/// The places of a run.
pub struct Places {
    pub build_dirs: BuildDirs,
    /// `OUT_DIR`.
    pub out_dir: PathBuf,
}

impl Places {
    /// The places that the environment names; `None` where it is not cargo's.
    pub fn of(env: &Env) -> Option<Places> {
        let out_dir = PathBuf::from(env.get("OUT_DIR")?);
        let package = PathBuf::from(env.get("CARGO_MANIFEST_DIR")?);
        let cwd = env.cwd.clone().filter(|_| out_dir.is_absolute() && package.is_absolute())?;
        let mut roots = Roots::default();
        let target = roots::build_directory(&out_dir, env.get("TARGET"));
        if let Some(target) = &target {
            roots.add(Root::Target, os::bytes(target));
        }
        let cargo_home = dirs::cargo_home(env);
        let is_fetched = cargo_home.as_ref().is_some_and(|home| package.starts_with(home));
        if !is_fetched {
            roots.add(Root::Workspace, os::bytes(workspace_around(&package)));
        }
        if let Some(cargo_home) = &cargo_home {
            roots.add(Root::CargoHome, os::bytes(cargo_home));
        }
        if let Some(home) = dirs::home(env) {
            roots.add(Root::Home, os::bytes(&home));
        }
        let build_dirs = BuildDirs { roots, cwd, target, member: !is_fetched };
        Some(Places { build_dirs, out_dir })
    }
}

impl Places {
    /// Whether a directory that the loader searches is that of a unit's outputs. Where each unit has one, cargo names that of
    /// any one unit, of another one in each build.
    pub fn is_of_any_unit(&self, dir: &Path) -> bool {
        let is_in_target = self.build_dirs.target.as_ref().is_some_and(|target| dir.starts_with(target));
        is_in_target && *dir != self.out_dir && cargo_layout::per_unit_name(dir).is_some()
    }

    /// Such directories in the loader's search path.
    pub fn dirs_of_any_unit(&self, env: &Env) -> Vec<PathBuf> {
        let dirs = os::path_dirs(env.get(LOADER_PATH), &self.build_dirs.cwd).into_iter();
        dirs.filter(|dir| self.is_of_any_unit(dir)).collect()
    }

    /// The value of a variable as it decides: the loader's search path is without such directories.
    pub fn deciding_value(&self, name: &OsStr, value: &OsStr) -> OsString {
        if name != LOADER_PATH {
            return value.to_owned();
        }
        let kept: Vec<PathBuf> = os::split_paths(value).filter(|dir| !self.is_of_any_unit(dir)).collect();
        os::join_paths(&kept).unwrap_or_else(|| value.to_owned())
    }
}

/// The nearest directory whose manifest has a `[workspace]`, or the package's own. It only gives paths a name that is
/// the same in other checkouts.
fn workspace_around(package: &Path) -> &Path {
    package.ancestors().find(|dir| has_workspace(dir)).unwrap_or(package)
}

fn has_workspace(dir: &Path) -> bool {
    let manifest = fs::read(&dir.join("Cargo.toml")).unwrap_or_default();
    manifest.split(|byte| *byte == b'\n').any(|line| line.trim_ascii_start().starts_with(b"[workspace"))
}

/// What people call the run.
pub fn unit_name(env: &Env, places: &Places) -> UnitName {
    let package = text(env, "CARGO_PKG_NAME");
    let id = cargo_layout::name_of_run(&places.out_dir).unwrap_or_default();
    UnitName {
        crate_name: package.replace('-', "_"),
        id: id.strip_prefix(&package).unwrap_or(&id).to_owned(),
        version: text(env, "CARGO_PKG_VERSION"),
        package,
        kind: "build-script-run".to_owned(),
        target: String::new(),
    }
}

fn text(env: &Env, name: &str) -> String {
    env.get(name).map(|value| value.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_unit_the_loader_searches_decides_nothing() {
        let build_dirs = BuildDirs {
            roots: Roots::default(),
            cwd: "/w".into(),
            target: Some("/w/target".into()),
            member: true,
        };
        let out_dir = PathBuf::from("/w/target/debug/build/a/0000000000000001/out");
        let places = Places { build_dirs, out_dir };
        let decides = |name: &str, value: &str| {
            places.deciding_value(OsStr::new(name), OsStr::new(value)).into_string().expect("is text")
        };
        let others = "/w/target/debug:/lib:/v/target/debug/build/a/0000000000000002/out";
        let all = format!("/w/target/debug/build/a-b/0000000000000003/out:{others}");
        assert_eq!(decides(LOADER_PATH, &all), others);
        assert_eq!(decides("OTHER", &all), all);
        let own = "/w/target/debug/build/a/0000000000000001/out:/w/target/debug/deps";
        assert_eq!(decides(LOADER_PATH, own), own);
    }
}
