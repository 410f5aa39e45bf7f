//! The figures of a build, computed from its records.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::cli::exit::Failure;
use crate::outcome::{MissReason, Outcome, Unstored};
use crate::run::record::{self, Record};
use crate::store::Store;
use crate::sys::fs;

/// One build in figures.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Figures {
    pub(super) build: &'static str,
    pub(super) elapsed_ms: u64,
    /// Unknown for a build without the wrapper.
    #[serde(flatten)]
    pub(super) units: Option<UnitFigures>,
}

/// The outcomes of the units of one build.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct UnitFigures {
    pub(super) n_units: usize,
    pub(super) n_hits: usize,
    pub(super) n_misses: usize,
    pub(super) n_bypasses: usize,
    /// Compiler probes by build scripts. They are not units, and not part of any other number.
    pub(super) n_probes: usize,
    pub(super) linked_bytes: u64,
    pub(super) cloned_bytes: u64,
    pub(super) copied_bytes: u64,
    /// How many units were built again by a second, identical build, which should have nothing to do.
    pub(super) n_units_again: usize,
}

/// A unit that was compiled although it had been compiled before.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Unserved {
    pub(super) build: &'static str,
    pub(super) unit: String,
    pub(super) why: String,
}

impl Figures {
    /// The figures of a build with this duration and these records.
    pub(super) fn new(build: &'static str, elapsed: Duration, records: Option<&[Record]>) -> Figures {
        Figures {
            build,
            elapsed_ms: elapsed.as_millis() as u64,
            units: records.map(UnitFigures::from_records),
        }
    }
}

impl UnitFigures {
    fn from_records(records: &[Record]) -> UnitFigures {
        let n_units = records.iter().filter(|record| is_unit(record)).count();
        let mut units = UnitFigures { n_units, n_probes: records.len() - n_units, ..UnitFigures::default() };
        for Record { outcome, bytes, .. } in records.iter().filter(|record| is_unit(record)) {
            match outcome {
                Outcome::Hit { .. } => units.n_hits += 1,
                Outcome::Miss { .. } | Outcome::Edit { .. } => units.n_misses += 1,
                Outcome::Bypass { .. } => units.n_bypasses += 1,
            }
            units.linked_bytes += bytes.linked;
            units.cloned_bytes += bytes.cloned;
            units.copied_bytes += bytes.copied;
        }
        units
    }
}

/// The units that a build after `cold` compiled, and why. A unit that was not stored in the cold build gets the reason of
/// that.
pub(super) fn unserved(build: &'static str, records: &[Record], cold: &[Record]) -> Vec<Unserved> {
    let unstored: HashMap<_, _> = cold
        .iter()
        .filter_map(|record| match &record.outcome {
            Outcome::Miss { unstored: Some(why), .. } => Some((identity(record), why)),
            _ => None,
        })
        .collect();
    let mut unserved = Vec::new();
    for record in records.iter().filter(|record| is_unit(record)) {
        let why = match &record.outcome {
            Outcome::Hit { .. } => continue,
            Outcome::Edit { edit, .. } => format!("compiled incrementally: {}", name(edit)),
            Outcome::Bypass { reason } if reason.detail.is_empty() => name(&reason.why),
            Outcome::Bypass { reason } => format!("{}: {}", name(&reason.why), reason.detail),
            Outcome::Miss { reason, .. } => match (unstored.get(&identity(record)), reason) {
                (Some(why), _) => format!("not stored, {}", name_of_unstored(why)),
                (None, MissReason::InputsChanged) => {
                    format!("{}: a source file, a variable, or a path that is part of it", name(reason))
                }
                (None, _) => name(reason),
            },
        };
        unserved.push(Unserved { build, unit: label(record), why });
    }
    unserved
}

/// Whether cargo compiled this; a build script that probes the compiler names no crate.
fn is_unit(record: &Record) -> bool {
    !record.unit.crate_name.is_empty()
}

/// The name of a unit for people, as `app bin`; of a build script, with its package.
fn label(record: &Record) -> String {
    let unit = &record.unit;
    let name = if unit.kind == "build-script" { &unit.package } else { &unit.crate_name };
    format!("{name} {}", unit.kind).trim_end().to_owned()
}

