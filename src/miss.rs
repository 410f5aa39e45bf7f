//! A miss: the compiler runs once, with cargo's own arguments, and what it made is stored.

use std::ffi::OsString;
use std::io;
use std::time::Duration;

use crate::call::{Call, unlink};
use crate::compile::{self, Compiled};
use crate::digest::Digest;
use crate::gather::{self, Before, Finished};
use crate::invocation::Role;
use crate::key::facts::Facts;
use crate::key::memo::{self, Known, Memo};
use crate::key::reach::Reach;
use crate::key::unit::Unit;
use crate::mapping::Mapping;
use crate::outcome::Unstored;
use crate::policy;
use crate::restore::can_be_depended_on;
use crate::store::Store;
use crate::streams::Streams;
use crate::sys::fs::Identity;
use crate::sys::lock::FileLock;
use crate::sys::process;

/// A compile that is about to run.
pub struct Compilation<'a> {
    pub call: &'a Call<'a>,
    pub facts: &'a Facts<'a>,
    pub unit: &'a Unit,
    pub streams: &'a Streams<'a>,
    pub mapping: &'a Mapping,
    pub store: &'a Store,
}

/// A compile that ran.
pub struct Finish<'a> {
    compilation: &'a Compilation<'a>,
    before: io::Result<Before>,
    reach: Option<Reach>,
    compiled: Compiled,
}

/// What was stored.
pub struct Stored {
    pub key: Digest,
    pub n_bytes: u64,
}

impl Compilation<'_> {
    /// Runs the compiler. Whoever waits for `lock` is shown that it goes on.
    ///
    /// # Errors
    /// The compiler could not be started.
    pub fn run(&self, lock: Option<&FileLock>) -> io::Result<Finish<'_>> {
        unlink(self.facts.outputs, &self.facts.places.cwd);
        let before = Before::look(self.store, self.unit, self.facts);
        let args = [self.call.prefix, &self.mapping.args, &self.kept_args()].concat();
        let heartbeat = || lock.iter().for_each(|lock| lock.heartbeat());
        let reach = gather::reach_of(self.facts, self.unit);
        let compiled = compile::run(self.call.program, &args, &self.announcing(reach.as_ref()), &heartbeat)?;
        Ok(Finish { compilation: self, before, reach, compiled })
    }

    /// The given arguments without those that a compile under kache leaves out.
    fn kept_args(&self) -> Vec<OsString> {
        let left_out = policy::left_out(self.facts.invocation);
        let args = self.call.args.iter().enumerate();
        args.filter(|(index, _)| !left_out.contains(index)).map(|(_, argument)| argument.clone()).collect()
    }

    /// What is shown of each line. Before metadata is announced, and dependents start with it, it is noted what
    /// stands behind it: they need that for their keys.
    fn announcing<'a>(&'a self, reach: Option<&'a Reach>) -> impl Fn(&[u8]) -> Vec<u8> + Sync + use<'a> {
        let (streams, store) = (self.streams, self.store);
        let (outputs, places) = (self.facts.outputs, self.facts.places);
        move |line| {
            if streams.announced(line) == Some(Role::Metadata)
                && let Some(reach) = reach
                && let Some(output) = outputs.iter().find(|output| output.role == Role::Metadata)
                && let Ok((digest, identity)) = memo::hash_file(&places.cwd.join(&output.path))
                && store.put_reach(&digest, reach).is_ok()
            {
                Memo::of(places.target.as_deref()).set(&identity, Known { digest, reach: reach.note() });
            }
            streams.real_paths(line).into_owned()
        }
    }
}

impl Finish<'_> {
    /// The code to end with.
    pub fn exit_code(&self) -> u8 {
        process::exit_code(self.compiled.status)
    }

    /// How long the compiler ran.
    pub fn elapsed(&self) -> Duration {
        self.compiled.elapsed
    }

    /// Stores what the compiler made, if all about it is certain.
    pub fn store(&self) -> Result<Stored, Unstored> {
        let Compilation { facts, unit, streams, mapping, store, .. } = *self.compilation;
        if !self.compiled.status.success() {
            return Err(Unstored::CompilerFailed);
        }
        let before = self.before.as_ref().map_err(|e| Unstored::StoreFailed(e.to_string()))?;
        let put = gather::gather(&Finished {
            facts,
            unit,
            before,
            streams,
            compiled: &self.compiled,
            reach: self.reach.as_ref(),
            maps_paths: mapping.maps,
        })?;
        store.put(&put).map_err(|e| Unstored::StoreFailed(e.to_string()))?;
        for (artifact, (path, _)) in put.entry.artifacts.iter().zip(&put.files) {
            if can_be_depended_on(artifact.role)
                && let Ok(identity) = Identity::at(path)
            {
                facts.memo.set(&identity, Known { digest: artifact.blob, reach: put.entry.reach });
            }
        }
        let n_bytes = put.entry.artifacts.iter().map(|artifact| artifact.size_bytes).sum();
        Ok(Stored { key: put.key, n_bytes })
    }
}
