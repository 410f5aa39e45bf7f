//! New build directories that are filled before cargo looks into them: cargo finds what it would have built, and
//! builds whatever has changed since.

use std::fs;
use std::path::Path;

use kache::outcome::{Origin, Outcome};

use crate::step::Step;
use crate::world::{World, package};

/// A project whose builds are harvested and seeded.
fn project(name: &str) -> World {
    seeded(World::project(name))
}

fn seeded(world: World) -> World {
    world.env("KACHE_SEED", "1").env("KACHE_CACHE_BUILD_SCRIPTS", "1")
}

/// How many units were seeded in a step, and the names of those that cargo asked for.
pub(crate) fn split(step: &Step) -> (usize, Vec<String>) {
    step.succeeds();
    let is_seeded = |outcome: &Outcome| matches!(outcome, Outcome::Hit { origin: Origin::Seeded });
    let (seeded, asked): (Vec<_>, Vec<_>) =
        step.records().iter().partition(|record| is_seeded(&record.outcome));
    let mut names: Vec<_> = asked.iter().map(|record| record.unit.crate_name.clone()).collect();
    names.sort();
    (seeded.len(), names)
}

/// Builds, harvests, and forgets the build directory.
fn build_once(world: &World) -> usize {
    settle(world);
    let step = world.build();
    step.succeeds();
    world.harvest().succeeds();
    world.clean();
    step.records().len()
}

/// Only what is older than the cargo that builds is known to be what it read. Another call of cargo takes long enough.
pub(crate) fn settle(world: &World) {
    world.cargo(["metadata", "--format-version", "1"]).succeeds();
}

#[test]
fn a_build_directory_that_was_removed_is_filled_before_cargo_asks() {
    let world = project("two-crates");
    let n_units = build_once(&world);
    let step = world.build();
    assert_eq!(split(&step), (n_units, Vec::new()), "{step}");
    world.noop();
}

#[test]
fn another_checkout_is_filled_before_cargo_asks() {
    let world = project("two-crates");
    let n_units = build_once(&world);
    let world = world.relocate("other");
    let step = world.build();
    assert_eq!(split(&step), (n_units, Vec::new()), "{step}");
    world.noop();
}

#[test]
fn registry_crates_macros_and_build_scripts_are_seeded_too() {
    let world = project("big");
    build_once(&world);
    let step = world.build();
    let (n_seeded, asked) = split(&step);
    assert!(n_seeded > 140 && asked.is_empty(), "{step}");
    world.noop();
    // What its C compiler wrote holds the path of the build directory.
    let world = world.relocate("other");
    let step = world.build();
    let (n_seeded, asked) = split(&step);
    assert!(n_seeded > 130, "{step}");
    let expected = ["big_app", "big_app", "big_capi", "big_tools", "big_util", "libz_sys", "libz_sys"];
    assert_eq!(asked.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>(), expected, "{step}");
    world.noop();
}

/// A library, a program that uses it, and a macro that reads a file.
fn workspace() -> World {
    seeded(World::files(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"app\", \"lib\", \"mac\"]\nresolver = \"3\"\n"),
        ("app/Cargo.toml", &package("app", "[dependencies]\nlib = { path = \"../lib\" }\n")),
        ("app/src/main.rs", "fn main() { println!(\"{}\", lib::text()); }\n"),
        ("lib/Cargo.toml", &package("lib", "[dependencies]\nmac = { path = \"../mac\" }\n")),
        (
            "lib/src/lib.rs",
            "pub fn text() -> String { [env!(\"CARGO_PKG_DESCRIPTION\"), include_str!(\"text\"), mac::read!()].concat() }\n",
        ),
        ("lib/src/text", "text "),
        ("mac/Cargo.toml", &package("mac", "[lib]\nproc-macro = true\n")),
        (
            "mac/src/lib.rs",
            "#[proc_macro] pub fn read(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n\
             let text = std::fs::read_to_string(\"read-by-a-macro\").unwrap_or_default();\n\
             let asked = std::env::var(\"ASKED\").unwrap_or_default();\n\
             format!(\"{text:?}\").parse().map(|it: proc_macro::TokenStream| { let _ = asked; it }).unwrap() }\n",
        ),
        ("read-by-a-macro", "read"),
    ]))
}

