//! Crates that rustc finds by their names in the directories of `-L`. Nothing tells which files these were, so such units
//! are not stored.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use memchr::memmem;

use crate::action::memo::is_crate_file;
use crate::action::observed::ObservedInputs;
use crate::invocation::SearchKind;
use crate::key::context::KeyContext;
use crate::key::depinfo::DepInfo;
use crate::outcome::Unstored;
use crate::sys::{fs, os};

/// `extern crate found;` without an `--extern` makes the compiler look for the crate in the directories of `-L`, and
/// nothing tells which file that was.
pub fn refuse_crates_found_by_name(context: &KeyContext<'_>, dep_info: &DepInfo) -> Result<(), Unstored> {
    let externs = &context.invocation.externs;
    let mut candidates = Vec::new();
    for dir in searched_dirs(context) {
        let files = fs::list(&dir).unwrap_or_default();
        candidates.extend(files.into_iter().filter(|path| is_crate_file(path)));
    }
    if candidates.is_empty() {
        return Ok(());
    }
    for file in dep_info.files.iter().filter_map(|file| os::path(file)) {
        let source = fs::read(&context.build_dirs.cwd.join(&file)).unwrap_or_default();
        for name in extern_crates(&source).filter(|name| !externs.iter().any(|e| e.name == *name)) {
            if let Some(path) = candidates.iter().find(|path| may_be_crate(path, name)) {
                return Err(Unstored::InputsUnknown(format!("{} was found by its name", path.display())));
            }
        }
    }
    Ok(())
}

/// The directories of `-L` in which rustc looks for crates that sources name.
fn searched_dirs(context: &KeyContext<'_>) -> impl Iterator<Item = PathBuf> {
    let paths = context.invocation.search_paths.iter();
    let paths = paths.filter(|path| matches!(path.kind, SearchKind::Crate | SearchKind::All));
    paths.map(|path| context.build_dirs.cwd.join(&path.path))
}

/// Whether rustc may take the file for the crate `name`.
fn may_be_crate(path: &Path, name: &str) -> bool {
    let stem = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    stem.strip_prefix("lib").unwrap_or(stem).starts_with(name)
}

/// The names in `extern crate name`.
fn extern_crates(source: &[u8]) -> impl Iterator<Item = &str> {
    memmem::find_iter(source, b"extern").filter_map(|at| {
        let rest =
            source[at + b"extern".len()..].trim_ascii_start().strip_prefix(b"crate")?.trim_ascii_start();
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        std::str::from_utf8(&rest[..length]).ok().filter(|name| !name.is_empty())
    })
}

/// A procedural macro that `extern crate` finds in a directory of `-L` is behind none of the externs, and may have read
/// links that nobody saw.
pub fn refuse_macros_found_by_name(
    context: &KeyContext<'_>,
    observed_inputs: &ObservedInputs,
) -> Result<(), Unstored> {
    for dir in searched_dirs(context) {
        let found = fs::list(&dir).unwrap_or_default();
        let libraries = found.iter().filter(|path| path.extension().is_some_and(|suffix| suffix == "so"));
        for library in libraries.filter_map(|path| fs::canonical(path).ok()) {
            if observed_inputs.read.iter().any(|(path, _)| *path == library) {
                return Err(Unstored::InputsUnknown(format!("{} was found by its name", library.display())));
            }
        }
    }
    Ok(())
}
