//! Recognizes a build directory by what cargo leaves in it. Its name says nothing.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::action::roots::is_profile_dir;
use crate::sys::fs::{self, private};

/// The file that cargo marks a build directory with when it makes one.
pub const TAG: &str = "CACHEDIR.TAG";
/// How such a file begins, according to <https://bford.info/cachedir/>.
const TAG_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";
/// How the name begins that a directory gets before it is emptied.
const REMOVED: &str = ".kache-removed-";

/// Why a directory is not one that can be removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRemovable {
    #[error("there is no directory")]
    Missing,
    #[error("it is a symbolic link")]
    Link,
    #[error("cargo has not marked it as a build directory")]
    NotMarked,
    #[error("it is a part of the build directory {}", .0.display())]
    PartOf(PathBuf),
    #[error("it holds a project: {}", .0.display())]
    HoldsProject(PathBuf),
    #[error("it holds {}, which is in use", .0.display())]
    HoldsOther(PathBuf),
}

/// Whether cargo made `dir` as a build directory: it has tagged it, and has left files of its own.
pub fn is_build_directory(dir: &Path) -> bool {
    private::is_dir(dir) && is_tagged(dir) && has_files_of_cargo(dir)
}

fn is_tagged(dir: &Path) -> bool {
    let tag = dir.join(TAG);
    !private::is_link(&tag) && fs::starts_with(&tag, TAG_SIGNATURE).unwrap_or(false)
}

/// What cargo knows of the compiler, or a profile's directory: below the root, or below the directory of a target triple.
fn has_files_of_cargo(dir: &Path) -> bool {
    if fs::metadata(&dir.join(".rustc_info.json")).is_ok() {
        return true;
    }
    let children = dirs_in(dir);
    children.iter().any(|child| is_profile(child))
        || children.iter().any(|child| dirs_in(child).iter().any(|child| is_profile(child)))
}

fn is_profile(dir: &Path) -> bool {
    is_profile_dir(dir) || private::is_dir(&dir.join(".fingerprint"))
}

fn dirs_in(dir: &Path) -> Vec<PathBuf> {
    let names = fs::names(dir).unwrap_or_default();
    names.into_iter().filter(|(_, kind)| *kind == b'd').map(|(name, _)| dir.join(name)).collect()
}

/// Fails unless `dir` is a whole build directory, without a project or one of `protected` in it.
pub fn check(dir: &Path, protected: &[PathBuf]) -> Result<(), NotRemovable> {
    match fs::symlink_metadata(dir) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Err(NotRemovable::Missing),
        Ok(metadata) if metadata.is_symlink() => return Err(NotRemovable::Link),
        _ => {}
    }
    if !is_build_directory(dir) {
        return Err(NotRemovable::NotMarked);
    }
    if let Some(outer) = dir.ancestors().skip(1).find(|outer| is_build_directory(outer)) {
        return Err(NotRemovable::PartOf(outer.to_owned()));
    }
    let projects = ["Cargo.toml", ".git"].map(|name| dir.join(name));
    if let Some(project) = projects.into_iter().find(|path| fs::symlink_metadata(path).is_ok()) {
        return Err(NotRemovable::HoldsProject(project));
    }
    match protected.iter().find(|path| path.starts_with(dir)) {
        Some(path) => Err(NotRemovable::HoldsOther(path.clone())),
        None => Ok(()),
    }
}

/// The name for `dir` while it is emptied: beside it, on the same file system.
pub fn name_aside(dir: &Path) -> PathBuf {
    dir.with_file_name(format!("{REMOVED}{}", fs::unique_name()))
}

/// Whether an interrupted removal left this. The tag is removed last, so what has files has the tag.
pub fn is_leftover(dir: &Path) -> bool {
    let is_named = dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with(REMOVED));
    is_named && private::is_dir(dir) && (is_tagged(dir) || fs::names(dir).is_ok_and(|names| names.is_empty()))
}