/// Builds the workspace once, changes it in another checkout, and builds there: what cargo asks for, and what the program
/// prints.
fn after(change: impl FnOnce(&World)) -> (Vec<String>, String) {
    let world = workspace();
    world.write(
        "lib/Cargo.toml",
        package("lib", "description = \"described \"\n[dependencies]\nmac = { path = \"../mac\" }\n"),
    );
    build_once(&world);
    let world = world.relocate("other");
    change(&world);
    let step = world.build();
    let (n_seeded, asked) = split(&step);
    assert!(n_seeded + asked.len() >= 3, "{step}");
    world.noop();
    (asked, world.run_bin("app").trim_end().to_owned())
}

#[test]
fn what_has_changed_is_built() {
    let printed = |text: &str| format!("described {text}");
    let asked = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(after(|_| {}), (Vec::new(), printed("text read")));
    assert_eq!(
        after(|world| world.edit("app/src/main.rs", "lib::text()", "lib::text() + \"!\"")),
        (asked(&["app"]), printed("text read!"))
    );
    assert_eq!(
        after(|world| world.write("lib/src/text", "other ")),
        (asked(&["app", "lib"]), printed("other read"))
    );
    // Cargo knows of neither.
    assert_eq!(
        after(|world| world.write("read-by-a-macro", "changed")),
        (asked(&["app", "lib"]), printed("text changed"))
    );
    assert_eq!(after(|world| world.remove("read-by-a-macro")), (asked(&["app", "lib"]), printed("text")));
    assert_eq!(
        after(|world| world.edit("lib/Cargo.toml", "described", "named")),
        (asked(&["app", "lib"]), "named text read".to_owned())
    );
}

/// Sets the time of a file of the tree.
fn set_time(world: &World, file: &str, seconds_from_now: i64) {
    let now = std::time::SystemTime::now();
    let by = std::time::Duration::from_secs(seconds_from_now.unsigned_abs());
    let time = if seconds_from_now < 0 { now - by } else { now + by };
    let file = fs::File::options().write(true).open(world.tree().join(file)).expect("opens");
    file.set_modified(time).expect("sets the time");
}

#[test]
fn a_source_that_changed_and_looks_old_is_built() {
    let (asked, printed) = after(|world| {
        world.edit("app/src/main.rs", "lib::text()", "lib::text() + \"!\"");
        set_time(world, "app/src/main.rs", -1_000_000);
    });
    assert_eq!((asked, printed.as_str()), (vec!["app".to_owned()], "described text read!"));
}

#[test]
fn an_edit_after_seeding_is_built_even_where_cargo_has_begun() {
    let world = workspace();
    build_once(&world);
    let world = world.relocate("other");
    world.build().succeeds();
    world.edit("lib/src/text", "text", "edited");
    world.build().succeeds();
    assert_eq!(world.run_bin("app").trim_end(), "edited read");
}

#[test]
fn nothing_is_placed_where_there_is_a_build_directory() {
    let world = workspace();
    build_once(&world);
    fs::create_dir_all(world.target().join("debug")).expect("makes it");
    let step = world.build();
    assert_eq!(split(&step).0, 0, "{step}");
    assert_eq!(world.run_bin("app").trim_end(), "text read");
}

#[test]
fn nothing_is_seeded_where_it_is_off_and_where_files_say_how_programs_are_found() {
    let world = workspace();
    build_once(&world);
    let off = world.checkout("off").env("KACHE_SEED", "0");
    assert_eq!(split(&off.build()).0, 0);
    let set = world.checkout("set");
    set.write(".cargo/config.toml", "[env]\nLD_LIBRARY_PATH = \"x\"\n");
    assert_eq!(split(&set.build()).0, 0);
    assert!(split(&world.checkout("on").build()).0 > 0);
}

