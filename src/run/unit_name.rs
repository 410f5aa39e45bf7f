//! The name of a unit, as people read it.

use crate::key::context::KeyContext;
use crate::store::entry::UnitName;

/// The kind of a compiled build script.
pub const BUILD_SCRIPT: &str = "build-script";

/// What people call the unit.
pub fn unit_name(context: &KeyContext<'_>) -> UnitName {
    let invocation = context.invocation;
    let links = context.outputs.iter().any(|output| output.role.emit_name() == "link");
    let kind = match invocation.crate_types.first() {
        _ if invocation.test => "test",
        Some(crate::invocation::CrateType::Bin) if invocation.crate_name.starts_with("build_script_") => {
            BUILD_SCRIPT
        }
        Some(crate::invocation::CrateType::Bin) => "bin",
        Some(crate::invocation::CrateType::ProcMacro) => "proc-macro",
        _ => "lib",
    };
    UnitName {
        crate_name: invocation.crate_name.clone(),
        package: variable(context, "CARGO_PKG_NAME"),
        version: variable(context, "CARGO_PKG_VERSION"),
        id: invocation.extra_filename.to_string_lossy().into_owned(),
        kind: if links { kind.to_owned() } else { format!("check {kind}") },
        target: if invocation.target.is_some() { context.triple().to_owned() } else { String::new() },
    }
}

/// The value of a variable; empty if it is not set.
fn variable(context: &KeyContext<'_>, name: &str) -> String {
    context.env.get(name).map(|value| value.to_string_lossy().into_owned()).unwrap_or_default()
}
