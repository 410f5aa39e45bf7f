//! Plans over made-up surveys, and plans applied to a store beside which others work.

use std::collections::HashMap;
use std::path::PathBuf;

use super::CollectionLock;
use super::apply::{Applied, apply};
use super::plan::{CLOSURE_MS, EvictionReason, FileKind, GRACE_MS, Limits, Plan};
use super::survey::{EntryState, Stray, Survey, disk_bytes};
use crate::digest::Digest;
use crate::store::entry::UnitName;
use crate::store::tests::Scene;
use crate::store::walk::{FileState, StoredFile};
use crate::store::{Bucket, Store};
use crate::sys::{clock, fs};

const NOW_MS: u64 = 1_000_000_000_000;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

fn digest(name: &str) -> Digest {
    Digest::hash(name.as_bytes())
}

fn found(name: &str, disk_bytes: u64, age_ms: u64) -> StoredFile {
    let changed_ms = NOW_MS - age_ms;
    let state = FileState {
        size_bytes: disk_bytes,
        disk_bytes,
        is_shared: false,
        changed_ms,
        modified_ms: changed_ms,
    };
    StoredFile { path: PathBuf::from(name), state }
}

/// A survey of entries with a name, blobs (100 KiB each) and the time since they were last used.
fn survey(entries: &[(&str, &[&str], u64)]) -> Survey {
    let mut survey = Survey::default();
    for (name, blobs, unused_ms) in entries {
        let unit = UnitName {
            crate_name: (*name).to_owned(),
            version: "1.0.0".to_owned(),
            kind: "lib".to_owned(),
            ..UnitName::default()
        };
        survey.entries.push(EntryState {
            key: digest(name),
            found: found(name, 4096, DAY_MS * 30),
            unit: Some(unit),
            unit_key: Some(digest(&format!("unit of {name}"))),
            blobs: blobs.iter().map(|blob| digest(blob)).collect(),
            last_used_ms: NOW_MS - unused_ms,
        });
        for blob in *blobs {
            survey.blobs.insert(digest(blob), found(blob, 100 << 10, DAY_MS * 30));
        }
        let side = |bucket, name: String| (bucket, digest(&name), found(&name, 4096, DAY_MS * 30));
        survey.metadata_files.push(side(Bucket::Inputs, (*name).to_owned()));
        survey.metadata_files.push(side(Bucket::Units, format!("unit of {name}")));
    }
    survey
}

fn no_limits() -> Limits {
    Limits { max_bytes: u64::MAX, max_age_ms: None, grace_ms: GRACE_MS }
}

fn evicted(plan: &Plan) -> Vec<&str> {
    plan.evictions.iter().map(|eviction| eviction.unit.crate_name.as_str()).collect()
}

fn removed(plan: &Plan) -> Vec<&str> {
    plan.files.iter().filter_map(|(_, found)| found.path.to_str()).collect()
}

#[test]
fn a_store_within_its_limits_is_left_alone() {
    let survey = survey(&[("a", &["1"], 90 * DAY_MS), ("b", &["2"], HOUR_MS)]);
    let plan = Plan::compute(&survey, NOW_MS, &no_limits());
    assert!(plan.is_empty(), "{plan}");
    assert_eq!(plan.before_bytes, plan.after_bytes);
    let exactly = Limits { max_bytes: plan.before_bytes, ..no_limits() };
    assert!(Plan::compute(&survey, NOW_MS, &exactly).is_empty());
}

#[test]
fn least_recently_used_entries_are_evicted_down_to_90_percent_of_the_limit() {
    let survey = survey(&[
        ("newest", &["1"], 2 * HOUR_MS),
        ("oldest", &["2"], 9 * DAY_MS),
        ("older", &["3", "shared"], 5 * DAY_MS),
        ("old", &["4", "shared"], 3 * DAY_MS),
    ]);
    // Five blobs of 100 KiB and twelve small files of 4 KiB: 548 KiB.
    let limits = Limits { max_bytes: 500 << 10, ..no_limits() };
    let plan = Plan::compute(&survey, NOW_MS, &limits);
    assert_eq!(
        plan.to_string(),
        "evict  oldest 1.0.0 lib, last used 9d ago\nremove 1 blob, 100 KiB\nremove 2 metadata files, 8 KiB\n"
    );
    assert_eq!((plan.before_bytes >> 10, plan.after_bytes >> 10), (548, 436));
    let plan = Plan::compute(&survey, NOW_MS, &Limits { max_bytes: 430 << 10, ..no_limits() });
    // `shared` stays: `old` still refers to it.
    assert_eq!(evicted(&plan), ["oldest", "older"]);
    let mut blobs = removed(&plan);
    blobs.retain(|path| path.len() == 1 || *path == "shared");
    blobs.sort_unstable();
    assert_eq!(blobs, ["2", "3"]);
}

