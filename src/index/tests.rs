//! The index agrees with the store and the records, even after it was damaged, locked or replaced.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;

use super::open::{Index, path};
use super::query::EntryRow;
use crate::outcome::{Origin, Outcome};
use crate::run::record::{self, Record};
use crate::store::tests::Scene;
use crate::store::{Bucket, Store};
use crate::sys::env::Env;
use crate::sys::fs;

const NOW_MS: u64 = 1_795_478_400_000;

struct Fixture {
    scene: Scene,
}

impl Fixture {
    /// Two units in a store, the second of them with a hit.
    fn new() -> Fixture {
        let fixture = Fixture { scene: Scene::new() };
        for unit in ["one", "two"] {
            let put = fixture.scene.compile_as(unit, unit);
            fixture.scene.store().put(&put).expect("puts");
        }
        fixture.hit("two", NOW_MS);
        fixture
    }

    fn cache(&self) -> PathBuf {
        self.scene.path("cache")
    }

    fn records_dir(&self) -> PathBuf {
        Store::records_dir(&self.cache())
    }

    fn hit(&self, unit: &str, time_ms: u64) {
        let key = self.scene.lookup(unit).expect("it is there").key;
        let mut record = Record::new(&Env::with_vars(&[]), &[]);
        record.outcome = Outcome::Hit { origin: Origin::Local };
        (record.key, record.time_ms) = (Some(key), time_ms);
        record::append(&self.records_dir(), &record);
    }

    fn index(&self) -> Index {
        Index::open_within(&self.cache(), Duration::from_millis(50)).expect("opens")
    }

    #[track_caller]
    fn expect_whole(&self, index: &Index) {
        let rows = index.entries(None).expect("answers");
        assert_eq!(summary(&rows), [("one", 0, 2), ("two", 1, NOW_MS)]);
    }
}

fn summary(rows: &[EntryRow]) -> Vec<(&str, u64, u64)> {
    rows.iter().map(|row| (row.crate_name.as_str(), row.n_hits, row.last_used_ms)).collect()
}

#[test]
fn entries_and_uses_are_those_of_the_store_and_the_records() {
    let fixture = Fixture::new();
    let index = fixture.index();
    assert_eq!(index.notes, Vec::<String>::new());
    fixture.expect_whole(&index);
    assert_eq!(index.entries(Some("one")).expect("answers").len(), 1);
    fixture.expect_whole(&fixture.index());
}

#[test]
fn new_and_removed_entries_are_seen() {
    let fixture = Fixture::new();
    drop(fixture.index());
    let key = fixture.scene.lookup("one").expect("it is there").key;
    fs::remove(&fixture.scene.store().path(Bucket::Entries, &key)).expect("removes");
    let put = fixture.scene.compile_as("three", "3");
    fixture.scene.store().put(&put).expect("puts");
    fixture.hit("two", NOW_MS + 5);
    let rows = fixture.index().entries(None).expect("answers");
    assert_eq!(summary(&rows), [("three", 0, 2), ("two", 2, NOW_MS + 5)]);
    let artifact = put.entry.artifacts[0].blob;
    let index = fixture.index();
    assert_eq!(index.crate_of_artifact(&artifact).expect("answers").as_deref(), Some("three"));
}

#[test]
fn a_torn_line_costs_only_itself_and_is_not_counted_twice() {
    let fixture = Fixture::new();
    let file = super::records::files(&fixture.records_dir()).remove(0);
    let whole = fs::read(&file).expect("reads");
    // Half a line, as if another process were writing it while the index is brought up to date.
    fs::append(&file, &whole[..whole.len() / 2]).expect("appends");
    fixture.expect_whole(&fixture.index());
    fs::append(&file, &whole[whole.len() / 2..]).expect("appends");
    let rows = fixture.index().entries(None).expect("answers");
    assert_eq!(summary(&rows)[1], ("two", 2, NOW_MS));
    fs::append(&file, b"{\"torn\":\n").expect("appends");
    fs::append(&file, &whole).expect("appends");
    let rows = fixture.index().entries(None).expect("answers");
    assert_eq!(summary(&rows)[1], ("two", 3, NOW_MS));
}

