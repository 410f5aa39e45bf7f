//! Plans how to undo earlier applies.

use std::io;
use std::path::{Path, PathBuf};

use crate::setup::plan::Plan;
use crate::setup::plan::action::{Action, ActionKind, PathChange};
use crate::setup::plan::journal::{EntryStatus, Journal, JournalEntry, RecordedChange, at_path};
use crate::setup::plan::state::Content;
use crate::setup::plan::undo_edit::UndoEdit;
use crate::setup::plan::unwind::{Unwound, unwind};

/// A plan of undoing, and what it cannot undo.
pub struct Undo {
    pub plan: Plan,
    /// For people, each with its path.
    pub conflicts: Vec<String>,
}

/// The content of a path now, and after undoing the changes seen so far.
struct Fold {
    path: PathBuf,
    now: Content,
    then: Content,
}

impl Journal {
    /// The plan that undoes every apply of the commands `of` that was not undone yet, newest first.
    pub fn undo(&self, command: &str, of: &[&str]) -> io::Result<Undo> {
        self.undo_newest(command, of, usize::MAX)
    }

    /// The same of at most the `most` newest applies.
    pub fn undo_newest(&self, command: &str, of: &[&str], most: usize) -> io::Result<Undo> {
        let mut undo = Undo { plan: Plan::new(command), conflicts: Vec::new() };
        undo.plan.is_final = true;
        let mut folds: Vec<Fold> = Vec::new();
        // Commands stay where they are among the paths.
        let mut order: Vec<Result<PathBuf, Action>> = Vec::new();
        let mut entries = self.entries()?;
        entries.retain(|entry| {
            entry.status() == EntryStatus::Done && of.contains(&entry.record.command.as_str())
        });
        for entry in entries.iter().rev().take(most) {
            undo.plan.undoes.push(entry.name());
            for (index, change) in entry.record.changes.iter().enumerate().rev() {
                match change {
                    RecordedChange::Run { title, undo: Some(line), .. } => {
                        order.push(Err(Action::run(format!("Undo: {title}"), line.clone(), None)));
                    }
                    RecordedChange::Run { .. } => {}
                    RecordedChange::Path { path, .. } => {
                        if !folds.iter().any(|fold| fold.path == *path) {
                            let now = Content::at(path).map_err(|e| at_path(path, e))?;
                            folds.push(Fold { path: path.clone(), then: now.clone(), now });
                            order.push(Ok(path.clone()));
                        }
                        let fold = folds.iter_mut().find(|fold| fold.path == *path);
                        let fold = fold.expect("it was pushed if it was not there");
                        undo.conflicts.extend(take_back(fold, entry, index, change)?);
                    }
                }
            }
        }
        for step in order {
            match step {
                Err(run) => undo.plan.actions.push(run),
                Ok(path) => undo.plan.actions.extend(folds.iter().find_map(|fold| fold.action(&path))),
            }
        }
        Ok(undo)
    }
}

fn take_back(
    fold: &mut Fold,
    entry: &JournalEntry,
    index: usize,
    change: &RecordedChange,
) -> io::Result<Option<String>> {
    let RecordedChange::Path { after, undo, .. } = change else { return Ok(None) };
    match unwind(&fold.path, &entry.before(index)?, after, undo, &fold.then) {
        Unwound::Nothing => Ok(None),
        Unwound::To(content) => {
            fold.then = content;
            Ok(None)
        }
        Unwound::Conflict(why) => Ok(Some(format!("{}: {why}; it is left unchanged", fold.path.display()))),
    }
}

impl Fold {
    fn action(&self, path: &Path) -> Option<Action> {
        if self.path != path || self.now == self.then {
            return None;
        }
        let path_shown = path.display();
        let title = match (&self.now, &self.then) {
            (Content::Directory, _) => format!("Remove the directory {path_shown} if it is empty"),
            (_, Content::Absent) => format!("Remove {path_shown}"),
            _ => format!("Restore {path_shown}"),
        };
        Some(Action::on_path(title, path.to_owned(), self.now.clone(), self.then.clone(), UndoEdit::None))
    }
}

/// Moves the actions that `goes_first` chooses before all others, each group in its order.
pub fn first(plan: &mut Plan, goes_first: impl Fn(&PathChange) -> bool) {
    plan.actions.sort_by_key(|action| match &action.change {
        ActionKind::Path(change) => !goes_first(change),
        ActionKind::Run(_) => true,
    });
}
