//! The first edit: what is compiled from scratch leaves an incremental state for it, and is stored all the same.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use kache::outcome::Unstored;
use memchr::memmem;

#[cfg(target_os = "linux")]
use crate::edits::add_functions;
use crate::edits::{incremental, is_state_of, project};
use crate::step::{Step, label};
use crate::world::{World, package};

/// Units whose compile has left an incremental state.
fn leaving_state(step: &Step) -> Vec<String> {
    let mut found: Vec<String> =
        step.records().iter().filter(|record| record.leaves_state).map(label).collect();
    found.sort();
    found
}

/// The object files in the incremental directories of `crate_name`, by inode.
fn objects(world: &World, crate_name: &str) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    let mut dirs: Vec<PathBuf> = incremental(world);
    dirs.retain(|path| path.is_dir() && name(path).starts_with(&format!("{crate_name}-")));
    while let Some(dir) = dirs.pop() {
        for child in fs::read_dir(dir).expect("can be listed").flatten() {
            let metadata = child.metadata().expect("is there");
            if metadata.is_dir() {
                dirs.push(child.path());
            } else if name(&child.path()).ends_with(".o") {
                found.insert(metadata.ino());
            }
        }
    }
    found
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Outputs of a build that decide what depends on them, and programs. These name the directory of their tree, once, in their
/// debug information; here they name another one of the same length.
fn outputs(world: &World) -> Vec<(String, Vec<u8>)> {
    let tree = [b"\0", world.tree().as_os_str().as_encoded_bytes(), b"\0"].concat();
    let dir = world.target().join("debug/deps");
    let mut outputs: Vec<(String, Vec<u8>)> = Vec::new();
    for child in fs::read_dir(dir).expect("can be listed").flatten() {
        let name = name(&child.path());
        if !name.ends_with(".d") {
            let mut content = fs::read(child.path()).expect("can be read");
            if let (true, Some(at)) = (content.starts_with(b"\x7fELF"), memmem::find(&content, &tree)) {
                content[at + 1..at + tree.len() - 1].fill(b'd');
            }
            outputs.push((name, content));
        }
    }
    outputs.sort();
    outputs
}

#[test]
fn the_first_edit_finds_a_state() {
    let world = project("two-crates");
    world.write("words/src/many.rs", "pub fn many(v: &[u32]) -> String { format!(\"{v:?}\") }\n");
    world.edit("words/src/lib.rs", "mod a;", "mod a;\npub mod many;");
    let step = world.build();
    step.all_missed();
    assert_eq!(leaving_state(&step), ["app bin", "words lib"]);
    let (words, app) = (objects(&world, "words"), objects(&world, "app"));
    assert!(words.len() > 2 && !app.is_empty(), "{words:?} {app:?}");
    world.edit("words/src/a.rs", "world", "moon");
    world.build().only_edited(&["app bin", "words lib"]);
    assert_eq!(world.run_bin("app"), "hello moon a note\n");
    let (words_now, app_now) = (objects(&world, "words"), objects(&world, "app"));
    assert!(words.intersection(&words_now).count() > 1, "{words:?} {words_now:?}");
    assert!(app.intersection(&app_now).count() > 0, "{app:?} {app_now:?}");
}

#[test]
fn what_leaves_a_state_is_served_everywhere_and_is_the_same_everywhere() {
    for fixture in ["two-crates", "kinds", "macros", "env-values", "lints"] {
        let world = project(fixture);
        let step = world.build();
        step.all_missed();
        assert!(!leaving_state(&step).is_empty(), "{step}");
        world.noop();
        let mut without = world.checkout("without");
        without.set("KACHE_INCREMENTAL", "off");
        without.build().all_hit();
        without.noop();
        let other = project(fixture);
        other.build().all_missed();
        let (ours, theirs) = (outputs(&world), outputs(&other));
        assert_eq!(ours.len(), theirs.len());
        for ((name, content), (other_name, other_content)) in ours.iter().zip(&theirs) {
            assert_eq!(name, other_name);
            assert!(content == other_content, "{fixture}: {name} differs");
        }
    }
}

#[test]
fn what_ci_has_stored_serves_a_tree_that_is_edited() {
    let mut world = project("two-crates");
    world.set("CI", "true");
    let step = world.build();
    step.all_missed();
    assert!(leaving_state(&step).is_empty(), "{step}");
    let mut other = world.checkout("other");
    other.unset("CI");
    other.build().all_hit();
    assert!(incremental(&other).is_empty());
    other.edit("app/src/main.rs", "{} {}", "{}, {}");
    other.build().only_edited(&["app bin"]);
    other.edit("words/src/a.rs", "world", "moon");
    other.build().only_edited(&["app bin", "words lib"]);
    assert_eq!(other.run_bin("app"), "hello moon, a note\n");
    other.edit("words/src/a.rs", "moon", "world");
    other.edit("app/src/main.rs", "{}, {}", "{} {}");
    other.build().all_hit();
    other.same_as_plain_cargo();
}

