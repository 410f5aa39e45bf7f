//! What is known about single artifacts, by their content: which crates stand behind them, and which texts in a
//! procedural macro's library could be names of variables.

use std::io;

use crate::digest::Digest;
use crate::key::reach::Reach;
use crate::store::{Shelf, Store};

impl Store {
    /// What stands behind the artifact with this content.
    pub fn reach(&self, artifact: &Digest) -> Option<Reach> {
        serde_json::from_slice(&self.read(Shelf::Reach, artifact).ok()?).ok()
    }

    /// Notes what stands behind an artifact.
    pub fn put_reach(&self, artifact: &Digest, reach: &Reach) -> io::Result<()> {
        self.write(Shelf::Reach, artifact, &serde_json::to_vec(reach)?)
    }

    /// Texts in a procedural macro's library; see [`crate::key::reach::names_in`].
    pub fn names(&self, library: &Digest) -> Option<String> {
        String::from_utf8(self.read(Shelf::Names, library).ok()?).ok()
    }

    /// Notes the texts in a procedural macro's library.
    pub fn put_names(&self, library: &Digest, names: &str) -> io::Result<()> {
        self.write(Shelf::Names, library, names.as_bytes())
    }
}
