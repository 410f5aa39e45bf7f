//! Which directories an invocation's paths are counted from.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::action::portable::{Root, Roots};
use crate::invocation::{Invocation, Target};
use crate::sys::env::Env;
use crate::sys::{defence, dirs, fs, os};

/// How many directories above the outputs the build directory may be.
const MAX_DEPTH: usize = 8;

/// The places of one invocation.
#[derive(Debug)]
pub struct BuildDirs {
    pub roots: Roots,
    /// The working directory. For a compile of a member it is the workspace root; for the run of a build script, the
    /// package's directory.
    pub cwd: PathBuf,
    /// The build directory, where one was recognized.
    pub target: Option<PathBuf>,
    /// The package is a member of the workspace: cargo names its sources relative to the working directory. The run of
    /// a build script names none; there, a package outside of cargo's home is taken for a member.
    pub member: bool,
}

impl BuildDirs {
    /// The places of `invocation`.
    pub fn of(invocation: &Invocation, env: &Env, cwd: &Path) -> BuildDirs {
        let mut roots = Roots::default();
        let member = invocation.source.is_relative();
        let target = build_directory(
            &cwd.join(&invocation.out_dir),
            invocation.target.as_ref().and_then(Target::name),
        );
        if let Some(target) = &target {
            roots.add(Root::Target, os::bytes(target));
        }
        if member {
            roots.add(Root::Workspace, os::bytes(cwd));
            if let Some(spelling) =
                env.get("CARGO_MANIFEST_DIR").and_then(|dir| other_spelling(Path::new(dir), cwd))
            {
                roots.add(Root::Workspace, os::bytes(&spelling));
            }
        }
        if let Some(cargo_home) = dirs::cargo_home(env) {
            roots.add(Root::CargoHome, os::bytes(&cargo_home));
        }
        if let Some(home) = dirs::home(env) {
            roots.add(Root::Home, os::bytes(&home));
        }
        BuildDirs { roots, cwd: cwd.to_path_buf(), target, member }
    }

    /// The directory that the invocation is for, as people see it: the workspace, or the build directory where the
    /// package is from elsewhere.
    pub fn shown(&self) -> String {
        let root = if self.member { Root::Workspace } else { Root::Target };
        let path = self.roots.value(root).unwrap_or_default();
        String::from_utf8_lossy(path).into_owned()
    }

    /// A path as people see it: relative to the workspace, if it is below.
    pub fn below_workspace(&self, path: &Path) -> String {
        path.strip_prefix(&self.cwd).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// The directories that a search variable names, without those of the build directory: cargo adds these, and they
    /// hold nothing that a compiler is made of.
    pub fn searched(&self, env: &Env, variable: &str) -> Vec<PathBuf> {
        let dirs = os::split_paths(env.get(variable).unwrap_or_default());
        dirs.filter(|dir| !self.target.as_ref().is_some_and(|target| dir.starts_with(target))).collect()
    }

    /// The directories above `workspace`, nearest first, of which all may be one checkout: those that do not hold the
    /// user's home or the system.
    pub fn checkouts<'w>(&self, workspace: &'w Path) -> impl Iterator<Item = &'w Path> + use<'w> {
        let home = self.roots.value(Root::Home).and_then(os::path);
        workspace.ancestors().skip(1).take_while(move |directory| {
            let holds_home = home.as_ref().is_some_and(|home| home.starts_with(directory));
            directory.parent().is_some() && *directory != Path::new("/usr") && !holds_home
        })
    }

    /// What outputs are searched for: the roots, and the checkout around the workspace, by whose place its own shows.
    pub fn searched_for(&self) -> Roots {
        let mut roots = if defence::stands("paths-behind-links-in-outputs") {
            self.with_canonical_spellings()
        } else {
            self.roots.clone()
        };
        let workspaces = roots.spellings().filter(|(_, root)| *root == Root::Workspace);
        let workspaces: Vec<PathBuf> = workspaces.filter_map(|(path, _)| os::path(path)).collect();
        for directory in workspaces.iter().flat_map(|workspace| self.checkouts(workspace)) {
            // A single name stands in texts that are no paths.
            if directory.components().count() > 2 {
                roots.add(Root::Workspace, os::bytes(directory));
            }
        }
        roots
    }

    /// Adds the spellings without symbolic links: a program may have asked for them, so outputs are searched for
    /// them too.
    pub fn with_canonical_spellings(&self) -> Roots {
        let mut roots = self.roots.clone();
        for root in Root::ALL {
            let path = self.roots.value(root).and_then(os::path);
            if let Some(canonical) = path.and_then(|path| fs::canonical(&path).ok()) {
                roots.add(root, os::bytes(&canonical));
            }
        }
        roots
    }
}

/// Locks of cargo that are in each profile's directory: the first of all versions so far, the second since 1.97.
const PROFILE_MARKS: [&str; 2] = [".cargo-lock", ".cargo-build-lock"];

/// Whether cargo has marked `dir` as a build directory.
pub fn has_build_mark(dir: &Path) -> bool {
    has(dir, "CACHEDIR.TAG") || has(dir, ".rustc_info.json")
}

