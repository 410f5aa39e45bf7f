//! Where the daemon is looked for, and what can be in its place.

#![allow(clippy::disallowed_methods, reason = "they play a peer")]

use super::*;

fn address(vars: &[(&str, &str)], is_dev: bool) -> Result<DaemonAddress, NoAddress> {
    DaemonAddress::for_build(&Env::with_vars(vars), &Build { is_dev, ..Build::current() })
}

#[test]
#[cfg_attr(windows, ignore = "a pipe has no directory")]
fn the_socket_is_in_the_runtime_directory_or_beside_the_store_or_in_a_shared_place() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(at("run")).unwrap();
    let with_runtime = address(&[("HOME", &at("home")), ("XDG_RUNTIME_DIR", &at("run"))], false).unwrap();
    assert_eq!(with_runtime.endpoint.path, PathBuf::from(at("run/kache/daemon.sock")));
    assert_eq!(with_runtime.log, PathBuf::from(at("home/.cache/kache/daemon.log")));

    let long = at(&"long".repeat(30));
    let with_long_home = address(&[("HOME", &long), ("XDG_RUNTIME_DIR", &at("missing"))], false).unwrap();
    // A machine with a user manager has another runtime directory, that of the user.
    let usual = ipc::runtime_dir(&Env::with_vars(&[])).map(|dir| dir.join("kache"));
    assert_eq!(with_long_home.dir, usual.unwrap_or_else(ipc::shared_dir));
    assert!(address(&[], false).is_err());
    assert!(address(&[("HOME", "relative")], false).is_err());
}

#[test]
fn development_builds_and_releases_do_not_meet() {
    let home = crate::sys::dirs::rooted("/home/me");
    let vars = [("HOME", home.as_str()), ("LOCALAPPDATA", &home)];
    let (dev, release) = (address(&vars, true).unwrap(), address(&vars, false).unwrap());
    assert_ne!(dev.endpoint, release.endpoint);
    assert_ne!(dev.lock, release.lock);
}

#[test]
fn what_a_build_sets_for_itself_does_not_move_the_daemon() {
    let home = crate::sys::dirs::rooted("/home/me");
    let vars = [("HOME", home.as_str()), ("LOCALAPPDATA", &home)];
    let with = [&vars[..], &[("KACHE_CACHE_DIR", "/elsewhere"), ("TMPDIR", "/t"), ("PWD", "/p")]].concat();
    let (without, with) = (address(&vars, false).unwrap(), address(&with, false).unwrap());
    assert_eq!(without.endpoint, with.endpoint);
    assert_eq!(without.config, with.config);
}

#[test]
#[cfg(unix)]
fn what_is_no_daemon_is_told_apart_from_none() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = Endpoint { path: dir.path().join("s") };
    let ask = || ask_once(&endpoint, &Build::current(), &Request::Status, None, Duration::from_millis(200));
    assert!(matches!(ask(), Err(NoDaemon::NotRunning)));
    let listener = std::os::unix::net::UnixListener::bind(&endpoint.path).unwrap();
    let answers: [&[u8]; 4] = [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n.....", b"KCHE", &[0xff; 64]];
    for answer in answers {
        std::thread::scope(|scope| {
            scope.spawn(|| (listener.accept().unwrap().0, answer).0.write_all(answer).unwrap());
            let no = ask().unwrap_err();
            assert!(matches!(no, NoDaemon::NotKache | NoDaemon::NoAnswer(_)), "{no}");
        });
    }
    // It accepts, and says nothing.
    let no = ask().unwrap_err();
    assert_eq!(no.to_string(), "the daemon does not answer: no answer in time");
    drop(listener);
    assert!(matches!(ask(), Err(NoDaemon::NotRunning)), "a stale socket is no daemon");
}

#[test]
#[cfg(unix)]
fn a_daemon_of_another_major_is_understood_by_its_first_bytes_alone() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = Endpoint { path: dir.path().join("s") };
    let listener = std::os::unix::net::UnixListener::bind(&endpoint.path).unwrap();
    let exe = Path::new("/new/kache");
    let answer_as = |major: u16, offered: Option<&Path>| {
        std::thread::scope(|scope| {
            let daemon = scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut hello = Hello::new(&Build::current());
                hello.protocol.major = major;
                stream.write_all(&hello.encode()).unwrap();
                stream.read_exact(&mut [0; HELLO_BYTES]).unwrap();
                let request = frame::read::<Request>(&mut stream).ok();
                let _ = frame::write(&mut stream, &Response::Done);
                request
            });
            let limit = Duration::from_secs(5);
            let no = ask(&endpoint, &Build::current(), &Request::Stop, offered, limit).unwrap_err();
            (no, daemon.join().unwrap())
        })
    };
    let (no, request) = answer_as(3, Some(exe));
    assert!(matches!(no, NoDaemon::TooNew { daemon: 3 }), "{no}");
    assert_eq!(request, None);
    let (no, request) = answer_as(0, Some(exe));
    assert!(matches!(no, NoDaemon::TooOld { daemon: 0, .. }), "{no}");
    assert_eq!(request, Some(Request::Upgrade { exe: exe.to_owned() }));
    let (no, request) = answer_as(0, None);
    assert!(no.to_string().contains("kache daemon restart"), "{no}");
    assert_eq!(request, None);
}

#[test]
#[cfg(unix)]
fn a_daemon_of_the_first_version_is_not_asked_to_stream() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = Endpoint { path: dir.path().join("s") };
    let listener = std::os::unix::net::UnixListener::bind(&endpoint.path).unwrap();
    std::thread::scope(|scope| {
        let daemon = scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut hello = Hello::new(&Build::current());
            hello.protocol.minor = 0;
            stream.write_all(&hello.encode()).unwrap();
            stream.read_exact(&mut [0; HELLO_BYTES]).unwrap();
            frame::read::<Request>(&mut stream).ok()
        });
        let no =
            Subscription::open(&endpoint, &Build::current(), None, Duration::from_secs(5)).err().unwrap();
        assert_eq!(no.to_string(), "the daemon does not stream records: it is too old for that");
        assert_eq!(daemon.join().unwrap(), None, "it would not understand");
    });
}
