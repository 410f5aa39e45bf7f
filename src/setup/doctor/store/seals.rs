//! Whether a program modified files of the store, for example through a hard link in a build directory.

use crate::digest::seal;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix, MaintenanceTask};
use crate::setup::doctor::machine::Machine;
use crate::setup::doctor::store::size::unreadable;
use crate::store::{Bucket, Store};
use crate::sys::fs::Identity;

/// See the module.
pub struct SealsCheck;

impl Check for SealsCheck {
    fn id(&self) -> &'static str {
        "seals"
    }

    fn group(&self) -> Group {
        Group::Store
    }

    fn looks_at(&self) -> &'static str {
        "the time of every blob, which shows whether it was modified"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Some(dir) = machine.cache_dir() else { return Finding::ok("there is no store") };
        let store = Store::at(dir);
        let mut problems = Vec::new();
        let blobs = store.files_in(Bucket::Blobs, &mut problems);
        if !problems.is_empty() {
            return unreadable(machine, &problems);
        }
        let broken: Vec<String> = blobs
            .iter()
            .filter(|(digest, found)| {
                Identity::at(&found.path).is_ok_and(|identity| seal::is_broken(digest, identity.modified_ns))
            })
            .map(|(_, found)| found.path.display().to_string())
            .collect();
        if broken.is_empty() {
            return Finding::ok(match blobs.len() {
                0 => "there are no blobs yet".to_owned(),
                1 => "the only blob was not modified".to_owned(),
                n => format!("none of {n} blobs was modified"),
            });
        }
        let n_more = broken.len().saturating_sub(3);
        let more = (n_more > 0).then(|| format!("and {n_more} more"));
        Finding::problem(format!(
            "{} of {} blobs were modified; kache does not serve them",
            broken.len(),
            blobs.len()
        ))
        .details(broken.into_iter().take(3).chain(more))
        .hint("the crates are recompiled when needed")
        .fix(Fix::from_upkeep(MaintenanceTask::SetAltered))
    }
}