/// Whether `dir` is the directory of a profile in a build directory.
pub fn is_profile_dir(dir: &Path) -> bool {
    PROFILE_MARKS.iter().any(|mark| has(dir, mark))
}

fn has(dir: &Path, name: &str) -> bool {
    fs::metadata(&dir.join(name)).is_ok()
}

/// The nearest directory above the outputs that holds cargo's marks. Where a build directory was made by hand, only
/// its profile directories are marked. The directory of a target triple, which may be marked too, is a part of it.
pub fn build_directory(out_dir: &Path, triple: Option<&OsStr>) -> Option<PathBuf> {
    let mut ancestors = out_dir.ancestors().take(MAX_DEPTH);
    let marked = ancestors.clone().enumerate().find(|(index, dir)| {
        has_build_mark(dir) || !defence::stands("marks-of-build-directories") && *index == 2
    });
    let dir = match marked {
        Some((_, dir)) => dir,
        None => ancestors.find(|dir| is_profile_dir(dir))?.parent()?,
    };
    let Some(triple) = triple else { return Some(dir.to_path_buf()) };
    let is_of_triple = dir.file_name() == Some(triple) && !out_dir.starts_with(dir.join(triple));
    let dir = if is_of_triple { dir.parent()? } else { dir };
    Some(dir.to_path_buf())
}

/// The spelling of `cwd` that cargo was called with, if it leads there through a symbolic link.
fn other_spelling(package: &Path, cwd: &Path) -> Option<PathBuf> {
    if package.starts_with(cwd) {
        return None;
    }
    let canonical = fs::canonical(package).ok()?;
    let below = canonical.strip_prefix(cwd).ok()?.components().count();
    let spelling = package.ancestors().nth(below)?;
    (fs::canonical(spelling).ok()? == cwd).then(|| spelling.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIPLE: &str = "x86_64-unknown-linux-gnu";

    /// What is taken for the build directory of outputs in `out_dir`, where these files are, in a fresh directory.
    fn found(marks: &[&str], out_dir: &str, target: Option<&Target>) -> Option<PathBuf> {
        let root = tempfile::tempdir().expect("temporary directory");
        for mark in marks {
            let mark = root.path().join(mark);
            fs::create_dir_all(mark.parent().expect("has one")).expect("makes it");
            fs::write_new(&mark, b"").expect("writes");
        }
        let found = build_directory(&root.path().join(out_dir), target.and_then(Target::name))?;
        found.strip_prefix(root.path()).ok().map(Path::to_path_buf)
    }

    #[test]
    fn the_build_directory_of_a_target_is_above_the_directory_of_its_triple() {
        let target = Target::Triple(TRIPLE.to_owned());
        let spec = Target::Spec(format!("specs/{TRIPLE}.json").into());
        let (tag, inner_tag) = ("t/CACHEDIR.TAG".to_owned(), format!("t/{TRIPLE}/CACHEDIR.TAG"));
        let lock = format!("t/{TRIPLE}/debug/.cargo-lock");
        let build_lock = format!("t/{TRIPLE}/debug/.cargo-build-lock");
        let marks: [&[&str]; 6] = [
            &[&tag],
            &[&tag, &inner_tag],
            &[&inner_tag],
            &[&lock],
            &[&build_lock],
            &[&inner_tag, &build_lock],
        ];
        for out in ["deps", "build/foo/0123456789abcdef/out"] {
            let out_dir = format!("t/{TRIPLE}/debug/{out}");
            for marks in marks {
                for target in [&target, &spec] {
                    assert_eq!(found(marks, &out_dir, Some(target)), Some("t".into()), "{marks:?} {out_dir}");
                }
            }
        }
    }

    #[test]
    fn a_build_directory_that_is_called_like_a_triple_is_one() {
        let target = Target::Triple(TRIPLE.to_owned());
        let tag = format!("{TRIPLE}/CACHEDIR.TAG");
        let inner_tag = format!("{TRIPLE}/{TRIPLE}/CACHEDIR.TAG");
        for marks in [&[tag.as_str()][..], &[&tag, &inner_tag]] {
            let out_dir = format!("{TRIPLE}/{TRIPLE}/debug/deps");
            assert_eq!(found(marks, &out_dir, Some(&target)), Some(TRIPLE.into()), "{marks:?}");
        }
        let out_dir = format!("{TRIPLE}/debug/deps");
        assert_eq!(found(&[&tag], &out_dir, None), Some(TRIPLE.into()));
        assert_eq!(found(&[], &out_dir, None), None);
    }

    #[test]
    fn a_build_directory_made_by_hand_is_known_by_the_locks_of_its_profiles() {
        for lock in PROFILE_MARKS {
            let lock = format!("t/release/{lock}");
            for out_dir in ["t/release/deps", "t/release/build/foo/0123456789abcdef/out"] {
                assert_eq!(found(&[&lock], out_dir, None), Some("t".into()), "{lock} {out_dir}");
            }
        }
    }
}
