//! Taking an installation back: wherever it went, however it was interrupted, and whatever was put in its place.

use std::fs;
use std::path::Path;

use crate::machine::Machine;
use crate::{NEWER, POSES};

fn bin(machine: &Machine, name: &str) -> String {
    machine.path(name).display().to_string()
}

/// Installs into one directory after the other, each time another version, and uninstalls.
fn moves_and_goes(bins: &[&str]) {
    let machine = Machine::with_release(POSES);
    machine.write(".profile", "a=1\n");
    machine.write("real/mine", "");
    machine.link("real", "other name");
    let before = machine.look();
    for (index, name) in bins.iter().enumerate() {
        machine.release(&NEWER.replace("0.2.0", &format!("0.{index}.9")));
        let ended = machine.run("sh", &["--bin-dir", &bin(&machine, name), "--no-init"]);
        ended.with(0, &format!("kache 0.{index}.9 is installed"));
    }
    let last = format!("0.{}.9", bins.len() - 1);
    let found = machine.found_by(&["sh", "-l"]);
    let program = fs::read_to_string(&found).expect("it is found");
    assert!(program.contains(&last), "{bins:?}: {found} is not the last");
    machine.run("sh", &["--uninstall"]).with(0, "called: uninstall -y");
    assert_eq!(machine.look(), before, "{bins:?}");
}

#[test]
fn two_directories_are_uninstalled_together() {
    moves_and_goes(&["a", "b"]);
    moves_and_goes(&["a", "b", "a"]);
    moves_and_goes(&["a", "b", "c", "b"]);
}

#[test]
fn one_directory_under_two_names_is_one_directory() {
    moves_and_goes(&["a", "a/"]);
    moves_and_goes(&["a//", "./a/."]);
    moves_and_goes(&["real", "other name"]);
    moves_and_goes(&["other name/", "real", "b"]);
}

#[test]
fn an_upgrade_goes_where_the_program_is() {
    let machine = Machine::with_release(POSES);
    machine.run("sh", &["--bin-dir", &bin(&machine, "elsewhere"), "--no-init"]).with(0, "is installed");
    machine.release(NEWER);
    machine.run("sh", &["--no-init"]).with(0, "kache 0.2.0 is installed");
    assert!(machine.read("elsewhere/kache").contains("0.2.0"));
    assert!(!machine.path(".local/bin").exists());
}

#[test]
fn slashes_that_say_nothing_do_not_matter_to_uninstall() {
    let machine = Machine::with_release(POSES);
    machine.write(".profile", "a=1\n");
    let before = machine.look();
    let home = machine.path("").display().to_string();
    machine.set("HOME", &home);
    machine.set("XDG_DATA_HOME", &format!("{home}/data//"));
    machine.run("sh", &[]).with(0, "is installed");
    machine.set("HOME", home.trim_end_matches('/'));
    machine.set("XDG_DATA_HOME", &format!("{home}./data"));
    machine.run("sh", &["--uninstall"]).with(0, "kache is removed");
    assert_eq!(machine.look(), before);
}

#[test]
fn kache_of_another_installation_in_the_second_directory_is_left_alone_unless_asked() {
    let machine = Machine::with_release(POSES);
    machine.write(".profile", "a=1\n");
    machine.write("b/kache", "#!/bin/sh\necho another\n");
    machine.mode("b/kache", 0o755);
    let before = machine.look();
    machine.run("sh", &["--no-init"]).with(0, "is installed");
    let installed = machine.look();
    let b = bin(&machine, "b");
    machine.run("sh", &["--bin-dir", &b, "--no-init"]).with(1, "did not install");
    assert_eq!(machine.look(), installed);
    machine.run("sh", &["--bin-dir", &b, "--no-init", "--force"]).with(0, "is installed");
    machine.run("sh", &["--uninstall"]).with(0, "kache is removed");
    assert_eq!(machine.look(), before);
}

