//! `kache uninstall`: restores the cargo configuration, and removes what init created. Keeps the store unless `--purge` is
//! given.

use std::path::Path;

use crate::cli::changes::{self, ChangeOptions, ChangeOutcome, Changes};
use crate::cli::exit::{ErrorCode, Exit, Failure};
use crate::cli::session::Session;
use crate::cli::{gc, purge};
use crate::config::units::format_bytes;
use crate::gc::{lock_file, survey};
use crate::report::text::Text;
use crate::settings;
use crate::setup::installed::Installation;
use crate::setup::login::Login;
use crate::setup::plan::Journal;
use crate::setup::plan::apply::Proof;
use crate::setup::plan::journal::DAMAGED_HINT;
use crate::setup::proof::{self, NotProven};
use crate::setup::self_update::owner::owner;
use crate::setup::uninstall::{self, CannotUninstall, Uninstall};
use crate::setup::user;
use crate::sys::env::{self, Env};
use crate::sys::fs::settle;
use crate::sys::{dirs, fs};

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    options: ChangeOptions,
    /// Also remove the store, the records, and the journal of changes
    #[arg(long)]
    purge: bool,
    /// Also remove this program, if kache's installer put it here
    #[arg(long = "self")]
    removes_program: bool,
    /// Allow running as root through sudo
    #[arg(long)]
    allow_root: bool,
    /// Called by an installer, which removes the program next
    #[arg(long, hide = true)]
    by_installer: bool,
}

/// Plans the changes, shows them, asks, and applies them.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let journal = user::journal(session.env, args.allow_root).map_err(|e| changes::wrong_user(&e))?;
    args.options.recover(&journal, session)?;
    let mut uninstall = uninstall::plan(session.env).map_err(cannot)?;
    let login = Login::to_remove(session.env, &env::current_exe()?)?;
    let service = login.removal(&journal)?;
    let removes_service = !service.is_empty();
    uninstall.remove_service(service);
    if args.removes_program {
        remove_program(&mut uninstall, session)?;
    }
    let cache_dir = if args.purge { Some(session.config()?.cache_dir.value) } else { None };
    let cache_dir = cache_dir.filter(|dir| fs::metadata(dir).is_ok());
    let mut removals: Vec<String> = cache_dir.iter().map(|dir| removal(dir, session)).collect();
    if args.purge && journal.exists() {
        removals.push("Permanently remove the journal of changes".to_owned());
    }
    let reversal =
        InitReversal { uninstall: &uninstall, removals, login: &login, removes_service, journal: &journal };
    let outcome = reversal.carry_out(&args.options, session, proof::prove_absent, &mut || {
        login
            .remove_traces(args.purge)
            .map_err(|e| Failure::new(format_args!("failed to remove the log of the daemon: {e}")))?;
        if let Some(dir) = &cache_dir {
            remove_store(dir)?;
        }
        if args.purge && uninstall.unfinished.is_empty() {
            journal.remove().map_err(|e| Failure::new(format_args!("failed to remove the journal: {e}")))?;
            remove_empty_bases(session.env);
        }
        Ok(())
    })?;
    if !args.options.json {
        let cache_dir = settings::for_command(session.env).0.cache_dir.value;
        session.print(outcome_text(outcome, args, session.env, &cache_dir))?;
    }
    changes::finish(outcome, uninstall.unfinished, session)
}

/// Adds the removal of this program to the plan.
fn remove_program(uninstall: &mut Uninstall, session: &Session<'_>) -> Result<(), Failure> {
    let exe = fs::canonical(&env::current_exe()?)?;
    let Some(installation) = Installation::find(&exe, session.env) else {
        let (by, hint) = match owner(&exe, session.env) {
            Some(owner) => (format!("was installed by {}", owner.name), format!("run: {}", owner.removal)),
            None => (
                "was not installed by kache's installer".to_owned(),
                "remove it the way it was installed".to_owned(),
            ),
        };
        let error = format!("{} {by}; nothing was done", exe.display());
        return Err(Failure::usage(error)
            .code(ErrorCode::NotUpdatable)
            .hint(format!("run `kache uninstall` without --self, then {hint}")));
    };
    // See `setup::installed`.
    let kept = (std::env::consts::OS == "windows").then_some(exe.as_path());
    let notes =
        installation.remove(&mut uninstall.plan, kept).map_err(CannotUninstall::from).map_err(cannot)?;
    uninstall.notes.extend(notes);
    Ok(())
}

/// Reverts what init did.
pub struct InitReversal<'a> {
    pub uninstall: &'a Uninstall,
    pub removals: Vec<String>,
    pub login: &'a Login,
    /// Whether the service is removed, and the daemon stopped, however it was started.
    pub removes_service: bool,
    pub journal: &'a Journal,
}

