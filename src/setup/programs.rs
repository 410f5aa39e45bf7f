//! Programs that people call by their name: cargo, rustc, sccache, curl, kache itself.
//!
//! They are looked up with the crate `which`, as a shell does. What cargo or kache start is not: a wrapper in cargo's
//! configuration, a compiler, a linker and the daemon's binary are looked up by [`crate::sys::os::find_program`], which
//! does what exec does. The two differ: `which` expands a `~` in `PATH`, asks the system whether a file may be
//! executed, and tries the endings in `PATHEXT`.

use std::path::{Path, PathBuf};

use crate::sys::env::Env;

/// The program called `name` that is first in `PATH`.
pub fn find(name: &str, env: &Env) -> Option<PathBuf> {
    which::which_in(name, env.get("PATH"), cwd(env)).ok()
}

/// All programs called `name` in `PATH`, in its order.
pub fn find_all(name: &str, env: &Env) -> Vec<PathBuf> {
    which::which_in_all(name, env.get("PATH"), cwd(env)).map_or_else(|_| Vec::new(), Iterator::collect)
}

fn cwd(env: &Env) -> &Path {
    env.cwd.as_deref().unwrap_or(Path::new("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fs::settle;
    use crate::sys::{fs, host};

    #[test]
    fn only_files_that_may_be_executed_are_programs() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = ["first", "second"].map(|name| dir.path().join(name));
        let is_windows = std::env::consts::OS == "windows";
        let separator = if is_windows { ";" } else { ":" };
        let path = dirs.each_ref().map(|dir| dir.to_str().unwrap()).join(separator);
        let env = Env::with_vars(&[("PATH", &path)]);
        let programs = dirs.each_ref().map(|dir| dir.join(host::program_name("tool")));
        write(&dirs[0].join("text"), 0o644);
        assert_eq!(find("text", &env), None);
        write(&programs[0], 0o644);
        write(&programs[1], 0o755);
        assert_eq!(find("tool", &env), Some(programs[usize::from(!is_windows)].clone()));
        write(&programs[0], 0o755);
        assert_eq!(find("tool", &env), Some(programs[0].clone()));
        assert_eq!(find_all("tool", &env), programs);
        assert_eq!(find("tool", &Env::with_vars(&[])), None);
    }

    fn write(path: &Path, mode: u32) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::remove(path).unwrap();
        settle::settle(path, &path.with_extension("new"), b"", mode, &|| Ok(())).unwrap();
    }
}
