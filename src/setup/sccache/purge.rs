//! Removing sccache's own cache from the disk, if that is what it is.

use std::path::{Path, PathBuf};

use crate::sys::env::Env;
use crate::sys::fs::Identity;
use crate::sys::{dirs, fs};

/// Where sccache keeps its cache, unless it was told otherwise.
pub fn default_dirs(env: &Env) -> Vec<PathBuf> {
    let dirs = [
        dirs::cache(env).map(|dir| dir.join("sccache")),
        dirs::home(env).map(|home| home.join("Library/Caches/Mozilla.sccache")),
        env.get("LOCALAPPDATA").map(|dir| Path::new(dir).join("Mozilla/sccache/cache")),
    ];
    dirs.into_iter().flatten().collect()
}

/// Why a directory is not removed; `None` if it can be. It has to look like a cache of sccache, and be nothing else.
pub fn refusal(dir: &Path, env: &Env) -> Option<String> {
    let why = why_not(dir, env)?;
    Some(format!("{} {why}, so it is not removed", dir.display()))
}

fn why_not(dir: &Path, env: &Env) -> Option<String> {
    let Ok(metadata) = fs::symlink_metadata(dir) else { return Some("does not exist".to_owned()) };
    if metadata.is_symlink() {
        return Some("is a symbolic link".to_owned());
    }
    if !metadata.is_dir() {
        return Some("is not a directory".to_owned());
    }
    let canonical = fs::canonical(dir).ok();
    let home = dirs::home(env).and_then(|home| fs::canonical(&home).ok());
    let holds_home = home.is_none_or(|home| canonical.as_ref().is_none_or(|dir| home.starts_with(dir)));
    if dir.parent().is_none() || holds_home {
        return Some("is or contains the home directory or the root".to_owned());
    }
    if !fs::is_own(&metadata) {
        return Some("belongs to another user".to_owned());
    }
    if dir.parent().is_none_or(|above| device(above) != device(dir)) {
        return Some("is a mount point".to_owned());
    }
    foreign(dir).map(|name| format!("contains `{name}`, which is not sccache's"))
}

fn device(dir: &Path) -> Option<u64> {
    Identity::at(dir).ok().map(|identity| identity.device)
}

/// What lies in a directory that sccache does not make: its own are named by one hexadecimal digit.
fn foreign(dir: &Path) -> Option<String> {
    let Ok(paths) = fs::list(dir) else { return Some("something that cannot be read".to_owned()) };
    let mut n_known = 0;
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_fan_out = name.len() == 1 && name.chars().all(|c| c.is_ascii_hexdigit());
        let is_dir = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
        if !(is_dir && (is_fan_out || name == "preprocessor" || name == "toolchains")) {
            return Some(name);
        }
        n_known += 1;
    }
    (n_known == 0).then(|| "nothing at all".to_owned())
}

/// What a directory takes on the disk; symbolic links are not followed.
pub fn disk_bytes(dir: &Path) -> u64 {
    let mut total = 0;
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for path in fs::list(&dir).unwrap_or_default() {
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => open.push(path),
                Ok(metadata) => total += fs::disk_bytes(&metadata),
                Err(_) => {}
            }
        }
    }
    total
}
