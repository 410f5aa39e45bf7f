//! Garbage collection: what is in the store, which of it should go, and removing that.
//!
//! A [`survey::Survey`] looks, a [`plan::Plan`] is computed from it and can be shown, and [`apply`] does what the plan
//! says. The plan is the same with `--dry-run`.
//!
//! # Beside running builds
//!
//! Nobody else is stopped or waited for; of collections themselves only one runs ([`CollectionLock`]). What is alive is
//! decided by the entries' files. Entries go first and blobs second, so that what a crash leaves are orphans, and:
//!
//! - A put writes blobs before the entry that refers to them. So a blob without an entry stays while it is young, and a
//!   put that finds a blob there renews its change time ([`crate::store::blob`]).
//! - Right before each removal the file is looked at again: one that changed since the survey (a put renewed it, a
//!   restore linked it) stays.
//! - Between that look and the removal there is a moment left. Who comes then finds an entry without a blob, which is a
//!   miss, and puts it again.
//!
//! What stands behind crates (`reach`, `names`) outlives their entries: build directories hold such crates and are
//! asked about them when something links. It goes [`plan::REACH_MS`] after it was last written or used by a compile.
//!
//! # By itself
//!
//! After a miss that stored something, a wrapper now and then starts `kache gc --automatic` ([`crate::run::automatic_gc`]). That
//! ends at once unless the store is over its limit, entries can be too old, or a day has passed ([`automatic`]). A
//! daemon that runs does the same, and stamps so that wrappers need not.

pub mod survey;

pub mod plan;

pub mod apply;

pub mod automatic;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use crate::sys::fs;
use crate::sys::lock::{FileLock, try_lock};

/// The file that a collection locks. Its time of modification is when the last one ended.
pub fn lock_file(cache_dir: &Path) -> PathBuf {
    cache_dir.join("gc.lock")
}

/// The lock of [`lock_file`]: only its holder can remove from the store.
pub struct CollectionLock(FileLock);

impl CollectionLock {
    /// Takes the lock of a cache directory; `None` while another process has it.
    pub fn acquire(cache_dir: &Path) -> io::Result<Option<CollectionLock>> {
        if fs::metadata(cache_dir).is_err() {
            fs::private::create_dir_all(cache_dir)?;
        }
        Ok(try_lock(&lock_file(cache_dir))?.map(CollectionLock))
    }

    /// Stamps the lock file with the end of a collection.
    pub fn heartbeat(&self) {
        self.0.heartbeat();
    }
}

/// Whether another process holds that lock now.
pub fn is_under_way(cache_dir: &Path) -> bool {
    let path = lock_file(cache_dir);
    fs::metadata(&path).is_ok() && matches!(try_lock(&path), Ok(None))
}
