//! `kache clean`: removes exactly what it shows, and nothing that cargo has not marked or is using.
#![allow(clippy::unwrap_used, reason = "a scenario ends where it cannot go on")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use kache::config::resolve::{Defaults, Scope, resolve};
use kache::config::{Config, file};
use kache::daemon::cleaning::{Cleaner, STAMP};
use kache::daemon::event::Event;
use serde_json::Value;

use crate::home::{Ended, Home};
#[cfg(target_os = "linux")]
use crate::skip::skip;
#[cfg(target_os = "linux")]
use crate::terminal::Typed;
use crate::world::{World, package};

const TAG: &str =
    "Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by cargo.\n";
const UNIT: &str = "0123456789abcdef";

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// A build directory in the older layout, with a library of `n_bytes`.
fn old_layout(dir: &Path, n_bytes: usize) {
    write(&dir.join("CACHEDIR.TAG"), TAG);
    write(&dir.join(".rustc_info.json"), "{}");
    write(&dir.join("debug/.cargo-lock"), "");
    write(&dir.join(format!("debug/deps/liba-{UNIT}.rlib")), vec![1; n_bytes]);
    write(&dir.join(format!("debug/.fingerprint/a-{UNIT}/lib-a")), "0");
    symlink("deps", dir.join("debug/link")).unwrap();
}

/// A build directory in the newer layout, which has no `.rustc_info.json` here.
fn new_layout(dir: &Path, n_bytes: usize) {
    write(&dir.join("CACHEDIR.TAG"), TAG);
    write(&dir.join("debug/.cargo-build-lock"), "");
    write(&dir.join("debug/.cargo-artifact-lock"), "");
    write(&dir.join("debug/build/a/0123/out/a"), vec![1; n_bytes]);
    write(&dir.join("debug/build/a/0123/fingerprint/bin-a"), "0");
}

fn project(dir: &Path) {
    write(&dir.join("Cargo.toml"), "[package]\nname = \"a\"\n");
    write(&dir.join("src/lib.rs"), "");
}

/// All paths below `dir` with the inode and the blocks of what is there; links are not followed.
fn listing(dir: &Path) -> BTreeMap<PathBuf, (u64, u64)> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                open.push(path.clone());
            }
            found.insert(path, (metadata.ino(), metadata.blocks() * 512));
        }
    }
    found
}

/// What is on the disk: each file once, whatever its names.
fn disk_bytes(listing: &BTreeMap<PathBuf, (u64, u64)>) -> u64 {
    listing.values().collect::<BTreeSet<_>>().into_iter().map(|(_, bytes)| bytes).sum()
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|e| panic!("{e}: {}{}", ended.out, ended.err))
}

/// The paths of the directories with this outcome.
fn with_outcome(report: &Value, outcome: &str) -> BTreeSet<String> {
    let all = report["directories"].as_array().unwrap().iter();
    let chosen = all.filter(|directory| directory["outcome"] == outcome);
    chosen.map(|directory| directory["path"].as_str().unwrap().to_owned()).collect()
}

