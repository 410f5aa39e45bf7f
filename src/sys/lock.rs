//! Locks between processes that die with their holder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, SystemTime};

/// An exclusive lock on a file; released when dropped, or when the process ends in any way.
pub struct FileLock {
    file: File,
}

impl FileLock {
    /// Shows the waiting that work goes on.
    pub fn heartbeat(&self) {
        let _ = self.file.set_modified(SystemTime::now());
    }

    /// The lock that goes with `file`: on Unix it belongs to what was opened, and stays when the program changes.
    pub fn of_locked(file: File) -> FileLock {
        FileLock { file }
    }

    /// The locked file.
    pub fn file(&self) -> &File {
        &self.file
    }
}

/// How waiting for a lock ended.
pub enum Waited {
    /// The lock was free.
    Free(FileLock),
    /// Somebody held it, and let go.
    AfterHolder(FileLock),
    /// The holder showed no progress for too long. It still holds the lock.
    Stalled,
}

/// Takes the lock on `path`, made if it is missing. Waits for a holder as long as its heartbeats are not older
/// than `patience`.
pub fn lock(path: &Path, patience: Duration) -> io::Result<Waited> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {
            let lock = FileLock { file };
            lock.heartbeat();
            return Ok(Waited::Free(lock));
        }
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(e)) => return Err(e),
    }
    // The system offers no lock with a time limit, so a second thread waits. If it is still waiting when the
    // process ends, so does it.
    let (sender, receiver) = sync_channel(1);
    std::thread::Builder::new().spawn(move || {
        let locked = file.lock();
        let _ = sender.send(locked.map(|()| file));
    })?;
    loop {
        match receiver.recv_timeout(patience) {
            Ok(file) => return Ok(Waited::AfterHolder(FileLock { file: file? })),
            Err(RecvTimeoutError::Timeout) if heard_from_holder(path, patience) => {}
            Err(_) => return Ok(Waited::Stalled),
        }
    }
}

fn heard_from_holder(path: &Path, patience: Duration) -> bool {
    let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| modified.elapsed().map_or(true, |age| age < patience))
}

/// Takes the lock if nobody holds it.
pub fn try_lock(path: &Path) -> io::Result<Option<FileLock>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(FileLock { file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(e),
    }
}
