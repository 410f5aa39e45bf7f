//! Build directories in either layout of cargo's are harvested and filled.

use std::fs;

use crate::layouts::layouts;
use crate::seeding::{settle, split};
use crate::step::Step;
use crate::world::{World, package};

/// A build script that generates code, a macro, a C library that is also one for Rust, a C library alone, and a program.
fn workspace() -> World {
    let world = World::files(&[
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"app\", \"made\", \"mac\", \"both\", \"only-c\"]\nresolver = \"3\"\n",
        ),
        (
            "app/Cargo.toml",
            &package("app", "[dependencies]\nboth = { path = \"../both\" }\nmac = { path = \"../mac\" }\n"),
        ),
        ("app/src/main.rs", "fn main() { println!(\"{} {}\", both::text(), mac::one!()); }\n"),
        ("made/Cargo.toml", &package("made", "")),
        (
            "made/build.rs",
            "fn main() {\n    let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
             std::fs::write(out + \"/made.rs\", \"pub const TEXT: &str = \\\"made\\\";\").unwrap();\n    \
             println!(\"cargo::rerun-if-changed=build.rs\");\n}\n",
        ),
        ("made/src/lib.rs", "include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));\n"),
        ("mac/Cargo.toml", &package("mac", "[lib]\nproc-macro = true\n")),
        (
            "mac/src/lib.rs",
            "use proc_macro::*;\n#[proc_macro] pub fn one(_: TokenStream) -> TokenStream { \"1\".parse().unwrap() }\n",
        ),
        (
            "both/Cargo.toml",
            &package(
                "both",
                "[features]\nmore = []\n[lib]\ncrate-type = [\"lib\", \"cdylib\"]\n[dependencies]\nmade = { path = \"../made\" }\n",
            ),
        ),
        (
            "both/src/lib.rs",
            "pub fn text() -> String { made::TEXT.to_owned() + if cfg!(feature = \"more\") { \" more\" } else { \"\" } }\n\
             #[unsafe(no_mangle)] pub extern \"C\" fn both() -> u32 { 1 }\n",
        ),
        ("only-c/Cargo.toml", &package("only-c", "[lib]\ncrate-type = [\"cdylib\"]\n")),
        ("only-c/src/lib.rs", "#[unsafe(no_mangle)] pub extern \"C\" fn only() -> u32 { 1 }\n"),
    ]);
    let world = world.env("RUSTC_BOOTSTRAP", "1");
    world.env("KACHE_SEED", "1").env("KACHE_CACHE_BUILD_SCRIPTS", "1")
}

fn build(world: &World, more: &[&str], flags: &[&str]) -> Step {
    let step = world.cargo(["build"].iter().chain(more).chain(flags));
    step.succeeds();
    step
}

#[test]
fn build_directories_of_every_layout_are_filled() {
    let world = workspace();
    for flags in layouts(&world) {
        let noop = |world: &World| world.noop_of(["build"].iter().chain(flags));
        settle(&world);
        let n_units = build(&world, &[], flags).records().len();
        world.harvest().succeeds();
        let other = world.checkout(&format!("other-{}", flags.len()));
        world.clean();
        for world in [&world, &other] {
            let step = build(world, &[], flags);
            let refused: Vec<_> = step.records().iter().filter_map(|it| it.not_seeded.as_deref()).collect();
            assert_eq!(split(&step), (n_units, Vec::new()), "{flags:?} {refused:?}\n{step}");
            noop(world);
            assert_eq!(world.run_bin("app"), "made 1\n");
        }
        // What was seeded is harvested again, with what was built since.
        other.edit("app/src/main.rs", "{} {}", "{} and {}");
        other.edit("only-c/src/lib.rs", "1", "2");
        let step = build(&other, &[], flags);
        assert_eq!(split(&step), (0, vec!["app".to_owned(), "only_c".to_owned()]), "{flags:?}\n{step}");
        other.harvest().succeeds();
        other.clean();
        let step = build(&other, &[], flags);
        assert_eq!(split(&step), (n_units, Vec::new()), "{flags:?}\n{step}");
        noop(&other);
        assert_eq!(other.run_bin("app"), "made and 1\n");
        world.clean();
    }
}

#[test]
fn libraries_without_a_hash_in_their_names_are_those_of_the_features_at_hand() {
    let world = workspace();
    for flags in layouts(&world) {
        let more = ["--features", "both/more"];
        settle(&world);
        for features in [&[][..], &more, &[]] {
            build(&world, features, flags);
            world.harvest().succeeds();
        }
        for features in [&more[..], &[], &more] {
            world.clean();
            build(&world, features, flags);
            let expected = if features.is_empty() { "made 1\n" } else { "made more 1\n" };
            assert_eq!(world.run_bin("app"), expected, "{flags:?} {features:?}");
            // Where all was seeded there is nothing to harvest.
            let _ = world.harvest();
        }
        world.clean();
    }
}

#[test]
fn manifest_of_the_other_layout_does_no_harm() {
    let world = workspace();
    let [old, new] = layouts(&world)[..] else { return };
    settle(&world);
    build(&world, &[], old);
    world.harvest().succeeds();
    // Cargo has the other layout all the same.
    let new_in_file = "[unstable]\nbuild-dir-new-layout = true\n";
    world.write(".cargo/config.toml", new_in_file);
    world.clean();
    build(&world, &[], old);
    assert_eq!(world.run_bin("app"), "made 1\n");
    world.noop_of(["build"].iter().chain(old));
    assert!(fs::metadata(world.target().join("debug/build/app")).is_ok(), "it is in use");
    world.clean();
    build(&world, &[], new);
    assert_eq!(world.run_bin("app"), "made 1\n");
}
