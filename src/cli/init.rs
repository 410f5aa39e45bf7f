//! `kache init`: has cargo call this program, and proves that it does.

use std::cell::Cell;

use crate::cli::changes::{self, ChangeOptions, ChangeOutcome, Changes};
use crate::cli::exit::{Exit, Failure, NO_CARGO_HINT};
use crate::cli::session::Session;
use crate::cli::uninstall::InitReversal;
use crate::settings;
use crate::setup::init::{self, CannotInit, Init};
use crate::setup::login::Login;
use crate::setup::plan::apply::Proof;
use crate::setup::plan::{Journal, NotApplied, Plan};
use crate::setup::wrapper_path::Naming;
use crate::setup::{proof, uninstall, user};
use crate::sys::env;

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    options: ChangeOptions,
    /// Leave the login service out
    #[arg(long, conflicts_with = "undo")]
    no_service: bool,
    /// Start the service when the machine starts, and not at login: for machines that build with nobody logged in
    #[arg(long, conflicts_with_all = ["undo", "no_service"])]
    linger: bool,
    /// How cargo's configuration names this program
    #[arg(long, value_name = "HOW", default_value = "auto", conflicts_with = "undo")]
    wrapper_path: WrapperPath,
    /// Take back what earlier runs of init did
    #[arg(long)]
    undo: bool,
    /// Go on as root in the place of another user (sudo)
    #[arg(long)]
    allow_root: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum WrapperPath {
    /// By a path that stays right when it is updated
    Auto,
    /// By its name, to be found in PATH: for a configuration that several machines share
    Name,
    /// By the path that it is at now
    Abs,
}

/// Does it, or takes it back.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let journal = user::journal(session.env, args.allow_root).map_err(|e| changes::wrong_user(&e))?;
    args.options.recover(&journal, session)?;
    if args.undo {
        return undo(args, &journal, session);
    }
    let was_changed = Cell::new(false);
    match set_up(args, &journal, session, &was_changed) {
        // Somebody was faster, perhaps another init: what is left to do is found by looking again.
        Err(_) if was_changed.get() => set_up(args, &journal, session, &was_changed),
        ended => ended,
    }
}

/// Plans, shows, asks, does and proves. `was_changed` tells that nothing was done because the machine is not as it was
/// when this was planned.
fn set_up(
    args: &Args,
    journal: &Journal,
    session: &Session<'_>,
    was_changed: &Cell<bool>,
) -> Result<Exit, Failure> {
    let naming = match args.wrapper_path {
        WrapperPath::Auto => Naming::Auto,
        WrapperPath::Name => Naming::Name,
        WrapperPath::Abs => Naming::Abs,
    };
    let mut init = init::plan(session.env, naming).map_err(cannot)?;
    let login = if args.no_service { None } else { Some(Login::to_install(session.env, &init.wrapper)?) };
    if let Some(login) = login.as_ref().filter(|_| args.linger) {
        let linger = login.linger().map_err(|why| {
            Failure::usage(vec![format!("--linger is for services of systemd: {why}")])
                .hint("leave it out; builds do not need the service")
        })?;
        init.plan.actions.extend(linger);
    }
    let mut plans = login.as_ref().map_or(Ok(Vec::new()), |login| login.added_to(&init.plan))?;
    let has_service_changes = !plans.is_empty();
    if plans.is_empty() {
        plans.push(std::mem::replace(&mut init.plan, Plan::new(init::COMMAND)));
    }
    init.notes.extend(login.as_ref().and_then(|login| login.why_none.as_ref()).map(|why| no_service(why)));
    let changes = Changes {
        plan: &plans[0],
        removals: &[],
        notes: &init.notes,
        unfinished: &init.unfinished,
        first_question: init.replaces.as_ref().map(|what| format!("Replace {what}?")),
    };
    let is_cargo_at_fault = Cell::new(false);
    let mut proof = || {
        if init.by_hand.is_none() {
            proof::prove(session.env, &init.wrapper).inspect_err(|_| is_cargo_at_fault.set(true))?;
        }
        match &login {
            Some(login) if has_service_changes => login.prove(),
            _ => Ok(()),
        }
    };
    let mut apply = |proof: Proof<'_>| {
        let applied = match &login {
            Some(login) if has_service_changes => login.apply(&plans, journal, proof),
            _ => journal.apply(&plans[0], proof),
        };
        applied.map_err(|no| {
            let is_reverted = matches!(no, NotApplied::Reverted { .. });
            was_changed.set(matches!(no, NotApplied::ChangedSince { .. }));
            let failure = changes::not_applied(no);
            let helps = has_service_changes && is_reverted && !is_cargo_at_fault.get();
            if helps { failure.hint(WITHOUT_SERVICE) } else { failure }
        })
    };
    let outcome = args.options.carry_out_by(&mut apply, &changes, session, &mut proof, &mut || Ok(()))?;
    if let Some(by_hand) = &init.by_hand {
        init.unfinished.iter().for_each(|what| session.note(what));
        let error = format!("{} cannot be changed: {}", by_hand.path.display(), by_hand.why);
        return Err(Failure::usage(vec![error])
            .hint(format!("put this into it yourself, and run this again:\n\n{}", by_hand.snippet)));
    }
    if !args.options.json {
        session.print(&said(&init, outcome, args.options.check, login.as_ref()))?;
    }
    changes::finish(outcome, init.unfinished)
}

