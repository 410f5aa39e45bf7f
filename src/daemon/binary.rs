//! The daemon's binary: notices that it was replaced, and decides whether another one takes over.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::protocol::build::Build;
use crate::protocol::message::Preflight;
use crate::protocol::skew::{self, Decision, Reason};
use crate::sys::env::{self, Env};
use crate::sys::fs::{self, Identity};
use crate::sys::process::{self, RUNS_FROM_COPY, Surroundings};
use crate::sys::{dirs, os};

/// How long the preflight of a binary may take.
const PREFLIGHT_LIMIT: Duration = Duration::from_secs(2);
/// How long a file that could not take over is left alone. The pause doubles each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// The path by which the daemon was started.
///
/// Links are followed each time, because package managers point a stable name to another directory.
#[derive(Debug)]
pub struct Launch {
    pub path: PathBuf,
    /// The file that needs no check: the one that runs, or one that turned out to be the same build.
    known: Option<Identity>,
    refused: Option<Refused>,
}

#[derive(Debug)]
struct Refused {
    identity: Identity,
    pause: Duration,
    until: Instant,
}

impl Launch {
    /// The path by which this process was called, unless a stable name leads to the same file.
    pub fn new(env: &Env, named: Option<PathBuf>) -> Launch {
        let path = named.or_else(|| called(env).ok()).unwrap_or_default();
        let stable = dirs::data(env).map(|dir| dir.join("kache").join("bin").join("kache"));
        let path = stable.filter(|stable| is_same_file(stable, &path)).unwrap_or(path);
        let known = env::running_file(&path);
        Launch { path, known, refused: None }
    }

    /// The file at the path, if it was replaced. A file that was refused is reported again after a pause.
    pub fn changed(&self) -> Option<Identity> {
        // A missing file is being replaced, or was uninstalled.
        let now = Identity::at(&self.path).ok()?;
        let is_refused = self
            .refused
            .as_ref()
            .is_some_and(|refused| refused.identity == now && Instant::now() < refused.until);
        (Some(now) != self.known && !is_refused).then_some(now)
    }

    /// Notes that the file is the running build.
    pub fn mark_known(&mut self, identity: Identity) {
        self.known = Some(identity);
        self.refused = None;
    }

    /// Notes that the file cannot take over now.
    pub fn refuse(&mut self, identity: Identity) {
        let again = self.refused.take().filter(|refused| refused.identity == identity);
        let pause = again.map_or(FIRST_PAUSE, |refused| (refused.pause * 2).min(LONGEST_PAUSE));
        self.refused = Some(Refused { identity, pause, until: Instant::now() + pause });
    }
}

/// The path by which this process was called. Links are kept, because they may point elsewhere later.
pub fn called(env: &Env) -> io::Result<PathBuf> {
    let real = env::current_exe()?;
    let (Some(name), Some(cwd)) = (env.args.first(), &env.cwd) else { return Ok(real) };
    let called = os::find_program(name, env.get("PATH"), cwd);
    Ok(called.filter(|called| is_same_file(called, &real)).unwrap_or(real))
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((Identity::at(one), Identity::at(other)), (Ok(one), Ok(other)) if one == other)
}

/// The result of checking another binary.
#[derive(Debug)]
pub enum Verdict {
    /// It takes over.
    Go(Build),
    /// It is the build that runs.
    Same,
    /// It does not take over by design: it is not newer, or it is too soon.
    No(Decision),
    /// It should take over, but cannot.
    Cannot(Unfit),
}

/// Why a binary cannot take over.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    #[error(transparent)]
    Untrusted(#[from] fs::Untrusted),
    #[error("{}: failed to run: {error}", exe.display())]
    NotRun { exe: PathBuf, error: io::Error },
    #[error("{}: its preflight failed: {message}", exe.display())]
    PreflightFailed { exe: PathBuf, message: String },
    #[error("{}: it does not answer as kache does", exe.display())]
    NotKache { exe: PathBuf },
    #[error("{}: development builds and releases do not replace each other", exe.display())]
    OtherKind { exe: PathBuf },
    #[error("{}: {build} {}", exe.display(), Decision::OtherWay)]
    OtherHandOver { exe: PathBuf, build: Build },
}

