//! New build directories of a user whose cargo has its packages elsewhere: cargo hashes the paths of their sources.

use std::fs;

use crate::layouts::layouts;
use crate::seeding::{settle, split};
use crate::step::Step;
use crate::world::{World, package};

fn assert_all_seeded(step: &Step, n_units: usize) {
    let refused: Vec<_> = step.records().iter().filter_map(|it| it.not_seeded.as_deref()).collect();
    assert_eq!(split(step), (n_units, Vec::new()), "{refused:?}\n{step}");
}

/// Gives the user another home, with the same registry.
fn move_home(world: &mut World, name: &str) {
    let home = world.root().join(name);
    let registry = fs::canonicalize(world.root().join("home/.cargo/registry")).expect("there is one");
    fs::create_dir_all(home.join(".cargo")).expect("creates the home");
    std::os::unix::fs::symlink(registry, home.join(".cargo/registry")).expect("links the registry");
    world.set("HOME", &home);
    world.set("CARGO_HOME", home.join(".cargo"));
}

#[test]
fn packages_of_a_registry_are_seeded_where_cargo_has_another_home() {
    let mut world = World::project("big").env("KACHE_SEED", "1").env("KACHE_CACHE_BUILD_SCRIPTS", "1");
    world.set("KACHE_PATHS", "portable");
    settle(&world);
    world.build().succeeds();
    world.harvest().succeeds();
    world.clean();
    let (n_units, _) = split(&world.build());
    world.clean();
    move_home(&mut world, "other");
    assert_all_seeded(&world.build(), n_units);
    world.noop();
    // What was seeded there is harvested with the hashes that it has there, and seeded in a third place.
    world.edit("app/src/main.rs", "fn main() {", "fn main() { // again");
    world.build().succeeds();
    world.harvest().succeeds();
    world.clean();
    move_home(&mut world, "third");
    assert_all_seeded(&world.build(), n_units);
    world.noop();
}

/// Gives cargo a home with two packages of a registry: one tells the other, through their build scripts, to say `word`.
fn home_that_says(world: &mut World, name: &str, word: &str) {
    let home = world.root().join(name);
    let sources = home.join("registry/src");
    let write = |file: &str, content: &str| {
        let path = home.join(file);
        fs::create_dir_all(path.parent().expect("it has one")).expect("creates the directory");
        fs::write(path, content).expect("writes the file");
    };
    let replaced = format!("[source.crates-io]\nreplace-with = \"v\"\n[source.v]\ndirectory = {sources:?}\n");
    write("config.toml", &replaced);
    let script =
        |tells: &str| format!("fn main() {{ println!(\"cargo::rerun-if-changed=build.rs\"); {tells} }}\n");
    let words = package("words", "").replace("edition", "links = \"words\"\nedition");
    write("registry/src/words/Cargo.toml", &words);
    let tells = format!("println!(\"cargo::metadata=word={word}\");");
    write("registry/src/words/build.rs", &script(&tells));
    write("registry/src/words/src/lib.rs", "");
    write("registry/src/spoken/Cargo.toml", &package("spoken", "[dependencies]\nwords = \"0.1\"\n"));
    let passes =
        "println!(\"cargo::rustc-env=WORD={}\", std::env::var(\"DEP_WORDS_WORD\").unwrap());".to_owned();
    write("registry/src/spoken/build.rs", &script(&passes));
    write("registry/src/spoken/src/lib.rs", "pub const WORD: &str = env!(\"WORD\");\n");
    for package in ["words", "spoken"] {
        let checksums = "{\"files\":{},\"package\":null}";
        write(&format!("registry/src/{package}/.cargo-checksum.json"), checksums);
    }
    world.set("CARGO_HOME", &home);
}

#[test]
fn a_package_that_another_home_has_with_other_sources_is_built() {
    let mut world = World::files(&[
        ("Cargo.toml", &package("app", "[dependencies]\nspoken = \"0.1\"\n[workspace]\n")),
        ("src/main.rs", "fn main() { println!(\"{}\", spoken::WORD); }\n"),
    ])
    .env("RUSTC_BOOTSTRAP", "1")
    .env("KACHE_SEED", "1")
    .env("KACHE_CACHE_BUILD_SCRIPTS", "1")
    .env("KACHE_PATHS", "portable");
    for flags in layouts(&world) {
        let command = || ["build"].iter().chain(flags);
        home_that_says(&mut world, "one", "hello");
        settle(&world);
        let n_units = world.cargo(command()).succeeds().records().len();
        world.harvest().succeeds();
        for (home, word) in [("two", "hello"), ("three", "bye")] {
            home_that_says(&mut world, home, word);
            settle(&world);
            world.clean();
            let step = world.cargo(command());
            if word == "hello" {
                assert_all_seeded(&step, n_units);
            }
            world.noop_of(command());
            assert_eq!(world.run_bin("app"), format!("{word}\n"), "{flags:?}");
        }
        world.clean();
    }
}
