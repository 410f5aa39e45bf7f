//! Files of the store with anything in them: never a panic, never a write outside the store and the outputs that
//! the invocation names.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ROLES, Scene, cases, files_below, is_restored};
use crate::digest::{Digest, guard};
use crate::key::context::KnownContents as _;
use crate::run::known::StoredKnowledge;
use crate::store::{Bucket, Store};
use crate::sys::fs;

/// Buckets of text files.
const TEXTS: [Bucket; 5] =
    [Bucket::Entries, Bucket::Inputs, Bucket::Units, Bucket::CrateClosures, Bucket::VariableNames];

fn stored() -> Scene {
    let scene = Scene::new();
    scene.store().put(&scene.compile("1")).expect("puts");
    scene
}

/// The first file of a bucket.
fn file_of(store: &Store, bucket: Bucket) -> std::path::PathBuf {
    let dir = store.root().join(bucket.name());
    dir.join(files_below(&dir).first().expect("the bucket holds something"))
}

fn overwrite(path: &std::path::Path, bytes: &[u8]) {
    fs::remove(path).expect("removes");
    fs::private::write_new(path, bytes).expect("writes");
}

fn without_guard(path: &std::path::Path) -> Vec<u8> {
    guard::check(fs::read(path).expect("reads")).expect("is guarded")
}

