//! Machines that share a bucket, and what they do when it fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::remote::{json, kache};
use crate::s3_server::{ACCESS_KEY, Fault, Proxy, S3Server, SECRET_KEY};

#[test]
fn what_one_machine_compiled_the_other_fetches_from_a_bucket() {
    let server = S3Server::start();
    let first = S3Server::machine("two-crates", server.address).env("KACHE_S3_PREFIX", "team/a");
    let n = first.build().n_misses() as u64;
    let pushed = json(kache(&first, "sync --push --json").succeeds());
    assert_eq!(pushed["pushed"]["n_entries"], n, "{pushed:#}");
    // One request for each entry, and one for each package in the lock file.
    assert_eq!(pushed["requests"]["n_puts"], n);
    assert_eq!(pushed["requests"]["n_heads"], 0);
    let n_packages = pushed["requests"]["n_lists"].as_u64().expect("a number");
    let second = S3Server::machine("two-crates", server.address).env("KACHE_S3_PREFIX", "team/a");
    let pulled = json(kache(&second, "sync --pull --json").succeeds());
    assert_eq!(pulled["requests"]["n_gets"], n);
    assert_eq!(pulled["requests"]["n_lists"], n_packages);
    second.build().all_hit();
    // Another folder of the bucket is another remote.
    let third = S3Server::machine("two-crates", server.address).env("KACHE_S3_PREFIX", "team/b");
    assert_eq!(json(kache(&third, "sync --pull --json").succeeds())["pulled"]["n_entries"], 0);
}

/// The longest that a sync may take that cannot succeed.
const LONGEST: Duration = Duration::from_secs(100);

#[test]
fn a_bucket_that_fails_costs_a_sync_and_no_build() {
    let server = S3Server::start();
    let first = S3Server::machine("two-crates", server.address);
    first.build().succeeds();
    kache(&first, "sync --push").succeeds();
    for (fault, said, hint) in [
        (Fault::Refuse, "failed to list", "check the network"),
        (Fault::Status(403), "AccessDenied (status 403): on purpose", "check the credentials"),
        (Fault::Status(404), "status 404", "check the names"),
        (Fault::Status(429), "status 429", "check the network"),
        (Fault::Status(500), "status 500", "check the network"),
        (Fault::Code(403, "RequestTimeTooSkewed"), "RequestTimeTooSkewed", "this machine's clock"),
        (Fault::Code(400, "ExpiredToken"), "ExpiredToken", "check the credentials"),
        (Fault::CutAfter(200), "failed to list", "check the network"),
    ] {
        let proxy = Proxy::start(server.address, fault);
        let second = S3Server::machine("two-crates", proxy.address);
        let began = Instant::now();
        let step = kache(&second, "sync --pull");
        step.fails_with(said);
        assert!(step.stderr().contains(hint), "{fault:?}: {step}");
        assert!(began.elapsed() < LONGEST, "{fault:?} took {:?}", began.elapsed());
        assert!(proxy.n_connections() < 60, "{fault:?}: {} connections", proxy.n_connections());
    }
    let lost = S3Server::machine("two-crates", server.address)
        .env("KACHE_S3_ENDPOINT", "http://kache-test.invalid:9000");
    let step = kache(&lost, "sync --pull");
    step.fails_with("failed to list");
    assert!(step.stderr().contains("check the network"), "{step}");
    // The build asks nobody.
    let proxy = Proxy::start(server.address, Fault::Hang);
    let second = S3Server::machine("two-crates", proxy.address);
    second.build().all_missed();
    assert_eq!(proxy.n_connections(), 0);
}

/// A part of a listing looks like a listing, and a part of a pack is none.
#[test]
fn answers_that_are_said_to_be_shorter_cost_misses() {
    let server = S3Server::start();
    let first = S3Server::machine("two-crates", server.address);
    first.build().succeeds();
    kache(&first, "sync --push").succeeds();
    let proxy = Proxy::start(server.address, Fault::HalfLength);
    let second = S3Server::machine("two-crates", proxy.address);
    let report = json(&kache(&second, "sync --pull --json"));
    assert_eq!(report["pulled"]["n_entries"], 0, "{report:#}");
    second.build().all_missed();
}

