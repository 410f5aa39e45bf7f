//! Builds on machines with a remote and a daemon: nothing is pulled or pushed by hand.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use kache::outcome::{Origin, Outcome};
use serde_json::Value;
use tempfile::TempDir;

use crate::remote::{json, kache, shared_folder};
use crate::remote_builds::{SEEDING, objects, restated, settle};
use crate::robust::runs;
use crate::s3_server::{ACCESS_KEY, BUCKET, Fault, Proxy, S3Server, SECRET_KEY};
use crate::seeding::split;
use crate::skip::skip;
use crate::step::Step;
use crate::world::{World, files_below, package};

/// A machine whose daemon is used. The daemon ends with it.
pub(crate) struct Machine {
    pub(crate) world: World,
}

impl Machine {
    /// A machine with these settings of the remote, in the user's configuration.
    pub(crate) fn new(fixture: &str, remote: &str) -> Machine {
        Machine::of(World::project(fixture), remote)
    }

    pub(crate) fn of(world: World, remote: &str) -> Machine {
        let run = world.root().join("run");
        fs::create_dir(&run).expect("makes a directory");
        fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).expect("sets the mode");
        let machine = Machine { world: world.env("XDG_RUNTIME_DIR", &run) };
        machine.configure(remote);
        machine
    }

    /// A machine whose remote is a folder.
    pub(crate) fn with_folder(fixture: &str, folder: &TempDir) -> Machine {
        Machine::new(fixture, &format!("dir = \"{}\"\n", folder.path().display()))
    }

    /// A machine whose remote is the bucket at `address`, and that knows its credentials.
    pub(crate) fn with_bucket(fixture: &str, address: std::net::SocketAddr) -> Machine {
        let remote =
            format!("bucket = \"{BUCKET}\"\nendpoint = \"http://{address}\"\nregion = \"us-east-1\"\n");
        let mut machine = Machine::new(fixture, &remote);
        machine.world.set("KACHE_S3_ACCESS_KEY", ACCESS_KEY);
        machine.world.set("KACHE_S3_SECRET_KEY", SECRET_KEY);
        machine.world.set("AWS_EC2_METADATA_DISABLED", "true");
        machine
    }

    pub(crate) fn seeding(mut self) -> Machine {
        SEEDING.iter().for_each(|name| self.world.set(name, "1"));
        self
    }

    fn configure(&self, remote: &str) {
        self.configure_with("", remote);
    }

    /// Writes the user's configuration: these lines of `[cache]`, and of `[cache.remote]`.
    pub(crate) fn configure_with(&self, cache: &str, remote: &str) {
        let dir = self.world.root().join("home/.config/kache");
        fs::create_dir_all(&dir).expect("makes a directory");
        let store = self.world.cache();
        let text = format!("[cache]\nlocal_store = \"{}\"\n{cache}[cache.remote]\n{remote}", store.display());
        fs::write(dir.join("config.toml"), text).expect("writes the configuration");
    }

    pub(crate) fn start(self) -> Machine {
        self.kache("daemon start").succeeds();
        self
    }

    pub(crate) fn kache(&self, line: &str) -> Step {
        kache(&self.world, line)
    }

    /// What the daemon says of the remote.
    pub(crate) fn remote(&self) -> Value {
        json(self.kache("daemon --json").succeeds())["remote"].clone()
    }

    pub(crate) fn log(&self) -> String {
        self.kache("daemon log").stdout().to_owned()
    }

    #[track_caller]
    pub(crate) fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let until = Instant::now() + crate::daemon::LIMIT;
        while !is_so() {
            assert!(Instant::now() < until, "not in time: {what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Builds, and has the daemon send it all. Answers how many units that were.
    fn build_and_stop(&self) -> usize {
        settle(&self.world);
        let n_units = self.world.build().succeeds().records().len();
        self.kache("daemon stop").succeeds();
        n_units
    }
}

/// By its id: a remote that fails would make an orderly end wait.
impl Drop for Machine {
    fn drop(&mut self) {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_kache"));
        let Ok(output) = command.args(["daemon", "--json"]).output() else { return };
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if let Some(pid) = status["pid"].as_u64() {
            let _ = self.world.command("kill").arg(pid.to_string()).status();
        }
    }
}

pub(crate) fn n_of(step: &Step, origin: Origin) -> usize {
    step.records().iter().filter(|record| record.outcome == Outcome::Hit { origin }).count()
}

fn queued(machine: &Machine) -> Vec<String> {
    let dir = machine.world.cache().join("uploads");
    let names = files_below(&dir)
        .into_iter()
        .map(|path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned).expect("has a name"));
    names.filter(|name| name.starts_with("entry-") || name.starts_with("build-")).collect()
}

