//! Whether one kache, and only one, is in `PATH`.

use std::path::PathBuf;

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::doctor::program::same_program::has_same_bytes;
use crate::setup::programs;
use crate::sys::fs;

/// See the module.
pub struct OnPathCheck;

impl Check for OnPathCheck {
    fn id(&self) -> &'static str {
        "on-path"
    }

    fn group(&self) -> Group {
        Group::Program
    }

    fn looks_at(&self) -> &'static str {
        "every `kache` in PATH"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let mut programs: Vec<(PathBuf, PathBuf)> = Vec::new();
        for path in programs::find_all("kache", &machine.env) {
            if let Ok(file) = fs::canonical(&path)
                && !programs.iter().any(|(_, known)| *known == file)
            {
                programs.push((path, file));
            }
        }
        let Some((first, file)) = programs.first() else {
            return Finding::note("kache is not in PATH").hint(format!(
                "cargo finds it by its path; to run it by name, add {} to PATH",
                machine.exe.parent().unwrap_or(&machine.exe).display()
            ));
        };
        let shown = programs.iter().map(|(path, file)| {
            let this = match () {
                () if *file == machine.exe => ", this program",
                // Of one version there can be many builds.
                () if has_same_bytes(file, &machine.exe) => ", a copy of this program",
                () => "",
            };
            format!("{} ({}){this}", path.display(), version(machine, path))
        });
        if programs.len() == 1 && *file == machine.exe {
            return Finding::ok(format!("`kache` is {}", first.display()));
        }
        let text = match programs.len() {
            1 => format!("`kache` in PATH is a different program: {}", first.display()),
            n => format!("PATH contains {n} programs named kache; the first one is used"),
        };
        Finding::note(text).details(shown).hint("remove the ones you do not need")
    }
}

fn version(machine: &Machine, path: &std::path::Path) -> String {
    let said = machine.asks.run(path, &["--version"], &[]).map(|said| said.stdout).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    said.split_whitespace().nth(1).map_or("unknown version".to_owned(), str::to_owned)
}
