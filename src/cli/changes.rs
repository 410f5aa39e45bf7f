//! The dialogue of commands that change the machine: shows the plan, asks for confirmation, applies it, and reports the
//! outcome. Nothing is changed without confirmation, or with `--dry-run`.

use serde::Serialize;

use crate::cli::exit::{ErrorCode, Exit, Failure};
use crate::cli::progress::Progress;
use crate::cli::prompt;
use crate::cli::session::{Report, Session};
use crate::cli::terminal;
use crate::report::format::Format;
use crate::report::text::{Style, Text};
use crate::setup::plan::apply::Proof;
use crate::setup::plan::journal::DAMAGED_HINT;
use crate::setup::plan::show::ShownAction;
use crate::setup::plan::{Journal, NotApplied, Plan};
use crate::setup::service::install::NotDone;
use crate::setup::user::WrongUser;

/// Arguments of every command that changes the machine.
#[derive(clap::Args)]
pub struct ChangeOptions {
    /// Apply the changes without asking
    #[arg(short, long)]
    pub yes: bool,
    /// Show the changes without making them; exit with 2 if there are any
    #[arg(long, visible_alias = "check")]
    pub dry_run: bool,
    /// Show the content of new files, too
    #[arg(short, long)]
    pub verbose: bool,
    /// Print one JSON object instead of text; requires -y or --dry-run
    #[arg(long)]
    pub json: bool,
}

/// The changes to show and make.
pub struct Changes<'a> {
    pub plan: &'a Plan,
    /// Permanent removals, which are not part of the plan.
    pub removals: &'a [String],
    /// Notes for the user.
    pub notes: &'a [String],
    /// What the user has to do.
    pub unfinished: &'a [String],
    /// An additional question, asked first. If the answer is no, nothing is done.
    pub first_question: Option<String>,
}

/// The outcome of a command that changes the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ChangeOutcome {
    /// Nothing had to be changed.
    NothingToDo,
    /// A dry run showed changes to make.
    ChangesNeeded,
    Done,
    Declined,
}

/// The changes and the outcome, for programs.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ChangesReport<'a> {
    format: Format<1>,
    outcome: ChangeOutcome,
    changes: Vec<ShownAction>,
    /// Permanent removals, which cannot be undone.
    removals: &'a [String],
    notes: &'a [String],
    /// What is left to the user.
    unfinished: &'a [String],
}

impl Report for ChangesReport<'_> {}

