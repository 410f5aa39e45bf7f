//! `kache monitor`: shows what kache does while it does it. On a terminal that is a screen with the running build, the
//! projects, the store and the exchange with a remote; elsewhere it prints a line for each unit.
//!
//! ```text
//! daemon, or the record files where none runs
//!   └─ follow   new records, as they come
//!       └─ model    builds, projects, totals, and what is selected
//!           └─ view     one page of the model, drawn into a frame
//! ```
//!
//! [`screen`] runs the loop on a terminal: new records, [`keys`] and the mouse, the next frame.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::cli::exit::{Exit, Failure};
use crate::cli::monitor::follow::Follower;
use crate::cli::session::Session;
use crate::cli::terminal;
use crate::config::units::{format_duration, parse_duration};
use crate::outcome::Outcome;
use crate::protocol::message::Update;
use crate::report::escape;
use crate::report::format::Format;
use crate::report::text::{Style, Text};
use crate::report::words::{self, counted, with_detail};
use crate::run::record::Record;
use crate::store::Store;
use crate::sys::clock;

pub mod follow;
pub mod keys;
pub mod model;
pub mod screen;
pub mod transfer;
pub mod view;

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Show builds within this time, such as 24h or 7d
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "24h")]
    since: Duration,
    /// Print the screen once, as text, and exit
    #[arg(long, conflicts_with = "json")]
    once: bool,
    /// Print one JSON object per line instead of text
    #[arg(long)]
    json: bool,
}

/// One line of output for programs.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventReport<'a> {
    /// A unit was built.
    Record {
        format: Format<1>,
        /// As it stands in the store. A newer version of kache may write fields that this one does not know.
        #[cfg_attr(test, schemars(with = "Record"))]
        record: &'a Value,
    },
    /// Units were built faster than lines were read.
    Missed {
        format: Format<1>,
        /// How many units were skipped.
        n: u64,
    },
}

/// Shows a screen on a terminal; elsewhere prints records until nobody reads them any more.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let (config, _) = session.config_of_builds()?;
    let since_ms = clock::now_ms().saturating_sub(args.since.as_millis() as u64);
    if args.once {
        return screen::once(&config, since_ms, session);
    }
    if !args.json && terminal::is_for_people() && terminal::can_ask() {
        return screen::run(&config, since_ms, session);
    }
    let mut follower = Follower::new(session.env, Store::records_dir(&config.cache_dir.value));
    terminal::say("Waiting for builds; press Ctrl-C to stop.\n");
    loop {
        for update in follower.wait() {
            let is_read = match args.json {
                true => terminal::print_json_while_read(&json(&update)?)?,
                false => terminal::print_while_read(&text(&update))?,
            };
            if !is_read {
                return Ok(Exit::Ok);
            }
        }
    }
}

fn json(update: &Update) -> Result<String, Failure> {
    let event = match update {
        Update::Record { record, .. } => EventReport::Record { format: Format, record },
        Update::Missed { n } => EventReport::Missed { format: Format, n: *n },
    };
    Ok(serde_json::to_string(&event)? + "\n")
}

fn text(update: &Update) -> Text {
    match update {
        Update::Record { record, .. } => match serde_json::from_value(record.clone()) {
            Ok(record) => line(&record),
            // A newer version may write records that this one does not know.
            Err(_) => Text::from("unreadable record\n"),
        },
        Update::Missed { n } => {
            let n = usize::try_from(*n).unwrap_or(usize::MAX);
            Text::from(format!("skipped {}\n", counted(n, "record")))
        }
    }
}

