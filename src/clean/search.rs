//! Finds build directories: below directories that are named, and where builds were recorded.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::clean::marks::{is_build_directory, is_leftover};
use crate::sys::fs::{self, Identity, private};

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Build directories, and what interrupted removals left; without symbolic links in their paths.
    pub dirs: BTreeSet<PathBuf>,
    /// Directories that could not be searched, and why.
    pub problems: Vec<String>,
}

impl Found {
    /// Searches `start` and everything below. Follows no links, and stays on its file system.
    pub fn search_below(&mut self, start: &Path) {
        let start = match fs::canonical(start) {
            Ok(start) => start,
            Err(e) => return self.problems.push(format!("{}: {e}", start.display())),
        };
        let device = Identity::at(&start).map_or(0, |identity| identity.device);
        let mut open = vec![start];
        while let Some(dir) = open.pop() {
            if is_leftover(&dir) || is_build_directory(&dir) {
                self.dirs.insert(dir);
                continue;
            }
            match fs::names(&dir) {
                Ok(names) => {
                    let children = names.into_iter().filter(|(name, kind)| *kind == b'd' && name != ".git");
                    let children = children.map(|(name, _)| dir.join(name));
                    open.extend(children.filter(|child| is_on(child, device)));
                }
                Err(e) => self.problems.push(format!("{}: {e}", dir.display())),
            }
        }
    }

    /// Adds those of `candidates` that are build directories, and what removals left beside them.
    pub fn add(&mut self, candidates: impl IntoIterator<Item = PathBuf>) {
        for candidate in candidates {
            if let Some(parent) = candidate.parent().filter(|parent| private::is_dir(parent)) {
                let beside = fs::list(parent).unwrap_or_default();
                self.dirs.extend(beside.into_iter().filter(|dir| is_leftover(dir)));
            }
            // A link is left alone; what it leads to can be named.
            if is_build_directory(&candidate)
                && let Ok(dir) = fs::canonical(&candidate)
            {
                self.dirs.insert(dir);
            }
        }
    }

    /// Leaves out directories inside of others.
    pub fn finish(&mut self) {
        let all = self.dirs.clone();
        self.dirs.retain(|dir| !dir.ancestors().skip(1).any(|above| all.contains(above)));
    }
}

fn is_on(dir: &Path, device: u64) -> bool {
    Identity::at(dir).is_ok_and(|identity| identity.device == device)
}
