//! Edits: units that are compiled incrementally and not stored, and what depends on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kache::outcome::{Clean, Edit, Outcome};

use crate::step::Step;
use crate::world::World;

/// A project whose edits are compiled incrementally.
pub(crate) fn project(name: &str) -> World {
    World::project(name).env("KACHE_INCREMENTAL", "auto")
}

/// Why the one unit of this crate and kind was an edit.
fn edit_of(step: &Step, name: &str, kind: &str) -> (Edit, String) {
    match step.outcome_of(name, kind) {
        Outcome::Edit { edit, detail, .. } => (*edit, detail.clone()),
        other => panic!("`{name} {kind}` is no edit: {other:?}\n{step}"),
    }
}

/// Why units that missed were compiled from scratch, each once.
fn clean(step: &Step) -> Vec<Clean> {
    let mut found: Vec<Clean> = step.records().iter().filter_map(|record| record.clean).collect();
    found.dedup();
    found
}

/// The incremental directories of kache, with the files that say how the last compile ended.
pub(crate) fn incremental(world: &World) -> Vec<PathBuf> {
    let listed = fs::read_dir(world.target().join("debug/incremental/kache")).into_iter().flatten();
    let mut paths: Vec<PathBuf> = listed.map(|child| child.expect("can be listed").path()).collect();
    paths.sort();
    paths
}

#[test]
fn an_edit_is_compiled_incrementally_and_known_states_are_served() {
    let world = project("two-crates");
    let step = world.build();
    step.all_missed();
    assert_eq!(clean(&step), [Clean::FirstBuild]);
    for word in ["moon", "sun"] {
        let before = if word == "moon" { "world" } else { "moon" };
        world.edit("words/src/a.rs", before, word);
        let step = world.build();
        step.only_edited(&["app bin", "words lib"]);
        assert_eq!(edit_of(&step, "words", "lib"), (Edit::Source, "words/src/a.rs".to_owned()));
        assert_eq!(edit_of(&step, "app", "bin"), (Edit::Dependency, "words".to_owned()));
        assert_eq!(world.run_bin("app"), format!("hello {word} a note\n"));
        world.noop();
    }
    world.edit("words/src/a.rs", "sun", "world");
    world.build().all_hit();
    assert_eq!(world.run_bin("app"), "hello world a note\n");
    world.same_as_plain_incremental_cargo();
    world.edit("app/src/main.rs", "{} {}", "{}, {}");
    world.build().only_edited(&["app bin"]);
    assert_eq!(world.run_bin("app"), "hello world, a note\n");
}

#[test]
fn a_file_that_was_only_touched_is_served() {
    let world = project("two-crates");
    world.build().all_missed();
    let text = fs::read(world.tree().join("words/src/lib.rs")).expect("can be read");
    world.write("words/src/lib.rs", text);
    world.build().all_hit();
}

#[test]
fn an_edit_of_another_tree_is_not_served() {
    let world = project("two-crates");
    world.build().all_missed();
    world.edit("words/src/a.rs", "world", "moon");
    world.build().only_edited(&["app bin", "words lib"]);
    let other = world.checkout("other");
    let step = other.build();
    step.all_missed();
    assert_eq!(other.run_bin("app"), "hello moon a note\n");
    other.same_as_plain_incremental_cargo();
    let third = world.checkout("third");
    third.build().all_hit();
    // What was stored meanwhile ends the edit.
    world.write("words/src/a.rs", fs::read(world.tree().join("words/src/a.rs")).expect("can be read"));
    world.build().all_hit();
    world.same_as_plain_incremental_cargo();
}

#[test]
fn checks_and_tests_are_edited_as_well() {
    let world = project("two-crates");
    for args in [&["check"][..], &["test", "--no-run"]] {
        world.cargo(args).succeeds();
    }
    world.edit("words/src/a.rs", "world", "moon");
    for args in [&["check"][..], &["test", "--no-run"]] {
        let step = world.cargo(args);
        step.succeeds();
        assert_eq!((step.n_misses(), step.n_bypasses()), (0, 0), "{step}");
        assert!(step.edited_units().len() >= 2, "{step}");
        world.noop_of(args);
    }
    world.edit("words/src/a.rs", "moon", "world");
    for args in [&["check"][..], &["test", "--no-run"]] {
        world.cargo(args).all_hit();
    }
}

