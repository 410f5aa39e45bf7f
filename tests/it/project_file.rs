//! A project's `.kache.toml`: what it may not do, and files of that name that are none. And a store that is only read.

use std::path::Path;
use std::process::Command;

use kache::outcome::{Bypass, Unstored};

use crate::skip::skip;
use crate::step::Step;
use crate::world::{World, package};

fn project() -> World {
    World::files(&[("Cargo.toml", &package("app", "[workspace]\n")), ("src/main.rs", "fn main() {}\n")])
}

fn is_left_to_the_compiler(step: &Step) {
    step.succeeds();
    assert_eq!(step.bypasses(), vec![Bypass::Configured; step.records().len()], "{step}");
    assert_ne!(step.records().len(), 0, "{step}");
}

/// How a file of some kind is made.
type Make = fn(&Path);

/// A pipe without a writer, a directory, a device without end, and more than fits on the disk.
#[test]
fn project_file_that_is_no_file_neither_hangs_nor_slows_a_build() {
    let make: [(&str, Make); 4] = [
        ("a pipe", |path| assert!(Command::new("mkfifo").arg(path).status().expect("starts").success())),
        ("a directory", |path| std::fs::create_dir(path).expect("is made")),
        ("a device", |path| std::os::unix::fs::symlink("/dev/zero", path).expect("is made")),
        ("a large file", |path| {
            let file = std::fs::File::create(path).expect("is made");
            file.set_len(1 << 40).expect("takes no room");
        }),
    ];
    for (name, make) in make {
        let mut world = project();
        make(&world.tree().join(".kache.toml"));
        println!("{name}");
        is_left_to_the_compiler(&world.build());
        world.set("KACHE_DISABLED", "1");
        let step = world.rebuild();
        step.succeeds();
        assert!(step.records().is_empty(), "{step}");
    }
}

#[test]
fn disabled_wrapper_opens_no_configuration() {
    if Command::new("strace").arg("-V").output().is_err() {
        skip("strace", "strace is not installed");
        return;
    }
    let opened = |world: &World| {
        let calls = world.root().join("calls");
        let mut command = world.command("strace");
        command.args(["-f", "-qq", "-e", "trace=open,openat", "-o"]).arg(&calls);
        command.args([env!("CARGO_BIN_EXE_kache"), "rustc", "--crate-name=app", "--crate-type=lib"]);
        command.args(["--emit=metadata", "--out-dir=.", "src/main.rs"]);
        assert!(command.output().expect("strace starts").status.success());
        let calls = std::fs::read_to_string(&calls).expect("strace has written it");
        assert!(calls.contains("src/main.rs"), "{calls}");
        calls.contains(".kache.toml") || calls.contains("config.toml")
    };
    let mut world = project();
    assert!(opened(&world));
    world.set("KACHE_DISABLED", "1");
    assert!(!opened(&world));
}

#[test]
fn project_file_of_a_stranger_is_not_read() {
    const STRANGER: u32 = 54321;
    let world = project();
    let file = world.root().join("trees/.kache.toml");
    std::fs::write(&file, "[cache]\nbypass_crates = [\"app\"]\n").expect("is written");
    is_left_to_the_compiler(&world.build());
    if std::os::unix::fs::chown(&file, Some(STRANGER), None).is_err() {
        skip("root", "only root can give a file to another user");
        return;
    }
    let step = world.rebuild();
    step.all_missed();
    assert!(step.records().iter().all(|record| record.problems.len() == 1), "{step}");
    // The owner of a project may decide about its build.
    std::os::unix::fs::chown(world.tree(), Some(STRANGER), None).expect("root may");
    is_left_to_the_compiler(&world.rebuild());
}

#[test]
fn project_does_not_empty_the_store_of_its_user() {
    let world = project();
    world.build().all_missed();
    world.write(".kache.toml", "[cache]\nlocal_max_size = 1\ngc_max_age = \"1ms\"\n");
    world.run({
        let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
        command.args(["gc", "--automatic"]);
        command
    });
    let step = world.rebuild();
    step.all_hit();
    assert!(step.records().iter().all(|record| record.problems.len() == 2), "{step}");
}

/// All files of the store but what was learned about compilers.
fn stored(world: &World) -> Vec<String> {
    let command = Command::new("find").arg(world.cache().join("store/v2")).args(["-type", "f"]).output();
    let found = String::from_utf8(command.expect("find starts").stdout).expect("is text");
    let mut files: Vec<String> =
        found.lines().filter(|path| !path.contains("/memo/")).map(str::to_owned).collect();
    files.sort();
    files
}

#[test]
fn store_that_is_only_read_serves_and_stays_as_it_is() {
    let mut world = World::project("two-crates");
    world.build().all_missed();
    let before = stored(&world);
    assert_ne!(before.len(), 0);
    let is_read_only = |world: &World| {
        world.rebuild().all_hit();
        world.write("app/src/extra.rs", "pub fn extra() {}\n");
        world.edit("app/src/main.rs", "fn main", "mod extra;\nfn main");
        let step = world.rebuild();
        step.succeeds();
        assert_eq!(*step.unstored_of("app", "bin"), Unstored::OnlyRead, "{step}");
        assert_ne!(step.n_hits(), 0, "{step}");
        world.edit("app/src/main.rs", "mod extra;\n", "");
        world.rebuild().all_hit();
        assert_eq!(stored(world), before);
    };
    world.set("KACHE_READONLY", "1");
    is_read_only(&world);
    world.set("KACHE_READONLY", "0");
    world.write(".kache.toml", "[cache]\nwrite = \"off\"\n");
    is_read_only(&world);
    world.remove(".kache.toml");
    world.write("app/src/extra.rs", "pub fn extra() {}\n");
    world.edit("app/src/main.rs", "fn main", "mod extra;\nfn main");
    world.rebuild().only_missed(&["app bin"]);
}

/// An incremental compile never makes the same bytes twice: what depends on it could not be served.
#[test]
fn bypassed_dependency_is_compiled_without_incremental_files() {
    let world = World::project("two-crates");
    world.write(".kache.toml", "[cache]\nbypass_crates = [\"words\"]\n");
    let step = world.build();
    step.succeeds();
    assert_eq!(step.bypasses(), [Bypass::Configured], "{step}");
    let listed = std::fs::read_dir(world.target().join("debug/incremental")).into_iter().flatten();
    assert_eq!(listed.count(), 0);
    let step = world.rebuild();
    assert_eq!((step.n_hits() > 0, step.n_misses(), step.n_bypasses()), (true, 0, 1), "{step}");
}
