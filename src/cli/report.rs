//! `kache report`: what the cache was worth, for people, programs, CI jobs and browsers. Only reads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::exit::{ErrorCode, Exit, Failure};
use crate::cli::report::figures::Figures;
use crate::cli::session::Session;
use crate::config::units::parse_duration;
use crate::index::records::{self, is_build_dir};
use crate::report::build;
use crate::run::record::Record;
use crate::store::Store;
use crate::sys::{clock, fs};

pub mod figures;
pub mod html;
pub mod markdown;
pub mod text;
pub mod timeline;

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The form of the report
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Form::Text)]
    format: Form,
    /// Only builds within this time, such as 24h or 7d; records are kept for 30 days
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    since: Option<Duration>,
    /// Only the last build
    #[arg(long, conflicts_with = "since")]
    last_build: bool,
    /// Write the report to this file instead of standard output
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Print one JSON object instead of text: another spelling of --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// For a terminal
    Text,
    /// For programs
    Json,
    /// For documents
    Markdown,
    /// For job summaries and comments of GitHub: Markdown, with details folded
    Github,
    /// A page with a timeline of the last build, in one file
    Html,
}

/// Reads the records, and prints or writes the report.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let (config, _) = session.config_of_builds()?;
    let since_ms = args.since.map(|since| clock::now_ms().saturating_sub(since.as_millis() as u64));
    session.note_obstacles(&config.cache_dir.value);
    let read = records::read_since(&Store::records_dir(&config.cache_dir.value), since_ms.unwrap_or(0));
    read.unreadable.iter().for_each(|problem| session.note(problem));
    let last_build = build::last(&read.records, &is_build_dir);
    let of_build: Vec<&Record> =
        last_build.iter().flat_map(|build| &build.units).map(|unit| unit.record).collect();
    let covered = if args.last_build { of_build } else { read.records.iter().collect() };
    let figures = Figures::new(&covered, last_build.as_ref(), since_ms, args.last_build, read.n_skipped);
    let form = if args.json { Form::Json } else { args.format };
    let Some(path) = &args.output else {
        match form {
            Form::Text => session.print(text::text(&figures))?,
            Form::Json => session.print_json(&figures)?,
            _ => session.print_document(&document(form, &figures)?)?,
        }
        return Ok(Exit::Ok);
    };
    let cwd = session.env.cwd.as_deref().unwrap_or(Path::new(""));
    write(&cwd.join(path), &document(form, &figures)?)?;
    session.note(&format!("the report is in {}", path.display()));
    Ok(Exit::Ok)
}

fn document(form: Form, figures: &Figures) -> Result<String, Failure> {
    Ok(match form {
        Form::Text => text::text(figures).plain(),
        Form::Json => serde_json::to_string_pretty(figures)? + "\n",
        Form::Markdown => markdown::markdown(figures),
        Form::Github => markdown::github(figures),
        Form::Html => html::page(figures),
    })
}

fn write(path: &Path, document: &str) -> Result<(), Failure> {
    let temporary = path.with_file_name(format!(".kache-report-{}", fs::unique_name()));
    fs::replace(path, &temporary, document.as_bytes()).map_err(|e| {
        Failure::new(format_args!("failed to write {}: {e}", path.display()))
            .code(ErrorCode::Failed)
            .hint("name a file in a directory that exists and can be written to")
    })
}
