//! `kache doctor --verify`: reads the whole store and checks that each blob has the digest in its name, and that each
//! entry has all of its blobs.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::digest::{Digest, seal};
use crate::store::entry::Unreadable;
use crate::store::scrub::{Reading, Scrub};
use crate::store::walk::StoredFile;
use crate::store::{Bucket, Store};
use crate::sys::fs::Identity;
use crate::sys::{clock, host};

/// The result.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Verified {
    pub n_blobs: usize,
    pub bytes: u64,
    /// Blobs whose digest is not the one in their name. They were quarantined.
    pub altered: Vec<String>,
    pub n_entries: usize,
    /// Entries that cannot be read.
    pub damaged_entries: Vec<String>,
    /// Entries that lack a blob, which makes them misses.
    pub incomplete_entries: Vec<String>,
    /// Blobs that no entry needs: the next collection removes them.
    pub n_orphans: usize,
    /// What could not be read.
    pub problems: Vec<String>,
}

impl Verified {
    /// Whether the store is intact.
    pub fn is_sound(&self) -> bool {
        self.altered.is_empty() && self.damaged_entries.is_empty() && self.problems.is_empty()
    }
}

/// Reads everything, and quarantines altered blobs. Calls `progress` with the bytes read so far, and the bytes in total.
pub fn verify(cache_dir: &Path, progress: &(dyn Fn(u64, u64) + Sync)) -> Verified {
    let store = Store::at(cache_dir);
    let begun_ms = clock::now_ms();
    let mut verified = Verified::default();
    let entries = store.files_in(Bucket::Entries, &mut verified.problems);
    let mut blobs = store.files_in(Bucket::Blobs, &mut verified.problems);
    // A blob is looked for in its own folder only.
    blobs.retain(|(digest, found)| found.path == store.path(Bucket::Blobs, digest));
    verified.n_blobs = blobs.len();
    verified.bytes = blobs.iter().map(|(_, found)| found.state.size_bytes).sum();
    read_all(&store, &blobs, &mut verified, progress);
    keep(cache_dir, &verified, begun_ms);
    let mut needed = BTreeSet::new();
    verified.n_entries = entries.len();
    for (key, found) in entries {
        match store.entry(&key) {
            Ok(entry) => {
                let is_whole = entry.blobs().all(|(blob, size_bytes)| store.blob(&blob, size_bytes).is_ok());
                needed.extend(entry.blobs().map(|(blob, _)| blob));
                if !is_whole {
                    verified.incomplete_entries.push(format!(
                        "{} ({})",
                        found.path.display(),
                        entry.unit.crate_name
                    ));
                }
            }
            Err(Unreadable::Missing) => {}
            Err(_) => verified.damaged_entries.push(found.path.display().to_string()),
        }
    }
    verified.n_orphans = blobs.iter().filter(|(digest, _)| !needed.contains(digest)).count();
    verified
}

/// Notes that all blobs were read, so that the daemon does not read them again soon.
fn keep(cache_dir: &Path, verified: &Verified, begun_ms: u64) {
    if verified.n_blobs == 0 {
        return;
    }
    let mut scrub = Scrub::load(cache_dir);
    scrub.found_altered(verified.altered.len(), begun_ms);
    if verified.problems.is_empty() {
        scrub.all_read(begun_ms);
    }
    let _ = scrub.save(cache_dir);
}

fn read_all(
    store: &Store,
    blobs: &[(Digest, StoredFile)],
    verified: &mut Verified,
    progress: &(dyn Fn(u64, u64) + Sync),
) {
    let reader = BlobReader {
        store,
        blobs,
        total_bytes: verified.bytes,
        progress,
        next: AtomicUsize::new(0),
        read_bytes: AtomicU64::new(0),
        altered: Mutex::default(),
        problems: Mutex::default(),
    };
    std::thread::scope(|scope| {
        for _ in 1..host::n_processors() {
            scope.spawn(|| reader.read());
        }
        reader.read();
    });
    verified.altered = reader.altered.into_inner().unwrap_or_default();
    verified.altered.sort();
    verified.problems.extend(reader.problems.into_inner().unwrap_or_default());
}

/// Reads blobs, in as many threads as call [`BlobReader::read`].
struct BlobReader<'a> {
    store: &'a Store,
    blobs: &'a [(Digest, StoredFile)],
    total_bytes: u64,
    progress: &'a (dyn Fn(u64, u64) + Sync),
    /// The index of the blob that is read next.
    next: AtomicUsize,
    read_bytes: AtomicU64,
    altered: Mutex<Vec<String>>,
    problems: Mutex<Vec<String>>,
}

impl BlobReader<'_> {
    fn read(&self) {
        while let Some((digest, found)) = self.blobs.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            match self.store.verify_blob(digest, &found.path) {
                // Garbage may be collected at the same time.
                Reading::Sound | Reading::Gone => {}
                Reading::Altered => push(&self.altered, found.path.display().to_string()),
                Reading::Stuck(why) => push(&self.problems, why),
                Reading::Unreadable(e) => push(&self.problems, format!("{}: {e}", found.path.display())),
            }
            let before = self.read_bytes.fetch_add(found.state.size_bytes, Ordering::Relaxed);
            (self.progress)(before + found.state.size_bytes, self.total_bytes);
        }
    }
}

fn push(list: &Mutex<Vec<String>>, text: String) {
    list.lock().unwrap_or_else(PoisonError::into_inner).push(text);
}

/// Quarantines the blobs that were modified, as their seals show. Returns how many.
pub fn quarantine_unsealed(cache_dir: &Path) -> usize {
    let store = Store::at(cache_dir);
    let blobs = store.files_in(Bucket::Blobs, &mut Vec::new());
    let mut n_broken = 0;
    for (digest, found) in &blobs {
        if Identity::at(&found.path).is_ok_and(|identity| seal::is_broken(digest, identity.modified_ns)) {
            store.quarantine_blob(digest);
            n_broken += 1;
        }
    }
    n_broken
}
