//! The stages of a miss. [`CompileJob`] is what is about to be compiled. Running it makes a [`CompiledUnit`], which
//! borrows the job; storing that makes a [`Stored`], or says why not. [`Missed`] holds both results for the record.

use std::path::PathBuf;
use std::time::Duration;

use crate::digest::Digest;
use crate::key::closure::CrateClosure;
use crate::key::context::KeyContext;
use crate::outcome::Unstored;
use crate::run::call::Call;
use crate::run::edit::directory::IncrementalDir;
use crate::run::final_exit_code::FinalExitCode;
use crate::run::miss::artifact_reader::Reader;
use crate::run::miss::run_compiler::CompilerOutput;
use crate::run::streams::Streams;
use crate::store::Store;
use crate::sys::process;

/// A compile that is about to run.
pub struct CompileJob<'a> {
    pub call: &'a Call<'a>,
    pub context: &'a KeyContext<'a>,
    /// Content of the externs.
    pub externs: &'a [Digest],
    pub streams: &'a Streams<'a>,
    pub store: &'a Store,
    /// Whether anything is put into the store.
    pub writes: bool,
    pub final_exit_code: &'a FinalExitCode,
    /// Set where the unit is compiled incrementally, and not stored.
    pub edit: Option<EditJob>,
    /// The incremental directory of a compile that is stored: empty when it begins.
    pub fresh: Option<&'a IncrementalDir>,
}

/// What is special about the compile of an edit.
pub struct EditJob {
    /// The incremental directory, if it can be used.
    pub dir: Option<PathBuf>,
}

/// A unit that was compiled.
pub struct CompiledUnit<'a> {
    pub job: &'a CompileJob<'a>,
    /// Its crate closure, if that is known.
    pub closure: Option<CrateClosure>,
    /// It may know announced outputs already.
    pub reader: Reader,
    pub output: CompilerOutput,
    /// The compile was restarted without observation, because this program would have run without its privileges.
    pub privileged: Option<PathBuf>,
}

/// How a compile went whose outputs were to be stored.
pub struct Missed<'a> {
    pub compiled: CompiledUnit<'a>,
    pub stored: Result<Stored, Unstored>,
    /// Why it was not observed, if it was not.
    pub unobserved: Option<String>,
}

/// What was stored.
pub struct Stored {
    pub key: Digest,
    pub n_bytes: u64,
}

impl CompiledUnit<'_> {
    /// The code to end with.
    pub fn exit_code(&self) -> u8 {
        process::exit_code(self.output.status)
    }

    /// How long the compiler ran.
    pub fn elapsed(&self) -> Duration {
        self.output.elapsed
    }

    /// How many calls were seen.
    pub fn n_calls(&self) -> u64 {
        self.output.observation.as_ref().map_or(0, |observation| observation.n_calls)
    }
}
