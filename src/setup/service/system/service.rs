//! Installs and removes a system service.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::setup::plan::{Action, CannotPlan, CommandLine, Plan, UndoEdit};
use crate::setup::service::runner::CommandRunner;
use crate::setup::service::supervisor::{INSTALL, UNINSTALL};
use crate::setup::service::system::manager::{ServiceStep, SystemManager, account_in};
use crate::setup::service::system::render::SystemService;
use crate::sys::fs;

/// How long the service may take until it runs.
const START_LIMIT: Duration = Duration::from_secs(20);
const ASK_EVERY: Duration = Duration::from_millis(200);
/// How long it has to run to count as started, where the manager does not wait until the daemon is ready.
const STEADY: Duration = Duration::from_secs(1);

/// The operations of a service manager.
pub trait Control {
    /// Writes the file, and enables the service at boot.
    fn install(&self, service: &SystemService, text: String) -> io::Result<()>;

    /// Disables the service at boot, and removes the file.
    fn uninstall(&self) -> io::Result<()>;

    fn start(&self) -> io::Result<()>;

    fn stop(&self) -> io::Result<()>;

    fn is_running(&self) -> io::Result<bool>;
}

/// Why the system service was not installed or removed.
#[derive(Debug, thiserror::Error)]
pub enum SystemServiceError {
    #[error("no manager of system services is known on this machine")]
    NoManager,
    #[error("invalid user name `{name}`")]
    InvalidUser { name: String },
    #[error("there is no user `{name}`")]
    NoSuchUser { name: String },
    #[error("the path of this program is not UTF-8: {exe}")]
    NotUnicode { exe: PathBuf },
    #[error("root does not install {exe} as a service, because another user could replace it: {error}")]
    Untrusted { exe: PathBuf, error: fs::Untrusted },
    #[error("{path} was not written by kache, and was left unchanged")]
    Foreign { path: PathBuf },
    #[error(transparent)]
    Plan(#[from] CannotPlan),
    #[error("failed to {step} the service of {manager}: {error}{}; {outcome}", on_new_line(last_words))]
    Manager {
        manager: &'static str,
        step: &'static str,
        error: io::Error,
        last_words: String,
        outcome: &'static str,
    },
}

fn on_new_line(text: &str) -> String {
    if text.trim().is_empty() { String::new() } else { format!("\n{}\n", text.trim()) }
}

impl SystemService {
    /// The service that runs the program at `exe` as `user`, who has to exist.
    pub fn new(
        exe: &Path,
        name: &str,
        user: &str,
        runner: &dyn CommandRunner,
    ) -> Result<SystemService, SystemServiceError> {
        if !is_plain_name(user) {
            return Err(SystemServiceError::InvalidUser { name: user.to_owned() });
        }
        let known = runner.run(&CommandLine::new("id", &["-u", user]));
        if !known.is_ok_and(|said| said.code == Some(0)) {
            return Err(SystemServiceError::NoSuchUser { name: user.to_owned() });
        }
        let Some(exe) = exe.to_str() else {
            return Err(SystemServiceError::NotUnicode { exe: exe.to_owned() });
        };
        let home = home_of(user, runner);
        Ok(SystemService { exe: exe.to_owned(), name: name.to_owned(), user: user.to_owned(), home })
    }
}

/// Whether a user name can be written into units and scripts as it is.
fn is_plain_name(user: &str) -> bool {
    let is_plain = user.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    is_plain && !user.is_empty() && !user.starts_with('-')
}

/// The home directory of a user; empty where the system cannot be asked like this, and sets `HOME` itself.
fn home_of(user: &str, runner: &dyn CommandRunner) -> String {
    let said = runner.run(&CommandLine::new("getent", &["passwd", user]));
    let said = said.map(|said| said.stdout).unwrap_or_default();
    let line = String::from_utf8_lossy(&said);
    line.trim().split(':').nth(5).unwrap_or_default().to_owned()
}

/// What is at the path of the service's file.
enum ExistingFile {
    Nothing,
    Ours(String),
}

fn existing(path: &Path) -> Result<ExistingFile, SystemServiceError> {
    let Ok(bytes) = fs::read(path) else { return Ok(ExistingFile::Nothing) };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match account_in(&text) {
        Some(_) => Ok(ExistingFile::Ours(text)),
        None => Err(SystemServiceError::Foreign { path: path.to_owned() }),
    }
}

fn add_command(plan: &mut Plan, title: &str, command: CommandLine) {
    plan.add(Action::run(title, command, None));
}

/// What installing the service would do. An empty plan if it is installed like this and runs.
pub fn install_plan(
    manager: SystemManager,
    service: &SystemService,
    is_running: bool,
    root: &Path,
) -> Result<Plan, SystemServiceError> {
    let mut plan = Plan::new(INSTALL);
    let path = root.join(manager.file(&service.name));
    existing(&path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let title = format!("Install {name}");
    let text = manager.text(service).into_bytes();
    plan.add(Action::file(title, &path, text, manager.mode(), UndoEdit::None)?);
    let is_changed = !plan.is_empty();
    if is_changed && is_running {
        add_command(&mut plan, "Stop it", manager.command(ServiceStep::Stop, &service.name));
    }
    if is_changed || !is_running {
        add_command(&mut plan, "Start it at boot", manager.command(ServiceStep::Enable, &service.name));
        add_command(&mut plan, "Start it now", manager.command(ServiceStep::Start, &service.name));
    }
    Ok(plan)
}

/// Installs the service and starts it. If it does not keep running, everything is as before.
pub fn install(
    manager: SystemManager,
    service: &SystemService,
    control: &dyn Control,
    runner: &dyn CommandRunner,
    root: &Path,
) -> Result<(), SystemServiceError> {
    let before = existing(&root.join(manager.file(&service.name)))?;
    let was_running = control.is_running().unwrap_or(false);
    let Err((step, error)) = try_install(manager, service, control, runner, was_running) else {
        return Ok(());
    };
    let last_words = last_words(manager, &service.name, runner);
    let undone = undo(service, control, before, was_running);
    let outcome = match undone {
        Ok(()) => "all changes were undone",
        Err(_) => "`kache daemon uninstall --system` removes what was installed",
    };
    Err(SystemServiceError::Manager { manager: manager.name(), step, error, last_words, outcome })
}

fn try_install(
    manager: SystemManager,
    service: &SystemService,
    control: &dyn Control,
    runner: &dyn CommandRunner,
    was_running: bool,
) -> Result<(), (&'static str, io::Error)> {
    control.install(service, manager.text(service)).map_err(|e| ("install", e))?;
    if was_running {
        control.stop().map_err(|e| ("stop", e))?;
    }
    control.start().map_err(|e| ("start", e))?;
    wait_until_steady(control, runner).map_err(|e| ("start", e))
}

fn wait_until_steady(control: &dyn Control, runner: &dyn CommandRunner) -> io::Result<()> {
    let mut waited = Duration::ZERO;
    while !control.is_running().unwrap_or(false) {
        if waited >= START_LIMIT {
            return Err(io::Error::other("it does not run"));
        }
        runner.wait(ASK_EVERY);
        waited += ASK_EVERY;
    }
    runner.wait(STEADY);
    match control.is_running()? {
        true => Ok(()),
        false => Err(io::Error::other("it ended right after it had started")),
    }
}

fn undo(
    service: &SystemService,
    control: &dyn Control,
    before: ExistingFile,
    was_running: bool,
) -> io::Result<()> {
    // It may not have been started.
    let _ = control.stop();
    match before {
        ExistingFile::Nothing => control.uninstall(),
        ExistingFile::Ours(text) => {
            control.install(service, text)?;
            if was_running { control.start() } else { Ok(()) }
        }
    }
}

/// The last lines of the manager's log, if there is one place for that.
fn last_words(manager: SystemManager, name: &str, runner: &dyn CommandRunner) -> String {
    if manager != SystemManager::Systemd {
        return String::new();
    }
    let command = CommandLine::new("journalctl", &["-u", name, "-n", "10", "--no-pager", "-o", "cat"]);
    let said = runner.run(&command).map(|said| said.stdout).unwrap_or_default();
    String::from_utf8_lossy(&said).into_owned()
}

/// What removing the service would do. An empty plan if there is none.
pub fn uninstall_plan(manager: SystemManager, name: &str, root: &Path) -> Result<Plan, SystemServiceError> {
    let mut plan = Plan::new(UNINSTALL);
    let path = root.join(manager.file(name));
    if let ExistingFile::Ours(_) = existing(&path)? {
        add_command(&mut plan, "Stop it", manager.command(ServiceStep::Stop, name));
        add_command(&mut plan, "Do not start it at boot", manager.command(ServiceStep::Disable, name));
        plan.add(Action::remove(format!("Remove {}", path.display()), &path)?);
    }
    Ok(plan)
}

/// Stops the service and removes it.
pub fn uninstall(manager: SystemManager, control: &dyn Control) -> Result<(), SystemServiceError> {
    // Some managers fail to stop a service that does not run.
    if control.is_running().unwrap_or(true) {
        let _ = control.stop();
    }
    control.uninstall().map_err(|error| SystemServiceError::Manager {
        manager: manager.name(),
        step: "remove",
        error,
        last_words: String::new(),
        outcome: "run this again",
    })
}