/// A record in one line: the outcome, the unit, and how long it took or why.
fn line(record: &Record) -> Text {
    let unit = &record.unit;
    let name = if unit.kind.ends_with("build-script") { &unit.package } else { &unit.crate_name };
    let words = [name.as_str(), &unit.version, &unit.kind];
    let unit = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let took = format_duration(Duration::from_micros(record.times.total_us));
    let (outcome, style, detail) = match &record.outcome {
        Outcome::Hit { .. } => {
            let saved = format_duration(Duration::from_millis(record.compile_ms));
            ("hit", Style::Ok, format!("saved {saved} of compile time"))
        }
        Outcome::Miss { reason, unstored: None } => ("miss", Style::Warning, words::miss(*reason).to_owned()),
        Outcome::Miss { unstored: Some(unstored), .. } => {
            let (why, detail) = words::unstored(unstored);
            ("miss", Style::Warning, format!("not stored: {}", with_detail(why, detail)))
        }
        Outcome::Bypass { reason } => {
            ("bypass", Style::Plain, with_detail(words::bypass(reason.why), &reason.detail))
        }
        Outcome::Edit { edit, detail, .. } => ("edit", Style::Plain, with_detail(words::edit(*edit), detail)),
    };
    let unit = escape::line(&unit);
    let mut line = Text::new();
    line.push_styled(style, format!("{outcome:<7}"));
    line.push(format!(" {unit:<40} {took:>7}  {}\n", escape::line(&detail)));
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Bypass, BypassReason, Edit, MissReason, Origin, Unstored};
    use crate::protocol::message::Position;
    use crate::store::entry::UnitName;
    use crate::sys::env::Env;

    fn record(outcome: Outcome) -> Record {
        let mut record = Record::new(&Env::with_vars(&[]), &[]);
        record.outcome = outcome;
        record.unit = UnitName {
            crate_name: "serde".into(),
            version: "1.0.228".into(),
            kind: "lib".into(),
            ..UnitName::default()
        };
        record.times.total_us = 2_400;
        record.compile_ms = 1_250;
        record
    }

    fn update(outcome: Outcome) -> Update {
        let at = Position { file: "2026-11-30.jsonl".to_owned(), offset: 1 };
        Update::Record { record: serde_json::to_value(record(outcome)).unwrap(), at }
    }

    #[test]
    fn each_record_is_one_line() {
        let unstored = Some(Unstored::InputChanged("src/\nlib.rs".to_owned()));
        let reason = BypassReason::new(Bypass::UnknownArgument, "--dance");
        let lines = [
            Outcome::Hit { origin: Origin::Local },
            Outcome::Miss { reason: MissReason::NewUnit, unstored: None },
            Outcome::Miss { reason: MissReason::NewUnit, unstored },
            Outcome::Edit { edit: Edit::Source, detail: "src/lib.rs".to_owned(), failed: false },
            Outcome::Bypass { reason },
        ]
        .map(|outcome| text(&update(outcome)).plain());
        let expected = [
            "hit     serde 1.0.228 lib                            2ms  saved 1.2s of compile time\n",
            "miss    serde 1.0.228 lib                            2ms  never compiled before with these arguments and \
             dependencies\n",
            "miss    serde 1.0.228 lib                            2ms  not stored: an input changed while the compiler \
             ran: src/\\nlib.rs\n",
            "edit    serde 1.0.228 lib                            2ms  a source was edited since the last build here: \
             src/lib.rs\n",
            "bypass  serde 1.0.228 lib                            2ms  an unknown argument: --dance\n",
        ];
        assert_eq!(lines, expected);
        assert_eq!(text(&Update::Missed { n: 1 }).plain(), "skipped 1 record\n");
    }

    #[test]
    fn for_programs_each_record_is_one_object() {
        let json_line = json(&update(Outcome::Hit { origin: Origin::Local })).unwrap();
        let value: Value = serde_json::from_str(&json_line).unwrap();
        assert_eq!((&value["event"], &value["format"]), (&Value::from("record"), &Value::from(1)));
        assert_eq!(value["record"]["unit"]["crate_name"], "serde");
        assert_eq!(json_line.matches('\n').count(), 1);
        assert_eq!(json(&Update::Missed { n: 3 }).unwrap(), "{\"event\":\"missed\",\"format\":1,\"n\":3}\n");
    }
}
