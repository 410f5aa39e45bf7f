//! `kache uninstall`: cargo calls nothing any more, and what init made goes.

use std::path::Path;

use crate::cli::changes::{self, Changes, Outcome, Ways};
use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;
use crate::cli::{gc, purge};
use crate::config::units::format_bytes;
use crate::gc::{lock_file, survey};
use crate::setup::plan::Journal;
use crate::setup::proof;
use crate::setup::uninstall::{self, CannotUninstall};
use crate::sys::env::{self, Env};
use crate::sys::fs;
use crate::sys::fs::settle;

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    ways: Ways,
    /// Remove the store, the records, and the journal of what was changed as well
    #[arg(long)]
    purge: bool,
    /// Go on as root in the place of another user (sudo)
    #[arg(long)]
    allow_root: bool,
}

/// Plans, shows, asks and does.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let journal = Journal::of(session.env).ok_or(CannotUninstall::NoHome).map_err(cannot)?;
    if crate::setup::init::is_root_for_another(session.env) && !args.allow_root {
        return Err(cannot(CannotUninstall::RootForAnother));
    }
    args.ways.recover(&journal, session)?;
    let uninstall = uninstall::plan(session.env, args.allow_root).map_err(cannot)?;
    let cache_dir = if args.purge { Some(session.config()?.cache_dir.value) } else { None };
    let cache_dir = cache_dir.filter(|dir| fs::metadata(dir).is_ok());
    let removals: Vec<String> = cache_dir.iter().map(|dir| removal(dir, session)).collect();
    let worked = !args.ways.check && !uninstall.plan.is_empty() && proof::cargo_works(session.env);
    let changes = Changes {
        plan: &uninstall.plan,
        removals: &removals,
        notes: &uninstall.notes,
        unfinished: &uninstall.unfinished,
        first_question: None,
    };
    let mut proof = || match uninstall.plan.is_empty() {
        true => Ok(()),
        false => proof::prove_absent(session.env, worked),
    };
    let mut and_then = || {
        if let Some(dir) = &cache_dir {
            remove_store(dir)?;
        }
        if args.purge && uninstall.unfinished.is_empty() {
            journal.remove().map_err(|e| Failure::new(format_args!("the journal: {e}")))?;
        }
        Ok(())
    };
    let outcome = args.ways.carry_out(&changes, &journal, session, &mut proof, &mut and_then)?;
    if !args.ways.json {
        session.print(&said(outcome, session.env))?;
    }
    changes::finish(outcome, uninstall.unfinished)
}

fn said(outcome: Outcome, env: &Env) -> String {
    let exe = env::current_exe().ok().filter(|exe| fs::metadata(exe).is_ok());
    let left = exe.map(|exe| {
        format!("The program itself is still at {}: remove it the way it was installed.\n", exe.display())
    });
    match outcome {
        Outcome::Done => format!("\nDone: cargo does not call kache any more.\n{}", left.unwrap_or_default()),
        Outcome::NothingToDo if env.cwd.is_some() => "Nothing to do: nothing names kache.\n".to_owned(),
        _ => String::new(),
    }
}

/// What is removed for good, for people.
fn removal(dir: &Path, session: &Session<'_>) -> String {
    let (n_bytes, problems) = survey::disk_bytes(dir);
    problems.iter().for_each(|problem| session.note(problem));
    format!("Remove the store and the records for good\n    {}: {}\n", dir.display(), format_bytes(n_bytes))
}

fn remove_store(dir: &Path) -> Result<(), Failure> {
    let lock = gc::lock(dir)?;
    purge::remove_everything(dir)?;
    let failed = |path: &Path, e: std::io::Error| Failure::new(format_args!("{}: {e}", path.display()));
    let lock_file = lock_file(dir);
    fs::remove(&lock_file).map_err(|e| failed(&lock_file, e))?;
    drop(lock);
    // The directory may have been given by mistake: what is not kache's own stays.
    for path in [dir.join("store"), dir.join("records"), dir.to_owned()] {
        match settle::remove_empty_dir(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::DirectoryNotEmpty => return Err(failed(&path, e)),
            _ => {}
        }
    }
    Ok(())
}

fn cannot(error: CannotUninstall) -> Failure {
    let failure = Failure::new(&error);
    match error {
        CannotUninstall::NoHome => Failure { exit: Exit::Usage, ..failure },
        CannotUninstall::RootForAnother => Failure { exit: Exit::Usage, ..failure }
            .hint("run it as that user, without sudo; or with --allow-root if root's cargo is meant"),
        CannotUninstall::Chain(_) => failure.hint("correct it, and run this again; nothing was done"),
        _ => failure,
    }
}
