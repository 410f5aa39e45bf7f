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

/// Builds in one tree and in others that are filled, and without a cache as well. Answers what two of the trees and the
/// store, and what five of them and the store, take in relation to one tree without a cache.
fn ratios_of_trees(world: &World, args: &[&str]) -> [f64; 2] {
    world.cargo(args).succeeds();
    world.harvest().succeeds();
    world.noop_of(args);
    let others = ["second", "third", "fourth", "fifth"].map(|name| world.checkout(name));
    for other in &others {
        other.cargo(args).succeeds();
        other.noop_of(args);
    }
    world.noop_of(args);
    let plain = world.checkout("plain").env("RUSTC_WRAPPER", "");
    plain.cargo(args).succeeds();
    let theirs = disk_bytes(&[plain.target()]) as f64;
    let mut dirs = vec![world.cache().join("store"), world.target(), others[0].target()];
    let of_two = disk_bytes(&dirs) as f64;
    dirs.extend(others[1..].iter().map(World::target));
    [of_two / theirs, disk_bytes(&dirs) as f64 / theirs]
}

#[test]
fn many_trees_and_the_store_take_little_more_than_one_tree() {
    let [of_two, of_five] = ratios_of_trees(&project("big"), &["build"]);
    // Programs, the libraries for C and what members make of procedural macros are each tree's own: 15 % of this one.
    assert!(of_two <= 1.25 && of_five <= 1.75, "{of_two} {of_five}");
}

#[test]
fn many_checks_and_the_store_take_little_more_than_one_check() {
    let [of_two, of_five] = ratios_of_trees(&project("big"), &["check"]);
    assert!(of_two <= 1.25 && of_five <= 1.6, "{of_two} {of_five}");
}

#[test]
fn twenty_trees_that_are_built_in_turn_and_at_once_share_one_store() {
    let world = project("macros");
    world.build().succeeds();
    world.harvest().succeeds();
    let trees: Vec<World> = (0..20).map(|n| world.checkout(&format!("tree-{n}"))).collect();
    let (in_turn, at_once) = trees.split_at(10);
    for tree in in_turn {
        tree.build().succeeds();
    }
    std::thread::scope(|scope| {
        for tree in at_once {
            let mut command = tree.command("cargo");
            command.arg("build");
            scope.spawn(move || assert!(command.output().expect("cargo runs").status.success()));
        }
    });
    trees.iter().for_each(World::noop);
    // What one of them does to its own files, no other one sees.
    trees[0].edit("app/src/main.rs", "fn main() {", "fn main() { let _ = 1;");
    trees[0].build().succeeds();
    trees[1].cargo(["clean"]).succeeds();
    trees[1].build().succeeds();
    world.noop();
    trees.iter().for_each(World::noop);
    let printed: Vec<String> = trees.iter().map(|tree| tree.run_bin("app")).collect();
    assert!(printed.iter().all(|text| *text == printed[0]), "{printed:?}");
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
