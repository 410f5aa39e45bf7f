//! Files that are not to be changed from here.

use std::path::Path;

use crate::sys::fs;
use crate::sys::fs::settle;

/// Why a file must not or cannot be written to. Renaming a new file over one that is read-only would work; but
/// somebody, or some program, meant it to stay as it is.
pub fn unwritable(path: &Path) -> Option<&'static str> {
    if ["/nix/store", "/gnu/store"].iter().any(|store| path.starts_with(store)) {
        return Some("a package manager generates it; change its source");
    }
    if fs::metadata(path).is_ok_and(|metadata| metadata.permissions().readonly()) {
        return Some("it is read-only");
    }
    let dir = path.ancestors().skip(1).find(|dir| fs::metadata(dir).is_ok());
    match dir.is_some_and(settle::is_writable) {
        true => None,
        false => Some("its directory is not writable"),
    }
}
