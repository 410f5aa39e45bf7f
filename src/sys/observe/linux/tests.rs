//! Real programs, observed.

use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use super::super::{Access, Observation, PathState, Scope, Uses};
use super::filter::{Hello, Prepared};
use super::keeper::Keeper;
use super::listener::{Listener, Woken};
use super::{enter_before_exec, privileges, resolve, spawn};

struct Run {
    dir: PathBuf,
    _temporary: tempfile::TempDir,
}

impl Run {
    fn new(files: &[(&str, &str)]) -> Run {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().canonicalize().unwrap();
        for (name, content) in files {
            std::fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
            std::fs::write(dir.join(name), content).unwrap();
        }
        Run { dir, _temporary: temporary }
    }

    fn observe(&self, program: &str, args: &[&str]) -> (Observation, ExitStatus, String) {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.dir).stdin(Stdio::null()).stdout(Stdio::piped());
        let (child, watching) = spawn(command, Scope::All).expect("programs can be observed here");
        let output = child.wait_with_output().unwrap();
        (watching.finish(), output.status, String::from_utf8(output.stdout).unwrap())
    }

    /// The shell itself becomes `script`'s last command, so it starts no program.
    fn shell_without_links(&self, script: &str) -> Observation {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(&self.dir).stdin(Stdio::null()).stdout(Stdio::null());
        let (child, watching) = spawn(command, Scope::AllButLinks).expect("programs can be observed here");
        assert!(child.wait_with_output().unwrap().status.success(), "{script}");
        watching.finish()
    }

    fn shell(&self, script: &str) -> Observation {
        let (observation, status, _) = self.observe("sh", &["-c", script]);
        assert!(status.success(), "{script}");
        assert_eq!(observation.incomplete, None, "{script}");
        observation
    }
}

impl Run {
    fn access(&self, observation: &Observation, name: &str) -> Option<Access> {
        let path = self.dir.join(name);
        let mut rows = observation.accesses.iter().filter(|access| access.path == path);
        let first = rows.next()?.clone();
        Some(rows.fold(first, |first, row| Access { uses: first.uses.and(row.uses), ..first }))
    }

    fn uses(&self, observation: &Observation, name: &str) -> Uses {
        self.access(observation, name).map(|access| access.uses).unwrap_or_default()
    }
}

fn has(observation: &Observation, path: &Path, is_so: impl Fn(&Access) -> bool) -> bool {
    observation.accesses.iter().any(|access| access.path == path && is_so(access))
}

#[test]
fn reads_by_every_kind_of_descendant_are_seen() {
    let run = Run::new(&[("a", "1"), ("sub/b", "2"), ("c", "3"), ("d", "4"), ("e", "5")]);
    let seen = run.shell("cat a; (cd sub && cat b ../c >/dev/null); sh -c 'exec cat d' & wait; : < e");
    for name in ["a", "sub/b", "sub/../c", "d", "e"] {
        assert!(run.uses(&seen, name).read, "{name}: {seen:#?}");
    }
    let access = run.access(&seen, "sub/../c").unwrap();
    assert_eq!(access.real, run.dir.join("c"));
    assert!(matches!(access.found, PathState::File(identity) if identity.size == 1));
}

#[test]
fn a_listing_and_a_vain_look_are_seen() {
    let run = Run::new(&[("dir/x", "")]);
    let seen = run.shell("ls dir; test -e none/of/it; cat missing 2>/dev/null || test -d dir");
    assert!(run.uses(&seen, "dir").listed);
    assert!(matches!(run.access(&seen, "dir").unwrap().found, PathState::Directory(_)));
    for name in ["none", "missing"] {
        let access = run.access(&seen, name).unwrap();
        assert_eq!(access.found, PathState::Absent);
        assert!(access.uses.probed || access.uses.read);
    }
}

#[test]
fn a_vain_try_to_go_somewhere_is_seen() {
    if std::env::var_os("KACHE_TEST_GOES").is_some() {
        // A shell looks first.
        assert!(std::env::set_current_dir("absent").is_err());
        std::env::set_current_dir("dir").unwrap();
        return drop(std::fs::read("x").unwrap());
    }
    let run = Run::new(&[("dir/x", "1")]);
    let mut goes = own_test("a_vain_try_to_go_somewhere_is_seen", ("KACHE_TEST_GOES", "1"));
    goes.current_dir(&run.dir);
    let seen = observed(goes);
    let absent = run.access(&seen, "absent").unwrap();
    assert!(absent.found == PathState::Absent && absent.uses.probed, "{absent:?}");
    assert!(run.uses(&seen, "dir").probed && run.uses(&seen, "dir/x").read);
}

