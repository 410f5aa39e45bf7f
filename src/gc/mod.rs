//! Garbage collection: finds out what is in the store, decides what to remove, and removes it. A build that runs at the
//! same time never fails because of it, and never gets a wrong hit.
//!
//! [`survey::Survey`] lists the store, [`plan::Plan`] is computed from it and can be shown, and [`apply`] carries it
//! out. The plan is the same with `--dry-run`.
//!
//! # Concurrent builds
//!
//! A collection does not block builds or wait for them; only one collection runs at a time ([`CollectionLock`]).
//! The entry files decide which blobs are referenced. Entries are removed before blobs, so a crash leaves only orphans:
//!
//! - A put writes blobs before the entry that refers to them. So a blob without an entry is kept while it is young, and
//!   a put that finds its blob in the store renews the blob's change time ([`crate::store::blob`]).
//! - Right before a file is removed its state is read again. A file that changed since the survey, because a put renewed
//!   it or a restore linked it, is kept.
//! - A short window remains between that check and the removal. A build that hits it finds an entry without a blob,
//!   which is a miss, and stores the blob again.
//!
//! Crate closures and environment names outlive the entries of their crates, because build directories still hold such
//! crates and linking them needs the closures. They are removed [`plan::CLOSURE_MS`] after they were last written or used.
//!
//! # Automatic collection
//!
//! After a miss that stored something, a wrapper now and then starts `kache gc --automatic`
//! ([`crate::run::automatic_gc`]). That exits at once unless the store is over its limit, a maximum age is configured,
//! or a day has passed since the last collection ([`automatic`]). A running daemon does the same, and then wrappers do
//! not start one.

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

/// The lock file of collections. Its modification time is the end of the last collection.
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

/// Whether another process holds that lock.
pub fn is_collecting(cache_dir: &Path) -> bool {
    let path = lock_file(cache_dir);
    fs::metadata(&path).is_ok() && matches!(try_lock(&path), Ok(None))
}
