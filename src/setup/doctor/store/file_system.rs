//! Whether the file system of the store is one that serves well, and has room.

use crate::config::units::format_bytes;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::sys::fs::{self, Identity};

/// See the module.
pub struct FileSystem;

/// With less, builds fail.
const LEAST_BYTES: u64 = 1 << 30;
const LEAST_FILES: u64 = 10_000;

impl Check for FileSystem {
    fn id(&self) -> &'static str {
        "file-system"
    }

    fn group(&self) -> Group {
        Group::Store
    }

    fn looks_at(&self) -> &'static str {
        "the kind of the store's file system, its room, and whether this directory is on it"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let dir = machine.cache_dir().and_then(|dir| dir.ancestors().find(|dir| fs::metadata(dir).is_ok()));
        let Some(dir) = dir else { return Finding::ok("there is no store") };
        let disk = match machine.asks.disk(dir) {
            Ok(disk) => disk,
            Err(_) => return Finding::ok("the system does not tell"),
        };
        let kind = disk.kind.unwrap_or("its file system");
        if disk.free_bytes < LEAST_BYTES || disk.free_files < LEAST_FILES {
            let what = match disk.free_bytes < LEAST_BYTES {
                true => format!("{} are free", format_bytes(disk.free_bytes)),
                false => format!("{} more files can be made", disk.free_files),
            };
            return Finding::problem(format!("only {what} where the store is"))
                .hint("make room there, or move the store: KACHE_CACHE_DIR, `cache.local_store`");
        }
        match disk.kind {
            Some("NFS" | "SMB" | "9p" | "FUSE") => {
                return Finding::problem(format!("the store is on {kind}: slow, and locks may not hold"))
                    .hint("name a directory on a local disk in KACHE_CACHE_DIR, or as `cache.local_store`");
            }
            Some("overlay" | "tmpfs") => {
                return Finding::note(format!(
                    "the store is on {kind}: it is gone with the container or at a restart"
                ))
                .hint("to keep it, put it on a volume: KACHE_CACHE_DIR");
            }
            _ => {}
        }
        let device = |dir| Identity::at(dir).map(|identity| identity.device).ok();
        if device(dir) != device(&machine.cwd) {
            return Finding::note(
                "the store and this directory are on different file systems: files are copied",
            )
            .hint("to have them linked, name a directory on the same disk as `cache.local_store`");
        }
        Finding::ok(format!("{kind} has {} free", format_bytes(disk.free_bytes)))
    }
}
