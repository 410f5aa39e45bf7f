//! Changing the machine: plan → show → confirm → apply → verify → journal.
//!
//! Commands that change the machine (init, uninstall, doctor, the service, self-update) make a [`Plan`] of [`Action`]s.
//! Planning reads and changes nothing. The plan is shown, and [`Journal::apply`] carries it out: all of it or nothing.
//!
//! ```no_run
//! # use std::path::Path;
//! # use kache::setup::plan::{Action, CommandLine, Journal, Plan, UndoEdit};
//! # use kache::sys::env::Env;
//! # fn doc(env: &Env, unit: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
//! let journal = Journal::for_user(env).ok_or("no home")?;
//! journal.recover()?; // undoes what an interrupted run left
//!
//! let mut plan = Plan::new("daemon install");
//! let path = Path::new("/home/me/.config/systemd/user/kache.service");
//! plan.make_dirs(path.parent().unwrap())?;
//! plan.add(Action::edit("Install the user service", path, unit, UndoEdit::None)?);
//! plan.add(Action::run(
//!     "Start it now and at every login",
//!     CommandLine::new("systemctl", &["--user", "enable", "--now", "kache.service"]),
//!     Some(CommandLine::new("systemctl", &["--user", "disable", "--now", "kache.service"])),
//! ));
//!
//! print!("{}", plan.text()); // unified diffs and command lines; `plan.shown()` for JSON
//! journal.apply(&plan, &mut || Ok(()))?; // the closure proves the whole: an `Err` reverts everything
//!
//! let undo = journal.undo("daemon uninstall", &["daemon install"])?; // a plan like any other
//! journal.apply(&undo.plan, &mut || Ok(()))?;
//! # Ok(())
//! # }
//! ```
//!
//! What an action promises:
//! - it says what it is for in one line, and shows exactly what it does;
//! - it is refused if its path is not as it was when it was planned;
//! - it is atomic: a file is written beside its place (symbolic links resolved), gets mode and owner of what it
//!   replaces, is synced and renamed;
//! - it is verified afterwards;
//! - it can be reverted: to the old content if the file is unchanged since, or by its [`UndoEdit`] if it was edited;
//!   anything else is a conflict, which is reported and left alone.
//!
//! An action that finds its work done already is not added, so a plan of a machine that is in order is empty. Commands
//! should only be added if they are needed, and their undo must be harmless if it is called for nothing.

pub mod state;

pub mod undo_edit;

pub mod command;

pub mod action;

pub mod unwind;

pub mod show;

pub mod journal;

pub mod apply;

pub mod undo;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use action::{Action, CannotPlan};
pub use apply::NotApplied;
pub use command::{CommandError, CommandLine};
pub use journal::Journal;
pub use undo_edit::UndoEdit;

use crate::report::text::Text;

/// Actions in the order in which they are carried out.
#[derive(Debug)]
pub struct Plan {
    /// The command that it is for, as the journal names it.
    pub command: String,
    pub actions: Vec<Action>,
    /// The applies in the journal that it undoes.
    pub undoes: Vec<String>,
    /// Whether it will never be undone, so that the journal keeps no contents.
    pub is_final: bool,
}

impl Plan {
    /// A plan with nothing to do.
    pub fn new(command: &str) -> Plan {
        Plan { command: command.to_owned(), actions: Vec::new(), undoes: Vec::new(), is_final: false }
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Adds an action, unless it has nothing to do.
    pub fn add(&mut self, action: Action) {
        if !action.is_done() {
            self.actions.push(action);
        }
    }

    /// Adds making `dir` and those above it that are missing.
    pub fn make_dirs(&mut self, dir: &Path) -> Result<(), CannotPlan> {
        let missing: Vec<&Path> = dir
            .ancestors()
            .take_while(|dir| {
                !dir.as_os_str().is_empty()
                    && !crate::sys::fs::metadata(dir).is_ok_and(|found| found.is_dir())
            })
            .collect();
        for dir in missing.into_iter().rev() {
            if !self.plans_change_of(dir) {
                self.add(Action::make_dir(format!("Create the directory {}", dir.display()), dir)?);
            }
        }
        Ok(())
    }

    /// Whether an action changes what is at `path`.
    pub fn plans_change_of(&self, path: &Path) -> bool {
        self.actions
            .iter()
            .any(|action| matches!(&action.change, action::ActionKind::Path(change) if change.path == path))
    }

    /// The plan for people, in full.
    pub fn text(&self) -> String {
        self.styled(true).plain()
    }

    /// The plan for people. Long new files are shown by their content only if `is_verbose`; changes of existing files, which
    /// may be the user's, always are.
    pub fn styled(&self, is_verbose: bool) -> Text {
        show::styled(&self.actions, is_verbose)
    }

    /// The plan for programs.
    pub fn shown(&self) -> Vec<show::ShownAction> {
        self.actions.iter().map(show::shown).collect()
    }
}
