//! Copies the sources of a workspace to their own path below another root. Leaves out version control data and build
//! directories.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use crate::cli::exit::Failure;
use crate::sys::fs;

/// A larger directory contains more than sources.
const MOST_BYTES: u64 = 1 << 30;

const VERSION_CONTROL: [&str; 6] = [".git", ".hg", ".jj", ".svn", ".pijul", "_darcs"];

/// Files in the directories above a workspace that affect the build.
const ABOVE: [&str; 5] =
    [".cargo/config.toml", ".cargo/config", "rust-toolchain.toml", "rust-toolchain", ".kache.toml"];

/// The sources of a workspace. All paths are absolute.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sources {
    /// The directories of the workspace and of its dependencies outside it, none inside another.
    dirs: Vec<PathBuf>,
    /// Single files in the directories above them.
    files: Vec<PathBuf>,
}

impl Sources {
    /// Adds a directory. Returns whether it was missing.
    pub(super) fn add(&mut self, dir: &Path) -> bool {
        if self.dirs.iter().any(|known| dir.starts_with(known)) {
            return false;
        }
        self.dirs.retain(|known| !known.starts_with(dir));
        self.dirs.push(dir.to_owned());
        true
    }

    /// Adds the files above `workspace` that affect the build. Files that are also above `temporary`, or in the home of
    /// cargo, are found anyway and would count twice.
    pub(super) fn add_files_above(&mut self, workspace: &Path, temporary: &Path, cargo_home: Option<&Path>) {
        for dir in workspace.ancestors().skip(1).filter(|dir| !temporary.starts_with(dir)) {
            for file in ABOVE.iter().map(|name| dir.join(name)) {
                let is_in_cargo_home = cargo_home.is_some_and(|home| file.starts_with(home));
                if !is_in_cargo_home && file.is_file() {
                    self.files.push(file);
                }
            }
        }
    }

    /// Copies everything below `root`.
    pub(super) fn copy_below(&self, root: &Path) -> Result<(), Failure> {
        for file in &self.files {
            let to = below(root, file);
            create_dir(to.parent().unwrap_or(root))?;
            fs::copy_whole(file, &to).map_err(|e| about(file, "cannot be copied", &e))?;
        }
        for dir in &self.dirs {
            copy_tree(dir, &below(root, dir), &mut Budget { dir, n_bytes: 0 })?;
        }
        Ok(())
    }
}

/// The path of `path` below another root.
pub(super) fn below(root: &Path, path: &Path) -> PathBuf {
    let names = path.components().filter(|part| matches!(part, Component::Normal(_)));
    root.join(names.collect::<PathBuf>())
}

/// Copies a directory.
pub(super) fn copy_dir(from: &Path, to: &Path) -> Result<(), Failure> {
    copy_tree(from, to, &mut Budget { dir: from, n_bytes: 0 })
}

/// Creates a directory and its parents.
pub(super) fn create_dir(dir: &Path) -> Result<(), Failure> {
    fs::create_dir_all(dir).map_err(|e| about(dir, "cannot be created", &e))
}

/// A failure about a path.
pub(super) fn about(path: &Path, what: &str, error: &std::io::Error) -> Failure {
    Failure::new(format_args!("{}: {what}: {error}", path.display()))
}

/// Counts the bytes copied from one directory.
struct Budget<'a> {
    dir: &'a Path,
    n_bytes: u64,
}

impl Budget<'_> {
    fn spend(&mut self, n_bytes: u64) -> Result<(), Failure> {
        self.n_bytes += n_bytes;
        if self.n_bytes <= MOST_BYTES {
            return Ok(());
        }
        let dir = self.dir.display();
        let failure = Failure::new(format_args!("{dir} contains more than 1 GiB besides build directories"));
        Err(failure
            .hint("`kache try` copies the workspace; choose one without data, or move its data elsewhere"))
    }
}

