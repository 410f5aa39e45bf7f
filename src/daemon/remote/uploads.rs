//! When the queue is sent: soon after something was compiled, in a thread of low priority; after a failure, later.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::daemon::remote::event::{Events, RemoteEvent, Sending};
use crate::daemon::remote::link::Link;
use crate::remote::queue::{self, Flushed, Queue};
use crate::sys::{process, shield};

/// How often the records are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// After a failure. Each further one doubles it, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Builds have more use for the processors.
const MOST_AT_A_TIME: usize = 4;

/// What is sent, and when.
#[derive(Debug)]
pub struct Uploads {
    queue: Queue,
    is_running: bool,
    /// Somebody waits for a run that begins from now on.
    is_hurried: bool,
    next: Instant,
    pause: Duration,
    /// Something may have been sent that is still in the queue.
    is_uncertain: bool,
    pub n_sent: u64,
    pub n_queued: u64,
    pub problem: Option<String>,
}

impl Uploads {
    /// The queue of a cache directory.
    pub fn new(cache_dir: &Path, now: Instant) -> Uploads {
        Uploads {
            queue: Queue::at(cache_dir),
            is_running: false,
            is_hurried: false,
            next: now,
            pause: FIRST_PAUSE,
            is_uncertain: true,
            n_sent: 0,
            n_queued: 0,
            problem: None,
        }
    }

    /// Begins to queue what is compiled.
    ///
    /// # Errors
    /// The cache directory cannot be written.
    pub fn begin(&self) -> std::io::Result<()> {
        self.queue.begin()
    }

    /// Whether something is being sent, or is about to be because somebody waits for it.
    pub fn is_running(&self) -> bool {
        self.is_running || self.is_hurried
    }

    /// Sends at the next look, whatever has failed; also what is queued while a run is under way.
    pub fn hurry(&mut self, now: Instant) {
        self.next = now;
        self.is_hurried = true;
    }

    /// Sends what is queued, if it is time.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn look(&mut self, link: &Arc<Link>, now: Instant, events: &Events) -> std::io::Result<()> {
        if self.is_running || now < self.next {
            return Ok(());
        }
        let (link, events, queue) = (Arc::clone(link), Arc::clone(events), self.queue.clone());
        let is_uncertain = self.is_uncertain;
        std::thread::Builder::new().name("uploads".to_owned()).spawn(move || {
            process::give_way();
            let sending = shield::shielded(|| send(&queue, &link, is_uncertain));
            let sending = sending.unwrap_or_else(|panicked| Sending::Failed(panicked.message, 0));
            events(RemoteEvent::Sent(sending));
        })?;
        self.is_running = true;
        self.is_hurried = false;
        Ok(())
    }

    /// Notes the end of a run. Returns a line for the log if there is news.
    pub fn ended(&mut self, sending: Sending, now: Instant) -> Option<String> {
        self.is_running = false;
        self.next = now + LOOK_EVERY;
        let mut news = Vec::new();
        let problem = match sending {
            Sending::Busy => {
                self.is_hurried = false;
                return None;
            }
            Sending::Failed(why, n_left) => {
                self.n_queued = n_left;
                Some(why)
            }
            Sending::Flushed(flushed) => {
                self.n_sent += flushed.n_sent;
                self.n_queued = flushed.n_left;
                news.extend(flushed.said_of_dropped());
                flushed.failure.map(|failure| failure.what)
            }
        };
        self.is_uncertain = problem.is_some();
        let is_news = problem.is_some() && problem != self.problem;
        if problem.is_some() {
            self.next = now + self.pause;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        } else {
            self.pause = FIRST_PAUSE;
        }
        if self.is_hurried {
            self.next = now;
        }
        self.problem = problem;
        news.extend(self.problem.as_ref().filter(|_| is_news).map(|why| format!("uploads wait: {why}")));
        (!news.is_empty()).then(|| news.join("; "))
    }
}

fn send(queue: &Queue, link: &Link, may_be_there: bool) -> Sending {
    let unwritable = |e: std::io::Error| Sending::Failed(format!("the queue cannot be written: {e}"), 0);
    let lock = match queue.lock() {
        Ok(Some(lock)) => lock,
        Ok(None) => return Sending::Busy,
        Err(e) => return unwritable(e),
    };
    if let Err(e) = queue.collect() {
        return unwritable(e);
    }
    let n_pending = queue.pending().len() as u64;
    // Without anything to send, the remote need not be there.
    if n_pending == 0 {
        return Sending::Flushed(Flushed::default());
    }
    let connected = match link.connected() {
        Ok(connected) => connected,
        Err(failure) => return Sending::Failed(failure.why, n_pending),
    };
    let n_at_a_time = connected.n_at_a_time.min(MOST_AT_A_TIME);
    let flushed = queue::flush(queue, &link.store, connected, n_at_a_time, may_be_there);
    drop(lock);
    flushed.map_or_else(unwritable, Sending::Flushed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::backend::{Kind, RemoteError};

    #[test]
    fn a_remote_that_cannot_be_written_is_tried_later_and_later() {
        let (dir, now) = (tempfile::tempdir().expect("temporary directory"), Instant::now());
        let mut uploads = Uploads::new(dir.path(), now);
        let failed = || {
            let failure = Some(RemoteError::new(Kind::Denied, "not allowed"));
            Sending::Flushed(Flushed { n_left: 4, failure, ..Flushed::default() })
        };
        assert_eq!(uploads.ended(failed(), now).as_deref(), Some("uploads wait: not allowed"));
        assert_eq!((uploads.next, uploads.n_queued), (now + FIRST_PAUSE, 4));
        assert_eq!(uploads.ended(failed(), now), None, "the same is said once");
        assert_eq!(uploads.next, now + FIRST_PAUSE * 2);
        let sent = Sending::Flushed(Flushed { n_sent: 4, ..Flushed::default() });
        assert_eq!(uploads.ended(sent, now), None);
        assert_eq!((uploads.next, uploads.n_sent, &uploads.problem), (now + LOOK_EVERY, 4, &None));
    }
}
