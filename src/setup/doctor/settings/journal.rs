//! Whether the changes to this machine can be undone.

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::plan::Journal;
use crate::setup::plan::journal::{DAMAGED_HINT, EntryStatus};

/// See the module.
pub struct ChangesCheck;

impl Check for ChangesCheck {
    fn id(&self) -> &'static str {
        "journal"
    }

    fn group(&self) -> Group {
        Group::Settings
    }

    fn looks_at(&self) -> &'static str {
        "the journal of changes to this machine"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Some(journal) = Journal::for_user(&machine.env) else {
            return Finding::note("there is no home directory to note changes in");
        };
        match journal.entries() {
            Err(e) => {
                Finding::problem("the journal cannot be read, so kache changes nothing on this machine")
                    .details([e.to_string()])
                    .hint(DAMAGED_HINT)
            }
            Ok(entries) if entries.iter().any(|entry| entry.status() == EntryStatus::Applying) => {
                Finding::note("a change of this machine was interrupted or is in progress")
                    .hint("if none is in progress, the next `kache init` or `kache uninstall` undoes it")
            }
            Ok(entries) if entries.is_empty() => Finding::ok("nothing was changed yet"),
            Ok(_) => Finding::ok("all changes can be undone"),
        }
    }
}
