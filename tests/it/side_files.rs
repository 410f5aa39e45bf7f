//! Side files: a compile that leaves anything but its outputs is not stored, since a hit would not bring it back.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use kache::outcome::{Bypass, Unstored};

use crate::observing::reading;
use crate::step::{Step, hits, misses};
use crate::world::World;

/// A linker that leaves a trace of its work beside the output.
const TRACING_LINKER: &str = r#"
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i++) {
        if (!strcmp(argv[i], "-o")) {
            char name[4096];
            snprintf(name, sizeof name, "%s.time-trace", argv[i + 1]);
            FILE *trace = fopen(name, "w");
            if (trace) { fputs("traced", trace); fclose(trace); }
        }
    }
    argv[0] = "cc";
    execvp("cc", argv);
    return 1;
}
"#;

/// Links the binary `app` into `out`, with cargo's arguments and without cargo.
fn link(world: &World, more: &[&str]) -> Step {
    fs::create_dir_all(world.tree().join("out")).expect("makes a directory");
    let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
    command.args(["rustc", "--crate-name", "app", "--crate-type", "bin", "app.rs"]);
    command.args(["--emit", "dep-info,link", "--out-dir", "out", "-C", "extra-filename=-1"]);
    world.run({
        command.args(more);
        command
    })
}

fn app() -> World {
    World::files(&[("app.rs", "fn main() { println!(\"linked\"); }\n")])
}

fn unstored_file(step: &Step) -> String {
    step.succeeds();
    match step.unstored_of("app", "bin") {
        Unstored::UnexpectedOutput(what) => what.clone(),
        other => panic!("{other:?}\n{step}"),
    }
}

/// The outputs are removed and the unit is built again: the file must be there each time.
fn comes_back(world: &World, file: &Path, link: impl Fn() -> Step) {
    for _ in 0..2 {
        let step = link();
        let named = unstored_file(&step);
        assert!(named.contains(file.to_str().expect("is text")), "{named}");
        assert!(fs::metadata(file).expect("the file is there").len() > 0);
        assert_eq!(world.run_file(&world.tree().join("out/app-1")), "linked\n");
        fs::remove_dir_all(world.tree().join("out")).expect("removes the outputs");
        let _ = fs::remove_file(file);
    }
}

#[test]
fn linker_map_beside_the_output_is_not_lost() {
    for file in ["out/app-1.map", "out/libapp-1.map", "out/other.map", "maps/app.map"] {
        let world = app();
        fs::create_dir(world.tree().join("maps")).expect("makes a directory");
        let argument = format!("link-arg=-Wl,-Map={file}");
        comes_back(&world, &world.tree().join(file), || link(&world, &["-C", &argument]));
    }
}

#[test]
fn overwritten_linker_map_outside_of_the_tree_is_not_lost() {
    let world = app();
    let map = world.root().join("app.map");
    let argument = format!("link-arg=-Wl,-Map={}", map.display());
    for _ in 0..2 {
        fs::write(&map, "of another build").expect("writes");
        assert!(unstored_file(&link(&world, &["-C", &argument])).contains("app.map"));
        assert!(fs::metadata(&map).expect("is there").len() > 100);
    }
}

fn tracing_linker(world: &World) -> PathBuf {
    let bin = world.root().join("bin");
    fs::create_dir(&bin).expect("makes a directory");
    fs::write(bin.join("tracing.c"), TRACING_LINKER).expect("writes");
    let mut compile = std::process::Command::new("cc");
    compile.current_dir(&bin).args(["tracing.c", "-o", "tracing-cc"]);
    assert!(compile.status().expect("cc runs").success());
    bin.join("tracing-cc")
}

#[test]
fn trace_that_a_linker_leaves_is_not_lost() {
    for observe in ["auto", "off"] {
        let world = app().env("KACHE_OBSERVE", observe);
        let linker = format!("linker={}", tracing_linker(&world).display());
        let trace = world.tree().join("out/app-1.time-trace");
        comes_back(&world, &trace, || link(&world, &["-C", &linker]));
        // A trace of an earlier compile that nobody wrote to is no file of this one.
        fs::create_dir_all(world.tree().join("out")).expect("makes a directory");
        fs::write(&trace, "of an earlier compile").expect("writes");
        link(&world, &[]).expect(hits(0), misses(1)).all_stored();
    }
}

#[test]
fn variable_that_asks_the_linker_for_a_file_is_a_bypass() {
    let mut world = app();
    link(&world, &[]).expect(hits(0), misses(1));
    link(&world, &[]).expect(hits(1), misses(0));
    for name in ["LLD_REPRODUCE", "MOLD_REPRO", "CC_PRINT_OPTIONS_FILE"] {
        world.set(name, world.root().join("reproduce.tar"));
        assert_eq!(link(&world, &[]).bypasses(), [Bypass::SideOutput], "{name}");
        world.unset(name);
    }
    link(&world, &[]).expect(hits(1), misses(0));
}

#[test]
fn macro_that_overwrites_a_file_is_not_stored() {
    let overwrite = "sh:printf new > ../outside";
    for call in ["write:../../outside", overwrite, "sh:printf more >> ../outside", "sh:chmod 600 ../outside"]
    {
        let world = reading(call);
        let outside = world.root().join("trees/outside");
        for _ in 0..2 {
            fs::write(&outside, "as it was").expect("writes");
            fs::set_permissions(&outside, fs::Permissions::from_mode(0o644)).expect("sets the mode");
            let named = unstored_file(&world.build());
            assert!(named.contains("trees/outside was written to"), "{call}: {named}");
            let now =
                (fs::read(&outside).expect("reads"), fs::metadata(&outside).expect("there").permissions());
            assert!(now.0 != b"as it was" || now.1.mode() & 0o777 == 0o600, "{call}");
            world.clean();
        }
    }
}

#[test]
fn macro_that_opens_a_file_for_writing_and_leaves_it_alone_is_stored() {
    let world = reading("sh:: >> ../outside; echo opened");
    world.build().all_missed();
    world.rebuild().all_hit();
    assert_eq!(world.run_bin("app"), "opened");
}
