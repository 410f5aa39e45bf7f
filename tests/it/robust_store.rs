//! A store that cannot be used: no directory, not writable, full, gone, on another file system.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::robust::{N_UNITS, Reference, cargo_build_after, project};
use crate::skip::skip;
use crate::step::{Step, hits, misses};
use crate::world::World;

const DIRECTORIES: [&str; 10] =
    ["blobs", "entries", "inputs", "units", "closures", "names", "locks", "tmp", "memo", "quarantine"];

/// Builds, compares and cleans up.
fn build(world: &World, reference: &Reference) -> Step {
    let step = world.build();
    reference.holds(world, &step);
    world.noop();
    world.clean();
    step
}

#[test]
fn a_cache_directory_that_cannot_be_made_changes_nothing() {
    let mut world = project();
    let reference = Reference::of(&world);
    let cache = world.cache();
    fs::write(&cache, "a file").expect("writes");
    build(&world, &reference);
    assert_eq!(fs::read(&cache).expect("reads"), b"a file");
    world.set("KACHE_CACHE_DIR", cache.join("below/it"));
    build(&world, &reference);
    symlink("/nowhere/kache", world.root().join("dangling")).expect("links");
    symlink("loop", world.root().join("loop")).expect("links");
    for place in [world.root().join("dangling"), world.root().join("loop"), "/proc/kache".into()] {
        world.set("KACHE_CACHE_DIR", &place);
        build(&world, &reference);
        assert!(!Path::new("/nowhere").exists());
    }
}

#[test]
fn without_a_home_there_is_no_store_and_nothing_else_changes() {
    let mut world = project();
    world.unset("KACHE_CACHE_DIR");
    let reference = Reference::of(&world);
    for script in ["unset HOME KACHE_CACHE_DIR XDG_CACHE_HOME", "unset KACHE_CACHE_DIR; export HOME="] {
        let mut command = world.command("sh");
        command.args(["-ec", &format!("{script}\nexec cargo build")]);
        let step = world.run(command);
        reference.holds(&world, &step);
        world.clean();
    }
    let left: Vec<_> =
        fs::read_dir(world.tree()).expect("lists").flatten().map(|file| file.file_name()).collect();
    assert!(!left.iter().any(|name| name == ".cache" || name == "kache"), "{left:?}");
}

#[test]
fn a_file_in_place_of_any_directory_of_the_store_changes_nothing() {
    let world = project();
    let reference = Reference::of(&world);
    let store = world.cache().join("store/v2");
    // What is known of the compiler, so that it is not read again for each of them.
    let memo = world.root().join("memo");
    world.build().succeeds();
    world.clean();
    fs::rename(store.join("memo"), &memo).expect("moves it away");
    fs::remove_dir_all(world.cache()).expect("removes");
    for name in ["..", "."].into_iter().chain(DIRECTORIES) {
        let place = match name {
            ".." => world.cache().join("store"),
            "." => store.clone(),
            name => store.join(name),
        };
        fs::create_dir_all(place.parent().expect("it is below")).expect("makes the directory");
        fs::write(&place, "a file").expect("writes");
        if DIRECTORIES.contains(&name) && name != "memo" {
            fs::create_dir(store.join("memo")).expect("makes the directory");
            for known in fs::read_dir(&memo).expect("lists").flatten() {
                fs::copy(known.path(), store.join("memo").join(known.file_name())).expect("copies");
            }
        }
        build(&world, &reference);
        build(&world, &reference);
        assert_eq!(fs::read(&place).expect("reads"), b"a file");
        fs::remove_dir_all(world.cache()).expect("removes");
    }
    fs::create_dir(world.cache()).expect("makes the directory");
    fs::write(world.cache().join("records"), "a file").expect("writes");
    build(&world, &reference);
}

#[test]
fn a_read_only_store_serves_and_takes_nothing() {
    let world = project();
    let reference = Reference::of(&world);
    let read_only = "mkdir -p $KACHE_CACHE_DIR\nmount --bind $KACHE_CACHE_DIR $KACHE_CACHE_DIR\n\
                     mount -o remount,bind,ro $KACHE_CACHE_DIR\n! touch $KACHE_CACHE_DIR/x 2>/dev/null";
    let Some(command) = cargo_build_after(&world, read_only) else { return };
    let empty = world.run(command);
    reference.holds(&world, &empty);
    world.clean();
    world.build().expect(hits(0), misses(N_UNITS));
    let before = names_below(&world.cache());
    world.clean();
    let Some(command) = cargo_build_after(&world, read_only) else { return };
    let warm = world.run(command);
    reference.holds(&world, &warm);
    assert_eq!(names_below(&world.cache()), before);
    world.rebuild().expect(hits(N_UNITS), misses(0));
}

