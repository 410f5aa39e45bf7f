//! How the outputs of a unit in a build directory compare with its sources: by modification time, as cargo does.
//!
//! The dep-info of a unit stays beside its outputs, however they were made, and says of which sources. A source that is
//! younger was changed since. Whether another commit was checked out meanwhile is in the log that git keeps of `HEAD`;
//! a commit that was only made changes no source.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::invocation::Role;
use crate::invocation::outputs::output_of;
use crate::key::context::KeyContext;
use crate::key::depinfo::DepInfo;
use crate::run::edit::decision::LastBuild;
use crate::sys::{fs, os};

/// The sources that the last outputs were made from, and what became of them.
pub struct LastSources {
    /// As the compiler names them: those of a member relative to the workspace.
    pub files: Vec<PathBuf>,
    /// The first that was changed or removed. Absolute.
    pub changed: Option<PathBuf>,
    /// When the outputs were made, or restored.
    made: SystemTime,
}

impl LastSources {
    /// Reads the dep-info that is there before a compile.
    pub fn read(context: &KeyContext<'_>) -> Option<LastSources> {
        let cwd = &context.build_dirs.cwd;
        let path = cwd.join(&output_of(context.outputs, Role::DepInfo)?.path);
        let made = fs::symlink_metadata(&path).ok()?.modified().ok()?;
        let dep_info = DepInfo::parse(&fs::read(&path).ok()?).ok()?;
        let files: Vec<PathBuf> = dep_info.files.iter().filter_map(|file| os::path(file)).collect();
        let changed = files.iter().map(|file| cwd.join(file)).find(|file| is_younger(file, made));
        Some(LastSources { files, changed, made })
    }

    /// What the rule has to know.
    pub fn state(&self, workspace: &Path) -> LastBuild {
        if self.changed.is_none() {
            LastBuild::SourcesKept
        } else if is_moved(workspace, self.made) {
            LastBuild::OtherCommit
        } else {
            LastBuild::SourceChanged
        }
    }
}

fn is_younger(file: &Path, than: SystemTime) -> bool {
    fs::metadata(file).and_then(|metadata| metadata.modified()).map_or(true, |modified| modified > than)
}

/// Whether another commit was checked out in the repository around `dir` after `since`.
fn is_moved(dir: &Path, since: SystemTime) -> bool {
    let Some(log) = dir.ancestors().find_map(|dir| log_of_head(&dir.join(".git"))) else { return false };
    if !is_younger(&log, since) {
        return false;
    }
    let since = since.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    moves_after(&fs::read(&log).unwrap_or_default(), since)
}

/// The log of `HEAD` in the directory `git`, or in the one that the file `git` names, as in a worktree.
fn log_of_head(git: &Path) -> Option<PathBuf> {
    let metadata = fs::metadata(git).ok()?;
    let dir = if metadata.is_dir() {
        git.to_owned()
    } else {
        let named = fs::read(git).ok()?;
        git.parent()?.join(os::path(named.strip_prefix(b"gitdir:")?.trim_ascii())?)
    };
    let log = dir.join("logs/HEAD");
    fs::metadata(&log).is_ok().then_some(log)
}

/// Whether a log of `HEAD` has a move, other than to a commit that was made there, at `since` or later, in seconds.
fn moves_after(log: &[u8], since: u64) -> bool {
    let lines = log.split(|byte| *byte == b'\n').rev().filter(|line| !line.is_empty());
    let entries = lines.map_while(|line| {
        let tab = memchr::memchr(b'\t', line)?;
        let seconds = line[..tab].rsplit(|byte| *byte == b' ').nth(1)?;
        let seconds: u64 = std::str::from_utf8(seconds).ok()?.parse().ok()?;
        Some((seconds, &line[tab + 1..]))
    });
    entries.take_while(|(seconds, _)| *seconds >= since).any(|(_, what)| !what.starts_with(b"commit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(seconds: u64, what: &str) -> String {
        format!("0000 1111 A Name <a@b.c> {seconds} +0100\t{what}\n")
    }

    #[test]
    fn a_commit_that_was_made_is_no_other_commit() {
        let made = line(10, "commit: Add a") + &line(20, "commit (amend): Add a");
        assert!(!moves_after(made.as_bytes(), 0));
        for what in [
            "checkout: moving from a to b",
            "reset: moving to HEAD~1",
            "pull: Fast-forward",
            "rebase (finish): x",
        ] {
            let moved = line(10, "commit: Add a") + &line(30, what) + &line(40, "commit: Add b");
            assert!(moves_after(moved.as_bytes(), 30), "{what}");
            assert!(!moves_after(moved.as_bytes(), 31), "{what}");
        }
        assert!(!moves_after(b"damaged", 0));
        assert!(!moves_after(b"", 0));
    }

    #[test]
    fn the_log_of_a_worktree_is_where_its_file_says() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let log = dir.path().join("main/.git/worktrees/w/logs/HEAD");
        fs::create_dir_all(log.parent().expect("has one")).expect("makes it");
        fs::write_new(&log, b"").expect("writes");
        fs::create_dir_all(&dir.path().join("w")).expect("makes it");
        let file = dir.path().join("w/.git");
        fs::write_new(&file, b"gitdir: ../main/.git/worktrees/w\n").expect("writes");
        let found = log_of_head(&file).expect("found");
        assert_eq!(fs::canonical(&found).expect("there"), fs::canonical(&log).expect("there"));
        assert_eq!(log_of_head(&dir.path().join("main/.git")), None);
    }
}
