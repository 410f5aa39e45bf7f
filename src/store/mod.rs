//! The store: blobs, entries and input lists in files of their own. No database, no lock and no shared write on a
//! hit. Its form on disk, the order of writes and what a crash leaves behind are described in `FORMAT.md`:
//!
#![doc = include_str!("FORMAT.md")]

pub mod blob;
pub mod closures;
pub mod entry;
pub mod flight;
pub mod input_lists;
pub mod lookup;
pub mod observability;
pub mod put;
#[cfg(feature = "cli")]
pub mod scrub;
pub mod secret;
#[cfg(feature = "cli")]
pub mod transfer;
#[cfg(feature = "cli")]
pub mod walk;

#[cfg(test)]
pub(crate) mod tests;

use std::path::{Path, PathBuf};

use crate::config::{Config, Links};
use crate::digest::Digest;
use crate::sys::defence;
use crate::sys::fs::{self, private};

/// Version of everything below `store/`; part of the path, so that other versions never meet.
pub const VERSION: &str = "v2";

/// The parts of a store. Each is a directory of 256 directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    Blobs,
    Entries,
    Inputs,
    Units,
    CrateClosures,
    VariableNames,
    Locks,
}

impl Bucket {
    /// All of them.
    pub const ALL: [Bucket; 7] = [
        Bucket::Blobs,
        Bucket::Entries,
        Bucket::Inputs,
        Bucket::Units,
        Bucket::CrateClosures,
        Bucket::VariableNames,
        Bucket::Locks,
    ];

    /// The directory's name.
    pub fn name(self) -> &'static str {
        match self {
            Bucket::Blobs => "blobs",
            Bucket::Entries => "entries",
            Bucket::Inputs => "inputs",
            Bucket::Units => "units",
            Bucket::CrateClosures => "closures",
            Bucket::VariableNames => "names",
            Bucket::Locks => "locks",
        }
    }
}

/// A store in a cache directory. Making this value does no I/O.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    links: Links,
}

impl Store {
    /// The store of the cache directory `cache_dir`.
    pub fn at(cache_dir: &Path) -> Store {
        let version = if defence::stands("a-directory-for-each-version") { VERSION } else { "" };
        Store { root: cache_dir.join("store").join(version), links: Links::Auto }
    }

    /// The store that `config` describes, for all that gives files to a build directory or takes them from one.
    pub fn configured(config: &Config) -> Store {
        Store { links: config.links.value, ..Store::at(&config.cache_dir.value) }
    }

    /// Whether a blob may be one file with an output.
    pub fn may_link(&self) -> bool {
        self.links == Links::Auto
    }

    /// Where everything of this version lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Why this store must not be used: other users who can write to it decide what it serves. A missing store is
    /// fine.
    pub fn distrust(&self) -> Option<String> {
        let metadata = fs::symlink_metadata(&self.root).ok()?;
        let why =
            if metadata.is_dir() { private::distrust(&metadata) } else { Some("it is not a directory") };
        why.map(|why| {
            format!("{}: {why}; `chown` and `chmod -R go-w` make it yours alone", self.root.display())
        })
    }

    /// Where `digest` lies, or would, in a bucket.
    pub fn path(&self, bucket: Bucket, digest: &Digest) -> PathBuf {
        let hex = digest.to_hex();
        let mut path = self.root.join(bucket.name());
        path.push(&hex[..2]);
        path.push(hex);
        path
    }

    /// A new name in the directory for unfinished files, which is on the file system of the blobs.
    pub fn temporary(&self) -> PathBuf {
        self.root.join("tmp").join(crate::sys::fs::unique_name())
    }

    /// Where altered blobs are moved to.
    pub fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// Where facts about this machine are kept: its compilers, its linkers, and whether compiles can be observed. It
    /// has nothing to do with the [`Memo`](crate::action::memo::Memo) of a build directory.
    pub fn machine_dir(&self) -> PathBuf {
        self.root.join("memo")
    }

    /// Where the reports of what was done are appended.
    pub fn records_dir(cache_dir: &Path) -> PathBuf {
        cache_dir.join("records")
    }
}