#[test]
fn what_was_made_before_is_no_dependence() {
    let run = Run::new(&[("old", "x")]);
    let seen = run.shell(
        "echo 1 > made; cat made; mkdir d; echo 2 > d/x; cat d/x; mv d e; cat e/x; rm made; test -e made; \
         ln -s ../old e/link; cat e/link; ln old second; cat second; test -e late || echo > late; cat late",
    );
    for name in ["made", "d", "d/x", "e", "e/x", "second"] {
        assert!(!run.uses(&seen, name).depends(), "{name}: {:?}", run.access(&seen, name));
    }
    // Through a link of its own: what was there before is named without it.
    assert!(run.uses(&seen, "old").read);
    assert!(run.access(&seen, "e/link").is_none_or(|access| !access.uses.depends()));
    let late = run.access(&seen, "late").unwrap();
    assert_eq!(late.found, PathState::Absent);
    assert!(late.uses.probed && late.uses.written && !late.uses.read, "{late:?}");
}

#[test]
fn a_file_that_is_moved_away_or_changed_in_place_counts_as_read() {
    let run = Run::new(&[("moved", "1"), ("grows", "2"), ("both", "3")]);
    let seen = run.shell("mv moved there; echo x >> grows; echo y 1<> both");
    assert!(run.uses(&seen, "moved").read);
    assert!(run.uses(&seen, "both").read);
    let grows = run.uses(&seen, "grows");
    assert!(grows.written && !grows.read);
}

#[test]
fn links_are_seen_as_links_where_they_are_asked_for() {
    let run = Run::new(&[("real/file", "1")]);
    std::os::unix::fs::symlink("real", run.dir.join("link")).unwrap();
    let seen = run.shell("cat link/file; readlink link; ! test -L real");
    let file = run.access(&seen, "link/file").unwrap();
    assert_eq!(file.real, run.dir.join("real/file"));
    assert!(has(&seen, &run.dir.join("link"), |access| access.found == PathState::Link("real".into())));
    assert!(has(&seen, &run.dir.join("real"), |access| access.uses.link_read));
}

#[test]
fn a_script_its_interpreter_and_vain_tries_on_the_path_are_seen() {
    let run = Run::new(&[("bin/tool", "#!./inner\n"), ("inner", "#!/bin/sh\ncat data\n"), ("data", "1")]);
    for name in ["bin/tool", "inner"] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(run.dir.join(name), mode).unwrap();
    }
    std::fs::create_dir(run.dir.join("first")).unwrap();
    let seen = run.shell("PATH=$PWD/first:$PWD/bin:$PATH; tool; exec env tool");
    for name in ["bin/tool", "inner"] {
        assert!(run.uses(&seen, name).executed, "{name}");
    }
    assert!(run.uses(&seen, "data").read);
    assert_eq!(run.access(&seen, "first/tool").unwrap().found, PathState::Absent);
    assert!(seen.accesses.iter().any(|access| access.uses.executed && access.path.ends_with("bin/sh")));
    assert!(seen.accesses.iter().any(|access| access.path.to_string_lossy().contains("ld-linux")));
}

#[test]
fn paths_through_proc_and_descriptors_lead_to_the_files() {
    let run = Run::new(&[("a", "1"), ("b", "2")]);
    let seen = run.shell("cat /proc/self/cwd/a; exec 7<.; cat /proc/self/fd/7/b");
    for name in ["a", "b"] {
        let real = run.dir.join(name);
        assert!(seen.accesses.iter().any(|access| access.real == real && access.uses.read), "{name}");
    }
}

#[test]
fn names_of_any_bytes_are_kept_and_too_long_ones_are_a_loss() {
    use std::os::unix::ffi::OsStrExt as _;
    let run = Run::new(&[]);
    let name = std::ffi::OsStr::from_bytes(b"not \xff utf-8\n");
    std::fs::write(run.dir.join(name), "x").unwrap();
    let seen = run.shell("cat not*");
    assert!(has(&seen, &run.dir.join(name), |access| access.uses.read));
    let (seen, ..) = run.observe("sh", &["-c", &format!("cat {}", "x/".repeat(2100))]);
    assert_eq!(seen.incomplete.as_deref(), Some("a path longer than the system takes"));
}

