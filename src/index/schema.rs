//! The tables, as the list of steps that made them. A step is never changed; another one follows it.

use rusqlite::{Connection, Result};

const STEPS: &[&str] = &["
    CREATE TABLE entries (
        key TEXT PRIMARY KEY,
        changed_ms INTEGER NOT NULL,
        crate_name TEXT NOT NULL,
        package TEXT NOT NULL,
        version TEXT NOT NULL,
        kind TEXT NOT NULL,
        unit_id TEXT NOT NULL,
        unit_key TEXT,
        target TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        compile_ms INTEGER NOT NULL,
        created_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX entries_by_crate ON entries (crate_name);
    CREATE TABLE blobs (
        entry TEXT NOT NULL REFERENCES entries (key) ON DELETE CASCADE,
        digest TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        PRIMARY KEY (entry, digest)
    ) STRICT;
    CREATE INDEX blobs_by_digest ON blobs (digest);
    CREATE TABLE uses (
        key TEXT PRIMARY KEY,
        last_ms INTEGER NOT NULL,
        n_hits INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE folded (
        file TEXT PRIMARY KEY,
        n_bytes INTEGER NOT NULL
    ) STRICT;
"];

/// The version of the tables: how many steps were taken.
pub const VERSION: i64 = STEPS.len() as i64;

/// The version that a database is of; 0 for a new one.
pub fn version(db: &Connection) -> Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Takes the steps that are missing.
pub fn migrate(db: &mut Connection) -> Result<()> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let n_taken = usize::try_from(version(&transaction)?).unwrap_or(0);
    for step in STEPS.iter().skip(n_taken) {
        transaction.execute_batch(step)?;
    }
    transaction.execute_batch(&format!("PRAGMA user_version = {VERSION}"))?;
    transaction.commit()
}

/// Whether the tables are those that the steps make.
pub fn is_as_made(db: &Connection) -> Result<bool> {
    let tables = |db: &Connection| -> Result<Vec<String>> {
        let mut statement =
            db.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    let mut made = Connection::open_in_memory()?;
    migrate(&mut made)?;
    Ok(tables(db)? == tables(&made)?)
}
