//! Copies of a project, so that the original is never built in and every contender has a path of its own.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;
use crate::contender::{Contenders, cargo};

/// Copies the sources of a project; what builds and version control left there stays behind.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        let is_build_directory = kind.is_dir() && source.join("CACHEDIR.TAG").exists();
        if entry.file_name() == ".git" || entry.file_name() == "target" || is_build_directory {
            continue;
        }
        if kind.is_dir() {
            copy(&source, &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source)?, target)?;
        } else {
            fs::copy(source, target)?;
        }
    }
    Ok(())
}

/// Gets what the project depends on; afterwards nothing needs the network.
pub(crate) fn fetch(contenders: &Contenders, checkout: &Path) -> Result<()> {
    let mut fetch = Command::new(cargo());
    contenders.clean(&mut fetch);
    fetch.arg("fetch").current_dir(checkout).stdout(Stdio::null()).stderr(Stdio::piped());
    let output = fetch.output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("cargo fetch: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// Writes a package whose only crate is empty.
pub(crate) fn empty_package(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory.join("src"))?;
    fs::write(directory.join("src/lib.rs"), "")?;
    fs::write(directory.join("Cargo.toml"), "[package]\nname = \"empty\"\nedition = \"2024\"\n[workspace]\n")
}

/// Removes a directory with all in it; none is fine.
pub(crate) fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
