//! Files on Unix.

use std::fs::{File, FileTimes, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Identity, OpenBelow, Untrusted};

pub(super) fn identity(metadata: &Metadata) -> Identity {
    Identity {
        device: metadata.dev(),
        inode: metadata.ino(),
        size: metadata.size(),
        modified_ns: metadata.mtime().wrapping_mul(1_000_000_000).wrapping_add(metadata.mtime_nsec()),
        changed_ns: metadata.ctime().wrapping_mul(1_000_000_000).wrapping_add(metadata.ctime_nsec()),
        executable: is_executable(metadata),
    }
}

/// Other programs take a path as the system answers it.
pub(super) fn as_usual(path: PathBuf) -> PathBuf {
    path
}

/// The system itself keeps the time of the last change.
pub(super) fn with_change(times: FileTimes, _now: SystemTime) -> FileTimes {
    times
}

/// Opening must not wait for the other end of a pipe. Reading and writing regular files stays as it is.
pub(in crate::sys) fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
    options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
}

/// Neither waits, nor follows a link: what is made is made in its own directory, for this user unless kache's files are
/// shared.
pub(in crate::sys) fn in_place(options: &mut OpenOptions) -> &mut OpenOptions {
    use rustix::fs::OFlags;
    options.mode(private_mode());
    options.custom_flags((OFlags::NONBLOCK | OFlags::NOFOLLOW).bits() as i32)
}

/// Whether any execute bit is set.
pub fn is_executable(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & 0o111 != 0
}

/// What a file takes on the disk.
pub fn disk_bytes(metadata: &Metadata) -> u64 {
    metadata.blocks() * 512
}

/// How many names a file has.
pub fn n_names(metadata: &Metadata) -> u64 {
    metadata.nlink()
}

/// The new file gets the mode that the compiler's own would get: what the umask leaves of 0777 or 0666.
pub(super) fn create_new(path: &Path, executable: bool) -> io::Result<File> {
    let mode = if executable { 0o777 } else { 0o666 };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

/// The mode of kache's own files, of which the umask may take more away.
fn private_mode() -> u32 {
    if super::private::is_shared() { 0o666 } else { 0o600 }
}

/// A new file for this user alone, unless kache's files are shared.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(private_mode()).open(path)
}

/// Opens the file `name` in `dir`: to append to it, or to read and write. Neither may be a link.
pub(super) fn open_below(dir: &Path, name: &Path, how: OpenBelow) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, open, openat};
    let kept = OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let dir = open(dir, kept | OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
    let mode = Mode::from_raw_mode(private_mode() as _);
    let access = match how {
        OpenBelow::Append => OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE,
        OpenBelow::Table => OFlags::RDWR | OFlags::CREATE,
        OpenBelow::Existing => OFlags::RDWR,
    };
    Ok(File::from(openat(&dir, name, kept | access, mode)?))
}

/// Whether two files have the same mode, owner and group. Of a program, what makes it one is left out of its mode.
pub fn has_same_access(a: &Metadata, b: &Metadata, is_program: bool) -> bool {
    let left_out = if is_program { 0o111 } else { 0 };
    (mode(a) & !left_out, a.uid(), a.gid()) == (mode(b) & !left_out, b.uid(), b.gid())
}

/// Whether it is this user's, who can read and write it.
pub(super) fn is_usable(metadata: &Metadata) -> bool {
    is_own(metadata) && metadata.mode() & 0o600 == 0o600
}

/// Why a file or directory is not only this user's to change.
pub(super) fn distrust(metadata: &Metadata) -> Option<&'static str> {
    let owner = metadata.uid();
    if owner != 0 && owner != rustix::process::geteuid().as_raw() {
        Some("it belongs to another user")
    } else if metadata.mode() & 0o022 != 0 {
        Some("other users can write to it")
    } else {
        None
    }
}

/// Nobody keeps a file from being replaced here.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

#[cfg(target_os = "linux")]
pub(super) fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Reads at a position.
pub fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    file.read_at(buffer, position)
}

/// Writes at a position.
pub fn write_at(file: &File, bytes: &[u8], position: u64) -> io::Result<usize> {
    file.write_at(bytes, position)
}

