//! A compile that was not observed: files that the assembler read, and what procedural macros may have done that no
//! rule can follow. Where that is not known for certain, nothing is stored. Hits never come here: whether a compile is
//! stored depends on nothing but what is in its key.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use crate::action::portable::{Portable, Root};
use crate::action::snapshot::InputSnapshot;
use crate::action::variables;
use crate::key::assembler::{self, Operand};
use crate::key::capability;
use crate::key::context::KeyContext;
use crate::key::declared;
use crate::key::depinfo::DepInfo;
use crate::key::unit::{self, UnitKey};
use crate::outcome::Unstored;
use crate::sys::{fs, os};

/// Refuses units whose macros, or whose dependencies' macros and inlined functions, may read or do anything.
///
/// # Errors
/// Such a crate is in the closure of the externs, or the closure is not known.
pub fn refuse_unknown(context: &KeyContext<'_>, unit: &UnitKey) -> Result<(), Unstored> {
    let closure = unit::closure_of_externs(context, &unit.externs)
        .map_err(|reason| Unstored::InputsUnknown(format!("the crate closure of {}", reason.detail)))?;
    if let Some(reached) = closure.crates.iter().find(|reached| reached.assembles) {
        let why = format!("{} has the assembler read files in its dependents", reached.stem);
        return Err(Unstored::InputsUnknown(why));
    }
    for (stem, procedural_macro) in closure.hidden_readers() {
        let Some(names) = context.known.library_variable_names(&procedural_macro.digest) else {
            return Err(Unstored::InputsUnknown(format!("what {stem} can do")));
        };
        if let Some(can) = capability::beyond_rules(&names).filter(|_| !procedural_macro.finds_manifest) {
            return Err(Unstored::InputsUnknown(format!("the procedural macro {stem} {can}")));
        }
    }
    Ok(())
}

/// The files that the assembler read because the sources told it to.
///
/// # Errors
/// A source cannot be read, or the compiler put the name of the file together.
pub fn assembled(context: &KeyContext<'_>, dep_info: &DepInfo) -> Result<Vec<Portable>, Unstored> {
    let mut found = BTreeSet::new();
    let sources = dep_info.files.iter().filter_map(|file| os::path(file));
    let mut waiting: Vec<PathBuf> = sources.map(|path| context.build_dirs.cwd.join(path)).collect();
    while let Some(source) = waiting.pop() {
        let text = fs::read(&source).map_err(|e| unknown_in(&source, e))?;
        for operand in assembler::operands(&text) {
            let Operand::File { path, is_text } = operand else {
                return Err(unknown_in(&source, NOT_LITERAL));
            };
            let path = os::path(&path).ok_or_else(|| unknown_in(&source, NOT_LITERAL))?;
            let path = context.build_dirs.cwd.join(path);
            if !fs::metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
                let why = format!("{} is to be read by the assembler and not there", path.display());
                return Err(unknown_in(&source, why));
            }
            if found.insert(context.portable(os::bytes(&path))) && is_text {
                waiting.push(path);
            }
        }
        let is_rust = source.extension().is_some_and(|suffix| suffix == "rs");
        if assembler::may_compose(&text, is_rust) {
            return Err(unknown_in(&source, "the assembler may read a file through a composed directive"));
        }
    }
    match found.iter().find(|name| std::str::from_utf8(name.as_bytes()).is_err()) {
        Some(name) => Err(Unstored::InputsUnknown(format!("{name}: the name is not UTF-8"))),
        None => Ok(found.into_iter().collect()),
    }
}

/// Why the assembler cannot be followed where an operand is an expression.
const NOT_LITERAL: &str = "the assembler reads a file that is not named literally";

fn unknown_in(source: &Path, why: impl Display) -> Unstored {
    Unstored::InputsUnknown(format!("{}: {why}", source.display()))
}

/// The state of all places where procedural macros may write, beyond the package itself: the workspace, and what
/// variables name that the macros know. A hit would not write there.
///
/// # Errors
/// They cannot be read, or there is too much.
pub fn places_to_write(context: &KeyContext<'_>, unit: &UnitKey) -> io::Result<InputSnapshot> {
    let mut written = InputSnapshot::default();
    let store = context.machine_dir.ancestors().nth(3);
    let package = context.env.get("CARGO_MANIFEST_DIR").map(Path::new);
    let temporary = ["TMPDIR", "TMP", "TEMP"].iter().filter_map(|name| context.env.get(name)).map(Path::new);
    let left_out: Vec<&Path> = package.into_iter().chain(store).chain(temporary).collect();
    if context.build_dirs.member && package != Some(&*context.build_dirs.cwd) {
        let workspace = &context.build_dirs.cwd;
        declared::states(workspace, &mut written, &|path| is_left_out(path, &left_out))?;
    }
    for path in named_places(context, unit)? {
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                declared::states(&path, &mut written, &|path| is_left_out(path, &left_out))?;
            }
            Ok(metadata) if metadata.is_file() => written.add(path, fs::Identity::from_metadata(&metadata)),
            Ok(_) => {}
            Err(_) => written.add_absent(path),
        }
    }
    Ok(written)
}

/// Whether macros may write to `path` without being noticed: logs, what npm installs, and `left_out`.
fn is_left_out(path: &Path, left_out: &[&Path]) -> bool {
    path.extension().is_some_and(|suffix| suffix == "log")
        || path.file_name().is_some_and(|name| name == "node_modules")
        || left_out.contains(&path)
}

/// Paths in variables whose names stand in the libraries of the macros. Those that every build has, and writes to while
/// it compiles, are left out, and so is what holds them.
fn named_places(context: &KeyContext<'_>, unit: &UnitKey) -> io::Result<Vec<PathBuf>> {
    let closure =
        unit::closure_of_externs(context, &unit.externs).map_err(|reason| io::Error::other(reason.detail))?;
    let libraries = closure.hidden_readers();
    let names: Vec<String> = libraries
        .filter_map(|(_, procedural_macro)| context.known.library_variable_names(&procedural_macro.digest))
        .collect();
    let roots = [Root::Target, Root::CargoHome, Root::Home];
    let mut own: Vec<PathBuf> =
        roots.iter().filter_map(|root| os::path(context.build_dirs.roots.value(*root)?)).collect();
    own.extend([
        context.build_dirs.cwd.clone(),
        context.toolchain.sysroot.clone(),
        context.machine_dir.to_path_buf(),
    ]);
    own.extend(
        ["CARGO_MANIFEST_DIR", "OUT_DIR", "TMPDIR"]
            .iter()
            .filter_map(|name| context.env.get(name))
            .map(PathBuf::from),
    );
    let mut places = Vec::new();
    for (name, value) in context.env.vars() {
        let (name, path) = (name.to_str().unwrap_or_default(), PathBuf::from(value));
        let is_own = own.iter().any(|own| own.starts_with(&path));
        if path.is_absolute()
            && !is_own
            && names.iter().any(|names| variables::may_read(names, name))
            && !belongs_to_build(context, &path)
        {
            places.push(path);
        }
    }
    Ok(places)
}

fn belongs_to_build(context: &KeyContext<'_>, path: &Path) -> bool {
    let name = context.portable(os::bytes(path));
    name.is_under(Root::Target) || name.is_under(Root::CargoHome) || name.is_under(Root::Workspace)
}
