//! Whether the linker that rustc calls is there.

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;

/// See the module.
pub struct LinkerCheck;

impl Check for LinkerCheck {
    fn id(&self) -> &'static str {
        "linker"
    }

    fn group(&self) -> Group {
        Group::Compilers
    }

    fn looks_at(&self) -> &'static str {
        "the linker: the one in cargo's configuration, or `cc`"
    }

    fn run(&self, machine: &Machine) -> Finding {
        if std::env::consts::OS == "windows" {
            return Finding::ok("rustc finds the linker itself");
        }
        let set = machine.effective().and_then(|(effective, host)| effective.linker(&host?));
        let cc = match &set {
            Some(linker) if linker.components().count() > 1 => Some(linker.clone()),
            Some(linker) => machine.program(&linker.to_string_lossy()),
            None => machine.program("cc"),
        };
        let Some(cc) = cc else {
            return match set {
                Some(linker) => Finding::problem(format!(
                    "`{}`, the linker in cargo's configuration, is not in PATH",
                    linker.display()
                ))
                .hint("install it, or remove `linker` from cargo's configuration"),
                None => Finding::note("`cc` is not in PATH; rustc uses it to link by default")
                    .hint("install a C compiler if linking fails"),
            };
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
