//! Whether there is room for the store up to its limit.

use crate::config::units::format_bytes;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::sys::fs;

/// See the module.
pub struct RoomCheck;

/// With less, builds fail.
const LEAST_BYTES: u64 = 1 << 30;
const LEAST_FILES: u64 = 10_000;
/// With fewer files in the store, their average size says little.
const LEAST_STORED: u64 = 1_000;

impl Check for RoomCheck {
    fn id(&self) -> &'static str {
        "room"
    }

    fn group(&self) -> Group {
        Group::Store
    }

    fn looks_at(&self) -> &'static str {
        "free bytes and files on the store's file system, and the store's limit"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Some(dir) = machine.cache_dir() else { return Finding::ok("there is no store") };
        let Some(disk) =
            dir.ancestors().find_map(|dir| machine.asks.disk(fs::metadata(dir).map(|_| dir).ok()?).ok())
        else {
            return Finding::ok("the system does not say");
        };
        if disk.free_bytes < LEAST_BYTES || disk.free_files < LEAST_FILES {
            let what = match disk.free_bytes < LEAST_BYTES {
                true => format!("{} free", format_bytes(disk.free_bytes)),
                false => format!("{} files left", disk.free_files),
            };
            return Finding::problem(format!("the store's file system has only {what}"))
                .hint("free some space, or move the store with KACHE_CACHE_DIR or `cache.local_store`");
        }
        let limit = machine.config.max_size_bytes.value;
        let usage = machine.disk_usage(dir);
        let grows_by = limit.saturating_sub(usage.bytes);
        let hint = "lower `cache.local_max_size`, or move the store with `cache.local_store`";
        if disk.free_bytes < grows_by {
            let (limit, free) = (format_bytes(limit), format_bytes(disk.free_bytes));
            let text = format!("the store may grow to {limit}, but only {free} are free");
            return Finding::note(text).hint(hint);
        }
        // The average size of files hardly changes.
        let each_bytes = usage.bytes / usage.n_files.max(1);
        if usage.n_files >= LEAST_STORED && disk.free_files < grows_by / each_bytes.max(1) {
            let text = format!(
                "the store may grow by about {} files, but only {} are left",
                grows_by / each_bytes.max(1),
                disk.free_files
            );
            return Finding::note(text).hint(hint);
        }
        Finding::ok(format!(
            "{} free; the store may grow to {}",
            format_bytes(disk.free_bytes),
            format_bytes(limit)
        ))
    }
}
