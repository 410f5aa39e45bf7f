//! Whether the linker that rustc calls is there.

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;

/// See the module.
pub struct Linker;

impl Check for Linker {
    fn id(&self) -> &'static str {
        "linker"
    }

    fn group(&self) -> Group {
        Group::Compilers
    }

    fn looks_at(&self) -> &'static str {
        "`cc`, which rustc uses to link"
    }

    fn run(&self, machine: &Machine) -> Finding {
        if std::env::consts::OS == "windows" {
            return Finding::ok("rustc finds the linker itself");
        }
        let Some(cc) = machine.program("cc") else {
            return Finding::note("`cc` is not in PATH; rustc uses it to link by default")
                .hint("install a C compiler if linking fails");
        };
        match machine.asks.run(&cc, &["--version"], &[]) {
            Ok(said) if said.code == Some(0) => Finding::ok(format!("{} works", cc.display())),
            Ok(said) => {
                let said = String::from_utf8_lossy(&said.stderr).trim().to_owned();
                Finding::problem(format!("{} does not work", cc.display())).details([said])
            }
            Err(e) => Finding::problem(format!("failed to run {}: {e}", cc.display())),
        }
    }
}
