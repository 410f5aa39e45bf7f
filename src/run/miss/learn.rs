//! Learns what a compile read: makes its input list, and checks that the inputs stayed the same while it ran.
//!
//! Where it was observed, every file was noted in the state in which it was opened, and must be in that state still.
//! The dep-info adds nothing then but the spelling and the order of the sources; one that names a file which was not
//! seen to be read shows that something was missed. Where it was not observed, the dep-info and the rules
//! ([`crate::key::assumed`]) are all there is.

use std::path::{Path, PathBuf};

use crate::action::input_list::{Basis, InputList};
use crate::action::input_names::named;
use crate::action::inputs::KeyInputs;
use crate::action::observed::{self, ObservedInputs};
use crate::action::portable::{Portable, Root};
use crate::action::present::Present;
use crate::action::unchanged::{FirstStates, refuse_files_beside_outputs, still, unchanged_around};
use crate::digest::Digest;
use crate::key::assumed::Assumed;
use crate::key::candidates;
use crate::key::context::KeyContext;
use crate::key::depinfo::DepInfo;
use crate::key::unit::{UnitKey, closure_of_externs};
use crate::outcome::Unstored;
use crate::run::call::Call;
use crate::run::miss::asked_variables::{Names, Programs};
use crate::run::miss::before::{Before, files_beside_outputs};
use crate::run::miss::found_by_name::refuse_macros_found_by_name;
use crate::run::miss::observation_context::observation_context;
use crate::run::miss::unobserved;
use crate::sys::observe::{Observation, Scope};
use crate::sys::{defence, os};

/// How a compile was watched.
pub enum Evidence<'a> {
    /// What was called, and what was seen of it; the incremental directory, which was empty before.
    Observed(&'a Call<'a>, &'a Observation, Option<&'a Path>),
    /// Nothing was seen: the state before, and what the rules said then.
    Assumed(&'a Before, &'a Assumed),
}

/// The inputs of a compile.
pub struct Learned {
    pub list: InputList,
    /// What the list names, as it was while the compiler ran.
    pub inputs: KeyInputs,
    /// Texts in programs that were started and not known yet, by their content.
    pub program_variable_names: Vec<(Digest, String)>,
}

/// The input list of a compile that has just ended, and its inputs as they were while it ran.
pub fn learn(
    context: &KeyContext<'_>,
    unit: &UnitKey,
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
        Evidence::Observed(call, observation, incremental) => {
            let mut setting = observation_context(context, call, *incremental);
            setting.turned_down = candidates::turned_down(&setting, observation, || {
                closure_of_externs(context, &unit.externs).ok()
            });
            let observed_inputs =
                observed::observed_inputs(&setting, observation).map_err(Unstored::InputsUnknown)?;
            let sources = sources(context, &list);
            if defence::stands("names-in-observed-texts") {
                names.add_texts(unit, &observed_inputs, &sources)?;
            }
            if defence::stands("the-language-of-programs") {
                names.add_locale(&observed_inputs);
            }
            if defence::stands("variables-that-git-asks-for") {
                names.add_git(context, &observed_inputs);
            }
            if defence::stands("places-of-temporary-files") {
                names.add_temporary(&setting, &observed_inputs);
            }
            let libraries = observed::libraries(&setting, observation);
            let list = InputList { libraries, ..names.added_to(list) };
            if let Some(part) = observed::foreign_part(&setting, observation) {
                return Err(Unstored::InputsUnknown(format!("the compiler loaded {}", part.display())));
            }
            let programs = Programs::of(context, &setting, &observed_inputs)?;
            let (list, inputs) =
                from_observation(context, &observed_inputs, observation, &sources, &programs, list)?;
            Ok(Learned { list, inputs, program_variable_names: programs.into_new() })
        }
        Evidence::Assumed(before, assumed) => {
            if defence::stands("names-in-readable-texts") {
                names.add_readable(&assumed.readable)?;
            }
            if defence::stands("what-rules-cannot-follow") {
                unobserved::refuse_unknown(context, unit)?;
            }
            let read = unobserved::assembled(context, dep_info)?
                .into_iter()
                .filter(|_| defence::stands("files-that-the-assembler-reads"))
                .collect();
            let list = InputList { read, ..list };
            let (list, inputs) = from_rules(context, before, assumed, names.added_to(list))?;
            Ok(Learned { list, inputs, program_variable_names: Vec::new() })
        }
    }
}