/// Sets both times to the kernel's write clock, the one that the next write will be stamped with. A precise
/// clock runs ahead of it by up to a tick.
pub fn touch(path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

pub(super) fn set_modified(path: &Path, time: SystemTime) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, utimensat};
    let since = time.duration_since(SystemTime::UNIX_EPOCH).map_err(io::Error::other)?;
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: since.as_secs() as i64, tv_nsec: since.subsec_nanos() as _ },
    };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Whether files on the file system of `path` may be cloned. A guess from its type: cloning itself can still fail.
#[cfg(target_os = "linux")]
#[allow(clippy::unnecessary_cast, reason = "the type of `f_type` differs between targets")]
pub fn clones_files(path: &Path) -> bool {
    // From linux/magic.h: BTRFS_SUPER_MAGIC, XFS_SUPER_MAGIC, BCACHEFS_SUPER_MAGIC; OpenZFS's sys/zfs_vfsops.h.
    const CLONING: [i64; 4] = [0x9123_683e, 0x5846_5342, 0xca45_1a4e, 0x2fc1_2fc1];
    rustix::fs::statfs(path).is_ok_and(|stat| CLONING.contains(&(stat.f_type as i64)))
}

/// Whether files on the file system of `path` may be cloned: APFS is what macOS runs on.
#[cfg(not(target_os = "linux"))]
pub fn clones_files(_path: &Path) -> bool {
    cfg!(target_os = "macos")
}

#[cfg(target_os = "linux")]
pub(super) fn clone_into(from: &File, to: &File) -> io::Result<()> {
    Ok(rustix::fs::ioctl_ficlone(to, from)?)
}

/// On macOS `fs::copy` clones; here both files are open already, so the copy is an ordinary one.
#[cfg(not(target_os = "linux"))]
pub(super) fn clone_into(mut from: &File, mut to: &File) -> io::Result<()> {
    io::copy(&mut from, &mut to).map(drop)
}

/// A file that is being run can be replaced: who runs it keeps the old one.
pub(super) const PROGRAMS_IN_USE_STAY: bool = false;

/// The permission bits.
pub fn mode(metadata: &Metadata) -> u32 {
    metadata.permissions().mode() & 0o7777
}

/// Whether this user may change what is at `path`, as the system sees it.
pub fn is_writable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

/// A new file that nobody else can read yet.
pub(super) fn create_with_mode(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(mode & 0o700).open(path)
}

