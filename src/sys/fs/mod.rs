//! Files. Everything that changes a file goes through a function of this module, so that tests can inject a fault at
//! each such step: a crash or an error (`fault`), or a panic (`defect`).
//!
//! Systems differ in the identity of a file (Windows offers no stable inode number here, so times and size identify a
//! file there), in cloning (btrfs, XFS and APFS; elsewhere links or copies), and in the clock of writes (Unix can ask
//! the kernel to stamp with its own).

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(test)]
pub mod fault;

#[cfg(all(debug_assertions, not(test)))]
mod defect;

pub mod settle;

pub mod private;

pub mod probe;

pub mod mounts;

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use crate::sys::defence;

#[cfg(unix)]
use unix as platform;
#[cfg(windows)]
use windows as platform;

pub(in crate::sys) use platform::in_place;
pub use platform::{
    RENAMES_WITH_OPEN_FILES, clones_files, disk, disk_bytes, has_same_access, is_executable, is_of_project,
    is_own, n_names, read_at, touch, trusted_directories, trusted_program, write_at,
};

/// What a file system is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Its name, if it is one that matters.
    pub kind: Option<&'static str>,
    /// What this user may still write.
    pub free_bytes: u64,
    /// How many files this user may still make.
    pub free_files: u64,
}

/// How a file in a directory of kache's own is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OpenBelow {
    /// To append to it; made if it is missing.
    Append,
    /// To read and write; made if it is missing.
    Table,
    /// To read and write.
    Existing,
}

/// Identifies one state of one file, without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub device: u64,
    pub inode: u64,
    pub size: u64,
    /// Last modification, nanoseconds since 1970.
    pub modified_ns: i64,
    /// Last change of content, name count or mode, nanoseconds since 1970 (Windows: creation).
    pub changed_ns: i64,
    /// It can be started as a program (always false on Windows). A change of that shows in the change time too.
    pub executable: bool,
}

impl Identity {
    /// The identity in the metadata of a file.
    pub fn from_metadata(metadata: &Metadata) -> Identity {
        platform::identity(metadata)
    }

    /// As numbers, in the order of the fields, without the last: to be written down and compared.
    pub fn numbers(&self) -> [i64; 5] {
        [self.device as i64, self.inode as i64, self.size as i64, self.modified_ns, self.changed_ns]
    }

    /// The identity of the file at `path`, symbolic links followed.
    pub fn at(path: &Path) -> io::Result<Identity> {
        std::fs::metadata(path).map(|metadata| Identity::from_metadata(&metadata))
    }
}

/// A file that another user could change or replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untrusted {
    pub path: PathBuf,
    pub why: String,
}

impl std::fmt::Display for Untrusted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for Untrusted {}

impl Untrusted {
    fn new(path: &Path, why: impl ToString) -> Untrusted {
        Untrusted { path: path.to_owned(), why: why.to_string() }
    }
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    CreateDir,
    Remove,
    Rename,
    Link,
    Clone,
    Write,
    Append,
    Stamp,
    Sync,
}

#[cfg(test)]
fn step(step: Step, path: &Path) -> io::Result<()> {
    fault::step(step, path)
}

#[cfg(all(debug_assertions, not(test)))]
fn step(_step: Step, _path: &Path) -> io::Result<()> {
    defect::step();
    Ok(())
}

#[cfg(not(any(debug_assertions, test)))]
#[inline(always)]
fn step(_step: Step, _path: &Path) -> io::Result<()> {
    Ok(())
}

/// The largest file that is read into memory at once.
pub const MOST_BYTES_READ: u64 = 256 << 20;

/// The whole content of a regular file. Anything else is an error, and so is a file that has more than
/// [`MOST_BYTES_READ`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    read_checked(path, false)
}

