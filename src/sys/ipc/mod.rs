//! Communication with another process of the same user: a Unix domain socket, or a named pipe on Windows.
//!
//! Guarantees on every system: only processes of the same user get through. A blocking [`Stream`] has one deadline for
//! everything that is read and written, so a peer that is silent, slow or hostile costs a bounded time. Children inherit
//! nothing unless [`pass_on`] says so.
//!
//! The client side ([`connect`], [`Stream`]) blocks and needs nothing but std and the system's calls. The daemon's side
//! ([`Listener`], [`Connection`]) is asynchronous and must be used within a tokio runtime; it exists only with the
//! feature `cli`.
//!
//! Differences:
//!
//! - A socket is a file with an owner and a mode, in a private directory. It outlives its listener; the holder of the run
//!   lock beside it may remove it. A pipe is a name that vanishes with its last instance, and the system checks who may
//!   open it.
//! - A listening socket can be passed on to the next program in the same process; clients that connect meanwhile wait. A
//!   pipe is taken over by a second process, which opens more instances of the same name before the first one ends.
//! - A service manager can hold a socket for a daemon that is not running ([`Inherited::activated`]), but not a pipe.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as platform;
#[cfg(windows)]
use windows as platform;

#[cfg(feature = "cli")]
pub use platform::{Connection, Listener, keep, pass_on};
pub use platform::{Stream, connect, private_dir, runtime_dir, shared_dir, user_name};

/// What the previous program in this process, or a service manager, left open for this one. It can be claimed once, so
/// that no descriptor gets two owners.
#[cfg(feature = "cli")]
pub struct Inherited(());

#[cfg(feature = "cli")]
impl Inherited {
    /// Claims it; `None` if it was claimed before.
    pub fn claim() -> Option<Inherited> {
        use std::sync::atomic::{AtomicBool, Ordering};
        static IS_CLAIMED: AtomicBool = AtomicBool::new(false);
        (!IS_CLAIMED.swap(true, Ordering::SeqCst)).then_some(Inherited(()))
    }

    /// The listening socket that a service manager passed to this process, if it did.
    pub fn activated(self, env: &crate::sys::env::Env, endpoint: &Endpoint) -> io::Result<Option<Listener>> {
        platform::activated(env, endpoint)
    }

    /// Takes over the listener and the lock that the previous program passed on with [`pass_on`], which returned `text`.
    pub fn take_over(
        self,
        text: &str,
        endpoint: &Endpoint,
        lock: &Path,
    ) -> io::Result<(Listener, crate::sys::lock::RunLock)> {
        platform::take_over(text, endpoint, lock)
    }
}

/// Where a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The path of the socket, or the name of the pipe.
    pub path: PathBuf,
}

impl Endpoint {
    /// The endpoint called `name`: a socket in `dir`, or a pipe with the user in its name.
    pub fn new(dir: &Path, name: &str) -> Endpoint {
        Endpoint { path: platform::endpoint_path(dir, name) }
    }
}

/// The longest path, in bytes, that can be a socket's address on every system, without the final zero.
pub const MAX_SOCKET_PATH_BYTES: usize = 103;

/// Why nobody can listen at an endpoint. Each says what to do.
#[derive(Debug)]
pub enum BindError {
    NotASocket(PathBuf),
    NotOurs(PathBuf),
    TooLong(PathBuf),
    Io { path: PathBuf, error: io::Error },
}

#[cfg(feature = "cli")]
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
