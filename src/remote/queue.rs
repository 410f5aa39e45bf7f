//! What is to be sent to the remote, kept on disk: `<cache directory>/uploads/`.
//!
//! ```text
//! position               how far the records were read, from which entries that were compiled are queued
//! entry-<cache key>      an entry that is to be sent
//! build-<group>-<request>    a manifest that is to be sent, queued by who made it
//! …-refused              the same, after the remote has refused it
//! .lock                  locked by the process that sends
//! ```
//!
//! A wrapper does nothing for the queue: the record that it appends anyway is what queues an entry. The position moves on
//! after the entries up to it have files of their own, and such a file is removed after the remote has the entry. So
//! whatever ends a process, nothing is lost, and all that may happen twice is the transfer that was under way.

use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::digest::Digest;
use crate::index::records;
use crate::manifest::form::BuildId;
use crate::outcome::Outcome;
use crate::protocol::message::Position;
use crate::remote::backend::{Kind, RemoteError};
use crate::remote::builds::{self, Sent};
use crate::remote::connect::Connected;
use crate::remote::sync::{self, NotSent, Selection, each_of};
use crate::report::words::counted;
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

/// Follows the name of what was refused.
const REFUSED: &str = "-refused";

/// After so many refusals in a row it is not the objects, and the others are not tried.
const MOST_REFUSALS: usize = 3;

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

/// Something that is queued, and whether the remote has refused it before.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    queued: Queued,
    was_refused: bool,
}

impl Waiting {
    fn parse(name: &str) -> Option<Waiting> {
        let refused = name.strip_suffix(REFUSED);
        Some(Waiting { queued: Queued::parse(refused.unwrap_or(name))?, was_refused: refused.is_some() })
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
        if fs::symlink_metadata(&self.refused(queued)).is_ok() {
            return Ok(());
        }
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
        self.waiting().into_iter().map(|waiting| waiting.queued).collect()
    }

    /// The same. Of entries as of manifests, those come last that were refused: they keep nothing else waiting.
    fn waiting(&self) -> Vec<Waiting> {
        let names = fs::list(&self.dir).unwrap_or_default();
        let names = names.iter().filter_map(|path| path.file_name()?.to_str());
        let mut waiting: Vec<Waiting> = names.filter_map(Waiting::parse).collect();
        waiting.sort_by_key(|waiting| (matches!(waiting.queued, Queued::Build(_)), waiting.was_refused));
        waiting
    }

    /// Removes what was sent, or cannot be.
    pub fn settle(&self, queued: &Queued) {
        let _ = fs::remove(&self.dir.join(queued.name()));
        let _ = fs::remove(&self.refused(queued));
    }

    /// Notes that the remote has refused something, which stays queued.
    fn note_refusal(&self, queued: &Queued) {
        let _ = fs::rename(&self.dir.join(queued.name()), &self.refused(queued));
    }

