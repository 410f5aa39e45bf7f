//! Transfers manifests between a remote and the store: those of whole builds, each under the lock file and the compiler that
//! it was built with.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Seek as _;

use crate::digest::Digest;
use crate::manifest::form::{self, BuildId, Manifest};
use crate::remote::backend::{Body, Kind, Put, Remote, RemoteError};
use crate::remote::connect::Connected;
use crate::remote::layout::{self, CompilerName, ManifestName};
use crate::remote::manifest::{self, BadManifest, MAX_OBJECT_BYTES, SharedBuild};
use crate::remote::pack;
use crate::remote::passed_over::PassedOver;
use crate::remote::sync::{Selection, Transferred};
use crate::store::Store;
use crate::sys::fs;

/// How many manifests of other lock files are fetched for one kind of build that has none of this one.
const MOST_OF_OTHERS: usize = 2;

/// A manifest in a remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundBuild {
    pub name: ManifestName,
    pub stored_ms: u64,
}

/// The manifests of a namespace that were made with a compiler, or with any, the latest first.
///
/// # Errors
/// The remote could not be listed.
pub fn list(
    remote: &dyn Remote,
    namespace: &str,
    compiler: Option<&CompilerName>,
) -> Result<Vec<FoundBuild>, RemoteError> {
    let folder = match compiler {
        Some(compiler) => layout::manifests_of(namespace, compiler),
        None => layout::all_manifests(namespace),
    };
    let folder = folder.map_err(|e| RemoteError::new(Kind::Invalid, e.to_string()))?;
    let mut found = Vec::new();
    remote.list(&folder, &mut |listed| {
        let name = ManifestName::parse(&listed.name);
        found.extend(name.map(|name| FoundBuild { name, stored_ms: listed.stored_ms }));
    })?;
    // A listing that was repeated has some twice.
    found.sort_by(|a, b| b.stored_ms.cmp(&a.stored_ms).then_with(|| a.name.cmp(&b.name)));
    found.dedup();
    Ok(found)
}

/// What is to be transferred.
#[derive(Debug, Default)]
pub struct BuildPlan {
    pub pull: Vec<ManifestName>,
    pub push: Vec<BuildId>,
}

impl BuildPlan {
    /// What to transfer, where `there` is in the remote, in its order.
    pub fn new(
        store: &Store,
        selection: &Selection,
        there: &[FoundBuild],
        (pulls, pushes): (bool, bool),
    ) -> BuildPlan {
        let here: Vec<(BuildId, Manifest)> = form::all(store)
            .iter()
            .filter_map(|path| Some((form::build_of(path)?, Manifest::read(path)?)))
            .collect();
        let ids: BTreeSet<Digest> = here.iter().filter_map(|(_, manifest)| manifest.id().ok()).collect();
        let builds: BTreeSet<String> = here.iter().map(|(build, _)| layout::build_name(build)).collect();
        let mut plan = BuildPlan::default();
        if pulls {
            let passed_over = PassedOver::read(store);
            let is_known = |name: &ManifestName| {
                ids.contains(&name.id) || passed_over.has(&name.id) && builds.contains(&name.build)
            };
            let wanted = wanted(selection, there).into_iter();
            plan.pull = wanted.filter(|name| !is_known(name)).cloned().collect();
        }
        if pushes {
            let there: BTreeSet<Digest> = there.iter().map(|found| found.name.id).collect();
            let is_new = |manifest: &Manifest| manifest.id().is_ok_and(|id| !there.contains(&id));
            let selected =
                here.iter().filter(|(_, manifest)| is_selected(selection, manifest) && is_new(manifest));
            plan.push = selected.map(|(build, _)| *build).collect();
        }
        plan
    }
}

fn is_selected(selection: &Selection, manifest: &Manifest) -> bool {
    match selection {
        Selection::All => true,
        Selection::Of(workspace) => manifest.header.lock == Some(workspace.lock),
    }
}

/// The latest manifest of each build with the lock file of the workspace; for other kinds of builds, the latest ones of
/// whatever lock file.
fn wanted<'a>(selection: &Selection, there: &'a [FoundBuild]) -> Vec<&'a ManifestName> {
    let mut builds = BTreeSet::new();
    let mut wanted = Vec::new();
    let lock = match selection {
        Selection::All => None,
        Selection::Of(workspace) => Some(layout::lock_name(&workspace.lock)),
    };
    let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
    for FoundBuild { name, .. } in there {
        let fits = lock.as_ref().is_none_or(|lock| *lock == name.lock);
        if fits && builds.insert((&name.compiler, &name.build)) {
            *groups.entry(group(name)).or_default() += MOST_OF_OTHERS;
            wanted.push(name);
        }
    }
    for FoundBuild { name, .. } in there.iter().filter(|_| lock.is_some()) {
        let n = groups.entry(group(name)).or_default();
        if *n < MOST_OF_OTHERS && builds.insert((&name.compiler, &name.build)) {
            *n += 1;
            wanted.push(name);
        }
    }
    wanted
}

fn group(name: &ManifestName) -> &str {
    name.build.split('-').next().unwrap_or_default()
}