#[test]
fn on_ci_and_where_it_is_off_everything_is_stored() {
    for (name, value, why) in [("CI", "true", Clean::Ci), ("KACHE_INCREMENTAL", "off", Clean::Off)] {
        let world = project("two-crates").env(name, value);
        world.build().all_missed();
        world.edit("words/src/a.rs", "world", "moon");
        let step = world.build();
        step.missed(&["app bin", "words lib"]);
        assert_eq!(clean(&step), [why]);
        world.rebuild().all_hit();
    }
}

#[test]
fn turned_on_everything_that_cargo_asks_for_is_compiled_incrementally() {
    let world = project("two-crates").env("KACHE_INCREMENTAL", "on");
    let step = world.build();
    step.only_edited(&["app bin", "words lib"]);
    assert_eq!(edit_of(&step, "words", "lib").0, Edit::Always);
    world.clean();
    let step = world.cargo(["build", "--release"]);
    step.all_missed();
    assert_eq!(clean(&step), [Clean::NotAsked]);
}

/// When it is turned off, the build directory has outputs of which no key can be made.
#[test]
fn turned_off_after_an_edit_dependents_are_still_compiled() {
    let mut world = project("two-crates");
    world.build().all_missed();
    world.edit("words/src/a.rs", "world", "moon");
    world.build().only_edited(&["app bin", "words lib"]);
    world.set("KACHE_INCREMENTAL", "off");
    world.edit("app/src/main.rs", "{} {}", "{}, {}");
    let step = world.build();
    step.only_edited(&["app bin"]);
    assert_eq!(world.run_bin("app"), "hello moon, a note\n");
    world.edit("words/src/a.rs", "moon", "sun");
    world.build().missed(&["app bin", "words lib"]);
    world.same_as_plain_cargo();
}

#[test]
fn an_error_in_the_sources_keeps_the_state() {
    let world = project("two-crates");
    world.build().all_missed();
    world.edit("words/src/a.rs", "world", "moon");
    world.build().only_edited(&["app bin", "words lib"]);
    for error in ["\npub fn wrong() -> u8 { \"\" }\n", "\nfn {\n"] {
        let good = fs::read_to_string(world.tree().join("words/src/a.rs")).expect("can be read");
        world.write("words/src/a.rs", format!("{good}{error}"));
        for _ in 0..2 {
            let step = world.build();
            assert_eq!((step.edited_units(), step.n_misses()), (vec!["words lib".to_owned()], 0), "{step}");
        }
        let states = incremental(&world);
        assert!(
            states.iter().any(|path| path.is_dir() && path.to_string_lossy().contains("words-")),
            "{states:?}"
        );
        world.write("words/src/a.rs", good.replace("moon", "sun"));
        let step = world.build();
        step.only_edited(&["app bin", "words lib"]);
        world.write("words/src/a.rs", good);
        world.build().only_edited(&["app bin", "words lib"]);
    }
}

