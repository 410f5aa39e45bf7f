//! One file for all trees: after a build, outputs that the store holds as files of their own become second names of
//! those, as they would be in a build directory that is filled.
//!
//! A compile that makes metadata alone cannot have its output linked at once, because cargo sets its time back afterwards,
//! to when the compile began. What is linked here gets the time of the blob, at which the compile ended. A file never
//! gets an older time: cargo would no longer see that dependents were built with another version of it. Nor one that is
//! younger than a dependent's: cargo would build that again.
//!
//! A file is replaced under cargo's lock, which is taken for that one file and only if nobody has it. Cargo and its
//! compilers see the old file or the new one, and the same content. The two change names, the new one being in the store
//! before: no name comes or goes in the build directory, which may be removed at any time.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use crate::action::memo::{Known, Memo};
use crate::digest::Digest;
use crate::invocation::Role;
use crate::manifest::form::SeedUnit;
use crate::seed::workspace::Build;
use crate::store::Store;
use crate::store::entry::Artifact;
use crate::sys::fs::{self, Identity};
use crate::sys::lock::CargoLock;

/// What was made of a unit in the build directory.
pub struct MadeUnit {
    /// The key under which the store has it.
    pub key: Digest,
    /// Its outputs; of a run, the file in which cargo keeps what it printed.
    pub outputs: Vec<(Option<Role>, PathBuf)>,
}

/// Links what it can, as long as no build begins. Answers how many bytes became free. `units` are in the order of a
/// manifest, and `made` has them by name.
pub fn share(units: &[SeedUnit], made: &HashMap<String, MadeUnit>, build: &Build, store: &Store) -> u64 {
    if !store.may_link() || fs::clones_files(&build.target) {
        return 0;
    }
    let locks = build.profile_dirs().into_iter().filter_map(|dir| {
        let lock = CargoLock::open(&dir.join(".cargo-lock")).ok()?;
        Some((dir, lock))
    });
    let sharing = Sharing { locks: locks.collect(), store, memo: Memo::existing(&build.target) };
    let newest: Vec<Option<i64>> = units.iter().map(|unit| newest_ns(made.get(&unit.name)?)).collect();
    let mut needed_by = vec![Vec::new(); units.len()];
    for (index, unit) in units.iter().enumerate() {
        unit.needs.iter().for_each(|need| needed_by[*need].push(index));
    }
    let mut n_bytes = 0;
    for (index, unit) in units.iter().enumerate() {
        let Some(made) = made.get(&unit.name).filter(|_| unit.is_fetched()) else { continue };
        let dependents = needed_by[index].iter().filter_map(|unit| newest[*unit]);
        match sharing.unit(made, dependents.min().unwrap_or(i64::MAX)) {
            Some(n) => n_bytes += n,
            None => return n_bytes,
        }
    }
    n_bytes
}

/// The time of the youngest file of a unit.
fn newest_ns(made: &MadeUnit) -> Option<i64> {
    let times = made.outputs.iter().map(|(_, path)| Some(Identity::at(path).ok()?.modified_ns));
    times.flatten().max()
}

struct Sharing<'a> {
    /// Those of the profile's directories.
    locks: Vec<(PathBuf, CargoLock)>,
    store: &'a Store,
    memo: Memo,
}

impl Sharing<'_> {
    /// Links the libraries of a unit, if they were made before `last_ns`. `None`: a build has begun.
    fn unit(&self, made: &MadeUnit, last_ns: i64) -> Option<u64> {
        let Ok(entry) = self.store.entry(&made.key) else { return Some(0) };
        let mut n_bytes = 0;
        for (role, path) in &made.outputs {
            let Some(role) = role.filter(|role| matches!(role, Role::Rlib | Role::Metadata)) else {
                continue;
            };
            let Some(artifact) = entry.artifacts.iter().find(|artifact| artifact.role == role) else {
                continue;
            };
            if let Some((blob, identity)) = self.can_be_linked(artifact, path, last_ns) {
                n_bytes += self.replace(path, &blob, &identity, artifact)?;
            }
        }
        Some(n_bytes)
    }

    /// The blob that has the content of the file at `path`, and the state in which it has.
    fn can_be_linked(&self, artifact: &Artifact, path: &Path, last_ns: i64) -> Option<(PathBuf, Identity)> {
        let there: Metadata = fs::symlink_metadata(path).ok()?;
        let (blob, stored) = self.store.blob(&artifact.blob, artifact.size_bytes).ok()?;
        let (identity, of_blob) = (Identity::from_metadata(&there), Identity::from_metadata(&stored));
        let is_same_file = identity.device == of_blob.device && identity.inode == of_blob.inode;
        let is_possible = identity.device == of_blob.device && !is_same_file && there.is_file();
        // What depends on it was begun after the file got its time.
        let last_ns = last_ns.min(identity.changed_ns);
        let is_in_time = (identity.modified_ns..=last_ns).contains(&of_blob.modified_ns);
        if !is_possible || !is_in_time || !fs::has_same_access(&there, &stored, artifact.executable) {
            return None;
        }
        let (known, identity) = self.memo.digest(path).ok()?;
        (known.digest == artifact.blob).then_some((blob, identity))
    }

    /// Replaces the file at `path`, if it still is what it was. `None`: a build has begun, or the directory is removed.
    fn replace(&self, path: &Path, blob: &Path, then: &Identity, artifact: &Artifact) -> Option<u64> {
        let (_, lock) = self.locks.iter().find(|(dir, _)| path.starts_with(dir))?;
        let is_replaced = lock.while_held(|| self.exchange(path, blob, then))?;
        if !is_replaced {
            return Some(0);
        }
        let closure = self.memo.get(then).map(|known| known.closure).unwrap_or_default();
        if let Ok(now) = Identity::at(path) {
            self.memo.set(&now, Known { digest: artifact.blob, closure });
        }
        Some(artifact.size_bytes)
    }

    fn exchange(&self, path: &Path, blob: &Path, then: &Identity) -> bool {
        let temporary = self.store.temporary();
        let is_as_then = Identity::at(path).ok().as_ref() == Some(then);
        let is_replaced =
            is_as_then && fs::hard_link(blob, &temporary).is_ok() && fs::exchange(&temporary, path).is_ok();
        // A process that removes the directory and fills it again knows nothing of its lock.
        let is_other = |old: Identity| old.inode != then.inode || old.modified_ns != then.modified_ns;
        let is_undone = is_replaced
            && Identity::at(&temporary).is_ok_and(is_other)
            && fs::exchange(&temporary, path).is_ok();
        let _ = fs::remove(&temporary);
        is_replaced && !is_undone
    }
}
