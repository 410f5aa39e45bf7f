//! Two machines with one remote: what one has compiled, the other does not.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::skip::skip;
use crate::step::Step;
use crate::world::{World, files_below};

/// A folder that machines share.
pub(crate) fn shared_folder() -> TempDir {
    tempfile::Builder::new().prefix("kache-remote-").tempdir().expect("a directory")
}

/// A machine of its own: another home, another cache, other paths.
fn machine(fixture: &str, folder: &TempDir) -> World {
    World::project(fixture).env("KACHE_REMOTE_DIR", folder.path())
}

/// `kache <line>` in the tree of `world`.
pub(crate) fn kache(world: &World, line: &str) -> Step {
    let mut command = world.command(env!("CARGO_BIN_EXE_kache"));
    command.args(line.split(' ').filter(|word| !word.is_empty())).current_dir(world.tree());
    world.run(command)
}

/// The object that `kache <line> --json` prints.
#[track_caller]
pub(crate) fn json(step: &Step) -> Value {
    serde_json::from_str(step.stdout()).unwrap_or_else(|e| panic!("{e}\n{step}"))
}

/// The packs in a shared folder.
fn packs(folder: &TempDir) -> Vec<PathBuf> {
    files_below(folder.path())
}

#[test]
fn what_one_machine_compiled_the_other_does_not() {
    // What has a path of the first machine in its outputs is of no use on another one.
    let bound: &[&str] = &["app bin", "bakes_path lib", "both lib"];
    for (fixture, bound) in [("two-crates", &[][..]), ("macros", &[]), ("out-dir", bound), ("renamed", &[])] {
        let folder = shared_folder();
        let first = machine(fixture, &folder);
        let built = first.build();
        built.succeeds();
        let pushed = kache(&first, "sync --push --json");
        pushed.succeeds();
        let n_stored = built.n_misses() as u64;
        assert_eq!(json(&pushed)["pushed"]["n_entries"], n_stored, "{pushed}");
        assert_eq!(packs(&folder).len() as u64, n_stored);

        let second = machine(fixture, &folder);
        let pulled = kache(&second, "sync --pull --json");
        pulled.succeeds();
        assert_eq!(json(&pulled)["pulled"]["n_entries"], n_stored, "{pulled}");
        second.build().only_missed(bound);
        second.noop();
        kache(&second, "sync --push").succeeds();
        kache(&first, "sync --pull").succeeds();
        // Nothing is left to do, on either side.
        for world in [&first, &second] {
            let again = json(kache(world, "sync --json").succeeds());
            assert_eq!(
                (&again["pulled"]["n_entries"], &again["pushed"]["n_entries"]),
                (&0.into(), &0.into())
            );
        }
    }
}

/// In a shell, `rustc` is a proxy of rustup, which finds out by itself what cargo was told.
#[test]
fn a_command_in_a_shell_means_the_compiler_that_cargo_calls() {
    let folder = shared_folder();
    let world = machine("two-crates", &folder);
    let home = std::env::var_os("HOME").map(PathBuf::from).expect("there is a home");
    let bin = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from).join("bin");
    if !bin.join("rustup").exists() {
        return skip("rustup", "no rustup is installed");
    }
    let in_shell = |line: &str| {
        let mut command = world.command("sh");
        command.args(["-c", line]).env_remove("RUSTUP_TOOLCHAIN");
        command.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        world.run(command)
    };
    let n = in_shell("cargo build").n_misses() as u64;
    let pushed = json(&in_shell("\"$RUSTC_WRAPPER\" sync --push --json"));
    assert_eq!((n > 0, &pushed["pushed"]["n_entries"]), (true, &n.into()), "{pushed:#}");
    fs::remove_dir_all(world.cache()).expect("removes");
    let pulled = json(&in_shell("\"$RUSTC_WRAPPER\" sync --pull --json"));
    assert_eq!(pulled["pulled"]["n_entries"], n, "{pulled:#}");
    world.clean();
    in_shell("cargo build").all_hit();
}

#[test]
fn a_second_machine_runs_no_build_script_that_the_first_has_run() {
    let folder = shared_folder();
    let machine = || machine("out-dir", &folder).env("KACHE_CACHE_BUILD_SCRIPTS", "1");
    let first = machine();
    first.build().succeeds();
    first.rebuild().all_hit();
    kache(&first, "sync --push").succeeds();
    let second = machine();
    kache(&second, "sync --pull").succeeds();
    let built = second.build();
    let n_runs = built.records().iter().filter(|record| record.unit.kind == "build-script-run").count();
    assert_eq!(n_runs, 3, "{built}");
    built.only_missed(&["app bin", "bakes_path lib", "both lib"]);
}

