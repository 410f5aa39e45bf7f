//! The calls that are observed, and where in their arguments the paths are.
//!
//! Of what names a file or gets at one in another way, these are left alone:
//!
//! | calls | because |
//! |---|---|
//! | on what is open (`fstat`, `fchmod`, `ioctl`, …) | it was noted when it was opened. Their user attributes are looked at like those of a path |
//! | `unshare`, `clone` with `CLONE_NEWNS` | a copy of all mounts is as good as they are: to change it takes a mount |
//! | `memfd_create`, pipes, `socketpair` | what is in them came from the observed programs |
//! | `io_uring_enter` | nobody has a ring without having made it |
//! | `accept`, `sendmsg`, `recvmsg` | a socket that leads outside was connected, or bound |
//! | `msgget` | fakeroot asks by it who owns a file, at every look at one; nothing else is known to ask by it |
//! | `ptrace`, `process_vm_readv` | the memory of a process, like `/proc`, is the state of a machine in one moment |
//! | `statmount`, `listmount`, `quotactl`, `sysinfo`, `uname` | so is this |
//! | `uselib`, `acct`, `swapon`, `kexec_load` | for administrators, or gone from kernels |

use libc::c_long;

use super::super::Scope;
use crate::sys::defence;

/// What a call does with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Read,
    /// Opened to change what is there; what is not overwritten stays.
    ReadWrite,
    /// Opened to write at places, or to append.
    Write,
    /// Everything that was there is gone.
    Truncate,
    /// Opened for reading, and made if it was missing.
    ReadOrCreate,
    Probe,
    ProbeLink,
    Execute,
    List,
    /// Made as something new.
    Create,
    /// The same, and a symbolic link.
    CreateLink,
    /// Takes the place of what was there.
    Replace,
    Remove,
    /// What was there gets another name; this is the old one.
    Source,
    /// Its mode, owner, times or attributes are set.
    Change,
    /// The same, and a symbolic link is not followed.
    ChangeLink,
    /// Its attributes are read, which are neither content nor what is there.
    Attributes,
    /// The same, and a symbolic link is not followed.
    AttributesOfLink,
}

/// A path in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Touch {
    /// What a relative path is counted from: a descriptor, or `AT_FDCWD`.
    pub(super) dir: i32,
    /// Where the path is in the memory of the caller; `None`: the descriptor itself.
    pub(super) path: Option<u64>,
    pub(super) how: How,
}

/// A call, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    One(Touch),
    Two(Touch, Touch),
    /// `openat2`: the path, and where its flags are.
    Open2 {
        dir: i32,
        path: u64,
        how: u64,
    },
    /// Nothing that could be read.
    Harmless,
    /// Connects to the address at this place, of this length.
    Connect(u64, u64),
    /// Asks for the attribute whose name is at this place.
    Attribute(Touch, u64),
    /// Can be asked at the address at this place, of this length.
    Bind(u64, u64),
    /// After this, calls no longer show what the caller does.
    Escape(&'static str),
}

/// Calls on all architectures.
const COMMON: &[c_long] = &[
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_chdir,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_getdents64,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_unlinkat,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_truncate,
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_io_uring_setup,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    OPEN_TREE_ATTR,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_move_mount,
    libc::SYS_mount,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_setns,
    libc::SYS_umount2,
    libc::SYS_mount_setattr,
    libc::SYS_statfs,
    libc::SYS_inotify_add_watch,
    libc::SYS_fanotify_init,
    libc::SYS_name_to_handle_at,
    libc::SYS_fchmodat,
    FCHMODAT2,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    SETXATTRAT,
    REMOVEXATTRAT,
    FILE_SETATTR,
    libc::SYS_getxattr,
    libc::SYS_lgetxattr,
    libc::SYS_fgetxattr,
    libc::SYS_listxattr,
    libc::SYS_llistxattr,
    libc::SYS_flistxattr,
    GETXATTRAT,
    LISTXATTRAT,
    FILE_GETATTR,
    libc::SYS_bind,
    libc::SYS_pidfd_getfd,
    libc::SYS_mq_open,
    libc::SYS_shmget,
    libc::SYS_keyctl,
    libc::SYS_request_key,
];

/// Calls that only the older architecture has.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_open,
    libc::SYS_creat,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_getdents,
    libc::SYS_rename,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_unlink,
    libc::SYS_rmdir,
    libc::SYS_mkdir,
    libc::SYS_mknod,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
];
#[cfg(target_arch = "aarch64")]
const OLDER: &[c_long] = &[];

