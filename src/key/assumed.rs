//! What is taken for read where a compile cannot be observed: rules that key too much rather than too little. They are
//! asked only then, and for entries that were made so.

use std::path::Path;

use crate::action::input_kinds::InputKind;
use crate::action::inputs::KeyInputs;
use crate::action::portable::Portable;
use crate::action::snapshot::InputSnapshot;
use crate::key::context::KeyContext;
use crate::key::unit::{self, UnitKey, unreadable};
use crate::key::{declared, link};
use crate::outcome::BypassReason;
use crate::sys::{defence, os};

/// What rules say about a unit.
pub struct Assumed {
    pub inputs: KeyInputs,
    pub watch: InputSnapshot,
    /// The same for files that procedural macros could read.
    pub readable: InputSnapshot,
}

/// Asks the rules.
pub fn assume(context: &KeyContext<'_>, unit: &UnitKey) -> Result<Assumed, BypassReason> {
    let mut assumed = Assumed {
        inputs: KeyInputs::default(),
        watch: InputSnapshot::default(),
        readable: InputSnapshot::default(),
    };
    if defence::stands("libraries-of-link-attributes") {
        link::add_unnamed_libraries(context, &mut assumed.inputs, &mut assumed.watch)?;
    }
    if context.outputs.iter().any(|output| link::reads_closure(output.role)) {
        let closure = unit::closure_of_externs(context, &unit.externs)?;
        link::add(context, &closure, &mut assumed.inputs, &mut assumed.watch)?;
    }
    // Nobody sees which libraries are taken from there.
    if context.outputs.iter().any(|output| output.role.is_linked()) {
        for dir in context.loader_dirs() {
            let (name, dir) = (Portable::literal("loader"), context.portable(os::bytes(&dir)));
            assumed.inputs.text(InputKind::CompilerVariable, name, dir);
        }
    }
    if unit.runs_macros {
        add_readable_files(context, unit, &mut assumed)?;
    }
    Ok(assumed)
}

impl Assumed {
    /// Adds a file, or a directory with all that is in it, that procedural macros could read.
    fn add_tree(
        &mut self,
        context: &KeyContext<'_>,
        kind: InputKind,
        path: &Path,
    ) -> Result<(), BypassReason> {
        let digest =
            declared::tree(path, context.memo, &mut self.readable).map_err(|e| unreadable(path, &e))?;
        self.inputs.digest(kind, context.portable(os::bytes(path)), digest);
        Ok(())
    }
}

/// What procedural macros could read: the files of the package, and those that its build script made or declared.
fn add_readable_files(
    context: &KeyContext<'_>,
    unit: &UnitKey,
    assumed: &mut Assumed,
) -> Result<(), BypassReason> {
    let package = context.env.get("CARGO_MANIFEST_DIR").map(Path::new);
    if let Some(package) = package {
        assumed.add_tree(context, InputKind::PackageTree, package)?;
    }
    if unit.finds_manifest {
        let manifest = context.build_dirs.cwd.join("Cargo.toml");
        assumed.add_tree(context, InputKind::PackageTree, &manifest)?;
    }
    let Some(out_dir) = context.env.get("OUT_DIR").map(Path::new) else { return Ok(()) };
    if defence::stands("generated-files-of-packages-with-macros") {
        assumed.add_tree(context, InputKind::PackageTree, out_dir)?;
    }
    let declared = declared::rerun_if(out_dir, context.build_dirs.target.as_deref());
    let declared = declared.map_err(|e| unreadable(out_dir, &e))?;
    for path in declared.paths.into_iter().filter(|_| defence::stands("files-that-build-scripts-watch")) {
        let path = package.unwrap_or(&context.build_dirs.cwd).join(&path);
        assumed.add_tree(context, InputKind::DeclaredFile, &path)?;
    }
    Ok(())
}
