//! The daemon: from its start to its end, under whatever its peers and its machine do to it.
//!
//! Each test has a home and a runtime directory of its own.
#![allow(clippy::unwrap_used, reason = "a scenario ends where it cannot go on")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kache::client::{self, DaemonAddress};
use kache::protocol::VERSION;
use kache::protocol::build::Build;
use kache::protocol::frame;
use kache::protocol::hello::Hello;
use kache::protocol::message::{Request, Response, Status};
use kache::sys::env::Env;

use crate::stamped::stamped;

pub(crate) const KACHE: &str = env!("CARGO_BIN_EXE_kache");
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// The home of a user who has a daemon. It ends with the test.
pub(crate) struct Home {
    dir: tempfile::TempDir,
    is_dev: bool,
}

impl Home {
    /// A home for the binary under test.
    pub(crate) fn new() -> Home {
        let dir = tempfile::Builder::new().prefix("kache-d-").tempdir().unwrap();
        for name in ["home/.config/kache", "run", "bin"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        fs::set_permissions(dir.path().join("run"), fs::Permissions::from_mode(0o700)).unwrap();
        Home { dir, is_dev: Build::current().is_dev }
    }

    /// A home for binaries made by [`Home::install`].
    pub(crate) fn for_releases() -> Home {
        let mut home = Home::new();
        home.is_dev = false;
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.place().endpoint.path
    }

    pub(crate) fn place(&self) -> DaemonAddress {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let (home, run) = (text(self.path("home")), text(self.path("run")));
        let env = Env::with_vars(&[("HOME", &home), ("XDG_RUNTIME_DIR", &run)]);
        DaemonAddress::for_build(&env, &Build { is_dev: self.is_dev, ..Build::current() }).unwrap()
    }

    pub(crate) fn configure(&self, text: &str) {
        let path = self.path("home/.config/kache/config.toml");
        fs::write(path.with_extension("new"), text).unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
    }

    /// A command in this home, and nothing else of the caller's.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("XDG_RUNTIME_DIR", self.path("run"));
        command
    }

    fn kache(&self, program: &Path, args: &[&str]) -> Output {
        self.command(program).arg("daemon").args(args).output().unwrap()
    }

    #[track_caller]
    pub(crate) fn start(&self, program: &Path) -> Status {
        let output = self.kache(program, &["start"]);
        assert!(output.status.success(), "{}\n{}", said(&output), self.log());
        self.status()
    }

    fn try_ask(&self, request: &Request) -> Result<Response, client::NoDaemon> {
        let endpoint = self.place().endpoint;
        client::ask(&endpoint, &Build::current(), request, None, LIMIT).map(|reply| reply.answer)
    }

    #[track_caller]
    pub(crate) fn ask(&self, request: &Request) -> Response {
        self.try_ask(request).unwrap_or_else(|no| panic!("{no}\n{}", self.log()))
    }

    #[track_caller]
    pub(crate) fn status(&self) -> Status {
        match self.ask(&Request::Status) {
            Response::Status(status) => *status,
            other => panic!("{other:?}"),
        }
    }

    fn is_running(&self) -> bool {
        kache::daemon::run::is_running(&self.place())
    }

    #[track_caller]
    pub(crate) fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let until = Instant::now() + LIMIT;
        while !is_so() {
            assert!(Instant::now() < until, "not within {} s: {what}\n{}", LIMIT.as_secs(), self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.place().log).unwrap_or_default()
    }

    /// Builds a crate called `p` with kache, from this source.
    pub(crate) fn build(&self, text: &str) {
        fs::create_dir_all(self.path("p/src")).unwrap();
        let manifest = "[package]\nname = \"p\"\nversion = \"0.1.0\"\n\n[workspace]\n";
        fs::write(self.path("p/Cargo.toml"), manifest).unwrap();
        fs::write(self.path("p/src/lib.rs"), text).unwrap();
        let mut cargo = self.command("cargo");
        cargo
            .current_dir(self.path("p"))
            .args(["build", "--offline"])
            .env("RUSTC_WRAPPER", KACHE)
            .env("KACHE_INCREMENTAL", "off");
        for name in ["RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
            let rustup =
                std::env::var_os("HOME").map(|home| Path::new(&home).join(".rustup").into_os_string());
            let default = if name == "RUSTUP_HOME" { rustup } else { None };
            cargo.envs(std::env::var_os(name).or(default).map(|value| (name, value)));
        }
        let output = cargo.output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }

