//! The path of this program for configurations: one that stays valid.
//!
//! An absolute one, because editors that were not started from a shell lack its `PATH`. Never a version manager's shim:
//! it would start the manager before each compiler. And one that an upgrade does not take away: a wrapper that is
//! missing stops every cargo command.
//!
//! | where the program is | what is written |
//! |---|---|
//! | where programs are installed (`~/.cargo/bin`, `~/.local/bin`, `/usr/bin`, …) | its path |
//! | behind a link of a package manager (`/opt/homebrew/bin`, a Nix profile) | that link |
//! | a directory of one version | a link of our own, through the manager's name for the current version if it has one |
//! | a build directory, or one for temporary files | a copy of our own: such places are emptied |
//! | anywhere else | its path |
//!
//! Links and copies of our own are in `~/.local/share/kache/bin`.

use std::path::{Component, Path, PathBuf};

use crate::sys::env::Env;
use crate::sys::{dirs, fs, host};

/// Where the wrapper is to be found, and what has to be made for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrapperPath {
    pub path: PathBuf,
    pub make: Make,
}

/// What has to stand at the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Make {
    /// It is there.
    Nothing,
    /// A link to this file.
    Link(PathBuf),
    /// A copy of this file.
    Copy(PathBuf),
}

/// How cargo's configuration names the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// By a path that stays right.
    #[default]
    Auto,
    /// By its name alone, which cargo looks for in `PATH`: for a configuration that machines share on which the program
    /// is in different places.
    Name,
    /// By the path that it is at, with nothing made for it.
    Abs,
}

/// The path of our own link or copy; `None` without a home.
pub fn own(env: &Env) -> Option<PathBuf> {
    Some(dirs::data(env)?.join("kache/bin").join(host::program_name("kache")))
}

/// The path for the program at `exe`, which is without symbolic links; `None` if it needs a path of our own and there is no
/// home directory.
pub fn wrapper_path(exe: &Path, env: &Env) -> Option<WrapperPath> {
    let named = ["TMPDIR", "TEMP", "TMP"].into_iter().filter_map(|name| env.get(name)).map(PathBuf::from);
    let temporary: Vec<PathBuf> = named.chain(["/tmp".into(), "/var/tmp".into()]).collect();
    choose(exe, env, &temporary)
}

/// The path of the program at `exe` for a service: the one in cargo's configuration if that exists, or else `called`, by
/// which it was called.
pub fn lasting(exe: &Path, called: &Path, env: &Env) -> PathBuf {
    let lasting = wrapper_path(exe, env).map(|found| found.path);
    lasting.filter(|path| fs::metadata(path).is_ok()).unwrap_or_else(|| called.to_owned())
}

fn choose(exe: &Path, env: &Env, temporary: &[PathBuf]) -> Option<WrapperPath> {
    let own = own(env);
    if let Some(dir) = install_dirs(env).iter().find(|dir| is_in_dir(exe, dir)) {
        return existing(dir.join(exe.file_name()?));
    }
    if let Some(own) = own.as_ref().filter(|own| is_file(own) && leads_to(own, exe)) {
        return existing(own.clone());
    }
    let name = exe.file_name()?;
    let managed = managed_dirs(env).into_iter().map(|dir| dir.join(name));
    if let Some(link) = managed.into_iter().find(|link| leads_to(link, exe)) {
        return existing(link);
    }
    if let Some(current) = in_version_dir(exe) {
        return Some(WrapperPath { path: own?, make: Make::Link(current) });
    }
    if is_passing(exe, env, temporary) {
        return Some(WrapperPath { path: own?, make: Make::Copy(exe.to_owned()) });
    }
    existing(exe.to_owned())
}

fn existing(path: PathBuf) -> Option<WrapperPath> {
    Some(WrapperPath { path, make: Make::Nothing })
}

fn is_in_dir(exe: &Path, dir: &Path) -> bool {
    fs::canonical(dir).is_ok_and(|dir| exe.parent() == Some(&dir))
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file())
}

