//! The life of a daemon: it starts or takes over, works, and ends or hands over.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::client::{self, DaemonAddress, NoDaemon};
use crate::daemon::binary::{self, Launch};
use crate::daemon::event::Event;
use crate::daemon::event_loop::{Daemon, End, Life};
use crate::daemon::last_run::LastRun;
use crate::daemon::log::Log;
use crate::daemon::serve::{Acceptor, Open};
use crate::protocol::build::Build;
use crate::protocol::hello::Hello;
use crate::protocol::message::{ON_DEMAND, Request};
use crate::sys::env::Env;
use crate::sys::fs;
use crate::sys::ipc::{self, BindError, Inherited, Listener};
use crate::sys::lock::{self, FileLock, RunLock};
use crate::sys::{clock, process, signal};

/// How long a daemon waits for the one before it to end.
const LOCK_LIMIT: Duration = Duration::from_secs(10);
/// How long one that runs may take to answer.
const HEAR_LIMIT: Duration = Duration::from_secs(1);
/// How long what was accepted may take before another build takes over, or the daemon ends.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// How a daemon is started.
#[derive(Debug, Default)]
pub struct Options {
    /// Who starts it again if it ends; `None` is nobody.
    pub supervisor: Option<String>,
    /// The path of the binary to look at for changes, where that is not the path it was called by.
    pub exe: Option<PathBuf>,
    /// What the build before this one passed on.
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
    HandOver(String),
    #[error("{0}")]
    System(#[from] std::io::Error),
}

/// What one build passes on to the next.
#[derive(Serialize, Deserialize)]
struct Inheritance {
    /// Listener and lock, as the system finds them.
    passed: String,
    life: Life,
}

/// Runs a daemon until it ends; becomes another build in between as often as there is one.
pub fn run(env: &Env, options: Options) -> Result<(), CannotRun> {
    let build = Build::current();
    let address = DaemonAddress::for_build(env, &build)?;
    let log = Log::at(&address.log, false);
    // Nobody may see the error stream.
    begin(env, options, build, address).inspect_err(|e| log.line(&format!("failed to run: {e}")))
}

fn begin(env: &Env, options: Options, build: Build, address: DaemonAddress) -> Result<(), CannotRun> {
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
        LastRun::read(&address.last_run).next(clock::now_ms()).write(&address.last_run);
    }
    if options.supervisor.is_some() {
        process::leave_console();
    }
    let supervisor = options.supervisor.unwrap_or_else(|| ON_DEMAND.to_owned());
    let (events, received) = channel();
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
    running.until_the_end()
}

fn take_over(
    inherited: Option<Inherited>,
    text: &str,
    address: &DaemonAddress,
) -> Result<(Listener, RunLock, Life), CannotRun> {
    let inheritance: Inheritance =
        serde_json::from_str(text).map_err(|e| CannotRun::HandOver(e.to_string()))?;
    let inherited = inherited.ok_or_else(|| CannotRun::HandOver("it was taken over before".to_owned()))?;
    let (listener, lock) = inherited
        .take_over(&inheritance.passed, &address.endpoint, &address.lock)
        .map_err(|e| CannotRun::HandOver(e.to_string()))?;
    process::say_ready();
    let mut life = inheritance.life;
    life.n_handovers += 1;
    Ok((listener, lock, life))
}

/// Takes the lock that makes this the only daemon. Waits for another one that is ending.
fn sole_daemon(address: &DaemonAddress, build: &Build) -> Result<FileLock, CannotRun> {
    let until = Instant::now() + LOCK_LIMIT;
    loop {
        let lock = lock::try_lock(&address.lock);
        if let Some(lock) = lock.map_err(|error| CannotRun::Lock { path: address.lock.clone(), error })? {
            return Ok(lock);
        }
        // One that is ending may have its socket still, and answers nobody.
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
    events: std::sync::mpsc::Sender<Event>,
    env: Env,
}

impl Running {
    fn until_the_end(mut self) -> Result<(), CannotRun> {
        let open = Arc::new(Open::default());
        self.tell_supervisor("READY=1");
        loop {
            let own = Hello::new(&self.daemon.build);
            let acceptor =
                Acceptor::start(Arc::clone(&self.listener), Arc::clone(&open), self.events.clone(), own)?;
            let (listener, notify) = (Arc::clone(&self.listener), self.env.get("NOTIFY_SOCKET"));
            let end = self.daemon.work(&mut || {
                if let Some(address) = notify {
                    let _ = ipc::notify(address, "WATCHDOG=1");
                }
                listener.is_found()
            });
            let (exe, build) = match end {
                End::Stop => {
                    self.tell_supervisor("STOPPING=1");
                    acceptor.stop();
                    self.daemon.drain(&|| open.is_none(), DRAIN_LIMIT);
                    break;
                }
                End::HandOver(exe, build) => (exe, build),
            };
            if process::BECOMES_ANOTHER {
                acceptor.stop();
                self.daemon.drain(&|| open.is_none(), DRAIN_LIMIT);
                let Err(e) = self.hand_over(&exe, &build) else { return Ok(()) };
                self.daemon.could_not_hand_over(&exe, &e.to_string());
            } else {
                // The other one listens before this one stops.
                let result = self.hand_over(&exe, &build);
                acceptor.stop();
                if result.is_ok() {
                    drop((listener, self.listener));
                    self.daemon.drain(&|| open.is_none(), DRAIN_LIMIT);
                    return Ok(());
                }
                let why = result.map_or_else(|e| e.to_string(), |()| String::new());
                self.daemon.could_not_hand_over(&exe, &why);
            }
        }
        let last_run =
            LastRun { is_running: false, n_crashes: 0, ..LastRun::read(&self.daemon.address.last_run) };
        last_run.write(&self.daemon.address.last_run);
        drop(self.daemon);
        if let Ok(listener) = Arc::try_unwrap(self.listener) {
            listener.close();
        }
        Ok(())
    }

    fn tell_supervisor(&self, message: &str) {
        if let Some(address) = self.env.get("NOTIFY_SOCKET") {
            let _ = ipc::notify(address, message);
        }
    }

    /// Lets `exe` take over in this process; where that cannot be, answers when it has, and this process ends.
    fn hand_over(&self, exe: &Path, build: &Build) -> std::io::Result<()> {
        let daemon = &self.daemon;
        daemon.log.line(&format!("handing over to {build} at {}", exe.display()));
        let program = binary::to_run(exe, build, &self.env)?;
        let passed = ipc::pass_on(&self.listener, &self.lock);
        let result = passed.and_then(|passed| {
            let inheritance = Inheritance { passed, life: daemon.life.clone() };
            let mut args: Vec<OsString> = ["daemon", "run"].map(OsString::from).to_vec();
            if daemon.supervisor != ON_DEMAND {
                args.push(format!("--supervised={}", daemon.supervisor).into());
            }
            args.push(option("--exe=", exe.as_os_str()));
            args.push(format!("--handover={}", serde_json::to_string(&inheritance)?).into());
            process::hand_over(program.as_os_str(), &args)
        });
        if result.is_err() {
            ipc::keep(&self.listener, &self.lock);
        }
        result
    }
}

fn option(name: &str, value: &OsStr) -> OsString {
    let mut option = OsString::from(name);
    option.push(value);
    option
}

/// Whether a daemon runs, by its lock: also one that does not answer.
pub fn is_running(address: &DaemonAddress) -> bool {
    fs::metadata(&address.lock).is_ok() && matches!(lock::try_lock(&address.lock), Ok(None))
}
