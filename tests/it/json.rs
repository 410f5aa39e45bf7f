//! What commands print with `--json`: it conforms to the committed schemas, also where a command fails.
#![allow(clippy::unwrap_used, reason = "a scenario ends where it cannot go on")]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::home::Home;

/// Whether `value` conforms to `schema`, a part of `root`; otherwise why not. Knows the keywords that the schemas use, and
/// fails on any other. Stricter than the standard: a field without a description is an error. A validator from crates.io
/// would bring 70 packages.
fn conforms(value: &Value, schema: &Value, root: &Value) -> Result<(), String> {
    let described = described_fields(value, schema, root)?;
    let mut fields = value.as_object().into_iter().flatten();
    match fields.find(|(name, _)| !described.contains(*name)) {
        Some((name, field)) => Err(format!("unknown field {name}: {field}")),
        None => Ok(()),
    }
}

/// The fields of `value` that `schema` describes, if what it describes conforms.
fn described_fields(value: &Value, schema: &Value, root: &Value) -> Result<BTreeSet<String>, String> {
    let mut described = BTreeSet::new();
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" | "format" => {}
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                described.extend(described_fields(value, root.pointer(pointer).unwrap(), root)?);
            }
            "anyOf" | "oneOf" => {
                let tried =
                    rule.as_array().unwrap().iter().map(|schema| described_fields(value, schema, root));
                let (ok, why): (Vec<_>, Vec<_>) = tried.partition(Result::is_ok);
                if ok.is_empty() || (keyword == "oneOf" && ok.len() > 1) {
                    return Err(format!("{} of {keyword} fit {value}: {why:?}", ok.len()));
                }
                described.extend(ok.into_iter().flatten().flatten());
            }
            "const" => check(value == rule, || format!("{value} is not {rule}"))?,
            "enum" => check(rule.as_array().unwrap().contains(value), || format!("{value} not in {rule}"))?,
            "minimum" | "maximum" if !value.is_number() => {}
            "minimum" => check(value.as_f64() >= rule.as_f64(), || format!("{value} < {rule}"))?,
            "maximum" => check(value.as_f64() <= rule.as_f64(), || format!("{value} > {rule}"))?,
            "type" => check(has_type(value, rule), || format!("{value} is no {rule}"))?,
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    conforms(item, rule, root)?;
                }
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    let is_there = value.get(name.as_str().unwrap()).is_some();
                    check(is_there, || format!("{name} is missing in {value}"))?;
                }
            }
            "properties" | "additionalProperties" => {
                for (name, field) in value.as_object().into_iter().flatten() {
                    let field_schema = if keyword == "properties" { rule.get(name) } else { Some(rule) };
                    let Some(field_schema) = field_schema else { continue };
                    conforms(field, field_schema, root).map_err(|why| format!("{name}: {why}"))?;
                    described.insert(name.clone());
                }
            }
            other => panic!("unknown keyword {other}"),
        }
    }
    Ok(described)
}

fn check(is_ok: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if is_ok { Ok(()) } else { Err(why()) }
}

fn has_type(value: &Value, rule: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("unknown type {other}"),
    };
    rule.as_array().map_or_else(|| is(rule), |names| names.iter().any(is))
}

