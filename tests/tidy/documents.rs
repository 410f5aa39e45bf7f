//! What the documents say and the code knows: written by `just gen`, and compared by every test run.

use std::process::Command;
use std::{env, fs};

use kache::cli::command::definition;
use kache::config::env::{ALL, Variable};
use kache::config::file::{KEYS, Projects};
use kache::outcome::Bypass;
use kache::setup::doctor::check::Check;
use kache::setup::doctor::examine::ALL as CHECKS;
use kache::setup::sccache::settings::{self as sccache, Fate};

use crate::links::{code_spans, documents, read};
use crate::none;
use crate::skip::NEEDS;
use crate::source::{files_below, root};

/// What stands in documents between `<!-- generated: <name> -->` and `<!-- end -->`.
fn parts() -> [(&'static str, &'static str, String); 6] {
    [
        ("README.md", "commands", commands()),
        ("README.md", "common settings", common_settings()),
        ("docs/src/commands.md", "commands", commands()),
        ("docs/src/configuration.md", "settings", settings()),
        ("docs/src/json.md", "error codes", error_codes()),
        ("docs/src/troubleshooting.md", "checks", checks()),
    ]
}

/// The settings that the README names, for users who set up kache: the rest is in the book.
const COMMON_SETTINGS: [&str; 6] = [
    "cache.local_store",
    "cache.local_max_size",
    "cache.paths",
    "cache.bypass_crates",
    "KACHE_DISABLED",
    "KACHE_READONLY",
];

fn common_settings() -> String {
    let mut table = "| key in a file | variable | what it does | default |\n|---|---|---|---|\n".to_owned();
    let all = setting_rows();
    for name in COMMON_SETTINGS {
        let code = format!("`{name}`");
        let row = all.iter().find(|row| row.key == code || row.variable == code);
        let Some(SettingRow { key, variable, does, default, .. }) = row else {
            panic!("there is no setting {name}");
        };
        table += &format!("| {key} | {variable} | {does} | {default} |\n");
    }
    table
}

fn checks() -> String {
    let mut table = "| group | check | what it looks at |\n|---|---|---|\n".to_owned();
    let mut checks = CHECKS.to_vec();
    checks.sort_by_key(|check| check.group());
    let row = |check: &&dyn Check| {
        format!("| {} | `{}` | {} |\n", check.group().name(), check.id(), check.looks_at())
    };
    table.extend(checks.iter().map(row));
    table
}

/// Cells of the tables of settings.
struct SettingRow {
    key: String,
    variable: String,
    does: &'static str,
    accepts: &'static str,
    default: &'static str,
    projects: String,
}

fn setting_rows() -> Vec<SettingRow> {
    let code = |name: Option<&str>| name.map_or("".to_owned(), |name| format!("`{name}`"));
    let mut rows = Vec::new();
    for key in KEYS {
        let variable = ALL.iter().find(|variable| variable.key == Some(key.name));
        let projects = match key.projects {
            Projects::May(why) => format!("yes: {why}"),
            Projects::MayNot(why) => format!("no: {why}"),
        };
        rows.push(SettingRow {
            key: code(Some(key.name)),
            variable: code(variable.map(|variable| variable.name)),
            does: key.does,
            accepts: key.accepts,
            default: key.default,
            projects,
        });
    }
    let has_no_key = |variable: &&Variable| variable.key.is_none();
    for &Variable { name, does, accepts, default, .. } in ALL.iter().filter(has_no_key) {
        let (key, variable, projects) = (String::new(), code(Some(name)), String::new());
        rows.push(SettingRow { key, variable, does, accepts, default, projects });
    }
    rows
}

