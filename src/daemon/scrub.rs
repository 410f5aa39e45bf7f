//! Schedules scrubbing ([`crate::store::scrub`]): one slice at a time, in a thread of low priority.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::daemon::event::{Event, ScrubFailed, Sender};
use crate::store::scrub::{Scrub, Slice};
use crate::sys::{clock, process};

/// The pause after a start: a build may be running.
const FIRST: Duration = Duration::from_secs(120);
/// The pause after the progress could not be saved.
const AFTER_FAILURE: Duration = Duration::from_secs(3600);

/// When the next slice is read.
#[derive(Debug)]
pub struct Scrubber {
    is_running: bool,
    next: Instant,
    /// The last failure, so that each is logged once.
    failure: Option<String>,
}

impl Scrubber {
    /// A scrubber that waits a while before it reads anything.
    pub fn new(now: Instant) -> Scrubber {
        Scrubber { is_running: false, next: now + FIRST, failure: None }
    }

    /// Reads the next slice in a thread of its own, if it is due.
    pub fn look(&mut self, cache_dir: &Path, now: Instant, events: &Sender) -> std::io::Result<()> {
        if self.is_running || now < self.next {
            return Ok(());
        }
        let (cache_dir, events) = (cache_dir.to_owned(), events.clone());
        std::thread::Builder::new().name("scrub".to_owned()).spawn(move || {
            process::give_way();
            let result = Scrub::go_on(&cache_dir, clock::now_ms());
            let path = Scrub::file(&cache_dir);
            let _ = events.send(Event::Scrubbed(result.map_err(|error| ScrubFailed { path, error })));
        })?;
        self.is_running = true;
        Ok(())
    }

    /// Notes the end of a slice. Returns lines for the log.
    pub fn ended(&mut self, result: Result<Slice, ScrubFailed>, now: Instant) -> Vec<String> {
        self.is_running = false;
        let slice = match result {
            Ok(slice) => slice,
            Err(e) => {
                let why = e.to_string();
                self.next = now + AFTER_FAILURE;
                let is_news = self.failure.as_ref() != Some(&why);
                self.failure = Some(why.clone());
                return is_news.then(|| format!("scrub: {why}")).into_iter().collect();
            }
        };
        self.failure = None;
        self.next = now + slice.pause();
        let altered =
            slice.altered.iter().map(|path| format!("scrub: {path} was damaged and has been quarantined"));
        let problems = slice.problems.iter().map(|problem| format!("scrub: {problem}"));
        let end = slice.ends_round.then(|| "scrub: all blobs verified".to_owned());
        altered.chain(problems).chain(end).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::unbounded_channel;

    #[test]
    fn pieces_are_read_one_after_the_other_with_pauses() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (sender, mut receiver) = unbounded_channel();
        let start = Instant::now();
        let mut scrubber = Scrubber::new(start);
        scrubber.look(dir.path(), start, &sender).expect("looks");
        assert!(!scrubber.is_running, "it begins at once");
        let due = start + FIRST;
        scrubber.look(dir.path(), due, &sender).expect("starts");
        scrubber.look(dir.path(), due, &sender).expect("looks");
        let Some(Event::Scrubbed(result)) = receiver.blocking_recv() else { panic!("another event") };
        assert!(receiver.try_recv().is_err(), "only one piece at a time");
        assert_eq!(scrubber.ended(result, due), Vec::<String>::new());
        assert_eq!(scrubber.next, due + Slice::default().pause());
    }

    #[test]
    fn findings_are_told_and_a_failure_once() {
        let now = Instant::now();
        let mut scrubber = Scrubber::new(now);
        let slice = Slice { bytes: 1, altered: vec!["/b".to_owned()], ends_round: true, ..Slice::default() };
        let said = scrubber.ended(Ok(slice), now);
        assert_eq!(said, ["scrub: /b was damaged and has been quarantined", "scrub: all blobs verified"]);
        let no_room = || ScrubFailed { path: "/c/scrub".into(), error: std::io::Error::other("no room") };
        assert_eq!(scrubber.ended(Err(no_room()), now), ["scrub: /c/scrub: no room"]);
        assert_eq!(scrubber.ended(Err(no_room()), now), Vec::<String>::new());
        assert_eq!(scrubber.next, now + AFTER_FAILURE);
    }
}