/// Of two crates, CI and a developer have stored one each, in either order.
#[test]
fn what_was_compiled_in_both_ways_fits_together() {
    for ci_is_first in [true, false] {
        let mut world = project("two-crates");
        let (first, second) = if ci_is_first { ("true", "") } else { ("", "true") };
        world.set("CI", first);
        world.cargo(["build", "-p", "words"]).all_missed();
        let mut other = world.checkout("other");
        other.set("CI", second);
        other.build().only_missed(&["app bin"]);
        assert_eq!(other.run_bin("app"), "hello world a note\n");
        let third = world.checkout("third");
        third.build().all_hit();
        assert_eq!(third.run_bin("app"), "hello world a note\n");
        third.noop();
    }
}

#[test]
fn checks_and_tests_leave_a_state_and_optimized_code_does_not() {
    let world = project("two-crates");
    for args in [&["check"][..], &["test", "--no-run"]] {
        let step = world.cargo(args);
        step.all_missed();
        assert_eq!(leaving_state(&step).len(), step.n_misses(), "{step}");
    }
    world.clean();
    world.write(".cargo/config.toml", "[profile.dev]\nopt-level = 1\n");
    let step = world.build();
    step.all_missed();
    assert!(leaving_state(&step).is_empty(), "{step}");
}

#[test]
fn a_compile_that_failed_leaves_no_state() {
    let world = project("two-crates");
    world.edit("words/src/a.rs", "world", "wor\" 1 \"ld");
    let step = world.build();
    assert_eq!(step.missed_units(), ["words lib"], "{step}");
    assert!(leaving_state(&step).is_empty(), "{step}");
    let states = incremental(&world);
    let state = states.iter().find(|path| is_state_of(path, "words")).expect("there is one");
    assert!(fs::read_to_string(state).expect("can be read").starts_with("running "));
    assert!(!state.with_extension("").exists(), "{states:?}");
    world.edit("words/src/a.rs", "wor\" 1 \"ld", "world");
    world.build().succeeds();
    assert_eq!(world.run_bin("app"), "hello world a note\n");
}

/// What is stored is made from nothing but its inputs.
#[test]
fn a_compile_that_is_stored_begins_without_a_state() {
    let world = project("two-crates");
    world.build().all_missed();
    let states = incremental(&world);
    let state = states.iter().find(|path| is_state_of(path, "words")).expect("there is one");
    let inside = state.with_extension("").join("left");
    fs::write(&inside, "").expect("writes");
    // Only the incremental directory is left.
    for dir in [world.cache(), world.target().join("debug/deps"), world.target().join("debug/.fingerprint")] {
        fs::remove_dir_all(dir).expect("is there");
    }
    let step = world.build();
    step.all_missed();
    assert_eq!(leaving_state(&step), ["app bin", "words lib"]);
    assert!(!inside.exists());
}

/// What the compiler says of its incremental files would be shown wherever the unit is served.
#[test]
fn what_is_said_of_incremental_files_is_not_stored() {
    let world = World::files(&[
        ("Cargo.toml", &package("app", "[dependencies]\nspeaks = { path = \"speaks\" }\n")),
        ("src/main.rs", "fn main() { println!(\"{}\", speaks::speak!()); }\n"),
        ("speaks/Cargo.toml", &package("speaks", "[lib]\nproc-macro = true\n")),
        (
            "speaks/src/lib.rs",
            "#[proc_macro] pub fn speak(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n\
                 eprintln!(\"warning: failed to finalize incremental compilation session directory\");\n\
                 \"1\".parse().unwrap()\n\
             }\n",
        ),
    ])
    .env("KACHE_INCREMENTAL", "auto");
    let step = world.build();
    step.succeeds();
    assert!(matches!(step.unstored_of("app", "bin"), Unstored::UnexpectedOutput(_)), "{step}");
    assert_eq!(leaving_state(&step), ["speaks proc-macro"]);
}

#[test]
fn where_nothing_is_observed_a_state_is_left_as_well() {
    let world = project("two-crates").env("KACHE_OBSERVE", "off");
    let step = world.build();
    step.all_missed();
    assert_eq!(leaving_state(&step), ["app bin", "words lib"]);
    world.checkout("other").build().all_hit();
    world.edit("words/src/a.rs", "world", "moon");
    world.build().only_edited(&["app bin", "words lib"]);
    assert_eq!(world.run_bin("app"), "hello moon a note\n");
}

/// The compiler is killed in the middle of a compile that would leave a state.
#[test]
#[cfg(target_os = "linux")]
fn a_state_that_was_begun_when_rustc_was_killed_is_not_used() {
    let world = project("two-crates");
    add_functions(&world, 400);
    world.edit("words/src/lib.rs", "mod a;", "mod a;\npub mod many;");
    let root = world.root();
    let step = world.cargo_while(&["build"], move || crate::edits::kill_rustc(&root));
    assert!(!step.stderr().contains("Finished"), "{step}");
    assert!(leaving_state(&step).iter().all(|unit| unit != "words lib"), "{step}");
    let states = incremental(&world);
    let state = states.iter().find(|path| is_state_of(path, "words")).expect("there is one");
    assert!(!state.with_extension("").exists(), "{states:?}");
    world.build().succeeds();
    assert_eq!(world.run_bin("app"), "hello world a note\n");
    world.edit("words/src/a.rs", "world", "moon");
    world.build().only_edited(&["app bin", "words lib"]);
    assert_eq!(world.run_bin("app"), "hello moon a note\n");
}
