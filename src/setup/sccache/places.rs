//! The files in which variables are set.

use std::path::{Path, PathBuf};

use crate::sys::env::Env;
use crate::sys::{dirs, fs};

/// How assignments are written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// sh, bash, zsh.
    Shell,
    Fish,
    Nushell,
    Csh,
    Xonsh,
    PowerShell,
    /// `NAME=VALUE`, without a shell.
    Pairs,
    /// `NAME DEFAULT=VALUE`.
    Pam,
}

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    User,
    System,
    Project,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub path: PathBuf,
    pub syntax: Syntax,
    pub scope: Scope,
}

const IN_HOME: [(&str, Syntax); 14] = [
    (".profile", Syntax::Shell),
    (".bash_profile", Syntax::Shell),
    (".bash_login", Syntax::Shell),
    (".bashrc", Syntax::Shell),
    (".tcshrc", Syntax::Csh),
    (".cshrc", Syntax::Csh),
    (".login", Syntax::Csh),
    (".xonshrc", Syntax::Xonsh),
    (".pam_environment", Syntax::Pam),
    ("Documents/PowerShell/profile.ps1", Syntax::PowerShell),
    ("Documents/PowerShell/Microsoft.PowerShell_profile.ps1", Syntax::PowerShell),
    ("Documents/WindowsPowerShell/profile.ps1", Syntax::PowerShell),
    ("Documents/WindowsPowerShell/Microsoft.PowerShell_profile.ps1", Syntax::PowerShell),
    ("Library/Application Support/nushell/env.nu", Syntax::Nushell),
];

const IN_ZDOTDIR: [&str; 4] = [".zshenv", ".zprofile", ".zshrc", ".zlogin"];

/// Below `~/.config`; a name that begins with `*` stands for all files in a directory that end so.
const IN_CONFIG: [(&str, Syntax); 8] = [
    ("fish/config.fish", Syntax::Fish),
    ("fish/conf.d/*.fish", Syntax::Fish),
    ("nushell/env.nu", Syntax::Nushell),
    ("nushell/config.nu", Syntax::Nushell),
    ("xonsh/rc.xsh", Syntax::Xonsh),
    ("powershell/profile.ps1", Syntax::PowerShell),
    ("powershell/Microsoft.PowerShell_profile.ps1", Syntax::PowerShell),
    ("environment.d/*.conf", Syntax::Pairs),
];

const IN_ROOT: [(&str, Syntax); 3] = [
    ("etc/environment", Syntax::Pairs),
    ("etc/profile", Syntax::Shell),
    ("etc/profile.d/*.sh", Syntax::Shell),
];

/// All of them that may be there, for a user, a system whose root is at `root`, and a project at `project`.
pub fn all(env: &Env, root: &Path, project: Option<&Path>) -> Vec<Place> {
    let mut places = Vec::new();
    let mut add = |dir: &Path, name: &str, syntax, scope| {
        let (dir, last) =
            name.rsplit_once('/').map_or((dir.to_owned(), name), |(below, last)| (dir.join(below), last));
        match last.strip_prefix('*') {
            Some(end) => {
                let files = fs::list(&dir).unwrap_or_default();
                let named = files.into_iter().filter(|path| path.to_string_lossy().ends_with(end));
                places.extend(named.map(|path| Place { path, syntax, scope }));
            }
            None => places.push(Place { path: dir.join(last), syntax, scope }),
        }
    };
    if let Some(home) = dirs::home(env) {
        IN_HOME.iter().for_each(|(name, syntax)| add(&home, name, *syntax, Scope::User));
        let zdotdir = env.get("ZDOTDIR").map_or(home, PathBuf::from);
        IN_ZDOTDIR.iter().for_each(|name| add(&zdotdir, name, Syntax::Shell, Scope::User));
    }
    if let Some(config) = dirs::config(env) {
        IN_CONFIG.iter().for_each(|(name, syntax)| add(&config, name, *syntax, Scope::User));
    }
    IN_ROOT.iter().for_each(|(name, syntax)| add(root, name, *syntax, Scope::System));
    if let Some(project) = project {
        add(project, ".envrc", Syntax::Shell, Scope::Project);
    }
    places
}
