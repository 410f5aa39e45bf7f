//! Which units are being fetched for which clients, and whether the remote is worth asking.
//!
//! Equal requests wait for one answer. A remote that fails is not asked for a while, and neither is one that lets requests
//! wait: then builds go on at once.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::daemon::remote::event::{NoLink, Reply};
use crate::digest::Digest;

/// After so many failures in a row, nothing is asked for a while.
const MOST_FAILURES: u32 = 2;
/// How long. Each further failure doubles it, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// While so many requests are under way that builds no longer wait for, no further ones begin.
const MOST_OVERDUE: usize = 2;

/// The units that are being fetched.
#[derive(Default)]
pub struct Demand {
    waiting: HashMap<Digest, Waiting>,
    n_failures: u32,
    outage: Option<Outage>,
}

struct Waiting {
    since: Instant,
    replies: Vec<Reply>,
}

#[derive(Debug)]
struct Outage {
    why: String,
    pause: Duration,
    until: Instant,
}

/// What is to be done for a request.
pub enum Asked {
    /// Nobody has asked for this before.
    Begin,
    /// The answer will come.
    Joined,
    /// Nothing is asked now.
    Refused(Reply, String),
}

impl Demand {
    /// A client asks for a unit. Who waits for the remote waits for `patience`.
    pub fn ask(&mut self, unit: Digest, reply: Reply, patience: Duration, now: Instant) -> Asked {
        if let Some(waiting) = self.waiting.get_mut(&unit) {
            waiting.replies.push(reply);
            return Asked::Joined;
        }
        if let Err(why) = self.may_begin(patience, now) {
            return Asked::Refused(reply, why);
        }
        self.waiting.insert(unit, Waiting { since: now, replies: vec![reply] });
        Asked::Begin
    }

    /// Whether the remote is worth asking. After the pause, who asks first tries again for all.
    ///
    /// # Errors
    /// Why not.
    pub fn may_begin(&mut self, patience: Duration, now: Instant) -> Result<(), String> {
        let is_overdue = |waiting: &&Waiting| now.saturating_duration_since(waiting.since) >= patience;
        if self.waiting.values().filter(is_overdue).count() >= MOST_OVERDUE {
            return Err("the remote does not answer in time".to_owned());
        }
        match self.outage.as_mut() {
            Some(outage) if now < outage.until => Err(outage.why.clone()),
            Some(outage) => {
                outage.until = now + outage.pause;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Why the remote is not asked now, if it is not.
    pub fn outage(&self, now: Instant) -> Option<String> {
        self.outage.as_ref().filter(|outage| now < outage.until).map(|outage| outage.why.clone())
    }

    /// Notes how a request ended. Returns a line for the log if that changes whether the remote is asked.
    pub fn ended(&mut self, failure: Option<&NoLink>, now: Instant) -> Option<String> {
        let Some(failure) = failure.filter(|failure| failure.is_outage) else {
            self.n_failures = 0;
            return self.outage.take().map(|_| "the remote answers again".to_owned());
        };
        self.n_failures += 1;
        if self.n_failures < MOST_FAILURES {
            return None;
        }
        let before = self.outage.take();
        let is_news = before.as_ref().is_none_or(|outage| outage.why != failure.why);
        let pause = before.map_or(FIRST_PAUSE, |outage| (outage.pause * 2).min(LONGEST_PAUSE));
        self.outage = Some(Outage { why: failure.why.clone(), pause, until: now + pause });
        is_news.then(|| format!("not asked for now: {}", failure.why))
    }

    /// The clients that wait for a unit, which was fetched or not.
    pub fn take(&mut self, unit: &Digest) -> Vec<Reply> {
        self.waiting.remove(unit).map(|waiting| waiting.replies).unwrap_or_default()
    }

    /// Whether something is being fetched.
    pub fn is_running(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(3);

    fn ask(demand: &mut Demand, unit: &str, now: Instant) -> &'static str {
        match demand.ask(Digest::hash(unit.as_bytes()), Box::new(|_| {}), PATIENCE, now) {
            Asked::Begin => "begin",
            Asked::Joined => "joined",
            Asked::Refused(..) => "refused",
        }
    }

    fn failure() -> NoLink {
        NoLink { why: "no network".to_owned(), is_outage: true }
    }

    #[test]
    fn equal_requests_wait_for_one_answer() {
        let (mut demand, now) = (Demand::default(), Instant::now());
        assert_eq!(ask(&mut demand, "a", now), "begin");
        assert_eq!(ask(&mut demand, "a", now), "joined");
        assert_eq!(ask(&mut demand, "b", now), "begin");
        assert_eq!(demand.take(&Digest::hash(b"a")).len(), 2);
        assert_eq!(demand.take(&Digest::hash(b"a")).len(), 0);
        assert!(demand.is_running());
    }

    #[test]
    fn a_remote_that_fails_is_left_alone_for_longer_and_longer() {
        let (mut demand, mut now) = (Demand::default(), Instant::now());
        assert_eq!(demand.ended(Some(&failure()), now), None);
        assert_eq!(ask(&mut demand, "a", now), "begin");
        assert_eq!(demand.ended(Some(&failure()), now).as_deref(), Some("not asked for now: no network"));
        assert_eq!(demand.outage(now).as_deref(), Some("no network"));
        for pause in [30, 60, 120] {
            assert_eq!(ask(&mut demand, "b", now + Duration::from_secs(pause - 1)), "refused");
            now += Duration::from_secs(pause);
            assert_eq!(ask(&mut demand, &format!("try {pause}"), now), "begin");
            assert_eq!(ask(&mut demand, "b", now), "refused", "one tries for all");
            assert_eq!(demand.ended(Some(&failure()), now), None, "the same is said once");
            demand.take(&Digest::hash(format!("try {pause}").as_bytes()));
        }
        now += Duration::from_secs(240);
        demand.take(&Digest::hash(b"a"));
        assert_eq!(ask(&mut demand, "b", now), "begin");
        assert_eq!(demand.ended(None, now).as_deref(), Some("the remote answers again"));
        assert_eq!((ask(&mut demand, "c", now), demand.outage(now)), ("begin", None));
    }

    #[test]
    fn an_object_that_is_absent_is_no_failure_of_the_remote() {
        let (mut demand, now) = (Demand::default(), Instant::now());
        let absent = NoLink { why: "absent".to_owned(), is_outage: false };
        for _ in 0..9 {
            assert_eq!(demand.ended(Some(&absent), now), None);
        }
        assert_eq!(ask(&mut demand, "a", now), "begin");
    }

    #[test]
    fn a_remote_that_does_not_answer_makes_few_wait() {
        let (mut demand, now) = (Demand::default(), Instant::now());
        assert_eq!((ask(&mut demand, "a", now), ask(&mut demand, "b", now)), ("begin", "begin"));
        let later = now + PATIENCE;
        assert_eq!(ask(&mut demand, "c", later), "refused");
        assert_eq!(ask(&mut demand, "a", later), "joined");
        demand.take(&Digest::hash(b"a"));
        assert_eq!(ask(&mut demand, "c", later), "begin");
    }
}
