//! A private world: a project, a store, a home, and cargo with kache in front of rustc.
//!
//! ```text
//! <temporary>/cache          KACHE_CACHE_DIR
//! <temporary>/home           HOME, with a cargo home whose registry is that of the user who runs the tests
//! <temporary>/trees/<name>   the project; another checkout of it is another name
//! ```
//!
//! Commands start with an empty environment, so that nothing of the caller's reaches a key. The build directory is
//! cargo's own (`target` in the working directory) unless a test names another. Everything vanishes with the last
//! `World` of a test.
//!
//! Steps are checked on kache's own records ([`crate::step::Step`]), never on what cargo prints: cargo says
//! "Compiling" before it calls the wrapper, for hits too.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use crate::deadline::WatchedDir;
use crate::step::{Step, read_records};
use kache::outcome::{Origin, Outcome};
use kache::run::record::Record;

/// A project under kache. Copies of it (`checkout`) share the store and the home.
pub(crate) struct World {
    temporary: Arc<WatchedDir>,
    tree: PathBuf,
    /// Where cargo is called, below `tree`.
    dir: PathBuf,
    env: Vec<(OsString, OsString)>,
}

impl World {
    /// A copy of the fixture `tests/fixtures/<name>`.
    pub(crate) fn project(name: &str) -> World {
        World::project_in(name, &std::env::temp_dir())
    }

    /// The same with everything below `dir`.
    pub(crate) fn project_in(name: &str, dir: &Path) -> World {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
        fetch(&fixture);
        let world = World::empty_in(dir);
        copy_tree(&fixture, &world.tree);
        world
    }

    /// A project made of these files.
    pub(crate) fn files(files: &[(&str, &str)]) -> World {
        let world = World::empty_in(&std::env::temp_dir());
        files.iter().for_each(|(file, content)| world.write(file, content));
        world
    }

    fn empty_in(dir: &Path) -> World {
        let temporary =
            tempfile::Builder::new().prefix("kache-it-").tempdir_in(dir).expect("a temporary directory");
        let root = temporary.path().canonicalize().expect("it exists");
        let cargo_home = root.join("home/.cargo");
        let tree = root.join("trees/first");
        fs::create_dir_all(&cargo_home).expect("creates the home");
        fs::create_dir_all(&tree).expect("creates the tree");
        let registry = callers("CARGO_HOME", ".cargo").join("registry");
        if registry.is_dir() {
            std::os::unix::fs::symlink(registry, cargo_home.join("registry")).expect("links the registry");
        }
        World { temporary: Arc::new(WatchedDir::new(temporary)), dir: tree.clone(), tree, env: Vec::new() }
    }