/// 200 directories, a tenth of each kind. Returns those that are build directories, and the locks of those in use.
fn fabricate(
    root: &Path,
    blobs: &Path,
    elsewhere: &Path,
) -> (BTreeSet<PathBuf>, BTreeSet<PathBuf>, Vec<File>) {
    let (mut build_dirs, mut in_use, mut locks) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for n in 0..200 {
        let at = root.join(format!("group {}/p{n}", n % 7));
        let target = at.join("target");
        let n_bytes = 5_000 + n * 400;
        match n % 10 {
            0 => {
                project(&at);
                old_layout(&target, n_bytes);
            }
            1 => {
                project(&at);
                new_layout(&target, n_bytes);
            }
            2 => {
                // Its project is gone.
                old_layout(&target, n_bytes);
                let text = format!("{0}/debug/liba.rlib: {1}/src/lib.rs\n", target.display(), at.display());
                write(&target.join("debug/liba.d"), text.replace("group ", "group\\ "));
            }
            3 => {
                // Only its name is that of a build directory.
                project(&at);
                write(&target.join("notes.txt"), "keep");
                continue;
            }
            4 => {
                // The cache of another program.
                write(&target.join("CACHEDIR.TAG"), TAG.replace("cargo", "others"));
                write(&target.join("blobs/a"), "keep");
                continue;
            }
            5 => {
                project(&at);
                let real = elsewhere.join(format!("d{n}"));
                old_layout(&real, n_bytes);
                symlink(&real, &target).unwrap();
                continue;
            }
            6 => {
                let at = root.join(OsStr::from_bytes(
                    &[b"caf\xe9 \x1b[31m".as_slice(), n.to_string().as_bytes()].concat(),
                ));
                project(&at);
                old_layout(&at.join("target"), n_bytes);
                build_dirs.insert(at.join("target"));
                continue;
            }
            7 => {
                project(&at);
                old_layout(&target, n_bytes);
                let lock = File::options().write(true).open(target.join("debug/.cargo-lock")).unwrap();
                lock.try_lock().unwrap();
                locks.push(lock);
                in_use.insert(target.clone());
            }
            8 => {
                // Shared with the store, and with the tree before.
                project(&at);
                old_layout(&target, n_bytes);
                let deps = target.join("debug/deps");
                write(&blobs.join(format!("{n:064x}")), vec![2; 40_000]);
                fs::hard_link(blobs.join(format!("{n:064x}")), deps.join("libblob.rlib")).unwrap();
                if n > 10 {
                    let before =
                        root.join(format!("group {}/p{}/target/debug/deps/own.rlib", (n - 10) % 7, n - 10));
                    fs::hard_link(before, deps.join("before.rlib")).unwrap();
                }
                write(&deps.join("own.rlib"), vec![3; 60_000]);
                fs::hard_link(deps.join("own.rlib"), target.join("debug/own.rlib")).unwrap();
            }
            _ => {
                // With a target triple, which cargo marks too, and something that cannot be written.
                project(&at);
                old_layout(&target, n_bytes);
                new_layout(&target.join("x86_64-unknown-linux-gnu"), n_bytes);
                let sealed = target.join("debug/build/a/out");
                write(&sealed.join("file"), "a");
                fs::set_permissions(&sealed, fs::Permissions::from_mode(0o555)).unwrap();
            }
        }
        build_dirs.insert(target);
    }
    (build_dirs, in_use, locks)
}

