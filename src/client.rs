//! A blocking client of the daemon.
//!
//! A missing daemon is not a failure: [`NoDaemon`] says why there is no answer, and the caller continues without one. A
//! hit never asks. No request takes longer than the caller allows, and connecting never longer than [`CONNECT_LIMIT`].

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{Config, Problem, Scope};
use crate::protocol::build::Build;
use crate::protocol::frame::{self, FrameError};
use crate::protocol::hello::{HELLO_BYTES, Hello};
use crate::protocol::message::{Position, Request, Response, Update};
use crate::protocol::skew::{self, Talk};
use crate::settings;
use crate::sys::dirs;
use crate::sys::env::Env;
use crate::sys::ipc::{self, Endpoint, MAX_SOCKET_PATH_BYTES, Stream};

/// The longest time that connecting may take.
pub const CONNECT_LIMIT: Duration = Duration::from_millis(50);

/// Where the daemon of this user listens and keeps its files, and its configuration. The daemon and its clients compute
/// the same address, because nothing that a build can set is part of it.
#[derive(Clone, Debug)]
pub struct DaemonAddress {
    pub endpoint: Endpoint,
    /// The directory of the lock and of `last_run`. Only this user can enter it.
    pub dir: PathBuf,
    /// The run lock: locked by the daemon as long as it runs.
    pub lock: PathBuf,
    /// The file that says whether the last daemon crashed.
    pub last_run: PathBuf,
    /// The file whose time of modification is the last start by a build.
    pub build_stamp: PathBuf,
    /// The daemon's log.
    pub log: PathBuf,
    /// The settings of the daemon.
    pub config: Config,
    /// Problems of the configuration.
    pub problems: Vec<Problem>,
}

/// No directory is known for a daemon.
#[derive(Debug, thiserror::Error)]
#[error("no directory for a daemon: neither HOME nor XDG_CACHE_HOME is set to an absolute path")]
pub struct NoAddress;

impl DaemonAddress {
    /// The address for builds of this kind: releases and development builds have daemons of their own.
    pub fn for_build(env: &Env, build: &Build) -> Result<DaemonAddress, NoAddress> {
        let env = env.only(dirs::NEUTRAL_VARIABLES);
        let (config, problems) = settings::load(&env, &[], Scope::Command);
        let cache_dir = config.cache_dir.value.clone();
        if !cache_dir.is_absolute() {
            return Err(NoAddress);
        }
        let name = if build.is_dev { "daemon-dev" } else { "daemon" };
        let candidates =
            [ipc::runtime_dir(&env).map(|dir| dir.join("kache")), Some(cache_dir.join("daemon"))];
        let dir = candidates
            .into_iter()
            .flatten()
            .find(|dir| dir.join(format!("{name}.sock")).as_os_str().len() <= MAX_SOCKET_PATH_BYTES)
            .unwrap_or_else(ipc::shared_dir);
        Ok(DaemonAddress {
            endpoint: Endpoint::new(&dir, name),
            lock: dir.join(format!("{name}.lock")),
            last_run: dir.join(format!("{name}.last-run")),
            build_stamp: dir.join(format!("{name}.for-build")),
            log: cache_dir.join(format!("{name}.log")),
            dir,
            config,
            problems,
        })
    }

    /// Whether builds need the daemon and start it: the user's configuration names a remote, and does not say otherwise.
    pub fn is_for_builds(&self) -> bool {
        let is_used = self.config.remote.as_ref().is_some_and(|remote| remote.is_used());
        is_used && self.config.start_daemon.value && self.problems.is_empty()
    }
}

