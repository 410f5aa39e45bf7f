//! Installing the service and proving that it runs; removing it and whatever it left.

use std::time::{Duration, Instant};

use crate::client::DaemonAddress;
use crate::daemon::{run, start};
use crate::protocol::build::Build;
use crate::protocol::message::{ON_DEMAND, Request};
use crate::setup::plan::action::{Action, Change};
use crate::setup::plan::apply::Proof;
use crate::setup::plan::state::Content;
use crate::setup::plan::{CannotPlan, Journal, NotApplied, Plan};
use crate::setup::service::runner::CommandRunner;
use crate::setup::service::supervisor::{INSTALL, Supervisor};
use crate::sys::fs;

/// How long the service may take until its daemon answers.
const START_LIMIT: Duration = Duration::from_secs(20);
const END_LIMIT: Duration = Duration::from_secs(15);

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    #[error(transparent)]
    CannotPlan(#[from] CannotPlan),
    #[error(transparent)]
    NotApplied(#[from] NotApplied),
    #[error("{0}")]
    Other(String),
}

/// Carries out one of `plans`, the first that works, and proves that the daemon answers and is the service's.
pub fn install(
    plans: &[Plan],
    supervisor: &dyn Supervisor,
    runner: &dyn CommandRunner,
    place: &DaemonAddress,
    build: &Build,
    journal: &Journal,
) -> Result<(), NotDone> {
    journal.recover()?;
    first_that_works(plans, place, build, journal, &mut || prove(supervisor, runner, place, build))
}

/// Carries out one of `plans`, the first that works. A daemon that was started on demand ends before: it would keep the
/// service's from its socket.
pub fn first_that_works(
    plans: &[Plan],
    place: &DaemonAddress,
    build: &Build,
    journal: &Journal,
    proof: Proof<'_>,
) -> Result<(), NotDone> {
    let mut result = Ok(());
    for (index, plan) in plans.iter().enumerate() {
        end_on_demand(place, build)?;
        let is_last = index + 1 == plans.len();
        result = journal.apply(plan, proof);
        match result {
            Err(NotApplied::Reverted { .. }) if !is_last => {}
            _ => break,
        }
    }
    Ok(result?)
}

/// Ends a daemon that nobody supervises, if one runs.
pub fn end_on_demand(place: &DaemonAddress, build: &Build) -> Result<(), NotDone> {
    let is_on_demand = start::status(place, build).is_ok_and(|status| status.supervisor == ON_DEMAND);
    if is_on_demand { end(place, build) } else { Ok(()) }
}

/// Ends the daemon, if one answers.
pub fn end(place: &DaemonAddress, build: &Build) -> Result<(), NotDone> {
    if start::status(place, build).is_err() {
        return Ok(());
    }
    let _ = crate::client::ask(&place.endpoint, build, &Request::Stop, None, END_LIMIT);
    if start::wait_for_end(place, END_LIMIT) {
        Ok(())
    } else {
        Err(NotDone::Other(format!("the running daemon does not stop; its log is {}", place.log.display())))
    }
}

/// The daemon answers.
pub fn prove(
    supervisor: &dyn Supervisor,
    runner: &dyn CommandRunner,
    place: &DaemonAddress,
    build: &Build,
) -> Result<(), String> {
    let until = Instant::now() + START_LIMIT;
    loop {
        let answer = start::status(place, build);
        if answer.is_ok() {
            return Ok(());
        }
        if Instant::now() >= until {
            let why = answer.map_or_else(|no| no.to_string(), |_| String::new());
            let status = supervisor.status(runner).unwrap_or_default();
            let trouble = status.trouble.map(|trouble| format!(" ({trouble})")).unwrap_or_default();
            return Err(format!(
                "the service does not answer: {why}{trouble}\n{}",
                supervisor.last_words(runner)
            ));
        }
        runner.wait(Duration::from_millis(20));
    }
}

/// How everything that was installed goes away, with the directories that were made for it: the journal knows them.
pub fn uninstall_plan(
    supervisor: &dyn Supervisor,
    runner: &dyn CommandRunner,
    journal: &Journal,
) -> Result<Plan, NotDone> {
    let mut plan = supervisor.uninstall(runner)?;
    if !plan.is_empty() {
        let undo = journal.undo(&plan.command, &[INSTALL]).map_err(|e| NotDone::Other(e.to_string()))?;
        plan.actions.extend(undo.plan.actions.into_iter().filter(is_about_directory));
        plan.undoes = undo.plan.undoes;
    }
    Ok(plan)
}

fn is_about_directory(action: &Action) -> bool {
    matches!(&action.change, Change::Path(change) if change.before == Content::Directory)
}

/// Carries out the plan of [`uninstall_plan`], and removes what a daemon left that has no manager any more.
pub fn uninstall(
    plan: &Plan,
    place: &DaemonAddress,
    build: &Build,
    journal: &Journal,
) -> Result<(), NotDone> {
    journal.recover()?;
    journal.apply(plan, &mut || Ok(()))?;
    end(place, build)?;
    start::wait_for_end(place, END_LIMIT);
    remove_traces_of_ended(place);
    Ok(())
}

/// Removes what is left of a daemon, if none runs: its lock, and what it noted of itself. Not its log.
pub fn remove_traces_of_ended(place: &DaemonAddress) {
    if !run::is_running(place) {
        remove_traces(place);
    }
}

fn remove_traces(place: &DaemonAddress) {
    for path in [&place.lock, &place.last_run, &place.endpoint.path] {
        let _ = fs::remove(path);
    }
    // Another kind of build may have its own in there.
    if fs::list(&place.dir).is_ok_and(|left| left.is_empty()) {
        let _ = fs::remove_dir_all(&place.dir);
    }
}
