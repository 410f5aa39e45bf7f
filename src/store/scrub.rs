//! Scrubbing: verifies the blobs of a store, a little each day. A disk may lose bits that no build would notice, and kache
//! does not read what it serves as a link or a clone.
//!
//! A round reads all blobs in the order of their digests, so the next blob is the one that was read longest ago. Its
//! progress is kept in `scrub.json`, which is all that a restart needs. How much may be read is a pure function of the
//! bytes read that day and the time ([`Scrub::allowance`]).

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, guard, seal};
use crate::store::walk::{self, StoredFile};
use crate::store::{Bucket, Store};
use crate::sys::fs::{self, Identity};

/// The version of the file.
const FORMAT: u32 = 1;

/// At most so much is read in one day.
pub const DAY_BYTES: u64 = 4 << 30;
/// At most so much is read at once; one blob that is larger is still read whole.
pub const SLICE_BYTES: u64 = 64 << 20;
/// So much is read in a second on average, while a day's amount is read.
const RATE: u64 = 4 << 20;
/// A small store is not read more often than this.
pub const ROUND_MS: u64 = 7 * DAY_MS;
const DAY_MS: u64 = 86_400_000;
/// How long findings count as recent.
const RECENT_MS: u64 = 30 * DAY_MS;

/// What a blob was found to be.
#[derive(Debug)]
pub enum Reading {
    Sound,
    /// It is not what its name says, or cannot be read to its end; it is out of service now.
    Altered,
    /// The same, but it could not be taken out of service: why.
    Stuck(String),
    /// Somebody removed or replaced it meanwhile.
    Gone,
    /// It cannot be opened.
    Unreadable(io::Error),
}

impl Store {
    /// Reads the blob at `path` again. If it is not what its name says, it is taken out of service.
    pub fn verify_blob(&self, digest: &Digest, path: &Path) -> Reading {
        let mut file = match fs::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Reading::Gone,
            Err(e) => return Reading::Unreadable(e),
        };
        let before = match file.metadata() {
            Ok(metadata) => Identity::from_metadata(&metadata),
            Err(e) => return Reading::Unreadable(e),
        };
        // What cannot be read to its end would break the build that it is linked into.
        if is_as_stored(&mut file, digest, &before).unwrap_or(false) {
            return Reading::Sound;
        }
        if Identity::at(path).ok().is_none_or(|now| now.inode != before.inode || now.device != before.device)
        {
            return Reading::Gone;
        }
        drop(file);
        self.quarantine_blob(digest);
        match fs::symlink_metadata(path) {
            Ok(_) => Reading::Stuck(format!(
                "{} is not what was stored, and could not be moved to {}",
                path.display(),
                self.quarantine().display()
            )),
            Err(_) => Reading::Altered,
        }
    }
}

fn is_as_stored(file: &mut File, digest: &Digest, identity: &Identity) -> io::Result<bool> {
    Ok(!seal::is_broken(digest, identity.modified_ns) && Digest::hash_reader(file)?.0 == *digest)
}

/// How far the rounds are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scrub {
    format: u32,
    /// When the last round began, whether or not it is over.
    pub begun_ms: Option<u64>,
    /// The blob that was read last in the round under way.
    after: Option<Digest>,
    /// Whether a round is under way.
    is_under_way: bool,
    /// Something could not be read in it.
    has_gaps: bool,
    /// When the last round began that read all: every blob was written or read since then.
    pub all_read_since_ms: Option<u64>,
    /// The day that `day_bytes` is about, in days since 1970.
    day: u64,
    day_bytes: u64,
    /// How many blobs were found altered lately, and when the last one was.
    pub n_altered: u64,
    pub altered_ms: Option<u64>,
}

/// What came of one go.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Slice {
    pub n_blobs: usize,
    pub bytes: u64,
    /// Blobs that are out of service now.
    pub altered: Vec<String>,
    pub problems: Vec<String>,
    /// The round is over with it.
    pub ends_round: bool,
}

impl Slice {
    /// How long to wait before the next one, so that disk and processor stay free for builds.
    pub fn pause(&self) -> Duration {
        const LEAST: Duration = Duration::from_secs(10);
        const NOTHING_TO_READ: Duration = Duration::from_secs(3600);
        match self.bytes {
            0 => NOTHING_TO_READ,
            bytes => Duration::from_secs(bytes / RATE).max(LEAST),
        }
    }
}

impl Scrub {
    /// Where the state of a cache directory is kept.
    pub fn file(cache_dir: &Path) -> PathBuf {
        cache_dir.join("scrub.json")
    }

