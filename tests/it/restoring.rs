//! What a hit leaves behind, in every place where people build, and what they do there afterwards.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use kache::outcome::Bypass;

use crate::skip::skip;
use crate::step::{Step, hits, misses};
use crate::world::{World, package};

#[test]
fn a_build_without_the_wrapper_over_what_was_served_harms_nothing() {
    let mut world = World::project("two-crates");
    world.build().all_missed();
    world.rebuild().all_hit();
    world.edit("words/src/a.rs", "world", "moon");
    world.set("RUSTC_WRAPPER", "");
    assert!(world.build().succeeds().records().is_empty());
    assert_eq!(world.run_bin("app"), "hello moon a note\n");
    // The store has what was put there, and kache takes what it did not make for what it is.
    let other = world.checkout("other").env("RUSTC_WRAPPER", env!("CARGO_BIN_EXE_kache"));
    other.edit("words/src/a.rs", "moon", "world");
    other.build().all_hit();
    assert_eq!(other.run_bin("app"), "hello world a note\n");
    other.same_as_plain_cargo();
    world.set("RUSTC_WRAPPER", env!("CARGO_BIN_EXE_kache"));
    world.edit("app/src/main.rs", "{} {}", "{}; {}");
    world.build().succeeds();
    assert_eq!(world.run_bin("app"), "hello moon; a note\n");
}

#[test]
fn kache_switched_off_leaves_everything_to_the_compiler() {
    let mut world = World::project("two-crates");
    world.build().all_missed();
    world.rebuild().all_hit();
    world.set("KACHE_DISABLED", "1");
    world.edit("words/src/a.rs", "world", "moon");
    assert!(world.build().succeeds().records().is_empty());
    assert_eq!(world.run_bin("app"), "hello moon a note\n");
    world.unset("KACHE_DISABLED");
    world.edit("words/src/a.rs", "moon", "world");
    world.rebuild().all_hit();
    world.same_as_plain_cargo();
}

/// cargo keeps what a wrapper prints, and shows it again for ever.
#[test]
fn the_wrapper_adds_nothing_to_what_the_compiler_prints() {
    let mut world = World::project("two-crates");
    for n_hits in [0, 2] {
        let step = world.build();
        assert_eq!((step.succeeds().n_hits(), step.stdout()), (n_hits, ""), "{step}");
        let said: Vec<&str> =
            step.stderr().lines().map(|line| line.split_whitespace().next().unwrap_or("")).collect();
        assert!(said.iter().all(|word| ["Compiling", "Finished"].contains(word)), "{step}");
        let fingerprints = world.target().join("debug/.fingerprint");
        for unit in fs::read_dir(fingerprints).expect("lists") {
            let notes = fs::read_dir(unit.expect("lists").path()).expect("lists");
            let kept: Vec<_> = notes.map(|note| note.expect("lists").file_name()).collect();
            assert!(kept.iter().all(|name| !name.as_bytes().starts_with(b"output-")), "{kept:?}");
        }
        world.clean();
    }
    // Nor does anything that is wrong with it.
    world.write(".kache.toml", "[cache]\nno_such_key = 1\nwait = \"soon\"\n");
    world.set("KACHE_MAX_SIZE", "a lot");
    let step = world.build();
    assert!(!step.succeeds().stderr().contains("kache:"), "{step}");
    assert!(step.stderr().lines().count() <= 3, "{step}");
}

/// Files that a build script generated have warnings too: they are shown with the path that they have here.
#[test]
fn warnings_are_shown_again_with_the_paths_of_the_tree_at_hand() {
    let world = World::files(&[
        ("Cargo.toml", &package("warns", "")),
        (
            "build.rs",
            "fn main() {\n    println!(\"cargo::rerun-if-changed=build.rs\");\n    \
             std::fs::write(format!(\"{}/made.rs\", std::env::var(\"OUT_DIR\").unwrap()), \"fn made() {}\\n\").unwrap();\n}\n",
        ),
        (
            "src/main.rs",
            "include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));\nfn unused() {}\nfn main() { let x = 1; }\n",
        ),
    ]);
    let shown = |step: &Step, world: &World| {
        let text = step.succeeds().stderr().replace(world.tree().to_str().expect("is text"), "<tree>");
        let lines = text.lines().filter(|line| !line.contains("Finished") && !line.contains("Compiling"));
        lines.map(|line| line.to_owned() + "\n").collect::<String>()
    };
    let step = world.build();
    step.all_missed();
    let first = shown(&step, &world);
    for part in
        ["--> src/main.rs:2:4", "--> <tree>/target/debug/build/warns-", "function `made` is never used"]
    {
        assert!(first.contains(part), "no `{part}` in\n{first}");
    }
    assert_eq!(first, shown(world.rebuild().all_hit(), &world));
    let noop = world.build();
    assert!(noop.records().is_empty());
    assert_eq!(first, shown(&noop, &world));
    let world = world.relocate("another tree");
    assert_eq!(first, shown(world.build().all_hit(), &world));
}

