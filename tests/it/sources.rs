//! What rustc reads: every file of a unit's source decides, and nothing else does.

use std::time::Duration;

use kache::outcome::{MissReason, Unstored};

use crate::step::{Step, hits, misses};
use crate::world::{World, package};

#[test]
fn a_second_build_hits_and_a_third_has_nothing_to_do() {
    let world = World::project("two-crates");
    world.build().expect(hits(0), misses(2));
    world.same_as_plain_cargo();
    world.rebuild().expect(hits(2), misses(0));
    world.noop();
    world.same_as_plain_cargo();
    assert_eq!(world.run_bin("app"), "hello world a note\n");
}

#[test]
fn another_checkout_hits_after_the_first_is_gone() {
    let world = World::project("two-crates");
    world.build().all_missed();
    let world = world.relocate("other");
    world.build().all_hit();
    world.noop();
    world.same_as_plain_cargo();
    assert_eq!(world.run_bin("app"), "hello world a note\n");
}

#[test]
fn editing_a_module_file_misses_and_editing_it_back_hits() {
    let world = World::project("two-crates");
    world.build().all_missed();
    world.edit("words/src/a.rs", "world", "moon");
    world.build().missed(&["app bin", "words lib"]);
    assert_eq!(world.run_bin("app"), "hello moon a note\n");
    world.same_as_plain_cargo();
    world.edit("words/src/a.rs", "moon", "world");
    world.build().all_hit();
    assert_eq!(world.run_bin("app"), "hello world a note\n");
    world.noop();
}

#[test]
fn editing_an_included_text_misses_in_a_cleaned_tree() {
    let world = World::project("two-crates");
    world.build().all_missed();
    world.edit("words/src/note.txt", "a note", "news");
    let step = world.rebuild();
    step.missed(&["app bin", "words lib"]);
    assert_eq!(step.miss_reason_of("words", "lib"), MissReason::InputsChanged);
    assert_eq!(world.run_bin("app"), "hello world news\n");
}

#[test]
fn editing_an_included_text_misses_in_another_checkout() {
    let world = World::project("two-crates");
    world.build().all_missed();
    let world = world.relocate("other");
    world.edit("words/src/note.txt", "a note", "news");
    world.build().missed(&["app bin", "words lib"]);
    assert_eq!(world.run_bin("app"), "hello world news\n");
    world.same_as_plain_cargo();
}

#[test]
fn a_check_sees_what_a_dependency_became() {
    let world = World::project("two-crates");
    world.cargo(["check"]).all_missed();
    world.edit("words/src/lib.rs", "pub fn note()", "pub fn renamed()");
    world.clean();
    world.cargo(["check"]).fails_with("E0425");
    world.edit("words/src/lib.rs", "pub fn renamed()", "pub fn note()");
    world.cargo(["check"]).all_hit();
}

#[test]
fn editing_the_binary_leaves_the_library_alone() {
    let world = World::project("two-crates");
    world.build().all_missed();
    world.edit("app/src/main.rs", "{} {}", "{}, {}");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "hello world, a note\n");
}

/// Every way to include a file: each one alone decides.
#[test]
fn every_kind_of_included_file_decides() {
    let world = World::files(&[
        ("Cargo.toml", &package("includes", "")),
        (
            "src/main.rs",
            "#![doc = include_str!(\"doc.md\")]\n#[path = \"odd place/name.rs\"]\nmod name;\nmod nested { pub mod inner; }\n\
             const BYTES: &[u8] = include_bytes!(\"bytes.bin\");\n\
             fn main() { println!(\"{} {} {} {:?}\", name::NAME, nested::inner::N, include!(\"sum.in\"), BYTES); }\n",
        ),
        ("src/doc.md", "Words.\n"),
        ("src/odd place/name.rs", "pub const NAME: &str = \"one\";\n"),
        ("src/nested/inner.rs", "pub const N: u32 = 1;\n"),
        ("src/sum.in", "1 + 1"),
        ("src/bytes.bin", "a"),
    ]);
    world.build().all_missed();
    assert_eq!(world.run_bin("includes"), "one 1 2 [97]\n");
    for (file, old, new) in [
        ("src/doc.md", "Words", "More"),
        ("src/odd place/name.rs", "one", "two"),
        ("src/nested/inner.rs", "1", "5"),
        ("src/sum.in", "1 + 1", "2 + 2"),
        ("src/bytes.bin", "a", "b"),
    ] {
        world.edit(file, old, new);
        world.rebuild().missed(&["includes bin"]);
    }
    assert_eq!(world.run_bin("includes"), "two 5 4 [98]\n");
    let world = world.relocate("other");
    world.build().all_hit();
    assert_eq!(world.run_bin("includes"), "two 5 4 [98]\n");
    world.same_as_plain_cargo();
}

