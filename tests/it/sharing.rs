//! One store for the users of a group (`cache.shared`): each of them is served what the others put, and nobody else is.
//!
//! The users have numbers and no names. They cannot enter the home of the user who runs the tests, so the toolchain is
//! mounted where they can.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use kache::outcome::{Bypass, Outcome};

use crate::robust::runs;
use crate::skip::skip;
use crate::step::Step;
use crate::world::World;

const GROUP: u32 = 60_100;
const OUTSIDER: u32 = 60_103;

/// A user, and the tree that is built.
struct User {
    id: u32,
    world: World,
}

impl User {
    fn new(first: &World, id: u32, is_declared: bool) -> User {
        let world = first.checkout(&id.to_string());
        let home = world.root().join("homes").join(id.to_string());
        let config = home.join(".config/kache/config.toml");
        fs::create_dir_all(config.parent().expect("has one")).expect("makes the home");
        let text = if is_declared { "[cache]\nshared = true\n" } else { "" };
        fs::write(config, text).expect("writes");
        own(&home, id);
        own(world.tree(), id);
        User { id, world: world.env("HOME", &home).env("CARGO_HOME", home.join(".cargo")) }
    }

    /// Runs a line of a shell in the tree.
    fn run(&self, line: &str) -> Step {
        let root = self.world.root();
        let groups =
            if self.id == OUTSIDER { "--clear-groups".to_owned() } else { format!("--groups={GROUP}") };
        let id = self.id;
        let script = format!(
            "mount --bind \"$SYSROOT\" \"$ROOT/toolchain\"\n\
             exec setpriv --reuid={id} --regid={id} {groups} sh -c '{line}'"
        );
        let mut command = self.world.command("unshare");
        command.args(["-m", "sh", "-ec", &script]).env("ROOT", &root).env("SYSROOT", sysroot(&self.world));
        command.env("PATH", format!("{}/toolchain/bin:/usr/bin:/bin", root.display()));
        command.env("RUSTC_WRAPPER", root.join("kache")).env_remove("RUSTUP_HOME");
        self.world.run(command)
    }

    fn build(&self, umask: &str) -> Step {
        let _ = fs::remove_dir_all(self.world.target());
        let step = self.run(&format!("umask {umask}; exec cargo build"));
        step.succeeds();
        assert_eq!(self.world.run_bin("app"), "hello world a note\n");
        step
    }
}

fn own(dir: &Path, id: u32) {
    for path in files_below(dir).into_iter().chain([dir.to_owned()]) {
        chown(path, Some(id), Some(id)).expect("root gives files away");
    }
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("lists").flatten() {
        if entry.file_type().expect("has a type").is_dir() {
            files.extend(files_below(&entry.path()));
        }
        files.push(entry.path());
    }
    files
}

fn sysroot(world: &World) -> String {
    let output = world.command("rustc").args(["--print", "sysroot"]).output().expect("rustc runs");
    String::from_utf8(output.stdout).expect("is text").trim().to_owned()
}

/// A project with a directory for a store that the group can write to; `None`, with a word on it, where users cannot be
/// made up.
fn shared_store() -> Option<World> {
    let can_be_another =
        runs("unshare", &["-m", "setpriv", "--reuid=60101", "--regid=60101", "--clear-groups", "true"]);
    if !can_be_another || !runs("unshare", &["-m", "mount", "--bind", "/tmp", "/mnt"]) {
        skip("root", "only root can be several users");
        return None;
    }
    let world = World::project("two-crates");
    fs::set_permissions(world.root(), Permissions::from_mode(0o755)).expect("sets the mode");
    fs::create_dir(world.root().join("toolchain")).expect("makes a directory");
    fs::copy(env!("CARGO_BIN_EXE_kache"), world.root().join("kache")).expect("copies");
    fs::create_dir(world.cache()).expect("makes a directory");
    chown(world.cache(), None, Some(GROUP)).expect("root gives files away");
    fs::set_permissions(world.cache(), Permissions::from_mode(0o2770)).expect("sets the mode");
    Some(world)
}

#[test]
fn users_of_a_group_share_a_store_and_nobody_else_reads_it() {
    for umask in ["007", "002"] {
        let Some(world) = shared_store() else { return };
        let [alice, bob] = [60_101, 60_102].map(|id| User::new(&world, id, true));
        alice.build(umask).all_missed();
        bob.build(umask).all_hit();
        for user in [&alice, &bob] {
            user.world.edit("words/src/a.rs", "\"world\"", "concat!(\"wor\", \"ld\")");
        }
        let step = bob.build(umask);
        assert!(step.n_misses() > 0, "{step}");
        step.all_stored();
        alice.build(umask).all_hit();
        // Both have put something, and each finds nothing wrong with that.
        let owners: Vec<u32> = files_below(&world.cache().join("store/v2/entries"))
            .into_iter()
            .map(|path| fs::metadata(path).expect("is there").uid())
            .collect();
        for user in [&alice, &bob] {
            assert!(owners.contains(&user.id), "{umask} {owners:?}");
            let stats = user.run("exec \"$RUSTC_WRAPPER\" stats");
            stats.succeeds();
            assert!(!stats.stdout().contains("another user"), "{umask}\n{stats}");
            assert!(!stats.stdout().contains("cannot be"), "{umask}\n{stats}");
            user.run("umask 007; exec \"$RUSTC_WRAPPER\" gc").succeeds();
        }
        alice.build(umask).all_hit();

        let mallory = User::new(&world, OUTSIDER, true);
        let before = files_below(&world.cache());
        let step = mallory.build(umask);
        assert_eq!(step.n_hits(), 0, "{step}");
        let looks = mallory.run("ls \"$KACHE_CACHE_DIR\" || cat \"$KACHE_CACHE_DIR\"/store/v2/secret");
        looks.fails_with("ermission denied");
        assert_eq!(files_below(&world.cache()), before);
    }
}

#[test]
fn a_store_of_another_user_that_is_not_declared_shared_is_refused() {
    let Some(world) = shared_store() else { return };
    let alice = User::new(&world, 60_101, true);
    let bob = User::new(&world, 60_102, false);
    alice.build("007").all_missed();
    let step = bob.build("007");
    assert_eq!(step.bypasses(), [Bypass::Store; 2], "{step}");
    let is_refused = |outcome: &Outcome| matches!(outcome, Outcome::Bypass { reason } if reason.detail.contains("belongs to another user"));
    assert!(step.records().iter().all(|record| is_refused(&record.outcome)), "{step}");
    // A project cannot declare it.
    bob.world.write(".kache.toml", "[cache]\nshared = true\n");
    assert_eq!(bob.build("007").bypasses(), [Bypass::Store; 2]);
}
