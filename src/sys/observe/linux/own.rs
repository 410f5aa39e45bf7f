//! Tracks which names the observed programs have made, moved or removed. Files at such a name, or below it, are their
//! own and no inputs.
//!
//! A call is noted before it runs, so it may still fail. Each attempt is kept together with the state of the name before
//! it. When the name is used again, the two states are compared: if nothing changed, the file is an input as before. In
//! doubt it is an input too.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::calls::How;
use crate::sys::defence;
use crate::sys::fs::Identity;

/// Changed names, without symbolic links.
#[derive(Default)]
pub(super) struct Own(HashMap<Vec<u8>, Change>);

#[derive(Clone, Copy)]
enum Change {
    /// It was seen that the name had changed.
    Happened,
    /// The call was let go on; whether it succeeded was not looked at yet.
    Attempted(Before),
}

/// What was at a name before a call that would change it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Before {
    state: StateBefore,
    /// The call follows a symbolic link at the end of the name.
    follow: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum StateBefore {
    Absent,
    /// A file whose content the call would throw away: any change of its state is such a change.
    Content(Identity),
    /// Whatever the call would put something else in the place of: only another file is a change.
    Node {
        device: u64,
        inode: u64,
    },
}

impl Own {
    /// Notes that a call is about to do `how` to the name `real`, if what is there afterwards would come from the
    /// observed programs.
    pub(super) fn attempt(&mut self, real: &Path, how: How, follow: bool) {
        if let Some(state) = state_before(real, how, follow) {
            let attempted = Change::Attempted(Before { state, follow });
            self.0.insert(real.as_os_str().as_bytes().to_vec(), attempted);
        }
    }

    /// Finds out whether the changes of `path` and of the directories above it happened.
    pub(super) fn settle(&mut self, path: &Path) {
        if self.0.is_empty() {
            return;
        }
        for part in prefixes(path) {
            let Some(Change::Attempted(before)) = self.0.get(part).copied() else { continue };
            if happened(Path::new(OsStr::from_bytes(part)), before)
                || !defence::stands("failed-changes-change-nothing")
            {
                self.0.insert(part.to_vec(), Change::Happened);
            } else {
                self.0.remove(part);
            }
        }
    }

    /// Whether `path` or a directory above it was changed. What was not settled counts as changed.
    pub(super) fn covers(&self, path: &Path) -> bool {
        !self.0.is_empty() && prefixes(path).any(|part| self.0.contains_key(part))
    }

    /// The same for what may have no name any more: that was theirs, or it was seen under its name.
    pub(super) fn covers_nameless(&self, real: &Path) -> bool {
        !self.0.is_empty() && (self.covers(real) || is_nameless(real))
    }
}

/// Whether the kernel says that a file has no name any more.
fn is_nameless(real: &Path) -> bool {
    real.as_os_str().as_bytes().ends_with(b" (deleted)")
        && (!defence::stands("names-like-those-of-deleted-files") || std::fs::symlink_metadata(real).is_err())
}

/// The path and the directories above it but the root, the longest last.
fn prefixes(path: &Path) -> impl Iterator<Item = &[u8]> {
    let path = path.as_os_str().as_bytes();
    let ends = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    ends.chain([path.len()]).filter_map(|end| path.get(..end))
}

/// `None` where the call cannot put anything of its own there, or where its state is unknown.
fn state_before(real: &Path, how: How, follow: bool) -> Option<StateBefore> {
    let found = match look(real, follow) {
        Ok(metadata) => Some(metadata),
        Err(e) if is_absent(&e) => None,
        Err(_) => return None,
    };
    match (how, found) {
        (How::Source | How::Replace | How::Remove, Some(metadata)) => Some(node(&metadata)),
        (How::Truncate, Some(metadata)) if metadata.is_file() => {
            Some(StateBefore::Content(Identity::from_metadata(&metadata)))
        }
        (
            How::Replace
            | How::Truncate
            | How::Create
            | How::CreateLink
            | How::Write
            | How::ReadWrite
            | How::ReadOrCreate,
            None,
        ) => Some(StateBefore::Absent),
        _ => None,
    }
}

fn happened(path: &Path, before: Before) -> bool {
    match (before.state, look(path, before.follow)) {
        (StateBefore::Absent, now) => now.is_ok(),
        (StateBefore::Content(_) | StateBefore::Node { .. }, Err(e)) => is_absent(&e),
        (StateBefore::Content(then), Ok(now)) => Identity::from_metadata(&now) != then,
        (then @ StateBefore::Node { .. }, Ok(now)) => node(&now) != then,
    }
}

fn node(metadata: &Metadata) -> StateBefore {
    let Identity { device, inode, .. } = Identity::from_metadata(metadata);
    StateBefore::Node { device, inode }
}

fn look(path: &Path, follow: bool) -> io::Result<Metadata> {
    if follow { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR))
}

#[cfg(test)]
mod tests;
