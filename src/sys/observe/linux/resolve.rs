//! Resolves paths of observed programs: what is there, and its real path without symbolic links.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, RawFd};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{Mode, OFlags};

use super::super::PathState;
use crate::sys::fs::Identity;
use crate::sys::{elf, os};

/// A path, and what was found there.
pub(super) struct ResolvedPath {
    /// The path, or its beginning up to the first missing name.
    pub(super) path: PathBuf,
    /// Without symbolic links.
    pub(super) real: PathBuf,
    pub(super) found: PathState,
}

/// Where directories really are, as long as none can have become another.
#[derive(Default)]
pub(super) struct Directories(HashMap<PathBuf, PathBuf>);

impl Directories {
    /// Looks at `path`; where `follow` is not set, at a symbolic link itself.
    pub(super) fn look(&mut self, path: PathBuf, follow: bool) -> ResolvedPath {
        self.look_inside(&path).unwrap_or_else(|| look(path, follow))
    }

    /// To be called before a name is made, removed or given to something else. A directory cannot become a link
    /// without that: it must be gone first.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// Asks the system once for what is in a known directory; `None` where that does not tell everything.
    fn look_inside(&mut self, path: &Path) -> Option<ResolvedPath> {
        let (directory, name) = (path.parent()?, path.file_name()?);
        let real = match self.real(directory) {
            Ok(real) => real.join(name),
            // Then it is the first missing name above that counts.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return self.look_inside(directory).filter(|resolved| resolved.found == PathState::Absent);
            }
            Err(_) => return None,
        };
        let found = match std::fs::symlink_metadata(path) {
            Ok(metadata) => kind(&metadata)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => PathState::Absent,
            Err(_) => return None,
        };
        Some(ResolvedPath { path: path.to_path_buf(), real, found })
    }

    fn real(&mut self, directory: &Path) -> io::Result<&Path> {
        if !self.0.contains_key(directory) {
            let opened = open(directory, OFlags::DIRECTORY)?;
            let real = std::fs::read_link(format!("/proc/self/fd/{}", opened.as_raw_fd()))?;
            self.0.insert(directory.to_path_buf(), real);
        }
        self.0.get(directory).map(PathBuf::as_path).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// What a path that is no symbolic link leads to.
fn kind(metadata: &Metadata) -> Option<PathState> {
    let kind = metadata.file_type();
    if kind.is_file() {
        Some(PathState::File(Identity::from_metadata(metadata)))
    } else if kind.is_dir() {
        Some(PathState::Directory(Identity::from_metadata(metadata)))
    } else if kind.is_symlink() {
        None
    } else {
        Some(PathState::Other)
    }
}

fn look(path: PathBuf, follow: bool) -> ResolvedPath {
    let flags = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
    match open(&path, flags) {
        Ok(file) => {
            let (real, found) = match describe(&file, &path) {
                Ok(described) => described,
                Err(e) => (path.clone(), PathState::Unknown(e.to_string())),
            };
            ResolvedPath { path, real, found }
        }
        Err(e) if matches!(e.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR)) => missing(&path),
        Err(e) => ResolvedPath { real: path.clone(), path, found: PathState::Unknown(e.to_string()) },
    }
}

/// Opens what is at `path` without opening it for anything. Not by way of std: with musl, that takes `O_PATH` for a
/// part of the access mode, and drops it.
fn open(path: &Path, flags: OFlags) -> io::Result<File> {
    Ok(rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC | flags, Mode::empty())?.into())
}

fn describe(file: &File, path: &Path) -> io::Result<(PathBuf, PathState)> {
    let metadata = file.metadata()?;
    let real = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let found = match kind(&metadata) {
        Some(found) => found,
        None => PathState::Link(std::fs::read_link(path)?),
    };
    Ok((real, found))
}

/// A path that does not exist ends at the first name that is missing: as long as that is, so is the rest.
fn missing(path: &Path) -> ResolvedPath {
    let mut first_missing = path;
    while let Some(parent) = first_missing.parent() {
        match open(parent, OFlags::empty()) {
            Ok(directory) => {
                let real = std::fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd()));
                let real = match (real, first_missing.file_name()) {
                    (Ok(real), Some(name)) => real.join(name),
                    _ => first_missing.to_path_buf(),
                };
                return ResolvedPath { path: first_missing.to_path_buf(), real, found: PathState::Absent };
            }
            Err(_) => first_missing = parent,
        }
    }
    ResolvedPath { path: path.to_path_buf(), real: path.to_path_buf(), found: PathState::Absent }
}

