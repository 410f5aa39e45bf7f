//! Crates that rustc looked at and did not take.

use std::path::PathBuf;

use crate::action::observed::{ObservationContext, is_in_dependency_dir, stem};
use crate::key::closure::CrateClosure;
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
    let libraries: Vec<&PathBuf> = opened(setting, observation, &["so"]).collect();
    // Where sources find crates by their names, the closure is not complete.
    if !setting.crate_dirs.is_empty() || libraries.iter().all(|path| setting.externs.contains(*path)) {
        return Vec::new();
    }
    let Some(CrateClosure { crates, .. }) = closure() else { return Vec::new() };
    let mut names: Vec<&[u8]> = Vec::new();
    for reached in crates.iter().filter(|reached| reached.procedural_macro.is_some()) {
        // If the macro of the closure was not opened, rustc may have taken another.
        if libraries.iter().any(|path| stem(path) == reached.stem.as_bytes()) {
            names.extend(before_hash(reached.stem.as_bytes()));
        }
    }
    let candidates = opened(setting, observation, &["rlib", "rmeta", "so"]).filter(|path| {
        let stem = stem(path);
        defence::stands("files-named-like-a-macro")
            && names.iter().any(|name| stem.starts_with(name))
            && !(defence::stands("the-macro-that-is-meant")
                && crates.iter().any(|reached| reached.stem.as_bytes() == stem))
    });
    candidates.cloned().collect()
}

/// The files with one of these suffixes that were opened among the outputs of all units.
fn opened<'o>(
    setting: &ObservationContext,
    observation: &'o Observation,
    suffixes: &[&str],
) -> impl Iterator<Item = &'o PathBuf> {
    let paths = observation.accesses.iter().map(|access| &access.real);
    paths.filter(move |path| is_in_dependency_dir(setting, path, suffixes))
}

/// `libname` of `libname-0123456789abcdef`.
fn before_hash(stem: &[u8]) -> Option<&[u8]> {
    Some(&stem[..memchr::memchr(b'-', stem)?])
}
