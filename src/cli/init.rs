//! `kache init`: has cargo call this program, and proves that it does.

use crate::cli::changes::{self, Changes, Outcome, Ways};
use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;
use crate::setup::init::{self, CannotInit, Init};
use crate::setup::plan::Journal;
use crate::setup::{proof, uninstall};

/// The arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    ways: Ways,
    /// Take back what earlier runs of init did
    #[arg(long)]
    undo: bool,
    /// Go on as root in the place of another user (sudo)
    #[arg(long)]
    allow_root: bool,
}

/// Plans, shows, asks, does and proves.
pub fn run(args: &Args, session: &Session<'_>) -> Result<Exit, Failure> {
    let journal = Journal::of(session.env).ok_or(CannotInit::NoHome).map_err(cannot)?;
    if init::is_root_for_another(session.env) && !args.allow_root {
        return Err(cannot(CannotInit::RootForAnother));
    }
    args.ways.recover(&journal, session)?;
    if args.undo {
        return undo(args, &journal, session);
    }
    let init = init::plan(session.env, args.allow_root).map_err(cannot)?;
    let changes = Changes {
        plan: &init.plan,
        removals: &[],
        notes: &init.notes,
        unfinished: &init.unfinished,
        first_question: init.replaces.as_ref().map(|what| format!("Replace {what}?")),
    };
    let mut proof = || proof::prove(session.env, &init.wrapper);
    let outcome = args.ways.carry_out(&changes, &journal, session, &mut proof, &mut || Ok(()))?;
    if !args.ways.json {
        session.print(&said(&init, outcome, args.ways.check))?;
    }
    changes::finish(outcome, init.unfinished)
}

fn said(init: &Init, outcome: Outcome, only_looked: bool) -> String {
    let wrapper = init.wrapper.display();
    match outcome {
        Outcome::Done => format!(
            "\nDone: cargo was asked, and calls {wrapper}.\n\nWhat is compiled from now on is stored, and served when it \
             is needed again. What is built already\nis stored when it is compiled next. `kache stats` shows what \
             happened, `kache init --undo` takes this back.\n"
        ),
        Outcome::ChangesNeeded | Outcome::Declined => String::new(),
        Outcome::NothingToDo if only_looked => {
            format!("Nothing to do: cargo's configuration names {wrapper}.\n")
        }
        Outcome::NothingToDo => format!("Nothing to do: cargo was asked, and calls {wrapper}.\n"),
    }
}

fn undo(args: &Args, journal: &Journal, session: &Session<'_>) -> Result<Exit, Failure> {
    let undo = uninstall::undo_init(session.env, "init --undo").map_err(Failure::new)?;
    let worked = !args.ways.check && !undo.plan.is_empty() && proof::cargo_works(session.env);
    let changes = Changes {
        plan: &undo.plan,
        removals: &[],
        notes: &undo.notes,
        unfinished: &undo.unfinished,
        first_question: None,
    };
    let mut proof = || match undo.plan.is_empty() {
        true => Ok(()),
        false => proof::prove_works(session.env, worked),
    };
    let outcome = args.ways.carry_out(&changes, journal, session, &mut proof, &mut || Ok(()))?;
    if !args.ways.json {
        session.print(match outcome {
            Outcome::Done => "\nDone: everything is as it was before `kache init`.\n",
            Outcome::NothingToDo => "Nothing to do: there is no `kache init` that could be taken back.\n",
            Outcome::ChangesNeeded | Outcome::Declined => "",
        })?;
    }
    changes::finish(outcome, undo.unfinished)
}

fn cannot(error: CannotInit) -> Failure {
    let failure = Failure::new(&error);
    let usage = || Failure { exit: Exit::Usage, ..Failure::new(&error) };
    match &error {
        CannotInit::NoHome => usage().hint("set HOME to the directory of the user whose cargo is meant"),
        CannotInit::RootForAnother => {
            usage().hint("run it as that user, without sudo; or with --allow-root if root's cargo is meant")
        }
        CannotInit::NoCargo => failure.hint("install Rust (https://rustup.rs), or add its directory to PATH"),
        CannotInit::Unwritable { snippet, .. } => {
            usage().hint(format!("put this into it yourself:\n{snippet}"))
        }
        CannotInit::Foreign { .. } => {
            failure.hint("remove that line if kache should take its place, and run this again")
        }
        CannotInit::Broken(_) | CannotInit::Read(_) => {
            failure.hint("correct it, and run this again; nothing was done")
        }
        _ => failure,
    }
}
