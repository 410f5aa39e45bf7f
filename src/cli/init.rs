//! `kache init`: configures cargo to use kache, and verifies it with a real cargo. If the verification fails, the changes
//! are reverted.

use std::cell::Cell;

use crate::cli::changes::{self, ChangeOptions, ChangeOutcome, Changes};
use crate::cli::exit::{ErrorCode, Exit, Failure, NO_CARGO_HINT};
use crate::cli::prompt;
use crate::cli::session::Session;
use crate::cli::terminal;
use crate::cli::uninstall::InitReversal;
use crate::report::text::Text;
use crate::settings;
use crate::setup::init::{self, CannotInit, Init};
use crate::setup::login::Login;
use crate::setup::plan::apply::Proof;
use crate::setup::plan::{Journal, NotApplied, Plan};
use crate::setup::service::install::NotDone;
use crate::setup::wrapper_path::Naming;
use crate::setup::{proof, uninstall, user};
use crate::sys::env;

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    options: ChangeOptions,
    /// Do not install the login service
    #[arg(long, conflicts_with = "undo")]
    no_service: bool,
    /// Start the service at boot instead of at login, for machines that build with no user logged in
    #[arg(long, conflicts_with_all = ["undo", "no_service"])]
    linger: bool,
    /// How the cargo configuration refers to kache
    #[arg(long, value_name = "HOW", default_value = "auto", conflicts_with = "undo")]
    wrapper_path: WrapperPath,
    /// Revert the changes of earlier runs of init
    #[arg(long)]
    undo: bool,
    /// Allow running as root through sudo
    #[arg(long)]
    allow_root: bool,
}

impl Args {
    /// Whether the user can choose when the daemon is started, and has not done so.
    fn asks_how_to_start(&self) -> bool {
        let ChangeOptions { yes, dry_run, json, .. } = self.options;
        !(yes || dry_run || json || self.linger) && terminal::can_ask()
    }
}

/// When the daemon is started.
#[derive(Clone, Copy)]
enum Start {
    AtLogin,
    WithMachine,
    Never,
}

/// Asks when to start the daemon, if a service is to be installed for it.
fn choose_start(login: &Login, plan: &Plan) -> Result<Start, Failure> {
    let Some(name) = login.name().filter(|_| !plan.is_empty()) else { return Ok(Start::AtLogin) };
    if login.added_to(plan)?.is_empty() {
        return Ok(Start::AtLogin);
    }
    let at_login = format!("at every login, by {name} (recommended)");
    let mut choices = vec![(at_login.as_str(), Start::AtLogin)];
    if let Ok(Some(_)) = login.linger() {
        choices.push(("with the machine, for builds while nobody is logged in", Start::WithMachine));
    }
    choices.push(("not at all; builds do not need it", Start::Never));
    let items: Vec<&str> = choices.iter().map(|(item, _)| *item).collect();
    let chosen = prompt::select("When should the kache daemon start?", &items)?;
    Ok(choices[chosen].1)
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum WrapperPath {
    /// A path that stays valid when kache is updated
    Auto,
    /// The name, looked up in PATH: for a configuration shared by several machines
    Name,
    /// The current path
    Abs,
}

/// Configures cargo, or reverts that.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let journal = user::journal(session.env, args.allow_root).map_err(|e| changes::wrong_user(&e))?;
    args.options.recover(&journal, session)?;
    if args.undo {
        return undo(args, &journal, session);
    }
    let was_changed = Cell::new(false);
    match set_up(args, &journal, session, &was_changed) {
        // Another process was faster, perhaps another init: plan again.
        Err(_) if was_changed.get() => set_up(args, &journal, session, &was_changed),
        ended => ended,
    }
}

