//! The journal: what was changed on the machine, so that it can be undone.
//!
//! ```text
//! $XDG_STATE_HOME/kache/journal/
//!   lock                        one apply at a time
//!   2026-11-24T15-30-12.123/    one apply; only its owner can read it
//!     plan.json                 every change, with the state of its path before and after
//!     0.before 0.after …        the bytes of files, by the number of the change; gone once they cannot be needed
//!     started                   one line for each command that was started
//!     status                    `applying`, then `done` or `reverted`; `undone` once it was undone
//! ```
//!
//! `plan.json` is written last before anything is changed: a directory without it is one of an apply that did nothing.
//! An apply whose status is `applying` while nobody holds the lock was interrupted. It is reverted before anything
//! else is done.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::setup::plan::Plan;
use crate::setup::plan::action::ActionKind;
use crate::setup::plan::command::CommandLine;
use crate::setup::plan::state::{Content, PathSnapshot};
use crate::setup::plan::undo_edit::UndoEdit;
use crate::sys::env::Env;
use crate::sys::fs::settle;
use crate::sys::lock::{self, FileLock, Waited};
use crate::sys::{clock, dirs, fs};

/// The version of `plan.json`.
const FORMAT: u32 = 1;

/// How long another apply is waited for. With a service to be started, one takes seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// What to do about a journal that cannot be read.
pub const DAMAGED_HINT: &str = "if what it names is damaged, remove that directory and run this again; `kache uninstall` \
                                then looks for what names kache";

/// The journal of this user.
pub struct Journal {
    pub(super) dir: PathBuf,
    pub(super) patience: Duration,
}

/// The status of an apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryStatus {
    Applying,
    Done,
    Reverted,
    Undone,
}

/// One recorded apply.
pub struct JournalEntry {
    pub(super) dir: PathBuf,
    pub(super) record: JournalRecord,
    /// Its status when it was read.
    status: EntryStatus,
}

/// `plan.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct JournalRecord {
    format: u32,
    /// The command that planned it: `init`, `uninstall`, …
    pub command: String,
    /// The version of kache.
    version: String,
    /// Milliseconds since 1970.
    time_ms: u64,
    /// The applies that this one undoes.
    pub undoes: Vec<String>,
    pub changes: Vec<RecordedChange>,
}

/// One change in `plan.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum RecordedChange {
    Path { title: String, path: PathBuf, before: PathSnapshot, after: PathSnapshot, undo: UndoEdit },
    Run { title: String, command: CommandLine, undo: Option<CommandLine> },
}

impl Journal {
    /// The journal of the user in `env`; `None` without a home.
    pub fn for_user(env: &Env) -> Option<Journal> {
        Some(Journal::at(dirs::state(env)?.join("kache/journal")))
    }

    /// The journal in this directory.
    pub fn at(dir: PathBuf) -> Journal {
        Journal { dir, patience: PATIENCE }
    }

    /// Whether anything was written down.
    pub fn exists(&self) -> bool {
        fs::metadata(&self.dir).is_ok()
    }

    /// Acquires the lock; `None` if another process keeps it. A process that was started while the last holder exited may
    /// inherit it for a moment.
    pub(super) fn lock(&self) -> io::Result<Option<FileLock>> {
        settle::create_private_dir_all(&self.dir)?;
        match lock::lock(&self.dir.join("lock"), self.patience)? {
            Waited::Free(lock) | Waited::AfterHolder(lock) => Ok(Some(lock)),
            Waited::Stalled => Ok(None),
        }
    }

    /// All applies, oldest first. One without a `plan.json` is left out: it was interrupted before it changed anything.
    ///
    /// # Errors
    /// One of them or its status cannot be read, so that it is unknown what can be undone.
    pub fn entries(&self) -> io::Result<Vec<JournalEntry>> {
        let dirs = match fs::list(&self.dir) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            dirs => dirs?,
        };
        let mut entries = Vec::new();
        for dir in dirs {
            let bytes = match fs::read(&dir.join("plan.json")) {
                Ok(bytes) => bytes,
                Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    continue;
                }
                Err(e) => return Err(at_path(&dir, e)),
            };
            let record: JournalRecord =
                serde_json::from_slice(&bytes).map_err(|e| at_path(&dir, e.into()))?;
            if record.format != FORMAT {
                return Err(at_path(&dir, io::Error::other("it was written by another version of kache")));
            }
            let status = EntryStatus::at(&dir.join("status"))?;
            entries.push(JournalEntry { dir, record, status });
        }
        Ok(entries)
    }

    /// Removes the journal. Nothing can be undone after that.
    pub fn remove(&self) -> io::Result<()> {
        let lock = self.lock()?.ok_or(io::ErrorKind::ResourceBusy)?;
        let lock_file = self.dir.join("lock");
        for path in fs::list(&self.dir)?.into_iter().filter(|path| *path != lock_file) {
            let is_dir = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
            if is_dir { fs::remove_dir_all(&path) } else { fs::remove(&path) }?;
        }
        // While it is held; where a file that is open keeps its name, that goes when it is closed.
        fs::remove(&lock_file)?;
        drop(lock);
        settle::remove_empty_dir(&self.dir)?;
        match self.dir.parent().map(settle::remove_empty_dir) {
            Some(Err(e)) if e.kind() != io::ErrorKind::DirectoryNotEmpty => Err(e),
            _ => Ok(()),
        }
    }

    /// Records what is about to be done.
    pub(super) fn begin(&self, plan: &Plan) -> io::Result<JournalEntry> {
        let time_ms = clock::now_ms();
        let mut dir = self.dir.join(clock::stamp(time_ms));
        while !matches!(settle::standing(&dir)?, settle::Standing::Nothing) {
            dir.as_mut_os_string().push("+");
        }
        settle::create_private_dir_all(&dir)?;
        let mut changes = Vec::new();
        for (index, action) in plan.actions.iter().enumerate() {
            let title = action.title.clone();
            changes.push(match &action.change {
                ActionKind::Run(run) => {
                    RecordedChange::Run { title, command: run.command.clone(), undo: run.undo.clone() }
                }
                ActionKind::Path(change) => {
                    for (content, name) in [(&change.before, "before"), (&change.after, "after")] {
                        if let Content::File { bytes, .. } = content {
                            settle::write_private(&dir.join(format!("{index}.{name}")), bytes)?;
                        }
                    }
                    let (path, undo) = (change.path.clone(), change.undo.clone());
                    let (before, after) = (change.before.state(), change.after.state());
                    RecordedChange::Path { title, path, before, after, undo }
                }
            });
        }
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let (command, undoes) = (plan.command.clone(), plan.undoes.clone());
        let record = JournalRecord { format: FORMAT, command, version, time_ms, undoes, changes };
        let json = serde_json::to_vec_pretty(&record).map_err(io::Error::from)?;
        let entry = JournalEntry { dir, record, status: EntryStatus::Applying };
        entry.set_status(EntryStatus::Applying)?;
        let dir = &entry.dir;
        settle::settle(&dir.join("plan.json"), &dir.join("plan.json.new"), &json, 0o600, &|| Ok(()))?;
        Ok(entry)
    }
}

