//! One line per invocation: what all reports are made from.
//!
//! `records/<date>.jsonl`, each line a JSON object appended in one write. The form only grows: readers skip what
//! they do not know, and lines that they cannot read.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::action::input_list::Basis;
use crate::config::Problem;
use crate::digest::Digest;
use crate::outcome::{Clean, Edit, MissReason, Origin, Outcome};
use crate::run::miss::stages::{CompiledUnit, Missed};
use crate::run::restore::Restored;
use crate::store::entry::UnitName;
use crate::store::lookup::FoundEntry;
use crate::sys::env::Env;
use crate::sys::fs::private;
use crate::sys::{clock, defence};

/// The version of this form.
pub const FORMAT: u32 = 2;

/// What one invocation did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Record {
    pub format: u32,
    /// When it ended, in milliseconds since 1970.
    pub time_ms: u64,
    #[serde(flatten)]
    pub outcome: Outcome,
    #[serde(default)]
    pub unit: UnitName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub unit_key: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub key: Option<Digest>,
    /// Where it was built: the workspace root of a member, the build directory of others.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// How the inputs of the compile were found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Learning>,
    /// Microseconds of each phase.
    #[serde(default)]
    pub times: Durations,
    #[serde(default)]
    pub bytes: Bytes,
    /// For a hit: how long the compiler ran when the entry was made. For a miss: how long it ran.
    #[serde(default)]
    pub compile_ms: u64,
    /// Of a miss: why it was compiled from scratch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clean: Option<Clean>,
    /// Of a miss: it was compiled in an empty incremental directory, so that the next edit finds a state there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaves_state: bool,
    /// Where the build directory was seeded: why this unit was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_seeded: Option<String>,
    /// Of a miss, where a remote is configured: why the daemon could not be asked for the unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_fetched: Option<String>,
    /// Problems that did not stop the build: of the configuration, of the store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

impl Record {
    /// The record of an invocation of which nothing is known yet.
    pub fn new(env: &Env, problems: &[Problem]) -> Record {
        let crate_name = env.get("CARGO_CRATE_NAME").map(|name| name.to_string_lossy().into_owned());
        Record {
            format: FORMAT,
            time_ms: 0,
            outcome: Outcome::Miss { reason: MissReason::NewUnit, unstored: None },
            unit: UnitName { crate_name: crate_name.unwrap_or_default(), ..UnitName::default() },
            unit_key: None,
            key: None,
            place: String::new(),
            inputs: None,
            times: Durations::default(),
            bytes: Bytes::default(),
            compile_ms: 0,
            clean: None,
            leaves_state: false,
            not_seeded: None,
            not_fetched: None,
            problems: problems.iter().map(ToString::to_string).collect(),
        }
    }
}

impl Record {
    /// The unit was served.
    pub fn hit(&mut self, origin: Origin, found: &FoundEntry, restored: Restored) {
        self.outcome = Outcome::Hit { origin };
        self.inputs = Some(Learning { basis: found.list.basis, unobserved: None, n_calls: None });
        self.compile_ms = found.entry.compile_ms;
        self.bytes.linked = restored.linked_bytes;
        self.bytes.cloned = restored.cloned_bytes;
        self.bytes.copied = restored.copied_bytes;
        self.bytes.n_link_failures = restored.n_link_failures;
    }

    /// The unit was compiled incrementally.
    pub fn edit(&mut self, edit: Edit, detail: String, compiled: &CompiledUnit<'_>) {
        let elapsed = compiled.elapsed();
        self.times.compile_us = elapsed.as_micros() as u64;
        self.compile_ms = elapsed.as_millis() as u64;
        let failed = !compiled.output.status.success();
        self.outcome = Outcome::Edit { edit, detail, failed };
    }

    /// The unit was compiled.
    pub fn miss(&mut self, reason: MissReason, missed: Missed<'_>) {
        let elapsed = missed.compiled.elapsed();
        self.times.compile_us = elapsed.as_micros() as u64;
        self.compile_ms = elapsed.as_millis() as u64;
        self.inputs = Some(match missed.unobserved {
            Some(why) => Learning { basis: Basis::Assumed, unobserved: Some(why), n_calls: None },
            None => {
                let n_calls = Some(missed.compiled.n_calls());
                Learning { basis: Basis::Observed, unobserved: None, n_calls }
            }
        });
        let unstored = match missed.stored {
            Ok(stored) => {
                self.key = Some(stored.key);
                self.bytes.stored = stored.n_bytes;
                None
            }
            Err(unstored) => Some(unstored),
        };
        self.outcome = Outcome::Miss { reason, unstored };
    }
}