    /// Puts a release of this version at `path`, as installers do: written beside it, then renamed over it.
    pub(crate) fn install(&self, path: &Path, id: u8, version: &str) {
        self.replace(path, &stamped(id, version));
    }

    fn replace(&self, path: &Path, bytes: &[u8]) {
        let beside = path.with_extension("new");
        fs::write(&beside, bytes).unwrap();
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(&beside, path).unwrap();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.try_ask(&Request::Stop).is_ok() {
            kache::daemon::start::wait_for_end(&self.place(), LIMIT);
        }
    }
}

fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

#[test]
fn it_starts_says_how_it_is_and_leaves_nothing_behind_when_it_stops() {
    let home = Home::new();
    let kache = Path::new(KACHE);
    let output = home.kache(kache, &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).starts_with("The daemon is not running. Builds do not need it."),
        "{}",
        said(&output)
    );

    let status = home.start(kache);
    assert_eq!(status.build, Build::current());
    assert_eq!((status.exe.as_path(), status.supervisor.as_str()), (kache, "demand"));
    assert_eq!(status.cache_dir, home.path("home/.cache/kache"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&home.socket()), mode(home.socket().parent().unwrap())), (0o600, 0o700));
    let shown = said(&home.kache(kache, &[]));
    assert!(shown.contains(&format!("process      {}", status.pid)), "{shown}");
    let again = home.kache(kache, &["start"]);
    assert!(again.status.success() && said(&again).contains("already running"), "{}", said(&again));

    let stopped = home.kache(kache, &["stop"]);
    assert_eq!((stopped.status.code(), said(&stopped).as_str()), (Some(0), "Stopped.\n"));
    assert!(!home.is_running() && !home.socket().exists());
    let again = home.kache(kache, &["stop"]);
    assert_eq!((again.status.code(), said(&again).as_str()), (Some(0), "The daemon is not running.\n"));
    assert!(said(&home.kache(kache, &["log"])).contains("stopping: requested by a client"));
}

