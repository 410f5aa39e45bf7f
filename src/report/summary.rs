//! Adds up records. Pure; a figure that is unknown is absent, not 0.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::outcome::{Origin, Outcome};
use crate::report::words;
use crate::run::record::Record;

/// How often a reason occurred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Count {
    pub n: u64,
    /// The reason in words.
    #[serde(skip)]
    pub meaning: &'static str,
}

/// The sums. A field is absent if it is unknown, which is not 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    /// All invocations except queries of the compiler.
    pub n_units: u64,
    pub n_hits: u64,
    /// Of the hits: those that waited for another build.
    pub n_hits_waited: u64,
    /// Of these: put into a new build directory before cargo asked.
    pub n_hits_seeded: u64,
    /// Of these: fetched from the remote when cargo asked.
    pub n_hits_remote: u64,
    pub n_misses: u64,
    /// Compiled incrementally, and not stored.
    pub n_edits: u64,
    pub n_bypasses: u64,
    /// Hits among hits and misses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hit_rate: Option<f64>,
    /// Compile time of the entries that were served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_ms: Option<u64>,
    /// Compile time of the misses and edits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compiled_ms: Option<u64>,
    /// Wall time of all hits together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hits_took_ms: Option<u64>,
    pub misses_by_reason: BTreeMap<String, Count>,
    /// Why misses were compiled from scratch.
    pub clean_by_reason: BTreeMap<String, Count>,
    /// Of these: compiled in an empty incremental directory, for the next edit.
    pub n_leaving_state: u64,
    pub edits_by_reason: BTreeMap<String, Count>,
    pub unstored_by_reason: BTreeMap<String, Count>,
    pub bypasses_by_reason: BTreeMap<String, Count>,
    /// Hits and misses by how the inputs of their compile were learned.
    pub inputs_by_basis: BTreeMap<String, Count>,
    /// How often compiles were not observed, by reason.
    pub unobserved_by_reason: BTreeMap<String, u64>,
    /// How often the daemon could not be asked for a unit that may be in the remote, by reason.
    pub not_fetched_by_reason: BTreeMap<String, u64>,
    pub linked_bytes: u64,
    pub cloned_bytes: u64,
    pub copied_bytes: u64,
    pub stored_bytes: u64,
    /// Files that could not be linked or cloned and were copied.
    pub n_link_failures: u64,
    /// Problems that builds ignored, with how often they occurred.
    pub problems: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_ms: Option<u64>,
}

impl Summary {
    /// Adds up records.
    pub fn from_records<'a>(records: impl IntoIterator<Item = &'a Record>) -> Summary {
        let mut summary = Summary::default();
        let mut hits_took_us = 0;
        for record in records {
            summary.add(record);
            if matches!(record.outcome, Outcome::Hit { .. }) {
                hits_took_us += record.times.total_us;
            }
        }
        let n_cacheable = summary.n_hits + summary.n_misses;
        summary.hit_rate = (n_cacheable > 0).then(|| summary.n_hits as f64 / n_cacheable as f64);
        summary.hits_took_ms = (summary.n_hits > 0).then_some(hits_took_us / 1000);
        summary
    }

    fn add(&mut self, record: &Record) {
        self.n_units += 1;
        self.first_ms = Some(self.first_ms.map_or(record.time_ms, |first| first.min(record.time_ms)));
        self.last_ms = self.last_ms.max(Some(record.time_ms));
        match &record.outcome {
            Outcome::Hit { origin } => {
                self.n_hits += 1;
                self.n_hits_waited += u64::from(*origin == Origin::Waited);
                self.n_hits_seeded += u64::from(*origin == Origin::Seeded);
                self.n_hits_remote += u64::from(*origin == Origin::Remote);
                *self.saved_ms.get_or_insert(0) += record.compile_ms;
            }
            Outcome::Miss { reason, unstored } => {
                self.n_misses += 1;
                *self.compiled_ms.get_or_insert(0) += record.compile_ms;
                count(&mut self.misses_by_reason, name(reason), words::miss(*reason));
                if let Some(unstored) = unstored {
                    count(&mut self.unstored_by_reason, name(unstored), words::unstored(unstored).0);
                }
            }
            Outcome::Edit { edit, .. } => {
                self.n_edits += 1;
                *self.compiled_ms.get_or_insert(0) += record.compile_ms;
                count(&mut self.edits_by_reason, name(edit), words::edit(*edit));
            }
            Outcome::Bypass { reason } => {
                self.n_bypasses += 1;
                count(&mut self.bypasses_by_reason, name(&reason.why), words::bypass(reason.why));
            }
        }
        if let Some(clean) = &record.clean {
            count(&mut self.clean_by_reason, name(clean), words::clean(*clean));
            self.n_leaving_state += u64::from(record.leaves_state);
        }
        if let Some(inputs) = &record.inputs {
            count(&mut self.inputs_by_basis, name(&inputs.basis), words::basis(inputs.basis));
            if let Some(why) = &inputs.unobserved {
                *self.unobserved_by_reason.entry(why.clone()).or_default() += 1;
            }
        }
        if let Some(why) = &record.not_fetched {
            *self.not_fetched_by_reason.entry(why.clone()).or_default() += 1;
        }
        self.linked_bytes += record.bytes.linked;
        self.cloned_bytes += record.bytes.cloned;
        self.copied_bytes += record.bytes.copied;
        self.stored_bytes += record.bytes.stored;
        self.n_link_failures += record.bytes.n_link_failures;
        for problem in &record.problems {
            *self.problems.entry(problem.clone()).or_default() += 1;
        }
    }
}