/// An absolute path without empty and `.` parts. `..` stays: what it means is decided by links before it.
pub(super) fn tidy(base: &[u8], path: &[u8], tidied: &mut Vec<u8>) {
    tidied.clear();
    if path.first() != Some(&b'/') {
        tidied.extend_from_slice(base.strip_suffix(b"/").unwrap_or(base));
    }
    for part in path.split(|byte| *byte == b'/') {
        if !part.is_empty() && part != b"." {
            tidied.push(b'/');
            tidied.extend_from_slice(part);
        }
    }
    if tidied.is_empty() {
        tidied.push(b'/');
    }
}

/// What the name `/proc/<thread>/<name>` leads to.
pub(super) fn proc_link(thread: i32, name: std::fmt::Arguments<'_>) -> io::Result<PathBuf> {
    std::fs::read_link(format!("/proc/{}/{name}", proc_number(thread)?))
}

/// The number of a thread in `/proc`, which shows another process namespace if it was not mounted in a new one.
pub(super) fn proc_number(thread: i32) -> io::Result<i32> {
    static IS_OURS: OnceLock<bool> = OnceLock::new();
    if *IS_OURS.get_or_init(is_our_proc) { Ok(thread) } else { foreign_number(thread) }
}

/// Whether `/proc` numbers processes as they are numbered for this one.
fn is_our_proc() -> bool {
    let own = std::process::id().to_string();
    std::fs::read_link("/proc/self").is_ok_and(|link| link.as_os_str() == own.as_str())
}

/// In what `/proc` shows of a descriptor of the thread is the thread's number there.
fn foreign_number(thread: i32) -> io::Result<i32> {
    // Errors become `other`: the caller takes "not found" for an answer about the name below the number.
    let opened = match open_thread(thread, PIDFD_THREAD) {
        // Before Linux 6.9, only the first thread of a process can be opened.
        Err(e) if e.raw_os_error() == Some(libc::EINVAL) => {
            open_thread(thread, 0).map_err(io::Error::other)?
        }
        opened => opened.map_err(io::Error::other)?,
    };
    let path = format!("/proc/self/fdinfo/{}", opened.as_raw_fd());
    let info = std::fs::read_to_string(path).map_err(io::Error::other)?;
    let number = info.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok());
    number.filter(|number| *number > 0).ok_or_else(|| io::Error::other("/proc does not show it"))
}

/// The same bit as in `O_EXCL`.
const PIDFD_THREAD: libc::c_uint = libc::O_EXCL as libc::c_uint;

fn open_thread(thread: i32, flags: libc::c_uint) -> io::Result<File> {
    #[expect(unsafe_code, reason = "std opens only children")]
    // SAFETY: the call takes numbers only.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, thread, flags) };
    if descriptor < 0 { Err(io::Error::last_os_error()) } else { Ok(own(descriptor as RawFd)) }
}

/// `path` with the observed thread's own number in place of `self`; `None` where that is not in it.
pub(super) fn without_self(thread: i32, path: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let rest = path.strip_prefix(b"/proc/self").or_else(|| path.strip_prefix(b"/proc/thread-self"));
    let Some(rest) = rest.filter(|rest| rest.is_empty() || rest[0] == b'/') else { return Ok(None) };
    let number = proc_number(thread)?;
    Ok(Some([format!("/proc/{number}").as_bytes(), rest].concat()))
}

/// The programs that the kernel reads to start the one at `path`: the interpreter of a script, the loader.
pub(super) fn interpreter(path: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).ok()?;
    let mut head = [0; 4096];
    let n_read = file.read_at(&mut head, 0).ok()?;
    interpreter_in(head.get(..n_read)?)
}

fn interpreter_in(head: &[u8]) -> Option<PathBuf> {
    if let Some(line) = head.strip_prefix(b"#!") {
        let line = line.split(|byte| *byte == b'\n').next()?.trim_ascii_start();
        return os::path(line.split(u8::is_ascii_whitespace).next()?);
    }
    let mut segments = elf::segments(head)?.flatten();
    let named = segments.find(|segment| segment.kind == libc::PT_INTERP as usize)?;
    os::path(head.get(named.at..named.at.checked_add(named.n_bytes)?)?.strip_suffix(&[0])?)
}

