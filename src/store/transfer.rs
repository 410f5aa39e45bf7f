//! Entries that leave the store, or come into it from another machine.
//!
//! What belongs to this machine does not leave it: the states in which files were seen, and what was made from the
//! values of variables.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::action::input_kinds::InputKind;
use crate::action::input_list::InputList;
use crate::action::inputs::{KeyInputs, Value};
use crate::action::portable::Portable;
use crate::digest::Digest;
use crate::key::closure::CrateClosure;
use crate::store::blob::Sharing;
use crate::store::entry::{Entry, StoredInputs};
use crate::store::secret;
use crate::store::{Bucket, Store};
use crate::sys::{clock, host};

/// All that is known of an entry, without its blobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortableEntry {
    pub key: Digest,
    pub entry: Entry,
    /// Without those whose values may be secret.
    pub inputs: StoredInputs,
    /// The input lists that can lead to the entry.
    pub lists: Vec<InputList>,
    /// The crate closures of its artifacts, by their content.
    #[serde(default)]
    pub closures: Vec<(Digest, CrateClosure)>,
    /// Of a run of a build script: the processor that it ran on. The script can ask for its features, as can a compiler of
    /// C that it calls, and nobody observes that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<Digest>,
}

/// The possible variable names in a library or program, by its content.
pub type VariableNames = Vec<(Digest, String)>;

/// Why an entry cannot leave the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotPortable {
    /// It is missing or damaged.
    Unreadable,
    /// No input list of its unit leads to it any more.
    NoList,
    /// What is known of a crate or a program that it depends on is missing.
    FactsMissing,
    /// It is the run of a build script, on a processor that cannot be told.
    UnknownProcessor,
}

impl NotPortable {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            NotPortable::Unreadable => "the entry is missing or damaged",
            NotPortable::NoList => "its input list is gone",
            NotPortable::FactsMissing => "facts about its crates or programs are gone",
            NotPortable::UnknownProcessor => "build scripts ran on a processor that cannot be told",
        }
    }
}

impl Store {
    /// The entry under `key` as another machine can use it.
    pub fn export(&self, key: &Digest) -> Result<(PortableEntry, VariableNames), NotPortable> {
        let entry = self.entry(key).map_err(|_| NotPortable::Unreadable)?;
        let inputs = self.inputs(key).map_err(|_| NotPortable::Unreadable)?;
        let lists = self.lists(&inputs.unit_key).map_err(|_| NotPortable::NoList)?;
        let mut lists: Vec<InputList> = lists
            .into_iter()
            .filter(|list| names_same_files(list, &inputs) && names_same_variables(list, &inputs))
            .collect();
        if lists.is_empty() {
            return Err(NotPortable::NoList);
        }
        let mut names = VariableNames::new();
        for program in lists.iter().flat_map(|list| programs(list, &inputs.read)) {
            let texts = self.variable_names(&program).ok_or(NotPortable::FactsMissing)?;
            names.push((program, texts));
        }
        let mut closures = Vec::new();
        for artifact in entry.artifacts.iter().filter(|artifact| artifact.role.can_be_depended_on()) {
            let closure = self.closure(&artifact.blob).ok_or(NotPortable::FactsMissing)?;
            closures.push((artifact.blob, closure));
            names.extend(self.variable_names(&artifact.blob).map(|texts| (artifact.blob, texts)));
        }
        names.sort();
        names.dedup();
        lists.iter_mut().for_each(|list| list.seen.clear());
        let processor = if is_run_of_build_script(&inputs) {
            Some(processor().ok_or(NotPortable::UnknownProcessor)?)
        } else {
            None
        };
        let inputs = secret::without_values(&inputs);
        Ok((PortableEntry { key: *key, entry, inputs, lists, closures, processor }, names))
    }

    /// Adds an entry of another machine. Its new blobs are in `files`, and are moved into the store; the others are there
    /// already. What the store knows itself stays.
    pub fn import(
        &self,
        portable: &PortableEntry,
        names: &VariableNames,
        files: &[(Digest, u64, PathBuf)],
    ) -> io::Result<()> {
        for (digest, size_bytes, path) in files {
            self.put_blob(path, digest, *size_bytes, Sharing::Link)?;
        }
        for (artifact, closure) in &portable.closures {
            if self.closure(artifact).is_none() {
                self.put_closure(artifact, closure)?;
            }
        }
        for (file, texts) in names {
            if self.variable_names(file).is_none() {
                self.put_variable_names(file, texts)?;
            }
        }
        if self.entry(&portable.key).is_err() {
            self.write(Bucket::Inputs, &portable.key, serde_json::to_vec(&portable.inputs)?)?;
            let entry = Entry { created_ms: clock::now_ms(), ..portable.entry.clone() };
            self.write(Bucket::Entries, &portable.key, serde_json::to_vec(&entry)?)?;
        }
        for list in portable.lists.iter().rev() {
            self.add_list(&portable.inputs.unit_key, list)?;
        }
        Ok(())
    }

