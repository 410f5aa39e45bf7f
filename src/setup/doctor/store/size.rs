//! Whether the store is within its limit, and garbage collections finish.

use std::path::Path;
use std::time::Duration;

use crate::config::units::{format_bytes, format_duration};
use crate::gc::{is_collecting, lock_file};
use crate::run::automatic_gc::stamp_file;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix, MaintenanceTask};
use crate::setup::doctor::machine::Machine;
use crate::setup::store_access;
use crate::store::walk;
use crate::sys::fs::Identity;

/// See the module.
pub struct SizeCheck;

/// What to say of a store of which this could not be listed. Where the rights of its folders are the reason, another
/// check says that, and what to do.
pub(super) fn unreadable(machine: &Machine, problems: &[String]) -> Finding {
    match machine.cache_dir().is_some_and(|dir| store_access::look(dir).hinders_builds()) {
        true => Finding::problem("the store cannot be read; see `cache-directory`"),
        false => Finding::problem("the store cannot be read").details(walk::in_one_line(problems)),
    }
}

const HOUR_MS: u64 = 3_600_000;
/// A collection is due each day, and is started every ten minutes of building until one has ended.
const STUCK_MS: u64 = 48 * HOUR_MS;
/// No collection takes so long.
const LONGEST_MS: u64 = 2 * HOUR_MS;

impl Check for SizeCheck {
    fn id(&self) -> &'static str {
        "size"
    }

    fn group(&self) -> Group {
        Group::Store
    }

    fn looks_at(&self) -> &'static str {
        "what the store takes, its limit, and the last collection"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Some(dir) = machine.cache_dir() else { return Finding::ok("there is no store") };
        let limit = machine.config.max_size_bytes.value;
        let usage = machine.disk_usage(dir);
        if !usage.problems.is_empty() {
            return unreadable(machine, &usage.problems);
        }
        let (started_ms, ended_ms) = (modified_ms(&stamp_file(dir)), modified_ms(&lock_file(dir)));
        let last = match ended_ms {
            Some(ended_ms) => format!("the last collection ended {}", ago(machine, ended_ms)),
            None => "there was no collection yet".to_owned(),
        };
        let fix = Fix::from_upkeep(MaintenanceTask::CollectGarbage);
        if is_collecting(dir) {
            let since_ms = started_ms.or(ended_ms).unwrap_or(machine.now_ms);
            return match machine.now_ms.saturating_sub(since_ms) > LONGEST_MS {
                true => Finding::problem(format!(
                    "a garbage collection started {} and has not finished",
                    ago(machine, since_ms)
                ))
                .hint("stop the process `kache gc`, or the daemon with `kache daemon stop`"),
                false => Finding::ok("a garbage collection is running"),
            };
        }
        let takes = format!("the store uses {} of {}", format_bytes(usage.bytes), format_bytes(limit));
        if let (Some(started_ms), Some(ended_ms)) = (started_ms, ended_ms)
            && started_ms > ended_ms + STUCK_MS
        {
            let text = format!(
                "garbage collections start but do not finish: the last one that did was {}",
                ago(machine, ended_ms)
            );
            return Finding::problem(text).details([takes]).hint("`kache gc` shows why").fix(fix);
        }
        if usage.bytes <= limit {
            return Finding::ok(takes);
        }
        Finding::problem(takes)
            .details([last])
            .hint(
                "`kache gc` evicts the least recently used entries; `cache.local_max_size` raises the limit",
            )
            .fix(fix)
    }
}

fn modified_ms(path: &Path) -> Option<u64> {
    u64::try_from(Identity::at(path).ok()?.modified_ns / 1_000_000).ok()
}

fn ago(machine: &Machine, time_ms: u64) -> String {
    match machine.now_ms.saturating_sub(time_ms) / 1000 {
        0..60 => "just now".to_owned(),
        seconds => format_duration(Duration::from_secs(seconds)) + " ago",
    }
}
