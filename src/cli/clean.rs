//! `kache clean`: removes build directories of cargo. Shows what each takes, what removing it frees, and what the store
//! has of it; lets the user choose on a terminal.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clean::search::Found;
use crate::clean::stored::Stored;
use crate::clean::tree::{BuildTree, Choice, Surroundings};
use crate::cli::changes::no_confirmation;
use crate::cli::clean::report::CleanReport;
use crate::cli::exit::{ErrorCode, Exit, Failure};
use crate::cli::progress::Progress;
use crate::cli::session::Session;
use crate::cli::{prompt, terminal};
use crate::config::units::{format_bytes, parse_duration};
use crate::index::records;
use crate::report::words::counted;
use crate::setup::target_dirs::target_dirs;
use crate::store::Store;
use crate::sys::{clock, dirs, env, fs};

pub mod report;

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    /// Search these directories; by default, where builds were recorded, and the workspace here
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Show what would be removed, without removing anything
    #[arg(long, visible_alias = "check")]
    dry_run: bool,
    /// Choose build directories that were not used for this long, such as 14d
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    stale: Option<Duration>,
    /// Choose build directories whose projects are gone
    #[arg(long)]
    orphans: bool,
    /// Choose all build directories
    #[arg(long, conflicts_with_all = ["stale", "orphans"])]
    all: bool,
    /// Remove what is chosen without asking; requires --stale, --orphans or --all
    #[arg(short, long)]
    yes: bool,
    /// Print one JSON object instead of text; requires -y or --dry-run
    #[arg(long)]
    json: bool,
}

/// Finds build directories, has some of them chosen, and removes these.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let choice = Choice {
        all: args.all,
        stale_ms: args.stale.map(|stale| stale.as_millis() as u64),
        orphans: args.orphans,
    };
    check_arguments(args, &choice, session)?;
    let (config, _) = session.config_of_builds()?;
    let cache_dir = config.cache_dir.value;
    let workspaces = recorded_places(&cache_dir);
    let found = find(args, &workspaces, session)?;
    let now_ms = clock::now_ms();
    let protected = protected(&cache_dir, session);
    let stored = read_store(&cache_dir, session)?;
    let around = Surroundings { protected: &protected, workspaces: &workspaces, stored: &stored, now_ms };
    let trees = look(&found, &around, session);
    if args.dry_run || trees.is_empty() {
        // What could be chosen, if nothing is.
        let chosen: Vec<bool> =
            trees.iter().map(|tree| choice.is_none() || choice.takes(tree, now_ms)).collect();
        return finish(&CleanReport::planned(&trees, &chosen, now_ms), args, &trees, session);
    }
    let Some(chosen) = choose(&choice, &trees, now_ms, args, session)? else {
        session.note("nothing was done");
        return Ok(Exit::Failed);
    };
    if !chosen.contains(&true) {
        return finish(&CleanReport::planned(&trees, &chosen, now_ms), args, &trees, session);
    }
    let report = remove(&trees, &chosen, &protected, now_ms);
    finish(&report, args, &trees, session)
}

fn check_arguments(args: &Args, choice: &Choice, session: &Session<'_>) -> Result<(), Failure> {
    let hint = "choose with --stale TIME, --orphans or --all; --dry-run shows the build directories";
    if args.dry_run {
        return Ok(());
    }
    session.refuse_root_for_another()?;
    if args.yes && choice.is_none() {
        return Err(Failure::usage("-y needs a choice; nothing was done").hint(hint));
    }
    if !args.yes && (args.json || !terminal::can_ask()) {
        let failure = no_confirmation();
        return Err(if choice.is_none() { failure.hint(hint) } else { failure });
    }
    Ok(())
}

/// Where builds were recorded: workspaces and build directories.
fn recorded_places(cache_dir: &Path) -> Vec<PathBuf> {
    let records = records::read_since(&Store::records_dir(cache_dir), 0).records;
    let mut places: Vec<String> = records.into_iter().map(|record| record.place).collect();
    places.sort_unstable();
    places.dedup();
    places.into_iter().map(PathBuf::from).filter(|place| place.is_absolute()).collect()
}