/// Gives a file the mode, and the owner of the file that it will replace.
pub(super) fn set_mode_and_owner(
    file: &File,
    _path: &Path,
    mode: u32,
    before: Option<&Metadata>,
) -> io::Result<()> {
    let own = file.metadata()?;
    if let Some(before) = before
        && (before.uid(), before.gid()) != (own.uid(), own.gid())
    {
        std::os::unix::fs::fchown(file, Some(before.uid()), Some(before.gid()))?;
    }
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

pub(super) fn symlink(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

pub(super) fn create_private_dir_all(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Checks that nobody but this user and root can put another file in the place of the one at `path`: of each directory
/// on the way there, that it belongs to one of them, and that others can write to it only if it is sticky (like
/// `/tmp`). A group that is this user's own, as many systems make one for each user, counts as the user.
///
/// # Errors
/// The directory that others can write to, and how to make it safe.
pub fn trusted_directories(path: &Path) -> Result<(), Untrusted> {
    let canonical = std::fs::canonicalize(path).map_err(|e| Untrusted::new(path, e))?;
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    for dir in canonical.ancestors().skip(1) {
        let metadata = std::fs::metadata(dir).map_err(|e| Untrusted::new(dir, e))?;
        let is_own_group = metadata.gid() == gid && gid == uid;
        let others = if is_own_group { 0o002 } else { 0o022 };
        if metadata.uid() != uid && metadata.uid() != 0 {
            return Err(Untrusted::new(dir, "belongs to another user"));
        } else if metadata.mode() & others != 0 && metadata.mode() & 0o1000 == 0 {
            return Err(Untrusted::new(dir, "can be written by other users; `chmod go-w` makes it safe"));
        }
    }
    Ok(())
}

/// Whether the file at `path` may be run in this user's name without asking: it is this user's or root's, and nobody
/// else can write to it, or replace it.
pub fn trusted_program(path: &Path) -> Result<(), Untrusted> {
    let metadata = std::fs::metadata(path).map_err(|e| Untrusted::new(path, e))?;
    let own = rustix::process::geteuid().as_raw();
    if !metadata.is_file() || metadata.mode() & 0o111 == 0 {
        Err(Untrusted::new(path, "is not a program"))
    } else if metadata.uid() != own && metadata.uid() != 0 {
        Err(Untrusted::new(path, "belongs to another user"))
    } else if metadata.mode() & 0o022 != 0 {
        Err(Untrusted::new(path, "can be written by other users; `chmod go-w` makes it safe"))
    } else {
        trusted_directories(path)
    }
}

/// A pipe with a name.
#[cfg(all(test, target_os = "linux"))]
pub(super) fn make_pipe(path: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    Ok(mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?)
}

pub(super) fn copy_link(from: &Path, to: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(std::fs::read_link(from)?, to)
}

pub(super) fn make_dir_writable(dir: &Path) -> io::Result<()> {
    let metadata = std::fs::symlink_metadata(dir)?;
    let mode = metadata.permissions().mode();
    if !metadata.is_dir() || mode & 0o700 == 0o700 {
        return Ok(());
    }
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(mode | 0o700))
}

/// A directory keeps its place in the tree while files in it are open.
pub const RENAMES_WITH_OPEN_FILES: bool = true;

/// Whether the file belongs to the user of this process.
pub fn is_own(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.uid() == rustix::process::geteuid().as_raw()
}

/// Whether a file belongs to the user of this process, to root, or to the owner of the directory `project`.
pub fn is_of_project(metadata: &Metadata, project: &Path) -> bool {
    is_own(metadata)
        || metadata.uid() == 0
        || std::fs::metadata(project).is_ok_and(|project| project.uid() == metadata.uid())
}

/// What the file system that holds `path` is like.
pub fn disk(path: &Path) -> io::Result<super::Disk> {
    let free = rustix::fs::statvfs(path)?;
    Ok(super::Disk {
        kind: disk_kind(path),
        free_bytes: free.f_bavail.saturating_mul(free.f_frsize),
        free_files: if free.f_files == 0 { u64::MAX } else { free.f_favail },
    })
}

/// By the numbers in Linux's `statfs(2)`.
#[cfg(target_os = "linux")]
fn disk_kind(path: &Path) -> Option<&'static str> {
    let found = rustix::fs::statfs(path).ok()?;
    Some(match found.f_type as u32 {
        0x6969 => "NFS",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x0102_1997 => "9p",
        0x6573_5546 => "FUSE",
        0x794c_7630 => "overlay",
        0x0102_1994 => "tmpfs",
        0x4d44 => "FAT",
        0x2011_bab0 => "exFAT",
        0xef53 => "ext4",
        0x9123_683e => "btrfs",
        0x5846_5342 => "XFS",
        0x2fc1_2fc1 => "ZFS",
        _ => return None,
    })
}

/// By the names in macOS' `statfs(2)`.
#[cfg(target_os = "macos")]
fn disk_kind(path: &Path) -> Option<&'static str> {
    let found = rustix::fs::statfs(path).ok()?;
    let name: Vec<u8> = found.f_fstypename.iter().map(|c| *c as u8).take_while(|c| *c != 0).collect();
    Some(match name.as_slice() {
        b"nfs" => "NFS",
        b"smbfs" | b"cifs" => "SMB",
        b"afpfs" => "AFP",
        b"webdav" => "WebDAV",
        b"macfuse" | b"osxfuse" => "FUSE",
        b"tmpfs" => "tmpfs",
        b"msdos" => "FAT",
        b"exfat" => "exFAT",
        b"hfs" => "HFS+",
        b"apfs" => "APFS",
        _ => return None,
    })
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn disk_kind(_path: &Path) -> Option<&'static str> {
    None
}
