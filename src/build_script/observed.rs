//! What the rules about observations have to know of a run, and what the run's inputs are.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::action::input_list::InputList;
use crate::action::input_names::named;
use crate::action::inputs::KeyInputs;
use crate::action::observed::{self, ObservationContext, ObservedInputs};
use crate::action::portable::{Portable, Root};
use crate::action::present::Present;
use crate::action::unchanged::{refuse_files_beside_outputs, still, unchanged_around};
use crate::action::variables;
use crate::build_script::environment;
use crate::build_script::request::RequestedRun;
use crate::config::load::{self, UserFile};
use crate::outcome::Unstored;
use crate::run::miss::asked_variables::TEMPORARY_VARIABLES;
use crate::run::miss::observation_context::{jobserver_pipes, real_path, rustup_home, temporary_dirs};
use crate::store::Store;
use crate::sys::observe::{Access, Observation, PathState};
use crate::sys::{defence, env, fs, os};

/// What a run that has ended depended on, beyond its unit key.
pub struct LearnedRun {
    pub list: InputList,
    /// As they were while it ran.
    pub inputs: KeyInputs,
    /// Whether no other variables decided than those of [`Decisive::Named`](crate::build_script::environment::Decisive).
    pub is_named: bool,
}

/// Finds out what a run depended on.
///
/// # Errors
/// An input is not known, or has changed meanwhile, or the run left something outside of `OUT_DIR`.
pub fn learn(
    run: &RequestedRun<'_>,
    observation: &Observation,
    roots: Vec<Root>,
) -> Result<LearnedRun, Unstored> {
    let build_dirs = &run.places.build_dirs;
    let setting = observation_context(run);
    let mut observed_inputs =
        observed::observed_inputs(&setting, observation).map_err(Unstored::InputsUnknown)?;
    leave_out_probes(&mut observed_inputs, &setting, observation);
    leave_out_own_configuration(&mut observed_inputs, run, observation);
    leave_out_dirs_of_any_unit(&mut observed_inputs, run)?;
    if defence::stands("build-scripts-that-write-elsewhere") {
        refuse_files_beside_outputs(&observed_inputs)?;
    }
    let program = script(run)?;
    let paths = || observed_inputs.read.iter().map(|(path, _)| path.as_path());
    let compilers = environment::started_compilers(run, observation)
        .filter(|compilers| !environment::loads_libraries(paths(), *compilers))
        .filter(|_| !environment::lists_variables(&program));
    let mut asked = asked_variables(&program);
    if observed_inputs.is_in_temporary(&setting) {
        asked.extend(TEMPORARY_VARIABLES);
    }
    asked.sort_unstable();
    let asked = asked.into_iter().map(Portable::literal).collect();
    let words = compilers.map(|compilers| environment::words_in_texts(paths(), compilers));
    let quoted = words.unwrap_or_default().join(" ");
    let list = InputList { roots, asked, quoted, ..InputList::default() };
    let mut list = named(build_dirs, &observed_inputs, &[], list)?;
    let mut present = Present::new(build_dirs, run.env).with_memo(&run.memo);
    let gone = || Unstored::InputsUnknown("a file that was read is gone".to_owned());
    let inputs = present.inputs(&list).ok_or_else(gone)?;
    for (path, then) in &observed_inputs.read {
        still(build_dirs, &present, path, then)?;
    }
    unchanged_around(&observed_inputs)?;
    list.seen = present.seen(&list);
    Ok(LearnedRun { list, inputs, is_named: compilers.is_some() })
}

/// What rustc left in a directory for temporary files when the script asked whether something compiles is no input and no
/// output, if nobody has read what was there before: the compiler looks whether it is there, and replaces it. `rustix`
/// does this.
fn leave_out_probes(
    observed_inputs: &mut ObservedInputs,
    setting: &ObservationContext,
    observation: &Observation,
) {
    let ObservedInputs { read, written, absent, kinds, .. } = observed_inputs;
    let is_probe = |(path, before): &&(PathBuf, PathState)| {
        let is_temporary = path.parent().is_some_and(|dir| setting.temporary.iter().any(|this| this == dir));
        let is_replaced = matches!(before, PathState::Absent | PathState::File(_));
        let is_file = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
        let is_at = |access: &&Access| access.path == *path || access.real == *path;
        let was_read =
            observation.accesses.iter().filter(is_at).any(|access| access.uses.read || access.uses.executed);
        is_temporary && is_replaced && is_file && !was_read && is_metadata(path)
    };
    let probes: Vec<PathBuf> = written.iter().filter(is_probe).map(|(path, _)| path.clone()).collect();
    written.retain(|(path, _)| !probes.contains(path));
    read.retain(|(path, _)| !probes.contains(path));
    absent.retain(|path| !probes.contains(path));
    kinds.retain(|(path, _)| !probes.contains(path));
}