#[test]
fn recently_used_entries_stay_even_over_the_limit() {
    let survey = survey(&[("a", &["1"], GRACE_MS - 1), ("b", &["2"], GRACE_MS)]);
    let plan = Plan::compute(&survey, NOW_MS, &Limits { max_bytes: 0, ..no_limits() });
    assert_eq!(evicted(&plan), ["b"]);
    assert_eq!(
        evicted(&Plan::compute(&survey, NOW_MS, &Limits { max_bytes: 0, max_age_ms: None, grace_ms: 0 })),
        ["b", "a"]
    );
}

#[test]
fn expired_entries_are_evicted_below_the_limit() {
    let survey = survey(&[("a", &["1"], 7 * DAY_MS), ("b", &["2"], 7 * DAY_MS - 1)]);
    let plan = Plan::compute(&survey, NOW_MS, &Limits { max_age_ms: Some(7 * DAY_MS), ..no_limits() });
    assert_eq!(evicted(&plan), ["a"]);
    assert_eq!(plan.evictions[0].why, EvictionReason::Age);
}

#[test]
fn a_damaged_entry_is_removed_with_its_blobs() {
    let mut survey = survey(&[("a", &["1"], DAY_MS), ("b", &["2"], DAY_MS)]);
    survey.entries[0].unit = None;
    survey.entries[0].blobs.clear();
    let plan = Plan::compute(&survey, NOW_MS, &no_limits());
    assert_eq!(plan.evictions.len(), 1);
    assert_eq!(plan.evictions[0].why, EvictionReason::Damaged);
    assert_eq!(removed(&plan), ["1", "a", "unit of a"]);
}

#[test]
fn a_young_orphan_stays_because_a_put_may_be_in_progress() {
    let mut survey = survey(&[("a", &["1"], DAY_MS)]);
    survey.blobs.insert(digest("young"), found("young", 1, GRACE_MS - 1));
    survey.blobs.insert(digest("orphan"), found("orphan", 1, GRACE_MS));
    survey.metadata_files.push((Bucket::Inputs, digest("early"), found("early", 1, GRACE_MS - 1)));
    survey.metadata_files.push((Bucket::Units, digest("list"), found("list", 1, GRACE_MS)));
    let plan = Plan::compute(&survey, NOW_MS, &no_limits());
    assert_eq!(removed(&plan), ["orphan", "list"]);
}

/// A put found it there a moment ago, and its entry is not written yet.
#[test]
fn a_blob_of_an_evicted_entry_that_was_just_renewed_stays() {
    let mut survey = survey(&[("a", &["1", "2"], DAY_MS)]);
    survey.blobs.insert(digest("2"), found("2", 100 << 10, 5_000));
    let plan = Plan::compute(&survey, NOW_MS, &Limits { max_bytes: 0, ..no_limits() });
    assert_eq!(evicted(&plan), ["a"]);
    assert_eq!(removed(&plan), ["1", "a", "unit of a"]);
}

#[test]
fn crate_closures_outlive_the_entries_of_their_crates() {
    let mut survey = survey(&[("a", &["1"], DAY_MS)]);
    for (name, age_ms) in [("1", 90 * DAY_MS), ("gone", CLOSURE_MS - 1), ("long gone", CLOSURE_MS)] {
        survey.metadata_files.push((Bucket::CrateClosures, digest(name), found(name, 1, age_ms)));
        survey.metadata_files.push((Bucket::VariableNames, digest(name), found(name, 1, age_ms)));
    }
    let plan = Plan::compute(&survey, NOW_MS, &no_limits());
    assert_eq!(removed(&plan), ["long gone", "long gone"]);
}

#[test]
fn stray_files_are_removed_by_age() {
    let mut survey = survey(&[]);
    for (stray, keep_ms) in [
        (Stray::Temporary, HOUR_MS),
        (Stray::Lock, DAY_MS),
        (Stray::Quarantined, 7 * DAY_MS),
        (Stray::Manifest, 30 * DAY_MS),
        (Stray::Records, 30 * DAY_MS),
    ] {
        survey.strays.push((stray, found("young", 4096, keep_ms - 1)));
        survey.strays.push((stray, found("old", 4096, keep_ms)));
    }
    let plan = Plan::compute(&survey, NOW_MS, &no_limits());
    assert_eq!(
        plan.to_string(),
        "remove 1 unfinished file, 4 KiB\nremove 1 unused lock, 4 KiB\nremove 1 altered blob, 4 KiB\n\
         remove 1 old manifest of a build, 4 KiB\nremove 1 old record file, 4 KiB\n"
    );
    assert_eq!(removed(&plan), ["old"; 5]);
    // Records are not part of the store.
    assert_eq!((plan.before_bytes, plan.after_bytes), (8 * 4096, 4 * 4096));
}