#[test]
fn the_status_and_the_streams_are_the_programs_own() {
    use std::os::unix::process::ExitStatusExt as _;
    let run = Run::new(&[]);
    let (_, status, printed) = run.observe("sh", &["-c", "echo out; exit 7"]);
    assert_eq!((status.code(), printed.as_str()), (Some(7), "out\n"));
    let (_, status, _) = run.observe("sh", &["-c", "kill -9 $$"]);
    assert_eq!(status.signal(), Some(9));
}

#[test]
fn a_program_that_is_not_there_is_an_error_of_its_own() {
    let mut command = Command::new("/no/such/program");
    command.stdout(Stdio::piped());
    match spawn(command, Scope::All) {
        Err(super::Failed::Start(e)) => assert_eq!(e.kind(), std::io::ErrorKind::NotFound),
        _ => panic!("it was started, or taken for unobservable"),
    }
}

#[test]
fn asking_a_server_is_a_loss() {
    match std::env::var("KACHE_TEST_ASKS").as_deref() {
        Ok("server") => return drop(std::os::unix::net::UnixStream::connect("/no/server")),
        Ok("network") => {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.send_to(b"?", socket.local_addr().unwrap()).unwrap();
            return;
        }
        _ => {}
    }
    for (asks, loss) in
        [("server", "a program asked the server at /no/server"), ("network", "a program uses the network")]
    {
        let own = own_test("asking_a_server_is_a_loss", ("KACHE_TEST_ASKS", asks));
        assert_eq!(observed(own).incomplete.as_deref(), Some(loss));
    }
}

/// This very test, to be run as a program of its own with a variable that says so.
fn own_test(name: &str, (variable, value): (&str, &str)) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("sys::observe::linux::tests::{name}")]).env(variable, value);
    command
}

fn observed(command: Command) -> Observation {
    let (child, watching) = spawn(command, Scope::All).expect("programs can be observed here");
    assert!(child.wait_with_output().unwrap().status.success());
    watching.finish()
}

#[test]
fn without_links_all_else_is_seen_and_a_program_that_is_started_makes_it_incomplete() {
    let run = Run::new(&[("a", "1")]);
    std::os::unix::fs::symlink("a", run.dir.join("link")).unwrap();
    let noted = |observation: &Observation, name: &str| {
        let path = run.dir.join(name);
        observation.accesses.iter().find(|access| access.path == path).map(|access| access.uses)
    };
    let script = "test -e none; read x < a; exec readlink link";
    let observation = run.shell_without_links(script);
    assert_eq!(observation.incomplete, None);
    assert!(noted(&observation, "a").unwrap().read);
    assert!(noted(&observation, "none").unwrap().probed);
    assert_eq!(noted(&observation, "link"), None);
    assert!(noted(&run.shell(script), "link").unwrap().link_read);
    let started = run.shell_without_links("readlink link; true");
    assert!(started.incomplete.unwrap().contains("was started"));
}

#[test]
fn closing_all_descriptors_and_dying_early_stop_nothing() {
    if std::env::var_os("KACHE_TEST_CLOSES").is_some() {
        #[expect(unsafe_code, reason = "std closes only what it has opened")]
        // SAFETY: nothing of this process is used any more but the number of a signal and a new file.
        unsafe {
            libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0);
        }
        let _ = std::fs::read("a");
        #[expect(unsafe_code, reason = "std kills only children")]
        // SAFETY: the call takes numbers only.
        unsafe {
            libc::kill(libc::getpid(), libc::SIGKILL);
        }
    }
    let run = Run::new(&[("a", "1"), ("b", "2")]);
    let own = own_test("closing_all_descriptors_and_dying_early_stop_nothing", ("KACHE_TEST_CLOSES", "1"));
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$@\"; test $? = 137 && cat b", "sh"]).arg(own.get_program()).args(own.get_args());
    shell.env("KACHE_TEST_CLOSES", "1").current_dir(&run.dir).stdout(Stdio::piped());
    let seen = observed(shell);
    assert!(run.uses(&seen, "a").read && run.uses(&seen, "b").read);
}

