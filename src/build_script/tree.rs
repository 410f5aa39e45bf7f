//! What a run leaves in `OUT_DIR`: read, to be stored, and put in place again.

use std::fs::Metadata;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use crate::action::portable::Root;
use crate::action::roots::BuildDirs;
use crate::build_script::clock::RunTime;
use crate::outcome::{MissReason, Unstored};
use crate::run::miss::artifact_reader::Reader;
use crate::run::restore::{Restored, copy_new, temporary_beside};
use crate::store::Store;
use crate::store::blob::{Duplicate, Sharing, Unusable};
use crate::store::entry::{TreeFile, TreeItem, TreeKind};
use crate::sys::{fs, os};

/// A directory with more items is not stored. Generated code has fewer.
const MOST_ITEMS: usize = 20_000;

/// The content of a directory.
#[derive(Debug, Default)]
pub struct Tree {
    /// Each directory before what is in it.
    pub items: Vec<TreeItem>,
    /// Roots whose real paths stand in a file or a link, each once.
    pub roots: Vec<Root>,
}

impl Tree {
    /// Reads everything in `dir`.
    ///
    /// # Errors
    /// Something in it cannot be stored, or holds the time of the run.
    pub fn read(dir: &Path, build_dirs: &BuildDirs, time: &RunTime) -> Result<Tree, Unstored> {
        let reader = Reader::new(build_dirs);
        let mut tree = Tree::default();
        let mut waiting = vec![PathBuf::new()];
        while let Some(below) = waiting.pop() {
            let mut paths = fs::list(&dir.join(&below)).map_err(|e| unexpected(&dir.join(&below), &e))?;
            paths.sort();
            for path in paths {
                let metadata = fs::symlink_metadata(&path).map_err(|e| unexpected(&path, &e))?;
                let name = below.join(path.file_name().unwrap_or_default());
                let kind = tree.kind(&path, &metadata, &reader, build_dirs, time)?;
                if kind == TreeKind::Directory {
                    waiting.push(name.clone());
                }
                let Some(path) = name.to_str().map(str::to_owned) else {
                    return Err(unexpected(&path, &"the name is not UTF-8"));
                };
                tree.items.push(TreeItem { path, kind });
                if tree.items.len() > MOST_ITEMS {
                    return Err(unexpected(dir, &format!("more than {MOST_ITEMS} files")));
                }
            }
        }
        tree.roots.sort_unstable();
        tree.roots.dedup();
        Ok(tree)
    }

    fn kind(
        &mut self,
        path: &Path,
        metadata: &Metadata,
        reader: &Reader,
        build_dirs: &BuildDirs,
        time: &RunTime,
    ) -> Result<TreeKind, Unstored> {
        if metadata.is_dir() {
            return Ok(TreeKind::Directory);
        }
        if metadata.is_symlink() {
            let target = fs::read_link(path).map_err(|e| unexpected(path, &e))?;
            return Ok(TreeKind::Link(build_dirs.roots.tokenize(os::bytes(&target))));
        }
        if !metadata.is_file() {
            return Err(unexpected(path, &"neither a file, a directory nor a symbolic link"));
        }
        let mut has_time = false;
        let mut end = Vec::new();
        let reading = reader
            .read(path, &mut |piece| {
                end.extend_from_slice(piece);
                has_time |= time.is_in(&end);
                // What begins at the end of one piece goes on in the next one.
                let n_old = end.len().saturating_sub(32);
                end.drain(..n_old);
            })
            .map_err(|e| unexpected(path, &e))?;
        if has_time {
            return Err(unexpected(path, &"the time of the run stands in it"));
        }
        self.roots.extend(&reading.roots);
        Ok(TreeKind::File(TreeFile {
            blob: reading.digest,
            size_bytes: reading.identity.size,
            executable: fs::is_executable(metadata),
            read_only: metadata.permissions().readonly(),
        }))
    }

    /// Where its files are, if the tree is in `dir`.
    pub fn files(&self, dir: &Path) -> impl Iterator<Item = PathBuf> {
        let is_file = |item: &&TreeItem| matches!(item.kind, TreeKind::File(_));
        self.items.iter().filter(is_file).map(move |item| dir.join(&item.path))
    }

    /// Puts the content of every file into the store. `dir` is where they are.
    ///
    /// # Errors
    /// A file cannot be stored.
    pub fn put_blobs(&self, dir: &Path, store: &Store) -> std::io::Result<()> {
        for item in &self.items {
            if let TreeKind::File(file) = &item.kind {
                store.put_blob(&dir.join(&item.path), &file.blob, file.size_bytes, Sharing::Own)?;
            }
        }
        Ok(())
    }
}

