//! Builds that start the daemon which their remote needs, and those that must not.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::remote::{json, shared_folder};
use crate::remote_builds::settle;
use crate::remote_daemon::{Machine, n_of};
use crate::seeding::split;
use crate::step::Step;

use kache::outcome::Origin;

fn status(machine: &Machine) -> Value {
    json(&machine.kache("daemon --json"))
}

fn is_running(machine: &Machine) -> bool {
    status(machine)["pid"].is_u64()
}

/// Whether a build has tried to start a daemon.
fn was_started(machine: &Machine) -> bool {
    machine.world.root().join("run/kache/daemon-dev.for-build").exists()
        || machine.world.root().join("run/kache/daemon.for-build").exists()
}

/// Why the units of a step were not fetched.
fn reasons(step: &Step) -> Vec<String> {
    step.succeeds().records().iter().filter_map(|record| record.not_fetched.clone()).collect()
}

fn settings_of(folder: &TempDir) -> String {
    format!("dir = \"{}\"\n", folder.path().display())
}

/// Builds on a machine whose daemon sends it all. Answers how many units that were.
fn fill(folder: &TempDir) -> usize {
    let first = Machine::with_folder("two-crates", folder).seeding().start();
    settle(&first.world);
    let n = first.world.build().succeeds().records().len();
    first.world.harvest().succeeds();
    first.kache("sync --push").succeeds();
    n
}

#[test]
fn the_first_build_of_a_new_machine_starts_the_daemon_and_is_filled_by_it() {
    let folder = shared_folder();
    let n = fill(&folder);
    let second = Machine::with_folder("two-crates", &folder).seeding();
    // A descriptor that cargo has from whoever called it, as that of a jobserver.
    let held = second.world.root().join("held");
    let mut command = second.world.command("sh");
    command.args(["-c", "exec 9>\"$0\"; SECRET_OF_BUILD=1 cargo build"]).arg(&held);
    let step = second.world.run(command);
    assert_eq!(split(&step), (n, Vec::new()), "{step}\n{}", second.log());
    second.world.noop();
    let status = status(&second);
    assert_eq!(status["supervisor"], "demand", "{status}");
    assert_eq!(second.log().matches("started: ").count(), 1, "{}", second.log());
    let process = Path::new("/proc").join(status["pid"].to_string());
    for descriptor in fs::read_dir(process.join("fd")).expect("is ours").flatten() {
        assert_ne!(
            fs::read_link(descriptor.path()).ok(),
            Some(held.clone()),
            "it holds what cargo was given"
        );
    }
    let variables = fs::read(process.join("environ")).expect("is ours");
    let variables = String::from_utf8_lossy(&variables).into_owned();
    let names = variables.split('\0').filter_map(|text| text.split_once('=')).map(|(name, _)| name);
    let foreign: Vec<_> = names.filter(|name| !kache::sys::dirs::NEUTRAL_VARIABLES.contains(name)).collect();
    assert_eq!(foreign, [""; 0], "a daemon takes nothing from a build");
}

/// Where cargo knows its compiler, it does not ask before the build.
#[test]
fn a_miss_starts_the_daemon_once_and_later_builds_use_it() {
    let folder = shared_folder();
    let n = fill(&folder);
    let second = Machine::with_folder("two-crates", &folder);
    let step = second.world.build();
    let lacked = reasons(&step);
    assert!(
        !lacked.is_empty() && lacked.iter().all(|why| why == "no daemon is running"),
        "{lacked:?}\n{step}"
    );
    second.until("it runs", || is_running(&second));
    assert_eq!(second.log().matches("started: ").count(), 1, "{}", second.log());
    let mut other = second.world.checkout("other");
    other.set("KACHE_KEY_SALT", "other");
    assert_eq!(reasons(&other.build()), [""; 0]);
    assert_eq!(second.log().matches("started: ").count(), 1, "{}", second.log());
    let third = Machine::with_folder("two-crates", &folder);
    third.kache("daemon start --for-build").succeeds();
    assert_eq!(n_of(third.world.build().succeeds(), Origin::Remote), n);
}