    fn refused(&self, queued: &Queued) -> PathBuf {
        self.dir.join(queued.name() + REFUSED)
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
    /// Why the remote refuses objects that are no longer queued, one reason for each.
    pub dropped: Vec<RemoteError>,
    /// What is still queued.
    pub n_left: u64,
    /// Why.
    pub failure: Option<RemoteError>,
}

impl Flushed {
    /// Says what is no longer queued because the remote refuses it, and the first reason.
    pub fn said_of_dropped(&self) -> Option<String> {
        let why = self.dropped.first()?;
        let n = counted(self.dropped.len(), "object");
        Some(format!("the remote does not take {n} that other machines could use: {why}"))
    }
}

/// Sends what is queued, with the lock of the queue. `may_be_there`: a process may have ended after it had sent something
/// and before it removed that from the queue, so the remote is asked first.
///
/// An object that the remote refuses, while it takes others, is dropped: it would be refused for ever. If none is taken, the
/// credentials or the settings may be wrong, and all stay queued.
pub fn flush(
    queue: &Queue,
    store: &Store,
    connected: &Connected,
    n_at_a_time: usize,
    may_be_there: bool,
) -> io::Result<Flushed> {
    queue.collect()?;
    let mut waiting = queue.waiting();
    for dropped in waiting.split_off(waiting.len().min(MOST_QUEUED)) {
        queue.settle(&dropped.queued);
    }
    let progress = Mutex::new(Progress::default());
    let send = |waiting: &Waiting| {
        let Some(n_refused) = lock_of(&progress).refused_before() else { return };
        let sent = send(&waiting.queued, store, connected, may_be_there);
        if sent.is_ok() {
            queue.settle(&waiting.queued);
        }
        lock_of(&progress).add(waiting, sent, n_refused);
    };
    let is_entry = |waiting: &&Waiting| matches!(waiting.queued, Queued::Entry(_));
    let (entries, builds) = waiting.split_at(waiting.iter().take_while(is_entry).count());
    // A manifest comes behind the entries that it names.
    each_of(entries, n_at_a_time, &send);
    each_of(builds, n_at_a_time, &send);
    let mut flushed = progress.into_inner().unwrap_or_else(PoisonError::into_inner).end(queue);
    flushed.n_left = queue.pending().len() as u64;
    Ok(flushed)
}

fn lock_of(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How far a flush is.
#[derive(Default)]
struct Progress {
    flushed: Flushed,
    refused: Vec<(Waiting, RemoteError)>,
    /// So many of them were refused before a transfer began that succeeded.
    n_passed_over: usize,
}

impl Progress {
    /// How many were refused so far; `None`: no more are sent.
    fn refused_before(&self) -> Option<usize> {
        let n_refused = self.refused.len();
        let goes_on = self.flushed.failure.is_none() && n_refused - self.n_passed_over < MOST_REFUSALS;
        goes_on.then_some(n_refused)
    }

    /// Notes how a transfer ended that began when `n_refused` were refused.
    fn add(&mut self, waiting: &Waiting, sent: Result<bool, RemoteError>, n_refused: usize) {
        match sent {
            Ok(true) => {
                self.flushed.n_sent += 1;
                self.n_passed_over = self.n_passed_over.max(n_refused);
            }
            Ok(false) => self.flushed.n_settled += 1,
            Err(error) if matches!(error.kind, Kind::Forbidden | Kind::Local) || error.is_outage() => {
                self.flushed.failure = Some(error);
            }
            Err(error) if error.kind == Kind::TooLarge => {
                // That says nothing of the others.
                self.refused.insert(self.n_passed_over, (*waiting, error));
                self.n_passed_over += 1;
            }
            Err(error) => self.refused.push((*waiting, error)),
        }
    }

    /// Drops what is refused for what it is, and keeps the rest.
    fn end(self, queue: &Queue) -> Flushed {
        let Progress { mut flushed, refused, n_passed_over } = self;
        for (index, (waiting, error)) in refused.into_iter().enumerate() {
            if index < n_passed_over || waiting.was_refused && flushed.n_sent > 0 {
                queue.settle(&waiting.queued);
                flushed.dropped.push(error);
            } else {
                queue.note_refusal(&waiting.queued);
                flushed.failure.get_or_insert(error);
            }
        }
        flushed
    }
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
            // Credentials may allow to write only. It would save no more than the transfer.
            if may_be_there && sync::is_there(store, connected, key).unwrap_or(false) {
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
    use std::sync::Arc;

    use super::*;
    use crate::outcome::{MissReason, Origin, Unstored};
    use crate::remote::fake::WriteOnly;
    use crate::run::record;
    use crate::store::tests::Scene;
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

    /// A store with a queue, and a remote.
    struct Site {
        scene: Scene,
        queue: Queue,
        remote: Arc<WriteOnly>,
    }

    impl Site {
        fn new() -> Site {
            let scene = Scene::new();
            let queue = Queue::at(&scene.path("cache"));
            queue.begin().expect("begins");
            let remote = Arc::new(WriteOnly::default());
            Site { scene, queue, remote }
        }

        /// Queues an entry for each version. Their keys, in the order of the queue.
        fn queue(&self, versions: std::ops::Range<u32>) -> Vec<Digest> {
            let mut keys = Vec::new();
            for version in versions {
                let put = self.scene.compile_as(&format!("unit{version}"), &version.to_string());
                self.scene.store().put(&put).expect("stores");
                self.queue.add(&Queued::Entry(put.key)).expect("is queued");
                keys.push(put.key);
            }
            keys.sort();
            keys
        }

        fn refuse(&self, refused: &[(&Digest, Kind)]) {
            self.remote.refuse(refused);
        }

        /// What became of the queue, and how many transfers were tried.
        fn flush(&self) -> (Flushed, usize) {
            self.remote.forget_tried();
            let connected = self.remote.connected();
            let flushed = flush(&self.queue, &self.scene.store(), &connected, 1, true).expect("flushes");
            (flushed, self.remote.n_tried())
        }
    }

    /// Everything is asked for first, which these credentials do not allow.
    #[test]
    fn what_may_only_be_written_is_written() {
        let site = Site::new();
        site.queue(0..3);
        let (flushed, _) = site.flush();
        assert_eq!(flushed, Flushed { n_sent: 3, ..Flushed::default() });
    }

    #[test]
    fn an_object_that_is_refused_holds_nothing_up_and_is_dropped() {
        let site = Site::new();
        let keys = site.queue(0..4);
        site.refuse(&[(&keys[0], Kind::Denied), (&keys[3], Kind::TooLarge)]);
        let (flushed, n_tried) = site.flush();
        assert_eq!((flushed.n_sent, flushed.n_left, n_tried), (2, 0, 4));
        assert_eq!((flushed.failure.is_none(), flushed.dropped.len()), (true, 2));
        let said = flushed.said_of_dropped().expect("is said");
        assert!(said.contains("2 objects") && said.contains("no "), "{said}");
    }

    #[test]
    fn an_object_that_is_refused_last_is_dropped_when_it_is_refused_again() {
        let site = Site::new();
        let keys = site.queue(0..2);
        site.refuse(&[(&keys[1], Kind::Denied)]);
        let (flushed, _) = site.flush();
        assert_eq!((flushed.n_sent, flushed.n_left, flushed.dropped.len()), (1, 1, 0));
        assert!(flushed.failure.is_some(), "the credentials may have ended");
        site.queue.add(&Queued::Entry(keys[1])).expect("is queued");
        assert_eq!(site.flush().0.n_left, 1, "nothing shows that others are taken");
        site.queue(2..3);
        let (flushed, _) = site.flush();
        assert_eq!((flushed.n_sent, flushed.n_left, flushed.dropped.len()), (1, 0, 1));
    }

    #[test]
    fn wrong_credentials_and_outages_lose_nothing_and_are_noticed_soon() {
        for (kind, most_tried) in [
            (Kind::Denied, MOST_REFUSALS),
            (Kind::Invalid, MOST_REFUSALS),
            (Kind::Unreachable, 1),
            (Kind::Local, 1),
        ] {
            let site = Site::new();
            let keys = site.queue(0..6);
            site.refuse(&keys.iter().map(|key| (key, kind)).collect::<Vec<_>>());
            for _ in 0..4 {
                let (flushed, n_tried) = site.flush();
                assert_eq!((flushed.n_left, flushed.dropped.len(), n_tried), (6, 0, most_tried), "{kind:?}");
                assert_eq!(flushed.failure.map(|failure| failure.kind), Some(kind));
            }
            site.refuse(&[]);
            assert_eq!(site.flush().0, Flushed { n_sent: 6, ..Flushed::default() }, "{kind:?}");
        }
    }

    /// However many are refused, those that are not get their turn.
    #[test]
    fn objects_that_are_refused_do_not_stay_at_the_front() {
        let site = Site::new();
        let keys = site.queue(0..5);
        site.refuse(&keys[..4].iter().map(|key| (key, Kind::Denied)).collect::<Vec<_>>());
        let n_sent: Vec<u64> = (0..3).map(|_| site.flush().0.n_sent).collect();
        assert_eq!(n_sent, [0, 1, 0]);
        assert_eq!(site.queue.pending(), [], "{n_sent:?}");
    }
}