impl EntryStatus {
    const ALL: [EntryStatus; 4] =
        [EntryStatus::Applying, EntryStatus::Done, EntryStatus::Reverted, EntryStatus::Undone];

    fn text(self) -> &'static str {
        match self {
            EntryStatus::Applying => "applying",
            EntryStatus::Done => "done",
            EntryStatus::Reverted => "reverted",
            EntryStatus::Undone => "undone",
        }
    }

    /// The status in the file at `path`. If that is missing or invalid, the status is unknown: a finished apply must not
    /// count as interrupted.
    fn at(path: &Path) -> io::Result<EntryStatus> {
        let text = fs::read(path).map_err(|e| at_path(path, e))?;
        let status = EntryStatus::ALL.into_iter().find(|status| status.text().as_bytes() == text);
        status.ok_or_else(|| {
            let unknown = format!("`{}` is no state of a change", String::from_utf8_lossy(&text).trim());
            at_path(path, io::Error::other(unknown))
        })
    }
}

impl JournalEntry {
    /// Its name: the time at which it began.
    pub fn name(&self) -> String {
        self.dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Where it is written down.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What was planned.
    pub fn record(&self) -> &JournalRecord {
        &self.record
    }

    /// Its status when it was read.
    pub fn status(&self) -> EntryStatus {
        self.status
    }

    pub(super) fn set_status(&self, status: EntryStatus) -> io::Result<()> {
        let temporary = self.dir.join(format!("status.{}", fs::unique_name()));
        settle::settle(&self.dir.join("status"), &temporary, status.text().as_bytes(), 0o600, &|| Ok(()))
    }

    /// Removes the bytes of files: they are not needed any more. Should that fail, they only take room.
    pub(super) fn forget_bytes(&self) {
        for path in fs::list(&self.dir).unwrap_or_default() {
            if path.extension().is_some_and(|suffix| suffix == "before" || suffix == "after") {
                let _ = fs::remove(&path);
            }
        }
    }

    /// Notes that the command of change `index` is about to be started.
    pub(super) fn note_start(&self, index: usize) -> io::Result<()> {
        fs::append(&self.dir.join("started"), format!("{index}\n").as_bytes())
    }

    /// Whether the command of change `index` may have run.
    pub(super) fn was_started(&self, index: usize) -> bool {
        let started = fs::read(&self.dir.join("started")).unwrap_or_default();
        String::from_utf8_lossy(&started).lines().any(|line| line == index.to_string())
    }

    /// What change `index` found.
    pub(super) fn before(&self, index: usize) -> io::Result<Content> {
        match self.record.changes.get(index) {
            Some(RecordedChange::Path { before, .. }) => self.content(before, index),
            _ => Ok(Content::Absent),
        }
    }

    fn content(&self, state: &PathSnapshot, index: usize) -> io::Result<Content> {
        Ok(match state {
            PathSnapshot::Absent => Content::Absent,
            PathSnapshot::Link { target } => Content::Link { target: target.clone() },
            PathSnapshot::Directory => Content::Directory,
            PathSnapshot::Other => return Err(io::Error::other("it cannot be put back")),
            PathSnapshot::File { mode, .. } => {
                let path = self.dir.join(format!("{index}.before"));
                let bytes = fs::read(&path).map_err(|e| at_path(&path, e))?;
                let content = Content::File { bytes, mode: *mode };
                if !content.state().matches(state) {
                    return Err(at_path(&path, io::Error::other("it is not what was written")));
                }
                content
            }
        })
    }

    /// The temporary file of change `index`.
    pub(super) fn temporary(&self, path: &Path, index: usize) -> PathBuf {
        path.with_file_name(format!(".kache-{}-{index}.tmp", self.name()))
    }
}

pub(super) fn at_path(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
