//! Loads the configuration of this process: from its environment, and from the files of the user and the project.

use std::ffi::OsStr;
use std::path::Path;

use crate::config::{self, Config, Defaults, Problem, Scope};
use crate::sys::env::Env;
use crate::sys::fs::private;
use crate::sys::{dirs, host};

/// Loads the configuration, and the problems with it. The project's file is looked for above each of `starts`, then
/// above the directory that the user is in.
///
/// The cache directory is empty if it is not configured and there is no home: no other place is safe from other users.
/// If the store is shared, files that this process makes for kache can be used by other users from now on.
pub fn load(env: &Env, starts: &[&Path], scope: Scope) -> (Config, Vec<Problem>) {
    let defaults = Defaults {
        cache_dir: dirs::cache(env).map(|dir| dir.join("kache")).unwrap_or_default(),
        observes: host::CAN_OBSERVE,
    };
    let users = env.get("PWD").map(Path::new).or(env.cwd.as_deref()).filter(|dir| dir.is_absolute());
    let starts: Vec<&Path> = starts.iter().copied().chain(users).collect();
    let (config, problems) =
        config::load(&|name| env.get(name).map(OsStr::to_os_string), &starts, &defaults, scope);
    if config.shared.value {
        private::share();
    }
    (config, problems)
}

/// Loads the configuration for a command: the project is the one around the working directory.
pub fn for_command(env: &Env) -> (Config, Vec<Problem>) {
    load(env, env.cwd.as_deref().as_slice(), Scope::Command)
}
