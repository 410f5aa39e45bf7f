//! Stores what a compile made, or notes what dependents need where it is not stored.

use crate::action::memo::Known;
use crate::action::present::Present;
use crate::digest::Digest;
use crate::invocation::Role;
use crate::key::assumed::Assumed;
use crate::key::unit::UnitKey;
use crate::outcome::Unstored;
use crate::run::edit::directory::IncrementalDir;
use crate::run::miss::artifact_reader::Reading;
use crate::run::miss::before::Before;
use crate::run::miss::learn::Evidence;
use crate::run::miss::stages::{CompileJob, CompiledUnit, Stored};
use crate::run::miss::{collect, privileged};
use crate::run::path_remap::PathRemap;
use crate::sys::fs::Identity;
use crate::sys::{defence, shield};

impl CompiledUnit<'_> {
    /// Stores what the compiler made, if all about it is certain.
    pub fn store(
        &self,
        unit: &UnitKey,
        remap: &PathRemap,
        unobserved: Option<(&Before, &Assumed)>,
    ) -> Result<Stored, Unstored> {
        if defence::stands("failures-are-not-stored") && !self.output.status.success() {
            return Err(Unstored::CompilerFailed);
        }
        if let Some(program) = &self.privileged {
            self.note_closure();
            return Err(Unstored::InputsUnknown(privileged::why(program)));
        }
        let observation = self.output.observation.as_ref();
        let evidence = match (unobserved, observation) {
            (Some((before, assumed)), _) => Evidence::Assumed(before, assumed),
            (None, Some(observation)) => {
                let incremental = self.job.fresh.map(IncrementalDir::path);
                Evidence::Observed(self.job.call, observation, incremental)
            }
            (None, None) => return Err(Unstored::InputsUnknown("nothing was observed".to_owned())),
        };
        let stored =
            shield::defence("panics-while-storing-are-caught", || self.try_store(unit, &evidence, remap))
                .unwrap_or_else(|panicked| Err(Unstored::Defect(panicked.message)));
        if stored.is_err() {
            self.note_closure();
        }
        stored
    }

    fn try_store(
        &self,
        unit: &UnitKey,
        evidence: &Evidence<'_>,
        remap: &PathRemap,
    ) -> Result<Stored, Unstored> {
        let CompileJob { context, store, .. } = *self.job;
        let mut put = collect::collect(self, unit, evidence, remap)?;
        if !defence::stands("the-key-of-its-own-compile") {
            put.key = self.key_of_newest_list(unit).unwrap_or(put.key);
        }
        store.put(&put).map_err(|e| Unstored::StoreFailed(e.to_string()))?;
        for (artifact, (path, _)) in put.entry.artifacts.iter().zip(&put.files) {
            if artifact.role.can_be_depended_on()
                && let Ok(identity) = Identity::at(path)
            {
                context.memo.set(&identity, Known { digest: artifact.blob, closure: put.entry.closure });
            }
        }
        let n_bytes = put.entry.artifacts.iter().map(|artifact| artifact.size_bytes).sum();
        Ok(Stored { key: put.key, n_bytes })
    }

    /// What the key would be if it were made from the inputs of another compile: only a test asks.
    fn key_of_newest_list(&self, unit: &UnitKey) -> Option<Digest> {
        let CompileJob { context, store, .. } = *self.job;
        let lists = store.lists(&unit.key).ok()?;
        let inputs = Present::new(context.build_dirs, context.env).inputs(lists.first()?)?;
        Some(inputs.key_after(Some(unit.key)))
    }

    /// Notes the crate closure of outputs that were not stored. Procedural macros are adopted when a unit first depends
    /// on them.
    pub fn note_closure(&self) {
        let CompileJob { context, store, .. } = *self.job;
        let Some(closure) = self.closure.as_ref().filter(|_| self.output.status.success()) else { return };
        for output in context.outputs.iter().filter(|output| is_rust_library(output.role)) {
            if let Ok(Reading { identity, digest, assembles, .. }) =
                self.reader.read(&context.build_dirs.cwd.join(&output.path), &mut |_| {})
                && store.put_closure(&digest, &closure.with_assembles(assembles)).is_ok()
            {
                context.memo.set(&identity, Known { digest, closure: closure.note() });
            }
        }
    }
}

fn is_rust_library(role: Role) -> bool {
    role.can_be_depended_on() && role != Role::ProcMacro
}
