//! Named pipes. Every call is overlapped: the system has no time limits for pipes, but what is pending can be
//! waited for with one, and cancelled.
#![expect(unsafe_code, reason = "the system's calls; std has none for pipes")]

use std::cell::UnsafeCell;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::os::windows::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_BROKEN_PIPE, ERROR_IO_PENDING, ERROR_PIPE_BUSY, ERROR_PIPE_CONNECTED,
    GENERIC_READ, GENERIC_WRITE, HANDLE, INVALID_HANDLE_VALUE, LocalFree, WAIT_OBJECT_0,
};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::{
    GetTokenInformation, PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, OPEN_EXISTING, PIPE_ACCESS_DUPLEX,
    ReadFile, SECURITY_IDENTIFICATION, SECURITY_SQOS_PRESENT, WriteFile,
};
use windows_sys::Win32::System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED};
use windows_sys::Win32::System::Pipes::{
    ConnectNamedPipe, CreateNamedPipeW, GetNamedPipeServerProcessId, PIPE_READMODE_BYTE,
    PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_BYTE, PIPE_UNLIMITED_INSTANCES, PIPE_WAIT, WaitNamedPipeW,
};
use windows_sys::Win32::System::Threading::{
    CreateEventW, GetCurrentProcess, INFINITE, OpenProcess, OpenProcessToken,
    PROCESS_QUERY_LIMITED_INFORMATION, SetEvent, WaitForMultipleObjects,
};

use super::{BindError, Endpoint};
use crate::sys::env::Env;
use crate::sys::lock::RunLock;

/// The names of all users' pipes are in one place: this one has the user's in it.
pub(super) fn endpoint_path(_dir: &Path, name: &str) -> PathBuf {
    PathBuf::from(format!(r"\\.\pipe\kache-{}-{name}", user_name().unwrap_or_default()))
}

/// This user, as the system names users.
pub fn user_name() -> io::Result<String> {
    // SAFETY: this needs no handle to be closed.
    user_of(unsafe { GetCurrentProcess() })
}

/// There is no such directory here.
pub fn runtime_dir(_env: &Env) -> Option<PathBuf> {
    None
}

/// Directories here are each user's own.
pub fn shared_dir() -> PathBuf {
    PathBuf::new()
}

/// Makes `dir`. What stands in a user's profile is that user's.
pub fn private_dir(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)
}

/// The security identifier of the user that a process belongs to, as text.
fn user_of(process: HANDLE) -> io::Result<String> {
    let mut token = null_mut();
    // SAFETY: the pointer is to a handle that the call writes.
    check(unsafe { OpenProcessToken(process, TOKEN_QUERY, &mut token) })?;
    // SAFETY: the call succeeded: this is a handle that nobody else closes.
    let token = unsafe { OwnedHandle::from_raw_handle(token) };
    // 68 bytes are the longest identifier; the structure before it holds a pointer, so it is aligned for one.
    let mut buffer = [0u64; 32];
    let mut length = 0;
    let size = size_of_val(&buffer) as u32;
    let at = buffer.as_mut_ptr();
    // SAFETY: the buffer has the given size.
    check(unsafe { GetTokenInformation(token.as_raw_handle(), TokenUser, at.cast(), size, &mut length) })?;
    let mut text = null_mut();
    // SAFETY: the call before filled the buffer with a TOKEN_USER, whose identifier stands in the same buffer.
    check(unsafe { ConvertSidToStringSidW((*at.cast::<TOKEN_USER>()).User.Sid, &mut text) })?;
    // SAFETY: the call succeeded: the text ends with a zero, and is to be given back.
    let name = unsafe {
        let length = (0..).take_while(|index| *text.add(*index) != 0).count();
        let name = OsString::from_wide(std::slice::from_raw_parts(text, length));
        LocalFree(text.cast());
        name
    };
    name.into_string().map_err(|_| io::Error::other("the identifier of the user is no text"))
}

