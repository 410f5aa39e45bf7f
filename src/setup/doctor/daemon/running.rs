//! Whether the login service runs, and how often it was restarted.

use crate::protocol::message::ON_DEMAND;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix, MaintenanceTask};
use crate::setup::doctor::machine::{Machine, Through};
use crate::setup::doctor::service::{self, InstalledService, LoginService};

/// See the module.
pub struct RunningCheck;

/// Fewer restarts may be deliberate.
const MANY_RESTARTS: u32 = 3;

impl Check for RunningCheck {
    fn id(&self) -> &'static str {
        "service-runs"
    }

    fn group(&self) -> Group {
        Group::Daemon
    }

    fn looks_at(&self) -> &'static str {
        "whether the service runs, how it last ended, and how often it was restarted"
    }

    fn run(&self, machine: &Machine) -> Finding {
        match service::find(machine) {
            LoginService::Installed(installed) => judge(machine, &installed),
            _ => Finding::ok("no login service is installed"),
        }
    }
}

fn judge(machine: &Machine, installed: &InstalledService) -> Finding {
    let InstalledService { supervisor, status, is_described, .. } = installed;
    if !is_described && !status.is_running {
        return Finding::ok("not managed by kache");
    }
    if installed.plan(machine).is_ok_and(|plan| !plan.is_empty()) {
        return Finding::ok("see `service`");
    }
    let daemon =
        machine.place().ok().and_then(|place| machine.daemon(&place).ok().map(|(daemon, _)| daemon.clone()));
    if let Some(daemon) = daemon.filter(|daemon| daemon.supervisor == ON_DEMAND) {
        let text = format!(
            "the running daemon (process {}) was not started by the service and keeps it from starting",
            daemon.pid
        );
        return Finding::problem(text).fix(Fix::from_upkeep(MaintenanceTask::EndOnDemand));
    }
    let name = supervisor.name();
    if status.is_running {
        let process = status.pid.map(|pid| format!(" as process {pid}")).unwrap_or_default();
        return match status.n_restarts {
            Some(n) if n >= MANY_RESTARTS => {
                Finding::note(format!("it runs{process}, but {name} restarted it {n} times"))
                    .hint("`kache daemon log` may say why it ended")
            }
            _ => Finding::ok(format!("it runs{process}")),
        };
    }
    let runner = Through(&*machine.asks);
    let fix = Fix::from_actions(supervisor.start_again(&runner));
    let Some(trouble) = &status.trouble else {
        return Finding::note("it is stopped until the next login").fix(fix);
    };
    let words = supervisor.last_words(&runner);
    let words: Vec<String> = words.lines().map(str::to_owned).collect();
    let last = words[words.len().saturating_sub(5)..].to_vec();
    Finding::problem(format!("{name} cannot keep it running: {trouble}"))
        .details(last)
        .hint("`kache daemon log` may say more")
        .fix(fix)
}
