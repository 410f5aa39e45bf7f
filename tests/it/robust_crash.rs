//! Killed in the middle of anything: the next build is whole and right, and the one after it has nothing to do.

use std::fs;
use std::path::Path;

use kache::outcome::Bypass;

use crate::robust::{Held, N_UNITS, Reference, has_strace, holding_project, project, runs};
use crate::step::{hits, misses};
use crate::world::World;

/// System calls with which kache changes files, and those at which it opens and locks them.
/// Those with a question mark are not on every processor; which of them is made is up to the C library.
pub(crate) const CALLS: &str = "?open,openat,?rename,?renameat,renameat2,?link,linkat,?unlink,unlinkat,?mkdir,mkdirat,write,pwrite64,\
                     utimensat,flock,copy_file_range,sendfile";

/// Becomes kache; under `strace` for the crate `words`, with the arguments in `$STRACE`. Its main thread does all the
/// work on files, and it alone is traced: the compiler is left in peace.
const TRACED: &str = r#"#!/bin/sh
case " $* " in
    *" --crate-name words "*) exec strace -qq $STRACE "$KACHE" "$@";;
    *) exec "$KACHE" "$@";;
esac
"#;

fn traced(world: &World, strace: &str) -> std::process::Command {
    let script = world.root().join("traced.sh");
    fs::write(&script, TRACED).expect("writes");
    assert!(runs("chmod", &["+x", &script.to_string_lossy()]));
    let mut command = world.command("cargo");
    command.arg("build").env("RUSTC_WRAPPER", script).env("KACHE", env!("CARGO_BIN_EXE_kache"));
    command.env("STRACE", strace);
    command
}

/// Which calls a build makes for `words`, in order.
fn calls(world: &World) -> Vec<String> {
    let log = world.root().join("strace.log");
    world.run(traced(world, &format!("-e trace={CALLS} -o {}", log.display()))).succeeds();
    let log = fs::read_to_string(log).expect("strace wrote it");
    log.lines().filter_map(|line| Some(line.split_once('(')?.0.to_owned())).collect()
}

/// Kills the wrapper of `words` at some of the calls that change a file, or at any of its calls, one after the other, then
/// builds. With a full store it is about to restore, else to compile and to put.
fn killed(is_warm: bool, n_tried: Option<usize>) {
    if !has_strace() {
        return;
    }
    let world = project();
    let reference = Reference::of(&world);
    // A store that knows everything but `words` and what depends on it, or everything.
    let words = fs::read_to_string(world.tree().join("words/src/lib.rs")).expect("reads");
    world.write("words/src/lib.rs", "");
    world.write("app/src/main.rs", "fn main() {}");
    world.build().succeeds();
    world.write("words/src/lib.rs", words);
    world.write("app/src/main.rs", crate::robust::APP);
    if is_warm {
        world.rebuild().succeeds();
    }
    let store = world.root().join("store-before");
    copy(&world.cache(), &store);
    world.clean();
    let calls = calls(&world);
    assert!(calls.len() > 20, "{calls:?}");
    let mut tried: Vec<(usize, &String)> = calls.iter().enumerate().collect();
    if let Some(n_tried) = n_tried {
        tried.retain(|(_, call)| !["open", "openat"].contains(&call.as_str()));
        let every = tried.len() / n_tried;
        tried = tried.into_iter().skip(every / 2).step_by(every).collect();
    }
    let mut n_killed = 0;
    for (at, call) in tried {
        fs::remove_dir_all(world.cache()).expect("removes");
        copy(&store, &world.cache());
        world.clean();
        let nth = calls[..=at].iter().filter(|other| *other == call).count();
        let kill = format!("-o /dev/null -e trace={call} -e inject={call}:signal=KILL:when={nth}");
        let killed = world.run(traced(&world, &kill));
        n_killed += usize::from(killed.stderr().contains("signal: 9"));
        eprintln!("{call} {nth}: {}", killed.stderr().contains("signal: 9"));
        let step = world.build();
        step.succeeds();
        // What was done before the kill is not done again, so some units are in no record.
        remove_unfinished(&world.target().join("debug/deps"));
        reference.holds_for_files(&world, &step);
        world.noop();
        let again = world.rebuild();
        again.succeeds();
        reference.holds_for_files(&world, &again);
        world.rebuild().expect(hits(N_UNITS), misses(0));
    }
    assert_ne!(n_killed, 0, "something was killed");
}

#[test]
fn a_wrapper_killed_while_it_puts_leaves_a_store_that_works() {
    killed(false, Some(8));
}

#[test]
fn a_wrapper_killed_while_it_restores_leaves_a_build_that_goes_on() {
    killed(true, Some(6));
}

#[test]
#[ignore = "stress: a kill at every system call of a put"]
fn a_wrapper_killed_at_any_step_of_a_put_leaves_a_store_that_works() {
    killed(false, None);
}

#[test]
#[ignore = "stress: a kill at every system call of a hit"]
fn a_wrapper_killed_at_any_step_of_a_hit_leaves_a_build_that_goes_on() {
    killed(true, None);
}

#[test]
fn a_wrapper_that_gets_no_thread_leaves_the_compile_to_the_compiler() {
    if !has_strace() {
        return;
    }
    let world = project();
    let reference = Reference::of(&world);
    // The compiler is known, so the first thread is wanted when it is to be run.
    world.build().succeeds();
    world.clean();
    fs::remove_dir_all(world.cache().join("store/v2/entries")).expect("removes");
    let step = world
        .run(traced(&world, "-o /dev/null -e trace=clone,clone3 -e inject=clone,clone3:error=EAGAIN:when=1"));
    reference.holds_for_files(&world, step.succeeds());
    assert_eq!(step.bypasses().first(), Some(&Bypass::UnknownCompiler), "{step}");
}

#[test]
fn an_interrupted_build_leaves_no_process_and_nothing_that_hurts_the_next() {
    let world = holding_project();
    let reference = Reference::of(&world);
    let held = Held::build(&world, "target");
    held.signal_group("INT");
    let output = held.ended();
    assert!(!output.status.success());
    let step = world.build();
    reference.holds_for_files(&world, &step);
    assert!(step.records().iter().all(|record| record.times.wait_us < 1_000_000), "locks are gone\n{step}");
    world.noop();
    world.rebuild().expect(hits(N_UNITS), misses(0));
}

#[test]
fn the_compiler_ends_with_its_wrapper() {
    let world = holding_project();
    let reference = Reference::of(&world);
    let held = Held::build(&world, "target");
    held.signal_wrapper("KILL");
    let output = held.ended();
    assert!(String::from_utf8_lossy(&output.stderr).contains("signal: 9"));
    let step = world.build();
    reference.holds_for_files(&world, &step);
    world.noop();
    world.rebuild().expect(hits(N_UNITS), misses(0));
}

/// Removes unfinished files, which nothing takes for anything. rustc leaves such files too.
pub(crate) fn remove_unfinished(deps: &Path) {
    for file in fs::read_dir(deps).expect("lists").flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if name.starts_with(".kache-") {
            fs::remove_file(file.path()).expect("removes");
        } else if name.starts_with("rmeta") || name.starts_with("rustc") {
            fs::remove_dir_all(file.path()).expect("removes");
        }
    }
}

/// A copy with the times of all files: those of blobs are their seals.
fn copy(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp").arg("-a").args([from, to]).status();
    assert!(status.expect("cp runs").success());
}
