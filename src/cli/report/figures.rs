//! The figures of a report. All formats are made from them, and with `--format json` they are printed as they are.

use std::time::Duration;

use serde::Serialize;

use crate::cli::session::Report;
use crate::config::units::{format_bytes, format_duration};
use crate::report::advice;
use crate::report::build::{Build, Fate, Span};
use crate::report::escape;
use crate::report::format::Format;
use crate::report::summary::Summary;
use crate::run::record::Record;

/// How many of the costliest misses are listed.
const MOST_MISSES: usize = 10;

/// What the cache was worth.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Figures {
    format: Format<1>,
    /// Only builds since then are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    since_ms: Option<u64>,
    /// Only the last build is counted.
    pub only_last_build: bool,
    pub summary: Summary,
    pub n_unreadable_lines: usize,
    /// The units that took the compiler longest, the longest first.
    pub costliest: Vec<CostlyUnit>,
    /// The build that ended last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_build: Option<BuildFigures>,
}

impl Report for Figures {}

/// A unit that was compiled.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CostlyUnit {
    /// Its name, version and kind.
    pub unit: String,
    pub place: String,
    pub fate: Fate,
    pub compile_ms: u64,
    /// Why it was not served.
    pub reason: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// One build.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BuildFigures {
    /// The workspace, or the build directory if only dependencies were built.
    pub place: String,
    pub start_ms: u64,
    pub end_ms: u64,
    pub wall_ms: u64,
    pub n_hits: u64,
    /// The most units that ran at the same time.
    pub n_lanes: usize,
    /// How long the units of the critical path ran.
    pub critical_ms: u64,
    /// The units that the build waited for, by their indexes in `units`.
    pub critical_path: Vec<usize>,
    /// In the order in which they began.
    pub units: Vec<UnitFigures>,
}

/// When a unit ran, and what became of it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UnitFigures {
    /// Its name, version and kind.
    pub unit: String,
    pub fate: Fate,
    /// Why it was not served; of a hit, where it came from.
    pub reason: String,
    pub start_ms: u64,
    pub end_ms: u64,
    /// Units that ran at the same time have different lanes.
    pub lane: usize,
    /// Of a hit: how long the compiler would have taken.
    pub compile_ms: u64,
}

impl Figures {
    /// The figures of `records`, and of the last build.
    pub fn new(
        records: &[&Record],
        last_build: Option<&Build<'_>>,
        since_ms: Option<u64>,
        only_last_build: bool,
        n_unreadable_lines: usize,
    ) -> Figures {
        let costliest = advice::costliest(records.iter().copied(), MOST_MISSES);
        Figures {
            format: Format,
            since_ms,
            only_last_build,
            summary: Summary::from_records(records.iter().copied()),
            n_unreadable_lines,
            costliest: costliest.into_iter().map(costly_unit).collect(),
            last_build: last_build.map(build_figures),
        }
    }
}

fn costly_unit(record: &Record) -> CostlyUnit {
    CostlyUnit {
        unit: advice::title(record),
        place: record.place.clone(),
        fate: Fate::of(record),
        compile_ms: record.compile_ms,
        reason: advice::reason(record),
        advice: advice::advice(record),
    }
}

fn build_figures(build: &Build<'_>) -> BuildFigures {
    let path = build.critical_path();
    let n_hits = build.units.iter().filter(|unit| Fate::of(unit.record) == Fate::Hit).count();
    BuildFigures {
        place: build.place.to_owned(),
        start_ms: build.start_ms,
        end_ms: build.end_ms,
        wall_ms: build.wall_ms(),
        n_hits: n_hits as u64,
        n_lanes: build.n_lanes,
        critical_ms: path.iter().map(|unit| unit.end_ms - unit.start_ms).sum(),
        critical_path: path.iter().map(|unit| index_of(unit, &build.units)).collect(),
        units: build.units.iter().map(unit_figures).collect(),
    }
}

