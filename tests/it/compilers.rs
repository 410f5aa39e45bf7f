//! Which compiler it is: by what it is, not by what it is called or says of itself.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use kache::action::input_kinds::InputKind;
use kache::action::inputs::Input;
use kache::outcome::Bypass;
use kache::store::Store;

use crate::skip::skip;
use crate::step::Step;
use crate::world::{World, package};

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

/// Builds again with that toolchain. Its own cargo: rustup's says where the libraries of compilers are.
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

/// The same release, built again: its banner is the same, its standard library is not.
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

/// A distribution keeps the libraries of its compiler where it keeps all others.
fn distributions_toolchain(world: &World) -> Option<PathBuf> {
    let own = own_toolchain(world)?;
    let libraries = own.join("lib/x86_64-linux-gnu");
    fs::create_dir(&libraries).expect("makes a directory");
    for name in own_libraries(&own.join("lib")) {
        fs::rename(own.join("lib").join(&name), libraries.join(&name)).expect("moves a library");
    }
    Some(own)
}

/// Names of the driver and of LLVM in a directory.
fn own_libraries(dir: &Path) -> Vec<String> {
    let listed = fs::read_dir(dir).expect("lists").map(|file| file.expect("lists").file_name());
    let names = listed.map(|name| name.into_string().expect("is text"));
    names.filter(|name| name.starts_with("librustc_driver") || name.starts_with("libLLVM.so")).collect()
}

/// Replaces a file by one that differs, as an upgrade of a package does.
fn upgrade(file: &Path) {
    let new = file.with_extension("new");
    fs::copy(file, &new).expect("copies");
    let mut appended = fs::OpenOptions::new().append(true).open(&new).expect("opens");
    std::io::Write::write_all(&mut appended, b"\n").expect("writes");
    fs::rename(&new, file).expect("replaces");
}

#[test]
fn upgraded_library_of_a_distributions_compiler_is_another_compiler() {
    for observe in ["auto", "off"] {
        let world = World::project("two-crates").env("KACHE_OBSERVE", observe);
        let Some(own) = distributions_toolchain(&world) else { return };
        let libraries = own.join("lib/x86_64-linux-gnu");
        let world = world.env("LD_LIBRARY_PATH", &libraries);
        build_with(&world, &own).all_missed();
        build_with(&world, &own).all_hit();
        let names = own_libraries(&libraries);
        assert_eq!(names.len(), 2, "{names:?}");
        for name in names {
            upgrade(&libraries.join(name));
            build_with(&world, &own).all_missed();
            build_with(&world, &own).all_hit();
        }
    }
}

/// Whether the program names files of std where that toolchain would keep their sources.
fn names_sources(world: &World, toolchain: &Path) -> bool {
    let program = fs::read(world.target().join("debug/app")).expect("was built");
    let sources = toolchain.join("lib/rustlib/src/rust").display().to_string();
    program.windows(sources.len()).any(|text| text == sources.as_bytes())
}

/// rustc writes the real paths of these sources into messages and debug information where they are installed.
#[test]
fn sources_of_std_that_are_added_or_removed_make_another_compiler() {
    let world = World::files(&[
        ("Cargo.toml", &package("app", "")),
        (
            "src/main.rs",
            "fn main() { println!(\"{}\", [1, 2].iter().map(|n| n + 1).collect::<Vec<u32>>().len()); }\n",
        ),
    ]);
    let Some(own) = own_toolchain(&world) else { return };
    let sources = own.join("lib/rustlib/src");
    build_with(&world, &own).all_missed();
    assert!(!names_sources(&world, &own));
    fs::create_dir_all(sources.join("rust/library/std/src")).expect("makes a directory");
    fs::write(sources.join("rust/library/std/src/lib.rs"), "").expect("writes");
    build_with(&world, &own).all_missed();
    assert!(names_sources(&world, &own));
    fs::remove_dir_all(&sources).expect("removes");
    build_with(&world, &own).all_hit();
    assert!(!names_sources(&world, &own));
}