#[test]
fn exactly_what_is_shown_is_removed() {
    let home = Home::new();
    let (root, elsewhere) = (home.path("projects"), home.path("elsewhere"));
    let blobs = home.path("links");
    fs::create_dir_all(&blobs).unwrap();
    let (build_dirs, in_use, locks) = fabricate(&root, &blobs, &elsewhere);
    let shown: BTreeSet<String> = build_dirs.iter().map(|dir| dir.display().to_string()).collect();
    let before = listing(&home.root());

    let dry = home.run(&["clean", "projects", "--all", "--dry-run", "--json"]);
    let planned = json(&dry);
    assert_eq!(with_outcome(&planned, "would-remove"), shown);
    assert_eq!(planned["dry_run"], true);
    let changed = |before: &BTreeMap<PathBuf, _>, after: &BTreeMap<PathBuf, _>| -> BTreeSet<PathBuf> {
        let gone = before.keys().filter(|path| !after.contains_key(*path));
        gone.chain(after.keys().filter(|path| !before.contains_key(*path))).cloned().collect()
    };
    assert_eq!(changed(&before, &listing(&home.root())), BTreeSet::new());

    let ended = home.run(&["clean", "projects", "--all", "-y", "--json"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    let report = json(&ended);
    let is_in_use = |path: &PathBuf| in_use.contains(path);
    let expected: BTreeSet<PathBuf> = build_dirs.iter().filter(|dir| !is_in_use(dir)).cloned().collect();
    let removed = with_outcome(&report, "removed");
    assert_eq!(removed, expected.iter().map(|dir| dir.display().to_string()).collect());
    let skipped = with_outcome(&report, "skipped");
    assert_eq!(skipped, in_use.iter().map(|dir| dir.display().to_string()).collect());
    let after = listing(&home.root());
    let is_below = |path: &PathBuf| expected.iter().any(|dir| path.starts_with(dir));
    let should_go: BTreeSet<PathBuf> = before.keys().filter(|path| is_below(path)).cloned().collect();
    assert_eq!(changed(&before, &after), should_go);
    for (path, (inode, _)) in &after {
        assert_eq!(before[path].0, *inode, "{} is another file", path.display());
    }

    let freed = disk_bytes(&before) - disk_bytes(&after);
    let estimate = report["freed_bytes"].as_u64().unwrap();
    let difference = freed.abs_diff(estimate);
    assert!(difference * 20 <= freed, "estimated {estimate}, freed {freed}");
    drop(locks);
    let ended = home.run(&["clean", "projects", "--all", "-y"]);
    ended.with(0, "Removed 20 build directories, and freed ");
    home.run(&["clean", "projects"]).with(2, "cannot ask for confirmation without a terminal");
    home.run(&["clean", "projects", "--dry-run"]).with(0, "There are no build directories here.");
}

#[test]
fn unused_and_orphaned_directories_are_chosen() {
    let home = Home::new();
    for name in ["new", "old", "gone"] {
        project(&home.path(name));
        old_layout(&home.path(name).join("target"), 9_000);
    }
    let gone = home.path("gone");
    write(
        &gone.join("target/debug/liba.d"),
        format!("{0}/target/debug/liba.rlib: {0}/src/lib.rs\n", gone.display()),
    );
    fs::remove_file(gone.join("Cargo.toml")).unwrap();
    let chosen = |args: &[&str]| {
        let mut line = vec!["clean", ".", "--dry-run", "--json"];
        line.extend(args);
        let paths = with_outcome(&json(&home.run(&line)), "would-remove");
        let names = paths.iter().map(|path| Path::new(path).parent().unwrap().file_name().unwrap());
        names.map(|name| name.to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    // The source is still there, so somebody may want it.
    assert_eq!(chosen(&["--orphans"]), Vec::<String>::new());
    fs::remove_dir_all(gone.join("src")).unwrap();
    assert_eq!(chosen(&["--orphans"]), ["gone"]);
    let long_ago = SystemTime::now() - Duration::from_secs(15 * 86_400);
    let times = fs::FileTimes::new().set_accessed(long_ago).set_modified(long_ago);
    for path in listing(&home.path("old/target")).keys().chain([&home.path("old/target")]) {
        if !path.is_symlink() {
            File::open(path).unwrap().set_times(times).unwrap();
        }
    }
    assert_eq!(chosen(&["--stale", "14d"]), ["old"]);
    assert_eq!(chosen(&["--stale", "16d"]), Vec::<String>::new());
    assert_eq!(chosen(&["--stale", "14d", "--orphans"]), ["gone", "old"]);
    assert_eq!(chosen(&["--all"]), ["gone", "new", "old"]);
    // Reading back a fingerprint is a use.
    let fingerprint = home.path(&format!("old/target/debug/.fingerprint/a-{UNIT}/lib-a"));
    File::open(fingerprint).unwrap().set_times(fs::FileTimes::new().set_accessed(SystemTime::now())).unwrap();
    assert_eq!(chosen(&["--stale", "14d"]), Vec::<String>::new());
}

#[test]
fn arguments_that_could_remove_by_mistake_are_refused() {
    let home = Home::new();
    project(&home.path("p"));
    old_layout(&home.path("p/target"), 100);
    home.run(&["clean", ".", "-y"]).with(2, "-y needs a choice; nothing was done");
    home.run(&["clean", ".", "--all"]).with(2, "cannot ask for confirmation without a terminal");
    home.run(&["clean", ".", "--all", "--json"]).with(2, "confirmation-required");
    home.run(&["clean", ".", "--stale", "soon"]).with(2, "invalid value 'soon'");
    home.run(&["clean", ".", "--all", "--orphans", "-y"]).with(2, "cannot be used with");
    home.run(&["clean", "nowhere", "--all", "-y"]).with(2, "nowhere is not a directory");
    home.run(&["clean", "p/Cargo.toml", "--all", "-y"]).with(2, "p/Cargo.toml is not a directory");
    assert!(home.path("p/target/debug").exists());
}

#[test]
fn directories_that_hold_something_else_are_left_alone() {
    let mut home = Home::new();
    for name in ["a", "b", "c"] {
        old_layout(&home.path(name), 100);
    }
    write(&home.path("a/Cargo.toml"), "");
    home.set("KACHE_CACHE_DIR", &home.path("b/store").display().to_string());
    home.dir("b/store");
    home.install("c/debug/kache");
    let mut command = home.command(home.path("c/debug/kache"));
    let ended = Ended::of(command.args(["clean", ".", "--all", "-y"]).output().unwrap());
    ended.with(0, "There are no build directories here.");
    for said in ["/a: it holds a project", "/b: it holds ", "/c: it holds "] {
        assert!(ended.err.contains(said), "{}", ended.err);
    }
    // A part of a build directory is not one.
    old_layout(&home.path("d/target"), 100);
    new_layout(&home.path("d/target/triple"), 100);
    home.run(&["clean", "d/target/triple", "--all", "-y"]).with(0, "There are no build directories here.");
    assert!(home.path("d/target/triple/debug").exists());
    for name in ["a", "b", "c"] {
        assert!(home.path(name).join("debug/deps").exists());
    }
}

#[test]
fn what_an_interrupted_removal_left_is_removed() {
    let mut home = Home::new();
    project(&home.path("p"));
    write(&home.path("p/.kache-removed-1-2-0/CACHEDIR.TAG"), TAG);
    write(&home.path("p/.kache-removed-1-2-0/debug/deps/a"), "a");
    home.dir("p/.kache-removed-1-2-1");
    // Only its name is one of kache's.
    write(&home.path("p/.kache-removed-x/notes"), "keep");
    home.within("p");
    home_clean(&home, &["--stale", "1d"], "Removed 2 build directories");
    assert!(!home.path("p/.kache-removed-1-2-0").exists() && !home.path("p/.kache-removed-1-2-1").exists());
    assert_eq!(home.read("p/.kache-removed-x/notes"), "keep");
}

#[track_caller]
fn home_clean(home: &Home, args: &[&str], said: &str) {
    let mut line = vec!["clean", "-y"];
    line.extend(args);
    home.run(&line).with(0, said);
}

#[test]
fn configured_directories_are_found_from_the_workspace() {
    let mut home = Home::new();
    project(&home.path("p"));
    home.write("p/.cargo/config.toml", "[build]\ntarget-dir = \"../out\"\nbuild-dir = \"../between\"\n");
    for name in ["p/target", "out", "between", "variable", "unrelated"] {
        old_layout(&home.path(name), 100);
    }
    home.set("CARGO_TARGET_DIR", &home.path("variable").display().to_string());
    home.within("p/src");
    let report = json(&home.run(&["clean", "--dry-run", "--json"]));
    let expected =
        ["between", "out", "p/target", "variable"].map(|name| home.path(name).display().to_string());
    let found = with_outcome(&report, "would-remove");
    // The variable stands above the file.
    let expected: BTreeSet<String> = expected.into_iter().filter(|path| !path.ends_with("/out")).collect();
    assert_eq!(found, expected);
}

/// A package whose build script waits until `go` is there.
fn waiting() -> World {
    let script = "fn main() {\n    std::fs::write(\"../started\", \"\").unwrap();\n    \
                  while std::fs::metadata(\"../go\").is_err() { std::thread::yield_now(); }\n}\n";
    World::files(&[
        ("p/Cargo.toml", &package("p", "")),
        ("p/build.rs", script),
        ("p/src/main.rs", "fn main() { println!(\"built\"); }\n"),
    ])
    .within("p")
}

#[test]
fn recorded_builds_are_found_and_a_running_one_is_skipped() {
    let world = waiting();
    let clean = |args: &[&str]| {
        let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
        command.current_dir(world.root()).args(["clean"]).args(args);
        Ended::of(command.output().unwrap())
    };
    let step = world.cargo_while(&["build"], || {
        while !world.tree().join("started").exists() {
            std::thread::yield_now();
        }
        clean(&["--all", "-y"]).with(0, "Nothing was removed.").with(0, "a build is running in it");
        fs::write(world.tree().join("go"), "").unwrap();
    });
    step.succeeds();
    assert_eq!(world.run_bin("p").trim(), "built");
    let report = json(&clean(&["--dry-run", "--json"]));
    let found = &report["directories"][0];
    assert_eq!(found["path"], world.target().display().to_string());
    assert_eq!(found["checkout"], "exists");
    let bytes = |name: &str| found[name].as_u64().unwrap();
    assert!(bytes("restorable_bytes") > 0 && bytes("restorable_bytes") >= bytes("shared_bytes"), "{found:#}");
    assert!(bytes("freed_bytes") + bytes("shared_bytes") <= bytes("disk_bytes"), "{found:#}");
    clean(&["--all", "-y"]).with(0, "Removed 1 build directory, and freed ");
    assert!(!world.target().exists());
    let step = world.build();
    step.all_hit();
    assert_eq!(world.run_bin("p").trim(), "built");
}

/// The settings of a configuration file.
fn settings(text: &str, cache_dir: PathBuf) -> Config {
    let (user, problems) = file::parse(Path::new("config.toml"), text);
    assert!(problems.is_empty(), "{problems:?}");
    let defaults = Defaults { cache_dir, observes: true };
    resolve(&defaults, user, file::Contents::default(), &|_| None, Scope::Command).0
}

/// A program that calls kache as in `world`.
fn kache_of(world: &World) -> PathBuf {
    let mut script = "#!/bin/sh\n".to_owned();
    for (name, value) in world.command("true").get_envs() {
        let value = value.unwrap_or_default().to_string_lossy().replace('\'', "'\\''");
        script += &format!("export {}='{value}'\n", name.to_string_lossy());
    }
    let path = world.root().join("kache-there");
    write(&path, format!("{script}exec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_kache")));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn the_daemon_removes_what_is_left_of_projects_that_are_gone_once_a_day() {
    let world = World::files(&[("Cargo.toml", &package("p", "")), ("src/main.rs", "fn main() {}\n")]);
    world.build().succeeds();
    let there = world.checkout("there");
    there.build().succeeds();
    world.remove("Cargo.toml");
    fs::remove_dir_all(world.tree().join("src")).unwrap();
    let (exe, stamp) = (kache_of(&world), world.root().join(STAMP));
    let (events, mut received) = tokio::sync::mpsc::unbounded_channel();
    let start = Instant::now();
    let later = start + Duration::from_secs(300);
    let mut cleaner = Cleaner::new(start);
    let off = settings("", world.cache());
    let on = settings("clean.orphans = true", world.cache());
    cleaner.look(&off, &exe, &stamp, later, &events).unwrap();
    cleaner.look(&on, &exe, &stamp, start, &events).unwrap();
    cleaner.look(&on, &exe, &stamp, later, &events).unwrap();
    let Some(Event::Cleaned(result)) = received.blocking_recv() else { panic!("another event") };
    let lines = cleaner.ended(result);
    assert_eq!(lines[0], format!("clean: removed {}", world.target().display()), "{lines:?}");
    assert!(lines[1].starts_with("clean: 1 build directory removed, ") && lines.len() == 2, "{lines:?}");
    assert!(!world.target().exists() && there.target().exists());
    there.noop();
    // A daemon that starts again does not repeat it.
    let mut again = Cleaner::new(start);
    again.look(&on, &exe, &stamp, later, &events).unwrap();
    File::options().write(true).open(&stamp).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    again.look(&on, &exe, &stamp, later + Duration::from_secs(600), &events).unwrap();
    let Some(Event::Cleaned(result)) = received.blocking_recv() else { panic!("another event") };
    assert_eq!(again.ended(result), Vec::<String>::new());
    assert!(received.try_recv().is_err());
}

/// Sets the flag when it goes.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Builds and removals at the same time: no build fails.
#[test]
fn builds_succeed_beside_removals() {
    let world = World::project("two-crates");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _over = Over(&is_over);
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
                let ended = Ended::of(command.args(["clean", "--all", "-y"]).output().unwrap());
                assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
            }
        });
        for _ in 0..20 {
            world.build().succeeds();
        }
    });
}

