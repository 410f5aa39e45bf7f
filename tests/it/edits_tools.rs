//! Tools that edit for people, or build beside them: formatters, editors that save all the time, `cargo fix`,
//! rust-analyzer, clippy, and programs that kill.

use std::fs;
#[cfg(target_os = "linux")]
use std::path::Path;

#[cfg(target_os = "linux")]
use kache::outcome::Outcome;

#[cfg(target_os = "linux")]
use crate::edits::add_functions;
use crate::edits::project;
use crate::sources::{WAITING, build_while};
use crate::step::Step;
use crate::world::{World, package};

/// Saves a file as editors do: readers find the old or the new content.
fn save(world: &World, file: &str, content: &str) {
    let temporary = world.tree().join(format!("{file}.swp"));
    fs::write(&temporary, content).expect("writes");
    fs::rename(&temporary, world.tree().join(file)).expect("replaces");
}

/// Builds until cargo has nothing left to do, and says how often that took a compiler.
fn build_until_fresh(world: &World, args: &[&str]) -> usize {
    for n in 0..5 {
        let step = world.cargo(args);
        step.succeeds();
        if step.records().is_empty() {
            return n;
        }
    }
    panic!("cargo never finds everything fresh");
}

fn is_without_bypass(step: &Step) {
    step.succeeds();
    assert_eq!(step.n_bypasses(), 0, "{step}");
}

#[test]
fn a_formatter_on_save_does_not_change_what_is_built() {
    let world = project("two-crates");
    world.build().all_missed();
    let texts = ["pub const NAME: &str=\"moon\";\n", "pub const NAME: &str = \"moon\";\n"];
    save(&world, "words/src/a.rs", texts[0]);
    world.build().only_edited(&["app bin", "words lib"]);
    // It rewrites the file; then the same again, with a new time.
    for text in [texts[1], texts[1]] {
        save(&world, "words/src/a.rs", text);
        world.build().only_edited(&["app bin", "words lib"]);
        assert_eq!(world.run_bin("app"), "hello moon a note\n");
        world.noop();
    }
    // What was built from scratch before the edits is served again, whatever its time is.
    for _ in 0..2 {
        save(&world, "words/src/a.rs", "pub const NAME: &str = \"world\";\n");
        world.build().all_hit();
    }
    assert_eq!(world.run_bin("app"), "hello world a note\n");
}

/// A macro holds up the compiler until the editor has saved.
#[test]
fn an_editor_saves_while_an_edit_is_compiled() {
    let world = World::files(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"waiting\"]\n"),
        ("waiting/Cargo.toml", &package("waiting", "[lib]\nproc-macro = true\n")),
        ("waiting/src/lib.rs", WAITING),
        ("app/Cargo.toml", &package("app", "[dependencies]\nwaiting = { path = \"../waiting\" }\n")),
        (
            "app/src/main.rs",
            "mod early;\nwaiting::wait!();\nmod late;\n\
             fn main() { println!(\"{} {}\", early::WORD, late::WORD); }\n",
        ),
        ("app/src/early.rs", "pub const WORD: &str = \"0\";\n"),
        ("app/src/late.rs", "pub const WORD: &str = \"0\";\n"),
    ])
    .env("KACHE_INCREMENTAL", "auto");
    let save_both = |n: usize| {
        for file in ["app/src/early.rs", "app/src/late.rs"] {
            save(&world, file, &format!("pub const WORD: &str = \"{n}\";\n"));
        }
    };
    // The first time while it is compiled from scratch, then while edits are.
    for n in 1..5 {
        build_while(&world, || save_both(n)).succeeds();
        assert!(build_until_fresh(&world, &["build"]) >= 1);
        assert_eq!(world.run_bin("app"), format!("{n} {n}\n"));
        save_both(n + 10);
    }
    let other = world.checkout("other");
    build_until_fresh(&other, &["build"]);
    assert_eq!(other.run_bin("app"), "14 14\n");
    let third = world.checkout("third");
    third.build().all_hit();
    assert_eq!(third.run_bin("app"), "14 14\n");
}

/// The same without a handshake: many saves, at any moment of the build.
#[test]
fn an_editor_saves_all_the_time_beside_a_build() {
    let world = project("two-crates");
    for round in 0..3 {
        let step = world.cargo_while(&["build"], || {
            for n in 0..400 {
                save(&world, "words/src/a.rs", &format!("pub const NAME: &str = \"{round}-{n}\";\n"));
                std::thread::yield_now();
            }
        });
        is_without_bypass(&step);
        build_until_fresh(&world, &["build"]);
        assert_eq!(world.run_bin("app"), format!("hello {round}-399 a note\n"));
    }
    let other = world.checkout("other");
    other.build().succeeds();
    assert_eq!(other.run_bin("app"), "hello 2-399 a note\n");
}

