//! The limit on open files, and the mode of new files.

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;

/// See the module.
pub struct LimitsCheck;

const LEAST_OPEN_FILES: u64 = 256;

impl Check for LimitsCheck {
    fn id(&self) -> &'static str {
        "limits"
    }

    fn group(&self) -> Group {
        Group::Machine
    }

    fn looks_at(&self) -> &'static str {
        "the limit on open files, and the mode of new files"
    }

    fn run(&self, machine: &Machine) -> Finding {
        if let Some(umask) = umask(machine) {
            if umask & 0o700 != 0 {
                return Finding::problem(format!("with umask {umask:03o} this user cannot access new files"))
                    .hint("set `umask 022`");
            }
            if umask & 0o002 == 0 {
                return Finding::problem(format!(
                    "with umask {umask:03o} every user can change what is stored and built"
                ))
                .hint("set `umask 022` in your shell's start-up file");
            }
        }
        match machine.asks.most_open_files() {
            Some(limit) if limit < LEAST_OPEN_FILES => {
                Finding::note(format!("a process may open only {limit} files"))
                    .hint("linkers need more: `ulimit -n 1024`")
            }
            Some(limit) => Finding::ok(format!("a process may open {limit} files")),
            None => Finding::ok("there is no limit on open files"),
        }
    }
}

/// The umask, as a shell prints it.
fn umask(machine: &Machine) -> Option<u32> {
    if machine.platform().system == "windows" {
        return None;
    }
    u32::from_str_radix(machine.said("sh", &["-c", "umask"])?.trim(), 8).ok()
}
