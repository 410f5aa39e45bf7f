//! Why a crate was compiled and not served: the newest record of each of its units, and where that was a miss, how its
//! key differs from that of the nearest earlier entry. Both keys are values in the store.

use std::cmp::Reverse;
use std::path::Path;

use crate::index::open::Index;
use crate::index::query::EntryRow;
use crate::index::records;
use crate::key::diff::{Change, diff};
use crate::outcome::{BypassReason, MissReason, Origin, Outcome, Unstored};
use crate::run::record::Record;
use crate::store::Store;
use crate::store::entry::StoredInputs;

#[cfg(test)]
mod tests;

/// At most so many earlier entries are compared with.
const MOST_COMPARED: usize = 64;

/// One unit, and what became of it last.
#[derive(Debug)]
pub struct Finding {
    pub record: Record,
    pub verdict: Verdict,
}

/// What became of a unit.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// It was served.
    Hit(Origin),
    /// It was left to the compiler.
    Bypassed(BypassReason),
    /// It was compiled, and what came of that was not stored, so there is no key to compare.
    NotStored(MissReason, Unstored),
    /// The store had it and could not serve it.
    Unusable(MissReason),
    /// The store had it, until some time after `last_ms`.
    Evicted { last_ms: u64 },
    /// Its own entry is gone since; there is nothing to compare.
    Gone,
    /// No earlier entry of this unit is there.
    Never,
    /// The key differs from that of the entry made at `before_ms`.
    Changed { before_ms: u64, changes: Vec<Change>, see: Vec<String> },
}

/// What became of each unit of this crate or package in its newest build.
pub fn explain(name: &str, cache_dir: &Path, index: &Index) -> Result<Vec<Finding>, crate::index::Error> {
    let records = records::of_crate(&Store::records_dir(cache_dir), name);
    let store = Store::at(cache_dir);
    let rows = index.entries(Some(name))?;
    let findings = newest(&records).into_iter().map(|record| {
        let verdict = match verdict_of(record, &records) {
            Some(verdict) => verdict,
            None => compare(record, &rows, &store, index),
        };
        Finding { record: record.clone(), verdict }
    });
    Ok(findings.collect())
}

/// The newest record of each unit in the place where the crate was built last. Records are in order of time.
pub fn newest(records: &[Record]) -> Vec<&Record> {
    let mut found: Vec<&Record> = Vec::new();
    let Some(last) = records.iter().max_by_key(|record| record.time_ms) else { return found };
    let in_place = records.iter().filter(|record| record.place == last.place);
    let mut in_place: Vec<&Record> = in_place.collect();
    in_place.sort_by_key(|record| Reverse(record.time_ms));
    for record in in_place {
        if !found.iter().any(|newer| is_same_unit(newer, record)) {
            found.push(record);
        }
    }
    found
}

/// Whether two records are about the same unit, whatever was changed in between. Versions of one package are not the
/// same: both may be in one build.
fn is_same_unit(left: &Record, right: &Record) -> bool {
    let of = |record: &Record| {
        let unit = &record.unit;
        [&unit.crate_name, &unit.package, &unit.version, &unit.kind, &unit.target].map(String::clone)
    };
    of(left) == of(right)
}

/// What can be said from records alone.
fn verdict_of(record: &Record, all: &[Record]) -> Option<Verdict> {
    let (reason, unstored) = match &record.outcome {
        Outcome::Hit { origin } => return Some(Verdict::Hit(*origin)),
        Outcome::Bypass { reason } => return Some(Verdict::Bypassed(reason.clone())),
        Outcome::Miss { reason, unstored } => (*reason, unstored),
    };
    if let Some(unstored) = unstored {
        return Some(Verdict::NotStored(reason, unstored.clone()));
    }
    if matches!(reason, MissReason::EntryDamaged | MissReason::BlobDamaged | MissReason::RestoreFailed) {
        return Some(Verdict::Unusable(reason));
    }
    let earlier = all.iter().filter(|other| other.time_ms < record.time_ms && other.key == record.key);
    let last_ms = earlier.filter(|other| other.key.is_some()).map(|other| other.time_ms).max()?;
    Some(Verdict::Evicted { last_ms })
}

fn compare(record: &Record, rows: &[EntryRow], store: &Store, index: &Index) -> Verdict {
    let Some(own) = record.key.and_then(|key| store.inputs(&key).ok()) else { return Verdict::Gone };
    let unit = &record.unit;
    let is_earlier = |row: &&EntryRow| {
        let is_unit = row.crate_name == unit.crate_name
            && row.package == unit.package
            && row.kind == unit.kind
            && row.target == unit.target;
        is_unit && Some(row.key) != record.key && row.created_ms < record.time_ms
    };
    let mut earlier: Vec<&EntryRow> = rows.iter().filter(is_earlier).collect();
    earlier.sort_by_key(|row| (row.unit_id != unit.id, Reverse(row.created_ms)));
    let compared = earlier.into_iter().take(MOST_COMPARED).filter_map(|row| {
        let changes = changes(&store.inputs(&row.key).ok()?, &own);
        Some((row, changes))
    });
    let nearest = compared
        .min_by_key(|(row, changes)| (row.unit_id != unit.id, changes.len(), Reverse(row.created_ms)));
    let Some((row, changes)) = nearest else { return Verdict::Never };
    let see = changes.iter().filter_map(|change| changed_dependency(change, index)).collect();
    Verdict::Changed { before_ms: row.created_ms, changes, see }
}

/// The differences of both levels, without those that only follow from others.
fn changes(old: &StoredInputs, new: &StoredInputs) -> Vec<Change> {
    let all = [diff(&old.unit, &new.unit), diff(&old.read, &new.read)].concat();
    all.iter().filter(|change| !change.follows_from(&all)).cloned().collect()
}

/// The crate that a changed dependency is, by its real name: a manifest may call it otherwise.
fn changed_dependency(change: &Change, index: &Index) -> Option<String> {
    let called = change.extern_name()?;
    let (Some(_), Some(crate::action::inputs::Value::Digest(content))) = (&change.old, &change.new) else {
        return None;
    };
    Some(index.crate_of_artifact(content).ok().flatten().unwrap_or(called))
}