fn settings() -> String {
    let head = "| key in a file | variable | what it does | default | in a project's file |\n";
    let mut table = head.to_owned() + "|---|---|---|---|---|\n";
    for SettingRow { key, variable, does, accepts, default, projects } in setting_rows() {
        table += &format!("| {key} | {variable} | {does} Accepts {accepts}. | {default} | {projects} |\n");
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

/// The codes of failures and their meanings, as every schema has them.
fn error_codes() -> String {
    let schema = serde_json::from_str::<serde_json::Value>(&read("docs/src/schemas/config.json"));
    let schema = schema.expect("a schema is JSON");
    let codes = schema.pointer("/$defs/ErrorCode/oneOf").and_then(|codes| codes.as_array());
    let mut table = "| code | when |\n|---|---|\n".to_owned();
    for code in codes.expect("it lists the codes") {
        let text = |name: &str| code[name].as_str().unwrap_or_default();
        table += &format!("| `{}` | {} |\n", text("const"), text("description"));
    }
    table
}

/// `text` with the part `name` replaced.
fn with_part(text: &str, name: &str, content: &str) -> String {
    let begin = format!("<!-- generated: {name} -->\n");
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("the document has no `{begin}`"));
    let (_, after) = rest.split_once("<!-- end -->").unwrap_or_else(|| panic!("`{begin}` has no end"));
    format!("{before}{begin}\n{content}\n<!-- end -->{after}")
}

#[test]
fn what_is_generated_is_what_the_code_says() {
    for document in documents() {
        let text = read(&document);
        let parts = parts();
        let parts = parts.iter().filter(|(of, ..)| *of == document);
        let n_marks = text.matches("<!-- generated: ").count();
        assert_eq!(n_marks, parts.clone().count(), "{document} has a part that nothing generates");
        let expected = parts.fold(text.clone(), |text, (_, name, content)| with_part(&text, name, content));
        if env::var_os("REGENERATE").is_some() {
            fs::write(root().join(&document), expected).unwrap();
            continue;
        }
        assert!(text == expected, "{document} does not say what the code does: run `just gen`");
    }
}

#[test]
fn the_readme_and_the_checks_have_the_same_test_command() {
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
fn the_book_and_the_help_have_the_same_exit_codes() {
    let codes = |text: &str, begins: &str| -> Vec<String> {
        let code = |line: &str| line.strip_prefix(begins)?.chars().next().filter(char::is_ascii_digit);
        text.lines().filter_map(code).map(String::from).collect()
    };
    let help = Command::new(env!("CARGO_BIN_EXE_kache")).arg("--help").output().expect("kache starts");
    let help = String::from_utf8(help.stdout).expect("kache speaks UTF-8");
    let listed = help.split_once("Exit codes:\n").expect("it ends with them").1;
    let book = read("docs/src/commands.md");
    let table = book.split_once("| code | when |\n").expect("they are in a table").1;
    let table = table.split_once("\n\n").unwrap().0;
    assert_eq!(codes(table, "| "), codes(listed, "  "));
    assert_eq!(codes(table, "| "), ["0", "1", "2", "4"]);
}

/// Calls of `kache` in the documents: in backticks, and in blocks for a shell.
fn calls() -> Vec<(String, String)> {
    let mut calls = Vec::new();
    for document in documents().into_iter().filter(|document| document != "CHANGELOG.md") {
        let text = read(&document);
        let spans = code_spans(&text).into_iter();
        let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
        let lines =
            blocks.flat_map(str::lines).map(|line| line.split(" #").next().unwrap_or(line).to_owned());
        let found = spans.chain(lines).filter(|call| call.starts_with("kache "));
        calls.extend(found.map(|call| (document.clone(), call)));
    }
    calls
}

#[test]
fn every_command_that_a_document_shows_is_one() {
    let mut problems = Vec::new();
    let calls = calls();
    assert!(calls.len() > 50, "calls are not recognized: {calls:?}");
    for (document, call) in calls {
        let mut words = call.split(' ').skip(1).peekable();
        let mut command = definition();
        command.build();
        while let Some(next) = words.peek().and_then(|word| command.find_subcommand(word)).cloned() {
            command = next;
            words.next();
        }
        // `kache COMMAND --help` is any command; `kache rustc …` is how cargo calls the wrapper.
        let is_named = command.get_name() != "kache" || call.starts_with("kache COMMAND");
        if !is_named && !call.starts_with("kache rustc ") {
            problems.push(format!("{document}: `{call}`: there is no such command"));
        }
        for option in words.filter_map(|word| word.strip_prefix("--")) {
            let has = |arg: &clap::Arg| {
                let mut names = arg.get_all_aliases().unwrap_or_default();
                names.extend(arg.get_long());
                names.contains(&option)
            };
            if !command.get_arguments().any(has) {
                problems.push(format!("{document}: `{call}`: there is no option --{option}"));
            }
        }
    }
    none(&problems, "Show what the program understands");
}

/// The rows of the table in `document` that begins with `head`: the cells of each.
fn rows(document: &str, head: &str) -> Vec<Vec<String>> {
    let text = read(document);
    let table = text.split_once(head).unwrap_or_else(|| panic!("{document} has no table {head}")).1;
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn every_bypass_in_the_book_is_a_reason_of_the_program() {
    let rows = rows("docs/src/troubleshooting.md", "| reason | what to do |");
    assert!(rows.len() > 3, "{rows:?}");
    for row in rows {
        let reason = row[0].trim_matches('`').to_owned();
        let known = serde_json::from_value::<Bypass>(reason.clone().into());
        assert!(known.is_ok(), "{reason} is no reason to bypass the cache");
    }
}

#[test]
fn the_book_and_the_doctor_carry_over_the_same_settings_of_sccache() {
    let rows = rows("docs/src/sccache.md", "| sccache | kache |");
    let row_of = |name: &str| rows.iter().find(|row| row[0].contains(&format!("`{name}`")));
    for name in sccache::names() {
        if let Some(Fate::Carried(ours)) = sccache::fate(name) {
            let row = row_of(name).unwrap_or_else(|| panic!("{name} has no row"));
            assert!(row[1].starts_with(&format!("`cache.{}`", ours.key())), "{row:?}");
        }
    }
    let mut carried =
        rows.iter().filter(|row| row[1].starts_with("`cache.")).flat_map(|row| row[0].split('`'));
    let not_carried = |name: &&str| matches!(sccache::fate(name), Some(Fate::NotNeeded(_)));
    assert_eq!(carried.find(not_carried), None, "it is not carried over");
}

/// A name that is misspelled would demand nothing.
#[test]
fn what_must_not_be_skipped_is_named_as_tests_name_it() {
    for workflow in ["ci", "weekly"] {
        let workflow = fs::read_to_string(root().join(format!(".github/workflows/{workflow}.yml"))).unwrap();
        let lists: Vec<&str> =
            workflow.lines().filter_map(|line| line.trim().strip_prefix("KACHE_TEST_MUST: ")).collect();
        assert_eq!(lists.len(), 1, "{lists:?}");
        for name in lists[0].split(',') {
            assert!(NEEDS.contains(&name), "{name} is no name in tests/common/skip.rs");
        }
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
