//! Stores the result of a compile: blobs, then facts about them, then the key's inputs, then the entry, then the input
//! list. Interrupted after any step, a lookup finds either nothing or a complete entry.

use std::io;
use std::path::PathBuf;

use crate::action::input_list::InputList;
use crate::digest::Digest;
use crate::key::closure::CrateClosure;
use crate::store::blob::Sharing;
use crate::store::entry::{Entry, StoredInputs};
use crate::store::{Bucket, Store};
use crate::sys::defence;

/// All that is to be stored of one compile.
pub struct Put {
    pub key: Digest,
    pub entry: Entry,
    pub inputs: StoredInputs,
    pub list: InputList,
    /// Where the entry's artifacts are, in its order, and how they may be taken.
    pub files: Vec<(PathBuf, Sharing)>,
    /// The crate closure of the artifacts that other units can depend on.
    pub closure: Option<CrateClosure>,
    /// For a procedural macro that may read on its own: the possible variable names in its library.
    pub variable_names: Option<String>,
    /// The possible variable names in programs that were started, by their content, as far as they are new.
    pub program_variable_names: Vec<(Digest, String)>,
}

impl Store {
    /// Stores everything of one compile.
    pub fn put(&self, put: &Put) -> io::Result<()> {
        let blobs_first = defence::stands("an-entry-comes-after-its-blobs");
        if blobs_first {
            self.put_blobs(put)?;
        }
        for artifact in put.entry.artifacts.iter().filter(|artifact| artifact.role.can_be_depended_on()) {
            if let Some(names) = &put.variable_names {
                self.put_variable_names(&artifact.blob, names)?;
            }
            if let Some(closure) = &put.closure {
                self.put_closure(&artifact.blob, closure)?;
            }
        }
        for (program, names) in &put.program_variable_names {
            self.put_variable_names(program, names)?;
        }
        let inputs = self.secret()?.conceal(&put.inputs);
        self.write(Bucket::Inputs, &put.key, serde_json::to_vec(&inputs)?)?;
        let mut entry = serde_json::to_vec(&put.entry)?;
        if !defence::stands("the-form-that-is-written") {
            entry.push(b' ');
        }
        self.write(Bucket::Entries, &put.key, entry)?;
        self.put_list(&put.inputs.unit_key, put.list.clone())?;
        if !blobs_first {
            self.put_blobs(put)?;
        }
        Ok(())
    }

    fn put_blobs(&self, put: &Put) -> io::Result<()> {
        for (artifact, (path, sharing)) in put.entry.artifacts.iter().zip(&put.files) {
            self.put_blob(path, &artifact.blob, artifact.size_bytes, *sharing)?;
        }
        Ok(())
    }
}
