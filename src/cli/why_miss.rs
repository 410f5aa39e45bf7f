//! `kache why-miss`: explains why a crate was not served from the cache. Only reads.

use serde::Serialize;

use crate::cli::crate_args::CrateArgs;
use crate::cli::exit::{ErrorCode, Exit, Failure};
use crate::cli::session::{Report, Session};
use crate::cli::why_miss::verdict::{VerdictName, ago, in_words};
use crate::outcome::Edit;
use crate::report::format::Format;
use crate::report::text::{Style, Text};
use crate::report::{escape, words};
use crate::sys::clock;
use crate::why_miss::{ExplainedUnit, Verdict, explain};

pub mod last_build;
pub mod verdict;

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    // Without a crate, the misses of the last build are explained.
    #[command(flatten)]
    crate_args: CrateArgs,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WhyMissReport {
    format: Format<1>,
    units: Vec<UnitReport>,
}

impl Report for WhyMissReport {}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct UnitReport {
    crate_name: String,
    package: String,
    version: String,
    kind: String,
    target: String,
    place: String,
    time_ms: u64,
    verdict: VerdictName,
    /// The explanation; for `changed` one line for each difference.
    because: Vec<String>,
    /// Of a miss: why it was compiled from scratch, without the state of an earlier compile.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_incremental: Option<&'static str>,
    /// Of a miss: the next edit can be compiled incrementally.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    leaves_state: bool,
    /// Where the build directory was seeded: why this unit was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_seeded: Option<String>,
    /// Of a miss, where there is a remote: why it could not be fetched from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_fetched: Option<String>,
    /// Crates to explain next.
    see: Vec<String>,
}

/// Explains the newest build of each unit of the crate.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let (config, _) = session.config_of_builds()?;
    let cache_dir = config.cache_dir.value;
    session.note_obstacles(&cache_dir);
    let Some(name) = args.crate_args.name() else { return last_build::run(&cache_dir, args.json, session) };
    let explained = explain(name, &cache_dir, &session.index(&cache_dir)?)?;
    if explained.is_empty() {
        let error = format!("no build of `{name}` is recorded in {}", cache_dir.display());
        return Err(Failure::new(error)
            .code(ErrorCode::NotRecorded)
            .hint("`kache list` shows the crates in the store"));
    }
    let now_ms = clock::now_ms();
    let units: Vec<UnitReport> = explained.iter().map(|unit| unit_report(unit, now_ms)).collect();
    if args.json {
        session.print_json(&WhyMissReport { format: Format, units })?;
    } else {
        let mut all = Text::new();
        for unit in &units {
            all.push(if all.is_empty() { "" } else { "\n" });
            all.append(text(unit, now_ms));
        }
        session.print(all)?;
    }
    Ok(Exit::Ok)
}

fn unit_report(unit: &ExplainedUnit, now_ms: u64) -> UnitReport {
    let (verdict, because) = in_words(&unit.verdict, now_ms);
    let record = &unit.record;
    let see = match &unit.verdict {
        Verdict::Changed { see, .. } => see.clone(),
        Verdict::Edited(Edit::Dependency, name) => vec![name.clone()],
        _ => Vec::new(),
    };
    UnitReport {
        crate_name: record.unit.crate_name.clone(),
        package: record.unit.package.clone(),
        version: record.unit.version.clone(),
        kind: record.unit.kind.clone(),
        target: record.unit.target.clone(),
        place: record.place.clone(),
        time_ms: record.time_ms,
        verdict,
        because,
        not_incremental: record.clean.map(words::clean),
        leaves_state: record.leaves_state,
        not_seeded: record.not_seeded.clone(),
        not_fetched: record.not_fetched.clone(),
        see,
    }
}

fn text(unit: &UnitReport, now_ms: u64) -> Text {
    let UnitReport { package, version, kind, crate_name, .. } = unit;
    let name = if kind.ends_with("build-script") { package } else { crate_name };
    let title = format!("{name} {version} {kind}, {} in {}", ago(unit.time_ms, now_ms), unit.place);
    let mut text = Text::new();
    text.push_styled(Style::Heading, escape::line(&title));
    text.push("\n");
    for because in &unit.because {
        text.push(format!("  {}\n", escape::line(because)));
    }
    if let Some(why) = unit.not_incremental {
        text.push(format!("  compiled from scratch: {why}\n"));
    }
    if unit.leaves_state {
        text.push("  left an incremental state for the next edit\n");
    }
    if let Some(why) = &unit.not_seeded {
        text.push(format!("  not there before cargo asked: {}\n", escape::line(why)));
    }
    if let Some(why) = &unit.not_fetched {
        text.push(format!("  not fetched from the remote: {}\n", escape::line(why)));
    }
    for name in &unit.see {
        text.push(format!("  see `kache why-miss {name}`\n"));
    }
    text
}
