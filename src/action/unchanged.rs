//! Checks that what an observed action read is what it was when it was read, and that it made nothing but its outputs.

use std::collections::HashMap;
use std::path::Path;

use crate::action::observed::{Kind, ObservedInputs};
use crate::action::present::Present;
use crate::action::roots::BuildDirs;
use crate::action::snapshot::same_content;
use crate::outcome::Unstored;
use crate::sys::defence;
use crate::sys::fs::{self, Identity};
use crate::sys::observe::{Observation, PathState};

/// A hit writes nothing but the outputs. What else the run has made must be gone, and what it has written to must be as
/// it was: a hit neither makes nor removes it.
pub fn refuse_files_beside_outputs(observed_inputs: &ObservedInputs) -> Result<(), Unstored> {
    for (path, before) in &observed_inputs.written {
        let Ok(now) = fs::symlink_metadata(path) else {
            if matches!(before, PathState::File(_) | PathState::Link(_) | PathState::Directory(_)) {
                return Err(Unstored::UnexpectedOutput(format!("{} was removed as well", path.display())));
            }
            continue;
        };
        let why = match before {
            PathState::Absent if !defence::stands("new-files-anywhere-are-refused") => continue,
            PathState::Absent => "was made as well",
            PathState::File(_)
                if now.is_file() && !defence::stands("files-that-are-overwritten-elsewhere") =>
            {
                continue;
            }
            PathState::File(then) if now.is_file() && Identity::from_metadata(&now) == *then => continue,
            PathState::Link(then) if fs::read_link(path).ok().as_ref() == Some(then) => continue,
            PathState::Directory(_) if now.is_dir() => continue,
            PathState::Other if defence::stands("pipes-that-were-written-to") => continue,
            PathState::Other => "was written to as well",
            PathState::File(_) | PathState::Link(_) | PathState::Directory(_) | PathState::Unknown(_) => {
                "was written to as well"
            }
        };
        return Err(Unstored::UnexpectedOutput(format!("{} {why}", path.display())));
    }
    Ok(())
}

/// Whether a file is what it was when it was opened.
pub fn still(
    build_dirs: &BuildDirs,
    present: &Present<'_>,
    path: &Path,
    then: &Identity,
) -> Result<(), Unstored> {
    let now = present.state_of(path).map(|(_, identity)| *identity).or_else(|| Identity::at(path).ok());
    // Links to outputs come and go, and cargo sets their times.
    let is_output = build_dirs.target.as_ref().is_some_and(|target| path.starts_with(target));
    let is_same = now.is_some_and(|now| now == *then || is_output && same_content(&now, then));
    if is_same { Ok(()) } else { Err(changed(path)) }
}

fn changed(path: &Path) -> Unstored {
    Unstored::InputChanged(path.display().to_string())
}

/// Whether directories and what was only asked for are what they were.
pub fn unchanged_around(observed_inputs: &ObservedInputs) -> Result<(), Unstored> {
    for (path, then) in &observed_inputs.listed {
        if Identity::at(path).ok().as_ref() != Some(then) {
            return Err(changed(path));
        }
    }
    for path in &observed_inputs.absent {
        if fs::metadata(path).is_ok() {
            return Err(changed(path));
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
            return Err(changed(path));
        }
    }
    Ok(())
}

/// The state in which files were when they were first read.
pub struct FirstStates<'a>(HashMap<&'a Path, &'a Identity>);

impl<'a> FirstStates<'a> {
    pub fn new(observation: &'a Observation) -> FirstStates<'a> {
        let mut states = HashMap::new();
        for access in observation.accesses.iter().filter(|access| access.uses.read) {
            if let PathState::File(identity) = &access.found {
                states.entry(access.path.as_path()).or_insert(identity);
                states.entry(access.real.as_path()).or_insert(identity);
            }
        }
        FirstStates(states)
    }

    pub fn of_path(&self, path: &Path) -> Option<Identity> {
        if let Some(identity) = self.0.get(path) {
            return Some(**identity);
        }
        let real = fs::canonical(path).ok()?;
        self.0.get(real.as_path()).map(|identity| **identity)
    }
}
