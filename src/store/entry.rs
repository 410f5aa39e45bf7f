//! Entries: the artifacts and output of a compile, stored under its cache key.

use serde::{Deserialize, Serialize};

use crate::action::input_list::Basis;
use crate::action::inputs::KeyInputs;
use crate::action::memo::ClosureNote;
use crate::action::portable::Portable;
use crate::digest::{Digest, guard};
use crate::invocation::Role;
use crate::store::{Bucket, Store};
use crate::sys::defence;
use crate::sys::fs::private;

/// The version of this form.
pub const FORMAT: u32 = 2;

/// What a hit needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub format: u32,
    pub unit: UnitName,
    /// In the order in which rustc announced them; dep-info is not among them: each hit writes its own.
    pub artifacts: Vec<Artifact>,
    /// The outputs that the dep-info has a rule for, in order.
    pub dep_info: Vec<Role>,
    /// What the dep-info says of the content of files, by their positions in the input list. The key holds their content,
    /// so it is the same for every hit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checksums: Vec<(usize, String)>,
    /// What a build script left in `OUT_DIR`: each directory before what is in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tree: Vec<TreeItem>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stdout: Vec<Segment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stderr: Vec<Segment>,
    /// The crate closure of the artifacts, in short.
    #[serde(default)]
    pub closure: ClosureNote,
    /// How long the compiler ran.
    pub compile_ms: u64,
    /// When it was stored, in milliseconds since 1970.
    pub created_ms: u64,
}

/// Which unit this is, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UnitName {
    pub crate_name: String,
    #[serde(default)]
    pub package: String,
    #[serde(default)]
    pub version: String,
    /// `-C extra-filename`: what tells units of one crate apart.
    #[serde(default)]
    pub id: String,
    /// `lib`, `bin`, `test`, `proc-macro`, … or `check` where no code was asked for.
    pub kind: String,
    /// The target triple; empty for the host.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
}

/// One output file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    pub role: Role,
    pub blob: Digest,
    pub size_bytes: u64,
    /// Whether the compiler made it executable.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
    /// Where the placeholder for the directory of the tree stands in it, in bytes: a hit writes its own there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directory_at: Vec<u64>,
}

/// Something in a directory that a build script has filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeItem {
    /// Relative to the directory, with `/` between names.
    pub path: String,
    #[serde(flatten)]
    pub kind: TreeKind,
}

/// What a [`TreeItem`] is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TreeKind {
    Directory,
    File(TreeFile),
    /// A symbolic link, and what it says.
    Link(Portable),
}

/// A file in such a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeFile {
    pub blob: Digest,
    pub size_bytes: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

/// A piece of what the compiler printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Segment {
    /// Text, with root tokens for paths.
    Text(Portable),
    /// The announcement of an output, written for each invocation.
    Announce(Role),
}

/// An entry that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub enum Unreadable {
    Missing,
    Damaged,
}

impl Entry {
    /// All blobs that the entry needs, with their sizes in bytes.
    pub fn blobs(&self) -> impl Iterator<Item = (Digest, u64)> {
        let artifacts = self.artifacts.iter().map(|artifact| (artifact.blob, artifact.size_bytes));
        let files = self.tree.iter().filter_map(|item| match &item.kind {
            TreeKind::File(file) => Some((file.blob, file.size_bytes)),
            TreeKind::Directory | TreeKind::Link(_) => None,
        });
        artifacts.chain(files)
    }

    pub(super) fn is_sound(&self) -> bool {
        let mut roles: Vec<Role> = self.artifacts.iter().map(|artifact| artifact.role).collect();
        roles.sort_unstable();
        let format = FORMAT + u32::from(!defence::stands("the-form-that-is-understood"));
        let distinct = roles.windows(2).all(|pair| pair[0] != pair[1]);
        let distinct = distinct || !defence::stands("each-output-once-in-an-entry");
        self.format == format && distinct && !roles.contains(&Role::DepInfo)
    }
}

impl Store {
    /// The entry under `key`.
    pub fn entry(&self, key: &Digest) -> Result<Entry, Unreadable> {
        let bytes = self.read(Bucket::Entries, key)?;
        let entry: Entry = serde_json::from_slice(&bytes).map_err(|_| Unreadable::Damaged)?;
        if entry.is_sound() { Ok(entry) } else { Err(Unreadable::Damaged) }
    }

    /// What the key of an entry was made from.
    pub fn inputs(&self, key: &Digest) -> Result<StoredInputs, Unreadable> {
        serde_json::from_slice(&self.read(Bucket::Inputs, key)?).map_err(|_| Unreadable::Damaged)
    }

    /// What [`Store::write`] was given for a file of a bucket.
    pub(super) fn read(&self, bucket: Bucket, digest: &Digest) -> Result<Vec<u8>, Unreadable> {
        let bytes = private::read(&self.path(bucket, digest)).map_err(|_| Unreadable::Missing)?;
        guard::check(bytes).ok_or(Unreadable::Damaged)
    }
}

/// The inputs that a cache key was made from, kept beside the entry for explanations. A hit does not read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredInputs {
    pub unit_key: Digest,
    /// First level: known before any source was read.
    pub unit: KeyInputs,
    /// Second level: what was read.
    pub read: KeyInputs,
    /// How the inputs were determined by the last compile.
    #[serde(default)]
    pub basis: Basis,
}