#[test]
fn what_one_machine_compiles_another_one_gets_by_asking() {
    let folder = shared_folder();
    for fixture in ["two-crates", "macros"] {
        let first = Machine::with_folder(fixture, &folder).start();
        let n = first.build_and_stop();
        assert_eq!(queued(&first), [""; 0], "nothing is left");
        let n_packs = objects(&folder, "packs").len();
        let second = Machine::with_folder(fixture, &folder).start();
        let step = second.world.build();
        step.succeeds().only_missed(&[]);
        assert_eq!(n_of(&step, Origin::Remote), n, "{step}");
        second.world.noop();
        // One listing for a package and one transfer for an entry, at most, and a listing of builds.
        let requests = second.remote()["n_requests"].as_u64().expect("a number");
        assert!(requests <= 1 + 2 * n as u64, "{requests} requests for {n} units");
        second.kache("daemon stop").succeeds();
        assert_eq!(objects(&folder, "packs").len(), n_packs, "what came from there is not sent");
        second.world.rebuild().all_hit();
    }
}

/// Cargo asks nothing before a build in a directory that it knows.
#[test]
fn what_else_a_build_consisted_of_comes_with_the_first_unit_that_is_asked_for() {
    let folder = shared_folder();
    let first = Machine::with_folder("two-crates", &folder).seeding().start();
    settle(&first.world);
    let n = first.world.build().succeeds().records().len();
    first.world.harvest().succeeds();
    first.kache("sync --push").succeeds();
    let second = Machine::with_folder("two-crates", &folder).start();
    second.world.cargo(["build", "-p", "words"]).succeeds().only_missed(&[]);
    let fetched = || second.remote()["n_fetched"].as_u64().expect("a number");
    second.until("all is there", || fetched() == n as u64);
    let n_requests = second.remote()["n_requests"].as_u64().expect("a number");
    let step = second.world.build();
    step.succeeds().only_missed(&[]);
    assert_eq!(n_of(&step, Origin::Remote), 0, "{step}");
    assert_eq!(second.remote()["n_requests"], n_requests, "nobody has to ask: {}", second.log());
}

#[test]
fn the_first_build_of_a_machine_is_filled_from_the_remote() {
    let folder = shared_folder();
    let first = Machine::with_folder("two-crates", &folder).seeding().start();
    settle(&first.world);
    let n = first.world.build().succeeds().records().len();
    // Waits for the process in the background, which may be about to.
    first.world.harvest().succeeds();
    first.kache("sync --push").succeeds();
    assert_eq!(objects(&folder, "manifests").len(), 1);
    let second = Machine::with_folder("two-crates", &folder).seeding().start();
    let step = second.world.build();
    assert_eq!(split(&step), (n, Vec::new()), "{step}\n{}", second.log());
    second.world.noop();
    // A listing of manifests, one manifest, and the packs.
    assert_eq!(second.remote()["n_requests"].as_u64(), Some(n as u64 + 2), "{}", second.remote());
    // A build that the store knows asks nobody.
    second.world.clean();
    assert_eq!(split(&second.world.build()), (n, Vec::new()));
    assert_eq!(second.remote()["n_requests"].as_u64(), Some(n as u64 + 2));
}

