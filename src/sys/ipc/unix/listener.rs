//! The daemon's side: a listening socket.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;

use super::super::{BindError, Endpoint, MAX_SOCKET_PATH_BYTES};
use super::is_ours;
use super::stream::refuse_other_user;

/// A connection that was accepted. What is done with it needs a time limit of its own.
pub type Connection = tokio::net::UnixStream;

/// Waits for connections.
pub struct Listener {
    listener: tokio::net::UnixListener,
    endpoint: Endpoint,
    /// Device and inode of the socket file when this listener was made.
    file: Option<(u64, u64)>,
    /// Whether the socket file was made by this program, or by the previous one in this process. Then it is removed by
    /// this listener; otherwise it belongs to a service manager.
    pub(super) is_own: bool,
}

impl Listener {
    /// Listens at `endpoint`. The caller holds the run lock, so a socket that exists is stale.
    pub fn bind(endpoint: &Endpoint) -> Result<Listener, BindError> {
        let path = &endpoint.path;
        if path.as_os_str().len() > MAX_SOCKET_PATH_BYTES {
            return Err(BindError::TooLong(path.clone()));
        }
        match std::fs::symlink_metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(BindError::io(path, e)),
            Ok(metadata) if !metadata.file_type().is_socket() => {
                return Err(BindError::NotASocket(path.clone()));
            }
            Ok(_) if !is_ours(path, false) => return Err(BindError::NotOurs(path.clone())),
            Ok(_) => std::fs::remove_file(path).map_err(|e| BindError::io(path, e))?,
        }
        let listener = UnixListener::bind(path).map_err(|e| BindError::io(path, e))?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
            .map_err(|e| BindError::io(path, e))?;
        Listener::new(listener, endpoint, true).map_err(|e| BindError::io(path, e))
    }

    fn new(listener: UnixListener, endpoint: &Endpoint, is_own: bool) -> io::Result<Listener> {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::UnixListener::from_std(listener)?;
        Ok(Listener { listener, endpoint: endpoint.clone(), file: file_at(endpoint), is_own })
    }

    /// A listener made from a descriptor that another program left open.
    pub(super) fn from_descriptor(
        descriptor: OwnedFd,
        endpoint: &Endpoint,
        is_own: bool,
    ) -> io::Result<Listener> {
        if !is_listening(&descriptor)? {
            let number = descriptor.as_raw_fd();
            return Err(io::Error::other(format!("descriptor {number} is no listening socket")));
        }
        Listener::new(UnixListener::from(descriptor), endpoint, is_own)
    }

    /// The next connection. One of another user is closed, which is an error of the kind `PermissionDenied`. A caller
    /// that stops waiting loses no connection: what was not accepted stays in the system's queue.
    pub async fn accept(&self) -> io::Result<Connection> {
        loop {
            match self.listener.accept().await {
                // The client is gone already.
                Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(e) => return Err(e),
                Ok((stream, _)) => {
                    refuse_other_user(&stream)?;
                    return Ok(stream);
                }
            }
        }
    }

    /// The connection that would be lost if nobody accepts again. There is none: a socket's queue outlives this program
    /// if the socket is passed on.
    pub async fn accept_last(&self) -> Option<Connection> {
        None
    }

    /// Whether clients still find this listener: its file was neither removed nor replaced. A socket that a service
    /// manager keeps elsewhere is not checked.
    pub fn is_found(&self) -> bool {
        self.file.is_none() || file_at(&self.endpoint) == self.file
    }

    /// Stops listening, and removes the socket file if it is this listener's own.
    pub fn close(self) {
        if self.is_own && self.is_found() {
            let _ = std::fs::remove_file(&self.endpoint.path);
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

fn file_at(endpoint: &Endpoint) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(&endpoint.path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(target_vendor = "apple"))]
fn is_listening(socket: &OwnedFd) -> io::Result<bool> {
    Ok(rustix::net::sockopt::socket_acceptconn(socket)?)
}

/// The system cannot tell; a descriptor that is no listening socket fails when it is accepted from.
#[cfg(target_vendor = "apple")]
fn is_listening(_socket: &OwnedFd) -> io::Result<bool> {
    Ok(true)
}
