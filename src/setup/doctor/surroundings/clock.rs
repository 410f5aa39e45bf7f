//! Whether file times can be relied on, as cargo and garbage collection do.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::setup::doctor::workspace;
use crate::store::Store;
use crate::sys::fs;

/// See the module.
pub struct ClockCheck;

const TOLERANCE_MS: u64 = 120_000;
/// More files of a workspace are not looked at, nor deeper ones.
const MOST_FILES: usize = 4_000;
const DEEPEST: usize = 6;

impl Check for ClockCheck {
    fn id(&self) -> &'static str {
        "clock"
    }

    fn group(&self) -> Group {
        Group::Machine
    }

    fn looks_at(&self) -> &'static str {
        "records and sources with times in the future, and the clock of the store's file system"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let soon_ms = machine.now_ms + TOLERANCE_MS;
        let records = machine.cache_dir().map(Store::records_dir).unwrap_or_default();
        let newest = fs::list(&records).unwrap_or_default().into_iter();
        let newest = newest.filter_map(|path| modified_ms(&path).map(|time_ms| (time_ms, path))).max();
        if let Some((time_ms, path)) = newest.filter(|(time_ms, _)| *time_ms > soon_ms) {
            let seconds = (time_ms - machine.now_ms) / 1000;
            return Finding::problem(format!("{} has a time {seconds} s in the future", path.display()))
                .hint("set the clock: cargo rebuilds such files again and again");
        }
        if let Some(seconds) = clocks_apart(machine) {
            return Finding::problem(format!(
                "the clocks of this machine and of the store's file system are {seconds} s apart"
            ))
            .hint(
                "synchronize both with a time server, or set KACHE_CACHE_DIR to a directory on a local disk",
            );
        }
        let ahead = sources_ahead(machine, soon_ms);
        let Some(first) = ahead.first() else { return Finding::ok("no file has a time in the future") };
        let text = match ahead.len() {
            1 => "1 file here has a time in the future".to_owned(),
            n => format!("{n} files here have times in the future"),
        };
        Finding::problem(text)
            .details([first.display().to_string()])
            .hint("cargo recompiles such packages in every build: set the clock and `touch` the files")
    }
}

fn modified_ms(path: &Path) -> Option<u64> {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?;
    Some(modified.duration_since(UNIX_EPOCH).ok()?.as_millis() as u64)
}

/// How many seconds, where that is too many: those of a server may have a clock of their own.
fn clocks_apart(machine: &Machine) -> Option<u64> {
    let dir = machine.scratch_dir()?;
    let written_ms = machine.asks.written_ms(&dir).ok()?;
    let apart_ms = written_ms.abs_diff(crate::sys::clock::now_ms());
    (apart_ms > TOLERANCE_MS).then_some(apart_ms / 1000)
}

/// The sources of the workspace here that were written later than that.
fn sources_ahead(machine: &Machine, soon_ms: u64) -> Vec<PathBuf> {
    let root = workspace::manifest(machine).and_then(|path| path.parent().map(Path::to_owned));
    let outputs = workspace::target_dirs(machine);
    let (mut ahead, mut n_looked_at) = (Vec::new(), 0);
    let mut open: Vec<(PathBuf, usize)> = root.into_iter().map(|root| (root, 0)).collect();
    while let Some((dir, depth)) = open.pop() {
        for (name, kind) in fs::names(&dir).unwrap_or_default() {
            let path = dir.join(&name);
            let is_meant = path.extension().is_some_and(|suffix| suffix == "rs");
            let is_hidden = name.to_string_lossy().starts_with('.');
            match kind {
                b'd' if !is_hidden && depth < DEEPEST && !outputs.contains(&path) => {
                    open.push((path, depth + 1));
                }
                b'f' if is_meant && n_looked_at < MOST_FILES => {
                    n_looked_at += 1;
                    ahead.extend(modified_ms(&path).filter(|time_ms| *time_ms > soon_ms).map(|_| path));
                }
                _ => {}
            }
        }
        if n_looked_at >= MOST_FILES {
            break;
        }
    }
    ahead
}
