//! Upkeep of the store: updates the index from the records, and collects garbage.
//!
//! It runs when records were appended, in a thread of low priority. Both parts can be interrupted anywhere without
//! damage, so a daemon that exits or hands over does not wait for them.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::config::units::format_bytes;
use crate::daemon::event::{Event, Sender, UpkeepFailed};
use crate::gc::automatic;
use crate::index::open::Index;
use crate::protocol::message::UpkeepStatus;
use crate::run::automatic_gc;
use crate::store::Store;
use crate::sys::fs::Identity;
use crate::sys::{clock, fs, process};

/// The least time between two runs: a build appends records all the time.
const PAUSE: Duration = Duration::from_secs(30);
/// The least time between two collections: a little less than wrappers wait until they start one themselves.
const PAUSE_OF_COLLECTIONS: Duration = Duration::from_secs(540);

/// When the upkeep ran, and its result.
#[derive(Debug, Default)]
pub struct Upkeep {
    status: UpkeepStatus,
    is_running: bool,
    begun: Option<Instant>,
    collected: Option<Instant>,
    /// The newest record file when the last run began.
    seen: Option<Identity>,
}

impl Upkeep {
    /// It has not run yet.
    pub fn new() -> Upkeep {
        Upkeep::default()
    }

    /// Whether it is running.
    pub fn is_running(&self) -> bool {
        self.is_running
    }

    /// The status for clients.
    pub fn status(&self) -> UpkeepStatus {
        self.status.clone()
    }

    /// Starts a run, if there is something to do.
    pub fn look(&mut self, config: &Config, events: &Sender) -> std::io::Result<()> {
        if self.is_running || !is_over(self.begun, PAUSE) {
            return Ok(());
        }
        let newest = newest_records(&Store::records_dir(&config.cache_dir.value));
        if newest.is_none() || newest == self.seen {
            return Ok(());
        }
        let collects = is_over(self.collected, PAUSE_OF_COLLECTIONS);
        let (config, events) = (config.clone(), events.clone());
        std::thread::Builder::new().name("upkeep".to_owned()).spawn(move || {
            process::give_way();
            let _ = events.send(Event::Upkept(maintain(&config, collects)));
        })?;
        let now = Instant::now();
        self.is_running = true;
        self.begun = Some(now);
        self.seen = newest;
        if collects {
            self.collected = Some(now);
        }
        Ok(())
    }

    /// Notes the end of a run. Returns a line for the log if the result is not the same as before.
    pub fn ended(&mut self, result: Result<String, UpkeepFailed>) -> Option<String> {
        self.is_running = false;
        self.status.n_runs += 1;
        self.status.last_ms = Some(clock::now_ms());
        let (last, error) = match result {
            Ok(said) => (Some(said), None),
            Err(e) => (self.status.last.take(), Some(e.to_string())),
        };
        let is_news = error != self.status.error || last != self.status.last;
        self.status = UpkeepStatus { last, error, ..std::mem::take(&mut self.status) };
        let said = self.status.error.as_ref().or(self.status.last.as_ref()).filter(|_| is_news)?;
        Some(format!("upkeep: {said}"))
    }
}

fn is_over(begun: Option<Instant>, pause: Duration) -> bool {
    begun.is_none_or(|begun| begun.elapsed() >= pause)
}

fn newest_records(records_dir: &Path) -> Option<Identity> {
    let files = fs::list(records_dir).ok()?;
    Identity::at(files.last()?).ok()
}

fn maintain(config: &Config, collects: bool) -> Result<String, UpkeepFailed> {
    let cache_dir = &config.cache_dir.value;
    let index = Index::open(cache_dir)
        .map_err(|error| UpkeepFailed::Index { cache_dir: cache_dir.clone(), error })?;
    let mut said = vec!["the index is up to date".to_owned()];
    said.extend(index.notes.iter().cloned());
    drop(index);
    if collects {
        // Wrappers start a collection unless this file is recent.
        let stamp = automatic_gc::stamp_file(cache_dir);
        let _ = fs::touch(&stamp).or_else(|_| fs::private::write_new_at_top(&stamp, b""));
        if let Some(applied) = automatic::collect(config) {
            let (n, bytes) = (applied.n_removed + applied.n_evicted, format_bytes(applied.store_bytes));
            said.push(if n == 0 {
                "nothing to evict".to_owned()
            } else {
                format!("removed {n} files, {bytes}")
            });
            if let Some(problem) = applied.problems.into_iter().next() {
                return Err(UpkeepFailed::Collection(problem));
            }
        }
    }
    Ok(said.join("; "))
}
