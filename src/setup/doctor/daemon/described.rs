//! Whether the files of the login service are those of this version, and it is started at login.

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix};
use crate::setup::doctor::machine::Machine;
use crate::setup::doctor::service::{self, LoginService};
use crate::setup::plan::action::ActionKind;

/// See the module.
pub struct DescribedCheck;

impl Check for DescribedCheck {
    fn id(&self) -> &'static str {
        "service"
    }

    fn group(&self) -> Group {
        Group::Daemon
    }

    fn looks_at(&self) -> &'static str {
        "the login service and its files"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let installed = match service::find(machine) {
            LoginService::Installed(installed) => installed,
            LoginService::Impossible(why) => {
                return Finding::ok(format!("no login service can be installed: {why}"));
            }
            LoginService::Absent => {
                return Finding::ok("no login service is installed; `kache daemon install` adds one");
            }
            LoginService::Unknown(why) => {
                return Finding::note("cannot determine whether a login service is installed").details([why]);
            }
        };
        let name = installed.supervisor.name();
        if !installed.is_described {
            return Finding::ok(match &installed.foreign {
                Some(path) => format!("{name} starts the daemon as described in {}", path.display()),
                None => format!("{name} has a service that kache did not write"),
            });
        }
        if installed.status.trouble.as_deref() == Some("masked") {
            return Finding::problem(format!("{name} never starts it: the unit is masked"))
                .hint("`systemctl --user unmask` allows it again, `kache daemon uninstall` removes it");
        }
        let plan = match installed.plan(machine) {
            Ok(plan) => plan,
            Err(e) => {
                return Finding::problem("the login service cannot be repaired").details([e.to_string()]);
            }
        };
        if plan.is_empty() {
            return Finding::ok(format!("{name} starts the daemon at login"));
        }
        let changed: Vec<String> = plan
            .actions
            .iter()
            .filter_map(|action| match &action.change {
                ActionKind::Path(change) => Some(change.path.display().to_string()),
                ActionKind::Run(_) => None,
            })
            .collect();
        let text = match changed.is_empty() {
            true => format!("{name} does not start the daemon at login"),
            false => "the login service is not as this kache installs it".to_owned(),
        };
        Finding::problem(text)
            .details(changed)
            .hint("`kache daemon uninstall` removes it if you do not want it")
            .fix(Fix::from_actions(plan.actions))
    }
}
