//! `kache why-miss`: explains why a crate was not served from the cache. Only reads.

use std::time::Duration;

use serde::Serialize;

use crate::cli::crate_args::CrateArgs;
use crate::cli::exit::{ErrorCode, Exit, Failure};
use crate::cli::session::{Report, Session};
use crate::config::units::format_duration;
use crate::outcome::Edit;
use crate::report::format::Format;
use crate::report::text::{Style, Text};
use crate::report::words::with_detail;
use crate::report::{escape, words};
use crate::sys::clock;
use crate::why_miss::{ExplainedUnit, Verdict, explain};

/// The arguments.
#[derive(clap::Args)]
#[command(mut_group("crate", |group| group.required(true)))]
pub struct Args {
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
    /// Of a miss: why it was not compiled incrementally.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_incremental: Option<&'static str>,
    /// Crates to explain next.
    see: Vec<String>,
}

/// What became of the newest compile of a unit.
#[derive(Clone, Copy, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
enum VerdictName {
    Hit,
    /// It bypassed the cache.
    Bypassed,
    /// It was compiled incrementally, and not stored.
    Edited,
    /// It was compiled, and not stored.
    NotStored,
    /// Its entry was damaged, or could not be restored.
    Unusable,
    Evicted,
    /// Its entry is gone, and there is nothing to compare with.
    Gone,
    NeverCompiled,
    /// An input changed.
    Changed,
}

/// Explains the newest build of each unit of the crate.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let (config, _) = session.config_of_builds()?;
    let cache_dir = config.cache_dir.value;
    session.note_obstacles(&cache_dir);
    let name = args.crate_args.name().unwrap_or_default();
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

fn ago(time_ms: u64, now_ms: u64) -> String {
    format!("{} ago", format_duration(Duration::from_millis(now_ms.saturating_sub(time_ms))))
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
        see,
    }
}

fn in_words(verdict: &Verdict, now_ms: u64) -> (VerdictName, Vec<String>) {
    match verdict {
        Verdict::Hit(origin) => {
            (VerdictName::Hit, vec![format!("it was a hit, served {}", words::origin(*origin))])
        }
        Verdict::Bypassed(reason) => (
            VerdictName::Bypassed,
            vec![format!(
                "it bypassed the cache: {}",
                with_detail(words::bypass(reason.why), &reason.detail)
            )],
        ),
        Verdict::Edited(edit, detail) => (
            VerdictName::Edited,
            vec![format!(
                "it was compiled incrementally and not stored: {}",
                with_detail(words::edit(*edit), detail)
            )],
        ),
        Verdict::NotStored(reason, unstored) => {
            let (why, detail) = words::unstored(unstored);
            let because = vec![
                format!("{}, and", words::miss(*reason)),
                format!("this compile was not stored: {}", with_detail(why, detail)),
            ];
            (VerdictName::NotStored, because)
        }
        Verdict::Unusable(reason) => (VerdictName::Unusable, vec![words::miss(*reason).to_owned()]),
        Verdict::Evicted { last_ms } => (
            VerdictName::Evicted,
            vec![format!("its entry was evicted after it was last used {}", ago(*last_ms, now_ms))],
        ),
        Verdict::Gone => (
            VerdictName::Gone,
            vec!["its entry is no longer in the store, so there is nothing to compare".to_owned()],
        ),
        Verdict::Never => {
            (VerdictName::NeverCompiled, vec!["the store has no earlier entry of it".to_owned()])
        }
        Verdict::Changed { changes, .. } if changes.is_empty() => {
            (VerdictName::Changed, vec!["its input list had been dropped; nothing else differs".to_owned()])
        }
        Verdict::Changed { before_ms, changes, .. } => {
            let mut because: Vec<String> = changes.iter().map(|change| change.words()).collect();
            if let Some(first) = because.first_mut() {
                first.push_str(&format!(" (compared with the compile of {})", ago(*before_ms, now_ms)));
            }
            (VerdictName::Changed, because)
        }
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
        text.push(format!("  not compiled incrementally: {why}\n"));
    }
    for name in &unit.see {
        text.push(format!("  see `kache why-miss {name}`\n"));
    }
    text
}
