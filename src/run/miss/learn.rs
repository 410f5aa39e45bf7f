//! What a compile read, however that was learnt: its input list, and what the inputs were while it ran.
//!
//! Where it was observed, every file was noted in the state in which it was opened, and must be in that state still.
//! The dep-info adds nothing then but the spelling and the order of the sources; one that names a file which was not
//! seen to be read shows that something was missed. Where it was not observed, the dep-info and the rules
//! ([`crate::key::assumed`]) are all there is.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::action::input_list::{InputList, Learnt, Seen};
use crate::action::inputs::KeyInputs;
use crate::action::observed::{self, Kind, ObservationContext, ObservedInputs};
use crate::action::portable::{Portable, Root};
use crate::action::present::Present;
use crate::action::snapshot::{InputSnapshot, same_content};
use crate::digest::Digest;
use crate::invocation::{Invocation, SearchKind, SearchPath};
use crate::key::assumed::Assumed;
use crate::key::candidates;
use crate::key::context::KeyContext;
use crate::key::depinfo::DepInfo;
use crate::key::link::reads_closure;
use crate::key::unit::{Unit, reach_of};
use crate::outcome::Unstored;
use crate::run::call::Call;
use crate::run::miss::environment_names::{Names, Programs, TEMPORARY_VARIABLES};
use crate::run::miss::unobserved;
use crate::store::Store;
use crate::sys::env::Env;
use crate::sys::fs::{self, Identity};
use crate::sys::observe::{Found, Observation, Scope};
use crate::sys::{dirs, os};

/// How a compile was watched.
pub enum Evidence<'a> {
    /// What was called, and what was seen of it.
    Observed(&'a Call<'a>, &'a Observation),
    /// Nothing was seen: the state before, and what the rules said then.
    Assumed(&'a Before, &'a Assumed),
}

/// What was learnt of a compile.
pub struct Learned {
    pub list: InputList,
    /// What the list names, as it was while the compiler ran.
    pub inputs: KeyInputs,
    /// Texts in programs that were started and not known yet, by their content.
    pub program_names: Vec<(Digest, String)>,
}

/// The input list of a compile that has just ended, and its inputs as they were while it ran.
pub fn learn(
    context: &KeyContext<'_>,
    unit: &Unit,
    evidence: &Evidence<'_>,
    dep_info: &DepInfo,
    roots: Vec<Root>,
) -> Result<Learned, Unstored> {
    let mut names = Names::default();
    if unit.runs_macros {
        names.add_sources(context, dep_info)?;
    }
    let list = InputList {
        files: dep_info.files.iter().map(|file| context.portable(file)).collect(),
        variables: dep_info.variables.iter().map(|(name, _)| Portable::literal(name)).collect(),
        roots,
        ..InputList::default()
    };
    match evidence {
        Evidence::Observed(call, observation) => {
            let mut setting = setting(context, call);
            let closure = || reach_of(context, &unit.externs).ok();
            setting.turned_down = candidates::turned_down(&setting, observation, closure);
            let observed_inputs =
                observed::observed_inputs(&setting, observation).map_err(Unstored::InputsUnknown)?;
            let sources = sources(context, &list);
            names.add_texts(unit, &observed_inputs, &sources)?;
            names.add_locale(&observed_inputs);
            names.add_git(context, &observed_inputs);
            names.add_temporary(&setting, &observed_inputs);
            let libraries = observed::libraries(&setting, observation);
            let list = InputList { libraries, ..names.added_to(list) };
            if let Some(part) = observed::foreign_part(&setting, observation) {
                return Err(Unstored::InputsUnknown(format!("the compiler loaded {}", part.display())));
            }
            let programs = Programs::of(context, &setting, &observed_inputs)?;
            let (list, inputs) =
                from_observation(context, &observed_inputs, observation, &sources, &programs, list)?;
            Ok(Learned { list, inputs, program_names: programs.into_new() })
        }
        Evidence::Assumed(before, assumed) => {
            names.add_readable(&assumed.readable)?;
            unobserved::refuse_unknown(context, unit)?;
            let read = unobserved::assembled(context, dep_info)?.into_iter().collect();
            let list = InputList { read, ..list };
            let (list, inputs) = from_rules(context, before, assumed, names.added_to(list))?;
            Ok(Learned { list, inputs, program_names: Vec::new() })
        }
    }
}

