//! Whether enough files can be open, and who may read and write those that are made.

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;

/// See the module.
pub struct Limits;

const LEAST_OPEN_FILES: u64 = 256;

impl Check for Limits {
    fn id(&self) -> &'static str {
        "limits"
    }

    fn group(&self) -> Group {
        Group::Machine
    }

    fn looks_at(&self) -> &'static str {
        "the limit of open files, and the mode that new files get"
    }

    fn run(&self, machine: &Machine) -> Finding {
        if let Some(umask) = umask(machine) {
            if umask & 0o700 != 0 {
                return Finding::problem(format!(
                    "the umask {umask:03o} keeps this user from files that are made here"
                ))
                .hint("`umask 022` lets builds use what they make");
            }
            if umask & 0o002 == 0 {
                return Finding::problem(format!(
                    "with the umask {umask:03o} everybody can change what is stored and built"
                ))
                .hint("`umask 022` in the start-up file of the shell lets nobody else write");
            }
        }
        match machine.asks.most_open_files() {
            Some(limit) if limit < LEAST_OPEN_FILES => {
                Finding::note(format!("a process may have only {limit} files open"))
                    .hint("linkers need more: `ulimit -n 1024`")
            }
            Some(limit) => Finding::ok(format!("a process may have {limit} files open")),
            None => Finding::ok("nothing limits how many files can be open"),
        }
    }
}

/// As a shell that is started here has it, which only reads it.
fn umask(machine: &Machine) -> Option<u32> {
    if machine.seen().system == "windows" {
        return None;
    }
    u32::from_str_radix(machine.said("sh", &["-c", "umask"])?.trim(), 8).ok()
}
