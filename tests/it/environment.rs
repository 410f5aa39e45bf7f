//! Variables and places: what of them ends up in an output decides; what does not, does not.

use std::ffi::OsStr;

use kache::outcome::Bypass;

use crate::skip::skip;
use crate::step::{hits, misses};
use crate::world::{World, package};

#[test]
fn a_value_from_the_build_script_decides() {
    let world = World::project("env-values");
    world.build().all_missed();
    assert_eq!(world.run_bin("env-values"), "stamp one\nopt None\n");
    world.write("stamp.txt", "two\n");
    world.build().missed(&["env_values bin"]);
    assert_eq!(world.run_bin("env-values"), "stamp two\nopt None\n");
    world.write("stamp.txt", "one\n");
    world.build().all_hit();
    assert_eq!(world.run_bin("env-values"), "stamp one\nopt None\n");
    world.same_as_plain_cargo();
}

#[test]
fn unset_empty_and_set_are_three_values() {
    let mut world = World::project("env-values");
    world.build().all_missed();
    world.set("KACHE_FIXTURE_OPT", "");
    world.rebuild().only_missed(&["env_values bin"]);
    assert_eq!(world.run_bin("env-values"), "stamp one\nopt Some(\"\")\n");
    world.set("KACHE_FIXTURE_OPT", "x");
    world.rebuild().only_missed(&["env_values bin"]);
    assert_eq!(world.run_bin("env-values"), "stamp one\nopt Some(\"x\")\n");
    world.unset("KACHE_FIXTURE_OPT");
    world.rebuild().all_hit();
    assert_eq!(world.run_bin("env-values"), "stamp one\nopt None\n");
    let mut world = world.relocate("other");
    world.set("KACHE_FIXTURE_OPT", "");
    world.build().all_hit();
    assert_eq!(world.run_bin("env-values"), "stamp one\nopt Some(\"\")\n");
    world.same_as_plain_cargo();
}

#[test]
fn a_value_with_every_awkward_character_is_kept_as_it_is() {
    let mut world = World::project("env-values");
    for value in ["a\\b", "a\nb", "a\rb", "a b=c # d", "\\n", "$out: x", "\u{1F980}"] {
        world.set("KACHE_FIXTURE_OPT", value);
        world.cargo(["build", "-q"]).succeeds();
        world.rebuild().all_hit();
        assert_eq!(world.run_bin("env-values"), format!("stamp one\nopt {:?}\n", Some(value)));
        world.noop();
    }
}

#[test]
fn a_variable_that_nothing_reads_does_not_matter() {
    let world = World::project("two-crates");
    world.build().all_missed();
    let world = world
        .env("SOMETHING_ELSE", "x")
        .env("CARGO_BUILD_JOBS", "1")
        .env("TERM", "dumb")
        .env("CARGO_REGISTRIES_PRIVATE_TOKEN", "secret");
    world.rebuild().all_hit();
}

#[test]
fn generated_code_hits_elsewhere_and_a_baked_out_dir_does_not() {
    let world = World::project("out-dir");
    world.build().all_missed();
    world.same_as_plain_cargo();
    world.rebuild().all_hit();
    world.noop();
    let world = world.relocate("other");
    world.build().only_missed(&["app bin", "bakes_path lib", "both lib"]);
    let out = world.run_bin("app");
    assert!(out.contains("include-only included\n") && out.contains("bakes-path reads read\n"), "{out}");
    assert!(out.contains("both reads twice\n"), "{out}");
    for line in out.lines().filter(|line| line.contains('/')) {
        assert!(line.contains(world.target().to_str().expect("is text")), "{line}");
    }
    world.noop();
    world.rebuild().all_hit();
    world.same_as_plain_cargo();
}

