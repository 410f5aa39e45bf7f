//! Killed in the middle of a harvest or of seeding, on a full disk, on another disk or where nothing can be written: no build
//! fails for it, and what is left is right.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::robust::{has_strace, project, runs};
use crate::robust_crash::CALLS;
use crate::seeding::{settle, split};
use crate::skip::skip;
use crate::step::Step;
use crate::world::World;

/// The content of each output by its name.
type Outputs = BTreeMap<String, Vec<u8>>;

fn seeded() -> World {
    project().env("KACHE_SEED", "1").env("KACHE_CACHE_BUILD_SCRIPTS", "1")
}

/// What is in the directory of dependencies, but for what was not finished.
fn outputs(world: &World) -> Outputs {
    let files = fs::read_dir(world.target().join("debug/deps")).expect("lists").flatten();
    let named = files.map(|file| (file.file_name().to_string_lossy().into_owned(), file.path()));
    let is_unfinished = |name: &str| ["rmeta", "rustc", ".kache-"].iter().any(|it| name.starts_with(it));
    let finished = named.filter(|(name, _)| !is_unfinished(name) && !name.ends_with(".d"));
    finished.map(|(name, path)| (name, fs::read(path).expect("reads"))).collect()
}

/// Becomes kache; under `strace` where it is asked for the version, which is when it fills a new build directory.
const TRACED: &str = r#"#!/bin/sh
case "$*" in
    *" -vV") exec strace -qq -f $STRACE "$KACHE" "$@";;
    *) exec "$KACHE" "$@";;
esac
"#;

/// `cargo build` with seeding under `strace`.
fn traced_seeding(world: &World, strace: &str) -> Command {
    let script = world.root().join("traced.sh");
    fs::write(&script, TRACED).expect("writes");
    assert!(runs("chmod", &["+x", &script.to_string_lossy()]));
    let mut command = world.command("cargo");
    command.arg("build").env("RUSTC_WRAPPER", script).env("KACHE", env!("CARGO_BIN_EXE_kache"));
    command.env("STRACE", strace);
    command
}

/// `kache harvest` under `strace`.
fn traced_harvest(world: &World, strace: &str) -> Command {
    let mut command = world.command("strace");
    command.args(["-qq", "-f"]).args(strace.split(' '));
    command.arg(env!("CARGO_BIN_EXE_kache")).arg("harvest").arg(world.target());
    command
}

/// The calls that `traced` makes, each with how many of its kind were made before it and itself; those that open files are
/// left out.
fn calls(world: &World, traced: fn(&World, &str) -> Command) -> Vec<(String, usize)> {
    let log = world.root().join("strace.log");
    world.run(traced(world, &format!("-e trace={CALLS} -A -o {}", log.display()))).succeeds();
    let log = fs::read_to_string(log).expect("strace wrote it");
    let name = |line: &str| {
        let call = line.split_once('(')?.0;
        Some(call.rsplit(' ').next()?.to_owned())
    };
    let mut found: Vec<(String, usize)> = Vec::new();
    for call in log.lines().filter_map(name).filter(|call| !call.starts_with("open")) {
        let n_before = found.iter().filter(|(other, _)| *other == call).count();
        found.push((call, n_before + 1));
    }
    found
}

/// Some of them, or all.
fn some(calls: Vec<(String, usize)>, n_tried: Option<usize>) -> Vec<(String, usize)> {
    assert!(calls.len() >= 8, "{calls:?}");
    let every = n_tried.map_or(1, |n| calls.len().div_ceil(n));
    calls.into_iter().skip(every / 2).step_by(every).collect()
}

/// What is there is right, and a new build directory is filled as ever.
fn is_right(world: &World, expected: &Outputs, step: &Step) {
    let has_expected = |step: &Step| {
        assert!(outputs(world) == *expected, "other outputs than those of a build\n{step}");
        assert_eq!(world.run_bin("app"), "hello world\n", "{step}");
        world.noop();
    };
    step.succeeds();
    has_expected(step);
    let _ = world.harvest();
    world.clean();
    let again = world.build();
    assert_eq!(split(&again), (N_SEEDED, Vec::new()), "{again}");
    has_expected(&again);
}

/// The project's units and a run of a build script.
const N_SEEDED: usize = 5;

/// A project that was built and harvested, and what a build makes of it.
fn harvested() -> (World, Outputs) {
    let world = seeded();
    settle(&world);
    world.build().succeeds();
    world.harvest().succeeds();
    let outputs = outputs(&world);
    world.clean();
    (world, outputs)
}

