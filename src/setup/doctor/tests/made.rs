//! Machines made up for checks.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use semver::Version;

use crate::client::{DaemonAddress, NoDaemon};
use crate::digest::{Digest, seal};
use crate::protocol::VERSION;
use crate::protocol::build::Build;
use crate::protocol::frame::FrameError;
use crate::protocol::message::{ON_DEMAND, Request, Response, Status, UpkeepStatus};
use crate::setup::doctor::examine::{ALL, Examined, ONLINE, examine};
use crate::setup::doctor::finding::Fix;
use crate::setup::doctor::machine::{Ask, Machine, Page};
use crate::setup::doctor::repair::Repair;
use crate::setup::doctor::show;
use crate::setup::doctor::upkeep::keep_up;
use crate::setup::plan::Journal;
use crate::setup::plan::action::ActionKind;
use crate::setup::proof::{NotCalled, NotProven};
use crate::setup::self_update::release::NoNewest;
use crate::setup::service::detect;
use crate::store::{Bucket, Store};
use crate::sys::clock;
use crate::sys::env::Env;
use crate::sys::fs::Disk;
use crate::sys::fs::probe::Way;
use crate::sys::lock::{FileLock, try_lock};
use crate::sys::process::Captured;

/// What one of the system's programs answered, once a command that begins so was carried out; always, if that is empty.
#[derive(Clone)]
struct Recorded {
    after: &'static str,
    begins: &'static str,
    code: i32,
    text: String,
}

/// A daemon that is there only in what it answers.
#[derive(Default)]
pub(super) enum Daemon {
    #[default]
    Absent,
    /// It answers, after a time; and becomes this build when it is asked to, or says why not.
    Answers(Box<Status>, Duration, Result<(), &'static str>),
    /// It is there, and does not answer.
    Silent,
    /// It speaks a version of long ago.
    TooOld,
}

/// What does not stand in files.
#[derive(Clone)]
pub(super) struct Says {
    pub(super) disk: Disk,
    pub(super) way: Way,
    /// How far the file system's clock is ahead of the system's.
    pub(super) ahead_ms: u64,
    pub(super) open_files: Option<u64>,
    /// What cargo does instead of calling the wrapper.
    pub(super) not_called: Option<fn() -> NotCalled>,
    pub(super) rustc: (i32, &'static str),
    pub(super) cc: i32,
    pub(super) platform: detect::Platform,
    pub(super) newest: Option<&'static str>,
    recorded: Vec<Recorded>,
    /// Commands of fixes, which are not carried out.
    ran: Arc<Mutex<Vec<String>>>,
    daemon: Arc<Mutex<Daemon>>,
    /// The daemon's lock, as long as there is one.
    lock: Arc<Mutex<Option<FileLock>>>,
    proc: PathBuf,
}

impl Says {
    fn stop(&self) {
        *self.daemon.lock().unwrap() = Daemon::Absent;
        *self.lock.lock().unwrap() = None;
    }
}

impl Ask for Says {
    fn run(&self, program: &Path, args: &[&str], _: &[(&str, Option<&OsStr>)]) -> io::Result<Captured> {
        let answer = |code, stdout: &str, stderr: &str| {
            Ok(Captured { code: Some(code), stdout: stdout.into(), stderr: stderr.into() })
        };
        let command = format!("{} {}", program.display(), args.join(" "));
        let ran = self.ran.lock().unwrap();
        let holds = |after: &str| after.is_empty() || ran.iter().any(|ran| ran.starts_with(after));
        let recorded = self.recorded.iter().rev();
        let found = recorded.into_iter().find(|one| command.starts_with(one.begins) && holds(one.after));
        if let Some(Recorded { code, text, .. }) = found {
            return if *code == 0 { answer(0, text, "") } else { answer(*code, "", text) };
        }
        match program.file_name().and_then(|name| name.to_str()) {
            // The system's own, of which nothing is recorded here.
            _ if program.components().count() == 1 => Err(io::ErrorKind::NotFound.into()),
            Some("cc") => answer(self.cc, "cc 1", "cc: broken"),
            _ if self.rustc.0 == 0 => answer(0, self.rustc.1, ""),
            _ => answer(self.rustc.0, "", self.rustc.1),
        }
    }

