//! Listening where one cannot, connecting to what does not answer, and handing a listener over.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::io::{FdFlags, fcntl_getfd};

use super::super::{BindError, Endpoint, MAX_SOCKET_PATH_BYTES};
use super::*;
use crate::sys::lock::RunLock;

/// A listener must be made within a runtime.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn endpoint() -> (tempfile::TempDir, Endpoint) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    (dir, Endpoint { path })
}

fn bound(endpoint: &Endpoint) -> Listener {
    Listener::bind(endpoint).unwrap()
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_socket_is_for_its_owner_alone_and_goes_with_its_listener() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let (_dir, endpoint) = endpoint();
    let listener = bound(&endpoint);
    assert_eq!(std::fs::metadata(&endpoint.path).unwrap().mode() & 0o777, 0o600);
    assert!(listener.is_found());
    listener.close();
    assert!(!endpoint.path.exists());
}

#[test]
fn a_stale_socket_is_replaced_and_anything_else_is_left_alone() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let (_dir, endpoint) = endpoint();
    drop(bound(&endpoint));
    assert!(endpoint.path.exists(), "what a killed daemon leaves behind");
    drop(bound(&endpoint));

    std::fs::remove_file(&endpoint.path).unwrap();
    std::fs::create_dir(&endpoint.path).unwrap();
    let error = Listener::bind(&endpoint).err().unwrap();
    assert!(matches!(error, BindError::NotASocket(_)), "{error}");
    assert!(error.to_string().ends_with("this is not a socket; remove it"), "{error}");
    assert!(endpoint.path.is_dir());

    std::fs::remove_dir(&endpoint.path).unwrap();
    std::fs::write(&endpoint.path, "a file").unwrap();
    assert!(matches!(Listener::bind(&endpoint), Err(BindError::NotASocket(_))));
    assert_eq!(std::fs::read(&endpoint.path).unwrap(), b"a file");
}

#[test]
fn a_path_too_long_for_a_socket_is_refused_by_its_length() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let (dir, _) = endpoint();
    let endpoint = Endpoint { path: dir.path().join("x".repeat(MAX_SOCKET_PATH_BYTES)) };
    let error = Listener::bind(&endpoint).err().unwrap();
    assert!(matches!(error, BindError::TooLong(_)), "{error}");
    assert!(connect(&endpoint, SECOND).is_err());
}

#[test]
fn a_listener_notices_that_its_file_is_gone_or_another() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let (_dir, endpoint) = endpoint();
    let first = bound(&endpoint);
    // Kept by a name, so that its inode is not used again.
    let aside = endpoint.path.with_extension("aside");
    std::fs::rename(&endpoint.path, &aside).unwrap();
    assert!(!first.is_found());
    let second = bound(&endpoint);
    assert!(!first.is_found() && second.is_found());
    first.close();
    assert!(second.is_found(), "closing the first must not remove the file of the second");
}

#[test]
fn a_directory_that_others_could_use_is_not_used() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let (dir, _) = endpoint();
    let open = dir.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    private_dir(&open).unwrap();
    assert_eq!(std::fs::metadata(&open).unwrap().mode() & 0o777, 0o700);

    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&open, &link).unwrap();
    assert!(private_dir(&link).unwrap_err().to_string().contains("not a directory"));

    private_dir(&dir.path().join("new/below")).unwrap();
    assert_eq!(std::fs::metadata(dir.path().join("new/below")).unwrap().mode() & 0o777, 0o700);

    // Only root can make a directory that is somebody else's.
    if rustix::process::geteuid().is_root() {
        let others = dir.path().join("others");
        std::fs::create_dir(&others).unwrap();
        std::os::unix::fs::chown(&others, Some(4711), None).unwrap();
        assert!(private_dir(&others).unwrap_err().to_string().contains("another user"));
        let endpoint = Endpoint { path: dir.path().join("theirs") };
        drop(bound(&endpoint));
        std::os::unix::fs::lchown(&endpoint.path, Some(4711), None).unwrap();
        assert!(matches!(Listener::bind(&endpoint), Err(BindError::NotOurs(_))));
    }
}