fn from_rules(
    context: &KeyContext<'_>,
    before: &Before,
    assumed: &Assumed,
    list: InputList,
) -> Result<(InputList, KeyInputs), Unstored> {
    if let Some(path) = assumed.watch.changed().or_else(|| assumed.readable.changed()) {
        return Err(Unstored::InputChanged(path.display().to_string()));
    }
    if let Some(path) = files_beside_outputs(context).into_iter().find(|file| !before.beside.contains(file)) {
        return Err(Unstored::UnexpectedOutput(format!("{} was made as well", path.0.display())));
    }
    let mut list = InputList { learnt: Learnt::Assumed, ..list };
    let assume = || Some(assumed.inputs.clone());
    let mut present = Present::new(context.build_dirs, context.env).with_rules(&assume);
    let inputs = present.inputs(&list).ok_or_else(gone)?;
    for (path, _, identity) in present.looked_at() {
        if !before.is_unchanged(path, identity) {
            return Err(Unstored::InputChanged(path.display().to_string()));
        }
    }
    let written = before.written.as_ref().map_err(|why| Unstored::InputsUnknown(why.clone()))?;
    if let Some(path) = written.changed() {
        return Err(Unstored::UnexpectedOutput(format!("{} was written meanwhile", path.display())));
    }
    list.seen = seen(&list, &present);
    Ok((list, inputs))
}

fn gone() -> Unstored {
    Unstored::InputsUnknown("a file that was read is gone".to_owned())
}

/// Where the files of an input list are.
fn sources(context: &KeyContext<'_>, list: &InputList) -> Vec<PathBuf> {
    let present = Present::new(context.build_dirs, context.env);
    list.files.iter().filter_map(|file| present.path(file)).collect()
}

/// What is known of files that stay as they are: sources outside of the workspace, and everything else that is read
/// outside of it and of the build directory, whose files are remembered there. It saves reading them again.
fn seen(list: &InputList, present: &Present<'_>) -> Vec<Seen> {
    let settled = |(index, file): (usize, &Portable)| {
        let is_apart = file.is_under(Root::CargoHome)
            || file.is_under(Root::Home)
            || file.as_bytes().first() == Some(&b'/');
        let (digest, identity) = present.state_of(&present.path(file).filter(|_| is_apart)?)?;
        Seen::settled(index, identity, *digest)
    };
    list.files.iter().chain(list.read.iter()).enumerate().filter_map(settled).collect()
}

fn from_observation(
    context: &KeyContext<'_>,
    observed_inputs: &ObservedInputs,
    observation: &Observation,
    sources: &[PathBuf],
    programs: &Programs<'_>,
    list: InputList,
) -> Result<(InputList, KeyInputs), Unstored> {
    let unknown = |why: String| Unstored::InputsUnknown(why);
    refuse_files_beside_outputs(observed_inputs)?;
    let mut list = named(context, observed_inputs, sources, list)?;
    let program_names = |program: &Digest| programs.names(program);
    let present = Present::new(context.build_dirs, context.env).with_names(&program_names);
    let mut present = present.with_memo(context.memo).with_loader_dirs(context.loader_dirs());
    let asking: Vec<Portable> = programs.paths().map(|path| context.portable(os::bytes(path))).collect();
    let is_asking = |file: &Portable| asking.contains(file);
    list.asking =
        list.read.iter().enumerate().filter(|(_, file)| is_asking(file)).map(|(at, _)| at).collect();
    let inputs = present.inputs(&list).ok_or_else(gone)?;
    let states = States::of(observation);
    for source in sources {
        let then = states.of_path(source).ok_or_else(|| {
            unknown(format!("{} is in the dep-info and was not seen to be read", source.display()))
        })?;
        still(context, &present, source, &then)?;
    }
    for (path, then) in &observed_inputs.read {
        still(context, &present, path, then)?;
    }
    unchanged_around(observed_inputs)?;
    if observation.scope == Scope::AllButLinks {
        refuse_macros_found_by_name(context, observed_inputs)?;
    }
    list.seen = seen(&list, &present);
    Ok((list, inputs))
}

