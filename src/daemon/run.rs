//! The life of a daemon: it starts or takes over, works, and exits or hands over.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::unbounded_channel;

use crate::client::{self, DaemonAddress, NoDaemon};
use crate::config::remote::CREDENTIALS;
use crate::daemon::binary::{self, Launch};
use crate::daemon::event::{Event, Sender};
use crate::daemon::event_loop::{Daemon, End, Life};
use crate::daemon::last_run::LastRun;
use crate::daemon::log::Log;
use crate::daemon::serve::{Acceptor, Connections};
use crate::protocol::build::Build;
use crate::protocol::hello::Hello;
use crate::protocol::message::{ON_DEMAND, Request};
use crate::sys::env::Env;
use crate::sys::fs;
use crate::sys::ipc::{self, BindError, Inherited, Listener};
use crate::sys::lock::{self, FileLock, RunLock};
use crate::sys::readiness::{self, Notice};
use crate::sys::{clock, process, signal};

/// How long a daemon waits for the previous one to exit.
const LOCK_LIMIT: Duration = Duration::from_secs(10);
/// How long a running daemon may take to answer.
const HEAR_LIMIT: Duration = Duration::from_secs(1);
/// How long connections that were accepted may delay a hand-over or an exit.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// How a daemon is started.
#[derive(Debug, Default)]
pub struct Options {
    /// Who restarts it; `None` is nobody.
    pub supervisor: Option<String>,
    /// The path of the binary to watch for changes, if it is not the path by which this process was called.
    pub exe: Option<PathBuf>,
    /// What the previous build passed on.
    pub handover: Option<String>,
}

