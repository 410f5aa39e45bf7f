//! The client's side: a blocking connection with one deadline for everything.
//!
//! Every call is overlapped: the system has no time limits for pipes, but a pending operation can be waited for with one,
//! and cancelled.

use std::cell::UnsafeCell;
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::ptr::{null, null_mut};
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{
    ERROR_BROKEN_PIPE, ERROR_IO_PENDING, ERROR_PIPE_BUSY, GENERIC_READ, GENERIC_WRITE, HANDLE,
    INVALID_HANDLE_VALUE, WAIT_OBJECT_0,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAG_OVERLAPPED, OPEN_EXISTING, ReadFile, SECURITY_IDENTIFICATION,
    SECURITY_SQOS_PRESENT, WriteFile,
};
use windows_sys::Win32::System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED};
use windows_sys::Win32::System::Pipes::{GetNamedPipeServerProcessId, WaitNamedPipeW};
use windows_sys::Win32::System::Threading::{
    CreateEventW, INFINITE, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, WaitForMultipleObjects,
};

use super::super::Endpoint;
use super::{check, is_error, user_name, user_of, wide};

/// A connection with one deadline for everything.
pub struct Stream {
    pipe: OwnedHandle,
    deadline: Option<Instant>,
}

impl Stream {
    /// From now on no call waits longer than until `limit` from now; with `None`, calls wait as long as it takes.
    pub fn set_deadline(&mut self, limit: Option<Duration>) {
        self.deadline = limit.map(|limit| Instant::now() + limit);
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

fn owned(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, and nobody else's.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
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