/// A hit writes nothing but the outputs. What else the run has made must be gone, and what it has written to must be as
/// it was: a hit neither makes nor removes it.
fn refuse_files_beside_outputs(observed_inputs: &ObservedInputs) -> Result<(), Unstored> {
    for (path, before) in &observed_inputs.written {
        let Ok(now) = fs::symlink_metadata(path) else {
            if matches!(before, Found::File(_) | Found::Link(_) | Found::Directory(_)) {
                return Err(Unstored::UnexpectedOutput(format!("{} was removed as well", path.display())));
            }
            continue;
        };
        let why = match before {
            Found::Absent => "was made as well",
            Found::File(then) if now.is_file() && Identity::of(&now) == *then => continue,
            Found::Link(then) if fs::read_link(path).ok().as_ref() == Some(then) => continue,
            Found::Directory(_) if now.is_dir() => continue,
            Found::Other => continue,
            Found::File(_) | Found::Link(_) | Found::Directory(_) | Found::Unknown(_) => {
                "was written to as well"
            }
        };
        return Err(Unstored::UnexpectedOutput(format!("{} {why}", path.display())));
    }
    Ok(())
}

/// A procedural macro that `extern crate` finds in a directory of `-L` is behind none of the externs, and may have read
/// links that nobody saw.
fn refuse_macros_found_by_name(
    context: &KeyContext<'_>,
    observed_inputs: &ObservedInputs,
) -> Result<(), Unstored> {
    let searched = |path: &&SearchPath| matches!(path.kind, SearchKind::Crate | SearchKind::All);
    for dir in context.invocation.search_paths.iter().filter(searched) {
        let found = fs::list(&context.build_dirs.cwd.join(&dir.path)).unwrap_or_default();
        let libraries = found.iter().filter(|path| path.extension().is_some_and(|suffix| suffix == "so"));
        for library in libraries.filter_map(|path| fs::canonical(path).ok()) {
            if observed_inputs.read.iter().any(|(path, _)| *path == library) {
                return Err(Unstored::InputsUnknown(format!("{} was found by its name", library.display())));
            }
        }
    }
    Ok(())
}

/// Whether a file is what it was when it was opened.
fn still(
    context: &KeyContext<'_>,
    present: &Present<'_>,
    path: &Path,
    then: &Identity,
) -> Result<(), Unstored> {
    let now = present.state_of(path).map(|(_, identity)| *identity).or_else(|| Identity::at(path).ok());
    // Links to outputs come and go, and cargo sets their times.
    let is_output = context.build_dirs.target.as_ref().is_some_and(|target| path.starts_with(target));
    let is_same = |now: Identity| now == *then || is_output && same_content(&now, then);
    if now.is_some_and(is_same) { Ok(()) } else { Err(Unstored::InputChanged(path.display().to_string())) }
}

/// Whether directories and what was only asked for are what they were.
fn unchanged_around(observed_inputs: &ObservedInputs) -> Result<(), Unstored> {
    let changed = |path: &Path| Err(Unstored::InputChanged(path.display().to_string()));
    for (path, then) in &observed_inputs.listed {
        if Identity::at(path).ok().as_ref() != Some(then) {
            return changed(path);
        }
    }
    for path in &observed_inputs.absent {
        if fs::metadata(path).is_ok() {
            return changed(path);
        }
    }
    for (path, then) in &observed_inputs.kinds {
        let now = fs::symlink_metadata(path).ok();
        let is_same = match then {
            Kind::Link(target) => fs::read_link(path).ok().as_ref() == Some(target),
            Kind::File => fs::metadata(path).is_ok_and(|now| now.is_file()),
            Kind::Directory => fs::metadata(path).is_ok_and(|now| now.is_dir()),
            Kind::Absent => now.is_none(),
            Kind::Other => now.is_some(),
        };
        if !is_same {
            return changed(path);
        }
    }
    Ok(())
}

