//! Transfers packs between a remote and the store, several at a time.
//!
//! What is to be done is planned from listings first. Each entry is transferred as a whole, so that a sync that was
//! interrupted continues where it was. A failure of one transfer does not end the others, unless many in a row fail.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Seek as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::digest::Digest;
use crate::remote::backend::{Body, Kind, Listed, Put, Remote, RemoteError};
use crate::remote::connect::Connected;
use crate::remote::failures::Failures;
use crate::remote::layout::{self, CompilerName, ManifestName, PackName};
use crate::remote::pack::{self, BadPack, MAX_PACK_BYTES, NotPacked};
use crate::remote::workspace::Workspace;
use crate::store::transfer::{NotPortable, PortableEntry, VariableNames};
use crate::store::{Bucket, Store};
use crate::sys::fs;

/// Which entries are transferred.
#[derive(Clone, Debug)]
pub enum Selection {
    All,
    /// Those that this workspace can use.
    Of(Workspace),
}

impl Selection {
    fn has_package(&self, package: &str, version: &str) -> bool {
        match self {
            Selection::All => true,
            Selection::Of(workspace) => {
                let key = (package, version);
                let packages = &workspace.packages;
                packages.binary_search_by(|(name, version)| (&**name, &**version).cmp(&key)).is_ok()
            }
        }
    }

    fn has_compiler(&self, compiler: &CompilerName) -> bool {
        match self {
            Selection::All => true,
            Selection::Of(workspace) => workspace.compilers.contains(compiler),
        }
    }
}

/// A pack in a remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub size_bytes: u64,
    pub stored_ms: u64,
}