#[test]
fn a_tree_behind_a_link_is_served() {
    let world = World::project("out-dir");
    world.build().all_missed();
    let (tree, link) = (world.tree().to_path_buf(), world.root().join("trees/link"));
    symlink(&tree, &link).expect("makes a link");
    fs::remove_dir_all(world.target()).expect("removes the build directory");
    fs::create_dir(world.root().join("elsewhere")).expect("makes a directory");
    symlink(world.root().join("elsewhere"), tree.join("target")).expect("makes a link");
    let build = || {
        let mut command = world.command("cargo");
        command.current_dir(&link).env("PWD", &link).arg("build");
        world.run(command)
    };
    build().succeeds();
    let printed = world.run_bin("app");
    assert!(
        printed.contains("include-only included\n") && printed.contains("both reads twice\n"),
        "{printed}"
    );
    let step = build();
    assert!(step.succeeds().records().is_empty(), "{step}");
    fs::remove_dir_all(world.root().join("elsewhere/debug")).expect("removes");
    build().all_hit();
    assert_eq!(world.run_bin("app"), printed);
}

/// A program that resolves links gets a path without the link.
#[test]
fn a_build_directory_behind_a_link_is_the_one_that_it_leads_to() {
    let real = "#[proc_macro]\npub fn real(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n    \
                let dir = std::fs::canonicalize(std::env::var(\"OUT_DIR\").unwrap()).unwrap();\n    \
                format!(\"{dir:?}\").parse().unwrap()\n}\n";
    let world = World::files(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"macros\"]\n"),
        ("macros/Cargo.toml", &package("macros", "[lib]\nproc-macro = true\n")),
        ("macros/src/lib.rs", real),
        ("app/Cargo.toml", &package("app", "[dependencies]\nmacros = { path = \"../macros\" }\n")),
        ("app/build.rs", "fn main() {}\n"),
        ("app/src/main.rs", "fn main() { print!(\"{}\", macros::real!()); }\n"),
    ]);
    for paths in ["mapped", "exact"] {
        world.write(".kache.toml", format!("[cache]\npaths = \"{paths}\"\n"));
        for name in ["here", "there", "here"] {
            let (place, link) = (world.root().join(name), world.target());
            fs::create_dir_all(&place).expect("makes a directory");
            symlink(&place, &link).expect("makes a link");
            world.build().succeeds();
            let printed = world.run_bin("app");
            assert!(Path::new(&printed).starts_with(&place), "{paths}: {printed}");
            fs::remove_file(link).expect("removes");
            fs::remove_dir_all(place).expect("removes");
        }
    }
}

#[test]
fn blanks_and_quotes_in_paths_are_nothing_special() {
    for name in ["with blank", "with 'quote' \"and\" $dollar", "with #hash", "with\\backslash", "ünïcödé"]
    {
        let world = World::project("out-dir").relocate(name);
        world.build().all_missed();
        world.noop();
        world.rebuild().all_hit();
        world.noop();
        assert!(world.run_bin("app").contains("both reads twice\n"), "{name}");
        world.same_as_plain_cargo();
    }
}

