//! Which compiler it is: by what it is, not by what it is called or says of itself.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use kache::key::inputs::{Input, InputKind};
use kache::outcome::Bypass;
use kache::store::Store;

use crate::skip::skip;
use crate::step::Step;
use crate::world::World;

/// The directory of programs of the toolchain `name`, if it is installed.
fn programs(world: &World, name: &str) -> Option<PathBuf> {
    let mut command = world.command("rustc");
    let output = command.env("RUSTUP_TOOLCHAIN", name).args(["--print", "sysroot"]).output().expect("runs");
    let sysroot = String::from_utf8(output.stdout).expect("is text");
    output.status.success().then(|| Path::new(sysroot.trim()).join("bin"))
}

fn make_executable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("makes it executable");
}

/// What the keys of these units say of the compiler.
fn compilers(world: &World, step: &Step) -> Vec<Input> {
    let store = Store::at(&world.cache());
    let keys = step.records().iter().map(|record| record.key.expect("it was stored"));
    let inputs = keys.flat_map(|key| {
        let inputs = store.inputs(&key).expect("they are kept").unit;
        let compilers: Vec<Input> =
            inputs.iter().filter(|input| input.kind == InputKind::Compiler).cloned().collect();
        compilers
    });
    inputs.collect()
}

/// A version manager puts one program in the place of every compiler; which one that becomes is its own affair.
#[test]
fn a_compiler_behind_a_proxy_is_the_one_behind_it() {
    let world = World::project("two-crates");
    let (Some(stable), Some(nightly)) = (programs(&world, "stable"), programs(&world, "nightly")) else {
        skip("nightly", "the toolchains stable and nightly are not both installed");
        return;
    };
    let shims = world.root().join("shims");
    fs::create_dir(&shims).expect("makes a directory");
    let chosen = shims.join("chosen");
    let source = format!(
        "#include <stdio.h>\n#include <unistd.h>\nint main(int n, char **args) {{\n    char path[4096] = {{0}};\n    \
         FILE *chosen = fopen(\"{}\", \"r\");\n    (void)n;\n    fgets(path, sizeof path, chosen);\n    \
         return execv(path, args);\n}}\n",
        chosen.display()
    );
    fs::write(shims.join("shim.c"), source).expect("writes");
    let made = Command::new("cc").current_dir(&shims).args(["shim.c", "-o", "rustc"]).status().expect("runs");
    assert!(made.success());
    let choose =
        |programs: &Path| fs::write(&chosen, programs.join("rustc").display().to_string()).expect("writes");
    let world = world.env("RUSTC", shims.join("rustc"));
    choose(&stable);
    let step = world.build();
    let first = compilers(&world, step.all_missed());
    choose(&nightly);
    let step = world.rebuild();
    assert_ne!(compilers(&world, step.all_missed()), first, "{step}");
    choose(&stable);
    world.rebuild().all_hit();
    choose(&nightly);
    world.rebuild().all_hit();
}

#[test]
fn a_compiler_that_is_a_script_is_left_alone() {
    let world = World::project("two-crates");
    let Some(stable) = programs(&world, "stable") else { return };
    let script = world.root().join("rustc");
    let world = world.env("RUSTC", &script);
    for name in ["one", "two"] {
        world.edit("app/src/main.rs", "fn main() {", &format!("fn main() {{ // {name}\n"));
        fs::write(&script, format!("#!/bin/sh\nexec {}/rustc \"$@\" --cfg {name}\n", stable.display()))
            .expect("writes");
        make_executable(&script);
        let step = world.build();
        let is_left_alone = |why: &Bypass| *why == Bypass::UnknownCompiler;
        assert!(step.succeeds().bypasses().iter().all(is_left_alone), "{step}");
        assert_eq!((step.n_hits(), step.n_misses()), (0, 0), "{step}");
        world.clean();
    }
}

/// A private copy of the stable toolchain, whose libraries are second names of the real ones. `None` on another file
/// system: a copy of a gigabyte is too much for a test. Its programs are no second names: a new one changes a file, and
/// scenarios beside this one see the real programs read.
fn own_toolchain(world: &World) -> Option<PathBuf> {
    let stable = programs(world, "stable")?;
    let own = world.root().join("toolchain");
    let sysroot = stable.parent().expect("it is in the sysroot");
    fs::create_dir(&own).expect("makes a directory");
    let copied = |how: &str, name: &str| {
        let copied = Command::new("cp").arg(how).args([&sysroot.join(name), &own]).status().expect("runs");
        copied.success()
    };
    (copied("-a", "bin") && copied("-al", "lib")).then_some(own)
}

/// Builds anew with that toolchain. Its own cargo: rustup's says where the libraries of compilers are.
fn build_with(world: &World, toolchain: &Path) -> Step {
    if world.target().exists() {
        world.clean();
    }
    let mut command = world.command(toolchain.join("bin/cargo"));
    command.arg("build").env("RUSTC", toolchain.join("bin/rustc"));
    world.run(command)
}

/// A file of the standard library.
fn library(toolchain: &Path, name: &str) -> Option<PathBuf> {
    let libraries = toolchain.join("lib/rustlib/x86_64-unknown-linux-gnu/lib");
    let mut listed = fs::read_dir(&libraries).ok()?.map(|file| file.expect("lists").path());
    listed.find(|path| path.to_string_lossy().contains(name))
}

/// The same release, built anew: its banner is the same, its standard library is not.
#[test]
fn another_build_of_the_same_release_is_another_compiler() {
    let world = World::project("two-crates");
    let Some(own) = own_toolchain(&world) else { return };
    build_with(&world, &own).all_missed();
    build_with(&world, &own).all_hit();
    let Some(test) = library(&own, "libtest-") else { return };
    let content = fs::read(&test).expect("reads");
    fs::remove_file(&test).expect("removes");
    fs::write(&test, [&content[..], b"\n"].concat()).expect("writes");
    build_with(&world, &own).all_missed();
}

#[test]
fn a_standard_library_that_is_written_over_in_place_is_another_compiler() {
    let world = World::project("two-crates");
    let Some(own) = own_toolchain(&world) else { return };
    let Some(test) = library(&own, "libtest-") else { return };
    // So far it is a second name of the real one.
    let content = fs::read(&test).expect("reads");
    fs::remove_file(&test).expect("removes");
    fs::write(&test, &content).expect("writes");
    build_with(&world, &own).all_missed();
    build_with(&world, &own).all_hit();
    let mut file = fs::OpenOptions::new().append(true).open(&test).expect("opens");
    std::io::Write::write_all(&mut file, b"\n").expect("writes");
    build_with(&world, &own).all_missed();
}

#[test]
fn a_toolchain_that_is_installed_elsewhere_is_the_same_compiler() {
    let world = World::project("two-crates");
    let Some(own) = own_toolchain(&world) else { return };
    build_with(&world, &own).all_missed();
    let elsewhere = world.root().join("elsewhere");
    fs::rename(own, &elsewhere).expect("renames");
    build_with(&world, &elsewhere).all_hit();
}