    fn prove(&self, _: &Env, _: &Path) -> Result<(), NotProven> {
        let Some(why) = self.not_called else { return Ok(()) };
        Err(NotProven::NotCalled { wrapper: PathBuf::from("it"), why: why() })
    }

    fn disk(&self, _: &Path) -> io::Result<Disk> {
        Ok(self.disk)
    }

    fn way(&self, from: &Path, to: &Path) -> io::Result<Way> {
        assert!(from.is_dir() && to.is_dir(), "{}, {}", from.display(), to.display());
        Ok(self.way)
    }

    fn written_ms(&self, dir: &Path) -> io::Result<u64> {
        assert!(dir.is_dir(), "{}", dir.display());
        Ok(clock::now_ms() + self.ahead_ms)
    }

    fn most_open_files(&self) -> Option<u64> {
        self.open_files
    }

    fn platform(&self, _: &Env) -> detect::Platform {
        self.platform.clone()
    }

    fn daemon(
        &self,
        place: &DaemonAddress,
        build: &Build,
        request: &Request,
    ) -> Result<(Response, Duration), NoDaemon> {
        if *request == Request::Stop {
            self.stop();
            return Ok((Response::Done, Duration::ZERO));
        }
        let mut daemon = self.daemon.lock().unwrap();
        match &mut *daemon {
            Daemon::Absent => Err(NoDaemon::NotRunning),
            Daemon::Silent => Err(NoDaemon::NoAnswer(FrameError::Io(io::ErrorKind::TimedOut.into()))),
            Daemon::TooOld if *request == Request::Status => {
                Err(NoDaemon::TooOld { daemon: 0, answer: "`kache daemon restart` replaces it".to_owned() })
            }
            Daemon::TooOld => {
                *daemon = Daemon::Answers(Box::new(status(7)), Duration::ZERO, Ok(()));
                Err(NoDaemon::TooOld { daemon: 0, answer: "it does so".to_owned() })
            }
            Daemon::Answers(status, took, _) if *request == Request::Status => {
                Ok((Response::Status(status.clone()), *took))
            }
            Daemon::Answers(_, took, Err(why)) => Ok((Response::Refused { why: (*why).to_owned() }, *took)),
            Daemon::Answers(status, took, Ok(())) => {
                status.build = build.clone();
                status.n_handovers += 1;
                status.upgrade_pending = None;
                status.config_fingerprint = Some(place.config.fingerprint());
                status.config_problems = place.problems.iter().map(ToString::to_string).collect();
                Ok((Response::Done, *took))
            }
        }
    }

    fn end_process(&self, pid: u32, _: bool) -> io::Result<()> {
        std::fs::remove_dir_all(self.proc.join(pid.to_string()))?;
        if !matches!(*self.daemon.lock().unwrap(), Daemon::Answers(..)) {
            self.stop();
        }
        Ok(())
    }

    fn newest_release(&self, base_url: &str, _: &Env) -> Result<Version, NoNewest> {
        assert_eq!(base_url, "https://host/releases");
        Ok(Version::parse(self.newest.ok_or(NoNewest::NoKey)?).unwrap())
    }
}

/// How a daemon of this build is that was started on demand, as the process `pid`.
pub(super) fn status(pid: u32) -> Status {
    Status {
        build: Build::current(),
        protocol: VERSION,
        pid,
        exe: PathBuf::from("/elsewhere/kache"),
        supervisor: ON_DEMAND.to_owned(),
        uptime_ms: 3_600_000,
        n_handovers: 0,
        n_requests: 1,
        n_bad_peers: 0,
        upgrade_pending: None,
        cache_dir: PathBuf::new(),
        config_problems: Vec::new(),
        config_fingerprint: None,
        idle_timeout_ms: None,
        n_subscribers: 0,
        upkeep: UpkeepStatus::default(),
        log: PathBuf::new(),
        remote: None,
    }
}

/// A machine in a directory: `home` is somebody's, `root` the system's.
pub(super) struct Made {
    dir: tempfile::TempDir,
    pub(super) vars: Vec<(String, String)>,
    says: Says,
    pub(super) pages: Vec<Page>,
    pub(super) cwd: &'static str,
    pub(super) with_project: bool,
}

impl Made {
    /// One that is well: kache is installed and wired, and there is a compiler.
    pub(super) fn well() -> Made {
        let made = Made::without_wiring();
        let kache = made.path("home/.cargo/bin/kache");
        made.write("home/.cargo/config.toml", &format!("[build]\nrustc-wrapper = \"{}\"\n", kache.display()));
        made
    }

