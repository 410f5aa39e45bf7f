//! The remote as the event loop sees it: requests come in, threads do the work, answers go out.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::{Config, RemoteConfig, RemoteSecrets};
use crate::daemon::remote::demand::{Asked, Demand};
use crate::daemon::remote::event::{Events, NoLink, Prefetched, RemoteEvent, Reply};
use crate::daemon::remote::link::Link;
use crate::daemon::remote::prefetch::{self, Progress};
use crate::daemon::remote::uploads::Uploads;
use crate::manifest::form::BuildId;
use crate::protocol::message::{RemoteStatus, Response, WantedBuild, WantedUnit};
use crate::store::Store;
use crate::sys::shield;

/// What a remote is used for, with the store of one cache directory.
pub struct RemoteService {
    /// `None`: none is configured, or it is turned off.
    link: Option<Arc<Link>>,
    cache_dir: PathBuf,
    to_self: Events,
    demand: Demand,
    prefetches: HashMap<BuildId, Prefetching>,
    following: Following,
    uploads: Uploads,
}

/// Whether the build is being fetched that a unit was found in.
#[derive(Clone, Copy)]
enum Following {
    Now,
    /// Not again before this time.
    NotBefore(Instant),
}

/// How long no build is looked for after none was found, or nothing of it was missing.
const FOLLOW_PAUSE: Duration = Duration::from_secs(60);

/// A build that is about to begin.
struct Prefetching {
    progress: Arc<Progress>,
    replies: Vec<Reply>,
}

/// The end of a link must not wait for its threads: the event loop would.
impl Drop for RemoteService {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            // Without a thread it is kept until the process ends.
            let kept = std::mem::ManuallyDrop::new(link);
            let _ = std::thread::Builder::new()
                .name("link".to_owned())
                .spawn(move || drop(std::mem::ManuallyDrop::into_inner(kept)));
        }
    }
}

impl RemoteService {
    /// The remote of these settings. Nothing is asked yet.
    pub fn new(
        config: &Config,
        remote: Option<Box<RemoteConfig>>,
        secrets: RemoteSecrets,
        to_self: &Events,
    ) -> RemoteService {
        let cache_dir = config.cache_dir.value.clone();
        let store = Store::configured(config);
        let most_bytes = config.max_size_bytes.value / 4;
        let link = remote
            .filter(|remote| remote.is_used())
            .map(|remote| Arc::new(Link::new(store, remote, secrets, most_bytes)));
        RemoteService {
            link,
            uploads: Uploads::new(&cache_dir, Instant::now()),
            cache_dir,
            to_self: Arc::clone(to_self),
            demand: Demand::default(),
            prefetches: HashMap::new(),
            following: Following::NotBefore(Instant::now()),
        }
    }

    /// Begins to queue what is compiled, if it is to be sent. Returns a line for the log if that fails.
    pub fn begin(&self) -> Option<String> {
        self.writable()?;
        self.uploads.begin().err().map(|e| format!("remote: the queue cannot be written: {e}"))
    }

    /// Whether there is work that an exit would interrupt.
    pub fn is_busy(&self) -> bool {
        self.demand.is_running()
            || self.uploads.is_running()
            || !self.prefetches.is_empty()
            || matches!(self.following, Following::Now)
    }

    /// The status for clients.
    pub fn status(&self) -> Option<RemoteStatus> {
        let link = self.link.as_ref()?;
        let requests = link.requests();
        Some(RemoteStatus {
            place: link.config.place().unwrap_or_default(),
            n_queued: self.uploads.n_queued,
            is_sending: self.uploads.is_running(),
            n_sent: self.uploads.n_sent,
            n_fetched: link.n_fetched(),
            n_requests: requests.n_gets + requests.n_heads + requests.n_puts + requests.n_lists,
            sent_bytes: requests.sent_bytes,
            received_bytes: requests.received_bytes,
            sending_problem: self.uploads.problem.clone(),
            outage: self.demand.outage(Instant::now()),
        })
    }