#[test]
fn a_store_without_write_permission_serves_and_takes_nothing() {
    let world = project();
    let reference = Reference::of(&world);
    world.build().expect(hits(0), misses(N_UNITS));
    world.clean();
    let mode = |mode: &str| {
        let mut find = std::process::Command::new("find");
        find.arg(world.cache()).args(["-depth", "-type", "d", "-exec", "chmod", mode, "{}", "+"]);
        assert!(find.status().expect("find runs").success());
    };
    for without in ["a-w", "a-rwx"] {
        mode(without);
        // Who may do anything is not held up, and builds as ever.
        build(&world, &reference);
        std::process::Command::new("chmod")
            .args(["-R", "u+rwX"])
            .arg(world.cache())
            .status()
            .expect("chmod runs");
    }
    build(&world, &reference).expect(hits(N_UNITS), misses(0));
}

#[test]
fn a_full_file_system_costs_nothing_but_the_hits() {
    let world = project();
    let reference = Reference::of(&world);
    // Room for nothing, for a part of what is to be stored, and for few files.
    for options in ["size=4k", "size=400k", "size=5m", "nr_inodes=30"] {
        let script = format!(
            "mkdir -p $KACHE_CACHE_DIR\nmount -t tmpfs -o {options} none $KACHE_CACHE_DIR\ncargo build -q\n\
             rm -r target"
        );
        let Some(command) = cargo_build_after(&world, &script) else { return };
        let step = world.run(command);
        step.succeeds();
        reference.holds_for_files(&world, &step);
        world.clean();
    }
}

#[test]
fn a_store_on_another_device_is_copied_from() {
    use std::os::unix::fs::MetadataExt as _;
    let world = project();
    let reference = Reference::of(&world);
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    let memory = Path::new("/dev/shm");
    if device(memory).is_none() || device(memory) == device(&world.root()) {
        skip("another-disk", "/dev/shm is no file system of its own");
        return;
    }
    let other = tempfile::Builder::new().prefix("kache-it-").tempdir_in(memory).expect("a directory");
    symlink(other.path(), world.cache()).expect("links");
    build(&world, &reference).expect(hits(0), misses(N_UNITS));
    let warm = build(&world, &reference);
    warm.expect(hits(N_UNITS), misses(0));
    let bytes = |count: fn(&kache::run::record::Bytes) -> u64| -> u64 {
        warm.records().iter().map(|record| count(&record.bytes)).sum()
    };
    assert_eq!(bytes(|bytes| bytes.linked), 0, "{warm}");
    assert_ne!(bytes(|bytes| bytes.n_link_failures), 0, "{warm}");
}

#[test]
fn a_store_that_vanishes_during_the_build_changes_nothing() {
    let mut world = project();
    // The build script of one unit removes the store, and so does the macro that another expands.
    world.set("STORE_TO_REMOVE", world.cache().join("store"));
    let remove = "let _ = std::env::var_os(\"STORE_TO_REMOVE\").map(std::fs::remove_dir_all);\n";
    world.edit("words/build.rs", "fn main() {\n", &format!("fn main() {{\n{remove}"));
    world.edit("macros/src/lib.rs", "TokenStream {\n", &format!("TokenStream {{\n{remove}"));
    let reference = Reference::of(&world);
    build(&world, &reference);
    build(&world, &reference);
    world.unset("STORE_TO_REMOVE");
    let world = world.env("SOMETHING", "else");
    world.build().succeeds();
    reference.holds_for_files(&world, &world.rebuild());
}

/// Each version has a directory of its own, and knows nothing of what lies beside it.
#[test]
fn what_another_version_stored_is_neither_used_nor_changed() {
    let world = project();
    let store = world.cache().join("store");
    let others = DIRECTORIES.iter().map(|dir| store.join(dir)).chain([store.join("v0"), store.join("v10")]);
    let others: Vec<_> = others.collect();
    fs::create_dir_all(&store).expect("makes the directory");
    others.iter().for_each(|other| fs::write(other, "of another version").expect("writes"));
    world.build().expect(hits(0), misses(N_UNITS));
    world.rebuild().expect(hits(N_UNITS), misses(0));
    let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
    command.args(["gc", "--max-age", "0s", "--grace", "0s"]);
    world.run(command).succeeds();
    for other in others {
        assert_eq!(fs::read(&other).expect("reads"), b"of another version", "{}", other.display());
    }
}

#[test]
fn a_compile_error_is_the_compilers_own() {
    let world = project();
    world.edit("words/src/lib.rs", "let unused = 1;", "let unused: u8 = \"\";");
    let plain = world.plain_build(false);
    let printed = |step: &Step| {
        let lines = step.stderr().lines().filter(|line| !line.contains("process didn't exit"));
        let mut lines: Vec<String> = lines.map(str::to_owned).collect();
        lines.sort();
        lines
    };
    fs::write(world.cache(), "a file").expect("writes");
    for is_broken in [true, false] {
        if !is_broken {
            fs::remove_file(world.cache()).expect("removes");
        }
        world.clean();
        let step = world.build();
        step.fails_with("mismatched types");
        assert_eq!(printed(&step), printed(&plain), "{step}");
    }
}

fn names_below(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut names = Vec::new();
    for child in fs::read_dir(dir).expect("lists") {
        let path = child.expect("lists").path();
        if path.is_dir() {
            names.extend(names_below(&path));
        }
        names.push(path);
    }
    names.sort();
    names
}