fn identity(record: &Record) -> (String, &str) {
    (label(record), &record.unit.version)
}

/// The name of a reason in records.
fn name(reason: &impl Serialize) -> String {
    match serde_json::to_value(reason) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

fn name_of_unstored(why: &Unstored) -> String {
    let value = serde_json::to_value(why).unwrap_or_default();
    let name = value["unstored"].as_str().unwrap_or_default();
    match value["detail"].as_str() {
        Some(detail) => format!("{name}: {detail}"),
        None => name.to_owned(),
    }
}

/// A reader of the records of a store.
pub(super) struct Records {
    dir: PathBuf,
    n_read: usize,
}

impl Records {
    /// Opens the records of the store in `cache_dir`, which need not exist yet.
    pub(super) fn open(cache_dir: &Path) -> Records {
        Records { dir: Store::records_dir(cache_dir), n_read: 0 }
    }

    /// The records written since the last call.
    pub(super) fn read_new(&mut self) -> Result<Vec<Record>, Failure> {
        if !self.dir.is_dir() {
            return Ok(Vec::new());
        }
        let mut records = Vec::new();
        for file in fs::list(&self.dir)? {
            records.extend(record::parse(&fs::read(&file)?).0);
        }
        let new = records.split_off(self.n_read.min(records.len()));
        self.n_read += new.len();
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Bypass, BypassReason, Origin};
    use crate::sys::env::Env;

    fn record(crate_name: &str, outcome: Outcome) -> Record {
        let mut record = Record::new(&Env::with_vars(&[]), &[]);
        record.unit.crate_name = crate_name.to_owned();
        record.unit.kind = "lib".to_owned();
        record.outcome = outcome;
        record.bytes.linked = 10;
        record
    }

    fn miss(reason: MissReason, unstored: Option<Unstored>) -> Outcome {
        Outcome::Miss { reason, unstored }
    }

    fn records() -> Vec<Record> {
        let bypass = BypassReason::new(Bypass::Linker, "no `ld`");
        vec![
            record("a", Outcome::Hit { origin: Origin::Local }),
            record("b", miss(MissReason::InputsChanged, None)),
            record("c", miss(MissReason::NewUnit, None)),
            record("d", Outcome::Bypass { reason: bypass }),
            record("", Outcome::Bypass { reason: BypassReason::new(Bypass::Probe, "/out") }),
        ]
    }

    #[test]
    fn each_unit_is_counted_once() {
        let figures = Figures::new("warm", Duration::from_millis(1500), Some(&records()));
        let units = figures.units.as_ref().unwrap();
        assert_eq!((units.n_units, units.n_hits, units.n_misses, units.n_bypasses), (4, 1, 2, 1));
        assert_eq!(units.n_probes, 1);
        assert_eq!((units.linked_bytes, figures.elapsed_ms), (40, 1500));
    }

    #[test]
    fn unserved_units_are_listed_with_the_first_reason() {
        let unstored = Unstored::InputsUnknown("build.rs".to_owned());
        let cold = [record("c", miss(MissReason::NewUnit, Some(unstored)))];
        let unserved = unserved("warm", &records(), &cold);
        let told: Vec<String> = unserved.iter().map(|unit| format!("{} {}", unit.unit, unit.why)).collect();
        assert_eq!(
            told,
            [
                "b lib inputs-changed: a source file, a variable, or a path that is part of it",
                "c lib not stored, inputs-unknown: build.rs",
                "d lib linker: no `ld`",
            ]
        );
    }

    #[test]
    fn each_record_is_read_once() {
        let temporary = tempfile::tempdir().unwrap();
        let mut reader = Records::open(temporary.path());
        assert_eq!(reader.read_new().unwrap(), []);
        let write = |record: &Record| record::append(&Store::records_dir(temporary.path()), record);
        let records = records();
        write(&records[0]);
        assert_eq!(reader.read_new().unwrap(), records[..1]);
        write(&records[1]);
        write(&records[2]);
        assert_eq!(reader.read_new().unwrap(), records[1..3]);
        assert_eq!(reader.read_new().unwrap(), []);
    }
}
