//! The environment, taken once in `main` and passed down as a value.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::sys::fs::Identity;

/// The variable that names directories in which the loader of dynamic libraries looks before those of the system.
pub const LOADER_PATH: &str = if cfg!(target_os = "macos") { "DYLD_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };

/// A snapshot of the process's arguments, variables and working directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Env {
    /// Arguments, the program's own name first.
    pub args: Vec<OsString>,
    vars: Vec<(OsString, OsString)>,
    /// The working directory; `None` where it was removed.
    pub cwd: Option<PathBuf>,
}

impl Env {
    /// What this process was started with.
    pub fn from_process() -> Env {
        Env {
            args: std::env::args_os().collect(),
            vars: std::env::vars_os().collect(),
            cwd: std::env::current_dir().ok(),
        }
    }

    /// An environment of these parts.
    pub fn new(args: Vec<OsString>, vars: Vec<(OsString, OsString)>, cwd: Option<PathBuf>) -> Env {
        Env { args, vars, cwd }
    }

    /// The same variables with changes, and other arguments in another directory.
    #[must_use]
    pub fn with_changes(
        &self,
        args: Vec<OsString>,
        cwd: PathBuf,
        set: &[(OsString, OsString)],
        removed: &[OsString],
    ) -> Env {
        let mut vars = self.vars.clone();
        vars.retain(|(name, _)| {
            let mut changed = set.iter().map(|(name, _)| name).chain(removed);
            !changed.any(|changed| is_same_name(changed, name))
        });
        vars.extend_from_slice(set);
        Env { args, vars, cwd: Some(cwd) }
    }

    /// An environment for a test.
    pub fn with_vars(vars: &[(&str, &str)]) -> Env {
        let vars = vars.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Env { args: Vec::new(), vars, cwd: None }
    }

    /// The same arguments with no variables but those of these names, and no working directory.
    pub fn only(&self, names: &[&str]) -> Env {
        let mut vars = self.vars.clone();
        vars.retain(|(name, _)| names.iter().any(|kept| is_same_name(name, kept.as_ref())));
        Env { args: self.args.clone(), vars, cwd: None }
    }

    /// The same arguments with the variables whose names `is_kept` approves, and no working directory.
    pub fn kept(&self, is_kept: &dyn Fn(&str) -> bool) -> Env {
        let mut vars = self.vars.clone();
        vars.retain(|(name, _)| {
            name.to_str().is_some_and(|name| {
                let upper = if cfg!(windows) { name.to_ascii_uppercase() } else { name.to_owned() };
                is_kept(&upper)
            })
        });
        Env { args: self.args.clone(), vars, cwd: None }
    }

    /// Removes variables from here and from the process. To be called before there is a second thread.
    pub fn forget(&mut self, names: &[&str]) {
        self.withhold(names);
        self.vars.retain(|(name, _)| !is_one_of(name, names));
    }

    /// Removes variables from the process but not from here, so that nothing that it starts has them unless it is given them.
    /// To be called before there is a second thread.
    pub fn withhold(&self, names: &[&str]) {
        for (name, _) in self.vars.iter().filter(|(name, _)| is_one_of(name, names)) {
            #[expect(
                unsafe_code,
                clippy::disallowed_methods,
                reason = "children inherit what the process has"
            )]
            // SAFETY: no other thread reads or writes the environment, because there is none yet.
            unsafe {
                std::env::remove_var(name);
            }
        }
    }

    /// The value of `name`; an empty value is a value. On Windows `Path` is also `PATH`.
    pub fn get(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        let name = name.as_ref();
        self.vars.iter().find(|(this, _)| is_same_name(this, name)).map(|(_, value)| value.as_os_str())
    }

    /// All variables, in the order the system gave them.
    pub fn vars(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.vars.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

fn is_one_of(name: &OsStr, names: &[&str]) -> bool {
    names.iter().any(|this| is_same_name(name, this.as_ref()))
}

fn is_same_name(one: &OsStr, other: &OsStr) -> bool {
    one == other || cfg!(windows) && one.eq_ignore_ascii_case(other)
}

/// The command that removes a variable in this system's usual shell.
pub fn unset_command(name: &str) -> String {
    if cfg!(windows) { format!("Remove-Item Env:{name}") } else { format!("unset {name}") }
}

/// Where this program's own file is.
pub fn current_exe() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// The state of the file that this process runs, if it is known; `launched` is the path it was started by. On
/// Linux the file itself is looked at, which may have been replaced at its path since.
pub fn running_file(launched: &Path) -> Option<Identity> {
    let path = if cfg!(target_os = "linux") { Path::new("/proc/self/exe") } else { launched };
    Identity::at(path).ok()
}

/// Whether this process acts for the system's administrator.
#[cfg(unix)]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether this process acts for the system's administrator: on Windows no user's files belong to another one's by
/// that.
#[cfg(not(unix))]
pub fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_both_sizes_name_the_same_variable_where_they_do_for_the_system() {
        let env = Env::with_vars(&[("Path", "a"), ("SystemRoot", "b")]);
        let expected = |value: &'static str| cfg!(windows).then_some(OsStr::new(value));
        assert_eq!(env.get("Path"), Some(OsStr::new("a")));
        assert_eq!(
            (env.get("PATH"), env.only(&["SYSTEMROOT"]).get("SystemRoot")),
            (expected("a"), expected("b"))
        );
    }
}