/// A script that asks the compiler through the wrapper has kache read its configuration, that of the user and that of the
/// project, for which it looks in all directories above. It decides nothing that a compiler makes. If the script does not
/// start kache, these files are inputs like any other.
fn leave_out_own_configuration(
    observed_inputs: &mut ObservedInputs,
    run: &RequestedRun<'_>,
    observation: &Observation,
) {
    let own = env::current_exe().map(|path| real_path(&path)).ok();
    let starts_kache = |access: &Access| access.uses.executed && Some(&access.real) == own.as_ref();
    let lookup = |name: &str| run.env.get(name).map(OsStr::to_os_string);
    if !observation.accesses.iter().any(starts_kache) {
        return;
    }
    let mut spellings = Vec::new();
    if let Ok(Some(UserFile { path, is_named })) = load::user_file_path(&lookup) {
        spellings.extend([real_path(&path), path.clone()]);
        // Of a path that does not exist, what is absent is the first name that is missing: here, kache's own directory.
        spellings.extend(path.parent().filter(|_| !is_named).map(Path::to_path_buf));
    }
    let is_own = |path: &Path| {
        spellings.iter().any(|own| own == path)
            || path.file_name().is_some_and(|name| name == load::PROJECT_FILE)
    };
    let ObservedInputs { read, absent, kinds, .. } = observed_inputs;
    read.retain(|(path, _)| !is_own(path));
    absent.retain(|path| !is_own(path));
    kinds.retain(|(path, _)| !is_own(path));
}

/// The loader looks in them in vain: cargo's units have no libraries that a program finds by name. If there is one all the
/// same, it may be another one in another build.
fn leave_out_dirs_of_any_unit(
    observed_inputs: &mut ObservedInputs,
    run: &RequestedRun<'_>,
) -> Result<(), Unstored> {
    let dirs = run.places.dirs_of_any_unit(run.env);
    if dirs.is_empty() {
        return Ok(());
    }
    let is_there = |path: &Path| dirs.iter().any(|dir| path.starts_with(dir));
    let ObservedInputs { read, listed, absent, kinds, .. } = observed_inputs;
    let script = Path::new(run.launched.script);
    let mut found = read.iter().chain(listed.iter()).map(|(path, _)| path.as_path());
    if let Some(path) = found.find(|path| is_there(path) && *path != script) {
        return Err(Unstored::InputsUnknown(format!("{} is of another unit", path.display())));
    }
    absent.retain(|path| !is_there(path));
    kinds.retain(|(path, _)| !is_there(path));
    Ok(())
}

fn is_metadata(path: &Path) -> bool {
    !defence::stands("files-that-are-no-probes") || fs::starts_with(path, METADATA).unwrap_or(false)
}

/// What metadata of rustc begin with (`rustc_metadata::METADATA_HEADER`), but for their version.
const METADATA: &[u8] = b"rust\0\0\0";

fn script(run: &RequestedRun<'_>) -> Result<Vec<u8>, Unstored> {
    let script = Path::new(run.launched.script);
    fs::read(script).map_err(|e| Unstored::InputsUnknown(format!("{}: {e}", script.display())))
}

/// Variables that are in no unit key, and that the script names.
fn asked_variables(program: &[u8]) -> Vec<&'static str> {
    let asked = variables::asked_by_build_script(program);
    asked.filter(|_| defence::stands("variables-that-build-scripts-ask-for")).collect()
}

/// What the rules must know. The C library and its like count: what a script builds may be linked with them.
fn observation_context(run: &RequestedRun<'_>) -> ObservationContext {
    let RequestedRun { env, places, toolchain, .. } = run;
    let (build_dirs, cwd) = (&places.build_dirs, &places.build_dirs.cwd);
    let rustc = os::find_program(run.rustc, env.get("PATH"), cwd);
    let out_dir = real_path(&places.out_dir);
    let cache_dir = &run.config.cache_dir.value;
    let cache = [run.store.root().to_path_buf(), Store::records_dir(cache_dir)];
    let own = [Some(PathBuf::from(run.launched.script)), env::current_exe().ok()];
    let roots = build_dirs.with_canonical_spellings();
    ObservationContext {
        own_dirs: cache.iter().map(|dir| real_path(dir)).chain([out_dir.clone()]).collect(),
        incremental: None,
        out_dir,
        linked: true,
        compiler: rustc.map(|path| real_path(&path)).unwrap_or_default(),
        sysroot: real_path(&toolchain.sysroot),
        covered: toolchain.covered(),
        rustup: rustup_home(env, cwd),
        jobservers: jobserver_pipes(env),
        externs: own.into_iter().flatten().map(|path| real_path(&path)).collect(),
        build_dirs: build_dirs.target.iter().chain([cwd]).map(|dir| real_path(dir)).collect(),
        path: os::path_dirs(env.get("PATH"), cwd),
        roots: roots.spellings().filter_map(|(path, _)| os::path(path)).collect(),
        temporary: temporary_dirs(env, cwd),
        ..ObservationContext::default()
    }
}
