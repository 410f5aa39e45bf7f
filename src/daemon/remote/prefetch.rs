//! Fetches what a build needs that is about to begin: the nearest manifest, then the packs that it names, in the order in
//! which the build needs them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::daemon::remote::event::{NoLink, Prefetched};
use crate::daemon::remote::link::{Got, Link, said};
use crate::daemon::remote::looked_at::{Known, Outline};
use crate::manifest::form::{self, BuildId, Manifest};
use crate::protocol::message::{WantedBuild, WantedUnit, Warmed};
use crate::remote::builds::{self, FoundBuild, NotFetched};
use crate::remote::layout::{self, CompilerName, ManifestName, PackName, UnitFolder};
use crate::remote::manifest::{self, BadManifest, SharedBuild};
use crate::remote::pack;
use crate::remote::sync::each_of;

/// So many manifests of other lock files are looked at, the latest first.
const MOST_LOOKED_AT: usize = 8;
/// So many manifests of the very build are tried, if the latest ones are not accepted.
const MOST_TRIED: usize = 3;
/// A build needs no more time than this to compile it all.
const LONGEST: Duration = Duration::from_secs(600);

/// How far it is: shared by the thread that fetches and those who ask.
#[derive(Debug, Default)]
pub struct Progress {
    is_done: AtomicBool,
    n_wanted: AtomicU64,
    n_fetched: AtomicU64,
}

impl Progress {
    /// As it is now.
    pub fn read(&self) -> Warmed {
        Warmed {
            is_done: self.is_done.load(Ordering::Acquire),
            n_wanted: self.n_wanted.load(Ordering::Relaxed),
            n_fetched: self.n_fetched.load(Ordering::Relaxed),
        }
    }

    /// Notes that nothing more will come.
    pub fn end(&self) {
        self.is_done.store(true, Ordering::Release);
    }
}

/// Fetches the nearest manifest, and what it names that the store lacks.
pub fn prefetch(link: &Link, wanted: &WantedBuild, progress: &Progress) -> Prefetched {
    let mut prefetched = Prefetched::default();
    match nearest(link, wanted, &mut prefetched.refused).and_then(|found| stored(link, found)) {
        Ok(Some(outline)) => warm(link, &outline.packs, progress, &mut prefetched),
        Ok(None) => {}
        Err(failure) => prefetched.failure = Some(failure),
    }
    prefetched
}

/// Fetches what else the latest build consisted of that had a unit which somebody asks for: cargo may have asked nothing before
/// this build began. What the build needed before that unit is fetched as well, last.
pub fn follow(link: &Link, wanted: &WantedUnit, progress: &Progress) -> Prefetched {
    let mut prefetched = Prefetched::default();
    match latest_with(link, wanted, &mut prefetched.refused) {
        Ok(Some((outline, at))) => {
            let (before, behind) = outline.packs.split_at(at);
            let packs: Vec<PackName> = behind.iter().chain(before).cloned().collect();
            warm(link, &packs, progress, &mut prefetched);
        }
        Ok(None) => {}
        Err(failure) => prefetched.failure = Some(failure),
    }
    prefetched
}

/// The latest of some manifests that name a unit, and where in it.
fn latest_with(
    link: &Link,
    wanted: &WantedUnit,
    refused: &mut Vec<String>,
) -> Result<Option<(Arc<Outline>, usize)>, NoLink> {
    let connected = link.connected()?;
    let compiler = CompilerName::new(&wanted.compiler);
    let there = builds::list(&*connected.remote, &connected.namespace, Some(&compiler))?;
    let unit = UnitFolder::new(&wanted.unit_key);
    for found in there.iter().take(MOST_LOOKED_AT) {
        let Some(Candidate { outline, .. }) = look(link, &found.name, refused)? else { continue };
        if let Some(at) = outline.packs.iter().position(|pack| pack.unit == unit) {
            return Ok(Some((outline, at)));
        }
    }
    Ok(None)
}