#[test]
fn nobody_there_is_told_at_once_and_silence_in_time() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let (_dir, endpoint) = endpoint();
    let error = connect(&endpoint, SECOND).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    let listener = bound(&endpoint);
    let mut stream = connect(&endpoint, Duration::from_millis(30)).unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    drop(listener);
    let error = connect(&endpoint, SECOND).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn a_peer_that_trickles_does_not_get_past_the_deadline() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut stream = Stream::new(ours).unwrap();
    stream.set_deadline(Some(Duration::from_millis(100)));
    let trickle = std::thread::spawn(move || {
        while theirs.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let started = Instant::now();
    let error = stream.read_exact(&mut [0; 1000]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(started.elapsed() < Duration::from_secs(5));
    drop(stream);
    trickle.join().unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_queue_of_a_daemon_that_hangs_costs_no_more_than_the_limit() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let (_dir, endpoint) = endpoint();
    let listener = bound(&endpoint);
    rustix::net::listen(&listener, 0).unwrap();
    let started = Instant::now();
    let kept: Vec<Stream> = std::iter::repeat_with(|| connect(&endpoint, Duration::from_millis(50)))
        .take(8)
        .map_while(Result::ok)
        .collect();
    assert!(kept.len() < 8, "the queue never got full");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_connection_that_nobody_accepted_is_not_lost() {
    let (_dir, endpoint) = endpoint();
    runtime().block_on(async {
        let listener = bound(&endpoint);
        // A wait that is stopped, as before a hand-over, leaves the queue as it is.
        assert!(tokio::time::timeout(Duration::from_millis(10), listener.accept()).await.is_err());
        let client = connect(&endpoint, SECOND).unwrap();
        assert!(listener.accept_last().await.is_none());
        listener.accept().await.unwrap();
        drop(client);
    });
}

#[test]
fn what_is_passed_on_is_open_to_the_next_program_until_it_is_taken() {
    let previous = runtime();
    let (dir, endpoint) = endpoint();
    let listener = previous.block_on(async { bound(&endpoint) });
    let lock = RunLock::Held(crate::sys::lock::try_lock(&dir.path().join("lock")).unwrap().unwrap());
    let is_kept = |descriptor: BorrowedFd<'_>| fcntl_getfd(descriptor).unwrap().contains(FdFlags::CLOEXEC);
    assert!(is_kept(listener.as_fd()) && is_kept(lock.held().unwrap().file().as_fd()));
    let text = pass_on(&listener, &lock).unwrap();
    assert!(!is_kept(listener.as_fd()) && !is_kept(lock.held().unwrap().file().as_fd()));
    // The previous program is gone, and has closed nothing.
    std::mem::forget((listener, lock, previous));
    let runtime = runtime();
    let _entered = runtime.enter();
    let (listener, lock) = take_over(&text, &endpoint, Path::new("")).unwrap();
    assert!(is_kept(listener.as_fd()) && is_kept(lock.held().unwrap().file().as_fd()));
    assert!(listener.is_found());
    assert!(crate::sys::lock::try_lock(&dir.path().join("lock")).unwrap().is_none());
    connect(&endpoint, SECOND).unwrap();
    listener.close();
    assert!(!endpoint.path.exists());
}

#[test]
fn descriptors_that_are_not_what_they_should_be_are_refused() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let (_dir, endpoint) = endpoint();
    for text in ["", "1,2,own", "3", "9999,9998,own", "a,b,own", "-1,-1,managed", "9999,9998,mine"] {
        assert!(take_over(text, &endpoint, Path::new("")).is_err(), "{text}");
    }
    let listener = bound(&endpoint);
    let own = listener.as_fd().as_raw_fd();
    let error = take_over(&format!("{own},{own},own"), &endpoint, Path::new("")).err().unwrap();
    assert!(error.to_string().contains("was not passed on"), "{error}");
}
