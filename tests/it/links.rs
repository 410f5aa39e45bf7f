//! Hard links between the store and build directories, and `cache.links = "off"`, with which there are none.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use kache::run::record::Bytes;

use crate::step::Step;
use crate::world::{World, files_below};

/// The files below `dir` that are one file with another below `other`.
pub(crate) fn shared_files(dir: &Path, other: &Path) -> Vec<PathBuf> {
    let file = |path: &PathBuf| fs::symlink_metadata(path).map(|found| (found.dev(), found.ino())).ok();
    let others: Vec<_> = files_below(other).iter().filter_map(file).collect();
    let is_shared = |path: &PathBuf| file(path).is_some_and(|file| others.contains(&file));
    files_below(dir).into_iter().filter(is_shared).collect()
}

fn shares_nothing(world: &World, step: &Step) {
    let n_linked: u64 = step.records().iter().map(|record| record.bytes.linked).sum();
    let n_failures: u64 = step.records().iter().map(|record| n_link_failures(&record.bytes)).sum();
    assert_eq!((n_linked, n_failures), (0, 0), "{step}");
    assert_eq!(shared_files(&world.target(), &world.cache()), [""; 0].map(PathBuf::from), "{step}");
}

fn n_link_failures(bytes: &Bytes) -> u64 {
    if kache::sys::fs::clones_files(&std::env::temp_dir()) { 0 } else { bytes.n_link_failures }
}

const EVERYTHING: [&str; 3] = ["build", "--workspace", "--all-targets"];

#[test]
fn without_links_no_output_is_one_file_with_a_blob() {
    let world = World::project("kinds").env("KACHE_LINKS", "off");
    let step = world.cargo(EVERYTHING);
    step.all_missed();
    shares_nothing(&world, &step);
    world.noop_of(EVERYTHING);
    world.clean();
    let step = world.cargo(EVERYTHING);
    step.all_hit();
    shares_nothing(&world, &step);
    world.noop_of(EVERYTHING);
    world.clean();
    world.build().all_hit();
    world.same_as_plain_cargo();
    assert_eq!(world.run_bin("app"), "app plain 15\n");
}

#[test]
fn trees_with_and_without_links_use_one_store() {
    let unlinked = |world: &World| {
        let step = world.build();
        shares_nothing(world, &step);
        step
    };
    for unlinked_first in [true, false] {
        let (linked, other) = (World::project("two-crates"), "other");
        let without = linked.checkout(other).env("KACHE_LINKS", "off");
        if unlinked_first {
            unlinked(&without).all_missed();
            linked.build().all_hit();
        } else {
            linked.build().all_missed();
            let is_linked = !shared_files(&linked.target(), &linked.cache()).is_empty();
            assert_eq!(is_linked, !kache::sys::fs::clones_files(&linked.root()));
            unlinked(&without).all_hit();
        }
        for world in [&linked, &without] {
            assert_eq!(world.run_bin("app"), "hello world a note\n");
            world.clean();
        }
        unlinked(&without).all_hit();
        linked.build().all_hit();
        linked.same_as_plain_cargo();
        // What the tree without links does to its files reaches nobody.
        for rlib in
            files_below(&without.target()).iter().filter(|path| path.extension() == Some("rlib".as_ref()))
        {
            let times = fs::metadata(rlib).and_then(|found| found.modified()).expect("has a time");
            let mut content = fs::read(rlib).expect("reads");
            content[1000] ^= 1;
            fs::write(rlib, content).expect("writes");
            let file = fs::File::options().write(true).open(rlib).expect("opens");
            file.set_modified(times).expect("sets the time");
        }
        linked.clean();
        linked.build().all_hit();
        linked.same_as_plain_cargo();
    }
}

#[test]
fn a_project_and_a_variable_do_not_turn_links_on_again() {
    let world = World::project("two-crates").env("KACHE_LINKS", "auto");
    let config = world.root().join("home/.config/kache/config.toml");
    fs::create_dir_all(config.parent().expect("has one")).expect("makes the directory");
    fs::write(config, "[cache]\nlinks = \"off\"\n").expect("writes");
    world.write(".kache.toml", "[cache]\nlinks = \"auto\"\n");
    let step = world.build();
    step.all_missed();
    shares_nothing(&world, &step);
    let step = world.rebuild();
    step.all_hit();
    shares_nothing(&world, &step);
}

#[test]
fn a_project_can_do_without_links() {
    let world = World::project("two-crates");
    world.write(".kache.toml", "[cache]\nlinks = \"off\"\n");
    for _ in 0..2 {
        let step = world.build();
        step.succeeds();
        shares_nothing(&world, &step);
        world.clean();
    }
}
