//! Applies a plan. Removes only files that are unchanged since the survey, and entries before the blobs they refer to.

use crate::gc::CollectionLock;
use crate::gc::plan::{FileKind, Plan};
use crate::gc::survey::Stray;
use crate::store::walk::{FileState, StoredFile};
use crate::sys::lock::try_lock;
use crate::sys::{defence, fs};

/// What a collection removed.
#[derive(Debug, Default)]
pub struct Applied {
    pub n_evicted: usize,
    pub n_removed: usize,
    /// Bytes freed in the store; records are not part of it.
    pub store_bytes: u64,
    /// Files kept because they changed since the survey.
    pub n_kept: usize,
    pub problems: Vec<String>,
}

/// Removes what the plan names: entries first, then the files they refer to. The lock keeps other collections from
/// removing at the same time.
pub fn apply(plan: &Plan, lock: &CollectionLock) -> Applied {
    let mut applied = Applied::default();
    for eviction in &plan.evictions {
        if defence::stands("an-entry-goes-before-its-blobs") && applied.remove(&eviction.found) {
            applied.n_evicted += 1;
            applied.store_bytes += eviction.found.state.disk_bytes;
        }
    }
    for (kind, found) in &plan.files {
        // A lock that is held is in use, whatever its modification time says.
        let stray_lock = (*kind == FileKind::Stray(Stray::Lock)).then(|| try_lock(&found.path));
        if matches!(stray_lock, Some(Ok(None))) {
            applied.n_kept += 1;
            continue;
        }
        if applied.remove(found) {
            applied.n_removed += 1;
            let is_in_store = *kind != FileKind::Stray(Stray::Records);
            applied.store_bytes += if is_in_store { found.state.disk_bytes } else { 0 };
        }
    }
    lock.heartbeat();
    applied
}

impl Applied {
    /// Removes a file if it is unchanged since the survey. A blob whose link count changed counts as changed.
    fn remove(&mut self, found: &StoredFile) -> bool {
        match fs::symlink_metadata(&found.path) {
            Ok(metadata)
                if FileState::from_metadata(&metadata) == found.state
                    || !defence::stands("what-changed-since-the-survey") => {}
            Ok(_) => {
                self.n_kept += 1;
                return false;
            }
            Err(_) => return false,
        }
        match fs::remove(&found.path) {
            Ok(()) => true,
            Err(e) => {
                self.problems.push(format!("{}: {e}", found.path.display()));
                false
            }
        }
    }
}
