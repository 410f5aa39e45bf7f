//! The store, the index, and the disk that they are on.

use std::time::{Duration, SystemTime};

use super::made::Made;
use crate::setup::doctor::verify;
use crate::sys::fs::Disk;

#[test]
fn a_cache_directory_that_cannot_be_used_is_a_problem() {
    let mut made = Made::well();
    made.is_ok("cache-directory");
    made.make_dir("home/.cache/kache");
    made.is_ok("cache-directory");
    made.mode("home/.cache/kache", 0o777);
    assert!(made.said("cache-directory").contains("can be written to by everybody"));
    std::fs::remove_dir_all(made.path("home/.cache/kache")).unwrap();
    made.write("home/.cache/kache", "");
    assert!(made.said("cache-directory").contains("is no directory"));
    made.vars.clear();
    assert!(made.said("cache-directory").contains("there is no place for the store"));
}

#[test]
fn a_file_system_that_is_slow_full_or_passing_is_told_of() {
    let mut made = Made::well();
    made.is_ok("file-system");
    for (kind, level) in [("NFS", "PROBLEM"), ("9p", "PROBLEM"), ("overlay", "note"), ("tmpfs", "note")] {
        made.says().disk.kind = Some(kind);
        assert!(made.said("file-system").starts_with(&format!("  {level}")), "{kind}");
    }
    made.says().disk.free_bytes = 1 << 20;
    assert!(made.said("file-system").contains("only 1"), "{}", made.said("file-system"));
    made.says().disk = Disk { kind: None, free_bytes: 9 << 30, free_files: 5 };
    assert!(made.said("file-system").contains("only 5 more files"));
}

#[test]
fn a_damaged_index_is_made_anew() {
    let made = Made::well();
    made.is_ok("index");
    made.write("home/.cache/kache/index.db", "no database");
    made.says_of(
        "index",
        &[
            "PROBLEM index /home/.cache/kache/index.db is damaged",
            "hint: nothing is lost with it",
            "fix: `kache doctor --fix`",
        ],
    );
    made.is_fixed("index");
}

#[test]
fn a_store_over_its_limit_is_collected() {
    let mut made = Made::well();
    made.make_dir("home/.cache/kache");
    made.is_ok("size");
    made.blob(&"x".repeat(9_000));
    made.set("KACHE_MAX_SIZE", "1000");
    assert!(made.said("size").contains("PROBLEM  size"));
    // What is young stays, so the fix can be called again.
    assert!(made.fix(Some("size")));
}

#[test]
fn a_blob_that_was_written_to_is_taken_out_of_service() {
    let made = Made::well();
    let (sound, altered) = (made.blob("sound"), made.blob("whole"));
    made.is_ok("seals");
    std::fs::write(&altered, "other").unwrap();
    assert!(made.said("seals").contains("1 of 2 blobs were written to; none is served"));
    made.is_fixed("seals");
    assert!(sound.exists() && !altered.exists());
}

#[test]
fn verifying_finds_what_a_seal_does_not_tell() {
    let made = Made::well();
    let (sound, altered) = (made.blob("sound"), made.blob("whole"));
    let before = std::fs::metadata(&altered).unwrap().modified().unwrap();
    std::fs::write(&altered, "other").unwrap();
    std::fs::File::options().write(true).open(&altered).unwrap().set_modified(before).unwrap();
    made.is_ok("seals");
    let cache_dir = made.path("home/.cache/kache");
    let verified = verify::verify(&cache_dir, &|_, _| {});
    assert_eq!((verified.n_blobs, verified.altered.len(), verified.n_orphans), (2, 1, 2));
    assert!(sound.exists() && !altered.exists());
    assert!(verify::verify(&cache_dir, &|_, _| {}).is_sound());
}

#[test]
fn times_ahead_and_few_open_files_are_told_of() {
    let mut made = Made::well();
    made.is_ok("clock");
    made.says().open_files = Some(64);
    assert!(made.said("clock").contains("only 64 files open"));
    made.write("home/.cache/kache/records/a.jsonl", "");
    let ahead = SystemTime::now() + Duration::from_secs(3600);
    let path = made.path("home/.cache/kache/records/a.jsonl");
    std::fs::File::options().write(true).open(path).unwrap().set_modified(ahead).unwrap();
    assert!(made.said("clock").contains("s from now"));
}