#[test]
fn editing_what_a_build_script_generates_misses_in_both_trees() {
    let world = World::project("out-dir");
    world.build().all_missed();
    let other = world.checkout("other");
    other.write("include-only/value.txt", "changed\n");
    other.build().only_missed(&["app bin", "bakes_path lib", "both lib", "include_only lib"]);
    assert!(other.run_bin("app").contains("include-only changed\n"));
    world.rebuild().all_hit();
    assert!(world.run_bin("app").contains("include-only included\n"));
}

/// The directory stands in the output, but not as a text that a search would find.
#[test]
fn a_path_that_was_transformed_while_compiling_is_bound_to_its_tree() {
    let world = World::files(&[
        ("Cargo.toml", &package("transformed", "")),
        (
            "src/main.rs",
            "const DIR: &str = env!(\"CARGO_MANIFEST_DIR\");\nconst LENGTH: usize = DIR.len();\n\
             fn main() { println!(\"{LENGTH}\"); }\n",
        ),
    ]);
    world.build().all_missed();
    let world = world.relocate("a-longer-name");
    world.build().all_missed();
    assert_eq!(world.run_bin("transformed").trim(), world.tree().as_os_str().len().to_string());
}

/// Who reads the variable is a macro of another crate: its name is nowhere in these sources.
#[test]
fn a_path_that_another_crates_macro_transformed_is_bound_to_its_tree() {
    let world = World::files(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"length\"]\n"),
        ("length/Cargo.toml", &package("length", "")),
        (
            "length/src/lib.rs",
            "#[macro_export]\nmacro_rules! length { () => { env!(\"CARGO_MANIFEST_DIR\").len() }; }\n",
        ),
        ("app/Cargo.toml", &package("app", "[dependencies]\nlength = { path = \"../length\" }\n")),
        (
            "app/src/main.rs",
            "const LENGTH: usize = length::length!();\nfn main() { println!(\"{LENGTH}\"); }\n",
        ),
    ]);
    world.build().all_missed();
    let world = world.relocate("a-longer-name");
    world.build().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app").trim(), world.tree().join("app").as_os_str().len().to_string());
}

#[test]
fn a_macro_that_is_only_called_like_an_include_binds_as_well() {
    let world = World::files(&[
        ("Cargo.toml", &package("called", "")),
        ("build.rs", "fn main() { println!(\"cargo::rerun-if-changed=build.rs\"); }\n"),
        (
            "src/main.rs",
            "macro_rules! not_include { ($text:expr) => { $text.len() }; }\n\
             const LENGTH: usize = not_include!(concat!(env!(\"OUT_DIR\"), \"/x\"));\n\
             fn main() { println!(\"{LENGTH}\"); }\n",
        ),
    ]);
    world.build().all_missed();
    let first: usize = world.run_bin("called").trim().parse().expect("a number");
    let old = world.tree().as_os_str().len();
    let world = world.relocate("a-longer-name");
    world.build().only_missed(&["called bin"]);
    let grown = world.tree().as_os_str().len() - old;
    assert_eq!(world.run_bin("called").trim(), (first + grown).to_string());
}

#[test]
fn a_checkouts_own_path_stays_its_own_over_a_dependency_edge() {
    let world = World::project("manifest-dir");
    world.build().all_missed();
    world.rebuild().all_hit();
    let world = world.relocate("other");
    world.build().missed(&["app bin", "located lib"]);
    assert_eq!(world.run_bin("app").trim(), world.tree().join("located").to_str().expect("is text"));
    world.same_as_plain_cargo();
}

#[test]
fn an_integration_test_runs_the_binary_of_its_own_tree() {
    let world = World::project("kinds");
    let test = ["test", "-p", "app", "--test", "runs_the_binary"];
    world.cargo(test).all_missed();
    let world = world.relocate("other");
    let step = world.cargo(test);
    step.only_missed(&["runs_the_binary test"]);
    assert!(step.stdout().contains("test result: ok. 2 passed"), "{step}");
    world.noop_of(test);
}