/// Cargo gives variables of its configuration to all that it starts. Here the library and the macro ask for one, which the
/// compiler notes in the first case only.
#[test]
fn variables_that_files_set_decide_as_they_are_there() {
    let world = workspace();
    let set = |world: &World, asked: &str| {
        let here = "HERE = { value = \"lib/src\", relative = true }";
        world.write(".cargo/config.toml", format!("[env]\nASKED = {asked}\n{here}\n"));
    };
    set(&world, "\"x\"");
    world.edit("mac/src/lib.rs", "let _ = asked; it", "let _ = it; format!(\"{asked:?}\").parse().unwrap()");
    world.edit("lib/src/lib.rs", "env!(\"CARGO_PKG_DESCRIPTION\")", "env!(\"ASKED\")");
    world.edit(
        "lib/src/lib.rs",
        "include_str!(\"text\")",
        "include_str!(concat!(env!(\"HERE\"), \"/text\"))",
    );
    build_once(&world);
    // Debug information of members names the checkout, which `HERE` does: the library is compiled in each.
    let build = |world: &World| {
        let step = world.build();
        step.succeeds();
        world.noop();
        (split(&step).0, world.run_bin("app").trim_end().to_owned())
    };
    let (n_units, printed) = build(&world);
    assert_eq!((n_units, printed.as_str()), (3, "xtext x"));
    let elsewhere = world.checkout("elsewhere");
    assert_eq!(build(&elsewhere), (1, "xtext x".to_owned()));
    // Another value in the file, with and without a build that was harvested with it.
    let mut other = world.checkout("other");
    set(&other, "\"y\"");
    settle(&other);
    assert_eq!(build(&other), (0, "ytext y".to_owned()));
    other.harvest().succeeds();
    other.clean();
    assert_eq!(build(&other), (3, "ytext y".to_owned()));
    // The one of the user counts where the file does not insist.
    other.set("ASKED", "z");
    for (in_file, expected) in
        [("{ value = \"y\", force = true }", (3, "ytext y")), ("\"y\"", (0, "ztext z"))]
    {
        set(&other, in_file);
        other.clean();
        assert_eq!(build(&other), (expected.0, expected.1.to_owned()));
    }
    // The file changes between a build and its harvest.
    let late = world.checkout("late");
    set(&late, "\"1\"");
    settle(&late);
    late.build().succeeds();
    set(&late, "\"2\"");
    let _ = late.harvest();
    late.clean();
    assert_eq!(build(&late).1, "2text 2");
}

/// The manifests in the store.
pub(crate) fn manifests(world: &World) -> Vec<std::path::PathBuf> {
    let dir = fs::read_dir(world.cache().join("store/v2/manifests")).expect("there are manifests");
    dir.map(|item| item.expect("is there").path()).collect()
}

#[test]
fn a_damaged_manifest_counts_for_nothing() {
    let world = workspace();
    build_once(&world);
    let [manifest] = manifests(&world).try_into().expect("there is one");
    let bytes = fs::read(&manifest).expect("reads");
    for n in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&manifest, &bytes[..n]).expect("writes");
        let step = world.build();
        assert_eq!(split(&step).0, 0, "{n} {step}");
        assert!(!Path::new(&world.target().join("debug/.fingerprint/missing")).exists());
        world.clean();
    }
}

/// Changes the text of the only manifest, which then is as whole as one of kache's.
fn forge(world: &World, change: impl FnOnce(String) -> String) {
    let [manifest] = manifests(world).try_into().expect("there is one");
    let bytes = kache::digest::guard::check(fs::read(&manifest).expect("reads")).expect("is whole");
    let text = change(String::from_utf8(bytes).expect("is text"));
    fs::write(&manifest, kache::digest::guard::add(text.into_bytes())).expect("writes");
}

#[test]
fn a_hostile_manifest_writes_nothing_outside_of_the_build_directory() {
    for (what, instead) in [
        ("\"--out-dir\",\"<target>/debug", "\"--out-dir\",\"<target>/../../escaped"),
        ("\"out_dir\":\"<target>/debug", "\"out_dir\":\"<target>/../../escaped"),
        ("\"profile_dir\":\"<target>/debug\"", "\"profile_dir\":\"<target>/../../escaped\""),
        ("\"name\":\"app-", "\"name\":\"../../../../escaped/app-"),
        ("{\"name\":\"bin-app\"", "{\"name\":\"../../../../../escaped\""),
        ("\"name\":\"app-", "\"name\":\"..-"),
    ] {
        let world = workspace();
        build_once(&world);
        forge(&world, |text| {
            assert!(text.contains(what), "{what} is in {text}");
            text.replace(what, instead)
        });
        world.build().succeeds();
        assert_eq!(world.run_bin("app").trim_end(), "text read", "{what}");
        let escaped = world.root().join("trees").join("escaped");
        assert!(!escaped.exists() && !world.tree().join("escaped").exists(), "{what}");
    }
}

#[test]
fn a_manifest_of_another_unit_changes_nothing() {
    let world = workspace();
    build_once(&world);
    // The hash by which cargo recognizes the program now stands for other contents.
    forge(&world, |text| text.replace("println", "eprintln").replace("\"text\":\"", "\"text\":\"0"));
    world.build().succeeds();
    assert_eq!(world.run_bin("app").trim_end(), "text read");
    world.noop();
}

#[test]
fn every_command_fills_its_own_directory() {
    let world = workspace();
    settle(&world);
    for args in [&["check"][..], &["test", "--no-run"], &["build", "--release"], &["clippy"]] {
        world.cargo(args).succeeds();
        world.harvest().succeeds();
        world.clean();
        let step = world.cargo(args);
        let (n_seeded, asked) = split(&step);
        assert!(n_seeded >= 3 && asked.is_empty(), "{args:?} {step}");
        world.noop_of(args);
        assert_eq!(step.stderr().contains("manual_inspect"), args == ["clippy"], "{step}");
        world.clean();
    }
}

