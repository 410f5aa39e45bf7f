//! Doing what was planned, all of it or nothing, and taking back what an interrupted run left.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::setup::plan::Plan;
use crate::setup::plan::action::{Action, Change, CommandLine};
use crate::setup::plan::journal::{Entry, EntryStatus, Journal, RecordedChange};
use crate::setup::plan::show;
use crate::setup::plan::state::{Content, PathState};
use crate::setup::plan::unwind::{Unwound, unwind};
use crate::sys::{fs, process};

/// How long a command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// What is asked when all is done; says what is wrong.
pub type Proof<'a> = &'a mut dyn FnMut() -> Result<(), String>;

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
    /// An action failed, or the proof. The machine is as before.
    #[error("{what}; all changes were undone")]
    Reverted { what: String },
    /// The same, but something could not be put back.
    #[error("{what}; not all changes could be undone: {}", left.join("; "))]
    Stuck { what: String, left: Vec<String> },
}

impl Journal {
    /// Carries a plan out and proves it. If any action fails, or its verification, or `proof`, all of them are taken
    /// back in reverse order.
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
        let result = carry_out(plan, &entry).and_then(|()| proof()).and_then(|()| {
            entry.set_status(EntryStatus::Done).map_err(|e| format!("the journal cannot be written: {e}"))
        });
        if let Err(what) = result {
            let left = revert(&entry);
            return Err(if left.is_empty() {
                NotApplied::Reverted { what }
            } else {
                NotApplied::Stuck { what, left }
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

    /// Takes back what an interrupted apply did, if there is one. To be called before planning. Answers what was
    /// done, for people.
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
            let what = format!("`kache {}` was interrupted", entry.record.command);
            let left = revert(entry);
            if !left.is_empty() {
                return Err(NotApplied::Stuck { what, left });
            }
            said.push(format!("{what}; its changes were undone"));
        }
        Ok(said)
    }
}

/// Every path must still be as it was when the plan was made. What an earlier action changes, it changes from there.
fn check_preconditions(plan: &Plan) -> Result<(), NotApplied> {
    let mut seen: Vec<&PathBuf> = Vec::new();
    for action in &plan.actions {
        if let Change::Path(change) = &action.change
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

fn carry_out(plan: &Plan, entry: &Entry) -> Result<(), String> {
    for (index, action) in plan.actions.iter().enumerate() {
        do_one(action, entry, index).map_err(|why| format!("{}: {why}", action.title))?;
    }
    Ok(())
}

fn do_one(action: &Action, entry: &Entry, index: usize) -> Result<(), String> {
    match &action.change {
        Change::Run(run) => {
            entry.note_start(index).map_err(|e| e.to_string())?;
            run_command(&run.command)
        }
        Change::Path(change) => {
            let path = &change.path;
            let before = change.before.state();
            if !change.can_start_from(&change.now().map_err(|e| about(path, &e))?) {
                return Err(format!("{} changed in the meantime", change.path.display()));
            }
            let temporary = entry.temporary(&change.path, index);
            change.after.put(&change.path, &before, &temporary).map_err(|e| about(path, &e))?;
            let now = change.now().map_err(|e| about(path, &e))?;
            if !change.after.is_there(&now, &before) {
                return Err(format!("{} does not contain what was written to it", change.path.display()));
            }
            Ok(())
        }
    }
}

fn about(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn run_command(command: &CommandLine) -> Result<(), String> {
    let line = show::command_line(command);
    let (program, args) = command.0.split_first().ok_or("an empty command")?;
    let captured = process::capture_for_user(program.as_ref(), args, COMMAND_LIMIT);
    let captured = captured.map_err(|e| format!("failed to run `{line}`: {e}"))?;
    if captured.code == Some(0) {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&captured.stderr);
    let code = captured.code.map_or("no code".to_owned(), |code| code.to_string());
    Err(format!("`{line}` exited with {code}: {}", said.trim()))
}

/// Takes the changes of an entry back, last one first. Answers what could not be taken back.
fn revert(entry: &Entry) -> Vec<String> {
    let mut left = Vec::new();
    for (index, change) in entry.record.changes.iter().enumerate().rev() {
        if let Err(why) = revert_one(entry, index, change) {
            left.push(why);
        }
    }
    if left.is_empty() {
        match entry.set_status(EntryStatus::Reverted) {
            Ok(()) => entry.forget_bytes(),
            Err(e) => left.push(format!("the journal cannot be written: {e}")),
        }
    }
    left
}

fn revert_one(entry: &Entry, index: usize, change: &RecordedChange) -> Result<(), String> {
    let (path, after, undo) = match change {
        RecordedChange::Run { undo: Some(undo), .. } if entry.was_started(index) => return run_command(undo),
        RecordedChange::Run { .. } => return Ok(()),
        RecordedChange::Path { path, after, undo, .. } => (path, after, undo),
    };
    let temporary = entry.temporary(path, index);
    fs::remove(&temporary).map_err(|e| about(path, &e))?;
    let before = entry.before(index).map_err(|e| about(path, &e))?;
    let now = Content::at(path).map_err(|e| about(path, &e))?;
    match unwind(path, &before, after, undo, &now) {
        Unwound::Nothing => Ok(()),
        Unwound::Conflict(why) => Err(format!("{}: {why}", path.display())),
        Unwound::To(content) => {
            let state = now.state();
            content.put(path, &state, &temporary).map_err(|e| about(path, &e))?;
            let now = PathState::at(path).map_err(|e| about(path, &e))?;
            if content.is_there(&now, &state) {
                Ok(())
            } else {
                Err(format!("{} does not contain what was restored", path.display()))
            }
        }
    }
}
