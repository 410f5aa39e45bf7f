//! Files on Windows.

use std::ffi::OsStr;
use std::fs::{File, FileTimes, Metadata, OpenOptions};
use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::fs::{FileExt as _, FileTimesExt as _, MetadataExt as _};
use std::path::{Component, Path, PathBuf, Prefix};
use std::time::SystemTime;

use super::{Identity, OpenBelow, Untrusted};

/// 1601 to 1970 in the 100 ns steps of a FILETIME.
const EPOCH_DIFFERENCE: u64 = 116_444_736_000_000_000;

pub(super) fn identity(metadata: &Metadata) -> Identity {
    Identity {
        device: 0,
        inode: 0,
        size: metadata.file_size(),
        modified_ns: nanoseconds(metadata.last_write_time()),
        changed_ns: nanoseconds(metadata.creation_time()),
        executable: false,
    }
}

fn nanoseconds(filetime: u64) -> i64 {
    (filetime.wrapping_sub(EPOCH_DIFFERENCE) as i64).wrapping_mul(100)
}

/// Without the `\\?\` that the system puts before what it resolved: below it `/` separates nothing, and a path is not
/// equal to the one that a user or cargo has. It stays where the path would mean something else without, or nothing.
///
/// The crate `dunce` knows fewer of those: not `COM0`, `COM¹` and their kind, and neither `CONIN$` nor `CONOUT$`. A path
/// through a directory of such a name would lead to a device.
pub(super) fn as_usual(path: PathBuf) -> PathBuf {
    const TOO_LONG: usize = 260;
    let mut components = path.components();
    let Some(Component::Prefix(prefix)) = components.next() else { return path };
    let Prefix::VerbatimDisk(letter) = prefix.kind() else { return path };
    let mut usual = PathBuf::from(format!("{}:", char::from(letter)));
    usual.extend(components);
    let is_long = usual.as_os_str().encode_wide().count() >= TOO_LONG;
    if is_long || usual.iter().any(is_read_otherwise) { path } else { usual }
}

/// Whether such a name stands for another one, or for a device, unless `\\?\` is before it.
fn is_read_otherwise(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let stem = name.split(['.', ':']).next().unwrap_or(name).trim_end().to_ascii_uppercase();
    const PORTS: [&str; 13] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"];
    let is_device = matches!(stem.as_str(), "AUX" | "CON" | "CONIN$" | "CONOUT$" | "NUL" | "PRN")
        || ["COM", "LPT"]
            .iter()
            .any(|port| stem.strip_prefix(port).is_some_and(|digit| PORTS.contains(&digit)));
    is_device || name.ends_with(['.', ' '])
}

/// [`identity`] has the time of creation in the place of that of the last change, which std does not tell.
pub(super) fn with_change(times: FileTimes, now: SystemTime) -> FileTimes {
    times.set_created(now)
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

/// How many names a file has: unknown without opening it, so one.
pub fn n_names(_metadata: &Metadata) -> u64 {
    1
}

pub(super) fn create_new(path: &Path, _executable: bool) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Whom a file is for is inherited from its directory, which is the user's own.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Opens the file `name` in `dir`: to append to it, or to read and write.
pub(super) fn open_below(dir: &Path, name: &Path, how: OpenBelow) -> io::Result<File> {
    let mut options = OpenOptions::new();
    if how == OpenBelow::Append {
        options.append(true);
    } else {
        options.read(true).write(true);
    }
    options.create(how != OpenBelow::Existing).open(dir.join(name))
}

/// Modes and owners are inherited here.
pub fn has_same_access(_a: &Metadata, _b: &Metadata, _is_program: bool) -> bool {
    true
}

/// Whether it can be written.
pub(super) fn is_usable(metadata: &Metadata) -> bool {
    !metadata.permissions().readonly()
}

/// A read-only directory can be changed here; a read-only file in it cannot be removed.
pub(super) fn make_dir_writable(dir: &Path) -> io::Result<()> {
    for child in std::fs::read_dir(dir)? {
        let child = child?;
        let metadata = child.metadata()?;
        let mut permissions = metadata.permissions();
        if metadata.is_file() && permissions.readonly() {
            #[expect(clippy::permissions_set_readonly_false, reason = "there is no mode here")]
            permissions.set_readonly(false);
            std::fs::set_permissions(child.path(), permissions)?;
        }
    }
    Ok(())
}

/// A directory cannot be renamed while a file in it is open.
pub const RENAMES_WITH_OPEN_FILES: bool = false;

/// Access lists are not read.
pub(super) fn distrust(_metadata: &Metadata) -> Option<&'static str> {
    None
}

pub(super) fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A program that has the file at `to` open for a moment keeps it from being replaced: a reader, or a virus scanner. That is
/// waited for, a sixteenth of a second at most.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    const ACCESS_DENIED: i32 = 5;
    const SHARING_VIOLATION: i32 = 32;
    for pause_ms in [1, 2, 4, 8, 16, 32] {
        match std::fs::rename(from, to) {
            Err(e) if matches!(e.raw_os_error(), Some(ACCESS_DENIED | SHARING_VIOLATION)) => {
                std::thread::sleep(std::time::Duration::from_millis(pause_ms));
            }
            result => return result,
        }
    }
    std::fs::rename(from, to)
}

/// Reads at a position.
pub fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    file.seek_read(buffer, position)
}

/// Writes at a position.
pub fn write_at(file: &File, bytes: &[u8], position: u64) -> io::Result<usize> {
    file.seek_write(bytes, position)
}

