//! Removes one build directory.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::clean::marks::{self, NotRemovable, TAG};
use crate::sys::fs::mounts::mount_in;
use crate::sys::fs::{self, Identity, private};
use crate::sys::lock::{FileLock, try_lock_of_other};

/// The locks that cargo holds in the directory of each profile while it builds.
const LOCKS: [&str; 3] = [".cargo-lock", ".cargo-build-lock", ".cargo-artifact-lock"];
/// Directories of a profile that hold no other profile.
const PARTS: [&str; 5] = ["deps", "build", "incremental", ".fingerprint", "examples"];
/// A profile is at most this deep: that of a target triple, in the build directory of an editor.
const PROFILE_DEPTH: usize = 3;

/// Why a directory was not removed.
#[derive(Debug, thiserror::Error)]
pub enum Kept {
    #[error(transparent)]
    NotRemovable(#[from] NotRemovable),
    #[error("a build is running in it")]
    InUse,
    #[error("cargo takes no locks on this file system, and it was used a short time ago")]
    MayBeInUse,
    #[error("another directory has taken its place")]
    Replaced,
    #[error("{} is mounted in it", .0.display())]
    Mounted(PathBuf),
    #[error("{0}")]
    Failed(io::Error),
    /// It is no longer where it was, but not all of it could be removed.
    #[error("parts of it are left in {}: {error}", .aside.display())]
    Unfinished { aside: PathBuf, error: io::Error },
}

/// Removes a build directory, if it still is the one that was `seen`.
pub fn remove(dir: &Path, seen: &Identity, protected: &[PathBuf]) -> Result<(), Kept> {
    if marks::is_leftover(dir) {
        return empty(dir).map_err(|e| unfinished(dir, e));
    }
    check(dir, protected)?;
    let locked = lock_files(dir).map_err(Kept::Failed)?;
    let locks = take_locks(&locked)?;
    let now = Identity::at(dir).map_err(Kept::Failed)?;
    if (now.device, now.inode) != (seen.device, seen.inode) {
        return Err(Kept::Replaced);
    }
    // Builds wait only until the directory is out of their way.
    let locks = fs::RENAMES_WITH_OPEN_FILES.then_some(locks);
    let aside = marks::name_aside(dir);
    fs::rename(dir, &aside).map_err(Kept::Failed)?;
    if has_new_holder(dir, &aside, &locked) {
        fs::rename(&aside, dir).map_err(|e| unfinished(&aside, e))?;
        return Err(Kept::InUse);
    }
    drop(locks);
    empty(&aside).map_err(|e| unfinished(&aside, e))
}

/// Fails if `dir` must not be removed, whether or not a build is running in it.
pub fn check(dir: &Path, protected: &[PathBuf]) -> Result<(), Kept> {
    marks::check(dir, protected)?;
    match mount_in(dir).map_err(Kept::Failed)? {
        Some(mounted) => Err(Kept::Mounted(mounted)),
        None => Ok(()),
    }
}

/// Whether a build has made and taken a lock in `dir` while that was renamed to `aside`: the first build of a profile.
fn has_new_holder(dir: &Path, aside: &Path, locked: &[PathBuf]) -> bool {
    let mut new = lock_files(aside).unwrap_or_default();
    new.retain(|file| {
        let before = file.strip_prefix(aside).map(|below| dir.join(below));
        before.is_ok_and(|before| !locked.contains(&before))
    });
    matches!(take_locks(&new), Err(Kept::InUse))
}

fn unfinished(aside: &Path, error: io::Error) -> Kept {
    match error.kind() {
        ErrorKind::WouldBlock => Kept::InUse,
        _ => Kept::Unfinished { aside: aside.to_owned(), error },
    }
}

/// The lock files of all profiles in `dir`.
fn lock_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![(dir.to_owned(), 0)];
    while let Some((dir, depth)) = open.pop() {
        for (name, kind) in fs::names(&dir)? {
            let path = dir.join(&name);
            if kind == b'f' && LOCKS.iter().any(|lock| name == *lock) {
                files.push(path);
            } else if kind == b'd' && depth < PROFILE_DEPTH && !PARTS.iter().any(|part| name == *part) {
                open.push((path, depth + 1));
            }
        }
    }
    Ok(files)
}

fn take_locks(files: &[PathBuf]) -> Result<Vec<FileLock>, Kept> {
    let mut locks = Vec::new();
    for file in files {
        locks.push(try_lock_of_other(file).map_err(Kept::Failed)?.ok_or(Kept::InUse)?);
    }
    Ok(locks)
}

/// Removes a directory that was renamed. Its tag goes last: by it, what is left after an interruption is recognized.
fn empty(aside: &Path) -> io::Result<()> {
    let tag = aside.join(TAG);
    // Another process may be emptying the same directory.
    let lock = match try_lock_of_other(&tag) {
        Ok(None) => return Err(ErrorKind::WouldBlock.into()),
        lock => lock.ok().flatten(),
    };
    for child in fs::list(aside)?.into_iter().filter(|child| *child != tag) {
        remove_any(&child)?;
    }
    drop(lock);
    fs::remove(&tag)?;
    fs::remove_dir_all(aside)
}

fn remove_any(path: &Path) -> io::Result<()> {
    if !private::is_dir(path) {
        return fs::remove(path);
    }
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {
            // Build scripts may make directories that cannot be written to.
            make_writable(path)?;
            fs::remove_dir_all(path)
        }
        removed => removed,
    }
}

fn make_writable(dir: &Path) -> io::Result<()> {
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        fs::make_dir_writable(&dir)?;
        let names = fs::names(&dir)?;
        open.extend(names.into_iter().filter(|(_, kind)| *kind == b'd').map(|(name, _)| dir.join(name)));
    }
    Ok(())
}