#[cfg(target_arch = "x86_64")]
const READ_LINK: &[c_long] = &[libc::SYS_readlink, libc::SYS_readlinkat];
#[cfg(target_arch = "aarch64")]
const READ_LINK: &[c_long] = &[libc::SYS_readlinkat];

/// All observed calls.
pub(super) fn observed(scope: Scope) -> impl Iterator<Item = u32> {
    let numbers = COMMON.iter().chain(OLDER);
    numbers
        .filter(move |number| scope == Scope::All || !READ_LINK.contains(number))
        .map(|number| *number as u32)
}

/// Descriptors and flags are `int`: the kernel looks at the lower half only.
fn int(argument: u64) -> i32 {
    argument as i32
}

fn at(dir: u64, path: u64, how: How) -> Touch {
    Touch { dir: int(dir), path: Some(path), how }
}

fn probe(flags: u64) -> How {
    if int(flags) & libc::AT_SYMLINK_NOFOLLOW == 0 { How::Probe } else { How::ProbeLink }
}

fn change(dir: u64, path: u64, flags: u64) -> Call {
    let follows = int(flags) & libc::AT_SYMLINK_NOFOLLOW == 0;
    Call::One(at(dir, path, if follows { How::Change } else { How::ChangeLink }))
}

fn read_attributes(flags: u64) -> How {
    if int(flags) & libc::AT_SYMLINK_NOFOLLOW == 0 { How::Attributes } else { How::AttributesOfLink }
}

/// What the call `number` with these arguments does.
pub(super) fn understand(number: c_long, args: &[u64; 6]) -> Call {
    let [a, b, c, d, e, _] = *args;
    match number {
        libc::SYS_openat => Call::One(at(a, b, opened(c))),
        libc::SYS_openat2 => Call::Open2 { dir: int(a), path: b, how: c },
        libc::SYS_newfstatat => Call::One(at(a, b, probe(d))),
        libc::SYS_statx => Call::One(at(a, b, probe(c))),
        libc::SYS_faccessat => Call::One(at(a, b, How::Probe)),
        libc::SYS_faccessat2 => Call::One(at(a, b, probe(d))),
        libc::SYS_readlinkat => Call::One(at(a, b, How::ProbeLink)),
        // This call alone shows whether it is there.
        libc::SYS_chdir => Call::One(at(CWD, a, How::Probe)),
        libc::SYS_execve => Call::One(at(CWD, a, How::Execute)),
        libc::SYS_execveat => Call::One(at(a, b, How::Execute)),
        libc::SYS_getdents64 => Call::One(Touch { dir: int(a), path: None, how: How::List }),
        libc::SYS_renameat => Call::Two(at(a, b, How::Source), at(c, d, How::Replace)),
        libc::SYS_renameat2 if int(e) & RENAME_EXCHANGE != 0 => Call::Escape("exchanges two files"),
        libc::SYS_renameat2 => Call::Two(at(a, b, How::Source), at(c, d, How::Replace)),
        libc::SYS_linkat => Call::Two(at(a, b, How::Read), at(c, d, How::Create)),
        libc::SYS_symlinkat => Call::One(at(b, c, How::CreateLink)),
        libc::SYS_unlinkat => Call::One(at(a, b, How::Remove)),
        libc::SYS_mkdirat | libc::SYS_mknodat => Call::One(at(a, b, How::Create)),
        libc::SYS_truncate => Call::One(at(CWD, a, How::ReadWrite)),
        // A server may answer anything, with or without a connection.
        libc::SYS_socket => match int(a) {
            libc::AF_UNIX if int(b) & SOCKET_TYPE == libc::SOCK_DGRAM => {
                Call::Escape("asks a server without a connection")
            }
            libc::AF_UNIX | libc::AF_NETLINK => Call::Harmless,
            _ => Call::Escape("uses the network"),
        },
        libc::SYS_connect if !defence::stands("what-a-server-answers") => Call::Harmless,
        libc::SYS_connect => Call::Connect(b, c),
        libc::SYS_bind => Call::Bind(b, c),
        libc::SYS_statfs => Call::One(at(CWD, a, How::Probe)),
        libc::SYS_inotify_add_watch if int(c) & INOTIFY_NO_FOLLOW != 0 => {
            Call::One(at(CWD, b, How::ProbeLink))
        }
        libc::SYS_inotify_add_watch => Call::One(at(CWD, b, How::Probe)),
        libc::SYS_name_to_handle_at if int(e) & libc::AT_SYMLINK_FOLLOW == 0 => {
            Call::One(at(a, b, How::ProbeLink))
        }
        libc::SYS_name_to_handle_at => Call::One(at(a, b, How::Probe)),
        _ => attributes(number, args),
    }
}

