//! `kache gc`: reduces the store to its size limit, and removes unreferenced files. Shows the plan before applying it.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::cli::exit::{ErrorCode, Exit, Failure};
use crate::cli::progress::Progress;
use crate::cli::session::{Report, Session};
use crate::config::Config;
use crate::config::units::{format_bytes, parse_duration};
use crate::gc::apply::{Applied, apply};
use crate::gc::plan::{Eviction, Limits, Plan};
use crate::gc::survey::{Incomplete, Survey};
use crate::gc::{CollectionLock, automatic, lock_file};
use crate::report::format::Format;
use crate::report::words::counted;
use crate::settings;
use crate::setup::store_access;
use crate::store::walk;
use crate::sys::{clock, fs};

/// The arguments.
#[derive(clap::Args)]
#[command(
    after_help = "Exit codes:\n  0  success, or nothing to remove; also after --dry-run\n  1  the store could not be read, \
                  or a file could not be removed\n  2  nothing was done: invalid arguments or configuration\n  4  busy: \
                  another kache process is removing from the store; nothing was done"
)]
pub struct Args {
    /// Also remove entries unused for this long, such as 7d
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    max_age: Option<Duration>,
    /// Keep entries made or used within this time, which a running build may need
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10m")]
    grace: Duration,
    /// Show what would be removed, without removing anything
    #[arg(long, visible_alias = "check")]
    dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Started by a build: print nothing, and do nothing unless needed
    #[arg(long, hide = true)]
    automatic: bool,
}

/// Plans a collection, shows the plan and applies it.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    if args.automatic {
        return Ok(run_automatically(session));
    }
    if !args.dry_run {
        session.refuse_root_for_another()?;
    }
    let config = session.config()?;
    let cache_dir = &config.cache_dir.value;
    if fs::metadata(cache_dir).is_err() {
        return missing(cache_dir, args.dry_run, args.json, session);
    }
    let lock = if args.dry_run { None } else { Some(lock(cache_dir)?) };
    session.note_obstacles(cache_dir);
    let survey = survey(cache_dir, session)?;
    let max_age = args.max_age.or(config.gc_max_age.value);
    let limits = limits(&config, max_age, args.grace.as_millis() as u64);
    let plan = Plan::compute(&survey, clock::now_ms(), &limits);
    finish(&plan, lock.as_ref(), args.json, session)
}

/// Acquires the lock that a collection must hold.
pub fn lock(cache_dir: &Path) -> Result<CollectionLock, Failure> {
    match CollectionLock::acquire(cache_dir) {
        Ok(Some(lock)) => Ok(lock),
        Ok(None) => {
            let error =
                format!("busy: another kache process is removing from the store at {}", cache_dir.display());
            Err(Failure::busy(error).hint("try again when it has finished"))
        }
        Err(e) => {
            let mut failure =
                Failure::new(format_args!("failed to lock {}: {e}", lock_file(cache_dir).display()))
                    .code(ErrorCode::StoreUnusable);
            let obstacles = store_access::look(cache_dir);
            if !obstacles.hinders_builds() {
                return Err(
                    failure.hint("make the store writable, or set KACHE_CACHE_DIR to another directory")
                );
            }
            failure.errors.push(obstacles.sentence());
            Err(failure.hint(obstacles.hint()))
        }
    }
}

/// Surveys the store.
pub fn survey(cache_dir: &Path, session: &Session<'_>) -> Result<Survey, Failure> {
    let last_uses = session.index(cache_dir)?.last_uses()?;
    let progress = Progress::short("Reading the store");
    let survey = Survey::read(cache_dir, &last_uses);
    drop(progress);
    survey.map_err(|Incomplete(problems)| {
        // The obstacle was reported, with a hint.
        let errors = match store_access::look(cache_dir).hinders_builds() {
            true => vec![format!("the store at {} cannot be read completely", cache_dir.display())],
            false => walk::in_one_line(&problems).into_iter().collect(),
        };
        Failure::several(ErrorCode::StoreUnusable, errors)
            .hint("nothing was removed: the unreadable part may refer to it")
    })
}

/// The first few problems, and how many more there are.
fn first_of(mut problems: Vec<String>) -> Vec<String> {
    const MOST_SAID: usize = 3;
    if problems.len() > MOST_SAID {
        let n_more = problems.len() - MOST_SAID;
        problems.truncate(MOST_SAID);
        problems.push(format!("and {} more", counted(n_more, "file")));
    }
    problems
}

