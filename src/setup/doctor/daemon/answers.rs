//! Whether the daemon answers, how fast, and whether it is this build.

use std::time::Duration;

use crate::client::{DaemonAddress, NoDaemon};
use crate::config::units::format_duration;
use crate::daemon::last_run::LastRun;
use crate::daemon::run;
use crate::protocol::message::Status;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::daemon::processes::daemons;
use crate::setup::doctor::finding::{Finding, Fix, MaintenanceTask};
use crate::setup::doctor::machine::Machine;
use crate::setup::doctor::service::{self, LoginService};

/// See the module.
pub struct AnswersCheck;

/// A daemon that takes longer is not the reason: the machine is busy.
const SOON: Duration = Duration::from_millis(50);

impl Check for AnswersCheck {
    fn id(&self) -> &'static str {
        "daemon"
    }

    fn group(&self) -> Group {
        Group::Daemon
    }

    fn looks_at(&self) -> &'static str {
        "whether the daemon answers, how fast, and which build it is"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let place = match machine.place() {
            Ok(place) => place,
            Err(e) => return Finding::problem(e.to_string()).hint("set HOME"),
        };
        match machine.daemon(&place) {
            Ok((status, took)) => describe_running(machine, status, *took),
            Err(NoDaemon::NotRunning) if !run::is_running(&place) => describe_absent(machine, &place),
            Err(NoDaemon::NotRunning) => {
                unreachable(machine, &place, "a daemon is running but not listening")
            }
            Err(NoDaemon::NotKache) => {
                Finding::problem(format!("{}: {}", place.endpoint.path.display(), NoDaemon::NotKache))
                    .hint("stop the program that listens there, or remove the socket")
            }
            Err(NoDaemon::NoAnswer(e)) => {
                unreachable(machine, &place, &format!("the daemon does not answer: {e}"))
            }
            Err(no @ &NoDaemon::TooOld { .. }) => {
                Finding::problem(no.to_string()).fix(Fix::from_upkeep(MaintenanceTask::HandOver))
            }
            Err(no @ &NoDaemon::TooNew { .. }) => Finding::problem(no.to_string())
                .hint(format!("the daemon was started by a different kache than {}", machine.exe.display())),
        }
    }
}

fn describe_running(machine: &Machine, status: &Status, took: Duration) -> Finding {
    let Status { build, pid, .. } = status;
    let since = format_duration(Duration::from_secs(status.uptime_ms / 1000));
    if let Some(why) = &status.upgrade_pending {
        return Finding::problem(format!("an upgrade of the daemon (process {pid}) is pending"))
            .details([why.clone()])
            .hint("it is retried once that is fixed")
            .fix(Fix::from_upkeep(MaintenanceTask::HandOver));
    }
    if let Some(why) = &status.upkeep.error {
        return Finding::problem(format!("the daemon (process {pid}) cannot maintain the store"))
            .details([why.clone()])
            .hint("it retries after the next builds; see `kache daemon log`");
    }
    let text = format!("process {pid} runs {build}, up for {since}");
    if build.id != machine.build.id {
        let is_at_its_path = machine.is_same_file(&status.exe, &machine.exe);
        return match () {
            () if is_at_its_path || machine.build.is_newer_than(build) => {
                Finding::note(format!("{text}; this is {}", machine.build))
                    .fix(Fix::from_upkeep(MaintenanceTask::HandOver))
            }
            () if build.is_newer_than(&machine.build) => {
                Finding::ok(format!("{text}, newer than this program"))
            }
            () => Finding::note(format!("{text}, from {}; this is {}", status.exe.display(), machine.build))
                .hint("`kache daemon stop` stops it, `kache daemon start` starts this one"),
        };
    }
    if took > SOON {
        return Finding::note(format!("{text}; it took {} ms to answer", took.as_millis()))
            .hint("the machine may be busy; see `kache daemon log`");
    }
    Finding::ok(text)
}

fn describe_absent(machine: &Machine, place: &DaemonAddress) -> Finding {
    let last = LastRun::read(&place.last_run);
    if !last.pause(machine.now_ms).is_zero() {
        let n = last.n_crashes_until_now();
        return Finding::problem(format!("the daemon crashed {n} times, each time soon after it started"))
            .hint("`kache daemon log` may say why; report it if it does not");
    }
    match service::find(machine) {
        LoginService::Impossible(_) | LoginService::Absent => {
            Finding::ok("not running, as expected: no service starts it, and builds do not need it")
        }
        LoginService::Installed(_) => Finding::ok("not running; see `service-runs`"),
        LoginService::Unknown(_) => Finding::ok("not running; builds do not need it"),
    }
}

/// A daemon that holds the lock and does not answer, so that no other can start.
fn unreachable(machine: &Machine, place: &DaemonAddress, why: &str) -> Finding {
    let holder = daemons(machine, place).into_iter().find(|process| process.has_lock);
    let log = format!("its log is {}", place.log.display());
    match holder {
        Some(holder) => Finding::problem(format!("{why} (process {})", holder.pid)).hint(log).fix(
            Fix::from_upkeep(MaintenanceTask::EndProcess(holder.pid))
                .after_asking(format!("Terminate process {}?", holder.pid)),
        ),
        None => Finding::problem(why).hint(format!("{log}; `kache daemon stop` may stop it")),
    }
}
