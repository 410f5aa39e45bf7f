//! Takes records apart into builds. Records do not say which call of cargo they belong to: a build is what ran in one
//! tree without a long pause, and builds no unit twice.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use crate::outcome::Outcome;
use crate::run::record::Record;

/// A longer time without any unit lies between two builds.
const PAUSE_MS: u64 = 30_000;

/// One build.
#[derive(Clone, Debug, PartialEq)]
pub struct Build<'r> {
    /// The workspace, or the build directory if only dependencies were built.
    pub place: &'r str,
    /// In the order in which they began.
    pub units: Vec<Span<'r>>,
    pub start_ms: u64,
    pub end_ms: u64,
    /// The most units that ran at the same time.
    pub n_lanes: usize,
}

/// When a unit ran.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span<'r> {
    pub record: &'r Record,
    pub start_ms: u64,
    pub end_ms: u64,
    /// Units that ran at the same time have different lanes. A lane is no particular processor.
    pub lane: usize,
}

/// What became of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    Hit,
    Miss,
    Edit,
    Bypass,
}

impl Fate {
    /// The fate of a recorded unit.
    pub fn of(record: &Record) -> Fate {
        match record.outcome {
            Outcome::Hit { .. } => Fate::Hit,
            Outcome::Miss { .. } => Fate::Miss,
            Outcome::Edit { .. } => Fate::Edit,
            Outcome::Bypass { .. } => Fate::Bypass,
        }
    }

    /// Its name, as in records.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Hit => "hit",
            Fate::Miss => "miss",
            Fate::Edit => "edit",
            Fate::Bypass => "bypass",
        }
    }
}

/// When a unit began, in milliseconds since 1970.
pub fn start_ms(record: &Record) -> u64 {
    record.time_ms.saturating_sub(record.times.total_us / 1000)
}

/// The build that ended last. `is_build_dir` says of a recorded place whether it is a build directory, and not a workspace.
pub fn last<'r>(
    records: impl IntoIterator<Item = &'r Record>,
    is_build_dir: &dyn Fn(&str) -> bool,
) -> Option<Build<'r>> {
    let mut by_end: Vec<&Record> = records.into_iter().collect();
    by_end.sort_by_key(|record| Reverse(record.time_ms));
    let newest = *by_end.first()?;
    let mut trees = Trees { newest: &newest.place, is_build_dir, known: HashMap::new() };
    let mut start = start_ms(newest);
    let mut units: Vec<&Record> = Vec::new();
    let mut names = HashSet::new();
    for record in by_end {
        if record.time_ms + PAUSE_MS < start {
            break;
        }
        if !trees.has(&record.place) {
            continue;
        }
        if !is_first(record, &mut names) {
            break;
        }
        start = start.min(start_ms(record));
        units.push(record);
    }
    let mut places = units.iter().map(|record| record.place.as_str());
    let place = places.find(|place| !trees.is_build_dir(place)).unwrap_or(&newest.place);
    let (units, n_lanes) = in_lanes(&units);
    Some(Build { place, units, start_ms: start, end_ms: newest.time_ms, n_lanes })
}

/// Whether no record of the same unit was seen before. Cargo gives units names of their own, but does not name all that it
/// probes.
fn is_first<'r>(record: &'r Record, names: &mut HashSet<[&'r str; 6]>) -> bool {
    let unit = &record.unit;
    if unit.id.is_empty() || unit.kind.is_empty() {
        return true;
    }
    names.insert([&unit.crate_name, &unit.package, &unit.version, &unit.id, &unit.kind, &unit.target])
}

/// Tells which places belong to the tree of the newest record.
struct Trees<'r, 'f> {
    newest: &'r str,
    is_build_dir: &'f dyn Fn(&str) -> bool,
    /// What was asked before.
    known: HashMap<&'r str, bool>,
}

impl<'r> Trees<'r, '_> {
    /// Whether a place belongs to the tree: one is in the other, or one is a build directory that stands elsewhere.
    fn has(&mut self, place: &'r str) -> bool {
        is_in(place, self.newest)
            || is_in(self.newest, place)
            || self.is_build_dir(place) != self.is_build_dir(self.newest)
    }

    fn is_build_dir(&mut self, place: &'r str) -> bool {
        *self.known.entry(place).or_insert_with(|| (self.is_build_dir)(place))
    }
}

fn is_in(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '\\']))
}

/// Gives each unit the first lane that is free when it begins.
fn in_lanes<'r>(units: &[&'r Record]) -> (Vec<Span<'r>>, usize) {
    let mut units = units.to_vec();
    units.sort_by_key(|record| (start_ms(record), record.time_ms));
    // When each lane becomes free.
    let mut lanes: Vec<u64> = Vec::new();
    let mut spans = Vec::new();
    for record in units {
        let (start_ms, end_ms) = (start_ms(record), record.time_ms);
        let lane = match lanes.iter().position(|free_ms| *free_ms <= start_ms) {
            Some(lane) => lane,
            None => {
                lanes.push(0);
                lanes.len() - 1
            }
        };
        lanes[lane] = end_ms;
        spans.push(Span { record, start_ms, end_ms, lane });
    }
    (spans, lanes.len())
}