/// The list with what was observed.
fn named(
    context: &KeyContext<'_>,
    observed_inputs: &ObservedInputs,
    sources: &[PathBuf],
    list: InputList,
) -> Result<InputList, Unstored> {
    let name = |path: &Path| match context.portable(os::bytes(path)) {
        name if std::str::from_utf8(name.as_bytes()).is_ok() => Ok(name),
        _ => Err(Unstored::InputsUnknown(format!("{}: the name is not UTF-8", path.display()))),
    };
    let mut read = Vec::new();
    for (path, _) in observed_inputs.read.iter().filter(|(path, _)| !sources.contains(path)) {
        read.push(name(path)?);
        read.extend(beside_workspace(context, path));
    }
    read.extend(sources.iter().filter_map(|path| beside_workspace(context, path)));
    let mut listed = Vec::new();
    for (path, _) in &observed_inputs.listed {
        listed.push(name(path)?);
        listed.extend(beside_workspace(context, path));
    }
    let mut probed = Vec::new();
    for path in observed_inputs.absent.iter().chain(observed_inputs.kinds.iter().map(|(path, _)| path)) {
        probed.push(name(path)?);
        probed.extend(above_workspace(context, path).or_else(|| beside_workspace(context, path)));
    }
    probed.sort();
    probed.dedup();
    let programs = observed_inputs.programs.clone();
    Ok(InputList {
        programs,
        read: read.into_iter().collect(),
        listed: listed.into_iter().collect(),
        probed: probed.into_iter().collect(),
        ..list
    })
}

/// Who looks for a file in the directories above the workspace means those above any checkout.
fn above_workspace(context: &KeyContext<'_>, path: &Path) -> Option<Portable> {
    let workspace = os::path(context.build_dirs.roots.value(Root::Workspace)?)?;
    let directory = path.parent().filter(|directory| directory.parent().is_some())?;
    let is_above = workspace != directory && workspace.starts_with(directory);
    is_above.then(|| from_workspace(context, workspace.clone(), directory, path)).flatten()
}

/// What lies in a checkout of which the workspace is a part may have been found from there, even if it was named from
/// the root: a repository that git finds, a parent directory, links resolved. So both that very file and the one in the
/// same place of the checkout at hand count.
fn beside_workspace(context: &KeyContext<'_>, path: &Path) -> Option<Portable> {
    let name = context.portable(os::bytes(path));
    let has_root = [Root::Workspace, Root::Target, Root::CargoHome].iter().any(|root| name.is_under(*root));
    let spellings =
        context.build_dirs.roots.spellings().filter(|(_, root)| *root == Root::Workspace && !has_root);
    spellings.filter_map(|(spelling, _)| os::path(spelling)).find_map(|workspace| {
        let checkout =
            context.build_dirs.checkouts(&workspace).find(|directory| path.starts_with(directory))?;
        from_workspace(context, workspace.clone(), checkout, path)
    })
}

/// `path` in `directory`, as it is reached from the workspace, which is in there too.
fn from_workspace(
    context: &KeyContext<'_>,
    mut workspace: PathBuf,
    directory: &Path,
    path: &Path,
) -> Option<Portable> {
    let n_up = workspace.strip_prefix(directory).ok()?.components().count();
    workspace.extend(std::iter::repeat_n("..", n_up));
    workspace.push(path.strip_prefix(directory).ok()?);
    Some(context.portable(os::bytes(&workspace)))
}

/// The state in which files were when they were first read.
struct States<'a>(HashMap<&'a Path, &'a Identity>);

