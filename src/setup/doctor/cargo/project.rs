//! Whether the project sets another wrapper than the user.

use crate::setup::cargo_config::{ConfigOrigin, Link, WrapperKey, WrapperProgram};
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix};
use crate::setup::doctor::machine::Machine;
use crate::setup::init::{KnownWrapper, known};
use crate::setup::plan::Action;
use crate::setup::sccache::lines;
use crate::setup::sccache::places::{ConfigFile, FileScope, Syntax};
use crate::sys::dirs;

/// See the module.
pub struct ProjectCheck;

impl Check for ProjectCheck {
    fn id(&self) -> &'static str {
        "project-config"
    }

    fn group(&self) -> Group {
        Group::Cargo
    }

    fn looks_at(&self) -> &'static str {
        "cargo configuration files between here and /"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let own = dirs::cargo_home(&machine.env).map(|home| machine.cwd.join(home)).unwrap_or_default();
        let chain = machine.chain();
        let project = chain
            .links
            .iter()
            .find(|link| matches!(&link.origin, ConfigOrigin::File { path, .. } if !path.starts_with(&own)));
        let Some(link) = project else { return Finding::ok("no project configuration sets a wrapper") };
        if known(&link.value) == KnownWrapper::Kache {
            return Finding::ok(format!("{} sets `{}`", link.origin, link.value));
        }
        let what = match link.program {
            WrapperProgram::Disabled => "an empty wrapper".to_owned(),
            _ => format!("`{}`", link.value),
        };
        let finding = Finding::problem(format!("{} sets {what}, which takes precedence here", link.origin));
        match comment_out(link) {
            Some(action) if machine.with_project => {
                finding.fix(Fix::from_actions(vec![action]).after_asking("Leave the wrapper to each user's configuration?"))
            }
            Some(_) => finding.hint(
                "remove that line to use kache in this project; `kache doctor --fix --project` comments it out",
            ),
            None => finding.hint("remove that line to use kache in this project"),
        }
    }
}

/// Comments the line out, if it holds nothing else. The check `sccache` moves that of sccache.
fn comment_out(link: &Link) -> Option<Action> {
    let ConfigOrigin::File { path, line } = &link.origin else { return None };
    if known(&link.value) == KnownWrapper::Sccache {
        return None;
    }
    let place = ConfigFile { path: path.clone(), syntax: Syntax::Cargo, scope: FileScope::Project };
    let file =
        lines::find(&place, &|name, value| name == WrapperKey::RustcWrapper.key() && value == link.value)?;
    let is_all = file.assignments.iter().all(|one| one.line == *line);
    file.comment_out("Leave the wrapper to each user's configuration").filter(|_| is_all)
}
