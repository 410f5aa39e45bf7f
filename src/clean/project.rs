//! Which project a build directory belongs to, and whether its checkout is still there.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::sys::{fs, os};

/// Whether the checkout that was built is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Checkout {
    Exists,
    /// All projects that are known to have been built there are gone.
    Gone,
    /// Nothing in the directory names a project.
    Unknown,
}

/// The project of a build directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    pub root: Option<PathBuf>,
    pub checkout: Checkout,
}

/// Looks for the project of the build directory `dir`: above it, and in the dep-info beside what was built. `workspaces`
/// are those that were built with kache.
pub fn of(dir: &Path, workspaces: &[PathBuf]) -> Project {
    let parent = dir.parent();
    if let Some(parent) = parent.filter(|parent| has_manifest(parent)) {
        return Project { root: Some(parent.to_owned()), checkout: Checkout::Exists };
    }
    let is_default = dir.file_name() == Some(OsStr::new("target"));
    let mut gone = parent.filter(|parent| is_default && workspaces.iter().any(|known| known == parent));
    let mut sources = sources(dir);
    sources.retain(|source| source.is_absolute() && !source.starts_with(dir));
    for source in &sources {
        if let Some(root) = source.ancestors().skip(1).find(|above| has_manifest(above)) {
            return Project { root: Some(root.to_owned()), checkout: Checkout::Exists };
        }
    }
    // Sources without a manifest above them may be those of another build system.
    if sources.iter().any(|source| fs::metadata(source).is_ok()) {
        return Project { root: None, checkout: Checkout::Unknown };
    }
    let root = gone.take().map(Path::to_owned).or_else(|| sources.first().map(|source| root_of(source)));
    let checkout = if root.is_some() { Checkout::Gone } else { Checkout::Unknown };
    Project { root, checkout }
}

fn has_manifest(dir: &Path) -> bool {
    fs::metadata(&dir.join("Cargo.toml")).is_ok_and(|metadata| metadata.is_file())
}

/// The directory that held `src`, or else the source itself.
fn root_of(source: &Path) -> PathBuf {
    let mut above = source.ancestors().skip(1);
    let root = above.find(|dir| dir.file_name() == Some(OsStr::new("src"))).and_then(Path::parent);
    root.or(source.parent()).unwrap_or(source).to_owned()
}

/// A source of each final output: cargo names them in absolute dep-info files beside these.
fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut sources = Vec::new();
    for profile in profiles(dir) {
        for (name, kind) in fs::names(&profile).unwrap_or_default() {
            let path = profile.join(&name);
            if kind == b'f' && path.extension() == Some(OsStr::new("d")) {
                sources.extend(fs::read(&path).ok().and_then(|text| first_source(&text)));
            }
        }
    }
    sources
}

/// The directories up to two levels below a build directory: of profiles, and of profiles of target triples.
fn profiles(dir: &Path) -> Vec<PathBuf> {
    let mut profiles = Vec::new();
    for child in dirs_in(dir) {
        profiles.extend(dirs_in(&child));
        profiles.push(child);
    }
    profiles
}

fn dirs_in(dir: &Path) -> Vec<PathBuf> {
    let names = fs::names(dir).unwrap_or_default();
    names.into_iter().filter(|(_, kind)| *kind == b'd').map(|(name, _)| dir.join(name)).collect()
}

/// The first file that a dep-info names behind the colon. A backslash stands before spaces in names.
fn first_source(dep_info: &[u8]) -> Option<PathBuf> {
    let start = memchr::memmem::find(dep_info, b": ")? + 2;
    let mut path = Vec::new();
    let mut rest = dep_info[start..].iter().copied().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' if rest.peek() == Some(&b' ') => path.extend(rest.next()),
            b' ' | b'\n' | b'\r' => break,
            byte => path.push(byte),
        }
    }
    os::path(&path).filter(|_| !path.is_empty())
}