    /// The link, if entries may be fetched for this store.
    fn readable(&self, cache_dir: &PathBuf) -> Result<Arc<Link>, String> {
        let link = self.link.as_ref().ok_or("the daemon has no remote")?;
        if !link.config.access.value.can_read() {
            return Err("the remote is only written".to_owned());
        }
        if *cache_dir != self.cache_dir {
            return Err(format!("the daemon serves the store at {}", self.cache_dir.display()));
        }
        Ok(Arc::clone(link))
    }

    fn writable(&self) -> Option<&Arc<Link>> {
        self.link.as_ref().filter(|link| link.config.access.value.can_write())
    }

    /// A wrapper asks for a unit.
    pub fn fetch(&mut self, wanted: WantedUnit, reply: Reply) {
        let link = match self.readable(&wanted.cache_dir) {
            Ok(link) => link,
            Err(why) => return reply(Response::Refused { why }),
        };
        let unit = wanted.unit_key;
        match self.demand.ask(unit, reply, link.config.wait.value, Instant::now()) {
            Asked::Joined => return,
            Asked::Refused(reply, why) => return reply(Response::Refused { why }),
            Asked::Begin => {}
        }
        let events = Arc::clone(&self.to_self);
        let thread = std::thread::Builder::new().name("fetch".to_owned()).spawn(move || {
            let result = shield::shielded(|| link.fetch_unit(&wanted));
            let result = result.unwrap_or_else(|panicked| Err(NoLink::defect(panicked.message)));
            // Behind the link: when the event loop has ended, it is the last one that holds it.
            drop(link);
            events(RemoteEvent::Fetched { wanted, result });
        });
        if thread.is_err() {
            // The replies are dropped, so the clients do not wait.
            drop(self.demand.take(&unit));
        }
    }

    /// Handles an event. Returns lines for the log.
    pub fn on(&mut self, event: RemoteEvent) -> Vec<String> {
        let news = match event {
            RemoteEvent::Fetched { wanted, result } => self.fetched(wanted, result),
            RemoteEvent::PrefetchDue(build) => {
                self.prefetch_due(&build);
                Vec::new()
            }
            RemoteEvent::Prefetched { build, prefetched } => self.prefetched(&build, prefetched),
            RemoteEvent::Followed { n_wanted, prefetched } => self.followed(n_wanted, prefetched),
            RemoteEvent::Sent(sending) => {
                let news = self.uploads.ended(sending, Instant::now());
                let failed = self.look().err().map(|e| format!("failed to start the upload thread: {e}"));
                news.into_iter().chain(failed).collect()
            }
        };
        news.into_iter().map(|line| format!("remote: {line}")).collect()
    }

    /// A unit was fetched, or not.
    fn fetched(&mut self, wanted: WantedUnit, result: Result<(u64, Vec<String>), NoLink>) -> Vec<String> {
        let unit = wanted.unit_key;
        let mut news: Vec<String> =
            self.demand.ended(result.as_ref().err(), Instant::now()).into_iter().collect();
        let response = match result {
            Ok((n_entries, refused)) => {
                news.extend(refused);
                if n_entries > 0 {
                    self.follow(wanted);
                }
                Response::Fetched { n_entries }
            }
            Err(failure) => Response::Refused { why: failure.why },
        };
        for reply in self.demand.take(&unit) {
            reply(response.clone());
        }
        news
    }