#[test]
fn both_spellings_of_a_module_fail_as_they_do_without_a_cache() {
    let world = World::project("two-crates");
    world.build().all_missed();
    world.write("words/src/a/mod.rs", "pub const NAME: &str = \"other\";\n");
    world.clean();
    world.build().fails_with("E0761");
    world.remove("words/src/a.rs");
    world.build().missed(&["app bin", "words lib"]);
    assert_eq!(world.run_bin("app"), "hello other a note\n");
}

#[test]
fn a_file_that_is_gone_fails_as_it_does_without_a_cache() {
    let world = World::project("two-crates");
    // What cannot be read is not what is empty.
    world.write("words/src/note.txt", "");
    world.build().all_missed();
    world.remove("words/src/note.txt");
    world.clean();
    world.build().fails_with("note.txt");
    std::fs::create_dir(world.tree().join("words/src/note.txt")).expect("makes a directory of that name");
    world.build().fails_with("note.txt");
}

/// Which file a compile reads depends on what a variable says: each state has its own list of inputs, and all stay.
#[test]
fn two_states_that_read_different_files_both_stay() {
    let mut world = World::files(&[
        ("Cargo.toml", &package("states", "")),
        (
            "src/main.rs",
            "fn main() { println!(\"{}\", include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/\", env!(\"STATE\"), \".txt\"))); }\n",
        ),
        ("a.txt", "A"),
        ("b.txt", "B"),
    ]);
    for (state, printed) in [("a", "A\n"), ("b", "B\n")] {
        world.set("STATE", state);
        world.build().all_missed();
        assert_eq!(world.run_bin("states"), printed);
    }
    for (state, printed) in [("a", "A\n"), ("b", "B\n"), ("a", "A\n")] {
        world.set("STATE", state);
        world.rebuild().all_hit();
        assert_eq!(world.run_bin("states"), printed);
    }
    world.write("b.txt", "new");
    world.rebuild().all_hit();
    world.set("STATE", "b");
    world.build().all_missed();
    assert_eq!(world.run_bin("states"), "new\n");
}

/// The source of a macro that waits while the directory `handshake` is there and has no file `go`; it says by a file
/// `started` that it does.
pub(crate) const WAITING: &str = r#"
            #[proc_macro]
            pub fn wait(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
                let dir = std::path::PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../handshake");
                if dir.exists() {
                    std::fs::write(dir.join("started"), "").unwrap();
                    while !dir.join("go").exists() {
                        std::thread::sleep(std::time::Duration::from_millis(5));
                    }
                }
                proc_macro::TokenStream::new()
            }
            "#;

/// A macro that, while the directory `handshake` is there, tells that the compiler is at work and waits: the window
/// in which files are edited that rustc has read already, or not yet. They are outside of the package: what is in it, a
/// macro could read, and is watched for that. Nothing is observed: who observes knows which it was.
fn waiting_project() -> World {
    World::files(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"waiting\"]\n"),
        ("waiting/Cargo.toml", &package("waiting", "[lib]\nproc-macro = true\n")),
        (
            "waiting/src/lib.rs",
            WAITING,
        ),
        ("app/Cargo.toml", &package("app", "[dependencies]\nwaiting = { path = \"../waiting\" }\n")),
        (
            "app/src/main.rs",
            "const READ: &str = include_str!(\"../../texts/first.txt\");\nwaiting::wait!();\nconst LATER: &str = include_str!(\"../../texts/later.txt\");\n\
             fn main() { println!(\"{READ} {LATER}\"); }\n",
        ),
        ("texts/first.txt", "old"),
        ("texts/later.txt", "old"),
    ])
    .env("KACHE_OBSERVE", "off")
}

/// Builds, and calls `meanwhile` when a macro that waits in the directory `handshake` is at work.
pub(crate) fn build_while(world: &World, meanwhile: impl FnOnce() + Send) -> Step {
    world.write("handshake/about", "");
    let handshake = world.tree().join("handshake");
    let step = world.cargo_while(&["build"], || {
        for _ in 0..6000 {
            if handshake.join("started").exists() {
                meanwhile();
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        std::fs::write(handshake.join("go"), "").expect("lets the compiler go on");
    });
    std::fs::remove_dir_all(&handshake).expect("ends the handshake");
    step
}

#[test]
fn what_is_edited_while_the_compiler_runs_is_not_stored() {
    let world = waiting_project();
    let step = build_while(&world, || world.write("texts/later.txt", "new"));
    step.succeeds();
    assert!(matches!(step.unstored_of("app", "bin"), Unstored::InputChanged(_)), "{step}");
    // Which of the two it read is a matter of rustc; a build from again must say the same as a plain one.
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "old new\n");
    world.rebuild().all_hit();
}

#[test]
fn what_is_edited_while_a_known_unit_is_compiled_is_not_stored() {
    let world = waiting_project();
    world.build().all_missed();
    world.edit("app/src/main.rs", "{READ} {LATER}", "{READ}-{LATER}");
    let step = build_while(&world, || world.write("texts/first.txt", "new"));
    step.succeeds();
    assert!(matches!(step.unstored_of("app", "bin"), Unstored::InputChanged(_)), "{step}");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "new-old\n");
}