#[test]
fn a_daemon_that_a_build_started_ends_when_it_is_idle() {
    let folder = shared_folder();
    let machine = Machine::with_folder("two-crates", &folder);
    machine.configure_with("daemon_idle_timeout = \"1s\"\n", &settings_of(&folder));
    machine.world.build().succeeds();
    machine.until("it has ended", || machine.log().contains("stopping: idle"));
    machine.until("it is gone", || !is_running(&machine));
}

#[test]
fn a_daemon_that_somebody_stopped_stays_stopped() {
    let folder = shared_folder();
    let machine = Machine::with_folder("two-crates", &folder).start();
    machine.kache("daemon stop").succeeds();
    machine.kache("daemon start --for-build").succeeds();
    assert!(!is_running(&machine), "{}", machine.log());
    // Which is worth knowing.
    let lacked = reasons(&machine.world.build());
    assert!(lacked.iter().all(|why| why == "no daemon is running") && !lacked.is_empty(), "{lacked:?}");
    machine.kache("daemon start").succeeds();
    let pid = status(&machine)["pid"].as_u64().expect("it runs");
    let mut kill = machine.world.command("kill");
    kill.args(["-9", &pid.to_string()]);
    machine.world.run(kill).succeeds();
    machine.kache("daemon start --for-build").succeeds();
    assert!(is_running(&machine), "one that crashed is started: {}", machine.log());
}

/// Who only uses `kache sync` has no daemon, and wants to hear of none.
#[test]
fn where_no_daemon_is_wanted_none_is_started_and_nothing_is_said() {
    let folder = shared_folder();
    let off = Machine::with_folder("two-crates", &folder);
    off.configure_with("start_daemon = false\n", &settings_of(&folder));
    // The environment of a build is none of a daemon's.
    let mut of_job = Machine::new("two-crates", "");
    of_job.world.set("KACHE_REMOTE_DIR", folder.path());
    let mut local = Machine::with_folder("two-crates", &folder);
    local.world.set("KACHE_LOCAL_ONLY", "1");
    for machine in [&off, &of_job, &local] {
        let step = machine.world.build();
        step.all_missed();
        assert_eq!(reasons(&step), [""; 0]);
        assert!(!was_started(machine));
        let stats = machine.kache("stats");
        assert!(!stats.stdout().contains("not fetched"), "{stats}");
    }
    let set = off.kache("config get cache.start_daemon");
    assert!(set.succeeds().stdout().contains("false"), "{set}");
}

/// `[env]` of a project reaches the wrapper, but chooses no configuration of a daemon.
#[test]
fn a_project_cannot_choose_the_configuration_of_a_daemon() {
    let folder = shared_folder();
    let machine = Machine::new("two-crates", "");
    let rogue = machine.world.root().join("rogue");
    fs::create_dir_all(rogue.join("kache")).expect("makes a directory");
    let text = format!(
        "[cache]\nlocal_store = \"{}\"\n[cache.remote]\n{}",
        machine.world.cache().display(),
        settings_of(&folder)
    );
    fs::write(rogue.join("kache/config.toml"), text).expect("writes");
    let env = format!("[env]\nXDG_CONFIG_HOME = {{ value = \"{}\", force = true }}\n", rogue.display());
    machine.world.write(".cargo/config.toml", env);
    machine.world.build().succeeds();
    assert!(!was_started(&machine));
    // With the same from the user, it is.
    machine.world.remove(".cargo/config.toml");
    let mut with = machine.world.checkout("with");
    with.set("XDG_CONFIG_HOME", &rogue);
    with.set("KACHE_KEY_SALT", "with");
    with.build().succeeds();
    assert!(was_started(&machine));
    machine.until("it runs", || is_running(&machine));
}
