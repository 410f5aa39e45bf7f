//! Whether a virus scanner, a search index or a backup reads every file of the store. There is no fix: what a scanner
//! excludes is for its user to decide.

use std::path::Path;

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::plan::CommandLine;
use crate::sys::{dirs, fs};

/// See the module.
pub struct ExclusionsCheck;

/// The state of the scanner, and what it leaves out, one a line. To others than administrators that is not shown.
const ASK_DEFENDER: &str =
    "(Get-MpComputerStatus).RealTimeProtectionEnabled; (Get-MpPreference).ExclusionPath";

impl Check for ExclusionsCheck {
    fn id(&self) -> &'static str {
        "exclusions"
    }

    fn group(&self) -> Group {
        Group::Machine
    }

    fn looks_at(&self) -> &'static str {
        "whether virus scanners, search indexes and backups read the store"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Some(dir) = machine.cache_dir() else { return Finding::ok("there is no store") };
        match machine.platform().system.as_str() {
            "windows" => check_defender(machine, dir),
            "macos" => check_macos(machine, dir),
            _ => Finding::ok("no such program is known on this system"),
        }
    }
}

fn check_defender(machine: &Machine, dir: &Path) -> Finding {
    let said = machine.said("powershell", &["-NoProfile", "-NonInteractive", "-Command", ASK_DEFENDER]);
    let said = said.unwrap_or_default();
    let mut lines = said.lines().map(str::trim);
    match lines.next() {
        Some("True") => {}
        Some("False") => return Finding::ok("Defender does not scan files on access"),
        _ => return Finding::ok("Defender does not answer"),
    }
    let dir = dir.to_string_lossy();
    if lines.any(|excluded| is_below(&dir, excluded)) {
        return Finding::ok("Defender excludes the store");
    }
    Finding::note("Defender scans every file of the store on access").hint(format!(
        "to exclude it, run as an administrator: Add-MpPreference -ExclusionPath '{}'\na Dev Drive, which is scanned \
         later, is faster too: `cache.local_store`",
        dir.replace('\'', "''")
    ))
}

/// As Windows compares paths: whatever the case of letters is, and part by part.
fn is_below(dir: &str, above: &str) -> bool {
    let above = parts(above);
    !above.is_empty() && parts(dir).starts_with(&above)
}

fn parts(path: &str) -> Vec<String> {
    let path = path.to_lowercase();
    path.split(['\\', '/']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn check_macos(machine: &Machine, dir: &Path) -> Finding {
    let text = dir.to_string_lossy();
    let mut commands = Vec::new();
    // The mark is the same in every language.
    if machine.said("tmutil", &["isexcluded", &text]).is_some_and(|said| said.contains("[Included]")) {
        let command = CommandLine::new("tmutil", &["addexclusion", &text]);
        commands.push(("Time Machine backs up the store", command.to_string()));
    }
    // What is in a Library is not searched.
    let is_in_library = dirs::home(&machine.env).is_some_and(|home| dir.starts_with(home.join("Library")));
    let never = dir.join(".metadata_never_index");
    if !is_in_library && fs::metadata(dir).is_ok() && fs::metadata(&never).is_err() {
        let command = CommandLine::new("touch", &[&never.to_string_lossy()]);
        commands.push(("Spotlight indexes the store", command.to_string()));
    }
    let Some((first, _)) = commands.first() else {
        return Finding::ok("neither Spotlight nor Time Machine reads the store");
    };
    let more = if commands.len() > 1 { ", and Spotlight indexes it" } else { "" };
    let hint: Vec<String> = commands.iter().map(|(_, command)| command.clone()).collect();
    Finding::note(format!("{first}{more}")).hint(format!("to exclude it:\n{}", hint.join("\n")))
}