#[test]
fn a_bucket_serves_a_new_machine_before_its_build_and_during_it() {
    let server = S3Server::start();
    let first = Machine::with_bucket("two-crates", server.address).seeding().start();
    settle(&first.world);
    let n = first.world.build().succeeds().records().len();
    first.world.harvest().succeeds();
    first.kache("sync --push").succeeds();
    let second = Machine::with_bucket("two-crates", server.address).seeding().start();
    let step = second.world.build();
    assert_eq!(split(&step), (n, Vec::new()), "{step}\n{}", second.log());
    assert_eq!(second.remote()["n_requests"].as_u64(), Some(n as u64 + 2), "{}", second.remote());
    // Behind a server that vanishes when the build has begun.
    let proxy = Proxy::start(server.address, Fault::None);
    let third = Machine::with_bucket("two-crates", proxy.address).start();
    let step = third.world.cargo_while(&["build"], || proxy.set(Fault::Refuse));
    step.succeeds();
    third.world.noop();
    proxy.set(Fault::None);
    let fourth = Machine::with_bucket("two-crates", proxy.address).start();
    let step = fourth.world.build();
    step.succeeds().only_missed(&[]);
    assert_eq!(n_of(&step, Origin::Remote), n, "{step}");
}

#[test]
fn the_nearest_build_is_fetched_where_there_is_none_of_this_lock_file() {
    let folder = shared_folder();
    let first = Machine::with_folder("macros", &folder).seeding().start();
    settle(&first.world);
    first.world.build().succeeds();
    first.world.harvest().succeeds();
    first.kache("sync --push").succeeds();
    let second = Machine::with_folder("macros", &folder).seeding().start();
    // Another comment in the lock file is another lock file with the same packages.
    let lock = fs::read_to_string(second.world.tree().join("Cargo.lock")).expect("reads");
    second.world.write("Cargo.lock", format!("# changed\n{lock}"));
    let step = second.world.build();
    let (n_seeded, _) = split(&step);
    assert!(n_seeded > 0, "{step}\n{}", second.log());
    // For yet another lock file the same manifest is the nearest, which does not travel again: only a listing does.
    let n_requests = || second.remote()["n_requests"].as_u64().expect("a number");
    let n_before = n_requests();
    second.world.write("Cargo.lock", format!("# changed again\n{lock}"));
    second.world.clean();
    let step = second.world.build();
    assert!(split(&step).0 > 0, "{step}\n{}", second.log());
    let n_asked = step.records().iter().filter(|it| it.times.fetch_us > 0).count() as u64;
    assert_eq!(n_requests() - n_before, 1 + n_asked, "{step}\n{}", second.log());
}

#[test]
fn a_queue_survives_the_daemon_that_is_killed() {
    let server = S3Server::start();
    let proxy = Proxy::start(server.address, Fault::Status(500));
    let machine = Machine::with_bucket("two-crates", proxy.address).start();
    settle(&machine.world);
    let n = machine.world.build().succeeds().n_misses();
    // What cannot be sent stays, and the daemon says why.
    let stop = machine.kache("daemon stop");
    stop.succeeds();
    assert!(
        stop.stderr().contains("still queued; the next daemon sends") && stop.stderr().contains("500"),
        "{stop}"
    );
    let names = queued(&machine);
    assert_eq!(names.len(), n);
    machine.kache("daemon start").succeeds();
    let pid = json(machine.kache("daemon --json").succeeds())["pid"].as_u64().expect("a number");
    let mut kill = machine.world.command("kill");
    kill.args(["-9", &pid.to_string()]);
    machine.world.run(kill).succeeds();
    assert_eq!(queued(&machine).len(), n);
    proxy.set(Fault::None);
    machine.kache("daemon start").succeeds();
    machine.kache("daemon stop").succeeds();
    assert_eq!(queued(&machine), [""; 0]);
    let second = Machine::with_bucket("two-crates", server.address);
    kache(&second.world, "sync --pull").succeeds();
    second.world.build().all_hit();
    // A daemon that ended between sending and noting that asks the remote before it sends again.
    for name in &names {
        fs::write(machine.world.cache().join("uploads").join(name), b"").expect("writes");
    }
    machine.kache("daemon start").succeeds();
    machine.until("all is settled", || queued(&machine).is_empty());
    assert_eq!(
        machine.remote()["n_requests"].as_u64(),
        Some(n as u64),
        "one question each: {}",
        machine.log()
    );
}

