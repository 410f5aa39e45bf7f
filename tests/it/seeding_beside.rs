//! What happens beside a harvest: other harvests, builds, and the removal of the build directory.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command};

use kache::digest::Digest;
use kache::run::call_note::{self, CallNote};
use kache::seed::{harvest, probe, turn};
use kache::store::Store;
use kache::sys::fs::private;

use crate::seeding::{manifests, settle};
use crate::world::World;

fn project() -> World {
    let world = World::project("two-crates").env("KACHE_SEED", "1");
    settle(&world);
    world
}

/// The file that is locked while notes are harvested.
fn turns(world: &World) -> PathBuf {
    call_note::dir(&world.target()).join(call_note::HARVEST)
}

/// A harvest such as a build starts.
fn automatic(world: &World) -> Child {
    let mut command: Command = world.command(env!("CARGO_BIN_EXE_kache"));
    command.args(["harvest", "--automatic"]).arg(world.target());
    command.spawn().expect("kache can be started")
}

#[test]
fn build_directory_that_is_removed_while_a_harvest_waits_stays_away() {
    let world = project();
    world.build().succeeds();
    world.harvest().succeeds();
    let before: Vec<_> = manifests(&world).iter().map(|path| fs::read(path).expect("reads")).collect();
    world.edit("app/src/main.rs", "fn main() {", "fn main() { // again");
    let lock = File::options().write(true).open(turns(&world)).expect("is there");
    lock.lock().expect("locks");
    world.build().succeeds();
    let mut harvest = automatic(&world);
    world.clean();
    drop(lock);
    assert!(harvest.wait().expect("ends").success());
    assert!(!world.target().exists());
    let after: Vec<_> = manifests(&world).iter().map(|path| fs::read(path).expect("reads")).collect();
    assert_eq!(before, after);
}

#[test]
fn what_was_harvested_is_not_harvested_again_until_something_is_built() {
    let world = project();
    world.build().succeeds();
    world.harvest().succeeds();
    let remove = || manifests(&world).iter().for_each(|path| fs::remove_file(path).expect("removes"));
    remove();
    assert!(automatic(&world).wait().expect("ends").success());
    assert_eq!(manifests(&world).len(), 0);
    world.harvest().succeeds();
    assert_eq!(manifests(&world).len(), 1);
    remove();
    world.edit("app/src/main.rs", "fn main() {", "fn main() { // again");
    world.build().succeeds();
    assert!(automatic(&world).wait().expect("ends").success());
    // The harvest that the build has started may have come first.
    drop(File::options().write(true).open(turns(&world)).and_then(|lock| lock.lock().map(|()| lock)));
    assert_eq!(manifests(&world).len(), 1);
}

#[test]
fn nothing_is_stored_of_a_build_directory_that_changed_meanwhile() {
    let world = project();
    world.build().succeeds();
    world.harvest().succeeds();
    let store = Store::at(&world.cache());
    let dir = call_note::dir(&world.target());
    let note = private::read(&dir.join(call_note::BUILD)).expect("a build was noted");
    let cargo = CallNote::parse(&note).expect("is whole").cargo();
    let compiler = harvest::compiler(&dir).expect("is noted");
    let build = probe::describe(&cargo, &compiler, &store).expect("is understood");
    let [manifest] = manifests(&world).try_into().expect("there is one");
    let harvested = |state: &Digest| {
        fs::remove_file(&manifest).expect("removes");
        let harvested = harvest::harvest(&build, state, &cargo, &store).expect("can be written");
        (harvested.is_some(), manifest.exists())
    };
    assert_eq!(harvested(&turn::state(&build)), (true, true));
    assert_eq!(harvested(&Digest::hash(b"another")), (false, false));
}
