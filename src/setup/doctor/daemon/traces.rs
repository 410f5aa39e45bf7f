//! Unreachable daemons, and the sockets of daemons that crashed.
//!
//! A lock is stale if it can be acquired. Its file alone means nothing: it stays when a daemon exits.

use crate::client::{DaemonAddress, NoDaemon};
use crate::daemon::last_run::LastRun;
use crate::daemon::run;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::daemon::processes::daemons;
use crate::setup::doctor::finding::{Finding, Fix, MaintenanceTask};
use crate::setup::doctor::machine::Machine;
use crate::sys::fs::settle::{self, Standing};

/// See the module.
pub struct TracesCheck;

impl Check for TracesCheck {
    fn id(&self) -> &'static str {
        "daemon-traces"
    }

    fn group(&self) -> Group {
        Group::Daemon
    }

    fn looks_at(&self) -> &'static str {
        "unreachable daemons and stale sockets"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Ok(place) = machine.place() else { return Finding::ok("a daemon cannot run here") };
        let daemon = machine.daemon(&place);
        let mut strays = Vec::new();
        for process in daemons(machine, &place) {
            let is_stray = match &daemon {
                Ok((status, _)) => process.pid != status.pid,
                // The process that holds the lock is the daemon, which `daemon` checks.
                Err(_) => !process.has_lock,
            };
            if is_stray {
                strays.push(process.pid);
            }
        }
        if !strays.is_empty() {
            return strays_finding(&strays);
        }
        let is_over = matches!(daemon, Err(NoDaemon::NotRunning)) && !run::is_running(&place);
        let has_socket = matches!(settle::standing(&place.endpoint.path), Ok(Standing::Other));
        if is_over && has_socket {
            socket_finding(&place)
        } else {
            Finding::ok("earlier daemons left nothing behind")
        }
    }
}

fn strays_finding(strays: &[u32]) -> Finding {
    let text = match strays {
        [pid] => format!("process {pid} is an unreachable daemon: its lock file was removed"),
        _ => format!("{} processes are unreachable daemons: their lock file was removed", strays.len()),
    };
    let pids: Vec<String> = strays.iter().map(u32::to_string).collect();
    let question =
        format!("Terminate {} {}?", if strays.len() == 1 { "process" } else { "processes" }, pids.join(", "));
    let upkeep = strays.iter().copied().map(MaintenanceTask::EndProcess).collect();
    Finding::problem(text).fix(Fix { upkeep, ..Fix::default() }.after_asking(question))
}

fn socket_finding(place: &DaemonAddress) -> Finding {
    let at = place.endpoint.path.display();
    let fix = Fix::from_upkeep(MaintenanceTask::ClearTraces);
    if LastRun::read(&place.last_run).is_running {
        return Finding::problem(format!("the last daemon was killed or crashed and left its socket {at}"))
            .hint("builds are not affected; `kache daemon log` may say more")
            .fix(fix);
    }
    Finding::note(format!("nothing listens on the socket {at}"))
        .hint("the next daemon replaces it; builds are not affected")
        .fix(fix)
}
