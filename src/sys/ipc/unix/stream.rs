//! The client's side: a blocking connection with one deadline for everything.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::super::Endpoint;

/// A connection to a process of this user.
pub struct Stream {
    stream: UnixStream,
    deadline: Option<Instant>,
}

impl Stream {
    pub(super) fn new(stream: UnixStream) -> io::Result<Stream> {
        refuse_other_user(&stream)?;
        Ok(Stream { stream, deadline: None })
    }

    /// From now on no call waits longer than until `limit` from now; with `None`, calls wait as long as it takes.
    pub fn set_deadline(&mut self, limit: Option<Duration>) {
        self.deadline = limit.map(|limit| Instant::now() + limit);
    }

    fn time_left(&self) -> io::Result<Option<Duration>> {
        let Some(deadline) = self.deadline else { return Ok(None) };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(too_slow()) } else { Ok(Some(left)) }
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
}

/// A socket with a time limit reports its end as `WouldBlock`.
fn timed_out(e: io::Error) -> io::Error {
    if e.kind() == io::ErrorKind::WouldBlock { too_slow() } else { e }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.time_left()?)?;
        self.stream.read(buffer).map_err(timed_out)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.time_left()?)?;
        self.stream.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Connects to the listener at `endpoint`.
pub fn connect(endpoint: &Endpoint, limit: Duration) -> io::Result<Stream> {
    let mut stream = Stream::new(connect_within(&endpoint.path, limit)?)?;
    stream.set_deadline(Some(limit));
    Ok(stream)
}

/// Connecting waits while the listener's queue is full.
#[cfg(target_os = "linux")]
fn connect_within(path: &Path, limit: Duration) -> io::Result<UnixStream> {
    use rustix::net::sockopt::{Timeout, set_socket_timeout};
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(limit))?;
    connect(&socket, &SocketAddrUnix::new(path)?).map_err(|e| timed_out(e.into()))?;
    Ok(UnixStream::from(socket))
}

/// Connecting does not wait here: a listener whose queue is full refuses.
#[cfg(not(target_os = "linux"))]
fn connect_within(path: &Path, _limit: Duration) -> io::Result<UnixStream> {
    UnixStream::connect(path)
}

/// Fails unless the process at the other end belongs to this user.
pub(super) fn refuse_other_user(stream: &impl AsFd) -> io::Result<()> {
    let (peer, own) = (peer_uid(stream)?, rustix::process::geteuid().as_raw());
    if peer == own {
        return Ok(());
    }
    let why = format!("the process at the other end belongs to the user {peer}");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn peer_uid(stream: &impl AsFd) -> io::Result<u32> {
    Ok(rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[expect(
    unsafe_code,
    reason = "the system's library has the call, and the client links no crate that wraps it"
)]
fn peer_uid(stream: &impl AsFd) -> io::Result<u32> {
    use std::os::fd::AsRawFd as _;
    unsafe extern "C" {
        fn getpeereid(socket: i32, uid: *mut u32, gid: *mut u32) -> i32;
    }
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: the descriptor is open as long as `stream` is borrowed, and both pointers are to numbers of that size.
    match unsafe { getpeereid(stream.as_fd().as_raw_fd(), &mut uid, &mut gid) } {
        0 => Ok(uid),
        _ => Err(io::Error::last_os_error()),
    }
}