#[test]
fn only_what_the_workspace_can_use_is_transferred() {
    let folder = shared_folder();
    let first = machine("two-crates", &folder);
    first.build().succeeds();
    let other = machine("out-dir", &folder);
    other.build().succeeds();
    kache(&first, "sync --push").succeeds();
    kache(&other, "sync --push").succeeds();
    let third = machine("two-crates", &folder);
    let some = json(kache(&third, "sync --pull --dry-run --json").succeeds());
    let all = json(kache(&third, "sync --pull --all --dry-run --json").succeeds());
    let n = |report: &Value| report["pull"]["n_entries"].as_u64().expect("a number");
    assert!(0 < n(&some) && n(&some) < n(&all), "{some:#} {all:#}");
    assert_eq!(n(&all), packs(&folder).len() as u64);
    // A dry run fetches nothing.
    third.build().all_missed();
}

#[test]
fn a_sync_that_was_interrupted_continues() {
    let folder = shared_folder();
    let first = machine("two-crates", &folder);
    let n = first.build().n_misses() as u64;
    kache(&first, "sync --push").succeeds();
    let second = machine("two-crates", &folder);
    let packs = packs(&folder);
    let kept = fs::read(&packs[0]).expect("reads");
    fs::remove_file(&packs[0]).expect("removes");
    assert_eq!(json(kache(&second, "sync --pull --json").succeeds())["pulled"]["n_entries"], n - 1);
    fs::write(&packs[0], kept).expect("writes");
    let report = json(kache(&second, "sync --pull --json").succeeds());
    assert_eq!((&report["pulled"]["n_entries"], &report["pull"]["n_present"]), (&1.into(), &(n - 1).into()));
    second.build().all_hit();
}

/// A key pair: the public key, and the file of the secret one.
fn keygen(world: &World) -> (String, String) {
    let report = json(kache(world, "remote keygen --json").succeeds());
    let text = |name: &str| report[name].as_str().expect("a text").to_owned();
    (text("public_key"), text("secret_key_file"))
}

#[test]
fn only_signed_entries_are_believed_where_the_user_says_so() {
    let folder = shared_folder();
    let unsigned = machine("two-crates", &folder);
    unsigned.build().succeeds();
    let (public_key, secret_key_file) = keygen(&unsigned);
    let (other_key, _) = keygen(&machine("two-crates", &folder));
    kache(&unsigned, "sync --push").succeeds();
    let n = packs(&folder).len();

    let reader = machine("two-crates", &folder).env("KACHE_REMOTE_PUBLIC_KEYS", &public_key);
    let refused = kache(&reader, "sync --pull --json");
    // What strangers write is no failure of the reader.
    refused.succeeds();
    let refused = json(&refused);
    assert_eq!(refused["pulled"]["n_entries"], 0);
    assert_eq!(refused["pulled"]["refused"].as_array().map(Vec::len), Some(n));
    assert_eq!(refused["pulled"]["refused"][0]["why"], "it is not signed");
    reader.build().all_missed();

    for pack in packs(&folder) {
        fs::remove_file(pack).expect("removes");
    }
    let signed = unsigned.env("KACHE_REMOTE_SECRET_KEY_FILE", &secret_key_file);
    kache(&signed, "sync --push").succeeds();
    let reader = machine("two-crates", &folder).env("KACHE_REMOTE_PUBLIC_KEYS", &other_key);
    let refused = json(kache(&reader, "sync --pull --json").succeeds());
    assert_eq!(refused["pulled"]["refused"][0]["why"], "it is signed with a key that is not trusted");
    reader.build().all_missed();
    let reader =
        machine("two-crates", &folder).env("KACHE_REMOTE_PUBLIC_KEYS", format!("{other_key},{public_key}"));
    kache(&reader, "sync --pull").succeeds();
    reader.build().all_hit();
}

