//! Whether the login service outlives the sessions of its user.

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::{Machine, Through};
use crate::setup::doctor::service::{self, LoginService};
use crate::setup::service::launchd;
use crate::sys::ipc;

/// See the module.
pub struct LingerCheck;

impl Check for LingerCheck {
    fn id(&self) -> &'static str {
        "linger"
    }

    fn group(&self) -> Group {
        Group::Daemon
    }

    fn looks_at(&self) -> &'static str {
        "whether the login service outlives the user's sessions"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let LoginService::Installed(installed) = service::find(machine) else {
            return Finding::ok("no login service is installed");
        };
        let user = ipc::user_name().unwrap_or_default();
        match installed.supervisor.name() {
            "systemd" => check_systemd(machine, &user),
            "launchd" => check_launchd(machine, &user),
            _ => Finding::ok("it runs while the user is logged in"),
        }
    }
}

fn check_systemd(machine: &Machine, user: &str) -> Finding {
    let is_remote = machine.var("SSH_CONNECTION").is_some();
    let said = machine.said("loginctl", &["show-user", user, "--property=Linger", "--value"]);
    match said.as_deref().map(str::trim) {
        Some("yes") => Finding::ok("it keeps running after logout"),
        // A user who only logs in by ssh stops the daemon with each session.
        Some("no") if is_remote => {
            Finding::note("this is a remote session, and the daemon stops with the last one")
                .hint("`loginctl enable-linger` keeps it running; builds do not need that")
        }
        Some("no") => Finding::ok("it runs while the user is logged in"),
        _ => Finding::ok("logind gives no answer"),
    }
}

fn check_launchd(machine: &Machine, user: &str) -> Finding {
    match launchd::domain(user, &Through(&*machine.asks)) {
        Ok(domain) if domain.starts_with("user/") => Finding::note(
            "nobody is logged in at the screen, so the daemon belongs to remote sessions",
        )
        .hint(
            "it stops with the last of them; to keep it, log in at the screen and run `kache daemon start`",
        ),
        Ok(_) => Finding::ok("it runs while the user is logged in"),
        Err(why) => Finding::note("cannot determine which session this is").details([why.to_string()]),
    }
}