fn seeding_killed(n_tried: Option<usize>) {
    if !has_strace() {
        return;
    }
    let (world, expected) = harvested();
    let mut n_killed = 0;
    for (call, nth) in some(calls(&world, traced_seeding), n_tried) {
        world.clean();
        let kill = format!("-o /dev/null -e trace={call} -e inject={call}:signal=KILL:when={nth}");
        let killed = world.run(traced_seeding(&world, &kill));
        n_killed += usize::from(killed.stderr().contains("signal: 9"));
        is_right(&world, &expected, &world.build());
    }
    assert_ne!(n_killed, 0, "something was killed");
}

#[test]
fn seeding_that_is_killed_leaves_a_build_that_goes_on() {
    seeding_killed(Some(8));
}

#[test]
#[ignore = "stress: a kill at every system call that changes a file"]
fn seeding_that_is_killed_at_any_step_leaves_a_build_that_goes_on() {
    seeding_killed(None);
}

fn harvest_killed(n_tried: Option<usize>) {
    if !has_strace() {
        return;
    }
    let (world, expected) = harvested();
    fs::remove_dir_all(world.cache().join("store/v2/manifests")).expect("removes");
    world.build().succeeds();
    let mut n_killed = 0;
    for (call, nth) in some(calls(&world, traced_harvest), n_tried) {
        let kill = format!("-o /dev/null -e trace={call} -e inject={call}:signal=KILL:when={nth}");
        let killed = traced_harvest(&world, &kill).status().expect("strace can be started");
        n_killed += usize::from(!killed.success());
        world.noop();
        world.harvest().succeeds();
        is_right(&world, &expected, &world.build());
        // So that there is something to harvest.
        fs::remove_dir_all(world.cache().join("store/v2/manifests")).expect("removes");
        world.rebuild().succeeds();
    }
    assert_ne!(n_killed, 0, "something was killed");
}

#[test]
fn harvest_that_is_killed_leaves_a_build_directory_and_a_store_that_work() {
    harvest_killed(Some(6));
}

#[test]
#[ignore = "stress: a kill at every system call that changes a file"]
fn harvest_that_is_killed_at_any_step_leaves_a_build_directory_and_a_store_that_work() {
    harvest_killed(None);
}

/// From some call on there is no room for anything more, or only for small files.
#[test]
fn seeding_without_room_leaves_a_build_that_goes_on() {
    if !has_strace() {
        return;
    }
    let (world, expected) = harvested();
    world.build().succeeds();
    for call in ["?link,linkat", "?mkdir,mkdirat", "?rename,?renameat,renameat2", "utimensat"] {
        for nth in [1, 4] {
            world.clean();
            let fail = format!("-o /dev/null -e trace={call} -e inject={call}:error=ENOSPC:when={nth}+");
            is_right(&world, &expected, &world.run(traced_seeding(&world, &fail)));
        }
    }
    for kib in [0, 1, 64] {
        world.clean();
        let script = world.root().join("small.sh");
        let limit = format!(
            "#!/bin/sh\ncase \"$*\" in *' -vV') trap '' XFSZ; ulimit -f {kib};; esac\nexec \"$KACHE\" \"$@\"\n"
        );
        fs::write(&script, limit).expect("writes");
        assert!(runs("chmod", &["+x", &script.to_string_lossy()]));
        let mut command = world.command("cargo");
        command.arg("build").env("RUSTC_WRAPPER", script).env("KACHE", env!("CARGO_BIN_EXE_kache"));
        is_right(&world, &expected, &world.run(command));
    }
}

#[test]
fn build_directory_is_filled_from_a_store_on_another_disk() {
    use std::os::unix::fs::MetadataExt as _;
    let world = seeded();
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    let memory = Path::new("/dev/shm");
    if device(memory).is_none() || device(memory) == device(&world.root()) {
        skip("another-disk", "/dev/shm is no file system of its own");
        return;
    }
    let other = tempfile::Builder::new().prefix("kache-it-").tempdir_in(memory).expect("a directory");
    symlink(other.path(), world.cache()).expect("links");
    settle(&world);
    world.build().succeeds();
    world.harvest().succeeds();
    world.noop();
    let expected = outputs(&world);
    world.clean();
    let step = world.build();
    assert_eq!(split(&step), (N_SEEDED, Vec::new()), "{step}");
    is_right(&world, &expected, &step);
}

#[test]
fn build_directory_that_cannot_be_written_is_harvested() {
    let world = seeded();
    let Some(flags) = ["-m", "-rm"].into_iter().find(|flags| runs("unshare", &[flags, "true"])) else {
        skip("unshare", "there is no `unshare`, or no right to use it");
        return;
    };
    settle(&world);
    world.build().succeeds();
    let mut command = world.command("unshare");
    let script =
        "mount --bind target target && mount -o remount,bind,ro target && exec \"$KACHE\" harvest target";
    command.args([flags, "sh", "-ec", script]).env("KACHE", env!("CARGO_BIN_EXE_kache"));
    world.run(command).succeeds();
    world.noop();
    let expected = outputs(&world);
    world.clean();
    is_right(&world, &expected, &world.build());
}
