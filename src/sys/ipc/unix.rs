//! Unix sockets.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, FdFlags, fcntl_getfd, fcntl_setfd};

use super::{BindError, Endpoint, MAX_SOCKET_PATH_BYTES};
use crate::sys::env::Env;
use crate::sys::lock::{FileLock, RunLock};

/// This user, as the system names users.
pub fn user_name() -> io::Result<String> {
    Ok(rustix::process::geteuid().as_raw().to_string())
}

pub(super) fn endpoint_path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.sock"))
}

/// The directory for what lives as long as the user's session. Taken from the environment, or where systemd puts it:
/// a shell got by `su` or a remote command has no variable for it.
pub fn runtime_dir(env: &Env) -> Option<PathBuf> {
    let named = env.get("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let usual = Path::new("/run/user").join(rustix::process::geteuid().as_raw().to_string());
    [named, Some(usual)].into_iter().flatten().find(|dir| is_ours(dir, true))
}

/// A directory of this user among those of others, where there is no better place. It may not exist.
pub fn shared_dir() -> PathBuf {
    PathBuf::from(format!("/tmp/kache-{}", rustix::process::geteuid().as_raw()))
}

fn is_ours(path: &Path, want_dir: bool) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| {
        metadata.uid() == rustix::process::geteuid().as_raw() && metadata.is_dir() == want_dir
    })
}