/// Reports that there is no store.
pub fn missing(cache_dir: &Path, dry_run: bool, json: bool, session: &Session<'_>) -> Result<Exit, Failure> {
    if json {
        session.print_json(&GcReport { dry_run, ..GcReport::new(&Plan::default(), None) })?;
    } else {
        session.print(format!("There is no store at {}: nothing to remove.\n", cache_dir.display()))?;
    }
    Ok(Exit::Ok)
}

fn limits(config: &Config, max_age: Option<Duration>, grace_ms: u64) -> Limits {
    let max_age_ms = max_age.map(|age| age.as_millis() as u64);
    Limits { max_bytes: config.max_size_bytes.value, max_age_ms, grace_ms }
}

/// Shows the plan, applies it if a lock is given, and reports the result.
pub fn finish(
    plan: &Plan,
    lock: Option<&CollectionLock>,
    json: bool,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    if !json {
        session.print(plan.to_string())?;
    }
    let applied = lock.map(|lock| {
        let _progress = Progress::short("Removing files from the store");
        apply(plan, lock)
    });
    if json {
        session.print_json(&GcReport::new(plan, applied.as_ref()))?;
    } else {
        session.print(summary(plan, applied.as_ref()))?;
    }
    match applied.map(|applied| applied.problems).filter(|problems| !problems.is_empty()) {
        Some(problems) => Err(Failure::several(ErrorCode::StoreUnusable, first_of(problems))),
        None => Ok(Exit::Ok),
    }
}

fn summary(plan: &Plan, applied: Option<&Applied>) -> String {
    let (before, after) = (format_bytes(plan.before_bytes), format_bytes(plan.after_bytes));
    let mut text = match applied {
        _ if plan.is_empty() => return format!("Nothing to remove. The store takes {before}.\n"),
        None => format!("Nothing was removed. The store takes {before}, and would take {after}.\n"),
        Some(applied) => {
            let left = plan.before_bytes.saturating_sub(applied.store_bytes);
            let mut text = format!("The store took {before}, and takes {} now.\n", format_bytes(left));
            if applied.n_kept > 0 {
                text += &format!("Kept because of concurrent use: {}.\n", counted(applied.n_kept, "file"));
            }
            text
        }
    };
    if plan.shared_bytes > 0 {
        text += &format!(
            "{} of that is still used by build directories, and is freed when it is removed there too.\n",
            format_bytes(plan.shared_bytes)
        );
    }
    text
}

/// What was removed, or would be.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GcReport {
    format: Format<1>,
    dry_run: bool,
    before_bytes: u64,
    /// The size of the store now; after a dry run, the size it would have.
    after_bytes: u64,
    /// The part of the removed bytes that build directories still use.
    shared_bytes: u64,
    n_files: usize,
    /// Files kept because they were used meanwhile.
    n_kept: usize,
    evictions: Vec<Evicted>,
    /// Files that could not be removed.
    problems: Vec<String>,
}

impl Report for GcReport {}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Evicted {
    key: String,
    crate_name: String,
    package: String,
    version: String,
    kind: String,
    why: &'static str,
    last_used_ms: u64,
}

impl Evicted {
    fn new(eviction: &Eviction) -> Evicted {
        Evicted {
            key: eviction.key.to_hex(),
            crate_name: eviction.unit.crate_name.clone(),
            package: eviction.unit.package.clone(),
            version: eviction.unit.version.clone(),
            kind: eviction.unit.kind.clone(),
            why: eviction.why.name(),
            last_used_ms: eviction.last_used_ms,
        }
    }
}

impl GcReport {
    fn new(plan: &Plan, applied: Option<&Applied>) -> GcReport {
        GcReport {
            format: Format,
            dry_run: applied.is_none(),
            before_bytes: plan.before_bytes,
            after_bytes: applied
                .map_or(plan.after_bytes, |applied| plan.before_bytes.saturating_sub(applied.store_bytes)),
            shared_bytes: plan.shared_bytes,
            n_files: plan.files.len(),
            n_kept: applied.map_or(0, |applied| applied.n_kept),
            evictions: plan.evictions.iter().map(Evicted::new).collect(),
            problems: applied.map_or_else(Vec::new, |applied| applied.problems.clone()),
        }
    }
}

/// The collection that a build starts. Ignores all problems: the next build tries again.
fn run_automatically(session: &Session<'_>) -> Exit {
    let (config, problems) = settings::for_command(session.env);
    let cache_dir = &config.cache_dir.value;
    // With an invalid setting, the limit may be wrong.
    if !problems.is_empty() || cache_dir.as_os_str().is_empty() || fs::metadata(cache_dir).is_err() {
        return Exit::Ok;
    }
    automatic::collect(&config);
    Exit::Ok
}
