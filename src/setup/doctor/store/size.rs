//! Whether the store keeps to its limit.

use crate::config::units::format_bytes;
use crate::gc::survey::disk_bytes;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix, Upkeep};
use crate::setup::doctor::machine::Machine;

/// See the module.
pub struct Size;

impl Check for Size {
    fn id(&self) -> &'static str {
        "size"
    }

    fn group(&self) -> Group {
        Group::Store
    }

    fn looks_at(&self) -> &'static str {
        "what the store takes, and its limit"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Some(dir) = machine.cache_dir() else { return Finding::ok("there is no store") };
        let limit = machine.config.max_size_bytes.value;
        let (bytes, problems) = disk_bytes(dir);
        if !problems.is_empty() {
            return Finding::problem("the store cannot be read").details(problems.into_iter().take(5));
        }
        let takes = format!("the store takes {} of {}", format_bytes(bytes), format_bytes(limit));
        if bytes <= limit {
            return Finding::ok(takes);
        }
        Finding::problem(takes)
            .hint("`kache gc` removes what was not used for longest; a larger limit: `cache.local_max_size`")
            .fix(Fix::upkeep(Upkeep::CollectGarbage))
    }
}
