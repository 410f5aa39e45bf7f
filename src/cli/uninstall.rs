//! `kache uninstall`: cargo calls nothing any more, and what init made goes.

use std::path::{Path, PathBuf};

use crate::cli::changes::{self, ChangeOptions, ChangeOutcome, Changes};
use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;
use crate::cli::{gc, purge};
use crate::config::units::format_bytes;
use crate::gc::{lock_file, survey};
use crate::settings;
use crate::setup::login::Login;
use crate::setup::plan::Journal;
use crate::setup::plan::apply::Proof;
use crate::setup::plan::journal::DAMAGED_HINT;
use crate::setup::uninstall::{self, CannotUninstall, Uninstall};
use crate::setup::{proof, user};
use crate::sys::env::{self, Env};
use crate::sys::fs::settle;
use crate::sys::{dirs, fs};

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    options: ChangeOptions,
    /// Remove the store, the records, and the journal of what was changed as well
    #[arg(long)]
    purge: bool,
    /// Go on as root in the place of another user (sudo)
    #[arg(long)]
    allow_root: bool,
}

/// Plans, shows, asks and does.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let journal = user::journal(session.env, args.allow_root).map_err(|e| changes::wrong_user(&e))?;
    args.options.recover(&journal, session)?;
    let mut uninstall = uninstall::plan(session.env).map_err(cannot)?;
    let login = Login::to_remove(session.env, &env::current_exe()?)?;
    let service = login.removal(&journal)?;
    let removes_service = !service.is_empty();
    uninstall.remove_service(service);
    let cache_dir = if args.purge { Some(session.config()?.cache_dir.value) } else { None };
    let cache_dir = cache_dir.filter(|dir| fs::metadata(dir).is_ok());
    let mut removals: Vec<String> = cache_dir.iter().map(|dir| removal(dir, session)).collect();
    if args.purge && journal.exists() {
        removals.push("Remove the journal of what was changed, for good".to_owned());
    }
    let mut and_then = || {
        login
            .remove_traces(args.purge)
            .map_err(|e| Failure::new(format_args!("the daemon's log cannot be removed: {e}")))?;
        if let Some(dir) = &cache_dir {
            remove_store(dir)?;
        }
        if args.purge && uninstall.unfinished.is_empty() {
            journal.remove().map_err(|e| Failure::new(format_args!("the journal cannot be removed: {e}")))?;
            remove_empty_bases(session.env);
        }
        Ok(())
    };
    let reversal =
        InitReversal { uninstall: &uninstall, removals, login: &login, removes_service, journal: &journal };
    let outcome = reversal.carry_out(&args.options, session, proof::prove_absent, &mut and_then)?;
    if !args.options.json {
        let cache_dir = settings::for_command(session.env).0.cache_dir.value;
        session.print(&said(outcome, args.purge, session.env, &cache_dir))?;
    }
    changes::finish(outcome, uninstall.unfinished)
}

/// Taking an init back.
pub struct InitReversal<'a> {
    pub uninstall: &'a Uninstall,
    pub removals: Vec<String>,
    pub login: &'a Login,
    /// Whether the service goes, and with it the daemon whoever started it.
    pub removes_service: bool,
    pub journal: &'a Journal,
}

impl InitReversal<'_> {
    /// Shows, asks, and does it; a daemon that nobody supervises ends with it. `prove` is told whether cargo worked
    /// before.
    pub fn carry_out(
        mut self,
        options: &ChangeOptions,
        session: &Session<'_>,
        prove: fn(&Env, bool) -> Result<(), String>,
        and_then: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<ChangeOutcome, Failure> {
        let InitReversal { uninstall, login, .. } = self;
        self.removals.extend(login.on_demand().map(|pid| format!("Stop the daemon, process {pid}")));
        let worked = !options.check && !uninstall.plan.is_empty() && proof::cargo_works(session.env);
        let changes = Changes {
            plan: &uninstall.plan,
            removals: &self.removals,
            notes: &uninstall.notes,
            unfinished: &uninstall.unfinished,
            first_question: None,
        };
        let mut proof = || match uninstall.plan.is_empty() {
            true => Ok(()),
            false => prove(session.env, worked),
        };
        let mut apply = |proof: Proof<'_>| {
            // The file of a program that runs cannot be removed everywhere. No build needs the daemon.
            login.end_on_demand().map_err(changes::not_applied)?;
            self.journal.apply(&uninstall.plan, proof).map_err(changes::not_applied)
        };
        let mut then = || {
            let ended = if self.removes_service { login.end() } else { login.end_on_demand() };
            ended.map_err(changes::not_applied)?;
            and_then()
        };
        options.carry_out_by(&mut apply, &changes, session, &mut proof, &mut then)
    }
}

