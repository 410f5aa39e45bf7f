//! What is to be installed, and what a service manager must be able to do with it.

use std::path::PathBuf;

use crate::setup::plan::{Action, CannotPlan, CommandError, Plan};
use crate::setup::service::runner::CommandRunner;

/// What the journal calls installing the service.
pub const INSTALL: &str = "daemon install";
/// What it calls removing it.
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

/// How a service is.
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
    /// How often it was started again.
    pub n_restarts: Option<u32>,
    /// Why it does not run, as the manager's own word or number for it.
    pub trouble: Option<String>,
    /// The file that describes it, where the manager tells.
    pub described_by: Option<PathBuf>,
}

impl ServiceStatus {
    /// Whether anybody has to do with it: what a package brings is there, and is nothing until it is enabled.
    pub fn is_in_use(&self) -> bool {
        self.is_enabled || self.is_running || self.is_listening
    }
}

/// What starts the daemon at login.
pub trait Supervisor {
    /// As `--supervised` takes it, and as people know it.
    fn name(&self) -> &'static str;

    /// Ways to install, the best first: where one is refused by the system, the next is tried.
    fn install(&self, runner: &dyn CommandRunner) -> Result<Vec<Plan>, CannotPlan>;

    /// How everything that `install` made goes away.
    fn uninstall(&self, runner: &dyn CommandRunner) -> Result<Plan, CannotPlan>;

    /// The files that describe it to the manager.
    fn files(&self) -> Vec<PathBuf>;

    /// A file that describes the same daemon to the manager and is not kache's: a package brought it, or a description of
    /// the whole machine. Beside it nothing is installed, and it is not removed.
    fn foreign(&self, runner: &dyn CommandRunner) -> Option<PathBuf>;

    /// How it is started whatever ended it, as actions.
    fn start_again(&self, runner: &dyn CommandRunner) -> Vec<Action>;

    fn start(&self, runner: &dyn CommandRunner) -> Result<(), CommandError>;

    /// Stops it, and whatever would start it again before the next login.
    fn stop(&self, runner: &dyn CommandRunner) -> Result<(), CommandError>;

    fn status(&self, runner: &dyn CommandRunner) -> Result<ServiceStatus, CommandError>;

    /// What the manager wrote down last, for when it does not start.
    fn last_words(&self, runner: &dyn CommandRunner) -> String;
}
