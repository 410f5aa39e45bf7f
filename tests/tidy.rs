//! What the compiler does not check about this project: the direction of imports, who may name which crate, where
//! the operating system may show, and how large things may grow.
//!
//! The code is taken apart by `syn` and `proc-macro2`: see `tidy/tokens.rs` and `tidy/source.rs`. What documents say is compared with it in
//! `tidy/documents.rs`.

#![expect(clippy::disallowed_methods, reason = "it reads the project and asks cargo, from outside")]

#[path = "tidy/dependencies.rs"]
mod dependencies;
#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/links.rs"]
mod links;
#[allow(dead_code, clippy::print_stderr, reason = "it is looked at, and nothing is skipped here")]
#[path = "common/skip.rs"]
mod skip;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/tokens.rs"]
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use source::{Source, Tree, files_below, root};

/// Where each dependency may be named: modules of the root, or files and folders of them.
const CRATES: &[(&str, &[&str])] = &[
    ("getrandom", &["sys"]),
    ("signal_hook", &["sys::signal"]),
    ("sd_notify", &["sys::readiness"]),
    ("tokio", &["sys::ipc", "sys::signal", "remote::s3", "daemon"]),
    ("windows_sys", &["sys"]),
    ("rustix", &["sys"]),
    ("libc", &["sys::observe"]),
    ("blake3", &["digest"]),
    // Patterns of `extra-inputs`. `globset` would put a regex engine into the wrapper.
    ("glob", &["key::declared"]),
    ("memchr", ABOVE_SYS),
    // The hasher of cargo, which is that of the compiler.
    ("rustc_stable_hash", &["manifest::cargo_hash"]),
    ("serde", ABOVE_SYS),
    ("serde_json", ABOVE_SYS),
    ("thiserror", ABOVE_SYS),
    (
        "toml",
        &[
            "config",
            "key::declared",
            "remote::workspace",
            "setup::cargo_config",
            "setup::sccache::settings",
            "seed::workspace",
        ],
    ),
    // Writes settings without touching what stands around them.
    ("toml_edit", &["setup::cargo_config", "setup::settings_file"]),
    // What cargo would use of its configuration, beside our reader.
    ("cargo_config2", &["setup::cargo_config::effective"]),
    // Programs that people call; `sys::os` finds those that kache starts.
    ("which", &["setup::programs"]),
    // System services, which it knows for four managers.
    ("service_manager", &["setup::service::system::control"]),
    ("semver", &["protocol::build", "setup", "cli::self_update"]),
    ("similar", &["setup::plan::show"]),
    ("dialoguer", &["cli"]),
    ("anstream", &["cli::terminal"]),
    ("anstyle", &["cli::terminal"]),
    ("indicatif", &["cli::progress"]),
    // The screens of `kache monitor` and `kache config`.
    ("ratatui", &["cli::config::editor", "cli::monitor", "cli::terminal"]),
    ("rusqlite", &["index"]),
    ("minisign_verify", &["remote::signature", "setup::self_update::release"]),
    // The other half of minisign.
    ("ed25519_compact", &["remote::signature"]),
    ("blake2b_simd", &["remote::signature"]),
    // Buckets. Credentials come from wherever the AWS tools find them.
    ("aws_config", &["remote::s3"]),
    ("aws_sdk_s3", &["remote::s3"]),
    // The one TLS stack: rustls with ring.
    ("aws_smithy_http_client", &["remote::s3"]),
    ("zstd", &["remote::pack", "remote::manifest"]),
    ("sha2", &["setup::self_update::release"]),
    ("flate2", &["setup::self_update::unpack"]),
    ("tar", &["remote::archive", "setup::self_update::unpack"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli::completions"]),
    ("clap_complete_nushell", &["cli::completions"]),
    ("anyhow", &["cli", "setup", "tui"]),
];

/// Everywhere but on the ground.
const ABOVE_SYS: &[&str] = &["*"];

/// Where code may differ between systems.
const PLATFORM_FOLDERS: [&str; 2] = ["src/sys/", "src/setup/service/"];

/// What only `sys` may name: beginning of the path, what below it is harmless, and what to do instead.
const OPERATING_SYSTEM: [(&str, &[&str], &str); 10] = [
    ("std::env", &["consts"], "take a `sys::env::Env`"),
    (
        "std::fs",
        &["File", "FileTimes", "FileType", "Metadata", "Permissions"],
        "use `sys::fs`, whose every change is a step that tests can fail",
    ),
    ("File::create", &[], "use `sys::fs`"),
    ("File::create_new", &[], "use `sys::fs`"),
    ("File::options", &[], "use `sys::fs`"),
    ("std::os", &[], "add a function to `sys`"),
    ("std::process::Command", &[], "use `sys::process`, which says what a child inherits"),
    ("std::process::exit", &[], "return an `ExitCode`"),
    ("SystemTime::now", &[], "use `sys::clock`"),
    ("std::time::SystemTime::now", &[], "use `sys::clock`"),
];

/// What the hot path must do without; names of packages or the beginning of them.
const HEAVY: [&str; 11] = [
    "anyhow",
    "aws",
    "clap",
    "hyper",
    "libsqlite3",
    "ratatui",
    "reqwest",
    "rusqlite",
    "rustls",
    "tokio",
    "zstd",
];

const MOST_LINES_OF_A_FILE: usize = 800;
const MOST_LINES_OF_A_FUNCTION: usize = 100;
const MAIN_HAS_FEWER_LINES_THAN: usize = 60;
const WRAPPER_HAS_FEWER_LINES_THAN: usize = 300;

#[track_caller]
pub(crate) fn none(problems: &[String], what_to_do: &str) {
    assert!(problems.is_empty(), "{what_to_do}:\n  {}\n", problems.join("\n  "));
}

/// The modules that `lib.rs` lists, in order.
fn listed_modules(tree: &Tree) -> Vec<String> {
    let tokens = &tree.source("src/lib.rs").tokens;
    let triples = tokens.windows(3).filter(|t| t[0].text == "mod" && t[2].text == ";");
    triples.map(|t| t[1].text.clone()).collect()
}

#[test]
fn a_module_names_only_modules_listed_above_it() {
    let tree = Tree::read();
    let order = listed_modules(tree);
    let rank = |name: &str| order.iter().position(|listed| listed == name);
    let mut problems = Vec::new();
    // A test may look at what later steps make of its subject.
    for source in tree.sources.iter().filter(|source| !source.is_test) {
        let Some(own) = source.module.first() else { continue };
        let Some(own_rank) = rank(own) else {
            problems.push(format!("{}:1: `{own}` is not listed in src/lib.rs", source.path));
            continue;
        };
        for named in source.named().into_iter().filter(|named| !named.in_test) {
            let target = tree.target(&named).and_then(|target| target.first().cloned());
            if let Some(other) = target.filter(|other| rank(other) > Some(own_rank)) {
                let (path, line) = (&source.path, named.line);
                problems
                    .push(format!("{path}:{line}: `{own}` names `{other}`, which src/lib.rs lists below it"));
            }
        }
    }
    none(
        &problems,
        "The order in src/lib.rs is the architecture: move what is shared up, or pass it in as a value",
    );
}

#[test]
fn files_of_one_folder_do_not_depend_on_each_other_in_a_circle() {
    let tree = Tree::read();
    // For each folder: who of it names whom, and where.
    let mut folders: BTreeMap<Vec<String>, BTreeMap<(String, String), String>> = BTreeMap::new();
    for source in tree.sources.iter().filter(|source| !source.is_test) {
        for named in source.named().into_iter().filter(|named| !named.in_test) {
            let Some(target) = tree.target(&named) else { continue };
            let n_common = source.module.iter().zip(&target).take_while(|(a, b)| a == b).count();
            if let (Some(from), Some(to)) = (source.module.get(n_common), target.get(n_common)) {
                let folder = folders.entry(target[..n_common].to_vec()).or_default();
                let place = format!("{}:{}", source.path, named.line);
                folder.entry((from.clone(), to.clone())).or_insert(place);
            }
        }
    }
    let mut problems = Vec::new();
    for edges in folders.values() {
        for ((from, to), place) in edges {
            if reaches(edges, to, from) {
                problems.push(format!("{place}: `{from}` names `{to}`, which leads back to `{from}`"));
            }
        }
    }
    none(&problems, "Break the circle: move what both need into a file of its own");
}

fn reaches(edges: &BTreeMap<(String, String), String>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        let next = edges.keys().filter(|(start, _)| start == at).map(|(_, end)| end.as_str());
        open.extend(next.filter(|end| seen.insert(*end)));
    }
    seen.contains(to)
}

#[test]
fn each_dependency_is_named_only_where_it_belongs() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let targets = manifest.get("target").and_then(|targets| targets.as_table());
    let tables = targets
        .iter()
        .flat_map(|targets| targets.values())
        .chain([&toml::Value::Table(manifest.clone())])
        .filter_map(|table| table.get("dependencies")?.as_table().cloned())
        .collect::<Vec<_>>();
    let dependencies: BTreeSet<String> =
        tables.iter().flat_map(|table| table.keys()).map(|name| name.replace('-', "_")).collect();
    let mut problems = Vec::new();
    for name in &dependencies {
        if !CRATES.iter().any(|(row, _)| row == name) {
            problems.push(format!("Cargo.toml: `{name}` has no row in CRATES of tests/tidy.rs"));
        }
    }
    for source in &Tree::read().sources {
        let module = source.module.join("::");
        let is_below = |place: &str| match place {
            "*" => !source.path.starts_with("src/sys/"),
            place => module == place || module.starts_with(&format!("{place}::")),
        };
        for named in source.named().into_iter().filter(|named| !named.in_test) {
            let Some((name, places)) = CRATES.iter().find(|(name, _)| *name == named.path[0]) else {
                continue;
            };
            let is_crate = dependencies.contains(*name) && (named.in_use || named.path.len() > 1);
            if is_crate && !places.iter().any(|place| is_below(place)) {
                problems.push(format!("{}:{}: `{name}` belongs to {places:?}", source.path, named.line));
            }
        }
    }
    none(&problems, "Keep each dependency behind the modules that CRATES in tests/tidy.rs names");
}

