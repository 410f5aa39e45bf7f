//! The table of accesses, one row for each path. Most calls name a path that is known already, and cost one lookup.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::super::{Access, Observation, PathState, Scope, Uses};
use super::calls::How;
use super::own::Own;
use super::resolve::{Directories, ResolvedPath};
use crate::sys::defence;

/// More paths than this are no inputs of one compile.
const MAX_PATHS: usize = 100_000;

#[derive(Default)]
pub(super) struct Recorder {
    observation: Observation,
    /// Index by spelling.
    known: HashMap<Vec<u8>, usize>,
    /// The same for paths whose last name may be a link that is asked for itself.
    known_links: HashMap<Vec<u8>, usize>,
    directories: Directories,
    /// For each row: the directory of the path was there, so the call can make something.
    can_be_made: Vec<bool>,
    /// What the observed programs have made, moved or removed.
    own: Own,
    /// They have made links, or moved what may be some: what a name leads to may change with each of them.
    moves_links: bool,
}

impl Recorder {
    /// Nothing was seen yet.
    pub(super) fn new(scope: Scope) -> Recorder {
        Recorder { observation: Observation { scope, ..Observation::default() }, ..Recorder::default() }
    }

    /// Notes that something was done that cannot be followed.
    pub(super) fn lose(&mut self, why: impl FnOnce() -> String) {
        self.observation.incomplete.get_or_insert_with(why);
    }

    /// A program is about to be started that has privileges of its own.
    pub(super) fn note_privileged(&mut self, program: PathBuf) {
        self.observation.privileged.get_or_insert(program);
    }

    /// The first such program.
    pub(super) fn privileged(&self) -> Option<&Path> {
        self.observation.privileged.as_deref()
    }

    /// Another call was seen.
    pub(super) fn count(&mut self) {
        self.observation.n_calls += 1;
    }

    /// Whether all that this call would add is known.
    pub(super) fn has(&self, path: &[u8], how: How) -> bool {
        let uses = uses(how);
        let row = self.index(path, how).and_then(|index| self.observation.accesses.get(index));
        !uses.written
            && !reads_attributes(how)
            && row.is_some_and(|access| access.uses.and(uses) == access.uses)
    }

    fn index(&self, path: &[u8], how: How) -> Option<usize> {
        if self.moves_links && self.own.covers(Path::new(OsStr::from_bytes(path))) {
            return None;
        }
        let known = if follows(how) { &self.known } else { &self.known_links };
        known.get(path).copied()
    }

    /// Notes that something is done with `path` (absolute and tidied). Returns whether that was not known before.
    pub(super) fn note(&mut self, path: &[u8], how: How) -> bool {
        let uses = uses(how);
        if matches!(how, How::Source | How::Replace | How::Remove | How::Create | How::CreateLink) {
            self.directories.forget();
        }
        self.moves_links |= how == How::CreateLink && defence::stands("links-that-are-made-again");
        let index = match self.index(path, how) {
            Some(index) => index,
            None if self.observation.accesses.len() >= MAX_PATHS => {
                self.lose(|| format!("more than {MAX_PATHS} paths were used"));
                return false;
            }
            None => self.add(path, follows(how)),
        };
        let Some(access) = self.observation.accesses.get(index) else { return false };
        let missing = access.uses.and(uses) != access.uses;
        if missing || uses.written || reads_attributes(how) {
            self.use_row(index, uses, how);
        }
        missing
    }

    fn add(&mut self, path: &[u8], follow: bool) -> usize {
        let ResolvedPath { path: spelled, real, found } =
            self.directories.look(Path::new(OsStr::from_bytes(path)).into(), follow);
        if matches!(found, PathState::Directory(_))
            && spelled != real
            && defence::stands("links-on-the-way-to-directories")
        {
            self.add_links(&spelled);
        }
        let index = self.observation.accesses.len();
        self.can_be_made.push(spelled.as_os_str().as_bytes() == path);
        self.observation.accesses.push(Access { path: spelled, real, found, uses: Uses::default() });
        let known = if follow { &mut self.known } else { &mut self.known_links };
        known.insert(path.to_vec(), index);
        index
    }