/// The packs in a remote that are selected.
pub fn list(
    remote: &dyn Remote,
    selection: &Selection,
    n_at_a_time: usize,
) -> Result<BTreeMap<PackName, Found>, RemoteError> {
    let folders = match selection {
        Selection::All => vec![layout::all_packs()],
        Selection::Of(workspace) => {
            workspace.packages.iter().map(|(name, version)| layout::packs_of(name, version)).collect()
        }
    };
    let found = Mutex::new(BTreeMap::new());
    let failed = Mutex::new(None);
    // A package whose name cannot be part of an object's has no packs.
    let folders: Vec<_> = folders.into_iter().flatten().collect();
    each_of(&folders, n_at_a_time, &|folder| {
        if lock(&failed).is_some() {
            return;
        }
        let mut packs = Vec::new();
        let listed = remote.list(folder, &mut |Listed { name, size_bytes, stored_ms }| {
            let pack = PackName::parse(&name).filter(|pack| selection.has_compiler(&pack.compiler));
            packs.extend(pack.map(|pack| (pack, Found { size_bytes, stored_ms })));
        });
        match listed {
            Ok(()) => lock(&found).extend(packs),
            Err(e) => *lock(&failed) = Some(e),
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// What is to be transferred.
#[derive(Debug, Default)]
pub struct Plan {
    /// Packs to fetch, largest first, with their sizes.
    pub pull: Vec<(PackName, u64)>,
    /// How many selected packs the store has already.
    pub n_here: usize,
    /// Entries to send, largest first, with the sizes of their blobs.
    pub push: Vec<(Digest, u64)>,
    /// How many selected entries the remote has already.
    pub n_there: usize,
    /// Parts of the store that could not be listed.
    pub problems: Vec<String>,
}

impl Plan {
    /// What to fetch of the packs in `remote`.
    pub fn add_pull(&mut self, store: &Store, selection: &Selection, remote: &BTreeMap<PackName, Found>) {
        let packs = match selection {
            Selection::All => remote.iter().collect(),
            Selection::Of(_) => newest(remote),
        };
        // The same entry may be there under the names of several packages.
        let mut keys = BTreeSet::new();
        for (pack, found) in packs.into_iter().filter(|(pack, _)| keys.insert(pack.key)) {
            match pack::is_stored(store, &pack.key) {
                true => self.n_here += 1,
                false => self.pull.push((pack.clone(), found.size_bytes)),
            }
        }
        self.pull.sort_by_key(|(_, size_bytes)| std::cmp::Reverse(*size_bytes));
    }

    /// What to send of the store, where `remote` is there already.
    pub fn add_push(&mut self, store: &Store, selection: &Selection, remote: &BTreeMap<PackName, Found>) {
        let there: BTreeSet<Digest> = remote.keys().map(|pack| pack.key).collect();
        for (key, _) in store.files_in(Bucket::Entries, &mut self.problems) {
            let Ok(entry) = store.entry(&key) else { continue };
            if !selection.has_package(&entry.unit.package, &entry.unit.version) {
                continue;
            }
            if there.contains(&key) {
                self.n_there += 1;
            } else {
                self.push.push((key, entry.blobs().map(|(_, size_bytes)| size_bytes).sum()));
            }
        }
        self.push.sort_by_key(|(_, size_bytes)| std::cmp::Reverse(*size_bytes));
    }
}

/// How many packs of one version of a package are fetched. A package of a workspace has new ones with every commit, of which
/// only the last few are of use; others have one for each set of features and each profile.
const MAX_PER_PACKAGE: usize = 64;

/// The newest packs of each version of a package.
fn newest(remote: &BTreeMap<PackName, Found>) -> Vec<(&PackName, &Found)> {
    let mut packages: BTreeMap<(&str, &str), Vec<(&PackName, &Found)>> = BTreeMap::new();
    for (pack, found) in remote {
        packages.entry((&pack.package, &pack.version)).or_default().push((pack, found));
    }
    for packs in packages.values_mut() {
        packs.sort_by_key(|(_, found)| std::cmp::Reverse(found.stored_ms));
        packs.truncate(MAX_PER_PACKAGE);
    }
    packages.into_values().flatten().collect()
}

/// What was transferred, and what was not.
#[derive(Debug, Default)]
pub struct Transferred {
    pub n_done: usize,
    /// As they are transferred.
    pub packed_bytes: u64,
    /// Another writer was faster.
    pub n_existed: usize,
    /// Of another compiler.
    pub n_others: usize,
    /// Entries that cannot be transferred, and why.
    pub skipped: BTreeMap<String, usize>,
    /// Packs that were not accepted, and why.
    pub refused: Vec<(PackName, String)>,
    /// Manifests of builds.
    pub n_builds: usize,
    /// Manifests that were not accepted, and why.
    pub refused_builds: Vec<(ManifestName, String)>,
    pub failures: Failures,
    /// Transfers that were not tried because they would have failed too.
    pub n_not_tried: usize,
}

/// Is told what a transfer has done: how many bytes of what was planned are settled.
pub type OnProgress<'a> = &'a (dyn Fn(u64) + Sync);

/// Fetches packs into the store.
pub fn pull(store: &Store, connected: &Connected, plan: &Plan, on_progress: OnProgress<'_>) -> Transferred {
    let transferred = Mutex::new(Transferred::default());
    each_of(&plan.pull, connected.n_at_a_time, &|(pack, size_bytes)| {
        if lock(&transferred).failures.ends() {
            lock(&transferred).n_not_tried += 1;
            return;
        }
        let fetched = fetch(store, connected, pack);
        let mut transferred = lock(&transferred);
        match fetched {
            Ok(n_bytes) => {
                transferred.n_done += 1;
                transferred.packed_bytes += n_bytes;
                transferred.failures.passed();
            }
            Err(NotFetched::Remote(error)) => transferred.failures.add(&error),
            Err(NotFetched::Pack(BadPack::Store(error))) => {
                let what = format!("failed to store {} {}", pack.package, pack.version);
                transferred.failures.add(&RemoteError::of(Kind::Local, what, error));
            }
            Err(NotFetched::Pack(error)) => transferred.refused.push((pack.clone(), error.to_string())),
        }
        drop(transferred);
        on_progress(*size_bytes);
    });
    transferred.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Why a pack was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum NotFetched {
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error(transparent)]
    Pack(#[from] BadPack),
}

/// Fetches one pack into the store. Returns its size.
pub fn fetch(store: &Store, connected: &Connected, pack: &PackName) -> Result<u64, NotFetched> {
    let name = pack.object().map_err(|e| RemoteError::new(Kind::Invalid, e.to_string()))?;
    let path = store.temporary();
    let mut file = pack::create(store, &path).map_err(|e| RemoteError::local(&path, &e))?;
    let got = connected.remote.get(&name, &mut file, MAX_PACK_BYTES);
    let fetched = match got {
        Ok(n_bytes) => file
            .rewind()
            .map_err(|e| RemoteError::local(&path, &e).into())
            .and_then(|()| Ok(pack::read(store, &pack.key, &file, &connected.trust)?))
            .map(|_| n_bytes),
        Err(error) => Err(error.into()),
    };
    drop(file);
    let _ = fs::remove(&path);
    fetched
}

/// Sends entries to the remote.
pub fn push(
    store: &Store,
    connected: &Connected,
    selection: &Selection,
    plan: &Plan,
    on_progress: OnProgress<'_>,
) -> Transferred {
    let transferred = Mutex::new(Transferred::default());
    each_of(&plan.push, connected.n_at_a_time, &|(key, size_bytes)| {
        if lock(&transferred).failures.ends() {
            lock(&transferred).n_not_tried += 1;
            return;
        }
        let sent = send(store, connected, selection, key);
        let mut transferred = lock(&transferred);
        match sent {
            Ok(Sent::Stored(n_bytes)) => {
                transferred.n_done += 1;
                transferred.packed_bytes += n_bytes;
                transferred.failures.passed();
            }
            Ok(Sent::Existed) => transferred.n_existed += 1,
            Ok(Sent::OtherCompiler) => transferred.n_others += 1,
            Err(NotSent::Skipped(why)) => *transferred.skipped.entry(why).or_default() += 1,
            Err(NotSent::Failed(error)) => transferred.failures.add(&error),
        }
        drop(transferred);
        on_progress(*size_bytes);
    });
    transferred.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What became of an entry that was to be sent.
pub enum Sent {
    /// The size of its pack.
    Stored(u64),
    Existed,
    OtherCompiler,
}

/// Why an entry was not sent.
pub enum NotSent {
    /// It cannot be sent.
    Skipped(String),
    Failed(RemoteError),
}

impl From<NotPortable> for NotSent {
    fn from(why: NotPortable) -> NotSent {
        NotSent::Skipped(why.words().to_owned())
    }
}

/// Whether the remote has the pack of an entry.
///
/// # Errors
/// It could not be asked. An entry that cannot be sent is not there.
pub fn is_there(store: &Store, connected: &Connected, key: &Digest) -> Result<bool, RemoteError> {
    let Ok((portable, _)) = store.export(key) else { return Ok(false) };
    let Ok(name) = PackName::of(&portable).object() else { return Ok(false) };
    Ok(connected.remote.head(&name)?.is_some())
}

/// Sends one entry, if it is selected.
pub fn send(
    store: &Store,
    connected: &Connected,
    selection: &Selection,
    key: &Digest,
) -> Result<Sent, NotSent> {
    let (portable, names): (PortableEntry, VariableNames) = store.export(key)?;
    let pack = PackName::of(&portable);
    if !selection.has_compiler(&pack.compiler) {
        return Ok(Sent::OtherCompiler);
    }
    let skipped = |why: &dyn std::fmt::Display| NotSent::Skipped(why.to_string());
    let name = pack.object().map_err(|_| skipped(&"its package has an unusual name"))?;
    let path = store.temporary();
    let written =
        pack::write(store, &portable, &names, connected.key.as_ref(), connected.compression_level, &path);
    let n_bytes = match written {
        Ok(n_bytes) => n_bytes,
        Err(NotPacked::Write { path, error }) => {
            return Err(NotSent::Failed(RemoteError::local(&path, &error)));
        }
        Err(NotPacked::Blob(_)) => return Err(skipped(&"a blob is missing or altered")),
        Err(why @ NotPacked::TooLarge) => return Err(skipped(&why)),
    };
    let put = connected.remote.put_if_absent(&name, Body::File(&path));
    let _ = fs::remove(&path);
    match put {
        Ok(Put::Stored) => Ok(Sent::Stored(n_bytes)),
        Ok(Put::Existed) => Ok(Sent::Existed),
        Err(error) => Err(NotSent::Failed(error)),
    }
}

/// Does something with each item, in their order, `n_at_a_time` at a time.
pub fn each_of<T: Sync>(items: &[T], n_at_a_time: usize, act: &(dyn Fn(&T) + Sync)) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 1..n_at_a_time.min(items.len()) {
            // Without another thread it takes longer.
            let _ = thread::Builder::new().spawn_scoped(scope, || take_turns(items, &next, act));
        }
        take_turns(items, &next, act);
    });
}

/// Does something with the next item, until none is left.
fn take_turns<T>(items: &[T], next: &AtomicUsize, act: &(dyn Fn(&T) + Sync)) {
    while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
        act(item);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::remote::fake::WriteOnly;
    use crate::remote::layout::UnitFolder;
    use crate::store::tests::Scene;

    /// Pushes a store with `n` entries, of which these are refused: what became of them, and how many were tried.
    fn pushed(n: u32, refused: &[(usize, Kind)]) -> (Transferred, usize) {
        let (scene, remote) = (Scene::new(), Arc::new(WriteOnly::default()));
        for version in 0..n {
            let put = scene.compile_as(&format!("unit{version}"), &version.to_string());
            scene.store().put(&put).expect("stores");
        }
        let mut plan = Plan::default();
        plan.add_push(&scene.store(), &Selection::All, &BTreeMap::new());
        let refused: Vec<_> = refused.iter().map(|(at, kind)| (&plan.push[*at].0, *kind)).collect();
        remote.refuse(&refused);
        let transferred = push(&scene.store(), &remote.connected(), &Selection::All, &plan, &|_| {});
        (transferred, remote.n_tried())
    }

    #[test]
    fn an_object_that_is_refused_stops_no_other() {
        for kind in [Kind::Denied, Kind::Invalid, Kind::Busy, Kind::Local, Kind::TooLarge] {
            let (transferred, n_tried) = pushed(6, &[(0, kind), (3, kind)]);
            assert_eq!((transferred.n_done, transferred.n_not_tried, n_tried), (4, 0, 6), "{kind:?}");
            let causes: Vec<_> = transferred
                .failures
                .causes()
                .iter()
                .map(|it| (it.kind, it.why.as_str(), it.n_failures))
                .collect();
            assert_eq!(causes, [(kind, "refused", 2)]);
        }
    }

    #[test]
    fn what_is_refused_over_and_over_is_given_up() {
        let all: Vec<_> = (0..12).map(|at| (at, Kind::Denied)).collect();
        let (transferred, n_tried) = pushed(12, &all);
        assert_eq!((transferred.n_done, transferred.failures.n(), transferred.n_not_tried), (0, 8, 4));
        assert_eq!(n_tried, 8);
        let (transferred, n_tried) = pushed(4, &[(0, Kind::Forbidden)]);
        assert_eq!((transferred.n_not_tried, n_tried), (3, 1));
    }

    #[test]
    fn the_newest_packs_of_each_package_are_fetched() {
        let pack = |package: &str, n: u64| {
            let key = Digest::hash(&n.to_le_bytes());
            let compiler = CompilerName::new(&key);
            PackName {
                package: package.to_owned(),
                version: "1.0.0".to_owned(),
                compiler,
                unit: UnitFolder::new(&key),
                key,
            }
        };
        let found = |stored_ms| Found { size_bytes: 1, stored_ms };
        let mut remote: BTreeMap<PackName, Found> = (0..100).map(|n| (pack("member", n), found(n))).collect();
        remote.insert(pack("other", 1000), found(0));
        let newest = newest(&remote);
        assert_eq!(newest.len(), MAX_PER_PACKAGE + 1);
        assert!(newest.iter().all(|(pack, found)| pack.package == "other" || found.stored_ms >= 36));
    }
}
