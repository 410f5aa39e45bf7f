//! Directories with both `config` and `config.toml`, of which cargo reads one.

use crate::setup::cargo_config::chain::ChainProblem;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix};
use crate::setup::doctor::machine::Machine;
use crate::setup::plan::Action;
use crate::sys::fs;

/// See the module.
pub struct TwoFilesCheck;

impl Check for TwoFilesCheck {
    fn id(&self) -> &'static str {
        "two-files"
    }

    fn group(&self) -> Group {
        Group::Cargo
    }

    fn looks_at(&self) -> &'static str {
        "directories with both `config` and `config.toml`"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let chain = machine.chain();
        let both = chain.problems.iter().find_map(|problem| match problem {
            ChainProblem::Both { used, ignored } => Some((used, ignored)),
            _ => None,
        });
        let Some((used, ignored)) = both else { return Finding::ok("no directory contains both") };
        let text = format!("cargo reads {} and ignores {}", used.display(), ignored.display());
        let finding = Finding::problem(text);
        let is_same = matches!((fs::read(used), fs::read(ignored)), (Ok(one), Ok(other)) if one == other);
        // If the contents differ, a person has to choose.
        let action = Action::remove("Remove cargo's configuration under its old name", used);
        match action.ok().filter(|_| is_same) {
            Some(action) => {
                let question = format!("Remove {}, which has the same content?", used.display());
                finding.fix(Fix::from_actions(vec![action]).after_asking(question))
            }
            None => finding.hint("merge them into `config.toml`, and remove `config`"),
        }
    }
}
