//! Every defence against a wrong hit is proven: switched off, a test goes red.
//!
//! `defences.toml` is the list. In the code, each defence says its name (`src/sys/defence.rs`), and one build with debug
//! assertions proves them all: the slow test here starts the tests that are to notice with `KACHE_TEST_WITHOUT`, and
//! one that is not to: the build must still work. `DEFENCES=<word>` in the environment selects rows whose name holds the
//! word, or one of several with `|` between them.
//!
//! Where another defence covers the same case, the row switches off both, or nobody could notice.

#![expect(clippy::disallowed_methods, reason = "it builds tests and runs them, from outside")]
#![allow(clippy::print_stdout, reason = "what takes many minutes shows how far it is")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use std::{fs, thread};

use kache::action::input_kinds::InputKind;
use serde::Deserialize;

/// How many ways to go wrong are numbered in `it/HAZARDS.md`, before those that only concern ways to work.
const N_HAZARDS: usize = 67;
/// How many small workspaces are.
const N_WORKSPACES: usize = 45;

#[derive(Deserialize)]
struct Table {
    defence: Vec<Defence>,
}

/// One line of defence, and what proves it.
#[derive(Deserialize)]
struct Defence {
    /// What it protects from, as people say it.
    name: String,
    /// The names that are switched off, as they are asked for in the code.
    without: Vec<String>,
    /// It is one of the builds that are observed; the others are played without.
    #[serde(default)]
    observed: bool,
    /// Scenarios that must go red, `module::name`; or tests of a part, `src/file.rs::name`.
    red: Vec<String>,
    /// A scenario that must stay green.
    #[serde(default = "simplest")]
    green: String,
}

fn simplest() -> String {
    "arguments::repeated_compile_hits".to_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn defences() -> Vec<Defence> {
    let text = fs::read_to_string(root().join("tests/defences.toml")).expect("the list can be read");
    toml::from_str::<Table>(&text).expect("the list is understood").defence
}

/// Whether there is a scenario `module::name`, or a test `src/file.rs::name`.
fn exists(scenario: &str) -> bool {
    let Some((place, name)) = scenario.split_once("::") else { return false };
    let file = if place.ends_with(".rs") { place.to_owned() } else { format!("tests/it/{place}.rs") };
    let source = fs::read_to_string(root().join(file)).unwrap_or_default();
    source.split("#[test]").skip(1).any(|test| {
        let mut lines =
            test.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("#["));
        lines.next().is_some_and(|line| line.starts_with(&format!("fn {name}(")))
    })
}