/// A manifest that was found: what is known of it, and itself, if it was fetched just now.
struct Candidate {
    name: ManifestName,
    outline: Arc<Outline>,
    shared: Option<SharedBuild>,
}

/// Has the store keep a manifest, unless it has that one, or a younger one of the same build.
fn stored(link: &Link, found: Option<Candidate>) -> Result<Option<Arc<Outline>>, NoLink> {
    let Some(Candidate { name, outline, shared }) = found else { return Ok(None) };
    let own = Manifest::read(&form::path(&link.store, &outline.build));
    let is_there = own.is_some_and(|own| own.header.time_ms >= outline.time_ms);
    let shared = match shared {
        None if !is_there => fetch(link, &name, &mut Vec::new())?,
        shared => shared,
    };
    if let Some(shared) = shared {
        let unstored = |e| NoLink { why: format!("failed to store a manifest: {e}"), is_outage: true };
        manifest::import(&link.store, &shared).map_err(unstored)?;
    }
    Ok(Some(outline))
}

/// The manifest of this build, or else the one that has most packages of its lock file in common.
fn nearest(
    link: &Link,
    wanted: &WantedBuild,
    refused: &mut Vec<String>,
) -> Result<Option<Candidate>, NoLink> {
    let connected = link.connected()?;
    let compiler = CompilerName::new(&wanted.compiler);
    let there = builds::list(&*connected.remote, &connected.namespace, Some(&compiler))?;
    let build = BuildId { group: wanted.build_group, request: wanted.build_request };
    let (exact, others) = candidates(&there, wanted, &build);
    for name in exact {
        if let Some(found) = look(link, name, refused)?.filter(|found| found.outline.build == build) {
            return Ok(Some(found));
        }
    }
    let found = Mutex::new((Vec::new(), Vec::new(), None));
    each_of(&others, connected.n_at_a_time, &|name| {
        let mut said = Vec::new();
        let looked = look(link, name, &mut said);
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        found.1.extend(said);
        match looked {
            Ok(Some(candidate)) => found.0.push(candidate),
            Ok(None) => {}
            Err(failure) => found.2 = Some(failure),
        }
    });
    let (candidates, said, failure) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    refused.extend(said);
    if let (true, Some(failure)) = (candidates.is_empty(), failure) {
        return Err(failure);
    }
    let of_group = candidates.into_iter().filter(|found| found.outline.build.group == wanted.build_group);
    let nearest = of_group.max_by_key(|found| (n_common(&found.outline, wanted), found.outline.time_ms));
    Ok(nearest.filter(|found| n_common(&found.outline, wanted) > 0))
}

/// Manifests of the very build, and of others of its group: first those with the same lock file, then the latest.
fn candidates<'a>(
    there: &'a [FoundBuild],
    wanted: &WantedBuild,
    build: &BuildId,
) -> (Vec<&'a ManifestName>, Vec<&'a ManifestName>) {
    let same = layout::build_name(build);
    let names = || there.iter().map(|found| &found.name).filter(|name| name.is_of_group(&wanted.build_group));
    let (exact, mut others): (Vec<_>, Vec<_>) = names().partition(|name| name.build == same);
    let exact = exact.into_iter().take(MOST_TRIED).collect();
    let lock = layout::lock_name(&wanted.lock);
    // They are in the order of their times, which stays.
    others.sort_by_key(|name| name.lock != lock);
    others.truncate(MOST_LOOKED_AT);
    (exact, others)
}

fn n_common(outline: &Outline, wanted: &WantedBuild) -> usize {
    let there = &outline.packages;
    wanted.packages.iter().filter(|package| there.binary_search(package).is_ok()).count()
}

/// What is known of a manifest, which is fetched if that is nothing; `None` where it is not accepted, or gone.
fn look(link: &Link, name: &ManifestName, refused: &mut Vec<String>) -> Result<Option<Candidate>, NoLink> {
    let name = name.clone();
    match link.looked_at.get(&name.id, Instant::now()) {
        Known::Accepted(outline) => return Ok(Some(Candidate { name, outline, shared: None })),
        Known::Refused => return Ok(None),
        Known::Nothing => {}
    }
    let Some(shared) = fetch(link, &name, refused)? else { return Ok(None) };
    let outline = Arc::new(Outline::of(&shared));
    link.looked_at.accept(name.id, &outline);
    Ok(Some(Candidate { name, outline, shared: Some(shared) }))
}