#[test]
fn who_outlives_the_program_is_answered_further() {
    let run = Run::new(&[("a", "1")]);
    let fifo = run.dir.join("go");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // Waits until the program has ended and the observation is over; then it still can open files.
    let script = "setsid sh -c 'read line < go; cat a > copy; mv copy done' >/dev/null 2>&1 </dev/null &";
    let (seen, status, _) = run.observe("sh", &["-c", script]);
    assert!(status.success() && seen.left_behind);
    std::fs::write(&fifo, "go\n").unwrap();
    let read = || std::fs::read_to_string(run.dir.join("done"));
    let mut waiting = Command::new("sh");
    let poll = "n=0; until test -e done; do n=$((n+1)); test $n -lt 200 || exit 1; sleep 0.05; done";
    assert!(waiting.args(["-c", poll]).current_dir(&run.dir).status().unwrap().success());
    assert_eq!(read().unwrap(), "1");
}

/// The observer may die at any time, so also between taking a call up and answering it.
#[test]
fn a_call_that_was_taken_up_and_not_answered_is_answered_by_the_keeper() {
    let run = Run::new(&[("a", "1")]);
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut command = Command::new("cat");
    command.arg("a").current_dir(&run.dir).stdout(Stdio::piped());
    enter_before_exec(&mut command, Prepared::new(theirs.as_raw_fd(), Scope::All));
    let (ended, output) = channel();
    // To start it takes until it has become that program.
    let child = std::thread::spawn(move || {
        let output = command.spawn().and_then(Child::wait_with_output);
        drop(theirs);
        ended.send(output).unwrap();
    });
    let hello = Hello::receive(ours.as_raw_fd()).unwrap().unwrap();
    let mut listener = Listener::new(resolve::own(hello.listener.unwrap())).unwrap();
    let keeper = Keeper::start(&mut listener).unwrap();
    (&ours).write_all(&[1]).unwrap();
    assert_eq!(listener.wait(None, 60_000), Woken::Call);
    assert!(listener.receive().is_some());
    drop(listener);
    keeper.take_over();
    let output = output.recv_timeout(Duration::from_secs(60));
    if output.is_err() {
        privileges::kill(hello.process);
    }
    child.join().unwrap();
    assert_eq!(output.expect("it is not left waiting").unwrap().stdout, b"1");
}

#[test]
fn an_observed_program_cannot_be_observed_again_and_says_so() {
    if std::env::var_os("KACHE_TEST_NESTED").is_some() {
        let mut command = Command::new("true");
        command.stdout(Stdio::piped());
        match spawn(command, Scope::All) {
            Err(super::Failed::Unobservable(why)) => assert_eq!(why, "observed already"),
            _ => panic!("it was observed twice"),
        }
        return;
    }
    observed(own_test(
        "an_observed_program_cannot_be_observed_again_and_says_so",
        ("KACHE_TEST_NESTED", "1"),
    ));
}

#[test]
fn no_descriptor_of_the_observation_is_in_the_program() {
    let run = Run::new(&[]);
    let (_, _, printed) = run.observe("sh", &["-c", "ls -l /proc/self/fd"]);
    assert!(!printed.contains("seccomp") && !printed.contains("socket"), "{printed}");
}

/// Calls that ask for a file or change it: a name, the number, the arguments, and whether it changes.
fn calls_about(
    path: *const libc::c_char,
    space: *mut u64,
) -> Vec<(&'static str, libc::c_long, [usize; 5], bool)> {
    let (path, space, here) = (path as usize, space as usize, libc::AT_FDCWD as usize);
    let (attribute, nobody, no_follow) =
        (c"user.kache".as_ptr() as usize, usize::MAX, libc::AT_SYMLINK_NOFOLLOW as usize);
    let mut calls = vec![
        ("statfs", libc::SYS_statfs, [path, space, 0, 0, 0], false),
        ("inotify", libc::SYS_inotify_add_watch, [0, path, libc::IN_MODIFY as usize, 0, 0], false),
        ("handle", libc::SYS_name_to_handle_at, [here, path, space, space, 0], false),
        ("fchmodat", libc::SYS_fchmodat, [here, path, 0o600, 0, 0], true),
        ("fchmodat2", 452, [here, path, 0o600, 0, 0], true),
        ("fchownat", libc::SYS_fchownat, [here, path, nobody, nobody, 0], true),
        ("lchownat", libc::SYS_fchownat, [here, path, nobody, nobody, no_follow], true),
        ("utimensat", libc::SYS_utimensat, [here, path, 0, 0, 0], true),
        ("setxattr", libc::SYS_setxattr, [path, attribute, attribute, 1, 0], true),
        ("lsetxattr", libc::SYS_lsetxattr, [path, attribute, attribute, 1, 0], true),
        ("removexattr", libc::SYS_removexattr, [path, attribute, 0, 0, 0], true),
        ("lremovexattr", libc::SYS_lremovexattr, [path, attribute, 0, 0, 0], true),
        ("setxattrat", 463, [here, path, 0, attribute, space], true),
        ("removexattrat", 466, [here, path, 0, attribute, 0], true),
        ("file_setattr", 469, [here, path, space, 24, 0], true),
    ];
    #[cfg(target_arch = "x86_64")]
    calls.extend([
        ("chmod", libc::SYS_chmod, [path, 0o600, 0, 0, 0], true),
        ("chown", libc::SYS_chown, [path, nobody, nobody, 0, 0], true),
        ("lchown", libc::SYS_lchown, [path, nobody, nobody, 0, 0], true),
        ("utime", libc::SYS_utime, [path, 0, 0, 0, 0], true),
        ("utimes", libc::SYS_utimes, [path, 0, 0, 0, 0], true),
        ("futimesat", libc::SYS_futimesat, [here, path, 0, 0, 0], true),
    ]);
    calls
}

