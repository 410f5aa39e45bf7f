//! Crates that rustc finds by their names in the directories of `-L`. Nothing tells which files these were, so such units
//! are not stored.

use std::ffi::OsStr;
use std::path::PathBuf;

use memchr::memmem;

use crate::action::observed::ObservedInputs;
use crate::invocation::{SearchKind, SearchPath};
use crate::key::context::KeyContext;
use crate::key::depinfo::DepInfo;
use crate::outcome::Unstored;
use crate::sys::{fs, os};

/// `extern crate found;` without an `--extern` makes the compiler look for the crate in the directories of `-L`, and
/// nothing tells which file that was.
pub fn refuse_crates_found_by_name(context: &KeyContext<'_>, dep_info: &DepInfo) -> Result<(), Unstored> {
    let invocation = context.invocation;
    let searched = invocation
        .search_paths
        .iter()
        .filter(|path| matches!(path.kind, SearchKind::Crate | SearchKind::All))
        .flat_map(|path| fs::list(&context.build_dirs.cwd.join(&path.path)).unwrap_or_default());
    let candidates: Vec<PathBuf> = searched
        .filter(|path| {
            let suffix = path.extension().and_then(OsStr::to_str).unwrap_or_default();
            ["rlib", "rmeta", "so", "dylib", "dll"].contains(&suffix)
        })
        .collect();
    if candidates.is_empty() {
        return Ok(());
    }
    for file in dep_info.files.iter().filter_map(|file| os::path(file)) {
        let source = fs::read(&context.build_dirs.cwd.join(&file)).unwrap_or_default();
        for name in extern_crates(&source).filter(|name| !invocation.externs.iter().any(|e| e.name == *name))
        {
            let is_candidate = |path: &&PathBuf| {
                let stem = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
                stem.strip_prefix("lib").unwrap_or(stem).starts_with(name)
            };
            if let Some(path) = candidates.iter().find(is_candidate) {
                return Err(Unstored::InputsUnknown(format!("{} was found by its name", path.display())));
            }
        }
    }
    Ok(())
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
    let searched = |path: &&SearchPath| matches!(path.kind, SearchKind::Crate | SearchKind::All);
    for dir in context.invocation.search_paths.iter().filter(searched) {
        let found = fs::list(&context.build_dirs.cwd.join(&dir.path)).unwrap_or_default();
        let libraries = found.iter().filter(|path| path.extension().is_some_and(|suffix| suffix == "so"));
        for library in libraries.filter_map(|path| fs::canonical(path).ok()) {
            if observed_inputs.read.iter().any(|(path, _)| *path == library) {
                return Err(Unstored::InputsUnknown(format!("{} was found by its name", library.display())));
            }
        }
    }
    Ok(())
}
