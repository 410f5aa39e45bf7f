//! The dep-info of a finished compile: which files and variables the compiler says it read.

use crate::invocation::outputs::output_of;
use crate::invocation::{Output, Role};
use crate::key::context::KeyContext;
use crate::key::depinfo::DepInfo;
use crate::outcome::Unstored;
use crate::sys::{defence, fs, os};

pub fn read_dep_info(context: &KeyContext<'_>) -> Result<DepInfo, Unstored> {
    let unknown = |why: String| Unstored::InputsUnknown(why);
    let Some(output) = output_of(context.outputs, Role::DepInfo) else {
        if !defence::stands("unknown-inputs-are-not-guessed") {
            return Ok(DepInfo::default());
        }
        return Err(unknown("no dep-info was asked for".into()));
    };
    let path = context.build_dirs.cwd.join(&output.path);
    let bytes = fs::read(&path).map_err(|e| unknown(format!("{}: {e}", path.display())))?;
    let dep_info = DepInfo::parse(&bytes).map_err(|e| unknown(format!("{}: {e}", path.display())))?;
    for (name, value) in &dep_info.variables {
        let name = os::from_bytes(name).ok_or_else(|| unknown("a variable without a name".into()))?;
        if context.env.get(&name).map(os::bytes) != value.as_deref() {
            return Err(unknown(format!("{} was changed by the compiler", name.to_string_lossy())));
        }
    }
    Ok(dep_info)
}

/// The outputs that dep-info has rules for, in its order.
pub fn rules(dep_info: &DepInfo, outputs: &[Output]) -> Result<Vec<Role>, Unstored> {
    let role = |target: &Vec<u8>| {
        let output = outputs.iter().find(|output| os::bytes(&output.path) == target.as_slice());
        output
            .map(|output| output.role)
            .ok_or_else(|| Unstored::UnexpectedOutput(String::from_utf8_lossy(target).into_owned()))
    };
    dep_info.targets.iter().map(role).collect()
}
