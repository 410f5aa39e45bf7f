//! Whose files are whose: what a hit leaves has the mode, owner and group that the compiler's own files would have, and
//! kache's own files are for their user alone and never behind a link.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use kache::outcome::{Bypass, MissReason, Outcome};

use crate::observing::reading;
use crate::skip::skip;
use crate::step::Step;
use crate::world::World;

const NOBODY: u32 = 65_534;

fn build_with_umask(world: &World, umask: &str, wrapped: bool) -> Step {
    let mut command = world.command("sh");
    command.args(["-c", &format!("umask {umask}; exec cargo build")]);
    if !wrapped {
        command.env("RUSTC_WRAPPER", "");
    }
    let step = world.run(command);
    step.succeeds();
    step
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("lists").flatten() {
        let path = entry.path();
        files.push(path.clone());
        if entry.file_type().expect("has a type").is_dir() {
            files.extend(files_below(&path));
        }
    }
    files.sort();
    files
}

/// Mode, owner and group of everything that the compiler makes, by name.
fn access(world: &World) -> BTreeMap<PathBuf, (u32, u32, u32)> {
    let deps = world.target().join("debug/deps");
    let access = |path: PathBuf| {
        let metadata = fs::symlink_metadata(&path).expect("is there");
        (path, (metadata.mode() & 0o7777, metadata.uid(), metadata.gid()))
    };
    files_below(&deps).into_iter().map(access).collect()
}

fn rlib(world: &World) -> PathBuf {
    let files = files_below(&world.target().join("debug/deps"));
    files.into_iter().find(|path| path.extension().is_some_and(|e| e == "rlib")).expect("there is one")
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).expect("is there").ino()
}

#[test]
fn restored_files_have_the_modes_of_the_umask_at_hand() {
    for umasks in [["077", "022"], ["022", "077"], ["022", "002"], ["002", "027"]] {
        let world = World::project("two-crates");
        for umask in umasks {
            build_with_umask(&world, umask, false);
            let plain = access(&world);
            assert!(plain.len() >= 4);
            world.clean();
            let step = build_with_umask(&world, umask, true);
            assert_eq!(access(&world), plain, "{umasks:?} {umask}\n{step}");
            assert_eq!(step.n_hits() > 0, umask == umasks[1]);
            world.clean();
        }
    }
}

#[test]
fn restored_files_have_the_group_of_a_setgid_directory() {
    let world = World::project("two-crates");
    build_with_umask(&world, "022", true);
    for wrapped in [false, true] {
        world.clean();
        fs::create_dir(world.target()).expect("makes a directory");
        if chown(world.target(), None, Some(NOBODY)).is_err() {
            skip("root", "a group cannot be given away here");
            return;
        }
        fs::set_permissions(world.target(), Permissions::from_mode(0o2755)).expect("sets the mode");
        build_with_umask(&world, "022", wrapped);
        assert!(access(&world).values().all(|(_, _, group)| *group == NOBODY), "{:?}", access(&world));
    }
}

#[test]
fn changed_mode_or_owner_of_one_tree_reaches_no_later_one() {
    let changes: [&dyn Fn(&Path) -> bool; 3] = [
        &|path| fs::set_permissions(path, Permissions::from_mode(0o666)).is_ok(),
        &|path| fs::set_permissions(path, Permissions::from_mode(0o000)).is_ok(),
        &|path| chown(path, Some(NOBODY), Some(NOBODY)).is_ok(),
    ];
    for (n, change) in changes.iter().enumerate() {
        let world = World::project("two-crates");
        build_with_umask(&world, "022", true);
        let (first, plain) = (rlib(&world), fs::metadata(rlib(&world)).expect("is there"));
        if !change(&first) {
            skip("root", "an owner cannot be changed here");
            continue;
        }
        let other = world.checkout("other");
        build_with_umask(&other, "022", true);
        let now = fs::metadata(rlib(&other)).expect("is there");
        assert_eq!((now.mode(), now.uid(), now.gid()), (plain.mode(), plain.uid(), plain.gid()), "{n}");
        assert_ne!(inode(&rlib(&other)), inode(&first), "{n}");
        assert_eq!(other.run_bin("app"), "hello world a note\n");
    }
}

#[test]
fn rlibs_of_one_mode_and_owner_are_still_links() {
    let world = World::project("two-crates");
    world.build().all_missed();
    let other = world.checkout("other");
    other.build().all_hit();
    if kache::sys::fs::clones_files(&world.root()) {
        return;
    }
    assert_eq!(inode(&rlib(&world)), inode(&rlib(&other)));
}

/// A bit of each blob is turned, and its size and time are what they were.
#[test]
fn copied_library_that_rots_in_the_store_is_not_served() {
    let world = reading("file:data/one");
    world.build().all_missed();
    let store = world.cache().join("store/v2");
    for at in [0, 1000, usize::MAX] {
        world.rebuild().all_hit();
        for blob in files_below(&store.join("blobs")).into_iter().filter(|path| path.is_file()) {
            let modified = fs::metadata(&blob).and_then(|metadata| metadata.modified()).expect("has a time");
            let mut bytes = fs::read(&blob).expect("reads");
            let at = at.min(bytes.len() - 1);
            bytes[at] ^= 1;
            fs::write(&blob, bytes).expect("writes");
            let file = fs::File::options().write(true).open(&blob).expect("opens");
            file.set_modified(modified).expect("sets the time");
        }
        let step = world.rebuild();
        step.all_missed();
        assert_eq!(step.miss_reason_of("reader", "proc-macro"), MissReason::BlobDamaged, "{step}");
        assert_eq!(world.run_bin("app"), "1");
        world.same_as_plain_cargo();
    }
    assert_eq!(files_below(&store.join("quarantine")).len(), 3 * 2);
}

