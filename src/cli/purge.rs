//! `kache purge`: removes all entries, or those of one crate. Removes only kache's own files, in case the directory was
//! configured by mistake.

use std::path::Path;

use serde::Serialize;

use crate::cli::crate_args::CrateArgs;
use crate::cli::exit::{ErrorCode, Exit, Failure};
use crate::cli::gc;
use crate::cli::progress::Progress;
use crate::cli::session::{Report, Session};
use crate::config::units::format_bytes;
use crate::gc::plan::Plan;
use crate::gc::survey;
use crate::index::open;
use crate::index::records;
use crate::report::format::Format;
use crate::report::words::counted;
use crate::run::automatic_gc;
use crate::store::Store;
use crate::store::scrub::Scrub;
use crate::sys::{clock, fs};

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    crate_args: CrateArgs,
    /// Show what would be removed, without removing anything
    #[arg(long, visible_alias = "check")]
    dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// What was removed, or would be.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PurgeReport {
    format: Format<1>,
    dry_run: bool,
    store: String,
    removed_bytes: u64,
    /// Days of records.
    n_record_files: usize,
}

impl Report for PurgeReport {}

/// Removes all entries, or those of the crate that was named.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    if !args.dry_run {
        session.refuse_root_for_another()?;
    }
    let cache_dir = session.config()?.cache_dir.value;
    if fs::metadata(&cache_dir).is_err() {
        if args.json && args.crate_args.name().is_none() {
            return report(0, 0, args, &cache_dir, session);
        }
        return gc::missing(&cache_dir, args.dry_run, args.json, session);
    }
    let lock = if args.dry_run { None } else { Some(gc::lock(&cache_dir)?) };
    let Some(name) = args.crate_args.name() else { return everything(args, &cache_dir, session) };
    session.note_obstacles(&cache_dir);
    let survey = gc::survey(&cache_dir, session)?;
    let plan = Plan::for_crate(&survey, clock::now_ms(), name);
    if plan.evictions.is_empty() && !args.json {
        session
            .print(format!("There are no entries of `{name}` in the store at {}.\n", cache_dir.display()))?;
        return Ok(Exit::Ok);
    }
    gc::finish(&plan, lock.as_ref(), args.json, session)
}

fn everything(args: &Args, cache_dir: &Path, session: &Session<'_>) -> Result<Exit, Failure> {
    let store = Store::at(cache_dir);
    let progress = Progress::short("Reading the store");
    let (removed_bytes, problems) = survey::disk_bytes(cache_dir);
    drop(progress);
    problems.iter().for_each(|problem| session.note(problem));
    let records = records::files(&Store::records_dir(cache_dir));
    if !args.dry_run {
        let _progress = Progress::short("Removing the store");
        remove_everything(cache_dir)?;
    }
    if args.json {
        return report(removed_bytes, records.len(), args, cache_dir, session);
    }
    let removed = if args.dry_run { "Would remove" } else { "Removed" };
    session.print(format!(
        "{removed} the store at {}, {}, {} of records and the index.\n",
        store.root().display(),
        format_bytes(removed_bytes),
        counted(records.len(), "day")
    ))?;
    if !args.dry_run {
        session.note(
            "until existing build directories are cleaned, crates that link there are compiled without the cache",
        );
    }
    Ok(Exit::Ok)
}

/// Prints as JSON what was removed, or would be.
fn report(
    removed_bytes: u64,
    n_record_files: usize,
    args: &Args,
    cache_dir: &Path,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    session.print_json(&PurgeReport {
        format: Format,
        dry_run: args.dry_run,
        store: Store::at(cache_dir).root().display().to_string(),
        removed_bytes,
        n_record_files,
    })?;
    Ok(Exit::Ok)
}

/// Removes the store, the records and the index.
pub fn remove_everything(cache_dir: &Path) -> Result<(), Failure> {
    let store = Store::at(cache_dir);
    // In one step, so that a concurrent lookup finds either all of the store or nothing.
    let aside = cache_dir.join("store").join(format!("removed-{}", fs::unique_name()));
    match fs::rename(store.root(), &aside) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(not_removed(store.root(), &e)),
        _ => {}
    }
    for left in fs::list(&cache_dir.join("store")).unwrap_or_default() {
        if left.file_name().is_some_and(|name| name.to_string_lossy().starts_with("removed-")) {
            fs::remove_dir_all(&left).map_err(|e| not_removed(&left, &e))?;
        }
    }
    let mut files = open::files(cache_dir);
    files.extend(records::files(&Store::records_dir(cache_dir)));
    files.push(automatic_gc::stamp_file(cache_dir));
    files.push(Scrub::file(cache_dir));
    for file in files {
        fs::remove(&file).map_err(|e| not_removed(&file, &e))?;
    }
    Ok(())
}

/// A file that could not be removed.
pub fn not_removed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format_args!("failed to remove {}: {error}", path.display())).code(ErrorCode::StoreUnusable)
}