fn read_checked(path: &Path, private: bool) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if let Some(why) =
        private::distrust(&metadata).filter(|_| private && defence::stands("files-that-belong-to-others"))
    {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    if metadata.len() > MOST_BYTES_READ {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut content = Vec::with_capacity(metadata.len() as usize + 1);
    file.take(MOST_BYTES_READ).read_to_end(&mut content)?;
    Ok(content)
}

/// Whether the file at `path` starts with these bytes.
pub fn starts_with(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let mut start = vec![0; bytes.len()];
    Ok(read_at(&open(path)?, &mut start, 0)? == bytes.len() && start == bytes)
}

/// Opens a file for reading, but not what a link at its place leads to. Never waits.
pub fn open_in_place(path: &Path) -> io::Result<File> {
    platform::in_place(OpenOptions::new().read(true)).open(path)
}

/// Opens a file of this user to change parts of it, but not what a link at its place leads to.
pub fn open_to_change(path: &Path) -> io::Result<File> {
    platform::in_place(OpenOptions::new().read(true).write(true)).open(path)
}

/// Opens a file for reading. Never waits: a pipe that nobody writes to is opened as well.
pub fn open(path: &Path) -> io::Result<File> {
    platform::without_waiting(OpenOptions::new().read(true)).open(path)
}

/// Reads the regular file at `path` by `read`, which returns its result and the number of bytes. Returns the result and
/// the file's identity.
///
/// # Errors
/// It cannot be read, or changed meanwhile.
pub fn read_unchanged<T>(
    path: &Path,
    read: impl FnOnce(&mut File) -> io::Result<(T, u64)>,
) -> io::Result<(T, Identity)> {
    let mut file = open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let before = Identity::from_metadata(&metadata);
    let (found, n_bytes) = read(&mut file)?;
    let after = Identity::from_metadata(&file.metadata()?);
    // A link that comes or goes meanwhile changes the change time only.
    if n_bytes != before.size || (before.size, before.modified_ns) != (after.size, after.modified_ns) {
        return Err(io::Error::other("changed while it was read"));
    }
    Ok((found, after))
}

/// The metadata of `path`, symbolic links followed.
pub fn metadata(path: &Path) -> io::Result<Metadata> {
    std::fs::metadata(path)
}

/// The metadata of `path` itself.
pub fn symlink_metadata(path: &Path) -> io::Result<Metadata> {
    std::fs::symlink_metadata(path)
}

/// `path` without symbolic links, in the form in which other programs name and take it.
pub fn canonical(path: &Path) -> io::Result<PathBuf> {
    std::fs::canonicalize(path).map(platform::as_usual)
}

/// The names in a directory, sorted; an error if any cannot be read.
pub fn list(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}

/// The names in a directory, sorted, each with what it is: `f`ile, `d`irectory, `l`ink or `o`ther.
pub fn names(dir: &Path) -> io::Result<Vec<(OsString, u8)>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        names.push((entry.file_name(), letter(entry.file_type()?)));
    }
    names.sort();
    Ok(names)
}

fn letter(kind: std::fs::FileType) -> u8 {
    match kind {
        _ if kind.is_file() => b'f',
        _ if kind.is_dir() => b'd',
        _ if kind.is_symlink() => b'l',
        _ => b'o',
    }
}

/// What a symbolic link says.
pub fn read_link(path: &Path) -> io::Result<PathBuf> {
    std::fs::read_link(path)
}

/// Makes a directory and those above it.
pub fn create_dir_all(dir: &Path) -> io::Result<()> {
    step(Step::CreateDir, dir)?;
    std::fs::create_dir_all(dir)
}