#[test]
fn a_build_directory_elsewhere_hits() {
    let world = World::project("out-dir");
    world.build().all_missed();
    let mut world = world;
    let elsewhere = world.root().join("build directory");
    world.set("CARGO_TARGET_DIR", &elsewhere);
    world.build().only_missed(&["app bin", "bakes_path lib", "both lib"]);
    assert!(world.run_bin("app").contains("both reads twice\n"));
    world.noop();
    world.same_as_plain_cargo();
}

#[test]
fn a_path_dependency_outside_the_workspace_is_right_in_both_places() {
    let world = World::project("outside").within("app");
    world.build().all_missed();
    let printed = |world: &World| {
        let file = world.tree().join("elsewhere/dep/src/lib.rs");
        format!("dep elsewhere {}\npanics at src/main.rs\n", file.display())
    };
    assert_eq!(world.run_bin("app"), printed(&world));
    world.rebuild().all_hit();
    // Its sources have absolute names, which stand in its output: nothing of it serves another tree, while the first
    // is there nor when it is gone.
    let beside = world.checkout("beside");
    beside.build().expect(hits(0), misses(2));
    assert_eq!(beside.run_bin("app"), printed(&beside));
    let world = world.relocate("other");
    let step = world.build();
    step.expect(hits(0), misses(2));
    assert_eq!(world.run_bin("app"), printed(&world));
    world.noop();
    world.same_as_plain_cargo();
}

#[test]
fn rustc_bootstrap_is_part_of_the_key() {
    let source = "#![cfg_attr(feature = \"nightly\", feature(never_type))]\nfn main() { println!(\"x\"); }\n";
    let mut world = World::files(&[
        ("Cargo.toml", &package("bootstrap", "[features]\nnightly = []\n")),
        ("src/main.rs", source),
    ]);
    world.set("RUSTC_BOOTSTRAP", "1");
    world.cargo(["build", "--features", "nightly"]).all_missed();
    world.unset("RUSTC_BOOTSTRAP");
    world.clean();
    world.cargo(["build", "--features", "nightly"]).fails_with("E0554");
    world.set("RUSTC_BOOTSTRAP", "1");
    world.clean();
    world.cargo(["build", "--features", "nightly"]).all_hit();
}

/// The variables that a macro reads decide as well: see `macros`.
#[test]
fn source_date_epoch_is_part_of_the_key() {
    let mut world = World::project("two-crates");
    world.build().all_missed();
    world.set("SOURCE_DATE_EPOCH", "1");
    world.rebuild().all_missed();
}

#[test]
fn another_salt_is_another_cache() {
    let mut world = World::project("two-crates");
    world.build().all_missed();
    world.set("KACHE_KEY_SALT", "pepper");
    world.rebuild().all_missed();
    world.unset("KACHE_KEY_SALT");
    world.rebuild().all_hit();
}

#[test]
fn another_compiler_misses() {
    let is_missing = |step: crate::step::Step| step.stderr().contains("not installed");
    let world = World::project("two-crates").env("RUSTUP_TOOLCHAIN", "nightly");
    let step = world.build();
    if is_missing(step) {
        skip("nightly", "the toolchain nightly is not installed");
        return;
    }
    let mut world = world;
    world.set("RUSTUP_TOOLCHAIN", "stable");
    world.rebuild().all_missed();
    world.set("RUSTUP_TOOLCHAIN", "nightly");
    world.rebuild().all_hit();
}