/// Checks the binary at `exe`, and asks it whether it can run.
pub fn judge(exe: &Path, running: &Build, reason: Reason) -> Verdict {
    let preflight = match preflight(exe) {
        Ok(preflight) => preflight,
        Err(unfit) => return Verdict::Cannot(unfit),
    };
    let (exe, build) = (exe.to_owned(), preflight.build);
    if build.is_dev != running.is_dev {
        return Verdict::Cannot(Unfit::OtherKind { exe });
    }
    match skew::hands_over(running, &build, preflight.handover, reason) {
        Decision::Go => Verdict::Go(build),
        Decision::Same => Verdict::Same,
        Decision::OtherWay => Verdict::Cannot(Unfit::OtherHandOver { exe, build }),
        decision => Verdict::No(decision),
    }
}

/// Runs the preflight of the binary at `exe`, unless others could have changed that file.
fn preflight(exe: &Path) -> Result<Preflight, Unfit> {
    fs::trusted_program(exe)?;
    let surroundings = Surroundings { patience: PREFLIGHT_LIMIT, ..Surroundings::default() };
    let captured =
        process::capture(exe.as_os_str(), &[OsStr::new("daemon"), OsStr::new("preflight")], &surroundings)
            .map_err(|error| Unfit::NotRun { exe: exe.to_owned(), error })?;
    if captured.code != Some(0) {
        let stderr = String::from_utf8_lossy(&captured.stderr);
        let message = stderr.lines().next().unwrap_or_default().to_owned();
        return Err(Unfit::PreflightFailed { exe: exe.to_owned(), message });
    }
    serde_json::from_slice(&captured.stdout).map_err(|_| Unfit::NotKache { exe: exe.to_owned() })
}

/// The file to run for the binary at `exe`: itself, or a copy on systems where the file of a running program cannot be
/// replaced. There is only one copy, so that every start finds the newest.
pub fn to_run(exe: &Path, build: &Build, env: &Env) -> io::Result<PathBuf> {
    let Some(copy) = copy_to_run(build, env).filter(|copy| copy != exe) else { return Ok(exe.to_owned()) };
    let bytes = fs::read(exe)?;
    if fs::read(&copy).is_ok_and(|there| there == bytes) {
        return Ok(copy);
    }
    let dir = copy.parent().unwrap_or(&copy);
    fs::create_dir_all(dir)?;
    sweep(dir);
    // The file of a running program can be renamed. It is removed when the program has ended.
    if fs::metadata(&copy).is_ok() {
        fs::rename(&copy, &dir.join(format!("{SET_ASIDE}{}", fs::unique_name())))?;
    }
    let temporary = dir.join(format!("{SET_ASIDE}{}", fs::unique_name()));
    fs::copy(&mut fs::open(exe)?, &temporary, true, &mut |_| {})?;
    fs::rename(&temporary, &copy)?;
    Ok(copy)
}

/// The path of the copy, on systems where the daemon runs from one.
pub fn copy_to_run(build: &Build, env: &Env) -> Option<PathBuf> {
    let name = if build.is_dev { "kache-daemon-dev.exe" } else { "kache-daemon.exe" };
    Some(dirs::data(env).filter(|_| RUNS_FROM_COPY)?.join("kache").join("run").join(name))
}

const SET_ASIDE: &str = "old-";

/// Removes the files that were set aside. The system refuses to remove those that still run.
fn sweep(dir: &Path) {
    for path in fs::list(dir).unwrap_or_default() {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(SET_ASIDE)) {
            let _ = fs::remove(&path);
        }
    }
}

#[cfg(test)]
mod tests;