/// Applies a plan and verifies it.
pub type Apply<'a> = &'a mut dyn FnMut(Proof<'_>) -> Result<(), Failure>;

/// The failure for a wrong user, of commands that take `--allow-root`.
pub fn wrong_user(error: &WrongUser) -> Failure {
    let failure = Failure::usage(error).code(ErrorCode::WrongUser);
    match error {
        WrongUser::NoHome | WrongUser::RelativeHome(_) => {
            failure.hint("set HOME to the home directory of the user whose cargo should be configured")
        }
        WrongUser::RootForAnother => {
            failure.hint("run it as that user, without sudo; or use --allow-root to configure root's cargo")
        }
    }
}

impl ChangeOptions {
    /// Reverts the changes of an interrupted run, except in a dry run.
    pub fn recover(&self, journal: &Journal, session: &Session<'_>) -> Result<(), Failure> {
        if self.dry_run {
            if journal.is_interrupted().map_err(not_applied)? {
                session.note("an earlier run was interrupted; its changes would be reverted first");
            }
            return Ok(());
        }
        for note in journal.recover().map_err(not_applied)? {
            session.note(&note);
        }
        Ok(())
    }

    /// Shows the changes, asks, and applies the plan. `and_then` makes the changes that are not part of the plan.
    pub fn carry_out(
        &self,
        changes: &Changes<'_>,
        journal: &Journal,
        session: &Session<'_>,
        proof: Proof<'_>,
        and_then: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<ChangeOutcome, Failure> {
        let apply: Apply<'_> = &mut |proof| journal.apply(changes.plan, proof).map_err(not_applied);
        self.carry_out_by(apply, changes, session, proof, and_then)
    }

    /// Like [`ChangeOptions::carry_out`], with another way to apply the plan.
    pub fn carry_out_by(
        &self,
        apply: Apply<'_>,
        changes: &Changes<'_>,
        session: &Session<'_>,
        proof: Proof<'_>,
        and_then: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<ChangeOutcome, Failure> {
        let is_empty = changes.plan.is_empty() && changes.removals.is_empty();
        if !self.json {
            self.show(changes, session)?;
        }
        let outcome = if is_empty && self.dry_run {
            ChangeOutcome::NothingToDo
        } else if self.dry_run {
            ChangeOutcome::ChangesNeeded
        } else if !is_empty && !self.agreed(changes)? {
            session.note("nothing was done");
            ChangeOutcome::Declined
        } else {
            let _progress =
                Progress::short(if is_empty { "Verifying" } else { "Applying and verifying the changes" });
            match changes.plan.is_empty() {
                true => proof().map_err(Failure::new)?,
                false => apply(proof)?,
            }
            and_then()?;
            if is_empty { ChangeOutcome::NothingToDo } else { ChangeOutcome::Done }
        };
        if self.json {
            print_report(outcome, changes, session)?;
        }
        Ok(outcome)
    }

    fn show(&self, changes: &Changes<'_>, session: &Session<'_>) -> Result<(), Failure> {
        let mut text = changes.plan.styled(self.verbose || self.dry_run);
        for removal in changes.removals {
            text.push(if text.is_empty() { "" } else { "\n" });
            text.push(format!("{removal}\n"));
        }
        session.print(text)?;
        changes.notes.iter().for_each(|note| session.note(note));
        Ok(())
    }

    /// Asks for confirmation, on standard error: it stays a terminal where the output is piped.
    fn agreed(&self, changes: &Changes<'_>) -> Result<bool, Failure> {
        if self.yes {
            return Ok(true);
        }
        if self.json || !terminal::can_ask() {
            return Err(no_confirmation());
        }
        if let Some(question) = &changes.first_question
            && !prompt::confirm(question)?
        {
            return Ok(false);
        }
        prompt::confirm("Continue?")
    }
}

/// Prints the changes and the outcome as JSON.
pub fn print_report(
    outcome: ChangeOutcome,
    changes: &Changes<'_>,
    session: &Session<'_>,
) -> Result<(), Failure> {
    session.print_json(&ChangesReport {
        format: Format,
        outcome,
        changes: changes.plan.shown(),
        removals: changes.removals,
        notes: changes.notes,
        unfinished: changes.unfinished,
    })
}

/// The exit code of an outcome.
pub fn exit(outcome: ChangeOutcome) -> Exit {
    match outcome {
        ChangeOutcome::NothingToDo | ChangeOutcome::Done => Exit::Ok,
        ChangeOutcome::ChangesNeeded => Exit::CHANGES_NEEDED,
        ChangeOutcome::Declined => Exit::Failed,
    }
}

/// The exit code, or a failure that lists what is left to the user.
pub fn finish(
    outcome: ChangeOutcome,
    unfinished: Vec<String>,
    session: &Session<'_>,
) -> Result<Exit, Failure> {
    if unfinished.is_empty() {
        return Ok(exit(outcome));
    }
    let failure = Failure::several(ErrorCode::Unfinished, unfinished);
    if outcome == ChangeOutcome::ChangesNeeded {
        session.say(&failure);
        return Ok(exit(outcome));
    }
    Err(failure)
}

/// The text after changes were made.
pub fn done(what: &str) -> Text {
    let mut text = Text::from("\n");
    text.push_styled(Style::Ok, "Done:");
    text.push(format!(" {what}\n"));
    text
}

/// The failure where confirmation is needed and cannot be asked for.
pub fn no_confirmation() -> Failure {
    Failure::usage("cannot ask for confirmation without a terminal; nothing was done")
        .code(ErrorCode::ConfirmationRequired)
        .hint("use -y to go ahead without asking, or --dry-run to see the changes")
}

/// The failure for a service that was not installed, or not removed.
pub fn not_done(error: NotDone) -> Failure {
    match error {
        NotDone::NotApplied(error) => not_applied(error),
        error => Failure::new(error),
    }
}

/// The failure for a plan that was not applied.
pub fn not_applied(error: NotApplied) -> Failure {
    match error {
        NotApplied::Busy => Failure::busy(&error),
        NotApplied::JournalUnreadable { .. } => {
            Failure::new(&error).code(ErrorCode::JournalDamaged).hint(DAMAGED_HINT)
        }
        _ => Failure::new(&error),
    }
}
