//! Talking to another process of the same user: a Unix socket, or a named pipe on Windows.
//!
//! What both promise: only processes of the same user get through; every stream has one deadline for all that is read
//! and written on it, so that a peer that is silent, slow or hostile costs a bounded time; nothing is inherited by
//! children unless [`pass_on`] says so.
//!
//! What differs:
//!
//! - A socket is a file, with an owner and a mode, in a private directory; it outlives its listener, and the one who
//!   holds the run lock beside it may remove it. A pipe is a name; it vanishes with its last instance, and the system
//!   checks who may open it.
//! - A listening socket can be passed on to the next program in the same process, and what connects meanwhile waits.
//!   A pipe is taken over by a second process that opens more instances of the same name before the first one ends.
//! - A service manager can hold a socket for a daemon that does not run ([`Inherited::activated`]); not a pipe.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sys::env::Env;
use crate::sys::lock::RunLock;

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as platform;
#[cfg(windows)]
use windows as platform;

pub use platform::{
    Listener, Stop, Stopper, Stream, connect, keep, notify, pass_on, private_dir, runtime_dir, shared_dir,
    stopper, user_name,
};

/// What the program before this one, or a service manager, left open for this process. It can be claimed once, so that
/// no descriptor gets two owners.
pub struct Inherited(());

impl Inherited {
    /// Claims it; `None` if it was claimed before.
    pub fn claim() -> Option<Inherited> {
        static IS_CLAIMED: AtomicBool = AtomicBool::new(false);
        (!IS_CLAIMED.swap(true, Ordering::SeqCst)).then_some(Inherited(()))
    }

    /// The listening socket that a service manager passed to this process, if it did.
    pub fn activated(self, env: &Env, endpoint: &Endpoint) -> io::Result<Option<Listener>> {
        platform::activated(env, endpoint)
    }

    /// Takes over the listener and the lock that the program before this one passed on by [`pass_on`], as `text` says.
    pub fn take_over(self, text: &str, endpoint: &Endpoint, lock: &Path) -> io::Result<(Listener, RunLock)> {
        platform::take_over(text, endpoint, lock)
    }
}

/// Where a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The socket; on Windows, what the name of the pipe is made from.
    pub path: PathBuf,
}

impl Endpoint {
    /// The endpoint called `name`; for a socket, a file in `dir`.
    pub fn new(dir: &Path, name: &str) -> Endpoint {
        Endpoint { path: platform::endpoint_path(dir, name) }
    }
}

/// How many bytes of a path can be a socket's address on every system, without the final zero.
pub const MAX_SOCKET_PATH_BYTES: usize = 103;

/// Why nobody can listen at an endpoint. Each says what to do.
#[derive(Debug)]
pub enum BindError {
    NotASocket(PathBuf),
    NotOurs(PathBuf),
    TooLong(PathBuf),
    Io { path: PathBuf, error: io::Error },
}

impl BindError {
    fn io(path: &Path, error: io::Error) -> BindError {
        BindError::Io { path: path.to_owned(), error }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BindError::NotASocket(path) => write!(f, "{}: this is not a socket; remove it", path.display()),
            BindError::NotOurs(path) => write!(
                f,
                "{}: this belongs to another user; it must be removed before a daemon can listen there",
                path.display()
            ),
            BindError::TooLong(path) => write!(
                f,
                "{}: {} bytes are too many for the address of a socket, the most is {MAX_SOCKET_PATH_BYTES}; set \
                 XDG_RUNTIME_DIR, or cache.local_store, to a shorter path",
                path.display(),
                path.as_os_str().len()
            ),
            BindError::Io { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for BindError {}