/// What is said where nobody listens.
pub const NOT_RUNNING: &str = "no daemon is running";

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoDaemon {
    /// Nobody listens.
    #[error("{NOT_RUNNING}")]
    NotRunning,
    /// The listener does not answer, or belongs to another user.
    #[error("the daemon does not answer: {0}")]
    NoAnswer(#[from] FrameError),
    /// The listener does not speak the protocol.
    #[error("another program listens on the daemon's socket")]
    NotKache,
    /// The daemon is too old for this build. It was offered this build, and gave this answer.
    #[error("the daemon speaks version {daemon} of the protocol, which is too old; {answer}")]
    TooOld { daemon: u16, answer: String },
    /// The daemon is too new for this build.
    #[error("the daemon speaks version {daemon} of the protocol, which this kache does not know; update it")]
    TooNew { daemon: u16 },
}

/// The answer of a daemon, and its hello.
#[derive(Debug)]
pub struct Reply {
    pub answer: Response,
    pub daemon: Hello,
}

/// Sends `request` to the daemon at `endpoint`. A daemon that is too old for this build is offered the binary `exe`.
///
/// A daemon that exits while it is asked closes the connection without an answer. The next one may be running already, so
/// the request is sent once more.
pub fn ask(
    endpoint: &Endpoint,
    build: &Build,
    request: &Request,
    exe: Option<&Path>,
    limit: Duration,
) -> Result<Reply, NoDaemon> {
    match ask_once(endpoint, build, request, exe, limit) {
        Err(NoDaemon::NoAnswer(FrameError::Io(e))) if was_closed(&e) => {
            ask_once(endpoint, build, request, exe, limit)
        }
        result => result,
    }
}

fn was_closed(e: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(e.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

/// As [`ask`], without the second attempt.
pub fn ask_once(
    endpoint: &Endpoint,
    build: &Build,
    request: &Request,
    exe: Option<&Path>,
    limit: Duration,
) -> Result<Reply, NoDaemon> {
    let (mut stream, daemon) = greet(endpoint, build, exe, limit)?;
    frame::write(&mut stream, request)?;
    Ok(Reply { answer: frame::read(&mut stream)?, daemon })
}

/// Connects to the daemon at `endpoint` and exchanges hellos. The connection can take a request.
fn greet(
    endpoint: &Endpoint,
    build: &Build,
    exe: Option<&Path>,
    limit: Duration,
) -> Result<(Stream, Hello), NoDaemon> {
    let mut stream = match ipc::connect(endpoint, CONNECT_LIMIT) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Err(NoDaemon::NotRunning);
        }
        result => result.map_err(FrameError::from)?,
    };
    stream.set_deadline(Some(limit));
    let own = Hello::new(build);
    stream.write_all(&own.encode()).map_err(FrameError::from)?;
    let mut bytes = [0; HELLO_BYTES];
    stream.read_exact(&mut bytes).map_err(FrameError::from)?;
    let daemon = Hello::decode(&bytes).ok_or(NoDaemon::NotKache)?;
    match skew::client_talks(own.protocol, daemon.protocol) {
        Talk::Yes => Ok((stream, daemon)),
        Talk::No => Err(NoDaemon::TooNew { daemon: daemon.protocol.major }),
        Talk::OfferUpgrade => {
            let answer = match exe {
                Some(exe) => {
                    frame::write(&mut stream, &Request::Upgrade { exe: exe.to_owned() })?;
                    frame::read::<Response>(&mut stream)
                        .map_or_else(|e| e.to_string(), |answer| answer.to_string())
                }
                None => "`kache daemon restart` replaces it".to_owned(),
            };
            Err(NoDaemon::TooOld { daemon: daemon.protocol.major, answer })
        }
    }
}

/// Whether somebody listens there.
pub fn is_listening(address: &DaemonAddress) -> bool {
    ipc::connect(&address.endpoint, CONNECT_LIMIT).is_ok()
}

/// Why there is nothing of the remote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NothingOfRemote {
    /// No daemon is running. Where the user's configuration names no remote, or builds do not start the daemon, none is
    /// expected: `kache sync` is there for that.
    #[error("{NOT_RUNNING}")]
    NoDaemon { is_expected: bool },
    /// What the daemon says, or why it cannot be asked.
    #[error("{0}")]
    Because(String),
}

impl From<String> for NothingOfRemote {
    fn from(why: String) -> NothingOfRemote {
        NothingOfRemote::Because(why)
    }
}

/// Asks the daemon for something of the remote, for the store of `cache_dir`. Waits no longer than `cache.remote.wait` of the
/// user's configuration, which `request` gets.
///
/// # Errors
/// Why there is nothing: no daemon, one for another store, or what the daemon says.
pub fn ask_for_remote(
    env: &Env,
    cache_dir: &Path,
    request: impl FnOnce(Duration) -> Request,
) -> Result<Response, NothingOfRemote> {
    let build = Build::current();
    let address = DaemonAddress::for_build(env, &build).map_err(|e| e.to_string())?;
    if address.config.cache_dir.value != cache_dir {
        let place = address.config.cache_dir.value.display();
        return Err(format!("the daemon of this user serves the store at {place}").into());
    }
    let wait = address.config.remote.as_ref().map(|remote| remote.wait.value).unwrap_or_default();
    if wait.is_zero() {
        return Err("cache.remote.wait is zero".to_owned().into());
    }
    match ask_once(&address.endpoint, &build, &request(wait), None, wait) {
        Ok(Reply { answer: Response::Refused { why }, .. }) => Err(why.into()),
        Ok(Reply { answer, .. }) => Ok(answer),
        Err(NoDaemon::NotRunning) => Err(NothingOfRemote::NoDaemon { is_expected: address.is_for_builds() }),
        Err(NoDaemon::NoAnswer(FrameError::Io(e))) if is_timeout(&e) => {
            Err("the remote did not answer in time".to_owned().into())
        }
        Err(no) => Err(no.to_string().into()),
    }
}

fn is_timeout(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// Why there is no subscription.
#[derive(Debug, thiserror::Error)]
pub enum NotSubscribed {
    #[error(transparent)]
    NoDaemon(#[from] NoDaemon),
    /// The daemon is too old for that, or has too many subscribers.
    #[error("the daemon does not stream records: {why}")]
    Refused { why: String },
}

/// A subscription to the records of the daemon's store.
pub struct Subscription {
    stream: Stream,
    /// The directory whose records are streamed.
    pub records_dir: PathBuf,
}

impl Subscription {
    /// Subscribes to records as they are appended, those behind `after` first. Answering may take the daemon `limit`.
    pub fn open(
        endpoint: &Endpoint,
        build: &Build,
        after: Option<Position>,
        limit: Duration,
    ) -> Result<Subscription, NotSubscribed> {
        let (mut stream, daemon) = greet(endpoint, build, None, limit)?;
        if !skew::daemon_streams(daemon.protocol) {
            return Err(NotSubscribed::Refused { why: "it is too old for that".to_owned() });
        }
        frame::write(&mut stream, &Request::Subscribe { after }).map_err(NoDaemon::from)?;
        match frame::read(&mut stream).map_err(NoDaemon::from)? {
            Response::Subscribed { records_dir } => {
                stream.set_deadline(None);
                Ok(Subscription { stream, records_dir })
            }
            answer => Err(NotSubscribed::Refused { why: answer.to_string() }),
        }
    }

    /// Waits for the next update. An error means that the daemon exited, or was replaced.
    pub fn wait(&mut self) -> Result<Update, FrameError> {
        frame::read(&mut self.stream)
    }
}

#[cfg(test)]
mod tests;
