//! Whether the project here sets another wrapper than the user.

use crate::setup::cargo_config::{Origin, Program};
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::init::{Known, known};
use crate::sys::dirs;

/// See the module.
pub struct Project;

impl Check for Project {
    fn id(&self) -> &'static str {
        "project-config"
    }

    fn group(&self) -> Group {
        Group::Cargo
    }

    fn looks_at(&self) -> &'static str {
        "configurations of cargo between here and /"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let own = dirs::cargo_home(&machine.env).map(|home| machine.cwd.join(home)).unwrap_or_default();
        let chain = machine.chain();
        let is_project =
            |origin: &Origin| matches!(origin, Origin::File { path, .. } if !path.starts_with(&own));
        let project = chain.links.iter().find(|link| is_project(&link.origin));
        let Some(link) = project else { return Finding::ok("no project here sets a wrapper") };
        match known(&link.value) {
            Known::Kache => Finding::ok(format!("{} sets `{}`", link.origin, link.value)),
            _ if link.program == Program::Disabled => {
                Finding::problem(format!("{} sets an empty wrapper, which goes first here", link.origin))
                    .hint("remove that line if kache is wanted in this project")
            }
            _ => Finding::problem(format!("{} sets `{}`, which goes first here", link.origin, link.value))
                .hint("remove that line if kache is wanted in this project"),
        }
    }
}