fn unexpected(path: &Path, why: &dyn std::fmt::Display) -> Unstored {
    Unstored::UnexpectedOutput(format!("{}: {why}", path.display()))
}

/// Puts `items` in the place of the empty directory `dir`, in one step: all of it is there, or nothing. The files get the
/// time `stamp`, or the time at which they are written.
///
/// # Errors
/// An item cannot be made; `dir` is as it was.
pub fn restore(
    store: &Store,
    items: &[TreeItem],
    dir: &Path,
    build_dirs: &BuildDirs,
    stamp: Option<SystemTime>,
) -> Result<Restored, MissReason> {
    if !is_sound(items) {
        return Err(MissReason::EntryDamaged);
    }
    let temporary = temporary_beside(dir);
    let restored = make(store, items, &temporary, build_dirs, stamp).and_then(|restored| {
        fs::rename(&temporary, dir).map_err(|_| MissReason::RestoreFailed)?;
        Ok(restored)
    });
    restored.inspect_err(|_| drop(fs::remove_dir_all(&temporary)))
}

/// Whether every path leads to a place of its own below the directory, through directories that are among the items.
fn is_sound(items: &[TreeItem]) -> bool {
    let mut directories: Vec<&Path> = vec![Path::new("")];
    let mut places: Vec<&Path> = Vec::new();
    for item in items {
        let path = Path::new(&item.path);
        let is_below = path.components().all(|part| matches!(part, Component::Normal(_)));
        let has_parent = path.parent().is_some_and(|parent| directories.contains(&parent));
        if item.path.is_empty() || !is_below || !has_parent {
            return false;
        }
        if item.kind == TreeKind::Directory {
            directories.push(path);
        }
        places.push(path);
    }
    let n_items = places.len();
    places.sort_unstable();
    places.dedup();
    places.len() == n_items
}

fn make(
    store: &Store,
    items: &[TreeItem],
    dir: &Path,
    build_dirs: &BuildDirs,
    stamp: Option<SystemTime>,
) -> Result<Restored, MissReason> {
    let failed = |_| MissReason::RestoreFailed;
    fs::create_dir(dir).map_err(failed)?;
    let clone = fs::clones_files(dir);
    let mut restored = Restored::default();
    for item in items {
        let path = dir.join(&item.path);
        match &item.kind {
            TreeKind::Directory => fs::create_dir(&path).map_err(failed)?,
            TreeKind::Link(target) => {
                let target = build_dirs.roots.expand(target).and_then(|target| os::path(&target));
                fs::symlink(&target.ok_or(MissReason::RestoreFailed)?, &path).map_err(failed)?;
            }
            TreeKind::File(file) => {
                match make_file(store, file, &path, clone)? {
                    Duplicate::Cloned => restored.cloned_bytes += file.size_bytes,
                    Duplicate::Copied | Duplicate::Linked => restored.copied_bytes += file.size_bytes,
                }
                if let Some(stamp) = stamp {
                    fs::set_modified(&path, stamp).map_err(failed)?;
                }
            }
        }
    }
    Ok(restored)
}

/// A file of its own, because the next run of the script may write to it.
fn make_file(store: &Store, file: &TreeFile, path: &Path, clone: bool) -> Result<Duplicate, MissReason> {
    let blob = (file.blob, file.size_bytes);
    let made = copy_new(store, blob, file.executable, path, clone).map_err(|unusable| {
        if unusable == Unusable::Altered {
            store.quarantine_blob(&file.blob);
        }
        MissReason::BlobDamaged
    })?;
    let how = made.ok_or(MissReason::RestoreFailed)?;
    if file.read_only {
        fs::make_read_only(path).map_err(|_| MissReason::RestoreFailed)?;
    }
    Ok(how)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::portable::Portable;

    fn directory(path: &str) -> TreeItem {
        TreeItem { path: path.to_owned(), kind: TreeKind::Directory }
    }

    fn link(path: &str, target: &str) -> TreeItem {
        TreeItem { path: path.to_owned(), kind: TreeKind::Link(Portable::literal(target)) }
    }

    #[test]
    fn nothing_is_made_outside_of_the_directory() {
        let hostile = [
            vec![directory("../a")],
            vec![directory("/a")],
            vec![directory("a/../../b")],
            vec![directory(".")],
            vec![directory("")],
            vec![directory("a/b")],
            vec![link("a", "/etc"), directory("a/b")],
            vec![directory("a"), link("a", "/etc")],
        ];
        for items in hostile {
            assert!(!is_sound(&items), "{items:?}");
        }
        assert!(is_sound(&[directory("a"), directory("a/b"), link("a/b/c", "../x"), directory("..a")]));
    }
}
