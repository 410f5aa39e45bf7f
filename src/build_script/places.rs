//! A run of a build script as cargo sees it: what is to be run, and where.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::action::portable::{Root, Roots};
use crate::action::roots::{self, BuildDirs};
use crate::store::entry::UnitName;
use crate::sys::env::Env;
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
    let id =
        places.out_dir.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let id = id.unwrap_or_default();
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
