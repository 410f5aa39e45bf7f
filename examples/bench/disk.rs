//! The disk that several trees take together, an inode with many names counted once; and its rest between builds.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Bytes allocated for everything in `trees`, as `du` counts them over all at once.
pub(crate) fn allocated_bytes(trees: &[&Path]) -> io::Result<u64> {
    let mut seen = HashSet::new();
    trees.iter().map(|tree| walk(tree, &mut seen)).sum()
}

/// Waits until what earlier builds wrote is on the disk, so that no build pays for the one before it. Where there
/// is no such command, the figures are only noisier.
pub(crate) fn settle(place: &Path) {
    let _ = Command::new("sync").arg("-f").arg(place).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

fn walk(path: &Path, seen: &mut HashSet<(u64, u64)>) -> io::Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    let is_new = seen.insert((metadata.dev(), metadata.ino()));
    // A block is 512 bytes here, whatever the filesystem's own is.
    let own = if is_new { metadata.blocks() * 512 } else { 0 };
    if !metadata.is_dir() {
        return Ok(own);
    }
    let inside: u64 = fs::read_dir(path)?.map(|entry| walk(&entry?.path(), seen)).sum::<io::Result<u64>>()?;
    Ok(own + inside)
}
