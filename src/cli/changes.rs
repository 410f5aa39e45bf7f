//! Changing the machine, as far as people see it: the plan is shown, they are asked, and told how it ended.

use dialoguer::Input;
use serde::Serialize;

use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;
use crate::cli::terminal;
use crate::report::escape;
use crate::setup::plan::apply::Proof;
use crate::setup::plan::journal::DAMAGED_HINT;
use crate::setup::plan::show::Shown;
use crate::setup::plan::{Journal, NotApplied, Plan};
use crate::setup::user::WrongUser;

/// Arguments of every command that changes the machine.
#[derive(clap::Args)]
pub struct ChangeOptions {
    /// Do it without asking
    #[arg(short, long)]
    pub yes: bool,
    /// Show what would be done, and do nothing; ends with 2 if there is something to do
    #[arg(long, visible_alias = "dry-run", conflicts_with = "yes")]
    pub check: bool,
    /// Print one JSON object instead of text; asks nothing, so it goes with -y or --check
    #[arg(long)]
    pub json: bool,
}

/// What is to be done and said.
pub struct Changes<'a> {
    pub plan: &'a Plan,
    /// What is removed for good, and is no part of the plan.
    pub removals: &'a [String],
    /// What a reader should know.
    pub notes: &'a [String],
    /// What is left to whoever calls the command.
    pub unfinished: &'a [String],
    /// A question of its own, asked first. If the answer is no, nothing is done.
    pub first_question: Option<String>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeOutcome {
    /// Nothing had to be changed.
    NothingToDo,
    /// Something has to be changed; it was only shown.
    ChangesNeeded,
    Done,
    Declined,
}

#[derive(Serialize)]
struct ChangesReport<'a> {
    format: u32,
    outcome: ChangeOutcome,
    changes: Vec<Shown>,
    removals: &'a [String],
    notes: &'a [String],
    unfinished: &'a [String],
}

/// Applies a plan and proves it.
pub type Apply<'a> = &'a mut dyn FnMut(Proof<'_>) -> Result<(), Failure>;

/// Somebody for whom nothing is changed. For commands that `--allow-root` lets root call.
pub fn wrong_user(error: &WrongUser) -> Failure {
    let failure = Failure::usage(vec![error.to_string()]);
    match error {
        WrongUser::NoHome | WrongUser::RelativeHome(_) => {
            failure.hint("set HOME to the directory of the user whose cargo is meant")
        }
        WrongUser::RootForAnother => {
            failure.hint("run it as that user, without sudo; or with --allow-root if root's cargo is meant")
        }
    }
}

impl ChangeOptions {
    /// Takes back what an interrupted run left, unless nothing is to be changed.
    pub fn recover(&self, journal: &Journal, session: &Session<'_>) -> Result<(), Failure> {
        if self.check {
            if journal.is_interrupted().map_err(not_applied)? {
                session.note("an earlier run was interrupted; what it did would be taken back first");
            }
            return Ok(());
        }
        journal.recover().map_err(not_applied)?.iter().for_each(|said| session.note(said));
        Ok(())
    }

    /// Shows the changes, asks, and carries them out. `and_then` does what is no part of the plan.
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

    /// The same, where there is more to applying the plan.
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
        let outcome = if is_empty && self.check {
            ChangeOutcome::NothingToDo
        } else if self.check {
            ChangeOutcome::ChangesNeeded
        } else if !is_empty && !self.agreed(changes)? {
            session.note("nothing was done");
            ChangeOutcome::Declined
        } else if changes.plan.is_empty() {
            proof().map_err(Failure::new)?;
            and_then()?;
            if is_empty { ChangeOutcome::NothingToDo } else { ChangeOutcome::Done }
        } else {
            apply(proof)?;
            and_then()?;
            ChangeOutcome::Done
        };
        if self.json {
            print_report(outcome, changes, session)?;
        }
        Ok(outcome)
    }

    fn show(&self, changes: &Changes<'_>, session: &Session<'_>) -> Result<(), Failure> {
        let mut text = changes.plan.text();
        for removal in changes.removals {
            text += &format!("{}{removal}\n", if text.is_empty() { "" } else { "\n" });
        }
        session.print(&text)?;
        changes.notes.iter().for_each(|note| session.note(note));
        Ok(())
    }

    /// Whether whoever called agrees. Asks on standard error, which stays a terminal where the output is piped.
    fn agreed(&self, changes: &Changes<'_>) -> Result<bool, Failure> {
        if self.yes {
            return Ok(true);
        }
        if self.json || !terminal::can_ask() {
            let error = "there is nobody to ask, so nothing was done".to_owned();
            return Err(Failure::usage(vec![error]).hint("-y does it without asking, --check only shows it"));
        }
        if let Some(question) = &changes.first_question
            && !ask(question)?
        {
            return Ok(false);
        }
        ask("Go on?")
    }
}

/// Asks a question to be answered with yes or no. Typed as a text: the prompt that reads single keys hides the cursor,
/// and leaves it hidden when it is interrupted.
pub fn ask(question: &str) -> Result<bool, Failure> {
    let is_known = |answer: &String| match answer_of(answer) {
        Some(_) => Ok(()),
        None => Err("y or n"),
    };
    let input =
        Input::<String>::new().with_prompt(format!("{} [Y/n]", escape::text(question))).allow_empty(true);
    let answer = input.validate_with(is_known).interact_text();
    let answer =
        answer.map_err(|e| Failure::new(format_args!("no answer can be read from the terminal: {e}")))?;
    Ok(answer_of(&answer) == Some(true))
}

fn answer_of(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "" | "y" | "yes" => Some(true),
        "n" | "no" => Some(false),
        _ => None,
    }
}

/// Prints what was to be done, and how it ended, for programs.
pub fn print_report(
    outcome: ChangeOutcome,
    changes: &Changes<'_>,
    session: &Session<'_>,
) -> Result<(), Failure> {
    session.print_json(&ChangesReport {
        format: 1,
        outcome,
        changes: changes.plan.shown(),
        removals: changes.removals,
        notes: changes.notes,
        unfinished: changes.unfinished,
    })
}

/// The code to end with where nothing went wrong.
pub fn exit(outcome: ChangeOutcome) -> Exit {
    match outcome {
        ChangeOutcome::NothingToDo | ChangeOutcome::Done => Exit::Ok,
        ChangeOutcome::ChangesNeeded => Exit::CHANGES_NEEDED,
        ChangeOutcome::Declined => Exit::Failed,
    }
}

/// Says what was left to whoever called; otherwise the code to end with.
pub fn finish(outcome: ChangeOutcome, unfinished: Vec<String>) -> Result<Exit, Failure> {
    if unfinished.is_empty() || outcome == ChangeOutcome::ChangesNeeded {
        if !unfinished.is_empty() {
            Failure { errors: unfinished, hint: None, exit: Exit::Failed }.say();
        }
        return Ok(exit(outcome));
    }
    Err(Failure { errors: unfinished, hint: None, exit: Exit::Failed })
}

/// A plan that was not carried out.
pub fn not_applied(error: NotApplied) -> Failure {
    let failure = Failure::new(&error);
    match error {
        NotApplied::Busy => Failure { exit: Exit::Busy, ..failure },
        NotApplied::JournalUnreadable { .. } => failure.hint(DAMAGED_HINT),
        _ => failure,
    }
}
