//! `kache stats`: shows hits, misses, time saved and disk usage. Only reads.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::cli::exit::{Exit, Failure, hint_line};
use crate::cli::progress::Progress;
use crate::cli::session::{Report, Session};
use crate::cli::table::Table;
use crate::config::Config;
use crate::config::units::{format_bytes, format_duration, parse_duration};
use crate::gc::survey;
use crate::index::records;
use crate::report::escape;
use crate::report::format::Format;
use crate::report::summary::{Count, Summary};
use crate::report::text::{Style, Text};
use crate::report::words::counted;
use crate::setup::store_access;
use crate::store::{Store, walk};
use crate::sys::{clock, fs};

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Only builds within this time, such as 24h or 7d; records are kept for 30 days
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    since: Option<Duration>,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StatsReport {
    format: Format<1>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since_ms: Option<u64>,
    #[serde(flatten)]
    summary: Summary,
    n_unreadable_lines: usize,
    /// Problems of the configuration, which builds ignore.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    config_problems: Vec<String>,
    store: StoreReport,
}

impl Report for StatsReport {}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct StoreReport {
    path: String,
    /// Its size on disk; absent if it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_bytes: Option<u64>,
    max_bytes: u64,
    /// Why builds of this user cannot use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    obstacle: Option<Obstacle>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Obstacle {
    text: String,
    hint: String,
}

/// Prints the statistics.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let (config, config_problems) = session.config_of_builds()?;
    let cache_dir = &config.cache_dir.value;
    let since_ms = args.since.map(|since| clock::now_ms().saturating_sub(since.as_millis() as u64));
    let read = records::read_since(&Store::records_dir(cache_dir), since_ms.unwrap_or(0));
    read.unreadable.iter().for_each(|problem| session.note(problem));
    let report = StatsReport {
        format: Format,
        since_ms,
        summary: Summary::from_records(&read.records),
        n_unreadable_lines: read.n_skipped,
        config_problems,
        store: store_report(&config, session),
    };
    if args.json {
        session.print_json(&report)?;
    } else {
        session.print(text(&report, args.since, fs::metadata(cache_dir).is_ok()))?;
    }
    Ok(Exit::Ok)
}

fn store_report(config: &Config, session: &Session<'_>) -> StoreReport {
    let path: &Path = &config.cache_dir.value;
    let progress = Progress::short("Reading the store");
    let (disk_bytes, problems) = survey::disk_bytes(path);
    drop(progress);
    let obstacles = store_access::look(path);
    // An obstacle explains them.
    if !obstacles.hinders_builds() {
        walk::in_one_line(&problems).iter().for_each(|problem| session.note(problem));
    }
    let obstacle = match obstacles.hinders_builds() {
        true => Some(Obstacle { text: obstacles.sentence(), hint: obstacles.hint() }),
        false => None,
    };
    StoreReport {
        path: path.display().to_string(),
        disk_bytes: problems.is_empty().then_some(disk_bytes),
        max_bytes: config.max_size_bytes.value,
        obstacle,
    }
}

fn text(report: &StatsReport, since: Option<Duration>, is_there: bool) -> Text {
    let summary = &report.summary;
    let mut text = Text::new();
    let period = since.map_or_else(String::new, |since| format!(" in the last {}", format_duration(since)));
    if summary.n_units == 0 {
        text.push(format!("No builds with kache{period}.\n"));
        if since.is_none() {
            text.push("`kache init` configures cargo to use it; `kache doctor` checks the installation.\n");
        }
    } else {
        text.append(counts(summary));
        text.append(bytes(summary));
    }
    if report.n_unreadable_lines > 0 {
        text.push(format!(
            "\n{} of the records could not be read, and are not counted.\n",
            counted(report.n_unreadable_lines, "line")
        ));
    }
    for (problem, n) in &summary.problems {
        text.push_styled(Style::Warning, "\nIgnored by builds");
        text.push(format!(", {n}×: {}\n", escape::line(problem)));
    }
    text.push(match report.store.disk_bytes {
        _ if !is_there => format!("\nThere is no store at {} yet.\n", report.store.path),
        Some(disk_bytes) => format!(
            "\nThe store at {} takes {} of at most {}.\n",
            report.store.path,
            format_bytes(disk_bytes),
            format_bytes(report.store.max_bytes)
        ),
        None => format!("\nThe store at {} cannot be read completely.\n", report.store.path),
    });
    if let Some(Obstacle { text: obstacle, hint }) = &report.store.obstacle {
        text.push_styled(
            Style::Warning,
            "\nBuilds of this user are not fully cached, and may not be recorded:",
        );
        text.push(format!("\n{obstacle}\n"));
        text.append(hint_line(hint));
    }
    text
}

