//! Decides what to remove from the store, given a survey, the time and the limits. Pure: no I/O and no clock, so that
//! a dry run shows exactly what a collection does.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use crate::config::units::{format_bytes, format_duration};
use crate::digest::Digest;
use crate::gc::survey::{EntryState, Stray, Survey};
use crate::index::records::is_named;
use crate::report::words::counted;
use crate::store::Bucket;
use crate::store::entry::UnitName;
use crate::store::walk::StoredFile;
use crate::sys::defence;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Entries made or used within this time are kept.
pub const GRACE_MS: u64 = 10 * 60_000;
/// Blobs of an evicted entry are kept for this long after their last change: another put may have found the blob in the
/// store and not written its entry yet. A put takes seconds.
const PUT_MS: u64 = 60_000;
/// Temporary files of this age are abandoned: a put takes seconds.
pub const TEMPORARY_MS: u64 = HOUR_MS;
/// Lock files unused for this long are removed; they are created again when needed.
pub const LOCK_MS: u64 = DAY_MS;
/// Altered blobs are kept for this long, so that one can find out what altered them.
pub const QUARANTINE_MS: u64 = 7 * DAY_MS;
/// How long crate closures and environment names outlive the entry of their crate.
pub const CLOSURE_MS: u64 = 30 * DAY_MS;
/// Records are kept for this long.
pub const RECORDS_MS: u64 = 30 * DAY_MS;
/// Since a manifest was made, or a build directory was last filled from it.
pub const MANIFEST_MS: u64 = 30 * DAY_MS;

/// Limits of the store.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A larger store is reduced to 90 % of this.
    pub max_bytes: u64,
    /// Entries unused for this long are evicted.
    pub max_age_ms: Option<u64>,
    /// Entries made or used within this time are kept.
    pub grace_ms: u64,
}

impl Limits {
    fn is_expired(&self, entry: &EntryState, now_ms: u64) -> bool {
        self.max_age_ms.is_some_and(|age_ms| entry.last_used_ms + age_ms <= now_ms)
    }

    fn is_within_grace(&self, entry: &EntryState, now_ms: u64) -> bool {
        entry.last_used_ms + self.grace_ms > now_ms
    }
}

/// Why an entry is evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvictionReason {
    Damaged,
    Age,
    Size,
    Named,
}

impl EvictionReason {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            EvictionReason::Damaged => "damaged",
            EvictionReason::Age => "age",
            EvictionReason::Size => "size",
            EvictionReason::Named => "named",
        }
    }
}

/// An entry to evict.
#[derive(Clone, Debug)]
pub struct Eviction {
    pub key: Digest,
    pub found: StoredFile,
    pub unit: UnitName,
    pub why: EvictionReason,
    pub last_used_ms: u64,
}

/// A kind of file to remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    Blob,
    /// A file of another bucket: an input list, a crate closure, environment names.
    Metadata,
    Stray(Stray),
}

/// Everything that a collection removes.
#[derive(Debug, Default)]
pub struct Plan {
    /// Least recently used first.
    pub evictions: Vec<Eviction>,
    /// Files that no remaining entry refers to.
    pub files: Vec<(FileKind, StoredFile)>,
    pub before_bytes: u64,
    pub after_bytes: u64,
    /// The part of the removed bytes that build directories still use: freed only when it is removed there too.
    pub shared_bytes: u64,
    /// When it was computed.
    pub now_ms: u64,
}

impl Plan {
    /// Plans to bring the store within its limits.
    pub fn compute(survey: &Survey, now_ms: u64, limits: &Limits) -> Plan {
        let mut whys: BTreeMap<usize, EvictionReason> = BTreeMap::new();
        for (index, entry) in survey.entries.iter().enumerate() {
            if entry.unit.is_none() {
                whys.insert(index, EvictionReason::Damaged);
            } else if limits.is_expired(entry, now_ms) && !limits.is_within_grace(entry, now_ms) {
                whys.insert(index, EvictionReason::Age);
            }
        }
        let minimum_age = MinimumAge { orphan_ms: limits.grace_ms, evicted_ms: limits.grace_ms.min(PUT_MS) };
        let so_far = finish(survey, &whys, now_ms, minimum_age);
        if so_far.after_bytes > limits.max_bytes {
            evict_by_size(survey, &mut whys, so_far.after_bytes, limits, now_ms);
        }
        finish(survey, &whys, now_ms, minimum_age)
    }

