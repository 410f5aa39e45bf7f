//! Queries of the index.

use std::collections::HashMap;

use rusqlite::{Result, Row};

use crate::digest::Digest;
use crate::index::open::Index;
use crate::index::records::is_named;

/// An entry of the store, with its uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRow {
    pub key: Digest,
    pub crate_name: String,
    pub package: String,
    pub version: String,
    pub kind: String,
    pub unit_id: String,
    pub target: String,
    /// The sum of its artifacts' sizes.
    pub size_bytes: u64,
    pub compile_ms: u64,
    pub created_ms: u64,
    /// When it was made or last served.
    pub last_used_ms: u64,
    pub n_hits: u64,
}

const ENTRIES: &str =
    "SELECT entries.key, crate_name, package, version, kind, unit_id, target, size_bytes, compile_ms,
    created_ms, max(created_ms, coalesce(last_ms, 0)), coalesce(n_hits, 0)
    FROM entries LEFT JOIN uses ON uses.key = entries.key";

impl Index {
    /// The entries of a crate or package, or all of them, ordered by name.
    pub fn entries(&self, name: Option<&str>) -> Result<Vec<EntryRow>> {
        let sql = format!("{ENTRIES} ORDER BY crate_name, version, kind, entries.key");
        let mut statement = self.db.prepare(&sql)?;
        let rows = statement.query_map([], entry_row)?;
        let mut entries = Vec::new();
        for row in rows {
            let row = row?;
            if name.is_none_or(|name| is_named(name, &row.crate_name, &row.package)) {
                entries.push(row);
            }
        }
        Ok(entries)
    }

    /// The name of a crate that has an artifact with this content.
    pub fn crate_of_artifact(&self, artifact: &Digest) -> Result<Option<String>> {
        let sql = "SELECT crate_name FROM blobs JOIN entries ON entries.key = entry WHERE digest = ? LIMIT 1";
        let mut statement = self.db.prepare(sql)?;
        let mut rows = statement.query([artifact.to_hex()])?;
        rows.next()?.map(|row| row.get(0)).transpose()
    }

    /// The sizes of all artifacts, each with what cargo appends to the names of its unit.
    pub fn artifact_sizes(&self) -> Result<Vec<(String, u64)>> {
        let sql = "SELECT unit_id, blobs.size_bytes FROM entries JOIN blobs ON blobs.entry = entries.key";
        let mut statement = self.db.prepare(sql)?;
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    }

    /// When each key was last used.
    pub fn last_uses(&self) -> Result<HashMap<Digest, u64>> {
        let mut statement = self.db.prepare("SELECT key, last_ms FROM uses")?;
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
        let mut last_uses = HashMap::new();
        for row in rows {
            let (key, last_ms) = row?;
            if let Ok(key) = key.parse() {
                last_uses.insert(key, last_ms);
            }
        }
        Ok(last_uses)
    }
}

fn entry_row(row: &Row<'_>) -> Result<EntryRow> {
    let key: String = row.get(0)?;
    Ok(EntryRow {
        key: key.parse().map_err(|_| rusqlite::Error::InvalidColumnName(key))?,
        crate_name: row.get(1)?,
        package: row.get(2)?,
        version: row.get(3)?,
        kind: row.get(4)?,
        unit_id: row.get(5)?,
        target: row.get(6)?,
        size_bytes: row.get(7)?,
        compile_ms: row.get(8)?,
        created_ms: row.get(9)?,
        last_used_ms: row.get(10)?,
        n_hits: row.get(11)?,
    })
}
