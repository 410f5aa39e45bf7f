//! The schema of the database, as a list of migrations. A migration is never changed; a new one is appended.

use rusqlite::{Connection, Result};

const MIGRATIONS: &[&str] = &["
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

/// The version of the schema: the number of migrations.
pub const VERSION: i64 = MIGRATIONS.len() as i64;

/// The schema version of a database; 0 for a new one.
pub fn version(db: &Connection) -> Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Applies the migrations that are missing.
pub fn migrate(db: &mut Connection) -> Result<()> {
    let transaction = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let n_applied = usize::try_from(version(&transaction)?).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(n_applied) {
        transaction.execute_batch(migration)?;
    }
    transaction.execute_batch(&format!("PRAGMA user_version = {VERSION}"))?;
    transaction.commit()
}

/// Whether the tables are those that the migrations create.
pub fn has_current_tables(db: &Connection) -> Result<bool> {
    let mut expected = Connection::open_in_memory()?;
    migrate(&mut expected)?;
    Ok(table_definitions(db)? == table_definitions(&expected)?)
}

fn table_definitions(db: &Connection) -> Result<Vec<String>> {
    let mut statement = db.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")?;
    statement.query_map([], |row| row.get(0))?.collect()
}
