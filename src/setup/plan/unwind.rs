//! Decides how to undo one recorded change. It works on values, and changes nothing itself.

use std::path::Path;

use crate::setup::plan::state::{Content, PathSnapshot};
use crate::setup::plan::undo_edit::{CannotUndo, UndoEdit};

/// What has to be done to undo a change of a path.
#[derive(Debug)]
pub enum Unwound {
    /// It is as it was before already, or what was put in is gone.
    Nothing,
    /// This is to be put there.
    To(Content),
    /// Somebody changed it, and what was put in cannot be told from that.
    Conflict(Conflict),
}

/// What happened to a path since it was changed.
#[derive(Debug, thiserror::Error)]
pub enum Conflict {
    #[error("it was removed since")]
    Removed,
    #[error("it was replaced since")]
    Replaced,
    #[error(transparent)]
    Edited(#[from] CannotUndo),
}

/// Takes back a change from `before` to `after`, where `path` holds `now`.
pub fn unwind(
    path: &Path,
    before: &Content,
    after: &PathSnapshot,
    undo: &UndoEdit,
    now: &Content,
) -> Unwound {
    let state = now.state();
    if state.matches(&before.state()) {
        return Unwound::Nothing;
    }
    if state.matches(after) {
        return Unwound::To(before.clone());
    }
    match (now, after) {
        // Somebody removed what was made here.
        (Content::Absent, _) if *before == Content::Absent => Unwound::Nothing,
        (Content::File { bytes, mode }, PathSnapshot::File { .. }) => match undo.apply(path, bytes) {
            Ok(Some(rest)) if rest.is_empty() && *before == Content::Absent => Unwound::To(Content::Absent),
            Ok(Some(rest)) => Unwound::To(Content::File { bytes: rest, mode: *mode }),
            Ok(None) => Unwound::Nothing,
            Err(why) => Unwound::Conflict(why.into()),
        },
        (Content::Absent, _) => Unwound::Conflict(Conflict::Removed),
        _ => Unwound::Conflict(Conflict::Replaced),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Content {
        Content::File { bytes: text.into(), mode: 0o644 }
    }

    #[test]
    fn what_was_not_edited_gets_its_bytes_back_and_what_was_edited_loses_only_ours() {
        let lines = UndoEdit::RemoveLines { lines: vec!["ours".into()] };
        let ours = file("theirs\nours\n");
        for (before, undo, now, expected) in [
            (file("theirs\n"), &lines, ours.clone(), Unwound::To(file("theirs\n"))),
            (file("theirs\n"), &lines, file("theirs\n"), Unwound::Nothing),
            (file("theirs\n"), &lines, file("ours\nmore\n"), Unwound::To(file("more\n"))),
            (file("theirs\n"), &lines, file("more\n"), Unwound::Nothing),
            (file("theirs\n"), &UndoEdit::None, file("more\n"), Unwound::Conflict(CannotUndo::Edited.into())),
            (file("theirs\n"), &lines, Content::Absent, Unwound::Conflict(Conflict::Removed)),
            (file("theirs\n"), &lines, Content::Directory, Unwound::Conflict(Conflict::Replaced)),
            (Content::Absent, &lines, ours.clone(), Unwound::To(Content::Absent)),
            (Content::Absent, &lines, file("ours\n"), Unwound::To(Content::Absent)),
            (Content::Absent, &lines, Content::Absent, Unwound::Nothing),
        ] {
            let unwound = unwind(Path::new("/c"), &before, &ours.state(), undo, &now);
            assert_eq!(format!("{unwound:?}"), format!("{expected:?}"), "{before:?} {now:?}");
        }
    }
}
