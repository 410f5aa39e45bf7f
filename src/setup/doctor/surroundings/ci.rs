//! Whether a CI job is set up so that kache is of use.

use crate::config::Source;
use crate::config::units::format_bytes;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::sys::fs;

/// See the module.
pub struct CiCheck;

impl Check for CiCheck {
    fn id(&self) -> &'static str {
        "ci"
    }

    fn group(&self) -> Group {
        Group::Machine
    }

    fn looks_at(&self) -> &'static str {
        "whether a CI job is set up for caching"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Some(sign) = machine.platform().ci else { return Finding::ok("this is not a CI job") };
        let Some(dir) = machine.cache_dir() else { return Finding::ok("there is no store") };
        let mut lacking = Vec::new();
        let is_empty = fs::list(&dir.join("store")).unwrap_or_default().is_empty();
        if is_empty {
            lacking.push(format!(
                "there is no store from an earlier job: restore {} before the build and save it afterwards",
                dir.display()
            ));
        }
        let limit = &machine.config.max_size_bytes;
        if limit.source == Source::Default {
            lacking.push(format!(
                "the store may grow to {}, more than most CI services keep: set KACHE_MAX_SIZE to the limit of yours",
                format_bytes(limit.value)
            ));
        }
        match lacking.is_empty() {
            true => Finding::ok(format!("{sign} is set: this is a CI job, and it is set up for caching")),
            false => Finding::note(format!("{sign} is set: this is a CI job")).details(lacking),
        }
    }
}
