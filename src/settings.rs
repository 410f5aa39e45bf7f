//! The configuration as it is in force for this process.

use std::ffi::OsStr;
use std::path::Path;

use crate::config::{self, Config, Defaults, Problem};
use crate::sys::env::Env;
use crate::sys::fs::private;
use crate::sys::{dirs, host};

/// Loads the configuration, and lets others use what this process makes for kache if the user shares the store. Where
/// there is neither a home nor a configured cache directory, that is empty: there is no place that other users could
/// not write to. The project's file is looked for above each of `starts`, then above the directory that the user is in.
pub fn load(env: &Env, starts: &[&Path]) -> (Config, Vec<Problem>) {
    let defaults = Defaults {
        cache_dir: dirs::cache(env).map(|dir| dir.join("kache")).unwrap_or_default(),
        cache_executables: host::CACHES_EXECUTABLES,
    };
    let users = env.get("PWD").map(Path::new).or(env.cwd.as_deref()).filter(|dir| dir.is_absolute());
    let starts: Vec<&Path> = starts.iter().copied().chain(users).collect();
    let (config, problems) = config::load(&|name| env.get(name).map(OsStr::to_os_string), &starts, &defaults);
    if config.shared.value {
        private::share();
    }
    (config, problems)
}

/// Loads the configuration for what a person calls: the project is the one around the working directory.
pub fn for_command(env: &Env) -> (Config, Vec<Problem>) {
    load(env, env.cwd.as_deref().as_slice())
}