#[test]
fn cargo_fix_between_edits_changes_sources_as_without_a_cache() {
    let world = project("two-crates");
    world.build().all_missed();
    let wrong = "pub fn f() -> u32 { let mut x = 1; x }\n";
    world.edit("words/src/a.rs", "pub const", &format!("{wrong}pub const"));
    world.build().only_edited(&["app bin", "words lib"]);
    let fix = ["fix", "--workspace", "--all-targets", "--allow-no-vcs", "--allow-dirty"];
    world.cargo(fix).succeeds();
    let fixed = fs::read_to_string(world.tree().join("words/src/a.rs")).expect("reads");
    assert!(fixed.contains("let x = 1"), "{fixed}");
    let step = world.build();
    is_without_bypass(&step);
    assert!(!step.stderr().contains("unused_mut"), "{step}");
    world.edit("words/src/a.rs", "world", "moon");
    world.build().only_edited(&["app bin", "words lib"]);
    assert_eq!(world.run_bin("app"), "hello moon a note\n");
}

/// What rust-analyzer runs on each save, in the build directory of the builds or in one of its own.
#[test]
fn checks_of_an_editor_go_beside_builds() {
    for own_dir in [false, true] {
        let world = project("two-crates");
        let check = |world: &World| {
            let mut command = world.command("cargo");
            command.args(["check", "--workspace", "--all-targets", "--message-format=json"]);
            if own_dir {
                command.env("CARGO_TARGET_DIR", world.target().join("rust-analyzer"));
            }
            world.run(command)
        };
        check(&world).all_missed();
        world.build().all_missed();
        for (n, word) in ["moon", "sun", "stars"].iter().enumerate() {
            let before = ["world", "moon", "sun"][n];
            world.edit("words/src/a.rs", before, word);
            let step = check(&world);
            is_without_bypass(&step);
            assert_eq!(step.n_misses() + step.n_hits(), 0, "{step}");
            assert!(step.edited_units().contains(&"words check lib".to_owned()), "{step}");
            world.build().only_edited(&["app bin", "words lib"]);
            assert_eq!(world.run_bin("app"), format!("hello {word} a note\n"));
            assert!(check(&world).records().is_empty());
            world.noop();
        }
        world.edit("words/src/a.rs", "stars", "world");
        check(&world).all_hit();
        world.build().all_hit();
    }
}

/// An error is found by the check, and the build after it.
#[test]
fn an_error_that_a_check_finds_is_found_by_the_build() {
    let world = project("two-crates");
    world.cargo(["check"]).all_missed();
    world.build().all_missed();
    world.edit("words/src/a.rs", "\"world\"", "1");
    for args in [["check"], ["build"], ["check"]] {
        world.cargo(args).fails_with("mismatched types");
    }
    world.edit("words/src/a.rs", "1", "\"moon\"");
    world.cargo(["check"]).succeeds();
    world.build().only_edited(&["app bin", "words lib"]);
    assert_eq!(world.run_bin("app"), "hello moon a note\n");
}

#[test]
fn edits_of_tests_examples_and_benches_are_incremental() {
    let world = World::files(&[
        ("Cargo.toml", &package("app", "")),
        ("src/lib.rs", "pub fn word() -> &'static str { \"one\" }\n"),
        ("tests/t.rs", "#[test] fn works() { assert_eq!(app::word().len(), 3); }\n"),
        ("examples/e.rs", "fn main() { println!(\"{}\", app::word()); }\n"),
        ("benches/b.rs", "#[test] fn works() { assert_eq!(app::word().len(), 3); }\n"),
    ])
    .env("KACHE_INCREMENTAL", "auto");
    let commands = [
        (&["test", "--no-run", "--test", "t"][..], "tests/t.rs", "t test"),
        (&["build", "--examples"], "examples/e.rs", "e example"),
        (&["test", "--no-run", "--bench", "b"], "benches/b.rs", "b test"),
    ];
    for (args, file, unit) in commands {
        world.cargo(args).succeeds();
        let text = fs::read_to_string(world.tree().join(file)).expect("reads");
        for n in 0..2 {
            world.write(file, format!("{text}fn more_{n}() {{}}\n"));
            let step = world.cargo(args);
            step.only_edited(&[&edited(&step, unit)]);
            assert!(step.stderr().contains(&format!("more_{n}")), "{step}");
        }
        world.write(file, text);
        world.cargo(args).all_hit();
    }
    world.edit("src/lib.rs", "one", "two");
    let step = world.cargo(["test", "--all-targets", "--no-run"]);
    is_without_bypass(&step);
    for (_, _, unit) in commands {
        assert!(step.edited_units().contains(&edited(&step, unit)), "{unit}\n{step}");
    }
    world.cargo(["test", "--all-targets"]).succeeds();
    world.cargo(["build", "--examples"]).succeeds();
    assert_eq!(world.run_file(&world.target().join("debug/examples/e")), "two\n");
    // The profile of benches is optimized, and cargo asks for nothing incremental there.
    world.edit("benches/b.rs", "works", "still_works");
    let step = world.cargo(["bench", "--no-run"]);
    is_without_bypass(&step);
    assert!(step.edited_units().is_empty(), "{step}");
}