    /// Sets a variable for all later commands.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> World {
        self.set(name, value);
        self
    }

    /// Sets a variable for all later commands.
    pub(crate) fn set(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.unset(name);
        self.env.push((name.into(), value.as_ref().into()));
    }

    /// Removes a variable from all later commands.
    pub(crate) fn unset(&mut self, name: &str) {
        self.env.retain(|(known, _)| known != name);
    }

    /// Calls cargo in `dir` of the tree from now on.
    pub(crate) fn within(mut self, dir: &str) -> World {
        self.dir = self.tree.join(dir);
        self
    }

    /// The directory that holds everything of this world.
    pub(crate) fn root(&self) -> PathBuf {
        self.temporary.path().canonicalize().expect("it exists")
    }

    /// The root of the project.
    pub(crate) fn tree(&self) -> &Path {
        &self.tree
    }

    /// Where cargo is called.
    pub(crate) fn called_in(&self) -> &Path {
        &self.dir
    }

    /// `KACHE_CACHE_DIR`.
    pub(crate) fn cache(&self) -> PathBuf {
        self.root().join("cache")
    }

    /// The build directory: `CARGO_TARGET_DIR` if that is set, or `target` where cargo is called.
    pub(crate) fn target(&self) -> PathBuf {
        let set = self.env.iter().find(|(name, _)| name == "CARGO_TARGET_DIR");
        set.map_or_else(|| self.dir.join("target"), |(_, dir)| self.dir.join(dir))
    }

    /// `cargo build`.
    pub(crate) fn build(&self) -> Step {
        self.cargo(["build"])
    }

    /// Removes the build directory and builds again.
    pub(crate) fn rebuild(&self) -> Step {
        self.clean();
        self.build()
    }

    /// Calls cargo, and reads what kache recorded meanwhile.
    pub(crate) fn cargo<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Step {
        let mut command = self.command("cargo");
        command.args(args);
        self.run(command)
    }

    /// Calls cargo while something else is done to the world, by `meanwhile`.
    pub(crate) fn cargo_while(&self, args: &[&str], meanwhile: impl FnOnce() + Send) -> Step {
        let mut command = self.command("cargo");
        command.args(args);
        let n_before = read_records(&self.cache()).len();
        let output = std::thread::scope(|scope| {
            scope.spawn(meanwhile);
            command.output().expect("cargo runs")
        });
        Step::new(&command, output, self.asked_for(read_records(&self.cache()).split_off(n_before)))
    }

    /// Where all scenarios are played with seeding: the records without those that other scenarios do not expect. A unit
    /// that was seeded and is asked for all the same counts once, and runs of build scripts only where a scenario is about
    /// them.
    fn asked_for(&self, records: Vec<Record>) -> Vec<Record> {
        if !is_seeding() {
            return records;
        }
        let has_runs = self.env.iter().any(|(name, _)| name == "KACHE_CACHE_BUILD_SCRIPTS");
        let is_seeded = |record: &Record| record.outcome == Outcome::Hit { origin: Origin::Seeded };
        let is_again = |record: &Record| {
            let same = |other: &&Record| {
                !is_seeded(other)
                    && other.unit.crate_name == record.unit.crate_name
                    && other.unit.kind == record.unit.kind
            };
            is_seeded(record) && records.iter().any(|other| same(&other))
        };
        let counts =
            |record: &&Record| (has_runs || record.unit.kind != "build-script-run") && !is_again(record);
        records.iter().filter(counts).cloned().collect()
    }

    /// Runs a command of [`World::command`], and reads what kache recorded meanwhile.
    pub(crate) fn run(&self, mut command: Command) -> Step {
        let n_before = read_records(&self.cache()).len();
        let output = command.output().expect("the command can be started");
        let step =
            Step::new(&command, output, self.asked_for(read_records(&self.cache()).split_off(n_before)));
        if is_seeding() && command.get_program() == "cargo" {
            // Where nothing was built there is nothing to harvest.
            let _ = self.harvest();
        }
        step
    }

    /// Keeps what the last build made, for build directories that are new.
    pub(crate) fn harvest(&self) -> Step {
        let mut command = self.command(env!("CARGO_BIN_EXE_kache"));
        command.arg("harvest").arg(self.target());
        self.run(command)
    }

    /// A command in this world: kache is the wrapper, everything is private, nothing of the caller's is left.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.temporary.progressed();
        let home = self.root().join("home");
        let mut command = Command::new(program);
        command
            .current_dir(&self.dir)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("CARGO_HOME", home.join(".cargo"))
            .env("RUSTUP_HOME", callers("RUSTUP_HOME", ".rustup"))
            .env("HOME", home)
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TERM_COLOR", "never")
            .env("KACHE_CACHE_DIR", self.cache())
            .env("RUSTC_WRAPPER", env!("CARGO_BIN_EXE_kache"))
            // Most scenarios are about what is stored; those of edits turn it on.
            .env("KACHE_INCREMENTAL", "off")
            // Most build one unit after another, and are not about what is there before cargo asks.
            .envs([("KACHE_SEED", "0"), ("KACHE_CACHE_BUILD_SCRIPTS", "0")])
            .envs(std::env::var_os("RUSTUP_TOOLCHAIN").map(|name| ("RUSTUP_TOOLCHAIN", name)))
            // The scenarios can be played without observation too, or without a defence that they prove.
            .envs(std::env::var_os("KACHE_TEST_WITHOUT").map(|names| ("KACHE_TEST_WITHOUT", names)))
            .envs(std::env::var_os("KACHE_TEST_OBSERVE").map(|mode| ("KACHE_OBSERVE", mode)))
            // Or with new build directories filled before cargo asks.
            .envs(
                is_seeding()
                    .then_some([("KACHE_SEED", "1"), ("KACHE_CACHE_BUILD_SCRIPTS", "1")])
                    .into_iter()
                    .flatten(),
            )
            .envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// A second `build` reaches no compiler and no wrapper.
    pub(crate) fn noop(&self) {
        self.noop_of(["build"]);
    }

    /// A further call of cargo reaches no compiler and no wrapper.
    pub(crate) fn noop_of<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) {
        let step = self.cargo(args);
        step.succeeds();
        assert!(step.records().is_empty(), "cargo did not find everything fresh\n{step}");
    }

    /// What the binary `name` of the last debug build prints.
    pub(crate) fn run_bin(&self, name: &str) -> String {
        self.run_file(&self.target().join("debug").join(name))
    }

    /// What a program prints, run where cargo is called.
    pub(crate) fn run_file(&self, path: &Path) -> String {
        let output = Command::new(path).current_dir(&self.dir).env_clear().output();
        let output = output.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}: {}", path.display(), text(&output.stderr));
        text(&output.stdout)
    }

    /// Replaces `old`, which must be there, in a file of the tree.
    pub(crate) fn edit(&self, file: &str, old: &str, new: &str) {
        let content = fs::read_to_string(self.tree.join(file)).expect("the file can be read");
        assert!(content.contains(old), "{file} does not hold {old:?}");
        self.write(file, content.replace(old, new));
    }

    /// Writes a file of the tree.
    pub(crate) fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        let path = self.tree.join(file);
        fs::create_dir_all(path.parent().expect("files are in directories")).expect("creates the directory");
        fs::write(path, content).expect("writes the file");
    }

    /// Removes a file of the tree.
    pub(crate) fn remove(&self, file: &str) {
        fs::remove_file(self.tree.join(file)).expect("removes the file");
    }

    /// Removes the build directory.
    pub(crate) fn clean(&self) {
        fs::remove_dir_all(self.target()).expect("removes the build directory");
    }

    /// Copies the sources to another absolute path: the same project checked out twice.
    pub(crate) fn checkout(&self, name: &str) -> World {
        let tree = self.root().join("trees").join(name);
        fs::create_dir(&tree).expect("creates another tree");
        copy_tree(&self.tree, &tree);
        let dir = tree.join(self.dir.strip_prefix(&self.tree).expect("cargo is called in the tree"));
        World { temporary: Arc::clone(&self.temporary), tree, dir, env: self.env.clone() }
    }

    /// Copies the sources to another absolute path and deletes the first tree with all that was built there: what
    /// still leads there, leads nowhere.
    pub(crate) fn relocate(self, name: &str) -> World {
        let other = self.checkout(name);
        fs::remove_dir_all(&self.tree).expect("removes the first tree");
        other
    }
}