/// No argument names the library, and nothing in the sources says what is in it.
#[test]
fn a_static_library_of_the_checkout_that_only_an_attribute_names_decides() {
    let world = World::files(&[
        ("Cargo.toml", &package("linked", "")),
        (
            "build.rs",
            "fn main() {\n    let dir = std::env::var(\"CARGO_MANIFEST_DIR\").unwrap() + \"/prebuilt\";\n    \
             println!(\"cargo::rerun-if-changed=build.rs\");\n    \
             println!(\"cargo::rustc-link-search=native={dir}\");\n}\n",
        ),
        (
            "src/main.rs",
            "#[link(name = \"value\", kind = \"static\")]\nunsafe extern \"C\" { fn value() -> i32; }\n\
             fn main() { println!(\"{}\", unsafe { value() }); }\n",
        ),
    ]);
    let archive = |value: u32| {
        world.write("prebuilt/value.c", format!("int value(void) {{ return {value}; }}\n"));
        let mut compile = world.command("sh");
        compile.args(["-c", "cd prebuilt && cc -c value.c && rm -f libvalue.a && ar crs libvalue.a value.o"]);
        world.run(compile).succeeds();
    };
    archive(1);
    world.build().all_missed();
    assert_eq!(world.run_bin("linked"), "1\n");
    archive(2);
    world.rebuild().only_missed(&["linked bin"]);
    assert_eq!(world.run_bin("linked"), "2\n");
}

/// The identity of a compiler covers its own std.
#[test]
fn another_sysroot_is_left_to_the_compiler() {
    let world = World::project("two-crates");
    let printed = world.run({
        let mut command = world.command("rustc");
        command.args(["--print", "sysroot"]);
        command
    });
    let own = printed.stdout().trim();
    let other = world.root().join("sysroot");
    std::os::unix::fs::symlink(own, &other).expect("links the sysroot");
    let flags = |path: &str| format!("--sysroot={path}");
    let world = world.env("RUSTFLAGS", flags(other.to_str().expect("is text")));
    world.build().all_missed();
    std::fs::remove_file(&other).expect("removes the link");
    std::fs::create_dir(&other).expect("makes another sysroot");
    std::os::unix::fs::symlink(format!("{own}/lib"), other.join("lib")).expect("links its libraries");
    let step = world.rebuild();
    step.succeeds();
    assert_eq!(step.bypasses(), [Bypass::UnknownCompiler; 2], "{step}");
}

#[test]
fn each_spelling_of_the_workspace_is_a_path_of_its_own() {
    let world = World::files(&[
        ("Cargo.toml", &package("app", "")),
        ("src/main.rs", "fn main() { print!(\"{}\", env!(\"CARGO_MANIFEST_DIR\")); }\n"),
    ]);
    let link = world.root().join("trees/link");
    std::os::unix::fs::symlink(world.tree(), &link).expect("links");
    let manifest = link.join("Cargo.toml");
    let through_link =
        || world.cargo([OsStr::new("build"), OsStr::new("--manifest-path"), manifest.as_os_str()]);
    through_link().all_missed();
    assert_eq!(world.run_bin("app"), link.to_str().expect("is text"));
    world.rebuild().all_missed();
    assert_eq!(world.run_bin("app"), world.tree().to_str().expect("is text"));
    world.clean();
    through_link().all_hit();
    assert_eq!(world.run_bin("app"), link.to_str().expect("is text"));
}

/// It leads from a program to the libraries of the toolchain, by a path that no search for real paths finds.
#[test]
fn a_relative_path_to_libraries_is_that_of_its_own_tree() {
    let world = World::files(&[
        ("Cargo.toml", &package("app", "[profile.dev]\nrpath = true\n")),
        ("src/main.rs", "fn main() { print!(\"runs\"); }\n"),
    ])
    .env("RUSTFLAGS", "-C prefer-dynamic");
    world.build().all_missed();
    assert_eq!(world.run_bin("app"), "runs");
    world.rebuild().all_hit();
    std::fs::create_dir_all(world.root().join("trees/further/down")).expect("creates");
    let other = world.relocate("further/down/other");
    other.build().all_missed();
    assert_eq!(other.run_bin("app"), "runs");
    // The same path, and behind it a place from which another path leads there.
    let elsewhere = other.root().join("elsewhere");
    std::fs::create_dir(&elsewhere).expect("creates");
    other.clean();
    std::os::unix::fs::symlink(elsewhere, other.target()).expect("links");
    other.build().all_missed();
    assert_eq!(other.run_bin("app"), "runs");
}
