//! The login service as a part of `kache init`, `init --undo` and `kache uninstall`.
//!
//! Cargo's configuration goes first in both directions: it is wired before the service is installed, and unwired before
//! it is removed. The program that the service runs is there before it and goes after it.

use std::io;
use std::path::Path;

use crate::client::{DaemonAddress, NoAddress};
use crate::daemon::start;
use crate::protocol::build::Build;
use crate::protocol::message::{ON_DEMAND, Status};
use crate::setup::plan::action::ActionKind;
use crate::setup::plan::apply::Proof;
use crate::setup::plan::{Action, CannotPlan, Journal, Plan};
use crate::setup::service::detect::{self, Choice, NoService, Platform};
use crate::setup::service::install::{self, NoAnswer, NotDone};
use crate::setup::service::runner::SystemRunner;
use crate::setup::service::supervisor::Supervisor;
use crate::setup::service::systemd::{self, SYSTEMD};
use crate::sys::env::Env;

/// This user's login service, and the address of its daemon.
pub struct Login {
    service: Option<Box<dyn Supervisor>>,
    /// Why no service manager starts it.
    pub why_none: Option<String>,
    pub place: DaemonAddress,
    build: Build,
}

/// Why the service cannot be installed or removed.
#[derive(Debug, thiserror::Error)]
pub enum NoLogin {
    #[error(transparent)]
    NoAddress(#[from] NoAddress),
    #[error(transparent)]
    NoService(#[from] NoService),
    #[error(transparent)]
    NotDone(#[from] NotDone),
    #[error(transparent)]
    CannotPlan(#[from] CannotPlan),
}

/// Why the service cannot be started with the machine.
#[derive(Debug, thiserror::Error)]
pub enum CannotLinger {
    #[error("the service here is one of {name}")]
    OtherManager { name: &'static str },
    #[error("{why}")]
    NoService { why: String },
}

impl Login {
    /// The service manager that would start the program at `exe` at login here.
    pub fn to_install(env: &Env, exe: &Path) -> Result<Login, NoLogin> {
        let choice = detect::choose(&Platform::detect(env, &SystemRunner));
        Login::new(env, exe, choice)
    }

    /// The service manager of a system like this, whatever would be chosen now: the service may have been installed in
    /// another session.
    pub fn to_remove(env: &Env, exe: &Path) -> Result<Login, NoLogin> {
        Login::new(env, exe, detect::default_choice())
    }

    fn new(env: &Env, exe: &Path, choice: Choice) -> Result<Login, NoLogin> {
        let build = Build::current();
        let place = DaemonAddress::for_build(env, &build)?;
        let service = detect::supervisor(&choice, exe, &build, env)?;
        let why_none = match choice {
            Choice::OnDemand(why) | Choice::Refused(why) => Some(why),
            Choice::Systemd | Choice::Launchd | Choice::Task => None,
        };
        Ok(Login { service, why_none, place, build })
    }

    /// The service manager that starts the daemon.
    pub fn name(&self) -> Option<&'static str> {
        self.service.as_ref().map(|service| service.name())
    }

    /// Ways to do what `plan` does and to install the service after it; the best first. One that adds nothing is
    /// answered as none.
    pub fn added_to(&self, plan: &Plan) -> Result<Vec<Plan>, NoLogin> {
        let Some(service) = &self.service else { return Ok(Vec::new()) };
        let mut ways = service.install(&SystemRunner)?;
        if ways.first().is_none_or(Plan::is_empty) {
            return Ok(Vec::new());
        }
        for way in &mut ways {
            let own = std::mem::take(&mut way.actions);
            way.command.clone_from(&plan.command);
            way.actions.clone_from(&plan.actions);
            way.actions.extend(own.into_iter().filter(|action| !is_planned(action, &plan.actions)));
        }
        Ok(ways)
    }

    /// Applies the first of `ways` that works.
    pub fn apply(&self, ways: &[Plan], journal: &Journal, proof: Proof<'_>) -> Result<(), NotDone> {
        install::first_that_works(ways, &self.place, &self.build, journal, proof)
    }

    /// Verifies that the daemon answers.
    pub fn prove(&self) -> Result<(), NoAnswer> {
        match &self.service {
            Some(service) => install::prove(&**service, &SystemRunner, &self.place, &self.build),
            None => Ok(()),
        }
    }

    /// Starts the service at boot; `None` if it does that.
    ///
    /// # Errors
    /// Only systemd can do that, and it does not start the service here.
    pub fn linger(&self) -> Result<Option<Action>, CannotLinger> {
        match (&self.service, &self.why_none) {
            (Some(service), _) if service.name() == SYSTEMD => Ok(systemd::linger(&SystemRunner)),
            (Some(service), _) => Err(CannotLinger::OtherManager { name: service.name() }),
            (None, why) => Err(CannotLinger::NoService { why: why.clone().unwrap_or_default() }),
        }
    }

    /// The status of the daemon, if one runs.
    pub fn daemon(&self) -> Option<Status> {
        start::status(&self.place, &self.build).ok()
    }

    /// The plan that removes the service; empty if there is none.
    pub fn removal(&self, journal: &Journal) -> Result<Plan, NoLogin> {
        match &self.service {
            Some(service) => Ok(install::uninstall_plan(&**service, &SystemRunner, journal)?),
            None => Ok(Plan::new("")),
        }
    }

    /// The process of a daemon that was started on demand, if one runs.
    pub fn on_demand(&self) -> Option<u32> {
        self.daemon().filter(|status| status.supervisor == ON_DEMAND).map(|status| status.pid)
    }

    /// Stops a daemon that was started on demand.
    pub fn end_on_demand(&self) -> Result<(), NotDone> {
        install::end_on_demand(&self.place, &self.build)
    }

    /// Stops the daemon, even if it outlived its service.
    pub fn end(&self) -> Result<(), NotDone> {
        install::end(&self.place, &self.build)
    }

    /// Removes the files of a daemon that does not run; with `with_log` also its log.
    pub fn remove_traces(&self, with_log: bool) -> io::Result<()> {
        install::remove_traces_of_ended(&self.place);
        if with_log { crate::daemon::log::remove(&self.place.log) } else { Ok(()) }
    }
}

/// Whether one of `actions` changes the same path.
pub fn is_planned(action: &Action, actions: &[Action]) -> bool {
    let own = changed_path(action);
    own.is_some() && actions.iter().any(|planned| changed_path(planned) == own)
}

fn changed_path(action: &Action) -> Option<&Path> {
    match &action.change {
        ActionKind::Path(change) => Some(&change.path),
        ActionKind::Run(_) => None,
    }
}
