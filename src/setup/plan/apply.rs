//! Applies a plan, all of it or nothing, and undoes what an interrupted run did.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::setup::plan::Plan;
use crate::setup::plan::action::{Action, ActionKind};
use crate::setup::plan::command::{CommandError, CommandLine};
use crate::setup::plan::journal::{EntryStatus, Journal, JournalEntry, RecordedChange};
use crate::setup::plan::state::{Content, PathSnapshot};
use crate::setup::plan::unwind::{Conflict, Unwound, unwind};
use crate::sys::{fs, process};

/// How long a command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// Verifies that a plan had its effect. Its errors are those of the command that asks, so that any will do.
pub type Proof<'a> = &'a mut dyn FnMut() -> anyhow::Result<()>;

/// Why a plan was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum NotApplied {
    #[error("busy: another kache process is changing this machine; try again later")]
    Busy,
    #[error("an earlier change of this machine was interrupted; try again, and it is undone first")]
    Interrupted,
    #[error("{path} changed after this was planned; nothing was done, try again")]
    ChangedSince { path: PathBuf },
    #[error("nothing was done, because the journal at {path} cannot be written: {error}")]
    Journal { path: PathBuf, error: io::Error },
    #[error("nothing was done, because the journal cannot be read: {error}")]
    JournalUnreadable { error: io::Error },
    /// An action or the proof failed, and the machine is as before.
    #[error("{cause}; all changes were undone")]
    Reverted { cause: Box<ApplyError> },
    /// An action or the proof failed, and something could not be put back.
    #[error("{cause}; not all changes could be undone: {}", joined(left))]
    Stuck { cause: Box<ApplyError>, left: Vec<ActionError> },
}

/// What failed while a plan was carried out.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("{title}: {error}")]
    Action { title: String, error: ActionError },
    #[error("{0}")]
    Proof(anyhow::Error),
    #[error("the journal cannot be written: {0}")]
    Journal(io::Error),
    #[error("`kache {command}` was interrupted")]
    Interrupted { command: String },
}

/// Why one action was not carried out, or not undone.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    #[error("{path}: {error}")]
    Path { path: PathBuf, error: io::Error },
    #[error("{path} changed in the meantime")]
    Changed { path: PathBuf },
    #[error("{path} does not contain what was written to it")]
    NotWritten { path: PathBuf },
    #[error("{path} does not contain what was restored")]
    NotRestored { path: PathBuf },
    #[error("{path}: {why}")]
    Conflict { path: PathBuf, why: Conflict },
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("the journal cannot be written: {0}")]
    Journal(io::Error),
}