#[test]
fn sync_sends_what_a_daemon_left() {
    let folder = shared_folder();
    let machine = Machine::with_folder("two-crates", &folder).start();
    settle(&machine.world);
    let n = machine.world.build().n_misses();
    machine.kache("sync --push").succeeds();
    assert_eq!((queued(&machine).len(), objects(&folder, "packs").len()), (0, n));
    machine.kache("daemon stop").succeeds();
    assert_eq!(objects(&folder, "packs").len(), n);
}

#[test]
fn sync_says_what_a_failed_transfer_leaves_in_the_queue() {
    let folder = shared_folder();
    let machine = Machine::with_folder("two-crates", &folder);
    let machine = machine.start();
    settle(&machine.world);
    let step = machine.world.build();
    machine.kache("daemon stop").succeeds();
    // Files stand where the folders of packs are to be.
    for pack in objects(&folder, "packs") {
        let dir = pack.parent().expect("it has a parent");
        fs::remove_dir_all(dir).expect("removes");
        fs::write(dir, "").expect("writes");
    }
    for key in step.records().iter().filter_map(|record| record.key) {
        let name = format!("entry-{}", key.to_hex());
        fs::write(machine.world.cache().join("uploads").join(name), "").expect("writes");
    }
    let n = queued(&machine).len();
    let step = machine.kache("sync --push --all");
    assert!(step.stderr().contains("still queued\n"), "{step}");
    assert_eq!((n > 0, queued(&machine).len()), (true, n));
}

#[test]
fn nothing_is_queued_where_the_remote_is_only_read() {
    let folder = shared_folder();
    let remote = format!("dir = \"{}\"\naccess = \"read-only\"\n", folder.path().display());
    let machine = Machine::new("two-crates", &remote).start();
    machine.build_and_stop();
    assert_eq!(objects(&folder, "packs").len(), 0);
    assert!(!machine.world.cache().join("uploads").exists());
}

/// What a build may take longer, beyond what it takes on a loaded machine.
const LONGEST: Duration = Duration::from_secs(90);

#[test]
fn a_bucket_that_fails_fails_no_build_and_is_left_alone() {
    let server = S3Server::start();
    for fault in [
        Fault::Refuse,
        Fault::Hang,
        Fault::Status(403),
        Fault::Status(404),
        Fault::Status(429),
        Fault::Status(500),
        Fault::Code(403, "RequestTimeTooSkewed"),
        Fault::Code(400, "ExpiredToken"),
        Fault::CutAfter(200),
        Fault::StallAfter(200),
        Fault::Trickle(4),
    ] {
        let proxy = Proxy::start(server.address, fault);
        let machine = Machine::with_bucket("macros", proxy.address).start();
        let began = Instant::now();
        let step = machine.world.build();
        step.succeeds().all_missed();
        assert!(began.elapsed() < LONGEST, "{fault:?} took {:?}", began.elapsed());
        let reasons: Vec<_> = step.records().iter().filter_map(|it| it.not_fetched.as_ref()).collect();
        // A bucket that is not there looks like an empty one to who asks for a listing of it.
        assert!(!reasons.is_empty(), "{fault:?}: {step}");
        assert!(proxy.n_connections() < 60, "{fault:?}: {} connections", proxy.n_connections());
        let stats = machine.kache("stats");
        assert!(stats.stdout().contains("not fetched"), "{fault:?}: {stats}");
    }
}

