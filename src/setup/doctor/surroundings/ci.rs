//! Whether a job of a CI service has what it needs for kache to be of use.

use crate::config::Source;
use crate::config::units::format_bytes;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::sys::fs;

/// See the module.
pub struct Ci;

impl Check for Ci {
    fn id(&self) -> &'static str {
        "ci"
    }

    fn group(&self) -> Group {
        Group::Machine
    }

    fn looks_at(&self) -> &'static str {
        "what a job of a CI service needs"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Some(sign) = machine.seen().ci else { return Finding::ok("this is no job of a CI service") };
        let Some(dir) = machine.cache_dir() else { return Finding::ok("there is no store") };
        let mut lacking = Vec::new();
        let is_empty = fs::list(&dir.join("store")).unwrap_or_default().is_empty();
        if is_empty {
            lacking.push(format!(
                "there is no store from an earlier job: have the service restore {} before the build, and keep it after",
                dir.display()
            ));
        }
        let limit = &machine.config.max_size_bytes;
        if limit.source == Source::Default {
            lacking.push(format!(
                "the store may grow to {}, more than most services keep: set KACHE_MAX_SIZE to what yours does",
                format_bytes(limit.value)
            ));
        }
        match lacking.is_empty() {
            true => Finding::ok(format!("{sign} is set, and a job has what it needs")),
            false => Finding::note(format!("{sign} is set: this is a job of a CI service")).details(lacking),
        }
    }
}
