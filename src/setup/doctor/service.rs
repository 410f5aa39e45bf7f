//! The login service as the checks of it see it.

use std::path::PathBuf;

use crate::setup::doctor::machine::{Machine, Through};
use crate::setup::plan::action::ActionKind;
use crate::setup::plan::{CannotPlan, Plan};
use crate::setup::service::detect::{self, Choice};
use crate::setup::service::supervisor::{ServiceStatus, Supervisor};
use crate::setup::wrapper_path;
use crate::sys::fs;

/// The login service of this user.
pub enum LoginService {
    /// None can be installed here: why.
    Impossible(String),
    /// None is installed.
    Absent,
    /// It could not be determined: why.
    Unknown(String),
    Installed(InstalledService),
}

/// A service that is installed, and its status.
pub struct InstalledService {
    pub supervisor: Box<dyn Supervisor>,
    pub status: ServiceStatus,
    /// Whether kache wrote its files.
    pub is_described: bool,
    /// The file of another program that describes it instead.
    pub foreign: Option<PathBuf>,
}

/// Finds it.
pub fn find(machine: &Machine) -> LoginService {
    let choice = detect::choose(machine.platform());
    let exe = wrapper_path::lasting(&machine.exe, &machine.called, &machine.env);
    let supervisor = match detect::supervisor(&choice, &exe, &machine.build, &machine.env) {
        Ok(Some(supervisor)) => supervisor,
        Ok(None) => {
            return match choice {
                Choice::OnDemand(why) | Choice::Refused(why) => LoginService::Impossible(why),
                Choice::Systemd | Choice::Launchd | Choice::Task => LoginService::Absent,
            };
        }
        Err(e) => return LoginService::Unknown(e.to_string()),
    };
    let runner = Through(&*machine.asks);
    let foreign = supervisor.foreign(&runner);
    let is_described =
        foreign.is_none() && supervisor.files().iter().any(|path| fs::symlink_metadata(path).is_ok());
    match supervisor.status(&runner) {
        // A unit that a package installed is unused until it is enabled.
        Ok(status) if is_described || status.is_in_use() => {
            LoginService::Installed(InstalledService { supervisor, status, is_described, foreign })
        }
        Ok(status) => match foreign.filter(|_| !status.is_installed) {
            Some(foreign) => LoginService::Installed(InstalledService {
                supervisor,
                status,
                is_described,
                foreign: Some(foreign),
            }),
            None => LoginService::Absent,
        },
        Err(why) => LoginService::Unknown(why.to_string()),
    }
}

impl InstalledService {
    /// The plan that installs it as this version does; empty if it is installed like that.
    pub fn plan(&self, machine: &Machine) -> Result<Plan, CannotPlan> {
        let plans = self.supervisor.install(&Through(&*machine.asks))?;
        let plan = plans.into_iter().next().unwrap_or_else(|| Plan::new(""));
        let is_changed = plan.actions.iter().any(|action| matches!(action.change, ActionKind::Path(_)));
        // Not every manager can tell whether there is something to do.
        let has_to = self.is_described && (is_changed || !self.status.is_enabled);
        Ok(if has_to { plan } else { Plan::new("") })
    }
}
