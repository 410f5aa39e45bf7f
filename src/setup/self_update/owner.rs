//! The package manager that installed this program, if the installer did not, and its commands.
//!
//! It is recognized by paths and by the files that package managers keep. None of them is run, because that takes seconds
//! and may change something.

use std::path::{Component, Path};

use crate::sys::env::Env;
use crate::sys::{dirs, fs, os};

/// A package manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its name in a sentence: `Homebrew`.
    pub name: &'static str,
    /// What updates the program.
    pub command: String,
    /// What removes it.
    pub removal: String,
}

/// The owner of the program at `exe`, which is without symbolic links; `None` if it is unknown.
pub fn owner(exe: &Path, env: &Env) -> Option<Owner> {
    by_directory(exe).or_else(|| cargo(exe, env)).or_else(|| by_system(exe, Path::new("/")))
}

fn owned(name: &'static str, command: impl Into<String>, removal: impl Into<String>) -> Option<Owner> {
    Some(Owner { name, command: command.into(), removal: removal.into() })
}

/// Managers that have directories of their own.
fn by_directory(exe: &Path) -> Option<Owner> {
    let parts: Vec<&str> = exe
        .components()
        .filter_map(|part| match part {
            Component::Normal(part) => Some(part.to_str().unwrap_or("")),
            _ => None,
        })
        .collect();
    if let Some(formula) = below(&parts, &["Cellar"]) {
        return owned("Homebrew", format!("brew upgrade {formula}"), format!("brew uninstall {formula}"));
    }
    for mise in ["mise", ".mise", "rtx"] {
        if let Some(tool) = below(&parts, &[mise, "installs"]) {
            return owned("mise", mise_command("upgrade", tool), mise_command("uninstall", tool));
        }
    }
    if let Some(tool) = below(&parts, &[".asdf", "installs"]) {
        return owned("asdf", format!("asdf install {tool} latest"), format!("asdf uninstall {tool}"));
    }
    if let Some(app) = below(&parts, &["scoop", "apps"]) {
        return owned("Scoop", format!("scoop update {app}"), format!("scoop uninstall {app}"));
    }
    if below(&parts, &["WinGet", "Packages"]).is_some() {
        return owned("winget", "winget upgrade kache", "winget uninstall kache");
    }
    if let Some(package) = below(&parts, &["chocolatey", "lib"]) {
        return owned("Chocolatey", format!("choco upgrade {package}"), format!("choco uninstall {package}"));
    }
    if below(&parts, &["nix", "store"]).is_some() {
        let upgrade = "nix profile upgrade kache  # or update the configuration that it is in";
        return owned(
            "Nix",
            upgrade,
            "nix profile remove kache  # or remove it from the configuration that it is in",
        );
    }
    if below(&parts, &["gnu", "store"]).is_some() {
        return owned("Guix", "guix upgrade kache", "guix remove kache");
    }
    if exe.starts_with("/opt/local/bin") {
        return owned("MacPorts", "sudo port upgrade kache", "sudo port uninstall kache");
    }
    None
}

/// A command of mise. `github-owner-kache` is how the directory of `github:owner/kache` is called.
fn mise_command(verb: &str, tool: &str) -> String {
    match tool.contains("kache") && tool != "kache" {
        true => format!("mise {verb}  # with the name that `mise ls` shows"),
        false => format!("mise {verb} {tool}"),
    }
}

/// What follows these directories, if something is in it.
fn below<'p>(parts: &[&'p str], dirs: &[&str]) -> Option<&'p str> {
    let at = parts
        .windows(dirs.len())
        .position(|window| window.iter().zip(dirs).all(|(part, dir)| part.eq_ignore_ascii_case(dir)))?;
    parts.get(at + dirs.len()).copied().filter(|_| at + dirs.len() + 1 < parts.len())
}

/// `cargo install`, from wherever it took the sources.
fn cargo(exe: &Path, env: &Env) -> Option<Owner> {
    let root = exe.parent().filter(|dir| dir.ends_with("bin"))?.parent()?;
    let list = fs::read(&root.join(".crates.toml")).unwrap_or_default();
    let list = String::from_utf8_lossy(&list);
    let source = list.lines().find_map(|line| {
        let (_, source) = line.trim_start().strip_prefix("\"kache ")?.split_once('(')?;
        source.split(')').next()
    });
    let home = dirs::cargo_home(env).and_then(|home| fs::canonical(&home).ok());
    let elsewhere =
        if home.as_deref() == Some(root) { String::new() } else { format!(" --root {}", root.display()) };
    match source {
        None if elsewhere.is_empty() => owned("cargo", "cargo install kache", "cargo uninstall kache"),
        None => None,
        Some(source) => {
            let from = match source.split_once('+') {
                Some(("path", url)) => {
                    format!("--path {}", os::path_of_url(url.trim_start_matches("file://")).display())
                }
                Some(("git", url)) => format!("--git {}", url.split(['#', '?']).next().unwrap_or(url)),
                _ => "kache".to_owned(),
            };
            owned(
                "cargo",
                format!("cargo install {from}{elsewhere}"),
                format!("cargo uninstall kache{elsewhere}"),
            )
        }
    }
}

fn is_there(root: &Path, path: &str) -> bool {
    fs::metadata(&root.join(path)).is_ok()
}

fn is_in_pacman_database(root: &Path) -> bool {
    let packages = fs::list(&root.join("var/lib/pacman/local")).unwrap_or_default();
    packages
        .iter()
        .any(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("kache-")))
}