/// Whether all scenarios are to be played with seeding: each build is harvested, so that every new build directory of a
/// scenario is filled before cargo asks.
pub(crate) fn is_seeding() -> bool {
    std::env::var_os("KACHE_TEST_SEED").is_some()
}

/// A manifest of the package `name`; `more` follows the `[package]` table.
pub(crate) fn package(name: &str, more: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n{more}")
}

/// A directory of the user who runs the tests.
fn callers(variable: &str, below_home: &str) -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("there is a home")).join(below_home);
    std::env::var_os(variable).map_or_else(home, PathBuf::from)
}

/// Gets what the lock file of a fixture names into the registry of the user who runs the tests, once: all builds are
/// offline. What is there already is not asked for again, and needs no network.
fn fetch(fixture: &Path) {
    static FETCHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let lock = fs::read_to_string(fixture.join("Cargo.lock")).unwrap_or_default();
    if !lock.contains("source = \"registry") {
        return;
    }
    // Held meanwhile: who needs the same fixture has to wait for it anyway.
    let mut fetched = FETCHED.lock().unwrap_or_else(PoisonError::into_inner);
    if fetched.contains(fixture) {
        return;
    }
    let output = Command::new("cargo").args(["fetch", "--locked"]).current_dir(fixture).output();
    let output = output.expect("cargo runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} needs crates that are not there\n{told}", fixture.display());
    fetched.insert(fixture.to_owned());
}

/// All files below a directory, in order. No link is followed.
pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for child in fs::read_dir(dir).expect("the directory can be listed") {
        let child = child.expect("the directory can be listed");
        if child.file_type().expect("it has a type").is_dir() {
            files.extend(files_below(&child.path()));
        } else {
            files.push(child.path());
        }
    }
    files.sort();
    files
}

/// Copies what would be checked in: no build directories.
fn copy_tree(from: &Path, to: &Path) {
    for child in fs::read_dir(from).expect("the directory can be listed") {
        let child = child.expect("the directory can be listed");
        let target = to.join(child.file_name());
        if !child.file_type().expect("it has a type").is_dir() {
            fs::copy(child.path(), target).expect("copies a file");
        } else if child.file_name() != "target" && !child.path().join("CACHEDIR.TAG").exists() {
            fs::create_dir(&target).expect("creates a directory");
            copy_tree(&child.path(), &target);
        }
    }
}
