//! `kache try`: what it finds out, what it leaves alone, and how it says that it could not.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::step::read_records;
use crate::world::{World, package};

/// A call of `kache try` in a world whose home has a directory for caches.
fn trying(world: &World, args: &[&str]) -> Command {
    std::fs::create_dir_all(caches(world)).expect("makes the directory");
    let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
    command.arg("try").args(args);
    command
}

fn caches(world: &World) -> PathBuf {
    world.root().join("home/.cache")
}

/// What a call printed as JSON.
fn report(output: &Output) -> Value {
    assert!(output.status.success(), "{}", said(output));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Units, hits, and units that the next build had to do again.
fn units_of(report: &Value, build: &str) -> (u64, u64, u64) {
    let builds = report["builds"].as_array().expect("a list");
    let figures = builds.iter().find(|figures| figures["build"] == build).expect("it was made");
    let number = |name: &str| figures[name].as_u64().expect("a number");
    (number("n_units"), number("n_hits"), number("n_units_again"))
}

/// Every file below `dir`, with its content and the time of its last change.
fn files(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    for child in std::fs::read_dir(dir).expect("can be listed") {
        let path = child.expect("can be listed").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let modified = path.metadata().and_then(|metadata| metadata.modified()).expect("has a time");
            found.insert(path.clone(), (std::fs::read(&path).expect("can be read"), modified));
        }
    }
    found
}

/// Nothing of a trial is left, and the store of the world was not used.
fn is_untouched(world: &World) {
    let left: Vec<_> = std::fs::read_dir(caches(world)).expect("can be listed").collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(read_records(&world.cache()).is_empty());
}

#[test]
fn a_workspace_is_tried_and_left_as_it_was() {
    let world = World::project("two-crates");
    world.remove("Cargo.lock");
    let before = files(world.tree());
    let output = trying(&world, &["--json"]).arg(world.tree()).output().unwrap();
    let report = report(&output);
    assert_eq!(units_of(&report, "cold"), (2, 0, 0));
    assert_eq!(units_of(&report, "warm"), (2, 2, 0));
    assert_eq!(units_of(&report, "second-checkout"), (2, 2, 0));
    assert_eq!(report["unserved"], Value::Array(Vec::new()));
    assert_eq!(files(world.tree()), before);
    is_untouched(&world);

    let output = trying(&world, &[]).arg(world.tree()).args(["--", "check"]).output().unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains(": `cargo check` on "), "{table}");
    let row = |title: &str| table.lines().find(|line| line.contains(title)).map(str::split_whitespace);
    let cells: Vec<&str> = row("warm, after removing target").expect("it has a row").collect();
    assert_eq!(cells[4..6], ["2", "2"], "{table}");
}

#[test]
fn what_stands_around_a_workspace_counts_as_in_its_own_place() {
    let seen = "#[cfg(not(seen))] compile_error!(\"the configuration above is not seen\");";
    let outside = package("outside", "");
    let world = World::files(&[
        // The wrapper must be out of the way, the flag must not, and nothing may be built there.
        (
            "code/.cargo/config.toml",
            "[build]\nrustc-wrapper = \"/bin/false\"\nrustc-workspace-wrapper = \"/bin/false\"\n\
             target-dir = \"/nowhere/target\"\nbuild-dir = \"/nowhere/build\"\nrustflags = [\"--cfg\", \"seen\"]\n",
        ),
        ("code/project/Cargo.toml", &package("app", "[dependencies]\noutside = { path = \"../../outside\" }")),
        ("code/project/src/main.rs", &format!("{seen} fn main() {{ outside::nothing(); }}")),
        ("outside/Cargo.toml", &outside),
        ("outside/src/lib.rs", "pub fn nothing() {}"),
    ])
    .within("code/project");
    let before = files(world.tree());
    let report = report(&trying(&world, &["src", "--json"]).output().unwrap());
    assert_eq!(units_of(&report, "warm"), (2, 2, 0));
    assert!(!Path::new("/nowhere").exists());
    assert_eq!(files(world.tree()), before);
    is_untouched(&world);
}

