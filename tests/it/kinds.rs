//! Every kind of output, in every way that people build: cold, from the store, with nothing left to do, and in
//! another checkout after the first is gone.

use std::process::Command;

use kache::outcome::Bypass;

use crate::reading_back::kache;
use crate::skip::skip;
use crate::step::Step;
use crate::world::World;

/// A way to build, what it needs to be called again with nothing to do, and whether all units serve another tree.
struct Mode {
    args: &'static [&'static str],
    /// Units that hold the path of their tree.
    bound: &'static [&'static str],
}

/// Builds `fixture` in this way, everywhere.
fn serves(fixture: &str, mode: &Mode) -> World {
    let args = mode.args;
    let world = World::project(fixture);
    compiles(&world.cargo(args));
    world.noop_of(args);
    world.clean();
    compiles_only(&world, &[], &world.cargo(args));
    world.noop_of(args);
    world.same_as_plain_cargo_of(args);
    let world = world.relocate("other");
    compiles_only(&world, mode.bound, &world.cargo(args));
    world.noop_of(args);
    world.clean();
    compiles_only(&world, &[], &world.cargo(args));
    world.noop_of(args);
    world.same_as_plain_cargo_of(args);
    world
}

/// Build scripts try what the compiler can do, and put the wrapper in front of a C compiler.
fn is_of_a_build_script(why: &Bypass) -> bool {
    matches!(why, Bypass::Probe | Bypass::EmitKind | Bypass::NotCargo | Bypass::UnknownDriver)
}

/// Everything was compiled and stored, but for what build scripts try.
fn compiles(step: &Step) {
    step.succeeds().all_stored();
    assert_eq!(step.n_hits(), 0, "{step}");
    assert!(step.bypasses().iter().all(is_of_a_build_script), "{step}");
}

/// Everything but these units was served, but for what build scripts try.
fn compiles_only(world: &World, units: &[&str], step: &Step) {
    step.succeeds().all_stored();
    for unit in step.missed_units().iter().filter(|unit| !units.contains(&unit.as_ref())) {
        let name = unit.split(' ').next().unwrap_or_default();
        eprintln!("{}", kache(world, &format!("why-miss {name}")).stdout());
    }
    assert_eq!(step.missed_units(), units, "{step}");
    assert_ne!(step.n_hits(), 0, "{step}");
    assert!(step.bypasses().iter().all(is_of_a_build_script), "{step}");
}

/// The integration test holds the path of the binary that it runs, and of its scratch directory.
const BOUND_TESTS: &[&str] = &["runs_the_binary test"];
const BOUND_CHECKS: &[&str] = &["runs_the_binary check test"];

#[test]
fn every_crate_type_is_served() {
    let world = serves(
        "kinds",
        &Mode { args: &["build", "--workspace", "--examples", "--bins", "--lib"], bound: &[] },
    );
    assert_eq!(world.run_bin("app"), "app plain 15\n");
    assert_eq!(world.run_bin("examples/show"), "example 15\n");
    for library in
        ["libkinds_cdylib.so", "libkinds_dylib.so", "libkinds_staticlib.a", "libmulti.a", "libmulti.so"]
    {
        assert!(world.target().join("debug").join(library).exists(), "{library}");
    }
}

#[test]
fn an_optimized_build_is_served() {
    let world = serves("kinds", &Mode { args: &["build", "--release"], bound: &[] });
    assert_eq!(world.run_file(&world.target().join("release/app")), "app plain 15\n");
    // Another profile is another build.
    world.build().all_missed();
}

#[test]
fn a_check_of_all_targets_is_served() {
    serves("kinds", &Mode { args: &["check", "--all-targets"], bound: BOUND_CHECKS });
}

#[test]
fn clippy_of_all_targets_is_served() {
    serves("kinds", &Mode { args: &["clippy", "--all-targets"], bound: BOUND_CHECKS });
}

#[test]
fn tests_are_served_and_run() {
    let world = serves("kinds", &Mode { args: &["test", "--no-run"], bound: BOUND_TESTS });
    let step = world.cargo(["test"]);
    assert!(step.succeeds().stdout().contains("custom harness ran"), "{step}");
    assert!(step.stdout().contains("the_binary_prints_the_sum ... ok"), "{step}");
    assert!(step.records().is_empty(), "{step}");
}

