//! One invocation and all it needs: what was asked, the settings, the store.

use std::process::ExitCode;

use crate::config::{Config, Incremental, Write};
use crate::digest::Digest;
use crate::key::context::KeyContext;
use crate::key::toolchain::Toolchains;
use crate::key::unit;
use crate::outcome::{BypassReason, Edit, MissReason, Outcome};
use crate::run::call::Call;
use crate::run::edit::decision::{self, LastBuild, Mode, Situation};
use crate::run::edit::directory::{self, IncrementalDir, LastCompile};
use crate::run::edit::last_build::LastSources;
use crate::run::final_exit_code::FinalExitCode;
use crate::run::miss::stages::{CompileJob, EditJob};
use crate::run::parsed::ParsedInvocation;
use crate::run::path_remap::PathRemap;
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
    pub final_exit_code: &'a FinalExitCode,
    /// Compilers that were identified, where this is one of many requests.
    pub toolchains: Option<&'a Toolchains>,
}

impl Request<'_> {
    /// Whether anything is put into the store.
    pub fn writes(&self) -> bool {
        self.config.write.value == Write::On
    }

    /// Runs the compiler for a bypass that others depend on, so that these can be served: its crate closure is noted,
    /// and `-C incremental` is omitted, because incremental output is not reproducible.
    ///
    /// # Errors
    /// No other unit depends on it, or it cannot be compiled here; `reason` is returned.
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
        job.write_directory();
        record.outcome = Outcome::Bypass { reason };
        Ok(ExitCode::from(compiled.exit_code()))
    }

    /// Decides how a unit that is not in the store is compiled.
    pub fn decide_mode(
        &self,
        miss: MissReason,
        context: &KeyContext<'_>,
        last: Option<&LastSources>,
    ) -> Mode {
        let situation = Situation {
            mode: self.config.incremental.value,
            on_ci: is_on_ci(self.env),
            is_asked: context.invocation.incremental.is_some(),
            is_optimized: directory::is_optimized(context),
            miss,
        };
        decision::decide(situation, || self.last_build(context, last))
    }

    fn last_build(&self, context: &KeyContext<'_>, last: Option<&LastSources>) -> LastBuild {
        let state = last.map_or(LastBuild::None, |last| last.state(&context.build_dirs.cwd));
        match state {
            LastBuild::SourcesKept if directory::last_compile(context) == LastCompile::Failed => {
                LastBuild::Failed
            }
            state => state,
        }
    }

    /// Compiles a unit that depends on `name`, which was compiled incrementally.
    ///
    /// # Errors
    /// The compiler could not be started.
    pub fn compile_dependent_of_edit(
        &self,
        name: String,
        setting: (&KeyContext<'_>, &Streams<'_>, &PathRemap),
        record: &mut Record,
    ) -> Result<ExitCode, BypassReason> {
        let is_allowed = self.config.incremental.value != Incremental::Off && !is_on_ci(self.env);
        let dir = if is_allowed { IncrementalDir::open(setting.0) } else { None };
        self.compile_edit((Edit::Dependency, name), LastSources::read(setting.0), dir, setting, record)
    }

    /// Compiles an edit in the incremental directory `dir`, if it has one.
    ///
    /// # Errors
    /// The compiler could not be started.
    pub fn compile_edit(
        &self,
        (edit, detail): (Edit, String),
        last: Option<LastSources>,
        dir: Option<IncrementalDir>,
        (context, streams, remap): (&KeyContext<'_>, &Streams<'_>, &PathRemap),
        record: &mut Record,
    ) -> Result<ExitCode, BypassReason> {
        let externs = unit::extern_digests(context).unwrap_or_default();
        let mut job = self.job(context, &externs, streams);
        job.edit = Some(EditJob { dir: dir.as_ref().map(|dir| dir.path().to_owned()) });
        let compiled = job.compile_edit(last, dir, remap)?;
        record.edit(edit, detail, &compiled);
        Ok(ExitCode::from(compiled.exit_code()))
    }

    /// The compile of this request.
    pub fn job<'c>(
        &'c self,
        context: &'c KeyContext<'c>,
        externs: &'c [Digest],
        streams: &'c Streams<'c>,
    ) -> CompileJob<'c> {
        let Request { call, store, final_exit_code, .. } = *self;
        CompileJob {
            call,
            context,
            externs,
            streams,
            store,
            writes: self.writes(),
            final_exit_code,
            edit: None,
            fresh: None,
        }
    }
}

/// Whether this is a build on CI, where nobody edits.
fn is_on_ci(env: &Env) -> bool {
    env.get("CI").is_some_and(|value| !["", "0", "false"].iter().any(|off| value == *off))
}
