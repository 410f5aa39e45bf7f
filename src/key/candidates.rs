//! Crates that rustc looked at and did not take.

use std::path::PathBuf;

use crate::action::observed::{ObservationContext, is_in_dependency_dir, stem};
use crate::key::closure::{ClosureCrate, CrateClosure};
use crate::sys::defence;
use crate::sys::observe::Observation;

/// Crates that rustc opened for their names and turned down. It looks for a procedural macro behind an extern among all
/// whose names begin like its own: older builds of it, those with other features or of another profile, other crates.
/// `closure` is the closure of the externs.
pub fn turned_down(
    setting: &ObservationContext,
    observation: &Observation,
    closure: impl FnOnce() -> Option<CrateClosure>,
) -> Vec<PathBuf> {
    let opened = |suffixes: &'static [&str]| {
        let paths = observation.accesses.iter().map(|access| &access.real);
        paths.filter(move |path| is_in_dependency_dir(setting, path, suffixes))
    };
    // Where sources find crates by their names, the closure is not complete.
    let is_known =
        setting.crate_dirs.is_empty() && opened(&["so"]).any(|path| !setting.externs.contains(path));
    let Some(crates) = is_known.then(closure).flatten().map(|closure| closure.crates) else {
        return Vec::new();
    };
    // If the macro of the closure was not opened, rustc may have taken another.
    let is_found = |reached: &ClosureCrate| opened(&["so"]).any(|path| stem(path) == reached.stem.as_bytes());
    let macros = crates.iter().filter(|reached| reached.procedural_macro.is_some() && is_found(reached));
    let names: Vec<&[u8]> = macros.filter_map(|reached| before_hash(reached.stem.as_bytes())).collect();
    let is_behind = |path: &PathBuf| crates.iter().any(|reached| reached.stem.as_bytes() == stem(path));
    let is_like = |path: &PathBuf| names.iter().any(|name| stem(path).starts_with(name));
    opened(&["rlib", "rmeta", "so"])
        .filter(|path| {
            defence::stands("files-named-like-a-macro")
                && is_like(path)
                && !(defence::stands("the-macro-that-is-meant") && is_behind(path))
        })
        .cloned()
        .collect()
}

/// `libname` of `libname-0123456789abcdef`.
fn before_hash(stem: &[u8]) -> Option<&[u8]> {
    Some(&stem[..memchr::memchr(b'-', stem)?])
}
