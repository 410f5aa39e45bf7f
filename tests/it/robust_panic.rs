//! A defect of kache itself, at any step of what it does with files: before the compiler runs, while it runs, and after.
//! Only programs that are built for tests can be asked for one.

use std::fs;

use kache::outcome::{Bypass, Outcome, Unstored};

use crate::robust::{N_UNITS, Reference, project, runs};
use crate::robust_crash::remove_unfinished;
use crate::step::{Step, hits, misses};
use crate::world::World;

/// More steps than one call takes.
const ALL_STEPS: usize = 40;

/// Becomes kache; for the crate `words`, with a panic at the step `$DEFECT_AT_STEP`.
const DEFECTIVE: &str = r#"#!/bin/sh
case " $* " in *" --crate-name words "*) export KACHE_TEST_PANIC=$DEFECT_AT_STEP;; esac
exec "$KACHE" "$@"
"#;

fn build_with_defect(world: &World, at: usize) -> Step {
    let script = world.root().join("defective.sh");
    fs::write(&script, DEFECTIVE).expect("writes");
    assert!(runs("chmod", &["+x", &script.to_string_lossy()]));
    let mut command = world.command("cargo");
    command.arg("build").env("RUSTC_WRAPPER", script).env("KACHE", env!("CARGO_BIN_EXE_kache"));
    command.env("DEFECT_AT_STEP", at.to_string());
    world.run(command)
}

/// Whether the panic came before there was an answer, or after the compiler had run.
#[derive(Debug, PartialEq)]
enum Defect {
    Before,
    After,
    /// There is no such step, or nothing came of it.
    None,
}

fn defect(step: &Step) -> Defect {
    let is_defect = |why: &Bypass| *why == Bypass::Defect;
    let unstored =
        |outcome: &Outcome| matches!(outcome, Outcome::Miss { unstored: Some(Unstored::Defect(_)), .. });
    if step.bypasses().iter().any(is_defect) {
        Defect::Before
    } else if step.records().iter().any(|record| unstored(&record.outcome)) {
        Defect::After
    } else {
        Defect::None
    }
}

/// Builds with a panic at each of these steps, with a store that knows everything but `words`, or everything.
fn survives(is_warm: bool, steps: impl Iterator<Item = usize>) -> Vec<Defect> {
    let world = project();
    let reference = Reference::of(&world);
    world.build().expect(hits(0), misses(N_UNITS));
    let store = world.root().join("store-before");
    if !is_warm {
        fs::remove_dir_all(world.cache().join("store/v2/units")).expect("removes");
    }
    assert!(runs("cp", &["-a", &world.cache().to_string_lossy(), &store.to_string_lossy()]));
    let mut defects = Vec::new();
    for at in steps {
        fs::remove_dir_all(world.cache()).expect("removes");
        assert!(runs("cp", &["-a", &store.to_string_lossy(), &world.cache().to_string_lossy()]));
        world.clean();
        let step = build_with_defect(&world, at);
        eprintln!("step {at}: {:?}", defect(&step));
        // A panic can leave one, as a kill can.
        remove_unfinished(&world.target().join("debug/deps"));
        reference.holds(&world, &step);
        defects.push(defect(&step));
        world.noop();
        world.rebuild().succeeds();
    }
    world.rebuild().expect(hits(N_UNITS), misses(0));
    defects
}

/// A sample, of which one step is in the middle of the compile, and some are after it.
#[test]
fn a_panic_in_a_wrapper_that_compiles_leaves_what_the_compiler_says_and_makes() {
    let defects = survives(false, (1..20).step_by(3).chain(20..30));
    assert!(defects.contains(&Defect::Before) && defects.contains(&Defect::After), "{defects:?}");
}

#[test]
fn a_panic_in_a_wrapper_that_restores_leaves_what_the_compiler_says_and_makes() {
    let defects = survives(true, 0..8);
    assert!(defects.contains(&Defect::Before) && !defects.contains(&Defect::After), "{defects:?}");
}

#[test]
#[ignore = "stress: a panic at every step of a put"]
fn a_panic_at_any_step_leaves_what_the_compiler_says_and_makes() {
    let defects = survives(false, 0..ALL_STEPS);
    assert_eq!(defects.last(), Some(&Defect::None), "there are more steps: {defects:?}");
}

#[test]
fn a_panic_in_a_wrapper_whose_compile_fails_leaves_the_compilers_own_failure() {
    let world = project();
    world.build().succeeds();
    world.edit("words/src/lib.rs", "let unused = 1;", "let unused: u8 = \"\";");
    let errors = |step: &Step| {
        let lines = step.stderr().lines().filter(|line| !line.contains("process didn't exit"));
        let mut lines: Vec<String> = lines.map(str::to_owned).collect();
        lines.sort();
        lines
    };
    world.clean();
    let plain = errors(&world.plain_build(false));
    let mut defects = Vec::new();
    for at in 0..10 {
        world.clean();
        let step = build_with_defect(&world, at);
        step.fails_with("mismatched types");
        assert_eq!(errors(&step), plain, "{at}\n{step}");
        defects.push(defect(&step));
    }
    assert!(defects.contains(&Defect::Before), "{defects:?}");
    assert_eq!(defects.last(), Some(&Defect::None), "there are more steps: {defects:?}");
}
