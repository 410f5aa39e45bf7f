//! The directories of the platform for a user's files.

use std::path::PathBuf;

use crate::sys::env::Env;

/// The user's home directory.
pub fn home(env: &Env) -> Option<PathBuf> {
    let name = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
    env.get(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Where a program may keep what can be made again: `~/.cache`, `~/Library/Caches` or `%LOCALAPPDATA%`.
pub fn cache(env: &Env) -> Option<PathBuf> {
    if cfg!(windows) {
        return env.get("LOCALAPPDATA").map(PathBuf::from);
    }
    if cfg!(target_os = "macos") {
        return Some(home(env)?.join("Library/Caches"));
    }
    match env.get("XDG_CACHE_HOME").map(PathBuf::from) {
        Some(dir) if dir.is_absolute() => Some(dir),
        _ => Some(home(env)?.join(".cache")),
    }
}

/// Cargo's home: `CARGO_HOME`, or `~/.cargo`.
pub fn cargo_home(env: &Env) -> Option<PathBuf> {
    match env.get("CARGO_HOME").filter(|value| !value.is_empty()) {
        Some(dir) => Some(PathBuf::from(dir)),
        None => Some(home(env)?.join(".cargo")),
    }
}

/// Where a program keeps what it did and must not lose: `$XDG_STATE_HOME` or `~/.local/state`; on Windows
/// `%LOCALAPPDATA%`.
pub fn state(env: &Env) -> Option<PathBuf> {
    xdg(env, "XDG_STATE_HOME", ".local/state")
}

/// Where a program keeps files that belong to it: `$XDG_DATA_HOME` or `~/.local/share`; on Windows `%LOCALAPPDATA%`.
pub fn data(env: &Env) -> Option<PathBuf> {
    xdg(env, "XDG_DATA_HOME", ".local/share")
}

/// Where a user's configuration is: `$XDG_CONFIG_HOME` or `~/.config`. On Windows too: programs that are the same on
/// every system look for their files there.
pub fn config(env: &Env) -> Option<PathBuf> {
    named_or_below_home(env, "XDG_CONFIG_HOME", ".config")
}

fn xdg(env: &Env, variable: &str, below_home: &str) -> Option<PathBuf> {
    if cfg!(windows) {
        return env.get("LOCALAPPDATA").filter(|value| !value.is_empty()).map(PathBuf::from);
    }
    named_or_below_home(env, variable, below_home)
}

fn named_or_below_home(env: &Env, variable: &str, below_home: &str) -> Option<PathBuf> {
    match env.get(variable).map(PathBuf::from) {
        Some(dir) if dir.is_absolute() => Some(dir),
        _ => Some(home(env)?.join(below_home)),
    }
}

/// What a process that serves all of a user's builds may know of the one that happened to start it: where the user's
/// files are, and nothing that a build can set for itself.
pub const NEUTRAL_VARIABLES: &[&str] = &[
    "HOME",
    "USERPROFILE",
    "LOCALAPPDATA",
    "APPDATA",
    "SYSTEMROOT",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
];

/// An absolute path of this system that stands for the path `/…` of a test.
#[cfg(test)]
pub fn rooted(path: &str) -> String {
    format!("{}{path}", if cfg!(windows) { "C:" } else { "" })
}

/// Where the system wants temporary files.
pub fn temporary() -> PathBuf {
    std::env::temp_dir()
}
