//! Files that kache makes for itself: the store, memos, records and locks. Only the user can access them, whatever the
//! umask is, unless the cache directory is configured as shared. Symbolic links are not followed, so that nothing is made
//! outside of the given directory.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{OpenBelow, Step, platform, rename, step};
use crate::sys::defence;

static SHARED: AtomicBool = AtomicBool::new(false);

/// From now on this process shares its files: they get the modes that the umask, the group of the directory and its
/// default ACL give them, and files of other users are trusted.
pub fn share() {
    SHARED.store(true, Ordering::Relaxed);
}

/// Whether this process shares its files.
pub fn is_shared() -> bool {
    SHARED.load(Ordering::Relaxed)
}

/// Why a file or directory of kache cannot be trusted: another user owns it or can write to it. Root can do that
/// anyway.
pub fn distrust(metadata: &Metadata) -> Option<&'static str> {
    if is_shared() { None } else { platform::distrust(metadata) }
}

/// Whether those who share the store can read a hard link to this file, whatever its group is.
pub fn can_be_shared(metadata: &Metadata) -> bool {
    !is_shared() || platform::mode(metadata) & 0o044 == 0o044
}

/// Whether a directory, and not a link to one, is at `path`.
pub fn is_dir(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Whether a symbolic link is at `path`.
pub fn is_link(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// Makes a directory and those above it.
pub fn create_dir_all(dir: &Path) -> io::Result<()> {
    step(Step::CreateDir, dir)?;
    if is_shared() { std::fs::create_dir_all(dir) } else { platform::create_private_dir_all(dir) }
}

/// The content of a regular file that can be trusted.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    super::read_checked(path, true)
}

/// Writes a new file; fails if it exists, or if its directory is behind a link.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.parent().is_some_and(is_link) {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    write_new_at_top(path, bytes)
}

/// Writes a new file in the cache directory itself, which its user may have put behind a link; fails if it exists.
pub fn write_new_at_top(path: &Path, bytes: &[u8]) -> io::Result<()> {
    step(Step::Write, path)?;
    let mut created = platform::create_private(path)?;
    created.write_all(bytes).inspect_err(|_| drop(std::fs::remove_file(path)))
}

/// Writes `bytes` to the new file `temporary`, then renames it to `path`. Fails if the directory is behind a link.
pub fn replace(path: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
    write_new(temporary, bytes)?;
    rename(temporary, path).inspect_err(|_| drop(std::fs::remove_file(temporary)))
}

/// Whether this user can use a file that is there already.
pub fn is_usable(metadata: &Metadata) -> bool {
    is_shared() || platform::is_usable(metadata)
}

/// Copies the rest of `from` into the new file `to`; `seen` gets every piece of it, in order. Answers the number of
/// bytes.
pub fn copy(from: &mut impl Read, to: &Path, seen: &mut dyn FnMut(&[u8])) -> io::Result<u64> {
    step(Step::Write, to)?;
    super::copy_pieces(from, &mut platform::create_private(to)?, seen)
        .inspect_err(|_| drop(std::fs::remove_file(to)))
}

/// Makes `to` a copy-on-write clone of `from`; fails if `to` exists or the file system cannot do it.
pub fn reflink(from: &File, to: &Path) -> io::Result<()> {
    step(Step::Clone, to)?;
    let created = platform::create_private(to)?;
    platform::clone_into(from, &created).inspect_err(|_| drop(std::fs::remove_file(to)))
}

/// Appends `line` to the file `name` in `dir` in one write, so that lines of several processes do not mix.
pub fn append(dir: &Path, name: impl AsRef<Path>, line: &[u8]) -> io::Result<()> {
    step(Step::Append, dir)?;
    platform::open_below(dir, name.as_ref(), OpenBelow::Append)?.write_all(line)
}

/// Opens the file `name` in `dir` for reading and writing at positions, made if it is missing. One that cannot be
/// trusted is an error.
pub fn open_table(dir: &Path, name: impl AsRef<Path>) -> io::Result<File> {
    step(Step::Append, dir)?;
    trusted_table(platform::open_below(dir, name.as_ref(), OpenBelow::Table)?)
}

/// The same for a table that must be there.
pub fn open_existing_table(dir: &Path, name: impl AsRef<Path>) -> io::Result<File> {
    trusted_table(platform::open_below(dir, name.as_ref(), OpenBelow::Existing)?)
}

fn trusted_table(file: File) -> io::Result<File> {
    let distrusted = distrust(&file.metadata()?).filter(|_| defence::stands("tables-that-others-can-write"));
    match distrusted {
        None => Ok(file),
        Some(why) => Err(io::Error::new(io::ErrorKind::PermissionDenied, why)),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn what_is_made_is_for_this_user_alone() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let made = dir.path().join("made/below");
        create_dir_all(&made).expect("makes directories");
        write_new(&made.join("new"), b"").expect("writes");
        replace(&made.join("replaced"), &made.join("temporary"), b"").expect("writes");
        append(&made, "appended", b"").expect("appends");
        open_table(&made, "table").expect("opens");
        copy(&mut &b"copied"[..], &made.join("copied"), &mut |_| {}).expect("copies");
        let mode = |path: &Path| std::fs::metadata(path).expect("is there").permissions().mode() & 0o777;
        assert_eq!([mode(&made), mode(&dir.path().join("made"))], [0o700; 2]);
        for name in ["new", "replaced", "appended", "table", "copied"] {
            assert_eq!(mode(&made.join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn a_table_that_others_can_write_is_refused() {
        let dir = tempfile::tempdir().expect("temporary directory");
        open_table(dir.path(), "table").expect("opens");
        for (mode, opens) in [(0o620, false), (0o602, false), (0o644, true)] {
            let path = dir.path().join("table");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("sets the mode");
            assert_eq!(open_table(dir.path(), "table").is_ok(), opens, "{mode:o}");
            assert_eq!(read(&path).is_ok(), opens, "{mode:o}");
        }
    }

    #[test]
    fn nothing_is_opened_behind_a_link() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (outside, link) = (dir.path().join("outside"), dir.path().join("link"));
        std::fs::create_dir(&outside).expect("makes a directory");
        symlink(&outside, &link).expect("links");
        symlink(outside.join("made"), dir.path().join("file")).expect("links");
        for (dir, name) in [(&*link, "made"), (dir.path(), "file")] {
            assert!(open_table(dir, name).is_err());
            assert!(append(dir, name, b"line").is_err());
        }
        assert!(replace(&link.join("made"), &link.join("temporary"), b"").is_err());
        assert_eq!(std::fs::read_dir(&outside).expect("lists").count(), 0);
    }
}
