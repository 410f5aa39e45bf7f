//! What should go, computed from a survey, the time, and the limits: no I/O, no clock.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use crate::config::units::{format_bytes, format_duration};
use crate::digest::Digest;
use crate::gc::survey::{EntryState, Stray, Survey};
use crate::index::records::is_named;
use crate::report::words::counted;
use crate::store::Bucket;
use crate::store::entry::UnitName;
use crate::store::walk::{FileState, StoredFile};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// How lately made or used is lately.
pub const GRACE_MS: u64 = 10 * 60_000;
/// A put may have found a blob of an entry that goes, and not written its own entry yet. A put takes seconds.
const PUT_MS: u64 = 60_000;
/// An unfinished file so old is nobody's: a put takes seconds.
pub const TEMPORARY_MS: u64 = HOUR_MS;
/// A lock that was not used for so long guards nothing; its file is made again when it is needed.
pub const LOCK_MS: u64 = DAY_MS;
/// Altered blobs are kept so long for who wants to know what altered them.
pub const QUARANTINE_MS: u64 = 7 * DAY_MS;
/// How long it is known what stands behind a crate that has no entry any more.
pub const REACH_MS: u64 = 30 * DAY_MS;
/// How long records are kept.
pub const RECORDS_MS: u64 = 30 * DAY_MS;

/// What the store is allowed to hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Over it, entries go until 90 % of it are left.
    pub max_bytes: u64,
    /// Entries that were not used for so long go.
    pub max_age_ms: Option<u64>,
    /// What was made or used so lately stays.
    pub grace_ms: u64,
}

/// Why an entry goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Damaged,
    Age,
    Size,
    Named,
}

impl Why {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Why::Damaged => "damaged",
            Why::Age => "age",
            Why::Size => "size",
            Why::Named => "named",
        }
    }
}

/// An entry that goes.
#[derive(Clone, Debug)]
pub struct Eviction {
    pub key: Digest,
    pub found: StoredFile,
    pub unit: UnitName,
    pub why: Why,
    pub last_used_ms: u64,
}

/// What kind of file goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Blob,
    /// On another shelf.
    Side,
    Stray(Stray),
}

/// All that goes.
#[derive(Debug, Default)]
pub struct Plan {
    /// Least recently used first.
    pub evictions: Vec<Eviction>,
    /// Files that nothing refers to then.
    pub files: Vec<(Kind, StoredFile)>,
    pub before_bytes: u64,
    pub after_bytes: u64,
    /// Of what goes: bytes that are in build directories as well, and are freed only when they go there.
    pub shared_bytes: u64,
    /// When it was computed.
    pub now_ms: u64,
}

impl Plan {
    /// What should go so that the store is within its limits.
    pub fn compute(survey: &Survey, now_ms: u64, limits: &Limits) -> Plan {
        let young = |time_ms: u64| time_ms + limits.grace_ms > now_ms;
        let is_old = |entry: &EntryState| {
            limits.max_age_ms.is_some_and(|age_ms| entry.last_used_ms + age_ms <= now_ms)
        };
        let mut whys: BTreeMap<usize, Why> = BTreeMap::new();
        for (index, entry) in survey.entries.iter().enumerate() {
            if entry.unit.is_none() {
                whys.insert(index, Why::Damaged);
            } else if is_old(entry) && !young(entry.last_used_ms) {
                whys.insert(index, Why::Age);
            }
        }
        let youth = Youth { orphan_ms: limits.grace_ms, evicted_ms: limits.grace_ms.min(PUT_MS) };
        let so_far = finish(survey, &whys, now_ms, youth);
        if so_far.after_bytes > limits.max_bytes {
            let target_bytes = limits.max_bytes / 10 * 9;
            evict_to(survey, &mut whys, so_far.after_bytes, target_bytes, &young);
        }
        finish(survey, &whys, now_ms, youth)
    }

    /// Every entry of a crate or package of this name, and what only they hold.
    pub fn of_crate(survey: &Survey, now_ms: u64, name: &str) -> Plan {
        let is_of_crate = |entry: &EntryState| {
            entry.unit.as_ref().is_some_and(|unit| is_named(name, &unit.crate_name, &unit.package))
        };
        let entries = survey.entries.iter().enumerate().filter(|(_, entry)| is_of_crate(entry));
        let whys = entries.map(|(index, _)| (index, Why::Named)).collect();
        finish(survey, &whys, now_ms, Youth { orphan_ms: GRACE_MS, evicted_ms: 0 })
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.evictions.is_empty() && self.files.is_empty()
    }
}

