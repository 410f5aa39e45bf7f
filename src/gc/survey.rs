//! What is in a cache directory, file by file.

use std::collections::{BTreeMap, HashMap};
use std::io::ErrorKind;
use std::path::Path;

use crate::digest::Digest;
use crate::store::entry::{UnitName, Unreadable};
use crate::store::walk::{self, StoredFile};
use crate::store::{Bucket, Store};
use crate::sys::fs;

/// All files of a cache directory that a collection may remove, and what refers to what.
#[derive(Debug, Default)]
pub struct Survey {
    pub entries: Vec<EntryState>,
    pub blobs: BTreeMap<Digest, StoredFile>,
    /// Files of the other shelves.
    pub sides: Vec<(Bucket, Digest, StoredFile)>,
    pub strays: Vec<(Stray, StoredFile)>,
    /// What lies in the store besides, and is never removed.
    pub other_bytes: u64,
}

/// A store of which a part cannot be read. Nothing may be removed from it: what cannot be read might refer to it.
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

/// A file that nothing refers to; it goes by its age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stray {
    Temporary,
    Lock,
    Quarantined,
    Records,
}

impl Survey {
    /// Looks at everything. When an entry was last used is known from outside.
    pub fn of(cache_dir: &Path, last_uses: &HashMap<Digest, u64>) -> Result<Survey, Incomplete> {
        let store = Store::at(cache_dir);
        let mut problems = Vec::new();
        let entries = store.files_in(Bucket::Entries, &mut problems);
        let mut survey = Survey::default();
        for (key, found) in entries {
            survey.entries.extend(entry_state(&store, key, found, last_uses, &mut problems));
        }
        survey.blobs = store.files_in(Bucket::Blobs, &mut problems).into_iter().collect();
        for shelf in [Bucket::Inputs, Bucket::Units, Bucket::CrateClosure, Bucket::EnvironmentNames] {
            let files = store.files_in(shelf, &mut problems).into_iter();
            survey.sides.extend(files.map(|(digest, found)| (shelf, digest, found)));
        }
        let locks =
            store.files_in(Bucket::Locks, &mut problems).into_iter().map(|(_, found)| found).collect();
        let strays: [(Stray, Vec<StoredFile>); 4] = [
            (Stray::Temporary, store.loose("tmp", &mut problems)),
            (Stray::Lock, locks),
            (Stray::Quarantined, store.loose("quarantine", &mut problems)),
            (Stray::Records, walk::files(&Store::records_dir(cache_dir), &mut problems)),
        ];
        for (stray, found) in strays {
            survey.strays.extend(found.into_iter().map(|found| (stray, found)));
        }
        let memo = store.loose("memo", &mut problems);
        survey.other_bytes = memo.iter().map(|found| found.state.disk_bytes).sum();
        if problems.is_empty() { Ok(survey) } else { Err(Incomplete(problems)) }
    }

    /// What the store takes on the disk. Records and index are not part of it.
    pub fn disk_bytes(&self) -> u64 {
        let entries = self.entries.iter().map(|entry| &entry.found);
        let sides = self.sides.iter().map(|(_, _, found)| found);
        let strays = self.strays.iter().filter(|(stray, _)| *stray != Stray::Records).map(|(_, found)| found);
        let all = entries.chain(self.blobs.values()).chain(sides).chain(strays);
        all.map(|found| found.state.disk_bytes).sum::<u64>() + self.other_bytes
    }
}

/// What an entry's file says; `None` if it went meanwhile.
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
    let artifacts = entry.as_ref().map(|entry| entry.artifacts.as_slice()).unwrap_or_default();
    let blobs = artifacts.iter().map(|artifact| artifact.blob).collect();
    Some(EntryState { key, found, blobs, unit_key, last_used_ms, unit: entry.map(|entry| entry.unit) })
}

/// What a store takes on the disk.
#[derive(Debug, Default)]
pub struct Taken {
    pub bytes: u64,
    pub n_files: u64,
    /// What could not be looked at.
    pub problems: Vec<String>,
}

/// What the store takes on the disk, without reading anything in it.
pub fn taken(cache_dir: &Path) -> Taken {
    let store = Store::at(cache_dir);
    let mut taken = Taken::default();
    for shelf in Bucket::ALL {
        let files = store.files_in(shelf, &mut taken.problems);
        taken.add(files.iter().map(|(_, found)| found));
    }
    for dir in ["tmp", "quarantine", "memo"] {
        let files = store.loose(dir, &mut taken.problems);
        taken.add(files.iter());
    }
    taken
}

/// The bytes of [`taken`], and what could not be looked at.
pub fn disk_bytes(cache_dir: &Path) -> (u64, Vec<String>) {
    let Taken { bytes, problems, .. } = taken(cache_dir);
    (bytes, problems)
}

impl Taken {
    fn add<'f>(&mut self, files: impl Iterator<Item = &'f StoredFile>) {
        for found in files {
            self.bytes += found.state.disk_bytes;
            self.n_files += 1;
        }
    }
}
