//! Programs with privileges of their own: without `CAP_SYS_ADMIN`, observing would take them away. A compile that starts
//! one runs as it does under plain cargo, and is not stored.
//!
//! The builds run as root without the privileges of root, so that a program of another user has something to give.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use kache::outcome::Unstored;
use rustix::fs::XattrFlags;

use crate::observing::reading;
use crate::skip::skip;
use crate::step::Step;
use crate::world::{World, package};

const NOBODY: u32 = 65_534;

/// Ways to give a program privileges, and the line of `/proc/self/status` that shows that it has them.
const WAYS: [(&str, &str); 3] =
    [("set-user-ID", "^Uid:.*65534"), ("set-group-ID", "^Gid:.*65534"), ("capability", "^CapEff:.*[1-9a-f]")];

fn give(program: &Path, way: &str) {
    let mode = |mode| fs::set_permissions(program, fs::Permissions::from_mode(mode)).expect("sets the mode");
    match way {
        "capability" => {
            // `vfs_cap_data` of version 2: effective, and CAP_NET_RAW is permitted.
            let words = [0x0200_0001_u32, 1 << 13, 0, 0, 0];
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            rustix::fs::setxattr(program, "security.capability", &bytes, XattrFlags::empty())
                .expect("sets it");
        }
        _ => {
            chown(program, Some(NOBODY), Some(NOBODY)).expect("gives it away");
            mode(if way == "set-user-ID" { 0o4755 } else { 0o2755 });
        }
    }
}

/// A program that prints files, with privileges.
fn helper(world: &World, way: &str) -> PathBuf {
    let helper = world.root().join("bin/helper");
    fs::create_dir_all(world.root().join("bin")).expect("creates a directory");
    let cat = Command::new("sh").args(["-c", "command -v cat"]).output().expect("runs").stdout;
    fs::copy(String::from_utf8(cat).expect("is a path").trim(), &helper).expect("copies a program");
    give(&helper, way);
    helper
}

/// Whether such programs have their privileges here.
fn can_be_played(world: &World) -> bool {
    if !rustix::process::geteuid().is_root() {
        skip("set-user-id", "only root gives programs to another user");
        return false;
    }
    let helper = helper(world, "set-user-ID");
    let mut command = world.command("setpriv");
    command.args(["--securebits=+noroot".as_ref(), helper.as_os_str(), "/proc/self/status".as_ref()]);
    let printed = command.output().map(|output| String::from_utf8_lossy(&output.stdout).contains("65534"));
    let can = printed.unwrap_or_default();
    if !can {
        skip("set-user-id", "no program can be given privileges here");
    }
    can
}

fn cargo(world: &World, args: &[&str]) -> Step {
    let mut command = world.command("setpriv");
    command.args(["--securebits=+noroot", "cargo"]).args(args);
    world.run(command)
}

/// What plain cargo prints, and the names that it leaves among the outputs. The build directory is removed again.
fn plain(world: &mut World, bin: &str) -> (String, BTreeSet<String>, String) {
    world.set("RUSTC_WRAPPER", "");
    let step = cargo(world, &["build"]);
    world.unset("RUSTC_WRAPPER");
    step.succeeds();
    let left = (without_time(&step), outputs(world), world.run_bin(bin));
    world.clean();
    left
}

fn without_time(step: &Step) -> String {
    step.stderr().split(" in ").next().expect("there is a first part").to_owned()
}

fn outputs(world: &World) -> BTreeSet<String> {
    let listed = fs::read_dir(world.target().join("debug/deps")).expect("can be listed");
    listed.map(|entry| entry.expect("can be listed").file_name().to_string_lossy().into_owned()).collect()
}

fn n_lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap_or_default().lines().count()
}

fn set_linker(world: &mut World, script: &str) {
    let linker = world.root().join("linker");
    fs::write(&linker, script).expect("writes");
    fs::set_permissions(&linker, fs::Permissions::from_mode(0o755)).expect("sets the mode");
    for architecture in ["X86_64", "AARCH64"] {
        world.set(&format!("CARGO_TARGET_{architecture}_UNKNOWN_LINUX_GNU_LINKER"), &linker);
    }
}

fn assert_not_stored(step: &Step, helper: &Path) {
    let unstored = step.succeeds().unstored_of("app", "bin");
    let why = format!("{} runs with privileges of its own", helper.display());
    assert_eq!(*unstored, Unstored::InputsUnknown(why), "\n{step}");
}