/// Fetches a manifest; `None` where it is not accepted, or gone.
fn fetch(link: &Link, name: &ManifestName, refused: &mut Vec<String>) -> Result<Option<SharedBuild>, NoLink> {
    match builds::fetch(&link.store, link.connected()?, name) {
        Ok(shared) => Ok(Some(shared)),
        Err(NotFetched::Bad(BadManifest::Store(e))) => {
            Err(NoLink { why: format!("failed to store a manifest: {e}"), is_outage: true })
        }
        Err(NotFetched::Bad(error)) => {
            link.looked_at.refuse(name.id, Instant::now());
            refused.push(format!("ignored the manifest of a build in the remote: {error}"));
            Ok(None)
        }
        Err(NotFetched::Remote(error)) => {
            let failure = NoLink::from(error);
            if failure.is_outage { Err(failure) } else { Ok(None) }
        }
    }
}

/// Fetches the packs that the store lacks, until all are there, the remote fails, or it takes too long or too much.
fn warm(link: &Link, packs: &[PackName], progress: &Progress, prefetched: &mut Prefetched) {
    let Ok(connected) = link.connected() else { return };
    let missing: Vec<_> = packs.iter().filter(|pack| !pack::is_stored(&link.store, &pack.key)).collect();
    progress.n_wanted.store(missing.len() as u64, Ordering::Relaxed);
    let began = Instant::now();
    let received = || connected.meter.read().received_bytes;
    let before = received();
    let found = Mutex::new((Vec::new(), None));
    each_of(&missing, connected.n_at_a_time, &|pack| {
        let has_failed = found.lock().unwrap_or_else(PoisonError::into_inner).1.is_some();
        let is_too_much = received().saturating_sub(before) > link.most_prefetched_bytes;
        if has_failed || is_too_much || began.elapsed() > LONGEST {
            return;
        }
        let got = link.fetch(pack);
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        match got {
            Ok(Got::New | Got::Here) => drop(progress.n_fetched.fetch_add(1, Ordering::Relaxed)),
            Ok(Got::Refused(why)) => found.0.extend(why.map(|why| said(pack, &why))),
            Err(failure) if failure.is_outage => found.1 = Some(failure),
            Err(_) => {}
        }
    });
    let (refused, failure) = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    prefetched.refused.extend(refused);
    prefetched.failure = failure;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn the_same_build_goes_first_then_the_same_lock_file_then_the_latest() {
        let digest = |text: &str| Digest::hash(text.as_bytes());
        let found = |lock: &str, group: &str, request: &str, n: u64| {
            let build = BuildId { group: digest(group), request: digest(request) };
            let id = digest(&format!("{lock} {group} {request} {n}"));
            let name = ManifestName::new("n", &digest("rustc"), &digest(lock), &build, id);
            FoundBuild { name, stored_ms: n }
        };
        let there = [
            found("other", "build", "x", 9),
            found("lock", "check", "all", 8),
            found("lock", "build", "some", 7),
            found("lock", "build", "all", 6),
            found("lock", "build", "all", 5),
        ];
        let wanted = WantedBuild {
            cache_dir: "/c".into(),
            compiler: digest("rustc"),
            lock: digest("lock"),
            build_group: digest("build"),
            build_request: digest("all"),
            packages: Vec::new(),
            answer_within_ms: 0,
        };
        let build = BuildId { group: wanted.build_group, request: wanted.build_request };
        let of = |indexes: &[usize]| indexes.iter().map(|at| &there[*at].name).collect::<Vec<_>>();
        assert_eq!(candidates(&there, &wanted, &build), (of(&[3, 4]), of(&[2, 0])));
    }
}
