//! What is taken for read where a compile cannot be observed: rules that key too much rather than too little. They are
//! asked only then, and for entries that were made so.

use std::path::Path;

use crate::action::inputs::{InputKind, KeyInputs};
use crate::action::portable::Portable;
use crate::key::context::{Facts, Watch};
use crate::key::unit::{self, Unit, unreadable};
use crate::key::{declared, link};
use crate::outcome::BypassReason;
use crate::sys::os;

/// What rules say about a unit.
pub struct Assumed {
    pub inputs: KeyInputs,
    pub watch: Watch,
    /// The same for files that procedural macros could read.
    pub readable: Watch,
}

/// Asks the rules.
pub fn assume(facts: &Facts<'_>, unit: &Unit) -> Result<Assumed, BypassReason> {
    let mut assumed =
        Assumed { inputs: KeyInputs::default(), watch: Watch::default(), readable: Watch::default() };
    link::add_unnamed_libraries(facts, &mut assumed.inputs, &mut assumed.watch)?;
    if facts.outputs.iter().any(|output| link::reads_closure(output.role)) {
        let reach = unit::reach_of(facts, &unit.externs)?;
        link::add(facts, &reach, &mut assumed.inputs, &mut assumed.watch)?;
    }
    // Nobody sees which libraries are taken from there.
    if facts.outputs.iter().any(|output| output.role.is_linked()) {
        for dir in facts.loader_dirs() {
            let (name, dir) = (Portable::literal("loader"), facts.portable(os::bytes(&dir)));
            assumed.inputs.text(InputKind::CompilerVariable, name, dir);
        }
    }
    if unit.runs_macros {
        add_readable_files(facts, unit, &mut assumed)?;
    }
    Ok(assumed)
}

/// What procedural macros could read: the files of the package, and those that its build script made or declared.
fn add_readable_files(facts: &Facts<'_>, unit: &Unit, assumed: &mut Assumed) -> Result<(), BypassReason> {
    let Assumed { inputs, readable, .. } = assumed;
    let mut tree = |kind: InputKind, path: &Path| -> Result<(), BypassReason> {
        let digest = declared::tree(path, facts.memo, readable).map_err(|e| unreadable(path, &e))?;
        inputs.digest(kind, facts.portable(os::bytes(path)), digest);
        Ok(())
    };
    let package = facts.env.get("CARGO_MANIFEST_DIR").map(Path::new);
    if let Some(package) = package {
        tree(InputKind::PackageTree, package)?;
    }
    if unit.finds_manifest {
        tree(InputKind::PackageTree, &facts.places.cwd.join("Cargo.toml"))?;
    }
    let Some(out_dir) = facts.env.get("OUT_DIR").map(Path::new) else { return Ok(()) };
    tree(InputKind::PackageTree, out_dir)?;
    let declared = declared::rerun_if(out_dir, facts.places.target.as_deref());
    let declared = declared.map_err(|e| unreadable(out_dir, &e))?;
    for path in declared.paths {
        tree(InputKind::DeclaredFile, &package.unwrap_or(&facts.places.cwd).join(&path))?;
    }
    Ok(())
}
