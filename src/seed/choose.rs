//! Which manifests fit a build that is about to begin: that of the same build, or else the one that has most packages of
//! its lock file in common.

use std::path::PathBuf;

use crate::manifest::form::{self, Header, Manifest};
use crate::seed::workspace::Build;
use crate::store::Store;

/// So many are looked at, the latest first.
const MOST_LOOKED_AT: usize = 16;

/// A manifest, and where it is.
pub struct Chosen {
    pub path: PathBuf,
    pub manifest: Manifest,
}

/// The manifest that fits best.
pub fn choose(store: &Store, build: &Build) -> Option<Chosen> {
    let exact = form::path(store, &build.id);
    if let Some(manifest) = Manifest::read(&exact) {
        return Some(Chosen { path: exact, manifest });
    }
    let others = form::of_group(store, &build.id.group);
    let nearest = others.into_iter().take(MOST_LOOKED_AT).filter_map(|path| {
        let manifest = Manifest::read(&path)?;
        let n_common = n_common(&manifest.header, build);
        (n_common > 0).then_some((n_common, Chosen { path, manifest }))
    });
    // Of several that are equally near, the latest.
    let nearest = nearest.reduce(|best, other| if other.0 > best.0 { other } else { best });
    nearest.map(|(_, chosen)| chosen)
}

/// How many packages of the build are in the manifest's lock file.
fn n_common(header: &Header, build: &Build) -> usize {
    build.packages.iter().filter(|package| header.packages.binary_search(package).is_ok()).count()
}