    /// A build is about to begin.
    pub fn prefetch(&mut self, wanted: WantedBuild, reply: Reply) {
        let refuse = |reply: Reply, why| reply(Response::Refused { why });
        let link = match self.readable(&wanted.cache_dir) {
            Ok(link) => link,
            Err(why) => return refuse(reply, why),
        };
        let build = BuildId { group: wanted.build_group, request: wanted.build_request };
        let (events, within) = (Arc::clone(&self.to_self), Duration::from_millis(wanted.answer_within_ms));
        tokio::spawn(async move {
            tokio::time::sleep(within).await;
            events(RemoteEvent::PrefetchDue(build));
        });
        if let Some(prefetching) = self.prefetches.get_mut(&build) {
            return prefetching.replies.push(reply);
        }
        if let Err(why) = self.demand.may_begin(link.config.wait.value, Instant::now()) {
            return refuse(reply, why);
        }
        let progress = Arc::new(Progress::default());
        let (events, shown) = (Arc::clone(&self.to_self), Arc::clone(&progress));
        let thread = std::thread::Builder::new().name("prefetch".to_owned()).spawn(move || {
            let prefetched = shield::shielded(|| prefetch::prefetch(&link, &wanted, &shown));
            let prefetched = prefetched.unwrap_or_else(|panicked| Prefetched {
                failure: Some(NoLink::defect(panicked.message)),
                ..Prefetched::default()
            });
            drop(link);
            shown.end();
            events(RemoteEvent::Prefetched { build, prefetched });
        });
        if thread.is_ok() {
            self.prefetches.insert(build, Prefetching { progress, replies: vec![reply] });
        }
    }

    /// A unit was found: fetches what else its build consisted of, unless a build is being fetched already.
    fn follow(&mut self, wanted: WantedUnit) {
        let now = Instant::now();
        let is_due = matches!(self.following, Following::NotBefore(time) if now >= time);
        let Some(link) = self.link.as_ref().filter(|_| is_due && self.prefetches.is_empty()) else { return };
        let (link, events) = (Arc::clone(link), Arc::clone(&self.to_self));
        let thread = std::thread::Builder::new().name("prefetch".to_owned()).spawn(move || {
            let progress = Progress::default();
            let prefetched = shield::shielded(|| prefetch::follow(&link, &wanted, &progress));
            let prefetched = prefetched.unwrap_or_else(|panicked| Prefetched {
                failure: Some(NoLink::defect(panicked.message)),
                ..Prefetched::default()
            });
            drop(link);
            events(RemoteEvent::Followed { n_wanted: progress.read().n_wanted, prefetched });
        });
        if thread.is_ok() {
            self.following = Following::Now;
        }
    }

    /// Nothing more will come of a build that a unit was found in.
    fn followed(&mut self, n_wanted: u64, prefetched: Prefetched) -> Vec<String> {
        let now = Instant::now();
        let pause = if n_wanted > 0 { Duration::ZERO } else { FOLLOW_PAUSE };
        self.following = Following::NotBefore(now + pause);
        let news = self.demand.ended(prefetched.failure.as_ref(), now);
        news.into_iter().chain(prefetched.refused).collect()
    }

    /// Those who wait for a build want to know how far it is.
    fn prefetch_due(&mut self, build: &BuildId) {
        if let Some(prefetching) = self.prefetches.get_mut(build) {
            let warmed = prefetching.progress.read();
            for reply in prefetching.replies.drain(..) {
                reply(Response::Warmed(warmed));
            }
        }
    }

    /// Nothing more will come for a build.
    fn prefetched(&mut self, build: &BuildId, prefetched: Prefetched) -> Vec<String> {
        let mut news: Vec<String> =
            self.demand.ended(prefetched.failure.as_ref(), Instant::now()).into_iter().collect();
        news.extend(prefetched.refused);
        self.prefetch_due(build);
        self.prefetches.remove(build);
        news
    }

    /// Sends what is queued, if it is time.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn look(&mut self) -> std::io::Result<()> {
        let Some(link) = self.writable().cloned() else { return Ok(()) };
        self.uploads.look(&link, Instant::now(), &self.to_self)
    }

    /// Sends what is queued now.
    pub fn flush(&mut self, reply: Reply) {
        if self.writable().is_none() {
            let why = "the daemon sends nothing to a remote".to_owned();
            return reply(Response::Refused { why });
        }
        self.uploads.hurry(Instant::now());
        match self.look() {
            Ok(()) => reply(Response::Done),
            Err(e) => reply(Response::Refused { why: e.to_string() }),
        }
    }
}
