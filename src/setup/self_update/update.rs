//! Plans an update: the release is downloaded, verified and tried before it may replace this program.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use semver::Version;

use crate::setup::plan::command::exit_text;
use crate::setup::plan::{Action, CannotPlan, Plan, UndoEdit};
use crate::setup::self_update::fetch::{CannotFetch, ReleaseServer};
use crate::setup::self_update::receipt::{self, BadReceipt, Receipt};
use crate::setup::self_update::release::{self, BadRelease};
use crate::setup::self_update::unpack::{self, CannotUnpack};
use crate::sys::env::Env;
use crate::sys::fs::settle;
use crate::sys::lock::{self, FileLock};
use crate::sys::process::{self, Captured, Surroundings};
use crate::sys::{dirs, fs, host};

/// The command, as the journal names it.
pub const COMMAND: &str = "self-update";

/// The installed program.
pub struct InstalledProgram {
    /// Without symbolic links.
    pub exe: PathBuf,
    /// Where the program is kept that an update replaces; `None` where one of another installation is kept.
    pub previous: Option<PathBuf>,
    pub version: Version,
    pub receipt: Receipt,
    receipt_path: PathBuf,
}

/// What would be done.
pub struct Update {
    pub version: Version,
    pub plan: Plan,
    exe: PathBuf,
}

/// What the newest release means for this program.
pub enum Availability {
    /// It is newer, and works here.
    Newer(Update),
    /// It is this one, or an older one.
    NothingNewer(Version),
    /// It is newer, but a prerelease, and this is none.
    Prerelease(Version),
}