impl<'a> States<'a> {
    fn of(observation: &'a Observation) -> States<'a> {
        let mut states = HashMap::new();
        for access in observation.accesses.iter().filter(|access| access.uses.read) {
            if let Found::File(identity) = &access.found {
                states.entry(access.path.as_path()).or_insert(identity);
                states.entry(access.real.as_path()).or_insert(identity);
            }
        }
        States(states)
    }

    fn of_path(&self, path: &Path) -> Option<Identity> {
        let real = || fs::canonical(path).ok();
        self.0.get(path).copied().or_else(|| self.0.get(real()?.as_path()).copied()).copied()
    }
}

/// What the rules about observations must know.
fn setting(context: &KeyContext<'_>, call: &Call<'_>) -> ObservationContext {
    let (build_dirs, invocation) = (context.build_dirs, context.invocation);
    let real = |path: &Path| fs::canonical(path).unwrap_or_else(|_| path.to_path_buf());
    let in_cwd = |path: &Path| real(&build_dirs.cwd.join(path));
    let out_dir = in_cwd(&invocation.out_dir);
    let output = |path: &Path| {
        let path = build_dirs.cwd.join(path);
        let name = path.file_name().map(OsStr::to_os_string).unwrap_or_default();
        path.parent().map_or_else(|| path.clone(), |dir| real(dir).join(name))
    };
    let searched = |kinds: &'static [SearchKind]| {
        let paths = invocation.search_paths.iter().filter(|path| kinds.contains(&path.kind));
        paths.map(|path| in_cwd(&path.path))
    };
    let roots = build_dirs.with_canonical_spellings();
    let variable = |name: &str| context.env.get(name).map(|dir| in_cwd(Path::new(dir)));
    let compiler = os::find_program(call.program, context.env.get("PATH"), &build_dirs.cwd);
    let rustup = variable("RUSTUP_HOME").or_else(|| Some(real(&dirs::home(context.env)?.join(".rustup"))));
    let arguments = call.args.iter().filter_map(|argument| os::bytes(argument).strip_prefix(b"@"));
    let workspace = build_dirs.member.then(|| real(&build_dirs.cwd));
    ObservationContext {
        outputs: context.outputs.iter().map(|this| output(&this.path)).collect(),
        out_dir,
        stems: stems(invocation),
        linked: context.outputs.iter().any(|this| reads_closure(this.role)),
        compiler: compiler.map(|path| real(&path)).unwrap_or_default(),
        sysroot: real(&context.toolchain.sysroot),
        covered: context.toolchain.covered.clone(),
        rustup,
        jobservers: ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"]
            .iter()
            .filter_map(|name| os::path(jobserver_pipe(os::bytes(context.env.get(name)?))?))
            .map(|path| real(&path))
            .collect(),
        arguments: arguments.filter_map(os::path).map(|path| in_cwd(&path)).collect(),
        externs: invocation.externs.iter().filter_map(|this| Some(in_cwd(this.path.as_deref()?))).collect(),
        crate_dirs: searched(&[SearchKind::Crate, SearchKind::All]).collect(),
        dependency_dirs: searched(&[SearchKind::Dependency]).collect(),
        loader_dirs: os::path_dirs(context.env.get("LD_LIBRARY_PATH"), &build_dirs.cwd)
            .iter()
            .map(|path| real(path))
            .collect(),
        generated: variable("OUT_DIR"),
        turned_down: Vec::new(),
        build_dirs: workspace
            .into_iter()
            .chain(build_dirs.target.as_deref().map(real))
            .chain(variable("CARGO_MANIFEST_DIR"))
            .collect(),
        path: os::path_dirs(context.env.get("PATH"), &build_dirs.cwd),
        roots: roots.spellings().filter_map(|(path, _)| os::path(path)).collect(),
        temporary: temporary_dirs(context.env)
            .into_iter()
            .map(|dir| build_dirs.cwd.join(dir))
            .flat_map(|dir| [real(&dir), dir])
            .collect(),
    }
}

/// What the names of the unit's own files begin with.
fn stems(invocation: &Invocation) -> Vec<String> {
    let own = format!("{}{}", invocation.crate_name, invocation.extra_filename.to_string_lossy());
    vec![format!("lib{own}"), own]
}

/// Files in the directory of the outputs that have a name of this unit and are none of its outputs.
fn files_beside_outputs(context: &KeyContext<'_>) -> Vec<(PathBuf, Identity)> {
    let in_cwd = |path: &Path| context.build_dirs.cwd.join(path);
    let stems = stems(context.invocation);
    let mut files = fs::list(&in_cwd(&context.invocation.out_dir)).unwrap_or_default();
    files.retain(|path| observed::is_own_name(&stems, path));
    files.retain(|path| !context.outputs.iter().any(|output| in_cwd(&output.path) == *path));
    let identity = |path: PathBuf| Some((Identity::of(&fs::symlink_metadata(&path).ok()?), path));
    files.into_iter().filter_map(identity).map(|(identity, path)| (path, identity)).collect()
}

