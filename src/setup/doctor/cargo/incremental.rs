//! Whether incremental compilation was asked for, which kache turns off.

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;

/// See the module.
pub struct Incremental;

impl Check for Incremental {
    fn id(&self) -> &'static str {
        "incremental"
    }

    fn group(&self) -> Group {
        Group::Cargo
    }

    fn looks_at(&self) -> &'static str {
        "CARGO_INCREMENTAL and CARGO_BUILD_INCREMENTAL"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let is_on = |name: &&str| machine.var(name).is_some_and(|value| value == "1" || value == "true");
        match ["CARGO_INCREMENTAL", "CARGO_BUILD_INCREMENTAL"].into_iter().find(|name| is_on(name)) {
            Some(name) => {
                Finding::note(format!("{name} asks for incremental compilation, which kache leaves out"))
                    .hint(format!("`unset {name}`: with kache it has no effect"))
            }
            None => Finding::ok("no variable asks for incremental compilation"),
        }
    }
}