/// What a hostile writer does to all packs. None of it reaches a build, or leaves the store.
#[test]
fn a_hostile_remote_costs_misses() {
    type Attack = fn(&[PathBuf]);
    let attacks: [(&str, Attack); 7] = [
        ("bits are flipped", |packs| {
            for pack in packs {
                let mut bytes = fs::read(pack).expect("reads");
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(pack, bytes).expect("writes");
            }
        }),
        ("packs are swapped", |packs| {
            let contents: Vec<Vec<u8>> = packs.iter().map(|pack| fs::read(pack).expect("reads")).collect();
            for (at, pack) in packs.iter().enumerate() {
                fs::write(pack, &contents[(at + 1) % packs.len()]).expect("writes");
            }
        }),
        ("packs are cut", |packs| {
            for pack in packs {
                let bytes = fs::read(pack).expect("reads");
                fs::write(pack, &bytes[..bytes.len() - 9]).expect("writes");
            }
        }),
        ("packs are empty", |packs| packs.iter().for_each(|pack| fs::write(pack, b"").expect("writes"))),
        ("packs are bombs", |packs| {
            let bomb = zstd::encode_all(&*vec![0; 64 << 20], 19).expect("compresses");
            packs.iter().for_each(|pack| fs::write(pack, &bomb).expect("writes"));
        }),
        ("packs are links", |packs| {
            for pack in packs {
                fs::remove_file(pack).expect("removes");
                std::os::unix::fs::symlink("/etc/hostname", pack).expect("links");
            }
        }),
        ("packs are directories and pipes", |packs| {
            for pack in packs {
                fs::remove_file(pack).expect("removes");
                fs::create_dir(pack).expect("makes a directory");
            }
        }),
    ];
    let folder = shared_folder();
    let first = machine("two-crates", &folder);
    first.build().succeeds();
    kache(&first, "sync --push").succeeds();
    for (index, (what, attack)) in attacks.into_iter().enumerate() {
        let hostile = shared_folder();
        copy(folder.path(), hostile.path());
        attack(&packs(&hostile));
        let reader = machine("two-crates", &hostile);
        let before: BTreeSet<PathBuf> = files_below(&reader.root().join("home")).into_iter().collect();
        let step = kache(&reader, "sync --pull --json");
        let report = json(&step);
        assert_eq!(report["pulled"]["n_entries"], 0, "{what}: {step}");
        let after: BTreeSet<PathBuf> = files_below(&reader.root().join("home")).into_iter().collect();
        assert_eq!(before, after, "{what}");
        let store = reader.cache().join("store/v2");
        for dir in ["tmp", "blobs", "entries", "units", "closures", "names"].map(|name| store.join(name)) {
            if dir.exists() {
                assert_eq!(files_below(&dir), [""; 0].map(PathBuf::from), "{what}");
            }
        }
        if index == 0 {
            reader.build().all_missed();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    for file in files_below(from) {
        let target = to.join(file.strip_prefix(from).expect("is below"));
        fs::create_dir_all(target.parent().expect("is in a directory")).expect("makes directories");
        fs::copy(file, target).expect("copies");
    }
}

#[test]
fn a_remote_that_is_only_read_gets_nothing_and_one_that_is_only_written_gives_nothing() {
    let folder = shared_folder();
    let first = machine("two-crates", &folder).env("KACHE_REMOTE_READONLY", "1");
    first.build().succeeds();
    kache(&first, "sync --push").fails_with("the remote is read-only, as KACHE_REMOTE_READONLY says");
    kache(&first, "sync").succeeds();
    assert_eq!(packs(&folder).len(), 0);
    let writer = first.env("KACHE_REMOTE_READONLY", "0").env("KACHE_REMOTE_ACCESS", "write-only");
    kache(&writer, "sync --pull").fails_with("the remote is write-only");
    kache(&writer, "sync").succeeds();
    assert_ne!(packs(&folder).len(), 0);
}

#[test]
fn a_job_for_a_pull_request_does_not_write() {
    let folder = shared_folder();
    let job = machine("two-crates", &folder).env("GITHUB_EVENT_NAME", "pull_request");
    job.build().succeeds();
    kache(&job, "sync").succeeds();
    assert_eq!(packs(&folder).len(), 0);
    kache(&job.env("KACHE_REMOTE_READONLY", "0"), "sync").succeeds();
    assert_ne!(packs(&folder).len(), 0);
}

#[test]
fn a_project_cannot_name_a_remote_or_a_key() {
    let folder = shared_folder();
    let world = World::project("two-crates");
    let text = format!("[cache.remote]\ndir = \"{}\"\n", folder.path().display());
    world.write(".kache.toml", text);
    kache(&world, "sync").fails_with("`cache.remote.dir` is only allowed in the user's configuration");
    world.write(".kache.toml", "");
    kache(&world, "sync").fails_with("no remote is configured");
}

/// A file stands where the folder of a package would be: what belongs into it is refused, now and later.
#[test]
fn an_object_that_is_refused_fails_the_sync_after_all_others() {
    let folder = shared_folder();
    let world = machine("two-crates", &folder);
    let n = world.build().n_misses() as u64;
    let dir = folder.path().join("v1/packs");
    fs::create_dir_all(&dir).expect("makes a folder");
    fs::write(dir.join("words"), "").expect("writes");
    let step = kache(&world, "sync --push --json");
    let report = json(&step);
    let (pushed, failures) = (&report["pushed"], &report["pushed"]["failures"]);
    let n_failed = failures[0]["n_transfers"].as_u64().expect("a number");
    assert!(n_failed > 0 && n_failed < n, "{report:#}");
    assert_eq!(
        (&pushed["n_entries"], &pushed["n_not_tried"]),
        (&(n - n_failed).into(), &0.into()),
        "{report:#}"
    );
    assert_eq!(failures.as_array().map(Vec::len), Some(1), "{report:#}");
    step.fails_with("");
    let step = kache(&world, "sync --push");
    step.fails_with("failed: ");
    assert_eq!(step.stderr().matches("error: ").count(), 1, "each cause once: {step}");
    assert!(step.stderr().contains("hint: check the names"), "{step}");
    fs::remove_file(dir.join("words")).expect("removes");
    assert_eq!(json(kache(&world, "sync --push --json").succeeds())["pushed"]["n_entries"], n_failed);
}

#[test]
fn a_remote_that_is_not_there_fails_the_sync_and_no_build() {
    let folder = shared_folder();
    let world = machine("two-crates", &folder);
    drop(folder);
    world.build().all_missed();
    let step = kache(&world, "sync");
    step.fails_with("No such file or directory");
    assert!(step.stderr().contains("hint: check the names"), "{step}");
    assert_eq!(json(&kache(&world, "sync --json"))["error"]["code"], "remote-unusable");
}
