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
    /// Cargo's configuration: the table `env`, and the wrapper.
    Cargo,
    /// That of mise: the table `env`.
    Mise,
    Makefile,
    Justfile,
    Dockerfile,
    Yaml,
    /// JSON that may hold comments.
    Jsonc,
    Nix,
    /// Any other: whatever names sccache in it is shown.
    Named,
}

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileScope {
    User,
    System,
    Project,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    pub path: PathBuf,
    pub syntax: Syntax,
    pub scope: FileScope,
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
    ("Library/Application Support/nushell/env.nu", Syntax::Nushell),
    ("Library/Application Support/nushell/config.nu", Syntax::Nushell),
    ("Library/Application Support/Code/User/settings.json", Syntax::Jsonc),
    (".mise.toml", Syntax::Mise),
    (".tool-versions", Syntax::Named),
];

/// Below the home directory on Windows, or what keeps its documents elsewhere.
const IN_DOCUMENTS: [(&str, Syntax); 4] = [
    ("PowerShell/profile.ps1", Syntax::PowerShell),
    ("PowerShell/Microsoft.PowerShell_profile.ps1", Syntax::PowerShell),
    ("WindowsPowerShell/profile.ps1", Syntax::PowerShell),
    ("WindowsPowerShell/Microsoft.PowerShell_profile.ps1", Syntax::PowerShell),
];

const IN_ZDOTDIR: [(&str, Syntax); 4] = [
    (".zshenv", Syntax::Shell),
    (".zprofile", Syntax::Shell),
    (".zshrc", Syntax::Shell),
    (".zlogin", Syntax::Shell),
];

/// Below `~/.config`; a `*` in the name of a file stands for anything.
const IN_CONFIG: [(&str, Syntax); 10] = [
    ("fish/config.fish", Syntax::Fish),
    ("fish/conf.d/*.fish", Syntax::Fish),
    ("nushell/env.nu", Syntax::Nushell),
    ("nushell/config.nu", Syntax::Nushell),
    ("xonsh/rc.xsh", Syntax::Xonsh),
    ("powershell/profile.ps1", Syntax::PowerShell),
    ("powershell/Microsoft.PowerShell_profile.ps1", Syntax::PowerShell),
    ("environment.d/*.conf", Syntax::Pairs),
    ("mise/config.toml", Syntax::Mise),
    ("Code/User/settings.json", Syntax::Jsonc),
];

/// Below `%APPDATA%`.
const IN_APPDATA: [(&str, Syntax); 3] = [
    ("nushell/env.nu", Syntax::Nushell),
    ("nushell/config.nu", Syntax::Nushell),
    ("Code/User/settings.json", Syntax::Jsonc),
];

const IN_ROOT: [(&str, Syntax); 12] = [
    ("etc/environment", Syntax::Pairs),
    ("etc/environment.d/*.conf", Syntax::Pairs),
    ("etc/security/pam_env.conf", Syntax::Pam),
    ("etc/profile", Syntax::Shell),
    ("etc/profile.d/*.sh", Syntax::Shell),
    ("etc/bash.bashrc", Syntax::Shell),
    ("etc/bashrc", Syntax::Shell),
    ("etc/zshenv", Syntax::Shell),
    ("etc/zsh/zshenv", Syntax::Shell),
    ("etc/zsh/zprofile", Syntax::Shell),
    ("etc/fish/config.fish", Syntax::Fish),
    ("etc/fish/conf.d/*.fish", Syntax::Fish),
];