/// The package manager of the system below `root`.
fn by_system(exe: &Path, root: &Path) -> Option<Owner> {
    let dirs = ["usr/bin", "bin", "usr/local/bin"].map(|dir| root.join(dir));
    if !exe.parent().is_some_and(|parent| dirs.iter().any(|dir| dir == parent)) {
        return None;
    }
    let has_database = ["var/lib/rpm", "usr/lib/sysimage/rpm"].iter().any(|path| is_there(root, path));
    if is_there(root, "var/lib/dpkg/info/kache.list") {
        owned("apt", "sudo apt install --only-upgrade kache", "sudo apt remove kache")
    } else if is_in_pacman_database(root) {
        owned("pacman", "sudo pacman -Syu kache", "sudo pacman -R kache")
    } else if exe.starts_with(root.join("usr/local")) {
        None
    } else if is_there(root, "lib/apk/db/installed") {
        owned("apk", "sudo apk upgrade kache", "sudo apk del kache")
    } else if is_there(root, "usr/bin/zypper") && has_database {
        owned("zypper", "sudo zypper update kache", "sudo zypper remove kache")
    } else if has_database {
        owned("dnf", "sudo dnf upgrade kache", "sudo dnf remove kache")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the places are made from outside")]

    use super::*;

    #[test]
    fn managers_are_told_by_their_directories() {
        for (exe, name, command) in [
            ("/opt/homebrew/Cellar/kache/0.1.0/bin/kache", "Homebrew", "brew upgrade kache"),
            ("/home/linuxbrew/.linuxbrew/Cellar/kache/0.1.0/bin/kache", "Homebrew", "brew upgrade kache"),
            ("/h/.local/share/mise/installs/kache/0.1.0/bin/kache", "mise", "mise upgrade kache"),
            ("/h/.asdf/installs/kache/0.1.0/bin/kache", "asdf", "asdf install kache latest"),
            ("/c/Users/a/scoop/apps/kache/0.1.0/kache.exe", "Scoop", "scoop update kache"),
            ("/c/Microsoft/WinGet/Packages/kache_x/kache.exe", "winget", "winget upgrade kache"),
            ("/c/ProgramData/chocolatey/lib/kache/tools/kache.exe", "Chocolatey", "choco upgrade kache"),
            ("/gnu/store/abc-kache-0.1.0/bin/kache", "Guix", "guix upgrade kache"),
            ("/opt/local/bin/kache", "MacPorts", "sudo port upgrade kache"),
        ] {
            let owner = by_directory(Path::new(exe)).unwrap();
            assert_eq!((owner.name, owner.command.as_str()), (name, command), "{exe}");
            assert!(owner.removal.contains("kache") && owner.removal != owner.command, "{}", owner.removal);
        }
        let nix = by_directory(Path::new("/nix/store/abc-kache-0.1.0/bin/kache")).unwrap();
        assert!(nix.name == "Nix" && nix.command.starts_with("nix profile upgrade"), "{nix:?}");
        let mise = by_directory(Path::new("/h/mise/installs/github-o-kache/0.1.0/kache")).unwrap();
        assert!(mise.command.contains("`mise ls`"), "{mise:?}");
        for exe in ["/usr/bin/kache", "/h/Cellar/kache", "/h/installs/kache/0.1.0/kache", "/h/bin/kache"] {
            assert_eq!(by_directory(Path::new(exe)), None, "{exe}");
        }
    }

    #[test]
    fn cargo_is_told_with_where_it_took_the_sources() {
        let home = tempfile::tempdir().unwrap();
        let home = fs::canonical(home.path()).unwrap();
        let [other, cargo_home] = ["other", ".cargo"].map(|name| home.join(name));
        let env = Env::with_vars(&[("CARGO_HOME", cargo_home.to_str().unwrap())]);
        for root in [&other, &cargo_home] {
            std::fs::create_dir_all(root.join("bin")).unwrap();
        }
        let command = |root: &Path| cargo(&root.join("bin/kache"), &env).map(|owner| owner.command);
        assert_eq!(command(&cargo_home).as_deref(), Some("cargo install kache"));
        assert_eq!(command(&other), None);
        for (source, from) in [
            ("registry+https://index", "kache"),
            ("path+file:///src/kache", "--path /src/kache"),
            ("path+file:///C:/src/kache", "--path C:/src/kache"),
            ("git+https://host/kache?rev=1#abc", "--git https://host/kache"),
        ] {
            let list = format!(
                "[v1]\n\"kachet 0.1.0 (registry+x)\" = [\"y\"]\n\"kache 0.1.0 ({source})\" = [\"kache\"]\n"
            );
            for root in [&other, &cargo_home] {
                std::fs::write(root.join(".crates.toml"), &list).unwrap();
            }
            assert_eq!(command(&cargo_home).unwrap(), format!("cargo install {from}"));
            assert_eq!(command(&other).unwrap(), format!("cargo install {from} --root {}", other.display()));
        }
    }

    #[test]
    fn the_systems_manager_is_told_by_its_database() {
        for (mark, name) in [
            ("var/lib/dpkg/info/kache.list", Some("apt")),
            ("var/lib/pacman/local/kache-0.1.0-1/desc", Some("pacman")),
            ("lib/apk/db/installed", Some("apk")),
            ("var/lib/rpm/rpmdb.sqlite", Some("dnf")),
            ("var/lib/dpkg/info/other.list", None),
        ] {
            let root = tempfile::tempdir().unwrap();
            let root = root.path();
            std::fs::create_dir_all(root.join(mark).parent().unwrap()).unwrap();
            std::fs::write(root.join(mark), "").unwrap();
            let found = by_system(&root.join("usr/bin/kache"), root);
            assert_eq!(found.map(|owner| owner.name), name, "{mark}");
            assert_eq!(by_system(&root.join("home/a/bin/kache"), root), None);
        }
    }
}