const WITHOUT_SERVICE: &str = "`kache init --no-service` leaves the login service out; builds do not need it";

fn no_service(why: &str) -> String {
    format!(
        "no login service is installed: {why}. Builds do not need one, and clean up the store themselves where none is"
    )
}

fn said(init: &Init, outcome: ChangeOutcome, only_looked: bool, login: Option<&Login>) -> String {
    let wrapper = init.wrapper.display();
    let name = login.and_then(Login::name);
    let daemon = name.and_then(|name| Some((name, login?.daemon()?.pid)));
    let daemon = daemon.map_or_else(String::new, |(name, pid)| {
        format!("The daemon runs as process {pid}; {name} starts it at every login.\n")
    });
    match outcome {
        ChangeOutcome::Done => format!(
            "\nDone: cargo was asked, and calls {wrapper}.\n{daemon}\nWhat is compiled from now on is stored, and served \
             when it is needed again. What is built already is\nstored when it is compiled next. `kache stats` shows \
             what happened.\n\n`kache uninstall` takes this back. Call it before you remove the program: cargo does not \
             work\nwhen the wrapper is missing that its configuration names.\n"
        ),
        ChangeOutcome::ChangesNeeded | ChangeOutcome::Declined => String::new(),
        ChangeOutcome::NothingToDo if only_looked => {
            format!("Nothing to do: cargo's configuration names {wrapper}.\n{daemon}")
        }
        ChangeOutcome::NothingToDo => {
            format!("Nothing to do: cargo was asked, and calls {wrapper}.\n{daemon}")
        }
    }
}

fn undo(args: &Args, journal: &Journal, session: &Session<'_>) -> Result<Exit, Failure> {
    let mut undo = uninstall::undo_init(session.env, "init --undo").map_err(super::uninstall::cannot)?;
    let login = Login::to_remove(session.env, &env::current_exe()?)?;
    let service = if undo.installed_service() { login.removal(journal)? } else { Plan::new("") };
    let removes_service = !service.is_empty();
    undo.remove_service(service);
    let reversal =
        InitReversal { uninstall: &undo, removals: Vec::new(), login: &login, removes_service, journal };
    let mut traces = || {
        login
            .remove_traces(false)
            .map_err(|e| Failure::new(format_args!("what the daemon left cannot be removed: {e}")))
    };
    let outcome = reversal.carry_out(&args.options, session, proof::prove_works, &mut traces)?;
    if !args.options.json {
        session.print(&match outcome {
            ChangeOutcome::Done => {
                let cache_dir = settings::for_command(session.env).0.cache_dir.value;
                let kept = super::uninstall::kept(session.env, &cache_dir);
                format!("\nDone: everything is as it was before `kache init`.\n{kept}")
            }
            ChangeOutcome::NothingToDo => {
                "Nothing to do: there is no `kache init` that could be taken back.\n".to_owned()
            }
            ChangeOutcome::ChangesNeeded | ChangeOutcome::Declined => String::new(),
        })?;
    }
    changes::finish(outcome, undo.unfinished)
}

fn cannot(error: CannotInit) -> Failure {
    let failure = Failure::new(&error);
    match &error {
        CannotInit::User(wrong) => changes::wrong_user(wrong),
        CannotInit::NotInPath { .. } => Failure { exit: Exit::Usage, ..failure }.hint(
            "add its directory to PATH, before others that hold a kache; or leave `--wrapper-path name` out",
        ),
        CannotInit::NoCargo => failure.hint(NO_CARGO_HINT),
        CannotInit::Foreign { .. } => {
            failure.hint("remove that line if kache should take its place, and run this again")
        }
        CannotInit::Broken(_) | CannotInit::Read(_) => {
            failure.hint("correct it, and run this again; nothing was done")
        }
        _ => failure,
    }
}
