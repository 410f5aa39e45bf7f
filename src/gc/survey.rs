//! Lists the files of a cache directory and their references. Reads no blobs, and changes nothing.

use std::collections::{BTreeMap, HashMap};
use std::io::ErrorKind;
use std::path::Path;

use crate::digest::Digest;
use crate::store::entry::{Entry, UnitName, Unreadable};
use crate::store::walk::{self, StoredFile};
use crate::store::{Bucket, Store};
use crate::sys::fs;

/// All files of a cache directory that a collection may remove, and the references between them.
#[derive(Debug, Default)]
pub struct Survey {
    pub entries: Vec<EntryState>,
    pub blobs: BTreeMap<Digest, StoredFile>,
    /// Files of the other buckets.
    pub metadata_files: Vec<(Bucket, Digest, StoredFile)>,
    pub strays: Vec<(Stray, StoredFile)>,
    /// Bytes of files that are never removed.
    pub other_bytes: u64,
}

/// A part of the store cannot be read. Then nothing may be removed: the unreadable part may refer to it.
#[derive(Debug)]
pub struct Incomplete(pub Vec<String>);

/// One entry.
#[derive(Debug)]
pub struct EntryState {
    pub key: Digest,
    pub found: StoredFile,
    /// `None`: its file is damaged.
    pub unit: Option<UnitName>,
    pub unit_key: Option<Digest>,
    pub blobs: Vec<Digest>,
    /// When it was made or last served.
    pub last_used_ms: u64,
}

/// A kind of file without references, which is removed by its age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stray {
    Temporary,
    Lock,
    Quarantined,
    Manifest,
    Records,
}

impl Survey {
    /// Surveys `cache_dir`. The times of last use come from the index.
    pub fn read(cache_dir: &Path, last_uses: &HashMap<Digest, u64>) -> Result<Survey, Incomplete> {
        let store = Store::at(cache_dir);
        let mut problems = Vec::new();
        let entries = store.files_in(Bucket::Entries, &mut problems);
        let mut survey = Survey::default();
        for (key, found) in entries {
            survey.entries.extend(entry_state(&store, key, found, last_uses, &mut problems));
        }
        survey.blobs = store.files_in(Bucket::Blobs, &mut problems).into_iter().collect();
        for bucket in [Bucket::Inputs, Bucket::Units, Bucket::CrateClosures, Bucket::VariableNames] {
            let files = store.files_in(bucket, &mut problems).into_iter();
            survey.metadata_files.extend(files.map(|(digest, found)| (bucket, digest, found)));
        }
        let locks =
            store.files_in(Bucket::Locks, &mut problems).into_iter().map(|(_, found)| found).collect();
        let strays: [(Stray, Vec<StoredFile>); 5] = [
            (Stray::Temporary, store.loose("tmp", &mut problems)),
            (Stray::Lock, locks),
            (Stray::Quarantined, store.loose("quarantine", &mut problems)),
            (Stray::Manifest, store.loose("manifests", &mut problems)),
            (Stray::Records, walk::files(&Store::records_dir(cache_dir), &mut problems)),
        ];
        for (stray, found) in strays {
            survey.strays.extend(found.into_iter().map(|found| (stray, found)));
        }
        let memo = store.loose("memo", &mut problems);
        survey.other_bytes = memo.iter().map(|found| found.state.disk_bytes).sum();
        if problems.is_empty() { Ok(survey) } else { Err(Incomplete(problems)) }
    }

    /// The size of the store on disk, without records and index.
    pub fn disk_bytes(&self) -> u64 {
        let entries = self.entries.iter().map(|entry| &entry.found);
        let metadata_files = self.metadata_files.iter().map(|(_, _, found)| found);
        let strays = self.strays.iter().filter(|(stray, _)| *stray != Stray::Records).map(|(_, found)| found);
        let all = entries.chain(self.blobs.values()).chain(metadata_files).chain(strays);
        all.map(|found| found.state.disk_bytes).sum::<u64>() + self.other_bytes
    }
}

/// Reads one entry; `None` if it was removed meanwhile.
fn entry_state(
    store: &Store,
    key: Digest,
    found: StoredFile,
    last_uses: &HashMap<Digest, u64>,
    problems: &mut Vec<String>,
) -> Option<EntryState> {
    let entry = match store.entry(&key) {
        Ok(entry) => Some(entry),
        Err(Unreadable::Damaged) => None,
        Err(Unreadable::Missing) => {
            if let Err(e) = fs::read(&found.path)
                && e.kind() != ErrorKind::NotFound
            {
                problems.push(format!("{}: {e}", found.path.display()));
            }
            return None;
        }
    };
    let unit_key = store.inputs(&key).ok().map(|inputs| inputs.unit_key);
    let created_ms = entry.as_ref().map_or(0, |entry| entry.created_ms);
    let last_used_ms = last_uses.get(&key).copied().unwrap_or(0).max(created_ms);
    let blobs = entry.iter().flat_map(Entry::blobs).map(|(blob, _)| blob).collect();
    Some(EntryState { key, found, blobs, unit_key, last_used_ms, unit: entry.map(|entry| entry.unit) })
}

/// The size of a store on disk.
#[derive(Debug, Default)]
pub struct DiskUsage {
    pub bytes: u64,
    pub n_files: u64,
    /// Why parts of the store could not be read.
    pub problems: Vec<String>,
}

/// Measures the store without opening any file in it.
pub fn disk_usage(cache_dir: &Path) -> DiskUsage {
    let store = Store::at(cache_dir);
    let mut usage = DiskUsage::default();
    for bucket in Bucket::ALL {
        let files = store.files_in(bucket, &mut usage.problems);
        usage.add(files.iter().map(|(_, found)| found));
    }
    for dir in ["tmp", "quarantine", "memo"] {
        let files = store.loose(dir, &mut usage.problems);
        usage.add(files.iter());
    }
    usage
}

/// The bytes of [`disk_usage`], and why parts of the store could not be read.
pub fn disk_bytes(cache_dir: &Path) -> (u64, Vec<String>) {
    let DiskUsage { bytes, problems, .. } = disk_usage(cache_dir);
    (bytes, problems)
}

impl DiskUsage {
    fn add<'f>(&mut self, files: impl Iterator<Item = &'f StoredFile>) {
        for found in files {
            self.bytes += found.state.disk_bytes;
            self.n_files += 1;
        }
    }
}
