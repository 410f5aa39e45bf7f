//! Installs the login service and verifies that it runs; removes it and its leftovers.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::client::{DaemonAddress, NoDaemon};
use crate::daemon::{run, start};
use crate::protocol::build::Build;
use crate::protocol::message::{ON_DEMAND, Request};
use crate::setup::plan::action::{Action, ActionKind};
use crate::setup::plan::apply::Proof;
use crate::setup::plan::state::Content;
use crate::setup::plan::{CannotPlan, Journal, NotApplied, Plan};
use crate::setup::service::runner::CommandRunner;
use crate::setup::service::supervisor::{INSTALL, Supervisor};
use crate::sys::fs;

/// How long the service may take until its daemon answers.
const START_LIMIT: Duration = Duration::from_secs(20);
const END_LIMIT: Duration = Duration::from_secs(15);

/// Why the service was not installed or removed.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    #[error(transparent)]
    CannotPlan(#[from] CannotPlan),
    #[error(transparent)]
    NotApplied(#[from] NotApplied),
    #[error("the running daemon does not stop; its log is {log}")]
    DaemonStays { log: PathBuf },
    #[error(transparent)]
    Journal(#[from] io::Error),
}

/// The service was started, and its daemon does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the service does not answer: {error}{}\n{last_words}", in_brackets(trouble.as_deref()))]
pub struct NoAnswer {
    error: NoDaemon,
    /// Why it does not run, as the service manager puts it.
    trouble: Option<String>,
    last_words: String,
}

fn in_brackets(text: Option<&str>) -> String {
    text.map(|text| format!(" ({text})")).unwrap_or_default()
}

/// Applies the first of `plans` that works, and verifies that the daemon answers.
pub fn install(
    plans: &[Plan],
    supervisor: &dyn Supervisor,
    runner: &dyn CommandRunner,
    place: &DaemonAddress,
    build: &Build,
    journal: &Journal,
) -> Result<(), NotDone> {
    journal.recover()?;
    first_that_works(plans, place, build, journal, &mut || Ok(prove(supervisor, runner, place, build)?))
}

/// Applies the first of `plans` that works. A daemon that was started on demand is stopped before, because it would keep
/// the service's from its socket.
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

/// Stops a daemon that was started on demand, if one runs.
pub fn end_on_demand(place: &DaemonAddress, build: &Build) -> Result<(), NotDone> {
    let is_on_demand = start::status(place, build).is_ok_and(|status| status.supervisor == ON_DEMAND);
    if is_on_demand { end(place, build) } else { Ok(()) }
}

/// Stops the daemon, if one answers.
pub fn end(place: &DaemonAddress, build: &Build) -> Result<(), NotDone> {
    if start::status(place, build).is_err() {
        return Ok(());
    }
    let _ = crate::client::ask(&place.endpoint, build, &Request::Stop, None, END_LIMIT);
    match start::wait_for_end(place, END_LIMIT) {
        true => Ok(()),
        false => Err(NotDone::DaemonStays { log: place.log.clone() }),
    }
}

/// Waits until the daemon answers.
pub fn prove(
    supervisor: &dyn Supervisor,
    runner: &dyn CommandRunner,
    place: &DaemonAddress,
    build: &Build,
) -> Result<(), NoAnswer> {
    let until = Instant::now() + START_LIMIT;
    loop {
        let Err(error) = start::status(place, build) else { return Ok(()) };
        if Instant::now() >= until {
            let trouble = supervisor.status(runner).unwrap_or_default().trouble;
            return Err(NoAnswer { error, trouble, last_words: supervisor.last_words(runner) });
        }
        runner.wait(Duration::from_millis(20));
    }
}

/// The plan that removes the service, and the directories that were made for it, which the journal knows.
pub fn uninstall_plan(
    supervisor: &dyn Supervisor,
    runner: &dyn CommandRunner,
    journal: &Journal,
) -> Result<Plan, NotDone> {
    let mut plan = supervisor.uninstall(runner)?;
    if !plan.is_empty() {
        let undo = journal.undo(&plan.command, &[INSTALL])?;
        plan.actions.extend(undo.plan.actions.into_iter().filter(is_about_directory));
        plan.undoes = undo.plan.undoes;
    }
    Ok(plan)
}

fn is_about_directory(action: &Action) -> bool {
    matches!(&action.change, ActionKind::Path(change) if change.before == Content::Directory)
}

/// Applies the plan of [`uninstall_plan`], and removes what the daemon left.
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

/// Removes the lock and the status file of a daemon, if none runs. Its log stays.
pub fn remove_traces_of_ended(place: &DaemonAddress) {
    if !run::is_running(place) {
        remove_traces(place);
    }
}

fn remove_traces(place: &DaemonAddress) {
    for path in [&place.lock, &place.last_run, &place.build_stamp, &place.endpoint.path] {
        let _ = fs::remove(path);
    }
    // Another kind of build may have its own in there.
    if fs::list(&place.dir).is_ok_and(|left| left.is_empty()) {
        let _ = fs::remove_dir_all(&place.dir);
    }
}