/// Where the compiler runs nobody else's code, the links that it resolves are not observed.
#[test]
fn sources_behind_links_are_those_that_the_links_lead_to() {
    let world = World::project("two-crates");
    let lead = |link: &str, target: &str| {
        let link = world.tree().join(link);
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(target, link).expect("links");
    };
    let links = [("words/dir", "%"), ("words/src/inner.rs", "../%/value.rs"), ("words/text", "%/text")];
    for name in ["one", "two"] {
        world.write(&format!("words/{name}/value.rs"), format!("pub const VALUE: &str = \"{name}\";\n"));
        world.write(&format!("words/{name}/text"), name);
    }
    for (link, target) in links {
        lead(link, &target.replace('%', "one"));
    }
    world.write(
        "words/src/lib.rs",
        "#[path = \"../dir/value.rs\"]\nmod outer;\nmod inner;\n\
         pub fn greeting() -> String { format!(\"{} {}\", outer::VALUE, inner::VALUE) }\n\
         pub fn note() -> &'static str { include_str!(\"../text\") }\n",
    );
    let step = world.build();
    step.all_missed();
    assert!(step.all_observed() || cfg!(not(target_os = "linux")), "{step}");
    assert_eq!(world.run_bin("app"), "one one one\n");
    for ((link, target), prints) in links.into_iter().zip(["two one one", "two two one", "two two two"]) {
        lead(link, &target.replace('%', "two"));
        world.rebuild().missed(&["app bin", "words lib"]);
        assert_eq!(world.run_bin("app"), format!("{prints}\n"), "{link}");
        world.same_as_plain_cargo();
    }
    for (link, target) in links {
        lead(link, &target.replace('%', "one"));
    }
    world.rebuild().all_hit();
    assert_eq!(world.run_bin("app"), "one one one\n");
}

/// Nothing tells what was read: it is not guessed.
#[test]
fn what_is_compiled_without_dep_info_is_not_stored() {
    let world = World::files(&[
        ("main.rs", "mod part;\nfn main() { println!(\"{}\", part::N); }\n"),
        ("part.rs", "pub const N: u32 = 1;\n"),
    ]);
    for n in ["1", "2"] {
        world.write("part.rs", format!("pub const N: u32 = {n};\n"));
        let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
        command.args(["rustc", "--crate-name", "x", "main.rs", "--emit", "link", "--out-dir", "."]);
        let step = world.run(command);
        step.expect(hits(0), misses(1));
        assert!(matches!(step.unstored_of("x", "bin"), Unstored::InputsUnknown(_)), "{step}");
        assert_eq!(world.run_file(&world.tree().join("x")), format!("{n}\n"));
    }
}

#[test]
fn a_failed_compile_is_not_stored() {
    let world = World::project("two-crates");
    world.write("words/src/a.rs", "pub const NAME: &str = 1;\n");
    for _ in 0..2 {
        let step = world.build();
        step.fails_with("E0308");
        assert_eq!(step.unstored_of("words", "lib"), &Unstored::CompilerFailed);
    }
}

/// The crate `cc` puts `RUSTC_WRAPPER` in front of C compilers when it has a cache's name.
#[test]
fn a_build_script_that_wraps_its_c_compiler_works() {
    let world = World::files(&[
        ("Cargo.toml", &package("wrapping", "")),
        (
            "build.rs",
            r#"
            fn main() {
                let out = std::env::var("OUT_DIR").unwrap();
                std::fs::write(format!("{out}/a.c"), "int a(void) { return 7; }\n").unwrap();
                for compiler in ["cc", "true"] {
                    let mut command = std::process::Command::new(std::env::var("RUSTC_WRAPPER").unwrap());
                    command.current_dir(&out).args([compiler, "-c", "a.c", "-o", "a.o"]);
                    assert!(command.status().unwrap().success(), "{compiler}");
                }
                assert!(std::path::Path::new(&out).join("a.o").is_file());
            }
            "#,
        ),
        ("src/main.rs", "fn main() {}\n"),
    ]);
    world.build().succeeds();
}
