//! Transfer files get from the store into build directories. Where both exist, it is tried with a file.

use std::path::{Path, PathBuf};

use crate::config::Links;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::doctor::workspace;
use crate::sys::fs::probe::Way;
use crate::sys::fs::{self, Identity};

/// See the module.
pub struct SharingCheck;

impl Check for SharingCheck {
    fn id(&self) -> &'static str {
        "sharing"
    }

    fn group(&self) -> Group {
        Group::Store
    }

    fn looks_at(&self) -> &'static str {
        "whether files can be linked or cloned from the store into build directories here"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Some(store) = machine.cache_dir() else { return Finding::ok("there is no store") };
        let mut targets = workspace::target_dirs(machine);
        if targets.is_empty() {
            targets.push(machine.cwd.clone());
        }
        let mut ways = Vec::new();
        for target in &targets {
            let shown = target.display();
            let may_link = machine.config.links.value == Links::Auto;
            match how(machine, store, target) {
                Transfer::Elsewhere | Transfer::Tried(Way::Copy | Way::Link) if !may_link => {
                    ways.push(format!("files are copied into {shown}, because `cache.links` is off"));
                }
                Transfer::Elsewhere => {
                    return Finding::note(format!(
                        "the store and {shown} are on different file systems: files are copied"
                    ))
                    .hint("to have them linked, set `cache.local_store` to a directory on the same disk");
                }
                Transfer::Tried(Way::Copy) => {
                    return Finding::note(format!(
                        "files of the store can be neither linked nor cloned into {shown}: they are copied"
                    ))
                    .hint("a mount separates them, or their file system does not support it: set `cache.local_store` to another directory");
                }
                Transfer::Tried(Way::Clone) => ways.push(format!("files are cloned into {shown}")),
                Transfer::Tried(Way::Link) => ways.push(format!("files are linked into {shown}")),
                Transfer::Unknown => {}
            }
        }
        match ways.into_iter().next() {
            Some(way) => Finding::ok(way),
            None => Finding::ok("the store and the builds here are on the same disk"),
        }
    }
}

enum Transfer {
    Tried(Way),
    /// On another device, or so it seems.
    Elsewhere,
    Unknown,
}

fn how(machine: &Machine, store: &Path, target: &Path) -> Transfer {
    let is_dir = fs::metadata(target).is_ok_and(|found| found.is_dir());
    // Nothing is written into what is not kache's or cargo's own.
    let is_cargos = is_dir && !workspace::target_dirs(machine).is_empty();
    if let Some(from) = machine.scratch_dir().filter(|_| is_cargos) {
        match machine.asks.way(&from, target) {
            Ok(Way::Copy) if device(store) != device(target) => return Transfer::Elsewhere,
            Ok(way) => return Transfer::Tried(way),
            Err(_) => {}
        }
    }
    match (device(store), device(target)) {
        (Some(one), Some(other)) if one != other => Transfer::Elsewhere,
        _ => Transfer::Unknown,
    }
}

/// That of the nearest directory that is there.
fn device(path: &Path) -> Option<u64> {
    let there: Option<PathBuf> = path.ancestors().find(|dir| fs::metadata(dir).is_ok()).map(Path::to_owned);
    Identity::at(&there?).map(|identity| identity.device).ok()
}
