//! Crates whose compilation starts a privileged program, which cannot be observed.

use crate::run::miss::privileged;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::store::Store;

/// See the module.
pub struct PrivilegesCheck;

impl Check for PrivilegesCheck {
    fn id(&self) -> &'static str {
        "privileges"
    }

    fn group(&self) -> Group {
        Group::Compilers
    }

    fn looks_at(&self) -> &'static str {
        "set-user-ID and similar programs that compilations started"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let notes = machine.cache_dir().map(|dir| privileged::all(&Store::at(dir).machine_dir()));
        let notes = notes.unwrap_or_default();
        let Some(first) = notes.first() else {
            return Finding::ok("no crate starts a privileged program");
        };
        let mut details: Vec<String> = notes
            .iter()
            .map(|note| format!("{} starts {}", note.crate_name, note.program.display()))
            .collect();
        details.sort();
        details.dedup();
        let text =
            format!("compilation starts {}, which runs with elevated privileges", first.program.display());
        Finding::note(text).details(details).hint("these crates are compiled unobserved and are not cached")
    }
}
