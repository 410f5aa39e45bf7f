//! The dep-info of a finished compile: which files and variables the compiler says it read.

use std::fmt::Display;
use std::path::Path;

use crate::invocation::outputs::output_of;
use crate::invocation::{Output, Role};
use crate::key::context::KeyContext;
use crate::key::depinfo::DepInfo;
use crate::outcome::Unstored;
use crate::sys::{defence, fs, os};

pub fn read_dep_info(context: &KeyContext<'_>) -> Result<DepInfo, Unstored> {
    let Some(output) = output_of(context.outputs, Role::DepInfo) else {
        if !defence::stands("unknown-inputs-are-not-guessed") {
            return Ok(DepInfo::default());
        }
        return Err(Unstored::InputsUnknown("no dep-info was asked for".into()));
    };
    let path = context.build_dirs.cwd.join(&output.path);
    let bytes = fs::read(&path).map_err(|e| unreadable(&path, e))?;
    let dep_info = DepInfo::parse(&bytes).map_err(|e| unreadable(&path, e))?;
    for (name, value) in &dep_info.variables {
        let Some(name) = os::from_bytes(name) else {
            return Err(Unstored::InputsUnknown("a variable without a name".into()));
        };
        if context.env.get(&name).map(os::bytes) != value.as_deref() {
            let why = format!("{} was changed by the compiler", name.to_string_lossy());
            return Err(Unstored::InputsUnknown(why));
        }
    }
    Ok(dep_info)
}

fn unreadable(path: &Path, why: impl Display) -> Unstored {
    Unstored::InputsUnknown(format!("{}: {why}", path.display()))
}

/// The outputs that dep-info has rules for, in its order.
pub fn rules(dep_info: &DepInfo, outputs: &[Output]) -> Result<Vec<Role>, Unstored> {
    let mut roles = Vec::new();
    for target in &dep_info.targets {
        let Some(output) = outputs.iter().find(|output| os::bytes(&output.path) == target.as_slice()) else {
            return Err(Unstored::UnexpectedOutput(String::from_utf8_lossy(target).into_owned()));
        };
        roles.push(output.role);
    }
    Ok(roles)
}
