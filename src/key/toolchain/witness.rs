//! What vouches for an identity that was read earlier: the state of each file it was read from.
//!
//! Every hit reads and checks these, so they are kept as few long texts and one digest, not as a list of records.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::action::observed::Covered;
use crate::digest::Digest;
use crate::sys::defence;
use crate::sys::fs::Identity;

/// Stands between two paths of a text. Paths are normalized before, so that it is in none.
const SEPARATOR: &str = "//";

/// Device, inode, size, and time of modification in nanoseconds. Without the change time: links to files of a toolchain
/// come and go.
type State = [i64; 4];

/// The state of what is absent: no inode is negative.
const ABSENT: State = [-1; 4];

/// The state of one path.
#[derive(Clone, Debug)]
pub struct Witness {
    pub path: PathBuf,
    state: State,
}

/// The files of a directory. That names come and go shows in the state of the directory, which is a [`Witness`] of its
/// own; that a file is written to shows in the state of the file.
#[derive(Clone, Debug)]
pub struct Contents {
    directory: PathBuf,
    names: Vec<String>,
    states: Vec<State>,
}

/// What vouches for an identity, in the form in which it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Witnesses {
    /// Paths, relative to the base where they are below it.
    paths: String,
    /// For each directory, its path and the names of its files, separated by `/`.
    directories: Vec<(String, String)>,
    /// Digest of all states, in this order.
    states: Digest,
}

/// [`Covered`] in the form in which it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CoveredPaths {
    files: String,
    directories: String,
    presence: String,
}

impl Witness {
    /// For a path that is there.
    pub fn new(path: PathBuf) -> io::Result<Witness> {
        Identity::at(&path).map(|now| Witness { state: state(&now), path })
    }

    /// For a path that is absent, in a directory where names come and go that do not matter.
    pub fn absent(path: PathBuf) -> Witness {
        Witness { path, state: ABSENT }
    }

    /// For a path that may be absent: then it is the nearest directory above, which would change if it appeared.
    pub fn nearest(path: &Path) -> io::Result<Witness> {
        let there = path.ancestors().find(|path| Identity::at(path).is_ok());
        Witness::new(there.unwrap_or(path).to_path_buf())
    }
}

impl Contents {
    /// The files `names` of `directory`, as they are now.
    pub fn new(directory: PathBuf, names: Vec<String>) -> io::Result<Contents> {
        let states =
            names.iter().map(|name| Identity::at(&directory.join(name)).map(|now| state_inside(&now)));
        Ok(Contents { states: states.collect::<io::Result<_>>()?, directory, names })
    }
}

impl Witnesses {
    /// Those of one identity. `None` if a path is no UTF-8: such an identity is not kept.
    pub fn new(base: &Path, witnesses: &[Witness], contents: &[Contents]) -> Option<Witnesses> {
        let paths = joined(base, witnesses.iter().map(|witness| &witness.path))?;
        let mut directories = Vec::new();
        for directory in contents {
            directories.push((relative(base, &directory.directory)?, directory.names.join("/")));
        }
        let mut states = Vec::new();
        witnesses.iter().for_each(|witness| push(&mut states, witness.state));
        contents.iter().flat_map(|directory| &directory.states).for_each(|state| push(&mut states, *state));
        Some(Witnesses { paths, directories, states: Digest::hash(&states) })
    }

    /// Whether everything is as it was.
    pub fn hold(&self, base: &Path) -> bool {
        self.states_now(base).is_ok_and(|now| now == self.states)
    }

    fn states_now(&self, base: &Path) -> io::Result<Digest> {
        let n_names = self.directories.iter().map(|(_, names)| names.len());
        let mut states = Vec::with_capacity(self.paths.len() + n_names.sum::<usize>());
        for path in split(&self.paths) {
            push(&mut states, state_at(&base.join(path))?);
        }
        let mut path = OsString::new();
        for (directory, names) in &self.directories {
            // With a separator at its end.
            let directory = base.join(directory).join("");
            for name in names.split('/').filter(|name| !name.is_empty()) {
                path.clear();
                path.push(&directory);
                path.push(name);
                push(&mut states, state_inside(&Identity::at(Path::new(&path))?));
            }
        }
        Ok(Digest::hash(&states))
    }
}

impl CoveredPaths {
    /// `None` if a path is no UTF-8.
    pub fn new(base: &Path, covered: &Covered) -> Option<CoveredPaths> {
        Some(CoveredPaths {
            files: joined(base, &covered.files)?,
            directories: joined(base, &covered.directories)?,
            presence: joined(base, &covered.presence)?,
        })
    }

    /// As paths again.
    pub fn expand(&self, base: &Path) -> Covered {
        Covered {
            files: paths_in(base, &self.files),
            directories: paths_in(base, &self.directories),
            presence: paths_in(base, &self.presence),
        }
    }
}

fn state(identity: &Identity) -> State {
    let Identity { device, inode, size, modified_ns, .. } = *identity;
    [device as i64, inode as i64, size as i64, modified_ns]
}

/// The state of a file that is only named by its directory.
fn state_inside(identity: &Identity) -> State {
    if defence::stands("toolchain-files-written-over") { state(identity) } else { ABSENT }
}

fn state_at(path: &Path) -> io::Result<State> {
    match Identity::at(path) {
        Ok(now) => Ok(state(&now)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(ABSENT),
        Err(e) => Err(e),
    }
}

fn push(states: &mut Vec<u8>, state: State) {
    state.iter().for_each(|number| states.extend_from_slice(&number.to_le_bytes()));
}

fn joined<'a>(base: &Path, paths: impl IntoIterator<Item = &'a PathBuf>) -> Option<String> {
    let paths = paths.into_iter().map(|path| relative(base, path)).collect::<Option<Vec<_>>>()?;
    Some(paths.join(SEPARATOR))
}

/// The reverse of [`joined`].
fn paths_in(base: &Path, text: &str) -> Vec<PathBuf> {
    split(text).map(|path| base.join(path)).collect()
}

/// A path as normalized text, relative to `base` if it is below it.
fn relative(base: &Path, path: &Path) -> Option<String> {
    let path: PathBuf = path.strip_prefix(base).unwrap_or(path).components().collect();
    path.into_os_string().into_string().ok().filter(|path| !path.is_empty())
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(SEPARATOR).filter(|path| !path.is_empty())
}
