//! Whether the cache directory can be used by this user, and by nobody else.

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::sys::fs;
use crate::sys::fs::settle;

/// See the module.
pub struct Directory;

impl Check for Directory {
    fn id(&self) -> &'static str {
        "cache-directory"
    }

    fn group(&self) -> Group {
        Group::Store
    }

    fn looks_at(&self) -> &'static str {
        "the cache directory, its owner and its mode"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Some(dir) = machine.cache_dir() else {
            return Finding::problem("there is no place for the store")
                .hint("set HOME, or name a directory in KACHE_CACHE_DIR");
        };
        let shown = dir.display();
        let Ok(metadata) = fs::metadata(dir) else {
            let above = dir.ancestors().skip(1).find(|dir| fs::metadata(dir).is_ok());
            return match above.filter(|above| settle::is_writable(above)) {
                Some(_) => Finding::ok(format!("{shown} is made by the first build")),
                None => Finding::problem(format!("{shown} is not there, and cannot be made"))
                    .hint("give this user the right to make it, or name another in KACHE_CACHE_DIR"),
            };
        };
        if !metadata.is_dir() {
            return Finding::problem(format!("{shown} is no directory, so nothing is stored"))
                .hint("remove it, or name a directory in KACHE_CACHE_DIR");
        }
        if !settle::is_writable(dir) {
            return Finding::problem(format!("{shown} cannot be written to, so nothing is stored"))
                .hint("give it to this user, or name another in KACHE_CACHE_DIR");
        }
        if !fs::is_own(&metadata) {
            return Finding::problem(format!(
                "{shown} belongs to another user, who can change what is served"
            ))
            .hint("name a directory of this user's in KACHE_CACHE_DIR");
        }
        if settle::mode(&metadata) & 0o002 != 0 {
            return Finding::problem(format!("{shown} can be written to by everybody"))
                .hint(format!("chmod o-w {shown}"));
        }
        Finding::ok(format!("{shown} can be written to"))
    }
}
