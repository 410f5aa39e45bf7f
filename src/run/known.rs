//! What the store knows of files by their content, as the key asks for it.

use std::path::Path;

use crate::digest::Digest;
use crate::key::closure::CrateClosure;
use crate::key::context::KnownContents;
use crate::store::Store;

/// The store's knowledge.
pub struct StoredKnowledge<'a> {
    pub store: &'a Store,
    /// Whether libraries that kache has not made are noted in the store.
    pub adopts: bool,
}

impl StoredKnowledge<'_> {
    /// If what was known of an artifact is lost, removes its blob too: its unit is then compiled again, and what depends
    /// on it can be served.
    fn or_forget<T>(&self, artifact: &Digest, known: Option<T>) -> Option<T> {
        if known.is_none() {
            self.store.forget_blob(artifact);
        }
        known
    }
}

impl KnownContents for StoredKnowledge<'_> {
    fn closure(&self, artifact: &Digest) -> Option<CrateClosure> {
        self.or_forget(artifact, self.store.closure(artifact))
    }

    fn library_variable_names(&self, library: &Digest) -> Option<String> {
        self.or_forget(library, self.store.variable_names(library))
    }

    fn program_variable_names(&self, program: &Digest) -> Option<String> {
        self.store.variable_names(program)
    }

    fn adopt(&self, path: &Path, library: &Digest) -> Option<CrateClosure> {
        if self.adopts { self.store.adopt(path, library) } else { None }
    }
}