/// Takes a descriptor that nobody else has.
pub(super) fn own(descriptor: RawFd) -> File {
    #[expect(unsafe_code, reason = "the kernel hands out numbers")]
    // SAFETY: every caller has just got this open descriptor from the kernel and gives it away here.
    unsafe {
        File::from_raw_fd(descriptor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tidied(base: &str, path: &str) -> String {
        let mut tidied = Vec::new();
        tidy(base.as_bytes(), path.as_bytes(), &mut tidied);
        String::from_utf8(tidied).unwrap()
    }

    #[test]
    fn the_number_that_proc_has_for_a_thread_is_found() {
        let own = std::process::id() as i32;
        assert_eq!(proc_number(own).unwrap(), own);
        // In our own `/proc` both are the same.
        if std::fs::read_link("/proc/self").unwrap().to_str() == Some(&own.to_string()) {
            assert_eq!(foreign_number(own).unwrap(), own);
        }
        assert!(foreign_number(i32::MAX).is_err());
    }

    #[test]
    fn paths_are_absolute_and_keep_their_parents() {
        assert_eq!(tidied("/a/b", "c//./d"), "/a/b/c/d");
        assert_eq!(tidied("/a/b", "../c/"), "/a/b/../c");
        assert_eq!(tidied("/a", "/x/./y"), "/x/y");
        assert_eq!(tidied("/", "x"), "/x");
        assert_eq!(tidied("/", "."), "/");
    }

    #[test]
    fn interpreters_of_scripts_and_programs_are_named() {
        assert_eq!(interpreter_in(b"#! /bin/sh -e\nexit"), Some("/bin/sh".into()));
        assert_eq!(interpreter_in(b"#!/usr/bin/env python"), Some("/usr/bin/env".into()));
        assert_eq!(interpreter_in(b"MZ"), None);
        let loader = interpreter(Path::new("/bin/sh")).expect("the shell is linked dynamically");
        assert!(loader.to_str().unwrap().contains("/ld-"), "{}", loader.display());
        assert_eq!(interpreter_in(&[b"\x7fELF\x02\x01".as_slice(), &[0xff; 90]].concat()), None);
    }

    #[test]
    fn a_missing_path_ends_at_its_first_missing_name() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let resolved = look(dir.join("a/b/c"), true);
        assert_eq!((resolved.path, resolved.found), (dir.join("a"), PathState::Absent));
        std::fs::write(dir.join("file"), "").unwrap();
        let resolved = look(dir.join("file/x"), true);
        assert_eq!((resolved.real, resolved.found), (dir.join("file/x"), PathState::Absent));
        std::os::unix::fs::symlink("file", dir.join("link")).unwrap();
        assert_eq!(look(dir.join("link"), true).real, dir.join("file"));
        assert_eq!(look(dir.join("link"), false).found, PathState::Link("file".into()));
        assert!(matches!(look(dir.clone(), false).found, PathState::Directory(_)));
    }

    #[test]
    fn a_look_into_a_known_directory_tells_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        std::fs::create_dir(dir.join("real")).unwrap();
        std::fs::write(dir.join("real/file"), "x").unwrap();
        std::os::unix::fs::symlink("real", dir.join("link")).unwrap();
        std::os::unix::fs::symlink("file", dir.join("real/alias")).unwrap();
        let mut directories = Directories::default();
        let names = [
            "real",
            "none/x/y",
            "real/file",
            "real/none",
            "real/none/x",
            "real/file/x",
            "real/alias",
            "real/..",
        ];
        let below = names.map(|name| dir.join(name)).into_iter();
        let through_link = names.map(|name| dir.join("link").join(name)).into_iter();
        for path in below.chain(through_link).chain(["/".into(), "/dev/null".into()]) {
            for follow in [true, false, true] {
                let (known, asked) = (directories.look(path.clone(), follow), look(path.clone(), follow));
                assert_eq!(
                    (known.path, known.real, known.found),
                    (asked.path, asked.real, asked.found),
                    "{} {follow}",
                    path.display()
                );
            }
        }
        std::fs::rename(dir.join("real"), dir.join("other")).unwrap();
        std::os::unix::fs::symlink("other", dir.join("real")).unwrap();
        directories.forget();
        assert_eq!(directories.look(dir.join("real/file"), true).real, dir.join("other/file"));
    }
}