#[test]
fn after_another_commit_is_checked_out_everything_is_stored() {
    let world = project("two-crates");
    world.write(".gitignore", "target\n");
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command
            .current_dir(world.tree())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", world.root().join("home")).args(["-c", "user.name=a", "-c", "user.email=a@b"]);
        let output = command.args(args).output().expect("git runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "one"]);
    world.build().all_missed();
    world.edit("words/src/a.rs", "world", "moon");
    world.build().only_edited(&["app bin", "words lib"]);
    git(&["commit", "-qam", "two"]);
    world.edit("words/src/a.rs", "moon", "sun");
    world.build().only_edited(&["app bin", "words lib"]);
    git(&["commit", "-qam", "three"]);
    git(&["checkout", "-q", "HEAD~1"]);
    let step = world.build();
    step.missed(&["app bin", "words lib"]);
    assert_eq!(world.run_bin("app"), "hello moon a note\n");
    git(&["checkout", "-q", "main"]);
    world.build().missed(&["app bin", "words lib"]);
    git(&["checkout", "-q", "HEAD~1"]);
    world.build().all_hit();
    git(&["checkout", "-q", "main"]);
    world.build().all_hit();
    assert_eq!(world.run_bin("app"), "hello sun a note\n");
}

/// What a killed compiler leaves is not used again.
#[test]
fn the_state_of_a_compiler_that_was_killed_is_removed() {
    let world = project("two-crates");
    world.build().all_missed();
    world.edit("words/src/a.rs", "world", "moon");
    world.build().only_edited(&["app bin", "words lib"]);
    let states = incremental(&world);
    let state = states.iter().find(|path| is_state_of(path, "words")).expect("there is one");
    let text = fs::read_to_string(state).expect("can be read");
    assert!(text.starts_with("finished "), "{text}");
    let inside = state.with_extension("").join("left");
    for damage in [text.replace("finished", "running "), String::new(), text[..20].to_owned()] {
        fs::write(&inside, "").expect("writes");
        fs::write(state, &damage).expect("writes");
        let word = if world.run_bin("app").contains("moon") { ["moon", "sun"] } else { ["sun", "moon"] };
        world.edit("words/src/a.rs", word[0], word[1]);
        world.build().only_edited(&["app bin", "words lib"]);
        assert!(!inside.exists(), "{damage:?}");
        assert_eq!(world.run_bin("app"), format!("hello {} a note\n", word[1]));
    }
}

pub(crate) fn is_state_of(path: &Path, crate_name: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.starts_with(&format!("{crate_name}-")) && name.ends_with(".state")
}

/// Adds a file of so many functions, so that compiles take a while.
#[cfg(target_os = "linux")]
pub(crate) fn add_functions(world: &World, n: usize) {
    let text = |n| format!("pub fn f{n}(v: &[u32]) -> String {{ format!(\"{{v:?}}{n}\") }}\n");
    world.write("words/src/many.rs", (0..n).map(text).collect::<String>());
}

/// rustc is killed in the middle of an incremental compile, as by a user or for lack of memory.
#[test]
#[cfg(target_os = "linux")]
fn a_build_after_rustc_was_killed_is_as_with_plain_cargo() {
    let world = project("two-crates");
    add_functions(&world, 400);
    world.edit("words/src/lib.rs", "mod a;", "mod a;\npub mod many;");
    world.build().all_missed();
    world.edit("words/src/a.rs", "world", "moon");
    world.build().only_edited(&["app bin", "words lib"]);
    world.edit("words/src/many.rs", "{v:?}", "{v:#?}");
    let root = world.root();
    let step = world.cargo_while(&["build"], move || kill_rustc(&root));
    assert!(!step.stderr().contains("Finished"), "{step}");
    let states = incremental(&world);
    let state = states.iter().find(|path| is_state_of(path, "words")).expect("there is one");
    assert!(fs::read_to_string(state).expect("can be read").starts_with("running "));
    assert!(!state.with_extension("").exists(), "{states:?}");
    // It may have been killed after it had written its dep-info, and then its sources are no longer known to be edited.
    let step = world.build();
    step.succeeds();
    let compiled = [step.edited_units(), step.missed_units()].concat();
    assert_eq!((compiled.len(), step.n_hits(), step.n_bypasses()), (2, 0, 0), "{step}");
    assert_eq!(world.run_bin("app"), "hello moon a note\n");
    world.edit("words/src/many.rs", "{v:#?}", "{v:?}");
    world.edit("words/src/a.rs", "moon", "world");
    world.build().all_hit();
}

/// Kills the first rustc that has an incremental directory below `root`.
#[cfg(target_os = "linux")]
pub(crate) fn kill_rustc(root: &Path) {
    let wanted = format!("incremental={}", root.display());
    loop {
        for process in fs::read_dir("/proc").expect("can be listed").flatten() {
            let words = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).into_owned();
            if name.trim() == "rustc" && words.split('\0').any(|word| word.starts_with(&wanted)) {
                let pid = process.file_name().into_string().expect("a number");
                let status = Command::new("kill").args(["-9", &pid]).status().expect("kill runs");
                assert!(status.success());
                return;
            }
        }
    }
}
