//! Whether cargo can read its configuration files.

use crate::setup::cargo_config::{ConfigOrigin, Link, edit, read};
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix};
use crate::setup::doctor::machine::Machine;
use crate::setup::plan::{Action, UndoEdit};
use crate::setup::unwritable::unwritable;
use crate::sys::dirs;

/// See the module.
pub struct ConfigFilesCheck;

impl Check for ConfigFilesCheck {
    fn id(&self) -> &'static str {
        "config-files"
    }

    fn group(&self) -> Group {
        Group::Cargo
    }

    fn looks_at(&self) -> &'static str {
        "whether cargo's configuration can be read"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let chain = machine.chain();
        if let Some(problem) = chain.obstacle() {
            return Finding::problem(problem.to_string()).hint("fix it: no cargo command works until then");
        }
        let Some(link) = chain.links.iter().find(|link| link.value.starts_with('~')) else {
            return Finding::ok("every file can be read");
        };
        let text = format!("{} sets `{}`, but cargo does not expand `~`", link.origin, link.value);
        let finding = Finding::problem(text);
        match expand(machine, link) {
            Some(action) => finding.fix(Fix::from_actions(vec![action])),
            None => finding.hint("write the full path instead"),
        }
    }
}

fn expand(machine: &Machine, link: &Link) -> Option<Action> {
    let ConfigOrigin::File { path, .. } = &link.origin else { return None };
    let home = dirs::home(&machine.env)?;
    let is_own = path.starts_with(dirs::cargo_home(&machine.env)?);
    if !is_own || unwritable(path).is_some() {
        return None;
    }
    let whole = home.join(link.value.strip_prefix("~/")?);
    let text = read::text(path).ok()??;
    let edited = edit::set(path, &text, whole.to_str()?).ok()?;
    let undo = UndoEdit::CargoWrapper { undo: edited.undo };
    Action::edit("Write the wrapper's full path", path, edited.text.into_bytes(), undo).ok()
}
