//! Observes which files a program and its descendants read, list, execute, probe and write, without privileges and
//! without their help. The program runs as it would without observation.
//!
//! On Linux a seccomp filter hands each call that names a file to a thread of this process (user notification), which
//! notes it and lets it continue: the program makes the call itself, with the same result. On other systems, and where a
//! sandbox forbids it, the result is [`Failed::Unobservable`] with the reason, and nothing has run.
//!
//! # What it changes for the program
//!
//! Without the privilege to filter (`CAP_SYS_ADMIN`) the kernel demands `no_new_privs`, under which `sudo` and other
//! programs with privileges of their own run without them. So such a program is not started under observation: all
//! observed programs are ended, and the caller runs the compiler again, unobserved ([`Observation::privileged`]). With the
//! privilege to filter, `no_new_privs` is not set.
//!
//! A signal that arrives in the short time before a call is received interrupts it, as it would interrupt a slow device;
//! from then on only a fatal one does (Linux 5.19).
//!
//! # Descendants that live longer
//!
//! A call that nobody answers any more fails in the program with `ENOSYS`. So the listener stays open as long as any
//! descendant lives. As soon as a process besides the program itself makes a call, a small process, the keeper, is
//! forked, which holds the listener too. It answers when this process dies suddenly (`kill -9`, out of memory), and when
//! the program has ended and left others behind (a server that a macro has started); it ends with the last of them. The
//! program itself is killed with this process. An error while noting something never stops the answers; the observation
//! is then [incomplete](Observation::incomplete). What is left: a keeper that cannot be forked, or is itself killed,
//! before this process is killed; and a descendant that has made no observed call before that.
//!
//! # What cannot be seen
//!
//! Variables, time and randomness; what the kernel says of the machine and the process; what a server that was there
//! before reads when asked (being asked is seen: [`Observation::incomplete`]); what `binfmt_misc` starts beside the
//! program that is named. Ways to a file that calls do not show (`io_uring`, another root, mounts, handles) are noticed,
//! and make the observation incomplete; a table in `linux/calls.rs` says which calls are left alone.

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod elsewhere;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod linux;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::sys::fs::Identity;

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub use elsewhere::{Watching, conditions, has_privileges, spawn_piped, try_it};
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub use linux::{Watching, conditions, has_privileges, spawn_piped, try_it};

/// Which calls are observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All that a file can be reached by.
    #[default]
    All,
    /// All but the reading of links, which is half of what a compiler does: it asks of every directory above each file
    /// whether it is one. For a compiler that loads nobody's code, so that it is known to open what it has resolved, and
    /// under the name that it was given. If it starts a program, the observation is incomplete.
    AllButLinks,
}

/// Why a program was not started under observation.
#[derive(Debug)]
pub enum Failed {
    /// Programs cannot be observed here, for this reason.
    Unobservable(String),
    /// The program itself cannot be started.
    Start(io::Error),
}

/// Whether programs can be observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    pub is_possible: bool,
    /// It stays so as long as the [`Conditions`] do: nothing was short, such as memory or descriptors.
    pub is_lasting: bool,
}

/// What decides whether programs can be observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// The kernel that runs, since it was started.
    pub boot: String,
    /// User, privileges, filters, confinement and namespaces of this process.
    pub process: String,
}

/// Set when the observed programs are about to be ended because one of them would need privileges. What they print from
/// then on is no longer to be shown.
pub type Abandoned = Arc<AtomicBool>;

/// What was seen.
#[derive(Debug, Default)]
pub struct Observation {
    /// In the order of the first call for each path.
    pub accesses: Vec<Access>,
    /// The first thing that was done and could not be followed, or is no access to a file.
    pub incomplete: Option<String>,
    /// Which calls were observed.
    pub scope: Scope,
    /// How many calls were seen.
    pub n_calls: u64,
    /// A program with privileges of its own, which it would not have had under observation.
    pub privileged: Option<PathBuf>,
    /// A program was started that the observed programs had made themselves.
    pub started_own: bool,
    /// How many descendants' calls are answered by a process of its own from now on: whether there were any.
    pub left_behind: bool,
}

/// All that was done with one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Absolute, as it was spelled. Of a path that does not exist: up to the first name that is missing.
    pub path: PathBuf,
    /// Without symbolic links.
    pub real: PathBuf,
    /// What was there at the first call.
    pub found: PathState,
    pub uses: Uses,
}

/// What was at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathState {
    Absent,
    File(Identity),
    Directory(Identity),
    /// A symbolic link that was itself asked for, and what it says.
    Link(PathBuf),
    /// A device, a pipe, a socket.
    Other,
    /// It could not be looked at.
    Unknown(String),
}

/// What was done. Uses of what the observed programs had made themselves before are not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Opened for reading, given another name, or mixed with what is written to it.
    pub read: bool,
    /// The names in the directory were read.
    pub listed: bool,
    /// Started as a program.
    pub executed: bool,
    /// Asked whether it is there, and what it is.
    pub probed: bool,
    /// Asked whether it is a symbolic link.
    pub link_read: bool,
    /// Made, written, renamed to or from, or removed.
    pub written: bool,
}

impl Uses {
    /// Whether anything of what was there before decided what was done.
    pub fn depends(&self) -> bool {
        self.read || self.listed || self.executed || self.probed || self.link_read
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Uses) -> Uses {
        Uses {
            read: self.read || other.read,
            listed: self.listed || other.listed,
            executed: self.executed || other.executed,
            probed: self.probed || other.probed,
            link_read: self.link_read || other.link_read,
            written: self.written || other.written,
        }
    }
}