/// Plans the changes, shows them, asks, applies and verifies them. `was_changed` is set if nothing was done because the
/// machine changed after planning.
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
    let mut login = if args.no_service { None } else { Some(Login::to_install(session.env, &init.wrapper)?) };
    let mut lingers = args.linger;
    if let Some(found) = &login
        && args.asks_how_to_start()
    {
        match choose_start(found, &init.plan)? {
            Start::AtLogin => {}
            Start::WithMachine => lingers = true,
            Start::Never => login = None,
        }
    }
    if let Some(login) = login.as_ref().filter(|_| lingers) {
        let linger = login.linger().map_err(|why| {
            Failure::usage(format_args!("--linger requires systemd: {why}"))
                .hint("omit --linger; builds do not need the service")
        })?;
        init.plan.actions.extend(linger);
    }
    let mut plans = login.as_ref().map_or(Ok(Vec::new()), |login| login.added_to(&init.plan))?;
    let has_service_changes = !plans.is_empty();
    if plans.is_empty() {
        plans.push(std::mem::replace(&mut init.plan, Plan::new(init::COMMAND)));
    }
    if let Some(why) = login.as_ref().and_then(|login| login.why_none.as_ref()) {
        init.notes.push(no_service(why));
    }
    let changes = Changes {
        plan: &plans[0],
        removals: &[],
        notes: &init.notes,
        unfinished: &init.unfinished,
        first_question: init.replaces.as_ref().map(|what| format!("Replace {what}?")),
    };
    let is_cargo_at_fault = Cell::new(false);
    let changed_login = login.as_ref().filter(|_| has_service_changes);
    let outcome = args.options.carry_out_by(
        &mut |proof: Proof<'_>| {
            let applied = match changed_login {
                Some(login) => login.apply(&plans, journal, proof),
                None => journal.apply(&plans[0], proof).map_err(NotDone::from),
            };
            applied.map_err(|error| {
                was_changed.set(matches!(error, NotDone::NotApplied(NotApplied::ChangedSince { .. })));
                let is_undone = matches!(
                    error,
                    NotDone::NotApplied(NotApplied::Reverted { .. }) | NotDone::DaemonStays { .. }
                );
                let failure = changes::not_done(error);
                let is_service_at_fault = has_service_changes && is_undone && !is_cargo_at_fault.get();
                if is_service_at_fault { failure.hint(WITHOUT_SERVICE) } else { failure }
            })
        },
        &changes,
        session,
        &mut || {
            if init.by_hand.is_none() {
                proof::prove(session.env, &init.wrapper).inspect_err(|_| is_cargo_at_fault.set(true))?;
            }
            Ok(changed_login.map_or(Ok(()), Login::prove)?)
        },
        &mut || Ok(()),
    )?;
    if let Some(by_hand) = &init.by_hand {
        for left in &init.unfinished {
            session.note(left);
        }
        let error = format!("cannot change {}: {}", by_hand.path.display(), by_hand.why);
        return Err(Failure::usage(error)
            .code(ErrorCode::CargoConfig)
            .hint(format!("add this to the file, and run this again:\n\n{}", by_hand.snippet)));
    }
    if !args.options.json {
        session.print(outcome_text(&init, outcome, args.options.dry_run, login.as_ref()))?;
    }
    changes::finish(outcome, init.unfinished, session)
}

const WITHOUT_SERVICE: &str =
    "use `kache init --no-service` to go without the login service; builds do not need it";

const NEXT_STEPS: &str = "
From now on, builds are cached. `kache stats` shows hits and misses.

To undo this, run `kache uninstall` before you remove the program: cargo fails if the configured wrapper is missing.
";

fn no_service(why: &str) -> String {
    format!("no login service is installed: {why}. Builds work without it")
}

fn outcome_text(init: &Init, outcome: ChangeOutcome, is_dry_run: bool, login: Option<&Login>) -> Text {
    let wrapper = init.wrapper.display();
    let name = login.and_then(Login::name);
    let daemon = name.and_then(|name| Some((name, login?.daemon()?.pid)));
    let daemon = match daemon {
        Some((name, pid)) => {
            format!("The daemon is running as process {pid}; {name} starts it at every login.\n")
        }
        None => String::new(),
    };
    match outcome {
        ChangeOutcome::Done => {
            let mut text = changes::done(&format!("verified that cargo calls {wrapper}."));
            text.push(daemon + NEXT_STEPS);
            text
        }
        ChangeOutcome::ChangesNeeded | ChangeOutcome::Declined => Text::new(),
        ChangeOutcome::NothingToDo if is_dry_run => {
            Text::from(format!("Nothing to do: cargo is configured to use {wrapper}.\n{daemon}"))
        }
        ChangeOutcome::NothingToDo => {
            Text::from(format!("Nothing to do: verified that cargo calls {wrapper}.\n{daemon}"))
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
    let outcome = reversal.carry_out(&args.options, session, proof::prove_works, &mut || {
        login
            .remove_traces(false)
            .map_err(|e| Failure::new(format_args!("failed to remove the files of the daemon: {e}")))
    })?;
    if !args.options.json {
        session.print(match outcome {
            ChangeOutcome::Done => {
                let cache_dir = settings::for_command(session.env).0.cache_dir.value;
                let mut text = changes::done("everything is as it was before `kache init`.");
                text.push(super::uninstall::kept_text(session.env, &cache_dir));
                text
            }
            ChangeOutcome::NothingToDo => Text::from("Nothing to do: there is no `kache init` to revert.\n"),
            ChangeOutcome::ChangesNeeded | ChangeOutcome::Declined => Text::new(),
        })?;
    }
    changes::finish(outcome, undo.unfinished, session)
}

fn cannot(error: CannotInit) -> Failure {
    let failure = Failure::new(&error);
    match &error {
        CannotInit::User(wrong) => changes::wrong_user(wrong),
        CannotInit::NotInPath { .. } => {
            Failure::usage(&error).hint("put its directory first in PATH, or omit `--wrapper-path name`")
        }
        CannotInit::NoCargo => failure.code(ErrorCode::CargoNotFound).hint(NO_CARGO_HINT),
        CannotInit::Foreign { .. } => failure
            .code(ErrorCode::CargoConfig)
            .hint("remove that line to use kache instead, and run this again"),
        CannotInit::Broken(_) | CannotInit::Read(_) => failure
            .code(ErrorCode::CargoConfig)
            .hint("nothing was done; correct the file, and run this again"),
        _ => failure,
    }
}