#[test]
fn only_sys_knows_which_system_this_is() {
    const PLATFORM: [&str; 7] =
        ["target_os", "target_family", "target_env", "target_arch", "target_vendor", "unix", "windows"];
    let mut problems = Vec::new();
    for source in Tree::read().sources.iter().filter(|source| !source.is_test) {
        if PLATFORM_FOLDERS.iter().any(|folder| source.path.starts_with(folder)) {
            continue;
        }
        for (index, token) in source.tokens.iter().enumerate() {
            let next =
                |ahead: usize| source.tokens.get(index + ahead).map_or("", |token| token.text.as_str());
            let open = index + if next(1) == "!" { 2 } else { 1 };
            if !matches!(token.text.as_str(), "cfg" | "cfg_attr") || next(open - index) != "(" {
                continue;
            }
            let inside = &source.tokens[open..source.closing(open)];
            if let Some(word) = inside.iter().find(|token| PLATFORM.contains(&token.text.as_str())) {
                problems.push(format!("{}:{}: `{}({}…)`", source.path, token.line, token.text, word.text));
            }
        }
    }
    none(
        &problems,
        "Put what differs between systems behind a function in src/sys/ that says what it promises",
    );
}

#[test]
fn only_sys_changes_files_starts_programs_and_asks_for_environment_or_time() {
    let mut problems = Vec::new();
    for source in Tree::read().sources.iter().filter(|source| !source.path.starts_with("src/sys/")) {
        for named in source.named().into_iter().filter(|named| !named.in_test) {
            for (beginning, harmless, instead) in OPERATING_SYSTEM {
                let below = named.path.get(beginning.split("::").count());
                let is_harmless = below.is_some_and(|name| harmless.contains(&name.as_str()));
                if named.starts_with(beginning) && !is_harmless {
                    let (path, line) = (&source.path, named.line);
                    problems.push(format!("{path}:{line}: `{}`: {instead}", named.path.join("::")));
                }
            }
        }
    }
    none(&problems, "The operating system is asked in src/sys/ and nowhere else");
}

