//! The machine as checks see it. It is a value, so that tests can make machines of all kinds.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use semver::Version;

use crate::client::{self, DaemonAddress, NoAddress, NoDaemon};
use crate::config::{Config, Problem};
use crate::daemon::binary;
use crate::gc::survey::{self, DiskUsage};
use crate::protocol::build::Build;
use crate::protocol::message::{Request, Response, Status};
use crate::settings;
use crate::setup::cargo_config::effective::{Compiler, Effective};
use crate::setup::cargo_config::{self, Chain, WrapperKey, WrapperProgram};
use crate::setup::plan::CommandLine;
use crate::setup::programs;
use crate::setup::proof::{self, NotProven};
use crate::setup::sccache::migrate::{self, Migration, View};
use crate::setup::self_update::RELEASE_KEYS;
use crate::setup::self_update::fetch::ReleaseServer;
use crate::setup::self_update::release::{self, BadRelease, NoNewest};
use crate::setup::service::detect;
use crate::setup::service::runner::CommandRunner;
use crate::store::Store;
use crate::sys::clock;
use crate::sys::clock::Stopwatch;
use crate::sys::env::{self, Env};
use crate::sys::fs::probe::{self, Way};
use crate::sys::fs::{self, Disk};
use crate::sys::process::{self, Captured, Surroundings};

/// How long one check may take.
pub const LIMIT: Duration = Duration::from_secs(2);
/// How long a daemon may take to answer. It is less than [`LIMIT`], so that checks can report one that does not.
const DAEMON_LIMIT: Duration = Duration::from_millis(1500);

/// The machine that is checked.
pub struct Machine {
    pub env: Env,
    pub cwd: PathBuf,
    /// The program that runs, without symbolic links.
    pub exe: PathBuf,
    /// The path by which it was called.
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
    /// Files for other programs that are generated from the command line definition.
    pub pages: Vec<Page>,
    platform: OnceLock<detect::Platform>,
    daemon: OnceLock<Result<(Status, Duration), NoDaemon>>,
    disk_usage: OnceLock<DiskUsage>,
}

/// Completions for a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The file, below a user's data directory or, if it begins with `config/`, the one for configuration.
    pub place: &'static str,
    pub text: String,
}

/// What checks ask other programs and the system.
pub trait Ask: Send + Sync {
    /// Runs a program with these variables set or unset.
    fn run(&self, program: &Path, args: &[&str], vars: &[(&str, Option<&OsStr>)]) -> io::Result<Captured>;

    /// Verifies that cargo calls the program at `wrapper`.
    fn prove(&self, env: &Env, wrapper: &Path) -> Result<(), NotProven>;

    /// The file system that holds `dir`.
    fn disk(&self, dir: &Path) -> io::Result<Disk>;

    /// How files get from one directory into another. Both exist.
    fn way(&self, from: &Path, to: &Path) -> io::Result<Way>;

    /// The current time of the file system that holds `dir`, in milliseconds since 1970.
    fn written_ms(&self, dir: &Path) -> io::Result<u64>;

    /// The limit on open files of a process.
    fn most_open_files(&self) -> Option<u64>;

    /// What kind of machine this is, from which its service manager follows.
    fn platform(&self, env: &Env) -> detect::Platform;

    /// The answer of the daemon at `place`, and how long it took.
    fn daemon(
        &self,
        place: &DaemonAddress,
        build: &Build,
        request: &Request,
    ) -> Result<(Response, Duration), NoDaemon>;

    /// Terminates a process; kills it if `forced`.
    fn end_process(&self, pid: u32, forced: bool) -> io::Result<()>;

    /// The newest release at an address.
    fn newest_release(&self, base_url: &str, env: &Env) -> Result<Version, NoNewest>;
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

