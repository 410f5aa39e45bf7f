//! What stands at a path: as a value to compare, and as content that can be put there.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::sys::fs;
use crate::sys::fs::settle::{self, Standing};

/// What stands at a path itself; symbolic links are not followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum State {
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

impl State {
    /// What stands at `path` now.
    pub fn at(path: &Path) -> io::Result<State> {
        Ok(match settle::standing(path)? {
            Standing::Nothing => State::Absent,
            Standing::File(metadata) => {
                let (digest, _) = Digest::hash_reader(&mut fs::open(path)?)?;
                State::File { digest, mode: settle::mode(&metadata) }
            }
            Standing::Link(target) => State::Link { target },
            Standing::Directory => State::Directory,
            Standing::Other => State::Other,
        })
    }

    /// Whether this is the same thing with the same content. A file whose mode alone is another one is the same.
    pub fn matches(&self, other: &State) -> bool {
        match (self, other) {
            (State::File { digest, .. }, State::File { digest: other, .. }) => digest == other,
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
        /// For a file that is not there yet; one that is there keeps its own.
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
    /// What stands at `path` now, with its bytes.
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
    pub fn state(&self) -> State {
        match self {
            Content::Absent => State::Absent,
            Content::File { bytes, mode } => State::File { digest: Digest::hash(bytes), mode: *mode },
            Content::Copy { digest, mode, .. } => State::File { digest: *digest, mode: *mode },
            Content::Link { target } => State::Link { target: target.clone() },
            Content::Directory => State::Directory,
        }
    }

    /// Puts this at `path`, in the place of `before`. A directory is only removed if it is empty; if it is not, that
    /// is no error: what is in it belongs to somebody.
    pub fn put(&self, path: &Path, before: &State, temporary: &Path) -> io::Result<()> {
        match self {
            Content::Absent if *before == State::Directory => match settle::remove_empty_dir(path) {
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
    pub fn is_there(&self, now: &State, before: &State) -> bool {
        let kept = *self == Content::Absent && *before == State::Directory && *now == State::Directory;
        kept || now.matches(&self.state())
    }
}

fn check_state(path: &Path, expected: &State) -> io::Result<()> {
    match State::at(path)?.matches(expected) {
        true => Ok(()),
        false => Err(io::Error::other("it changed in the meantime")),
    }
}