fn from_rules(
    context: &KeyContext<'_>,
    before: &Before,
    assumed: &Assumed,
    list: InputList,
) -> Result<(InputList, KeyInputs), Unstored> {
    let changed = assumed.watch.changed().or_else(|| assumed.readable.changed());
    if let Some(path) = changed.filter(|_| defence::stands("files-of-rules-that-change")) {
        return Err(Unstored::InputChanged(path.display().to_string()));
    }
    if let Some(path) = files_beside_outputs(context)
        .into_iter()
        .find(|file| defence::stands("files-left-beside-outputs") && !before.beside.contains(file))
    {
        return Err(Unstored::UnexpectedOutput(format!("{} was made as well", path.0.display())));
    }
    let mut list = InputList { basis: Basis::Assumed, ..list };
    let assume = || Some(assumed.inputs.clone());
    let mut present = Present::new(context.build_dirs, context.env).with_rules(&assume);
    let inputs = present.inputs(&list).ok_or_else(gone)?;
    for (path, _, identity) in present.looked_at() {
        if defence::stands("sources-that-change-meanwhile") && !before.is_unchanged(path, identity) {
            return Err(Unstored::InputChanged(path.display().to_string()));
        }
    }
    let written = before.written.as_ref().map_err(|why| Unstored::InputsUnknown(why.clone()))?;
    if let Some(path) = written.changed().filter(|_| defence::stands("files-that-macros-write-unobserved")) {
        return Err(Unstored::UnexpectedOutput(format!("{} was written meanwhile", path.display())));
    }
    list.seen = present.seen(&list);
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

fn from_observation(
    context: &KeyContext<'_>,
    observed_inputs: &ObservedInputs,
    observation: &Observation,
    sources: &[PathBuf],
    programs: &Programs<'_>,
    list: InputList,
) -> Result<(InputList, KeyInputs), Unstored> {
    if defence::stands("observed-files-beside-outputs") {
        refuse_files_beside_outputs(observed_inputs)?;
    }
    let mut list = named(context.build_dirs, observed_inputs, sources, list)?;
    let program_variable_names = |program: &Digest| programs.names(program);
    let present = Present::new(context.build_dirs, context.env).with_variable_names(&program_variable_names);
    let mut present = present.with_memo(context.memo).with_loader_dirs(context.loader_dirs());
    let asking: Vec<Portable> = programs.paths().map(|path| context.portable(os::bytes(path))).collect();
    list.asking =
        list.read.iter().enumerate().filter(|(_, file)| asking.contains(file)).map(|(at, _)| at).collect();
    let inputs = present.inputs(&list).ok_or_else(gone)?;
    let states = FirstStates::new(observation);
    for source in sources {
        let Some(then) = states.of_path(source) else {
            let why = format!("{} is in the dep-info and was not seen to be read", source.display());
            return Err(Unstored::InputsUnknown(why));
        };
        still(context.build_dirs, &present, source, &then)?;
    }
    for (path, then) in &observed_inputs.read {
        if defence::stands("files-that-change-after-reading") {
            still(context.build_dirs, &present, path, then)?;
        }
    }
    if defence::stands("directories-that-change-meanwhile") {
        unchanged_around(observed_inputs)?;
    }
    if defence::stands("macros-that-are-found-by-name") && observation.scope == Scope::AllButLinks {
        refuse_macros_found_by_name(context, observed_inputs)?;
    }
    list.seen = present.seen(&list);
    Ok((list, inputs))
}
