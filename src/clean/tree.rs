//! Build directories with all that is known of them, and which of them are chosen.

use std::path::{Path, PathBuf};

use crate::clean::marks::is_leftover;
use crate::clean::measure::{self, Size};
use crate::clean::project::{self, Checkout, Project};
use crate::clean::remove::{self, Kept};
use crate::clean::stored::Stored;
use crate::sys::fs::{self, Identity};

/// Cargo takes no locks on NFS. There, a build may be running in what was used within this time.
const QUIET_MS: u64 = 30 * 60_000;

/// A build directory.
#[derive(Debug)]
pub struct BuildTree {
    pub path: PathBuf,
    /// The directory that was looked at; another one in its place is not removed.
    pub seen: Identity,
    pub project: Project,
    pub size: Size,
    /// An interrupted removal left it.
    pub is_leftover: bool,
}

/// Which build directories to remove.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub all: bool,
    /// Those that were not used for this long, in milliseconds.
    pub stale_ms: Option<u64>,
    /// Those whose projects are gone.
    pub orphans: bool,
}

impl BuildTree {
    /// Looks at the build directory `path`. Fails if it cannot be removed, or has one of `protected` in it.
    pub fn look(path: &Path, around: &Surroundings<'_>) -> Result<BuildTree, Kept> {
        let is_leftover = is_leftover(path);
        if !is_leftover {
            remove::check(path, around.protected)?;
        }
        let seen = Identity::at(path).map_err(Kept::Failed)?;
        let size = measure::measure(path, around.stored, around.now_ms);
        if let Some(foreign) = size.foreign {
            return Err(Kept::Mounted(foreign));
        }
        let project = project::of(path, around.workspaces);
        Ok(BuildTree { path: path.to_owned(), seen, project, size, is_leftover })
    }

    /// Removes it. None of `protected` is removed with it.
    pub fn remove(&self, protected: &[PathBuf], now_ms: u64) -> Result<(), Kept> {
        let has_locks = fs::disk(&self.path).is_ok_and(|disk| disk.kind != Some("NFS"));
        if !has_locks && now_ms.saturating_sub(self.size.last_used_ms) < QUIET_MS {
            return Err(Kept::MayBeInUse);
        }
        remove::remove(&self.path, &self.seen, protected)
    }
}

/// What build directories are looked at with.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// Directories and files that are never removed.
    pub protected: &'a [PathBuf],
    /// Where builds were recorded.
    pub workspaces: &'a [PathBuf],
    pub stored: &'a Stored,
    pub now_ms: u64,
}

impl Choice {
    /// Whether nothing can be chosen.
    pub fn is_none(&self) -> bool {
        *self == Choice::default()
    }

    /// Whether `tree` is chosen. What an interrupted removal left is, by any choice.
    pub fn takes(&self, tree: &BuildTree, now_ms: u64) -> bool {
        let unused_ms = now_ms.saturating_sub(tree.size.last_used_ms);
        let is_stale = self.stale_ms.is_some_and(|stale_ms| unused_ms >= stale_ms);
        let is_orphan = self.orphans && tree.project.checkout == Checkout::Gone;
        self.all || is_stale || is_orphan || tree.is_leftover && !self.is_none()
    }
}