/// The tables of what can go wrong leave no number out, and name tests that exist, or say why there is none.
#[test]
fn every_hazard_has_a_test_or_a_reason() {
    let table = fs::read_to_string(root().join("tests/it/HAZARDS.md")).expect("the table can be read");
    let mut problems = Vec::new();
    let mut named = BTreeSet::new();
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |"));
    for row in rows {
        let columns: Vec<&str> = row.trim_end_matches(" |").splitn(4, '|').collect();
        let [_, number, _, shown_by] = columns[..] else {
            problems.push(format!("not three columns: {row}"));
            continue;
        };
        // A letter after the number is a part of it.
        if !named.insert(number.trim()) {
            problems.push(format!("{number} is there twice"));
        }
        named.insert(number.trim().trim_end_matches(char::is_alphabetic));
        let quoted: Vec<&str> = shown_by.split('`').skip(1).step_by(2).collect();
        let tests = quoted.iter().filter(|name| name.contains("::"));
        problems.extend(tests.filter(|name| !exists(name)).map(|name| format!("there is no test {name}")));
        if shown_by.trim().is_empty() {
            problems.push(format!("neither a test nor a reason: {row}"));
        }
    }
    let numbers = (1..=N_HAZARDS).map(|n| n.to_string()).chain((1..=N_WORKSPACES).map(|n| format!("W{n}")));
    problems
        .extend(numbers.filter(|n| !named.contains(n.as_str())).map(|n| format!("there is no row for {n}")));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Each of the numbered promises in SECURITY.md names a test, and all of these exist.
#[test]
fn every_promise_names_its_tests() {
    let text = fs::read_to_string(root().join("SECURITY.md")).expect("it can be read");
    let (_, promises) = text.split_once("## What is promised\n").expect("it has this part");
    let promises = promises.split("\n## ").next().unwrap_or_default();
    for number in 1..=10 {
        let (_, promise) = promises.split_once(&format!("\n{number}. ")).expect("all are there");
        let promise = promise.split(&format!("\n{}. ", number + 1)).next().unwrap_or_default();
        let tests: Vec<&str> = promise.split('`').skip(1).step_by(2).filter(|it| it.contains("::")).collect();
        assert!(!tests.is_empty(), "promise {number} names no test");
        let missing: Vec<&&str> = tests.iter().filter(|name| !exists(name)).collect();
        assert!(missing.is_empty(), "promise {number}: {missing:?}");
    }
}

/// The names of switches in the code, each with the files that ask for it.
fn switches() -> BTreeMap<String, Vec<PathBuf>> {
    let mut switches: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in files_below(&root().join("src")) {
        let source = fs::read_to_string(&file).expect("sources can be read");
        for call in ["defence::stands(\"", "defence::prints_nothing(\"", "shield::defence(\""] {
            let names = source.split(call).skip(1).filter_map(|rest| rest.split('"').next());
            names.for_each(|name| switches.entry(name.to_owned()).or_default().push(file.clone()));
        }
    }
    switches
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let children = fs::read_dir(dir).expect("sources can be listed");
    let children = children.map(|child| child.expect("sources can be listed").path());
    children.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn every_defence_has_a_row_and_every_row_has_its_defence() {
    let mut problems = Vec::new();
    let (defences, switches) = (defences(), switches());
    let inputs: Vec<String> = InputKind::ALL.iter().map(|kind| format!("input {kind:?}")).collect();
    let off: BTreeSet<&str> =
        defences.iter().flat_map(|defence| &defence.without).map(String::as_str).collect();
    for (switch, files) in &switches {
        if files.len() > 1 {
            problems.push(format!("two defences are called {switch:?}: {files:?}"));
        }
        // One word could be in any program, and then not be missed in a released one.
        if !is_distinct(switch) {
            problems.push(format!("{switch:?} in {files:?} is not a name of at-least-three-words"));
        }
    }
    for name in switches.keys().chain(&inputs).filter(|name| !off.contains(name.as_str())) {
        problems.push(format!("no row of tests/defences.toml proves {name:?}"));
    }
    for Defence { name, without, red, green, .. } in &defences {
        let is_there = |off: &&String| {
            switches.contains_key(*off) || inputs.contains(off) || off.starts_with("argument ")
        };
        let gone = without.iter().filter(|off| !is_there(off));
        problems.extend(gone.map(|off| format!("{name}: no defence in src is called {off:?}")));
        let missing = red.iter().chain([green]).filter(|scenario| !exists(scenario));
        problems.extend(missing.map(|scenario| format!("{name}: there is no scenario {scenario}")));
        if without.is_empty() || red.is_empty() || red.contains(green) {
            problems.push(format!(
                "{name}: it needs what to do without, and scenarios that notice, and another one"
            ));
        }
    }
    let names: BTreeSet<&str> = defences.iter().map(|defence| defence.name.as_str()).collect();
    if names.len() < defences.len() {
        problems.push("two rows have the same name".to_owned());
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn is_distinct(switch: &str) -> bool {
    let words: Vec<&str> = switch.split('-').collect();
    words.len() >= 3
        && words.iter().all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
}

/// What a test can ask of a program is only in those with debug assertions, and no released one has these.
#[test]
fn program_with_optimization_has_no_switches() {
    let program = fs::read(env!("CARGO_BIN_EXE_kache")).expect("the program can be read");
    let holds = |name: &str| memchr::memmem::find(&program, name.as_bytes()).is_some();
    let held: Vec<String> = switches().into_keys().filter(|name| holds(name)).collect();
    if cfg!(debug_assertions) {
        assert!(
            holds("KACHE_TEST_WITHOUT") && held.len() > 100,
            "names are not found where they are: {held:?}"
        );
    } else {
        assert!(!holds("KACHE_TEST_") && held.is_empty(), "left in the program: {held:?}");
    }
}

/// How one test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Green,
    Red,
    Skipped,
    /// It is not there, or hung, or its process was killed.
    Neither,
}

/// The programs that hold the tests.
struct Tests {
    scenarios: PathBuf,
    parts: PathBuf,
}

impl Tests {
    /// Builds them, if they are not.
    fn build() -> Tests {
        let output = Command::new(env!("CARGO"))
            .current_dir(root())
            .args(["test", "--no-run", "--lib", "--test", "it", "--message-format", "json"])
            .output()
            .expect("cargo runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the tests do not build:\n{told}");
        let printed = String::from_utf8_lossy(&output.stdout);
        let messages: Vec<serde_json::Value> =
            printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let program = |name: &str| {
            let is_it = |message: &&serde_json::Value| {
                message["target"]["name"] == name && message["profile"]["test"] == true
            };
            let path = messages.iter().find(is_it).and_then(|message| message["executable"].as_str());
            PathBuf::from(path.unwrap_or_else(|| panic!("cargo does not name the tests of {name}\n{told}")))
        };
        Tests { scenarios: program("it"), parts: program("kache") }
    }

    /// Plays one test. An error says that it did not end as expected.
    fn play(&self, scenario: &str, observed: bool, without: &[String], expected: End) -> Result<End, String> {
        let program = if scenario.starts_with("src/") { &self.parts } else { &self.scenarios };
        let output = Command::new("timeout")
            .args(["--kill-after=5", "600"])
            .arg(program)
            .args(["--exact", "--include-ignored", "--show-output", &test_name(scenario)])
            .current_dir(root())
            .env("KACHE_TEST_OBSERVE", if observed { "auto" } else { "off" })
            .env("KACHE_TEST_WITHOUT", without.join(","))
            .output()
            .expect("tests can be started");
        let printed = String::from_utf8_lossy(&output.stdout);
        let end = match output.status.code() {
            Some(0) if printed.contains("\nskipped: ") => return Ok(End::Skipped),
            Some(0) if printed.contains("1 passed") => End::Green,
            Some(101) if printed.contains("1 failed") => End::Red,
            _ => End::Neither,
        };
        if end == expected {
            Ok(end)
        } else {
            Err(format!("{scenario} is {end:?}, not {expected:?}\n{printed}"))
        }
    }
}

/// What the test runner calls a scenario, or the test `src/file.rs::name`.
fn test_name(scenario: &str) -> String {
    let Some((file, name)) = scenario.strip_prefix("src/").and_then(|part| part.split_once(".rs::")) else {
        return scenario.to_owned();
    };
    let module = file.trim_end_matches("/mod").replace('/', "::");
    let has_tests = module.split("::").any(|part| part == "tests");
    if has_tests { format!("{module}::{name}") } else { format!("{module}::tests::{name}") }
}

/// Calls `work` with each item, on as many threads as there are processors.
fn in_parallel<T: Sync>(items: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let n_threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(item);
                }
            });
        }
    });
}

