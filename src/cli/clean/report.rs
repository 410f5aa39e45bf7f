//! What `kache clean` shows: build directories, and what became of them.

use std::time::Duration;

use serde::Serialize;

use crate::clean::measure::freed_bytes;
use crate::clean::project::Checkout;
use crate::clean::remove::Kept;
use crate::clean::tree::BuildTree;
use crate::cli::exit::Failure;
use crate::cli::session::Report;
use crate::cli::table::Table;
use crate::cli::{prompt, terminal};
use crate::config::units::{format_bytes, format_duration};
use crate::report::escape;
use crate::report::format::Format;
use crate::report::text::{Style, Text};
use crate::report::words::counted;

/// Build directories, and what became of them.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CleanReport {
    format: Format<1>,
    dry_run: bool,
    /// What removing the chosen directories frees. Less than their sizes, where files in them have other names.
    pub freed_bytes: u64,
    /// Largest first.
    directories: Vec<DirectoryReport>,
    #[serde(skip)]
    now_ms: u64,
}

impl Report for CleanReport {}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DirectoryReport {
    path: String,
    /// The project that was built in it, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    project: Option<String>,
    checkout: Checkout,
    /// An interrupted removal left it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    leftover: bool,
    disk_bytes: u64,
    /// What removing this directory alone frees.
    freed_bytes: u64,
    /// What has a hard link in the store.
    shared_bytes: u64,
    /// What the store has of it, hard-linked or not.
    restorable_bytes: u64,
    last_used_ms: u64,
    outcome: Outcome,
    /// Why it was not removed although it was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// What became of a build directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    NotChosen,
    WouldRemove,
    Removed,
    /// It was left alone: a build is running in it, or it is not what it was.
    Skipped,
    /// It was not removed, or not completely.
    Failed,
}

impl Outcome {
    /// Whether the directory was removed, or would be.
    fn frees(self) -> bool {
        matches!(self, Outcome::WouldRemove | Outcome::Removed)
    }
}

impl CleanReport {
    /// What would be done.
    pub fn planned(trees: &[BuildTree], chosen: &[bool], now_ms: u64) -> CleanReport {
        let outcomes = chosen.iter().map(|chosen| match chosen {
            true => (Outcome::WouldRemove, None),
            false => (Outcome::NotChosen, None),
        });
        CleanReport::new(trees, outcomes.collect(), true, now_ms)
    }

    /// What was done. Where nothing was, a tree was not chosen.
    pub fn done(trees: &[BuildTree], removals: Vec<Option<Result<(), Kept>>>, now_ms: u64) -> CleanReport {
        let outcomes = removals.into_iter().map(outcome).collect();
        CleanReport::new(trees, outcomes, false, now_ms)
    }

    fn new(
        trees: &[BuildTree],
        outcomes: Vec<(Outcome, Option<String>)>,
        dry_run: bool,
        now_ms: u64,
    ) -> CleanReport {
        let freed = trees.iter().zip(&outcomes).filter(|(_, (outcome, _))| outcome.frees());
        let freed_bytes = freed_bytes(freed.map(|(tree, _)| &tree.size));
        let directories =
            trees.iter().zip(outcomes).map(|(tree, (outcome, why))| directory(tree, outcome, why));
        CleanReport { format: Format, dry_run, freed_bytes, directories: directories.collect(), now_ms }
    }

    /// How many directories were removed, or would be.
    pub fn n_removed(&self) -> usize {
        self.directories.iter().filter(|directory| directory.outcome.frees()).count()
    }

    /// Why directories could not be removed.
    pub fn failures(&self) -> Vec<String> {
        let failed = self.directories.iter().filter(|directory| directory.outcome == Outcome::Failed);
        failed.filter_map(DirectoryReport::reason).collect()
    }

    /// Why directories were left alone.
    pub fn skipped(&self) -> Vec<String> {
        let skipped = self.directories.iter().filter(|directory| directory.outcome == Outcome::Skipped);
        skipped.filter_map(DirectoryReport::reason).collect()
    }

