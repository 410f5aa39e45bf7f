//! The event loop: the only owner of the daemon's state. It handles one event after the other, without waiting for
//! anything in between.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::client::DaemonAddress;
use crate::config::remote::{CREDENTIALS, VARIABLES};
use crate::config::{RemoteSecrets, Scope, load};
use crate::daemon::binary::{self, Launch, Verdict};
use crate::daemon::cleaning::{Cleaner, STAMP};
use crate::daemon::event::{Answer, Candidate, Event, Receiver, Sender};
use crate::daemon::last_run::{LastRun, WELL_AFTER};
use crate::daemon::log::Log;
use crate::daemon::remote::event::{Events, Reply};
use crate::daemon::remote::service::RemoteService;
use crate::daemon::scrub::Scrubber;
use crate::daemon::subscription::{MAX_SUBSCRIBERS, Subscribers};
use crate::daemon::upkeep::Upkeep;
use crate::protocol::VERSION;
use crate::protocol::build::Build;
use crate::protocol::message::{ON_DEMAND, Position, Request, Response, Status};
use crate::protocol::skew::Reason;
use crate::settings;
use crate::store::Store;
use crate::sys::clock;
use crate::sys::dirs;
use crate::sys::env::Env;
use crate::sys::fs::Identity;
use crate::sys::signal::Signal;

/// How often files that may have changed are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// The part of the state that outlives a hand-over.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Life {
    pub started_ms: u64,
    pub n_handovers: u64,
    pub n_requests: u64,
    pub n_bad_peers: u64,
    /// When a hand-over was last caused by a client.
    pub followed_client_ms: Option<u64>,
}

impl Default for Life {
    fn default() -> Life {
        let started_ms = clock::now_ms();
        Life { started_ms, n_handovers: 0, n_requests: 0, n_bad_peers: 0, followed_client_ms: None }
    }
}

/// Why the event loop ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// The daemon exits.
    Stop,
    /// This binary, of this build, takes over.
    HandOver(PathBuf, Build),
}

/// A running daemon.
pub struct Daemon {
    pub address: DaemonAddress,
    pub log: Log,
    pub life: Life,
    pub launch: Launch,
    pub build: Build,
    /// Who started it.
    pub supervisor: String,
    /// Whether it exits when nobody uses it.
    pub ends_idle: bool,
    /// Whether a client has told it to exit.
    pub was_stopped: bool,
    events: Receiver,
    to_self: Sender,
    env: Env,
    /// The variables that the daemon was started with, as far as they are about the remote.
    remote_env: Env,
    remote: RemoteService,
    /// The configuration file when it was last read.
    config_file: Option<Identity>,
    upgrade_pending: Option<String>,
    is_judging: bool,
    looks_at: Instant,
    last_use: Instant,
    upkeep: Upkeep,
    scrubber: Scrubber,
    cleaner: Cleaner,
    subscribers: Subscribers,
}

impl Daemon {
    /// A daemon whose event loop has not started.
    pub fn new(
        env: &Env,
        address: DaemonAddress,
        launch: Launch,
        supervisor: &str,
        life: Life,
        channel: (Sender, Receiver),
    ) -> Daemon {
        let remote_env = env.only(&[dirs::NEUTRAL_VARIABLES, VARIABLES, CREDENTIALS].concat());
        let env = env.only(dirs::NEUTRAL_VARIABLES);
        let remote = remote_service(&remote_env, &address, &channel.0);
        let now = Instant::now();
        let ends_idle = supervisor == ON_DEMAND;
        Daemon {
            log: Log::at(&address.log, !ends_idle),
            upkeep: Upkeep::new(),
            scrubber: Scrubber::new(now),
            cleaner: Cleaner::new(now),
            subscribers: Subscribers::default(),
            life,
            launch,
            build: Build::current(),
            supervisor: supervisor.to_owned(),
            ends_idle,
            was_stopped: false,
            events: channel.1,
            to_self: channel.0,
            config_file: config_file(&env),
            env,
            remote_env,
            remote,
            upgrade_pending: None,
            is_judging: false,
            looks_at: now,
            last_use: now,
            address,
        }
    }

