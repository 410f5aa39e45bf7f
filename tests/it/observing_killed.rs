//! Killed or stopped in the middle of an observed compile: programs that are still there go on, and end. A call that
//! nobody answers would fail in them.

use std::fs;
use std::path::{Path, PathBuf};

use kache::action::input_list::Basis;

use crate::observing::executable;
use crate::robust::{Held, runs, until};
use crate::step::read_records;
use crate::world::{World, package};

/// Notes who has called it, leaves a helper in a session of its own, waits, works and links.
const LINKER: &str = r#"#!/bin/sh
printf %s $PPID >"$HOLD_DIR/held.new"
setsid sh "$HOLD_DIR/helper" >/dev/null 2>&1 </dev/null &
while test -e "$HOLD_DIR/hold"; do sleep 0.02; done
cat "$HOLD_DIR/given" >"$HOLD_DIR/linked.new" && mv "$HOLD_DIR/linked.new" "$HOLD_DIR/linked"
exec cc "$@"
"#;

/// Says that both are there, waits for longer than the linker, and works.
const HELPER: &str = r#"cd "$HOLD_DIR"
mv held.new held
while test -e stay; do sleep 0.02; done
cat given >helped.new && mv helped.new helped
"#;

/// A program whose link waits.
fn held() -> (World, Held) {
    let mut world = World::files(&[
        ("Cargo.toml", &package("app", "")),
        ("src/main.rs", "fn main() { print!(\"linked\"); }\n"),
    ]);
    let root = world.root();
    executable(&root.join("linker"), LINKER);
    for (name, content) in [("helper", HELPER), ("given", "given"), ("stay", "")] {
        fs::write(root.join(name), content).expect("writes");
    }
    world.set("RUSTFLAGS", format!("-Clinker={}", root.join("linker").display()));
    world.set("HOLD_DIR", root);
    let held = Held::build(&world, "target");
    (world, held)
}

/// Processes that were started in this world, by their directories in `/proc`.
fn processes(world: &World) -> Vec<PathBuf> {
    let root = world.root();
    let root = root.to_str().expect("is text");
    let is_here = |process: &PathBuf| {
        fs::read(process.join("environ")).is_ok_and(|vars| String::from_utf8_lossy(&vars).contains(root))
    };
    let all = fs::read_dir("/proc").expect("lists").flatten().map(|entry| entry.path());
    all.filter(is_here).collect()
}

fn is_keeper(process: &Path) -> bool {
    fs::read_to_string(process.join("comm")).is_ok_and(|name| name == "kache-observer\n")
}

fn signal_keeper(world: &World, signal: &str) {
    let keepers = || Vec::from_iter(processes(world).into_iter().filter(|process| is_keeper(process)));
    until(|| keepers().len() == 1, "there is a keeper");
    let number = keepers()[0].file_name().expect("has a number").to_string_lossy().into_owned();
    assert!(runs("kill", &["-s", signal, &number]));
}

/// The helper ends, having done its work, and nobody is left.
fn ends(world: &World) {
    fs::remove_file(world.root().join("stay")).expect("removes");
    let helped = world.root().join("helped");
    until(|| helped.exists() || processes(world).is_empty(), "the helper ends");
    assert_eq!(fs::read_to_string(helped).unwrap_or_default(), "given", "it could do its work");
    until(|| processes(world).is_empty(), "all processes end");
}

fn builds(world: &World) {
    world.build().succeeds();
    assert_eq!(world.run_bin("app"), "linked");
    world.noop();
}

#[test]
fn a_linker_goes_on_when_its_wrapper_is_killed() {
    let (world, held) = held();
    held.signal_wrapper("KILL");
    assert!(String::from_utf8_lossy(&held.ended().stderr).contains("signal: 9"));
    let linked = world.root().join("linked");
    until(|| linked.exists(), "the linker goes on");
    assert_eq!(fs::read_to_string(linked).expect("reads"), "given");
    ends(&world);
    builds(&world);
}

#[test]
fn what_has_left_the_process_group_goes_on_when_that_is_killed() {
    let (world, held) = held();
    held.signal_group("KILL");
    assert!(!held.ended().status.success());
    ends(&world);
    builds(&world);
}

#[test]
fn a_build_needs_no_keeper() {
    for signal in ["KILL", "STOP"] {
        let (world, held) = held();
        signal_keeper(&world, signal);
        // Nobody outlives the compiler.
        fs::remove_file(world.root().join("stay")).expect("removes");
        until(|| world.root().join("helped").exists(), "the helper ends");
        held.release();
        assert!(held.ended().status.success(), "{signal}");
        until(|| processes(&world).is_empty(), "all processes end");
        assert_eq!(world.run_bin("app"), "linked");
        let inputs = read_records(&world.cache()).pop().and_then(|record| record.inputs);
        assert_eq!(inputs.expect("it was compiled").basis, Basis::Observed);
    }
}

#[test]
fn who_outlives_the_compiler_is_answered_though_the_keeper_was_killed() {
    for signal in ["KILL", "STOP"] {
        let (world, held) = held();
        signal_keeper(&world, signal);
        held.release();
        assert!(held.ended().status.success(), "{signal}");
        if signal == "STOP" {
            // Nobody knows that it is stopped.
            signal_keeper(&world, "CONT");
        }
        ends(&world);
        assert_eq!(world.run_bin("app"), "linked");
    }
}
