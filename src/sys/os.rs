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

/// The path in a `file:` address, taken as it is: `/C:/dir` is how a drive is written.
pub fn path_of_url(path: &str) -> PathBuf {
    let drive = path.strip_prefix('/').filter(|rest| rest.as_bytes().get(1) == Some(&b':'));
    PathBuf::from(drive.unwrap_or(path))
}

/// Whether `byte` separates the parts of a path here.
pub fn is_separator(byte: u8) -> bool {
    std::path::is_separator(char::from(byte))
}

/// The directories in a list of them, such as `PATH`.
pub fn split_paths(list: &OsStr) -> impl Iterator<Item = PathBuf> {
    std::env::split_paths(list)
}

/// The reverse; `None` where a directory cannot stand in such a list.
pub fn join_paths(dirs: &[PathBuf]) -> Option<OsString> {
    std::env::join_paths(dirs).ok()
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
    // Without its ending a name is not started where programs have one.
    let has_suffix = name.to_string_lossy().to_ascii_lowercase().ends_with(std::env::consts::EXE_SUFFIX);
    let mut name = name.to_owned();
    name.push(if has_suffix { "" } else { std::env::consts::EXE_SUFFIX });
    for dir in std::env::split_paths(path_var?) {
        let path = cwd.join(dir).join(&name);
        if std::fs::metadata(&path).is_ok_and(|metadata| may_be_run(&path, &metadata)) {
            return Some(path);
        }
    }
    None
}

/// Whether the file at `path` can be run, by its mode; on Windows, by its name.
#[cfg(unix)]
pub fn may_be_run(_path: &Path, metadata: &std::fs::Metadata) -> bool {
    metadata.is_file() && crate::sys::fs::is_executable(metadata)
}

/// Whether the file at `path` can be run, by its mode; on Windows, by its name.
#[cfg(not(unix))]
pub fn may_be_run(path: &Path, metadata: &std::fs::Metadata) -> bool {
    let Some(ending) = path.extension() else { return false };
    metadata.is_file() && ["exe", "bat", "cmd", "com"].iter().any(|known| ending.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_has_the_ending_of_programs_whatever_else_is_in_its_name() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let find = |name: &str| find_program(OsStr::new(name), Some(dir.path().as_os_str()), dir.path());
        let suffix = std::env::consts::EXE_SUFFIX;
        for name in ["tool", "python3.11"] {
            let file = dir.path().join(format!("{name}{suffix}"));
            std::fs::write(&file, "").expect("writes");
            #[cfg(unix)]
            make_executable(&file);
            assert_eq!(find(name).as_ref(), Some(&file));
            assert!(find(&format!("{name}{}", suffix.to_uppercase())).is_some(), "{name}");
        }
        std::fs::write(dir.path().join("script"), "").expect("writes");
        assert_eq!(find("script"), None, "no program, here or there");
    }

    #[cfg(unix)]
    fn make_executable(file: &Path) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).expect("sets the mode");
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_cannot_be_run_is_no_program() {
        use crate::sys::fs;
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
