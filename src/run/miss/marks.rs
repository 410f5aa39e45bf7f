//! Marks outputs that were compiled incrementally: what depends on them has no key.

use crate::action::memo::Memo;
use crate::action::roots::BuildDirs;
use crate::invocation::outputs::output_of;
use crate::invocation::{Output, Role};
use crate::sys::defence;

/// Marks one output.
pub fn mark(output: &Output, build_dirs: &BuildDirs, memo: &Memo) {
    if defence::stands("edits-are-marked") {
        memo.mark_edited(&build_dirs.cwd.join(&output.path));
    }
}

/// Marks the metadata, with which dependents start as soon as it is announced.
pub fn mark_announced(outputs: &[Output], build_dirs: &BuildDirs) {
    if let Some(output) = output_of(outputs, Role::Metadata) {
        mark(output, build_dirs, &Memo::of(build_dirs.target.as_deref()));
    }
}