fn copy_tree(from: &Path, to: &Path, budget: &mut Budget<'_>) -> Result<(), Failure> {
    create_dir(to)?;
    for path in fs::list(from).map_err(|e| about(from, "cannot be listed", &e))? {
        let name = path.file_name().unwrap_or_default();
        let metadata = fs::symlink_metadata(&path).map_err(|e| about(&path, "cannot be read", &e))?;
        let target = to.join(name);
        if metadata.is_dir() {
            if !is_left_out(name, &path) {
                copy_tree(&path, &target, budget)?;
            }
        } else if metadata.is_symlink() {
            fs::copy_link(&path, &target).map_err(|e| about(&path, "cannot be copied", &e))?;
        } else if metadata.is_file() {
            budget.spend(metadata.len())?;
            fs::copy_whole(&path, &target).map_err(|e| about(&path, "cannot be copied", &e))?;
        }
    }
    Ok(())
}

/// Whether a directory is not copied: version control data, and build directories, which cargo tags.
fn is_left_out(name: &OsStr, dir: &Path) -> bool {
    VERSION_CONTROL.iter().any(|left_out| name == *left_out)
        || (name == "target" && dir.with_file_name("Cargo.toml").is_file())
        || dir.join("CACHEDIR.TAG").is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_inside_another_is_copied_with_it() {
        let mut sources = Sources::default();
        assert!(sources.add(Path::new("/a/b")));
        assert!(!sources.add(Path::new("/a/b/c")));
        assert!(sources.add(Path::new("/x")));
        assert!(sources.add(Path::new("/a")));
        assert_eq!(sources.dirs, [Path::new("/x"), Path::new("/a")]);
        assert_eq!(below(Path::new("/tmp/first"), Path::new("/a/b")), Path::new("/tmp/first/a/b"));
    }

    #[test]
    fn build_directories_and_version_control_data_are_not_copied() {
        let temporary = tempfile::tempdir().unwrap();
        let (from, to) = (temporary.path().join("from"), temporary.path().join("to"));
        let write = |name: &str| {
            let path = from.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write_new(&path, b"x").unwrap();
        };
        for name in [
            "Cargo.toml",
            "src/target/mod.rs",
            "target/x",
            ".git/x",
            "elsewhere/CACHEDIR.TAG",
            ".cargo/config.toml",
        ] {
            write(name);
        }
        copy_dir(&from, &to).unwrap();
        let copied = ["Cargo.toml", "src/target/mod.rs", ".cargo/config.toml"];
        assert!(copied.iter().all(|name| to.join(name).is_file()));
        assert!(["target", ".git", "elsewhere"].iter().all(|name| !to.join(name).exists()));
    }

    #[test]
    fn a_large_tree_is_refused_by_name() {
        let mut budget = Budget { dir: Path::new("/data"), n_bytes: 0 };
        assert!(budget.spend(MOST_BYTES).is_ok());
        let said = budget.spend(1).unwrap_err().to_string();
        assert!(said.contains("/data contains more than 1 GiB"), "{said}");
    }

    #[test]
    fn files_above_a_workspace_are_copied_unless_found_anyway() {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path();
        for name in [".cargo/config.toml", "code/.cargo/config.toml", "code/rust-toolchain.toml"] {
            fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            fs::write_new(&root.join(name), b"").unwrap();
        }
        let above = |temporary: &Path, home: Option<&Path>| {
            let mut sources = Sources::default();
            sources.add_files_above(&root.join("code/project"), temporary, home);
            // Where temporary files are below a home, that may have such files too.
            let name =
                |file: &PathBuf| Some(file.strip_prefix(root).ok()?.display().to_string().replace('\\', "/"));
            sources.files.iter().filter_map(name).collect::<Vec<_>>()
        };
        let elsewhere = Path::new("/nowhere");
        let of_code = ["code/.cargo/config.toml", "code/rust-toolchain.toml"];
        assert_eq!(above(elsewhere, None), [&of_code[..], &[".cargo/config.toml"]].concat());
        assert_eq!(above(elsewhere, Some(&root.join(".cargo"))), of_code);
        assert_eq!(above(&root.join("cache/x"), None), of_code);
        assert_eq!(above(&root.join("code/x"), None), [""; 0]);
    }
}
