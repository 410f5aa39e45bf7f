//! Whether cargo calls the program that runs here.

use std::path::Path;

use crate::digest::Digest;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::doctor::wiring::with_fix;
use crate::sys::fs;

/// See the module.
pub struct SameProgramCheck;

impl Check for SameProgramCheck {
    fn id(&self) -> &'static str {
        "same-program"
    }

    fn group(&self) -> Group {
        Group::Program
    }

    fn looks_at(&self) -> &'static str {
        "this program and the one that cargo calls"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Some(wrapper) = machine.kache() else {
            return Finding::ok(format!("this is {}; see `wrapper` below", machine.exe.display()));
        };
        if machine.is_same_file(&wrapper, &machine.exe) || has_same_bytes(&wrapper, &machine.exe) {
            return Finding::ok("cargo calls this program");
        }
        if fs::metadata(&wrapper).is_err() {
            return Finding::ok(format!("this is {}; see `wrapper-file`", machine.exe.display()));
        }
        let finding = Finding::problem("cargo calls a different kache")
            .details([format!("cargo: {}", wrapper.display()), format!("this:  {}", machine.exe.display())]);
        with_fix(finding, machine)
    }
}

/// Whether both files have the same content.
pub fn has_same_bytes(one: &Path, other: &Path) -> bool {
    size(one).is_some() && size(one) == size(other) && digest(one) == digest(other)
}

fn size(path: &Path) -> Option<u64> {
    Some(fs::metadata(path).ok()?.len())
}

fn digest(path: &Path) -> Option<(Digest, u64)> {
    let mut file = fs::open(path).ok()?;
    Digest::hash_reader(&mut file).ok()
}
