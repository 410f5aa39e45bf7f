//! `kache config`: shows the settings in effect and where they come from. Fails if any setting is invalid.

use serde::Serialize;

use crate::cli::exit::{Exit, Failure};
use crate::cli::session::{Report, Session, invalid_config};
use crate::cli::table::Table;
use crate::report::format::Format;
use crate::settings;

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConfigReport {
    format: Format<1>,
    settings: Vec<SettingRow>,
    problems: Vec<String>,
}

impl Report for ConfigReport {}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SettingRow {
    name: &'static str,
    value: String,
    source: String,
}

/// Prints the settings, then fails with the problems found in their sources.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let (config, problems) = settings::for_command(session.env);
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let settings = config.rows().into_iter().map(|row| SettingRow {
        name: row.name,
        value: row.value,
        source: row.source.to_string(),
    });
    if args.json {
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
