//! Changes the user's files atomically: they keep their mode and owner, and are synced to disk.
//!
//! Each function writes a temporary file beside its target and renames it. A process that is killed in between leaves the
//! old state, and perhaps the temporary file. `still` is called right before the rename and can cancel it, so that a
//! change by another program in the meantime is not lost.

use std::fs::{File, Metadata};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{Step, platform, rename, step};

pub use platform::{is_writable, mode};

/// Whether to go on, asked at the last moment.
pub type Still<'a> = &'a dyn Fn() -> io::Result<()>;

/// What stands at a path itself, symbolic links not followed.
#[derive(Debug)]
pub enum Standing {
    Nothing,
    File(Metadata),
    Link(PathBuf),
    Directory,
    /// A socket, a device, a pipe.
    Other,
}

/// What stands at `path`.
pub fn standing(path: &Path) -> io::Result<Standing> {
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Standing::Nothing);
        }
        Err(e) => return Err(e),
    };
    let kind = metadata.file_type();
    Ok(if kind.is_symlink() {
        Standing::Link(std::fs::read_link(path)?)
    } else if kind.is_dir() {
        Standing::Directory
    } else if kind.is_file() {
        Standing::File(metadata)
    } else {
        Standing::Other
    })
}

/// Puts `bytes` at `path`. A file that is there keeps its mode and owner; a new one gets `mode` (0644 is what
/// most files have; Windows knows no modes).
pub fn settle(path: &Path, temporary: &Path, bytes: &[u8], mode: u32, still: Still<'_>) -> io::Result<()> {
    let before = std::fs::metadata(path).ok();
    let mode = before.as_ref().map_or(mode, platform::mode);
    let written = write_temporary(temporary, &mut &bytes[..], mode, before.as_ref());
    written
        .and_then(|()| still())
        .and_then(|()| rename(temporary, path))
        .inspect_err(|_| give_up(temporary))?;
    sync_parent(path)
}

/// Writes all of `content` to a new file, safe on the disk.
fn write_temporary(
    temporary: &Path,
    content: &mut impl io::Read,
    mode: u32,
    before: Option<&Metadata>,
) -> io::Result<()> {
    step(Step::Write, temporary)?;
    let mut file = platform::create_with_mode(temporary, mode)?;
    io::copy(content, &mut file)?;
    finish(file, temporary, mode, before)
}

/// Puts a copy of the file `from` at `path`.
pub fn settle_copy(
    from: &Path,
    path: &Path,
    temporary: &Path,
    mode: u32,
    still: Still<'_>,
) -> io::Result<()> {
    write_temporary(temporary, &mut File::open(from)?, mode, None)
        .and_then(|()| still())
        .and_then(|()| rename_over_program(temporary, path))
        .inspect_err(|_| give_up(temporary))?;
    sync_parent(path)
}

/// Renames `from` to `to`, which may be a program that runs. Where such a one can be renamed but not replaced, it is
/// moved away first, and back if the renaming fails; what was moved away stays until [`sweep_moved_away`].
fn rename_over_program(from: &Path, to: &Path) -> io::Result<()> {
    match rename(from, to) {
        Err(e) if platform::PROGRAMS_IN_USE_STAY && e.kind() == io::ErrorKind::PermissionDenied => {
            move_away_and_rename(from, to)
        }
        result => result,
    }
}

fn move_away_and_rename(from: &Path, to: &Path) -> io::Result<()> {
    let away = to.with_file_name(format!("{}{}", moved_away_prefix(to), super::unique_name()));
    rename(to, &away)?;
    rename(from, to).inspect_err(|_| drop(rename(&away, to)))
}

fn moved_away_prefix(path: &Path) -> String {
    format!(".{}.replaced-", path.file_name().unwrap_or_default().to_string_lossy())
}

/// Removes what was moved away from `path` and is not in use any more.
pub fn sweep_moved_away(path: &Path) {
    let prefix = moved_away_prefix(path);
    let beside = path.parent().map(super::list).and_then(Result::ok).unwrap_or_default();
    for other in beside {
        if other.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)) {
            let _ = super::remove(&other);
        }
    }
}

/// Puts a symbolic link to `target` at `path`, in the place of what is there.
pub fn settle_link(target: &Path, path: &Path, temporary: &Path, still: Still<'_>) -> io::Result<()> {
    step(Step::Link, temporary)
        .and_then(|()| platform::symlink(target, temporary))
        .and_then(|()| still())
        .and_then(|()| rename(temporary, path))
        .inspect_err(|_| give_up(temporary))?;
    sync_parent(path)
}

/// Whether symbolic links can be relied on here. On Windows they take a privilege.
pub const HAS_SYMLINKS: bool = !cfg!(windows);

/// Writes a new file that only its owner can read; fails if it exists.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    step(Step::Write, path)?;
    let mut file = platform::create_with_mode(path, 0o600)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a directory that only its owner can enter, and those above it.
pub fn create_private_dir_all(dir: &Path) -> io::Result<()> {
    step(Step::CreateDir, dir)?;
    platform::create_private_dir_all(dir)
}

/// Removes a directory that is empty; one that is not there is no error.
pub fn remove_empty_dir(dir: &Path) -> io::Result<()> {
    step(Step::Remove, dir)?;
    match std::fs::remove_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Takes the file, so that it is closed before it is renamed: a program that somebody writes to cannot be run.
fn finish(file: File, path: &Path, mode: u32, before: Option<&Metadata>) -> io::Result<()> {
    platform::set_mode_and_owner(&file, path, mode, before)?;
    step(Step::Sync, path)?;
    file.sync_all()
}

fn give_up(temporary: &Path) {
    let _ = super::remove(temporary);
}

/// Where a directory cannot be synced, the rename is as safe as the system makes it.
fn sync_parent(path: &Path) -> io::Result<()> {
    if let Some(dir) = path.parent().and_then(|dir| File::open(dir).ok()) {
        let _ = dir.sync_all();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fault;
    use super::*;

    #[test]
    fn a_program_in_use_is_moved_away_and_comes_back_if_it_cannot_be_replaced() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let [old, new, other] = ["kache.exe", "new", "other"].map(|name| dir.path().join(name));
        for (path, text) in [(&old, "old"), (&new, "new"), (&other, "other")] {
            std::fs::write(path, text).expect("writes");
        }
        let look = || super::super::list(dir.path()).expect("lists").len();
        let (failed, _) =
            fault::fail_at(1, io::ErrorKind::PermissionDenied, || move_away_and_rename(&new, &old));
        assert!(failed.is_err());
        assert_eq!((std::fs::read(&old).expect("reads"), look()), (b"old".to_vec(), 3));
        move_away_and_rename(&new, &old).expect("replaces");
        assert_eq!((std::fs::read(&old).expect("reads"), look()), (b"new".to_vec(), 3));
        sweep_moved_away(&old);
        assert_eq!((std::fs::read(&old).expect("reads"), look()), (b"new".to_vec(), 2));
    }
}
