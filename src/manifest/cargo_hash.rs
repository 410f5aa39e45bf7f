//! The hash by which cargo recognizes a unit, where the same unit lies in other directories.
//!
//! Cargo hashes all that decides a unit, and notes beside the hash what that was, to explain a difference later (cargo
//! 1.95, `core/compiler/fingerprint/mod.rs`). Little of it depends on directories: where the source of a package lies that
//! is no member of the workspace (below `CARGO_HOME`, or vendored), what a build script watches outside of its package, and the hashes
//! of units that it depends on. So the note of one build leads to the hash that cargo will expect in another one.
//!
//! A hash vouches for nothing: cargo compares it with its own, and builds the unit where they differ. One to which its
//! note does not lead, as of a cargo that hashes something else, stays as it is.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use rustc_stable_hash::StableSipHasher128;
use serde::{Deserialize, Serialize};

use crate::action::cargo_layout::is_hash;
use crate::action::portable::{Portable, Roots};
use crate::sys::os;

/// What cargo hashed of a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashed {
    /// Cargo's note.
    note: Portable,
    /// The unit's source, where the note has the hash of its path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<Portable>,
}

/// Cargo's note. A field that is not known here is one that counts for the hash.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    rustc: u64,
    features: String,
    declared_features: String,
    target: u64,
    profile: u64,
    path: u64,
    deps: Vec<Dependency>,
    local: Vec<Local>,
    rustflags: Vec<String>,
    config: u64,
    compile_kind: u64,
}

/// A unit that another one depends on: its package, its name there, whether it is public, and its hash.
#[derive(Debug, Serialize, Deserialize)]
struct Dependency(u64, String, bool, u64);

/// What cargo compares with the file system or its environment.
#[derive(Debug, Hash, Serialize, Deserialize)]
enum Local {
    Precalculated(String),
    CheckDepInfo { dep_info: PathBuf, checksum: bool },
    RerunIfChanged { output: PathBuf, paths: Vec<PathBuf> },
    RerunIfEnvChanged { var: String, val: Option<String> },
}

impl Note {
    fn parse(bytes: &[u8]) -> Option<Note> {
        serde_json::from_slice(bytes).ok()
    }

    /// The order is cargo's.
    fn hash(&self) -> u64 {
        let mut hasher = StableSipHasher128::new();
        let Note { rustc, features, declared_features, target, profile, path, .. } = self;
        (rustc, features, declared_features, target, path, profile, &*self.local).hash(&mut hasher);
        (self.config, self.compile_kind, &self.rustflags).hash(&mut hasher);
        hasher.write_usize(self.deps.len());
        for Dependency(package, name, is_public, hash) in &self.deps {
            (package, name, is_public).hash(&mut hasher);
            hasher.write_u64(*hash);
        }
        Hasher::finish(&hasher)
    }
}

fn hash_of_path(path: &Path) -> u64 {
    let mut hasher = StableSipHasher128::new();
    path.hash(&mut hasher);
    Hasher::finish(&hasher)
}