#[test]
fn a_damaged_index_is_set_aside_and_rebuilt() {
    for damage in ["no database at all, but some text that is long enough to be looked at", ""] {
        let fixture = Fixture::new();
        drop(fixture.index());
        let bytes = fs::read(&path(&fixture.cache())).expect("reads");
        let damaged = match damage {
            "" => [&bytes[..4096], &vec![0x55; bytes.len() - 4096]].concat(),
            text => text.as_bytes().to_vec(),
        };
        fs::remove(&path(&fixture.cache())).expect("removes");
        fs::write_new(&path(&fixture.cache()), &damaged).expect("writes");
        let index = fixture.index();
        fixture.expect_whole(&index);
        assert!(index.notes[0].contains("is damaged"), "{:?}", index.notes);
        let aside = fixture.cache().join("index.db.unusable");
        assert_eq!(fs::read(&aside).expect("it is kept"), damaged);
        drop(index);
        assert_eq!(fixture.index().notes, Vec::<String>::new());
    }
}

#[test]
fn an_index_with_another_schema_is_rebuilt() {
    for change in ["PRAGMA user_version = 99", "DROP TABLE uses", "ALTER TABLE entries DROP COLUMN kind"] {
        let fixture = Fixture::new();
        drop(fixture.index());
        Connection::open(path(&fixture.cache())).expect("opens").execute_batch(change).expect("changes");
        let index = fixture.index();
        fixture.expect_whole(&index);
        assert!(index.notes[0].contains("it is rebuilt"), "{change}: {:?}", index.notes);
    }
}

#[test]
fn a_locked_index_is_replaced_by_one_in_memory() {
    let fixture = Fixture::new();
    drop(fixture.index());
    let other = Connection::open(path(&fixture.cache())).expect("opens");
    other.execute_batch("BEGIN EXCLUSIVE").expect("locks");
    let index = fixture.index();
    fixture.expect_whole(&index);
    assert!(index.notes[0].contains("in use by another process"), "{:?}", index.notes);
    other.execute_batch("ROLLBACK").expect("unlocks");
    assert_eq!(fixture.index().notes, Vec::<String>::new());
}

#[test]
fn an_index_that_cannot_be_created_is_replaced_by_one_in_memory() {
    let fixture = Fixture::new();
    fs::create_dir_all(&path(&fixture.cache()).join("in the way")).expect("makes a directory");
    let index = fixture.index();
    fixture.expect_whole(&index);
    assert!(index.notes[0].contains("read from the store instead"), "{:?}", index.notes);
}

#[test]
fn reading_a_missing_cache_does_not_create_it() {
    let scene = Scene::new();
    let index = Index::open(&scene.path("cache")).expect("opens");
    assert_eq!(index.entries(None).expect("answers"), []);
    assert!(index.notes.is_empty() && !scene.path("cache").exists());
}

#[test]
fn a_damaged_entry_is_reported_and_not_listed() {
    let fixture = Fixture::new();
    let key = fixture.scene.lookup("one").expect("it is there").key;
    fs::append(&fixture.scene.store().path(Bucket::Entries, &key), b"x").expect("damages");
    for _ in 0..2 {
        let index = fixture.index();
        assert_eq!(summary(&index.entries(None).expect("answers")), [("two", 1, NOW_MS)]);
        assert!(index.notes[0].contains("1 entry"), "{:?}", index.notes);
    }
}

#[test]
fn uses_of_long_removed_entries_are_dropped() {
    let fixture = Fixture::new();
    let key = fixture.scene.lookup("two").expect("it is there").key;
    fs::remove(&fixture.scene.store().path(Bucket::Entries, &key)).expect("removes");
    assert!(fixture.index().last_uses().expect("answers").contains_key(&key));
    fixture.hit("one", NOW_MS + 91 * 86_400_000);
    assert!(!fixture.index().last_uses().expect("answers").contains_key(&key));
}
