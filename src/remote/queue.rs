//! What is to be sent to the remote, kept on disk: `<cache directory>/uploads/`.
//!
//! ```text
//! position               how far the records were read, from which entries that were compiled are queued
//! entry-<cache key>      an entry that is to be sent
//! build-<group>-<request>    a manifest that is to be sent, queued by who made it
//! .lock                  locked by the process that sends
//! ```
//!
//! A wrapper does nothing for the queue: the record that it appends anyway is what queues an entry. The position moves on
//! after the entries up to it have files of their own, and such a file is removed after the remote has the entry. So
//! whatever ends a process, nothing is lost, and all that may happen twice is the transfer that was under way.

use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::digest::Digest;
use crate::index::records;
use crate::manifest::form::BuildId;
use crate::outcome::Outcome;
use crate::protocol::message::Position;
use crate::remote::backend::RemoteError;
use crate::remote::builds::{self, Sent};
use crate::remote::connect::Connected;
use crate::remote::sync::{self, NotSent, Selection, each_of};
use crate::run::record::Record;
use crate::store::{Bucket, Store};
use crate::sys::fs::{self, private};
use crate::sys::lock::{self, FileLock};

/// Below the cache directory.
const DIR: &str = "uploads";
const POSITION: &str = "position";
const LOCK: &str = ".lock";

/// More is not queued: a remote that could not be written for so long gets the rest by `kache sync --push --all`.
const MOST_QUEUED: usize = 50_000;

/// The queue of a cache directory.
#[derive(Clone, Debug)]
pub struct Queue {
    dir: PathBuf,
    records_dir: PathBuf,
}

/// Something that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queued {
    Entry(Digest),
    Build(BuildId),
}

impl Queued {
    fn name(&self) -> String {
        match self {
            Queued::Entry(key) => format!("entry-{key}"),
            Queued::Build(build) => format!("build-{}-{}", build.group, build.request),
        }
    }

    fn parse(name: &str) -> Option<Queued> {
        match name.split_once('-')? {
            ("entry", key) => Some(Queued::Entry(key.parse().ok()?)),
            ("build", build) => {
                let (group, request) = build.split_once('-')?;
                Some(Queued::Build(BuildId { group: group.parse().ok()?, request: request.parse().ok()? }))
            }
            _ => None,
        }
    }
}

impl Queue {
    /// The queue of this cache directory. Nothing is read yet.
    pub fn at(cache_dir: &Path) -> Queue {
        Queue { dir: cache_dir.join(DIR), records_dir: Store::records_dir(cache_dir) }
    }