    /// Handles events until one ends the loop. `is_found` is called every few seconds and answers whether clients can
    /// still find this daemon.
    pub async fn work(&mut self, is_found: &mut dyn FnMut() -> bool) -> End {
        if let Some(problem) = self.remote.begin() {
            self.log.line(&problem);
        }
        loop {
            if Instant::now() >= self.looks_at {
                self.looks_at = Instant::now() + LOOK_EVERY;
                if !is_found() {
                    self.log.line("stopping: the socket was removed, or is another daemon's");
                    return End::Stop;
                }
                self.look();
            }
            if self.is_idle() {
                self.log.line("stopping: idle");
                return End::Stop;
            }
            let wait = self.looks_at.saturating_duration_since(Instant::now());
            // The channel stays open, because this holds a sender. When nothing comes, it is time to look.
            if let Ok(Some(event)) = timeout(wait, self.events.recv()).await
                && let Some(end) = self.on(event)
            {
                return end;
            }
        }
    }

    /// Handles events until [`Event::Drained`], or `limit` from now. Hand-overs that clients ask for are confirmed: one is
    /// under way. True if the daemon was told to stop.
    pub async fn drain(&mut self, limit: Duration) -> bool {
        let until = tokio::time::Instant::now() + limit;
        let mut is_stopped = false;
        while let Ok(Some(event)) = tokio::time::timeout_at(until, self.events.recv()).await {
            match event {
                Event::Drained => break,
                Event::Asked { request: Request::Upgrade { .. } | Request::Restart, reply } => {
                    respond(Some(reply), Response::Done);
                }
                Event::OtherBuild | Event::Judged { .. } => {}
                event => is_stopped |= self.on(event) == Some(End::Stop),
            }
        }
        is_stopped
    }

    /// Notes that the binary that was to take over could not.
    pub fn could_not_hand_over(&mut self, exe: &Path, why: &std::io::Error) {
        self.set_pending(format!("{}: {why}", exe.display()));
        if let Ok(identity) = Identity::at(exe) {
            self.launch.refuse(identity);
        }
    }

    fn is_idle(&self) -> bool {
        let limit = self.address.config.daemon_idle_timeout.value;
        let is_busy = self.upkeep.is_running() || self.is_judging || self.subscribers.n() > 0;
        let is_busy = is_busy || self.remote.is_busy();
        self.ends_idle && self.last_use.elapsed() >= limit && !is_busy
    }

    /// Handles one event. Only threads and tasks started here may wait.
    fn on(&mut self, event: Event) -> Option<End> {
        match event {
            Event::Asked { request, reply } => return self.asked(request, reply),
            Event::OtherBuild => self.look_at_own_file(),
            Event::BadPeer(why) => {
                self.life.n_bad_peers += 1;
                self.log.line(&format!("closed a connection: {why}"));
            }
            Event::AcceptFailed(e) => self.log.line(&format!("failed to accept a connection: {e}")),
            Event::Drained => {}
            Event::Judged { candidate, verdict } => return self.judged(candidate, verdict),
            Event::Upkept(result) => {
                if let Some(news) = self.upkeep.ended(result) {
                    self.log.line(&news);
                }
            }
            Event::Scrubbed(result) => {
                for line in self.scrubber.ended(result, Instant::now()) {
                    self.log.line(&line);
                }
            }
            Event::Cleaned(result) => {
                for line in self.cleaner.ended(result) {
                    self.log.line(&line);
                }
            }
            Event::Remote(event) => {
                for line in self.remote.on(event) {
                    self.log.line(&line);
                }
            }
            Event::Signal(Signal::Reload) => self.reload(),
            Event::Signal(Signal::Stop) => {
                self.log.line("stopping: received a signal");
                return Some(End::Stop);
            }
        }
        None
    }