#[test]
fn commands_print_in_one_place() {
    let mut problems = Vec::new();
    let is_elsewhere =
        |source: &&Source| source.path.starts_with("src/cli/") && source.path != "src/cli/terminal.rs";
    for source in Tree::read().sources.iter().filter(is_elsewhere) {
        for tokens in source.tokens.windows(3) {
            let call = [0, 1, 2].map(|at| tokens[at].text.as_str());
            if matches!(call, ["stdout" | "stderr", "(", ")"]) {
                problems.push(format!("{}:{}: `{}()`", source.path, tokens[0].line, tokens[0].text));
            }
        }
    }
    none(&problems, "Print through src/cli/terminal.rs, which escapes what would drive a terminal");
}

#[test]
fn every_file_says_at_its_top_what_it_is() {
    let mut problems = Vec::new();
    let folders = ["src", "tests", "examples"].map(|folder| root().join(folder));
    for path in folders.iter().flat_map(|folder| files_below(folder)) {
        // Fixtures are data: each byte of them may be what a scenario is about.
        let is_code = path.extension().is_some_and(|extension| extension == "rs");
        if !is_code || path.starts_with(root().join("tests/fixtures")) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let says_something =
            text.strip_prefix("//! ").is_some_and(|rest| rest.lines().next().unwrap_or("").len() > 3);
        if !says_something {
            problems.push(format!("{}:1", path.strip_prefix(root()).unwrap().display()));
        }
    }
    none(&problems, "Begin the file with `//!` and a sentence on what it is for");
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    let mut problems = Vec::new();
    for source in Tree::read().sources.iter().filter(|source| !source.is_test) {
        let n_lines = source.n_production_lines();
        if n_lines > MOST_LINES_OF_A_FILE {
            problems.push(format!("{}:1: {n_lines} lines, at most {MOST_LINES_OF_A_FILE}", source.path));
        }
    }
    none(&problems, "Split the file by what its parts are about");
}