    /// Adds a list to those of the unit, unless one names the same.
    fn add_list(&self, unit_key: &Digest, list: &InputList) -> io::Result<()> {
        let known = self.lists(unit_key).unwrap_or_default();
        if known.iter().any(|other| other.names_same(list)) {
            return Ok(());
        }
        self.put_list(unit_key, list.without_states())
    }
}

impl PortableEntry {
    /// Whether it can be stored: an entry of a form that is understood, with all that it needs.
    pub fn is_sound(&self) -> bool {
        self.entry.is_sound()
            && self.processor.is_some() == is_run_of_build_script(&self.inputs)
            && !self.lists.is_empty()
            && self.lists.iter().all(|list| names_same_files(list, &self.inputs))
            && self.dependable_blobs().all(|blob| self.closures.iter().any(|(known, _)| known == blob))
            && self.closures.iter().all(|(known, _)| self.dependable_blobs().any(|blob| blob == known))
    }

    /// The blobs of artifacts that other units can depend on: each needs its crate closure.
    fn dependable_blobs(&self) -> impl Iterator<Item = &Digest> {
        let artifacts = self.entry.artifacts.iter().filter(|artifact| artifact.role.can_be_depended_on());
        artifacts.map(|artifact| &artifact.blob)
    }

    /// Whether the processor of this machine is the one that the entry depends on, if it depends on one.
    pub fn suits_processor(&self) -> bool {
        self.processor.is_none() || self.processor == processor()
    }

    /// Programs and libraries whose texts decide whether a list can be used.
    pub fn named_programs(&self) -> Vec<Digest> {
        self.lists.iter().flat_map(|list| programs(list, &self.inputs.read)).collect()
    }
}

/// The processor that an entry with these inputs depends on, if it depends on one.
pub fn processor_of(inputs: &StoredInputs) -> Option<Digest> {
    if is_run_of_build_script(inputs) { processor() } else { None }
}

/// The processor of this machine; `None` where it cannot be told.
pub fn processor() -> Option<Digest> {
    host::cpu_description().map(|description| Digest::hash(&description))
}

fn is_run_of_build_script(inputs: &StoredInputs) -> bool {
    inputs.unit.iter().any(|input| input.kind == InputKind::BuildScript)
}

/// Whether `list` names the variables that these inputs are of. Inputs from another machine lack them.
fn names_same_variables(list: &InputList, inputs: &StoredInputs) -> bool {
    list.variables.iter().eq(names(inputs, InputKind::Variable))
}

/// Whether `list` names the files, directories and programs that these inputs are of.
fn names_same_files(list: &InputList, inputs: &StoredInputs) -> bool {
    let mut programs: Vec<&[u8]> = names(inputs, InputKind::Program).map(Portable::as_bytes).collect();
    programs.dedup();
    list.basis == inputs.basis
        && list.files.iter().eq(names(inputs, InputKind::Source))
        && list.read.iter().eq(names(inputs, InputKind::Read))
        && list.listed.iter().eq(names(inputs, InputKind::Listed))
        && list.probed.iter().eq(names(inputs, InputKind::Probed))
        && list.programs.iter().map(String::as_bytes).eq(programs)
        && list
            .roots
            .iter()
            .map(|root| root.token().as_bytes())
            .eq(names(inputs, InputKind::Root).map(Portable::as_bytes))
}

/// The names of the inputs of this kind that were read.
fn names(inputs: &StoredInputs, kind: InputKind) -> impl Iterator<Item = &Portable> {
    inputs.read.iter().filter(move |input| input.kind == kind).map(|input| &input.name)
}

/// The content of the programs that `list` says were started.
fn programs(list: &InputList, read: &KeyInputs) -> Vec<Digest> {
    let read = read.iter().filter(|input| input.kind == InputKind::Read).enumerate();
    let started = read.filter(|(index, _)| list.asking.contains(index));
    let digests = started.filter_map(|(_, input)| match input.value {
        Value::Digest(digest) => Some(digest),
        Value::Text(_) | Value::Unset => None,
    });
    digests.collect()
}
