//! Restores an entry's artifacts into the target directory.
//!
//! Files appear by rename or link only: rustc opens every candidate in a directory that it searches. In a build directory
//! that cargo has used, what is served as a hard link to the blob is only an `.rlib` that has an `.rmeta` beside it:
//! cargo compares the newest output of a unit with its dependencies', and a fresh `.rmeta` carries that time, so the old
//! time of the blob never decides. Everything else is a separate file, whose time is that of being written. In a new build directory
//! nothing is older or younger than what is placed there: there, files may keep the times of blobs ([`FileTimes::Made`]).
//!
//! A hard link is made only to a blob that has the mode, owner and group that a file made here has, and only where
//! `cache.links` is on.

#[cfg(test)]
mod tests;

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::action::memo::{Known, Memo};
use crate::digest::{Digest, Hasher};
use crate::invocation::{Output, Role};
use crate::run::{compilation_dir, unit_name};
use crate::store::Store;
use crate::store::blob::{Duplicate, Sharing, Unusable};
use crate::store::entry::{Artifact, Entry};
use crate::sys::defence;
use crate::sys::fs::{self, Identity};

/// How many bytes got into place, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    pub linked_bytes: u64,
    pub cloned_bytes: u64,
    pub copied_bytes: u64,
    /// Files that were to be linked or cloned and could not be.
    pub n_link_failures: u64,
    /// The time of the youngest file, in nanoseconds since 1970, where [`FileTimes`] decide.
    pub newest_ns: i64,
    /// The same of the metadata, if the unit has any.
    pub metadata_ns: Option<i64>,
}

impl Restored {
    fn note_time(&mut self, role: Role, time_ns: i64) {
        self.newest_ns = self.newest_ns.max(time_ns);
        if role == Role::Metadata {
            self.metadata_ns = Some(time_ns);
        }
    }
}

/// Which times restored files get.
#[derive(Clone, Copy, Debug)]
pub enum FileTimes<'a> {
    /// Those at which they are written.
    Now,
    /// This time, except for linked files, whose time does not matter.
    At(SystemTime),
    /// Those at which they were made, where that fits the units that they depend on.
    Made(MadeTimes<'a>),
}

/// What the times of files in a new build directory have to fit.
#[derive(Clone, Copy, Debug)]
pub struct MadeTimes<'a> {
    /// The time of the youngest file that the unit depends on, in nanoseconds since 1970. Cargo compares it with the
    /// unit's youngest file: the others may be older.
    pub not_before_ns: i64,
    /// The time for all files of a unit that was made before that, or later than this: nothing in the build directory is
    /// younger.
    pub otherwise: SystemTime,
    /// A file that was made in the build directory a moment ago.
    pub made_here: &'a Metadata,
}

impl FileTimes<'_> {
    /// These for the files of `entry` that are placed at `outputs`.
    fn of_unit(self, store: &Store, entry: &Entry, outputs: &[Output]) -> Self {
        let FileTimes::Made(made) = self else { return self };
        let is_placed = |it: &&Artifact| outputs.iter().any(|output| output.role == it.role);
        let placed = entry.artifacts.iter().filter(is_placed);
        let times = placed.filter_map(|artifact| store.blob_made_ns(&artifact.blob));
        FileTimes::Made(made.of_unit(times.max().unwrap_or(i64::MAX)))
    }

    /// The time that a separate file gets; `None`: that at which it is written.
    pub fn stamp(&self, made_ns: Option<i64>) -> Option<SystemTime> {
        match (self, made_ns) {
            (FileTimes::Now, _) => None,
            (FileTimes::At(stamp), _) => Some(*stamp),
            (FileTimes::Made(made), Some(made_ns)) if made.fits(made_ns) => Some(fs::time(made_ns)),
            (FileTimes::Made(made), _) => Some(made.otherwise),
        }
    }

    /// The time of what only kache makes, such as a dep-info.
    pub fn latest(&self) -> Option<SystemTime> {
        match self {
            FileTimes::Now => None,
            FileTimes::At(stamp) => Some(*stamp),
            FileTimes::Made(made) => Some(made.otherwise),
        }
    }

    /// Whether a file that was made at this time may be linked, as far as times decide, beside one that was just made: it
    /// must not be the younger one, or dependents would look older than it.
    fn may_link(&self, made_ns: i64, made_here: Option<&Metadata>) -> bool {
        match self {
            FileTimes::Made(made) => made.fits(made_ns),
            FileTimes::At(stamp) => made_ns <= fs::nanoseconds(*stamp),
            FileTimes::Now => {
                made_here.is_none_or(|here| made_ns <= Identity::from_metadata(here).modified_ns)
            }
        }
    }
}

impl MadeTimes<'_> {
    /// The times of a unit whose youngest file was made at `newest_ns`: all its files keep theirs, or none does.
    fn of_unit(self, newest_ns: i64) -> Self {
        let not_before_ns = if self.fits(newest_ns) { 0 } else { i64::MAX };
        MadeTimes { not_before_ns, ..self }
    }

    fn fits(&self, made_ns: i64) -> bool {
        (self.not_before_ns..=fs::nanoseconds(self.otherwise)).contains(&made_ns)
    }
}