#[test]
fn no_function_is_longer_than_a_reader_can_hold() {
    let mut problems = Vec::new();
    for source in Tree::read().sources.iter().filter(|source| !source.is_test) {
        for function in &source.functions {
            let is_long = function.n_lines > MOST_LINES_OF_A_FUNCTION && !source.is_test_line(function.line);
            if is_long && !is_excused(source, function.line) {
                let (path, name, n_lines) = (&source.path, &function.name, function.n_lines);
                let line = function.line;
                problems.push(format!(
                    "{path}:{line}: `{name}` has {n_lines} lines, at most {MOST_LINES_OF_A_FUNCTION}"
                ));
            }
        }
    }
    none(
        &problems,
        "Split the function; a flat table may stay with `#[expect(clippy::too_many_lines, reason = \"…\")]`",
    );
}

/// Whether the attributes right above `line` allow a long function, with a reason.
fn is_excused(source: &Source, line: usize) -> bool {
    let above: Vec<&str> = source.text.lines().take(line - 1).collect();
    let attributes = above.iter().rev().take_while(|line| line.trim_start().starts_with(['#', '/']));
    attributes.into_iter().any(|line| line.contains("clippy::too_many_lines") && line.contains("reason = "))
}

#[test]
fn main_only_decides_and_the_wrapper_only_calls_the_steps() {
    let tree = Tree::read();
    let limits =
        [("src/main.rs", MAIN_HAS_FEWER_LINES_THAN), ("src/run/wrapper.rs", WRAPPER_HAS_FEWER_LINES_THAN)];
    let mut problems = Vec::new();
    for (path, limit) in limits {
        let n_lines = tree.source(path).n_production_lines();
        if n_lines >= limit {
            problems.push(format!("{path}:1: {n_lines} lines, must be fewer than {limit}"));
        }
    }
    none(&problems, "Move what is a step of its own into a module of its own");
}

#[test]
fn nothing_is_left_for_later() {
    // Written so that this file does not find itself.
    let words = [["TO", "DO"], ["FIX", "ME"], ["X", "XX"]].map(|halves| halves.concat());
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut problems = Vec::new();
    for path in files_below(root()) {
        let bytes = fs::read(&path).unwrap();
        for (index, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
            if let Some(word) = line.split(|c| !is_part(c)).find(|part| words.iter().any(|word| word == part))
            {
                let path = path.strip_prefix(root()).unwrap().display();
                problems.push(format!("{path}:{}: {word}", index + 1));
            }
        }
    }
    none(&problems, "Do it now, or open an issue; the code says what is");
}

#[test]
fn the_hot_path_is_built_without_anything_heavy() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--no-default-features", "--prefix", "none", "--format", "{p}"]);
    let output = cargo.args(["--edges", "normal"]).current_dir(root()).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "cargo tree: {stderr}");
    assert!(stdout.contains("blake3"), "cargo tree does not show the hot path: {stdout}");
    let is_heavy = |package: &&str| HEAVY.iter().any(|name| package.starts_with(name));
    let problems: Vec<String> = stdout.lines().filter(is_heavy).map(str::to_owned).collect();
    none(
        &problems,
        "Make it optional and name it in the feature that needs it; `cargo tree --invert` shows by whom it came",
    );
}

#[test]
fn what_a_comment_or_a_string_says_is_not_taken_for_code() {
    let code = r###"
        use crate::{a::{self, B as C}, d::*}; // crate::wrong
        /* crate::wrong /* crate::wrong */ crate::wrong */ const X: &str = "crate::wrong \" crate::wrong";
        fn f<'a>(x: &'a str) -> char { crate::g(r##"crate::wrong "# crate::wrong"##, b'"', '"', '\'', "") }
        #[cfg(test)]
        mod inner { use super::h; }
    "###;
    let source = Source::of("src/one/two.rs".to_owned(), code.to_owned());
    let named = source.named().into_iter().filter(|named| named.in_use || named.path.len() > 1);
    let found: Vec<String> = named.map(|named| format!("{} {}", named.line, named.path.join("::"))).collect();
    assert_eq!(found, ["2 crate::a", "2 crate::a::B", "2 crate::d::*", "4 crate::g", "6 super::h"]);
    assert_eq!((source.is_test_line(5), source.n_production_lines()), (true, 5));
    assert_eq!(source.functions.first().map(|function| (function.line, function.n_lines)), Some((4, 1)));
}
