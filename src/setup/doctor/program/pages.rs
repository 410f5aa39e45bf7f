//! Whether completions and manual pages that were installed for this user are those of this program.

use std::path::PathBuf;

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix};
use crate::setup::doctor::machine::Machine;
use crate::setup::plan::{Action, UndoEdit};
use crate::sys::{dirs, fs};

/// See the module.
pub struct PagesCheck;

impl Check for PagesCheck {
    fn id(&self) -> &'static str {
        "completions"
    }

    fn group(&self) -> Group {
        Group::Program
    }

    fn looks_at(&self) -> &'static str {
        "completions and manual pages installed for this user"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let mut n_installed = 0;
        let mut old = Vec::new();
        let mut actions = Vec::new();
        for page in &machine.pages {
            let Some(path) = place(machine, page.place) else { continue };
            let Ok(bytes) = fs::read(&path) else { continue };
            n_installed += 1;
            if bytes != page.text.as_bytes() {
                let title = format!("Update the completions in {}", path.display());
                let text = page.text.clone().into_bytes();
                actions.extend(Action::edit(title, &path, text, UndoEdit::None));
                old.push(path.display().to_string());
            }
        }
        let manual = place(machine, "man/man1/kache.1").filter(|path| fs::metadata(path).is_ok());
        let has_old_manual = manual.as_ref().is_some_and(|path| !is_of_version(path, &machine.build.version));
        if has_old_manual {
            old.extend(manual.iter().map(|path| path.display().to_string()));
        }
        if old.is_empty() {
            return Finding::ok(match n_installed {
                0 => "none are installed for this user; `kache completions` prints them".to_owned(),
                _ => "up to date".to_owned(),
            });
        }
        let finding =
            Finding::note("completions or manual pages of another version are installed").details(old);
        let finding = match has_old_manual {
            true => finding.hint("reinstall the manual pages from this version"),
            false => finding,
        };
        finding.fix(Fix::from_actions(actions))
    }
}

/// The path of a file for this user.
fn place(machine: &Machine, name: &str) -> Option<PathBuf> {
    match name.strip_prefix("config/") {
        Some(name) => Some(dirs::config(&machine.env)?.join(name)),
        None => Some(dirs::data(&machine.env)?.join(name)),
    }
}

/// Whether the page at `path` is of this version, by its heading.
fn is_of_version(path: &std::path::Path, version: &str) -> bool {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let heading = text.lines().find(|line| line.starts_with(".TH ")).unwrap_or_default();
    heading.contains(&format!("kache {version}\""))
}
