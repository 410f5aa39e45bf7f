//! Brings the index up to date with the entries of the store and the records appended since the last time. Each record
//! is counted once.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, Result, Transaction, TransactionBehavior, params};

use crate::digest::Digest;
use crate::index::records;
use crate::outcome::Outcome;
use crate::run::record;
use crate::store::{Bucket, Store, walk};
use crate::sys::fs;

/// Uses of removed entries are kept for 90 days, in case the same entry is stored again.
const FORGET: &str = "DELETE FROM uses WHERE key NOT IN (SELECT key FROM entries)
    AND last_ms < (SELECT max(last_ms) FROM uses) - 7776000000";

/// Brings the index up to date. Returns what could not be read.
pub fn fold(db: &mut Connection, store: &Store, records_dir: &Path) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    // Immediate: of two transactions that read first and write later, one would fail.
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    fold_entries(&transaction, store, &mut problems)?;
    fold_records(&transaction, records_dir, &mut problems)?;
    transaction.execute(FORGET, [])?;
    transaction.commit()?;
    Ok(problems)
}

fn fold_entries(db: &Transaction<'_>, store: &Store, problems: &mut Vec<String>) -> Result<()> {
    let mut known: HashMap<String, u64> = HashMap::new();
    let mut statement = db.prepare("SELECT key, changed_ms FROM entries")?;
    for row in statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))? {
        let (key, changed_ms) = row?;
        known.insert(key, changed_ms);
    }
    let mut n_damaged = 0;
    let mut unlisted = Vec::new();
    let entries = store.files_in(Bucket::Entries, &mut unlisted);
    problems.extend(walk::in_one_line(&unlisted));
    for (key, found) in entries {
        let is_known = known.remove(&key.to_hex()) == Some(found.state.changed_ms);
        if !is_known && !add_entry(db, store, &key, found.state.changed_ms)? {
            n_damaged += 1;
        }
    }
    for key in known.into_keys() {
        db.execute("DELETE FROM entries WHERE key = ?", [key])?;
    }
    if n_damaged > 0 {
        let (entries, are) = if n_damaged == 1 { ("entry", "is") } else { ("entries", "are") };
        problems.push(format!(
            "{n_damaged} {entries} of the store at {} {are} damaged and unused; `kache gc` removes them",
            store.root().display()
        ));
    }
    Ok(())
}

/// Adds an entry from its file; false if the file is damaged.
fn add_entry(db: &Transaction<'_>, store: &Store, key: &Digest, changed_ms: u64) -> Result<bool> {
    let hex = key.to_hex();
    db.execute("DELETE FROM entries WHERE key = ?", [&hex])?;
    let Ok(entry) = store.entry(key) else { return Ok(false) };
    let unit_key = store.inputs(key).ok().map(|inputs| inputs.unit_key.to_hex());
    let size_bytes: u64 = entry.blobs().map(|(_, size_bytes)| size_bytes).sum();
    let unit = &entry.unit;
    db.execute(
        "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            hex,
            changed_ms,
            unit.crate_name,
            unit.package,
            unit.version,
            unit.kind,
            unit.id,
            unit_key,
            unit.target,
            size_bytes,
            entry.compile_ms,
            entry.created_ms,
        ],
    )?;
    for (blob, size_bytes) in entry.blobs() {
        db.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?, ?)", params![hex, blob.to_hex(), size_bytes])?;
    }
    Ok(true)
}

/// Counts the records appended since the last time. An unterminated line is left for the next time: it may still be
/// being written. A file that got shorter was replaced, and is read from its start.
fn fold_records(db: &Transaction<'_>, records_dir: &Path, problems: &mut Vec<String>) -> Result<()> {
    let mut folded: HashMap<String, u64> = HashMap::new();
    let mut statement = db.prepare("SELECT file, n_bytes FROM folded")?;
    for row in statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))? {
        let (file, n_bytes) = row?;
        folded.insert(file, n_bytes);
    }
    for path in records::files(records_dir) {
        let name = records::day(&path).to_owned();
        let before = folded.remove(&name).unwrap_or(0);
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() == before) {
            continue;
        }
        let content = match fs::read(&path) {
            Ok(content) => content,
            Err(e) => {
                problems.push(format!("{}: {e}", path.display()));
                continue;
            }
        };
        let start = usize::try_from(before).ok().filter(|start| *start <= content.len()).unwrap_or(0);
        let end = memchr::memrchr(b'\n', &content).map_or(start, |at| (at + 1).max(start));
        let (records, _) = record::parse(&content[start..end]);
        for record in &records {
            count_use(db, record)?;
        }
        db.execute("INSERT OR REPLACE INTO folded VALUES (?, ?)", params![name, end as u64])?;
    }
    for file in folded.into_keys() {
        db.execute("DELETE FROM folded WHERE file = ?", [file])?;
    }
    Ok(())
}

fn count_use(db: &Transaction<'_>, record: &record::Record) -> Result<()> {
    let Some(key) = &record.key else { return Ok(()) };
    let n_hits = u64::from(matches!(record.outcome, Outcome::Hit { .. }));
    let sql = "INSERT INTO uses VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE
        SET last_ms = max(last_ms, ?2), n_hits = n_hits + ?3";
    let time_ms = i64::try_from(record.time_ms).unwrap_or(0);
    db.execute(sql, params![key.to_hex(), time_ms, n_hits])?;
    Ok(())
}
