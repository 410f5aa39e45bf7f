//! `kache why-miss` without a crate: the misses of the last build, grouped by cause. The costliest cause comes first.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::cli::exit::{ErrorCode, Exit, Failure};
use crate::cli::session::{Report, Session};
use crate::cli::why_miss::verdict::{VerdictName, ago, in_words};
use crate::config::units::format_duration;
use crate::index::records::{self, is_build_dir};
use crate::report::build::{self, Fate};
use crate::report::format::Format;
use crate::report::text::{Style, Text};
use crate::report::words::counted;
use crate::report::{advice, escape};
use crate::run::record::Record;
use crate::store::Store;
use crate::sys::clock;
use crate::why_miss::causes::{Cause, group};
use crate::why_miss::{ExplainedUnit, explain_records};

/// How many units of one cause are shown to people.
const MOST_SHOWN: usize = 6;

/// The misses of the last build.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LastBuildMisses {
    format: Format<1>,
    /// The workspace, or the build directory if only dependencies were built.
    place: String,
    end_ms: u64,
    n_units: usize,
    n_hits: usize,
    /// The costliest first.
    causes: Vec<CauseReport>,
}

impl Report for LastBuildMisses {}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CauseReport {
    /// How long the compilers of its units ran.
    compile_ms: u64,
    /// Why the first of its units was compiled.
    verdict: VerdictName,
    because: Vec<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    /// The unit that it began with, then those that were compiled because of it, or for the same reason.
    units: Vec<MissedUnit>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct MissedUnit {
    crate_name: String,
    package: String,
    version: String,
    kind: String,
    compile_ms: u64,
    #[serde(skip)]
    title: String,
}

/// Explains the last build.
pub fn run(cache_dir: &Path, json: bool, session: &Session<'_>) -> Result<Exit, Failure> {
    let all = records::read_since(&Store::records_dir(cache_dir), 0).records;
    let Some(build) = build::last(&all, &is_build_dir) else {
        let error = format!("no build is recorded in {}", cache_dir.display());
        return Err(Failure::new(error)
            .code(ErrorCode::NotRecorded)
            .hint("build with cargo; `kache doctor` shows whether cargo calls kache"));
    };
    let missed: Vec<&Record> =
        build.units.iter().map(|unit| unit.record).filter(|record| Fate::of(record) != Fate::Hit).collect();
    let explained = explain_records(&missed, &all, cache_dir, &session.index(cache_dir)?)?;
    let now_ms = clock::now_ms();
    let causes = group(&explained);
    let report = LastBuildMisses {
        format: Format,
        place: build.place.to_owned(),
        end_ms: build.end_ms,
        n_units: build.units.len(),
        n_hits: build.units.len() - missed.len(),
        causes: causes.iter().map(|cause| cause_report(cause, &explained, now_ms)).collect(),
    };
    match json {
        true => session.print_json(&report)?,
        false => session.print(text(&report, now_ms))?,
    }
    Ok(Exit::Ok)
}

fn cause_report(cause: &Cause, explained: &[ExplainedUnit], now_ms: u64) -> CauseReport {
    let first = &explained[cause.units[0]];
    let (verdict, because) = in_words(&first.verdict, now_ms);
    let units = cause.units.iter().map(|index| missed_unit(&explained[*index].record)).collect();
    CauseReport {
        compile_ms: cause.compile_ms,
        verdict,
        because,
        advice: advice::advice(&first.record),
        units,
    }
}

fn missed_unit(record: &Record) -> MissedUnit {
    MissedUnit {
        crate_name: record.unit.crate_name.clone(),
        package: record.unit.package.clone(),
        version: record.unit.version.clone(),
        kind: record.unit.kind.clone(),
        compile_ms: record.compile_ms,
        title: advice::title(record),
    }
}

fn text(report: &LastBuildMisses, now_ms: u64) -> Text {
    let mut text = Text::new();
    let units = counted(report.n_units, "unit");
    text.push(format!(
        "Last build, {} in {}: {} of {units} were hits.\n",
        ago(report.end_ms, now_ms),
        escape::line(&report.place),
        report.n_hits
    ));
    for cause in &report.causes {
        let (n, took) = (counted(cause.units.len(), "unit"), ms(cause.compile_ms));
        let first = &cause.units[0].title;
        text.push_styled(Style::Heading, format!("\n{took} in {n}: {}\n", escape::line(first)));
        for because in &cause.because {
            text.push(format!("  {}\n", escape::line(because)));
        }
        if let Some(advice) = &cause.advice {
            text.push(format!("  hint: {}\n", escape::line(advice)));
        }
        if cause.units.len() > 1 {
            text.push("  also compiled:\n");
        }
        for unit in cause.units.iter().skip(1).take(MOST_SHOWN) {
            text.push(format!("    {:>7}  {}\n", ms(unit.compile_ms), escape::line(&unit.title)));
        }
        let n_more = cause.units.len().saturating_sub(MOST_SHOWN + 1);
        if n_more > 0 {
            text.push(format!("    and {} more\n", counted(n_more, "unit")));
        }
    }
    text
}

fn ms(ms: u64) -> String {
    format_duration(Duration::from_millis(ms))
}