impl<'r> Build<'r> {
    /// How long it took, from the beginning of its first unit to the end of its last one.
    pub fn wall_ms(&self) -> u64 {
        self.end_ms.saturating_sub(self.start_ms)
    }

    /// The units that the build waited for: the last one, the one that ended last before that began, and so on. In the
    /// order in which they ran.
    pub fn critical_path(&self) -> Vec<&Span<'r>> {
        let mut path: Vec<&Span<'r>> = Vec::new();
        let mut next = self.units.iter().max_by_key(|unit| unit.end_ms);
        while let Some(unit) = next {
            path.push(unit);
            let earlier = self.units.iter().filter(|other| other.end_ms <= unit.start_ms);
            // A unit of no length is not waited for by itself.
            next = earlier.filter(|other| other.start_ms < unit.start_ms).max_by_key(|other| other.end_ms);
        }
        path.reverse();
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::env::Env;

    fn record(place: &str, start_ms: u64, end_ms: u64) -> Record {
        let mut record = Record::new(&Env::with_vars(&[]), &[]);
        record.place = place.to_owned();
        record.time_ms = end_ms;
        record.times.total_us = (end_ms - start_ms) * 1000;
        record
    }

    fn is_build_dir(place: &str) -> bool {
        place.ends_with("target") || place == "/out"
    }

    #[test]
    fn a_pause_or_another_tree_is_another_build() {
        let records = [
            record("/a", 0, 9_000),
            record("/a/target", 100_000, 101_000),
            record("/b", 100_000, 190_000),
            record("/a", 101_000, 150_000),
            record("/a/target", 102_000, 110_000),
            record("/out", 109_000, 110_000),
        ];
        let build = last(&records[..2], &is_build_dir).expect("a build");
        assert_eq!((build.place, build.start_ms, build.end_ms), ("/a/target", 100_000, 101_000));
        let build = last(&records, &is_build_dir).expect("a build");
        assert_eq!(build.place, "/b");
        let records = records.into_iter().filter(|record| record.place != "/b").collect::<Vec<_>>();
        let build = last(&records, &is_build_dir).expect("a build");
        assert_eq!(
            (build.place, build.start_ms, build.end_ms, build.units.len()),
            ("/a", 100_000, 150_000, 4)
        );
        assert_eq!(build.wall_ms(), 50_000);
        assert_eq!(last(&[] as &[Record], &is_build_dir), None);
    }

    #[test]
    fn a_unit_that_is_built_again_is_of_another_build() {
        let named = |name: &str, start_ms, end_ms| {
            let mut record = record("/a", start_ms, end_ms);
            record.unit.crate_name = name.to_owned();
            (record.unit.id, record.unit.kind) = ("-1".to_owned(), "lib".to_owned());
            record
        };
        let records = [named("x", 0, 10), named("y", 10, 20), named("x", 30, 31), named("y", 31, 32)];
        let build = last(&records, &is_build_dir).expect("a build");
        assert_eq!((build.start_ms, build.units.len()), (30, 2));
        let build = last(&records[..3], &is_build_dir).expect("a build");
        assert_eq!((build.start_ms, build.units.len()), (10, 2));
    }

    #[test]
    fn units_that_overlap_have_lanes_of_their_own() {
        let records = [
            record("/a", 0, 10),
            record("/a", 0, 30),
            record("/a", 5, 8),
            record("/a", 10, 40),
            record("/a", 40, 40),
        ];
        let build = last(&records, &is_build_dir).expect("a build");
        let lanes: Vec<usize> = build.units.iter().map(|unit| unit.lane).collect();
        assert_eq!((lanes, build.n_lanes), (vec![0, 1, 2, 0, 0], 3));
    }

    #[test]
    fn the_critical_path_leads_back_from_the_last_unit() {
        let records = [record("/a", 0, 10), record("/a", 0, 30), record("/a", 31, 50), record("/a", 12, 45)];
        let build = last(&records, &is_build_dir).expect("a build");
        let path: Vec<(u64, u64)> =
            build.critical_path().iter().map(|unit| (unit.start_ms, unit.end_ms)).collect();
        assert_eq!(path, [(0, 30), (31, 50)]);
        // Units that took no time at all end the way nowhere.
        let records = [record("/a", 5, 5), record("/a", 5, 5)];
        assert_eq!(last(&records, &is_build_dir).expect("a build").critical_path().len(), 1);
    }
}