fn check(result: i32) -> io::Result<()> {
    if result == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn wide(text: &OsStr) -> Vec<u16> {
    text.encode_wide().chain([0]).collect()
}

fn is_error(e: &io::Error, code: u32) -> bool {
    e.raw_os_error() == Some(code as i32)
}

fn event() -> io::Result<OwnedHandle> {
    // SAFETY: null stands for no attributes and no name.
    let handle = unsafe { CreateEventW(null(), 1, 0, null()) };
    if handle.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, and nobody else's.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

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

/// Waits for connections.
pub struct Listener {
    name: Vec<u16>,
    descriptor: Descriptor,
    /// The instance that the next client gets. As long as this listens there is one, or the name would vanish.
    next: Mutex<Option<OwnedHandle>>,
}

impl Listener {
    /// Listens at `endpoint`. The caller holds the lock that every daemon for it takes.
    pub fn bind(endpoint: &Endpoint) -> Result<Listener, BindError> {
        Listener::open(endpoint, FILE_FLAG_FIRST_PIPE_INSTANCE).map_err(|e| match e.raw_os_error() {
            Some(code) if code == ERROR_ACCESS_DENIED as i32 => BindError::NotOurs(endpoint.path.clone()),
            _ => BindError::io(&endpoint.path, e),
        })
    }

    fn open(endpoint: &Endpoint, flags: u32) -> io::Result<Listener> {
        let (name, descriptor) = (wide(endpoint.path.as_os_str()), Descriptor::for_this_user()?);
        let next = Mutex::new(Some(instance(&name, &descriptor, flags)?));
        Ok(Listener { name, descriptor, next })
    }

    /// The next connection; none once `stop` was given its signal. The system lets nobody else connect.
    pub fn accept(&self, stop: &Stop) -> io::Result<Option<Stream>> {
        let mut next = self.next.lock().unwrap_or_else(|e| e.into_inner());
        let pipe = match next.take() {
            Some(pipe) => pipe,
            None if stop.is_given() => return Ok(None),
            None => instance(&self.name, &self.descriptor, 0)?,
        };
        // SAFETY: the call uses the pipe and the structure only.
        let connected =
            match unsafe { Operation::start(&pipe, |pipe, overlapped| ConnectNamedPipe(pipe, overlapped)) } {
                Err(e) if is_error(&e, ERROR_PIPE_CONNECTED) => Some(Ok(())),
                Err(e) => Some(Err(e)),
                Ok(operation) => {
                    let handles = [operation.event.as_raw_handle(), stop.event.as_raw_handle()];
                    // SAFETY: both handles are open as long as this waits.
                    let which = unsafe { WaitForMultipleObjects(2, handles.as_ptr(), 0, INFINITE) };
                    if which == WAIT_OBJECT_0 {
                        Some(operation.finish(None).map(drop))
                    } else {
                        // If somebody connected just now, that is still answered.
                        operation.finish(Some(Instant::now())).is_ok().then_some(Ok(()))
                    }
                }
            };
        let Some(connected) = connected else {
            *next = Some(pipe);
            return Ok(None);
        };
        // The name must not vanish, whatever came of this one; unless nobody is to be accepted any more.
        if !stop.is_given() {
            *next = Some(instance(&self.name, &self.descriptor, 0)?);
        }
        connected?;
        Ok(Some(Stream { pipe, deadline: None }))
    }

    /// Clients find a pipe by its name alone.
    pub fn is_found(&self) -> bool {
        true
    }

    /// Ends listening.
    pub fn close(self) {}
}

fn instance(name: &[u16], descriptor: &Descriptor, flags: u32) -> io::Result<OwnedHandle> {
    const BUFFER_BYTES: u32 = 64 << 10;
    let attributes = SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
        lpSecurityDescriptor: descriptor.0,
        bInheritHandle: 0,
    };
    // SAFETY: the name ends with a zero; the attributes live through the call.
    let handle = unsafe {
        CreateNamedPipeW(
            name.as_ptr(),
            PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | flags,
            PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
            PIPE_UNLIMITED_INSTANCES,
            BUFFER_BYTES,
            BUFFER_BYTES,
            0,
            &attributes,
        )
    };
    owned(handle)
}

fn owned(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, and nobody else's.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// A transfer or a connection that the system works on. It borrows the file that it was started on and whatever it
/// reads from or writes to, and none of them is given back before the system is done: dropping it cancels what is
/// pending, and waits for the end of that.
struct Operation<'a> {
    file: &'a OwnedHandle,
    event: OwnedHandle,
    /// The system writes to it as long as the operation is pending, so no reference to it may exist.
    overlapped: Box<UnsafeCell<OVERLAPPED>>,
    is_pending: bool,
    /// What is read from, or written to.
    buffer: PhantomData<&'a mut [u8]>,
}

impl<'a> Operation<'a> {
    /// Starts an operation on `file` by the system's call `start`.
    ///
    /// # Safety
    /// `start` hands the two pointers to one overlapped call on this handle, and that call uses no memory but what is
    /// borrowed for `'a`.
    unsafe fn start(
        file: &'a OwnedHandle,
        start: impl FnOnce(HANDLE, *mut OVERLAPPED) -> i32,
    ) -> io::Result<Operation<'a>> {
        let event = event()?;
        let overlapped = OVERLAPPED { hEvent: event.as_raw_handle(), ..OVERLAPPED::default() };
        let overlapped = Box::new(UnsafeCell::new(overlapped));
        let mut operation = Operation { file, event, overlapped, is_pending: false, buffer: PhantomData };
        match check(start(file.as_raw_handle(), operation.overlapped.get())) {
            // Also for what was done at once the system sets the event and the result.
            Ok(()) => operation.is_pending = true,
            Err(e) if is_error(&e, ERROR_IO_PENDING) => operation.is_pending = true,
            Err(e) => return Err(e),
        }
        Ok(operation)
    }

    /// Waits until it is over, or cancels it at `deadline` and waits for that. Answers the number of bytes.
    fn finish(mut self, deadline: Option<Instant>) -> io::Result<usize> {
        let limit = deadline.map_or(INFINITE, |deadline| {
            u32::try_from(deadline.saturating_duration_since(Instant::now()).as_millis())
                .unwrap_or(INFINITE - 1)
        });
        let handle = self.event.as_raw_handle();
        // SAFETY: an open handle.
        let is_over = unsafe { WaitForMultipleObjects(1, &handle, 0, limit) } == WAIT_OBJECT_0;
        if !is_over {
            self.cancel();
        }
        match self.wait() {
            Err(_) if !is_over => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")),
            result => result,
        }
    }

    fn cancel(&self) {
        // SAFETY: this operation was started on this file. It may be over by now, which is no harm.
        unsafe { CancelIoEx(self.file.as_raw_handle(), self.overlapped.get()) };
    }

    /// Waits until the system does not use the structure any more.
    fn wait(&mut self) -> io::Result<usize> {
        let mut n_bytes = 0;
        // SAFETY: the operation was started on this file with this structure, which lives until this returns.
        let result = check(unsafe {
            GetOverlappedResult(self.file.as_raw_handle(), self.overlapped.get(), &mut n_bytes, 1)
        });
        self.is_pending = false;
        result.map(|()| n_bytes as usize)
    }
}