const IN_PROJECT: [(&str, Syntax); 37] = [
    (".envrc", Syntax::Shell),
    (".env", Syntax::Pairs),
    ("mise.toml", Syntax::Mise),
    (".mise.toml", Syntax::Mise),
    ("mise.local.toml", Syntax::Mise),
    (".config/mise.toml", Syntax::Mise),
    (".tool-versions", Syntax::Named),
    ("flake.nix", Syntax::Nix),
    ("shell.nix", Syntax::Nix),
    ("default.nix", Syntax::Nix),
    ("devenv.nix", Syntax::Nix),
    (".devcontainer/devcontainer.json", Syntax::Jsonc),
    (".devcontainer.json", Syntax::Jsonc),
    (".devcontainer/Dockerfile*", Syntax::Dockerfile),
    (".vscode/settings.json", Syntax::Jsonc),
    ("Justfile", Syntax::Justfile),
    ("justfile", Syntax::Justfile),
    (".justfile", Syntax::Justfile),
    ("Makefile", Syntax::Makefile),
    ("makefile", Syntax::Makefile),
    ("GNUmakefile", Syntax::Makefile),
    ("CMakePresets.json", Syntax::Named),
    ("CMakeUserPresets.json", Syntax::Named),
    ("CMakeLists.txt", Syntax::Named),
    ("Cross.toml", Syntax::Named),
    ("Dockerfile*", Syntax::Dockerfile),
    ("*.Dockerfile", Syntax::Dockerfile),
    ("Containerfile*", Syntax::Dockerfile),
    ("docker-compose*.yml", Syntax::Yaml),
    ("compose*.y*ml", Syntax::Yaml),
    (".github/workflows/*.y*ml", Syntax::Yaml),
    (".gitlab-ci.yml", Syntax::Yaml),
    (".circleci/config.yml", Syntax::Yaml),
    (".buildkite/*.y*ml", Syntax::Yaml),
    ("azure-pipelines.yml", Syntax::Yaml),
    (".travis.yml", Syntax::Yaml),
    (".cirrus.yml", Syntax::Yaml),
];

/// All of them that may be there, for a user, a system whose root is at `root`, and a project at `project`. A file that
/// two names lead to, because the file system does not tell letters of both sizes apart, is there once.
pub fn all(env: &Env, root: &Path, project: Option<&Path>) -> Vec<ConfigFile> {
    let mut places: Vec<ConfigFile> = Vec::new();
    if let Some(home) = dirs::home(env) {
        add(&mut places, &home, &IN_HOME, FileScope::User);
        let one_drive = env.get("OneDrive").filter(|dir| !dir.is_empty()).map(PathBuf::from);
        for above in [Some(home.clone()), one_drive].into_iter().flatten() {
            add(&mut places, &above.join("Documents"), &IN_DOCUMENTS, FileScope::User);
        }
        add(&mut places, &env.get("ZDOTDIR").map_or(home, PathBuf::from), &IN_ZDOTDIR, FileScope::User);
    }
    if let Some(config) = dirs::config(env) {
        add(&mut places, &config, &IN_CONFIG, FileScope::User);
    }
    if let Some(appdata) = env.get("APPDATA").filter(|dir| !dir.is_empty()) {
        add(&mut places, Path::new(appdata), &IN_APPDATA, FileScope::User);
    }
    add(&mut places, root, &IN_ROOT, FileScope::System);
    if let Some(project) = project {
        add(&mut places, project, &IN_PROJECT, FileScope::Project);
    }
    places
}

fn add(places: &mut Vec<ConfigFile>, dir: &Path, list: &[(&str, Syntax)], scope: FileScope) {
    for (name, syntax) in list {
        for path in named(dir, name) {
            if !places.iter().any(|place| is_same_file(&place.path, &path)) {
                places.push(ConfigFile { path, syntax: *syntax, scope });
            }
        }
    }
}

/// Whether both names in one directory lead to one file.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let both = (fs::canonical(one), fs::canonical(other));
    one.parent() == other.parent() && matches!(both, (Ok(one), Ok(other)) if one == other)
}

/// The files that a name with a `*` stands for, or the one without.
fn named(dir: &Path, name: &str) -> Vec<PathBuf> {
    if !name.contains('*') {
        return vec![dir.join(name)];
    }
    let path = dir.join(name);
    let pattern = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut files = fs::list(path.parent().unwrap_or(dir)).unwrap_or_default();
    files.retain(|path| path.file_name().is_some_and(|name| is_like(&name.to_string_lossy(), &pattern)));
    files.sort();
    files
}

/// Whether `name` is what `pattern` says, in which each `*` stands for anything.
fn is_like(name: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return name == pattern };
    let Some(name) = name.strip_prefix(start) else { return false };
    name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| is_like(&name[at..], rest))
}