/// Why a daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum CannotRun {
    #[error(transparent)]
    NoAddress(#[from] crate::client::NoAddress),
    #[error("a daemon is already running")]
    RunsAlready,
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: std::io::Error },
    #[error("failed to lock {}: {error}; move that file away, or make it writable", path.display())]
    Lock { path: PathBuf, error: std::io::Error },
    #[error("failed to take over from the previous build: {0}")]
    NotInherited(#[from] NotInherited),
    #[error(transparent)]
    System(#[from] std::io::Error),
}

/// Why nothing could be taken over from the previous build.
#[derive(Debug, thiserror::Error)]
pub enum NotInherited {
    #[error("{0}")]
    NotUnderstood(#[from] serde_json::Error),
    #[error("it was taken over before")]
    AlreadyTaken,
    #[error("{0}")]
    System(std::io::Error),
}

/// What one build passes on to the next.
#[derive(Serialize, Deserialize)]
struct Inheritance {
    /// How to find listener and lock.
    passed: String,
    life: Life,
}

/// Runs a daemon until it exits, or another build takes over.
pub fn run(env: &Env, options: Options) -> Result<(), CannotRun> {
    let build = Build::current();
    let address = DaemonAddress::for_build(env, &build)?;
    let log = Log::at(&address.log, false);
    let result = run_on_this_thread(begin(env, options, build, address));
    // Nobody may see the error stream.
    result.inspect_err(|e| log.line(&format!("failed to run: {e}")))
}

/// One thread is enough: there are few requests at a time, and whatever takes long has a thread of its own.
fn run_on_this_thread(daemon: impl Future<Output = Result<(), CannotRun>>) -> Result<(), CannotRun> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(daemon);
    // Work that can be interrupted anywhere is not waited for.
    runtime.shutdown_background();
    result
}

async fn begin(env: &Env, options: Options, build: Build, address: DaemonAddress) -> Result<(), CannotRun> {
    // The process that started it may have passed credentials.
    process::leave_no_core();
    ipc::private_dir(&address.dir).map_err(|error| CannotRun::Io { path: address.dir.clone(), error })?;
    let is_handed_over = options.handover.is_some();
    let inherited = Inherited::claim();
    let (listener, lock, life) = match &options.handover {
        Some(text) => take_over(inherited, text, &address)?,
        None => {
            let lock = sole_daemon(&address, &build)?;
            let activated =
                inherited.map(|inherited| inherited.activated(env, &address.endpoint)).transpose()?;
            let listener = match activated.flatten() {
                Some(listener) => listener,
                None => Listener::bind(&address.endpoint)?,
            };
            (listener, RunLock::Held(lock), Life::default())
        }
    };
    if !is_handed_over {
        let last_run = LastRun::read(&address.last_run);
        last_run.next(clock::now_ms(), options.supervisor.is_some()).write(&address.last_run);
    }
    if options.supervisor.is_some() {
        process::leave_console();
    }
    let supervisor = options.supervisor.unwrap_or_else(|| ON_DEMAND.to_owned());
    let (events, received) = unbounded_channel();
    let for_signals = events.clone();
    signal::watch(move |signal| drop(for_signals.send(Event::Signal(signal))))?;
    let launch = Launch::new(env, options.exe);
    let daemon = Daemon::new(env, address, launch, &supervisor, life, (events.clone(), received));
    let verb = if is_handed_over { "took over" } else { "started" };
    daemon.log.line(&format!("{verb}: {build}, by {supervisor}, at {}", daemon.launch.path.display()));
    for problem in &daemon.address.problems {
        daemon.log.line(&format!("configuration: {problem}"));
    }
    let running = Running { daemon, listener: Arc::new(listener), lock, events, env: env.clone() };
    running.until_the_end().await
}

fn take_over(
    inherited: Option<Inherited>,
    text: &str,
    address: &DaemonAddress,
) -> Result<(Listener, RunLock, Life), CannotRun> {
    let inheritance: Inheritance = serde_json::from_str(text).map_err(NotInherited::from)?;
    let (listener, lock) = inherited
        .ok_or(NotInherited::AlreadyTaken)?
        .take_over(&inheritance.passed, &address.endpoint, &address.lock)
        .map_err(NotInherited::System)?;
    process::say_ready();
    let mut life = inheritance.life;
    life.n_handovers += 1;
    Ok((listener, lock, life))
}

/// Takes the run lock, which makes this the only daemon. Waits for another one that is exiting.
fn sole_daemon(address: &DaemonAddress, build: &Build) -> Result<FileLock, CannotRun> {
    let until = Instant::now() + LOCK_LIMIT;
    loop {
        let lock = lock::try_lock(&address.lock);
        if let Some(lock) = lock.map_err(|error| CannotRun::Lock { path: address.lock.clone(), error })? {
            return Ok(lock);
        }
        // A daemon that is exiting may still have its socket, but answers nobody.
        let answer = client::ask(&address.endpoint, build, &Request::Status, None, HEAR_LIMIT);
        let is_heard = matches!(answer, Ok(_) | Err(NoDaemon::TooOld { .. } | NoDaemon::TooNew { .. }));
        if is_heard || Instant::now() >= until {
            return Err(CannotRun::RunsAlready);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Running {
    daemon: Daemon,
    listener: Arc<Listener>,
    lock: RunLock,
    events: Sender,
    env: Env,
}

impl Running {
    async fn until_the_end(mut self) -> Result<(), CannotRun> {
        let connections = Connections::new(self.events.clone(), Hello::new(&self.daemon.build));
        readiness::notify(Notice::Ready);
        loop {
            let acceptor = Acceptor::start(Arc::clone(&self.listener), connections.clone());
            let listener = Arc::clone(&self.listener);
            let mut is_found = || {
                readiness::notify(Notice::Alive);
                listener.is_found()
            };
            let (exe, build) = match self.daemon.work(&mut is_found).await {
                End::Stop => {
                    readiness::notify(Notice::Stopping);
                    self.drain(acceptor, &connections).await;
                    break;
                }
                End::HandOver(exe, build) => (exe, build),
            };
            if process::BECOMES_ANOTHER {
                if self.drain(acceptor, &connections).await {
                    readiness::notify(Notice::Stopping);
                    break;
                }
                let Err(e) = self.hand_over(&exe, &build).await else { return Ok(()) };
                self.daemon.could_not_hand_over(&exe, &e);
            } else {
                // The other one listens before this one stops.
                let result = self.hand_over(&exe, &build).await;
                if result.is_ok() {
                    drop(listener);
                    self.drain(acceptor, &connections).await;
                    return Ok(());
                }
                acceptor.stop().await;
                if let Err(e) = result {
                    self.daemon.could_not_hand_over(&exe, &e);
                }
            }
        }
        self.end();
        Ok(())
    }

    /// Stops accepting, and answers what was accepted. True if the daemon was told to stop meanwhile.
    async fn drain(&mut self, acceptor: Acceptor, connections: &Connections) -> bool {
        acceptor.stop().await;
        let drained = connections.announce_drained();
        let is_stopped = self.daemon.drain(DRAIN_LIMIT).await;
        drained.abort();
        is_stopped
    }

    /// Notes that this daemon did not crash, and stops listening.
    fn end(self) {
        let last_run = LastRun {
            is_running: false,
            n_crashes: 0,
            was_stopped: self.daemon.was_stopped,
            ..LastRun::read(&self.daemon.address.last_run)
        };
        last_run.write(&self.daemon.address.last_run);
        drop(self.daemon);
        if let Ok(listener) = Arc::try_unwrap(self.listener) {
            listener.close();
        }
    }

    /// Lets `exe` take over this process. Where a process cannot become another program, returns when another process has
    /// taken over; then this one must exit.
    async fn hand_over(&self, exe: &Path, build: &Build) -> std::io::Result<()> {
        self.daemon.log.line(&format!("handing over to {build} at {}", exe.display()));
        let program = binary::to_run(exe, build, &self.env)?.into_os_string();
        let passed = ipc::pass_on(&self.listener, &self.lock);
        // What it starts does not inherit them.
        let credentials = self.env.only(CREDENTIALS);
        let result = match passed.and_then(|passed| self.arguments(exe, passed)) {
            Err(e) => Err(e),
            Ok(args) if process::BECOMES_ANOTHER => process::hand_over(&program, &args, &credentials),
            // Clients are served while the other process starts.
            Ok(args) => {
                tokio::task::spawn_blocking(move || process::hand_over(&program, &args, &credentials))
                    .await
                    .unwrap_or_else(|panicked| Err(std::io::Error::other(panicked)))
            }
        };
        if result.is_err() {
            ipc::keep(&self.listener, &self.lock);
        }
        result
    }

    /// The arguments of the binary that takes over.
    fn arguments(&self, exe: &Path, passed: String) -> std::io::Result<Vec<OsString>> {
        let inheritance = Inheritance { passed, life: self.daemon.life.clone() };
        let mut args: Vec<OsString> = ["daemon", "run"].map(OsString::from).to_vec();
        if self.daemon.supervisor != ON_DEMAND {
            args.push(format!("--supervised={}", self.daemon.supervisor).into());
        }
        args.push(option("--exe=", exe.as_os_str()));
        args.push(format!("--handover={}", serde_json::to_string(&inheritance)?).into());
        Ok(args)
    }
}

fn option(name: &str, value: &OsStr) -> OsString {
    let mut option = OsString::from(name);
    option.push(value);
    option
}

/// Whether a daemon is running, even if it does not answer. Its lock tells.
pub fn is_running(address: &DaemonAddress) -> bool {
    fs::metadata(&address.lock).is_ok() && matches!(lock::try_lock(&address.lock), Ok(None))
}
