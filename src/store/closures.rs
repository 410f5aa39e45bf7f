//! Facts about artifacts, by their content: the closure of crates that an artifact was made from, and the texts in a
//! library or program that could name environment variables.

use std::io;
use std::path::Path;

use crate::action::portable::Portable;
use crate::digest::Digest;
use crate::key::closure::{ClosureCrate, CrateClosure, ProceduralMacro};
use crate::key::variable_names;
use crate::store::{Bucket, Store};
use crate::sys::fs::{self, Identity};
use crate::sys::{clock, os};

/// How long a mark of use is not renewed.
const RENEWED_MS: i64 = 86_400_000;

impl Store {
    /// The crate closure of the artifact with this content.
    pub fn closure(&self, artifact: &Digest) -> Option<CrateClosure> {
        serde_json::from_slice(&self.read(Bucket::CrateClosures, artifact).ok()?).ok()
    }

    /// Stores the crate closure of an artifact.
    pub fn put_closure(&self, artifact: &Digest, closure: &CrateClosure) -> io::Result<()> {
        self.write(Bucket::CrateClosures, artifact, serde_json::to_vec(closure)?)
    }

    /// Marks the closures of these artifacts as used: a collection removes those that were not used for a month. Costs
    /// one look each, and one write a day.
    pub fn refresh_closures(&self, artifacts: &[Digest]) {
        for artifact in artifacts {
            for path in
                [Bucket::CrateClosures, Bucket::VariableNames].map(|bucket| self.path(bucket, artifact))
            {
                if let Ok(identity) = Identity::at(&path)
                    && (clock::now_ms() as i64).saturating_sub(identity.changed_ns / 1_000_000) > RENEWED_MS
                {
                    let _ = fs::touch(&path);
                }
            }
        }
    }

    /// The possible variable names in the library of a procedural macro, or in a program; see
    /// [`crate::key::variable_names::names_in`].
    pub fn variable_names(&self, file: &Digest) -> Option<String> {
        String::from_utf8(self.read(Bucket::VariableNames, file).ok()?).ok()
    }

    /// Removes the blob of an artifact of which nothing more is known: its unit is then compiled again.
    pub fn forget_blob(&self, artifact: &Digest) {
        let _ = fs::remove(&self.path(Bucket::Blobs, artifact));
    }

    /// Stores the possible variable names in a procedural macro's library, or in a program.
    pub fn put_variable_names(&self, library: &Digest, names: &str) -> io::Result<()> {
        self.write(Bucket::VariableNames, library, names.as_bytes().to_vec())
    }

    /// Treats the dynamic library at `path`, which kache has not stored, as a procedural macro that may read anything.
    /// `None` for other files: the closure of an `.rlib` cannot be derived from it.
    pub fn adopt(&self, path: &Path, library: &Digest) -> Option<CrateClosure> {
        if !["so", "dylib", "dll"].iter().any(|suffix| path.extension().is_some_and(|this| this == *suffix)) {
            return None;
        }
        let content = fs::read(path).ok()?;
        let procedural_macro = Some(ProceduralMacro { digest: *library, pure: false, finds_manifest: false });
        let stem = Portable::literal(os::bytes(path.file_stem()?));
        let own = ClosureCrate { stem, procedural_macro, native_libraries: Vec::new(), assembles: false };
        let closure = CrateClosure { crates: vec![own] };
        self.put_variable_names(library, &variable_names::names_in(&content)).ok()?;
        self.put_closure(library, &closure).ok()?;
        Some(closure)
    }
}
