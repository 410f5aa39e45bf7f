//! Opens the index. Where the database on disk cannot be used, one in memory replaces it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::index::{fold, schema};
use crate::store::Store;
use crate::sys::{defence, fs};

/// How long to wait for another command that writes to the index.
const PATIENCE: Duration = Duration::from_secs(2);

/// The index of a cache directory, up to date.
pub struct Index {
    pub(super) db: Connection,
    /// Problems met while opening it, for people.
    pub notes: Vec<String>,
}

/// Why the database on disk is not used.
enum CannotUse {
    /// It is damaged, or of another version: a new one replaces it.
    Unusable(String),
    /// It cannot be opened, read or written at the moment.
    OutOfReach(String),
}

impl Index {
    /// Opens the index of `cache_dir` and brings it up to date.
    ///
    /// # Errors
    /// Not even a database in memory can be opened.
    pub fn open(cache_dir: &Path) -> rusqlite::Result<Index> {
        Index::open_within(cache_dir, PATIENCE)
    }

    /// Like [`Index::open`], waiting at most `patience` for another process that writes to it.
    pub fn open_within(cache_dir: &Path, patience: Duration) -> rusqlite::Result<Index> {
        let path = path(cache_dir);
        let mut notes = Vec::new();
        // Reading a cache that does not exist must not create it.
        let n_tries = if fs::metadata(cache_dir).is_ok() { 2 } else { 0 };
        for n_tried in 0..n_tries {
            match on_disk(cache_dir, patience) {
                Ok((db, problems)) => {
                    notes.extend(problems);
                    return Ok(Index { db, notes });
                }
                Err(CannotUse::Unusable(why)) if n_tried == 0 => {
                    let aside = set_aside(&path);
                    notes.push(format!(
                        "{} {why}; it is rebuilt, and the old one is kept as {}",
                        path.display(),
                        aside.display()
                    ));
                }
                Err(CannotUse::Unusable(why) | CannotUse::OutOfReach(why)) => {
                    notes.push(format!(
                        "{} {why}; this report was read from the store instead",
                        path.display()
                    ));
                    break;
                }
            }
        }
        let mut db = Connection::open_in_memory()?;
        schema::migrate(&mut db)?;
        notes.extend(fold::fold(&mut db, &Store::at(cache_dir), &Store::records_dir(cache_dir))?);
        Ok(Index { db, notes })
    }
}

/// Counts the entries in the index of `cache_dir` without changing it; `None` if there is no index yet.
///
/// # Errors
/// What is wrong with the index, to be printed after its path.
pub fn look(cache_dir: &Path) -> Result<Option<u64>, String> {
    let path = path(cache_dir);
    if fs::symlink_metadata(&path).is_err() {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let looked = Connection::open_with_flags(&path, flags).map_err(cannot_use).and_then(|db| {
        db.busy_timeout(Duration::from_millis(500)).map_err(cannot_use)?;
        check(&db)?;
        if !schema::has_current_tables(&db).map_err(cannot_use)? {
            return Err(CannotUse::Unusable("has other tables than this version".to_owned()));
        }
        db.query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).map_err(cannot_use)
    });
    match looked {
        Ok(n_entries) => Ok(Some(n_entries)),
        Err(CannotUse::Unusable(why) | CannotUse::OutOfReach(why)) => Err(why),
    }
}

/// The size of SQLite's write-ahead log of the index.
pub fn log_bytes(cache_dir: &Path) -> u64 {
    fs::metadata(&path(cache_dir).with_extension("db-wal")).map_or(0, |metadata| metadata.len())
}

/// Rebuilds the index of `cache_dir` from the store and the records. Returns the number of its entries, and notes for
/// people.
pub fn rebuild(cache_dir: &Path) -> rusqlite::Result<(usize, Vec<String>)> {
    let old = path(cache_dir);
    if fs::symlink_metadata(&old).is_ok() {
        set_aside(&old);
    }
    let index = Index::open(cache_dir)?;
    Ok((index.entries(None)?.len(), index.notes))
}

/// Where the index of a cache directory is.
pub fn path(cache_dir: &Path) -> PathBuf {
    cache_dir.join("index.db")
}

/// The database and the files that SQLite keeps beside it.
pub fn files(cache_dir: &Path) -> Vec<PathBuf> {
    ["index.db", "index.db-wal", "index.db-shm", "index.db.unusable"].map(|name| cache_dir.join(name)).into()
}

fn on_disk(cache_dir: &Path, patience: Duration) -> Result<(Connection, Vec<String>), CannotUse> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // SQLite would create it with the permissions that the umask leaves. An existing file is kept.
    let _ = fs::private::write_new_at_top(&path(cache_dir), b"");
    let mut db = Connection::open_with_flags(path(cache_dir), flags).map_err(cannot_use)?;
    db.busy_timeout(patience).map_err(cannot_use)?;
    check(&db)?;
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;")
        .map_err(cannot_use)?;
    schema::migrate(&mut db).map_err(cannot_use)?;
    if !schema::has_current_tables(&db).map_err(cannot_use)? {
        return Err(CannotUse::Unusable("has other tables than this version".to_owned()));
    }
    let notes =
        fold::fold(&mut db, &Store::at(cache_dir), &Store::records_dir(cache_dir)).map_err(cannot_use)?;
    Ok((db, notes))
}

fn check(db: &Connection) -> Result<(), CannotUse> {
    if schema::version(db).map_err(cannot_use)? > schema::VERSION {
        return Err(CannotUse::Unusable("is of a newer version".to_owned()));
    }
    let sound: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(cannot_use)?;
    if sound == "ok" { Ok(()) } else { Err(CannotUse::Unusable("is damaged".to_owned())) }
}

fn cannot_use(error: rusqlite::Error) -> CannotUse {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            CannotUse::OutOfReach("is in use by another process".to_owned())
        }
        Some(ErrorCode::ReadOnly) => CannotUse::OutOfReach("cannot be written to".to_owned()),
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure,
        ) => CannotUse::OutOfReach(format!("cannot be used ({error})")),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            if !defence::stands("a-damaged-index-is-replaced") =>
        {
            CannotUse::OutOfReach("is damaged".to_owned())
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            CannotUse::Unusable("is damaged".to_owned())
        }
        // Unexpected tables.
        _ => CannotUse::Unusable(format!("is not understood ({error})")),
    }
}

/// Moves an unusable database out of the way, replacing one moved earlier.
fn set_aside(path: &Path) -> PathBuf {
    let aside = path.with_extension("db.unusable");
    let _ = fs::rename(path, &aside);
    for beside in ["db-wal", "db-shm"] {
        let _ = fs::remove(&path.with_extension(beside));
    }
    aside
}
