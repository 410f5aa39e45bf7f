//! The event loop: the only owner of the daemon's state. It handles one event after the other.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::client::DaemonAddress;
use crate::config::load;
use crate::daemon::binary::{self, Launch, Verdict};
use crate::daemon::event::{Candidate, Event};
use crate::daemon::last_run::{LastRun, WELL_AFTER};
use crate::daemon::log::Log;
use crate::daemon::scrub::Scrubber;
use crate::daemon::upkeep::Upkeep;
use crate::protocol::VERSION;
use crate::protocol::build::Build;
use crate::protocol::message::{ON_DEMAND, Request, Response, Status};
use crate::protocol::skew::Reason;
use crate::sys::clock;
use crate::sys::dirs;
use crate::sys::env::Env;
use crate::sys::fs::Identity;
use crate::sys::signal::Signal;

/// How often files are looked at that may have changed.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// What outlives a hand-over.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Life {
    pub started_ms: u64,
    pub n_handovers: u64,
    pub n_requests: u64,
    pub n_bad_peers: u64,
    /// When a client last brought another build up that took over.
    pub followed_client_ms: Option<u64>,
}

impl Default for Life {
    fn default() -> Life {
        let started_ms = clock::now_ms();
        Life { started_ms, n_handovers: 0, n_requests: 0, n_bad_peers: 0, followed_client_ms: None }
    }
}

/// How a daemon goes on after its loop.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// It ends.
    Stop,
    /// This binary, of this build, takes over.
    HandOver(PathBuf, Build),
}

/// A daemon at work.
pub struct Daemon {
    pub address: DaemonAddress,
    pub log: Log,
    pub life: Life,
    pub launch: Launch,
    pub build: Build,
    /// Who started it.
    pub supervisor: String,
    /// Whether it ends when nobody needs it.
    pub ends_idle: bool,
    events: Receiver<Event>,
    to_self: Sender<Event>,
    env: Env,
    /// The configuration file as it was read.
    config_file: Option<Identity>,
    upgrade_pending: Option<String>,
    is_judging: bool,
    looks_at: Instant,
    last_use: Instant,
    upkeep: Upkeep,
    scrubber: Scrubber,
}

impl Daemon {
    /// A daemon that has not begun.
    pub fn new(
        env: &Env,
        address: DaemonAddress,
        launch: Launch,
        supervisor: &str,
        life: Life,
        channel: (Sender<Event>, Receiver<Event>),
    ) -> Daemon {
        let env = env.only(dirs::NEUTRAL_VARIABLES);
        let now = Instant::now();
        let ends_idle = supervisor == ON_DEMAND;
        Daemon {
            log: Log::at(&address.log, !ends_idle),
            upkeep: Upkeep::new(),
            scrubber: Scrubber::new(now),
            life,
            launch,
            build: Build::current(),
            supervisor: supervisor.to_owned(),
            ends_idle,
            events: channel.1,
            to_self: channel.0,
            config_file: config_file(&env),
            env,
            upgrade_pending: None,
            is_judging: false,
            looks_at: now,
            last_use: now,
            address,
        }
    }

