//! A summary of this machine for bug reports. It is never a problem.

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::sys::fs;

/// See the module.
pub struct SummaryCheck;

impl Check for SummaryCheck {
    fn id(&self) -> &'static str {
        "summary"
    }

    fn group(&self) -> Group {
        Group::Machine
    }

    fn looks_at(&self) -> &'static str {
        "system, architecture, and whether this is a container, WSL, CI or a remote shell"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let kernel = fs::read(&machine.root.join("proc/version")).unwrap_or_default().to_ascii_lowercase();
        let signs = [
            ([".dockerenv", "run/.containerenv"].iter().any(|path| exists(machine, path)), "in a container"),
            (memchr::memmem::find(&kernel, b"microsoft").is_some(), "in WSL"),
            (machine.var("CI").is_some(), "in CI"),
            (machine.var("SSH_CONNECTION").is_some(), "through ssh"),
        ];
        let signs = signs.iter().filter(|(is_so, _)| *is_so).map(|(_, sign)| format!(", {sign}"));
        let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
        Finding::ok(format!("kache {} on {system} {processor}{}", machine.build, signs.collect::<String>()))
    }
}

fn exists(machine: &Machine, path: &str) -> bool {
    fs::metadata(&machine.root.join(path)).is_ok()
}
