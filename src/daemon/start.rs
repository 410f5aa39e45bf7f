//! Starts a daemon without a supervisor, and waits for daemons.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::client::{self, DaemonAddress, NoDaemon, Reply};
use crate::config::remote::{CREDENTIALS, VARIABLES};
use crate::daemon::binary;
use crate::daemon::last_run::LastRun;
use crate::daemon::run;
use crate::protocol::build::Build;
use crate::protocol::message::{Request, Response, Status};
use crate::sys::env::Env;
use crate::sys::{clock, dirs, process};

/// How long a daemon that was started may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long a hand-over may take.
const CHANGE_LIMIT: Duration = Duration::from_secs(15);
const ASK_LIMIT: Duration = Duration::from_secs(3);

/// Why no daemon was started.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    #[error(
        "the daemon crashed {n_crashes} times in a row soon after it started; the next attempt is in {} s", pause.as_secs().max(1)
    )]
    Crashes { n_crashes: u32, pause: Duration },
    #[error("failed to start the daemon: {0}")]
    System(#[from] std::io::Error),
    #[error("the daemon exited right after it started")]
    Ended { pid: u32 },
    #[error("the daemon started, but did not answer within {} s", START_LIMIT.as_secs())]
    NoAnswer { pid: u32 },
}

impl NotStarted {
    /// The process that was started.
    pub fn pid(&self) -> Option<u32> {
        match self {
            NotStarted::Ended { pid } | NotStarted::NoAnswer { pid } => Some(*pid),
            NotStarted::Crashes { .. } | NotStarted::System(_) => None,
        }
    }
}

/// Asks the daemon for its status.
pub fn status(address: &DaemonAddress, build: &Build) -> Result<Status, NoDaemon> {
    match client::ask(&address.endpoint, build, &Request::Status, None, ASK_LIMIT)? {
        Reply { answer: Response::Status(status), .. } => Ok(*status),
        _ => Err(NoDaemon::NotKache),
    }
}

/// Starts a daemon from the binary at `exe`, unless one is running, and waits until it answers.
///
/// The daemon inherits nothing from this process: no descriptor, no terminal, and no variable but those that say where the
/// user's files are and, because a person or a job runs this, how the remote is reached.
pub fn on_demand(
    address: &DaemonAddress,
    build: &Build,
    exe: &Path,
    env: &Env,
) -> Result<Status, NotStarted> {
    if let Ok(status) = status(address, build) {
        return Ok(status);
    }
    let last_run = LastRun::read(&address.last_run);
    let pause = last_run.pause(clock::now_ms());
    if !pause.is_zero() && !run::is_running(address) {
        return Err(NotStarted::Crashes { n_crashes: last_run.n_crashes_until_now(), pause });
    }
    let program = binary::to_run(exe, build, env)?;
    let mut named = OsString::from("--exe=");
    named.push(exe);
    let args = ["daemon".into(), "run".into(), named];
    let vars = env.kept(&is_for_daemon);
    let mut child = process::spawn_detached_with(program.as_os_str(), &args, &vars)?;
    let pid = child.id();
    let until = Instant::now() + START_LIMIT;
    loop {
        let has_ended = matches!(child.try_wait(), Ok(Some(_)));
        match status(address, build) {
            Ok(status) => return Ok(status),
            // Of two daemons that are started at once, one exits because the other is running.
            Err(_) if has_ended && !run::is_running(address) => return Err(NotStarted::Ended { pid }),
            Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            Err(_) => return Err(NotStarted::NoAnswer { pid }),
        }
    }
}

/// Variables by which the tools of Amazon, proxies and certificates are configured.
const OF_CLIENTS: [&str; 10] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

fn is_for_daemon(name: &str) -> bool {
    let lists = [dirs::NEUTRAL_VARIABLES, VARIABLES, CREDENTIALS, &OF_CLIENTS];
    name.starts_with("AWS_") || lists.iter().any(|list| list.contains(&name))
}

/// Waits until a daemon that was started answers. An error is that of the last attempt.
pub fn wait_for_answer(address: &DaemonAddress, build: &Build) -> Result<Status, NoDaemon> {
    let until = Instant::now() + START_LIMIT;
    loop {
        match status(address, build) {
            Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            answer => return answer,
        }
    }
}

/// Why a daemon did not hand over.
#[derive(Debug, thiserror::Error)]
pub enum NotChangedOver {
    #[error(transparent)]
    NoDaemon(#[from] NoDaemon),
    /// It keeps running as it was.
    #[error("{0}")]
    GoesOn(String),
}

/// Waits until the daemon has handed over, and returns its status then. `status` asks it; requests during the hand-over
/// are answered by the old or the new build.
pub fn changed_over(
    before: &Status,
    status: &mut dyn FnMut() -> Result<Status, NoDaemon>,
) -> Result<Status, NotChangedOver> {
    let until = Instant::now() + CHANGE_LIMIT;
    loop {
        let now = status()?;
        if now.n_handovers > before.n_handovers {
            return Ok(now);
        }
        if now.upgrade_pending != before.upgrade_pending || Instant::now() >= until {
            let why = now.upgrade_pending.unwrap_or_else(|| "the daemon kept its build".to_owned());
            return Err(NotChangedOver::GoesOn(why));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until no daemon is running. False if one still is after `limit`.
pub fn wait_for_end(address: &DaemonAddress, limit: Duration) -> bool {
    let until = Instant::now() + limit;
    while run::is_running(address) {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}
