//! Whether the file system of the store, and of the index in it, is one that serves well.

use std::path::Path;

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::sys::fs::{self, Identity};

/// See the module.
pub struct FileSystem;

impl Check for FileSystem {
    fn id(&self) -> &'static str {
        "file-system"
    }

    fn group(&self) -> Group {
        Group::Store
    }

    fn looks_at(&self) -> &'static str {
        "the kind of the file system that the store and its index are on"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let dir = machine.cache_dir().and_then(|dir| dir.ancestors().find(|dir| fs::metadata(dir).is_ok()));
        let Some(dir) = dir else { return Finding::ok("there is no store") };
        let Ok(disk) = machine.asks.disk(dir) else { return Finding::ok("the system does not tell") };
        let kind = disk.kind.unwrap_or("a file system of which nothing bad is known");
        match kind {
            "NFS" | "SMB" | "AFP" | "WebDAV" | "9p" | "FUSE" | "a network drive" => {
                Finding::problem(format!("the store is on {kind}: slow, and locks may not hold"))
                    .hint("name a directory on a local disk in KACHE_CACHE_DIR, or as `cache.local_store`")
            }
            "overlay" | "tmpfs" => Finding::note(format!(
                "the store is on {kind}: it is gone with the container or at a restart"
            ))
            .hint("to keep it, put it on a volume: KACHE_CACHE_DIR"),
            "FAT" | "exFAT" => {
                Finding::problem(format!("the store is on {kind}, where files have neither owners nor links"))
                    .hint("name a directory on another disk in KACHE_CACHE_DIR, or as `cache.local_store`")
            }
            // Names in the store are digests in small letters, and cannot meet.
            _ if is_same_in_capitals(dir) => {
                Finding::ok(format!("it is {kind}, where capital letters make no other name"))
            }
            _ => Finding::ok(format!("it is {kind}")),
        }
    }
}

/// Told by the names that are there.
fn is_same_in_capitals(dir: &Path) -> bool {
    let (Some(name), Ok(found)) = (dir.file_name().and_then(|name| name.to_str()), Identity::at(dir)) else {
        return false;
    };
    let capitals = name.to_uppercase();
    capitals != name && Identity::at(&dir.with_file_name(capitals)).is_ok_and(|other| other == found)
}
