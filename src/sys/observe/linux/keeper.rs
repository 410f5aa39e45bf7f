//! The keeper: a process that answers calls when the observer no longer does. It records nothing, holds only the
//! listener and the end of a pipe, and ends with the last observed program.
//!
//! It stands by from the first observed call of any process but the child: before that call is answered, the keeper is
//! there. It is not needed earlier, because the child is killed when this process dies. The pipe is closed when this
//! process leaves it the answers, and when it dies. A call that this process had taken up by then is found in the
//! memory that both share ([`Listener::go_on_with_last`]).
//!
//! Nobody waits for the keeper. If it cannot be started, or is killed, observing goes on without it. If it is stopped,
//! so are those that only it would answer.

use std::io::{self, PipeWriter};
use std::os::fd::{AsRawFd as _, RawFd};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::listener::{Listener, Woken};
use super::privileges::is_running;
use crate::sys::defence;

/// Whether a keeper is needed, and is there.
pub(super) struct Standby {
    child: i32,
    /// Threads of the child that are known.
    threads: Vec<i32>,
    state: KeeperState,
}

enum KeeperState {
    /// Only the child has made calls.
    NotNeeded,
    Ready(Keeper),
    /// No process or no pipe could be made. It is not tried again: the observed programs would wait for that.
    Impossible,
}

impl Standby {
    pub(super) fn new(child: i32) -> Standby {
        Standby { child, threads: vec![child], state: KeeperState::NotNeeded }
    }

    /// To be called before a call of `thread` is answered. Starts a keeper if that is the first one of another process
    /// than the child.
    pub(super) fn prepare(&mut self, listener: &mut Listener, thread: i32, executes: bool) {
        if defence::stands("a-killed-wrapper-stops-nobody")
            && matches!(self.state, KeeperState::NotNeeded)
            && self.is_of_another(thread, executes)
        {
            self.state = Keeper::start(listener).map_or(KeeperState::Impossible, KeeperState::Ready);
        }
    }

    /// The number of a thread that has ended may be that of another process later. If that becomes a program, it is
    /// noticed then.
    fn is_of_another(&mut self, thread: i32, executes: bool) -> bool {
        let is_known = self.threads.contains(&thread);
        if is_known && !executes {
            return false;
        }
        let is_another = !is_thread_of(self.child, thread);
        if !is_another && !is_known {
            self.threads.push(thread);
        }
        is_another
    }

    /// Ends the keeper: nobody is left who could make a call.
    pub(super) fn end(self) {
        if let KeeperState::Ready(keeper) = self.state {
            keeper.end();
        }
    }

    /// Leaves all answers from now on to a keeper, of which there may be none yet, or none any more. If none can be
    /// started, the listener is closed: there is no room for any process then.
    pub(super) fn leave(self, mut listener: Listener) {
        match self.state {
            KeeperState::Ready(keeper) if is_running(keeper.process.as_raw_nonzero().get()) => {
                keeper.take_over();
            }
            _ => drop(fork(&mut listener, None)),
        }
    }
}

/// In doubt it is not.
fn is_thread_of(process: i32, thread: i32) -> bool {
    #[expect(unsafe_code, reason = "std asks for no thread by its number")]
    // SAFETY: the call takes numbers only; without a signal it only looks.
    let result = unsafe { libc::syscall(libc::SYS_tgkill, process, thread, 0) };
    result == 0
}

/// A keeper that waits.
pub(super) struct Keeper {
    process: Pid,
    /// Nothing is ever written. Only this process holds it, so it is closed when this process dies.
    alive: PipeWriter,
}

impl Keeper {
    pub(super) fn start(listener: &mut Listener) -> io::Result<Keeper> {
        let (until, alive) = io::pipe()?;
        let process = fork(listener, Some(until.as_raw_fd()))?;
        Ok(Keeper { process, alive })
    }

    /// Has it answer from now on.
    pub(super) fn take_over(self) {
        drop(self.alive);
    }

    /// Ends it, even if it is stopped, and leaves no trace of it: where this process is the first of a container,
    /// nobody else waits for the dead.
    fn end(self) {
        let _ = kill_process(self.process, Signal::KILL);
        while matches!(waitpid(Some(self.process), WaitOptions::empty()), Err(Errno::INTR)) {}
    }
}

/// Makes a process that answers when the pipe `until` is closed, or at once.
fn fork(listener: &mut Listener, until: Option<RawFd>) -> io::Result<Pid> {
    #[expect(unsafe_code, reason = "std only starts other programs")]
    // SAFETY: between here and its end the child only makes calls to the kernel, on memory that was made before: it
    // takes no lock, whatever other threads held one when it was made.
    let process = unsafe { libc::fork() };
    if process == 0 {
        keep(listener, until);
    }
    Pid::from_raw(process).filter(|_| process > 0).ok_or_else(io::Error::last_os_error)
}

fn keep(listener: &mut Listener, until: Option<RawFd>) -> ! {
    leave_all_but(listener.descriptor(), until.unwrap_or(listener.descriptor()));
    if let Some(until) = until {
        wait_for_end_of(until);
    }
    if defence::stands("calls-that-were-taken-up") {
        listener.go_on_with_last();
    }
    loop {
        match listener.wait(None, -1) {
            Woken::Call => {
                if let Some(call) = listener.receive() {
                    listener.go_on(call.id);
                }
            }
            Woken::Nothing => {}
            Woken::Over | Woken::Other | Woken::Timeout => break,
        }
    }
    #[expect(unsafe_code, reason = "what std does at the end is not for a copy of a process")]
    // SAFETY: ends this process, in which nothing else runs.
    unsafe {
        libc::_exit(0)
    }
}

/// Leaves everything of the build but two descriptors.
fn leave_all_but(one: RawFd, other: RawFd) {
    let (first, second) = (one.min(other) as libc::c_uint, one.max(other) as libc::c_uint);
    #[expect(unsafe_code, reason = "std cannot close what it does not know")]
    // SAFETY: nobody else in this process uses any descriptor but these two, which stay open. A pipe of a jobserver, a
    // stream or a lock that stayed open would hold up the build.
    unsafe {
        libc::setsid();
        libc::chdir(c"/".as_ptr());
        libc::prctl(libc::PR_SET_NAME, c"kache-observer".as_ptr(), 0, 0, 0);
        for (start, end) in [(0, first), (first + 1, second), (second + 1, libc::c_uint::MAX)] {
            let end = if defence::stands("pipes-of-make-are-let-go") { end } else { end.min(3) };
            if start < end {
                close_range(start, end - 1);
            }
        }
    }
}

/// Waits until nobody holds the other end of a pipe, to which nobody writes.
fn wait_for_end_of(pipe: RawFd) {
    let mut byte = 0_u8;
    loop {
        #[expect(unsafe_code, reason = "a descriptor by its number")]
        // SAFETY: `byte` is a live byte.
        let n_read = unsafe { libc::read(pipe, (&raw mut byte).cast(), 1) };
        if n_read >= 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}

#[expect(unsafe_code, reason = "descriptors by number")]
/// # Safety
/// Nothing uses these descriptors.
unsafe fn close_range(first: libc::c_uint, last: libc::c_uint) {
    // SAFETY: the caller promises that nothing uses them; a number that is not open is no harm.
    unsafe {
        if libc::syscall(libc::SYS_close_range, first, last, 0) != 0 {
            let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
            let end = u64::from(last).min(limit.rlim_cur);
            for number in u64::from(first)..=end {
                libc::close(number as libc::c_int);
            }
        }
    }
}
