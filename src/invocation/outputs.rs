//! The files that a compilation leaves behind, by role, before it runs.
//!
//! The order is that in which rustc 1.95 announces them: dep-info, metadata, then the crate types in argv order.
//! Metadata is one file, and an empty one unless some crate type carries Rust metadata (`bin`, `cdylib`, `staticlib`
//! and test harnesses do not).
//!
//! | crate type | Unix | Apple | windows-msvc | windows-gnu | wasm |
//! |---|---|---|---|---|---|
//! | `rlib` | `libx.rlib` | same | same | same | same |
//! | `bin`, `--test` | `x` | `x` | `x.exe` `x.pdb`? | `x.exe` | `x.wasm` |
//! | `dylib`, `proc-macro` | `libx.so` | `libx.dylib` | `x.dll` `x.dll.lib`? `x.dll.exp`? `x.pdb`? | `x.dll` `libx.dll.a`? | – |
//! | `cdylib` | `libx.so` | `libx.dylib` | as `dylib` | as `dylib` | `x.wasm` |
//! | `staticlib` | `libx.a` | `libx.a` | `x.lib` | `libx.a` | `libx.a` |
//!
//! Those with `?` are the linker's, are not announced, and need not appear ([`Role::is_side_file`]).
//! A crate type that the target has not (–) is dropped by rustc with a warning; here it is a bypass.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::invocation::emit::EmitKind;
use crate::invocation::target::{Affixes, Family, Names, names};
use crate::invocation::{CrateType, Invocation, Output, Role, Target};
use crate::outcome::{Bypass, BypassReason};
use crate::sys::defence;

/// Names every file that the invocation will write. `host` is the compiler's own triple.
pub fn outputs(invocation: &Invocation, host: &str) -> Result<Vec<Output>, BypassReason> {
    let mut outputs = Vec::new();
    if let Some(path) = requested(invocation, EmitKind::DepInfo) {
        let path = path.unwrap_or_else(|| in_out_dir(invocation, ("", ".d")));
        outputs.push(Output { role: Role::DepInfo, path });
    }
    if let Some(path) = requested(invocation, EmitKind::Metadata) {
        let path = path.map(|path| {
            if defence::stands("outputs-are-where-they-are-named") {
                path
            } else {
                invocation.out_dir.join(path)
            }
        });
        let path = path.unwrap_or_else(|| in_out_dir(invocation, ("lib", ".rmeta")));
        outputs.push(Output { role: Role::Metadata, path });
    }
    if let Some(path) = requested(invocation, EmitKind::Link) {
        add_linked(invocation, host, path, &mut outputs)?;
    }
    match repeated(&outputs) {
        Some(path) => Err(BypassReason::new(Bypass::CrateType, format!("{} twice", path.display()))),
        None => Ok(outputs),
    }
}

/// Outer `None`: not asked for. Inner `None`: no path given.
fn requested(invocation: &Invocation, kind: EmitKind) -> Option<Option<PathBuf>> {
    invocation.emits.iter().find(|emit| emit.kind == kind).map(|emit| emit.path.clone())
}

fn repeated(outputs: &[Output]) -> Option<&Path> {
    let mut paths = outputs.iter().map(|output| output.path.as_path()).enumerate();
    let repeated = paths.find(|(index, path)| outputs[..*index].iter().any(|earlier| earlier.path == *path));
    repeated.map(|(_, path)| path)
}

fn add_linked(
    invocation: &Invocation,
    host: &str,
    path: Option<PathBuf>,
    outputs: &mut Vec<Output>,
) -> Result<(), BypassReason> {
    let crate_types = match invocation.crate_types.as_slice() {
        _ if invocation.test => &[CrateType::Bin],
        crate_types => crate_types,
    };
    let alone = crate_types.len() == 1;
    let must_be_alone = path.is_some()
        || crate_types.contains(&CrateType::Bin)
        || crate_types.contains(&CrateType::ProcMacro);
    if !alone && must_be_alone {
        return Err(BypassReason::new(Bypass::CrateType, format!("{crate_types:?}")));
    }
    let names = match &invocation.target {
        None => names(host),
        Some(Target::Triple(triple)) => names(triple),
        // Its names are in the file.
        Some(Target::Spec(_)) => None,
    };
    if defence::stands("debug-information-in-own-files") {
        refuse_split_debuginfo(invocation, crate_types, names)?;
    }
    for crate_type in crate_types {
        let (role, affixes) = product(invocation, *crate_type, names)?;
        let path = path.clone().unwrap_or_else(|| in_out_dir(invocation, affixes));
        let beside = names.map(|names| side_files(role, names, &path)).unwrap_or_default();
        outputs.push(Output { role, path });
        outputs.extend(beside);
    }
    Ok(())
}

