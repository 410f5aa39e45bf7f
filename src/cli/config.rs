//! `kache config`: shows the settings in effect and where they come from, and changes them in configuration files.

use serde::Serialize;

use crate::cli::config::change::{Options, Output};
use crate::cli::exit::{Exit, Failure};
use crate::cli::session::{Report, Session, invalid_config};
use crate::cli::table::Table;
use crate::cli::terminal;
use crate::config::resolve::Row;
use crate::report::format::Format;
use crate::settings;
use crate::setup::settings_file;

pub mod change;
pub mod editor;

/// The arguments.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    action: Option<ConfigAction>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(clap::Subcommand)]
enum ConfigAction {
    /// Print the value of one setting
    Get {
        /// The setting, with or without `cache.`
        key: String,
        /// Print one JSON object instead of the value
        #[arg(long)]
        json: bool,
    },
    /// Set a setting in the user's configuration file, or in the project's
    Set {
        /// The setting, with or without `cache.`
        key: String,
        /// Its value; for a list, names with commas between them
        #[arg(allow_hyphen_values = true)]
        value: String,
        #[command(flatten)]
        options: Options,
    },
    /// Remove a setting from the user's configuration file, or from the project's
    Unset {
        /// The setting, with or without `cache.`
        key: String,
        #[command(flatten)]
        options: Options,
    },
    /// Take back the last change of a configuration file that was made with these commands
    Undo(Output),
}

/// All settings.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConfigReport {
    format: Format<1>,
    settings: Vec<SettingRow>,
    problems: Vec<String>,
}

impl Report for ConfigReport {}

/// One setting.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SettingReport {
    format: Format<1>,
    #[serde(flatten)]
    setting: SettingRow,
}

impl Report for SettingReport {}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SettingRow {
    name: &'static str,
    value: String,
    source: String,
}

impl SettingRow {
    fn new(row: &Row<'_>) -> SettingRow {
        SettingRow { name: row.name, value: row.value.clone(), source: row.source.to_string() }
    }
}

/// Shows or changes settings.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    match &args.action {
        None if !args.json && terminal::is_for_people() && terminal::can_ask() => editor::run(session),
        None => show(args.json, session),
        Some(ConfigAction::Get { key, json }) => get(key, *json, session),
        Some(ConfigAction::Set { key, value, options }) => change::change(key, Some(value), options, session),
        Some(ConfigAction::Unset { key, options }) => change::change(key, None, options, session),
        Some(ConfigAction::Undo(output)) => change::undo(output, session),
    }
}

/// Prints the settings, then fails with the problems found in their sources.
fn show(json: bool, session: &Session<'_>) -> Result<Exit, Failure> {
    let (config, problems) = settings::for_command(session.env);
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let rows = config.rows();
    let settings = rows.iter().map(SettingRow::new);
    if json {
        let settings = settings.collect();
        session.print_json(&ConfigReport { format: Format, settings, problems: problems.clone() })?;
    } else {
        let mut table = Table::new("<<<");
        for setting in settings {
            let value = if setting.value.is_empty() { "-" } else { setting.value.as_str() };
            table.row([setting.name, value, &setting.source]);
        }
        session.print(table.render(""))?;
    }
    if problems.is_empty() { Ok(Exit::Ok) } else { Err(invalid_config(problems)) }
}

/// Prints the value of one setting.
fn get(name: &str, json: bool, session: &Session<'_>) -> Result<Exit, Failure> {
    let key = settings_file::key(name).map_err(change::failure)?;
    let (config, _) = session.config_of_builds()?;
    let rows = config.rows();
    let Some(row) = rows.iter().find(|row| row.name == key.name) else {
        return Err(Failure::usage(format_args!("`{}` has no value", key.name)));
    };
    match json {
        true => session.print_json(&SettingReport { format: Format, setting: SettingRow::new(row) })?,
        false => session.print(format!("{}\n", row.value))?,
    }
    Ok(Exit::Ok)
}
