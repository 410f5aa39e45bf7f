//! What the documents say and the code knows: written by `just gen`, and compared by every test run.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use kache::config::env::{ALL, Variable};
use kache::config::file::{KEYS, Projects};
use kache::setup::doctor::examine::ALL as CHECKS;

use crate::skip::NEEDS;
use crate::source::{files_below, root};

/// The parts of the README between `<!-- generated: <name> -->` and `<!-- end -->`.
fn parts() -> [(&'static str, String); 2] {
    [("settings", settings()), ("commands", commands())]
}

fn settings() -> String {
    let head = "| key in a file | variable | what it does | default | in a project's file |\n";
    let mut table = head.to_owned() + "|---|---|---|---|---|\n";
    let code = |name: Option<&str>| name.map_or("".to_owned(), |name| format!("`{name}`"));
    let mut row = |key: Option<&str>,
                   variable: Option<&str>,
                   does: &str,
                   accepts: &str,
                   default: &str,
                   projects: &str| {
        let (key, variable) = (code(key), code(variable));
        table += &format!("| {key} | {variable} | {does} Takes {accepts}. | {default} | {projects} |\n");
    };
    for key in KEYS {
        let variable =
            ALL.iter().find(|variable| variable.key == Some(key.name)).map(|variable| variable.name);
        let projects = match key.projects {
            Projects::May(why) => format!("yes: {why}"),
            Projects::MayNot(why) => format!("no: {why}"),
        };
        row(Some(key.name), variable, key.does, key.accepts, key.default, &projects);
    }
    for Variable { name, does, accepts, default, .. } in ALL.iter().filter(|variable| variable.key.is_none())
    {
        row(None, Some(name), does, accepts, default, "");
    }
    table
}

fn commands() -> String {
    let help = Command::new(env!("CARGO_BIN_EXE_kache")).arg("--help").output().expect("kache starts");
    let help = String::from_utf8(help.stdout).expect("kache speaks UTF-8");
    let rows =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let rows = rows.filter_map(|line| line.trim().split_once(' ')).filter(|(name, _)| *name != "help");
    let mut table = "| command | what it does |\n|---|---|\n".to_owned();
    table.extend(rows.map(|(name, does)| format!("| `kache {name}` | {} |\n", does.trim())));
    table
}

/// `text` with the part `name` replaced.
fn with_part(text: &str, name: &str, content: &str) -> String {
    let begin = format!("<!-- generated: {name} -->\n");
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("the README has no `{begin}`"));
    let (_, after) = rest.split_once("<!-- end -->").unwrap_or_else(|| panic!("`{begin}` has no end"));
    format!("{before}{begin}\n{content}\n<!-- end -->{after}")
}

#[test]
fn what_is_generated_is_what_the_code_says() {
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let expected =
        parts().iter().fold(readme.clone(), |text, (name, content)| with_part(&text, name, content));
    if env::var_os("REGENERATE").is_some() {
        fs::write(&path, expected).unwrap();
        return;
    }
    assert!(readme == expected, "the README does not say what the code does: run `just gen`");
}

#[test]
fn the_readme_and_the_checks_have_the_same_test_command() {
    let read = |name: &str| fs::read_to_string(root().join(name)).unwrap();
    let (readme, run) = (read("README.md"), read(".ci/run"));
    let block = readme.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let commands: Vec<&str> = block
        .lines()
        .map(|line| line.split(" #").next().unwrap().trim())
        .filter(|line| !line.is_empty())
        .collect();
    let [try_it, test] = commands[..] else { panic!("the README opens with two commands, not {commands:?}") };
    assert_eq!(try_it, "cargo run --release -- try");
    assert!(run.lines().any(|line| line == test), "`{test}` is no line of .ci/run");
}

#[test]
fn the_readme_shows_every_check_of_the_doctor() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let shown = readme.split_once("$ kache doctor\n").and_then(|(_, rest)| rest.split_once("$ ")).unwrap().0;
    let level = |line: &str| ["  ok ", "  note ", "  PROBLEM "].iter().any(|level| line.starts_with(level));
    let shown: Vec<&str> = shown
        .lines()
        .filter(|line| level(line))
        .map(|line| line.split_whitespace().nth(1).unwrap())
        .collect();
    let mut checks: Vec<_> = CHECKS.iter().map(|check| (check.group(), check.id())).collect();
    checks.sort_by_key(|(group, _)| *group);
    let checks: Vec<&str> = checks.into_iter().map(|(_, id)| id).collect();
    assert_eq!(shown, checks, "call `kache doctor` in a clean home, and put what it says into the README");
}

#[test]
fn the_readme_and_the_help_have_the_same_exit_codes() {
    let codes = |text: &str, begins: &str| -> Vec<String> {
        let code = |line: &str| line.strip_prefix(begins)?.chars().next().filter(char::is_ascii_digit);
        text.lines().filter_map(code).map(String::from).collect()
    };
    let help = Command::new(env!("CARGO_BIN_EXE_kache")).arg("--help").output().expect("kache starts");
    let help = String::from_utf8(help.stdout).expect("kache speaks UTF-8");
    let listed = help.split_once("Exit codes:\n").expect("it ends with them").1;
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let table = readme.split_once("| code | when |\n").expect("they are in a table").1;
    let table = table.split_once("\n\n").unwrap().0;
    assert_eq!(codes(table, "| "), codes(listed, "  "));
    assert_eq!(codes(table, "| "), ["0", "1", "2", "4"]);
}

#[test]
fn every_file_that_a_document_leads_to_is_there() {
    let documents = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
    let mut n_links = 0;
    for document in documents {
        let text = fs::read_to_string(root().join(document)).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if !link.contains("://") && !link.starts_with('#') {
                n_links += 1;
                assert!(root().join(Path::new(link)).exists(), "{document} leads to {link}");
            }
        }
    }
    assert!(n_links > 3, "the README leads nowhere");
}

/// A name that is misspelled would demand nothing.
#[test]
fn what_must_not_be_skipped_is_named_as_tests_name_it() {
    let workflow = fs::read_to_string(root().join(".github/workflows/ci.yml")).unwrap();
    let lists: Vec<&str> =
        workflow.lines().filter_map(|line| line.trim().strip_prefix("KACHE_TEST_MUST: ")).collect();
    assert_eq!(lists.len(), 1, "{lists:?}");
    for name in lists[0].split(',') {
        assert!(NEEDS.contains(&name), "{name} is no name in tests/common/skip.rs");
    }
}

/// Else nobody could demand that it is played.
#[test]
fn whatever_is_skipped_is_skipped_through_one_function() {
    let said = ["\"skip", "ped: "].concat();
    for path in files_below(&root().join("tests")).iter().filter(|path| !path.ends_with("common/skip.rs")) {
        let text = fs::read_to_string(path).unwrap_or_default();
        assert!(!text.contains(&said), "{} skips by itself", path.display());
    }
}