/// The name of a reason in records.
fn name(reason: &impl Serialize) -> String {
    match serde_json::to_value(reason) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(value) => value["unstored"].as_str().unwrap_or_default().to_owned(),
        Err(_) => String::new(),
    }
}

fn count(counts: &mut BTreeMap<String, Count>, name: String, meaning: &'static str) {
    let count = counts.entry(name).or_insert(Count { n: 0, meaning });
    count.n += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Bypass, BypassReason, MissReason, Unstored};
    use crate::sys::env::Env;

    fn record(outcome: Outcome, compile_ms: u64) -> Record {
        let mut record = Record::new(&Env::with_vars(&[]), &[]);
        (record.outcome, record.compile_ms, record.time_ms) = (outcome, compile_ms, 7);
        record
    }

    #[test]
    fn outcomes_are_counted_by_their_reasons() {
        let miss = |unstored| Outcome::Miss { reason: MissReason::NewUnit, unstored };
        let summary = Summary::from_records(&[
            record(Outcome::Hit { origin: Origin::Local }, 400),
            record(Outcome::Hit { origin: Origin::Waited }, 100),
            record(miss(None), 30),
            record(miss(Some(Unstored::StoreFailed("no room".to_owned()))), 3),
            record(Outcome::Bypass { reason: BypassReason::new(Bypass::Probe, "out") }, 0),
        ]);
        let counts =
            (summary.n_units, summary.n_hits, summary.n_hits_waited, summary.n_misses, summary.n_bypasses);
        assert_eq!(counts, (5, 2, 1, 2, 1));
        assert_eq!(summary.hit_rate, Some(0.5));
        assert_eq!((summary.saved_ms, summary.compiled_ms), (Some(500), Some(33)));
        let json = serde_json::to_value(&summary).expect("serializes");
        assert_eq!(json["misses_by_reason"]["new-unit"], 2);
        assert_eq!(json["unstored_by_reason"]["store-failed"], 1);
        assert_eq!(json["bypasses_by_reason"]["probe"], 1);
    }

    #[test]
    fn what_is_not_known_is_not_zero() {
        let bypass = Outcome::Bypass { reason: BypassReason::new(Bypass::Probe, "out") };
        let json = serde_json::to_value(Summary::from_records(&[record(bypass, 0)])).expect("serializes");
        for absent in ["hit_rate", "saved_ms", "compiled_ms", "hits_took_ms"] {
            assert_eq!(json.get(absent), None, "{absent}");
        }
    }
}