/// Makes `dir`, which no other user can enter; one that is there must be this user's own.
pub fn private_dir(dir: &Path) -> io::Result<()> {
    match std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    // Looked at without following a link: in a shared directory anyone can have put one there.
    let metadata = std::fs::symlink_metadata(dir)?;
    if !metadata.is_dir() {
        return Err(io::Error::other("not a directory; remove it"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("belongs to another user; nothing is kept there"));
    }
    if metadata.mode() & 0o077 != 0 {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Waits for connections.
pub struct Listener {
    listener: UnixListener,
    endpoint: Endpoint,
    /// Device and inode of the socket file when it was seen first.
    file: Option<(u64, u64)>,
    /// The socket file was made by this program, or the one before it in this process, and is removed by it.
    is_own: bool,
}

impl Listener {
    /// Listens at `endpoint`. The caller holds the lock that every daemon for it takes: a socket that is there is stale.
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
        // Who connected may be gone when it is accepted: that must not wait for the next one.
        listener.set_nonblocking(true)?;
        Ok(Listener { listener, endpoint: endpoint.clone(), file: file_at(endpoint), is_own })
    }

    fn from_descriptor(number: RawFd, endpoint: &Endpoint, is_own: bool) -> io::Result<Listener> {
        let descriptor = take_descriptor(number)?;
        if !is_listening(&descriptor)? {
            return Err(io::Error::other(format!("descriptor {number} is no listening socket")));
        }
        Listener::new(UnixListener::from(descriptor), endpoint, is_own)
    }

    /// The next connection of this user; none once `stop` was given its signal. A connection of somebody else is
    /// closed, and is an error of its kind.
    pub fn accept(&self, stop: &Stop) -> io::Result<Option<Stream>> {
        loop {
            let mut ready =
                [PollFd::new(&self.listener, PollFlags::IN), PollFd::new(&stop.receiver, PollFlags::IN)];
            match poll(&mut ready, None) {
                Err(Errno::INTR) => continue,
                result => result?,
            };
            if !ready[1].revents().is_empty() {
                return Ok(None);
            }
            match self.listener.accept() {
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => {}
                accepted => {
                    let (stream, _) = accepted?;
                    stream.set_nonblocking(false)?;
                    return Stream::new(stream).map(Some);
                }
            }
        }
    }

    /// Whether clients still find this listener: its file has not been removed or replaced. Sockets that a service
    /// manager has elsewhere are not checked.
    pub fn is_found(&self) -> bool {
        self.file.is_none() || file_at(&self.endpoint) == self.file
    }

    /// Ends listening. Removes the socket file, if it is this listener's own.
    pub fn close(self) {
        if self.is_own && self.is_found() {
            let _ = std::fs::remove_file(&self.endpoint.path);
        }
    }
}

/// The socket that a service manager passed to this process, if it did: `sd_listen_fds(3)`.
pub(super) fn activated(env: &Env, endpoint: &Endpoint) -> io::Result<Option<Listener>> {
    const FIRST: RawFd = 3;
    if variable(env, "LISTEN_PID") != Some(std::process::id())
        || variable(env, "LISTEN_FDS").unwrap_or(0) == 0
    {
        return Ok(None);
    }
    Listener::from_descriptor(FIRST, endpoint, false).map(Some)
}

fn variable(env: &Env, name: &str) -> Option<u32> {
    env.get(name)?.to_str()?.parse().ok()
}

fn file_at(endpoint: &Endpoint) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(&endpoint.path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(target_vendor = "apple"))]
fn is_listening(socket: &OwnedFd) -> io::Result<bool> {
    Ok(rustix::net::sockopt::socket_acceptconn(socket)?)
}

/// Not to be asked here; that it is a socket shows when it is polled.
#[cfg(target_vendor = "apple")]
fn is_listening(_socket: &OwnedFd) -> io::Result<bool> {
    Ok(true)
}

/// Makes a pending and every later [`Listener::accept`] answer none.
pub struct Stopper {
    sender: UnixStream,
}

/// What a [`Stopper`] stops.
pub struct Stop {
    receiver: UnixStream,
}

/// A signal to stop accepting, and the side that waits for it.
pub fn stopper() -> io::Result<(Stopper, Stop)> {
    let (sender, receiver) = UnixStream::pair()?;
    Ok((Stopper { sender }, Stop { receiver }))
}

impl Stopper {
    /// Gives the signal.
    pub fn stop(&self) {
        let _ = (&self.sender).write_all(&[1]);
    }
}

/// A connection with one deadline for everything.
pub struct Stream {
    stream: UnixStream,
    deadline: Option<Instant>,
}

impl Stream {
    fn new(stream: UnixStream) -> io::Result<Stream> {
        let (peer, own) = (peer_uid(&stream)?, rustix::process::geteuid().as_raw());
        if peer != own {
            let why = format!("the process at the other end belongs to the user {peer}");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        Ok(Stream { stream, deadline: None })
    }

    /// From now on nothing is waited for longer than until `limit` from now.
    pub fn set_deadline(&mut self, limit: Duration) {
        self.deadline = Some(Instant::now() + limit);
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        let Some(deadline) = self.deadline else { return Ok(None) };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(too_slow()) } else { Ok(Some(left)) }
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
}

/// What a stream with a time limit answers when the limit is over.
fn timed_out(e: io::Error) -> io::Error {
    if e.kind() == io::ErrorKind::WouldBlock { too_slow() } else { e }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer).map_err(timed_out)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Connects to the listener at `endpoint`.
pub fn connect(endpoint: &Endpoint, limit: Duration) -> io::Result<Stream> {
    let mut stream = Stream::new(connect_within(&endpoint.path, limit)?)?;
    stream.set_deadline(limit);
    Ok(stream)
}

/// Connecting waits while more are waiting to be accepted than the listener has room for.
#[cfg(target_os = "linux")]
fn connect_within(path: &Path, limit: Duration) -> io::Result<UnixStream> {
    use rustix::net::sockopt::{Timeout, set_socket_timeout};
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(limit))?;
    connect(&socket, &SocketAddrUnix::new(path)?).map_err(|e| timed_out(e.into()))?;
    Ok(UnixStream::from(socket))
}

/// Connecting does not wait here: a listener without room refuses.
#[cfg(not(target_os = "linux"))]
fn connect_within(path: &Path, _limit: Duration) -> io::Result<UnixStream> {
    UnixStream::connect(path)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn peer_uid(stream: &UnixStream) -> io::Result<u32> {
    Ok(rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[expect(unsafe_code, reason = "the system's library has the call, no crate used here does")]
fn peer_uid(stream: &UnixStream) -> io::Result<u32> {
    unsafe extern "C" {
        fn getpeereid(socket: i32, uid: *mut u32, gid: *mut u32) -> i32;
    }
    let (mut uid, mut gid) = (0, 0);
    // SAFETY: the descriptor is open as long as `stream` is borrowed, and both pointers are to numbers of that size.
    match unsafe { getpeereid(stream.as_raw_fd(), &mut uid, &mut gid) } {
        0 => Ok(uid),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Lets the next program in this process have the listener and the lock. Answers the text by which it finds them.
pub fn pass_on(listener: &Listener, lock: &RunLock) -> io::Result<String> {
    let lock = lock.held().ok_or_else(|| io::Error::other("the lock is still held by another program"))?;
    let (socket, file) = (listener.listener.as_fd(), lock.file().as_fd());
    for descriptor in [socket, file] {
        fcntl_setfd(descriptor, fcntl_getfd(descriptor)? & !FdFlags::CLOEXEC)?;
    }
    let own = if listener.is_own { "own" } else { "managed" };
    Ok(format!("{},{},{own}", socket.as_raw_fd(), file.as_raw_fd()))
}

/// Undoes [`pass_on`] if there was no next program.
pub fn keep(listener: &Listener, lock: &RunLock) {
    let file = lock.held().map(|lock| lock.file().as_fd());
    for descriptor in [Some(listener.listener.as_fd()), file].into_iter().flatten() {
        let _ = fcntl_getfd(descriptor).and_then(|flags| fcntl_setfd(descriptor, flags | FdFlags::CLOEXEC));
    }
}

/// Takes over what the program before this one passed on.
pub(super) fn take_over(text: &str, endpoint: &Endpoint, _lock: &Path) -> io::Result<(Listener, RunLock)> {
    let parts: Vec<&str> = text.split(',').collect();
    let &[socket, file, own @ ("own" | "managed")] = parts.as_slice() else {
        return Err(io::Error::other(format!("{text:?} does not say what was passed on")));
    };
    let (Ok(socket), Ok(file)) = (socket.parse(), file.parse()) else {
        return Err(io::Error::other(format!("{text:?} names no descriptors")));
    };
    let lock = FileLock::try_from_file(std::fs::File::from(take_descriptor(file)?))?
        .ok_or_else(|| io::Error::other("the lock that was passed on is held by another program"))?;
    Ok((Listener::from_descriptor(socket, endpoint, own == "own")?, RunLock::Held(lock)))
}

/// Takes the descriptor `number`, which another program left open for this one. One that this process opened itself is
/// refused: it has an owner. Everything here is opened with the flag that closes it on exec; what was inherited cannot
/// have had it.
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
    // (`super::Inherited`), and the flag that was just set keeps it from being taken again.
    let owned = unsafe { OwnedFd::from_raw_fd(number) };
    Ok(owned)
}

/// Sends a notification to the service manager at the address it gave.
pub fn notify(address: &OsStr, message: &str) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&notify_address(address)?)?;
    socket.send(message.as_bytes()).map(drop)
}

/// A path, or on Linux a name without a file, written with `@`.
fn notify_address(address: &OsStr) -> io::Result<std::os::unix::net::SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = address.as_encoded_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt as _;
        return std::os::unix::net::SocketAddr::from_abstract_name(name);
    }
    std::os::unix::net::SocketAddr::from_pathname(Path::new(address))
}

#[cfg(test)]
mod tests;
