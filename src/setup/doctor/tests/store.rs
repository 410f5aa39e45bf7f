//! The store, the index, and the disk that they are on.

use std::time::{Duration, SystemTime};

use super::made::Made;
use crate::setup::doctor::verify;
use crate::store::Store;
use crate::sys::fs::probe::Way;
use crate::sys::lock::try_lock;

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
    assert!(made.said("cache-directory").contains("is not a directory"));
    made.vars.clear();
    assert!(made.said("cache-directory").contains("there is no cache directory"));
}

#[test]
fn a_file_system_that_is_slow_or_passing_is_told_of() {
    let mut made = Made::well();
    made.is_ok("file-system");
    let problems = ["NFS", "SMB", "AFP", "WebDAV", "9p", "FUSE", "a network drive", "FAT", "exFAT"];
    let levels =
        problems.map(|kind| (kind, "PROBLEM")).into_iter().chain([("overlay", "note"), ("tmpfs", "note")]);
    for (kind, level) in levels {
        made.says().disk.kind = Some(kind);
        assert!(made.said("file-system").starts_with(&format!("  {level}")), "{kind}");
    }
    made.says().disk.kind = None;
    made.is_ok("file-system");
    // As on a file system that takes both for one.
    made.make_dir("home/.cache/kache");
    std::os::unix::fs::symlink("kache", made.path("home/.cache/KACHE")).unwrap();
    assert!(made.said("file-system").contains("which is not case-sensitive"));
}

#[test]
fn room_is_measured_by_what_the_store_may_grow_to() {
    let mut made = Made::well();
    made.is_ok("room");
    made.says().disk.free_bytes = 1 << 20;
    assert!(made.said("room").contains("only 1 MiB free"), "{}", made.said("room"));
    made.says().disk.free_bytes = 9 << 30;
    assert!(made.said("room").starts_with("  note"), "{}", made.said("room"));
    made.set("KACHE_MAX_SIZE", "8GiB");
    made.is_ok("room");
    made.says().disk.free_files = 5;
    assert!(made.said("room").contains("only 5 files left"));
    // Some two million more files of the size of these would be too many.
    made.says().disk.free_files = 100_000;
    made.is_ok("room");
    for n in 0..1_000 {
        made.blob(&n.to_string());
    }
    assert!(made.said("room").contains("files, but only 100000 are left"), "{}", made.said("room"));
    made.says().disk.free_files = 9_000_000;
    made.is_ok("room");
}

#[test]
fn how_files_get_from_the_store_into_the_outputs_of_a_build_is_tried() {
    let mut made = Made::well();
    made.is_ok("sharing");
    made.says().way = Way::Copy;
    // There is nothing yet to try it with.
    made.is_ok("sharing");
    made.write("home/project/Cargo.toml", "[package]\nname = 'p'\n");
    made.make_dir("home/.cache/kache");
    made.is_ok("sharing");
    made.make_dir("home/project/target");
    assert!(
        made.said("sharing").contains("linked nor cloned into /home/project/target"),
        "{}",
        made.said("sharing")
    );
    // Where a collection would remove what is left by accident.
    let temporary = Store::at(&made.path("home/.cache/kache")).root().join("tmp");
    std::fs::create_dir_all(&temporary).unwrap();
    assert_eq!(made.machine().scratch_dir(), Some(temporary));
    made.says().way = Way::Link;
    made.says_of("sharing", &["ok sharing files are linked into /home/project/target"]);
    made.set("KACHE_LINKS", "off");
    made.says_of(
        "sharing",
        &["ok sharing files are copied into /home/project/target, because `cache.links` is off"],
    );
    made.says().way = Way::Clone;
    made.says_of("sharing", &["ok sharing files are cloned into /home/project/target"]);
    // Wherever cargo puts them.
    made.make_dir("home/out");
    made.write("home/project/.cargo/config.toml", "[build]\ntarget-dir = '../out'\n");
    assert!(made.said("sharing").ends_with("/home/project/../out"), "{}", made.said("sharing"));
    made.make_dir("home/other");
    made.set("CARGO_TARGET_DIR", made.path("home/other").to_str().unwrap());
    assert!(made.said("sharing").ends_with("/home/other"));
    made.make_dir("home/project/member");
    made.cwd = "home/project/member";
    made.vars.retain(|(name, _)| name != "CARGO_TARGET_DIR");
    made.write("home/project/member/Cargo.toml", "[package]\nname = 'm'\n");
    made.write("home/project/Cargo.toml", "[workspace]\nmembers = ['member']\n");
    std::fs::remove_file(made.path("home/project/.cargo/config.toml")).unwrap();
    assert!(made.said("sharing").ends_with("/home/project/target"), "{}", made.said("sharing"));
}

