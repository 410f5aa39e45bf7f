//! What people who use nightly set for whole projects. The compilers of these tests are stable ones that are told to
//! accept it.

use kache::outcome::Bypass;

use crate::skip::skip;
use crate::step::Step;
use crate::world::World;

fn with_unstable_options(world: World) -> World {
    world.env("RUSTC_BOOTSTRAP", "1")
}

/// Whether this cargo has the `-Z` option.
fn has_option(world: &World, option: &str) -> bool {
    let output = world.command("cargo").args(["-Z", "help"]).output().expect("cargo runs");
    let has = String::from_utf8_lossy(&output.stdout).contains(&format!("-Z {option} "));
    if !has {
        skip("unstable-options", &format!("this cargo has no -Z {option}"));
    }
    has
}

/// Builds everything again, from an empty store and from a full one, and compares that with plain cargo.
fn is_served(world: &World, args: &[&str]) {
    world.cargo(args).all_missed();
    world.noop_of(args);
    world.clean();
    world.cargo(args).all_hit();
    world.noop_of(args);
    world.same_as_plain_cargo_of(args);
}

#[test]
fn cargos_options_that_change_what_rustc_writes_are_served() {
    for option in ["checksum-freshness", "binary-dep-depinfo", "no-embed-metadata", "section-timings"] {
        for fixture in ["macros", "dylib-pair"] {
            let world = with_unstable_options(World::project(fixture));
            if has_option(&world, option) {
                is_served(&world, &["build", "-Z", option]);
            }
        }
    }
}

#[test]
fn unembedded_metadata_is_served_in_another_checkout() {
    let world = with_unstable_options(World::project("kinds"));
    if !has_option(&world, "no-embed-metadata") {
        return;
    }
    let build = ["build", "--workspace", "-Z", "no-embed-metadata"];
    world.cargo(build).all_missed();
    let world = world.relocate("other");
    world.cargo(build).all_hit();
    world.noop_of(build);
    world.same_as_plain_cargo_of(&build);
    // The metadata stays as it is, the code does not.
    world.edit("plain/src/lib.rs", "number * 2", "number * 2 + 1");
    world.cargo(build).succeeds();
    assert_eq!(world.run_bin("app"), "app plain 17\n");
}

/// Cargo compares what the dep-info says of the content of files, so it must say it of this checkout's.
#[test]
fn checksums_in_dep_infos_are_of_the_files_at_hand() {
    let world = with_unstable_options(World::project("two-crates"));
    if !has_option(&world, "checksum-freshness") {
        return;
    }
    let build = ["build", "-Z", "checksum-freshness"];
    world.cargo(build).all_missed();
    let other = world.checkout("other");
    other.edit("words/src/lib.rs", "pub", "// Longer than it was.\npub");
    other.cargo(build).succeeds();
    other.noop_of(build);
    // With the content of the first checkout, cargo sees that something is to be done, and everything is served.
    other.edit("words/src/lib.rs", "// Longer than it was.\n", "");
    other.cargo(build).all_hit();
    other.noop_of(build);
    other.same_as_plain_cargo_of(&build);
}

/// A build with these flags for rustc, in a fresh build directory.
fn build_with(world: &mut World, flags: &str) -> Step {
    world.set("RUSTFLAGS", flags);
    if world.target().exists() {
        world.clean();
    }
    world.build()
}

#[test]
fn unstable_flags_that_are_understood_are_served_and_decide() {
    let mut world = with_unstable_options(World::project("two-crates"));
    build_with(&mut world, "").all_missed();
    for flags in [
        "-Zcodegen-backend=llvm",
        "-Zcrate-attr=feature(test)",
        "-Zremap-cwd-prefix=/here",
        "-Ztune-cpu=native -Zno-parallel-backend -Zlint-mir",
        "-Zannotate-moves -Zinstrument-mcount -Zhuman-readable-cgu-names",
        "-Zmir-enable-passes=+GVN -Zverbose-internals -Zpacked-bundled-libs",
    ] {
        build_with(&mut world, flags).all_missed();
        build_with(&mut world, flags).all_hit();
        world.same_as_plain_cargo();
    }
    build_with(&mut world, "").all_hit();
}

#[test]
fn unstable_flags_with_effects_of_their_own_are_left_alone() {
    let mut world = with_unstable_options(World::project("two-crates"));
    for flags in
        ["-Zself-profile=profile", "-Zprint-type-sizes", "-Zpre-link-arg=-lm", "-Zcodegen-backend=gcc"]
    {
        let step = build_with(&mut world, flags);
        let is_unknown = |why: &Bypass| *why == Bypass::UnknownArgument;
        assert!(step.bypasses().iter().all(is_unknown), "{step}");
        assert_eq!((step.n_hits(), step.n_misses()), (0, 0), "{step}");
    }
}