#[test]
fn the_bundled_workspace_needs_nothing_that_kache_does_not() {
    let world = World::files(&[]);
    let output = trying(&world, &["--json", "--keep"]).output().unwrap();
    let report = report(&output);
    let (n_units, n_hits, n_again) = units_of(&report, "warm");
    assert!(n_units > 60, "{report:#}");
    assert_eq!((n_hits, n_again), (n_units, 0), "{report:#}");
    // The test of the program holds the path of the program.
    assert_eq!(units_of(&report, "second-checkout"), (n_units, n_units - 1, 0), "{report:#}");
    assert_eq!(report["unserved"][0]["unit"], "counts_words test");

    let kept: Vec<_> = std::fs::read_dir(caches(&world)).unwrap().map(|dir| dir.unwrap().path()).collect();
    let note = format!("note: everything is in {}", kept[0].display());
    assert!(said(&output).contains(&note), "{}", said(&output));
    let packages = |lock: &Path| -> BTreeSet<(String, String)> {
        let lock: toml::Table = std::fs::read_to_string(lock).unwrap().parse().unwrap();
        let packages =
            lock["package"].as_array().unwrap().iter().filter(|package| package.get("source").is_some());
        let field = |package: &toml::Value, field: &str| package[field].as_str().unwrap().to_owned();
        packages.map(|package| (field(package, "name"), field(package, "version"))).collect()
    };
    let ours = packages(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock"));
    let bundled = packages(&kept[0].join("second/bundled/Cargo.lock"));
    assert!(bundled.len() > 30);
    assert_eq!(bundled.difference(&ours).collect::<Vec<_>>(), Vec::<&(String, String)>::new());
}

#[test]
fn what_cannot_be_tried_is_told() {
    let world = World::files(&[
        ("Cargo.toml", &package("app", "")),
        ("src/lib.rs", "compile_error!(\"not today\");"),
    ]);
    let fails = |mut command: Command, code: i32, texts: &[&str]| {
        let output = command.output().unwrap();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        texts.iter().for_each(|text| assert!(said.contains(text), "{text} is not in {said}"));
        is_untouched(&world);
    };
    fails(
        trying(&world, &["nowhere"]),
        2,
        &["/nowhere: No such file", "hint: name the directory of a workspace"],
    );
    fails(trying(&world, &["Cargo.toml"]), 2, &["Cargo.toml is not a directory"]);
    fails(trying(&world, &["/"]), 2, &["error: no cargo workspace found at /: could not find `Cargo.toml`"]);
    world.write("broken/Cargo.toml", "[package\n");
    fails(
        trying(&world, &["broken"]),
        2,
        &[
            "/broken:\nunclosed table, expected `]`\n --> ",
            "\n1 | [package\n",
            "hint: fix the workspace so that cargo can build it",
        ],
    );
    fails(trying(&world, &["--", "run"]), 2, &["`kache try` does not support `cargo run`"]);
    fails(
        trying(&world, &["."]),
        1,
        &["error: not today", "error: the cold build failed; see the output of cargo above"],
    );
    let mut without_cargo = trying(&world, &["."]);
    without_cargo.env("PATH", "/nowhere");
    fails(without_cargo, 1, &["cargo is not in PATH", "hint: install Rust (https://rustup.rs)"]);
    world.write("Cargo.toml", package("app", "[dependencies]\nno-such-crate-of-ours = \"7\""));
    fails(
        trying(&world, &["."]),
        1,
        &["no matching package named `no-such-crate-of-ours` found", "hint: run `cargo fetch`"],
    );
}

#[test]
fn a_trial_that_is_killed_leaves_nothing() {
    let world = World::files(&[]);
    let mut child = trying(&world, &[]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("Running the cold build …")));
    child.kill().unwrap();
    child.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(100);
    while std::fs::read_dir(caches(&world)).unwrap().next().is_some() {
        assert!(Instant::now() < deadline, "the temporary directory is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
    is_untouched(&world);
}