#[test]
fn a_bucket_that_fails_for_some_entries_gives_the_others() {
    let server = S3Server::start();
    let first = S3Server::machine("two-crates", server.address);
    let n = first.build().n_misses() as u64;
    kache(&first, "sync --push").succeeds();
    // An object that is cut in the bucket itself.
    let pack = first_file(&server.objects()).expect("there are objects");
    let bytes = fs::read(&pack).expect("reads");
    fs::write(&pack, &bytes[..bytes.len() / 2]).expect("writes");
    let second = S3Server::machine("two-crates", server.address);
    let report = json(kache(&second, "sync --pull --json").succeeds());
    assert_eq!(report["pulled"]["n_entries"], n - 1);
    assert_eq!(report["pulled"]["refused"].as_array().map(Vec::len), Some(1), "{report:#}");
}

fn first_file(dir: &Path) -> Option<PathBuf> {
    let mut children: Vec<_> = fs::read_dir(dir).ok()?.flatten().map(|child| child.path()).collect();
    children.sort();
    children.into_iter().find_map(|path| match path.is_dir() {
        true => first_file(&path),
        false => path.extension().is_some_and(|extension| extension == "zst").then_some(path),
    })
}

#[test]
fn a_disk_that_is_full_fails_the_sync_and_keeps_the_store_whole() {
    let server = S3Server::start();
    let first = S3Server::machine("two-crates", server.address);
    first.build().succeeds();
    kache(&first, "sync --push").succeeds();
    let second = S3Server::machine("two-crates", server.address);
    let mut command = second.command("sh");
    // A limit on the size of files ends a write as a full disk does, but with a signal, which is ignored here.
    command.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" sync --pull", env!("CARGO_BIN_EXE_kache")]);
    second.run(command).fails_with("File too large");
    let temporary = second.cache().join("store/v2/tmp");
    assert_eq!(fs::read_dir(temporary).map_or(0, Iterator::count), 0);
    kache(&second, "sync --pull").succeeds();
    second.build().all_hit();
}

/// Credentials and keys are in nothing that kache writes or prints.
#[test]
fn no_secret_is_written_or_printed() {
    let server = S3Server::start();
    let first = S3Server::machine("two-crates", server.address);
    let signing_key = {
        let report = json(kache(&first, "remote keygen --json").succeeds());
        let file = report["secret_key_file"].as_str().expect("a path").to_owned();
        let text = fs::read_to_string(&file).expect("reads the key");
        fs::remove_file(&file).expect("removes the key");
        text.lines().nth(1).expect("two lines").to_owned()
    };
    let world = first.env("KACHE_REMOTE_SECRET_KEY", &signing_key).env("KACHE_S3_SESSION_TOKEN", "");
    world.build().succeeds();
    let mut printed = Vec::new();
    for line in [
        "sync --push",
        "sync --json",
        "config",
        "config --json",
        "doctor -v",
        "doctor --online --json",
        "stats --json",
        "list --inputs words",
        "why-miss words",
    ] {
        let step = kache(&world, line);
        printed.push(format!("{}{}", step.stdout(), step.stderr()));
    }
    let root = world.root();
    let wrong = kache(&world.env("KACHE_S3_SECRET_KEY", format!("{SECRET_KEY}x")), "sync --push");
    printed.push(format!("{}{}", wrong.stdout(), wrong.stderr()));
    wrong.fails_with("hint: check the credentials");
    let written = [written_below(&server.objects()), written_below(&root)].concat();
    assert!(
        written.iter().any(|(path, _)| path.ends_with("v1/doctor/probe")),
        "doctor has written its probe"
    );
    for secret in [SECRET_KEY, &signing_key, &signing_key[80..], ACCESS_KEY] {
        assert!(!printed.iter().any(|text| text.contains(secret)), "a secret was printed: {printed:#?}");
        let holder =
            written.iter().find(|(_, content)| memchr::memmem::find(content, secret.as_bytes()).is_some());
        assert!(holder.is_none(), "a secret is in {}", holder.expect("is some").0.display());
    }
}

/// All files below a folder, with their contents; packs are decompressed.
fn written_below(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for child in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = child.path();
        let is_link = child.file_type().is_ok_and(|kind| kind.is_symlink());
        if is_link {
            continue;
        }
        if path.is_dir() {
            files.extend(written_below(&path));
            continue;
        }
        let content = fs::read(&path).unwrap_or_default();
        let unpacked = zstd::decode_all(&content[..]).ok();
        files.push((path, unpacked.unwrap_or(content)));
    }
    files
}