    fn asked(&mut self, request: Request, reply: oneshot::Sender<Answer>) -> Option<End> {
        self.life.n_requests += 1;
        self.last_use = Instant::now();
        match request {
            Request::Status => respond(Some(reply), Response::Status(Box::new(self.status()))),
            Request::Stop => {
                respond(Some(reply), Response::Done);
                self.log.line("stopping: requested by a client");
                self.was_stopped = true;
                return Some(End::Stop);
            }
            Request::Restart => {
                let exe = self.launch.path.clone();
                self.judge(exe, Reason::Asked, Some(reply));
            }
            Request::Upgrade { exe } => {
                let now = clock::now_ms();
                let since = self.life.followed_client_ms.map(|then| now.saturating_sub(then));
                let reason = Reason::Client { since_last: since.map(Duration::from_millis) };
                self.judge(exe, reason, Some(reply));
            }
            Request::Subscribe { after } => self.subscribe(after, reply),
            Request::Fetch(wanted) => self.remote.fetch(wanted, responder(reply)),
            Request::Prefetch(wanted) => self.remote.prefetch(wanted, responder(reply)),
            Request::Flush => self.remote.flush(responder(reply)),
        }
        None
    }

    fn subscribe(&self, after: Option<Position>, reply: oneshot::Sender<Answer>) {
        let records_dir = Store::records_dir(&self.address.config.cache_dir.value);
        match self.subscribers.admit(&records_dir, after) {
            // If the client is gone, so is its subscription.
            Some(subscription) => drop(reply.send(Answer::Stream(subscription))),
            None => {
                let why = format!("{MAX_SUBSCRIBERS} clients are subscribed already");
                respond(Some(reply), Response::Refused { why });
            }
        }
    }

    fn status(&self) -> Status {
        Status {
            build: self.build.clone(),
            protocol: VERSION,
            pid: std::process::id(),
            exe: self.launch.path.clone(),
            supervisor: self.supervisor.clone(),
            uptime_ms: clock::now_ms().saturating_sub(self.life.started_ms),
            n_handovers: self.life.n_handovers,
            n_requests: self.life.n_requests,
            n_bad_peers: self.life.n_bad_peers,
            upgrade_pending: self.upgrade_pending.clone(),
            cache_dir: self.address.config.cache_dir.value.clone(),
            config_problems: self.address.problems.iter().map(ToString::to_string).collect(),
            config_fingerprint: Some(self.address.config.fingerprint()),
            idle_timeout_ms: self
                .ends_idle
                .then_some(self.address.config.daemon_idle_timeout.value.as_millis() as u64),
            upkeep: self.upkeep.status(),
            n_subscribers: self.subscribers.n() as u64,
            log: self.address.log.clone(),
            remote: self.remote.status(),
        }
    }

    fn look(&mut self) {
        self.look_at_own_file();
        if config_file(&self.env) != self.config_file {
            self.reload();
        }
        if clock::now_ms().saturating_sub(self.life.started_ms) > WELL_AFTER.as_millis() as u64 {
            let run = LastRun::read(&self.address.last_run);
            if run.n_crashes > 0 {
                LastRun { n_crashes: 0, ..run }.write(&self.address.last_run);
            }
        }
        if self.subscribers.n() > 0 {
            self.last_use = Instant::now();
        }
        // With half a configuration, the size limit or even the store may be wrong.
        if self.address.problems.is_empty() {
            if let Err(e) = self.upkeep.look(&self.address.config, &self.to_self) {
                self.log.line(&format!("failed to start the upkeep thread: {e}"));
            }
            let cache_dir = &self.address.config.cache_dir.value;
            if let Err(e) = self.scrubber.look(cache_dir, Instant::now(), &self.to_self) {
                self.log.line(&format!("failed to start the scrub thread: {e}"));
            }
            let stamp = self.address.last_run.with_file_name(STAMP);
            let exe = &self.launch.path;
            if let Err(e) =
                self.cleaner.look(&self.address.config, exe, &stamp, Instant::now(), &self.to_self)
            {
                self.log.line(&format!("failed to start the clean thread: {e}"));
            }
            if let Err(e) = self.remote.look() {
                self.log.line(&format!("failed to start the upload thread: {e}"));
            }
        }
    }

