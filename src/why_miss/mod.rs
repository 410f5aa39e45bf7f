//! Explains why a crate was compiled: takes the newest record of each of its units and, for a miss, compares its inputs
//! with those of the nearest earlier entry. Only reads the store, the index and the records.

use std::cmp::Reverse;
use std::path::Path;

use crate::index::open::Index;
use crate::index::query::EntryRow;
use crate::index::records;
use crate::key::diff::{Change, diff};
use crate::outcome::{BypassReason, Edit, MissReason, Origin, Outcome, Unstored};
use crate::run::record::Record;
use crate::store::Store;
use crate::store::entry::StoredInputs;

pub mod causes;

#[cfg(test)]
mod tests;

/// A miss is compared with at most this many earlier entries.
const MOST_COMPARED: usize = 64;

/// A unit, and the outcome of its newest build.
#[derive(Debug)]
pub struct ExplainedUnit {
    pub record: Record,
    pub verdict: Verdict,
}

/// The outcome of a unit, explained.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// It was a cache hit.
    Hit(Origin),
    /// It was bypassed: the compiler ran without the cache.
    Bypassed(BypassReason),
    /// It was compiled incrementally, so there are no inputs to compare.
    Edited(Edit, String),
    /// It was compiled and not stored, so there are no inputs to compare.
    NotStored(MissReason, Unstored),
    /// The store had its entry but could not serve it.
    Unusable(MissReason),
    /// The store had its entry, which was removed some time after `last_ms`.
    Evicted { last_ms: u64 },
    /// The entry that this miss stored is gone, so there are no inputs to compare.
    Gone,
    /// The store has no earlier entry of this unit.
    Never,
    /// Its inputs differ from those of the entry made at `before_ms`.
    Changed { before_ms: u64, changes: Vec<Change>, see: Vec<String> },
}

/// Explains each unit of a crate or package in its newest build.
pub fn explain(
    name: &str,
    cache_dir: &Path,
    index: &Index,
) -> Result<Vec<ExplainedUnit>, crate::index::Error> {
    let records = records::read_crate(&Store::records_dir(cache_dir), name);
    let store = Store::at(cache_dir);
    let rows = index.entries(Some(name))?;
    let newest = newest(&records).into_iter();
    Ok(newest.map(|record| explain_record(record, &records, &rows, &store, index)).collect())
}

/// Explains these records, which are among `all` records.
pub fn explain_records(
    records: &[&Record],
    all: &[Record],
    cache_dir: &Path,
    index: &Index,
) -> Result<Vec<ExplainedUnit>, crate::index::Error> {
    let store = Store::at(cache_dir);
    let rows = index.entries(None)?;
    Ok(records.iter().map(|record| explain_record(record, all, &rows, &store, index)).collect())
}

/// Explains one of `all` records, where `rows` are the entries that it may be compared with.
fn explain_record(
    record: &Record,
    all: &[Record],
    rows: &[EntryRow],
    store: &Store,
    index: &Index,
) -> ExplainedUnit {
    let verdict = verdict_from_records(record, all).unwrap_or_else(|| compare(record, rows, store, index));
    ExplainedUnit { record: record.clone(), verdict }
}

/// The newest record of each unit in the directory where the crate was built last. Records are in order of time.
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
    let (left, right) = (&left.unit, &right.unit);
    left.crate_name == right.crate_name
        && left.package == right.package
        && left.version == right.version
        && left.kind == right.kind
        && left.target == right.target
}

/// The verdict, if the records alone decide it.
fn verdict_from_records(record: &Record, all: &[Record]) -> Option<Verdict> {
    let (reason, unstored) = match &record.outcome {
        Outcome::Hit { origin } => return Some(Verdict::Hit(*origin)),
        Outcome::Bypass { reason } => return Some(Verdict::Bypassed(reason.clone())),
        Outcome::Edit { edit, detail, .. } => return Some(Verdict::Edited(*edit, detail.clone())),
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

/// Compares the inputs of a miss with those of the earlier entry that has the fewest differences.
fn compare(record: &Record, rows: &[EntryRow], store: &Store, index: &Index) -> Verdict {
    let Some(own) = record.key.and_then(|key| store.inputs(&key).ok()) else { return Verdict::Gone };
    let unit_id = &record.unit.id;
    let mut earlier: Vec<&EntryRow> = rows.iter().filter(|row| is_earlier_entry(row, record)).collect();
    earlier.sort_by_key(|row| (row.unit_id != *unit_id, Reverse(row.created_ms)));
    let mut compared = Vec::new();
    for row in earlier.into_iter().take(MOST_COMPARED) {
        if let Ok(old) = store.inputs(&row.key) {
            compared.push((row, changes(&old, &own)));
        }
    }
    let nearest = compared
        .into_iter()
        .min_by_key(|(row, changes)| (row.unit_id != *unit_id, changes.len(), Reverse(row.created_ms)));
    let Some((row, changes)) = nearest else { return Verdict::Never };
    let see = changes.iter().filter_map(|change| changed_dependency(change, index)).collect();
    Verdict::Changed { before_ms: row.created_ms, changes, see }
}

/// Whether an entry is of the same unit in any version, and was made before the record.
fn is_earlier_entry(row: &EntryRow, record: &Record) -> bool {
    let unit = &record.unit;
    row.crate_name == unit.crate_name
        && row.package == unit.package
        && row.kind == unit.kind
        && row.target == unit.target
        && Some(row.key) != record.key
        && row.created_ms < record.time_ms
}

/// The differences of both levels, without those that only follow from others.
fn changes(old: &StoredInputs, new: &StoredInputs) -> Vec<Change> {
    let all = [diff(&old.unit, &new.unit), diff(&old.read, &new.read)].concat();
    all.iter().filter(|change| !change.follows_from(&all)).cloned().collect()
}

/// The real name of a changed dependency, which a manifest may rename.
fn changed_dependency(change: &Change, index: &Index) -> Option<String> {
    let called = change.extern_name()?;
    let (Some(_), Some(crate::action::inputs::Value::Digest(content))) = (&change.old, &change.new) else {
        return None;
    };
    Some(index.crate_of_artifact(content).ok().flatten().unwrap_or(called))
}