/// Where programs are put for good.
fn install_dirs(env: &Env) -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = dirs::cargo_home(env).map(|home| home.join("bin")).into_iter().collect();
    dirs.extend(dirs::home(env).into_iter().flat_map(|home| [home.join(".local/bin"), home.join("bin")]));
    dirs.extend(["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from));
    dirs.retain(|dir| dir.is_absolute());
    dirs
}

/// Where package managers keep links that lead to the version that is current.
fn managed_dirs(env: &Env) -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> =
        ["/opt/homebrew/bin", "/usr/local/bin", "/home/linuxbrew/.linuxbrew/bin"].map(PathBuf::from).into();
    dirs.extend(dirs::home(env).map(|home| home.join(".nix-profile/bin")));
    if let Some(user) = env.get("USER").filter(|user| !user.is_empty()) {
        dirs.push(Path::new("/etc/profiles/per-user").join(user).join("bin"));
    }
    dirs.push("/run/current-system/sw/bin".into());
    dirs
}

fn leads_to(path: &Path, exe: &Path) -> bool {
    fs::canonical(path).is_ok_and(|target| target == exe)
}

/// If the program is in a directory of one version: its path, through the manager's name for the current one if that
/// leads to the same file.
pub fn in_version_dir(exe: &Path) -> Option<PathBuf> {
    let parts: Vec<Component<'_>> = exe.components().collect();
    let n_dirs = parts.len().saturating_sub(1);
    for index in 1..n_dirs {
        let current = match name_at(&parts, index) {
            // <manager>/installs/<tool>/<version>/…
            "installs" => index + 2..index + 3,
            // <prefix>/Cellar/<formula>/<version>/… has <prefix>/opt/<formula>/…
            "Cellar" => {
                let mut path: PathBuf = parts[..index].iter().collect();
                path.push("opt");
                path.push(name_at(&parts, index + 1));
                path.extend(parts.get(index + 3..)?);
                return Some(if leads_to(&path, exe) { path } else { exe.to_owned() });
            }
            // scoop/apps/<app>/<version>/…
            "apps" if name_at(&parts, index - 1).eq_ignore_ascii_case("scoop") => index + 2..index + 3,
            "store" if matches!(name_at(&parts, index - 1), "nix" | "gnu") => return Some(exe.to_owned()),
            part if is_version(part) => index..index + 1,
            _ => continue,
        };
        if current.end > n_dirs {
            continue;
        }
        for word in ["latest", "current"] {
            let mut path: PathBuf = parts[..current.start].iter().collect();
            path.push(word);
            path.extend(&parts[current.end..]);
            if leads_to(&path, exe) {
                return Some(path);
            }
        }
        return Some(exe.to_owned());
    }
    None
}

fn name_at<'p>(parts: &[Component<'p>], index: usize) -> &'p str {
    parts.get(index).and_then(|part| part.as_os_str().to_str()).unwrap_or_default()
}

/// `1.2.3`, `v1.2`, `kache-0.4.1`.
fn is_version(part: &str) -> bool {
    let number = part.trim_start_matches(|c: char| !c.is_ascii_digit());
    let numbers: Vec<&str> = number.split(['-', '+']).next().unwrap_or_default().split('.').collect();
    numbers.len() > 1 && numbers.iter().all(|number| is_number(number))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a directory is marked as one that cargo may empty.
fn is_emptied(dir: &Path) -> bool {
    [".rustc_info.json", "CACHEDIR.TAG"].iter().any(|mark| fs::metadata(&dir.join(mark)).is_ok())
}

/// Whether the program is at a temporary path.
fn is_passing(exe: &Path, env: &Env, temporary: &[PathBuf]) -> bool {
    let downloads = dirs::home(env).map(|home| home.join("Downloads"));
    temporary
        .iter()
        .any(|dir| dir.is_absolute() && exe.starts_with(fs::canonical(dir).as_ref().unwrap_or(dir)))
        || downloads.is_some_and(|dir| exe.starts_with(dir))
        || exe.ancestors().skip(1).any(is_emptied)
}

#[cfg(test)]
mod tests;