/// How cargo writes a hash.
pub fn digits(hash: u64) -> String {
    hash.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash that cargo has written.
pub fn from_digits(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok().filter(|text| is_hash(text))?;
    u64::from_str_radix(text, 16).ok().map(u64::swap_bytes)
}

impl Hashed {
    /// What a hash was made from, by cargo's note of it; `None` where the note does not lead to the hash. `source` is what the
    /// compiler was told to compile.
    pub fn of(note: &[u8], hash: &[u8], source: Option<&Path>, roots: &Roots) -> Option<Hashed> {
        let parsed = Note::parse(note).filter(|parsed| digits(parsed.hash()).as_bytes() == hash)?;
        let portable = roots.tokenize(note);
        let source = source.filter(|source| hash_of_path(source) == parsed.path);
        let source = source.map(|source| roots.tokenize(os::bytes(source)));
        (roots.expand(&portable).as_deref() == Some(note)).then_some(Hashed { note: portable, source })
    }

    /// The hashes of units that count for it.
    pub fn dependencies(&self, roots: &Roots) -> Vec<u64> {
        let note = roots.expand(&self.note).as_deref().and_then(Note::parse);
        note.into_iter().flat_map(|note| note.deps).map(|dependency| dependency.3).collect()
    }

    /// The hash with paths as they are with these roots, and with other hashes in the place of some, and what it is made
    /// from; `None` where it is still `before`, or cannot be told.
    pub fn moved(&self, before: u64, roots: &Roots, others: &HashMap<u64, u64>) -> Option<(u64, Hashed)> {
        let mut note = Note::parse(&roots.expand(&self.note)?)?;
        if let Some(source) = &self.source {
            note.path = hash_of_path(&os::path(&roots.expand(source)?)?);
        }
        for Dependency(.., hash) in &mut note.deps {
            *hash = others.get(hash).copied().unwrap_or(*hash);
        }
        let hash = note.hash();
        if hash == before {
            return None;
        }
        let text = serde_json::to_vec(&note).ok()?;
        Some((hash, Hashed { note: roots.tokenize(&text), source: self.source.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::portable::Root;

    // A library in /trees/lib that a workspace beside it uses, built by cargo 1.95.
    const HASH: &[u8] = b"1b96c81a29096f83";
    const NOTE: &str = r#"{"rustc":7458672600737419911,"features":"[]","declared_features":"[]","target":4773767642272307250,"profile":8731458305071235362,"path":17040854635994477081,"deps":[],"local":[{"CheckDepInfo":{"dep_info":"debug/.fingerprint/lib-e62e648ec5aa2d11/dep-lib-lib","checksum":false}}],"rustflags":[],"config":8247474407144887393,"compile_kind":0}"#;
    /// What cargo makes of the path of the library in /trees2/lib.
    const OTHER_PATH: &str = r#""path":6914223768756173081"#;

    fn roots(home: &str) -> Roots {
        let mut roots = Roots::default();
        roots.add(Root::Home, home.as_bytes());
        roots
    }

    fn library() -> Hashed {
        let source = Some(Path::new("/trees/lib/src/lib.rs"));
        Hashed::of(NOTE.as_bytes(), HASH, source, &roots("/trees")).expect("the note leads to the hash")
    }

    #[test]
    fn the_hash_follows_the_path_of_the_source() {
        let none = HashMap::new();
        let own = from_digits(HASH).expect("a hash");
        assert_eq!(library().moved(own, &roots("/trees"), &none), None, "nothing has moved");
        let (hash, moved) = library().moved(own, &roots("/trees2"), &none).expect("a note");
        assert_ne!(hash, own);
        let text = String::from_utf8(moved.note.as_bytes().to_vec()).expect("UTF-8");
        assert!(text.contains(OTHER_PATH), "{text}");
        assert_eq!(moved.moved(hash, &roots("/trees"), &none), Some((own, library())), "and back");
    }

    #[test]
    fn a_note_that_does_not_lead_to_the_hash_is_none() {
        let of = |note: &str| Hashed::of(note.as_bytes(), HASH, None, &roots("/trees"));
        assert!(of(NOTE).is_some());
        for (from, to) in [
            ("\"config\":8247474407144887393", "\"config\":8247474407144887394"),
            ("\"config\":", "\"unknown\":0,\"config\":"),
            ("\"rustflags\":[],", ""),
            ("\"checksum\":false", "\"checksum\":true"),
            ("{\"rustc\"", "[{\"rustc\""),
        ] {
            let note = NOTE.replace(from, to);
            assert_ne!(note, NOTE);
            assert_eq!(of(&note), None, "{note}");
        }
    }

    #[test]
    fn a_source_elsewhere_than_the_note_says_is_left_out() {
        let of = |source: &str| Hashed::of(NOTE.as_bytes(), HASH, Some(Path::new(source)), &roots("/trees"));
        let source = |text: &str| of(text).expect("the note leads to the hash").source.is_some();
        assert!(source("/trees/lib/src/lib.rs"));
        assert!(!source("/trees/lib/src/main.rs") && !source("src/lib.rs"));
    }
}