fn find(args: &Args, places: &[PathBuf], session: &Session<'_>) -> Result<Found, Failure> {
    let progress = Progress::short("Looking for build directories");
    let mut found = Found::default();
    for path in &args.paths {
        let cwd = session.env.cwd.as_deref().unwrap_or(Path::new(""));
        let start = cwd.join(path);
        if !fs::metadata(&start).is_ok_and(|metadata| metadata.is_dir()) {
            let failure = Failure::usage(format_args!("{} is not a directory", path.display()));
            return Err(failure.hint("name directories below which to look for build directories"));
        }
        progress.detail(&format!("Looking for build directories in {}", path.display()));
        found.search_below(&start);
    }
    if args.paths.is_empty() {
        for place in places {
            found.add([place.clone()]);
            found.add(target_dirs(session.env, place));
        }
        // The working directory may be deep in a workspace.
        for dir in session.env.cwd.iter().flat_map(|cwd| cwd.ancestors()) {
            if fs::metadata(&dir.join("Cargo.toml")).is_ok() {
                found.add(target_dirs(session.env, dir));
            }
        }
    }
    found.finish();
    drop(progress);
    found.problems.iter().for_each(|problem| session.note(&format!("not searched: {problem}")));
    Ok(found)
}

fn read_store(cache_dir: &Path, session: &Session<'_>) -> Result<Stored, Failure> {
    if fs::metadata(cache_dir).is_err() {
        return Ok(Stored::default());
    }
    let _progress = Progress::short("Reading the store");
    Ok(Stored::read(&Store::at(cache_dir), &session.index(cache_dir)?))
}

/// Measures what was found, and sorts it by size.
fn look(found: &Found, around: &Surroundings<'_>, session: &Session<'_>) -> Vec<BuildTree> {
    let progress = Progress::short("Measuring build directories");
    let mut trees = Vec::new();
    let mut notes = Vec::new();
    for dir in &found.dirs {
        progress.detail(&format!("Measuring {}", dir.display()));
        match BuildTree::look(dir, around) {
            Ok(tree) => trees.push(tree),
            Err(kept) => notes.push(format!("left alone: {}: {kept}", dir.display())),
        }
    }
    drop(progress);
    trees.sort_by_key(|tree| Reverse(tree.size.disk_bytes));
    let unreadable = trees.iter().filter_map(|tree| tree.size.unreadable.as_ref());
    notes.extend(unreadable.map(|problem| format!("not measured completely: {problem}")));
    notes.iter().for_each(|note| session.note(note));
    trees
}

/// Which trees to remove, confirmed by the user; `None` if the user declined.
fn choose(
    choice: &Choice,
    trees: &[BuildTree],
    now_ms: u64,
    args: &Args,
    session: &Session<'_>,
) -> Result<Option<Vec<bool>>, Failure> {
    let chosen: Vec<bool> = match choice.is_none() {
        true => match report::choose_by_keys(trees, now_ms)? {
            Some(chosen) => chosen,
            None => return Ok(None),
        },
        false => trees.iter().map(|tree| choice.takes(tree, now_ms)).collect(),
    };
    if args.yes || !chosen.contains(&true) {
        return Ok(Some(chosen));
    }
    let plan = CleanReport::planned(trees, &chosen, now_ms);
    session.print(plan.table())?;
    let removed = counted(plan.n_removed(), "build directory");
    let question = format!("Remove {removed}, and free {}?", format_bytes(plan.freed_bytes));
    Ok(prompt::confirm(&question)?.then_some(chosen))
}

/// Directories that are not removed, whatever they are in.
fn protected(cache_dir: &Path, session: &Session<'_>) -> Vec<PathBuf> {
    let mut protected = vec![cache_dir.to_owned()];
    protected.extend(env::current_exe().ok());
    protected.extend(dirs::cargo_home(session.env));
    protected.extend(dirs::home(session.env));
    let canonical: Vec<PathBuf> = protected.iter().filter_map(|path| fs::canonical(path).ok()).collect();
    protected.extend(canonical);
    protected
}

fn remove(trees: &[BuildTree], chosen: &[bool], protected: &[PathBuf], now_ms: u64) -> CleanReport {
    let progress = Progress::short("Removing build directories");
    let mut removals = Vec::new();
    for (tree, is_chosen) in trees.iter().zip(chosen) {
        progress.detail(&format!("Removing {}", tree.path.display()));
        removals.push(is_chosen.then(|| tree.remove(protected, now_ms)));
    }
    CleanReport::done(trees, removals, now_ms)
}

/// Prints the report. Fails if a directory could not be removed; one that is in use is only skipped.
fn finish(
    report: &CleanReport,
    args: &Args,
    trees: &[BuildTree],
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    if args.json {
        session.print_json(report)?;
    } else if trees.is_empty() {
        session.print("There are no build directories here.\n")?;
    } else {
        // A person who was asked has seen it.
        if args.dry_run || args.yes {
            session.print(report.table())?;
        }
        session.print(report.summary())?;
        report.skipped().iter().for_each(|skipped| session.note(&format!("not removed: {skipped}")));
    }
    match report.failures() {
        failed if failed.is_empty() => Ok(Exit::Ok),
        failed => Err(Failure::several(ErrorCode::Unfinished, failed)),
    }
}
