//! What builds consisted of, shared between machines: a new machine fills its first build directory with what another one
//! has built.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kache::action::portable::Portable;
use kache::manifest::form::{self, Manifest, PortableCall};
use kache::store::Store;
use tempfile::TempDir;

use crate::remote::{json, kache, shared_folder};
use crate::seeding::split;
use crate::world::{World, files_below};

/// A machine of its own that seeds, with this folder as the remote.
pub(crate) fn seeding_machine(fixture: &str, folder: &TempDir) -> World {
    let world = World::project(fixture).env("KACHE_REMOTE_DIR", folder.path());
    SEEDING.iter().fold(world, |world, name| world.env(name, "1"))
}

/// What has new build directories filled.
pub(crate) const SEEDING: [&str; 2] = ["KACHE_SEED", "KACHE_CACHE_BUILD_SCRIPTS"];

/// Only what is older than the cargo that builds is known to be what it read. Another call of cargo takes long enough.
pub(crate) fn settle(world: &World) {
    world.cargo(["metadata", "--format-version", "1"]).succeeds();
}

/// The objects of a kind in a shared folder.
pub(crate) fn objects(folder: &TempDir, kind: &str) -> Vec<PathBuf> {
    let dir = folder.path().join("v1").join(kind);
    if dir.is_dir() { files_below(&dir) } else { Vec::new() }
}

/// An object with another statement, its first file.
pub(crate) fn restated(object: &[u8], change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let mut archive =
        tar::Archive::new(std::io::Cursor::new(zstd::decode_all(object).expect("is compressed")));
    let mut files = Vec::new();
    for entry in archive.entries().expect("is an archive") {
        let mut entry = entry.expect("is an archive");
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("reads");
        files.push((entry.path().expect("has a name").display().to_string(), content));
    }
    let mut statement = serde_json::from_slice(&files[0].1).expect("is a statement");
    change(&mut statement);
    files[0].1 = serde_json::to_vec(&statement).expect("serializes");
    let mut bytes = Vec::new();
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_path(&name).expect("is short");
        header.set_size(content.len() as u64);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    zstd::encode_all(&*bytes, 3).expect("compresses")
}

/// Builds on a new machine, and sends all. Answers how many units that were.
pub(crate) fn build_and_push(world: &World) -> usize {
    settle(world);
    let n_units = world.build().succeeds().records().len();
    kache(world, "sync --push").succeeds();
    n_units
}

#[test]
fn the_first_build_of_a_second_machine_is_filled_before_cargo_asks() {
    for fixture in ["two-crates", "macros"] {
        let folder = shared_folder();
        let first = seeding_machine(fixture, &folder);
        let n_units = build_and_push(&first);
        assert_eq!(objects(&folder, "manifests").len(), 1, "{fixture}");
        let second = seeding_machine(fixture, &folder);
        let planned = kache(&second, "sync --pull --dry-run");
        assert!(planned.stdout().contains(" and 1 manifest of builds from "), "{planned}");
        let pulled = json(kache(&second, "sync --pull --json").succeeds());
        assert_eq!(pulled["pulled"]["n_builds"], 1, "{pulled:#}");
        let step = second.build();
        assert_eq!(split(&step), (n_units, Vec::new()), "{fixture}: {step}");
        second.noop();
        // What is there already is not sent again, from either side.
        kache(&second, "sync --push").succeeds();
        assert_eq!(objects(&folder, "manifests").len(), 1, "{fixture}");
        let again = json(kache(&second, "sync --json").succeeds());
        assert_eq!((&again["pull"]["n_builds"], &again["push"]["n_builds"]), (&0.into(), &0.into()));
    }
}

#[test]
fn a_manifest_that_is_older_than_the_own_one_counts_as_not_fetched() {
    let folder = shared_folder();
    build_and_push(&seeding_machine("two-crates", &folder));
    let second = seeding_machine("two-crates", &folder);
    kache(&second, "sync --pull").succeeds();
    let store = Store::at(&second.cache());
    let path = form::all(&store).pop().expect("there is a manifest");
    let mut own = Manifest::read(&path).expect("it is whole");
    own.header.time_ms += 1;
    own.units.pop();
    own.write(&path, &store).expect("writes");
    let pulled = json(kache(&second, "sync --pull --json").succeeds());
    assert_eq!((&pulled["pull"]["n_builds"], &pulled["pulled"]["n_builds"]), (&1.into(), &0.into()));
    assert_eq!(pulled["requests"]["n_gets"], 1, "{pulled:#}");
    assert_eq!(Manifest::read(&path).expect("it is whole"), own);
    // It does not travel again, as long as the own one is there.
    for _ in 0..2 {
        let again = json(kache(&second, "sync --pull --json").succeeds());
        assert_eq!(
            (&again["pull"]["n_builds"], &again["requests"]["n_gets"]),
            (&0.into(), &0.into()),
            "{again:#}"
        );
    }
    fs::remove_file(&path).expect("removes");
    assert_eq!(json(kache(&second, "sync --pull --json").succeeds())["pulled"]["n_builds"], 1);
}

