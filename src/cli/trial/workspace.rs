//! Makes two copies of a workspace and prepares them for offline builds.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cli::exit::Failure;
use crate::cli::trial::cargo::Cargo;
use crate::cli::trial::copy::{Sources, below, copy_dir, create_dir};
use crate::cli::trial::{bundled, copy};
use crate::sys::fs;

/// A workspace with copies in the directories [`FIRST`] and [`SECOND`].
pub(super) struct Workspace {
    /// Its root, below either of them.
    root: PathBuf,
    /// Where cargo is called, below either of them.
    dir: PathBuf,
    /// Why `cargo fetch` failed.
    pub(super) not_fetched: Option<String>,
}

pub(super) const FIRST: &str = "first";
pub(super) const SECOND: &str = "second";

/// The part of `cargo metadata --no-deps` that matters here.
#[derive(Deserialize)]
struct Metadata {
    workspace_root: PathBuf,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    path: Option<PathBuf>,
}

impl Workspace {
    /// Copies the workspace around `path`, which is absolute, or unpacks the bundled one, below `temporary`.
    pub(super) fn copy(
        path: Option<&Path>,
        cargo: &Cargo,
        temporary: &Path,
        cargo_home: Option<&Path>,
    ) -> Result<Workspace, Failure> {
        let (first, second) = (temporary.join(FIRST), temporary.join(SECOND));
        let name = match path {
            Some(path) => {
                let root = copy_around(path, &first, cargo, temporary, cargo_home)?;
                (below(Path::new(""), &root), below(Path::new(""), path))
            }
            None => {
                let dir = PathBuf::from("bundled");
                create_dir(&first.join(&dir))?;
                bundled::unpack(&first.join(&dir))
                    .map_err(|e| copy::about(&first, "cannot be written", &e))?;
                (dir.clone(), dir)
            }
        };
        let not_fetched = fetch(cargo, &first.join(&name.1))?;
        copy_dir(&first, &second)?;
        Ok(Workspace { root: name.0, dir: name.1, not_fetched })
    }

    /// Where cargo is called in the copy at `place`.
    pub(super) fn dir(&self, place: &Path) -> PathBuf {
        place.join(&self.dir)
    }

    /// The build directory in the copy at `place`.
    pub(super) fn target(&self, place: &Path) -> PathBuf {
        place.join(&self.root).join("target")
    }
}

/// Copies the workspace around `path` below `to`, with its dependencies outside the workspace. Returns its root.
fn copy_around(
    path: &Path,
    to: &Path,
    cargo: &Cargo,
    temporary: &Path,
    cargo_home: Option<&Path>,
) -> Result<PathBuf, Failure> {
    let root = metadata(path, cargo)?.workspace_root;
    let mut sources = Sources::default();
    sources.add_files_above(&root, temporary, cargo_home);
    let mut open = vec![root.clone()];
    while let Some(dir) = open.pop() {
        let metadata = metadata(&dir, cargo)?;
        if !sources.add(&metadata.workspace_root) {
            continue;
        }
        for package in metadata.packages {
            open.extend(package.manifest_path.parent().map(Path::to_owned));
            open.extend(package.dependencies.into_iter().filter_map(|dependency| dependency.path));
        }
        open.retain(|dir| !dir.starts_with(&metadata.workspace_root));
    }
    sources.copy_below(to)?;
    Ok(root)
}

fn metadata(dir: &Path, cargo: &Cargo) -> Result<Metadata, Failure> {
    let output = cargo.ask(dir, &["metadata", "--no-deps", "--format-version", "1"])?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = without_preface(&said);
        if said.starts_with("could not find `Cargo.toml`") {
            let error = format!("no cargo workspace found at {}: {}", dir.display(), in_one_line(said));
            return Err(Failure::usage(error).hint("name a directory inside a cargo workspace"));
        }
        let error = format!("cargo failed to read the workspace at {}:\n{}", dir.display(), said.trim_end());
        return Err(Failure::usage(error).hint("fix the workspace so that cargo can build it, and try again"));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| {
        Failure::new(format_args!(
            "failed to parse the output of `cargo metadata` for {}: {e}",
            dir.display()
        ))
    })
}

/// Completes the lock file and fetches the packages it names, offline if possible. Returns why that failed, which may not
/// matter: the build may not need all of them.
fn fetch(cargo: &Cargo, dir: &Path) -> Result<Option<String>, Failure> {
    let version = String::from_utf8(cargo.ask(dir, &["-vV"])?.stdout).unwrap_or_default();
    let mut args = vec!["fetch"];
    if let Some(host) = version.lines().find_map(|line| line.strip_prefix("host: ")) {
        args.extend(["--target", host]);
    }
    let offline = [&args[..], &["--offline"]].concat();
    if cargo.ask(dir, &offline)?.status.success() {
        return Ok(None);
    }
    let output = cargo.ask(dir, &args)?;
    let said = in_one_line(&String::from_utf8_lossy(&output.stderr));
    Ok((!output.status.success()).then(|| said.split("; ").next().unwrap_or_default().to_owned()))
}

/// The output of a program from its error on.
fn without_preface(said: &str) -> &str {
    said.split_once("error: ").map_or(said, |(_, error)| error)
}

/// The error in the output of a program, on one line.
fn in_one_line(said: &str) -> String {
    let lines =
        without_preface(said).lines().map(str::trim).filter(|line| !line.is_empty() && *line != "Caused by:");
    lines.collect::<Vec<_>>().join("; ")
}

/// The absolute path of a directory given as an argument.
pub(super) fn absolute(path: &Path, cwd: Option<&Path>) -> Result<PathBuf, Failure> {
    let whole = cwd.map_or_else(|| path.to_owned(), |cwd| cwd.join(path));
    match fs::canonical(&whole) {
        Ok(dir) if dir.is_dir() => Ok(dir),
        Ok(file) => Err(Failure::usage(format_args!("{} is not a directory", file.display()))
            .hint("name the directory of the workspace")),
        Err(e) => Err(Failure::usage(format_args!("{}: {e}", whole.display()))
            .hint("name the directory of a workspace, or omit it for the bundled one")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_cargo_are_shortened_to_one_line() {
        let said = "    Updating index\nerror: failed to get `x`\n\nCaused by:\n  no network\n";
        assert_eq!(in_one_line(said), "failed to get `x`; no network");
        assert_eq!(in_one_line("something\n"), "something");
    }
}
