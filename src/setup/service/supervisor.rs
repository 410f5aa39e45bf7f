//! The login service, and what a service manager must be able to do with it.

use std::path::PathBuf;

use crate::setup::plan::{Action, CannotPlan, CommandError, Plan};
use crate::setup::service::runner::CommandRunner;

/// The command that installs the service, as the journal names it.
pub const INSTALL: &str = "daemon install";
/// The command that removes it.
pub const UNINSTALL: &str = "daemon uninstall";

/// The daemon as a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSpec {
    /// The program, by a path that stays when it is updated.
    pub exe: PathBuf,
    /// The copy of it that runs, where a running program cannot be replaced.
    pub copy: Option<PathBuf>,
    /// `kache`; another name for development builds, which have a daemon of their own.
    pub name: String,
    /// The name of its socket's file.
    pub socket: String,
    /// Where this user's files are.
    pub home: PathBuf,
    /// Where the manager looks for its files.
    pub config_dir: PathBuf,
    /// The user, as the system names users: a number, or a security identifier.
    pub user: String,
}

/// The status of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceStatus {
    /// The manager knows it.
    pub is_installed: bool,
    /// It is started at login.
    pub is_enabled: bool,
    pub is_running: bool,
    /// The manager itself listens for it, and starts it when a client connects.
    pub is_listening: bool,
    pub pid: Option<u32>,
    /// How often it was restarted.
    pub n_restarts: Option<u32>,
    /// Why it does not run, as the manager's own word or number for it.
    pub trouble: Option<String>,
    /// The file that describes it, where the manager tells.
    pub described_by: Option<PathBuf>,
}

impl ServiceStatus {
    /// Whether it is used: a unit that a package installed is unused until it is enabled.
    pub fn is_in_use(&self) -> bool {
        self.is_enabled || self.is_running || self.is_listening
    }
}

/// A service manager that starts the daemon at login.
pub trait Supervisor {
    /// Its name, which `--supervised` takes.
    fn name(&self) -> &'static str;

    /// Ways to install it, the best first. If the system refuses one, the next is tried.
    fn install(&self, runner: &dyn CommandRunner) -> Result<Vec<Plan>, CannotPlan>;

    /// The plan that removes everything that `install` made.
    fn uninstall(&self, runner: &dyn CommandRunner) -> Result<Plan, CannotPlan>;

    /// The files that describe it to the manager.
    fn files(&self) -> Vec<PathBuf>;

    /// A file that describes the same daemon and was not written by kache, but by a package or a configuration of the whole
    /// machine. Nothing is installed beside it, and it is not removed.
    fn foreign(&self, runner: &dyn CommandRunner) -> Option<PathBuf>;

    /// Starts it again, whatever stopped it.
    fn start_again(&self, runner: &dyn CommandRunner) -> Vec<Action>;

    fn start(&self, runner: &dyn CommandRunner) -> Result<(), CommandError>;

    /// Stops it, and whatever would start it again before the next login.
    fn stop(&self, runner: &dyn CommandRunner) -> Result<(), CommandError>;

    fn status(&self, runner: &dyn CommandRunner) -> Result<ServiceStatus, CommandError>;

    /// The last lines of the manager's log, to show when it does not start.
    fn last_words(&self, runner: &dyn CommandRunner) -> String;
}