/// Sets the times of last modification and of last change to now.
pub fn touch(path: &Path) -> io::Result<()> {
    let now = SystemTime::now();
    let times = with_change(FileTimes::new().set_modified(now), now);
    OpenOptions::new().write(true).open(path)?.set_times(times)
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

/// Access lists, which are inherited from the user's profile, say who may write to a directory here.
pub fn trusted_directories(_path: &Path) -> Result<(), Untrusted> {
    Ok(())
}

/// Whether the file at `path` may be run in this user's name without asking. Who may write to it is inherited from its
/// directory here, which is the user's or the administrators'.
pub fn trusted_program(path: &Path) -> Result<(), Untrusted> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(Untrusted::new(path, "is not a program")),
        Err(e) => Err(Untrusted::new(path, e)),
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

/// Whether the file belongs to the user of this process: owners do not decide access here.
pub fn is_own(_metadata: &Metadata) -> bool {
    true
}

/// Whether a file belongs to the user of this process, or to the owner of the directory: not distinguished here.
pub fn is_of_project(_metadata: &Metadata, _project: &Path) -> bool {
    true
}

fn check(result: i32) -> io::Result<()> {
    if result == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// What the file system that holds `path` is like.
#[expect(unsafe_code, reason = "the system's calls; std has none for file systems")]
pub fn disk(path: &Path) -> io::Result<super::Disk> {
    use std::ptr::null_mut;
    use windows_sys::Win32::Storage::FileSystem::{
        GetDiskFreeSpaceExW, GetDriveTypeW, GetVolumeInformationW, GetVolumePathNameW,
    };
    const REMOTE: u32 = 4;
    let path: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    let mut root = [0_u16; 261];
    // SAFETY: the path ends with a zero, and the buffer has the length that is said.
    check(unsafe { GetVolumePathNameW(path.as_ptr(), root.as_mut_ptr(), root.len() as u32) })?;
    let mut free_bytes = 0;
    // SAFETY: the root ends with a zero; what is not wanted may be null.
    check(unsafe { GetDiskFreeSpaceExW(root.as_ptr(), &mut free_bytes, null_mut(), null_mut()) })?;
    // SAFETY: the root ends with a zero.
    let is_remote = unsafe { GetDriveTypeW(root.as_ptr()) } == REMOTE;
    let mut name = [0_u16; 32];
    let (at, length) = (name.as_mut_ptr(), name.len() as u32);
    // SAFETY: as above, and what has no name leaves the buffer as it is.
    unsafe {
        let no = null_mut();
        GetVolumeInformationW(root.as_ptr(), null_mut(), 0, no, null_mut(), null_mut(), at, length);
    }
    let name = String::from_utf16_lossy(&name);
    let kind = match name.trim_end_matches('\0') {
        _ if is_remote => Some("a network drive"),
        "NTFS" => Some("NTFS"),
        "ReFS" => Some("ReFS"),
        "FAT" | "FAT32" => Some("FAT"),
        "exFAT" => Some("exFAT"),
        _ => None,
    };
    Ok(super::Disk { kind, free_bytes, free_files: u64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolved_path_is_named_as_users_name_it_where_that_means_the_same() {
        let usual = |path: &str| as_usual(path.into()).into_os_string().into_string().expect("is text");
        assert_eq!(usual(r"\\?\C:\Users\me\.cargo\bin\kache.exe"), r"C:\Users\me\.cargo\bin\kache.exe");
        assert_eq!(usual(r"\\?\Z:\"), r"Z:\");
        let long = format!(r"\\?\C:\{}", "a".repeat(257));
        let stay = [
            r"C:\Users",
            r"\\?\UNC\server\share\a",
            r"\\?\Volume{1}\a",
            r"\\?\C:\a.\b",
            r"\\?\C:\a \b",
            r"\\?\C:\nul",
            r"\\?\C:\a\com1.txt",
            &long,
        ];
        for path in stay {
            assert_eq!(usual(path), path);
        }
        assert_eq!(usual(&long[..long.len() - 1]), long[4..long.len() - 1]);
    }

    #[test]
    fn what_is_resolved_is_equal_to_what_was_named() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let resolved = super::super::canonical(dir.path()).expect("is there");
        assert!(
            matches!(resolved.components().next(), Some(Component::Prefix(prefix)) if !prefix.kind().is_verbatim())
        );
    }

    #[test]
    fn a_sign_of_life_changes_the_identity_and_not_the_time_of_modification() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("file");
        std::fs::write(&path, "content").expect("writes");
        let hour_ago = SystemTime::now() - std::time::Duration::from_secs(3600);
        let file = File::options().write(true).open(&path).expect("opens");
        file.set_times(FileTimes::new().set_created(hour_ago)).expect("sets the time");
        drop(file);
        let before = Identity::at(&path).expect("is there");
        if std::fs::metadata(&path)
            .and_then(|known| known.created())
            .is_ok_and(|created| created > hour_ago + std::time::Duration::from_secs(60))
        {
            eprintln!("skipped: times of creation are not kept here");
            return;
        }
        super::super::renew(&path).expect("renews");
        let after = Identity::at(&path).expect("is there");
        assert_eq!(after.modified_ns, before.modified_ns);
        assert!(after.changed_ns > before.changed_ns);
        touch(&path).expect("touches");
        assert!(Identity::at(&path).expect("is there").modified_ns > before.modified_ns);
    }
}