impl InitReversal<'_> {
    /// Shows the changes, asks, and applies them. Also stops a daemon that has no supervisor. `prove` gets whether cargo
    /// worked before.
    pub fn carry_out(
        mut self,
        options: &ChangeOptions,
        session: &Session<'_>,
        prove: fn(&Env, bool) -> Result<(), NotProven>,
        and_then: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<ChangeOutcome, Failure> {
        let InitReversal { uninstall, login, .. } = self;
        self.removals.extend(login.on_demand().map(|pid| format!("Stop the daemon, process {pid}")));
        let worked = !options.dry_run && !uninstall.plan.is_empty() && proof::cargo_works(session.env);
        let changes = Changes {
            plan: &uninstall.plan,
            removals: &self.removals,
            notes: &uninstall.notes,
            unfinished: &uninstall.unfinished,
            first_question: None,
        };
        options.carry_out_by(
            &mut |proof: Proof<'_>| {
                // Some systems cannot remove the file of a running program. No build needs the daemon.
                login.end_on_demand().map_err(changes::not_done)?;
                self.journal.apply(&uninstall.plan, proof).map_err(changes::not_applied)
            },
            &changes,
            session,
            &mut || if uninstall.plan.is_empty() { Ok(()) } else { Ok(prove(session.env, worked)?) },
            &mut || {
                let ended = if self.removes_service { login.end() } else { login.end_on_demand() };
                ended.map_err(changes::not_done)?;
                and_then()
            },
        )
    }
}

fn outcome_text(outcome: ChangeOutcome, args: &Args, env: &Env, cache_dir: &Path) -> Text {
    match outcome {
        ChangeOutcome::Done => {
            let exe = env::current_exe().ok().filter(|exe| fs::metadata(exe).is_ok());
            let is_removed = args.removes_program && exe.is_none();
            let mut text =
                changes::done(if is_removed { "kache is removed." } else { "cargo no longer uses kache." });
            if !args.purge {
                text.push(kept_text(env, cache_dir));
            }
            if let Some(exe) = exe.filter(|_| !args.by_installer) {
                let how = how_to_remove(&exe, args, env);
                text.push(format!("The program itself is still at {}: {how}.\n", exe.display()));
            }
            text
        }
        ChangeOutcome::NothingToDo if env.cwd.is_some() => {
            Text::from("Nothing to do: cargo does not use kache.\n")
        }
        _ => Text::new(),
    }
}

/// How the program at `exe` is removed, for people.
fn how_to_remove(exe: &Path, args: &Args, env: &Env) -> String {
    if args.removes_program {
        return "delete it now, because Windows does not remove the file of a running program".to_owned();
    }
    let exe = fs::canonical(exe).unwrap_or_else(|_| exe.to_owned());
    if Installation::find(&exe, env).is_some() {
        return "`kache uninstall --self` removes it too".to_owned();
    }
    match owner(&exe, env) {
        Some(owner) => format!("remove it with `{}`", owner.removal),
        None => "remove it the way it was installed".to_owned(),
    }
}

/// Tells what was kept on purpose, for people.
pub fn kept_text(env: &Env, cache_dir: &Path) -> String {
    let mut kept = Vec::new();
    if fs::metadata(cache_dir).is_ok() {
        let size = format_bytes(survey::disk_bytes(cache_dir).0);
        kept.push(format!("the store in {} ({size})", cache_dir.display()));
    }
    if let Some(journal) = dirs::state(env).map(|state| state.join("kache"))
        && fs::metadata(&journal).is_ok()
    {
        kept.push(format!("the journal of changes in {}", journal.display()));
    }
    match kept.is_empty() {
        true => String::new(),
        false => format!("Kept: {}. `kache uninstall --purge` removes that too.\n", kept.join(", ")),
    }
}

/// Describes the removal of the store, for people.
fn removal(dir: &Path, session: &Session<'_>) -> String {
    let (n_bytes, problems) = survey::disk_bytes(dir);
    problems.iter().for_each(|problem| session.note(problem));
    format!("Permanently remove the store and the records\n    {}: {}", dir.display(), format_bytes(n_bytes))
}

fn remove_store(dir: &Path) -> Result<(), Failure> {
    let lock = gc::lock(dir)?;
    purge::remove_everything(dir)?;
    let lock_file = lock_file(dir);
    fs::remove(&lock_file).map_err(|e| purge::not_removed(&lock_file, &e))?;
    drop(lock);
    // The directory may have been configured by mistake: files of others stay. So does a symbolic link in place of a
    // directory, and the directory that it leads to.
    for path in [dir.join("store"), dir.join("records"), dir.to_owned()] {
        if matches!(settle::standing(&path), Ok(settle::Standing::Link(_))) {
            continue;
        }
        match settle::remove_empty_dir(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::DirectoryNotEmpty => {
                return Err(purge::not_removed(&path, &e));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Removes the shared base directories, such as `~/.local/state`, that may have been created for kache alone, if they are
/// empty.
fn remove_empty_bases(env: &Env) {
    let Some(home) = dirs::home(env) else { return };
    for base in [dirs::state(env), dirs::data(env), dirs::cache(env)].into_iter().flatten() {
        for dir in base.ancestors().take_while(|dir| dir.starts_with(&home) && **dir != home) {
            // A directory that is not empty belongs to others.
            let _ = settle::remove_empty_dir(dir);
        }
    }
}

/// The failure for a plan that cannot be made.
pub fn cannot(error: CannotUninstall) -> Failure {
    let failure = Failure::new(&error);
    match error {
        CannotUninstall::User(wrong) => changes::wrong_user(&wrong),
        CannotUninstall::Journal(_) => failure.code(ErrorCode::JournalDamaged).hint(DAMAGED_HINT),
        CannotUninstall::Chain(_) => failure
            .code(ErrorCode::CargoConfig)
            .hint("nothing was done; correct the file, and run this again"),
        _ => failure,
    }
}