/// The name of a unit as the records spell its kind.
fn edited(step: &Step, unit: &str) -> String {
    let (name, _) = unit.split_once(' ').expect("a name and a kind");
    let found = step.edited_units().into_iter().find(|unit| unit.split(' ').next() == Some(name));
    found.unwrap_or_else(|| panic!("`{unit}` is no edit\n{step}"))
}

#[test]
fn edits_under_clippy_are_incremental_and_warn_as_before() {
    let world = project("two-crates");
    world.edit("words/src/lib.rs", "mod a;", "mod a;\npub fn f() -> u32 { return 1; }\n");
    let warns = |step: &Step| step.stderr().matches("clippy::needless_return").count();
    let step = world.cargo(["clippy"]);
    step.all_missed();
    assert!(step.records().iter().all(|record| record.leaves_state), "{step}");
    assert_eq!(warns(&step), 1);
    for word in ["moon", "sun"] {
        world.write("words/src/a.rs", format!("pub const NAME: &str = \"{word}\";\n"));
        let step = world.cargo(["clippy"]);
        is_without_bypass(&step);
        assert_eq!(step.n_misses() + step.n_hits(), 0, "{step}");
        assert_eq!(warns(&step), 1, "{step}");
    }
    world.edit("words/src/lib.rs", "return 1;", "1");
    assert_eq!(warns(world.cargo(["clippy"]).succeeds()), 0);
    world.cargo(["check"]).succeeds();
    world.build().succeeds();
    assert_eq!(world.run_bin("app"), "hello sun a note\n");
}

/// The wrapper is killed and the compiler that it started is not, in the middle of an incremental compile.
#[test]
#[cfg(target_os = "linux")]
fn a_build_after_the_wrapper_was_killed_is_as_with_plain_cargo() {
    let world = project("two-crates");
    add_functions(&world, 300);
    world.edit("words/src/lib.rs", "mod a;", "mod a;\npub mod many;");
    for (old, new) in [("", ""), ("{v:?}", "{v:#?}"), ("{v:#?}", "{v:?} ")] {
        if !old.is_empty() {
            world.edit("words/src/many.rs", old, new);
        }
        let root = world.root();
        let step = world.cargo_while(&["build"], move || kill_wrapper(&root));
        assert!(!step.stderr().contains("Finished"), "{step}");
        world.build().succeeds();
        assert_eq!(world.run_bin("app"), "hello world a note\n");
        world.noop();
    }
    let edits = world.build();
    assert!(edits.records().iter().all(|record| !matches!(record.outcome, Outcome::Hit { .. })));
}

/// Kills the first wrapper whose compiler has an incremental directory below `root`.
#[cfg(target_os = "linux")]
fn kill_wrapper(root: &Path) {
    let wanted = format!("incremental={}", root.display());
    loop {
        for process in fs::read_dir("/proc").expect("can be listed").flatten() {
            let words = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).into_owned();
            let has_directory = words.split('\0').any(|word| word.starts_with(&wanted));
            if name.trim() != "rustc" || !has_directory {
                continue;
            }
            let status = fs::read_to_string(process.path().join("status")).unwrap_or_default();
            let parent =
                status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap_or_default().trim();
            let parent_name = fs::read_to_string(format!("/proc/{parent}/comm")).unwrap_or_default();
            if parent_name.trim() == "kache" {
                let status = std::process::Command::new("kill").args(["-9", parent]).status();
                assert!(status.expect("kill runs").success());
                return;
            }
        }
    }
}