    fn look_at_own_file(&mut self) {
        if !self.is_judging && self.launch.changed().is_some() {
            self.judge(self.launch.path.clone(), Reason::Replaced, None);
        }
    }

    /// Has a binary checked by a thread: that may take a while, and clients are served meanwhile.
    fn judge(&mut self, exe: PathBuf, reason: Reason, reply: Option<oneshot::Sender<Answer>>) {
        if self.is_judging {
            let why = "busy: another binary is being checked; try again".to_owned();
            return respond(reply, Response::Refused { why });
        }
        let identity = match Identity::at(&exe) {
            Ok(identity) => identity,
            Err(e) => {
                let why = format!("{}: {e}", exe.display());
                return respond(reply, Response::Refused { why });
            }
        };
        let candidate = Candidate { exe, identity, reason, reply };
        let (running, to_self) = (self.build.clone(), self.to_self.clone());
        let judge = std::thread::Builder::new().name("judge".to_owned()).spawn(move || {
            let verdict = binary::judge(&candidate.exe, &running, reason);
            let _ = to_self.send(Event::Judged { candidate, verdict });
        });
        match judge {
            Ok(_) => self.is_judging = true,
            // The reply is dropped with the thread's closure, so the client does not wait.
            Err(e) => self.log.line(&format!("failed to start the thread that checks binaries: {e}")),
        }
    }

    fn judged(&mut self, candidate: Candidate, verdict: Verdict) -> Option<End> {
        self.is_judging = false;
        let Candidate { exe, identity, reason, reply } = candidate;
        match verdict {
            Verdict::Go(other) => {
                respond(reply, Response::Done);
                if matches!(reason, Reason::Client { .. }) {
                    self.life.followed_client_ms = Some(clock::now_ms());
                }
                return Some(End::HandOver(exe, other));
            }
            Verdict::Same => {
                if reason == Reason::Replaced {
                    self.launch.mark_known(identity);
                    self.upgrade_pending = None;
                }
                respond(reply, Response::Refused { why: "this build runs already".to_owned() });
            }
            Verdict::No(decision) => {
                respond(reply, Response::Refused { why: format!("that build {decision}") });
            }
            Verdict::Cannot(unfit) => {
                let why = unfit.to_string();
                if reason == Reason::Replaced {
                    self.launch.refuse(identity);
                    self.set_pending(why.clone());
                }
                respond(reply, Response::Refused { why });
            }
        }
        None
    }

    fn set_pending(&mut self, why: String) {
        if self.upgrade_pending.as_ref() != Some(&why) {
            self.log.line(&format!("upgrade pending, staying with {}: {why}", self.build));
        }
        self.upgrade_pending = Some(why);
    }

    /// Reloads the configuration. The address of this daemon does not change while it runs.
    fn reload(&mut self) {
        self.config_file = config_file(&self.env);
        let Ok(read) = DaemonAddress::for_build(&self.env, &self.build) else { return };
        for problem in &read.problems {
            self.log.line(&format!("configuration: {problem}"));
        }
        if read.problems.iter().any(crate::config::Problem::loses_file) {
            self.log.line("configuration: unreadable; keeping the previous one");
        } else {
            self.log.line("configuration: reloaded");
            self.address.config = read.config;
            self.remote = remote_service(&self.remote_env, &self.address, &self.to_self);
            if let Some(problem) = self.remote.begin() {
                self.log.line(&problem);
            }
        }
        self.address.problems = read.problems;
        self.last_use = Instant::now();
    }
}

