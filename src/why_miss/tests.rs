//! Verdicts from records alone.

use super::*;
use crate::digest::Digest;
use crate::outcome::Bypass;
use crate::sys::env::Env;

fn record(kind: &str, place: &str, time_ms: u64, outcome: Outcome, key: Option<&str>) -> Record {
    let mut record = Record::new(&Env::with_vars(&[]), &[]);
    record.unit.crate_name = "it".to_owned();
    record.unit.kind = kind.to_owned();
    record.place = place.to_owned();
    record.key = key.map(|key| Digest::hash(key.as_bytes()));
    (record.time_ms, record.outcome) = (time_ms, outcome);
    record
}

fn hit() -> Outcome {
    Outcome::Hit { origin: Origin::Local }
}

fn miss(reason: MissReason) -> Outcome {
    Outcome::Miss { reason, unstored: None }
}

#[test]
fn the_newest_record_of_each_kind_in_the_last_directory_counts() {
    let records = [
        record("lib", "/b", 1, hit(), None),
        record("test", "/a", 2, hit(), None),
        record("lib", "/a", 3, hit(), None),
        record("lib", "/b", 4, hit(), None),
        record("lib", "/a", 5, hit(), None),
    ];
    let times: Vec<u64> = newest(&records).iter().map(|record| record.time_ms).collect();
    assert_eq!(times, [5, 2]);
}

#[test]
fn records_alone_explain_most_outcomes() {
    let bypass = BypassReason::new(Bypass::Configured, "it");
    let unstored = Unstored::StoreFailed("no room".to_owned());
    for (outcome, expected) in [
        (hit(), Verdict::Hit(Origin::Local)),
        (Outcome::Bypass { reason: bypass.clone() }, Verdict::Bypassed(bypass)),
        (
            Outcome::Edit { edit: Edit::Source, detail: "src/lib.rs".to_owned(), failed: false },
            Verdict::Edited(Edit::Source, "src/lib.rs".to_owned()),
        ),
        (
            Outcome::Miss { reason: MissReason::NewUnit, unstored: Some(unstored.clone()) },
            Verdict::NotStored(MissReason::NewUnit, unstored),
        ),
        (miss(MissReason::BlobDamaged), Verdict::Unusable(MissReason::BlobDamaged)),
    ] {
        let record = record("lib", "/a", 5, outcome, Some("key"));
        assert_eq!(verdict_from_records(&record, &[]), Some(expected));
    }
}

#[test]
fn a_key_that_was_in_the_store_before_was_evicted() {
    let now = record("lib", "/a", 5, miss(MissReason::NewUnit), Some("key"));
    let before = record("lib", "/b", 3, hit(), Some("key"));
    let other = record("lib", "/a", 4, hit(), Some("other"));
    assert_eq!(verdict_from_records(&now, &[before, other.clone()]), Some(Verdict::Evicted { last_ms: 3 }));
    assert_eq!(verdict_from_records(&now, &[other]), None);
}
