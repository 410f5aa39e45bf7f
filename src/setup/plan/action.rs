//! One planned change of the machine: the state before and after, and how to undo it.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::setup::plan::command::CommandLine;
use crate::setup::plan::state::{Content, PathSnapshot};
use crate::setup::plan::undo_edit::UndoEdit;
use crate::sys::fs;
use crate::sys::fs::settle::{self, HAS_SYMLINKS};

/// A planned change, with a line that says what it is for.
#[derive(Clone, Debug)]
pub struct Action {
    pub title: String,
    pub change: ActionKind,
}

/// What an action changes.
#[derive(Clone, Debug)]
pub enum ActionKind {
    Path(PathChange),
    Run(Run),
}

/// Another content for a path.
#[derive(Clone, Debug)]
pub struct PathChange {
    /// What is written to: symbolic links that lead to a file are resolved.
    pub path: PathBuf,
    /// What was there when it was planned.
    pub before: Content,
    pub after: Content,
    /// How to undo it in a file that was edited since.
    pub undo: UndoEdit,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub command: CommandLine,
    /// Undoes it. It may be run after `command` failed or was killed, and it may be run twice.
    pub undo: Option<CommandLine>,
}

/// Why an action cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum CannotPlan {
    #[error("failed to read {path}: {error}")]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{path} is a dangling symbolic link; remove it, or create its target")]
    DanglingLink { path: PathBuf },
    #[error("{path} is {what}")]
    NotAFile { path: PathBuf, what: &'static str },
}

impl Action {
    /// Replaces the content of a file, or creates it. If `path` is a symbolic link, its target is changed. `undo` is for a
    /// file that is edited later; otherwise the old content is restored.
    pub fn edit(
        title: impl Into<String>,
        path: &Path,
        after: Vec<u8>,
        undo: UndoEdit,
    ) -> Result<Action, CannotPlan> {
        Action::file(title, path, after, 0o644, undo)
    }

    /// Creates a file with this mode, or replaces the content of an existing one.
    pub fn file(
        title: impl Into<String>,
        path: &Path,
        after: Vec<u8>,
        mode: u32,
        undo: UndoEdit,
    ) -> Result<Action, CannotPlan> {
        let path = resolved(path)?;
        let before = content_at(&path)?;
        match before {
            Content::Directory => return Err(CannotPlan::NotAFile { path, what: "a directory" }),
            Content::Absent | Content::File { .. } | Content::Copy { .. } | Content::Link { .. } => {}
        }
        Ok(Action::on_path(title, path, before, Content::File { bytes: after, mode }, undo))
    }

    /// Removes a file or a symbolic link (not what that leads to), or a directory if it is empty then.
    pub fn remove(title: impl Into<String>, path: &Path) -> Result<Action, CannotPlan> {
        let before = content_at(path)?;
        Ok(Action::on_path(title, path.to_owned(), before, Content::Absent, UndoEdit::None))
    }

    /// Makes `path` a symbolic link to `target`; a copy of it where links cannot be relied on.
    pub fn link(title: impl Into<String>, path: &Path, target: &Path) -> Result<Action, CannotPlan> {
        if !HAS_SYMLINKS {
            return Action::copy(title, path, target);
        }
        let after = Content::Link { target: target.to_owned() };
        Action::replacing(title, path, after)
    }

    /// Makes `path` a copy of the file `from`.
    pub fn copy(title: impl Into<String>, path: &Path, from: &Path) -> Result<Action, CannotPlan> {
        let digest = fs::open(from).and_then(|mut file| Digest::hash_reader(&mut file));
        let metadata = fs::metadata(from);
        let (digest, _) = digest.map_err(|error| unreadable(from, error))?;
        let mode = settle::mode(&metadata.map_err(|error| unreadable(from, error))?);
        Action::replacing(title, path, Content::Copy { from: from.to_owned(), digest, mode })
    }

    /// Makes a directory; the one above it must be there, or be made by an earlier action. See
    /// [`crate::setup::plan::Plan::make_dirs`].
    pub fn make_dir(title: impl Into<String>, path: &Path) -> Result<Action, CannotPlan> {
        let before = content_at(path)?;
        if !matches!(before, Content::Absent | Content::Directory) {
            return Err(CannotPlan::NotAFile { path: path.to_owned(), what: "no directory" });
        }
        Ok(Action::on_path(title, path.to_owned(), before, Content::Directory, UndoEdit::None))
    }

    /// Runs a command, which must end with 0.
    pub fn run(title: impl Into<String>, command: CommandLine, undo: Option<CommandLine>) -> Action {
        Action { title: title.into(), change: ActionKind::Run(Run { command, undo }) }
    }

    /// Changes `path` itself from `before` to `after`.
    pub fn on_path(
        title: impl Into<String>,
        path: PathBuf,
        before: Content,
        after: Content,
        undo: UndoEdit,
    ) -> Action {
        Action { title: title.into(), change: ActionKind::Path(PathChange { path, before, after, undo }) }
    }

    fn replacing(title: impl Into<String>, path: &Path, after: Content) -> Result<Action, CannotPlan> {
        let before = content_at(path)?;
        if before == Content::Directory {
            return Err(CannotPlan::NotAFile { path: path.to_owned(), what: "a directory" });
        }
        Ok(Action::on_path(title, path.to_owned(), before, after, UndoEdit::None))
    }

    /// Whether the machine is already as this leaves it. A command always has something to do.
    pub fn is_done(&self) -> bool {
        match &self.change {
            ActionKind::Path(change) => change.after.state().matches(&change.before.state()),
            ActionKind::Run(_) => false,
        }
    }
}

impl PathChange {
    /// What is there now.
    pub fn now(&self) -> io::Result<PathSnapshot> {
        PathSnapshot::at(&self.path)
    }

    /// Whether the path is as it was when this was planned. A directory may have been created since.
    pub fn can_start_from(&self, now: &PathSnapshot) -> bool {
        now.matches(&self.before.state())
            || (self.after == Content::Directory && *now == PathSnapshot::Directory)
    }
}

fn content_at(path: &Path) -> Result<Content, CannotPlan> {
    Content::at(path).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, error: io::Error) -> CannotPlan {
    CannotPlan::Unreadable { path: path.to_owned(), error }
}

/// The file that `path` leads to.
pub fn resolved(path: &Path) -> Result<PathBuf, CannotPlan> {
    match settle::standing(path) {
        Ok(settle::Standing::Link(_)) => match fs::canonical(path) {
            Ok(target) => Ok(target),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                Err(CannotPlan::DanglingLink { path: path.to_owned() })
            }
            Err(error) => Err(unreadable(path, error)),
        },
        Ok(settle::Standing::Other) => {
            Err(CannotPlan::NotAFile { path: path.to_owned(), what: "neither a file nor a directory" })
        }
        Ok(_) => Ok(path.to_owned()),
        Err(error) => Err(unreadable(path, error)),
    }
}