/// Where `unit` is among `units`, of which it is one.
fn index_of(unit: &Span<'_>, units: &[Span<'_>]) -> usize {
    units.iter().position(|other| std::ptr::eq(other, unit)).unwrap_or_default()
}

fn unit_figures(unit: &Span<'_>) -> UnitFigures {
    UnitFigures {
        unit: advice::title(unit.record),
        fate: Fate::of(unit.record),
        reason: advice::reason(unit.record),
        start_ms: unit.start_ms,
        end_ms: unit.end_ms,
        lane: unit.lane,
        compile_ms: unit.record.compile_ms,
    }
}

/// The figures that head every format: what they are called, and their values.
pub fn headline(figures: &Figures) -> Vec<(&'static str, String)> {
    let summary = &figures.summary;
    let mut lines = vec![
        ("Hit rate", summary.hit_rate.map_or("-".to_owned(), |rate| format!("{:.1} %", rate * 100.0))),
        (
            "Units",
            format!(
                "{} ({} hits, {} misses, {} edits, {} bypasses)",
                summary.n_units, summary.n_hits, summary.n_misses, summary.n_edits, summary.n_bypasses
            ),
        ),
        ("Compile time saved", ms(summary.saved_ms.unwrap_or(0))),
        ("Compile time spent", ms(summary.compiled_ms.unwrap_or(0))),
    ];
    let restored = summary.linked_bytes + summary.cloned_bytes + summary.copied_bytes;
    lines.push((
        "Restored",
        format!("{} ({} of it copied)", format_bytes(restored), format_bytes(summary.copied_bytes)),
    ));
    lines.push(("Stored", format_bytes(summary.stored_bytes)));
    let n_not_fetched: u64 = summary.not_fetched_by_reason.values().sum();
    if summary.n_hits_remote > 0 || n_not_fetched > 0 {
        lines.push(("Remote", remote(summary, n_not_fetched)));
    }
    lines
}

/// What builds got from the remote while they ran, and the reason for which they did not get most of the rest.
fn remote(summary: &Summary, n_not_fetched: u64) -> String {
    let fetched = format!("{} fetched", summary.n_hits_remote);
    let why = summary.not_fetched_by_reason.iter().max_by_key(|(_, n)| **n).map(|(why, _)| escape::line(why));
    match why {
        Some(why) if summary.not_fetched_by_reason.len() == 1 => {
            format!("{fetched}, {n_not_fetched} not ({why})")
        }
        Some(why) => format!("{fetched}, {n_not_fetched} not (mostly: {why})"),
        None => fetched,
    }
}

fn ms(ms: u64) -> String {
    format_duration(Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{MissReason, Origin, Outcome};
    use crate::sys::env::Env;

    #[test]
    fn the_remote_is_reported_where_it_had_a_part() {
        let record = |outcome, not_fetched: Option<&str>| {
            let mut record = Record::new(&Env::with_vars(&[]), &[]);
            record.outcome = outcome;
            record.not_fetched = not_fetched.map(str::to_owned);
            record
        };
        let miss = Outcome::Miss { reason: MissReason::NewUnit, unstored: None };
        let fetched = record(Outcome::Hit { origin: Origin::Remote }, None);
        let (late, denied) = (record(miss.clone(), Some("too late")), record(miss.clone(), Some("denied")));
        let line = |records: &[&Record]| {
            let figures = Figures::new(records, None, None, false, 0);
            headline(&figures).into_iter().find(|(name, _)| *name == "Remote").map(|(_, value)| value)
        };
        assert_eq!(line(&[&record(miss, None)]), None);
        assert_eq!(line(&[&fetched]).as_deref(), Some("1 fetched"));
        assert_eq!(line(&[&fetched, &late]).as_deref(), Some("1 fetched, 1 not (too late)"));
        assert_eq!(line(&[&denied, &late, &late]).as_deref(), Some("0 fetched, 3 not (mostly: too late)"));
    }
}
