//! The second level of the key: what a compile read, and what that is now.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::key::inputs::{InputKind, KeyInputs};
use crate::key::memo;
use crate::key::portable::{Portable, Root};
use crate::key::roots::Places;
use crate::sys::env::Env;
use crate::sys::fs::{self, Identity};
use crate::sys::os;

/// What an earlier compile of a unit read: names only, so that it serves for every content. The content that was
/// read then is in the cache key of the entry it led to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputList {
    /// Source files in the order of the dep-info, spelled as there.
    pub files: Vec<Portable>,
    /// Variables in the order of the dep-info.
    pub variables: Vec<Portable>,
    /// Path bindings: roots whose real path stands in an output.
    pub roots: Vec<Root>,
    /// Names in the sources of a unit whose macros may read variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Portable>,
    /// For some of `files`: the state in which they had a known content. A shortcut for this machine alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<Seen>,
}

/// A file in a known state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Index in [`InputList::files`].
    pub file: usize,
    /// Device, inode, size, modification and change time in nanoseconds.
    pub state: [i64; 5],
    pub digest: Digest,
}

impl Seen {
    /// What is known of a file, unless it is so young that it could still change unnoticed.
    pub fn settled(file: usize, identity: &Identity, digest: Digest) -> Option<Seen> {
        (!memo::is_racy(identity)).then(|| Seen { file, state: state(identity), digest })
    }
}

fn state(identity: &Identity) -> [i64; 5] {
    let Identity { device, inode, size, modified_ns, changed_ns } = *identity;
    [device as i64, inode as i64, size as i64, modified_ns, changed_ns]
}

/// Looks at the present state of what input lists name. Each file is read at most once.
pub struct Present<'a> {
    places: &'a Places,
    env: &'a Env,
    /// By bytes: hashing a path takes its parts one by one.
    files: HashMap<OsString, Option<(Digest, Identity)>>,
}

impl<'a> Present<'a> {
    /// The present as seen from these places.
    pub fn new(places: &'a Places, env: &'a Env) -> Present<'a> {
        Present { places, env, files: HashMap::new() }
    }

    /// Where a file of an input list is here.
    pub fn path(&self, file: &Portable) -> Option<PathBuf> {
        let path = os::path(&self.places.roots.expand(file)?)?;
        Some(self.places.cwd.join(path))
    }

    /// The inputs that `list` names, as they are now. `None`: one is missing or unreadable, so that no compile
    /// could have read this list.
    pub fn inputs(&mut self, list: &InputList) -> Option<KeyInputs> {
        let mut inputs = KeyInputs::default();
        let mut seen = list.seen.iter().peekable();
        for (index, file) in list.files.iter().enumerate() {
            let known = seen.next_if(|seen| seen.file == index);
            let path = self.path(file)?;
            let digest = self.content(&path, known)?;
            inputs.digest(InputKind::Source, file.clone(), digest);
            // `mod foo;` is ambiguous once both spellings are there.
            if index > 0
                && let Some(sibling) = sibling_spelling(&path)
                && fs::symlink_metadata(&sibling).is_ok()
            {
                inputs.text(InputKind::Sibling, file.clone(), Portable::literal("present"));
            }
        }
        for name in &list.variables {
            inputs.variable(InputKind::Variable, name.clone(), self.variable(name).as_ref());
        }
        for name in &list.asked {
            if let Some(value) = self.variable(name) {
                inputs.variable(InputKind::AskedVariable, name.clone(), Some(&value));
            }
        }
        for root in &list.roots {
            let path = self.places.roots.value(*root)?;
            inputs.text(InputKind::Root, Portable::literal(root.token()), Portable::literal(path));
        }
        Some(inputs)
    }

    fn variable(&self, name: &Portable) -> Option<Portable> {
        let value = self.env.get(os::from_bytes(name.as_bytes())?)?;
        Some(self.places.roots.tokenize(os::bytes(value)))
    }

    fn content(&mut self, path: &Path, known: Option<&Seen>) -> Option<Digest> {
        if let Some(found) = self.files.get(path.as_os_str()) {
            return found.map(|(digest, _)| digest);
        }
        if let Some(known) = known
            && let Ok(identity) = Identity::at(path)
            && state(&identity) == known.state
        {
            self.files.insert(path.as_os_str().to_owned(), Some((known.digest, identity)));
            return Some(known.digest);
        }
        let found = memo::hash_file(path).ok();
        self.files.insert(path.as_os_str().to_owned(), found);
        found.map(|(digest, _)| digest)
    }

    /// The state of every file that was looked at so far.
    pub fn looked_at(&self) -> impl Iterator<Item = (&Path, &Digest, &Identity)> {
        self.files.iter().filter_map(|(path, found)| {
            found.as_ref().map(|(digest, identity)| (Path::new(path), digest, identity))
        })
    }
}

/// The other file that `mod foo;` could mean: `foo/mod.rs` for `foo.rs`, and the reverse.
fn sibling_spelling(path: &Path) -> Option<PathBuf> {
    if path.extension()? != "rs" {
        return None;
    }
    let dir = path.parent()?;
    if path.file_name()? == "mod.rs" {
        Some(dir.with_extension("rs"))
    } else {
        Some(path.with_extension("").join("mod.rs"))
    }
}

#[cfg(test)]
mod tests {
    use super::sibling_spelling;
    use std::path::Path;

    #[test]
    fn each_module_spelling_has_its_sibling() {
        assert_eq!(sibling_spelling(Path::new("src/a.rs")).as_deref(), Some(Path::new("src/a/mod.rs")));
        assert_eq!(sibling_spelling(Path::new("src/a/mod.rs")).as_deref(), Some(Path::new("src/a.rs")));
        assert_eq!(sibling_spelling(Path::new("data.txt")), None);
    }
}