#[test]
fn a_crate_is_purged_by_any_spelling_and_what_others_share_stays() {
    let survey = survey(&[("my_crate", &["1", "shared"], 0), ("other", &["2", "shared"], 0)]);
    let plan = Plan::for_crate(&survey, NOW_MS, "my-crate");
    assert_eq!(evicted(&plan), ["my_crate"]);
    assert_eq!(removed(&plan), ["1", "my_crate", "unit of my_crate"]);
}

#[test]
fn at_most_twenty_evictions_are_listed() {
    let names: Vec<String> = (0..25).map(|n| format!("crate{n}")).collect();
    let entries: Vec<(&str, &[&str], u64)> =
        names.iter().map(|name| (name.as_str(), &[] as &[&str], DAY_MS)).collect();
    let plan = Plan::compute(&survey(&entries), NOW_MS, &Limits { max_bytes: 0, ..no_limits() });
    assert_eq!(plan.to_string().lines().filter(|line| line.starts_with("evict")).count(), 20);
    assert!(plan.to_string().contains("       and 5 more\n"), "{plan}");
}

fn look(scene: &Scene) -> Survey {
    Survey::read(&scene.path("cache"), &HashMap::new()).expect("all can be read")
}

/// Units `a` and `b` in a store, seen by a survey.
fn stored() -> (Scene, Survey) {
    let scene = Scene::new();
    for unit in ["a", "b"] {
        scene.store().put(&scene.compile_as(unit, "1")).expect("puts");
    }
    let survey = look(&scene);
    (scene, survey)
}

fn apply_to(scene: &Scene, plan: &Plan) -> Applied {
    let lock =
        CollectionLock::acquire(&scene.path("cache")).expect("locks").expect("no other collection runs");
    apply(plan, &lock)
}

fn everything() -> Limits {
    Limits { max_bytes: 0, max_age_ms: None, grace_ms: 0 }
}

#[test]
fn applying_a_plan_frees_what_it_announced() {
    let (scene, survey) = stored();
    assert_eq!(survey.entries.len(), 2);
    let cache = scene.path("cache");
    assert_eq!(survey.disk_bytes(), disk_bytes(&cache).0);
    let plan = Plan::for_crate(&survey, clock::now_ms(), "a");
    let applied = apply_to(&scene, &plan);
    assert_eq!((applied.n_evicted, applied.n_kept, applied.problems.len()), (1, 0, 0));
    assert_eq!(disk_bytes(&cache).0, plan.after_bytes);
    assert!(!scene.hits("a") && scene.hits("b"));
    // Both made the same files: the blobs are still referred to.
    assert!(plan.files.iter().all(|(kind, _)| *kind == FileKind::Metadata));
    let plan = Plan::compute(&look(&scene), clock::now_ms(), &everything());
    assert_eq!(apply_to(&scene, &plan).problems, Vec::<String>::new());
    assert_eq!(look(&scene).blobs.len(), 0);
    assert!(!scene.hits("b"));
}

/// The race of a put with a collection, in the order that would hurt: the survey sees no entry, the put finds its blobs
/// there and writes its entry, the collection removes.
#[test]
fn a_put_between_survey_and_removal_keeps_its_blobs() {
    let (scene, _) = stored();
    if !keeps_signs_of_life(&scene) {
        return;
    }
    let key = |unit: &str| scene.lookup(unit).expect("it is there").key;
    for key in [key("a"), key("b")] {
        fs::remove(&scene.store().path(Bucket::Entries, &key)).expect("removes");
    }
    let plan = Plan::compute(&look(&scene), clock::now_ms(), &everything());
    assert!(plan.files.iter().any(|(kind, _)| *kind == FileKind::Blob));
    // What the file system's clock can tell apart.
    let surveyed_ms = clock::now_ms();
    while fs::kernel_time(&scene.path("probe")).expect("asks") / 1_000_000 <= surveyed_ms as i64 {}
    scene.store().put(&scene.compile_as("a", "1")).expect("puts");
    let applied = apply_to(&scene, &plan);
    assert!(applied.n_kept > 0, "{applied:?}");
    assert!(scene.hits("a"), "the entry has all its blobs");
}

