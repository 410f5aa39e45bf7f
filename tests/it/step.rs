//! One command in a world, and what kache recorded while it ran.
//!
//! Units are named `crate kind`, as in `words lib`, `app bin`, `words check lib`, `runs_the_binary test`; a build
//! script by its package: `cval build-script`. Where a test says which units missed, it says so of all of them:
//! a miss elsewhere would hide a wrong hit.

use std::fmt;
use std::path::Path;
use std::process::{Command, Output};

use kache::action::input_list::Basis;
use kache::outcome::{Bypass, MissReason, Outcome, Unstored};
use kache::run::record::{self, Learning, Record};

/// How many units were served.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hits(usize);
/// How many units were compiled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misses(usize);

pub(crate) fn hits(n: usize) -> Hits {
    Hits(n)
}

pub(crate) fn misses(n: usize) -> Misses {
    Misses(n)
}

/// A finished command. All checks show the records when they fail.
pub(crate) struct Step {
    command: String,
    success: bool,
    stdout: String,
    stderr: String,
    records: Vec<Record>,
}

impl Step {
    /// A command that ended with `output`.
    pub(crate) fn new(command: &Command, output: Output, records: Vec<Record>) -> Step {
        let args = command.get_args().map(|arg| arg.to_string_lossy());
        Step {
            command: args
                .fold(command.get_program().to_string_lossy().into_owned(), |line, arg| line + " " + &arg),
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            records,
        }
    }

    pub(crate) fn stdout(&self) -> &str {
        &self.stdout
    }

    pub(crate) fn stderr(&self) -> &str {
        &self.stderr
    }

    /// What kache recorded, in order of completion.
    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    /// The command ended well.
    pub(crate) fn succeeds(&self) -> &Step {
        assert!(self.success, "the command failed\n{self}");
        self
    }

    /// The command failed and printed `text`.
    pub(crate) fn fails_with(&self, text: &str) -> &Step {
        assert!(!self.success, "the command succeeded\n{self}");
        assert!(self.stderr.contains(text), "`{text}` was not printed\n{self}");
        self
    }

    /// The command ended well with so many hits and misses, and without a bypass.
    pub(crate) fn expect(&self, hits: Hits, misses: Misses) -> &Step {
        self.succeeds();
        let found = (Hits(self.n_hits()), Misses(self.n_misses()), self.n_bypasses(), self.edited_units());
        assert_eq!(found, (hits, misses, 0, Vec::new()), "\n{self}");
        self
    }

    /// The command ended well, there was something to do, and every unit was served.
    pub(crate) fn all_hit(&self) -> &Step {
        self.only_missed(&[])
    }

    /// The command ended well, there was something to do, nothing was served, and everything can be served now.
    pub(crate) fn all_missed(&self) -> &Step {
        self.succeeds();
        assert!(!self.records.is_empty(), "no unit was built\n{self}");
        assert_eq!(self.n_misses(), self.records.len(), "\n{self}");
        self.all_stored()
    }

    /// The command ended well, exactly these units were compiled, and at least one was served. No bypass.
    pub(crate) fn only_missed(&self, units: &[&str]) -> &Step {
        self.missed(units);
        assert_ne!(self.n_hits(), 0, "nothing was served\n{self}");
        self
    }

    /// The command ended well, and exactly these units were compiled and stored. No bypass.
    pub(crate) fn missed(&self, units: &[&str]) -> &Step {
        self.succeeds();
        let mut expected: Vec<String> = units.iter().map(|unit| (*unit).to_owned()).collect();
        expected.sort();
        assert_eq!(self.missed_units(), expected, "\n{self}");
        assert_eq!(self.n_bypasses(), 0, "\n{self}");
        self.all_stored()
    }

    /// What was compiled was stored.
    pub(crate) fn all_stored(&self) -> &Step {
        let stored = |record: &Record| {
            !matches!(record.outcome, Outcome::Miss { unstored: Some(_), .. } | Outcome::Edit { .. })
        };
        assert!(self.records.iter().all(stored), "something was not stored\n{self}");
        self
    }

    /// Whether all that was compiled was observed.
    pub(crate) fn all_observed(&self) -> bool {
        let observed = |learning: &Learning| learning.basis == Basis::Observed;
        self.records.iter().all(|record| record.inputs.as_ref().is_some_and(observed))
    }