    /// Plans to remove all entries of a crate or package, and the files that only they refer to.
    pub fn for_crate(survey: &Survey, now_ms: u64, name: &str) -> Plan {
        let mut whys = BTreeMap::new();
        for (index, entry) in survey.entries.iter().enumerate() {
            if entry.unit.as_ref().is_some_and(|unit| is_named(name, &unit.crate_name, &unit.package)) {
                whys.insert(index, EvictionReason::Named);
            }
        }
        finish(survey, &whys, now_ms, MinimumAge { orphan_ms: GRACE_MS, evicted_ms: 0 })
    }

    /// Whether there is nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.evictions.is_empty() && self.files.is_empty()
    }
}

/// Adds the least recently used entries until the store, which would take `bytes` without that, is down to 90 % of its
/// limit.
fn evict_by_size(
    survey: &Survey,
    whys: &mut BTreeMap<usize, EvictionReason>,
    mut bytes: u64,
    limits: &Limits,
    now_ms: u64,
) {
    let target_bytes = limits.max_bytes / 10 * 9;
    let mut n_references: BTreeMap<&Digest, usize> = BTreeMap::new();
    for (index, entry) in survey.entries.iter().enumerate() {
        if !whys.contains_key(&index) {
            distinct(&entry.blobs).for_each(|blob| *n_references.entry(blob).or_default() += 1);
        }
    }
    let inputs_bytes: BTreeMap<&Digest, u64> = (survey.metadata_files.iter())
        .filter(|(bucket, _, _)| *bucket == Bucket::Inputs)
        .map(|(_, key, found)| (key, found.state.disk_bytes))
        .collect();
    let mut order: Vec<usize> = (0..survey.entries.len()).filter(|index| !whys.contains_key(index)).collect();
    order.sort_by_key(|index| (survey.entries[*index].last_used_ms, survey.entries[*index].key));
    for index in order {
        let entry = &survey.entries[index];
        if bytes <= target_bytes {
            return;
        }
        if limits.is_within_grace(entry, now_ms) {
            continue;
        }
        whys.insert(index, EvictionReason::Size);
        bytes = bytes.saturating_sub(entry.found.state.disk_bytes);
        bytes = bytes.saturating_sub(inputs_bytes.get(&entry.key).copied().unwrap_or(0));
        for blob in distinct(&entry.blobs) {
            let left = n_references.entry(blob).or_default();
            *left = left.saturating_sub(1);
            if *left == 0
                && let Some(found) = survey.blobs.get(blob)
            {
                bytes = bytes.saturating_sub(found.state.disk_bytes);
            }
        }
    }
}

fn distinct(blobs: &[Digest]) -> impl Iterator<Item = &Digest> {
    blobs.iter().enumerate().filter(|(index, blob)| !blobs[..*index].contains(blob)).map(|(_, blob)| blob)
}

/// How old a file without references must be before it is removed.
#[derive(Clone, Copy)]
struct MinimumAge {
    /// Of a file that no entry referred to before.
    orphan_ms: u64,
    /// Of a file that only evicted entries refer to.
    evicted_ms: u64,
}

impl MinimumAge {
    fn is_reached(self, found: &StoredFile, was_evicted: bool, now_ms: u64) -> bool {
        is_older(found, if was_evicted { self.evicted_ms } else { self.orphan_ms }, now_ms)
    }
}

fn is_older(found: &StoredFile, age_ms: u64, now_ms: u64) -> bool {
    found.state.changed_ms + age_ms <= now_ms
}

