//! What the daemon exchanges with the remote, asked again and again, and what builds got from there.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::client::{self, DaemonAddress};
use crate::config::Config;
use crate::outcome::{Origin, Outcome};
use crate::protocol::build::Build;
use crate::protocol::message::{RemoteStatus, Request, Response};
use crate::remote::queue::Queue;
use crate::report::advice;
use crate::run::record::Record;
use crate::sys::env::Env;

/// How often the daemon is asked.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// How long it may take to answer.
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// The newest units that are kept for the list.
const MOST_UNITS: usize = 500;

/// The exchange with the remote.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transfer {
    pub status: Status,
    /// Bytes per second that were sent and received between the last two answers of the daemon.
    pub rates: Option<(f64, f64)>,
    /// The newest first.
    pub units: Vec<TransferRow>,
}

/// What is known of the daemon's side.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Status {
    /// No remote is configured.
    #[default]
    NoRemote,
    /// No daemon answers for this store. What is queued is sent when one runs.
    NoDaemon {
        n_queued: usize,
    },
    Daemon(Box<RemoteStatus>),
}

/// A unit that came from the remote, or could not.
#[derive(Clone, Debug, PartialEq)]
pub struct TransferRow {
    pub is_fetched: bool,
    pub title: String,
    /// How long the build waited for it.
    pub waited_ms: u64,
    pub detail: String,
}

impl Transfer {
    /// Takes a record, if it tells of the remote.
    pub fn add(&mut self, record: &Record) {
        let is_fetched = matches!(record.outcome, Outcome::Hit { origin: Origin::Remote });
        if !is_fetched && record.not_fetched.is_none() {
            return;
        }
        let row = TransferRow {
            is_fetched,
            title: advice::title(record),
            waited_ms: record.times.fetch_us / 1000,
            detail: record.not_fetched.clone().unwrap_or_default(),
        };
        self.units.insert(0, row);
        self.units.truncate(MOST_UNITS);
    }

    /// Takes an answer of the daemon, `since` after the one before.
    pub fn update(&mut self, status: Status, since: Option<Duration>) {
        self.rates = match (&self.status, &status, since) {
            (Status::Daemon(before), Status::Daemon(now), Some(since)) if !since.is_zero() => Some((
                now.sent_bytes.saturating_sub(before.sent_bytes) as f64 / since.as_secs_f64(),
                now.received_bytes.saturating_sub(before.received_bytes) as f64 / since.as_secs_f64(),
            )),
            _ => None,
        };
        self.status = status;
    }
}

/// Asks the daemon of this store what it does with the remote.
pub fn ask(env: &Env, config: &Config) -> Status {
    if !config.has_remote {
        return Status::NoRemote;
    }
    let build = Build::current();
    let answer = DaemonAddress::for_build(env, &build)
        .ok()
        .and_then(|address| client::ask(&address.endpoint, &build, &Request::Status, None, ASK_LIMIT).ok());
    match answer.map(|reply| reply.answer) {
        Some(Response::Status(status)) if status.cache_dir == config.cache_dir.value => {
            status.remote.map_or(Status::NoRemote, |remote| Status::Daemon(Box::new(remote)))
        }
        _ => Status::NoDaemon { n_queued: Queue::at(&config.cache_dir.value).pending().len() },
    }
}

/// Asks until nobody takes the answers any more. Each comes with the time since the one before.
pub fn ask_repeatedly(env: &Env, config: &Config, answers: &Sender<(Status, Option<Duration>)>) {
    let mut before: Option<Instant> = None;
    loop {
        let status = ask(env, config);
        let now = Instant::now();
        let since = before.replace(now).map(|before| now.duration_since(before));
        if answers.send((status, since)).is_err() {
            return;
        }
        std::thread::sleep(ASK_EVERY);
    }
}