/// Blobs keep the times at which they were made, so that build directories can be filled with links to them.
#[test]
fn what_another_machine_compiled_is_linked_into_a_new_build_directory() {
    let folder = shared_folder();
    let first = seeding_machine("big", &folder);
    build_and_push(&first);
    let second = seeding_machine("big", &folder);
    kache(&second, "sync --pull").succeeds();
    let step = second.build();
    let (n_seeded, _) = split(&step);
    assert!(n_seeded > 100, "{step}");
    let bytes = |of: fn(&kache::run::record::Bytes) -> u64| -> u64 {
        step.records().iter().map(|record| of(&record.bytes)).sum()
    };
    let (shared, copied) = (bytes(|it| it.linked + it.cloned), bytes(|it| it.copied));
    assert!(shared > copied, "{shared} bytes are shared and {copied} are copied");
    second.noop();
}

#[test]
fn a_manifest_is_sent_by_hand_into_a_namespace() {
    let folder = shared_folder();
    let first = seeding_machine("two-crates", &folder);
    settle(&first);
    first.build().succeeds();
    let sent = json(kache(&first, "save-manifest --namespace nightly --json").succeeds());
    assert_eq!((&sent["namespace"], &sent["existed"]), (&"nightly".into(), &false.into()), "{sent:#}");
    let again = json(kache(&first, "save-manifest --namespace nightly --json").succeeds());
    assert_eq!(again["existed"], true);
    assert!(objects(&folder, "manifests")[0].starts_with(folder.path().join("v1/manifests/nightly")));
    let pulled =
        |world: &World| json(kache(world, "sync --pull --json").succeeds())["pulled"]["n_builds"].clone();
    let second = seeding_machine("two-crates", &folder);
    assert_eq!(pulled(&second), 0, "it is in another namespace");
    assert_eq!(pulled(&second.env("KACHE_NAMESPACE", "nightly")), 1);
    kache(&first, "save-manifest --namespace ../x").fails_with("not a name of letters");
    first.clean();
    kache(&first, "save-manifest").fails_with("no build to harvest");
}

/// Names all ways in which a manifest can be wrong. None of it reaches a build directory.
#[test]
fn a_hostile_manifest_is_refused_with_a_reason() {
    type Attack = fn(&mut Vec<u8>);
    let attacks: [(Attack, &str); 4] = [
        (|bytes| bytes.truncate(bytes.len() / 2), ""),
        (|bytes| bytes.clear(), ""),
        (|bytes| bytes.reverse(), ""),
        (|bytes| *bytes = zstd::encode_all(&*vec![0; 64 << 20], 19).expect("compresses"), "data follows"),
    ];
    let folder = shared_folder();
    build_and_push(&seeding_machine("two-crates", &folder));
    let object = objects(&folder, "manifests")[0].clone();
    let sound = fs::read(&object).expect("reads");
    for (index, (attack, said)) in attacks.into_iter().enumerate() {
        let mut bytes = sound.clone();
        attack(&mut bytes);
        fs::write(&object, bytes).expect("writes");
        let reader = seeding_machine("two-crates", &folder);
        let report = json(kache(&reader, "sync --pull --json").succeeds());
        let refused = report["pulled"]["refused_builds"].as_array().expect("a list");
        assert_eq!((refused.len(), &report["pulled"]["n_builds"]), (1, &0.into()), "{index}: {report:#}");
        let why = refused[0]["why"].as_str().expect("a reason");
        assert!(!why.is_empty() && (said.is_empty() || why.contains(said)), "{index}: {why}");
        assert!(!reader.cache().join("store/v2/manifests").exists(), "{index}");
        let (n_seeded, _) = split(&reader.build());
        assert_eq!(n_seeded, 0, "{index}");
    }
    // Under the name of another build it is that of another build.
    let elsewhere =
        object.parent().expect("is in a folder").with_file_name("0123456789abcdef-0123456789abcdef");
    fs::create_dir_all(&elsewhere).expect("makes a folder");
    fs::write(elsewhere.join(object.file_name().expect("has a name")), sound).expect("writes");
    fs::remove_file(&object).expect("removes");
    let reader = seeding_machine("two-crates", &folder);
    let report = json(kache(&reader, "sync --pull --json").succeeds());
    assert_eq!(report["pulled"]["refused_builds"][0]["why"], "it is of another build", "{report:#}");
}