/// Adds the least recently used entries until what is left would be within `target_bytes`.
fn evict_to(
    survey: &Survey,
    whys: &mut BTreeMap<usize, Why>,
    mut bytes: u64,
    target_bytes: u64,
    young: &dyn Fn(u64) -> bool,
) {
    let mut n_references: BTreeMap<&Digest, usize> = BTreeMap::new();
    for (index, entry) in survey.entries.iter().enumerate() {
        if !whys.contains_key(&index) {
            distinct(&entry.blobs).for_each(|blob| *n_references.entry(blob).or_default() += 1);
        }
    }
    let inputs_bytes: BTreeMap<&Digest, u64> = (survey.sides.iter())
        .filter(|(shelf, _, _)| *shelf == Bucket::Inputs)
        .map(|(_, key, found)| (key, found.state.disk_bytes))
        .collect();
    let mut order: Vec<usize> = (0..survey.entries.len()).filter(|index| !whys.contains_key(index)).collect();
    order.sort_by_key(|index| (survey.entries[*index].last_used_ms, survey.entries[*index].key));
    for index in order {
        let entry = &survey.entries[index];
        if bytes <= target_bytes {
            return;
        }
        if young(entry.last_used_ms) {
            continue;
        }
        whys.insert(index, Why::Size);
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

/// How young files must be to stay although nothing refers to them.
#[derive(Clone, Copy)]
struct Youth {
    /// What nothing referred to before.
    orphan_ms: u64,
    /// What an entry referred to that goes.
    evicted_ms: u64,
}

/// The plan that evicts these entries: with them goes what nothing else refers to. What nothing referred to before
/// could belong to a put in progress, and stays while it is young.
fn finish(survey: &Survey, whys: &BTreeMap<usize, Why>, now_ms: u64, youth: Youth) -> Plan {
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
    let older = |state: &FileState, age_ms: u64| state.changed_ms + age_ms <= now_ms;
    let is_old = |found: &StoredFile, evicted: bool| {
        older(&found.state, if evicted { youth.evicted_ms } else { youth.orphan_ms })
    };
    for (digest, found) in &survey.blobs {
        if !live.blobs.contains(digest) && is_old(found, evicted.blobs.contains(digest)) {
            plan.files.push((Kind::Blob, found.clone()));
        }
    }
    for (shelf, digest, found) in &survey.sides {
        let goes = match shelf {
            Bucket::Inputs => !live.keys.contains(digest) && is_old(found, evicted.keys.contains(digest)),
            Bucket::Units => !live.units.contains(digest) && is_old(found, evicted.units.contains(digest)),
            _ => !live.blobs.contains(digest) && older(&found.state, REACH_MS),
        };
        if goes {
            plan.files.push((Kind::Side, found.clone()));
        }
    }
    for (stray, found) in &survey.strays {
        let (time_ms, age_ms) = match stray {
            Stray::Temporary => (found.state.changed_ms, TEMPORARY_MS),
            Stray::Lock => (found.state.changed_ms, LOCK_MS),
            Stray::Quarantined => (found.state.changed_ms, QUARANTINE_MS),
            Stray::Records => (found.state.modified_ms, RECORDS_MS),
        };
        if time_ms + age_ms <= now_ms {
            plan.files.push((Kind::Stray(*stray), found.clone()));
        }
    }
    let in_store = plan.files.iter().filter(|(kind, _)| *kind != Kind::Stray(Stray::Records));
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

/// What entries refer to.
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

/// How many of the entries that go are shown by name.
const MOST_NAMED: usize = 20;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for eviction in self.evictions.iter().take(MOST_NAMED) {
            let UnitName { crate_name, version, kind, .. } = &eviction.unit;
            let age = std::time::Duration::from_millis(self.now_ms.saturating_sub(eviction.last_used_ms));
            match eviction.why {
                Why::Damaged => writeln!(f, "evict  {} (damaged)", &eviction.key.to_hex()[..16])?,
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
            (Kind::Blob, "blob"),
            (Kind::Side, "note"),
            (Kind::Stray(Stray::Temporary), "unfinished file"),
            (Kind::Stray(Stray::Lock), "unused lock"),
            (Kind::Stray(Stray::Quarantined), "altered blob"),
            (Kind::Stray(Stray::Records), "old record file"),
        ];
        for (kind, name) in kinds {
            let states: Vec<&FileState> =
                self.files.iter().filter(|(this, _)| *this == kind).map(|(_, found)| &found.state).collect();
            if !states.is_empty() {
                let bytes = states.iter().map(|state| state.disk_bytes).sum();
                writeln!(f, "remove {}, {}", counted(states.len(), name), format_bytes(bytes))?;
            }
        }
        Ok(())
    }
}
