//! Whether a system service runs the daemon of a service account.

use std::path::Path;

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::service::detect;
use crate::setup::service::system::manager::SystemManager;

/// See the module.
pub struct SystemCheck;

impl Check for SystemCheck {
    fn id(&self) -> &'static str {
        "system-service"
    }

    fn group(&self) -> Group {
        Group::Daemon
    }

    fn looks_at(&self) -> &'static str {
        "the system service of a build server"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let name = detect::service_name(&machine.build);
        for manager in SystemManager::ALL {
            let path = machine.root.join(manager.file(name));
            if let Some(user) = manager.account_in_file(&path) {
                return describe(machine, manager, name, &path, &user);
            }
        }
        Finding::ok("no system service is installed; login services do for people")
    }
}

fn describe(machine: &Machine, manager: SystemManager, name: &str, path: &Path, user: &str) -> Finding {
    let state = match manager {
        SystemManager::Systemd => {
            machine.said("systemctl", &["show", "--property=ActiveState", "--value", name])
        }
        // What the others say of a service is for people.
        SystemManager::Launchd | SystemManager::OpenRc | SystemManager::Rcd => None,
    };
    match state.as_deref().map(str::trim) {
        Some("failed") => Finding::problem(format!("the system service of {user} failed")).hint(format!(
            "`journalctl -u {name}` may say why; `sudo systemctl restart {name}` starts it again"
        )),
        Some("inactive") => {
            Finding::note(format!("the system service of {user} is stopped until the next boot"))
                .hint(format!("`sudo systemctl start {name}` starts it now"))
        }
        _ => Finding::ok(format!(
            "{} runs the daemon of {user}, as described in {}",
            manager.name(),
            path.display()
        )),
    }
}