#[test]
#[ignore = "stress: plays some hundred scenarios"]
fn every_defence_is_proven() {
    let selected = std::env::var("DEFENCES").unwrap_or_default();
    let is_selected = |defence: &Defence| selected.split('|').any(|word| defence.name.contains(word));
    let defences: Vec<Defence> = defences().into_iter().filter(is_selected).collect();
    let tests = Tests::build();
    let problems = Mutex::new(Vec::new());
    let report = |name: &str, started: Instant, ends: &[Result<End, String>]| {
        let found: Vec<String> = ends.iter().filter_map(|end| end.clone().err()).collect();
        let what = match ends.contains(&Ok(End::Skipped)) {
            _ if !found.is_empty() => "UNPROVEN",
            true => "skipped  ",
            false => "proven   ",
        };
        println!("{what} {name} ({:.1} s)", started.elapsed().as_secs_f32());
        problems.lock().expect("no thread panics").extend(found);
    };
    in_parallel(&defences, |defence| {
        let started = Instant::now();
        let red = defence.red.iter().map(|scenario| (scenario, End::Red));
        let played = red.chain([(&defence.green, End::Green)]).map(|(scenario, expected)| {
            let end = tests.play(scenario, defence.observed, &defence.without, expected);
            end.map_err(|why| format!("{}: {why}", defence.name))
        });
        report(&defence.name, started, &played.collect::<Vec<_>>());
    });
    let every = defences.iter().flat_map(|it| it.red.iter().map(|scenario| (scenario.as_str(), it.observed)));
    let every: Vec<(&str, bool)> = BTreeSet::from_iter(every).into_iter().collect();
    in_parallel(&every, |(scenario, observed)| {
        let started = Instant::now();
        let end = tests.play(scenario, *observed, &[], End::Green);
        report(&format!("with all defences: {scenario}"), started, &[end]);
    });
    let problems = problems.into_inner().expect("no thread panics");
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}
