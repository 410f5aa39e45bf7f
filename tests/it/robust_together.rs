//! Many at once: builds that need the same units, a holder that stands still, a collector, and cargo's job server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kache::outcome::Outcome;

use crate::plain::files_of;
use crate::robust::{Held, N_UNITS, Reference, holding_project, project};
use crate::step::{hits, misses, read_records};
use crate::world::{World, package};

/// `cargo <args>` into a build directory of its own.
fn start(world: &World, args: &[&str], target: &Path) -> Child {
    let mut command = world.command("cargo");
    command.args(args).env("CARGO_TARGET_DIR", target);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("cargo runs")
}

/// Its end, which comes: a deadlock would be seen here.
fn end(mut child: Child) -> Output {
    let started = Instant::now();
    while child.try_wait().expect("can be asked").is_none() {
        if started.elapsed() > Duration::from_secs(600) {
            let _ = child.kill();
            panic!("a build does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().expect("it ended");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Builds the same in ten build directories at once: each unit is compiled once, and all get the same.
fn ten_at_once(world: &World, args: &[&str]) -> usize {
    let targets: Vec<PathBuf> = (0..10).map(|n| world.root().join(format!("target-{n}"))).collect();
    let builds: Vec<Child> = targets.iter().map(|target| start(world, args, target)).collect();
    builds.into_iter().for_each(|build| drop(end(build)));
    let records = read_records(&world.cache());
    let mut compiled: Vec<_> = records
        .iter()
        .filter(|record| matches!(record.outcome, Outcome::Miss { .. }))
        .map(|record| (&record.unit.crate_name, &record.unit.kind, &record.unit.id))
        .collect();
    compiled.sort();
    let n_compiled = compiled.len();
    compiled.dedup();
    assert_eq!(n_compiled, compiled.len(), "each unit is compiled once: {compiled:?}");
    let n_hits = records.iter().filter(|record| matches!(record.outcome, Outcome::Hit { .. })).count();
    assert_eq!(n_hits, 9 * n_compiled, "{records:?}");
    // Paths stand in dep-info and in cargo's own notes; all else is the same everywhere.
    let made = |target: &PathBuf| {
        let mut files = files_of(target);
        files.retain(|name, _| {
            !name.ends_with(".d") && !name.contains(".fingerprint/") && !name.contains("/build/")
        });
        files
    };
    let first = made(&targets[0]);
    assert!(targets.iter().all(|target| made(target) == first));
    n_compiled
}

#[test]
fn ten_builds_at_once_compile_each_unit_once() {
    let world = project();
    assert_eq!(ten_at_once(&world, &["build"]), N_UNITS);
}

#[test]
#[ignore = "stress: ten builds of a large workspace at once"]
fn ten_builds_of_a_large_workspace_at_once_compile_each_unit_once() {
    let world = World::project("big");
    assert!(ten_at_once(&world, &["build"]) > 100);
}

#[test]
fn one_job_each_is_enough_for_builds_that_wait_for_each_other() {
    let world = project();
    for jobs in ["-j1", "-j2"] {
        let targets: Vec<PathBuf> = (0..4).map(|n| world.root().join(format!("target{jobs}-{n}"))).collect();
        let builds: Vec<Child> =
            targets.iter().map(|target| start(&world, &["build", jobs], target)).collect();
        builds.into_iter().for_each(|build| drop(end(build)));
        fs::remove_dir_all(world.cache().join("store")).expect("removes");
    }
}

#[test]
fn a_holder_that_stands_still_holds_nobody_up_for_longer_than_configured() {
    let world = holding_project();
    world.write(".kache.toml", "[cache]\nwait = \"1s\"\n");
    let reference = Reference::of(&world);
    let held = Held::build(&world, "target-of-holder");
    held.signal_group("STOP");
    held.release();
    let started = Instant::now();
    let step = world.build();
    reference.holds_for_files(&world, &step);
    step.expect(hits(N_UNITS - 2), misses(2));
    let waited = step.records().iter().map(|record| record.times.wait_us).max();
    assert!(waited >= Some(1_000_000), "it waited for the holder\n{step}");
    assert!(started.elapsed() < Duration::from_secs(30), "{step}");
    held.signal_group("CONT");
    assert!(held.ended().status.success());
    world.rebuild().expect(hits(N_UNITS), misses(0));
}

#[test]
fn a_holder_that_is_killed_is_followed_at_once() {
    let world = holding_project();
    let reference = Reference::of(&world);
    let held = Held::build(&world, "target-of-holder");
    let waiting = start(&world, &["build"], &world.target());
    let locks = world.cache().join("store/v2/locks");
    // Somebody else has opened the lock that the holder has.
    crate::robust::until(|| n_waiting(&locks) > 0, "another build waits");
    held.release();
    held.signal_wrapper("KILL");
    assert!(!held.ended().status.success());
    end(waiting);
    let step = world.rebuild();
    reference.holds_for_files(&world, &step);
    step.expect(hits(N_UNITS), misses(0));
}

/// How many processes wait for a lock below `dir`, as the kernel lists them.
fn n_waiting(dir: &Path) -> usize {
    use std::os::unix::fs::MetadataExt as _;
    let mut inodes = Vec::new();
    for subdir in fs::read_dir(dir).into_iter().flatten().flatten() {
        for lock in fs::read_dir(subdir.path()).into_iter().flatten().flatten() {
            inodes.extend(lock.metadata().map(|metadata| format!(":{} ", metadata.ino())));
        }
    }
    let listed = fs::read_to_string("/proc/locks").expect("the kernel lists locks");
    listed
        .lines()
        .filter(|line| line.contains("-> ") && inodes.iter().any(|inode| line.contains(inode)))
        .count()
}

/// Ends who works beside a test when it goes, and where the test fails.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_collector_at_work_breaks_no_build() {
    let world = project();
    let reference = Reference::of(&world);
    world.build().expect(hits(0), misses(N_UNITS));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let stopping = Stopping(&stop);
        let collector = scope.spawn(|| {
            let mut n_removed = 0;
            // Worse than any collection: without grace, and blobs before the entries that refer to them.
            let buckets = ["blobs", "entries", "closures", "inputs", "units", "names"];
            // From one it goes to the next when builds have had the time to find it empty.
            for bucket in buckets.iter().cycle().flat_map(|bucket| std::iter::repeat_n(bucket, 50)) {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let bucket = world.cache().join("store/v2").join(bucket);
                n_removed += usize::from(remove_any(&bucket, n_removed));
                std::thread::sleep(Duration::from_millis(3));
            }
            n_removed
        });
        for _ in 0..12 {
            world.clean();
            let step = world.build();
            reference.holds(&world, &step);
            world.noop();
        }
        drop(stopping);
        assert!(collector.join().expect("it ran") > 20, "the collector found something to remove");
    });
    world.rebuild().succeeds();
    world.rebuild().succeeds();
    world.rebuild().expect(hits(N_UNITS), misses(0));
}

#[test]
fn collections_one_after_the_other_break_no_build() {
    let world = project();
    let reference = Reference::of(&world);
    world.build().expect(hits(0), misses(N_UNITS));
    let stop = AtomicBool::new(false);
    // The worst that can be asked for: everything goes at once, whatever was used a moment ago.
    let collections: [&[&str]; 2] = [&["gc", "--max-age", "0s", "--grace", "0s"], &["gc", "--automatic"]];
    std::thread::scope(|scope| {
        let stopping = Stopping(&stop);
        let collector = scope.spawn(|| {
            let mut n_done = 0;
            while !stop.load(Ordering::Relaxed) {
                let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
                let output = command.args(collections[n_done % 2]).output().expect("kache runs");
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                n_done += 1;
            }
            n_done
        });
        for _ in 0..8 {
            world.clean();
            let step = world.build();
            reference.holds(&world, &step);
            world.noop();
        }
        drop(stopping);
        assert!(collector.join().expect("collections end well") > 4);
    });
    world.rebuild().succeeds();
    world.rebuild().succeeds();
    world.rebuild().expect(hits(N_UNITS), misses(0));
}

/// Removes the nth file below a bucket, if there is any.
fn remove_any(bucket: &Path, nth: usize) -> bool {
    let dirs = fs::read_dir(bucket).into_iter().flatten().flatten();
    let files: Vec<PathBuf> = dirs
        .flat_map(|dir| fs::read_dir(dir.path()).into_iter().flatten().flatten())
        .map(|file| file.path())
        .collect();
    !files.is_empty() && fs::remove_file(&files[nth % files.len()]).is_ok()
}

/// A compiler whose compile of `base` ends only after that of `middle`, which depends on it, has begun.
const PATIENT: &str = r#"
use std::{env, fs, path::Path, process::Command, thread, time::Duration};
fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let compiles = |name: &str| args.windows(2).any(|pair| pair == ["--crate-name", name]);
    let started = env::var("STARTED").unwrap();
    if compiles("middle") {
        fs::write(&started, "").unwrap();
    }
    let status = Command::new(env::var("REAL").unwrap()).args(&args).status().unwrap();
    for _ in 0..300 {
        if !compiles("base") || Path::new(&started).exists() {
            std::process::exit(status.code().unwrap());
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("no dependent was started");
}
"#;

#[test]
fn dependents_start_when_the_metadata_is_there_not_when_the_compile_ends() {
    let middle = "[dependencies]\nbase = { path = \"../base\" }\n";
    let world = World::files(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"base\", \"middle\"]\n"),
        ("base/Cargo.toml", &package("base", "")),
        ("base/src/lib.rs", "pub fn one() -> u8 { 1 }\n"),
        ("middle/Cargo.toml", &package("middle", middle)),
        ("middle/src/lib.rs", "pub fn two() -> u8 { base::one() * 2 }\n"),
    ]);
    let bin = world.root().join("bin");
    fs::create_dir(&bin).expect("makes a directory");
    fs::write(bin.join("patient.rs"), PATIENT).expect("writes");
    let mut compile = world.command("rustc");
    compile.current_dir(&bin).args(["patient.rs", "-o", "rustc"]);
    world.run(compile).succeeds();
    let sysroot = world.command("rustc").args(["--print", "sysroot"]).output().expect("rustc runs");
    let sysroot = String::from_utf8(sysroot.stdout).expect("is text");
    let world =
        world.env("REAL", Path::new(sysroot.trim()).join("bin/rustc")).env("RUSTC", bin.join("rustc"));
    let started = world.root().join("started");
    // What this compiler waits for is a file, which would be an input.
    let world = world.env("STARTED", started).env("KACHE_OBSERVE", "off");
    world.cargo(["build", "-j2"]).expect(hits(0), misses(2));
    world.clean();
    world.cargo(["build", "-j2"]).expect(hits(2), misses(0));
}
