//! A pipe cannot be passed on: the next program joins it, by opening more instances of the same name.

use std::io;
use std::path::Path;

use super::super::Endpoint;
use super::listener::Listener;
use crate::sys::env::Env;
use crate::sys::lock::RunLock;

/// What one build of the daemon passes on to the next.
const JOIN: &str = "join";

/// No service manager holds a pipe.
pub(in crate::sys::ipc) fn activated(_env: &Env, _endpoint: &Endpoint) -> io::Result<Option<Listener>> {
    Ok(None)
}

/// Has the next program open instances of the same pipe.
pub fn pass_on(_listener: &Listener, _lock: &RunLock) -> io::Result<String> {
    Ok(JOIN.to_owned())
}

/// There is nothing to take back.
pub fn keep(_listener: &Listener, _lock: &RunLock) {}

/// Joins the previous program: listens at the same pipe, and gets the lock when the other ends.
pub(in crate::sys::ipc) fn take_over(
    text: &str,
    endpoint: &Endpoint,
    lock: &Path,
) -> io::Result<(Listener, RunLock)> {
    if text != JOIN {
        return Err(io::Error::other(format!("{text:?} does not say what was passed on")));
    }
    let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(lock)?;
    let lock = RunLock::await_holder(file)?;
    Ok((Listener::open(endpoint, false)?, lock))
}