#[test]
fn a_manifest_is_believed_like_a_pack() {
    let folder = shared_folder();
    let writer = seeding_machine("two-crates", &folder);
    let key = json(kache(&writer, "remote keygen --json").succeeds());
    let text = |name: &str| key[name].as_str().expect("a text").to_owned();
    build_and_push(&writer);
    let reader =
        || seeding_machine("two-crates", &folder).env("KACHE_REMOTE_PUBLIC_KEYS", text("public_key"));
    let report = json(kache(&reader(), "sync --pull --json").succeeds());
    assert_eq!(report["pulled"]["refused_builds"][0]["why"], "it is not signed", "{report:#}");
    for object in [objects(&folder, "manifests"), objects(&folder, "packs")].concat() {
        fs::remove_file(object).expect("removes");
    }
    let writer = writer.env("KACHE_REMOTE_SECRET_KEY_FILE", text("secret_key_file"));
    kache(&writer, "sync --push").succeeds();
    let reader = reader();
    let report = json(kache(&reader, "sync --pull --json").succeeds());
    assert_eq!(report["pulled"]["n_builds"], 1, "{report:#}");
    let (n_seeded, asked) = split(&reader.build());
    assert!(n_seeded > 0 && asked.is_empty(), "{asked:?}");
}

/// To identify a compiler, kache runs it. Which program that is must not be for a manifest to say.
#[test]
fn a_manifest_does_not_decide_which_program_is_asked() {
    let world = SEEDING.iter().fold(World::project("two-crates"), |world, name| world.env(name, "1"));
    settle(&world);
    world.build().succeeds();
    let store = Store::at(&world.cache());
    // By the process in the background, which would otherwise write it again later.
    let until = Instant::now() + crate::daemon::LIMIT;
    while form::all(&store).is_empty() {
        assert!(Instant::now() < until, "the build was not harvested");
        std::thread::sleep(Duration::from_millis(20));
    }
    let world = world.env("KACHE_READONLY", "1");
    let path = form::all(&store).pop().expect("there is a manifest");
    let sound = Manifest::read(&path).expect("it is whole");
    let (dir, marker) = (world.root().join("rogue"), world.root().join("was-asked"));
    fs::create_dir(&dir).expect("makes a directory");
    let rogue = dir.join("rustc");
    fs::write(&rogue, format!("#!/bin/sh\necho > {}\nexit 1\n", marker.display())).expect("writes");
    fs::set_permissions(&rogue, fs::Permissions::from_mode(0o755)).expect("sets the mode");
    let text = |path: &Path| Portable::literal(path.to_str().expect("is text"));
    type Change = fn(&mut PortableCall, Portable, Portable);
    let changes: [Change; 3] = [
        |call, program, _| call.args[0] = program,
        |call, _, dir| call.set.push((Portable::literal("PATH"), dir)),
        |call, _, dir| call.set.push((Portable::literal("RUSTUP_HOME"), dir)),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut manifest = sound.clone();
        manifest.units.iter_mut().for_each(|unit| change(&mut unit.call, text(&rogue), text(&dir)));
        manifest.write(&path, &store).expect("writes");
        world.clean();
        let step = world.build();
        assert_eq!(split(&step).0, 0, "{index}: {step}");
        assert!(!marker.exists(), "{index}: it was run");
        let why = world.target().join(".kache/calls/.not-seeded");
        let why = fs::read_to_string(&why).expect("there are reasons");
        assert!(why.contains("its call names another compiler"), "{index}: {why}");
    }
    // A build of this machine may have named any linker. Here the store has nothing that was linked by it.
    for is_from_remote in [true, false] {
        let mut manifest = sound.clone();
        manifest.header.is_from_remote = is_from_remote;
        let linker = format!("-Clinker={}", rogue.display());
        for unit in &mut manifest.units {
            unit.call.args.push(Portable::literal(&linker));
        }
        manifest.write(&path, &store).expect("writes");
        world.clean();
        world.build().succeeds();
        assert!(!marker.exists(), "it was run");
        let why = world.target().join(".kache/calls/.not-seeded");
        let why = fs::read_to_string(&why).expect("there are reasons");
        assert_eq!(why.contains("names the linker"), is_from_remote, "{why}");
    }
    world.clean();
    sound.write(&path, &store).expect("writes");
    assert_eq!(split(&world.build()).1, Vec::<String>::new());
}
