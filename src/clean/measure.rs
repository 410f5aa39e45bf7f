//! Measures a build directory: what it takes, what removing it frees, and what the store has of it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::clean::stored::Stored;
use crate::sys::fs::{self, Identity};

/// The size of a build directory.
#[derive(Clone, Debug, Default)]
pub struct Size {
    /// What it takes on the disk, each file counted once.
    pub disk_bytes: u64,
    /// The part of it that is hard-linked with the store: removing it frees nothing.
    pub shared_bytes: u64,
    /// The part of it that the store has and the next build gets from there, shared or not. Programs of cargo's newer
    /// layout are not counted: their names do not tell their units.
    pub restorable_bytes: u64,
    /// When cargo last worked in it. Reading back what was built counts, where the file system notes that.
    pub last_used_ms: u64,
    /// What has one name only, and directories: freed in any case.
    single_bytes: u64,
    /// Files with more names, by device and inode.
    linked: HashMap<(u64, u64), Linked>,
    /// What could not be read.
    pub unreadable: Option<String>,
    /// A directory on another file system.
    pub foreign: Option<PathBuf>,
}

/// A file with several names.
#[derive(Clone, Copy, Debug)]
struct Linked {
    n_names: u64,
    /// Of these: names in the directory.
    n_here: u64,
    disk_bytes: u64,
    is_restorable: bool,
}

/// Measures the build directory `dir`. Follows no links, and does not enter other file systems.
pub fn measure(dir: &Path, stored: &Stored, now_ms: u64) -> Size {
    let mut size = Size::default();
    let device = Identity::at(dir).map_or(0, |identity| identity.device);
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        if let Err(e) = measure_dir(&dir, device, stored, &mut size, &mut open) {
            size.unreadable.get_or_insert(format!("{}: {e}", dir.display()));
        }
    }
    size.last_used_ms = size.last_used_ms.min(now_ms);
    size
}

/// Adds a directory and the files in it; directories in it are added to `open`.
fn measure_dir(
    dir: &Path,
    device: u64,
    stored: &Stored,
    size: &mut Size,
    open: &mut Vec<PathBuf>,
) -> std::io::Result<()> {
    let metadata = fs::symlink_metadata(dir)?;
    let identity = Identity::from_metadata(&metadata);
    if identity.device != device {
        size.foreign.get_or_insert(dir.to_owned());
        return Ok(());
    }
    let own_bytes = fs::disk_bytes(&metadata);
    size.single_bytes += own_bytes;
    size.disk_bytes += own_bytes;
    // Whatever cargo or the compiler writes is made in a directory, which that changes. The times of files are those
    // of the store, where kache has put them there.
    size.last_used_ms = size.last_used_ms.max(milliseconds(identity.modified_ns));
    let holds_fingerprints = holds_fingerprints(dir);
    for (name, kind) in fs::names(dir)? {
        let path = dir.join(&name);
        if kind == b'd' {
            open.push(path);
            continue;
        }
        let metadata = match fs::symlink_metadata(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        if holds_fingerprints && let Ok(read) = metadata.accessed() {
            let since = read.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            size.last_used_ms = size.last_used_ms.max(since.as_millis() as u64);
        }
        size.add_file(&metadata, &name.to_string_lossy(), stored);
    }
    Ok(())
}

/// Whether cargo keeps in `dir` what it reads to see that a unit is fresh, in either layout.
fn holds_fingerprints(dir: &Path) -> bool {
    is_named(dir, "fingerprint") || dir.parent().is_some_and(|parent| is_named(parent, ".fingerprint"))
}

fn is_named(dir: &Path, name: &str) -> bool {
    dir.file_name().is_some_and(|own| own == name)
}

fn milliseconds(ns: i64) -> u64 {
    u64::try_from(ns / 1_000_000).unwrap_or(0)
}

impl Size {
    fn add_file(&mut self, metadata: &std::fs::Metadata, name: &str, stored: &Stored) {
        let identity = Identity::from_metadata(metadata);
        let disk_bytes = fs::disk_bytes(metadata);
        let n_names = fs::n_names(metadata);
        let is_shared = n_names > 1 && stored.has_file(&identity);
        let is_restorable = is_shared || metadata.is_file() && stored.has_artifact(name, identity.size);
        if n_names < 2 {
            self.single_bytes += disk_bytes;
            self.disk_bytes += disk_bytes;
            self.restorable_bytes += if is_restorable { disk_bytes } else { 0 };
            return;
        }
        let new = Linked { n_names, n_here: 0, disk_bytes, is_restorable: false };
        let linked = self.linked.entry((identity.device, identity.inode)).or_insert(new);
        linked.n_here += 1;
        if linked.n_here == 1 {
            self.disk_bytes += disk_bytes;
            self.shared_bytes += if is_shared { disk_bytes } else { 0 };
        }
        // Only one of its names may be that of a unit.
        if is_restorable && !linked.is_restorable {
            linked.is_restorable = true;
            self.restorable_bytes += disk_bytes;
        }
    }
}

/// What removing all of these directories frees: a file is freed with its last name.
pub fn freed_bytes<'s>(sizes: impl IntoIterator<Item = &'s Size>) -> u64 {
    let mut freed = 0;
    let mut linked: HashMap<(u64, u64), Linked> = HashMap::new();
    for size in sizes {
        freed += size.single_bytes;
        for (file, here) in &size.linked {
            let all = linked.entry(*file).or_insert(Linked { n_here: 0, ..*here });
            all.n_here += here.n_here;
        }
    }
    let last = linked.values().filter(|linked| linked.n_here >= linked.n_names);
    freed + last.map(|linked| linked.disk_bytes).sum::<u64>()
}