#[test]
fn a_damaged_index_is_made_again() {
    let made = Made::well();
    made.is_ok("index");
    made.write("home/.cache/kache/index.db", "no database");
    made.says_of(
        "index",
        &[
            "PROBLEM index /home/.cache/kache/index.db is damaged",
            "hint: nothing is lost",
            "fix: `kache doctor --fix`",
        ],
    );
    made.is_fixed("index");
    // What is written beside it is taken over by the next who opens it, if nobody reads.
    let log = std::fs::File::create(made.path("home/.cache/kache/index.db-wal")).unwrap();
    log.set_len(65 << 20).unwrap();
    assert!(
        made.said("index").contains("65 MiB of recent writes are not merged yet"),
        "{}",
        made.said("index")
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
fn collections_that_do_not_end_are_found() {
    let made = Made::well();
    let hours_ago = |name: &str, n: u64| {
        made.write(&format!("home/.cache/kache/{name}"), "");
        let file = std::fs::File::options().write(true).open(made.path(&format!("home/.cache/kache/{name}")));
        file.unwrap().set_modified(SystemTime::now() - Duration::from_secs(n * 3600)).unwrap();
    };
    // Nobody built for a week, and there was nothing to collect.
    hours_ago("gc.lock", 170);
    hours_ago("gc.stamp", 168);
    made.is_ok("size");
    hours_ago("gc.stamp", 1);
    assert!(made.said("size").contains("the last one that did was 7d 2h ago"), "{}", made.said("size"));
    made.is_fixed("size");
    // One that is under way.
    let lock = try_lock(&made.path("home/.cache/kache/gc.lock")).unwrap().unwrap();
    made.says_of("size", &["ok size a garbage collection is running"]);
    hours_ago("gc.stamp", 3);
    assert!(
        made.said("size").contains("PROBLEM  size             a garbage collection started 3h ago"),
        "{}",
        made.said("size")
    );
    assert!(!made.fix(Some("size")), "the process that has the lock is not told to give it up");
    drop(lock);
    made.is_ok("size");
}

#[test]
fn a_blob_that_was_written_to_is_taken_out_of_service() {
    let made = Made::well();
    let (sound, altered) = (made.blob("sound"), made.blob("whole"));
    made.is_ok("seals");
    std::fs::write(&altered, "other").unwrap();
    assert!(made.said("seals").contains("1 of 2 blobs were modified; kache does not serve them"));
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
    made.says_of(
        "last-read",
        &[
            "note last-read 1 blob found altered and quarantined, the last one 0s ago",
            "every blob was written or verified within the last 0s",
            "hint: programs that modify files in build directories in place do this, and so do failing disks or \
             memory; `kache doctor --verify` reads everything now",
        ],
    );
    assert!(verify::verify(&cache_dir, &|_, _| {}).is_sound());
}

#[test]
fn every_folder_of_the_store_is_looked_at_and_not_only_the_top() {
    let made = Made::well();
    made.blob("one");
    made.is_ok("cache-directory");
    let folder = made.blob("two").parent().unwrap().to_owned();
    let name = folder.strip_prefix(made.path("")).unwrap().to_str().unwrap().to_owned();
    made.mode(&name, 0o777);
    assert!(made.said("cache-directory").contains(&format!("/{name} can be written to by everybody")));
    made.mode(&name, 0o755);
    made.is_ok("cache-directory");
    // Only root gives files away, and can write to everything.
    if std::os::unix::fs::chown(&folder, Some(65_534), None).is_ok() {
        let said = made.said("cache-directory");
        assert!(said.contains(&format!("/{name} belongs to another user")), "{said}");
        assert!(
            said.contains("hint: `sudo chown -R \"$(id -u):$(id -g)\" /home/.cache/kache` gives it to you"),
            "{said}"
        );
    } else {
        made.mode(&name, 0o555);
        assert!(made.said("cache-directory").contains("cannot be written to, so not everything is stored"));
        made.is_fixed("cache-directory");
    }
}