/// Where programs put temporary files: what the environment says, or where they do it if that says nothing.
fn temporary_dirs(env: &Env) -> Vec<&Path> {
    let named = TEMPORARY_VARIABLES.iter().filter_map(|name| env.get(name));
    let named: Vec<&Path> = named.filter(|dir| !dir.is_empty()).map(Path::new).collect();
    if named.is_empty() { vec![Path::new("/tmp")] } else { named }
}

/// The path in `--jobserver-auth=fifo:PATH`, of which the last one counts.
fn jobserver_pipe(flags: &[u8]) -> Option<&[u8]> {
    let words = flags.split(|byte| *byte == b' ');
    words.filter_map(|word| word.strip_prefix(b"--jobserver-auth=fifo:")).next_back()
}

/// More files than this below `OUT_DIR` are not looked at before a compile.
const MAX_GENERATED_FILES: usize = 512;

/// The state of files before the compile.
pub struct Before {
    /// The file system's own time when the compiler was started, in nanoseconds since 1970.
    started_ns: i64,
    states: HashMap<PathBuf, Identity>,
    /// Where procedural macros may write, or why that is not known.
    written: Result<InputSnapshot, String>,
    /// Files of this unit's earlier compiles beside its outputs.
    beside: Vec<(PathBuf, Identity)>,
}

impl Before {
    /// Looks at what the compile will probably read: what earlier compiles did, the crate root, and files that a build
    /// script has just made. These may be too young to be told from files that change meanwhile.
    pub fn look(store: &Store, unit: &Unit, context: &KeyContext<'_>) -> io::Result<Before> {
        let started_ns = fs::kernel_time(&store.temporary())?;
        let mut states = HashMap::new();
        let mut note = |path: PathBuf| {
            if let Ok(identity) = Identity::at(&path) {
                states.insert(path, identity);
            }
        };
        note(context.build_dirs.cwd.join(&context.invocation.source));
        let present = Present::new(context.build_dirs, context.env);
        let lists = store.lists(&unit.key).unwrap_or_default();
        lists
            .iter()
            .take(1)
            .flat_map(|list| &list.files)
            .filter_map(|file| present.path(file))
            .for_each(&mut note);
        let mut waiting: Vec<PathBuf> = context.env.get("OUT_DIR").map(PathBuf::from).into_iter().collect();
        let mut n_files = 0;
        while let Some(dir) = waiting.pop().filter(|_| n_files < MAX_GENERATED_FILES) {
            for path in fs::list(&dir).unwrap_or_default() {
                n_files += 1;
                if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
                    waiting.push(path);
                } else {
                    note(path);
                }
            }
        }
        let written = if unit.runs_macros {
            unobserved::places_to_write(context, unit)
        } else {
            Ok(InputSnapshot::default())
        };
        let written = written.map_err(|e| format!("where procedural macros write: {e}"));
        Ok(Before { started_ns, states, written, beside: files_beside_outputs(context) })
    }

    /// Whether a file that now has this identity had the same content all the time that the compiler ran.
    fn is_unchanged(&self, path: &Path, now: &Identity) -> bool {
        let same_as_before = self.states.get(path) == Some(now);
        same_as_before || now.modified_ns.max(now.changed_ns) < self.started_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pipe_of_a_jobserver_is_the_last_one_named() {
        let pipe = |flags: &str| jobserver_pipe(flags.as_bytes()).map(|path| path.to_vec());
        assert_eq!(
            pipe("-j --jobserver-auth=fifo:/tmp/a --jobserver-auth=fifo:/tmp/b"),
            Some(b"/tmp/b".to_vec())
        );
        assert_eq!(pipe("-j --jobserver-fds=3,4 --jobserver-auth=3,4"), None);
    }
}
