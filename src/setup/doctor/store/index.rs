//! Whether the index is intact.

use crate::config::units::format_bytes;
use crate::index::open::{log_bytes, look};
use crate::report::words::counted;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix, MaintenanceTask};
use crate::setup::doctor::machine::Machine;

/// See the module.
pub struct IndexCheck;

/// SQLite merges it at a few megabytes, unless a reader prevents that.
const MOST_LOG_BYTES: u64 = 64 << 20;

impl Check for IndexCheck {
    fn id(&self) -> &'static str {
        "index"
    }

    fn group(&self) -> Group {
        Group::Store
    }

    fn looks_at(&self) -> &'static str {
        "the database of entries, sizes and uses"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Some(dir) = machine.cache_dir() else { return Finding::ok("there is no store") };
        let rebuild = Fix::from_upkeep(MaintenanceTask::RebuildIndex);
        match look(dir) {
            Ok(Some(_)) if log_bytes(dir) > MOST_LOG_BYTES => {
                let text = format!("{} of recent writes are not merged yet", format_bytes(log_bytes(dir)));
                Finding::problem(text).hint("a process that keeps reading it prevents that").fix(rebuild)
            }
            Ok(None) => Finding::ok("none yet; it is created when needed"),
            Ok(Some(n_entries)) => {
                Finding::ok(format!("it is intact, with {}", counted(n_entries as usize, "entry")))
            }
            Err(why) => {
                let text = format!("{} {why}", crate::index::open::path(dir).display());
                Finding::problem(text).hint("nothing is lost").fix(rebuild)
            }
        }
    }
}
