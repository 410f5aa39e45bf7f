//! A hit, finished: every file in place, then what the compiler printed.

use std::io::Write as _;

use crate::invocation::Role;
use crate::key::context::KeyContext;
use crate::outcome::MissReason;
use crate::run::miss::collect::dep_info_of;
use crate::run::restore::{self, Failed, Restored};
use crate::run::streams::Streams;
use crate::store::Store;
use crate::store::lookup::Found;
use crate::sys::fs;

/// Restores what was found, and prints. Nothing is printed unless everything is in place.
pub fn serve(
    store: &Store,
    found: &Found,
    context: &KeyContext<'_>,
    streams: &Streams<'_>,
) -> Result<Restored, MissReason> {
    let entry = &found.entry;
    let failed = || MissReason::RestoreFailed;
    let dep_info = dep_info_of(entry, &found.list, context).ok_or_else(failed)?;
    let stdout = streams.give(&entry.stdout).ok_or_else(failed)?;
    let stderr = streams.give(&entry.stderr).ok_or_else(failed)?;
    let restored =
        restore::restore(store, entry, context.outputs, context.memo).map_err(|failed| match failed {
            Failed::Blob => MissReason::BlobDamaged,
            Failed::Incomplete => MissReason::EntryDamaged,
            Failed::Place => MissReason::RestoreFailed,
        })?;
    if let Some(output) = context.outputs.iter().find(|output| output.role == Role::DepInfo) {
        fs::replace(&output.path, &restore::temporary_beside(&output.path), &dep_info)
            .map_err(|_| failed())?;
    }
    // A reader that went away is no reason to fail: the files are there.
    let _ = std::io::stdout().write_all(&stdout);
    let _ = std::io::stderr().write_all(&stderr);
    Ok(restored)
}
