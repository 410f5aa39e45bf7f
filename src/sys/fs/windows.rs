//! Files on Windows.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::time::SystemTime;

use super::Identity;

/// 1601 to 1970 in the 100 ns steps of a FILETIME.
const EPOCH_DIFFERENCE: u64 = 116_444_736_000_000_000;

pub(super) fn identity(metadata: &Metadata) -> Identity {
    let ns = |filetime: u64| (filetime.wrapping_sub(EPOCH_DIFFERENCE) as i64).wrapping_mul(100);
    Identity {
        device: 0,
        inode: 0,
        size: metadata.file_size(),
        modified_ns: ns(metadata.last_write_time()),
        changed_ns: ns(metadata.creation_time()),
    }
}

/// Opening a file never waits here.
pub(in crate::sys) fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// What a link would lead to is opened in its place: making one takes rights that few have.
pub(in crate::sys) fn in_place(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Windows has no execute bit.
pub fn is_executable(_metadata: &Metadata) -> bool {
    false
}

/// What a file takes on the disk: its size, in clusters of the usual 4 KiB.
pub fn disk_bytes(metadata: &Metadata) -> u64 {
    metadata.file_size().next_multiple_of(4096)
}

/// How many names a file has: not told without opening it, so one.
pub fn n_names(_metadata: &Metadata) -> u64 {
    1
}

pub(super) fn create_new(path: &Path, _executable: bool) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Reads at a position.
pub fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    file.seek_read(buffer, position)
}

/// Writes at a position.
pub fn write_at(file: &File, bytes: &[u8], position: u64) -> io::Result<usize> {
    file.seek_write(bytes, position)
}

/// Sets the time of last modification to now.
pub fn touch(path: &Path) -> io::Result<()> {
    set_modified(path, SystemTime::now())
}

pub(super) fn set_modified(path: &Path, time: SystemTime) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.set_modified(time)
}

/// Cloning on ReFS is left to the system's own copy.
pub fn clones_files(_path: &Path) -> bool {
    false
}

pub(super) fn clone_into(_from: &File, _to: &File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A file that is being run can be renamed, but neither replaced nor removed.
pub(super) const PROGRAMS_IN_USE_STAY: bool = true;

/// Windows knows no permission bits: what a file that can or cannot be written would have.
pub fn mode(metadata: &Metadata) -> u32 {
    if metadata.permissions().readonly() { 0o444 } else { 0o644 }
}

/// Whether what is at `path` is not marked as read-only.
pub fn is_writable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.is_dir() || !metadata.permissions().readonly())
}

pub(super) fn create_with_mode(path: &Path, _mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// The new file has what its directory hands down.
pub(super) fn set_mode_and_owner(
    _file: &File,
    _path: &Path,
    _mode: u32,
    _before: Option<&Metadata>,
) -> io::Result<()> {
    Ok(())
}

pub(super) fn symlink(target: &Path, path: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, path)
}

pub(super) fn create_private_dir_all(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)
}

/// Whether the file at `path` may be run in this user's name without asking. Who may write to it is inherited from its
/// directory here, which is the user's or the administrators'.
pub fn trusted_program(path: &Path) -> Result<(), String> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(format!("{}: is no program", path.display())),
        Err(e) => Err(format!("{}: {e}", path.display())),
    }
}

pub(super) fn copy_link(from: &Path, to: &Path) -> io::Result<()> {
    let target = std::fs::read_link(from)?;
    if from.is_dir() {
        std::os::windows::fs::symlink_dir(target, to)
    } else {
        std::os::windows::fs::symlink_file(target, to)
    }
}

/// Whether the file belongs to the user of this process: here, who may do what is not told by owners.
pub fn is_own(_metadata: &Metadata) -> bool {
    true
}

/// What the file system that holds `path` is like: not told here.
pub fn disk(_path: &Path) -> io::Result<super::Disk> {
    Err(io::ErrorKind::Unsupported.into())
}
