//! Links whose linker, or whose libraries, are found where no argument says: what was found is seen, and decides.

use std::path::Path;
use std::process::Command;

use crate::observing::{executable, linking, upgraded_library_decides};
use crate::world::World;

/// A linker called `name` that stands in `dir` decides, and so does what it does.
fn linker_in_decides(world: &World, dir: &Path, name: &str) {
    let step = world.build();
    step.all_missed();
    assert!(step.all_observed(), "{name}: not everything was observed\n{step}");
    world.rebuild().all_hit();
    for value in [7, 8] {
        let script = format!("#!/bin/sh\nexec /usr/bin/{name} --defsym=kache_symbol={value} \"$@\"\n");
        executable(&dir.join(name), &script);
        world.rebuild().missed(&["linked bin", "linked build-script"]);
        // Some linkers make it a local one: a small letter.
        let symbol = format!("{value:016x} a kache_symbol");
        assert!(symbols(world).to_lowercase().contains(&symbol), "{name} was not used");
        world.rebuild().all_hit();
    }
    std::fs::remove_file(dir.join(name)).expect("removes");
    world.rebuild().all_hit();
    assert!(!symbols(world).contains("kache_symbol"), "{name}: the first linker's output is back");
}

fn symbols(world: &World) -> String {
    let output = Command::new("nm").arg(world.target().join("debug/linked")).output().expect("nm is there");
    String::from_utf8(output.stdout).expect("names are text")
}

/// A new directory that is the first of `variable`.
fn first_of(world: &mut World, variable: &str) -> std::path::PathBuf {
    let dir = world.root().join("tools");
    std::fs::create_dir(&dir).expect("creates");
    let rest = if variable == "PATH" { std::env::var("PATH").expect("there is one") } else { String::new() };
    world.set(variable, format!("{}:{rest}", dir.display()).trim_end_matches(':'));
    dir
}

#[test]
fn another_ld_first_where_it_is_looked_for_decides() {
    for variable in ["PATH", "COMPILER_PATH"] {
        let mut world = linking(&[]).env("RUSTFLAGS", "-Clinker-features=-lld");
        let dir = first_of(&mut world, variable);
        linker_in_decides(&world, &dir, "ld");
    }
}

#[test]
fn another_linker_of_the_kind_that_is_asked_for_decides() {
    for kind in ["mold", "lld", "gold"] {
        let name = format!("ld.{kind}");
        if !Path::new("/usr/bin").join(&name).exists() {
            eprintln!("there is no /usr/bin/{name} to be played with");
            continue;
        }
        let flags = format!("-Clinker-features=-lld -Clink-arg=-fuse-ld={kind}");
        let mut world = linking(&[]).env("RUSTFLAGS", flags);
        let dir = first_of(&mut world, "COMPILER_PATH");
        linker_in_decides(&world, &dir, &name);
    }
}

#[test]
fn a_library_that_is_upgraded_where_the_linker_looks_unasked_decides() {
    for kind in ["so", "a"] {
        let world = linking(&[]);
        let system = world.root().join("system");
        upgraded_library_decides(&world.env("LIBRARY_PATH", system), kind);
    }
}