    /// The state of a cache directory; a new one where there is none that can be used.
    pub fn load(cache_dir: &Path) -> Scrub {
        let bytes = fs::read(&Scrub::file(cache_dir)).ok().and_then(guard::check);
        let read: Option<Scrub> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        read.filter(|scrub| scrub.format == FORMAT).unwrap_or_default()
    }

    /// Keeps the state for the next process.
    pub fn save(&self, cache_dir: &Path) -> io::Result<()> {
        let path = Scrub::file(cache_dir);
        let store = Store::at(cache_dir);
        let temporary = store.temporary();
        let bytes = serde_json::to_vec(&Scrub { format: FORMAT, ..self.clone() })?;
        store.make_room(&path, &temporary)?;
        fs::replace(&path, &temporary, &guard::add(bytes))
    }

    /// How many bytes may be read at `now_ms` in one go, where `read_bytes` were read on the day `day`.
    pub fn allowance(day: u64, read_bytes: u64, now_ms: u64) -> u64 {
        let read_today = if day == now_ms / DAY_MS { read_bytes } else { 0 };
        DAY_BYTES.saturating_sub(read_today).min(SLICE_BYTES)
    }

    /// Whether there is something to read: a round is under way, or the last one began long enough ago. A time in the
    /// future is of a clock that was wrong.
    fn is_due(&self, now_ms: u64) -> bool {
        self.is_under_way || self.begun_ms.is_none_or(|begun| begun > now_ms || now_ms - begun >= ROUND_MS)
    }

    /// How many blobs were found altered within a month, and when the last one was.
    pub fn recently_altered(&self, now_ms: u64) -> Option<(u64, u64)> {
        let last_ms = self.altered_ms.filter(|last_ms| now_ms.saturating_sub(*last_ms) <= RECENT_MS)?;
        Some((self.n_altered, last_ms))
    }

    /// Notes that blobs were found altered.
    pub fn found_altered(&mut self, n: usize, now_ms: u64) {
        if n > 0 {
            let before = self.recently_altered(now_ms).map_or(0, |(before, _)| before);
            self.n_altered = before + n as u64;
            self.altered_ms = Some(now_ms);
        }
    }

    fn begin(&mut self, now_ms: u64) {
        (self.is_under_way, self.begun_ms) = (true, Some(now_ms));
        (self.after, self.has_gaps) = (None, false);
    }

    /// Notes that all blobs were read since `begun_ms`, at once.
    pub fn all_read(&mut self, begun_ms: u64) {
        (self.begun_ms, self.all_read_since_ms) = (Some(begun_ms), Some(begun_ms));
        (self.is_under_way, self.after) = (false, None);
    }

    /// Reads what may be read now, and keeps how far it came.
    ///
    /// # Errors
    /// How far it came cannot be kept: then nothing is read, or the same would be read for ever.
    pub fn go_on(cache_dir: &Path, now_ms: u64) -> io::Result<Slice> {
        let mut scrub = Scrub::load(cache_dir);
        let mut slice = Slice::default();
        let allowance = Scrub::allowance(scrub.day, scrub.day_bytes, now_ms);
        let store = Store::at(cache_dir);
        let has_blobs = fs::metadata(&store.root().join(Bucket::Blobs.name())).is_ok();
        if allowance == 0 || !scrub.is_due(now_ms) || !has_blobs {
            return Ok(slice);
        }
        if !scrub.is_under_way {
            scrub.begin(now_ms);
        }
        let today = now_ms / DAY_MS;
        let read_before = if scrub.day == today { scrub.day_bytes } else { 0 };
        // Counted before it is read: a process that is ended here, again and again, must not read more.
        (scrub.day, scrub.day_bytes) = (today, read_before + allowance);
        scrub.save(cache_dir)?;
        scrub.read_on(&store, allowance, &mut slice);
        scrub.day_bytes = read_before + slice.bytes;
        scrub.found_altered(slice.altered.len(), now_ms);
        scrub.has_gaps |= !slice.problems.is_empty();
        match scrub.begun_ms {
            Some(begun_ms) if slice.ends_round && !scrub.has_gaps => scrub.all_read(begun_ms),
            _ => scrub.is_under_way = !slice.ends_round,
        }
        scrub.save(cache_dir)?;
        Ok(slice)
    }