fn joined(errors: &[ActionError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Journal {
    /// Applies a plan and proves it. If an action, its verification, or `proof` fails, all actions are undone in reverse
    /// order.
    pub fn apply(&self, plan: &Plan, proof: Proof<'_>) -> Result<(), NotApplied> {
        let Some(_lock) = self.lock().map_err(|error| self.cannot_write(error))? else {
            return Err(NotApplied::Busy);
        };
        let entries = self.entries().map_err(|error| NotApplied::JournalUnreadable { error })?;
        if entries.iter().any(|entry| entry.status() == EntryStatus::Applying) {
            return Err(NotApplied::Interrupted);
        }
        check_preconditions(plan)?;
        let entry = self.begin(plan).map_err(|error| self.cannot_write(error))?;
        if let Err(cause) = carry_out(plan, &entry, proof) {
            let (cause, left) = (Box::new(cause), revert(&entry));
            return Err(if left.is_empty() {
                NotApplied::Reverted { cause }
            } else {
                NotApplied::Stuck { cause, left }
            });
        }
        for undone in entries.iter().filter(|entry| plan.undoes.contains(&entry.name())) {
            // If this fails, the next undo finds that there is nothing left to do.
            if undone.set_status(EntryStatus::Undone).is_ok() {
                undone.forget_bytes();
            }
        }
        if plan.is_final {
            entry.forget_bytes();
        }
        Ok(())
    }

    fn cannot_write(&self, error: io::Error) -> NotApplied {
        NotApplied::Journal { path: self.dir.clone(), error }
    }

    /// Whether an apply was interrupted, or is under way.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn is_interrupted(&self) -> Result<bool, NotApplied> {
        let entries = self.entries().map_err(|error| NotApplied::JournalUnreadable { error })?;
        Ok(entries.iter().any(|entry| entry.status() == EntryStatus::Applying))
    }

    /// Undoes what an interrupted apply did, if there is one. Call it before planning. Returns what was done, for people.
    pub fn recover(&self) -> Result<Vec<String>, NotApplied> {
        if !self.is_interrupted()? {
            return Ok(Vec::new());
        }
        let Some(_lock) = self.lock().map_err(|error| self.cannot_write(error))? else {
            return Err(NotApplied::Busy);
        };
        let mut said = Vec::new();
        let entries = self.entries().map_err(|error| NotApplied::JournalUnreadable { error })?;
        for entry in entries.iter().rev() {
            if entry.status() != EntryStatus::Applying {
                continue;
            }
            let cause = ApplyError::Interrupted { command: entry.record.command.clone() };
            let left = revert(entry);
            if !left.is_empty() {
                return Err(NotApplied::Stuck { cause: Box::new(cause), left });
            }
            said.push(format!("{cause}; its changes were undone"));
        }
        Ok(said)
    }
}

/// Every path must still be as it was when the plan was made. What an earlier action changes, it changes from there.
fn check_preconditions(plan: &Plan) -> Result<(), NotApplied> {
    let mut seen: Vec<&PathBuf> = Vec::new();
    for action in &plan.actions {
        if let ActionKind::Path(change) = &action.change
            && !seen.contains(&&change.path)
        {
            seen.push(&change.path);
            if !change.now().is_ok_and(|now| change.can_start_from(&now)) {
                return Err(NotApplied::ChangedSince { path: change.path.clone() });
            }
        }
    }
    Ok(())
}

/// Carries out every action, and then the proof.
fn carry_out(plan: &Plan, entry: &JournalEntry, proof: Proof<'_>) -> Result<(), ApplyError> {
    for (index, action) in plan.actions.iter().enumerate() {
        do_one(action, entry, index)
            .map_err(|error| ApplyError::Action { title: action.title.clone(), error })?;
    }
    proof().map_err(ApplyError::Proof)?;
    entry.set_status(EntryStatus::Done).map_err(ApplyError::Journal)
}

fn do_one(action: &Action, entry: &JournalEntry, index: usize) -> Result<(), ActionError> {
    let change = match &action.change {
        ActionKind::Path(change) => change,
        ActionKind::Run(run) => {
            entry.note_start(index).map_err(ActionError::Journal)?;
            return Ok(run_command(&run.command)?);
        }
    };
    let path = &change.path;
    let before = change.before.state();
    if !change.can_start_from(&change.now().map_err(|e| about(path, e))?) {
        return Err(ActionError::Changed { path: path.clone() });
    }
    let temporary = entry.temporary(path, index);
    change.after.put(path, &before, &temporary).map_err(|e| about(path, e))?;
    let now = change.now().map_err(|e| about(path, e))?;
    if !change.after.is_there(&now, &before) {
        return Err(ActionError::NotWritten { path: path.clone() });
    }
    Ok(())
}

fn about(path: &Path, error: io::Error) -> ActionError {
    ActionError::Path { path: path.to_owned(), error }
}

fn run_command(command: &CommandLine) -> Result<(), CommandError> {
    let run = command.parts();
    let run =
        run.and_then(|(program, args)| process::capture_for_user(program.as_ref(), args, COMMAND_LIMIT));
    command.must(run).map(drop)
}

/// Undoes the changes of an entry, the last one first. Returns what could not be undone.
fn revert(entry: &JournalEntry) -> Vec<ActionError> {
    let mut left = Vec::new();
    for (index, change) in entry.record.changes.iter().enumerate().rev() {
        left.extend(revert_one(entry, index, change).err());
    }
    if left.is_empty() {
        match entry.set_status(EntryStatus::Reverted) {
            Ok(()) => entry.forget_bytes(),
            Err(e) => left.push(ActionError::Journal(e)),
        }
    }
    left
}

fn revert_one(entry: &JournalEntry, index: usize, change: &RecordedChange) -> Result<(), ActionError> {
    let (path, after, undo) = match change {
        RecordedChange::Run { undo: Some(undo), .. } if entry.was_started(index) => {
            return Ok(run_command(undo)?);
        }
        RecordedChange::Run { .. } => return Ok(()),
        RecordedChange::Path { path, after, undo, .. } => (path, after, undo),
    };
    let temporary = entry.temporary(path, index);
    fs::remove(&temporary).map_err(|e| about(path, e))?;
    let before = entry.before(index).map_err(|e| about(path, e))?;
    let now = Content::at(path).map_err(|e| about(path, e))?;
    let content = match unwind(path, &before, after, undo, &now) {
        Unwound::Nothing => return Ok(()),
        Unwound::Conflict(why) => return Err(ActionError::Conflict { path: path.clone(), why }),
        Unwound::To(content) => content,
    };
    let state = now.state();
    content.put(path, &state, &temporary).map_err(|e| about(path, e))?;
    let now = PathSnapshot::at(path).map_err(|e| about(path, e))?;
    match content.is_there(&now, &state) {
        true => Ok(()),
        false => Err(ActionError::NotRestored { path: path.clone() }),
    }
}
