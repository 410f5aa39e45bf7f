//! Whether cargo finds the wrapper in an editor that was started from the desktop, which has a `PATH` of its own.

use std::ffi::{OsStr, OsString};

use crate::setup::cargo_config::ConfigOrigin;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::doctor::wiring::with_fix;
use crate::setup::init::{KnownWrapper, known};
use crate::sys::os;

/// See the module.
pub struct GuiPathCheck;

impl Check for GuiPathCheck {
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
        // They do not have the variables that a shell sets.
        let Some(link) = chain.links.iter().find(|link| matches!(link.origin, ConfigOrigin::File { .. }))
        else {
            let is_set = chain.winner().is_some_and(|winner| known(&winner.value) == KnownWrapper::Kache);
            if !is_set {
                return Finding::ok("cargo calls no wrapper");
            }
            let text = "only an environment variable of this shell makes cargo call kache: editors started from the desktop do not use it";
            return with_fix(Finding::note(text), machine);
        };
        if known(&link.value) != KnownWrapper::Kache {
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
        // As cargo starts it: the crate `which` would expand a `~` in `PATH`, which exec does not.
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
    /// As the service manager says, which starts such programs.
    Told(OsString),
    /// The usual one, where nothing says.
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
