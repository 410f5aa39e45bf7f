//! Whether this user can use every folder of the cache directory, and nobody else can change it.

use std::path::{Path, PathBuf};

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix};
use crate::setup::doctor::machine::Machine;
use crate::setup::plan::{Action, CommandLine};
use crate::setup::store_access;
use crate::sys::fs;
use crate::sys::fs::settle;

/// See the module.
pub struct DirectoryCheck;

impl Check for DirectoryCheck {
    fn id(&self) -> &'static str {
        "cache-directory"
    }

    fn group(&self) -> Group {
        Group::Store
    }

    fn looks_at(&self) -> &'static str {
        "owner and mode of the cache directory and its subdirectories"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Some(dir) = machine.cache_dir() else {
            return Finding::problem("there is no cache directory").hint("set HOME or KACHE_CACHE_DIR");
        };
        let shown = dir.display();
        let Ok(metadata) = fs::metadata(dir) else {
            let above = dir.ancestors().skip(1).find(|dir| fs::metadata(dir).is_ok());
            return match above.filter(|above| settle::is_writable(above)) {
                Some(_) => Finding::ok(format!("the first build creates {shown}")),
                None => Finding::problem(format!("{shown} does not exist and cannot be created")).hint(
                    "give this user permission to create it, or set KACHE_CACHE_DIR to another directory",
                ),
            };
        };
        if !metadata.is_dir() {
            return Finding::problem(format!("{shown} is not a directory, so nothing is stored"))
                .hint("remove it, or set KACHE_CACHE_DIR to a directory");
        }
        let obstacles = store_access::look(dir);
        if obstacles.is_none() {
            return Finding::ok(format!("{shown} is writable"));
        }
        // Of one path, and of the whole directory, the sentence says all.
        let paths = obstacles.paths();
        let says_all = paths.len() == 1 || paths.iter().any(|path| path == dir);
        let paths: &[PathBuf] = if says_all { &[] } else { paths };
        let n_more = paths.len().saturating_sub(3);
        let more = (n_more > 0).then(|| format!("and {n_more} more"));
        let listed = paths.iter().take(3).map(|path| path.display().to_string());
        let finding =
            Finding::problem(obstacles.sentence()).details(listed.chain(more)).hint(obstacles.hint());
        if !obstacles.foreign.is_empty() || obstacles.unwritable.iter().all(|path| may_write(path)) {
            return finding;
        }
        let Some(dir) = dir.to_str() else { return finding };
        let command = CommandLine::new("chmod", &["-R", "u+rwX", dir]);
        let action = Action::run("Make the store writable for this user", command, None);
        finding.fix(Fix::from_actions(vec![action]).after_asking("Make it writable again?"))
    }
}

/// Whether the mode lets the owner write, so that another mode would not help.
fn may_write(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| settle::mode(&metadata) & 0o200 != 0)
}
