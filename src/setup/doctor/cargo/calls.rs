//! Runs cargo in an empty package, where it has to call the wrapper.

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;

/// See the module.
pub struct CallsCheck;

impl Check for CallsCheck {
    fn id(&self) -> &'static str {
        "cargo-calls"
    }

    fn group(&self) -> Group {
        Group::Cargo
    }

    fn looks_at(&self) -> &'static str {
        "what cargo calls when it runs in an empty package"
    }

    fn run(&self, machine: &Machine) -> Finding {
        if machine.program("cargo").is_none() {
            return Finding::problem("cargo is not in PATH")
                .hint("install Rust (https://rustup.rs), or add its directory to PATH");
        }
        let Some(wrapper) = machine.kache() else {
            return Finding::ok("not tested: cargo is not configured to call kache");
        };
        match machine.asks.prove(&machine.env, &wrapper) {
            Ok(()) => Finding::ok("cargo calls kache (tested)"),
            Err(why) => {
                let why = why.to_string();
                let mut lines = why.lines().map(str::to_owned);
                let text = lines.next().unwrap_or_default();
                Finding::problem(text).details(lines).hint("the checks above may say why")
            }
        }
    }
}