fn call(number: libc::c_long, [a, b, c, d, e]: [usize; 5]) -> libc::c_long {
    #[expect(unsafe_code, reason = "std does not make these calls")]
    // SAFETY: each address in the arguments is that of a text or of a buffer that is large enough, and lives on.
    unsafe {
        libc::syscall(number, a, b, c, d, e)
    }
}

fn text(text: &str) -> std::ffi::CString {
    std::ffi::CString::new(text).unwrap()
}

#[test]
fn a_call_that_only_asks_for_a_file_or_changes_it_is_seen() {
    let mut space = [0_u64; 64];
    if std::env::var_os("KACHE_TEST_CALLS").is_some() {
        for place in ["absent", "there"] {
            for (name, ..) in calls_about(std::ptr::null(), std::ptr::null_mut()) {
                let path = text(&format!("{place}-{name}"));
                let mut calls = calls_about(path.as_ptr(), space.as_mut_ptr()).into_iter();
                let (_, number, args, _) = calls.find(|row| row.0 == name).unwrap();
                call(number, args);
            }
        }
        return;
    }
    let calls = calls_about(std::ptr::null(), std::ptr::null_mut());
    let run = Run::new(&[]);
    for (name, ..) in &calls {
        std::fs::write(run.dir.join(format!("there-{name}")), "1").unwrap();
    }
    let mut makes =
        own_test("a_call_that_only_asks_for_a_file_or_changes_it_is_seen", ("KACHE_TEST_CALLS", "1"));
    makes.current_dir(&run.dir);
    let seen = observed(makes);
    for (name, _, _, changes) in calls {
        for place in ["absent", "there"] {
            let access = run.access(&seen, &format!("{place}-{name}")).expect(name);
            assert_eq!(access.found == PathState::Absent, place == "absent", "{name}");
            let uses = access.uses;
            assert!(uses.depends() && uses.written == changes, "{name}: {uses:?}");
        }
    }
    assert_eq!(seen.incomplete, None);
}

#[test]
fn a_script_without_a_name_is_run_by_an_interpreter_that_is_seen() {
    if std::env::var_os("KACHE_TEST_NAMELESS").is_some() {
        use std::io::Write as _;
        use std::os::fd::AsRawFd as _;
        let number = call(libc::SYS_memfd_create, [c"script".as_ptr() as usize, 0, 0, 0, 0]);
        let mut script = super::resolve::own(number as i32);
        script.write_all(b"#!./inner\n").unwrap();
        let args = [c"script".as_ptr() as usize, 0];
        let (name, args) = (c"".as_ptr() as usize, args.as_ptr() as usize);
        let script = script.as_raw_fd() as usize;
        call(libc::SYS_execveat, [script, name, args, args + 8, libc::AT_EMPTY_PATH as usize]);
        panic!("{}", std::io::Error::last_os_error());
    }
    let run = Run::new(&[("inner", "#!/bin/sh\ncat data\n"), ("data", "1")]);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(run.dir.join("inner"), mode).unwrap();
    let mut runs = own_test(
        "a_script_without_a_name_is_run_by_an_interpreter_that_is_seen",
        ("KACHE_TEST_NAMELESS", "1"),
    );
    runs.current_dir(&run.dir);
    let seen = observed(runs);
    assert!(run.uses(&seen, "inner").executed && run.uses(&seen, "data").read);
}