    /// What is in a directory may be noted without the links that led there: by a descriptor, by the working
    /// directory. So the links themselves count.
    fn add_links(&mut self, directory: &Path) {
        if directory.starts_with("/proc") {
            return;
        }
        for part in directory.ancestors() {
            if std::fs::symlink_metadata(part).is_ok_and(|metadata| metadata.is_symlink()) {
                self.note(part.as_os_str().as_bytes(), How::ProbeLink);
            }
        }
    }

    fn use_row(&mut self, index: usize, mut uses: Uses, how: How) {
        let Recorder { observation, own, can_be_made, moves_links, .. } = self;
        let Some(access) = observation.accesses.get_mut(index) else { return };
        own.settle(&access.real);
        own.settle(&access.path);
        let is_own = own.covers_nameless(&access.real);
        if is_own {
            observation.started_own |= uses.executed;
            if access.uses == Uses::default() {
                // What is there now was made by them.
                access.found = PathState::Absent;
            }
            uses = Uses { written: uses.written, ..Uses::default() };
        } else {
            // Its name leads through a link of their own: the name without links is what was there before.
            if own.covers(&access.path) {
                access.path.clone_from(&access.real);
            }
            match how {
                // What is in it is read under another name.
                How::Source
                    if defence::stands("directories-that-programs-move")
                        && matches!(access.found, PathState::Directory(_)) =>
                {
                    let path = access.path.display();
                    observation.incomplete.get_or_insert_with(|| format!("a program moved {path}"));
                }
                How::Source if matches!(access.found, PathState::Link(_)) => *moves_links = true,
                how if defence::stands("attributes-that-are-read")
                    && reads_attributes(how)
                    && access.found != PathState::Absent =>
                {
                    let path = access.path.display();
                    observation
                        .incomplete
                        .get_or_insert_with(|| format!("a program reads the attributes of {path}"));
                }
                // Moved away, or given another name: its content is used under that.
                How::Source => uses.read = matches!(access.found, PathState::File(_)),
                How::ReadOrCreate => uses.read = access.found != PathState::Absent,
                How::ReadWrite => uses.read = matches!(access.found, PathState::File(_)),
                // Fails because it is there: a probe.
                How::Create | How::CreateLink if access.found != PathState::Absent => {
                    uses = Uses { probed: true, ..Uses::default() }
                }
                _ => {}
            }
        }
        access.uses = access.uses.and(uses);
        if uses.written && !is_own && can_be_made.get(index) == Some(&true) {
            own.attempt(&access.real, how, follows(how));
        }
    }

    /// All that was noted.
    pub(super) fn finish(mut self, left_behind: bool) -> Observation {
        self.observation.left_behind = left_behind;
        self.observation
    }
}

/// Whether a link that the path ends with is followed.
fn follows(how: How) -> bool {
    use How::{AttributesOfLink, ChangeLink, Create, CreateLink, ProbeLink, Remove, Replace, Source};
    let is_link_itself = matches!(how, ProbeLink | ChangeLink | AttributesOfLink);
    !is_link_itself && !matches!(how, Source | Replace | Remove | Create | CreateLink)
}

fn reads_attributes(how: How) -> bool {
    matches!(how, How::Attributes | How::AttributesOfLink)
}

/// What a call does with what was there before, as far as its flags tell.
fn uses(how: How) -> Uses {
    let none = Uses::default();
    match how {
        How::Read => Uses { read: true, ..none },
        How::ReadOrCreate | How::ReadWrite => Uses { written: true, ..none },
        How::Write
        | How::Truncate
        | How::Create
        | How::CreateLink
        | How::Replace
        | How::Remove
        | How::Source => Uses { written: true, ..none },
        How::Probe | How::Attributes => Uses { probed: true, ..none },
        How::ProbeLink | How::AttributesOfLink => Uses { link_read: true, ..none },
        // Succeeds only where something is.
        How::Change => Uses { probed: true, written: true, ..none },
        How::ChangeLink => Uses { link_read: true, written: true, ..none },
        How::Execute => Uses { executed: true, ..none },
        How::List => Uses { listed: true, ..none },
    }
}

/// The path with these bytes.
pub(super) fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}
