//! Manifests that were fetched and not stored, because the store had younger ones of the same builds: they need not be fetched
//! again as long as it has.

use crate::digest::{Digest, guard};
use crate::store::Store;
use crate::sys::fs::{self, private};

/// Among the facts about this machine.
const FILE: &str = "manifests-passed-over";
/// Of more, the latest are remembered.
const MOST: usize = 1_000;

/// The identities of these manifests, the latest last.
#[derive(Debug, Default)]
pub struct PassedOver {
    ids: Vec<Digest>,
    is_changed: bool,
}

impl PassedOver {
    /// Those that are remembered. What cannot be read is fetched once more.
    pub fn read(store: &Store) -> PassedOver {
        let content = private::read(&store.machine_dir().join(FILE)).ok().and_then(guard::check);
        let text = content.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        PassedOver { ids: text.lines().filter_map(|line| line.parse().ok()).collect(), is_changed: false }
    }

    /// Whether this one is among them.
    pub fn has(&self, id: &Digest) -> bool {
        self.ids.contains(id)
    }

    /// Adds one.
    pub fn add(&mut self, id: Digest) {
        if !self.has(&id) {
            self.ids.push(id);
            self.is_changed = true;
        }
    }

    /// Remembers them, if any was added. Where that fails they are fetched once more.
    pub fn write(&self, store: &Store) {
        if !self.is_changed {
            return;
        }
        let dir = store.machine_dir();
        let latest = &self.ids[self.ids.len().saturating_sub(MOST)..];
        let text: String = latest.iter().map(|id| format!("{id}\n")).collect();
        let temporary = dir.join(format!("tmp-{}", fs::unique_name()));
        let _ = private::create_dir_all(&dir)
            .and_then(|()| private::replace(&dir.join(FILE), &temporary, &guard::add(text.into_bytes())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scene;

    #[test]
    fn the_latest_are_remembered() {
        let scene = Scene::new();
        let store = scene.store();
        let id = |n: usize| Digest::hash(&n.to_le_bytes());
        let mut passed_over = PassedOver::read(&store);
        passed_over.write(&store);
        assert!(!store.machine_dir().join(FILE).exists(), "nothing is written without need");
        (0..MOST + 5).for_each(|n| passed_over.add(id(n)));
        passed_over.add(id(7));
        passed_over.write(&store);
        let read = PassedOver::read(&store);
        assert_eq!(read.ids.len(), MOST);
        assert!(read.has(&id(MOST + 4)) && read.has(&id(5)) && !read.has(&id(4)));
    }
}