    pub(super) fn without_wiring() -> Made {
        let dir = tempfile::tempdir().unwrap();
        let says = Says {
            disk: Disk { kind: Some("ext4"), free_bytes: 99 << 30, free_files: u64::MAX },
            way: Way::Link,
            ahead_ms: 0,
            open_files: Some(1024),
            not_called: None,
            rustc: (0, "rustc 1.95.0\nhost: x86_64-unknown-linux-gnu\n"),
            cc: 0,
            platform: detect::Platform { system: "linux".to_owned(), ..detect::Platform::default() },
            newest: None,
            recorded: Vec::new(),
            ran: Arc::default(),
            daemon: Arc::default(),
            lock: Arc::default(),
            proc: dir.path().canonicalize().unwrap().join("root/proc"),
        };
        let (vars, pages, cwd) = (Vec::new(), Vec::new(), "home/project");
        let mut made = Made { dir, vars, says, pages, cwd, with_project: false };
        for program in
            ["home/.cargo/bin/kache", "home/.cargo/bin/cargo", "home/.cargo/bin/rustc", "home/bin/cc"]
        {
            made.program(program);
        }
        made.make_dir("home/project");
        made.make_dir("root");
        made.make_dir("run");
        made.mode("run", 0o700);
        let run = made.path("run");
        made.set("XDG_RUNTIME_DIR", run.to_str().unwrap());
        let home = made.path("home");
        made.set("HOME", home.to_str().unwrap());
        made.set("PATH", &format!("{0}/.cargo/bin:{0}/bin", home.display()));
        made
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    pub(super) fn make_dir(&self, name: &str) {
        std::fs::create_dir_all(self.path(name)).unwrap();
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(super) fn program(&self, name: &str) {
        self.write(name, &format!("#!/bin/sh\nexit 0 # {name}\n"));
        self.mode(name, 0o755);
    }

    pub(super) fn mode(&self, name: &str, mode: u32) {
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.vars.retain(|(known, _)| known != name);
        self.vars.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn says(&mut self) -> &mut Says {
        &mut self.says
    }

    pub(super) fn env(&self) -> Env {
        let vars: Vec<(&str, &str)> =
            self.vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut env = Env::with_vars(&vars);
        env.cwd = Some(self.path(self.cwd));
        env
    }

    pub(super) fn machine(&self) -> Arc<Machine> {
        let exe = self.path("home/.cargo/bin/kache");
        let mut machine = Machine::with(&self.env(), exe, &self.path("root"), Arc::new(self.says.clone()));
        machine.pages.clone_from(&self.pages);
        machine.with_project = self.with_project;
        Arc::new(machine)
    }

    pub(super) fn examine(&self, id: &str) -> Vec<Examined> {
        let check = ALL.iter().chain(ONLINE).find(|check| check.id() == id).expect("there is such a check");
        examine(&self.machine(), &[*check], Duration::from_secs(20))
    }

    /// What is said of one check, without the name of its group.
    pub(super) fn said(&self, id: &str) -> String {
        let text = show::text(&self.examine(id));
        let text = text.split_once('\n').map_or("", |(_, lines)| lines).to_owned();
        text.replace(self.path("").to_str().unwrap(), "/").trim_end().to_owned()
    }

    #[track_caller]
    pub(super) fn is_ok(&self, id: &str) {
        assert!(self.said(id).starts_with("  ok "), "{}", self.said(id));
    }

    #[track_caller]
    pub(super) fn says_of(&self, id: &str, expected: &[&str]) {
        let lines: Vec<String> = self.said(id).lines().map(|line| line.trim_start().to_owned()).collect();
        let lines: Vec<String> =
            lines.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines, expected, "{id}");
    }

    /// Commands of service managers are not carried out, but from now on their answers are those of after it.
    fn play(&self, repair: &mut Repair) {
        let mut ran = self.says.ran.lock().unwrap();
        repair.plan.actions.retain(|action| match &action.change {
            ActionKind::Run(run) if run.command.0[0] != "chmod" => {
                ran.push(run.command.to_string());
                false
            }
            _ => true,
        });
    }

    /// The commands of all fixes.
    pub(super) fn ran(&self) -> Vec<String> {
        self.says.ran.lock().unwrap().clone()
    }

    /// What was carried out until now has no effect any more.
    pub(super) fn forget_ran(&self) {
        self.says.ran.lock().unwrap().clear();
    }

    /// From now on, commands that begin so are answered with this.
    pub(super) fn answers(&mut self, begins: &'static str, code: i32, text: &str) {
        self.answers_after("", begins, code, text);
    }

    /// The same, once a command that begins with `after` was carried out.
    pub(super) fn answers_after(&mut self, after: &'static str, begins: &'static str, code: i32, text: &str) {
        self.says.recorded.push(Recorded { after, begins, code, text: text.to_owned() });
    }

    pub(super) fn place(&self) -> DaemonAddress {
        self.machine().place().unwrap()
    }

    /// Where a daemon that ended badly would leave its socket.
    pub(super) fn socket(&self) -> PathBuf {
        let place = self.place();
        std::fs::create_dir_all(&place.dir).unwrap();
        std::fs::set_permissions(&place.dir, std::fs::Permissions::from_mode(0o700)).unwrap();
        let _ = std::fs::remove_file(&place.endpoint.path);
        drop(UnixListener::bind(&place.endpoint.path).unwrap());
        std::fs::set_permissions(&place.endpoint.path, std::fs::Permissions::from_mode(0o600)).unwrap();
        place.endpoint.path
    }

    /// There is a daemon from now on.
    pub(super) fn daemon(&self, daemon: Daemon) {
        self.socket();
        *self.says.lock.lock().unwrap() = None;
        let lock = try_lock(&self.place().lock).unwrap().expect("nobody else has it");
        *self.says.lock.lock().unwrap() = Some(lock);
        *self.says.daemon.lock().unwrap() = daemon;
    }

    /// One that answers at once.
    pub(super) fn daemon_is(&self, status: Status) {
        self.daemon(Daemon::Answers(Box::new(status), Duration::ZERO, Ok(())));
    }

    /// A process that is a daemon, and has this file open.
    pub(super) fn process(&self, pid: u32, open: &str) {
        self.write(&format!("root/proc/{pid}/cmdline"), "/bin/kache\0daemon\0run\0");
        self.make_dir(&format!("root/proc/{pid}/fd"));
        std::os::unix::fs::symlink(open, self.path(&format!("root/proc/{pid}/fd/5"))).unwrap();
    }

    /// Carries out what one check or all can put right. Returns whether there was something to fix.
    pub(super) fn fix(&self, id: Option<&str>) -> bool {
        let mut examined = match id {
            Some(id) => self.examine(id),
            None => examine(&self.machine(), ALL, Duration::from_secs(20)),
        };
        let yes = &mut |_: &Fix, _: &str| Ok::<_, ()>(true);
        let mut repair = Repair::gather(&mut examined, yes).unwrap();
        if repair.is_empty() {
            return false;
        }
        self.play(&mut repair);
        if !repair.plan.is_empty() {
            Journal::for_user(&self.env()).unwrap().apply(&repair.plan, &mut || Ok(())).unwrap();
        }
        let machine = self.machine();
        repair.upkeep.iter().for_each(|upkeep| drop(keep_up(upkeep, &machine).unwrap()));
        true
    }

    /// After its fix a check has nothing to say, and nothing to do.
    #[track_caller]
    pub(super) fn is_fixed(&self, id: &str) {
        assert!(self.fix(Some(id)), "there is a fix");
        self.is_ok(id);
        assert!(!self.fix(Some(id)), "there is nothing to fix a second time");
    }

    /// Everything in the machine but the journal.
    pub(super) fn look(&self) -> Vec<(PathBuf, Option<Vec<u8>>)> {
        let (mut found, mut open) = (Vec::new(), vec![self.path("")]);
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let metadata = std::fs::symlink_metadata(&path).unwrap();
                found.push((path.clone(), metadata.is_file().then(|| std::fs::read(&path).unwrap())));
                if metadata.is_dir() {
                    open.push(path);
                }
            }
        }
        found.sort();
        found
    }

    /// Puts a blob into the store.
    pub(super) fn blob(&self, text: &str) -> PathBuf {
        let store = Store::at(&self.path("home/.cache/kache"));
        let digest = Digest::hash(text.as_bytes());
        let path = store.path(Bucket::Blobs, &digest);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(seal::coarse(&digest)).unwrap();
        path
    }
}