/// How the inputs of a compile were found out: of the one that ran, or of the one whose entry was served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Learning {
    pub basis: Basis,
    /// Why it was not observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unobserved: Option<String>,
    /// How many calls were seen, of a compile that ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_calls: Option<u64>,
}

/// Where the time went, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Durations {
    pub total_us: u64,
    /// Arguments, configuration, compiler identity and the unit key.
    pub key_us: u64,
    /// Input lists and the entry.
    pub lookup_us: u64,
    /// Waiting for another invocation.
    pub wait_us: u64,
    /// Waiting for the remote.
    pub fetch_us: u64,
    /// Putting artifacts into place.
    pub restore_us: u64,
    /// The compiler.
    pub compile_us: u64,
    /// Putting artifacts into the store.
    pub put_us: u64,
}

/// How much went where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Bytes {
    pub linked: u64,
    pub cloned: u64,
    pub copied: u64,
    /// Written by the compiler and put into the store.
    pub stored: u64,
    /// Files that were to be linked or cloned and could not be.
    pub n_link_failures: u64,
}

/// Appends `record`. Failing to is no reason to fail a build; without a cache directory there are no records.
pub fn append(records_dir: &Path, record: &Record) {
    if records_dir.is_relative() {
        return;
    }
    let name = format!("{}.jsonl", clock::date(record.time_ms));
    let Ok(mut line) = serde_json::to_vec(record) else { return };
    line.push(b'\n');
    if private::append(records_dir, &name, &line).is_err() {
        let appended =
            private::create_dir_all(records_dir).and_then(|()| private::append(records_dir, &name, &line));
        if appended.is_err() && !defence::stands("records-that-cannot-be-written") {
            std::process::abort();
        }
    }
}

/// The records in one file's content; lines that are no records are skipped and counted.
pub fn parse(content: &[u8]) -> (Vec<Record>, usize) {
    let mut n_skipped = 0;
    let lines = content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let records =
        lines.filter_map(|line| serde_json::from_slice(line).inspect_err(|_| n_skipped += 1).ok()).collect();
    (records, n_skipped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{MissReason, Unstored};
    use crate::store::tests::cases;
    use proptest::prelude::*;

    fn line() -> Vec<u8> {
        let unstored = Some(Unstored::StoreFailed("no room".to_owned()));
        let record = Record {
            format: FORMAT,
            time_ms: 1,
            outcome: Outcome::Miss { reason: MissReason::NewUnit, unstored },
            unit: UnitName { crate_name: "a".to_owned(), ..UnitName::default() },
            unit_key: Some(Digest::hash(b"unit")),
            key: None,
            place: "/w".to_owned(),
            inputs: Some(Learning {
                basis: Basis::Assumed,
                unobserved: Some("no".to_owned()),
                n_calls: None,
            }),
            times: Durations::default(),
            bytes: Bytes::default(),
            compile_ms: 3,
            clean: None,
            leaves_state: false,
            not_seeded: None,
            not_fetched: None,
            problems: Vec::new(),
        };
        serde_json::to_vec(&record).expect("serializes")
    }

    proptest! {
        #![proptest_config(cases(64))]

        #[test]
        fn any_bytes_are_records_or_skipped(bytes: Vec<u8>) {
            let (records, n_skipped) = parse(&bytes);
            let n_lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
            prop_assert_eq!(records.len() + n_skipped, n_lines);
        }

        #[test]
        fn a_torn_or_changed_line_costs_no_other(at: prop::sample::Index, byte: u8, cut: bool) {
            let mut torn = line();
            let at = at.index(torn.len());
            torn[at] = byte;
            if cut {
                torn.truncate(at);
            }
            let content = [line(), torn, line()].join(&b'\n');
            let (records, _) = parse(&content);
            prop_assert!(records.len() >= 2);
        }
    }
}