    /// The directories that are chosen.
    pub fn table(&self) -> Text {
        let mut table = Table::new(">>>><<");
        table.heading(["SIZE", "FREED", "IN STORE", "UNUSED", "PROJECT", "DIRECTORY"]);
        for directory in self.directories.iter().filter(|directory| directory.outcome != Outcome::NotChosen) {
            table.row([
                &format_bytes(directory.disk_bytes),
                &format_bytes(directory.freed_bytes),
                &format_bytes(directory.restorable_bytes),
                &unused(directory.last_used_ms, self.now_ms),
                directory.project_word(),
                &directory.path,
            ]);
        }
        table.render("")
    }

    /// What was removed, or would be, in a sentence.
    pub fn summary(&self) -> Text {
        let (n, freed) = (counted(self.n_removed(), "build directory"), format_bytes(self.freed_bytes));
        let mut text = Text::new();
        if self.dry_run && self.n_removed() == 0 {
            text.push("Nothing to remove.\n");
        } else if self.dry_run {
            text.push(format!("Nothing was removed. Removing {n} would free {freed}.\n"));
        } else if self.n_removed() == 0 {
            text.push("Nothing was removed.\n");
        } else {
            text.push_styled(Style::Ok, "Removed");
            text.push(format!(" {n}, and freed {freed}.\n"));
        }
        text
    }
}

impl DirectoryReport {
    fn reason(&self) -> Option<String> {
        self.why.as_ref().map(|why| format!("{}: {why}", self.path))
    }

    fn project_word(&self) -> &'static str {
        match self.checkout {
            _ if self.leftover => "removed",
            Checkout::Exists => "exists",
            Checkout::Gone => "gone",
            Checkout::Unknown => "unknown",
        }
    }
}

fn outcome(removal: Option<Result<(), Kept>>) -> (Outcome, Option<String>) {
    match removal {
        None => (Outcome::NotChosen, None),
        Some(Ok(())) => (Outcome::Removed, None),
        Some(Err(kept @ (Kept::Failed(_) | Kept::Unfinished { .. }))) => {
            (Outcome::Failed, Some(kept.to_string()))
        }
        Some(Err(kept)) => (Outcome::Skipped, Some(kept.to_string())),
    }
}

fn directory(tree: &BuildTree, outcome: Outcome, why: Option<String>) -> DirectoryReport {
    DirectoryReport {
        path: tree.path.display().to_string(),
        project: tree.project.root.as_ref().map(|root| root.display().to_string()),
        checkout: tree.project.checkout,
        leftover: tree.is_leftover,
        disk_bytes: tree.size.disk_bytes,
        freed_bytes: freed_bytes([&tree.size]),
        shared_bytes: tree.size.shared_bytes,
        restorable_bytes: tree.size.restorable_bytes,
        last_used_ms: tree.size.last_used_ms,
        outcome,
        why,
    }
}

/// For how long a directory was not used, in its largest unit.
fn unused(last_used_ms: u64, now_ms: u64) -> String {
    let unused = format_duration(Duration::from_millis(now_ms.saturating_sub(last_used_ms)));
    unused.split_once(' ').map_or(unused.as_str(), |(largest, _)| largest).to_owned()
}

/// Has build directories chosen on the terminal, each on a line as long as the terminal allows.
pub fn choose_by_keys(trees: &[BuildTree], now_ms: u64) -> Result<Option<Vec<bool>>, Failure> {
    let report = CleanReport::planned(trees, &vec![true; trees.len()], now_ms);
    // The prompt itself takes seven columns.
    let width = terminal::columns().saturating_sub(8);
    let items: Vec<String> =
        report.directories.iter().map(|directory| item(directory, now_ms, width)).collect();
    let question = "Which build directories should be removed? Space chooses, `a` chooses all, Enter goes on, Esc leaves";
    prompt::choose(question, &items)
}

fn item(directory: &DirectoryReport, now_ms: u64, width: usize) -> String {
    let start = format!(
        "{:>8}  {:>5}  {:<7}  ",
        format_bytes(directory.disk_bytes),
        unused(directory.last_used_ms, now_ms),
        directory.project_word()
    );
    let path = escape::line(&directory.path).into_owned();
    let room = width.saturating_sub(start.len()).max(8);
    let n_chars = path.chars().count();
    if n_chars <= room {
        return start + &path;
    }
    // The end tells directories apart.
    start + "…" + &path.chars().skip(n_chars - room + 1).collect::<String>()
}