/// Removes a file; one that is not there is no error.
pub fn remove(path: &Path) -> io::Result<()> {
    step(Step::Remove, path)?;
    match std::fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Removes a directory and all that is in it; one that is not there is no error.
pub fn remove_dir_all(dir: &Path) -> io::Result<()> {
    step(Step::Remove, dir)?;
    match std::fs::remove_dir_all(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Renames `from` to `to`, replacing what is there, in one step.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    step(Step::Rename, to)?;
    platform::rename(from, to)
}

/// Lets two files change names, in one step. Both must be there; fails where the system cannot do it.
pub fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    step(Step::Rename, other)?;
    platform::exchange(one, other)
}

/// Makes `to` a hard link to the file at `from`; fails if `to` exists.
pub fn hard_link(from: &Path, to: &Path) -> io::Result<()> {
    step(Step::Link, to)?;
    std::fs::hard_link(from, to)
}

/// Makes `to` a copy-on-write clone of `from`; fails if `to` exists or the file system cannot do it.
pub fn reflink(from: &File, to: &Path, executable: bool) -> io::Result<()> {
    step(Step::Clone, to)?;
    let created = platform::create_new(to, executable)?;
    platform::clone_into(from, &created).inspect_err(|_| drop(std::fs::remove_file(to)))
}

/// Copies the rest of `from` into the new file `to`; fails if `to` exists. `seen` gets every piece of it, in order.
/// Answers the number of bytes.
pub fn copy(
    from: &mut impl io::Read,
    to: &Path,
    executable: bool,
    seen: &mut dyn FnMut(&[u8]),
) -> io::Result<u64> {
    step(Step::Write, to)?;
    let mut created = platform::create_new(to, executable)?;
    copy_pieces(from, &mut created, seen).inspect_err(|_| drop(std::fs::remove_file(to)))
}

fn copy_pieces(from: &mut impl io::Read, to: &mut File, seen: &mut dyn FnMut(&[u8])) -> io::Result<u64> {
    const PIECE_BYTES: usize = 64 * 1024;
    let mut buffer = [0; PIECE_BYTES];
    let mut n_bytes = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(n_bytes),
            Ok(n) => {
                seen(&buffer[..n]);
                to.write_all(&buffer[..n])?;
                n_bytes += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// Copies a file, and who may read and execute it. Answers the number of bytes.
pub fn copy_whole(from: &Path, to: &Path) -> io::Result<u64> {
    step(Step::Write, to)?;
    std::fs::copy(from, to)
}

/// Makes `to` the symbolic link that `from` is, whether or not it leads anywhere.
pub fn copy_link(from: &Path, to: &Path) -> io::Result<()> {
    step(Step::Link, to)?;
    platform::copy_link(from, to)
}

/// Writes a new file; fails if it exists.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    step(Step::Write, path)?;
    let mut created = OpenOptions::new().write(true).create_new(true).open(path)?;
    created.write_all(bytes).inspect_err(|_| drop(std::fs::remove_file(path)))
}

/// Writes `bytes` to `temporary`, then renames it to `path`: readers see the old content or the new one.
pub fn replace(path: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
    write_new(temporary, bytes)?;
    rename(temporary, path).inspect_err(|_| drop(std::fs::remove_file(temporary)))
}

/// The same of a program, which can be started.
pub fn replace_program(path: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
    step(Step::Write, temporary)?;
    let mut created = platform::create_new(temporary, true)?;
    let written = created.write_all(bytes);
    drop(created);
    written.and_then(|()| rename(temporary, path)).inspect_err(|_| drop(std::fs::remove_file(temporary)))
}

/// Makes `path` a symbolic link that says `target`.
pub fn symlink(target: &Path, path: &Path) -> io::Result<()> {
    step(Step::Link, path)?;
    platform::symlink(target, path)
}

/// Makes a directory in one that is there.
pub fn create_dir(dir: &Path) -> io::Result<()> {
    step(Step::CreateDir, dir)?;
    std::fs::create_dir(dir)
}

/// Takes from a file that anybody can write to it.
pub fn make_read_only(path: &Path) -> io::Result<()> {
    step(Step::Stamp, path)?;
    let mut permissions = std::fs::metadata(path)?.permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(path, permissions)
}

/// Lets the user of this process change what is in a directory.
pub fn make_dir_writable(dir: &Path) -> io::Result<()> {
    step(Step::Stamp, dir)?;
    platform::make_dir_writable(dir)
}

/// Appends `line` in one write, so that lines of several processes do not mix.
pub fn append(path: &Path, line: &[u8]) -> io::Result<()> {
    step(Step::Append, path)?;
    platform::in_place(OpenOptions::new().append(true).create(true)).open(path)?.write_all(line)
}

/// Sets the time of last modification.
pub fn set_modified(path: &Path, time: SystemTime) -> io::Result<()> {
    step(Step::Stamp, path)?;
    platform::set_modified(path, time)
}

/// Gives the file a new change time, which marks it as used. Its time of last modification stays what it is.
pub fn renew(path: &Path) -> io::Result<()> {
    step(Step::Stamp, path)?;
    let now = SystemTime::now();
    let times = platform::with_change(std::fs::FileTimes::new().set_accessed(now), now);
    platform::in_place(OpenOptions::new().write(true)).open(path)?.set_times(times)
}

/// A name that no other process and no other call in this one uses.
pub fn unique_name() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let nanos =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    format!("{}-{:x}-{}", std::process::id(), nanos, COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// A time in nanoseconds since 1970.
pub fn nanoseconds(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64)
}

/// The time that is so many nanoseconds after the beginning of 1970.
pub fn time(ns: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(ns.max(0) as u64)
}

/// The time that the file system at `probe` stamps a write with now, in nanoseconds since 1970. Makes the file
/// `probe` and removes it.
pub fn kernel_time(probe: &Path) -> io::Result<i64> {
    if let Some(dir) = probe.parent()
        && metadata(dir).is_err()
    {
        private::create_dir_all(dir)?;
    }
    write_new(probe, b"")?;
    let identity = Identity::at(probe);
    remove(probe)?;
    identity.map(|identity| identity.modified_ns)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_bounded_size_are_read_and_nothing_is_waited_for() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("file"), "text").expect("writes");
        std::os::unix::fs::symlink("file", path("link")).expect("links");
        assert_eq!(read(&path("link")).expect("reads"), b"text");
        platform::make_pipe(&path("pipe")).expect("makes a pipe");
        // Nobody is at the other end.
        assert!(read(&path("pipe")).is_err());
        assert!(append(&path("pipe"), b"line").is_err());
        assert!(read(dir.path()).is_err());
        assert!(read(Path::new("/dev/zero")).is_err());
        let huge = File::create(path("huge")).and_then(|file| file.set_len(1 << 40));
        huge.expect("makes a file with a hole");
        assert_eq!(read(&path("huge")).expect_err("too large").kind(), io::ErrorKind::FileTooLarge);
    }
}
