//! Harvests of a build directory take turns. What was harvested already is known, and a build directory that changes
//! meanwhile, or is being removed, is noticed. Nothing is made in the directory: who removes it is not held up.

use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::action::cargo_layout::Layout;
use crate::digest::{Digest, Hasher};
use crate::run::call_note;
use crate::seed::workspace::Build;
use crate::sys::fs::{self, Identity};
use crate::sys::lock::{self, FileLock, Waited};
use crate::sys::os;

/// A harvest takes a moment. One that takes longer than this is stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// The right to harvest a build directory. Where nothing can be written, all have it.
pub struct Turn {
    lock: Option<FileLock>,
}

impl Turn {
    /// Waits until it is this process's turn. For a process that somebody waits for, who does not remove the directory.
    ///
    /// # Errors
    /// The directory cannot be written, or another harvest stands still.
    pub fn wait(target: &Path) -> io::Result<Turn> {
        match lock::lock(&place(target), PATIENCE) {
            Err(e) if e.kind() == io::ErrorKind::ReadOnlyFilesystem => Ok(Turn { lock: None }),
            waited => Turn::of(waited?),
        }
    }

    /// The same where nothing may be made.
    ///
    /// # Errors
    /// The directory is gone, or another harvest stands still.
    pub fn wait_in_existing(target: &Path) -> io::Result<Turn> {
        Turn::of(lock::lock_existing(&place(target), PATIENCE)?)
    }

    fn of(waited: Waited) -> io::Result<Turn> {
        match waited {
            Waited::Free(lock) | Waited::AfterHolder(lock) => Ok(Turn { lock: Some(lock) }),
            Waited::Stalled => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Whether a harvest has found the build directory in this state.
    pub fn is_done(&self, state: &Digest) -> bool {
        let mut known = String::new();
        let Some(mut file) = self.lock.as_ref().map(FileLock::file) else { return false };
        let read = file.rewind().and_then(|()| file.take(128).read_to_string(&mut known));
        read.is_ok() && known == state.to_hex()
    }

    /// Notes that the build directory was harvested in this state.
    pub fn done(self, state: &Digest) {
        let Some(mut file) = self.lock.as_ref().map(FileLock::file) else { return };
        let emptied = file.set_len(0).and_then(|()| file.rewind());
        let _ = emptied.and_then(|()| file.write_all(state.to_hex().as_bytes()));
    }
}

fn place(target: &Path) -> PathBuf {
    call_note::dir(target).join(call_note::HARVEST)
}

/// What a harvest of `build` finds: the notes of calls, and for which units cargo has a fingerprint.
pub fn state(build: &Build) -> Digest {
    let mut state = Hasher::new();
    let mut notes = call_note::all(&build.target);
    notes.sort();
    for note in notes {
        state.field(os::bytes(&note));
        let identity = Identity::at(&note).map(|identity| identity.numbers());
        identity.unwrap_or_default().into_iter().for_each(|number| state.number(number as u64));
    }
    for dir in build.profile_dirs() {
        for unit in units(&dir) {
            state.field(os::bytes(&unit));
        }
    }
    state.finish()
}

/// What tells whether outputs come or go: the state of each directory of a profile that holds those of all units. `None`: one
/// is gone, though cargo knows of units.
pub fn outputs(build: &Build) -> Option<Vec<Option<Identity>>> {
    let dirs = build.profile_dirs().into_iter();
    dirs.map(|dir| match Identity::at(&dir.join("deps")) {
        Ok(identity) => Some(Some(identity)),
        Err(_) => fs::metadata(&dir.join(Layout::Shared.first_dir())).is_err().then_some(None),
    })
    .collect()
}

/// The directories of units in that of a profile, in either layout.
fn units(profile_dir: &Path) -> Vec<PathBuf> {
    let mut units = fs::list(&profile_dir.join(Layout::Shared.first_dir())).unwrap_or_default();
    for dir in fs::list(&profile_dir.join(Layout::PerUnit.first_dir())).unwrap_or_default() {
        units.extend(fs::list(&dir).unwrap_or_default());
        units.push(dir);
    }
    units.sort();
    units
}
