//! Every defence against a wrong hit is proven: taken out of the code, a scenario goes red.
//!
//! `defences.toml` is the list. The slow test copies the project, takes out one defence at a time, and runs the
//! scenarios that are to notice, and one that is not to: the build must still work. `DEFENCES=<word>` in the
//! environment selects rows whose name holds the word, or one of several with `|` between them.
//!
//! Where another defence stands behind the first, the row takes out both, or nobody could notice.

#![expect(
    clippy::disallowed_methods,
    reason = "it changes, builds and runs a copy of the project, from outside"
)]
#![allow(clippy::print_stdout, reason = "what takes many minutes shows how far it is")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    /// It is one of the builds that are observed; the others are played without.
    #[serde(default)]
    observed: bool,
    #[serde(flatten)]
    edit: Edit,
    /// What else has to go: the defences behind it.
    #[serde(default)]
    and: Vec<Edit>,
    /// Scenarios that must go red, `module::name`; or tests of a part, `src/file.rs::name`.
    red: Vec<String>,
    /// A scenario that must stay green.
    #[serde(default = "simplest")]
    green: String,
}

/// A change of one file.
#[derive(Deserialize)]
struct Edit {
    file: String,
    /// Occurs exactly once in the file.
    find: String,
    /// The same without the defence.
    replace: String,
}

impl Defence {
    fn edits(&self) -> impl Iterator<Item = &Edit> {
        std::iter::once(&self.edit).chain(&self.and)
    }

    /// The files that it changes, each with its content before and after.
    fn changed_files(&self) -> BTreeMap<&str, (String, String)> {
        let mut files = BTreeMap::new();
        for Edit { file, find, replace } in self.edits() {
            let whole = || fs::read_to_string(root().join(file)).expect("it was found there");
            let (_, after) = files.entry(file.as_str()).or_insert_with(|| (whole(), whole()));
            *after = after.replacen(find, replace, 1);
        }
        files
    }
}

fn simplest() -> String {
    "sources::editing_a_module_file_misses_and_editing_it_back_hits".to_owned()
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

#[test]
fn every_defence_stands_where_the_list_says_and_its_scenarios_exist() {
    let mut problems = Vec::new();
    for defence in defences() {
        for Edit { file, find, replace } in defence.edits() {
            let source = fs::read_to_string(root().join(file)).unwrap_or_default();
            let n_found = source.matches(find).count();
            if n_found != 1 || find == replace {
                problems.push(format!("{}: its text is {n_found} times in {file}", defence.name));
            }
        }
        let Defence { name, red, green, .. } = defence;
        let missing = red.iter().chain([&green]).filter(|scenario| !exists(scenario));
        problems.extend(missing.map(|scenario| format!("{name}: there is no scenario {scenario}")));
        if red.is_empty() || red.contains(&green) {
            problems.push(format!("{name}: it needs scenarios that notice, and another one"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
#[ignore = "stress: builds the project once for every defence"]
fn every_defence_is_proven() {
    let selected = std::env::var("DEFENCES").unwrap_or_default();
    let copy = Copy::make();
    let defences: Vec<Defence> = defences()
        .into_iter()
        .filter(|defence| selected.split('|').any(|word| defence.name.contains(word)))
        .collect();
    for observed in [false, true] {
        let every: Vec<&str> = defences
            .iter()
            .filter(|defence| defence.observed == observed)
            .flat_map(|defence| defence.red.iter().chain([&defence.green]))
            .map(String::as_str)
            .collect();
        let ends = if every.is_empty() { Ok(Vec::new()) } else { copy.run(&every, observed) };
        let ends = ends.unwrap_or_else(|output| panic!("the copy does not build:\n{output}"));
        assert!(
            ends.iter().all(|(_, passed)| *passed),
            "not all is green before anything was changed: {ends:?}"
        );
    }
    let mut unproven = Vec::new();
    for defence in &defences {
        let problems = copy.problems_without(defence);
        println!("{} {}", if problems.is_empty() { "proven  " } else { "UNPROVEN" }, defence.name);
        unproven.extend(problems);
    }
    assert!(unproven.is_empty(), "\n{}", unproven.join("\n"));
}

/// A copy of the project, with a build directory that later runs use again.
struct Copy {
    dir: PathBuf,
}

impl Copy {
    fn make() -> Copy {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("defences");
        let copy = Copy { dir };
        let listed =
            Command::new("git").current_dir(root()).args(["ls-files", "-z"]).output().expect("git runs");
        let names = String::from_utf8(listed.stdout).expect("names are text");
        for name in names.split_terminator('\0') {
            // A file that is about to be removed from the project is none of it.
            if let Ok(content) = fs::read(root().join(name)) {
                copy.write(name, &content);
            }
        }
        copy
    }

    /// Writes what is not there already: what stays the same is not built again.
    fn write(&self, name: &str, content: &[u8]) {
        let path = self.dir.join("project").join(name);
        if fs::read(&path).ok().as_deref() != Some(content) {
            fs::create_dir_all(path.parent().expect("it has one")).expect("makes a directory");
            fs::write(path, content).expect("writes");
        }
    }

    /// What is wrong with the proof of `defence`.
    fn problems_without(&self, defence: &Defence) -> Vec<String> {
        let files = defence.changed_files();
        files.iter().for_each(|(file, (_, without))| self.write(file, without.as_bytes()));
        let mut wanted: Vec<&str> = defence.red.iter().map(String::as_str).collect();
        wanted.push(&defence.green);
        let ends = self.run(&wanted, defence.observed);
        files.iter().for_each(|(file, (before, _))| self.write(file, before.as_bytes()));
        let ends = match ends {
            Ok(ends) => ends,
            Err(output) => return vec![format!("{}: does not build\n{output}", defence.name)],
        };
        let is_wrong = |(scenario, passed): &(String, bool)| *passed != (*scenario == defence.green);
        let wrong = ends.into_iter().filter(is_wrong);
        wrong
            .map(|(scenario, passed)| {
                format!("{}: {scenario} is {}", defence.name, if passed { "green" } else { "red" })
            })
            .collect()
    }

    /// Runs scenarios, and says of each whether it passed. What was printed if they could not be built.
    fn run(&self, scenarios: &[&str], observed: bool) -> Result<Vec<(String, bool)>, String> {
        let names: Vec<String> = scenarios.iter().map(|scenario| test_name(scenario)).collect();
        let has_parts = scenarios.iter().any(|scenario| scenario.starts_with("src/"));
        let mut command = Command::new("cargo");
        command
            .current_dir(self.dir.join("project"))
            .env("CARGO_TARGET_DIR", self.dir.join("target"))
            .env("RUSTC_WRAPPER", "")
            .env("KACHE_TEST_OBSERVE", if observed { "auto" } else { "off" })
            .args(["test", "--no-fail-fast", "--test", "it"])
            .args(has_parts.then_some("--lib"))
            .args(["--", "--exact"])
            .args(&names);
        let output = command.output().expect("cargo runs");
        let printed = String::from_utf8_lossy(&output.stdout);
        let end = |line: &str| {
            let (name, end) = line.strip_prefix("test ")?.split_once(" ... ")?;
            let scenario = scenarios.get(names.iter().position(|wanted| wanted == name)?)?;
            Some(((*scenario).to_owned(), end == "ok"))
        };
        let ends: Vec<(String, bool)> = printed.lines().filter_map(end).collect();
        let all_ran = scenarios.iter().all(|scenario| ends.iter().any(|(name, _)| name == scenario));
        if all_ran { Ok(ends) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
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
