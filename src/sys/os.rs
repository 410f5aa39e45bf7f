//! Bytes and the system's own strings.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The bytes of a system string: exactly its bytes on Unix, WTF-8 on Windows.
pub fn bytes(text: &(impl AsRef<OsStr> + ?Sized)) -> &[u8] {
    text.as_ref().as_encoded_bytes()
}

/// The system string with these bytes; `None` where the system has no such string.
#[cfg(unix)]
pub fn from_bytes(bytes: &[u8]) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt as _;
    Some(OsString::from_vec(bytes.to_vec()))
}

/// The system string with these bytes; `None` where the system has no such string.
#[cfg(not(unix))]
pub fn from_bytes(bytes: &[u8]) -> Option<OsString> {
    std::str::from_utf8(bytes).ok().map(OsString::from)
}

/// The path with these bytes; `None` where the system has no such path.
pub fn path(bytes: &[u8]) -> Option<PathBuf> {
    from_bytes(bytes).map(PathBuf::from)
}

/// Whether `byte` separates the parts of a path here.
pub fn is_separator(byte: u8) -> bool {
    std::path::is_separator(char::from(byte))
}

/// The directories in a list of them, such as `PATH`.
pub fn split_paths(list: &OsStr) -> impl Iterator<Item = PathBuf> {
    std::env::split_paths(list)
}

/// The directories of `path_var` (a `PATH`).
pub fn path_dirs(path_var: Option<&OsStr>, cwd: &Path) -> Vec<PathBuf> {
    path_var.map_or_else(Vec::new, |path| std::env::split_paths(path).map(|dir| cwd.join(dir)).collect())
}

/// `name` looked for in the directories of `path_var` (a `PATH`), where a file that cannot be run is passed over, as the
/// system does; a name with a separator is taken as it is.
pub fn find_program(name: &OsStr, path_var: Option<&OsStr>, cwd: &Path) -> Option<PathBuf> {
    if bytes(name).iter().any(|byte| is_separator(*byte)) {
        return Some(cwd.join(name));
    }
    std::env::split_paths(path_var?).find_map(|dir| {
        let candidate = cwd.join(dir).join(name);
        let can_run = |metadata: std::fs::Metadata| metadata.is_file() && may_be_run(&metadata);
        let found = std::fs::metadata(&candidate).is_ok_and(can_run);
        let with_suffix = candidate.with_extension(std::env::consts::EXE_EXTENSION);
        if found {
            Some(candidate)
        } else if !std::env::consts::EXE_EXTENSION.is_empty() && with_suffix.is_file() {
            Some(with_suffix)
        } else {
            None
        }
    })
}

#[cfg(unix)]
fn may_be_run(metadata: &std::fs::Metadata) -> bool {
    crate::sys::fs::is_executable(metadata)
}

/// Here a name says what can be run.
#[cfg(not(unix))]
fn may_be_run(_metadata: &std::fs::Metadata) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::sys::fs;

    #[test]
    fn a_file_that_cannot_be_run_is_no_program() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("temporary directory");
        let (first, second) = (dir.path().join("first"), dir.path().join("second"));
        let path = std::env::join_paths([&first, &second]).expect("they are paths");
        let find = || find_program(OsStr::new("tool"), Some(&path), dir.path());
        for (place, mode) in [(&first, 0o644), (&second, 0o755)] {
            fs::create_dir_all(place).expect("makes a directory");
            fs::write_new(&place.join("tool"), b"").expect("writes");
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(place.join("tool"), permissions).expect("sets the mode");
        }
        assert_eq!(find(), Some(second.join("tool")));
        std::fs::set_permissions(first.join("tool"), std::fs::Permissions::from_mode(0o711))
            .expect("sets it");
        assert_eq!(find(), Some(first.join("tool")));
    }
}
