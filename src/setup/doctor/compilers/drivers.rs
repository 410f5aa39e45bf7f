//! Whether cargo calls a compiler that kache knows. Output of other programs in its place, or between kache and it, is
//! never stored.

use std::ffi::OsStr;
use std::path::Path;

use crate::invocation::driver::Driver;
use crate::setup::cargo_config::{self, WrapperKey, values};
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::init::{KnownWrapper, known};

/// See the module.
pub struct DriversCheck;

impl Check for DriversCheck {
    fn id(&self) -> &'static str {
        "drivers"
    }

    fn group(&self) -> Group {
        Group::Compilers
    }

    fn looks_at(&self) -> &'static str {
        "RUSTC, workspace wrappers, and clippy through kache"
    }

    fn run(&self, machine: &Machine) -> Finding {
        if let Some((place, program)) = compiler(machine) {
            return Finding::note(format!(
                "{place} makes cargo call `{program}`, which kache does not know as a compiler"
            ))
            .details(["nothing is cached".to_owned()])
            .hint("kache knows any program named `rustc`, in any directory");
        }
        let nested = cargo_config::resolve(WrapperKey::WorkspaceWrapper, &machine.env, &machine.cwd);
        let foreign = nested.winner().filter(|link| {
            let is_driver = Driver::from_name(OsStr::new(&link.value)).is_some();
            known(&link.value) == KnownWrapper::Foreign && !is_driver
        });
        if let Some(link) = foreign {
            return Finding::note(format!("{} runs the compiler through `{}`", link.origin, link.value))
                .details(["workspace members are compiled through it and not cached".to_owned()])
                .hint("unset it where you do not need it; dependencies are cached either way");
        }
        check_clippy(machine)
    }
}

/// What is set as the compiler, if it is no compiler by its name, and where.
fn compiler(machine: &Machine) -> Option<(String, String)> {
    let (place, program) = set_compiler(machine)?;
    if Driver::from_name(OsStr::new(&program)).is_some() {
        return None;
    }
    Some((place, program))
}

fn set_compiler(machine: &Machine) -> Option<(String, String)> {
    for name in ["RUSTC", "CARGO_BUILD_RUSTC"] {
        if let Some(program) = machine.var(name) {
            return Some((name.to_owned(), program));
        }
    }
    let values = values::in_files(&machine.chain().files);
    let value = values.into_iter().find(|value| value.keys == ["build", "rustc"])?;
    Some((value.origin.to_string(), value.words.into_iter().next()?))
}

/// Cargo calls it between its wrapper and the compiler.
fn check_clippy(machine: &Machine) -> Finding {
    let programs = (machine.program("clippy-driver"), machine.program("rustc"));
    let (Some(clippy), Some(rustc)) = programs else { return Finding::ok("clippy is not installed") };
    let (Some(clippy), Some(rustc)) = (clippy.to_str(), rustc.to_str()) else {
        return Finding::ok("the path of clippy is not UTF-8");
    };
    let Some(why) = failure(machine, &machine.exe, &[clippy, rustc, "-vV"]) else {
        return Finding::ok("clippy works through kache");
    };
    // In a toolchain without clippy, rustup still provides its name.
    if failure(machine, Path::new(clippy), &[rustc, "-vV"]).is_some() {
        return Finding::ok("clippy is not installed for this toolchain");
    }
    Finding::problem("clippy works, but not through kache").details([why])
}

/// What `program` said instead of answering as a compiler; `None` if it does.
fn failure(machine: &Machine, program: &Path, args: &[&str]) -> Option<String> {
    match machine.asks.run(program, args, &[]) {
        Ok(said) if said.code == Some(0) && said.stdout.starts_with(b"rustc ") => None,
        Ok(said) => Some(String::from_utf8_lossy(&said.stderr).lines().next().unwrap_or_default().to_owned()),
        Err(e) => Some(e.to_string()),
    }
}
