//! Descriptors that another program left open for this one: the socket of a service manager, and what one build of the
//! daemon passes on to the next.
//!
//! Not the crate `listenfd`, although it knows the protocol of service managers: it takes descriptors without
//! `LISTEN_PID`, which may be meant for another process; it does not see whether a descriptor was opened by this process
//! and so has an owner; and it changes the environment. Handing over needs descriptors by number anyway.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::path::Path;

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

use super::super::Endpoint;
use super::listener::Listener;
use crate::sys::env::Env;
use crate::sys::lock::{FileLock, RunLock};

/// The first descriptor that a service manager passes: see `sd_listen_fds(3)`.
const FIRST_PASSED: RawFd = 3;

/// The listening socket that a service manager passed to this process, if it did.
pub(in crate::sys::ipc) fn activated(env: &Env, endpoint: &Endpoint) -> io::Result<Option<Listener>> {
    let n_passed = number(env, "LISTEN_FDS").unwrap_or(0);
    if number(env, "LISTEN_PID") != Some(std::process::id()) || n_passed == 0 {
        return Ok(None);
    }
    Listener::from_descriptor(take_descriptor(FIRST_PASSED)?, endpoint, false).map(Some)
}

fn number(env: &Env, name: &str) -> Option<u32> {
    env.get(name)?.to_str()?.parse().ok()
}

/// Lets the next program in this process inherit the listener and the lock. Returns the text by which it finds them.
pub fn pass_on(listener: &Listener, lock: &RunLock) -> io::Result<String> {
    let lock = lock.held().ok_or_else(|| io::Error::other("the lock is still held by another program"))?;
    let (socket, file) = (listener.as_fd(), lock.file().as_fd());
    for descriptor in [socket, file] {
        fcntl_setfd(descriptor, fcntl_getfd(descriptor)? & !FdFlags::CLOEXEC)?;
    }
    let owner = if listener.is_own { "own" } else { "managed" };
    Ok(format!("{},{},{owner}", socket.as_raw_fd(), file.as_raw_fd()))
}

/// Undoes [`pass_on`] if there was no next program.
pub fn keep(listener: &Listener, lock: &RunLock) {
    let file = lock.held().map(|lock| lock.file().as_fd());
    for descriptor in [Some(listener.as_fd()), file].into_iter().flatten() {
        let _ = fcntl_getfd(descriptor).and_then(|flags| fcntl_setfd(descriptor, flags | FdFlags::CLOEXEC));
    }
}

/// Takes over what the previous program passed on.
pub(in crate::sys::ipc) fn take_over(
    text: &str,
    endpoint: &Endpoint,
    _lock: &Path,
) -> io::Result<(Listener, RunLock)> {
    let parts: Vec<&str> = text.split(',').collect();
    let &[socket, file, owner @ ("own" | "managed")] = parts.as_slice() else {
        return Err(io::Error::other(format!("{text:?} does not say what was passed on")));
    };
    let (Ok(socket), Ok(file)) = (socket.parse(), file.parse()) else {
        return Err(io::Error::other(format!("{text:?} names no descriptors")));
    };
    let lock = FileLock::try_from_file(std::fs::File::from(take_descriptor(file)?))?
        .ok_or_else(|| io::Error::other("the lock that was passed on is held by another program"))?;
    let listener = Listener::from_descriptor(take_descriptor(socket)?, endpoint, owner == "own")?;
    Ok((listener, RunLock::Held(lock)))
}

/// Takes the descriptor `number`, which another program left open for this one. A descriptor that this process opened
/// has an owner and is refused. It is told by its close-on-exec flag: everything in this program is opened with it, and
/// what was inherited cannot have had it.
fn take_descriptor(number: RawFd) -> io::Result<OwnedFd> {
    if number <= 2 {
        return Err(io::Error::other(format!("descriptor {number} is a standard stream")));
    }
    #[expect(unsafe_code, reason = "a number is all that a program gets of what was passed on to it")]
    // SAFETY: only asked for its flags; if it is not open, the call fails with EBADF.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let flags = fcntl_getfd(borrowed)?;
    if flags.contains(FdFlags::CLOEXEC) {
        return Err(io::Error::other(format!("descriptor {number} was not passed on to this program")));
    }
    fcntl_setfd(borrowed, flags | FdFlags::CLOEXEC)?;
    #[expect(unsafe_code, reason = "the same")]
    // SAFETY: it is open, and was so when this program started. What is inherited is claimed once for the whole process
    // (`Inherited`), and the flag that was just set keeps it from being taken again.
    let owned = unsafe { OwnedFd::from_raw_fd(number) };
    Ok(owned)
}
