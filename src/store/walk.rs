//! Lists the files of a store, for reports and garbage collection. No compilation does this.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::store::{Bucket, Store};
use crate::sys::fs::{self, Identity, private};

/// One file of a store.
#[derive(Clone, Debug)]
pub struct StoredFile {
    pub path: PathBuf,
    pub state: FileState,
}

/// The state of a file, as far as its metadata shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileState {
    pub size_bytes: u64,
    /// What it takes on the disk.
    pub disk_bytes: u64,
    /// Whether it has names elsewhere too, so that removing this one frees nothing.
    pub is_shared: bool,
    /// When its content, names or attributes last changed. A blob's modification time is its seal.
    pub changed_ms: u64,
    pub modified_ms: u64,
}

impl FileState {
    /// What the system tells of a file.
    pub fn from_metadata(metadata: &Metadata) -> FileState {
        let identity = Identity::from_metadata(metadata);
        FileState {
            size_bytes: identity.size,
            disk_bytes: fs::disk_bytes(metadata),
            is_shared: fs::n_names(metadata) > 1,
            changed_ms: milliseconds(identity.changed_ns),
            modified_ms: milliseconds(identity.modified_ns),
        }
    }
}

fn milliseconds(ns: i64) -> u64 {
    u64::try_from(ns / 1_000_000).unwrap_or(0)
}

impl Store {
    /// All files of a bucket, by digest. Directories that cannot be listed are added to `problems`; missing ones are skipped.
    pub fn files_in(&self, bucket: Bucket, problems: &mut Vec<String>) -> Vec<(Digest, StoredFile)> {
        let mut all = Vec::new();
        for dir in list(&self.root().join(bucket.name()), problems) {
            for found in files(&dir, problems) {
                let name = found.path.file_name().and_then(|name| name.to_str());
                if let Some(digest) = name.and_then(|name| name.parse().ok()) {
                    all.push((digest, found));
                }
            }
        }
        all
    }

    /// The files in a directory of the store that is not a bucket.
    pub fn loose(&self, dir: &str, problems: &mut Vec<String>) -> Vec<StoredFile> {
        files(&self.root().join(dir), problems)
    }
}

/// What could not be listed, in one line: where a store belongs to somebody else, each of its folders says the same.
pub fn in_one_line(problems: &[String]) -> Option<String> {
    match problems {
        [] => None,
        [problem] => Some(problem.clone()),
        [first, ..] => Some(format!(
            "{} folders or files of the store cannot be read, the first one being {first}",
            problems.len()
        )),
    }
}

/// The regular files in a directory.
pub fn files(dir: &Path, problems: &mut Vec<String>) -> Vec<StoredFile> {
    let mut found = Vec::new();
    for path in list(dir, problems) {
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => {
                found.push(StoredFile { path, state: FileState::from_metadata(&metadata) });
            }
            Ok(_) => {}
            // Other processes remove files too.
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => problems.push(format!("{}: {e}", path.display())),
        }
    }
    found
}

fn list(dir: &Path, problems: &mut Vec<String>) -> Vec<PathBuf> {
    // What a link leads to is not the store's.
    if private::is_link(dir) {
        problems.push(format!("{}: is a symbolic link", dir.display()));
        return Vec::new();
    }
    match fs::list(dir) {
        Ok(paths) => paths,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Vec::new(),
        Err(e) => {
            problems.push(format!("{}: {e}", dir.display()));
            Vec::new()
        }
    }
}
