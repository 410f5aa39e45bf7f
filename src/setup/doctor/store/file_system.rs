//! Whether the file system of the store suits it.

use std::path::Path;

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::sys::fs::{self, Identity};

/// See the module.
pub struct FileSystemCheck;

impl Check for FileSystemCheck {
    fn id(&self) -> &'static str {
        "file-system"
    }

    fn group(&self) -> Group {
        Group::Store
    }

    fn looks_at(&self) -> &'static str {
        "the file system that holds the store and its index"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let dir = machine.cache_dir().and_then(|dir| dir.ancestors().find(|dir| fs::metadata(dir).is_ok()));
        let Some(dir) = dir else { return Finding::ok("there is no store") };
        let Ok(disk) = machine.asks.disk(dir) else { return Finding::ok("the system does not say") };
        let kind = disk.kind.unwrap_or("a file system without known problems");
        match kind {
            "NFS" | "SMB" | "AFP" | "WebDAV" | "9p" | "FUSE" | "a network drive" => {
                Finding::problem(format!("the store is on {kind}: it is slow, and locks may not work"))
                    .hint("set KACHE_CACHE_DIR or `cache.local_store` to a directory on a local disk")
            }
            "overlay" | "tmpfs" => {
                Finding::note(format!("the store is on {kind}: it is lost with the container or on restart"))
                    .hint("to keep it, set KACHE_CACHE_DIR to a directory on a volume")
            }
            "FAT" | "exFAT" => {
                Finding::problem(format!("the store is on {kind}, which has neither file owners nor links"))
                    .hint("set KACHE_CACHE_DIR or `cache.local_store` to a directory on another disk")
            }
            // Names in the store are digests in small letters, and cannot meet.
            _ if is_same_in_capitals(dir) => {
                Finding::ok(format!("the store is on {kind}, which is not case-sensitive"))
            }
            _ => Finding::ok(format!("the store is on {kind}")),
        }
    }
}

/// Whether the file system is not case-sensitive, tried with the name of a directory that exists.
fn is_same_in_capitals(dir: &Path) -> bool {
    let (Some(name), Ok(found)) = (dir.file_name().and_then(|name| name.to_str()), Identity::at(dir)) else {
        return false;
    };
    let capitals = name.to_uppercase();
    capitals != name && Identity::at(&dir.with_file_name(capitals)).is_ok_and(|other| other == found)
}
