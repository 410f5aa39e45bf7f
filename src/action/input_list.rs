//! Input lists: the names of what an earlier run of an action read.

use serde::{Deserialize, Serialize};

use crate::action::memo;
use crate::action::paths::Paths;
use crate::action::portable::{Portable, Root};
use crate::digest::Digest;
use crate::sys::fs::Identity;

/// What an earlier compile of a unit read: names only, so that it serves for every content. The content that was
/// read then is in the cache key of the entry it led to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputList {
    #[serde(default)]
    pub basis: Basis,
    /// Source files in the order of the dep-info, spelled as there.
    pub files: Vec<Portable>,
    /// Variables in the order of the dep-info.
    pub variables: Vec<Portable>,
    /// Path bindings: roots whose real path stands in an output.
    pub roots: Vec<Root>,
    /// Names in the sources of a unit whose macros may read variables, and in what else it read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<Portable>,
    /// Words there that count only while there is a variable of that name, in order, a blank between them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub quoted: String,
    /// Files that were read and are not in the dep-info.
    #[serde(default, skip_serializing_if = "Paths::is_empty")]
    pub read: Paths,
    /// Directories that were listed.
    #[serde(default, skip_serializing_if = "Paths::is_empty")]
    pub listed: Paths,
    /// Paths that were asked for and not read: most of them were not there.
    #[serde(default, skip_serializing_if = "Paths::is_empty")]
    pub probed: Paths,
    /// Names that were looked for on `PATH`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<String>,
    /// Which of `read`, by position, are programs that were started, or libraries of these. What they ask for is not seen:
    /// a variable that is set counts if its name stands in one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asking: Vec<usize>,
    /// Names of libraries that the loader or the linker looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<String>,
    /// For some of `files` and `read`: the state in which they had a known content. A shortcut for this machine alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<Seen>,
}

/// How the inputs of a compile were found out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// The compiler and all that it started were observed: the list is complete.
    #[default]
    Observed,
    /// From the dep-info, and by rules for what that does not tell: [`crate::key::assumed`] is part of the key.
    Assumed,
}

impl InputList {
    /// Whether both name the same inputs; `seen` is ignored.
    pub fn names_same(&self, other: &InputList) -> bool {
        self.without_states() == other.without_states()
    }

    /// The list alone, without the states in which files were seen.
    pub fn without_states(&self) -> InputList {
        InputList { seen: Vec::new(), ..self.clone() }
    }
}

/// A file in a known state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Index in [`InputList::files`], or after these in [`InputList::read`].
    pub file: usize,
    /// Device, inode, size, modification and change time in nanoseconds.
    pub state: [i64; 5],
    pub digest: Digest,
}

impl Seen {
    /// What is known of a file, unless it is so young that it could still change unnoticed.
    pub fn settled(file: usize, identity: &Identity, digest: Digest) -> Option<Seen> {
        (!memo::is_racy(identity)).then(|| Seen { file, state: identity.numbers(), digest })
    }
}