    /// Locks the queue for a process that sends; `None`: another one has it.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn lock(&self) -> io::Result<Option<FileLock>> {
        private::create_dir_all(&self.dir)?;
        lock::try_lock(&self.dir.join(LOCK))
    }

    /// Whether a daemon has begun to queue what is compiled. Without one, nobody would send it.
    pub fn has_begun(&self) -> bool {
        fs::symlink_metadata(&self.dir.join(POSITION)).is_ok()
    }

    /// Queues a manifest, if a daemon sends it.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn add_build(&self, build: &BuildId) -> io::Result<()> {
        if self.has_begun() { self.add(&Queued::Build(*build)) } else { Ok(()) }
    }

    fn add(&self, queued: &Queued) -> io::Result<()> {
        match private::write_new(&self.dir.join(queued.name()), b"") {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    }

    /// Begins to queue what is compiled from now on, unless that has begun.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn begin(&self) -> io::Result<()> {
        private::create_dir_all(&self.dir)?;
        if self.has_begun() {
            return Ok(());
        }
        let last = records::files(&self.records_dir).into_iter().next_back();
        let end = last.and_then(|path| {
            let offset = fs::metadata(&path).ok()?.len();
            Some(Position { file: path.file_name()?.to_str()?.to_owned(), offset })
        });
        self.set_position(&end.unwrap_or(Position { file: String::new(), offset: 0 }))
    }

    fn position(&self) -> Option<Position> {
        serde_json::from_slice(&private::read(&self.dir.join(POSITION)).ok()?).ok()
    }

    fn set_position(&self, position: &Position) -> io::Result<()> {
        let temporary = self.dir.join(format!(".{}", fs::unique_name()));
        private::replace(&self.dir.join(POSITION), &temporary, &serde_json::to_vec(position)?)
    }

    /// Queues what was compiled since the last call.
    ///
    /// # Errors
    /// The directory cannot be written, or a record file cannot be read.
    pub fn collect(&self) -> io::Result<()> {
        let Some(mut position) = self.position() else { return self.begin() };
        let before = position.clone();
        for path in records::files(&self.records_dir) {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if *name < *position.file {
                continue;
            }
            let from = if name == position.file { position.offset } else { 0 };
            let end = self.collect_from(&path, from)?;
            position = Position { file: name.to_owned(), offset: end };
        }
        if position == before { Ok(()) } else { self.set_position(&position) }
    }

    /// Queues what the records of a file tell, from `offset` on. Answers where the last whole line ends.
    fn collect_from(&self, path: &Path, offset: u64) -> io::Result<u64> {
        let mut file = fs::open(path)?;
        let length = file.metadata()?.len();
        // A file that became shorter was replaced.
        let mut end = if length < offset { 0 } else { offset };
        if end == length {
            return Ok(end);
        }
        file.seek(SeekFrom::Start(end))?;
        let mut lines = BufReader::new(file.take(length - end));
        let mut line = Vec::new();
        loop {
            line.clear();
            lines.read_until(b'\n', &mut line)?;
            // The rest of an incomplete line is still being written.
            if line.last() != Some(&b'\n') {
                return Ok(end);
            }
            if let Some(key) = stored_key(&line) {
                self.add(&Queued::Entry(key))?;
            }
            end += line.len() as u64;
        }
    }

    /// What is queued: entries, then the manifests that name them.
    pub fn pending(&self) -> Vec<Queued> {
        let names = fs::list(&self.dir).unwrap_or_default();
        let names = names.iter().filter_map(|path| path.file_name()?.to_str());
        let mut pending: Vec<Queued> = names.filter_map(Queued::parse).collect();
        pending.sort_by_key(|queued| matches!(queued, Queued::Build(_)));
        pending
    }

    /// Removes what was sent, or cannot be.
    pub fn settle(&self, queued: &Queued) {
        let _ = fs::remove(&self.dir.join(queued.name()));
    }
}

/// The key that a record says was compiled and stored.
fn stored_key(line: &[u8]) -> Option<Digest> {
    let record: Record = serde_json::from_slice(line).ok()?;
    match record.outcome {
        Outcome::Miss { unstored: None, .. } => record.key,
        _ => None,
    }
}

/// What became of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flushed {
    pub n_sent: u64,
    /// What the remote had already, or what cannot be sent.
    pub n_settled: u64,
    /// What is still queued.
    pub n_left: u64,
    /// Why.
    pub failure: Option<RemoteError>,
}

/// Sends what is queued, with the lock of the queue. `may_be_there`: a process may have ended after it had sent something
/// and before it removed that from the queue, so the remote is asked first.
pub fn flush(
    queue: &Queue,
    store: &Store,
    connected: &Connected,
    n_at_a_time: usize,
    may_be_there: bool,
) -> io::Result<Flushed> {
    queue.collect()?;
    let mut pending = queue.pending();
    for dropped in pending.split_off(pending.len().min(MOST_QUEUED)) {
        queue.settle(&dropped);
    }
    let flushed = Mutex::new(Flushed::default());
    let send = |queued: &Queued| {
        if flushed.lock().unwrap_or_else(PoisonError::into_inner).failure.is_some() {
            return;
        }
        let sent = send(queued, store, connected, may_be_there);
        if sent.is_ok() {
            queue.settle(queued);
        }
        let mut flushed = flushed.lock().unwrap_or_else(PoisonError::into_inner);
        match sent {
            Ok(true) => flushed.n_sent += 1,
            Ok(false) => flushed.n_settled += 1,
            Err(error) => flushed.failure = Some(error),
        }
    };
    let n_entries = pending.iter().take_while(|queued| matches!(queued, Queued::Entry(_))).count();
    let (entries, builds) = pending.split_at(n_entries);
    // A manifest comes behind the entries that it names.
    each_of(entries, n_at_a_time, &send);
    each_of(builds, n_at_a_time, &send);
    let mut flushed = flushed.into_inner().unwrap_or_else(PoisonError::into_inner);
    flushed.n_left = queue.pending().len() as u64;
    Ok(flushed)
}

