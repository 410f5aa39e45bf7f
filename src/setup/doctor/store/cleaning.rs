//! Whether the daemon removes build directories.

use crate::config::units::format_duration;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;

/// See the module.
pub struct CleaningCheck;

impl Check for CleaningCheck {
    fn id(&self) -> &'static str {
        "cleaning"
    }

    fn group(&self) -> Group {
        Group::Store
    }

    fn looks_at(&self) -> &'static str {
        "whether the daemon removes build directories that nobody uses"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let (stale, orphans) = (machine.config.clean_stale.value, machine.config.clean_orphans.value);
        let (mut chosen, mut args) = (Vec::new(), String::new());
        if let Some(stale) = stale {
            chosen.push(format!("that were not used for {}", format_duration(stale)));
            args += &format!(" --stale {}", format_duration(stale).replace(' ', ""));
        }
        if orphans {
            chosen.push("whose projects are gone".to_owned());
            args += " --orphans";
        }
        if chosen.is_empty() {
            return Finding::ok("only `kache clean` removes build directories");
        }
        let text = format!("once a day, the daemon removes build directories {}", chosen.join(", or "));
        Finding::note(text).hint(format!(
            "`kache clean{args} --dry-run` shows them; `clean.stale` and `clean.orphans` turn this off"
        ))
    }
}
