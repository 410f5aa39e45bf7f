//! After a compile: what it read and what it made, as something that can be stored. Whatever is in doubt means
//! that nothing is.

use crate::action::input_kinds::Level;
use crate::invocation::Role;
use crate::key::closure::CrateClosure;
use crate::key::unit::UnitKey;
use crate::key::unit_closure::completed_closure;
use crate::key::variable_names;
use crate::outcome::Unstored;
use crate::run::edit::directory::is_about_state;
use crate::run::miss::artifacts::{Artifacts, read_artifacts};
use crate::run::miss::bind_roots::bind_to_roots;
use crate::run::miss::dep_info::{read_dep_info, rules};
use crate::run::miss::found_by_name::refuse_crates_found_by_name;
use crate::run::miss::learn::{self, Evidence, Learned};
use crate::run::miss::run_compiler::CompilerOutput;
use crate::run::miss::stages::{CompileJob, CompiledUnit};
use crate::run::path_remap::PathRemap;
use crate::run::policy;
use crate::run::streams::Streams;
use crate::run::unit_name::unit_name;
use crate::store::entry::{Artifact, Entry, FORMAT, Segment, StoredInputs};
use crate::store::put::Put;
use crate::sys::{clock, defence};

/// All that is to be stored.
///
/// # Errors
/// Why the unit cannot be stored.
pub fn collect(
    compiled: &CompiledUnit<'_>,
    unit: &UnitKey,
    evidence: &Evidence<'_>,
    remap: &PathRemap,
) -> Result<Put, Unstored> {
    let CompileJob { context, streams, .. } = *compiled.job;
    let output = &compiled.output;
    if let Some(path) = unit.watch.changed().filter(|_| defence::stands("inputs-of-the-key-that-change")) {
        return Err(Unstored::InputChanged(path.display().to_string()));
    }
    refuse_unexpected_diagnostics(output, streams, compiled.job.fresh.is_some())?;
    let dep_info = read_dep_info(context)?;
    if defence::stands("crates-found-by-their-names") {
        refuse_crates_found_by_name(context, &dep_info)?;
    }
    let mut outputs = read_artifacts(context, &compiled.reader, remap.maps)?;
    if defence::stands("roots-that-variables-mention") {
        bind_to_roots(context, unit, &dep_info, remap, &mut outputs.roots);
    }
    let Artifacts { artifacts, files, roots, library, assembles } = outputs;
    let learned = learn::learn(context, unit, evidence, &dep_info, roots)?;
    let Learned { list, inputs: read, program_variable_names } = learned;
    let closure = closure_with(compiled, &artifacts, assembles)?;
    let variable_names = library.map(|library| variable_names::names_in(&library));
    let entry = Entry {
        format: FORMAT,
        unit: unit_name(context),
        artifacts,
        dep_info: rules(&dep_info, context.outputs)?,
        checksums: dep_info.checksums,
        tree: Vec::new(),
        stdout: keep(streams, &output.stdout)?,
        stderr: keep(streams, &output.stderr)?,
        closure: closure.as_ref().map(CrateClosure::note).unwrap_or_default(),
        compile_ms: output.elapsed.as_millis() as u64,
        created_ms: clock::now_ms(),
    };
    let key = read.key_after(Some(unit.key));
    debug_assert!(unit.inputs.all_belong_to(&[Level::Unit]), "{:?}", unit.inputs);
    debug_assert!(read.all_belong_to(&[Level::Read, Level::Assumed]), "{read:?}");
    let inputs = StoredInputs { unit_key: unit.key, unit: unit.inputs.clone(), read, basis: list.basis };
    Ok(Put { key, entry, inputs, list, files, closure, variable_names, program_variable_names })
}

/// What the compiler printed on one of its streams, as an entry keeps it.
fn keep(streams: &Streams<'_>, printed: &[u8]) -> Result<Vec<Segment>, Unstored> {
    let kept = streams.keep(printed);
    kept.ok_or_else(|| Unstored::InputsUnknown("the compiler printed a NUL".to_owned()))
}

/// What was not kept, or names an output that is none of this unit, or tells of a panic, cannot be replayed. Nor can
/// what is about the incremental directory.
fn refuse_unexpected_diagnostics(
    output: &CompilerOutput,
    streams: &Streams<'_>,
    is_incremental: bool,
) -> Result<(), Unstored> {
    if !output.is_complete {
        return Err(Unstored::UnexpectedOutput("more was printed than is kept".to_owned()));
    }
    for line in output.stderr.split_inclusive(|byte| *byte == b'\n') {
        if (streams.is_foreign_announcement(line) && defence::stands("announced-outputs-that-are-unexpected"))
            || policy::tells_of_panic(line)
            || is_incremental && is_about_state(line) && defence::stands("what-is-said-of-incremental-files")
        {
            let line = String::from_utf8_lossy(line);
            return Err(Unstored::UnexpectedOutput(line.trim_end().to_owned()));
        }
    }
    Ok(())
}

/// The crate closure, completed with what is only known after the compile. A unit that others may depend on must have
/// one.
fn closure_with(
    compiled: &CompiledUnit<'_>,
    artifacts: &[Artifact],
    assembles: bool,
) -> Result<Option<CrateClosure>, Unstored> {
    let Some(before) = &compiled.closure else {
        if artifacts.iter().any(|artifact| artifact.role.can_be_depended_on()) {
            return Err(Unstored::InputsUnknown("the crate closures of the externs".to_owned()));
        }
        return Ok(None);
    };
    let library = artifacts.iter().find(|artifact| artifact.role == Role::ProcMacro);
    let library = library.map(|artifact| artifact.blob);
    Ok(Some(completed_closure(before.clone(), compiled.job.context, library, assembles)))
}
