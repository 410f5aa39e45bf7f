//! `kache harvest`: keeps what cargo wrote in a build, so that a new build directory can be filled with it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cli::exit::{ErrorCode, Exit, Failure};
use crate::cli::session::{Report, Session};
use crate::config::units::format_bytes;
use crate::config::{Scope, Write};
use crate::remote::queue::Queue;
use crate::report::words::counted;
use crate::run::call_note::{self, CallNote};
use crate::seed::harvest::{Harvested, compiler, harvest};
use crate::seed::probe;
use crate::seed::turn::{self, Turn};
use crate::seed::workspace::Build;
use crate::settings;
use crate::store::Store;
use crate::sys::env::Env;
use crate::sys::fs::private;
use crate::sys::lock::{self, FileLock};

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The build directory [default: `target` in this directory, or CARGO_TARGET_DIR]
    #[arg(value_name = "TARGET_DIR")]
    target: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Started by a build: wait for its end, and print nothing
    #[arg(long, hide = true)]
    automatic: bool,
}

/// What is printed as JSON.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HarvestReport {
    format: u32,
    /// The build directory.
    target_dir: String,
    /// Units that a new build directory can be filled with.
    n_units: usize,
    /// Units of the build that it cannot be filled with.
    n_left_out: usize,
    /// Bytes of the build directory that became one with those in the store.
    freed_bytes: u64,
}

impl Report for HarvestReport {}

/// Makes the manifest of the last build in a build directory.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let target = target_dir(args.target.as_ref(), session.env);
    if args.automatic {
        let _ = automatically(&target, session.env);
        return Ok(Exit::Ok);
    }
    let config = session.config()?;
    if config.write.value == Write::Off {
        return Err(Failure::new("nothing can be kept: cache.write is off")
            .code(ErrorCode::StoreUnusable)
            .hint("unset KACHE_READONLY, or run `kache config set cache.write on`"));
    }
    let store = Store::configured(&config);
    let (_, harvested) = harvest_last(&target, &store)?;
    if args.json {
        session.print_json(&HarvestReport {
            format: 1,
            target_dir: target.display().to_string(),
            n_units: harvested.n_units,
            n_left_out: harvested.n_left_out,
            freed_bytes: harvested.freed_bytes,
        })?;
    } else {
        session.print(summary(&target, &harvested))?;
    }
    Ok(Exit::Ok)
}

fn summary(target: &Path, harvested: &Harvested) -> String {
    let units = counted(harvested.n_units, "unit");
    let mut text = format!("New build directories can be filled with {units} of {}.\n", target.display());
    if harvested.n_left_out > 0 {
        let left_out = counted(harvested.n_left_out, "unit");
        text += &format!("{left_out} of it cannot: cargo did not finish them, or what they depend on.\n");
    }
    if harvested.freed_bytes > 0 {
        text += &format!("{} are no longer stored twice.\n", format_bytes(harvested.freed_bytes));
    }
    text
}

/// The build directory that a command is about.
pub fn target_dir(named: Option<&PathBuf>, env: &Env) -> PathBuf {
    let named = named.cloned().or_else(|| env.get("CARGO_TARGET_DIR").map(PathBuf::from));
    let named = named.unwrap_or_else(|| PathBuf::from("target"));
    env.cwd.as_ref().map_or(named.clone(), |cwd| cwd.join(&named))
}

/// What a process does that a build has started. Another one may be waiting already. Nothing is made in the build
/// directory, and nothing is harvested twice.
fn automatically(target: &Path, env: &Env) -> Option<()> {
    let lock = lock_of_waiting(&call_note::dir(target).join(call_note::LOCK))?;
    let (config, _) = settings::load(env, &[target], Scope::Build);
    if config.write.value == Write::Off {
        return None;
    }
    let store = Store::configured(&config);
    let (build, cargo) = last_build(target, &store)?;
    build.await_end();
    // The next call that is noted starts another one.
    drop(lock);
    let turn = Turn::wait_in_existing(target).ok()?;
    let state = turn::state(&build);
    if !turn.is_done(&state) {
        harvest(&build, &state, &cargo, &store).ok()??;
        turn.done(&state);
    }
    if config.asks_remote {
        Queue::at(&config.cache_dir.value).add_build(&build.id).ok()?;
    }
    Some(())
}

/// The lock of the process that waits for the end of a build. A wrapper takes it for a moment to see whether there is such a
/// process.
fn lock_of_waiting(path: &Path) -> Option<FileLock> {
    const LONGEST_MOMENT: Duration = Duration::from_millis(100);
    let until = Instant::now() + LONGEST_MOMENT;
    loop {
        match lock::try_lock_existing(path).ok()? {
            None if Instant::now() < until => std::thread::sleep(LONGEST_MOMENT / 10),
            lock => return lock,
        }
    }
}

/// How often a harvest is begun again because another build has begun.
const MOST_TRIES: usize = 5;

/// Makes the manifest of the last build in `target`, which has ended or is waited for.
///
/// # Errors
/// There is none, or the store cannot be written.
pub fn harvest_last(target: &Path, store: &Store) -> Result<(Build, Harvested), Failure> {
    for _ in 0..MOST_TRIES {
        let (build, cargo) = last_build(target, store).ok_or_else(|| {
            Failure::new(format_args!("no build to harvest in {}", target.display()))
                .code(ErrorCode::NotRecorded)
                .hint("build there first, with cache.seed on, or name another build directory")
        })?;
        build.await_end();
        let turn = Turn::wait(target).map_err(|e| {
            let failure = Failure::new(format_args!("failed to harvest {}: {e}", target.display()));
            failure.code(ErrorCode::Busy)
        })?;
        let state = turn::state(&build);
        let harvested = harvest(&build, &state, &cargo, store).map_err(|e| {
            Failure::new(format_args!("failed to write to the store at {}: {e}", store.root().display()))
                .code(ErrorCode::StoreUnusable)
        })?;
        if let Some(harvested) = harvested {
            turn.done(&state);
            return Ok((build, harvested));
        }
    }
    Err(Failure::new(format_args!("failed to harvest {}: builds go on there", target.display()))
        .code(ErrorCode::Busy))
}

/// The last build whose calls are noted, and its cargo.
fn last_build(target: &Path, store: &Store) -> Option<(Build, Env)> {
    let dir = call_note::dir(target);
    let cargo = CallNote::parse(&private::read(&dir.join(call_note::BUILD)).ok()?)?.cargo();
    let build = probe::describe(&cargo, &compiler(&dir)?, store)?;
    Some((build, cargo))
}
