//! What the remote costs: memory of the daemon and requests, with more data than a test for every change should move.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::remote::{json, shared_folder};
use crate::remote_builds::objects;
use crate::remote_daemon::Machine;
use crate::s3_server::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY};
use crate::world::{World, files_below, package};

/// So many libraries, each with so much that does not compress. A compiler writes it three times.
const LIBRARIES: usize = 20;
const LIBRARY_BYTES: usize = 35 << 20;
/// What the daemon may take, while more than 2 GB go up and down.
const MOST_KIB: u64 = 100 << 10;
const LONGEST: Duration = Duration::from_secs(900);

/// A project that compiles to large libraries.
fn heavy() -> World {
    let names: Vec<String> = (0..LIBRARIES).map(|n| format!("heavy{n}")).collect();
    let workspace = format!("[workspace]\nresolver = \"2\"\nmembers = {names:?}\n");
    let world = World::files(&[("Cargo.toml", &workspace)]);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = vec![0; LIBRARY_BYTES];
    for name in names {
        for word in bytes.as_chunks_mut::<8>().0 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *word = state.to_le_bytes();
        }
        world.write(&format!("{name}/Cargo.toml"), package(&name, ""));
        world.write(&format!("{name}/src/data"), &bytes);
        let source = format!("pub static DATA: [u8; {LIBRARY_BYTES}] = *include_bytes!(\"data\");\n");
        world.write(&format!("{name}/src/lib.rs"), source);
    }
    world
}

/// The most memory that the daemon has had, in KiB.
fn most_memory_kib(machine: &Machine) -> u64 {
    let status: Value = json(&machine.kache("daemon --json"));
    let text = fs::read_to_string(format!("/proc/{}/status", status["pid"])).expect("it runs");
    let line = text.lines().find(|line| line.starts_with("VmHWM:")).expect("the system tells");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

fn await_uploads(machine: &Machine) -> Value {
    let until = Instant::now() + LONGEST;
    loop {
        let remote = machine.remote();
        assert!(Instant::now() < until, "{remote}\n{}", machine.log());
        if remote["n_sent"].as_u64() == Some(LIBRARIES as u64) {
            return remote;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn sends_and_fetches(new: &dyn Fn(World) -> Machine, n_bytes: &dyn Fn() -> u64) {
    let first = new(heavy()).start();
    let tree = first.world.tree().to_owned();
    first.world.build().all_missed();
    let remote = await_uploads(&first);
    let (kib, n_bytes) = (most_memory_kib(&first), n_bytes());
    eprintln!("sent {n_bytes} bytes with {kib} KiB and {} requests", remote["n_requests"]);
    assert!(n_bytes > 2_000_000_000, "{n_bytes}");
    assert!(kib <= MOST_KIB, "{kib} KiB");
    // It may have been sent before: one question and one transfer for each.
    let n_requests = remote["n_requests"].as_u64().expect("a number");
    assert!(n_requests <= 2 * LIBRARIES as u64, "{remote}");

    let second = new(World::files(&[])).start();
    for file in files_below(&tree) {
        let name = file.strip_prefix(&tree).expect("is below");
        if !name.starts_with("target") {
            let to = second.world.tree().join(name);
            fs::create_dir_all(to.parent().expect("has one")).expect("makes a directory");
            fs::hard_link(&file, &to).expect("links");
        }
    }
    second.world.build().all_hit();
    let (kib, remote) = (most_memory_kib(&second), second.remote());
    eprintln!("fetched {} entries with {kib} KiB and {} requests", remote["n_fetched"], remote["n_requests"]);
    assert_eq!(remote["n_fetched"], LIBRARIES, "{remote}");
    assert!(kib <= MOST_KIB, "{kib} KiB");
    assert!(remote["n_requests"].as_u64() <= Some(2 * LIBRARIES as u64), "{remote}");
}

#[test]
#[ignore = "stress: it moves 2 GB to a server and back"]
fn a_daemon_takes_little_memory_while_much_goes_to_a_bucket() {
    let server = S3Server::start();
    let remote = format!(
        "bucket = \"{BUCKET}\"\nendpoint = \"http://{}\"\nregion = \"us-east-1\"\nwait = \"10m\"\n",
        server.address
    );
    let new = |world: World| {
        let world = world
            .env("KACHE_S3_ACCESS_KEY", ACCESS_KEY)
            .env("KACHE_S3_SECRET_KEY", SECRET_KEY)
            .env("AWS_EC2_METADATA_DISABLED", "true");
        Machine::of(world, &remote)
    };
    let n_bytes =
        || files_below(&server.objects()).iter().map(|it| fs::metadata(it).map_or(0, |it| it.len())).sum();
    sends_and_fetches(&new, &n_bytes);
}

#[test]
#[ignore = "stress: it moves 2 GB to a folder and back"]
fn a_daemon_takes_little_memory_while_much_goes_to_a_folder() {
    let folder = shared_folder();
    let remote = format!("dir = \"{}\"\nwait = \"10m\"\n", folder.path().display());
    let new = |world: World| Machine::of(world, &remote);
    let n_bytes =
        || objects(&folder, "packs").iter().map(|it| fs::metadata(it).map_or(0, |it| it.len())).sum();
    sends_and_fetches(&new, &n_bytes);
}
