//! Files that kache must not change.

use std::path::Path;

use crate::sys::fs;
use crate::sys::fs::settle;

/// Why a file must not or cannot be changed. A new file could be renamed over a read-only one, but it is read-only on
/// purpose.
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