/// Uses everything that is read from the store. Answers whether a unit was restored.
fn use_all(scene: &Scene) -> bool {
    let store = scene.store();
    let known = StoredKnowledge { store: &store, adopts: true };
    for (bucket, file) in TEXTS.map(|bucket| (bucket, file_of(&store, bucket))) {
        let name = file.file_name().and_then(|name| name.to_str()).expect("is a digest");
        let digest: Digest = name.parse().expect("is a digest");
        match bucket {
            Bucket::Inputs => drop(store.inputs(&digest)),
            Bucket::CrateClosures => drop(known.closure(&digest)),
            Bucket::VariableNames => drop(known.library_variable_names(&digest)),
            _ => {}
        }
    }
    let outputs = scene.outputs("tree");
    let restored = scene.lookup("unit").is_ok_and(|found| scene.restore(&found, &outputs).is_ok());
    let placed = files_below(&scene.path("tree"));
    if restored {
        let mut wanted: Vec<_> = outputs.iter().filter_map(|output| output.path.file_name()).collect();
        wanted.sort();
        assert_eq!(placed, wanted, "every output that was asked for, and nothing else");
    } else {
        assert_eq!(placed.len(), 0, "{placed:?}");
    }
    assert_eq!(files_below(&scene.path("outside")).len(), 0);
    assert_eq!(files_below(&scene.path("workspace")).len(), 1);
    let elsewhere = files_below(&scene.path(""));
    let is_known = |path: &&std::path::PathBuf| {
        ["cache/store/v2", "built", "tree", "workspace"].iter().any(|place| path.starts_with(place))
    };
    assert_eq!(elsewhere.iter().find(|path| !is_known(path)), None);
    restored
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn any_bytes_in_place_of_a_file_are_a_miss(
        bucket in prop::sample::select(&TEXTS[..]), bytes: Vec<u8>, guarded: bool,
    ) {
        let scene = stored();
        // Any text may be what stands in a library; no hit reads the inputs.
        let is_fine = bucket == Bucket::Inputs
            || bucket == Bucket::VariableNames && guarded && std::str::from_utf8(&bytes).is_ok();
        let bytes = if guarded { guard::add(bytes) } else { bytes };
        overwrite(&file_of(&scene.store(), bucket), &bytes);
        prop_assert_eq!(use_all(&scene), is_fine);
    }

    #[test]
    fn a_file_with_some_bytes_changed_is_a_miss(
        bucket in prop::sample::select(&TEXTS[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
        length: prop::sample::Index,
        cut: bool,
    ) {
        let scene = stored();
        let path = file_of(&scene.store(), bucket);
        let mut bytes = fs::read(&path).expect("reads");
        let whole = bytes.clone();
        changes.iter().for_each(|(at, flip)| { let at = at.index(bytes.len()); bytes[at] ^= flip; });
        if cut {
            bytes.truncate(length.index(bytes.len()));
        }
        overwrite(&path, &bytes);
        let serves_a_hit = bucket != Bucket::Inputs;
        prop_assert_eq!(use_all(&scene), bytes == whole || !serves_a_hit);
    }

    #[test]
    fn a_forged_file_with_some_bytes_changed_decides_nothing_but_hit_or_miss(
        bucket in prop::sample::select(&TEXTS[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let scene = stored();
        let path = file_of(&scene.store(), bucket);
        let mut bytes = without_guard(&path);
        changes.iter().for_each(|(at, byte)| { let at = at.index(bytes.len()); bytes[at] = *byte; });
        overwrite(&path, &guard::add(bytes));
        use_all(&scene);
    }
}

/// What a forger would write into any field.
fn hostile() -> Vec<Value> {
    vec![
        Value::Null,
        json!(-1),
        json!(u64::MAX),
        json!(1e308),
        json!(true),
        json!(""),
        json!("../../outside/x"),
        json!("/etc/passwd"),
        json!("/dev/null"),
        json!("<workspace>/../outside/x"),
        json!("<target>/x"),
        json!("<elsewhere>/x"),
        json!("a\u{0}b"),
        json!("%2e%2e%2foutside"),
        json!("%00"),
        json!("x".repeat(100_000)),
        json!("dep-info"),
        json!("executable"),
        json!("rlib"),
        json!("0".repeat(64)),
        json!("../".repeat(21) + "x"),
        json!([]),
        json!([["a"], {"b": 1}]),
        json!({}),
        json!({"text": "<cargo-home>/../x"}),
        json!({"announce": "export-file"}),
    ]
}

/// Every value of `tree` replaced by every hostile one, one at a time.
fn forgeries(tree: &Value) -> Vec<Value> {
    let mut forged = hostile();
    match tree {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                forged.extend(forgeries(item).into_iter().map(|item| {
                    let mut items = items.clone();
                    items[index] = item;
                    Value::Array(items)
                }));
            }
            let twice = items.iter().chain(items).cloned();
            forged
                .extend([Value::Array(twice.collect()), Value::Array(items.iter().rev().cloned().collect())]);
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                forged.extend(forgeries(value).into_iter().map(|value| {
                    let mut fields = fields.clone();
                    fields.insert(name.clone(), value);
                    Value::Object(fields)
                }));
                let mut fewer = fields.clone();
                fewer.remove(name);
                forged.push(Value::Object(fewer));
            }
        }
        _ => {}
    }
    forged
}

#[test]
fn no_field_of_any_file_decides_where_something_is_written() {
    let scene = stored();
    let blobs = scene.store().root().join(Bucket::Blobs.name());
    for bucket in [Bucket::Entries, Bucket::Inputs, Bucket::Units, Bucket::CrateClosures] {
        let path = file_of(&scene.store(), bucket);
        let whole = without_guard(&path);
        let tree: Value = serde_json::from_slice(&whole).expect("is JSON");
        for forged in forgeries(&tree) {
            overwrite(&path, &guard::add(serde_json::to_vec(&forged).expect("serializes")));
            use_all(&scene);
            fs::remove_dir_all(&scene.path("tree")).expect("removes");
            overwrite(&path, &guard::add(whole.clone()));
            // A wrong size in an entry makes good blobs look altered, and blobs of which nothing is known go; the next
            // put makes them good.
            if files_below(&blobs).len() < ROLES.len() {
                scene.store().put(&scene.compile("1")).expect("puts");
            }
            assert!(use_all(&scene));
            fs::remove_dir_all(&scene.path("tree")).expect("removes");
        }
    }
}

#[test]
fn an_entry_that_names_a_role_twice_is_no_entry() {
    let scene = stored();
    let path = file_of(&scene.store(), Bucket::Entries);
    let mut entry: Value = serde_json::from_slice(&without_guard(&path)).expect("is JSON");
    let artifacts = entry["artifacts"].as_array_mut().expect("is a list");
    let mut again = artifacts[0].clone();
    again["blob"] = artifacts[1]["blob"].clone();
    artifacts.push(again);
    overwrite(&path, &guard::add(serde_json::to_vec(&entry).expect("serializes")));
    assert!(!scene.hits("unit"));
}

#[test]
fn an_entry_cannot_make_one_output_of_another() {
    let scene = stored();
    let path = file_of(&scene.store(), Bucket::Entries);
    let mut entry: Value = serde_json::from_slice(&without_guard(&path)).expect("is JSON");
    entry["artifacts"][0]["role"] = json!("executable");
    overwrite(&path, &guard::add(serde_json::to_vec(&entry).expect("serializes")));
    assert!(!use_all(&scene), "the metadata that is asked for is missing");
}

#[test]
fn deep_nesting_is_damage() {
    let scene = stored();
    for bucket in TEXTS {
        let path = file_of(&scene.store(), bucket);
        overwrite(&path, &guard::add("[".repeat(1_000_000).into_bytes()));
    }
    assert!(!use_all(&scene));
}

#[test]
fn a_file_that_no_memory_could_hold_is_damage() {
    let scene = stored();
    for bucket in TEXTS {
        let path = file_of(&scene.store(), bucket);
        fs::remove(&path).expect("removes");
        fs::private::open_table(path.parent().expect("has one"), path.file_name().expect("has one"))
            .and_then(|file| file.set_len(1 << 40))
            .expect("makes a file with a hole");
    }
    assert!(!use_all(&scene));
}

#[test]
fn a_directory_or_a_symlink_in_place_of_a_file_is_a_miss_or_its_content() {
    for bucket in TEXTS {
        let scene = stored();
        let path = file_of(&scene.store(), bucket);
        fs::rename(&path, &path.with_extension("moved")).expect("renames");
        fs::create_dir_all(&path).expect("makes a directory");
        let outputs = scene.outputs("tree");
        let hits = scene.lookup("unit").is_ok_and(|found| scene.restore(&found, &outputs).is_ok());
        assert_eq!(hits, !matches!(bucket, Bucket::Entries | Bucket::Units));
        assert!(!hits || is_restored(&outputs, "1"));
    }
}