/// Why nothing was restored; what had been placed is gone again.
#[derive(Debug, PartialEq, Eq)]
pub enum Failed {
    /// The entry does not have an output that is asked for.
    Incomplete,
    /// A blob is missing or altered.
    Blob,
    /// A file could not be placed.
    Place,
}

/// How the output of a role may be shared, given all roles of its unit.
pub fn sharing(role: Role, all: impl IntoIterator<Item = Role>) -> Sharing {
    let has_metadata = all.into_iter().any(|role| role == Role::Metadata);
    let is_shared =
        role == Role::Rlib || role == Role::Metadata && !defence::stands("metadata-gets-a-new-time");
    if is_shared && has_metadata || !defence::stands("only-archives-are-linked") {
        Sharing::Link
    } else {
        Sharing::Own
    }
}

/// How an output may be shared where blobs keep their times: all that only compilers and cargo use. Other programs and C
/// libraries are for people, who change them in place.
pub fn sharing_with_times(role: Role, is_build_script: bool) -> Sharing {
    match role {
        Role::Rlib | Role::Metadata | Role::ProcMacro => Sharing::Link,
        Role::Executable if is_build_script => Sharing::Link,
        _ => Sharing::Own,
    }
}

/// Puts every artifact of `entry` where `outputs` says, as seen from `cwd`, and notes their content in `memo`.
pub fn restore(
    store: &Store,
    entry: &Entry,
    outputs: &[Output],
    cwd: &Path,
    memo: &Memo,
    times: FileTimes<'_>,
) -> Result<Restored, Failed> {
    let times = times.of_unit(store, entry, outputs);
    let mut restored = Restored::default();
    let mut placed: Vec<PathBuf> = Vec::new();
    let mut looks: Vec<(&Artifact, Metadata)> = Vec::new();
    let mut wanted = outputs.iter().filter(|output| output.role != Role::DepInfo);
    let result = wanted.try_for_each(|output| {
        let artifact = entry.artifacts.iter().find(|artifact| artifact.role == output.role);
        let Some(artifact) = artifact else {
            let may_lack = output.role.is_side_file() || !defence::stands("entries-that-lack-an-output");
            return if may_lack { Ok(()) } else { Err(Failed::Incomplete) };
        };
        let sharing = match times {
            FileTimes::Made(_) => sharing_with_times(output.role, entry.unit.kind == unit_name::BUILD_SCRIPT),
            _ => sharing(output.role, entry.artifacts.iter().map(|artifact| artifact.role)),
        };
        let made_here = match times {
            FileTimes::Made(made) => Some(made.made_here),
            _ => looks.iter().find(|(it, _)| it.role == Role::Metadata).map(|(_, look)| look),
        };
        let path = cwd.join(&output.path);
        let mut path = path;
        if !defence::stands("outputs-are-named-by-the-asker")
            && !path.to_string_lossy().contains(&entry.unit.id)
        {
            path.as_mut_os_string().push(&entry.unit.id);
        }
        place(store, artifact, &path, &Way { sharing, times, directory: cwd }, made_here, &mut restored)?;
        if output.role.can_be_depended_on()
            && let Ok(look) = fs::metadata(&path)
        {
            looks.push((artifact, look));
        }
        placed.push(path);
        Ok(())
    });
    if let Err(failed) = result
        && (failed != Failed::Blob || defence::stands("a-missing-blob-is-a-miss"))
    {
        placed.iter().for_each(|path| drop(fs::remove(path)));
        return Err(failed);
    }
    for (artifact, look) in looks {
        memo.set(&Identity::from_metadata(&look), Known { digest: artifact.blob, closure: entry.closure });
    }
    Ok(restored)
}

/// In which way an output is placed.
struct Way<'a> {
    sharing: Sharing,
    times: FileTimes<'a>,
    /// The working directory of the compiler, which debug information names.
    directory: &'a Path,
}