/// rustc takes no such path in an argument, but works where one leads to.
#[test]
fn paths_that_are_no_text_are_nothing_special() {
    let world = World::files(&[("main.rs", "fn main() { println!(\"{}\", file!()); }\n")]);
    let call = |name: &[u8]| {
        let dir = world.tree().join(OsStr::from_bytes(name));
        fs::create_dir_all(dir.join("out")).expect("makes a directory");
        fs::copy(world.tree().join("main.rs"), dir.join("main.rs")).expect("copies");
        let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
        command.current_dir(&dir).args([
            "rustc",
            "--crate-name",
            "x",
            "main.rs",
            "-g",
            "--emit",
            "dep-info,link",
        ]);
        command.args(["--out-dir", "out"]);
        let step = world.run(command);
        assert_eq!(world.run_file(&dir.join("out/x")), "main.rs\n", "{step}");
        step
    };
    // Two that look alike.
    for name in [b"not \xff text", b"not \xfe text"] {
        call(name).expect(hits(0), misses(1));
        call(name).expect(hits(1), misses(0));
    }
}

#[test]
fn a_value_that_is_no_text_is_one_value_of_many() {
    let mut world = World::project("two-crates").env("KACHE_SALT_ME", OsStr::from_bytes(b"\xff"));
    world.write(".kache.toml", "[cache]\nkey_env_vars = [\"KACHE_SALT_ME\"]\n");
    world.build().all_missed();
    world.rebuild().all_hit();
    world.set("KACHE_SALT_ME", OsStr::from_bytes(b"\xfe"));
    world.rebuild().all_missed();
    world.set("KACHE_SALT_ME", "\u{fffd}");
    world.rebuild().all_missed();
}

