//! Compiles are observed in containers that are set up in unusual ways.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::observing::reading;
use crate::skip::skip;
use crate::step::Step;
use crate::world::{World, package};

/// Builds in a process namespace of its own, in which `/proc` still is that of the namespace outside: the same number
/// means another process there.
fn build_in_namespace(world: &World) -> Step {
    let mut command = world.command("unshare");
    command.args(["--pid", "--fork", "cargo", "build"]);
    world.run(command)
}

#[test]
fn a_process_namespace_without_a_proc_of_its_own_is_observed() {
    let tried = Command::new("unshare").args(["--pid", "--fork", "true"]).output();
    if !tried.is_ok_and(|output| output.status.success()) {
        return skip("unshare", "no process namespace can be made");
    }
    for (call, file, old) in [
        ("cwd:root", "root", "root 1"),
        ("thread:data/one", "app/data/one", "1"),
        ("sh:cd app; cat data/one", "app/data/one", "1"),
        ("sh:cat /proc/self/cwd/app/data/one", "app/data/one", "1"),
        ("sh:exec 7< app; cat /proc/self/fd/7/data/one", "app/data/one", "1"),
    ] {
        let world = reading(call);
        let step = build_in_namespace(&world);
        step.all_missed();
        assert!(step.all_observed(), "{call}\n{step}");
        assert_eq!(world.run_bin("app"), old, "{call}");
        world.clean();
        build_in_namespace(&world).all_hit();
        world.write(file, "changed");
        world.clean();
        build_in_namespace(&world).only_missed(&["app bin"]);
        assert_eq!(world.run_bin("app"), "changed", "{call}");
        // Outside it is the same.
        world.rebuild().all_hit();
    }
}

/// The compiler is called with so few descriptors, by kache or without.
fn build_with(world: &mut World, n_descriptors: u32, wrapper: &str) -> Step {
    let limited = world.root().join("limited");
    let script = format!("#!/bin/sh\nulimit -n {n_descriptors}\nexec {wrapper} \"$@\"\n");
    fs::write(&limited, script).expect("writes");
    fs::set_permissions(&limited, fs::Permissions::from_mode(0o755)).expect("sets the mode");
    world.set("RUSTC_WRAPPER", limited);
    let _ = fs::remove_dir_all(world.target());
    world.build()
}

#[test]
fn no_step_needs_more_descriptors_than_the_compiler() {
    const KACHE: &str = env!("CARGO_BIN_EXE_kache");
    let mut world = World::files(&[
        ("Cargo.toml", &package("app", "")),
        ("src/lib.rs", "pub fn said() -> &'static str { \"said\" }\n"),
        ("src/main.rs", "fn main() { print!(\"{}\", app::said()); }\n"),
    ]);
    // What is known of the compiler stays known.
    build_with(&mut world, 256, KACHE).all_missed();
    let enough = |world: &mut World, n: &u32| build_with(world, *n, "").stderr().contains("Finished");
    let least = (4..64).find(|n| enough(&mut world, n)).expect("some number is enough");
    for n_descriptors in (least..least + 16).step_by(2) {
        world.set("KACHE_KEY_SALT", n_descriptors.to_string());
        for _ in ["cold", "warm"] {
            let step = build_with(&mut world, n_descriptors, KACHE);
            assert!(step.stderr().contains("Finished"), "{n_descriptors} of at least {least}\n{step}");
            assert_eq!(world.run_bin("app"), "said");
        }
    }
    let step = build_with(&mut world, least + 14, KACHE);
    step.all_hit();
    assert!(step.all_observed(), "\n{step}");
}

/// Becomes a command in a root directory of its own, in which the project is the root itself and all else is where it is
/// outside.
const ENTER: &str = r#"set -eu
root=$1; shift
for entry in /*; do
    name=${entry#/}
    if [ -L "$entry" ]; then cp -Pf "$entry" "$root/$name"
    elif [ -d "$entry" ] && [ -z "$(ls -A "$root/$name" 2>/dev/null)" ]; then
        mkdir -p "$root/$name"
        mount --rbind "$entry" "$root/$name"
    fi
done
cd "$root"
exec chroot "$root" "$@"
"#;

/// `WORKDIR /` in a container, or none.
#[test]
fn a_workspace_that_is_the_root_of_a_container_is_served() {
    let world = World::files(&[
        ("Cargo.toml", &package("app", "[dependencies]\nwords = { path = \"words\" }\n[workspace]\n")),
        ("src/main.rs", "fn main() { print!(\"{} {}\", words::W, include_str!(\"../text\")); }\n"),
        ("words/Cargo.toml", &package("words", "")),
        ("words/src/lib.rs", "pub const W: &str = env!(\"CARGO_MANIFEST_DIR\");\n"),
        ("text", "one"),
    ]);
    let flags = ["-m", "-rm"].into_iter().find(|flags| {
        Command::new("unshare").args([flags, "true"]).output().is_ok_and(|output| output.status.success())
    });
    let Some(flags) = flags else {
        return skip("unshare", "there is no `unshare`, or no right to use it");
    };
    let root = world.tree().to_path_buf();
    let run = |args: &[&str]| {
        let mut command = world.command("unshare");
        command.args([flags, "sh", "-c", ENTER, "enter"]).arg(&root).args(args);
        world.run(command)
    };
    // `cargo run` prints what the program does.
    let build = |expected: &str| {
        let step = run(&["cargo", "run", "--target-dir", "/build"]);
        assert_eq!(step.succeeds().stdout(), expected, "\n{step}");
        step
    };
    build("/words one").all_missed();
    assert!(build("/words one").records().is_empty());
    run(&["rm", "-r", "/build"]).succeeds();
    build("/words one").all_hit();
    assert!(build("/words one").records().is_empty());
    run(&["rm", "-r", "/build"]).succeeds();
    world.write("text", "two");
    build("/words two").only_missed(&["app bin"]);
}
