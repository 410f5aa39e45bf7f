//! Whether compiles can be observed here: cached in the store's machine directory, so that a hit does not start a process to find out.
//!
//! The answer is asked once per boot, and once for each set of conditions that a process can be under: its user,
//! privileges, filters and namespaces. A container and its host may share a store and have answers of their own.

use std::path::PathBuf;

use crate::digest::{Digest, guard};
use crate::store::Store;
use crate::sys::fs::private;
use crate::sys::observe::{self, Conditions};

const POSSIBLE: &str = "possible";
const IMPOSSIBLE: &str = "impossible";

impl Store {
    /// Whether compiles of this process can be observed.
    pub fn can_observe(&self) -> bool {
        let Some(conditions) = observe::conditions() else { return observe::try_it().is_possible };
        match self.kept_observability(&conditions).as_deref() {
            Some(POSSIBLE) => true,
            Some(IMPOSSIBLE) => false,
            _ => {
                let trial = observe::try_it();
                if trial.is_lasting {
                    self.keep_observability(&conditions, trial.is_possible);
                }
                trial.is_possible
            }
        }
    }

    /// Forgets the answer, so that it is checked again: a compile could not be observed. If the answer that is kept were wrong, no compile by rules
    /// would ever hit.
    pub fn forget_observability(&self) {
        if let Some(conditions) = observe::conditions() {
            let _ = crate::sys::fs::remove(&self.observability_file(&conditions));
        }
    }

    fn kept_observability(&self, conditions: &Conditions) -> Option<String> {
        let bytes = private::read(&self.observability_file(conditions)).ok()?;
        let text = String::from_utf8(guard::check(bytes)?).ok()?;
        let (boot, answer) = text.split_once('\n')?;
        (boot == conditions.boot).then(|| answer.to_owned())
    }

    fn keep_observability(&self, conditions: &Conditions, is_possible: bool) {
        let answer = if is_possible { POSSIBLE } else { IMPOSSIBLE };
        let bytes = guard::add(format!("{}\n{answer}", conditions.boot).into_bytes());
        let (path, temporary) = (self.observability_file(conditions), self.temporary());
        // Where it cannot be kept, the next process asks again.
        let _ = self.make_room(&path, &temporary).and_then(|()| private::replace(&path, &temporary, &bytes));
    }

    fn observability_file(&self, conditions: &Conditions) -> PathBuf {
        let digest = Digest::hash(conditions.process.as_bytes()).to_hex();
        self.machine_dir().join(format!("observable-{}", &digest[..32]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(boot: &str, process: &str) -> Conditions {
        Conditions { boot: boot.to_owned(), process: process.to_owned() }
    }

    #[test]
    fn an_answer_holds_for_one_boot_and_the_same_conditions() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let store = Store::at(dir.path());
        store.keep_observability(&conditions("one", "host"), true);
        store.keep_observability(&conditions("one", "container"), false);
        let kept = |boot, process| store.kept_observability(&conditions(boot, process));
        assert_eq!(kept("one", "host").as_deref(), Some(POSSIBLE));
        assert_eq!(kept("one", "container").as_deref(), Some(IMPOSSIBLE));
        assert_eq!((kept("two", "host"), kept("one", "other")), (None, None));
    }

    #[test]
    fn what_was_asked_is_kept_until_it_is_forgotten() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let store = Store::at(dir.path());
        assert_eq!(store.can_observe(), observe::try_it().is_possible);
        let Some(conditions) = observe::conditions() else { return };
        let kept = store.kept_observability(&conditions).expect("it is kept");
        let other = if kept == POSSIBLE { IMPOSSIBLE } else { POSSIBLE };
        store.keep_observability(&conditions, other == POSSIBLE);
        assert_eq!(store.can_observe(), other == POSSIBLE, "it is not asked again");
        store.forget_observability();
        assert_eq!(store.can_observe(), kept == POSSIBLE);
    }
}
