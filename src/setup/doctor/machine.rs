//! The machine as checks see it: a value, so that tests make machines of all kinds.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::client::{self, DaemonAddress, NoAddress, NoDaemon};
use crate::config::{Config, Problem};
use crate::daemon::binary;
use crate::gc::survey::{self, DiskUsage};
use crate::protocol::build::Build;
use crate::protocol::message::{Request, Response, Status};
use crate::protocol::semver::Semver;
use crate::settings;
use crate::setup::cargo_config::{self, Chain, Program, WrapperKey};
use crate::setup::plan::CommandLine;
use crate::setup::proof::{self, NotProven};
use crate::setup::sccache::migrate::{self, Migration, View};
use crate::setup::self_update::RELEASE_KEYS;
use crate::setup::self_update::fetch::ReleaseServer;
use crate::setup::self_update::release::{self, BadRelease, NoNewest};
use crate::setup::service::detect;
use crate::setup::service::runner::CommandRunner;
use crate::store::Store;
use crate::sys::clock::Stopwatch;
use crate::sys::env::{self, Env};
use crate::sys::fs::probe::{self, Way};
use crate::sys::fs::{self, Disk};
use crate::sys::process::{self, Captured, Surroundings};
use crate::sys::{clock, os};

/// How long one check may take.
pub const LIMIT: Duration = Duration::from_secs(2);
/// How long a daemon may take to answer: a check has something to say of one that does not.
const DAEMON_LIMIT: Duration = Duration::from_millis(1500);

/// What is looked at.
pub struct Machine {
    pub env: Env,
    pub cwd: PathBuf,
    /// The program that runs, without symbolic links.
    pub exe: PathBuf,
    /// The path that it was called by.
    pub called: PathBuf,
    pub build: Build,
    pub config: Config,
    /// What is wrong with the configuration.
    pub problems: Vec<Problem>,
    pub now_ms: u64,
    /// Where the system's own files are: `/`.
    pub root: PathBuf,
    /// The name of the system.
    pub os: &'static str,
    /// Whether fixes may change files of the repository here.
    pub with_project: bool,
    pub asks: Arc<dyn Ask>,
    /// Files of other programs that are made from this one's commands.
    pub pages: Vec<Page>,
    platform: OnceLock<detect::Platform>,
    daemon: OnceLock<Result<(Status, Duration), NoDaemon>>,
    disk_usage: OnceLock<DiskUsage>,
}

/// What this program makes for a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The file, below a user's data directory or, if it begins with `config/`, the one for configuration.
    pub place: &'static str,
    pub text: String,
}

/// Whom a check asks what files do not tell.
pub trait Ask: Send + Sync {
    /// Runs a program with these variables set or unset.
    fn run(&self, program: &Path, args: &[&str], vars: &[(&str, Option<&OsStr>)]) -> io::Result<Captured>;

    /// Has cargo call its wrapper, which must be the program at `wrapper`.
    fn prove(&self, env: &Env, wrapper: &Path) -> Result<(), NotProven>;

    /// What the file system at `dir` is like.
    fn disk(&self, dir: &Path) -> io::Result<Disk>;

    /// How a file of one directory gets into another; both are there.
    fn way(&self, from: &Path, to: &Path) -> io::Result<Way>;

    /// When a file would be written that is made in `dir` now, in milliseconds since 1970, as its file system has it.
    fn written_ms(&self, dir: &Path) -> io::Result<u64>;

    /// How many files a process may have open.
    fn most_open_files(&self) -> Option<u64>;

    /// What can be seen of who may start a daemon here.
    fn platform(&self, env: &Env) -> detect::Platform;

    /// What the daemon at `place` answers, and how long that took.
    fn daemon(
        &self,
        place: &DaemonAddress,
        build: &Build,
        request: &Request,
    ) -> Result<(Response, Duration), NoDaemon>;

    /// Ends a process, without asking it if it is `forced`.
    fn end_process(&self, pid: u32, forced: bool) -> io::Result<()>;