#[test]
fn files_of_kache_are_for_their_user_alone() {
    for umask in ["000", "022", "077"] {
        let world = World::project("two-crates");
        build_with_umask(&world, umask, true);
        world.clean();
        assert_eq!(build_with_umask(&world, umask, true).n_hits(), 2);
        let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
        world.run({
            command.arg("gc");
            command
        });
        let mode = |path: &Path| fs::symlink_metadata(path).expect("is there").mode() & 0o777;
        let own = files_below(&world.cache()).into_iter().chain(files_below(&world.target().join(".kache")));
        let roots = [world.cache(), world.target().join(".kache")];
        for path in own.chain(roots) {
            let is_output = fs::metadata(&path).expect("is there").nlink() > 1 && path.is_file();
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert!(is_output || mode(&path) == expected, "{umask} {:o} {}", mode(&path), path.display());
        }
    }
}

#[test]
fn store_that_another_user_owns_or_can_write_is_not_read() {
    let world = World::project("two-crates");
    world.build().all_missed();
    let root = world.cache().join("store/v2");
    let refused = |why: &str| {
        world.clean();
        let step = world.build();
        step.succeeds();
        assert_eq!(step.bypasses(), [Bypass::Store; 2], "{step}");
        let detail = |record: &kache::run::record::Record| match &record.outcome {
            Outcome::Bypass { reason } => reason.detail.clone(),
            other => panic!("{other:?}"),
        };
        assert!(step.records().iter().all(|record| detail(record).contains(why)), "{step}");
        assert_eq!(world.run_bin("app"), "hello world a note\n");
    };
    for mode in [0o777, 0o775, 0o702] {
        fs::set_permissions(&root, Permissions::from_mode(mode)).expect("sets the mode");
        refused("other users can write to it");
    }
    fs::set_permissions(&root, Permissions::from_mode(0o755)).expect("sets the mode");
    world.rebuild().all_hit();
    let elsewhere = world.root().join("elsewhere");
    fs::rename(&root, &elsewhere).expect("moves the store");
    symlink(&elsewhere, &root).expect("links");
    refused("is not a directory");
    fs::remove_file(&root).expect("removes the link");
    fs::rename(&elsewhere, &root).expect("moves the store back");
    if chown(&root, Some(NOBODY), None).is_err() {
        skip("root", "an owner cannot be changed here");
        return;
    }
    refused("belongs to another user");
    chown(&root, Some(0), None).expect("changes the owner");
    world.rebuild().all_hit();
}

/// Another user who could write to a directory of the store leaves files of another owner.
#[test]
fn entries_of_another_user_are_not_read() {
    for bucket in ["entries", "units"] {
        let world = World::project("two-crates");
        world.build().all_missed();
        for file in files_below(&world.cache().join("store/v2").join(bucket)) {
            if chown(&file, Some(NOBODY), None).is_err() {
                skip("root", "an owner cannot be changed here");
                return;
            }
        }
        world.rebuild().all_missed();
        world.rebuild().all_hit();
    }
}

#[test]
fn links_in_place_of_directories_of_kache_lead_nowhere() {
    let in_store = ["tmp", "blobs", "entries", "inputs", "units", "closures", "locks", "memo", "quarantine"];
    let places = in_store.iter().map(|name| format!("cache/store/v2/{name}"));
    for place in places.chain(["cache/records", "trees/first/target/.kache"].map(str::to_owned)) {
        let world = World::project("two-crates");
        world.build().all_missed();
        let outside = world.root().join("outside");
        fs::create_dir(&outside).expect("makes a directory");
        fs::write(outside.join("valuable"), "valuable").expect("writes");
        let age = std::time::SystemTime::UNIX_EPOCH;
        fs::File::open(outside.join("valuable")).expect("opens").set_modified(age).expect("sets the time");
        let hostile = world.root().join(&place);
        let _ = fs::remove_dir_all(&hostile);
        symlink(&outside, &hostile).expect("links");
        world.edit("words/src/a.rs", "world", "moon");
        for what in ["build", "clean -p app", "build"] {
            // Without a look at the records, which may be behind the link.
            let output = world.command("cargo").args(what.split(' ')).output().expect("cargo runs");
            assert!(output.status.success(), "{place}: {}", String::from_utf8_lossy(&output.stderr));
        }
        for what in ["gc", "doctor"] {
            world.command(env!("CARGO_BIN_EXE_kache")).arg(what).output().expect("kache runs");
        }
        assert_eq!(world.run_bin("app"), "hello moon a note\n", "{place}");
        assert_eq!(files_below(&outside), [outside.join("valuable")], "{place}");
        assert_eq!(fs::read(outside.join("valuable")).expect("reads"), b"valuable");
        assert!(hostile.is_symlink() || hostile.is_dir(), "{place}");
    }
}