    /// Reads blobs from where the round stands until `allowance` is used up.
    fn read_on(&mut self, store: &Store, allowance: u64, slice: &mut Slice) {
        let first = self.after.map_or(0, |after| after.as_bytes()[0]);
        for folder in first..=u8::MAX {
            let dir = store.root().join(Bucket::Blobs.name()).join(format!("{folder:02x}"));
            let mut blobs: Vec<(Digest, StoredFile)> = walk::files(&dir, &mut slice.problems)
                .into_iter()
                .filter_map(|found| Some((found.path.file_name()?.to_str()?.parse().ok()?, found)))
                .collect();
            blobs.sort_by_key(|(digest, _)| *digest);
            for (digest, found) in blobs {
                if self.after.is_some_and(|after| digest <= after) {
                    continue;
                }
                if slice.bytes >= allowance {
                    return;
                }
                slice.read(store, &digest, &found);
                self.after = Some(digest);
            }
        }
        slice.ends_round = true;
    }
}

impl Slice {
    fn read(&mut self, store: &Store, digest: &Digest, found: &StoredFile) {
        self.n_blobs += 1;
        // Something was done even for an empty one.
        self.bytes += found.state.size_bytes.max(1);
        match store.verify_blob(digest, &found.path) {
            Reading::Sound | Reading::Gone => {}
            Reading::Altered => self.altered.push(found.path.display().to_string()),
            Reading::Stuck(why) => self.problems.push(why),
            Reading::Unreadable(e) => self.problems.push(format!("{}: {e}", found.path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fs::fault;

    const NOW_MS: u64 = 20_000 * DAY_MS + 5;

    struct Cache(tempfile::TempDir);

    impl Cache {
        fn new(contents: &[&str]) -> Cache {
            let cache = Cache(tempfile::tempdir().expect("temporary directory"));
            fs::create_dir_all(&Store::at(cache.dir()).root().join("tmp")).expect("makes a folder");
            contents.iter().for_each(|content| drop(cache.blob(content)));
            cache
        }

        fn dir(&self) -> &Path {
            self.0.path()
        }

        fn blob(&self, content: &str) -> PathBuf {
            let digest = Digest::hash(content.as_bytes());
            let path = Store::at(self.dir()).path(Bucket::Blobs, &digest);
            fs::create_dir_all(path.parent().expect("a folder")).expect("makes a folder");
            fs::write_new(&path, content.as_bytes()).expect("writes");
            fs::set_modified(&path, seal::coarse(&digest)).expect("seals");
            path
        }

        /// Changes what the disk holds, and nothing that can be seen without reading it.
        fn rot(&self, path: &Path) {
            let digest: Digest =
                path.file_name().and_then(|name| name.to_str()).expect("a name").parse().expect("hex");
            let mut bytes = fs::read(path).expect("reads");
            bytes[0] ^= 1;
            fs::remove(path).expect("removes");
            fs::write_new(path, &bytes).expect("writes");
            fs::set_modified(path, seal::coarse(&digest)).expect("seals");
        }

        fn go_on(&self, now_ms: u64) -> Slice {
            Scrub::go_on(self.dir(), now_ms).expect("its state can be kept")
        }

        /// Leaves only so many bytes of the day.
        fn leave(&self, bytes: u64, now_ms: u64) {
            let scrub =
                Scrub { day: now_ms / DAY_MS, day_bytes: DAY_BYTES - bytes, ..Scrub::load(self.dir()) };
            scrub.save(self.dir()).expect("saves");
        }
    }

    #[test]
    fn a_day_has_its_bytes_and_no_more() {
        let today = NOW_MS / DAY_MS;
        for (day, read_bytes, expected) in [
            (0, 0, SLICE_BYTES),
            (today, 0, SLICE_BYTES),
            (today, DAY_BYTES - 1, 1),
            (today, DAY_BYTES, 0),
            (today, u64::MAX, 0),
            (today - 1, DAY_BYTES, SLICE_BYTES),
            // A clock that was set back.
            (today + 1, DAY_BYTES, SLICE_BYTES),
        ] {
            assert_eq!(Scrub::allowance(day, read_bytes, NOW_MS), expected, "{day} {read_bytes}");
        }
        let n_slices = DAY_BYTES / SLICE_BYTES;
        let slice = Slice { bytes: SLICE_BYTES, ..Slice::default() };
        let all_day = slice.pause() * u32::try_from(n_slices).expect("few");
        assert!(all_day > Duration::from_secs(600) && all_day < Duration::from_secs(7200), "{all_day:?}");
        assert!(
            Slice::default().pause() >= Duration::from_secs(600),
            "nothing to read is no reason to look often"
        );
    }

    #[test]
    fn a_round_goes_on_where_the_last_process_left_it_and_reads_each_blob_once() {
        let contents: Vec<String> = (0..40).map(|n| format!("blob number {n}")).collect();
        let contents: Vec<&str> = contents.iter().map(String::as_str).collect();
        let cache = Cache::new(&contents);
        let mut n_read = 0;
        for n_day in 0..100 {
            let now_ms = NOW_MS + n_day * DAY_MS / 30;
            cache.leave(30, now_ms);
            let slice = cache.go_on(now_ms);
            assert!(slice.bytes < 30 + 20, "{slice:?}");
            n_read += slice.n_blobs;
            let scrub = Scrub::load(cache.dir());
            assert_eq!(scrub.all_read_since_ms.is_some(), slice.ends_round);
            if slice.ends_round {
                assert_eq!((n_read, scrub.all_read_since_ms), (40, Some(NOW_MS)));
                return;
            }
        }
        panic!("the round does not end: {n_read} blobs were read");
    }

    #[test]
    fn what_is_read_next_was_read_longest_ago() {
        let contents = ["a", "b", "c", "d", "e", "f"];
        let cache = Cache::new(&contents);
        let mut digests: Vec<Digest> =
            contents.iter().map(|content| Digest::hash(content.as_bytes())).collect();
        digests.sort();
        for digest in &digests[..5] {
            cache.leave(1, NOW_MS);
            assert_eq!(cache.go_on(NOW_MS).n_blobs, 1);
            assert_eq!(Scrub::load(cache.dir()).after, Some(*digest));
        }
    }

    #[test]
    fn altered_blobs_are_found_whatever_their_time_says() {
        let cache = Cache::new(&["sound"]);
        let (rotten, cut) = (cache.blob("rotten"), cache.blob("cut off"));
        cache.rot(&rotten);
        fs::remove(&cut).expect("removes");
        fs::write_new(&cut, b"cut").expect("writes");
        let slice = cache.go_on(NOW_MS);
        assert_eq!((slice.n_blobs, slice.altered.len(), slice.ends_round), (3, 2, true), "{slice:?}");
        assert!(fs::metadata(&rotten).is_err() && fs::metadata(&cut).is_err());
        assert_eq!(fs::list(&Store::at(cache.dir()).quarantine()).expect("lists").len(), 2);
        let scrub = Scrub::load(cache.dir());
        assert_eq!(scrub.recently_altered(NOW_MS + DAY_MS), Some((2, NOW_MS)));
        assert_eq!(scrub.recently_altered(NOW_MS + 31 * DAY_MS), None);
    }

    #[test]
    fn a_small_store_is_read_once_a_week() {
        let cache = Cache::new(&["a"]);
        assert!(cache.go_on(NOW_MS).ends_round);
        assert_eq!(cache.go_on(NOW_MS + 1), Slice::default());
        assert_eq!(cache.go_on(NOW_MS + ROUND_MS - 1), Slice::default());
        assert!(cache.go_on(NOW_MS + ROUND_MS).ends_round);
        // A clock that was ahead does not put it off for ever.
        assert!(cache.go_on(NOW_MS).ends_round);
    }

    #[test]
    fn nothing_is_read_where_it_cannot_be_kept_how_far_it_came() {
        let cache = Cache::new(&["a"]);
        let rotten = cache.blob("b");
        cache.rot(&rotten);
        let (result, _) = fault::crash_after(0, || Scrub::go_on(cache.dir(), NOW_MS));
        assert!(result.is_err() && fs::metadata(&rotten).is_ok());
    }

    #[test]
    fn a_process_that_is_ended_again_and_again_reads_no_more_than_a_day_has() {
        let cache = Cache::new(&["a"]);
        // The state is written before anything is read; whatever fails after that has its bytes counted.
        for n in 0..=DAY_BYTES / SLICE_BYTES {
            let (_, crashed) = fault::crash_after(2, || drop(Scrub::go_on(cache.dir(), NOW_MS)));
            let scrub = Scrub::load(cache.dir());
            assert!(crashed || n == DAY_BYTES / SLICE_BYTES, "{n}");
            assert_eq!(scrub.day_bytes, DAY_BYTES.min((n + 1) * SLICE_BYTES));
        }
    }

    #[test]
    fn a_damaged_state_begins_again() {
        let cache = Cache::new(&["a"]);
        cache.go_on(NOW_MS);
        for damaged in [b"".as_slice(), b"{}", b"\xff", &vec![b'x'; 300]] {
            let file = Scrub::file(cache.dir());
            fs::remove(&file).expect("removes");
            fs::write_new(&file, damaged).expect("writes");
            assert_eq!(Scrub::load(cache.dir()), Scrub::default());
            assert!(cache.go_on(NOW_MS).ends_round);
        }
    }

    #[test]
    fn a_store_that_is_not_there_is_not_made() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let cache_dir = dir.path().join("cache");
        assert_eq!(Scrub::go_on(&cache_dir, NOW_MS).expect("there is nothing to do"), Slice::default());
        assert!(fs::metadata(&cache_dir).is_err());
    }
}
