//! File systems that clone files: what is served is a file of its own that shares its blocks with the blob.
//!
//! `KACHE_TEST_CLONING` names a directory on such a file system. Without it, root makes some in a file, mounts them where
//! nobody else sees them, and they vanish with the thread that did.
#![expect(unsafe_code, reason = "a thread gets mounts of its own")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use kache::run::record::Bytes;

use crate::robust::runs;
use crate::skip::skip;
use crate::step::Step;
use crate::world::World;

/// Does `work` with a directory on each file system that clones and is to be had here.
fn on_cloning_file_systems(work: impl Fn(&Path) + Sync) {
    if let Some(dir) = std::env::var_os("KACHE_TEST_CLONING") {
        assert!(
            kache::sys::fs::clones_files(Path::new(&dir)),
            "KACHE_TEST_CLONING does not name such a place"
        );
        return work(Path::new(&dir));
    }
    let makers: [(&str, &[&str]); 2] =
        [("btrfs", &["mkfs.btrfs", "-q"]), ("xfs", &["mkfs.xfs", "-q", "-m", "reflink=1"])];
    for (name, maker) in makers {
        let place = tempfile::tempdir().expect("a directory");
        let ended = std::thread::scope(|scope| {
            let with_own_mounts = || match mount(name, maker, place.path()) {
                Ok(dir) => work(&dir),
                Err(why) => skip(name, &format!("there is no {name} to clone files on: {why}")),
            };
            scope.spawn(with_own_mounts).join()
        });
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Makes and mounts a file system in a file, for this thread and what it starts. It ends with them.
fn mount(name: &str, maker: &[&str], place: &Path) -> Result<PathBuf, String> {
    let (image, dir) = (place.join("image"), place.join("mounted"));
    fs::File::create(&image).and_then(|file| file.set_len(400 << 20)).map_err(|e| e.to_string())?;
    fs::create_dir(&dir).map_err(|e| e.to_string())?;
    let made = Command::new(maker[0]).args(&maker[1..]).arg(&image).output().map_err(|e| e.to_string())?;
    if !made.status.success() {
        return Err(String::from_utf8_lossy(&made.stderr).into_owned());
    }
    // SAFETY: concerns this thread alone, which shares no paths with others from now on.
    if unsafe { libc::unshare(libc::CLONE_FS | libc::CLONE_NEWNS) } != 0 {
        return Err(std::io::Error::last_os_error().to_string());
    }
    let [image, dir_text] = [&image, &dir].map(|path| path.to_str().expect("is text"));
    let is_mounted = runs("mount", &["--make-rprivate", "/"])
        && runs("mount", &["-o", "loop", "-t", name, image, dir_text]);
    if is_mounted && kache::sys::fs::clones_files(&dir) {
        Ok(dir)
    } else {
        Err("it cannot be mounted".into())
    }
}

fn bytes(step: &Step, count: fn(&Bytes) -> u64) -> u64 {
    step.records().iter().map(|record| count(&record.bytes)).sum()
}

/// Builds from nothing and from the store, and compares with plain cargo. Answers the build from the store.
fn is_served(world: &World) -> Step {
    world.build().all_missed();
    world.noop();
    world.same_as_plain_cargo();
    let step = world.rebuild();
    step.all_hit();
    world.noop();
    world.same_as_plain_cargo();
    assert_eq!(world.run_bin("app"), "app plain 15\n");
    step
}

fn rlibs(world: &World) -> Vec<PathBuf> {
    let deps = fs::read_dir(world.target().join("debug/deps")).expect("lists").flatten();
    let is_rlib = |path: &PathBuf| path.extension().is_some_and(|suffix| suffix == "rlib");
    deps.map(|file| file.path()).filter(is_rlib).collect()
}

/// Whether none of `files` is a second name of a blob. cargo gives some of them another name in the build directory.
fn shares_no_file(files: &[PathBuf], cache: &Path) -> bool {
    let dirs = fs::read_dir(cache.join("store/v2/blobs")).into_iter().flatten().flatten();
    let blobs = dirs.flat_map(|dir| fs::read_dir(dir.path()).expect("lists").flatten());
    let file = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let blobs: Vec<_> = blobs.map(|blob| file(blob.metadata().expect("is there"))).collect();
    files.iter().all(|path| !blobs.contains(&file(fs::metadata(path).expect("is there"))))
}

/// The cache is elsewhere; records are read where they always are.
fn with_cache_in(world: World, dir: &Path) -> World {
    fs::create_dir_all(world.cache().join("records")).expect("makes the directory");
    std::os::unix::fs::symlink(world.cache().join("records"), dir.join("records")).expect("links");
    world.env("KACHE_CACHE_DIR", dir)
}

#[test]
fn where_files_can_be_cloned_all_that_is_served_is_a_clone() {
    on_cloning_file_systems(|dir| {
        let world = World::project_in("kinds", dir);
        let step = is_served(&world);
        let counts = [
            bytes(&step, |bytes| bytes.linked),
            bytes(&step, |bytes| bytes.copied),
            bytes(&step, |bytes| bytes.n_link_failures),
        ];
        assert_eq!(counts, [0; 3], "{step}");
        let rlibs = rlibs(&world);
        let n_bytes: u64 = rlibs.iter().map(|path| fs::metadata(path).expect("is there").size()).sum();
        assert!(bytes(&step, |bytes| bytes.cloned) > n_bytes && n_bytes > 0, "{step}");
        assert!(shares_no_file(&rlibs, &world.cache()));
        // Writing to one changes no other file.
        for path in rlibs {
            let mut content = fs::read(&path).expect("reads");
            let middle = content.len() / 2;
            content[middle] ^= 1;
            fs::write(&path, content).expect("writes");
        }
        let world = world.relocate("other");
        world.build().all_hit();
        world.noop();
        world.same_as_plain_cargo();
    });
}

#[test]
fn between_two_file_systems_one_of_which_clones_files_are_copied() {
    on_cloning_file_systems(|dir| {
        let store = tempfile::tempdir_in(dir).expect("a directory");
        let elsewhere = tempfile::tempdir().expect("a directory");
        let worlds = [
            with_cache_in(World::project("kinds"), store.path()),
            with_cache_in(World::project_in("kinds", dir), elsewhere.path()),
        ];
        for world in worlds {
            let step = is_served(&world);
            let shared = [bytes(&step, |bytes| bytes.linked), bytes(&step, |bytes| bytes.cloned)];
            assert_eq!(shared, [0; 2], "{step}");
            assert_ne!(bytes(&step, |bytes| bytes.n_link_failures), 0, "{step}");
            assert!(shares_no_file(&rlibs(&world), store.path()));
            assert!(shares_no_file(&rlibs(&world), elsewhere.path()));
        }
    });
}
