//! Whether the daemon of the login service outlives the sessions of its user, where that matters.

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::{Machine, Through};
use crate::setup::doctor::service::{self, Service};
use crate::setup::service::launchd;
use crate::sys::ipc;

/// See the module.
pub struct Linger;

impl Check for Linger {
    fn id(&self) -> &'static str {
        "linger"
    }

    fn group(&self) -> Group {
        Group::Daemon
    }

    fn looks_at(&self) -> &'static str {
        "whether the service goes on when its user is not logged in"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Service::Installed(installed) = service::of(machine) else {
            return Finding::ok("there is no service that could end with a session");
        };
        let user = ipc::user_name().unwrap_or_default();
        match installed.supervisor.name() {
            "systemd" => of_systemd(machine, &user),
            "launchd" => of_launchd(machine, &user),
            _ => Finding::ok("it runs as long as its user is logged in"),
        }
    }
}

fn of_systemd(machine: &Machine, user: &str) -> Finding {
    let is_remote = machine.var("SSH_CONNECTION").is_some();
    let said = machine.said("loginctl", &["show-user", user, "--property=Linger", "--value"]);
    match said.as_deref().map(str::trim) {
        Some("yes") => Finding::ok("it goes on when its user is not logged in"),
        // Who only comes by ssh ends the daemon with each session.
        Some("no") if is_remote => {
            Finding::note("this is a remote session, and the daemon ends with the last one of them")
                .hint("`loginctl enable-linger` has it go on; builds do not need that")
        }
        Some("no") => Finding::ok("it runs as long as its user is logged in"),
        _ => Finding::ok("logind does not tell"),
    }
}

fn of_launchd(machine: &Machine, user: &str) -> Finding {
    match launchd::domain(user, &Through(&*machine.asks)) {
        Ok(domain) if domain.starts_with("user/") => Finding::note(
            "nobody is logged in at the screen, so the daemon is one of remote sessions",
        )
        .hint("it ends with the last of them; log in at the screen, and `kache daemon start` has it stay"),
        Ok(_) => Finding::ok("it runs as long as its user is logged in"),
        Err(why) => Finding::note("launchd does not tell which session this is").details([why]),
    }
}