#[test]
#[cfg(target_os = "linux")]
fn mounted_file_systems_are_not_emptied() {
    let home = Home::new();
    project(&home.path("p"));
    old_layout(&home.path("p/target"), 100);
    project(&home.path("q"));
    home.dir("q/target");
    old_layout(&home.path("real"), 100);
    home.write("precious/file", "keep");
    home.dir("p/target/debug/mounted");
    let kache = home.kache().display().to_string();
    let script = format!(
        "mount --bind precious p/target/debug/mounted && mount --bind real q/target && \
         '{kache}' clean p q --all -y; code=$?; cat p/target/debug/mounted/file q/target/CACHEDIR.TAG; exit $code"
    );
    let mut command = home.command("unshare");
    let output = command.args(["-m", "sh", "-c", &script]).output();
    let ended = match output {
        Ok(output) if !String::from_utf8_lossy(&output.stderr).contains("not permitted") => Ended::of(output),
        _ => return skip("unshare", "no file system can be mounted here"),
    };
    ended.with(0, "There are no build directories here.").with(0, "debug/mounted is mounted in it");
    ended.with(0, "keep").with(0, "Signature");
    assert_eq!(home.read("precious/file"), "keep");
}

/// On a file system of its own: the estimate is what `df` says.
#[test]
#[cfg(target_os = "linux")]
fn the_estimate_is_what_the_file_system_frees() {
    let home = Home::new();
    home.dir("disk");
    let kache = home.kache().display().to_string();
    let script = format!(
        "mount -t tmpfs none disk && cp -a trees disk/projects && cp -al disk/projects/p0/target/debug/deps disk/other && \
         free() {{ stat -f -c '%a %S' disk | (read a s; echo $((a * s))); }}; before=$(free); \
         '{kache}' clean disk --all -y --json >report && after=$(free) && echo freed $((after - before))"
    );
    for n in 0..20 {
        project(&home.path(&format!("trees/p{n}")));
        old_layout(&home.path(&format!("trees/p{n}/target")), 300_000 + n * 1_000);
    }
    let output = home.command("unshare").args(["-m", "sh", "-c", &script]).output();
    let ended = match output {
        Ok(output) if !String::from_utf8_lossy(&output.stderr).contains("not permitted") => Ended::of(output),
        _ => return skip("unshare", "no file system can be mounted here"),
    };
    ended.with(0, "freed ");
    let freed: u64 = ended.out.trim().strip_prefix("freed ").unwrap().parse().unwrap();
    let report: Value = serde_json::from_str(&home.read("report")).unwrap();
    let estimate = report["freed_bytes"].as_u64().unwrap();
    assert!(freed.abs_diff(estimate) * 20 <= freed, "estimated {estimate}, freed {freed}");
}