    pub(crate) fn n_hits(&self) -> usize {
        self.units(|outcome| matches!(outcome, Outcome::Hit { .. })).len()
    }

    pub(crate) fn n_misses(&self) -> usize {
        self.units(|outcome| matches!(outcome, Outcome::Miss { .. })).len()
    }

    /// The units that were compiled, sorted.
    pub(crate) fn missed_units(&self) -> Vec<String> {
        self.units(|outcome| matches!(outcome, Outcome::Miss { .. }))
    }

    /// The units that were compiled incrementally, sorted.
    pub(crate) fn edited_units(&self) -> Vec<String> {
        self.units(|outcome| matches!(outcome, Outcome::Edit { .. }))
    }

    /// The command ended well, exactly these units were compiled, and incrementally; everything else was served.
    pub(crate) fn only_edited(&self, units: &[&str]) -> &Step {
        self.succeeds();
        let found = (self.edited_units(), self.n_misses(), self.n_bypasses());
        let units: Vec<String> = units.iter().map(|unit| (*unit).to_owned()).collect();
        assert_eq!(found, (units, 0, 0), "\n{self}");
        self
    }

    pub(crate) fn n_bypasses(&self) -> usize {
        self.units(|outcome| matches!(outcome, Outcome::Bypass { .. })).len()
    }

    /// How the one unit of this crate (for a build script: package) and kind ended.
    pub(crate) fn outcome_of(&self, name: &str, kind: &str) -> &Outcome {
        let wanted = format!("{name} {kind}");
        let mut found = self.records.iter().filter(|record| label(record) == wanted);
        match (found.next(), found.next()) {
            (Some(record), None) => &record.outcome,
            _ => panic!("there is no, or more than one, `{wanted}`\n{self}"),
        }
    }

    /// Why a unit was compiled.
    pub(crate) fn miss_reason_of(&self, name: &str, kind: &str) -> MissReason {
        match self.outcome_of(name, kind) {
            Outcome::Miss { reason, .. } => *reason,
            _ => panic!("`{name} {kind}` did not miss\n{self}"),
        }
    }

    /// Why what was compiled was not stored.
    pub(crate) fn unstored_of(&self, name: &str, kind: &str) -> &Unstored {
        match self.outcome_of(name, kind) {
            Outcome::Miss { unstored: Some(unstored), .. } => unstored,
            _ => panic!("`{name} {kind}` was stored\n{self}"),
        }
    }

    /// The reasons of all bypasses.
    pub(crate) fn bypasses(&self) -> Vec<Bypass> {
        let why = |record: &Record| match &record.outcome {
            Outcome::Bypass { reason } => Some(reason.why),
            _ => None,
        };
        self.records.iter().filter_map(why).collect()
    }

    fn units(&self, is_wanted: impl Fn(&Outcome) -> bool) -> Vec<String> {
        let mut units: Vec<String> =
            self.records.iter().filter(|record| is_wanted(&record.outcome)).map(label).collect();
        units.sort();
        units
    }
}

pub(crate) fn label(record: &Record) -> String {
    let unit = &record.unit;
    let name = if unit.kind == "build-script" { &unit.package } else { &unit.crate_name };
    format!("{name} {}", unit.kind)
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--- {} (success: {})", self.command, self.success)?;
        for record in &self.records {
            writeln!(
                f,
                "{} [{}]: {:?} {:?} {}",
                label(record),
                record.unit.id,
                record.outcome,
                record.problems,
                record.not_seeded.as_deref().unwrap_or_default()
            )?;
        }
        writeln!(f, "--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
    }
}

/// All records of a cache directory, in the order in which they were written.
pub(crate) fn read_records(cache_dir: &Path) -> Vec<Record> {
    let listed = std::fs::read_dir(cache_dir.join("records")).into_iter().flatten();
    let mut files: Vec<_> = listed.map(|file| file.expect("can be listed").path()).collect();
    files.sort();
    let mut records = Vec::new();
    for file in files {
        let (read, n_skipped) = record::parse(&std::fs::read(&file).expect("can be read"));
        assert_eq!(n_skipped, 0, "{} holds lines that are no records", file.display());
        records.extend(read);
    }
    records
}