/// Those about what is known of a file beside its content.
fn attributes(number: c_long, args: &[u64; 6]) -> Call {
    let [a, b, c, d, e, _] = *args;
    let of_open = Touch { dir: int(a), path: None, how: How::Attributes };
    match number {
        libc::SYS_fchmodat => change(a, b, 0),
        FCHMODAT2 | libc::SYS_utimensat => change(a, b, d),
        libc::SYS_fchownat => change(a, b, e),
        libc::SYS_setxattr | libc::SYS_removexattr => change(CWD, a, 0),
        libc::SYS_lsetxattr | libc::SYS_lremovexattr => change(CWD, a, NO_FOLLOW),
        SETXATTRAT | REMOVEXATTRAT => change(a, b, c),
        FILE_SETATTR => change(a, b, e),
        libc::SYS_getxattr => Call::Attribute(at(CWD, a, How::Attributes), b),
        libc::SYS_lgetxattr => Call::Attribute(at(CWD, a, How::AttributesOfLink), b),
        libc::SYS_fgetxattr => Call::Attribute(of_open, b),
        GETXATTRAT => Call::Attribute(at(a, b, read_attributes(c)), d),
        libc::SYS_listxattr => Call::One(at(CWD, a, How::Attributes)),
        libc::SYS_llistxattr => Call::One(at(CWD, a, How::AttributesOfLink)),
        libc::SYS_flistxattr => Call::One(of_open),
        LISTXATTRAT => Call::One(at(a, b, read_attributes(c))),
        FILE_GETATTR => Call::One(at(a, b, read_attributes(e))),
        _ => escapes(number, args),
    }
}

/// Calls after which reads can no longer be followed.
fn escapes(number: c_long, args: &[u64; 6]) -> Call {
    match number {
        libc::SYS_io_uring_setup if !defence::stands("rings-of-calls-are-refused") => Call::Harmless,
        libc::SYS_io_uring_setup => Call::Escape("uses io_uring"),
        libc::SYS_open_by_handle_at => Call::Escape("opens a file by its handle"),
        libc::SYS_open_tree | OPEN_TREE_ATTR | libc::SYS_fsopen | libc::SYS_fspick => Call::Escape("mounts"),
        libc::SYS_mount if !defence::stands("mounts-of-programs-are-refused") => Call::Harmless,
        libc::SYS_move_mount | libc::SYS_mount | libc::SYS_mount_setattr => Call::Escape("mounts"),
        libc::SYS_umount2 => Call::Escape("unmounts"),
        libc::SYS_chroot if !defence::stands("other-roots-are-refused") => Call::Harmless,
        libc::SYS_chroot | libc::SYS_pivot_root => Call::Escape("changes its root"),
        libc::SYS_setns => Call::Escape("enters another namespace"),
        // Its events carry open files.
        libc::SYS_fanotify_init => Call::Escape("watches what others open"),
        libc::SYS_pidfd_getfd => Call::Escape("takes a descriptor of another program"),
        libc::SYS_mq_open | libc::SYS_shmget => Call::Escape("shares memory by name"),
        libc::SYS_keyctl | libc::SYS_request_key => Call::Escape("asks for keys"),
        _ => older(number, args),
    }
}

const CWD: u64 = libc::AT_FDCWD as u64;
/// `SOCK_TYPE_MASK` in `include/linux/net.h`: the rest are flags.
const SOCKET_TYPE: i32 = 0xf;
const NO_FOLLOW: u64 = libc::AT_SYMLINK_NOFOLLOW as u64;
const INOTIFY_NO_FOLLOW: i32 = libc::IN_DONT_FOLLOW as i32;
/// Linux 6.6 to 6.17: the same numbers on all architectures.
const FCHMODAT2: c_long = 452;
const SETXATTRAT: c_long = 463;
const GETXATTRAT: c_long = 464;
const LISTXATTRAT: c_long = 465;
const REMOVEXATTRAT: c_long = 466;
const OPEN_TREE_ATTR: c_long = 467;
const FILE_GETATTR: c_long = 468;
const FILE_SETATTR: c_long = 469;
const RENAME_EXCHANGE: i32 = libc::RENAME_EXCHANGE as i32;