    /// The newest release at an address.
    fn newest_release(&self, base_url: &str, env: &Env) -> Result<Semver, NoNewest>;
}

/// This machine.
pub struct ThisMachine {
    /// How long a program may take to answer.
    pub patience: Duration,
}

impl Ask for ThisMachine {
    fn run(&self, program: &Path, args: &[&str], vars: &[(&str, Option<&OsStr>)]) -> io::Result<Captured> {
        let surroundings = Surroundings { vars, patience: self.patience, ..Surroundings::default() };
        process::capture(program.as_os_str(), args, &surroundings)
    }

    fn prove(&self, env: &Env, wrapper: &Path) -> Result<(), NotProven> {
        proof::prove_here(env, wrapper)
    }

    fn disk(&self, dir: &Path) -> io::Result<Disk> {
        fs::disk(dir)
    }

    fn way(&self, from: &Path, to: &Path) -> io::Result<Way> {
        probe::way(from, to)
    }

    fn written_ms(&self, dir: &Path) -> io::Result<u64> {
        let name = format!(".kache-probe-{}", fs::unique_name());
        fs::kernel_time(&dir.join(name)).map(|ns| u64::try_from(ns / 1_000_000).unwrap_or(0))
    }

    fn most_open_files(&self) -> Option<u64> {
        crate::sys::host::most_open_files()
    }

    fn platform(&self, env: &Env) -> detect::Platform {
        detect::Platform::detect(env, &Through(self))
    }

    fn daemon(
        &self,
        place: &DaemonAddress,
        build: &Build,
        request: &Request,
    ) -> Result<(Response, Duration), NoDaemon> {
        let watch = Stopwatch::start();
        let exe = match request {
            Request::Upgrade { exe } => Some(exe.as_path()),
            _ => None,
        };
        let reply = client::ask(&place.endpoint, build, request, exe, DAEMON_LIMIT)?;
        Ok((reply.answer, watch.total()))
    }

    fn end_process(&self, pid: u32, forced: bool) -> io::Result<()> {
        process::end(pid, forced)
    }

    fn newest_release(&self, base_url: &str, env: &Env) -> Result<Semver, NoNewest> {
        if RELEASE_KEYS.is_empty() {
            return Err(NoNewest::NoKey);
        }
        let source = ReleaseServer::new(base_url, env).map_err(BadRelease::from)?;
        Ok(release::newest(&source, RELEASE_KEYS)?.version)
    }
}

/// Runs a service manager's commands through an [`Ask`].
pub struct Through<'a>(pub &'a dyn Ask);

impl CommandRunner for Through<'_> {
    fn run(&self, command: &CommandLine) -> io::Result<Captured> {
        let (program, args) = command.parts()?;
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.0.run(Path::new(program), &args, &[])
    }

    /// Checks do not wait.
    fn wait(&self, _time: Duration) {}
}

impl Machine {
    /// The one that this process runs on.
    ///
    /// # Errors
    /// Where this program is cannot be told.
    pub fn this(env: &Env) -> io::Result<Machine> {
        let exe = env::current_exe().and_then(|exe| fs::canonical(&exe))?;
        let asks = Arc::new(ThisMachine { patience: LIMIT });
        let called = binary::called(env)?;
        Ok(Machine { called, ..Machine::with(env, exe, Path::new("/"), asks) })
    }

    /// One made of parts.
    pub fn with(env: &Env, exe: PathBuf, root: &Path, asks: Arc<dyn Ask>) -> Machine {
        let (config, problems) = settings::for_command(env);
        Machine {
            env: env.clone(),
            called: exe.clone(),
            cwd: env.cwd.clone().unwrap_or_else(|| root.to_owned()),
            exe,
            build: Build::current(),
            config,
            problems,
            now_ms: clock::now_ms(),
            root: root.to_owned(),
            os: std::env::consts::OS,
            with_project: false,
            asks,
            pages: Vec::new(),
            platform: OnceLock::new(),
            daemon: OnceLock::new(),
            disk_usage: OnceLock::new(),
        }
    }

