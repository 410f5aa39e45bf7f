//! `kache list`: lists the entries of the store. Only reads.

use std::cmp::Reverse;
use std::time::Duration;

use serde::Serialize;

use crate::cli::crate_args::CrateArgs;
use crate::cli::exit::{Exit, Failure};
use crate::cli::list::inputs::EntryInputs;
use crate::cli::session::{Report, Session};
use crate::cli::table::Table;
use crate::config::units::{format_bytes, format_duration};
use crate::index::query::EntryRow;
use crate::report::format::Format;
use crate::report::text::Text;
use crate::store::Store;
use crate::sys::clock;

mod inputs;

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    crate_args: CrateArgs,
    /// Sort order
    #[arg(long, value_enum, default_value_t = Sort::Name)]
    sort: Sort,
    /// Show the inputs of each entry and how they were learned, instead of its size
    #[arg(long, requires = "crate")]
    inputs: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Sort {
    /// By crate name
    Name,
    /// Largest first
    Size,
    /// Most hits first
    Hits,
    /// Least recently used first
    Age,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ListReport {
    format: Format<1>,
    entries: Vec<EntryReport>,
}

impl Report for ListReport {}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct EntryReport {
    key: String,
    crate_name: String,
    package: String,
    version: String,
    kind: String,
    unit_id: String,
    /// Empty for the host.
    target: String,
    size_bytes: u64,
    n_hits: u64,
    compile_ms: u64,
    created_ms: u64,
    last_used_ms: u64,
    /// With `--inputs`, if they can be read.
    #[serde(flatten)]
    inputs: Option<EntryInputs>,
}

/// Prints the entries.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let cache_dir = session.config()?.cache_dir.value;
    let store = Store::at(&cache_dir);
    session.note_obstacles(&cache_dir);
    let mut rows = session.index(&cache_dir)?.entries(args.crate_args.name())?;
    match args.sort {
        Sort::Name => {}
        Sort::Size => rows.sort_by_key(|row| Reverse(row.size_bytes)),
        Sort::Hits => rows.sort_by_key(|row| Reverse(row.n_hits)),
        Sort::Age => rows.sort_by_key(|row| row.last_used_ms),
    }
    if args.json {
        let mut entries = Vec::new();
        for row in rows {
            let inputs = if args.inputs { EntryInputs::read(&store, &row.key) } else { None };
            entries.push(entry_report(row, inputs));
        }
        session.print_json(&ListReport { format: Format, entries })?;
        return Ok(Exit::Ok);
    }
    if rows.is_empty() {
        let of = args.crate_args.name().map(|name| format!(" of `{name}`")).unwrap_or_default();
        session.print(format!("There are no entries{of} in the store at {}.\n", cache_dir.display()))?;
        return Ok(Exit::Ok);
    }
    let now_ms = clock::now_ms();
    if args.inputs {
        let mut texts = Vec::new();
        for row in &rows {
            texts.push(inputs::text(&title(row, now_ms), EntryInputs::read(&store, &row.key).as_ref()));
        }
        session.print(texts.join("\n"))?;
    } else {
        session.print(table(&rows, now_ms))?;
    }
    Ok(Exit::Ok)
}

/// The heading of one entry.
fn title(row: &EntryRow, now_ms: u64) -> String {
    let (name, kind) = (name(row), kind(row));
    let age = format_duration(Duration::from_millis(now_ms.saturating_sub(row.created_ms)));
    format!("{name} {} {kind}, compiled {age} ago", row.version)
}

/// The name of an entry: of a build script its package, because all build scripts have the same crate name.
fn name(row: &EntryRow) -> &str {
    if row.kind.ends_with("build-script") { &row.package } else { &row.crate_name }
}

fn kind(row: &EntryRow) -> String {
    match row.target.as_str() {
        "" => row.kind.clone(),
        target => format!("{} ({target})", row.kind),
    }
}

fn entry_report(row: EntryRow, inputs: Option<EntryInputs>) -> EntryReport {
    EntryReport {
        key: row.key.to_hex(),
        crate_name: row.crate_name,
        package: row.package,
        version: row.version,
        kind: row.kind,
        unit_id: row.unit_id,
        target: row.target,
        size_bytes: row.size_bytes,
        n_hits: row.n_hits,
        compile_ms: row.compile_ms,
        created_ms: row.created_ms,
        last_used_ms: row.last_used_ms,
        inputs,
    }
}

fn table(rows: &[EntryRow], now_ms: u64) -> Text {
    let mut table = Table::new("<<<>>>>");
    table.heading(["CRATE", "VERSION", "KIND", "SIZE", "HITS", "COMPILED IN", "LAST USED"]);
    for row in rows {
        let ms = Duration::from_millis;
        table.row([
            name(row),
            &row.version,
            &kind(row),
            &format_bytes(row.size_bytes),
            &row.n_hits.to_string(),
            &format_duration(ms(row.compile_ms)),
            &format!("{} ago", format_duration(ms(now_ms.saturating_sub(row.last_used_ms)))),
        ]);
    }
    table.render("")
}
