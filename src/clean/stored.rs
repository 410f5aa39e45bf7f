//! What the store has, to be compared with build directories.

use std::collections::{HashMap, HashSet};

use crate::index::open::Index;
use crate::store::{Bucket, Store};
use crate::sys::fs::{self, Identity};

/// What the store has.
#[derive(Debug, Default)]
pub struct Stored {
    /// Device and inode of each blob.
    files: HashSet<(u64, u64)>,
    /// The sizes of the artifacts of each unit, by what cargo appends to its name.
    sizes: HashMap<String, HashSet<u64>>,
}

impl Stored {
    /// Reads it. What cannot be read counts as not stored.
    pub fn read(store: &Store, index: &Index) -> Stored {
        let mut stored = Stored::default();
        for (_, found) in store.files_in(Bucket::Blobs, &mut Vec::new()) {
            if let Ok(metadata) = fs::symlink_metadata(&found.path) {
                let identity = Identity::from_metadata(&metadata);
                stored.files.insert((identity.device, identity.inode));
            }
        }
        for (unit_id, size_bytes) in index.artifact_sizes().unwrap_or_default() {
            stored.sizes.entry(unit_id).or_default().insert(size_bytes);
        }
        stored
    }

    /// Whether the file is a hard link to a blob.
    pub fn has_file(&self, identity: &Identity) -> bool {
        self.files.contains(&(identity.device, identity.inode))
    }

    /// Whether the store has an artifact of this size of the unit that a file belongs to, by its name.
    pub fn has_artifact(&self, file_name: &str, size_bytes: u64) -> bool {
        let sizes = unit_id(file_name).and_then(|id| self.sizes.get(id));
        sizes.is_some_and(|sizes| sizes.contains(&size_bytes))
    }
}

/// `-0123456789abcdef` of `libserde-0123456789abcdef.rlib`.
fn unit_id(file_name: &str) -> Option<&str> {
    let start = file_name.rfind('-')?;
    let id = file_name[start..].split('.').next()?;
    (id.len() == 17 && id[1..].bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::unit_id;

    #[test]
    fn the_unit_is_in_the_name_of_its_file() {
        assert_eq!(unit_id("libserde-0123456789abcdef.rlib"), Some("-0123456789abcdef"));
        assert_eq!(unit_id("my-app-0123456789abcdef"), Some("-0123456789abcdef"));
        for other in ["app", "my-app", "libserde-0123.rlib", "x-0123456789abcdeg.d"] {
            assert_eq!(unit_id(other), None, "{other}");
        }
    }
}
