//! Whether the wrapper that cargo calls exists, is executable, and stays there.

use std::path::Path;

use crate::setup::cargo_config::WrapperProgram;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::doctor::wiring::with_fix;
use crate::setup::wrapper_path::in_version_dir;
use crate::sys::{fs, os};

/// See the module.
pub struct WrapperFileCheck;

impl Check for WrapperFileCheck {
    fn id(&self) -> &'static str {
        "wrapper-file"
    }

    fn group(&self) -> Group {
        Group::Program
    }

    fn looks_at(&self) -> &'static str {
        "the wrapper program that cargo calls"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let chain = machine.chain();
        let Some(winner) = chain.winner() else { return Finding::ok("cargo calls no wrapper") };
        let path = match &winner.program {
            WrapperProgram::Disabled => return Finding::ok("cargo calls no wrapper"),
            WrapperProgram::NotInPath => {
                let text = format!("`{}`, set by {}, is not in PATH", winner.value, winner.origin);
                return with_fix(Finding::problem(text).hint("no cargo command works until it is"), machine);
            }
            WrapperProgram::At(path) => path,
        };
        match defect(path) {
            None => Finding::ok(format!("{} exists and is executable", path.display())),
            Some(defect) => {
                let text = format!("{}, set by {}, {defect}", path.display(), winner.origin);
                with_fix(Finding::problem(text), machine)
            }
        }
    }
}

/// What is wrong with the program at `path`.
fn defect(path: &Path) -> Option<String> {
    let Ok(metadata) = fs::metadata(path) else {
        return Some("does not exist, so no cargo command works".to_owned());
    };
    if !os::may_be_run(path, &metadata) {
        return Some("is not executable, so no cargo command works".to_owned());
    }
    if let Some(manager) = shim_of(path) {
        return Some(format!("is a shim: every compilation starts {manager} first"));
    }
    if in_version_dir(path).is_some() {
        return Some("is in a version-specific directory that an upgrade removes".to_owned());
    }
    None
}

/// The version manager that starts at `path` instead of the program.
fn shim_of(path: &Path) -> Option<String> {
    let target = fs::canonical(path).ok()?;
    let name = target.file_stem()?.to_str()?.to_owned();
    if ["mise", "asdf", "rtx", "proto", "volta"].contains(&name.as_str()) {
        return Some(name);
    }
    let dir = path.parent()?;
    let is_shims = dir.file_name()? == "shims";
    let manager = dir.parent()?.file_name()?.to_str()?;
    is_shims.then(|| manager.trim_start_matches('.').to_owned())
}