    fn newest_release(&self, base_url: &str, env: &Env) -> Result<Version, NoNewest> {
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
    /// The machine that this process runs on.
    ///
    /// # Errors
    /// This program cannot be located.
    pub fn this(env: &Env) -> io::Result<Machine> {
        let exe = env::current_exe().and_then(|exe| fs::canonical(&exe))?;
        let asks = Arc::new(ThisMachine { patience: LIMIT });
        let called = binary::called(env)?;
        Ok(Machine { called, ..Machine::with(env, exe, Path::new("/"), asks) })
    }

    /// A machine with these parts.
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

    /// What kind of machine this is, from which its service manager follows.
    pub fn platform(&self) -> &detect::Platform {
        self.platform.get_or_init(|| self.asks.platform(&self.env))
    }

    /// The address of this user's daemon.
    pub fn place(&self) -> Result<DaemonAddress, NoAddress> {
        DaemonAddress::for_build(&self.env, &self.build)
    }

    /// The status of the daemon at `place`, which is this user's, and how long it took to answer. It is asked once, so
    /// that checks do not wait for one that does not answer over and over.
    pub fn daemon(&self, place: &DaemonAddress) -> Result<&(Status, Duration), &NoDaemon> {
        self.daemon.get_or_init(|| self.daemon_now(place)).as_ref()
    }

    /// Its status now.
    pub fn daemon_now(&self, place: &DaemonAddress) -> Result<(Status, Duration), NoDaemon> {
        match self.asks.daemon(place, &self.build, &Request::Status)? {
            (Response::Status(status), took) => Ok((*status, took)),
            _ => Err(NoDaemon::NotKache),
        }
    }

    /// The output of a command; `None` if it fails.
    pub fn said(&self, program: &str, args: &[&str]) -> Option<String> {
        let said = self.asks.run(Path::new(program), args, &[]).ok().filter(|said| said.code == Some(0))?;
        Some(String::from_utf8_lossy(&said.stdout).into_owned())
    }

    /// Everything that sets cargo's wrapper in this directory.
    pub fn chain(&self) -> Chain {
        cargo_config::resolve(WrapperKey::RustcWrapper, &self.env, &self.cwd)
    }

    /// The wrapper that cargo calls here, if its name is kache's.
    pub fn kache(&self) -> Option<PathBuf> {
        use crate::setup::init::{KnownWrapper, known};
        let chain = self.chain();
        let winner = chain.winner().filter(|winner| known(&winner.value) == KnownWrapper::Kache)?;
        match &winner.program {
            WrapperProgram::At(path) => Some(path.clone()),
            _ => None,
        }
    }

    /// What cargo would use here of its configuration, if the crate that resolves it misses none of it. Without a compiler
    /// only what does not depend on one.
    pub fn effective(&self) -> Option<(Effective, Option<String>)> {
        let rustc = self.program("rustc");
        let said = rustc.as_ref().and_then(|rustc| self.asks.run(rustc, &["-vV"], &[]).ok());
        let text = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default();
        let host = text.lines().find_map(|line| line.strip_prefix("host: "));
        let compiler = match (&rustc, host) {
            (Some(rustc), Some(host)) => Some(Compiler { rustc, host }),
            _ => None,
        };
        let effective = Effective::load(&self.env, &self.cwd, &self.chain(), compiler.as_ref())?;
        Some((effective, host.map(str::to_owned)))
    }

    /// The configuration of sccache on this machine.
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

    /// A directory for temporary files, if there is a store. Garbage collection removes leftovers from it.
    pub fn scratch_dir(&self) -> Option<PathBuf> {
        let dir = self.cache_dir()?;
        let temporary = Store::at(dir).root().join("tmp");
        [temporary, dir.to_owned()]
            .into_iter()
            .find(|path| fs::metadata(path).is_ok_and(|found| found.is_dir()))
    }

    /// The size of the store at `dir`, which is this user's. It is surveyed once for all checks.
    pub fn disk_usage(&self, dir: &Path) -> &DiskUsage {
        self.disk_usage.get_or_init(|| survey::disk_usage(dir))
    }

    /// A program in `PATH`.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        programs::find(name, &self.env)
    }

    /// A variable, as text, unless it is empty.
    pub fn var(&self, name: &str) -> Option<String> {
        let value = self.env.get(name).filter(|value| !value.is_empty());
        value.map(|value| value.to_string_lossy().into_owned())
    }

    /// Whether both paths lead to the same file.
    pub fn is_same_file(&self, one: &Path, other: &Path) -> bool {
        matches!((fs::canonical(one), fs::canonical(other)), (Ok(one), Ok(other)) if one == other)
    }
}