#[test]
fn nextest_runs_what_is_served() {
    let has_nextest = Command::new("cargo").args(["nextest", "--version"]).output();
    if !has_nextest.is_ok_and(|output| output.status.success()) {
        skip("nextest", "there is no cargo-nextest");
        return;
    }
    let world = World::project("kinds");
    let run = ["nextest", "run"];
    world.cargo(run).all_missed();
    let world = world.relocate("other");
    let passed = |step: &Step| step.stderr().contains("0 skipped") && step.stderr().contains("passed");
    assert!(passed(world.cargo(run).only_missed(BOUND_TESTS)));
    world.clean();
    assert!(passed(world.cargo(run).all_hit()));
    world.noop_of(run);
}

#[test]
fn a_binary_with_a_rust_dylib_is_served() {
    let world = serves("dylib-pair", &Mode { args: &["build"], bound: &[] });
    let step = world.cargo(["run", "-q"]);
    assert_eq!(step.succeeds().stdout(), "dylib-pair 42\n");
    world.edit("src/lib.rs", "number * 2", "number * 3");
    world.build().missed(&["dylib_pair bin", "dylib_pair lib"]);
    assert_eq!(world.cargo(["run", "-q"]).stdout(), "dylib-pair 63\n");
}

#[test]
fn a_dependency_by_another_name_and_two_of_one_name_are_served() {
    let world = World::project("renamed");
    world.build().all_missed();
    world.rebuild().all_hit();
    world.noop();
    let printed = "alias original original\ntwin 1.0.0 1\ntwin-two 2.0.0 2\n";
    assert_eq!(world.run_bin("app"), printed);
    world.same_as_plain_cargo();
    world.edit("twins/v2/src/lib.rs", "Value(2)", "Value(3)");
    world.rebuild().only_missed(&["app bin", "twin lib"]);
    assert_eq!(world.run_bin("app"), printed.replace("2.0.0 2", "2.0.0 3"));
    // The same packages under each other's names.
    world.edit("app/Cargo.toml", "v1", "v0");
    world.edit("app/Cargo.toml", "v2", "v1");
    world.edit("app/Cargo.toml", "v0", "v2");
    world.rebuild().succeeds();
    assert_eq!(world.run_bin("app"), "alias original original\ntwin 2.0.0 3\ntwin-two 1.0.0 1\n");
}

/// A changed private function changes no metadata that dependents see, but what is linked.
#[test]
fn a_changed_body_two_crates_away_is_linked() {
    let world = World::project("kinds");
    world.build().all_missed();
    world.edit("plain/src/lib.rs", "number * 2", "number * 2 + 1");
    world.rebuild().succeeds();
    assert_eq!(world.run_bin("app"), "app plain 17\n");
    world.same_as_plain_cargo();
}

/// At least 120 units of the registry, with everything that real projects have.
#[test]
fn a_real_project_is_served() {
    let world = World::project("big");
    let cold = world.build();
    compiles(&cold);
    assert!(cold.n_misses() >= 120, "{} units", cold.n_misses());
    compiles_only(&world, &[], &world.rebuild());
    world.noop();
    let world = world.relocate("other");
    compiles_only(&world, &[], &world.build());
    world.noop();
}

/// All ways to build the real project, and what is made is what plain cargo makes.
#[test]
#[ignore = "stress: builds a project of more than 120 units in seven ways, and each without a cache too"]
fn a_real_project_is_served_in_every_way() {
    for (args, bound) in [
        (&["build"][..], &[][..]),
        (&["build", "--release"], &[]),
        (&["check"], &[]),
        (&["check", "--all-targets"], &[]),
        (&["clippy"], &[]),
        (&["clippy", "--all-targets"], &[]),
        (&["test", "--no-run"], BOUND_TESTS),
    ] {
        let world = serves("big", &Mode { args, bound });
        if args[0] == "test" {
            world.cargo(["test"]).succeeds();
            world.cargo(["nextest", "run"]).succeeds();
        }
    }
}
