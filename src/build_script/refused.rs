//! Runs that cannot be cached, so that they are not observed again: the reason lies in the directory for this machine,
//! under the unit key.

use std::path::{Path, PathBuf};

use crate::digest::{Digest, guard};
use crate::outcome::Unstored;
use crate::sys::fs;

/// Why an earlier run with this unit key could not be stored.
pub fn reason(machine_dir: &Path, unit_key: &Digest) -> Option<Unstored> {
    serde_json::from_slice(&guard::check(fs::read(&file(machine_dir, unit_key)).ok()?)?).ok()
}

/// Remembers a reason that is one of the script and not of the moment.
pub fn remember(machine_dir: &Path, unit_key: &Digest, why: &Unstored) {
    if !matches!(why, Unstored::InputsUnknown(_) | Unstored::UnexpectedOutput(_)) {
        return;
    }
    let Ok(json) = serde_json::to_vec(why) else { return };
    let temporary = machine_dir.join(format!("tmp-{}", fs::unique_name()));
    let _ = fs::replace(&file(machine_dir, unit_key), &temporary, &guard::add(json));
}

fn file(machine_dir: &Path, unit_key: &Digest) -> PathBuf {
    machine_dir.join(format!("build-script-{}", unit_key.to_hex()))
}
