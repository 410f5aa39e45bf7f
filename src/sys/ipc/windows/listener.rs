//! The daemon's side: instances of a named pipe, one of which always waits for the next client.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::windows::io::{AsRawHandle as _, RawHandle};
use std::ptr::null_mut;
use std::time::Duration;

use tokio::net::windows::named_pipe::{NamedPipeServer, ServerOptions};
use tokio::sync::Mutex;
use tokio::task::yield_now;
use tokio::time::timeout;
use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, GetHandleInformation, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::{PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES};

use super::super::{BindError, Endpoint};
use super::{check, user_name, wide};

/// A connection that was accepted. What is done with it needs a time limit of its own.
pub type Connection = NamedPipeServer;

/// Who may open a pipe: the user `name` and nobody else.
struct Descriptor(PSECURITY_DESCRIPTOR);

// SAFETY: after it is made it is only read.
unsafe impl Send for Descriptor {}
// SAFETY: the same.
unsafe impl Sync for Descriptor {}

impl Descriptor {
    fn for_this_user() -> io::Result<Descriptor> {
        let text = wide(OsStr::new(&format!("D:P(A;;GA;;;{})", user_name()?)));
        let mut descriptor = null_mut();
        // SAFETY: the text ends with a zero, and the pointer is to what the call writes.
        check(unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &mut descriptor,
                null_mut(),
            )
        })?;
        Ok(Descriptor(descriptor))
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: made by a call that asks for it to be given back so, once.
        unsafe { LocalFree(self.0) };
    }
}

/// How long the system may take to report that a client has connected, or that a connect was cancelled.
const REPORT_LIMIT: Duration = Duration::from_millis(20);

/// Waits for connections.
pub struct Listener {
    name: OsString,
    descriptor: Descriptor,
    /// The instance that the next client gets. As long as the daemon listens there is one, or the name would vanish.
    next: Mutex<Option<NamedPipeServer>>,
}

impl Listener {
    /// Listens at `endpoint`. The caller holds the run lock, so an instance that exists is another program's.
    pub fn bind(endpoint: &Endpoint) -> Result<Listener, BindError> {
        Listener::open(endpoint, true).map_err(|e| match e.raw_os_error() {
            Some(code) if code == ERROR_ACCESS_DENIED as i32 => BindError::NotOurs(endpoint.path.clone()),
            _ => BindError::io(&endpoint.path, e),
        })
    }

    /// A listener whose first instance must be the first of all (`is_first`), or may join those of another program.
    pub(super) fn open(endpoint: &Endpoint, is_first: bool) -> io::Result<Listener> {
        let (name, descriptor) = (endpoint.path.clone().into_os_string(), Descriptor::for_this_user()?);
        let next = Mutex::new(Some(instance(&name, &descriptor, is_first)?));
        Ok(Listener { name, descriptor, next })
    }

    /// The next connection. The system lets nobody but this user connect. A caller that stops waiting loses no
    /// connection: its instance is kept.
    pub async fn accept(&self) -> io::Result<Connection> {
        let mut next = self.next.lock().await;
        let pipe = match next.take() {
            Some(pipe) => next.insert(pipe),
            None => next.insert(instance(&self.name, &self.descriptor, false)?),
        };
        let connected = pipe.connect().await;
        // The next instance is opened before this one is given away, or the name would vanish.
        let used = match instance(&self.name, &self.descriptor, false) {
            Ok(fresh) => next.replace(fresh),
            Err(_) if connected.is_ok() => next.take(),
            Err(e) => return Err(e),
        };
        connected?;
        used.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// The connection that would be lost if nobody accepts again: that of a client which has the last instance already.
    pub async fn accept_last(&self) -> Option<Connection> {
        let pipe = self.next.lock().await.take()?;
        // The system reports a client that is there already a moment later.
        let connected = timeout(REPORT_LIMIT, pipe.connect()).await;
        if matches!(connected, Ok(Ok(()))) {
            return Some(pipe);
        }
        // An instance that waits for a client cannot be disconnected, only closed. The runtime cancels the pending connect
        // now, and closes the instance when it finds that reported. Until then a client could still get it, and not an
        // instance of the next program.
        let handle = pipe.as_raw_handle();
        drop(pipe);
        let _ = timeout(REPORT_LIMIT, closed(handle)).await;
        None
    }

    /// Clients find a pipe by its name alone.
    pub fn is_found(&self) -> bool {
        true
    }

    /// Stops listening.
    pub fn close(self) {}
}

/// Waits until the runtime has closed `handle`. Whenever it is yielded to, it looks for what the system has to report.
async fn closed(handle: RawHandle) {
    let mut flags = 0;
    // SAFETY: the call looks up whether there is such a handle. It may be closed already.
    while unsafe { GetHandleInformation(handle, &mut flags) } != 0 {
        yield_now().await;
    }
}

/// An instance of the pipe `name`, which `descriptor` protects. Remote clients are refused.
fn instance(name: &OsStr, descriptor: &Descriptor, is_first: bool) -> io::Result<NamedPipeServer> {
    let mut attributes = SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        lpSecurityDescriptor: descriptor.0,
        bInheritHandle: 0,
    };
    let mut options = ServerOptions::new();
    options.first_pipe_instance(is_first).reject_remote_clients(true);
    // SAFETY: the attributes and the descriptor in them live through the call.
    unsafe { options.create_with_security_attributes_raw(name, (&raw mut attributes).cast()) }
}