#[test]
fn a_bucket_whose_name_leads_nowhere_fails_no_build() {
    let remote = format!("bucket = \"{BUCKET}\"\nendpoint = \"http://kache-test.invalid:9000\"\n");
    let mut machine = Machine::new("macros", &remote);
    machine.world.set("KACHE_S3_ACCESS_KEY", ACCESS_KEY);
    machine.world.set("KACHE_S3_SECRET_KEY", SECRET_KEY);
    let machine = machine.start();
    let began = Instant::now();
    let step = machine.world.build();
    step.succeeds().all_missed();
    assert!(began.elapsed() < LONGEST, "{:?}", began.elapsed());
    assert!(step.records().iter().any(|record| record.not_fetched.is_some()), "{step}");
    let remote = machine.remote();
    assert!(remote["outage"].is_string(), "{remote}");
    let doctor = machine.kache("doctor");
    assert!(doctor.stdout().contains("the daemon does not get through"), "{doctor}");
    assert!(machine.log().contains("remote: not asked for now"), "{}", machine.log());
}

/// The disk of the store fills while something is fetched. What does not fit is compiled, and the build is whole.
#[test]
fn a_disk_that_is_full_fails_no_build_and_is_told_of() {
    let folder = shared_folder();
    let first = Machine::with_folder("two-crates", &folder).start();
    first.build_and_stop();
    // Larger than what the disk of the second machine holds.
    let packs = objects(&folder, "packs");
    assert!(!packs.is_empty());
    let second = Machine::with_folder("two-crates", &folder);
    let cache = second.world.cache();
    fs::create_dir_all(&cache).expect("makes a directory");
    // In a namespace of their own: what is mounted there ends with the last of them.
    let script = "mount -t tmpfs -o size=96k none \"$KACHE_CACHE_DIR\" && \"$RUSTC_WRAPPER\" daemon start && \
         { cargo build; code=$?; \"$RUSTC_WRAPPER\" stats; \"$RUSTC_WRAPPER\" daemon log; \
         \"$RUSTC_WRAPPER\" doctor; \"$RUSTC_WRAPPER\" daemon stop; exit $code; }";
    if !runs("unshare", &["-m", "true"]) {
        return skip("unshare", "nothing can be mounted");
    }
    let mut command = second.world.command("unshare");
    command.args(["-m", "sh", "-c", script]).current_dir(second.world.tree());
    let step = second.world.run(command);
    step.succeeds();
    assert!(step.stdout().contains("No space left on device"), "{step}");
    assert_eq!(second.world.run_bin("app"), "hello world a note\n");
    second.world.noop();
}

#[test]
fn a_bucket_that_vanishes_is_told_of_and_found_again() {
    let server = S3Server::start();
    let proxy = Proxy::start(server.address, Fault::Status(403));
    let machine = Machine::with_bucket("macros", proxy.address).start();
    machine.world.build().succeeds();
    let remote = machine.remote();
    assert!(remote["outage"].as_str().is_some_and(|why| why.contains("403")), "{remote}");
    assert!(machine.log().contains("remote: not asked for now"), "{}", machine.log());
    let doctor = machine.kache("doctor");
    assert!(doctor.stdout().contains("the daemon does not get through"), "{doctor}");
    let text = machine.kache("daemon status");
    assert!(text.stdout().contains("The remote does not work"), "{text}");
}

#[test]
fn a_hostile_remote_costs_misses_while_a_daemon_is_used() {
    type Attack = fn(&Path);
    let attacks: [Attack; 3] = [
        |object| {
            let mut bytes = fs::read(object).expect("reads");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(object, bytes).expect("writes");
        },
        |object| fs::write(object, b"").expect("writes"),
        |object| {
            let bomb = zstd::encode_all(&*vec![0; 64 << 20], 19).expect("compresses");
            fs::write(object, bomb).expect("writes");
        },
    ];
    for attack in attacks {
        let folder = shared_folder();
        let first = Machine::with_folder("two-crates", &folder).seeding().start();
        settle(&first.world);
        first.world.build().succeeds();
        first.world.harvest().succeeds();
        first.kache("sync --push").succeeds();
        [objects(&folder, "packs"), objects(&folder, "manifests")].concat().iter().for_each(|it| attack(it));
        let second = Machine::with_folder("two-crates", &folder).seeding().start();
        let step = second.world.build();
        step.succeeds();
        assert_eq!((n_of(&step, Origin::Remote), split(&step).0), (0, 0), "{step}");
        assert!(second.log().contains("ignored the"), "{}", second.log());
        second.world.noop();
    }
}