    /// Works until it is to end. `look` is called every few seconds; false means that nobody can find it any more.
    pub fn work(&mut self, look: &mut dyn FnMut() -> bool) -> End {
        loop {
            if Instant::now() >= self.looks_at {
                self.looks_at = Instant::now() + LOOK_EVERY;
                if !look() {
                    self.log.line(
                        "another daemon listens in place of this one, or the socket was removed: ending",
                    );
                    return End::Stop;
                }
                self.look();
            }
            if self.is_idle() {
                self.log.line("idle: ending");
                return End::Stop;
            }
            let wait = self.looks_at.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(wait) {
                Ok(event) => {
                    if let Some(end) = self.on(event) {
                        return end;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    /// Answers what is still asked, until `is_over` or `limit` from now.
    pub fn drain(&mut self, is_over: &dyn Fn() -> bool, limit: Duration) {
        let until = Instant::now() + limit;
        while !is_over() && Instant::now() < until {
            match self.events.recv_timeout(Duration::from_millis(1)) {
                // It is being done.
                Ok(Event::Asked { request: Request::Upgrade { .. } | Request::Restart, reply }) => {
                    let _ = reply.send(Response::Done);
                }
                Ok(event @ (Event::Asked { .. } | Event::BadPeer(_) | Event::Upkept(_))) => {
                    let _ = self.on(event);
                }
                _ => {}
            }
        }
    }

    /// The binary that was to take over could not: why.
    pub fn could_not_hand_over(&mut self, exe: &std::path::Path, why: &str) {
        self.pending(format!("{}: {why}", exe.display()));
        if let Ok(identity) = Identity::at(exe) {
            self.launch.refuse(identity);
        }
    }

    fn is_idle(&self) -> bool {
        let limit = self.address.config.daemon_idle_timeout.value;
        self.ends_idle && self.last_use.elapsed() >= limit && !self.upkeep.is_running() && !self.is_judging
    }

    fn on(&mut self, event: Event) -> Option<End> {
        match event {
            Event::Asked { request, reply } => return self.asked(request, reply),
            Event::OtherBuild => self.look_at_own_file(),
            Event::BadPeer(why) => {
                self.life.n_bad_peers += 1;
                self.log.line(&format!("closed a connection: {why}"));
            }
            Event::AcceptFailed(why) => self.log.line(&format!("cannot accept: {why}")),
            Event::Judged { candidate, verdict } => return self.judged(candidate, verdict),
            Event::Upkept(result) => {
                if let Some(said) = self.upkeep.ended(result) {
                    self.log.line(&said);
                }
            }
            Event::Scrubbed(result) => {
                let said = self.scrubber.ended(result, Instant::now());
                said.iter().for_each(|line| self.log.line(line));
            }
            Event::Signal(Signal::Reload) => self.reload(),
            Event::Signal(Signal::Stop) => {
                self.log.line("stopped by a signal");
                return Some(End::Stop);
            }
        }
        None
    }

    fn asked(&mut self, request: Request, reply: Sender<Response>) -> Option<End> {
        self.life.n_requests += 1;
        self.last_use = Instant::now();
        match request {
            Request::Status => drop(reply.send(Response::Status(Box::new(self.status())))),
            Request::Stop => {
                let _ = reply.send(Response::Done);
                self.log.line("asked to end");
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
        }
        None
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
            log: self.address.log.clone(),
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
        // With half a configuration, the limit may be another, and so may the store.
        if self.address.problems.is_empty() {
            if let Err(e) = self.upkeep.look(&self.address.config, &self.to_self) {
                self.log.line(&format!("failed to start the upkeep thread: {e}"));
            }
            let cache_dir = &self.address.config.cache_dir.value;
            if let Err(e) = self.scrubber.look(cache_dir, Instant::now(), &self.to_self) {
                self.log.line(&format!("failed to start the scrub thread: {e}"));
            }
        }
    }

    fn look_at_own_file(&mut self) {
        if !self.is_judging && self.launch.changed().is_some() {
            self.judge(self.launch.path.clone(), Reason::Replaced, None);
        }
    }

    /// Has a binary checked in a thread: it may take its time, and clients are served meanwhile.
    fn judge(&mut self, exe: PathBuf, reason: Reason, reply: Option<Sender<Response>>) {
        if self.is_judging {
            let why = "busy: another binary is being checked; try again".to_owned();
            return respond(reply.as_ref(), Response::Refused { why });
        }
        let identity = match Identity::at(&exe) {
            Ok(identity) => identity,
            Err(e) => {
                let why = format!("{}: {e}", exe.display());
                return respond(reply.as_ref(), Response::Refused { why });
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
            // The reply is dropped with it: the client sees that the daemon is ending.
            Err(e) => self.log.line(&format!("failed to start the thread that checks binaries: {e}")),
        }
    }

    fn judged(&mut self, candidate: Candidate, verdict: Verdict) -> Option<End> {
        self.is_judging = false;
        let Candidate { exe, identity, reason, reply } = candidate;
        let reply = reply.as_ref();
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
            Verdict::Cannot(why) => {
                if reason == Reason::Replaced {
                    self.launch.refuse(identity);
                    self.pending(why.clone());
                }
                respond(reply, Response::Refused { why });
            }
        }
        None
    }

    fn pending(&mut self, why: String) {
        if self.upgrade_pending.as_ref() != Some(&why) {
            self.log.line(&format!("upgrade pending, staying with {}: {why}", self.build));
        }
        self.upgrade_pending = Some(why);
    }

    /// Reads the configuration again. Where this daemon listens does not change while it runs.
    fn reload(&mut self) {
        self.config_file = config_file(&self.env);
        let Ok(read) = DaemonAddress::for_build(&self.env, &self.build) else { return };
        for problem in &read.problems {
            self.log.line(&format!("configuration: {problem}"));
        }
        if read.problems.iter().any(crate::config::Problem::loses_file) {
            self.log.line("configuration: going on with what it was before");
        } else {
            self.log.line("configuration: read again");
            self.address.config = read.config;
        }
        self.address.problems = read.problems;
        self.last_use = Instant::now();
    }
}

/// Answers a client, if one waits.
fn respond(reply: Option<&Sender<Response>>, response: Response) {
    if let Some(reply) = reply {
        let _ = reply.send(response);
    }
}

fn config_file(env: &Env) -> Option<Identity> {
    let file =
        load::user_file_path(&|name| env.get(name).map(std::ffi::OsStr::to_os_string)).ok().flatten()?;
    Identity::at(&file.path).ok()
}
