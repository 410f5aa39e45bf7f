//! What is at a path: as a state to compare, and as content that can be put there.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::sys::fs;
use crate::sys::fs::settle::{self, Standing};

/// What is at a path itself. Symbolic links are not followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum PathSnapshot {
    Absent,
    File {
        digest: Digest,
        mode: u32,
    },
    Link {
        target: PathBuf,
    },
    Directory,
    /// A socket, a device, a pipe: never touched.
    Other,
}

impl PathSnapshot {
    /// What is at `path` now.
    pub fn at(path: &Path) -> io::Result<PathSnapshot> {
        Ok(match settle::standing(path)? {
            Standing::Nothing => PathSnapshot::Absent,
            Standing::File(metadata) => {
                let (digest, _) = Digest::hash_reader(&mut fs::open(path)?)?;
                PathSnapshot::File { digest, mode: settle::mode(&metadata) }
            }
            Standing::Link(target) => PathSnapshot::Link { target },
            Standing::Directory => PathSnapshot::Directory,
            Standing::Other => PathSnapshot::Other,
        })
    }

    /// Whether this is the same thing with the same content. A file whose mode alone is another one is the same.
    pub fn matches(&self, other: &PathSnapshot) -> bool {
        match (self, other) {
            (PathSnapshot::File { digest, .. }, PathSnapshot::File { digest: other, .. }) => digest == other,
            (this, other) => this == other,
        }
    }
}

/// What can be put at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Absent,
    File {
        bytes: Vec<u8>,
        /// The mode of a new file. An existing one keeps its own.
        mode: u32,
    },
    /// A copy of another file: too large to hold.
    Copy {
        from: PathBuf,
        digest: Digest,
        mode: u32,
    },
    Link {
        target: PathBuf,
    },
    Directory,
}

impl Content {
    /// What is at `path` now, with its bytes.
    ///
    /// # Errors
    /// It cannot be read, or it is nothing that could be put back.
    pub fn at(path: &Path) -> io::Result<Content> {
        Ok(match settle::standing(path)? {
            Standing::Nothing => Content::Absent,
            Standing::File(metadata) => {
                Content::File { bytes: fs::read(path)?, mode: settle::mode(&metadata) }
            }
            Standing::Link(target) => Content::Link { target },
            Standing::Directory => Content::Directory,
            Standing::Other => return Err(io::Error::other("it is neither a file nor a directory")),
        })
    }

    /// The state that a path with this content is in.
    pub fn state(&self) -> PathSnapshot {
        match self {
            Content::Absent => PathSnapshot::Absent,
            Content::File { bytes, mode } => PathSnapshot::File { digest: Digest::hash(bytes), mode: *mode },
            Content::Copy { digest, mode, .. } => PathSnapshot::File { digest: *digest, mode: *mode },
            Content::Link { target } => PathSnapshot::Link { target: target.clone() },
            Content::Directory => PathSnapshot::Directory,
        }
    }

    /// Puts this at `path`, in the place of `before`. A directory is only removed if it is empty; if it is not, that
    /// is no error: its content belongs to others.
    pub fn put(&self, path: &Path, before: &PathSnapshot, temporary: &Path) -> io::Result<()> {
        match self {
            Content::Absent if *before == PathSnapshot::Directory => match settle::remove_empty_dir(path) {
                Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
                result => result,
            },
            Content::Absent => fs::remove(path),
            Content::File { bytes, mode } => {
                settle::settle(path, temporary, bytes, *mode, &|| check_state(path, before))
            }
            Content::Copy { from, mode, .. } => {
                settle::settle_copy(from, path, temporary, *mode, &|| check_state(path, before))
            }
            Content::Link { target } => {
                settle::settle_link(target, path, temporary, &|| check_state(path, before))
            }
            Content::Directory => fs::create_dir_all(path),
        }
    }

    /// Whether `now` is what putting this in the place of `before` leaves.
    pub fn is_there(&self, now: &PathSnapshot, before: &PathSnapshot) -> bool {
        let kept =
            *self == Content::Absent && *before == PathSnapshot::Directory && *now == PathSnapshot::Directory;
        kept || now.matches(&self.state())
    }
}

fn check_state(path: &Path, expected: &PathSnapshot) -> io::Result<()> {
    match PathSnapshot::at(path)?.matches(expected) {
        true => Ok(()),
        false => Err(io::Error::other("it changed in the meantime")),
    }
}