fn counts(summary: &Summary) -> Text {
    let mut table = Table::new("<>< ");
    table.row(["units", &summary.n_units.to_string(), ""]);
    table.row(["hits", &summary.n_hits.to_string(), &time(summary.saved_ms, "of compile time saved")]);
    if summary.n_hits_seeded > 0 {
        table.row(["  seeded", &summary.n_hits_seeded.to_string(), "before cargo asked for it"]);
    }
    if summary.n_hits_remote > 0 {
        table.row(["  remote", &summary.n_hits_remote.to_string(), "fetched when cargo asked for it"]);
    }
    if summary.n_hits_waited > 0 {
        table.row(["  waited", &summary.n_hits_waited.to_string(), "for another build to compile it"]);
    }
    table.row(["misses", &summary.n_misses.to_string(), &time(summary.compiled_ms, "spent compiling")]);
    reasons(&mut table, &summary.misses_by_reason);
    for (why, n) in &summary.not_fetched_by_reason {
        table.row(["  not fetched", &n.to_string(), why]);
    }
    if !summary.clean_by_reason.is_empty() {
        table.row(["from scratch", &total(&summary.clean_by_reason), ""]);
        reasons(&mut table, &summary.clean_by_reason);
        if summary.n_leaving_state > 0 {
            let n_leaving_state = summary.n_leaving_state.to_string();
            table.row(["  for edits", &n_leaving_state, "left an incremental state for the next edit"]);
        }
    }
    if summary.n_edits > 0 {
        table.row(["edits", &summary.n_edits.to_string(), "compiled incrementally, not stored"]);
        reasons(&mut table, &summary.edits_by_reason);
    }
    if !summary.unstored_by_reason.is_empty() {
        table.row(["not stored", &total(&summary.unstored_by_reason), ""]);
        reasons(&mut table, &summary.unstored_by_reason);
    }
    table.row(["bypasses", &summary.n_bypasses.to_string(), ""]);
    reasons(&mut table, &summary.bypasses_by_reason);
    if !summary.inputs_by_basis.is_empty() {
        table.row(["inputs", &total(&summary.inputs_by_basis), ""]);
        reasons(&mut table, &summary.inputs_by_basis);
        for (why, n) in &summary.unobserved_by_reason {
            table.row(["    not observed", &n.to_string(), why]);
        }
    }
    if let Some(rate) = summary.hit_rate {
        table.row(["hit rate", &format!("{:.1} %", rate * 100.0), "of cacheable units"]);
    }
    table.render("")
}

fn time(ms: Option<u64>, what: &str) -> String {
    ms.map_or_else(String::new, |ms| format!("{} {what}", format_duration(Duration::from_millis(ms))))
}

fn total(counts: &BTreeMap<String, Count>) -> String {
    counts.values().map(|count| count.n).sum::<u64>().to_string()
}

fn reasons(table: &mut Table, counts: &BTreeMap<String, Count>) {
    for (name, count) in counts {
        table.row([&format!("  {name}"), &count.n.to_string(), count.meaning]);
    }
}

fn bytes(summary: &Summary) -> Text {
    let mut table = Table::new("<><");
    for (name, n_bytes, meaning) in [
        ("linked", summary.linked_bytes, "restored as hard links: take no extra space"),
        (
            "cloned",
            summary.cloned_bytes,
            "restored as copy-on-write clones: take no extra space until written to",
        ),
        ("copied", summary.copied_bytes, "restored as copies"),
        ("stored", summary.stored_bytes, "compiled and added to the store"),
    ] {
        if n_bytes > 0 {
            table.row([name, &format_bytes(n_bytes), meaning]);
        }
    }
    let mut text = Text::new();
    if !table.is_empty() {
        text.push("\n");
    }
    text.append(table.render(""));
    if summary.n_link_failures > 0 {
        text.push(format!(
            "\n{} could not be linked or cloned and had to be copied: the store and the build directory are on different file \
             systems, or the file system does not support hard links, or a file reached the limit of hard links.\n\
             To avoid the copies, put the store on the file system of the build directories (cache.local_store).\n",
            counted(usize::try_from(summary.n_link_failures).unwrap_or(usize::MAX), "file")
        ));
    }
    text
}
