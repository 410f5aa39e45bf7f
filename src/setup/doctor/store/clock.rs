//! Whether times can be relied on, and enough files can be open.

use std::time::UNIX_EPOCH;

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::store::Store;
use crate::sys::fs;

/// See the module.
pub struct Clock;

const TOLERANCE_MS: u64 = 120_000;
const LEAST_OPEN_FILES: u64 = 256;

impl Check for Clock {
    fn id(&self) -> &'static str {
        "clock"
    }

    fn group(&self) -> Group {
        Group::Machine
    }

    fn looks_at(&self) -> &'static str {
        "times of records that lie ahead, and the limit of open files"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let records = machine.cache_dir().map(Store::records_dir).unwrap_or_default();
        let newest = fs::list(&records).unwrap_or_default().into_iter().filter_map(|path| {
            let modified = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok()?;
            Some((modified.duration_since(UNIX_EPOCH).ok()?.as_millis() as u64, path))
        });
        if let Some((time_ms, path)) = newest.max()
            && time_ms > machine.now_ms + TOLERANCE_MS
        {
            let seconds = (time_ms - machine.now_ms) / 1000;
            return Finding::problem(format!("{} was written {seconds} s from now", path.display()))
                .hint("set the clock: cargo builds what is newer than it should be again and again");
        }
        match machine.asks.most_open_files() {
            Some(limit) if limit < LEAST_OPEN_FILES => {
                Finding::note(format!("a process may have only {limit} files open"))
                    .hint("linkers need more: `ulimit -n 1024`")
            }
            _ => Finding::ok("times are not ahead of the clock"),
        }
    }
}
