//! Build directories that were filled are one file with the store, wherever cargo does not mind: little disk for many
//! trees, and nothing that is done in one of them is seen in another.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use crate::links::shared_files;
use crate::world::{World, files_below, package};

fn project(name: &str) -> World {
    World::project(name).env("KACHE_SEED", "1").env("KACHE_CACHE_BUILD_SCRIPTS", "1")
}

/// What directories take on the disk together, each file counted once.
fn disk_bytes(dirs: &[PathBuf]) -> u64 {
    let mut blocks: HashMap<(u64, u64), u64> = HashMap::new();
    for path in dirs.iter().flat_map(|dir| files_below(dir)) {
        let metadata = fs::symlink_metadata(&path).expect("is there");
        blocks.insert((metadata.dev(), metadata.ino()), metadata.blocks());
    }
    blocks.values().sum::<u64>() * 512
}

/// Builds in one tree and in another one that is filled, without a cache as well, and answers what both trees and the
/// store take in relation to one tree without a cache.
fn ratio_of_two_trees(world: &World, args: &[&str]) -> f64 {
    world.cargo(args).succeeds();
    world.harvest().succeeds();
    world.noop_of(args);
    let other = world.checkout("other");
    other.cargo(args).succeeds();
    other.noop_of(args);
    world.noop_of(args);
    let plain = world.checkout("plain").env("RUSTC_WRAPPER", "");
    plain.cargo(args).succeeds();
    let store = world.cache().join("store");
    let ours = disk_bytes(&[world.target(), other.target(), store]);
    let theirs = disk_bytes(&[plain.target()]);
    ours as f64 / theirs as f64
}

#[test]
fn two_trees_and_the_store_take_little_more_than_one_tree() {
    let ratio = ratio_of_two_trees(&project("big"), &["build"]);
    assert!(ratio <= 1.25, "{ratio}");
}

#[test]
fn two_checks_and_the_store_take_little_more_than_one_check() {
    let ratio = ratio_of_two_trees(&project("big"), &["check"]);
    assert!(ratio <= 1.25, "{ratio}");
}

#[test]
fn where_links_are_off_nothing_becomes_one_file_with_the_store() {
    for args in [["build"], ["check"]] {
        let world = project("two-crates").env("KACHE_LINKS", "off");
        world.cargo(args).succeeds();
        world.harvest().succeeds();
        let other = world.checkout("other");
        other.cargo(args).succeeds();
        for world in [&world, &other] {
            assert_eq!(shared_files(&world.target(), &world.cache()), [""; 0].map(PathBuf::from));
        }
    }
}

#[test]
fn what_is_built_in_one_tree_makes_no_other_one_dirty() {
    for args in [["build"], ["check"]] {
        let world = project("big");
        world.cargo(args).succeeds();
        world.harvest().succeeds();
        let other = world.checkout("other");
        other.cargo(args).succeeds();
        other.harvest().succeeds();
        other.edit("app/src/main.rs", "let report =", "let _ = 1; let report =");
        other.cargo(args).succeeds();
        world.noop_of(args);
        world.edit("util/src/lib.rs", "\n", "\n\n");
        world.cargo(args).succeeds();
        world.cargo(["clean", "-p", "serde"]).succeeds();
        world.cargo(args).succeeds();
        world.noop_of(args);
        other.noop_of(args);
    }
}

#[test]
fn a_dependency_that_was_built_alone_is_younger_than_what_was_built_before() {
    let world = World::files(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"app\", \"lib\"]\nresolver = \"3\"\n"),
        ("app/Cargo.toml", &package("app", "[dependencies]\nlib = { path = \"../lib\" }\n")),
        ("app/src/main.rs", "fn main() { println!(\"{}\", lib::TEXT); }\n"),
        ("lib/Cargo.toml", &package("lib", "")),
        ("lib/src/lib.rs", "pub const TEXT: &str = \"one\";\n"),
    ]);
    let world = world.env("KACHE_SEED", "1");
    for (old, new) in [("one", "two"), ("two", "one"), ("one", "two")] {
        world.build().succeeds();
        world.harvest().succeeds();
        world.edit("lib/src/lib.rs", old, new);
        world.cargo(["build", "-p", "lib"]).succeeds();
        world.harvest().succeeds();
        world.build().succeeds();
        assert_eq!(world.run_bin("app").trim_end(), new);
    }
}