/// The plan that evicts these entries and removes the files that no other entry refers to. A file without any reference
/// may belong to a put in progress, so it is kept until it has the minimum age.
fn finish(
    survey: &Survey,
    whys: &BTreeMap<usize, EvictionReason>,
    now_ms: u64,
    minimum_age: MinimumAge,
) -> Plan {
    let mut plan = Plan { before_bytes: survey.disk_bytes(), now_ms, ..Plan::default() };
    let mut live = Referred::default();
    let mut evicted = Referred::default();
    for (index, entry) in survey.entries.iter().enumerate() {
        let why = whys.get(&index);
        let referred = if why.is_some() { &mut evicted } else { &mut live };
        referred.add(entry);
        plan.evictions.extend(why.map(|why| Eviction {
            key: entry.key,
            found: entry.found.clone(),
            unit: entry.unit.clone().unwrap_or_default(),
            why: *why,
            last_used_ms: entry.last_used_ms,
        }));
    }
    plan.evictions.sort_by_key(|eviction| (eviction.last_used_ms, eviction.key));
    for (digest, found) in &survey.blobs {
        let was_evicted = evicted.blobs.contains(digest);
        if !live.blobs.contains(digest) && minimum_age.is_reached(found, was_evicted, now_ms) {
            plan.files.push((FileKind::Blob, found.clone()));
        }
    }
    for (bucket, digest, found) in &survey.metadata_files {
        let is_removed = match bucket {
            Bucket::Inputs => {
                let was_evicted = evicted.keys.contains(digest);
                !live.keys.contains(digest) && minimum_age.is_reached(found, was_evicted, now_ms)
            }
            Bucket::Units => {
                let was_evicted = evicted.units.contains(digest);
                !live.units.contains(digest)
                    && minimum_age.is_reached(found, was_evicted, now_ms)
                    && defence::stands("lists-of-evicted-entries-go")
            }
            _ => !live.blobs.contains(digest) && is_older(found, CLOSURE_MS, now_ms),
        };
        if is_removed {
            plan.files.push((FileKind::Metadata, found.clone()));
        }
    }
    for (stray, found) in &survey.strays {
        let (time_ms, age_ms) = match stray {
            Stray::Temporary => (found.state.changed_ms, TEMPORARY_MS),
            Stray::Lock => (found.state.changed_ms, LOCK_MS),
            Stray::Quarantined => (found.state.changed_ms, QUARANTINE_MS),
            Stray::Manifest => (found.state.modified_ms, MANIFEST_MS),
            Stray::Records => (found.state.modified_ms, RECORDS_MS),
        };
        if time_ms + age_ms <= now_ms {
            plan.files.push((FileKind::Stray(*stray), found.clone()));
        }
    }
    let in_store = plan.files.iter().filter(|(kind, _)| *kind != FileKind::Stray(Stray::Records));
    let going = in_store.map(|(_, found)| found).chain(plan.evictions.iter().map(|eviction| &eviction.found));
    let (mut gone_bytes, mut shared_bytes) = (0, 0);
    for found in going {
        gone_bytes += found.state.disk_bytes;
        shared_bytes += if found.state.is_shared { found.state.disk_bytes } else { 0 };
    }
    plan.after_bytes = plan.before_bytes.saturating_sub(gone_bytes);
    plan.shared_bytes = shared_bytes;
    plan
}

/// Files that entries refer to.
#[derive(Default)]
struct Referred {
    keys: HashSet<Digest>,
    blobs: HashSet<Digest>,
    units: HashSet<Digest>,
}

impl Referred {
    fn add(&mut self, entry: &EntryState) {
        self.keys.insert(entry.key);
        self.blobs.extend(&entry.blobs);
        self.units.extend(entry.unit_key);
    }
}

/// At most this many evicted entries are listed by name.
const MOST_NAMED: usize = 20;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for eviction in self.evictions.iter().take(MOST_NAMED) {
            let UnitName { crate_name, version, kind, .. } = &eviction.unit;
            let age = std::time::Duration::from_millis(self.now_ms.saturating_sub(eviction.last_used_ms));
            match eviction.why {
                EvictionReason::Damaged => writeln!(f, "evict  {} (damaged)", &eviction.key.to_hex()[..16])?,
                _ => writeln!(
                    f,
                    "evict  {crate_name} {version} {kind}, last used {} ago",
                    format_duration(age)
                )?,
            }
        }
        if self.evictions.len() > MOST_NAMED {
            writeln!(f, "       and {} more", self.evictions.len() - MOST_NAMED)?;
        }
        let kinds = [
            (FileKind::Blob, "blob"),
            (FileKind::Metadata, "metadata file"),
            (FileKind::Stray(Stray::Temporary), "unfinished file"),
            (FileKind::Stray(Stray::Lock), "unused lock"),
            (FileKind::Stray(Stray::Quarantined), "altered blob"),
            (FileKind::Stray(Stray::Manifest), "old manifest of a build"),
            (FileKind::Stray(Stray::Records), "old record file"),
        ];
        for (kind, name) in kinds {
            let (mut n_files, mut bytes) = (0, 0);
            for (_, found) in self.files.iter().filter(|(this, _)| *this == kind) {
                n_files += 1;
                bytes += found.state.disk_bytes;
            }
            if n_files > 0 {
                writeln!(f, "remove {}, {}", counted(n_files, name), format_bytes(bytes))?;
            }
        }
        Ok(())
    }
}