/// What a manifest names is fetched and looked up by its contents: names of other units' packs, and of what is no pack.
#[test]
fn a_manifest_that_names_packs_of_others_costs_requests_and_no_more() {
    let folder = shared_folder();
    let first = Machine::with_folder("two-crates", &folder).seeding().start();
    settle(&first.world);
    let n = first.world.build().succeeds().records().len();
    first.world.harvest().succeeds();
    first.kache("sync --push").succeeds();
    let manifest = objects(&folder, "manifests")[0].clone();
    let own: Vec<String> = objects(&folder, "packs")
        .iter()
        .map(|pack| pack.strip_prefix(folder.path()).expect("is below").display().to_string())
        .collect();
    Machine::with_folder("macros", &folder).start().build_and_stop();
    let packs = objects(&folder, "packs");
    let names =
        packs.iter().map(|pack| pack.strip_prefix(folder.path()).expect("is below").display().to_string());
    let others: Vec<String> = names.filter(|name| !own.contains(name)).collect();
    assert!(!others.is_empty());
    let sound = fs::read(&manifest).expect("reads");
    fs::write(&manifest, restated(&sound, |it| it["packs"] = others.clone().into())).expect("writes");
    let second = Machine::with_folder("two-crates", &folder).seeding().start();
    let step = second.world.build();
    // They are there now, and nothing asks for them; what the build needs comes when it asks.
    step.succeeds().only_missed(&[]);
    assert_eq!((split(&step).0, n_of(&step, Origin::Remote)), (0, n), "{step}");
    assert_eq!(second.world.run_bin("app"), "hello world a note\n");
    second.world.noop();
    let n_requests = second.remote()["n_requests"].as_u64().expect("a number");
    assert!(n_requests <= (3 + others.len() + 2 * n) as u64, "{n_requests}: {}", second.log());
    // It sends what it knows of its own build when it ends, and nothing afterwards.
    second.kache("daemon stop").succeeds();
    let bad = ["../../../etc/passwd".to_owned()];
    for other in objects(&folder, "manifests").iter().filter(|path| **path != manifest) {
        fs::remove_file(other).expect("removes");
    }
    fs::write(&manifest, restated(&sound, |it| it["packs"] = bad.to_vec().into())).expect("writes");
    let third = Machine::with_folder("two-crates", &folder).seeding().start();
    let step = third.world.build();
    assert_eq!(split(&step).0, 0, "{step}");
    assert!(third.log().contains("it names something that is no pack"), "{}", third.log());
}

