//! Unix domain sockets.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::sys::env::Env;

mod stream;

#[cfg(feature = "cli")]
mod listener;

#[cfg(feature = "cli")]
mod handover;

#[cfg(feature = "cli")]
pub(super) use handover::{activated, take_over};
#[cfg(feature = "cli")]
pub use handover::{keep, pass_on};
#[cfg(feature = "cli")]
pub use listener::{Connection, Listener};
pub use stream::{Stream, connect};

/// The current user, as the system names users.
pub fn user_name() -> io::Result<String> {
    Ok(rustix::process::geteuid().as_raw().to_string())
}

pub(super) fn endpoint_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.sock"))
}

/// The directory for files that live as long as the user's session: as the environment says, or where systemd puts it.
/// A shell started by `su` or a remote command has no variable for it.
pub fn runtime_dir(env: &Env) -> Option<PathBuf> {
    let named = env.get("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let usual = Path::new("/run/user").join(rustix::process::geteuid().as_raw().to_string());
    [named, Some(usual)].into_iter().flatten().find(|dir| is_ours(dir, true))
}

/// A directory of this user in a directory shared with others, for when there is no better place. It may not exist.
pub fn shared_dir() -> PathBuf {
    PathBuf::from(format!("/tmp/kache-{}", rustix::process::geteuid().as_raw()))
}

fn is_ours(path: &Path, want_dir: bool) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| {
        metadata.uid() == rustix::process::geteuid().as_raw() && metadata.is_dir() == want_dir
    })
}

/// Creates `dir` so that no other user can enter it. If it exists, it must belong to this user.
pub fn private_dir(dir: &Path) -> io::Result<()> {
    match std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    // Links are not followed: in a shared directory anyone can have put one there.
    let metadata = std::fs::symlink_metadata(dir)?;
    if !metadata.is_dir() {
        return Err(io::Error::other("not a directory; remove it"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("belongs to another user; nothing is kept there"));
    }
    if metadata.mode() & 0o077 != 0 {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
#[cfg(feature = "cli")]
mod tests;