fn said(outcome: ChangeOutcome, purge: bool, env: &Env, cache_dir: &Path) -> String {
    match outcome {
        ChangeOutcome::Done => {
            let exe = env::current_exe().ok().filter(|exe| fs::metadata(exe).is_ok());
            let program = exe.map(|exe| {
                format!(
                    "The program itself is still at {}: remove it the way it was installed.\n",
                    exe.display()
                )
            });
            let kept = if purge { String::new() } else { kept(env, cache_dir) };
            format!("\nDone: cargo does not call kache any more.\n{kept}{}", program.unwrap_or_default())
        }
        ChangeOutcome::NothingToDo if env.cwd.is_some() => "Nothing to do: nothing names kache.\n".to_owned(),
        _ => String::new(),
    }
}

/// What stays on purpose, for people.
pub fn kept(env: &Env, cache_dir: &Path) -> String {
    let journal = dirs::state(env).map(|state| state.join("kache"));
    let is_there = |dir: &PathBuf| fs::metadata(dir).is_ok();
    let kept: Vec<String> = [
        Some(cache_dir.to_owned()).filter(is_there).map(|dir| {
            format!("the store in {} ({})", dir.display(), format_bytes(survey::disk_bytes(&dir).0))
        }),
        journal.filter(is_there).map(|dir| format!("the journal of what was changed in {}", dir.display())),
    ]
    .into_iter()
    .flatten()
    .collect();
    match kept.is_empty() {
        true => String::new(),
        false => format!("What stays: {}. `kache uninstall --purge` removes that too.\n", kept.join(", ")),
    }
}

/// What is removed for good, for people.
fn removal(dir: &Path, session: &Session<'_>) -> String {
    let (n_bytes, problems) = survey::disk_bytes(dir);
    problems.iter().for_each(|problem| session.note(problem));
    format!("Remove the store and the records for good\n    {}: {}", dir.display(), format_bytes(n_bytes))
}

fn remove_store(dir: &Path) -> Result<(), Failure> {
    let lock = gc::lock(dir)?;
    purge::remove_everything(dir)?;
    let failed = |path: &Path, e: std::io::Error| Failure::new(format_args!("{}: {e}", path.display()));
    let lock_file = lock_file(dir);
    fs::remove(&lock_file).map_err(|e| failed(&lock_file, e))?;
    drop(lock);
    // The directory may have been given by mistake: what is not kache's own stays. So does a link that somebody put in
    // the place of a directory, with the directory that it leads to.
    for path in [dir.join("store"), dir.join("records"), dir.to_owned()] {
        if matches!(settle::standing(&path), Ok(settle::Standing::Link(_))) {
            continue;
        }
        match settle::remove_empty_dir(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::DirectoryNotEmpty => return Err(failed(&path, e)),
            _ => {}
        }
    }
    Ok(())
}

/// Removes the directories for all programs' files that may have been made for kache alone, where nothing is in them.
fn remove_empty_bases(env: &Env) {
    let Some(home) = dirs::home(env) else { return };
    for base in [dirs::state(env), dirs::data(env), dirs::cache(env)].into_iter().flatten() {
        for dir in base.ancestors().take_while(|dir| dir.starts_with(&home) && **dir != home) {
            // What is in it belongs to others.
            let _ = settle::remove_empty_dir(dir);
        }
    }
}

/// A plan that cannot be made.
pub fn cannot(error: CannotUninstall) -> Failure {
    let failure = Failure::new(&error);
    match error {
        CannotUninstall::User(wrong) => changes::wrong_user(&wrong),
        CannotUninstall::Journal(_) => failure.hint(DAMAGED_HINT),
        CannotUninstall::Chain(_) => failure.hint("correct it, and run this again; nothing was done"),
        _ => failure,
    }
}