/// A program that does what its argument says.
fn does(what: &str, dir: &Path) {
    let mut space = [0_u64; 64];
    let (path, attribute) = (text("file"), text("user.kache"));
    let (path, space) = (path.as_ptr() as usize, space.as_mut_ptr() as usize);
    let attribute = if what == "permission" { text("system.posix_acl_access") } else { attribute };
    let attribute = attribute.as_ptr() as usize;
    let here = libc::AT_FDCWD as usize;
    let open = || std::fs::File::open("file").unwrap();
    use std::os::fd::AsRawFd as _;
    match what {
        "permission" | "getxattr" => call(libc::SYS_getxattr, [path, attribute, space, 8, 0]),
        "lgetxattr" => call(libc::SYS_lgetxattr, [path, attribute, space, 8, 0]),
        "fgetxattr" => call(libc::SYS_fgetxattr, [open().as_raw_fd() as usize, attribute, space, 8, 0]),
        "listxattr" => call(libc::SYS_listxattr, [path, space, 8, 0, 0]),
        "flistxattr" => call(libc::SYS_flistxattr, [open().as_raw_fd() as usize, space, 8, 0, 0]),
        "getxattrat" => call(464, [here, path, 0, attribute, space]),
        "file_getattr" => call(468, [here, path, space, 24, 0]),
        "umount2" => call(libc::SYS_umount2, [path, 0, 0, 0, 0]),
        "mount_setattr" => call(libc::SYS_mount_setattr, [here, path, 0, space, 32]),
        "fanotify_init" => call(libc::SYS_fanotify_init, [0, 0, 0, 0, 0]),
        "pidfd_getfd" => call(libc::SYS_pidfd_getfd, [0, 0, 0, 0, 0]),
        "shmget" => call(libc::SYS_shmget, [1, 0, 0, 0, 0]),
        "mq_open" => call(libc::SYS_mq_open, [path, 0, 0, 0, 0]),
        "keyctl" => call(libc::SYS_keyctl, [0, 0, 0, 0, 0]),
        "io_uring" => call(libc::SYS_io_uring_setup, [1, space, 0, 0, 0]),
        "handle" => call(libc::SYS_open_by_handle_at, [here, space, 0, 0, 0]),
        "chroot" => call(libc::SYS_chroot, [path, 0, 0, 0, 0]),
        "setns" => call(libc::SYS_setns, [here, 0, 0, 0, 0]),
        "bind" => {
            let listener = std::os::unix::net::UnixListener::bind(dir.join("socket"));
            listener.map_or(-1, |_| 0)
        }
        other => panic!("{other}"),
    };
}

#[test]
fn what_gets_at_a_file_in_another_way_is_a_loss() {
    let run = Run::new(&[("file", "1")]);
    if let Ok(what) = std::env::var("KACHE_TEST_DOES") {
        return does(&what, Path::new("."));
    }
    let attributes = format!("a program reads the attributes of {}", run.dir.join("file").display());
    for (what, loss) in [
        ("permission", None),
        ("getxattr", Some(attributes.as_str())),
        ("lgetxattr", Some(&attributes)),
        ("fgetxattr", Some(&attributes)),
        ("listxattr", Some(&attributes)),
        ("flistxattr", Some(&attributes)),
        ("getxattrat", Some(&attributes)),
        ("file_getattr", Some(&attributes)),
        ("umount2", Some("a program unmounts")),
        ("mount_setattr", Some("a program mounts")),
        ("fanotify_init", Some("a program watches what others open")),
        ("pidfd_getfd", Some("a program takes a descriptor of another program")),
        ("shmget", Some("a program shares memory by name")),
        ("mq_open", Some("a program shares memory by name")),
        ("keyctl", Some("a program asks for keys")),
        ("io_uring", Some("a program uses io_uring")),
        ("handle", Some("a program opens a file by its handle")),
        ("chroot", Some("a program changes its root")),
        ("setns", Some("a program enters another namespace")),
        ("bind", Some("a program waits to be asked at ./socket")),
    ] {
        let mut own = own_test("what_gets_at_a_file_in_another_way_is_a_loss", ("KACHE_TEST_DOES", what));
        own.current_dir(&run.dir);
        assert_eq!(observed(own).incomplete.as_deref(), loss, "{what}");
    }
}
