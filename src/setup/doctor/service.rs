//! The login service as the checks of it see it.

use std::path::PathBuf;

use crate::setup::doctor::machine::{Machine, Through};
use crate::setup::plan::action::Change;
use crate::setup::plan::{CannotPlan, Plan};
use crate::setup::service::detect::{self, Choice};
use crate::setup::service::supervisor::{ServiceStatus, Supervisor};
use crate::setup::wrapper_path;
use crate::sys::fs;

/// Who starts the daemon at login.
pub enum LoginService {
    /// Nobody can, here: why.
    Impossible(String),
    /// Nobody does.
    Absent,
    /// It cannot be told: why.
    Unknown(String),
    Installed(InstalledService),
}

/// A service that is installed, and how it is.
pub struct InstalledService {
    pub supervisor: Box<dyn Supervisor>,
    pub status: ServiceStatus,
    /// Whether it is described by files that kache writes.
    pub is_described: bool,
    /// What describes it instead.
    pub foreign: Option<PathBuf>,
}

/// What there is on this machine.
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
        // What a package brought and nobody enabled is nobody's.
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
    /// What has to be done so that it is described and started as this kache has it; an empty plan if it is.
    pub fn plan(&self, machine: &Machine) -> Result<Plan, CannotPlan> {
        let plans = self.supervisor.install(&Through(&*machine.asks))?;
        let plan = plans.into_iter().next().unwrap_or_else(|| Plan::new(""));
        let is_changed = plan.actions.iter().any(|action| matches!(action.change, Change::Path(_)));
        // Not every manager can be asked whether there is something to do.
        let has_to = self.is_described && (is_changed || !self.status.is_enabled);
        Ok(if has_to { plan } else { Plan::new("") })
    }
}
