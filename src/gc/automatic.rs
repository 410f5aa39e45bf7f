//! Garbage collection that wrappers and the daemon start by themselves. Does nothing unless the store needs it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::gc::apply::{Applied, apply};
use crate::gc::plan::{GRACE_MS, Limits, Plan};
use crate::gc::survey::{self, Survey};
use crate::gc::{CollectionLock, lock_file};
use crate::index::open::Index;
use crate::sys::{clock, fs};

/// A store within its limit is collected at most this often.
const PAUSE_MS: u64 = 24 * 3_600_000;

/// Collects if needed. `None` if it is not needed, another process is collecting, or the store cannot be read.
pub fn collect(config: &Config) -> Option<Applied> {
    let cache_dir = &config.cache_dir.value;
    let is_needed = config.gc_max_age.value.is_some()
        || is_long_ago(&lock_file(cache_dir))
        || survey::disk_bytes(cache_dir).0 > config.max_size_bytes.value;
    if is_needed { collect_now(config).ok() } else { None }
}

/// Why nothing was removed.
#[derive(Debug, thiserror::Error)]
pub enum NotCollected {
    #[error("busy: another kache process is removing from the store; try again when it has finished")]
    Busy,
    #[error("{}: {error}", path.display())]
    Lock { path: PathBuf, error: io::Error },
    /// An unreadable part of the store may refer to files that would be removed.
    #[error("nothing was removed because the store cannot be read completely: {0}")]
    Incomplete(String),
}

/// Collects, whether needed or not.
pub fn collect_now(config: &Config) -> Result<Applied, NotCollected> {
    let cache_dir = &config.cache_dir.value;
    let lock = CollectionLock::acquire(cache_dir)
        .map_err(|error| NotCollected::Lock { path: lock_file(cache_dir), error })?
        .ok_or(NotCollected::Busy)?;
    let last_uses = Index::open(cache_dir).and_then(|index| index.last_uses());
    // Without last uses, entries are evicted in the order in which they were made.
    let survey = Survey::read(cache_dir, &last_uses.unwrap_or_else(|_| HashMap::new()));
    let max_age_ms = config.gc_max_age.value.map(|age| age.as_millis() as u64);
    let limits = Limits { max_bytes: config.max_size_bytes.value, max_age_ms, grace_ms: GRACE_MS };
    let survey = survey.map_err(|incomplete| {
        // A store that cannot be read is not looked through again at once.
        lock.heartbeat();
        NotCollected::Incomplete(incomplete.0.join("; "))
    })?;
    Ok(apply(&Plan::compute(&survey, clock::now_ms(), &limits), &lock))
}

fn is_long_ago(lock_file: &Path) -> bool {
    let modified = fs::metadata(lock_file).and_then(|metadata| metadata.modified());
    let age = modified.map(|modified| clock::now().duration_since(modified));
    !matches!(age, Ok(Ok(age)) if age.as_millis() < u128::from(PAUSE_MS))
}
