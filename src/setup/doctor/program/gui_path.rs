//! Whether an editor that was not started from a shell finds what cargo shall call: it has the `PATH` of the desktop.

use std::ffi::{OsStr, OsString};

use crate::setup::cargo_config::Origin;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::doctor::wiring::with_fix;
use crate::setup::init::{Known, known};
use crate::sys::os;

/// See the module.
pub struct GuiPath;

impl Check for GuiPath {
    fn id(&self) -> &'static str {
        "gui-path"
    }

    fn group(&self) -> Group {
        Group::Program
    }

    fn looks_at(&self) -> &'static str {
        "whether programs started from the desktop find the wrapper"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let chain = machine.chain();
        // What a shell sets, they do not have.
        let Some(link) = chain.links.iter().find(|link| matches!(link.origin, Origin::File { .. })) else {
            let is_set = chain.winner().is_some_and(|winner| known(&winner.value) == Known::Kache);
            if !is_set {
                return Finding::ok("cargo calls no wrapper");
            }
            let text = "only an environment variable of this shell makes cargo call kache: editors started from the desktop do not use it";
            return with_fix(Finding::note(text), machine);
        };
        if known(&link.value) != Known::Kache {
            return Finding::ok("cargo calls another wrapper or none");
        }
        if link.value.contains(std::path::is_separator) {
            return Finding::ok("the wrapper is configured by its path, so PATH does not matter");
        }
        let (path, is_told) = match path_of_desktop(machine) {
            Path::SameAsHere => return Finding::ok("all programs have the same PATH"),
            Path::Told(path) => (path, true),
            Path::Usual(path) => (OsString::from(path), false),
        };
        match os::find_program(OsStr::new(&link.value), Some(&path), &machine.cwd) {
            Some(found) => Finding::ok(format!("programs started from the desktop find {}", found.display())),
            None => {
                let text = format!(
                    "`{}`, set by {}, is not in the desktop's PATH: cargo fails in editors started there",
                    link.value, link.origin
                );
                let is = if is_told { "is" } else { "is usually" };
                let details = [format!("PATH there {is} {}", path.display())];
                let finding =
                    if is_told { Finding::problem(text) } else { Finding::note(text) }.details(details);
                with_fix(finding, machine)
            }
        }
    }
}

/// The `PATH` of a program that no shell started.
enum Path {
    SameAsHere,
    /// As the one says who starts such programs.
    Told(OsString),
    /// As it is where nobody says.
    Usual(&'static str),
}

fn path_of_desktop(machine: &Machine) -> Path {
    let (said, usual) = match machine.platform().system.as_str() {
        "windows" => return Path::SameAsHere,
        "macos" => (machine.said("launchctl", &["getenv", "PATH"]), "/usr/bin:/bin:/usr/sbin:/sbin"),
        _ => {
            // It has read `environment.d`.
            let all = machine.said("systemctl", &["--user", "show-environment"]).unwrap_or_default();
            let path = all.lines().find_map(|line| line.strip_prefix("PATH=")).map(str::to_owned);
            (path, "/usr/local/bin:/usr/bin:/bin")
        }
    };
    let said = said.map(|said| said.trim().to_owned()).filter(|said| !said.is_empty());
    said.map_or(Path::Usual(usual), |said| Path::Told(said.into()))
}
