//! Opening: the database on disk, or what takes its place.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::index::{fold, schema};
use crate::store::Store;
use crate::sys::fs;

/// How long to wait for another command that writes to the index.
const PATIENCE: Duration = Duration::from_secs(2);

/// The index of a cache directory, up to date.
pub struct Index {
    pub(super) db: Connection,
    /// What people should know of how it came about.
    pub notes: Vec<String>,
}

/// Why the database on disk is not used.
enum Trouble {
    /// It is no sound database of this version.
    Unusable(String),
    /// It cannot be opened, read or written now.
    OutOfReach(String),
}

impl Index {
    /// Opens the index of `cache_dir` and brings it up to date.
    ///
    /// # Errors
    /// Not even a database in memory can be had.
    pub fn open(cache_dir: &Path) -> rusqlite::Result<Index> {
        Index::open_within(cache_dir, PATIENCE)
    }

    /// The same, waiting for others at most so long.
    pub fn open_within(cache_dir: &Path, patience: Duration) -> rusqlite::Result<Index> {
        let path = path(cache_dir);
        let mut notes = Vec::new();
        // Looking at a cache that is not there must not make one.
        let n_tries = if fs::metadata(cache_dir).is_ok() { 2 } else { 0 };
        for n_tried in 0..n_tries {
            match on_disk(cache_dir, patience) {
                Ok((db, problems)) => {
                    notes.extend(problems);
                    return Ok(Index { db, notes });
                }
                Err(Trouble::Unusable(why)) if n_tried == 0 => {
                    let aside = set_aside(&path);
                    notes.push(format!(
                        "{} {why}; it is made anew, the old one is {}",
                        path.display(),
                        aside.display()
                    ));
                }
                Err(Trouble::Unusable(why) | Trouble::OutOfReach(why)) => {
                    notes.push(format!(
                        "{} {why}; what is shown was read from the store itself",
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

/// Looks at the index of `cache_dir` without changing it: how many entries it knows; `None` if there is none yet.
///
/// # Errors
/// What is wrong with it, to follow its path.
pub fn look(cache_dir: &Path) -> Result<Option<u64>, String> {
    let path = path(cache_dir);
    if fs::symlink_metadata(&path).is_err() {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let looked = Connection::open_with_flags(&path, flags).map_err(trouble).and_then(|db| {
        db.busy_timeout(Duration::from_millis(500)).map_err(trouble)?;
        check(&db)?;
        if !schema::is_as_made(&db).map_err(trouble)? {
            return Err(Trouble::Unusable("has other tables than this version".to_owned()));
        }
        db.query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).map_err(trouble)
    });
    match looked {
        Ok(n_entries) => Ok(Some(n_entries)),
        Err(Trouble::Unusable(why) | Trouble::OutOfReach(why)) => Err(why),
    }
}

/// What SQLite has written beside the index of `cache_dir` and not taken over yet.
pub fn log_bytes(cache_dir: &Path) -> u64 {
    fs::metadata(&path(cache_dir).with_extension("db-wal")).map_or(0, |metadata| metadata.len())
}

/// Makes the index of `cache_dir` anew from the store and the records. Answers how many entries it knows, and what
/// should be known of it.
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

fn on_disk(cache_dir: &Path, patience: Duration) -> Result<(Connection, Vec<String>), Trouble> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // SQLite would make it with the modes that the umask leaves. What is there already stays.
    let _ = fs::private::write_new_at_top(&path(cache_dir), b"");
    let mut db = Connection::open_with_flags(path(cache_dir), flags).map_err(trouble)?;
    db.busy_timeout(patience).map_err(trouble)?;
    check(&db)?;
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;")
        .map_err(trouble)?;
    schema::migrate(&mut db).map_err(trouble)?;
    if !schema::is_as_made(&db).map_err(trouble)? {
        return Err(Trouble::Unusable("has other tables than this version".to_owned()));
    }
    let notes =
        fold::fold(&mut db, &Store::at(cache_dir), &Store::records_dir(cache_dir)).map_err(trouble)?;
    Ok((db, notes))
}

fn check(db: &Connection) -> Result<(), Trouble> {
    if schema::version(db).map_err(trouble)? > schema::VERSION {
        return Err(Trouble::Unusable("is of a newer version".to_owned()));
    }
    let sound: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(trouble)?;
    if sound == "ok" { Ok(()) } else { Err(Trouble::Unusable("is damaged".to_owned())) }
}

fn trouble(error: rusqlite::Error) -> Trouble {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Trouble::OutOfReach("is in use by another process".to_owned())
        }
        Some(ErrorCode::ReadOnly) => Trouble::OutOfReach("cannot be written to".to_owned()),
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure,
        ) => Trouble::OutOfReach(format!("cannot be used ({error})")),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Trouble::Unusable("is damaged".to_owned())
        }
        // Tables that are not as they should be.
        _ => Trouble::Unusable(format!("is not understood ({error})")),
    }
}

/// Moves an unusable database out of the way, in place of an earlier one.
fn set_aside(path: &Path) -> PathBuf {
    let aside = path.with_extension("db.unusable");
    let _ = fs::rename(path, &aside);
    for beside in ["db-wal", "db-shm"] {
        let _ = fs::remove(&path.with_extension(beside));
    }
    aside
}
