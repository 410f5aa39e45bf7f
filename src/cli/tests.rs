//! Tests of all commands together: the JSON schemas in `docs/src/schemas/` are generated from the types that are printed.
//!
//! `REGENERATE=1 cargo test --lib json_schemas` writes them.

use std::path::{Path, PathBuf};
use std::{env, fs};

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::cli::changes::ChangesReport;
use crate::cli::clean::report::CleanReport;
use crate::cli::command;
use crate::cli::config::{ConfigReport, SettingReport};
use crate::cli::daemon::DaemonReport;
use crate::cli::doctor::{DoctorReport, RebuildReport, VerifyReport};
use crate::cli::exit::FailureReport;
use crate::cli::gc::GcReport;
use crate::cli::harvest::HarvestReport;
use crate::cli::list::ListReport;
use crate::cli::monitor::EventReport;
use crate::cli::purge::PurgeReport;
use crate::cli::remote::KeygenReport;
use crate::cli::report::figures::Figures;
use crate::cli::save_manifest::SaveManifestReport;
use crate::cli::stats::StatsReport;
use crate::cli::sync::SyncReport;
use crate::cli::trial::report::TrialReport;
use crate::cli::why_miss::WhyMissReport;
use crate::cli::why_miss::last_build::LastBuildMisses;

/// Adds the schema of a type, and returns a reference to it.
type Reference = fn(&mut SchemaGenerator) -> Schema;

/// What each command prints with `--json`, except for failures.
const OUTPUTS: &[(&str, &[Reference])] = &[
    ("clean", &[SchemaGenerator::subschema_for::<CleanReport>]),
    ("config", &[SchemaGenerator::subschema_for::<ConfigReport>]),
    ("config get", &[SchemaGenerator::subschema_for::<SettingReport>]),
    ("config set", &[SchemaGenerator::subschema_for::<ChangesReport<'_>>]),
    ("config undo", &[SchemaGenerator::subschema_for::<ChangesReport<'_>>]),
    ("config unset", &[SchemaGenerator::subschema_for::<ChangesReport<'_>>]),
    ("daemon", &[SchemaGenerator::subschema_for::<DaemonReport>]),
    ("daemon install", &[SchemaGenerator::subschema_for::<ChangesReport<'_>>]),
    ("daemon status", &[SchemaGenerator::subschema_for::<DaemonReport>]),
    ("daemon uninstall", &[SchemaGenerator::subschema_for::<ChangesReport<'_>>]),
    (
        "doctor",
        &[
            SchemaGenerator::subschema_for::<DoctorReport>,
            SchemaGenerator::subschema_for::<VerifyReport<'_>>,
            SchemaGenerator::subschema_for::<RebuildReport>,
        ],
    ),
    ("gc", &[SchemaGenerator::subschema_for::<GcReport>]),
    ("harvest", &[SchemaGenerator::subschema_for::<HarvestReport>]),
    ("init", &[SchemaGenerator::subschema_for::<ChangesReport<'_>>]),
    ("list", &[SchemaGenerator::subschema_for::<ListReport>]),
    ("monitor", &[SchemaGenerator::subschema_for::<EventReport<'_>>]),
    ("purge", &[SchemaGenerator::subschema_for::<PurgeReport>, SchemaGenerator::subschema_for::<GcReport>]),
    ("remote keygen", &[SchemaGenerator::subschema_for::<KeygenReport>]),
    ("report", &[SchemaGenerator::subschema_for::<Figures>]),
    ("save-manifest", &[SchemaGenerator::subschema_for::<SaveManifestReport>]),
    ("self-update", &[SchemaGenerator::subschema_for::<ChangesReport<'_>>]),
    ("stats", &[SchemaGenerator::subschema_for::<StatsReport>]),
    ("sync", &[SchemaGenerator::subschema_for::<SyncReport>]),
    ("try", &[SchemaGenerator::subschema_for::<TrialReport>]),
    ("uninstall", &[SchemaGenerator::subschema_for::<ChangesReport<'_>>]),
    (
        "why-miss",
        &[SchemaGenerator::subschema_for::<WhyMissReport>, SchemaGenerator::subschema_for::<LastBuildMisses>],
    ),
];

fn schema(command: &str, outputs: &[Reference]) -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut any: Vec<Schema> = outputs.iter().map(|output| output(&mut generator)).collect();
    any.push(generator.subschema_for::<FailureReport<'_>>());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("kache {command} --json"),
        "anyOf": any,
        "$defs": generator.take_definitions(true),
    })
}

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/schemas")
}

fn file_name(command: &str) -> String {
    format!("{}.json", command.replace(' ', "-"))
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it writes the project, not a user's files")]
fn committed_json_schemas_are_those_of_what_is_printed() {
    let is_regenerated = env::var_os("REGENERATE").is_some();
    let mut stale = Vec::new();
    for (command, outputs) in OUTPUTS {
        let path = dir().join(file_name(command));
        let text = serde_json::to_string_pretty(&schema(command, outputs)).unwrap() + "\n";
        if is_regenerated {
            fs::create_dir_all(dir()).unwrap();
            fs::write(&path, &text).unwrap();
        }
        if fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n") != text {
            stale.push(path);
        }
    }
    assert!(stale.is_empty(), "run `just gen`: {stale:?}");
    let n_files = fs::read_dir(dir()).unwrap().count();
    assert_eq!(n_files, OUTPUTS.len(), "{} holds other files", dir().display());
}

/// The commands below `command` that have `--json`, as they are typed.
fn with_json(command: &clap::Command, path: &str, found: &mut Vec<String>) {
    if command.get_arguments().any(|argument| argument.get_long() == Some("json")) {
        found.push(path.to_owned());
    }
    for subcommand in command.get_subcommands() {
        with_json(subcommand, format!("{path} {}", subcommand.get_name()).trim(), found);
    }
}

#[test]
fn every_command_with_json_has_a_schema() {
    let mut found = Vec::new();
    with_json(&command::definition(), "", &mut found);
    found.sort();
    let known: Vec<&str> = OUTPUTS.iter().map(|(command, _)| *command).collect();
    assert_eq!(found, known);
}