/// Why there is no update.
#[derive(Debug, thiserror::Error)]
pub enum CannotUpdate {
    #[error("there is no home directory: HOME is not set")]
    NoHome,
    #[error(transparent)]
    Receipt(#[from] BadReceipt),
    #[error(transparent)]
    Release(#[from] BadRelease),
    #[error(transparent)]
    Unpack(#[from] CannotUnpack),
    #[error(transparent)]
    Plan(#[from] CannotPlan),
    #[error("cannot replace the program: {dir} is not writable")]
    ReadOnly { dir: PathBuf },
    #[error("another user could replace this program: {0}")]
    Untrusted(#[from] fs::Untrusted),
    #[error("failed to write {path}: {error}")]
    Staging { path: PathBuf, error: io::Error },
    #[error("busy: another self-update is running")]
    Busy,
    #[error("kache {version} was not installed, because it does not work here: {why}")]
    DoesNotWork { version: Version, why: Box<ProgramError> },
}

/// Why a program that was just written does not work.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    #[error("failed to run {program}: {error}")]
    NotRun { program: PathBuf, error: io::Error },
    #[error("`{program} {args}` exited with {}{}", exit_text(*code), after_blank(output))]
    Failed { program: PathBuf, args: String, code: Option<i32>, output: String },
    #[error("`{program} --version` says `{output}`")]
    OtherVersion { program: PathBuf, output: String },
    #[error("`{program} rustc -vV` prints something else than `rustc -vV`")]
    OtherAnswer { program: PathBuf },
}

fn after_blank(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" {text}") }
}

/// The new program was tried before it was put in place, and does not work there.
#[derive(Debug, thiserror::Error)]
#[error("kache {version} does not work in its place: {why}")]
pub struct FailsInPlace {
    version: Version,
    why: Box<ProgramError>,
}

impl From<CannotFetch> for CannotUpdate {
    fn from(error: CannotFetch) -> CannotUpdate {
        CannotUpdate::Release(BadRelease::Fetch(error))
    }
}

impl InstalledProgram {
    /// The program at `exe`, which is without symbolic links; `None` if the installer did not put it there.
    pub fn find(exe: &Path, version: Version, env: &Env) -> Result<Option<InstalledProgram>, CannotUpdate> {
        let receipt_path = receipt::path(env).ok_or(CannotUpdate::NoHome)?;
        let receipt = receipt::read(&receipt_path)?.filter(|receipt| receipt.is_of(exe));
        Ok(receipt.map(|receipt| {
            let is_foreign = receipt::has_foreign_previous(env, &receipt.path);
            let previous = (!is_foreign).then(|| receipt::previous(exe));
            InstalledProgram { exe: exe.to_owned(), previous, version, receipt, receipt_path }
        }))
    }

    /// Looks for a newer release signed with one of `keys`. Its files stay in `staging` until the plan is applied.
    pub fn look(&self, keys: &[&str], staging: &Staging, env: &Env) -> Result<Availability, CannotUpdate> {
        let source = ReleaseServer::new(&self.receipt.base_url, env)?;
        let newest = release::newest(&source, keys)?;
        if newest.version <= self.version {
            return Ok(Availability::NothingNewer(newest.version));
        }
        if !newest.version.pre.is_empty() && self.version.pre.is_empty() {
            return Ok(Availability::Prerelease(newest.version));
        }
        let dir = self.exe.parent().unwrap_or(Path::new("/"));
        if !settle::is_writable(dir) {
            return Err(CannotUpdate::ReadOnly { dir: dir.to_owned() });
        }
        fs::trusted_directories(&self.exe)?;
        let target = &self.receipt.target;
        let asset = newest.asset(&source, target)?;
        let program = match release::asset_name(target).ends_with(".exe") {
            true => asset,
            false => unpack::program(&asset, target)?,
        };
        let staged = staging.put(&program, &self.exe)?;
        says_version(&staged, &newest.version).and_then(|()| wraps(&staged)).map_err(|why| {
            CannotUpdate::DoesNotWork { version: newest.version.clone(), why: Box::new(why) }
        })?;
        let plan = self.plan(&staged, &newest.version)?;
        Ok(Availability::Newer(Update { version: newest.version, plan, exe: self.exe.clone() }))
    }

    fn plan(&self, staged: &Path, version: &Version) -> Result<Plan, CannotPlan> {
        let mut plan = Plan::new(COMMAND);
        // What it replaces is beside it; the journal does not need to hold it as well.
        plan.is_final = true;
        if let Some(previous) = &self.previous {
            plan.add(Action::copy(format!("Keep kache {}", self.version), previous, &self.exe)?);
        }
        plan.add(Action::copy(format!("Replace it with kache {version}"), &self.exe, staged)?);
        if let Ok(bytes) = self.receipt.with_version(&version.to_string()) {
            let title = "Update the installer's receipt";
            plan.add(Action::edit(title, &self.receipt_path, bytes, UndoEdit::None)?);
        }
        Ok(plan)
    }
}

impl Update {
    /// Checks that the new program works in its place.
    pub fn prove(&self) -> Result<(), FailsInPlace> {
        says_version(&self.exe, &self.version)
            .map_err(|why| FailsInPlace { version: self.version.clone(), why: Box::new(why) })
    }
}

/// A private directory for one update, removed when dropped. The next update removes that of an interrupted one.
pub struct Staging {
    dir: PathBuf,
    lock: Option<FileLock>,
}

impl Staging {
    /// Opens it in the user's state directory.
    pub fn open(env: &Env) -> Result<Staging, CannotUpdate> {
        let dir = dirs::state(env).ok_or(CannotUpdate::NoHome)?.join("kache/self-update");
        match lock_empty(&dir) {
            Ok(Some(lock)) => Ok(Staging { dir, lock: Some(lock) }),
            Ok(None) => Err(CannotUpdate::Busy),
            Err(error) => Err(CannotUpdate::Staging { path: dir, error }),
        }
    }

    /// Writes the program with the mode of the one at `like`.
    fn put(&self, program: &[u8], like: &Path) -> Result<PathBuf, CannotUpdate> {
        let path = self.dir.join(host::program_name("kache"));
        let temporary = self.dir.join("kache.new");
        match write_program(&path, &temporary, program, like) {
            Ok(()) => Ok(path),
            Err(error) => Err(CannotUpdate::Staging { path, error }),
        }
    }
}

/// Locks the staging directory at `dir`, without a program in it; `None` if another update holds it.
fn lock_empty(dir: &Path) -> io::Result<Option<FileLock>> {
    settle::create_private_dir_all(dir)?;
    let Some(lock) = lock::try_lock(&dir.join("lock"))? else { return Ok(None) };
    fs::remove(&dir.join(host::program_name("kache")))?;
    Ok(Some(lock))
}

fn write_program(path: &Path, temporary: &Path, program: &[u8], like: &Path) -> io::Result<()> {
    fs::remove(temporary)?;
    let mode = settle::mode(&fs::metadata(like)?) | 0o500;
    settle::settle(path, temporary, program, mode, &|| Ok(()))
}

impl Drop for Staging {
    fn drop(&mut self) {
        // A file that is open cannot be removed everywhere.
        self.lock.take();
        let _ = fs::remove_dir_all(&self.dir);
        if let Some(parent) = self.dir.parent() {
            let _ = settle::remove_empty_dir(parent);
        }
    }
}

/// Removes programs that were in use when they were replaced, and could only be moved away.
pub fn sweep(exe: &Path) {
    settle::sweep_moved_away(exe);
}

/// Checks that the program starts, and is of this version.
fn says_version(program: &Path, version: &Version) -> Result<(), ProgramError> {
    let captured = run(program, &["--version"])?;
    let output = String::from_utf8_lossy(&captured.stdout).trim_end().to_owned();
    match captured.code {
        Some(0) if output == format!("kache {version}") => Ok(()),
        Some(0) => Err(ProgramError::OtherVersion { program: program.to_owned(), output }),
        _ => Err(failed(program, "--version", &captured)),
    }
}

/// Checks that the program works as a wrapper, if there is a compiler.
fn wraps(program: &Path) -> Result<(), ProgramError> {
    let surroundings = Surroundings { patience: PATIENCE, ..Surroundings::default() };
    let alone = match process::capture(OsStr::new("rustc"), &["-vV"], &surroundings) {
        Ok(alone) if alone.code == Some(0) => alone,
        _ => return Ok(()),
    };
    let wrapped = run(program, &["rustc", "-vV"])?;
    match wrapped.code {
        Some(0) if wrapped.stdout == alone.stdout => Ok(()),
        Some(0) => Err(ProgramError::OtherAnswer { program: program.to_owned() }),
        _ => Err(failed(program, "rustc -vV", &wrapped)),
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a program that was just written. If another thread started a process at that time, that process inherited the open
/// file, and the system refuses to run it until it is closed.
fn run(program: &Path, args: &[&str]) -> Result<Captured, ProgramError> {
    let surroundings = Surroundings { patience: PATIENCE, most_bytes: 1 << 20, ..Surroundings::default() };
    let mut n_tries = 0;
    loop {
        match process::capture(program.as_os_str(), args, &surroundings) {
            Ok(captured) => return Ok(captured),
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && n_tries < 100 => n_tries += 1,
            Err(error) => return Err(ProgramError::NotRun { program: program.to_owned(), error }),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn failed(program: &Path, args: &str, captured: &Captured) -> ProgramError {
    let output = String::from_utf8_lossy(&captured.stderr).trim().to_owned();
    ProgramError::Failed { program: program.to_owned(), args: args.to_owned(), code: captured.code, output }
}