/// Sends one thing. True if it was sent, false if that is not needed or not possible.
fn send(
    queued: &Queued,
    store: &Store,
    connected: &Connected,
    may_be_there: bool,
) -> Result<bool, RemoteError> {
    match queued {
        // It was evicted meanwhile.
        Queued::Entry(key) if fs::symlink_metadata(&store.path(Bucket::Entries, key)).is_err() => Ok(false),
        Queued::Entry(key) => {
            if may_be_there && sync::is_there(store, connected, key)? {
                return Ok(false);
            }
            match sync::send(store, connected, &Selection::All, key) {
                Ok(sent) => Ok(matches!(sent, sync::Sent::Stored(_))),
                Err(NotSent::Skipped(_)) => Ok(false),
                Err(NotSent::Failed(error)) => Err(error),
            }
        }
        Queued::Build(build) => {
            Ok(builds::send(store, connected, build, &connected.namespace)? == Sent::Stored)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{MissReason, Origin, Unstored};
    use crate::run::record;
    use crate::sys::env::Env;

    fn append(cache_dir: &Path, key: &str, outcome: Outcome) {
        let record = Record {
            key: Some(Digest::hash(key.as_bytes())),
            outcome,
            time_ms: 1_790_000_000_000,
            ..Record::new(&Env::with_vars(&[]), &[])
        };
        record::append(&Store::records_dir(cache_dir), &record);
    }

    fn compiled() -> Outcome {
        Outcome::Miss { reason: MissReason::NewUnit, unstored: None }
    }

    #[test]
    fn what_is_compiled_is_queued_once_and_stays_until_it_is_settled() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let queue = Queue::at(dir.path());
        append(dir.path(), "before", compiled());
        queue.begin().expect("begins");
        queue.collect().expect("collects");
        assert_eq!(queue.pending(), [], "what was compiled before is not queued");
        append(dir.path(), "a", compiled());
        append(dir.path(), "b", Outcome::Hit { origin: Origin::Local });
        let unstored = Some(Unstored::CompilerFailed);
        append(dir.path(), "c", Outcome::Miss { reason: MissReason::NewUnit, unstored });
        let queued = Queued::Entry(Digest::hash(b"a"));
        for _ in 0..2 {
            // Another process finds the same.
            Queue::at(dir.path()).collect().expect("collects");
            assert_eq!(queue.pending(), [queued]);
        }
        let build = BuildId { group: Digest::hash(b"g"), request: Digest::hash(b"r") };
        queue.add_build(&build).expect("is queued");
        queue.add_build(&build).expect("is queued");
        assert_eq!(queue.pending(), [queued, Queued::Build(build)]);
        queue.settle(&queued);
        queue.settle(&Queued::Build(build));
        queue.collect().expect("collects");
        assert_eq!(queue.pending(), []);
    }

    #[test]
    fn only_one_process_sends() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let queue = Queue::at(dir.path());
        let lock = queue.lock().expect("locks");
        assert!(lock.is_some() && queue.lock().expect("looks").is_none());
        drop(lock);
        assert!(queue.lock().expect("locks").is_some());
    }
}