/// Secrets are not in what kache writes or prints, nor in the environment of what a wrapper starts.
#[test]
fn no_secret_reaches_a_compiler_a_build_script_or_a_file() {
    let server = S3Server::start();
    let script = "fn main() {\n\
         let all: Vec<String> = std::env::vars().map(|(name, value)| format!(\"{name}={value}\")).collect();\n\
         let out = std::path::PathBuf::from(std::env::var_os(\"OUT_DIR\").unwrap());\n\
         std::fs::write(out.join(\"all\"), all.join(\"\\n\")).unwrap();\n\
         println!(\"cargo::rerun-if-changed=build.rs\");\n}\n";
    let main = "fn main() { println!(\"{} {:?}\", include_str!(concat!(env!(\"OUT_DIR\"), \"/all\")), \
         option_env!(\"KACHE_S3_SECRET_KEY\")); }\n";
    let world = World::files(&[
        ("Cargo.toml", &package("app", "[workspace]\n")),
        ("build.rs", script),
        ("src/main.rs", main),
    ]);
    let remote =
        format!("bucket = \"{BUCKET}\"\nendpoint = \"http://{}\"\nregion = \"us-east-1\"\n", server.address);
    let mut machine = Machine::of(world, &remote).seeding();
    let key_file = {
        let report = json(machine.kache("remote keygen --json").succeeds());
        report["secret_key_file"].as_str().expect("a path").to_owned()
    };
    let key = fs::read_to_string(&key_file).expect("reads").lines().nth(1).expect("two lines").to_owned();
    fs::remove_file(&key_file).expect("removes the key");
    for (name, value) in [
        ("KACHE_S3_ACCESS_KEY", ACCESS_KEY),
        ("KACHE_S3_SECRET_KEY", SECRET_KEY),
        ("KACHE_REMOTE_SECRET_KEY", &key),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ] {
        machine.world.set(name, value);
    }
    let machine = machine.start();
    settle(&machine.world);
    let built = machine.world.build();
    built.succeeds();
    assert!(
        machine.world.run_bin("app").contains("CARGO_PKG_NAME=app"),
        "the script has printed what it has"
    );
    let mut printed = format!("{}{}", built.stdout(), built.stderr());
    for line in [
        "daemon status",
        "daemon --json",
        "daemon log",
        "save-manifest --json",
        "stats --json",
        "daemon stop",
    ] {
        let step = machine.kache(line);
        printed += &format!("{}{}", step.stdout(), step.stderr());
    }
    assert!(!files_below(&server.objects()).is_empty(), "something was sent");
    // If the system keeps cores, it keeps none of a process that has secrets.
    let machine = machine.start();
    let pid = json(machine.kache("daemon --json").succeeds())["pid"].as_u64().expect("it runs");
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("the system tells");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("is listed");
    let soft = core.split_whitespace().nth(4).expect("has a limit");
    assert!(["0", "1"].contains(&soft), "{core}");
    let files = [files_below(&server.objects()), files_below(&machine.world.root().join("home/.config"))];
    let places = ["cache", "trees", "run"].map(|place| files_below(&machine.world.root().join(place)));
    let files: Vec<_> = files.into_iter().chain(places).flatten().collect();
    for secret in [SECRET_KEY, ACCESS_KEY, &key, &key[80..]] {
        assert!(!printed.contains(secret), "a secret was printed: {printed}");
        for file in &files {
            let content = decoded(fs::read(file).unwrap_or_default());
            let is_in = memchr::memmem::find(&content, secret.as_bytes()).is_some();
            assert!(!is_in, "a secret is in {}", file.display());
        }
    }
}

/// The directory decides which compiler is asked.
#[test]
fn no_secret_reaches_a_compiler_that_a_command_asks() {
    let server = S3Server::start();
    let mut machine = Machine::with_bucket("two-crates", server.address);
    let (seen, rustc) = (machine.world.root().join("seen"), machine.world.root().join("asked-rustc"));
    let source = machine.world.root().join("asked.rs");
    let program = format!(
        "fn main() {{ let all: Vec<_> = std::env::vars().collect(); \
         std::fs::write({seen:?}, format!(\"{{all:?}}\")).unwrap(); std::process::exit(1); }}"
    );
    fs::write(&source, program).expect("writes");
    let mut compile = machine.world.command("rustc");
    compile.arg(&source).arg("-o").arg(&rustc);
    assert!(compile.status().expect("starts").success());
    machine.world.set("RUSTC", &rustc);
    machine.world.set("KACHE_S3_SESSION_TOKEN", "");
    machine.kache("sync");
    let seen = fs::read_to_string(&seen).expect("it was asked");
    assert!(seen.contains("AWS_EC2_METADATA_DISABLED"), "it has the rest: {seen}");
    for secret in [SECRET_KEY, ACCESS_KEY, "KACHE_S3_SECRET_KEY", "KACHE_S3_SESSION_TOKEN"] {
        assert!(!seen.contains(secret), "{secret}: {seen}");
    }
}

/// What an object holds, or a file as it is.
fn decoded(content: Vec<u8>) -> Vec<u8> {
    zstd::decode_all(&*content).unwrap_or(content)
}