fn product(
    invocation: &Invocation,
    crate_type: CrateType,
    names: Option<Names>,
) -> Result<(Role, Affixes), BypassReason> {
    // The only one that is called the same everywhere.
    if crate_type == CrateType::Rlib {
        return Ok((Role::Rlib, ("lib", ".rlib")));
    }
    let Some(names) = names else { return Err(no_such_product(crate_type)) };
    let rust_dynamic = names.dynamic.filter(|_| names.rust_dynamic);
    let found = match crate_type {
        CrateType::Bin => Some((Role::Executable, ("", names.executable))),
        CrateType::Staticlib => Some((Role::Staticlib, names.staticlib)),
        CrateType::Rlib => Some((Role::Rlib, ("lib", ".rlib"))),
        CrateType::ProcMacro => rust_dynamic.map(|affixes| (Role::ProcMacro, affixes)),
        CrateType::Dylib if links_dynamically(invocation, names.family) => {
            rust_dynamic.map(|affixes| (Role::Dylib, affixes))
        }
        CrateType::Cdylib if links_dynamically(invocation, names.family) => {
            names.dynamic.map(|affixes| (Role::Cdylib, affixes))
        }
        CrateType::Dylib | CrateType::Cdylib => None,
    };
    found.ok_or_else(|| no_such_product(crate_type))
}

fn no_such_product(crate_type: CrateType) -> BypassReason {
    BypassReason::new(Bypass::CrateType, format!("{crate_type:?}"))
}

/// Whether rustc will make dynamic libraries other than procedural macros. It drops them, with a warning, where the
/// C library is linked statically. Elsewhere than on Unix that makes no difference to the names.
fn links_dynamically(invocation: &Invocation, family: Family) -> bool {
    let mut features = invocation.codegen("target-feature").flatten().flat_map(|value| value.split(','));
    let asked = features.rfind(|feature| feature.get(1..) == Some("crt-static"));
    match family {
        Family::Unix => asked != Some("+crt-static"),
        // Static is rustc's default for most of them, but distributions change it.
        Family::Musl => asked == Some("-crt-static"),
        Family::Apple | Family::Msvc | Family::WindowsGnu | Family::Bare => true,
    }
}

/// Debug information in files of its own: `.dwo` for each codegen unit, `.dwp`, `.dSYM` directories. They appear only
/// when there is debug information. `packed` puts those of an rlib into the rlib.
fn refuse_split_debuginfo(
    invocation: &Invocation,
    crate_types: &[CrateType],
    names: Option<Names>,
) -> Result<(), BypassReason> {
    let debuginfo = invocation.codegen("debuginfo").last().flatten();
    let split = invocation.codegen("split-debuginfo").last().flatten();
    if matches!(debuginfo, None | Some("0" | "none")) {
        return Ok(());
    }
    let family = names.map(|names| names.family);
    let archives_only =
        crate_types.iter().all(|crate_type| matches!(crate_type, CrateType::Rlib | CrateType::Staticlib));
    let fits = match (split, family) {
        // One .pdb whatever it says.
        (_, Some(Family::Msvc)) => true,
        (Some("off"), _) => true,
        // The objects that `unpacked` leaves beside an archive are copies of its members, and the debugger is sent
        // to the members.
        (_, Some(Family::Apple)) => archives_only,
        (None, _) => true,
        (Some("packed"), _) => archives_only,
        (Some(_), _) => false,
    };
    let value = split.unwrap_or("packed");
    if fits {
        Ok(())
    } else {
        Err(BypassReason::new(Bypass::SideOutput, format!("-C split-debuginfo={value}")))
    }
}

/// What the linker puts beside its output.
fn side_files(role: Role, names: Names, path: &Path) -> Vec<Output> {
    let is_dynamic = matches!(role, Role::Dylib | Role::Cdylib | Role::ProcMacro);
    let mut files = Vec::new();
    match names.family {
        Family::Msvc if role.is_linked() => {
            if is_dynamic {
                files.push(Output { role: Role::ImportLibrary, path: path.with_extension("dll.lib") });
                files.push(Output { role: Role::ExportFile, path: path.with_extension("dll.exp") });
            }
            files.push(Output { role: Role::DebugInfo, path: path.with_extension("pdb") });
        }
        Family::WindowsGnu if is_dynamic => {
            if let Some(file_name) = path.file_name() {
                let mut import_library = OsString::from("lib");
                import_library.push(file_name);
                import_library.push(".a");
                files.push(Output { role: Role::ImportLibrary, path: path.with_file_name(import_library) });
            }
        }
        _ => {}
    }
    files
}

fn in_out_dir(invocation: &Invocation, (prefix, suffix): Affixes) -> PathBuf {
    let mut name = OsString::from(prefix);
    name.push(&invocation.crate_name);
    name.push(&invocation.extra_filename);
    name.push(suffix);
    invocation.out_dir.join(name)
}

/// The output of this role, if the invocation has one.
pub fn output_of(outputs: &[Output], role: Role) -> Option<&Output> {
    outputs.iter().find(|output| output.role == role)
}