#[test]
#[cfg(target_os = "linux")]
fn directories_are_chosen_by_keys_on_a_terminal() {
    let home = Home::new();
    for (name, n_bytes) in [("large", 900_000), ("small", 90_000)] {
        project(&home.path(name));
        old_layout(&home.path(name).join("target"), n_bytes);
    }
    let run = |keys: &[&str], signal| Typed { line: "clean .", keys, signal, columns: 80 }.run(&home);
    // Escape, Ctrl-C as a key or as a signal, and a refusal leave everything as it is.
    for (keys, signal, code) in [
        (&["\x1b"][..], None, 1),
        (&["\x03"], None, 130),
        (&[], Some("INT"), 130),
        (&[" \r", "n\r"], None, 1),
        (&["\r"], None, 0),
    ] {
        let Some((ended, shown)) = run(keys, signal) else { return };
        assert_eq!(ended, code, "{keys:?}: {shown}");
        assert!(home.path("large/target").exists() && home.path("small/target").exists(), "{keys:?}");
        assert!(shown.contains("large/target"), "{shown}");
        let (_, after) = shown.rsplit_once("\x1b[?25l").unwrap();
        assert!(after.contains("\x1b[?25h"), "{keys:?}: the cursor is back: {shown}");
    }
    // Down, choose the second.
    let Some((code, shown)) = run(&["\x1b[B \r", "y\r"], None) else { return };
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("Removed") && shown.contains("1 build directory, and freed"), "{shown}");
    assert!(home.path("large/target").exists() && !home.path("small/target").exists());
}