impl Drop for Operation<'_> {
    fn drop(&mut self) {
        if self.is_pending {
            self.cancel();
            let _ = self.wait();
        }
    }
}

/// Makes a pending and every later [`Listener::accept`] answer none.
pub struct Stopper {
    event: Arc<OwnedHandle>,
}

/// What a [`Stopper`] stops.
pub struct Stop {
    event: Arc<OwnedHandle>,
}

impl Stop {
    fn is_given(&self) -> bool {
        let handle = self.event.as_raw_handle();
        // SAFETY: an open handle.
        unsafe { WaitForMultipleObjects(1, &handle, 0, 0) == WAIT_OBJECT_0 }
    }
}

/// A signal to stop accepting, and the side that waits for it.
pub fn stopper() -> io::Result<(Stopper, Stop)> {
    let event = Arc::new(event()?);
    Ok((Stopper { event: Arc::clone(&event) }, Stop { event }))
}

impl Stopper {
    /// Gives the signal.
    pub fn stop(&self) {
        // SAFETY: an open handle.
        unsafe { SetEvent(self.event.as_raw_handle()) };
    }
}

/// A connection with one deadline for everything.
pub struct Stream {
    pipe: OwnedHandle,
    deadline: Option<Instant>,
}

impl Stream {
    /// From now on nothing is waited for longer than until `limit` from now.
    pub fn set_deadline(&mut self, limit: Duration) {
        self.deadline = Some(Instant::now() + limit);
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (at, length) = (buffer.as_mut_ptr(), u32::try_from(buffer.len()).unwrap_or(u32::MAX));
        // SAFETY: the buffer is borrowed until the operation is over, which this waits for.
        let started = unsafe {
            Operation::start(&self.pipe, |pipe, overlapped| {
                ReadFile(pipe, at, length, null_mut(), overlapped)
            })
        };
        match started.and_then(|operation| operation.finish(self.deadline)) {
            Err(e) if is_error(&e, ERROR_BROKEN_PIPE) => Ok(0),
            result => result,
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (at, length) = (bytes.as_ptr(), u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        // SAFETY: the bytes are borrowed until the operation is over, which this waits for.
        let started = unsafe {
            Operation::start(&self.pipe, |pipe, overlapped| {
                WriteFile(pipe, at, length, null_mut(), overlapped)
            })
        };
        started?.finish(self.deadline)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Connects to the listener at `endpoint`, if it is a process of this user.
pub fn connect(endpoint: &Endpoint, limit: Duration) -> io::Result<Stream> {
    let name = wide(endpoint.path.as_os_str());
    let deadline = Instant::now() + limit;
    let pipe = loop {
        // SAFETY: the name ends with a zero. Who listens may learn who this is, and not act as this user.
        let handle = unsafe {
            CreateFileW(
                name.as_ptr(),
                GENERIC_READ | GENERIC_WRITE,
                0,
                null(),
                OPEN_EXISTING,
                FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION,
                null_mut(),
            )
        };
        match owned(handle) {
            Err(e) if is_error(&e, ERROR_PIPE_BUSY) && Instant::now() < deadline => {
                // SAFETY: the name ends with a zero.
                unsafe { WaitNamedPipeW(name.as_ptr(), limit.as_millis().clamp(1, 10_000) as u32) };
            }
            result => break result?,
        }
    };
    if server_of(&pipe)? != user_name()? {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the process at the other end belongs to another user",
        ));
    }
    Ok(Stream { pipe, deadline: Some(deadline) })
}

fn server_of(pipe: &OwnedHandle) -> io::Result<String> {
    let mut id = 0;
    // SAFETY: an open pipe, and a pointer to what the call writes.
    check(unsafe { GetNamedPipeServerProcessId(pipe.as_raw_handle(), &mut id) })?;
    // SAFETY: takes and gives numbers.
    let process = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, id) };
    if process.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just opened, and nobody else's.
    let process = unsafe { OwnedHandle::from_raw_handle(process) };
    user_of(process.as_raw_handle())
}

/// No service manager holds a pipe.
pub(super) fn activated(_env: &Env, _endpoint: &Endpoint) -> io::Result<Option<Listener>> {
    Ok(None)
}

/// Has the next program open instances of the same pipe.
pub fn pass_on(_listener: &Listener, _lock: &RunLock) -> io::Result<String> {
    Ok("join".to_owned())
}

/// Nothing was passed on that could be taken back.
pub fn keep(_listener: &Listener, _lock: &RunLock) {}

/// Joins the program before this one: listens at the same pipe, and gets the lock when the other ends.
pub(super) fn take_over(text: &str, endpoint: &Endpoint, lock: &Path) -> io::Result<(Listener, RunLock)> {
    if text != "join" {
        return Err(io::Error::other(format!("{text:?} does not say what was passed on")));
    }
    let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(lock)?;
    let lock = RunLock::await_holder(file)?;
    Ok((Listener::open(endpoint, 0)?, lock))
}

/// There is nobody to tell.
pub fn notify(_address: &OsStr, _message: &str) -> io::Result<()> {
    Ok(())
}
