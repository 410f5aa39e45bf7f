//! Observation by a seccomp filter with a listener; see the parent module.
//!
//! ```text
//! this process                         child
//! make filter, sockets; start thread
//! fork ──────────────────────────────▶ put itself under the filter → listener
//! thread: take listener  ◀───────────  send it, and where a text is in its memory
//!         read that text: can it?
//!         answer ───────────────────▶  exec          (or: fail; the caller starts it again, unobserved)
//!         note each call, answer "go on" …
//!         first call of another process: fork a keeper, which answers if this process dies
//! wait for the child
//! finish: stop the thread, the keeper  (or: leave the answers to the keeper)
//! ```

mod calls;
mod filter;
mod keeper;
mod listener;
mod memory;
mod own;
mod privileges;
mod recorder;
mod resolve;
mod shared;
mod supervisor;

#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use super::{Abandoned, Conditions, Failed, Observation, Scope, Trial};
use crate::sys::process::{self, Start};
use filter::Prepared;
pub use privileges::has_privileges;
use supervisor::Refusal;

/// An observation that goes on.
pub struct Watching {
    thread: JoinHandle<Observation>,
    /// Closed to say that the child has ended.
    stop: UnixStream,
}

impl Watching {
    /// Ends it, and answers what was seen; to be called when the child has been waited for. All its calls are noted by
    /// then: none went on before it was.
    pub fn finish(self) -> Observation {
        drop(self.stop);
        self.thread.join().unwrap_or_else(|_| Observation {
            incomplete: Some("the observer failed".to_owned()),
            ..Observation::default()
        })
    }
}

/// Starts `program` under observation, and else as [`process::spawn_piped`] does.
///
/// # Errors
/// Nothing has run.
pub fn spawn_piped(
    start: Start<'_>,
    scope: Scope,
    abandoned: &Abandoned,
) -> Result<(Child, Watching), Failed> {
    spawn_watched(process::piped(start), scope, abandoned)
}

/// Whether programs can be observed here: tried with a child that ends before it becomes any program.
pub fn try_it() -> Trial {
    // A directory cannot be executed: the child gets as far as that, and no further.
    match start_watched(Command::new("/"), Scope::All, &Abandoned::default()) {
        Err(NotStarted::Start(e)) => {
            Trial { is_possible: true, is_lasting: e.kind() == io::ErrorKind::PermissionDenied }
        }
        Err(NotStarted::Refused(why)) => Trial { is_possible: false, is_lasting: !why.is_passing() },
        Err(NotStarted::Short(_)) | Ok(_) => Trial { is_possible: false, is_lasting: false },
    }
}

/// `None` where the system does not tell.
pub fn conditions() -> Option<Conditions> {
    const DECIDING: [&str; 5] = ["Uid:", "CapEff:", "NoNewPrivs:", "Seccomp:", "Seccomp_filters:"];
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned();
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mut process = String::new();
    for line in status.lines().filter(|line| DECIDING.iter().any(|name| line.starts_with(name))) {
        process += line;
        process.push('\n');
    }
    for namespace in ["mnt", "pid", "user"] {
        let link = std::fs::read_link(format!("/proc/self/ns/{namespace}")).ok()?;
        process += &format!("{}\n", link.display());
    }
    // Not every kernel has them.
    for file in ["/proc/self/attr/current", "/proc/sys/kernel/yama/ptrace_scope"] {
        process += &std::fs::read_to_string(file).unwrap_or_default();
        process.push('\n');
    }
    Some(Conditions { boot, process })
}

#[cfg(test)]
fn spawn(command: Command, scope: Scope) -> Result<(Child, Watching), Failed> {
    spawn_watched(command, scope, &Abandoned::default())
}

fn spawn_watched(command: Command, scope: Scope, abandoned: &Abandoned) -> Result<(Child, Watching), Failed> {
    start_watched(command, scope, abandoned).map_err(|error| match error {
        NotStarted::Short(e) => Failed::Unobservable(e.to_string()),
        NotStarted::Refused(why) => Failed::Unobservable(why.to_string()),
        NotStarted::Start(e) => Failed::Start(e),
    })
}

/// Why nothing was started.
enum NotStarted {
    /// There is no room for the observation.
    Short(io::Error),
    /// The child cannot be observed.
    Refused(Refusal),
    /// The program itself cannot be started.
    Start(io::Error),
}

fn start_watched(
    mut command: Command,
    scope: Scope,
    abandoned: &Abandoned,
) -> Result<(Child, Watching), NotStarted> {
    let (ours, theirs) = UnixStream::pair().map_err(NotStarted::Short)?;
    let (stop, stopped) = UnixStream::pair().map_err(NotStarted::Short)?;
    let (say, verdict) = channel();
    let abandoned = Abandoned::clone(abandoned);
    let thread = std::thread::Builder::new()
        .name("observer".to_owned())
        .spawn(move || supervisor::supervise(&ours, &stopped, &say, scope, abandoned))
        .map_err(NotStarted::Short)?;
    enter_before_exec(&mut command, Prepared::new(theirs.as_raw_fd(), scope));
    let child = command.spawn();
    // If the child died before it said anything, the thread notices by this.
    drop(theirs);
    match child {
        Ok(child) => Ok((child, Watching { thread, stop })),
        Err(error) => {
            drop(stop);
            let _ = thread.join();
            Err(refused(&verdict).map_or(NotStarted::Start(error), NotStarted::Refused))
        }
    }
}

/// Why the child was not observed, if that is why it was not started.
fn refused(verdict: &Receiver<Result<(), Refusal>>) -> Option<Refusal> {
    verdict.try_recv().ok().and_then(Result::err)
}

fn enter_before_exec(command: &mut Command, prepared: Prepared) {
    #[expect(unsafe_code, reason = "only the child can put itself under a filter")]
    // SAFETY: `enter` only makes calls that may be made between fork and exec: it takes no lock and no memory, and
    // what it uses was made before and lives as long as the command.
    unsafe {
        command.pre_exec(move || prepared.enter());
    }
}