#[test]
fn a_linker_that_starts_a_program_with_privileges_links_as_under_plain_cargo() {
    for (way, line) in WAYS {
        let mut world = World::files(&[
            ("Cargo.toml", &package("app", "")),
            ("src/main.rs", "fn main() { let unused = 1; print!(\"linked\"); }\n"),
        ]);
        if !can_be_played(&world) {
            return;
        }
        let temporary = world.root().join("temporary");
        fs::create_dir(&temporary).expect("creates a directory");
        world.set("TMPDIR", &temporary);
        let (helper, log) = (helper(&world, way), world.root().join("log"));
        let script = format!(
            "#!/bin/sh\necho start >> {}\n{} /proc/self/status | grep -q '{line}' || exit 1\nexec cc \"$@\"\n",
            log.display(),
            helper.display(),
        );
        set_linker(&mut world, &script);
        let (printed, files, _) = plain(&mut world, "app");
        assert!(printed.contains("unused variable"), "{printed}");
        fs::remove_file(&log).expect("removes the log");

        let step = cargo(&world, &["build"]);
        assert_not_stored(&step, &helper);
        assert_eq!(without_time(&step), printed, "{way}: printed once\n{step}");
        assert_eq!(world.run_bin("app"), "linked");
        assert_eq!(outputs(&world), files, "{way}: nothing unfinished is left");
        assert_eq!(fs::read_dir(&temporary).expect("can be listed").count(), 0);
        assert_eq!(n_lines(&log), 2, "{way}: begun again");
        assert!(cargo(&world, &["build"]).succeeds().records().is_empty());

        world.edit("src/main.rs", "linked", "again");
        let step = cargo(&world, &["build"]);
        assert_not_stored(&step, &helper);
        assert_eq!((world.run_bin("app").as_str(), n_lines(&log)), ("again", 3), "{way}: not begun again");

        let mut doctor = world.command(env!("CARGO_BIN_EXE_kache"));
        let told = world.run({
            doctor.arg("doctor");
            doctor
        });
        assert!(told.stdout().contains(&format!("app starts {}", helper.display())), "{told}");

        // Without its privileges there is nothing to lose. A log that it writes would be a file beside the output.
        let quiet = script.replace(&format!("echo start >> {}\n", log.display()), "");
        set_linker(&mut world, &quiet.replace(" || exit 1", ""));
        fs::copy("/bin/cat", &helper).expect("copies a program");
        fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).expect("sets the mode");
        let _ = rustix::fs::removexattr(&helper, "security.capability");
        world.clean();
        let step = cargo(&world, &["build"]);
        step.all_missed();
        assert!(step.all_observed(), "{way}\n{step}");
    }
}

#[test]
fn other_crates_with_the_same_linker_are_linked_once() {
    let mut world = World::files(&[
        ("Cargo.toml", &package("app", "")),
        ("build.rs", "fn main() { println!(\"cargo::rerun-if-changed=build.rs\"); }\n"),
        ("src/main.rs", "fn main() { print!(\"linked\"); }\n"),
    ]);
    if !can_be_played(&world) {
        return;
    }
    let (helper, log) = (helper(&world, "set-user-ID"), world.root().join("log"));
    let (log_name, helper_name) = (log.display(), helper.display());
    let line = WAYS[0].1;
    set_linker(
        &mut world,
        &format!(
            "#!/bin/sh\necho start >> {log_name}\n{helper_name} /proc/self/status | grep -q '{line}' || exit 1\n\
             exec cc \"$@\"\n"
        ),
    );
    let step = cargo(&world, &["build"]);
    assert_not_stored(&step, &helper);
    // The build script twice, the binary once.
    assert_eq!((world.run_bin("app").as_str(), n_lines(&log)), ("linked", 3), "\n{step}");
}

#[test]
fn what_a_macro_starts_has_its_privileges() {
    let table = [
        ("sh:../../bin/helper /proc/self/status | grep -c LINE", WAYS[0]),
        ("sh:helper /proc/self/status | grep -c LINE", WAYS[1]),
        ("sh:(exec sh -c '../../bin/helper /proc/self/status; true') | grep -c LINE", WAYS[2]),
        ("sh:PATH=../../bin:$PATH; helper /proc/self/status | grep -c LINE & wait", WAYS[0]),
    ];
    for (call, (way, line)) in table {
        let mut world = reading(&call.replace("LINE", line));
        if !can_be_played(&world) {
            return;
        }
        helper(&world, way);
        let path = std::env::var("PATH").expect("there is one");
        world.set("PATH", format!("{path}:{}", world.root().join("bin").display()));
        let (printed, files, said) = plain(&mut world, "app");
        assert_eq!(said.trim(), "1", "{call}");
        for _ in 0..2 {
            let step = cargo(&world, &["build"]);
            assert!(matches!(step.unstored_of("app", "bin"), Unstored::InputsUnknown(_)), "{call}\n{step}");
            assert_eq!(
                (without_time(&step), world.run_bin("app")),
                (printed.clone(), said.clone()),
                "{call}"
            );
            assert_eq!(outputs(&world), files, "{call}");
            world.clean();
        }
    }
}

#[test]
fn an_interpreter_with_privileges_has_them() {
    let mut world = reading("sh:../script");
    if !can_be_played(&world) {
        return;
    }
    let helper = helper(&world, "set-user-ID");
    let script = world.root().join("trees/script");
    fs::write(&script, format!("#!{} -u\n1\n", helper.display())).expect("writes");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("sets the mode");
    let (_, _, said) = plain(&mut world, "app");
    let step = cargo(&world, &["build"]);
    assert_not_stored(&step, &helper);
    assert_eq!(world.run_bin("app"), said);
}
