//! The fix for a cargo that does not find kache: what `kache init` would do.

use crate::setup::doctor::finding::{Finding, Fix};
use crate::setup::doctor::machine::Machine;
use crate::setup::{init, user};

/// `finding` with what `kache init` would do about it, or why it would do nothing.
pub fn with_fix(finding: Finding, machine: &Machine) -> Finding {
    if user::is_root_for_another(&machine.env) {
        return finding.hint("run it without sudo, as the user whose cargo to configure");
    }
    match init::plan_for(&machine.env, &machine.exe) {
        Ok(init) => {
            let finding = match &init.by_hand {
                Some(by_hand) => finding.hint(format!(
                    "{} cannot be changed ({}); put this into it:\n{}",
                    by_hand.path.display(),
                    by_hand.why,
                    by_hand.snippet
                )),
                None => finding,
            };
            let question = init.replaces.map(|what| format!("Replace {what}?"));
            finding.fix(Fix { question, ..Fix::from_actions(init.plan.actions) })
        }
        Err(why) => finding.details([why.to_string()]),
    }
}
