//! Files and directories that must be the same after a compile as before it.

use std::path::{Path, PathBuf};

use crate::sys::fs::Identity;

/// Files and directories whose state before the compile must be their state after it.
#[derive(Debug, Default)]
pub struct InputSnapshot(Vec<(PathBuf, Option<Identity>)>);

impl InputSnapshot {
    /// Adds a file in the state in which it was hashed.
    pub fn add(&mut self, path: PathBuf, identity: Identity) {
        self.0.push((path, Some(identity)));
    }

    /// Adds a path where nothing was.
    pub fn add_absent(&mut self, path: PathBuf) {
        self.0.push((path, None));
    }

    /// All that was there, and its state then.
    pub fn present(&self) -> impl Iterator<Item = (&Path, &Identity)> {
        self.0.iter().filter_map(|(path, then)| Some((path.as_path(), then.as_ref()?)))
    }

    /// The first file that is not what it was.
    pub fn changed(&self) -> Option<&Path> {
        let changed = self.0.iter().find(|(path, then)| match (Identity::at(path), then) {
            (Ok(now), Some(then)) => !same_content(&now, then),
            (Ok(_), None) | (Err(_), Some(_)) => true,
            (Err(_), None) => false,
        });
        changed.map(|(path, _)| path.as_path())
    }
}

/// A change time alone is no change of content: links to a file come and go. And cargo may set the modification time
/// of an artifact back while its dependents compile already. Whatever writes to it sets a later one.
pub fn same_content(now: &Identity, then: &Identity) -> bool {
    (now.device, now.inode, now.size) == (then.device, then.inode, then.size)
        && now.modified_ns <= then.modified_ns
}