#[test]
fn two_cargos_at_once_build_what_one_would() {
    let world = workspace();
    build_once(&world);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let output = world.command("cargo").arg("build").output().expect("cargo runs");
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            });
        }
    });
    assert_eq!(world.run_bin("app").trim_end(), "text read");
    world.noop();
}

#[test]
fn a_seeded_build_directory_is_harvested_again() {
    let world = workspace();
    let n_units = build_once(&world);
    world.build().succeeds();
    for manifest in manifests(&world) {
        fs::remove_file(manifest).expect("removes");
    }
    // Nothing was called here, and the manifest that it was filled from is gone.
    let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
    command.arg("harvest");
    assert!(!world.run(command).stderr().is_empty());
    world.clean();
    build_once(&world);
    world.build().succeeds();
    world.edit("app/src/main.rs", "lib::text()", "lib::text() + \"!\"");
    world.build().succeeds();
    world.harvest().succeeds();
    world.clean();
    let step = world.build();
    assert_eq!(split(&step), (n_units, Vec::new()), "{step}");
}

#[test]
fn a_build_directory_that_is_being_removed_is_not_harvested() {
    let world = workspace();
    let n_units = build_once(&world);
    world.build().succeeds();
    // The outputs may go first.
    fs::remove_dir_all(world.target().join("debug/deps")).expect("removes");
    let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
    command.arg("harvest");
    assert!(!world.run(command).stderr().is_empty());
    world.clean();
    let step = world.build();
    assert_eq!(split(&step), (n_units, Vec::new()), "{step}");
}

#[test]
fn what_cargo_tells_a_unit_and_leaves_out_of_its_fingerprint_decides() {
    let world = seeded(World::files(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"app\", \"lib\"]\nresolver = \"3\"\n"),
        (
            "app/Cargo.toml",
            &package("app", "[dependencies]\nlib = { path = \"../lib\" }\n")
                .replace("edition", "license = \"MIT\"\nedition"),
        ),
        ("app/src/main.rs", "fn main() { println!(\"{} {}\", env!(\"CARGO_PKG_LICENSE\"), lib::text()); }\n"),
        ("lib/Cargo.toml", &package("lib", "")),
        (
            "lib/src/lib.rs",
            "pub fn text() -> &'static str { option_env!(\"CARGO_PRIMARY_PACKAGE\").unwrap_or(\"not selected\") }\n",
        ),
    ]));
    build_once(&world);
    world.build().succeeds();
    assert_eq!(world.run_bin("app").trim_end(), "MIT 1");
    world.clean();
    world.edit("app/Cargo.toml", "MIT", "Apache-2.0");
    settle(&world);
    world.build().succeeds();
    assert_eq!(world.run_bin("app").trim_end(), "Apache-2.0 1");
    world.harvest().succeeds();
    world.clean();
    world.cargo(["build", "-p", "app"]).succeeds();
    assert_eq!(world.run_bin("app").trim_end(), "Apache-2.0 not selected");
    let world = world.within("app");
    fs::remove_dir_all(world.tree().join("target")).expect("removes");
    world.cargo(["build"]).succeeds();
    assert_eq!(world.run_file(&world.tree().join("target/debug/app")).trim_end(), "Apache-2.0 not selected");
}

/// A toolchain may be installed twice: its cargo tells where it is itself.
#[test]
fn where_cargo_is_decides_for_what_asks_for_it() {
    let world = seeded(World::files(&[
        ("Cargo.toml", &package("app", "")),
        ("src/main.rs", "fn main() { println!(\"{}\", env!(\"CARGO\")); }\n"),
    ]));
    build_once(&world);
    let own = world.command("rustc").args(["--print", "sysroot"]).output().expect("runs").stdout;
    let own = Path::new(String::from_utf8(own).expect("is text").trim()).join("bin/cargo");
    let other = world.root().join("cargo");
    fs::copy(own, &other).expect("copies");
    let build = |cargo: &Path| {
        let mut command = world.command(cargo);
        command.arg("build");
        let step = world.run(command);
        split(&step);
        world.run_bin("app").trim_end().to_owned()
    };
    assert_eq!(Path::new(&build(&other)), other);
    world.clean();
    assert_ne!(Path::new(&build(Path::new("cargo"))), other);
}
