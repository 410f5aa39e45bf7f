//! Real programs, observed.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use super::super::{Access, Found, Observation, Uses};
use super::spawn;

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
        let (child, watching) = spawn(command).expect("programs can be observed here");
        let output = child.wait_with_output().unwrap();
        (watching.finish(), output.status, String::from_utf8(output.stdout).unwrap())
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
    assert!(matches!(access.found, Found::File(identity) if identity.size == 1));
}

#[test]
fn a_listing_and_a_vain_look_are_seen() {
    let run = Run::new(&[("dir/x", "")]);
    let seen = run.shell("ls dir; test -e none/of/it; cat missing 2>/dev/null || test -d dir");
    assert!(run.uses(&seen, "dir").listed);
    assert!(matches!(run.access(&seen, "dir").unwrap().found, Found::Directory(_)));
    for name in ["none", "missing"] {
        let access = run.access(&seen, name).unwrap();
        assert_eq!(access.found, Found::Absent);
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
    assert!(absent.found == Found::Absent && absent.uses.probed, "{absent:?}");
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
    assert_eq!(late.found, Found::Absent);
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
    assert!(has(&seen, &run.dir.join("link"), |access| access.found == Found::Link("real".into())));
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
    assert_eq!(run.access(&seen, "first/tool").unwrap().found, Found::Absent);
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
    match spawn(command) {
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
    let (child, watching) = spawn(command).expect("programs can be observed here");
    assert!(child.wait_with_output().unwrap().status.success());
    watching.finish()
}

#[test]
fn closing_all_descriptors_and_dying_early_stop_nothing() {
    if std::env::var_os("KACHE_TEST_CLOSES").is_some() {
        #[expect(unsafe_code, reason = "std closes only what it has opened")]
        // SAFETY: nothing of this process is used any more but the number of a signal and a new file.
        unsafe {
            libc::close_range(0, libc::c_uint::MAX, 0);
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

#[test]
fn an_observed_program_cannot_be_observed_again_and_says_so() {
    if std::env::var_os("KACHE_TEST_NESTED").is_some() {
        let mut command = Command::new("true");
        command.stdout(Stdio::piped());
        match spawn(command) {
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
