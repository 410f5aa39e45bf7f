//! The crate closure of a unit, known before it is compiled.

use crate::action::portable::{Portable, Root};
use crate::digest::Digest;
use crate::invocation::{NativeLib, Role};
use crate::key::closure::{ClosureCrate, CrateClosure, ProceduralMacro};
use crate::key::context::KeyContext;
use crate::key::macros;
use crate::sys::os;

/// The crate closure of this unit: itself, its externs, and their closures. It is known before the compile, because
/// dependents start as soon as the metadata is announced. `None` if nothing can depend on this unit.
pub fn closure_of_unit(context: &KeyContext<'_>, externs: &[Digest]) -> Option<CrateClosure> {
    let output = context.outputs.iter().find(|output| output.role.can_be_depended_on())?;
    let libraries = context.invocation.native_libs.iter();
    let own = ClosureCrate {
        stem: Portable::literal(os::bytes(output.path.file_stem()?)),
        procedural_macro: None,
        native_libraries: libraries
            .filter_map(NativeLib::linked_name)
            .map(|name| Portable::literal(os::bytes(&name)))
            .collect(),
        assembles: false,
    };
    let mut closure = CrateClosure { crates: vec![own] };
    // A procedural macro is loaded whole: what it was made from cannot be reached through it.
    if !context.outputs.iter().any(|output| output.role == Role::ProcMacro) {
        for digest in externs {
            closure.extend(context.known.closure(digest)?);
        }
    }
    Some(closure)
}

/// The closure, with what is known once the outputs are made: the content of the procedural macro's library, and whether
/// dependents may have the assembler read files.
pub fn completed_closure(
    mut closure: CrateClosure,
    context: &KeyContext<'_>,
    library: Option<Digest>,
    assembles: bool,
) -> CrateClosure {
    closure.set_assembles(assembles);
    if let (Some(digest), Some(own)) = (library, closure.crates.first_mut()) {
        own.procedural_macro = Some(ProceduralMacro {
            digest,
            pure: is_pure(context),
            finds_manifest: macros::finds_manifest(&context.invocation.crate_name, is_from_registry(context)),
        });
    }
    closure
}

/// Whether the unit, which is a procedural macro, is known to read nothing on its own.
pub fn is_pure(context: &KeyContext<'_>) -> bool {
    macros::is_pure(&context.invocation.crate_name, is_from_registry(context))
}

fn is_from_registry(context: &KeyContext<'_>) -> bool {
    let registry =
        context.build_dirs.roots.value(Root::CargoHome).and_then(os::path).map(|home| home.join("registry"));
    registry.is_some_and(|registry| context.invocation.source.starts_with(registry))
}
