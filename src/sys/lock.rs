//! Locks between processes that die with their holder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use crate::sys::fs::{in_place, n_names, private};

/// An exclusive lock on a file; released when dropped, or when the process ends in any way.
pub struct FileLock {
    file: File,
    patience: Duration,
}

/// The longest time between two heartbeats of a holder.
const HEARTBEAT: Duration = Duration::from_secs(5);

impl FileLock {
    /// The time between two heartbeats. It assumes that others wait with the same patience.
    pub fn heartbeat_every(&self) -> Duration {
        (self.patience / 4).clamp(Duration::from_millis(50), HEARTBEAT)
    }

    /// Shows waiting processes that work goes on.
    pub fn heartbeat(&self) {
        let _ = self.file.set_modified(SystemTime::now());
    }

    /// The lock on `file`, unless another process holds it. On Unix a lock belongs to the open file: if the program
    /// before this one locked it and passed it on, it is locked already, and this only confirms that.
    pub fn try_from_file(file: File) -> io::Result<Option<FileLock>> {
        match file.try_lock() {
            Ok(()) => Ok(Some(FileLock { file, patience: Duration::MAX })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e),
        }
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
    /// Another process held it, and released it.
    AfterHolder(FileLock),
    /// The holder showed no progress for too long. It still holds the lock.
    Stalled,
}

/// Takes the lock on `path`, made if it is missing. Waits for a holder as long as no `patience` goes by without a
/// heartbeat: so twice that is the longest that a holder which stands still holds up others. What a clock says does
/// not matter.
pub fn lock(path: &Path, patience: Duration) -> io::Result<Waited> {
    // A directory below the store is never behind a link; the cache directory itself, of `try_lock`, may be.
    if path.parent().is_some_and(private::is_link) {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    await_holder(open(path)?, path, patience)
}

/// The same for a file that must be there.
pub fn lock_existing(path: &Path, patience: Duration) -> io::Result<Waited> {
    await_holder(open_existing(path)?, path, patience)
}

fn await_holder(file: File, path: &Path, patience: Duration) -> io::Result<Waited> {
    match file.try_lock() {
        Ok(()) => {
            let lock = FileLock { file, patience };
            lock.heartbeat();
            return Ok(Waited::Free(lock));
        }
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(e)) => return Err(e),
    }
    let mut heard = heartbeat_of(path);
    // The system offers no lock with a time limit, so a second thread waits. If it is still waiting when the
    // process ends, so does it.
    let (sender, receiver) = sync_channel(1);
    std::thread::Builder::new().spawn(move || {
        let locked = file.lock();
        let _ = sender.send(locked.map(|()| file));
    })?;
    loop {
        match receiver.recv_timeout(patience) {
            Ok(file) => {
                let lock = FileLock { file: file?, patience };
                lock.heartbeat();
                return Ok(Waited::AfterHolder(lock));
            }
            Err(RecvTimeoutError::Timeout) => {
                let last = std::mem::replace(&mut heard, heartbeat_of(path));
                if heard.is_none() || heard == last {
                    return Ok(Waited::Stalled);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(Waited::Stalled),
        }
    }
}

fn heartbeat_of(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn open(path: &Path) -> io::Result<File> {
    trusted(in_place(OpenOptions::new().create(true).truncate(false).read(true).write(true)).open(path)?)
}

fn open_existing(path: &Path) -> io::Result<File> {
    trusted(in_place(OpenOptions::new().read(true).write(true)).open(path)?)
}

fn trusted(file: File) -> io::Result<File> {
    match private::distrust(&file.metadata()?) {
        None => Ok(file),
        Some(why) => Err(io::Error::new(io::ErrorKind::PermissionDenied, why)),
    }
}

/// Takes the lock if nobody holds it.
pub fn try_lock(path: &Path) -> io::Result<Option<FileLock>> {
    FileLock::try_from_file(open(path)?)
}

/// The same for a file that must be there.
pub fn try_lock_existing(path: &Path) -> io::Result<Option<FileLock>> {
    FileLock::try_from_file(open_existing(path)?)
}

/// Takes the lock on a file of another program, which must be there, if nobody holds it.
pub fn try_lock_of_other(path: &Path) -> io::Result<Option<FileLock>> {
    let both = in_place(OpenOptions::new().read(true).write(true)).open(path);
    let file = match both {
        // A user who may only read the file can lock it, too, on most file systems.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            in_place(OpenOptions::new().read(true)).open(path)?
        }
        both => both?,
    };
    FileLock::try_from_file(file)
}

/// Takes a lock of cargo's, made as cargo makes it, if nobody holds it. It is released with the file.
pub fn try_lock_of_cargo(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

/// A lock of cargo's that is only taken where nobody has it, again and again. It stays that of the directory in which it was
/// opened: where that is removed and made again, the new one's lock is another.
pub struct CargoLock {
    file: File,
}

impl CargoLock {
    /// The lock at `path`, which must be there.
    pub fn open(path: &Path) -> io::Result<CargoLock> {
        Ok(CargoLock { file: in_place(OpenOptions::new().read(true).write(true)).open(path)? })
    }

    /// Does `work` under the lock; `None` where another process has it, or the lock is removed.
    pub fn while_held<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        self.file.try_lock().ok()?;
        let is_there = self.file.metadata().is_ok_and(|metadata| n_names(&metadata) > 0);
        let result = is_there.then(work);
        let _ = self.file.unlock();
        result
    }
}

/// Waits until nobody holds the lock of cargo's at `path`, and holds it no longer than that takes.
pub fn await_lock_of_cargo(path: &Path) -> io::Result<()> {
    let file = in_place(OpenOptions::new().read(true)).open(path)?;
    file.lock_shared()?;
    file.unlock()
}

/// The lock of a program of which only one runs at a time.
pub enum RunLock {
    Held(FileLock),
    /// The program before this one still holds it. A thread takes it when that ends, and keeps it.
    Awaited(JoinHandle<io::Result<FileLock>>),
}

impl RunLock {
    /// Takes the lock on `file` as soon as its holder ends, without waiting for that here.
    pub fn await_holder(file: File) -> io::Result<RunLock> {
        let thread = std::thread::Builder::new().spawn(move || {
            file.lock()?;
            Ok(FileLock { file, patience: Duration::MAX })
        })?;
        Ok(RunLock::Awaited(thread))
    }

    /// The lock, if this process knows that it holds it.
    pub fn held(&self) -> Option<&FileLock> {
        match self {
            RunLock::Held(lock) => Some(lock),
            RunLock::Awaited(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use std::thread;
    use std::time::Instant;

    const PATIENCE: Duration = Duration::from_millis(400);

    fn held() -> (tempfile::TempDir, PathBuf, FileLock) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("lock");
        let Ok(Waited::Free(lock)) = lock(&path, PATIENCE) else { panic!("nobody else has it") };
        (dir, path, lock)
    }

    #[test]
    fn a_holder_that_stands_still_is_not_waited_for() {
        let (_dir, path, holder) = held();
        // The time that is wrong by a day would keep others waiting for a day, if they looked at the clock.
        holder.file.set_modified(SystemTime::now() + Duration::from_secs(86_400)).expect("sets the time");
        let started = Instant::now();
        assert!(matches!(lock(&path, PATIENCE), Ok(Waited::Stalled)));
        assert!(started.elapsed() < PATIENCE * 10);
    }

    #[test]
    fn a_holder_that_goes_on_is_waited_for() {
        let (_dir, path, holder) = held();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| lock(&path, PATIENCE));
            for _ in 0..20 {
                thread::sleep(holder.heartbeat_every());
                holder.heartbeat();
            }
            assert!(!waiting.is_finished());
            drop(holder);
            assert!(matches!(waiting.join(), Ok(Ok(Waited::AfterHolder(_)))));
        });
    }

    #[test]
    fn a_lock_that_is_no_file_is_an_error() {
        let dir = tempfile::tempdir().expect("temporary directory");
        assert!(lock(dir.path(), PATIENCE).is_err());
        assert!(try_lock(&dir.path().join("missing/lock")).is_err());
    }
}
