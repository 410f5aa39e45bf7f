//! What is known of manifests that were fetched: what to compare them by, and what they name. So the same ones need not be
//! fetched before each build.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::digest::Digest;
use crate::manifest::form::BuildId;
use crate::remote::layout::PackName;
use crate::remote::manifest::SharedBuild;
use crate::sys::clock;

/// Of more manifests, the latest are remembered.
const MOST: usize = 64;
/// How long one that was refused is not fetched again.
const REFUSAL_COUNTS: Duration = Duration::from_secs(600);

/// A manifest, without its units.
#[derive(Debug, PartialEq, Eq)]
pub struct Outline {
    pub build: BuildId,
    pub time_ms: u64,
    /// The packages of its lock file, as `name version`, sorted.
    pub packages: Vec<String>,
    /// In the order in which the build needs them.
    pub packs: Vec<PackName>,
}

impl Outline {
    /// That of this manifest.
    pub fn of(shared: &SharedBuild) -> Outline {
        Outline {
            build: shared.build,
            // As it is stored.
            time_ms: shared.manifest.header.time_ms.min(clock::now_ms()),
            packages: shared.manifest.header.packages.clone(),
            packs: shared.packs.clone(),
        }
    }
}

/// The manifests that were fetched lately.
#[derive(Debug, Default)]
pub struct LookedAt(Mutex<Vec<(Digest, Look)>>);

#[derive(Clone, Debug)]
enum Look {
    Accepted(Arc<Outline>),
    Refused(Instant),
}

/// What is known of a manifest.
#[derive(Debug, PartialEq, Eq)]
pub enum Known {
    Accepted(Arc<Outline>),
    Refused,
    /// It is to be fetched.
    Nothing,
}

impl LookedAt {
    /// What is known of the manifest with this identity.
    pub fn get(&self, id: &Digest, now: Instant) -> Known {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.iter().find(|(known, _)| known == id).map(|(_, look)| look) {
            Some(Look::Accepted(outline)) => Known::Accepted(Arc::clone(outline)),
            Some(Look::Refused(at)) if now.saturating_duration_since(*at) < REFUSAL_COUNTS => Known::Refused,
            _ => Known::Nothing,
        }
    }

    /// Remembers a manifest that was fetched.
    pub fn accept(&self, id: Digest, outline: &Arc<Outline>) {
        self.put(id, Look::Accepted(Arc::clone(outline)));
    }

    /// Remembers a manifest that was refused.
    pub fn refuse(&self, id: Digest, now: Instant) {
        self.put(id, Look::Refused(now));
    }

    fn put(&self, id: Digest, look: Look) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(known, _)| *known != id);
        if all.len() == MOST {
            all.remove(0);
        }
        all.push((id, look));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_remembered_and_a_refusal_for_a_while() {
        let (looked_at, now) = (LookedAt::default(), Instant::now());
        let id = |n: usize| Digest::hash(&n.to_le_bytes());
        let build = BuildId { group: id(0), request: id(0) };
        let outline = Arc::new(Outline { build, time_ms: 1, packages: Vec::new(), packs: Vec::new() });
        assert_eq!(looked_at.get(&id(1), now), Known::Nothing);
        looked_at.accept(id(1), &outline);
        looked_at.refuse(id(2), now);
        assert_eq!(looked_at.get(&id(1), now), Known::Accepted(Arc::clone(&outline)));
        assert_eq!(looked_at.get(&id(2), now), Known::Refused);
        assert_eq!(looked_at.get(&id(2), now + REFUSAL_COUNTS), Known::Nothing);
        (3..MOST + 2).for_each(|n| looked_at.accept(id(n), &outline));
        assert_eq!(looked_at.get(&id(1), now), Known::Nothing, "the oldest is forgotten");
        assert_eq!(looked_at.get(&id(2), now), Known::Refused);
    }
}
