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
use crate::setup::plan::action::Change;
use crate::setup::plan::apply::Proof;
use crate::setup::plan::{Action, CannotPlan, Journal, Plan};
use crate::setup::service::detect::{self, Choice, NoService, Platform};
use crate::setup::service::install::{self, NoAnswer, NotDone};
use crate::setup::service::runner::SystemRunner;
use crate::setup::service::supervisor::Supervisor;
use crate::setup::service::systemd::{self, SYSTEMD};
use crate::sys::env::Env;

/// This user's login service, and where its daemon is.
pub struct Login {
    service: Option<Box<dyn Supervisor>>,
    /// Why nobody starts it.
    pub why_none: Option<String>,
    pub place: DaemonAddress,
    build: Build,
}

/// Why nothing can be said of the service.
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
    /// What would start the daemon at login here, running the program at `exe`.
    pub fn to_install(env: &Env, exe: &Path) -> Result<Login, NoLogin> {
        let choice = detect::choose(&Platform::detect(env, &SystemRunner));
        Login::new(env, exe, choice)
    }

    /// What may start the daemon at login on a system like this, whatever would be chosen now: it may have been
    /// installed in another session.
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

    /// Who starts the daemon, as people know it.
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

    /// Carries out the first of `ways` that works.
    pub fn apply(&self, ways: &[Plan], journal: &Journal, proof: Proof<'_>) -> Result<(), NotDone> {
        install::first_that_works(ways, &self.place, &self.build, journal, proof)
    }

    /// Proves that the daemon answers.
    pub fn prove(&self) -> Result<(), NoAnswer> {
        match &self.service {
            Some(service) => install::prove(&**service, &SystemRunner, &self.place, &self.build),
            None => Ok(()),
        }
    }

    /// What has the service start with the machine; nothing if it does.
    ///
    /// # Errors
    /// Only systemd has that, and it is not what starts the service here: why.
    pub fn linger(&self) -> Result<Option<Action>, CannotLinger> {
        match (&self.service, &self.why_none) {
            (Some(service), _) if service.name() == SYSTEMD => Ok(systemd::linger(&SystemRunner)),
            (Some(service), _) => Err(CannotLinger::OtherManager { name: service.name() }),
            (None, why) => Err(CannotLinger::NoService { why: why.clone().unwrap_or_default() }),
        }
    }

    /// How the daemon is, if one runs.
    pub fn daemon(&self) -> Option<Status> {
        start::status(&self.place, &self.build).ok()
    }

    /// How the service goes; an empty plan where there is none.
    pub fn removal(&self, journal: &Journal) -> Result<Plan, NoLogin> {
        match &self.service {
            Some(service) => Ok(install::uninstall_plan(&**service, &SystemRunner, journal)?),
            None => Ok(Plan::new("")),
        }
    }

    /// The process of a daemon that nobody supervises, if one runs.
    pub fn on_demand(&self) -> Option<u32> {
        self.daemon().filter(|status| status.supervisor == ON_DEMAND).map(|status| status.pid)
    }

    /// Ends a daemon that nobody supervises.
    pub fn end_on_demand(&self) -> Result<(), NotDone> {
        install::end_on_demand(&self.place, &self.build)
    }

    /// Ends whatever daemon there is: one that outlived its service, too.
    pub fn end(&self) -> Result<(), NotDone> {
        install::end(&self.place, &self.build)
    }

    /// Removes what is left of a daemon that runs no more; its log too, for good, if `with_log`.
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
        Change::Path(change) => Some(&change.path),
        Change::Run(_) => None,
    }
}