/// Why a manifest was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum NotFetched {
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error(transparent)]
    Bad(#[from] BadManifest),
}

/// Fetches one manifest. Nothing is stored.
///
/// # Errors
/// It could not be read, or is not accepted.
pub fn fetch(store: &Store, connected: &Connected, name: &ManifestName) -> Result<SharedBuild, NotFetched> {
    let object = name.object().map_err(|e| RemoteError::new(Kind::Invalid, e.to_string()))?;
    let path = store.temporary();
    let local = |e: &std::io::Error| RemoteError::local(&path, e);
    let mut file = pack::create(store, &path).map_err(|e| local(&e))?;
    let got = connected.remote.get(&object, &mut file, MAX_OBJECT_BYTES);
    let fetched = match got {
        Ok(_) => file
            .rewind()
            .map_err(|e| local(&e).into())
            .and_then(|()| Ok(manifest::read(&file, name, &connected.trust)?)),
        Err(error) => Err(error.into()),
    };
    drop(file);
    let _ = fs::remove(&path);
    fetched
}

/// Fetches manifests into the store, and adds what became of them to `transferred`.
pub fn pull(store: &Store, connected: &Connected, names: &[ManifestName], transferred: &mut Transferred) {
    let mut passed_over = PassedOver::read(store);
    for name in names {
        if transferred.failures.ends() {
            transferred.n_not_tried += 1;
            continue;
        }
        let stored = fetch(store, connected, name)
            .and_then(|shared| Ok(manifest::import(store, &shared).map_err(BadManifest::Store)?));
        match stored {
            Ok(true) => transferred.n_builds += 1,
            // The store has a younger one.
            Ok(false) => passed_over.add(name.id),
            Err(NotFetched::Remote(error)) => transferred.failures.add(&error),
            Err(NotFetched::Bad(BadManifest::Store(error))) => {
                transferred.failures.add(&RemoteError::of(Kind::Local, "failed to store a manifest", error));
            }
            Err(NotFetched::Bad(error)) => transferred.refused_builds.push((name.clone(), error.to_string())),
        }
    }
    passed_over.write(store);
}

/// Sends manifests of the store to the remote, and adds what became of them to `transferred`.
pub fn push(store: &Store, connected: &Connected, builds: &[BuildId], transferred: &mut Transferred) {
    for build in builds {
        if transferred.failures.ends() {
            transferred.n_not_tried += 1;
            continue;
        }
        match send(store, connected, build, &connected.namespace) {
            Ok(Sent::Stored | Sent::Existed) => transferred.n_builds += 1,
            Ok(Sent::Unknown) => {}
            Err(error) => transferred.failures.add(&error),
        }
    }
}

/// What became of a manifest that was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    Stored,
    Existed,
    /// It is gone, or lacks what other machines would find it by.
    Unknown,
}

/// Sends the manifest of one build.
///
/// # Errors
/// It could not be written.
pub fn send(
    store: &Store,
    connected: &Connected,
    build: &BuildId,
    namespace: &str,
) -> Result<Sent, RemoteError> {
    let path = form::path(store, build);
    let Some(manifest) = Manifest::read(&path) else { return Ok(Sent::Unknown) };
    let key = connected.key.as_ref();
    let written = manifest::write(store, (build, &manifest), namespace, key, connected.compression_level);
    let Some((name, object)) = written.map_err(|e| RemoteError::local(&path, &e))? else {
        return Ok(Sent::Unknown);
    };
    let object_name = name.object().map_err(|e| RemoteError::new(Kind::Invalid, e.to_string()))?;
    Ok(match connected.remote.put_if_absent(&object_name, Body::Bytes(&object))? {
        Put::Stored => Sent::Stored,
        Put::Existed => Sent::Existed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::workspace::Workspace;

    fn found(lock: &str, group: &str, n: u64) -> FoundBuild {
        let digest = |text: &str| Digest::hash(text.as_bytes());
        let build = BuildId { group: digest(group), request: digest(&format!("{lock}{n}")) };
        let id = digest(&format!("{lock} {group} {n}"));
        let name = ManifestName::new("n", &digest("compiler"), &digest(lock), &build, id);
        FoundBuild { name, stored_ms: n }
    }

    #[test]
    fn manifests_of_this_lock_file_are_fetched_and_a_few_of_others_where_there_are_none() {
        let compiler = CompilerName::new(&Digest::hash(b"compiler"));
        let workspace = Workspace {
            lock_file: "/w/Cargo.lock".into(),
            lock: Digest::hash(b"this"),
            packages: Vec::new(),
            rustc: compiler.clone(),
            compilers: vec![compiler],
        };
        let there = [
            found("other", "check", 9),
            found("other", "build", 8),
            found("this", "build", 7),
            found("other", "check", 6),
            found("other", "check", 5),
        ];
        let of = |indexes: &[usize]| indexes.iter().map(|at| &there[*at].name).collect::<Vec<_>>();
        assert_eq!(wanted(&Selection::Of(workspace), &there), of(&[2, 0, 3]));
        assert_eq!(wanted(&Selection::All, &there), of(&[0, 1, 2, 3, 4]));
    }
}