/// The same, but the put comes after the last look: an entry without its blobs is a miss, and the next put heals it.
#[test]
fn an_entry_that_lost_its_blobs_is_a_miss_and_the_next_put_heals_it() {
    let (scene, survey) = stored();
    for found in survey.blobs.values() {
        fs::remove(&found.path).expect("removes");
    }
    let found = scene.lookup("a").expect("the entry is there");
    let outputs = scene.outputs("tree");
    assert!(scene.restore(&found, &outputs).is_err());
    assert!(outputs.iter().all(|output| !output.path.exists()), "what was placed is gone again");
    scene.store().put(&scene.compile_as("a", "1")).expect("puts");
    assert!(scene.hits("a"));
}

#[test]
fn a_held_lock_is_not_removed() {
    let (scene, _) = stored();
    let patience = std::time::Duration::from_secs(1);
    let held = scene.store().acquire_flight_lock(&digest("u"), &digest("r"), patience).expect("locks");
    let survey = look(&scene);
    let lock = survey.strays.iter().find(|(stray, _)| *stray == Stray::Lock).expect("there is one");
    let found = lock.1.clone();
    let plan = Plan { files: vec![(FileKind::Stray(Stray::Lock), found.clone())], ..Plan::default() };
    assert_eq!(apply_to(&scene, &plan).n_removed, 0);
    drop(held);
    assert_eq!(apply_to(&scene, &plan).n_removed, 1);
    assert!(!found.path.exists());
}

#[test]
fn one_collection_at_a_time() {
    let scene = Scene::new();
    let first = CollectionLock::acquire(&scene.path("cache")).expect("locks");
    assert!(first.is_some());
    assert!(CollectionLock::acquire(&scene.path("cache")).expect("asks").is_none());
    drop(first);
    assert!(CollectionLock::acquire(&scene.path("cache")).expect("locks").is_some());
}

/// Whether the file system keeps the signs of life that [`fs::renew`] gives. Wine keeps no times of creation.
fn keeps_signs_of_life(scene: &Scene) -> bool {
    let probe = scene.path("alive");
    fs::write_new(&probe, b"").expect("writes");
    let state = || fs::Identity::at(&probe).expect("is there").changed_ns;
    let before = state();
    while fs::kernel_time(&scene.path("probe")).expect("asks") <= before {}
    fs::renew(&probe).expect("renews");
    let keeps = state() > before;
    assert!(keeps || cfg!(windows));
    if !keeps {
        println!("skipped: times of creation are not kept here");
    }
    keeps
}

#[test]
fn a_put_that_finds_a_blob_there_renews_its_change_time_and_not_its_seal() {
    let (scene, _) = stored();
    if !keeps_signs_of_life(&scene) {
        return;
    }
    let put = scene.compile_as("a", "1");
    let artifact = &put.entry.artifacts[0];
    // A time that is the seal on coarse file systems: a put that sealed again would make it a finer one.
    let blob = scene.store().path(Bucket::Blobs, &artifact.blob);
    let coarse = crate::digest::seal::coarse(&artifact.blob);
    fs::set_modified(&blob, coarse).expect("sets the time");
    let before = look(&scene).blobs[&artifact.blob].state;
    while fs::kernel_time(&scene.path("probe")).expect("asks") / 1_000_000 <= before.changed_ms as i64 {}
    scene.store().put(&put).expect("puts");
    let after = look(&scene).blobs[&artifact.blob].state;
    assert!(after.changed_ms > before.changed_ms);
    assert_eq!(fs::metadata(&blob).expect("is there").modified().expect("has a time"), coarse);
    assert!(Store::at(&scene.path("cache")).blob(&artifact.blob, artifact.size_bytes).is_ok());
}

#[cfg(unix)]
#[test]
fn nothing_is_removed_from_an_unreadable_store() {
    let (scene, _) = stored();
    let key = scene.lookup("a").expect("it is there").key;
    let entry = scene.store().path(Bucket::Entries, &key);
    let dir = entry.parent().expect("it is in a directory").to_path_buf();
    // A directory that no user can list, not even root.
    fs::remove_dir_all(&dir).expect("removes");
    std::os::unix::fs::symlink(&dir, &dir).expect("leads to itself");
    let super::survey::Incomplete(problems) =
        Survey::read(&scene.path("cache"), &HashMap::new()).expect_err("it is incomplete");
    assert!(problems[0].starts_with(&format!("{}: ", dir.display())), "{problems:?}");
}