/// The remote of the user's settings: those in the file, and those in the environment that the daemon was started with.
fn remote_service(env: &Env, address: &DaemonAddress, to_self: &Sender) -> RemoteService {
    let (config, _) = settings::load(env, &[], Scope::Command);
    let secrets = RemoteSecrets::from_env(&|name| env.get(name).map(std::ffi::OsStr::to_os_string));
    let to_self = to_self.clone();
    let events: Events = Arc::new(move |event| drop(to_self.send(Event::Remote(event))));
    RemoteService::new(&address.config, config.remote, secrets, &events)
}

/// Answers a client once.
fn responder(reply: oneshot::Sender<Answer>) -> Reply {
    Box::new(move |response| respond(Some(reply), response))
}

/// Answers a client, if one waits.
fn respond(reply: Option<oneshot::Sender<Answer>>, response: Response) {
    if let Some(reply) = reply {
        let _ = reply.send(Answer::Once(response));
    }
}

fn config_file(env: &Env) -> Option<Identity> {
    let file =
        load::user_file_path(&|name| env.get(name).map(std::ffi::OsStr::to_os_string)).ok().flatten()?;
    Identity::at(&file.path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc::unbounded_channel;

    /// A daemon that was started on demand, and the sender of its events.
    fn daemon(home: &Path) -> (Daemon, Sender) {
        let home = home.to_str().expect("is text");
        let env = Env::with_vars(&[("HOME", home), ("LOCALAPPDATA", home)]);
        let address = DaemonAddress::for_build(&env, &Build::current()).expect("there is a home");
        let launch = Launch::new(&env, Some("/missing/kache".into()));
        let (sender, receiver) = unbounded_channel();
        let channel = (sender.clone(), receiver);
        (Daemon::new(&env, address, launch, ON_DEMAND, Life::default(), channel), sender)
    }

    fn asked(request: Request) -> (Event, oneshot::Receiver<Answer>) {
        let (reply, answer) = oneshot::channel();
        (Event::Asked { request, reply }, answer)
    }

    #[test]
    fn a_daemon_with_a_subscriber_is_not_idle() {
        let home = tempfile::tempdir().expect("temporary directory");
        let (mut daemon, _) = daemon(home.path());
        daemon.address.config.daemon_idle_timeout.value = Duration::ZERO;
        assert!(daemon.is_idle());
        let (event, mut answer) = asked(Request::Subscribe { after: None });
        assert_eq!(daemon.on(event), None);
        let Ok(Answer::Stream(subscription)) = answer.try_recv() else { panic!("another answer") };
        assert!(subscription.records_dir.starts_with(&daemon.address.config.cache_dir.value));
        assert!(!daemon.is_idle());
        assert_eq!(daemon.status().n_subscribers, 1);
        drop(subscription);
        assert!(daemon.is_idle());
        // A client that is gone before it is answered takes no place.
        drop(answer);
        let (event, answer) = asked(Request::Subscribe { after: None });
        drop(answer);
        daemon.on(event);
        assert_eq!(daemon.status().n_subscribers, 0);
    }

    /// Before, a stop that came while connections were drained for a hand-over was confirmed and forgotten.
    #[test]
    fn a_stop_during_a_hand_over_is_not_forgotten() {
        let home = tempfile::tempdir().expect("temporary directory");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("starts");
        for (request, is_stop) in [(Request::Restart, false), (Request::Status, false), (Request::Stop, true)]
        {
            let (mut daemon, sender) = daemon(home.path());
            let (event, mut answer) = asked(request.clone());
            sender.send(event).expect("is received");
            sender.send(Event::Drained).expect("is received");
            let is_stopped = runtime.block_on(daemon.drain(Duration::from_secs(60)));
            assert_eq!(is_stopped, is_stop, "{request:?}");
            assert!(answer.try_recv().is_ok(), "{request:?} was not answered");
        }
    }
}