/// Coverage maps name real files: every tree has its own.
#[test]
fn a_build_that_measures_coverage_stays_in_its_tree() {
    let world = World::project("two-crates").env("RUSTFLAGS", "-C instrument-coverage");
    world.build().all_missed();
    world.rebuild().all_hit();
    world.same_as_plain_cargo_with_real_paths(&["build"]);
    let world = world.relocate("other");
    world.build().all_missed();
    let binary = fs::read(world.target().join("debug/app")).expect("reads");
    assert!(!contains(&binary, b"trees/first"));
    world.same_as_plain_cargo_with_real_paths(&["build"]);
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_build_with_exact_paths_stays_in_its_tree() {
    let world = World::project("two-crates");
    world.write(".kache.toml", "[cache]\npaths = \"exact\"\n");
    world.build().all_missed();
    world.rebuild().all_hit();
    world.same_as_plain_cargo_with_real_paths(&["build"]);
    let world = world.relocate("other");
    world.build().all_missed();
    world.same_as_plain_cargo_with_real_paths(&["build"]);
}

#[test]
fn executables_that_are_not_cached_are_made_each_time() {
    let world = World::project("kinds").env("KACHE_CACHE_EXECUTABLES", "0");
    let step = world.build();
    let left_alone = step.bypasses();
    assert!(!left_alone.is_empty() && left_alone.iter().all(|why| *why == Bypass::Executable), "{step}");
    let step = world.rebuild();
    assert_eq!((step.succeeds().n_misses(), step.bypasses()), (0, left_alone), "{step}");
    assert_eq!(world.run_bin("app"), "app plain 15\n");
    world.noop();
}

#[test]
fn debug_information_in_files_of_its_own_is_left_alone() {
    let world = World::project("two-crates");
    world.write(".cargo/config.toml", "[profile.dev]\nsplit-debuginfo = \"unpacked\"\n");
    for _ in 0..2 {
        let step = world.build();
        assert!(step.succeeds().bypasses().contains(&Bypass::SideOutput), "{step}");
        assert_eq!(world.run_bin("app"), "hello world a note\n");
        world.noop();
        let deps = fs::read_dir(world.target().join("debug/deps")).expect("lists");
        let n_debug = deps
            .filter(|file| contains(file.as_ref().expect("lists").file_name().as_bytes(), b".dwo"))
            .count();
        assert_ne!(n_debug, 0);
        world.clean();
    }
}

#[test]
fn intermediate_files_in_a_directory_of_their_own_are_served() {
    let mut world = World::project("out-dir");
    world.build().all_missed();
    world.set("CARGO_BUILD_BUILD_DIR", world.root().join("intermediate"));
    world.rebuild().succeeds();
    let printed = world.run_bin("app");
    assert!(
        printed.contains("include-only included\n") && printed.contains("both reads twice\n"),
        "{printed}"
    );
    world.noop();
    fs::remove_dir_all(world.root().join("intermediate")).expect("removes");
    world.rebuild().all_hit();
    assert_eq!(world.run_bin("app"), printed);
    world.noop();
}

/// One directory for each unit, and no common one for dependencies.
#[test]
fn the_new_layout_of_build_directories_is_served() {
    let world = World::project("out-dir").env("RUSTC_BOOTSTRAP", "1");
    let build = ["build", "-Z", "build-dir-new-layout"];
    let step = world.cargo(build);
    if step.stderr().contains("unknown `-Z` flag") {
        skip("new-layout", "this cargo does not know the new layout of build directories");
        return;
    }
    step.all_missed();
    world.noop_of(build);
    world.clean();
    world.cargo(build).all_hit();
    world.noop_of(build);
    world.same_as_plain_cargo_of(&build);
    let world = world.relocate("other");
    world.cargo(build).only_missed(&["app bin", "bakes_path lib", "both lib"]);
    assert!(world.run_bin("app").contains("both reads twice\n"));
    world.noop_of(build);
}

#[test]
fn a_build_directory_on_another_file_system_is_served() {
    let Ok(dir) = tempfile::Builder::new().prefix("kache-it-").tempdir_in("/dev/shm") else {
        skip("another-disk", "there is no /dev/shm");
        return;
    };
    let world = World::project("kinds").env("CARGO_TARGET_DIR", dir.path());
    world.build().all_missed();
    world.rebuild().all_hit();
    world.noop();
    assert_eq!(world.run_bin("app"), "app plain 15\n");
}

/// A build script that builds another project, through the same wrapper and into its own directory.
#[test]
fn a_build_inside_of_a_build_is_served() {
    let world = World::files(&[
        ("Cargo.toml", &package("outer", "[workspace]\nexclude = [\"inner\"]\n")),
        (
            "build.rs",
            "fn main() {\n    println!(\"cargo::rerun-if-changed=inner/src\");\n    \
             let out = std::env::var(\"OUT_DIR\").unwrap();\n    \
             let status = std::process::Command::new(std::env::var(\"CARGO\").unwrap())\n        \
             .args([\"build\", \"-q\", \"--manifest-path\", \"inner/Cargo.toml\", \"--target-dir\", &out])\n        \
             .env_remove(\"CARGO_ENCODED_RUSTFLAGS\").status().unwrap();\n    assert!(status.success());\n    \
             println!(\"cargo::rustc-env=INNER={out}/debug/inner\");\n}\n",
        ),
        (
            "src/main.rs",
            "fn main() {\n    let said = std::process::Command::new(env!(\"INNER\")).output().unwrap();\n    \
             print!(\"outer {}\", String::from_utf8(said.stdout).unwrap());\n}\n",
        ),
        ("inner/Cargo.toml", &package("inner", "[workspace]\n")),
        ("inner/src/main.rs", "fn main() { println!(\"inner\"); }\n"),
    ]);
    world.build().succeeds();
    assert_eq!(world.run_bin("outer"), "outer inner\n");
    world.noop();
    // What is built below `OUT_DIR` could be a probe, which is left alone.
    let step = world.rebuild();
    assert_eq!((step.succeeds().n_hits(), step.bypasses()), (2, vec![Bypass::Probe]), "{step}");
    assert_eq!(world.run_bin("outer"), "outer inner\n");
    let world = world.relocate("other");
    world.build().succeeds();
    assert_eq!(world.run_bin("outer"), "outer inner\n");
}

#[test]
fn two_binaries_beside_a_library_are_served() {
    let world = World::files(&[
        ("Cargo.toml", &package("several", "")),
        ("src/lib.rs", "pub fn name() -> &'static str { \"lib\" }\n"),
        ("src/main.rs", "fn main() { println!(\"main {}\", several::name()); }\n"),
        ("src/bin/second.rs", "fn main() { println!(\"second {}\", several::name()); }\n"),
    ]);
    world.build().all_missed();
    let world = world.relocate("other");
    world.build().all_hit();
    world.noop();
    assert_eq!(
        (world.run_bin("several"), world.run_bin("second")),
        ("main lib\n".into(), "second lib\n".into())
    );
    world.same_as_plain_cargo();
    world.edit("src/bin/second.rs", "second {}", "2nd {}");
    world.rebuild().only_missed(&["second bin"]);
    assert_eq!(
        (world.run_bin("several"), world.run_bin("second")),
        ("main lib\n".into(), "2nd lib\n".into())
    );
}