#[test]
fn a_link_in_the_place_of_the_program_is_put_back() {
    let machine = Machine::with_release(POSES);
    machine.write(".profile", "a=1\n");
    for release in [POSES, NEWER] {
        machine.release(release);
        machine.run("sh", &["--no-init"]).with(0, "is installed");
    }
    machine.write("mine", "#!/bin/sh\necho mine\n");
    machine.mode("mine", 0o755);
    fs::remove_file(machine.path(".local/bin/kache")).unwrap();
    machine.link("../../mine", ".local/bin/kache");
    machine.run("sh", &["--no-init"]).with(1, "did not install");
    machine.run("sh", &["--no-init", "--force"]).with(0, "is installed");
    machine.run("sh", &["--uninstall"]).with(0, "kache is removed");
    assert!(machine.is_link(".local/bin/kache"));
    assert_eq!(machine.read(".local/bin/kache"), "#!/bin/sh\necho mine\n");
    assert!(!machine.path(".local/bin/kache.prev").exists());
}

#[test]
fn a_link_in_the_place_of_an_installed_file_stays() {
    let machine = Machine::with_release(POSES);
    machine.run("sh", &["--no-init"]).with(0, "is installed");
    let page = ".local/share/man/man1/kache.1";
    fs::rename(machine.path(page), machine.path("page")).unwrap();
    machine.link("../../../../page", page);
    machine.write("page", "mine\n");
    machine.run("sh", &["--no-init"]).with(0, "kache.1 is not from this script; it was left alone");
    machine.run("sh", &["--uninstall"]).with(0, "kache.1 is a link that is not from this script");
    assert!(machine.is_link(page));
    assert_eq!(machine.read("page"), "mine\n");
}

#[test]
fn an_uninstall_that_was_stopped_goes_on() {
    for what in ["*/kache", "*/kache.1", "*/installed"] {
        let machine = Machine::with_release(POSES);
        machine.write(".profile", "a=1\n");
        let before = machine.look();
        machine.run("sh", &["--no-init"]).with(0, "is installed");
        let rm = crate::find("rm").expect("there is rm").display().to_string();
        machine
            .tool("rm", &format!("case \"$*\" in {what}) kill -TERM $PPID; exit 1;; esac; exec {rm} \"$@\""));
        machine.run("sh", &["--uninstall"]).with(143, "");
        assert_ne!(machine.look(), before, "{what}: it was stopped");
        machine.tool("rm", &format!("exec {rm} \"$@\""));
        machine.run("sh", &["--uninstall"]).with(0, "kache is removed");
        assert_eq!(machine.look(), before, "{what}");
    }
}

#[test]
fn a_program_that_does_not_run_any_more_can_be_uninstalled() {
    for broken in ["exit 1", "exec /nowhere/kache", "kill -SEGV $$"] {
        let machine = Machine::with_release(POSES);
        machine.write(".profile", "a=1\n");
        let before = machine.look();
        machine.run("sh", &["--no-init"]).with(0, "is installed");
        machine.write(".local/bin/kache", &format!("#!/bin/sh\n{broken}\n"));
        machine.run("sh", &["--uninstall", "--purge"]).with(0, "the store stays");
        assert_eq!(machine.look(), before, "{broken}");
    }
}

#[test]
fn a_kache_that_moved_unwires_cargo() {
    let machine = Machine::with_program(Path::new(env!("CARGO_BIN_EXE_kache")));
    machine.write(".cargo/config.toml", "# mine\n[build]\njobs = 2\n");
    machine.write(".profile", "");
    let before = machine.look();
    for name in ["a", "b"] {
        machine.run("sh", &["--bin-dir", &bin(&machine, name)]).with(0, "verified that cargo calls");
    }
    machine.run("sh", &["--uninstall", "--purge"]).with(0, "kache is removed");
    assert_eq!(machine.look(), before);
}
