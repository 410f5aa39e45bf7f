//! One hit, as a process: what it starts, opens and writes is pinned.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use kache::outcome::Outcome;

use crate::robust::{N_UNITS, has_strace, project, runs};
use crate::step::{hits, misses, read_records};
use crate::world::World;

/// Writes down a call and becomes kache.
const RECORDER: &str = r#"#!/bin/sh
{ printf '%s\0' "$PWD" "$#" "$@"; env -0; } > "$CALLS/$$"
exec "$KACHE" "$@"
"#;

/// One call of the wrapper.
struct Call {
    cwd: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

impl Call {
    fn parse(recorded: &[u8]) -> Call {
        let mut words = recorded.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec()));
        let cwd = PathBuf::from(words.next().expect("a directory"));
        let n_args = words.next().and_then(|n| n.to_str()?.parse().ok()).expect("a count");
        let args = words.by_ref().take(n_args).collect();
        let variable = |word: OsString| {
            let bytes = word.into_vec();
            let at = bytes.iter().position(|byte| *byte == b'=')?;
            Some((OsString::from_vec(bytes[..at].to_vec()), OsString::from_vec(bytes[at + 1..].to_vec())))
        };
        // The job server's pipe is closed when the call is repeated.
        let env =
            words.filter_map(variable).filter(|(name, _)| !name.to_string_lossy().contains("MAKEFLAGS"));
        Call { cwd, args, env: env.collect() }
    }

    fn is_of(&self, crate_name: &str) -> bool {
        self.args.windows(2).any(|pair| pair[0] == "--crate-name" && pair[1] == crate_name)
    }

    fn prepare(&self, command: &mut Command) {
        command.env_clear().envs(self.env.iter().cloned()).current_dir(&self.cwd).args(&self.args);
    }

    fn repeat(&self, command: &mut Command) {
        self.prepare(command);
        let output = command.output().expect("can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The calls of a warm build, all of whose outputs are in place.
fn warm_calls(world: &World) -> Vec<Call> {
    let (script, calls) = (world.root().join("recorder.sh"), world.root().join("calls"));
    fs::create_dir(&calls).expect("makes a directory");
    fs::write(&script, RECORDER).expect("writes");
    assert!(runs("chmod", &["+x", &script.to_string_lossy()]));
    world.build().expect(hits(0), misses(N_UNITS));
    world.clean();
    let mut command = world.command("cargo");
    command.arg("build").env("RUSTC_WRAPPER", script).env("CALLS", &calls);
    command.env("KACHE", env!("CARGO_BIN_EXE_kache"));
    world.run(command).expect(hits(N_UNITS), misses(0));
    let recorded = fs::read_dir(calls).expect("lists").flatten();
    let calls: Vec<Call> = recorded.map(|file| Call::parse(&fs::read(file.path()).expect("reads"))).collect();
    calls.into_iter().filter(|call| call.args.iter().any(|arg| arg == "--out-dir")).collect()
}

#[test]
fn a_hit_needs_no_other_process_thread_or_connection_and_no_database() {
    let world = project();
    let sockets = [libc::SYS_socket, libc::SYS_connect];
    let forbidden = [crate::outer::MAKING_PROCESSES, &sockets].concat();
    for call in warm_calls(&world) {
        let n_records = read_records(&world.cache()).len();
        let mut alone = Command::new(env!("CARGO_BIN_EXE_kache"));
        crate::outer::forbid(&mut alone, &forbidden);
        call.repeat(&mut alone);
        let mut seen = Command::new(env!("CARGO_BIN_EXE_kache"));
        call.prepare(&mut seen);
        let (status, observation) = crate::outer::observe(seen);
        assert!(status.success());
        let records = read_records(&world.cache()).split_off(n_records);
        assert_eq!(records.len(), 2);
        assert!(records.iter().all(|record| matches!(record.outcome, Outcome::Hit { .. })), "{records:?}");
        let names = observation.accesses.iter().map(|access| access.path.to_string_lossy());
        let databases: Vec<_> = names.filter(|name| name.contains("index.db")).collect();
        assert!(databases.is_empty(), "{databases:?}");
    }
}

#[test]
fn a_hit_is_one_process_with_one_thread_that_writes_its_outputs_and_one_record() {
    if !has_strace() {
        return;
    }
    let world = project();
    let calls = warm_calls(&world);
    let deps = world.target().join("debug/deps");
    let pins: [(&str, &[&str]); 3] = [
        ("words", &["libwords-#.rlib", "libwords-#.rmeta", "words-#.d"]),
        ("macros", &["libmacros-#.so", "macros-#.d"]),
        ("app", &["app-#", "app-#.d"]),
    ];
    for (name, outputs) in pins {
        let call = calls.iter().find(|call| call.is_of(name)).expect("it was built");
        let n_records = read_records(&world.cache()).len();
        let (log, trace) =
            (world.root().join("trace"), "trace=%process,%file,%network,ftruncate,pwrite64,flock");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-s", "4096", "-e", trace, "-o"]).arg(&log).arg(env!("CARGO_BIN_EXE_kache"));
        call.repeat(&mut strace);
        let records = read_records(&world.cache()).split_off(n_records);
        assert!(matches!(records.as_slice(), [record] if matches!(record.outcome, Outcome::Hit { .. })));
        let log = fs::read_to_string(&log).expect("strace wrote it");
        assert_eq!(count(&log, &["execve"]), 1, "one program\n{log}");
        assert_eq!(count(&log, &["clone", "clone3", "fork", "vfork"]), 0, "one process, one thread\n{log}");
        assert_eq!(count(&log, &["socket", "connect", "bind", "sendto"]), 0, "no network\n{log}");
        assert_eq!(count(&log, &["flock", "ftruncate"]), 0, "nothing shared is locked or cut\n{log}");
        assert!(!log.contains("index.db"), "no database\n{log}");
        let unit = record_id(&records[0].unit.id);
        let mut expected: BTreeSet<PathBuf> =
            outputs.iter().map(|output| deps.join(output.replace("-#", &unit))).collect();
        expected.extend(
            fs::read_dir(world.cache().join("records")).expect("lists").flatten().map(|file| file.path()),
        );
        // The notes on digests in the build directory.
        expected.extend(Some(world.target().join(".kache/digests-1")));
        assert_eq!(written(&log, &call.cwd), expected, "{log}");
    }
}

fn record_id(id: &str) -> String {
    assert!(id.starts_with('-'));
    id.to_owned()
}

fn lines<'a>(log: &'a str, calls: &'a [&str]) -> impl Iterator<Item = &'a str> {
    let rest = |line: &'a str| line.split_once(char::is_whitespace).map(|(_, rest)| rest.trim_start());
    log.lines().filter_map(rest).filter(|line| {
        line.split_once('(').is_some_and(|(call, _)| calls.contains(&call)) && !line.contains(" = -1 ")
    })
}

fn count(log: &str, calls: &[&str]) -> usize {
    lines(log, calls).count()
}

/// The names under which something was left: opened for writing, linked or renamed to. What was renamed away does not
/// count.
fn written(log: &str, cwd: &Path) -> BTreeSet<PathBuf> {
    let mut written = BTreeSet::new();
    let calls = [
        "open",
        "openat",
        "rename",
        "renameat",
        "renameat2",
        "link",
        "linkat",
        "unlink",
        "unlinkat",
        "mkdir",
        "mkdirat",
    ];
    for line in lines(log, &calls) {
        let call = line.split('(').next().expect("it has a name");
        // What a path is relative to stands between `<` and `>` after the descriptor.
        let dir =
            line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(dir, _)| Path::new(dir));
        let dir = dir.filter(|_| call == "openat").unwrap_or(cwd);
        let quoted: Vec<PathBuf> = line.split('"').skip(1).step_by(2).map(|path| dir.join(path)).collect();
        match (call, quoted.as_slice()) {
            ("open" | "openat", [path])
                if ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| line.contains(flag)) =>
            {
                written.insert(path.clone());
            }
            ("open" | "openat", _) => {}
            ("unlink" | "unlinkat", [path]) => drop(written.remove(path)),
            ("rename" | "renameat" | "renameat2", [from, to]) => {
                written.remove(from);
                written.insert(to.clone());
            }
            ("link" | "linkat", [_, to]) | ("mkdir" | "mkdirat", [to]) => {
                written.insert(to.clone());
            }
            _ => panic!("not understood: {line}"),
        }
    }
    written
}
