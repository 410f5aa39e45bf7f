//! Damage: any file of the store, and the notes in the build directory, altered in any way, one at a time.
//!
//! Damage that leaves size and time of a blob as they are is not among it: no program does that, and a hit does not
//! read what it links.

use std::fs;
use std::path::{Path, PathBuf};

use crate::robust::{N_UNITS, Reference, project};
use crate::step::{hits, misses};
use crate::world::{World, files_below};

#[derive(Clone, Copy, Debug)]
enum Damage {
    Flipped,
    CutOff,
    Emptied,
    Overwritten,
    Directory,
    Dangling,
    Gone,
}

impl Damage {
    const ALL: [Damage; 7] = [
        Damage::Flipped,
        Damage::CutOff,
        Damage::Emptied,
        Damage::Overwritten,
        Damage::Directory,
        Damage::Dangling,
        Damage::Gone,
    ];

    /// `nth` decides where.
    fn inflict(self, path: &Path, nth: usize) {
        let mut content = fs::read(path).expect("reads");
        let at = nth * 7919 % content.len().max(1);
        match self {
            Damage::Flipped if content.is_empty() => return,
            Damage::Flipped => content[at] ^= 1 << (nth % 8),
            Damage::CutOff => content.truncate(at),
            Damage::Emptied => content.clear(),
            Damage::Overwritten => content = vec![b'['; 100_000],
            Damage::Directory | Damage::Dangling | Damage::Gone => {}
        }
        match self {
            // In place, as a program does that damages what is in a build directory.
            Damage::Flipped | Damage::CutOff | Damage::Emptied | Damage::Overwritten => {
                return fs::write(path, content).expect("writes");
            }
            _ => fs::remove_file(path).expect("removes"),
        }
        match self {
            Damage::Directory => fs::create_dir_all(path.join("in it")).expect("makes a directory"),
            Damage::Dangling => std::os::unix::fs::symlink("/nowhere", path).expect("links"),
            _ => {}
        }
    }
}

/// What is damaged: everything that kache wrote, but locks (empty) and records (never read by a build).
fn targets(world: &World) -> Vec<PathBuf> {
    let mut files = files_below(&world.cache().join("store"));
    files.retain(|path| !path.components().any(|part| part.as_os_str() == "locks"));
    files.push(world.target().join(".kache/digests-1"));
    files.sort();
    files
}

/// Inflicts `damage` on one file after the other, and builds after each.
fn survives(n_damages_each: usize) {
    let world = project();
    let reference = Reference::of(&world);
    world.build().expect(hits(0), misses(N_UNITS));
    let whole = world.root().join("whole");
    copy(&world.cache().join("store"), &whole);
    let n_targets = targets(&world).len();
    assert!(n_targets > 5 * N_UNITS, "every bucket holds something: {n_targets}");
    for nth in 0..n_targets {
        for n in 0..n_damages_each {
            let damage = Damage::ALL[(nth + n) % Damage::ALL.len()];
            // The notes are damaged where they are of use: with the artifacts in place.
            let path = targets(&world)[nth].clone();
            damage.inflict(&path, nth + n);
            let shown =
                format!("{damage:?}: {}", path.strip_prefix(world.root()).expect("is below").display());
            if path.starts_with(world.cache()) {
                world.clean();
            } else {
                world.edit("app/src/main.rs", "unused = 1", "unused = 2");
                world.build().succeeds();
                world.edit("app/src/main.rs", "unused = 2", "unused = 1");
            }
            eprintln!("{shown}");
            let step = world.build();
            assert!(!Path::new("/nowhere").exists(), "something was made where a link leads");
            if path.starts_with(world.cache()) {
                reference.holds(&world, &step);
            } else {
                reference.holds_for_files(&world, &step);
            }
            world.noop();
            // It mends by itself.
            world.rebuild().succeeds();
            world.rebuild().expect(hits(N_UNITS), misses(0));
            fs::remove_dir_all(world.cache().join("store")).expect("removes");
            copy(&whole, &world.cache().join("store"));
            world.rebuild().expect(hits(N_UNITS), misses(0));
        }
    }
}

#[test]
fn any_damaged_file_costs_a_compile_and_mends() {
    survives(1);
}

#[test]
#[ignore = "stress: every file of a store, damaged in every way"]
fn every_file_damaged_in_every_way_costs_a_compile_and_mends() {
    survives(Damage::ALL.len());
}

/// A copy with the times of all files: those of blobs are their seals.
fn copy(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp").arg("-a").args([from, to]).status();
    assert!(status.expect("cp runs").success());
}