/// `made_here` is a file that was made in the same directory a moment ago.
fn place(
    store: &Store,
    artifact: &Artifact,
    to: &Path,
    way: &Way<'_>,
    made_here: Option<&Metadata>,
    restored: &mut Restored,
) -> Result<(), Failed> {
    let clones = fs::clones_files(to.parent().unwrap_or(to));
    let may_link = store.may_link() || !defence::stands("no-links-where-they-are-off");
    let mut is_to_be_linked = way.sharing == Sharing::Link && may_link && !clones;
    let mut is_linked = false;
    if is_to_be_linked {
        let (blob, metadata) = store
            .blob(&artifact.blob, artifact.size_bytes)
            .map_err(|unusable| blob_failed(store, artifact, unusable))?;
        let identity = Identity::from_metadata(&metadata);
        let made_ns = identity.modified_ns;
        // A link has the mode, owner and group of another build. What rustc makes here may have others.
        let can_be_linked = !defence::stands("access-rights-of-linked-files")
            || made_here
                .is_some_and(|made_here| fs::has_same_access(&metadata, made_here, artifact.executable));
        let can_be_linked = can_be_linked && way.times.may_link(made_ns, made_here);
        is_linked = can_be_linked && link(&blob, to).is_ok();
        if is_linked {
            restored.note_time(artifact.role, made_ns);
        }
        // No mode would make a link to another file system.
        let is_elsewhere =
            made_here.is_some_and(|made_here| Identity::from_metadata(made_here).device != identity.device);
        is_to_be_linked = can_be_linked || is_elsewhere;
    }
    let how = if is_linked {
        Duplicate::Linked
    } else {
        if is_to_be_linked && !defence::stands("what-cannot-be-linked-is-copied") {
            return Err(Failed::Place);
        }
        let (how, time_ns) = copy(store, artifact, to, clones, way)
            .map_err(|unusable| blob_failed(store, artifact, unusable))?
            .ok_or(Failed::Place)?;
        restored.note_time(artifact.role, time_ns);
        how
    };
    restored.n_link_failures += u64::from(how == Duplicate::Copied && (clones || is_to_be_linked));
    match how {
        Duplicate::Linked => restored.linked_bytes += artifact.size_bytes,
        Duplicate::Cloned => restored.cloned_bytes += artifact.size_bytes,
        Duplicate::Copied => restored.copied_bytes += artifact.size_bytes,
    }
    Ok(())
}

/// Takes the blob of an artifact out of service if it was altered.
fn blob_failed(store: &Store, artifact: &Artifact, unusable: Unusable) -> Failed {
    if unusable == Unusable::Altered {
        store.quarantine_blob(&artifact.blob);
    }
    Failed::Blob
}

/// Creates a hard link to the blob, replacing `to`.
fn link(blob: &Path, to: &Path) -> std::io::Result<()> {
    match fs::hard_link(blob, to) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            let temporary = temporary_beside(to);
            if !defence::stands("a-link-replaces-at-once") {
                fs::remove(to)?;
                // So that the file is missing for long enough to be seen.
                fs::read(blob)?;
                return fs::hard_link(blob, to);
            }
            fs::hard_link(blob, &temporary)?;
            let renamed = fs::rename(&temporary, to);
            // Renaming one name of a file to another name of it leaves both.
            let _ = fs::remove(&temporary);
            renamed
        }
        result => result,
    }
}

/// A separate file with the blob's content, in place of whatever `to` was. What is copied is compared with the digest
/// on the way: bytes can change without a new size or time. Then the directory of the tree is written into it. Answers the
/// time that it was given as well. `None`: the file could not be made.
fn copy(
    store: &Store,
    artifact: &Artifact,
    to: &Path,
    clone: bool,
    way: &Way<'_>,
) -> Result<Option<(Duplicate, i64)>, Unusable> {
    let temporary = if defence::stands("a-copy-replaces-at-once") {
        temporary_beside(to)
    } else {
        let _ = fs::remove(to);
        to.to_path_buf()
    };
    let blob = (artifact.blob, artifact.size_bytes);
    let Some(how) = copy_new(store, blob, artifact.executable, &temporary, clone)? else { return Ok(None) };
    let stamp = match way.times {
        FileTimes::Now => None,
        times => times.stamp(store.blob_made_ns(&artifact.blob)),
    };
    let written = compilation_dir::write(&temporary, &artifact.directory_at, way.directory);
    let stamped = written.and_then(|()| stamp.map_or(Ok(()), |stamp| fs::set_modified(&temporary, stamp)));
    match stamped.and_then(|()| fs::rename(&temporary, to)) {
        Ok(()) => Ok(Some((how, stamp.map_or(0, fs::nanoseconds)))),
        Err(_) => {
            let _ = fs::remove(&temporary);
            Ok(None)
        }
    }
}

/// The same as the new file `to`. A blob is given by its digest and its size in bytes.
pub fn copy_new(
    store: &Store,
    (digest, size_bytes): (Digest, u64),
    executable: bool,
    to: &Path,
    clone: bool,
) -> Result<Option<Duplicate>, Unusable> {
    let mut blob = store.open_blob(&digest, size_bytes)?;
    let clones = clone && defence::stands("a-hit-is-a-clone");
    if clones && fs::reflink(&blob, to, executable).is_ok() {
        return Ok(Some(Duplicate::Cloned));
    }
    let mut hasher = Hasher::new();
    let executable = executable && defence::stands("programs-can-be-started");
    match fs::copy(&mut blob, to, executable, &mut |piece| hasher.raw(piece)) {
        Ok(_) if clone && !defence::stands("what-cannot-be-cloned-is-copied") => Ok(None),
        Ok(n_bytes) if n_bytes == size_bytes && hasher.finish() == digest => Ok(Some(Duplicate::Copied)),
        Ok(_) if !defence::stands("bytes-that-rot-in-blobs") => Ok(Some(Duplicate::Copied)),
        Ok(_) => {
            let _ = fs::remove(to);
            Err(Unusable::Altered)
        }
        Err(_) => Ok(None),
    }
}

/// A name in the same directory that rustc ignores.
pub fn temporary_beside(path: &Path) -> PathBuf {
    path.with_file_name(format!(".kache-{}", fs::unique_name()))
}