#[test]
fn whatever_peers_send_it_goes_on_serving() {
    let home = Home::new();
    let status = home.start(Path::new(KACHE));
    let n_descriptors = || fs::read_dir(format!("/proc/{}/fd", status.pid)).map_or(0, Iterator::count);
    let hello = Hello::new(&Build::current()).encode();
    let with_frame = |length: u32, body: &[u8]| [&hello[..], &length.to_le_bytes(), body].concat();
    let mut newer = Hello::new(&Build::current());
    newer.protocol.major += 1;
    let bad: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        vec![0xff; 100_000],
        vec![0; 32],
        hello[..7].to_vec(),
        with_frame(u32::MAX, b"{}"),
        with_frame(1 << 21, &vec![b' '; 1 << 20]),
        with_frame(100, b"half a frame"),
        with_frame(3, b"abc"),
        with_frame(0, b""),
        with_frame(22, br#"{"request":"no-such"} "#),
        with_frame(20, br#"{"request":"status"}"#)[..40].to_vec(),
        [&newer.encode()[..], &20u32.to_le_bytes(), br#"{"request":"status"}"#].concat(),
    ];
    let before = n_descriptors();
    std::thread::scope(|scope| {
        for bytes in &bad {
            // One that closes at once, and one that waits for what it is answered.
            for waits in [false, true] {
                let socket = home.socket();
                scope.spawn(move || {
                    let mut stream = UnixStream::connect(socket).unwrap();
                    let _ = stream.write_all(bytes);
                    if waits {
                        let _ = stream.shutdown(std::net::Shutdown::Write);
                        let _ = stream.read_to_end(&mut Vec::new());
                    }
                });
            }
        }
        // Meanwhile others are silent, and hold more connections than are served at a time.
        let silent: Vec<UnixStream> =
            std::iter::repeat_with(|| UnixStream::connect(home.socket()).unwrap()).take(80).collect();
        assert_eq!(home.status().pid, status.pid);
        drop(silent);
    });
    let after = home.status();
    assert_eq!(after.pid, status.pid);
    assert!(after.n_bad_peers >= 10, "{}", after.n_bad_peers);
    home.until("connections are closed", || n_descriptors() <= before + 1);
}

#[test]
fn a_request_it_does_not_know_is_refused_in_words() {
    let home = Home::new();
    home.start(Path::new(KACHE));
    let answer_to = |hello: Hello, request: &serde_json::Value| {
        let mut stream = UnixStream::connect(home.socket()).unwrap();
        stream.write_all(&hello.encode()).unwrap();
        stream.read_exact(&mut [0; 32]).unwrap();
        frame::write(&mut stream, request).unwrap();
        frame::read::<Response>(&mut stream).unwrap()
    };
    let own = Hello::new(&Build::current());
    let refused = |answer: Response, words: &str| match answer {
        Response::Refused { why } if why.contains(words) => {}
        other => panic!("{words}: {other:?}"),
    };
    refused(answer_to(own, &serde_json::json!({"request": "dance"})), "not understood");
    let mut newer = own;
    newer.protocol.major += 1;
    refused(answer_to(newer, &serde_json::json!({"request": "stop"})), "too old for that request");
    let upgrade = serde_json::json!({"request": "upgrade", "exe": "/missing/kache", "new": 1});
    refused(answer_to(newer, &upgrade), "/missing/kache");
    home.status();
}

#[test]
fn started_on_demand_it_ends_when_nobody_asks() {
    let home = Home::new();
    home.configure("[cache]\ndaemon_idle_timeout = \"1s\"\n");
    let status = home.start(Path::new(KACHE));
    assert_eq!(status.idle_timeout_ms, Some(1000));
    home.until("it ends", || !home.is_running());
    assert!(home.log().contains("stopping: idle"), "{}", home.log());
    assert!(!home.socket().exists());
}

#[test]
fn it_holds_nothing_of_the_process_that_started_it() {
    let home = Home::new();
    // The output ends when the last process that holds it does; 9 stands for what cargo leaves open for its children.
    let mut command = home.command("sh");
    command.args(["-c", "exec 9>&1; exec \"$0\" daemon start"]).arg(KACHE).stdin(Stdio::null());
    command.env("KACHE_CACHE_DIR", home.path("elsewhere")).env("MAKEFLAGS", "--jobserver-auth=9,9");
    command.env("CARGO_MAKEFLAGS", "x").current_dir(home.path("bin"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let status = home.status();
    assert_eq!(status.cache_dir, home.path("home/.cache/kache"), "a build's variables do not reach it");
    if let Ok(variables) = fs::read(format!("/proc/{}/environ", status.pid)) {
        let names: Vec<&[u8]> = variables
            .split(|byte| *byte == 0)
            .filter_map(|variable| variable.split(|byte| *byte == b'=').next())
            .filter(|name| !name.is_empty())
            .collect();
        assert_eq!(names, [&b"HOME"[..], b"XDG_RUNTIME_DIR"]);
        assert_eq!(fs::read_link(format!("/proc/{}/cwd", status.pid)).unwrap(), Path::new("/"));
    }
}

#[test]
fn killed_it_leaves_a_stale_socket_that_the_next_one_replaces() {
    let home = Home::new();
    let first = home.start(Path::new(KACHE));
    signal(first.pid, rustix::process::Signal::KILL);
    home.until("it is gone", || !home.is_running());
    assert!(home.socket().exists());
    let output = home.kache(Path::new(KACHE), &[]);
    assert!(said(&output).starts_with("The daemon is not running."), "{}", said(&output));
    let second = home.start(Path::new(KACHE));
    assert_ne!(second.pid, first.pid);
}

#[test]
fn one_that_crashes_again_and_again_is_not_started_for_every_build() {
    let home = Home::new();
    for _ in 0..2 {
        let status = home.start(Path::new(KACHE));
        signal(status.pid, rustix::process::Signal::KILL);
        home.until("it is gone", || !home.is_running());
    }
    let output = home.kache(Path::new(KACHE), &["start"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("2 times in a row"), "{}", said(&output));
    // After the pause it is tried again, and a good end forgets the crashes.
    home.until("the pause is over", || home.kache(Path::new(KACHE), &["start"]).status.success());
    assert!(home.kache(Path::new(KACHE), &["stop"]).status.success());
    home.start(Path::new(KACHE));
}

#[test]
fn of_many_that_are_started_at_once_one_runs() {
    let home = Home::new();
    std::thread::scope(|scope| {
        let starts: Vec<_> =
            (0..8).map(|_| scope.spawn(|| home.kache(Path::new(KACHE), &["start"]))).collect();
        for start in starts {
            let output = start.join().unwrap();
            assert!(output.status.success(), "{}\n{}", said(&output), home.log());
        }
    });
    let n_started = home.log().matches("started:").count();
    assert_eq!(n_started, 1, "{}", home.log());
    let output = home.kache(Path::new(KACHE), &["run"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("a daemon is already running"), "{}", said(&output));
}

#[test]
fn what_stands_in_the_place_of_its_socket_is_named_and_left_alone() {
    let home = Home::new();
    fs::create_dir_all(home.socket()).unwrap();
    let output = home.kache(Path::new(KACHE), &["run"]);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("{}: this is not a socket; remove it", home.socket().display());
    assert!(said(&output).contains(&expected), "{}", said(&output));
    assert!(home.socket().is_dir());
    let started = home.kache(Path::new(KACHE), &["start"]);
    assert_eq!(started.status.code(), Some(1));
    assert!(
        said(&started).contains("exited right after it started") && said(&started).contains(&expected),
        "{}",
        said(&started)
    );
    let status = home.kache(Path::new(KACHE), &[]);
    assert_eq!(status.status.code(), Some(1));

    fs::remove_dir(home.socket()).unwrap();
    fs::remove_file(home.place().lock).unwrap();
    fs::create_dir(home.place().lock).unwrap();
    let started = said(&home.kache(Path::new(KACHE), &["start"]));
    let expected = format!("failed to lock {}: ", home.place().lock.display());
    assert!(started.contains(&expected) && started.contains("move that file away"), "{started}");
    assert!(!started.contains("this is not a socket"), "that was said by an earlier one: {started}");
    fs::remove_dir(home.place().lock).unwrap();
    let dir = home.socket().parent().unwrap().to_owned();
    fs::remove_dir_all(&dir).unwrap();
    fs::write(&dir, "a file").unwrap();
    let output = home.kache(Path::new(KACHE), &["run"]);
    assert!(said(&output).contains(&dir.display().to_string()), "{}", said(&output));
    assert_eq!(fs::read(&dir).unwrap(), b"a file");
}

#[test]
fn where_what_listens_says_nothing_stop_says_what_to_do() {
    let home = Home::new();
    fs::create_dir_all(home.socket().parent().unwrap()).unwrap();
    let _listener = UnixListener::bind(home.socket()).unwrap();
    let stopped = home.kache(Path::new(KACHE), &["stop"]);
    let said = said(&stopped);
    assert_eq!(stopped.status.code(), Some(1));
    assert!(said.contains("does not answer"), "{said}");
    assert!(said.contains("hint: end the process that has it open, then run `kache daemon start`"), "{said}");
}

#[test]
fn one_that_nobody_can_find_any_more_ends() {
    let home = Home::new();
    let first = home.start(Path::new(KACHE));
    fs::remove_file(home.socket()).unwrap();
    // It may still have its lock: the next one waits for it.
    let second = home.start(Path::new(KACHE));
    assert_ne!(first.pid, second.pid);
    assert!(home.log().contains("the socket was removed"), "{}", home.log());
}

#[test]
fn the_system_can_tell_it_to_end_and_to_read_its_configuration_again() {
    let home = Home::new();
    home.configure("[cache]\ndaemon_idle_timeout = \"1h\"\n");
    let status = home.start(Path::new(KACHE));
    home.configure("[cache]\ndaemon_idle_timeout = \"2h\"\n");
    signal(status.pid, rustix::process::Signal::HUP);
    home.until("SIGHUP", || home.status().idle_timeout_ms == Some(7_200_000));
    // It also looks by itself. What cannot be read changes nothing, and is told.
    home.configure("[cache\n");
    home.until("the file is looked at", || !home.status().config_problems.is_empty());
    assert_eq!(home.status().idle_timeout_ms, Some(7_200_000));
    home.configure("[cache]\ndaemon_idle_timeout = \"3h\"\n");
    home.until("the file is looked at", || home.status().idle_timeout_ms == Some(10_800_000));
    assert!(home.status().config_problems.is_empty());
    signal(status.pid, rustix::process::Signal::TERM);
    home.until("SIGTERM", || !home.is_running());
    assert!(!home.socket().exists());
    home.start(Path::new(KACHE));
}

#[test]
fn a_service_manager_can_listen_for_it() {
    let home = Home::new();
    let dir = home.socket().parent().unwrap().to_owned();
    fs::create_dir_all(&dir).unwrap();
    let listener = UnixListener::bind(home.socket()).unwrap();
    // What connects before there is a daemon is served by it.
    let early = std::thread::scope(|scope| {
        let early = scope.spawn(|| home.try_ask(&Request::Status));
        // As the standard input: a shell may know no descriptors with two digits.
        let script =
            "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" daemon run --supervised=systemd";
        let notified = std::os::unix::net::UnixDatagram::bind(home.path("notify")).unwrap();
        let mut command = home.command("sh");
        command.args(["-c", script]).arg(KACHE).env("NOTIFY_SOCKET", home.path("notify"));
        command.stdin(std::os::fd::OwnedFd::from(listener.try_clone().unwrap()));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut daemon = command.spawn().unwrap();
        let mut message = [0; 64];
        notified.set_read_timeout(Some(LIMIT)).unwrap();
        let n = notified.recv(&mut message).unwrap();
        assert_eq!(&message[..n], b"READY=1\n");
        let early = early.join().unwrap();
        assert!(home.kache(Path::new(KACHE), &["restart"]).status.success(), "{}", home.log());
        assert_eq!(home.status().n_handovers, 1);
        assert_eq!(home.ask(&Request::Stop), Response::Done);
        assert!(daemon.wait().unwrap().success());
        early
    });
    let Ok(Response::Status(status)) = early else { panic!("{early:?}") };
    assert_eq!((status.supervisor.as_str(), status.idle_timeout_ms), ("systemd", None));
    assert!(home.socket().exists(), "the socket is the service manager's");
}

#[test]
fn it_folds_what_was_recorded_and_collects() {
    let home = Home::new();
    let cache = home.path("home/.cache/kache");
    home.start(Path::new(KACHE));
    assert_eq!(home.status().upkeep.n_runs, 0, "there is nothing to look after");
    let records = cache.join("records");
    fs::create_dir_all(&records).unwrap();
    // Records of long ago go with a collection.
    let old = records.join("2020-01-01.jsonl");
    fs::write(&old, "{}\n").unwrap();
    let then = std::time::UNIX_EPOCH + Duration::from_secs(1_577_836_800);
    fs::File::options().write(true).open(&old).unwrap().set_modified(then).unwrap();
    fs::write(records.join("2026-11-24.jsonl"), "{}\n").unwrap();
    home.until("it looks after the store", || home.status().upkeep.n_runs == 1);
    let upkeep = home.status().upkeep;
    assert_eq!(upkeep.error, None);
    assert!(upkeep.last.as_ref().is_some_and(|said| said.contains("index is up to date")), "{upkeep:?}");
    assert!(cache.join("index.db").exists() && cache.join("gc.stamp").exists());
    assert!(!old.exists(), "{upkeep:?}");
}

/// Asks as fast as it can until told to stop. Answers how many answers came, and what else did.
fn load(home: &Home, stop: &AtomicBool, n_answers: &AtomicUsize) -> Vec<String> {
    let endpoint = home.place().endpoint;
    let mut failures = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        match client::ask_once(&endpoint, &Build::current(), &Request::Status, None, LIMIT) {
            Ok(reply) if matches!(reply.answer, Response::Status(_)) => {
                n_answers.fetch_add(1, Ordering::Relaxed);
            }
            Ok(reply) => failures.push(format!("{:?}", reply.answer)),
            Err(no) => failures.push(no.to_string()),
        }
    }
    failures
}

/// Replaces the daemon's binary again and again while clients ask. No request fails, and each build takes over.
fn swap_under_load(n_swaps: u8, n_clients: usize) {
    let home = Home::for_releases();
    let exe = home.path("bin/kache");
    home.install(&exe, 1, "0.1.0");
    let first = home.start(&exe);
    let (stop, n_answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let failures: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..n_clients).map(|_| scope.spawn(|| load(&home, &stop, &n_answers))).collect();
        for swap in 0..n_swaps {
            // Up and down: replacing the file by an older version is meant as well.
            home.install(&exe, swap + 2, if swap % 2 == 0 { "0.2.0" } else { "0.1.0" });
            let id = kache::protocol::build::BuildId(u128::from(swap + 2).to_be_bytes());
            home.until("the new build runs", || {
                home.try_ask(&Request::Status)
                    .is_ok_and(|answer| matches!(answer, Response::Status(status) if status.build.id == id))
            });
        }
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let last = home.status();
    assert_eq!(failures, Vec::<String>::new(), "{}", home.log());
    assert_eq!((last.pid, last.n_handovers), (first.pid, u64::from(n_swaps)), "{}", home.log());
    let n_answers = n_answers.load(Ordering::Relaxed);
    assert!(n_answers > usize::from(n_swaps) * n_clients, "{n_answers} answers are no load");
    assert!(last.n_requests >= n_answers as u64, "the count outlives hand-overs");
}

#[test]
fn replaced_under_load_it_becomes_the_new_build_and_no_request_fails() {
    swap_under_load(3, 2);
}

#[test]
#[ignore = "stress: a hundred hand-overs under load take minutes"]
fn replaced_a_hundred_times_under_load_no_request_fails() {
    swap_under_load(100, 8);
}

#[test]
fn a_link_that_is_pointed_elsewhere_is_followed() {
    let home = Home::for_releases();
    for (name, id, version) in [("1", 1, "0.1.0"), ("2", 2, "0.2.0")] {
        fs::create_dir(home.path(name)).unwrap();
        home.install(&home.path(name).join("kache"), id, version);
    }
    let (link, exe) = (home.path("current"), home.path("current/kache"));
    symlink("1", &link).unwrap();
    let first = home.start(&exe);
    assert_eq!((first.build.version.as_str(), &first.exe), ("0.1.0", &exe));
    symlink("2", home.path("next")).unwrap();
    fs::rename(home.path("next"), &link).unwrap();
    home.until("it follows", || home.status().build.version == "0.2.0");
    assert_eq!((home.status().pid, home.status().exe), (first.pid, exe));
}

#[test]
fn what_cannot_take_over_leaves_it_running_until_something_can() {
    let home = Home::for_releases();
    let exe = home.path("bin/kache");
    home.install(&exe, 1, "0.1.0");
    let first = home.start(&exe);
    let bad: [&[u8]; 3] =
        [b"#!/bin/sh\necho no room >&2; exit 1\n", b"\x7fELF", b"#!/bin/sh\nkill -SEGV $$\n"];
    for bytes in bad {
        home.replace(&exe, bytes);
        home.until("it notices", || home.status().upgrade_pending.is_some());
        home.install(&exe, 1, "0.1.0");
        home.until("the same build again is no upgrade", || home.status().upgrade_pending.is_none());
    }
    // One that passes what it is asked and then cannot be run in place of this one.
    fs::set_permissions(&exe, fs::Permissions::from_mode(0o777)).unwrap();
    home.until("it notices", || home.status().upgrade_pending.is_some_and(|why| why.contains("chmod go-w")));
    assert!(
        said(&home.kache(Path::new(KACHE), &[])).contains("is not running"),
        "another kind of build, another daemon"
    );
    assert_eq!((home.status().pid, home.status().n_handovers), (first.pid, 0), "{}", home.log());
    home.install(&exe, 9, "0.2.0");
    home.until("a good one takes over", || home.status().build.version == "0.2.0");
    assert_eq!((home.status().pid, home.status().upgrade_pending), (first.pid, None));
}

#[test]
fn two_versions_side_by_side_do_not_take_turns() {
    let home = Home::for_releases();
    let (old, new, newest) = (home.path("bin/old"), home.path("bin/new"), home.path("bin/newest"));
    home.install(&old, 1, "0.1.0");
    home.install(&new, 2, "0.2.0");
    home.install(&newest, 3, "0.3.0");
    let first = home.start(&old);
    let offer = |exe: &Path| match home.ask(&Request::Upgrade { exe: exe.to_owned() }) {
        Response::Done => "taken".to_owned(),
        Response::Refused { why } => why,
        other => panic!("no answer to an offer: {other:?}"),
    };
    assert_eq!(offer(&new), "taken");
    home.until("the newer takes over", || home.status().build.version == "0.2.0");
    for _ in 0..5 {
        assert!(offer(&old).contains("not newer"), "{}", offer(&old));
        assert!(offer(&new).contains("runs already"), "{}", offer(&new));
    }
    assert!(offer(&newest).contains("less than a minute ago"), "{}", offer(&newest));
    assert_eq!((home.status().pid, home.status().n_handovers), (first.pid, 1));
    assert_eq!(home.status().exe, new, "from now on it is this file that is looked at");
    let dev = offer(Path::new(KACHE));
    assert!(!Build::current().is_dev || dev.contains("development builds"), "{dev}");
    fs::set_permissions(&newest, fs::Permissions::from_mode(0o757)).unwrap();
    assert!(offer(&newest).contains("chmod go-w"), "{}", offer(&newest));
}

/// Speaks the major before the first one until it is offered another build, which it then seems to be.
fn be_too_old(listener: &UnixListener) {
    let mut is_replaced = false;
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut hello = Hello::new(&Build::current());
        hello.protocol.major -= u16::from(!is_replaced);
        stream.read_exact(&mut [0; 32]).unwrap();
        stream.write_all(&hello.encode()).unwrap();
        let answer = match frame::read::<Request>(&mut stream) {
            // Who finds it too old and has nothing to offer goes.
            Err(_) => continue,
            Ok(Request::Upgrade { .. }) => {
                is_replaced = true;
                serde_json::json!({"answer": "done"})
            }
            Ok(Request::Status) => serde_json::json!({
                "answer": "status", "build": Build::current(), "protocol": VERSION, "pid": 4242, "exe": KACHE,
                "supervisor": "demand", "uptime_ms": 1, "n_handovers": 1, "n_requests": 1, "n_bad_peers": 0,
                "cache_dir": "/", "upkeep": {}, "log": "/log"
            }),
            Ok(_) => serde_json::json!({"answer": "done"}),
        };
        frame::write(&mut stream, &answer).unwrap();
        if answer["answer"] == "status" {
            return;
        }
    }
}

#[test]
fn one_that_is_too_old_to_be_asked_is_replaced_by_a_restart() {
    let home = Home::new();
    fs::create_dir_all(home.socket().parent().unwrap()).unwrap();
    let listener = UnixListener::bind(home.socket()).unwrap();
    let old = std::thread::spawn(move || be_too_old(&listener));
    let shown = said(&home.kache(Path::new(KACHE), &[]));
    assert!(shown.contains("too old; `kache daemon restart` replaces it"), "{shown}");
    let output = home.kache(Path::new(KACHE), &["restart"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).ends_with(", process 4242.\n"), "{}", said(&output));
    old.join().unwrap();
}

#[test]
fn a_build_starts_a_collection_and_no_daemon() {
    let home = Home::new();
    let cache = home.path("home/.cache/kache");
    home.build("pub fn one() {}");
    let stamp = fs::File::options().write(true).open(cache.join("gc.stamp")).unwrap();
    stamp.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert!(!cache.join("gc.lock").exists());
    home.build("pub fn two() {}");
    home.until("a collection", || cache.join("gc.lock").exists());
    assert!(!home.is_running());
    assert!(!home.place().lock.exists(), "none was started");
}
