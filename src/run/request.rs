//! One invocation and all it needs: what was asked, the settings, the store.

use std::process::ExitCode;

use crate::config::{Config, Write};
use crate::digest::Digest;
use crate::key::context::KeyContext;
use crate::key::unit;
use crate::outcome::{BypassReason, Outcome};
use crate::run::answer::Answer;
use crate::run::call::Call;
use crate::run::miss::stages::CompileJob;
use crate::run::parsed::ParsedInvocation;
use crate::run::record::Record;
use crate::run::streams::Streams;
use crate::store::Store;
use crate::sys::env::Env;

/// A compile that the cache may serve.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub env: &'a Env,
    pub call: &'a Call<'a>,
    pub parsed: &'a ParsedInvocation,
    pub config: &'a Config,
    pub store: &'a Store,
    pub answer: &'a Answer,
}

impl Request<'_> {
    /// Whether anything is put into the store.
    pub fn writes(&self) -> bool {
        self.config.write.value == Write::On
    }

    /// Runs the compiler for a unit that is a bypass. If others depend on it, its crate closure is noted: without it,
    /// nothing that depends on it could be served.
    pub fn compile_for_dependents(
        &self,
        reason: BypassReason,
        context: &KeyContext<'_>,
        streams: &Streams<'_>,
        record: &mut Record,
    ) -> Result<ExitCode, BypassReason> {
        let is_depended_on = context.outputs.iter().any(|output| output.role.can_be_depended_on());
        let Some(externs) = unit::extern_digests(context).filter(|_| is_depended_on) else {
            return Err(reason);
        };
        let job = self.job(context, &externs, streams);
        let Ok(compiled) = job.run() else { return Err(reason) };
        compiled.note_closure();
        record.outcome = Outcome::Bypass { reason };
        Ok(ExitCode::from(compiled.exit_code()))
    }

    /// The compile of this request.
    pub fn job<'c>(
        &'c self,
        context: &'c KeyContext<'c>,
        externs: &'c [Digest],
        streams: &'c Streams<'c>,
    ) -> CompileJob<'c> {
        let Request { call, store, answer, .. } = *self;
        CompileJob { call, context, externs, streams, store, writes: self.writes(), answer }
    }
}