/// Runs `kache <line> --json`, which prints one object that conforms to the schema of its command.
#[track_caller]
fn run(home: &Home, code: i32, line: &str) -> Value {
    let args: Vec<&str> = line.split(' ').chain(["--json"]).collect();
    let ended = home.run(&args);
    ended.with(code, "");
    let value: Value =
        serde_json::from_str(&ended.out).unwrap_or_else(|e| panic!("{line}: {e}\n{}", ended.out));
    let mut words = line.split(' ').take_while(|word| !word.starts_with('-'));
    let command = match (words.next().unwrap(), words.next()) {
        (command @ ("config" | "daemon"), Some(action)) => format!("{command}-{action}"),
        (command, _) => command.to_owned(),
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/src/schemas/{command}.json"));
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    conforms(&value, &schema, &schema).unwrap_or_else(|why| panic!("{line}: {why}\n{value:#}"));
    assert_eq!(value["format"], 1);
    value
}

#[test]
fn what_each_command_prints_conforms_to_its_schema() {
    let mut home = Home::new();
    home.package("project");
    home.within("project");
    run(&home, 2, "init --dry-run --no-service");
    run(&home, 0, "init -y --no-service");
    home.cargo_works();
    home.write("works/src/lib.rs", "pub const CHANGED: u8 = 1;\n");
    let mut command = home.command("cargo");
    assert!(command.current_dir(home.path("works")).args(["build", "--offline"]).status().unwrap().success());
    for line in [
        "config",
        "stats",
        "report",
        "report --last-build",
        "clean --dry-run",
        "list",
        "list p --inputs",
        "why-miss p",
        "why-miss",
        "config get wait",
        "config set wait 5s",
        "config unset wait",
        "config undo",
        "doctor",
        "doctor --verify",
        "doctor --rebuild-index",
        "doctor --fix --dry-run",
        "gc --dry-run",
        "gc --max-age 0s --grace 0s",
        "daemon uninstall --dry-run",
        "clean --all -y",
        "purge p --dry-run",
        "purge",
        "uninstall -y",
    ] {
        run(&home, 0, line);
    }
    run(&home, 2, "config set wait 6s --dry-run");
    assert_eq!(run(&home, 1, "daemon status")["is_running"], false);
    assert_eq!(run(&home, 1, "daemon")["is_running"], false);
}

#[test]
fn a_running_daemon_tells_its_status_by_its_schema() {
    let mut home = Home::new();
    home.dir("run");
    home.mode("run", 0o700);
    let run_dir = home.path("run").display().to_string();
    home.set("XDG_RUNTIME_DIR", &run_dir);
    home.run(&["daemon", "start"]).with(0, "Started");
    let status = run(&home, 0, "daemon status");
    home.run(&["daemon", "stop"]).with(0, "Stopped");
    assert_eq!(status["is_running"], true);
    assert!(status["pid"].is_u64(), "{status:#}");
}

#[test]
fn a_failure_is_an_object_with_a_code_and_a_hint() {
    let mut home = Home::new();
    home.package("project");
    home.within("project");
    let code = |home: &Home, exit, line: &str| run(home, exit, line)["error"]["code"].clone();
    let failed = run(&home, 1, "why-miss nobody");
    assert_eq!(failed["error"]["code"], "not-recorded");
    assert!(failed["error"]["message"].as_str().unwrap().starts_with("no build of `nobody` is recorded"));
    assert_eq!(failed["error"]["hint"], "`kache list` shows the crates in the store");
    assert_eq!(code(&home, 2, "list --frob"), "usage");
    assert_eq!(code(&home, 2, "init"), "confirmation-required");
    assert_eq!(code(&home, 2, "doctor --fix"), "confirmation-required");
    assert_eq!(code(&home, 2, "clean --all"), "confirmation-required");
    assert_eq!(code(&home, 1, "report --output nowhere/report.json"), "failed");
    assert_eq!(code(&home, 1, "self-update -y"), "not-updatable");
    assert_eq!(code(&home, 2, "try /nowhere"), "usage");
    home.set("KACHE_CACHE_DIR", "relative");
    assert_eq!(code(&home, 2, "list"), "invalid-config");
    // Its own object tells the problems.
    assert_eq!(run(&home, 2, "config")["problems"].as_array().unwrap().len(), 1);
    home.unset("KACHE_CACHE_DIR");
    home.write(".cargo/config.toml", "[build]\nrustc-wrapper = \"other\"\n");
    assert_eq!(code(&home, 1, "init -y --no-service"), "cargo-config");
    home.set("PATH", "/nowhere");
    home.write(".cargo/config.toml", "");
    assert_eq!(code(&home, 1, "init -y --no-service"), "cargo-not-found");
    home.unset("HOME");
    assert_eq!(code(&home, 2, "uninstall -y"), "wrong-user");
}

#[test]
fn a_busy_store_is_told_by_code() {
    let home = Home::new();
    home.dir(".cache/kache");
    let lock = kache::gc::CollectionLock::acquire(&home.path(".cache/kache")).unwrap();
    let busy = run(&home, 4, "gc");
    drop(lock);
    assert_eq!(busy["error"]["code"], "busy");
    assert_eq!(busy["error"]["hint"], "try again when it has finished");
}