#[cfg(target_arch = "x86_64")]
fn path(path: u64, how: How) -> Touch {
    at(CWD, path, how)
}

#[cfg(target_arch = "x86_64")]
fn older(number: c_long, args: &[u64; 6]) -> Call {
    let [a, b, ..] = *args;
    match number {
        libc::SYS_open => Call::One(path(a, opened(b))),
        libc::SYS_creat => Call::One(path(a, How::Truncate)),
        libc::SYS_stat | libc::SYS_access => Call::One(path(a, How::Probe)),
        libc::SYS_lstat | libc::SYS_readlink => Call::One(path(a, How::ProbeLink)),
        libc::SYS_getdents => Call::One(Touch { dir: a as i32, path: None, how: How::List }),
        libc::SYS_rename => Call::Two(path(a, How::Source), path(b, How::Replace)),
        libc::SYS_link => Call::Two(path(a, How::Read), path(b, How::Create)),
        libc::SYS_symlink => Call::One(path(b, How::CreateLink)),
        libc::SYS_unlink | libc::SYS_rmdir => Call::One(path(a, How::Remove)),
        libc::SYS_mkdir | libc::SYS_mknod => Call::One(path(a, How::Create)),
        libc::SYS_chmod if !defence::stands("files-whose-mode-is-changed") => Call::Harmless,
        libc::SYS_chmod | libc::SYS_chown | libc::SYS_utime | libc::SYS_utimes => {
            Call::One(path(a, How::Change))
        }
        libc::SYS_lchown => Call::One(path(a, How::ChangeLink)),
        libc::SYS_futimesat => Call::One(Touch { dir: a as i32, path: Some(b), how: How::Change }),
        _ => Call::Escape("makes a call that is not understood"),
    }
}

#[cfg(target_arch = "aarch64")]
fn older(_number: c_long, _args: &[u64; 6]) -> Call {
    Call::Escape("makes a call that is not understood")
}

/// What a file is opened for.
pub(super) fn opened(flags: u64) -> How {
    let flags = int(flags);
    if has(flags, libc::O_PATH) {
        return if has(flags, libc::O_NOFOLLOW) { How::ProbeLink } else { How::Probe };
    }
    // A file without a name: what is named is the directory it is made in.
    if has(flags, libc::O_TMPFILE) || has(flags, libc::O_DIRECTORY) {
        return How::Probe;
    }
    match flags & libc::O_ACCMODE {
        _ if has(flags, libc::O_CREAT | libc::O_EXCL) => How::Create,
        _ if has(flags, libc::O_TRUNC) => How::Truncate,
        libc::O_RDONLY if has(flags, libc::O_CREAT) => How::ReadOrCreate,
        libc::O_RDONLY => How::Read,
        libc::O_WRONLY => How::Write,
        _ => How::ReadWrite,
    }
}

fn has(flags: i32, flag: i32) -> bool {
    flags & flag == flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_observed_call_is_understood() {
        for number in observed(Scope::All) {
            let call = understand(c_long::from(number as i32), &[0; 6]);
            assert_ne!(call, Call::Escape("makes a call that is not understood"), "{number}");
        }
    }

    #[test]
    fn a_socket_that_needs_no_connection_is_an_escape() {
        let socket =
            |family: i32, kind: i32| understand(libc::SYS_socket, &[family as u64, kind as u64, 0, 0, 0, 0]);
        let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        assert_eq!(socket(libc::AF_UNIX, libc::SOCK_STREAM | flags), Call::Harmless);
        assert!(matches!(socket(libc::AF_UNIX, libc::SOCK_DGRAM | flags), Call::Escape(_)));
        assert!(matches!(socket(libc::AF_INET, libc::SOCK_STREAM), Call::Escape(_)));
    }

    #[test]
    fn what_a_file_is_opened_for_is_told_by_its_flags() {
        let how = |flags: i32| opened(flags as u64);
        assert_eq!(how(libc::O_RDONLY | libc::O_CLOEXEC), How::Read);
        assert_eq!(how(libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC), How::Truncate);
        assert_eq!(how(libc::O_RDWR | libc::O_CREAT), How::ReadWrite);
        assert_eq!(how(libc::O_WRONLY | libc::O_APPEND), How::Write);
        assert_eq!(how(libc::O_RDWR | libc::O_TMPFILE), How::Probe);
        assert_eq!(how(libc::O_PATH | libc::O_NOFOLLOW), How::ProbeLink);
    }
}
