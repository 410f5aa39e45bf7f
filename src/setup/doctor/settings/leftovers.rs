//! Files left behind by interrupted runs and by updates.

use std::path::{Path, PathBuf};

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix, MaintenanceTask};
use crate::setup::doctor::machine::Machine;
use crate::setup::plan::Journal;
use crate::setup::plan::journal::EntryStatus;
use crate::setup::wrapper_path;
use crate::sys::{dirs, fs, host};

/// See the module.
pub struct LeftoversCheck;

const DAY_MS: u64 = 24 * 3_600_000;
const JOURNAL_MS: u64 = 90 * DAY_MS;
/// Nobody goes back to the previous version after this time.
const PREVIOUS_MS: u64 = 90 * DAY_MS;

impl Check for LeftoversCheck {
    fn id(&self) -> &'static str {
        "leftovers"
    }

    fn group(&self) -> Group {
        Group::Settings
    }

    fn looks_at(&self) -> &'static str {
        "files left by interrupted runs and earlier versions"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let left = left(machine);
        if left.is_empty() {
            return Finding::ok("earlier runs left nothing behind");
        }
        let shown: Vec<String> = left.iter().map(|path| path.display().to_string()).collect();
        Finding::note("earlier runs left unneeded files")
            .details(shown)
            .fix(Fix::from_upkeep(MaintenanceTask::Remove(left)))
    }
}

fn left(machine: &Machine) -> Vec<PathBuf> {
    let mut left = Vec::new();
    if let Some(state) = dirs::state(&machine.env).map(|dir| dir.join("kache")) {
        for path in fs::list(&state).unwrap_or_default() {
            if name(&path).starts_with("proof-") && is_older(&path, DAY_MS, machine) {
                left.push(path);
            }
        }
    }
    // What can still be undone is kept, however old it is.
    let journal =
        Journal::for_user(&machine.env).and_then(|journal| journal.entries().ok()).unwrap_or_default();
    for entry in &journal {
        let is_over = matches!(entry.status(), EntryStatus::Reverted | EntryStatus::Undone);
        if is_over && is_older(entry.dir(), JOURNAL_MS, machine) {
            left.push(entry.dir().to_owned());
        }
    }
    let own = wrapper_path::own(&machine.env);
    let homes = [machine.exe.parent(), own.as_deref().and_then(Path::parent)];
    for dir in homes.into_iter().flatten() {
        for path in fs::list(dir).unwrap_or_default() {
            let name = name(&path);
            let is_deleted = name.contains("kache") && name.ends_with("__selfdelete__.exe");
            let is_temporary = name.starts_with(".kache-") && name.ends_with(".tmp");
            if (is_deleted || is_temporary) && is_older(&path, DAY_MS, machine) {
                left.push(path);
            }
        }
    }
    let previous = machine.exe.with_file_name(host::program_name("kache.prev"));
    left.extend(Some(previous).filter(|previous| is_older(previous, PREVIOUS_MS, machine)));
    left.sort();
    left.dedup();
    left
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn is_older(path: &Path, age_ms: u64, machine: &Machine) -> bool {
    let modified = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    let since = modified.ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.is_some_and(|since| since.as_millis() as u64 + age_ms < machine.now_ms)
}