    /// What can be seen of who may start a daemon here.
    pub fn platform(&self) -> &detect::Platform {
        self.platform.get_or_init(|| self.asks.platform(&self.env))
    }

    /// Where this user's daemon is.
    pub fn place(&self) -> Result<DaemonAddress, NoAddress> {
        DaemonAddress::for_build(&self.env, &self.build)
    }

    /// How the daemon at `place`, which is this user's, was when it was asked first, and how long it took to say so:
    /// one that does not answer is not waited for by each check.
    pub fn daemon(&self, place: &DaemonAddress) -> Result<&(Status, Duration), &NoDaemon> {
        self.daemon.get_or_init(|| self.daemon_now(place)).as_ref()
    }

    /// How it is now.
    pub fn daemon_now(&self, place: &DaemonAddress) -> Result<(Status, Duration), NoDaemon> {
        match self.asks.daemon(place, &self.build, &Request::Status)? {
            (Response::Status(status), took) => Ok((*status, took)),
            _ => Err(NoDaemon::NotKache),
        }
    }

    /// What a command prints, as text; none where it fails.
    pub fn said(&self, program: &str, args: &[&str]) -> Option<String> {
        let said = self.asks.run(Path::new(program), args, &[]).ok().filter(|said| said.code == Some(0))?;
        Some(String::from_utf8_lossy(&said.stdout).into_owned())
    }

    /// All that sets cargo's wrapper here.
    pub fn chain(&self) -> Chain {
        cargo_config::resolve(WrapperKey::RustcWrapper, &self.env, &self.cwd)
    }

    /// The program that cargo calls here, if it is kache by its name.
    pub fn kache(&self) -> Option<PathBuf> {
        use crate::setup::init::{Known, known};
        let chain = self.chain();
        let winner = chain.winner().filter(|winner| known(&winner.value) == Known::Kache)?;
        match &winner.program {
            Program::At(path) => Some(path.clone()),
            _ => None,
        }
    }

    /// Everything of sccache's here.
    pub fn sccache(&self) -> Migration {
        migrate::look(View {
            env: &self.env,
            root: &self.root,
            cwd: &self.cwd,
            os: self.os,
            ask: &|program, args| self.said(program, args),
        })
    }

    /// The cache directory; `None` if there is no place for one.
    pub fn cache_dir(&self) -> Option<&Path> {
        Some(self.config.cache_dir.value.as_path()).filter(|dir| !dir.as_os_str().is_empty())
    }

    /// Where a file can be made for a moment, if there is a store: a collection removes what is left there by accident.
    pub fn scratch_dir(&self) -> Option<PathBuf> {
        let dir = self.cache_dir()?;
        let temporary = Store::at(dir).root().join("tmp");
        [temporary, dir.to_owned()]
            .into_iter()
            .find(|path| fs::metadata(path).is_ok_and(|found| found.is_dir()))
    }

    /// What the store at `dir`, which is this user's, takes: looked through once for all checks.
    pub fn disk_usage(&self, dir: &Path) -> &DiskUsage {
        self.disk_usage.get_or_init(|| survey::disk_usage(dir))
    }

    /// A program in `PATH`.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        os::find_program(OsStr::new(name), self.env.get("PATH"), &self.cwd)
    }

    /// A variable that is set to something, as text.
    pub fn var(&self, name: &str) -> Option<String> {
        let value = self.env.get(name).filter(|value| !value.is_empty());
        value.map(|value| value.to_string_lossy().into_owned())
    }

    /// Whether both paths lead to the same file.
    pub fn is_same_file(&self, one: &Path, other: &Path) -> bool {
        matches!((fs::canonical(one), fs::canonical(other)), (Ok(one), Ok(other)) if one == other)
    }
}
