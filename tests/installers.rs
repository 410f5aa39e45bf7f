//! `installers/install.sh`, run for real in homes of its own, from a release that is packed as releases are.
//!
//! Most releases hold a script that poses as kache, so that a run takes a fraction of a second; one holds kache itself.

#![allow(clippy::print_stderr, reason = "what cannot be tried here says so")]
#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "it installs from outside, as a person does")]

#[path = "installers/leaving.rs"]
mod leaving;
#[path = "installers/machine.rs"]
mod machine;
#[path = "installers/shells.rs"]
mod shells;
#[path = "common/skip.rs"]
mod skip;
#[cfg(target_os = "linux")]
#[path = "common/stamped.rs"]
mod stamped;
#[path = "installers/tools.rs"]
mod tools;
#[path = "installers/trust.rs"]
mod trust;
#[cfg(target_os = "linux")]
#[path = "installers/upgrade.rs"]
mod upgrade;

use std::fs;
use std::path::Path;

use machine::{Machine, SCRIPT, find, have, shells};
use skip::skip;

const POSES: &str = "case $1 in --version) echo 'kache 0.1.0';; *) echo \"called: $*\";; esac";
const NEWER: &str = "case $1 in --version) echo 'kache 0.2.0';; *) echo \"called: $*\";; esac";

/// Fresh, again, an upgrade, and gone without a trace.
fn comes_and_goes(shell: &str) {
    let machine = Machine::with_release(POSES);
    machine.write(".profile", "a=1\n");
    machine.write(".bashrc", "no line break at the end");
    machine.write(".config/fish/config.fish", "# mine\n");
    let before = machine.look();
    machine.run(shell, &[]).with(0, "called: init -y");
    let after = machine.look();
    assert!(after.contains(".local/bin/kache") && after.contains("man1/kache.1"), "{after}");
    let receipt = machine.read(".local/share/kache/receipt.json");
    assert!(receipt.contains("\"version\": \"0.1.0\"") && receipt.contains("\"method\": \"installer\""));
    machine.finds_kache(shell);
    machine.run(shell, &[]).with(0, "is installed");
    assert_eq!(machine.look(), after, "nothing is done a second time");

    machine.release(NEWER);
    machine.run(shell, &["--no-init"]).with(0, "kache 0.2.0 is installed");
    assert!(machine.read(".local/bin/kache.prev").contains("0.1.0"), "the previous one is kept");
    machine.run(shell, &["--uninstall", "--dry-run"]).with(0, "Nothing was changed");
    machine.run(shell, &["--uninstall"]).with(0, "called: uninstall -y");
    assert_eq!(machine.look(), before, "uninstall with {shell}");
    machine.run(shell, &["--uninstall"]).with(0, "Nothing to do");
}

#[test]
fn every_shell_installs_upgrades_and_uninstalls_without_a_trace() {
    for shell in shells() {
        comes_and_goes(shell);
    }
}

#[test]
fn kache_itself_is_installed_has_cargo_call_it_and_goes_again() {
    let machine = Machine::with_program(Path::new(env!("CARGO_BIN_EXE_kache")));
    machine.write(".cargo/config.toml", "# mine\n[build]\njobs = 2\n");
    machine.write(".profile", "");
    let before = machine.look();
    machine.run("sh", &[]).with(0, "verified that cargo calls");
    assert!(machine.read(".cargo/config.toml").contains("rustc-wrapper"));
    let said = machine.run("sh", &["--uninstall", "--purge"]).with(0, "kache is removed");
    assert!(said.contains("Done: cargo no longer uses kache."), "{said}");
    assert!(!said.contains("still"), "the program goes, too: {said}");
    assert_eq!(machine.look(), before);
}

#[test]
fn uninstall_without_the_program_has_the_one_before_it_unwire_cargo_or_says_what_still_names_it() {
    let machine = Machine::with_program(Path::new(env!("CARGO_BIN_EXE_kache")));
    machine.write(".cargo/config.toml", "# mine\n[build]\njobs = 2\n");
    machine.write(".profile", "");
    let before = machine.look();
    machine.run("sh", &[]).with(0, "verified that cargo calls");
    let wired = machine.read(".cargo/config.toml");
    let program = machine.path(".local/bin/kache");
    fs::rename(&program, machine.path(".local/bin/kache.prev")).unwrap();
    machine.run("sh", &["--uninstall", "--purge"]).with(0, "kache is removed");
    fs::remove_file(machine.path(".local/bin/kache.prev")).unwrap();
    fs::remove_dir(machine.path(".local/bin")).unwrap();
    fs::remove_dir(machine.path(".local")).unwrap();
    assert_eq!(machine.look(), before);

    machine.run("sh", &["--no-init"]).with(0, "is installed");
    machine.write(".cargo/config.toml", &wired);
    fs::remove_file(&program).unwrap();
    let broken = machine.look();
    let said = machine.run("sh", &["--uninstall"]).with(1, "so that nothing was removed");
    assert!(said.contains(&format!("config.toml says rustc-wrapper = \"{}\"", program.display())), "{said}");
    assert_eq!(machine.look(), broken);
    machine.write(".cargo/config.toml", "# mine\n[build]\njobs = 2\n# rustc-wrapper = \"kache\"\n");
    machine.run("sh", &["--uninstall"]).with(0, "kache is removed");
}

#[test]
fn a_dry_run_says_what_it_would_do_and_leaves_the_home_as_it_is() {
    let machine = Machine::with_release(POSES);
    machine.write(".profile", "a=1\n");
    let before = machine.look();
    machine.run("sh", &["--check"]).with(0, "Nothing was changed");
    let said = machine.run("sh", &["--dry-run"]).with(0, "Nothing was changed");
    for expected in ["would download: ", ".local/bin/kache", ".profile", "receipt.json", "kache init"] {
        assert!(said.contains(expected), "{expected} is not in:\n{said}");
    }
    assert_eq!(machine.look(), before);
}

#[test]
fn an_archive_that_was_changed_is_not_installed() {
    let machine = Machine::with_release(POSES);
    let before = machine.look();
    fs::write(machine.archive(), "not what was released").unwrap();
    machine.run("sh", &[]).with(1, "is not what was released");
    assert_eq!(machine.look(), before);
    let archive = machine.archive().display().to_string();
    machine.run("sh", &["--archive", &archive]).with(1, "is not what was released");
    fs::remove_file(format!("{archive}.sha256")).unwrap();
    machine.run("sh", &[]).with(1, "there is no checksum");
    assert_eq!(machine.look(), before);
}

#[test]
fn an_archive_on_the_machine_is_installed_without_a_network() {
    let machine = Machine::with_release(POSES);
    let archive = machine.archive().display().to_string();
    machine.run("sh", &["--archive", &archive, "--no-init"]).with(0, "kache 0.1.0 is installed");
}

#[test]
fn a_release_that_is_signed_by_another_key_is_not_installed() {
    let machine = Machine::with_release(POSES);
    machine.run("sh", &["--require-signature"]).with(1, "no key is known");
    if !have("minisign") {
        skip("minisign", "signatures are not tried: there is no minisign");
        return;
    }
    let (key, other) = (machine.key("one"), machine.key("other"));
    let before = machine.look();
    machine.run("sh", &["--public-key", &key]).with(1, "there is no signature");
    machine.sign("other", "kache release format=1 version=0.1.0");
    machine.run("sh", &["--public-key", &key]).with(1, "is not from the key");
    assert_eq!(machine.look(), before);
    machine.run("sh", &["--public-key", &other, "--require-signature"]).with(0, "is installed");
    machine.without("minisign");
    machine.run("sh", &["--public-key", &key]).with(0, "only the checksum of kache-");
    machine.run("sh", &["--public-key", &key, "--require-signature"]).with(1, "neither minisign nor rsign");
}

/// Of the script's first `n_bytes` bytes nothing is run.
fn does_nothing_cut_off_at(machine: &Machine, shell: &str, n_bytes: usize) {
    let before = machine.look();
    let whole = fs::read(SCRIPT).expect("the script is there");
    let cut = machine.script(&whole[..n_bytes]);
    let said = machine.run_script(shell, &cut, &[]).without_code(0, n_bytes);
    assert_eq!(machine.look(), before, "{shell}, {n_bytes} bytes: {said}");
}

#[test]
fn a_script_that_was_cut_short_at_any_kib_does_nothing() {
    let machine = Machine::with_release(POSES);
    let n_bytes = fs::read(SCRIPT).unwrap().len();
    for n_bytes in (1..=n_bytes / 1024).map(|n_kib| n_kib * 1024).chain(n_bytes - 20..n_bytes - 1) {
        does_nothing_cut_off_at(&machine, "sh", n_bytes);
    }
}

#[test]
#[ignore = "stress: every shell with every length of the script's end, and every KiB"]
fn a_script_that_was_cut_short_does_nothing_in_any_shell() {
    let machine = Machine::with_release(POSES);
    let whole = fs::read(SCRIPT).unwrap().len();
    for shell in shells() {
        for n_bytes in (1..=whole / 256).map(|n| n * 256).chain(whole - 200..whole - 1) {
            does_nothing_cut_off_at(&machine, shell, n_bytes);
        }
    }
}

#[test]
fn wget_does_where_curl_is_missing_and_without_both_it_says_so() {
    let machine = Machine::with_release(POSES);
    let url = machine.serve();
    for missing in ["", "curl", "wget"] {
        machine.without(missing);
        let ended = machine.run("sh", &["--base-url", &url, "--no-init"]);
        match missing {
            "wget" => ended.with(1, "neither curl nor wget"),
            _ if !have("curl") && !have("wget") => {
                skip("curl", "downloads are not tried: there is neither curl nor wget");
                return;
            }
            "curl" if !have("wget") => {
                skip("wget", "wget is not tried: it is not here");
                continue;
            }
            _ => ended.with(0, "is installed"),
        };
        let _ = machine.run("sh", &["--uninstall"]);
    }
}

#[test]
fn the_receipt_says_where_all_releases_are() {
    let machine = Machine::with_release(POSES);
    for below in ["latest/download", "download/v0.1.0"] {
        let url = machine.release_below(below);
        machine.run("sh", &["--base-url", &format!("{url}/{below}"), "--no-init"]).with(0, "is installed");
        let receipt = machine.read(".local/share/kache/receipt.json");
        assert!(receipt.contains(&format!("\"base_url\": \"{url}\"")), "{receipt}");
    }
}

#[test]
fn only_https_and_this_machine_are_downloaded_from() {
    let machine = Machine::with_release(POSES);
    machine.run("sh", &["--base-url", "http://elsewhere/x"]).with(1, "neither https:// nor file://");
    machine.run("sh", &["--base-url", ""]).with(1, "needs a value");
}

#[test]
fn a_clone_does_not_know_where_releases_are() {
    let machine = Machine::with_release(POSES);
    machine.unset("KACHE_INSTALL_BASE_URL");
    machine.run("sh", &[]).with(1, "--from-source");
}

#[test]
fn files_of_shells_that_are_read_only_stay_and_the_line_is_said() {
    let machine = Machine::with_release(POSES);
    machine.write(".bashrc", "mine\n");
    machine.mode(".bashrc", 0o444);
    let said = machine.run("sh", &[]).with(0, "is read-only");
    assert!(said.contains(".local/share/kache/env"), "{said}");
    assert_eq!(machine.read(".bashrc"), "mine\n");
}

#[test]
fn what_was_written_to_a_shells_file_meanwhile_stays() {
    let machine = Machine::with_release(POSES);
    machine.write("dotfiles/bashrc", "one\\two.*[x]$");
    std::os::unix::fs::symlink("dotfiles/bashrc", machine.path(".bashrc")).unwrap();
    machine.run("sh", &["--no-init"]).with(0, "is installed");
    let more = format!("{}more\n", machine.read(".bashrc"));
    machine.write("dotfiles/bashrc", &more);
    machine.run("sh", &["--uninstall"]).with(0, "kache is removed");
    assert_eq!(machine.read("dotfiles/bashrc"), "one\\two.*[x]$\nmore\n");
    assert!(fs::symlink_metadata(machine.path(".bashrc")).unwrap().is_symlink());
}

#[test]
fn a_kache_of_another_installation_is_left_alone_unless_asked_and_put_back() {
    let machine = Machine::with_release(POSES);
    machine.write(".local/bin/kache", "#!/bin/sh\necho another\n");
    machine.mode(".local/bin/kache", 0o755);
    let before = machine.look();
    machine.run("sh", &[]).with(1, "did not install");
    assert_eq!(machine.look(), before);
    machine.run("sh", &["--force"]).with(0, "is installed");
    machine.release(NEWER);
    machine.run("sh", &[]).with(0, "kache 0.2.0 is installed");
    machine.run("sh", &["--uninstall"]).with(0, "kache is removed");
    assert_eq!(machine.look(), before);
}

#[test]
fn a_program_that_does_not_run_changes_nothing() {
    let machine = Machine::with_release("exit 1");
    let before = machine.look();
    machine.run("sh", &[]).with(1, "does not run here");
    assert_eq!(machine.look(), before);
    for release in [POSES, NEWER] {
        machine.release(release);
        machine.run("sh", &[]).with(0, "is installed");
    }
    let before = machine.look();
    // It runs where it is tried, and not where it belongs.
    machine.release("case $0 in */kache) exit 1;; esac");
    machine.run("sh", &[]).with(1, "what was there before is there again");
    assert_eq!(machine.look(), before);
}

#[test]
fn an_upgrade_that_fails_or_is_stopped_at_a_rename_leaves_both_kaches_as_they_were() {
    let machine = Machine::with_release(POSES);
    machine.run("sh", &[]).with(0, "is installed");
    machine.release(NEWER);
    machine.run("sh", &[]).with(0, "is installed");
    machine.release(&NEWER.replace("0.2.0", "0.3.0"));
    let before = machine.look();
    let mv = find("mv").expect("there is mv").display().to_string();
    for (what, instead, code) in [
        ("/.kache.new.*", "exit 1", 1),
        ("/.kache.new.*", "kill -TERM $PPID", 143),
        ("/kache.prev", "exit 1", 1),
    ] {
        machine.tool("mv", &format!("case \"$*\" in *{what}*) {instead};; esac; exec {mv} \"$@\""));
        machine.run("sh", &["--no-init"]).with(code, "");
        assert_eq!(machine.look(), before, "{instead} at {what}");
    }
    // All is done but for that: it is not stopped any more.
    machine.tool("mv", &format!("case \"$*\" in *kache.prev*) kill -TERM $PPID;; esac; exec {mv} \"$@\""));
    machine.run("sh", &["--no-init"]).with(0, "kache 0.3.0 is installed");
    assert!(machine.read(".local/bin/kache.prev").contains("0.2.0"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_directory_for_temporary_files_that_runs_nothing_is_enough() {
    let machine = Machine::with_program(Path::new(env!("CARGO_BIN_EXE_kache")));
    machine.write(".cargo/config.toml", "[build]\njobs = 2\n");
    machine.write(".profile", "");
    let before = machine.look();
    let temporary = machine.root().join("tmp");
    let Some(ended) = machine.run_with_noexec(&temporary, "sh", &[]) else { return };
    ended.with(0, "verified that cargo calls");
    let Some(ended) = machine.run_with_noexec(&temporary, "sh", &["--uninstall", "--purge"]) else { return };
    ended.with(0, "kache is removed");
    assert_eq!(machine.look(), before);
}

#[test]
#[cfg(target_os = "linux")]
fn where_no_program_runs_another_directory_is_asked_for() {
    let machine = Machine::with_release(POSES);
    fs::create_dir_all(machine.path(".local/bin")).unwrap();
    let before = machine.look();
    let Some(ended) = machine.run_with_noexec(&machine.path(".local/bin"), "sh", &[]) else { return };
    let said = ended.with(1, "mounted with noexec");
    assert!(said.contains("hint: nothing was installed; say another directory: --bin-dir DIR"), "{said}");
    assert_eq!(machine.look(), before);
    let bin = machine.path("bin").display().to_string();
    let args = ["--bin-dir", bin.as_str(), "--no-init"];
    let Some(ended) = machine.run_with_noexec(&machine.path(".local/bin"), "sh", &args) else { return };
    ended.with(0, "kache 0.1.0 is installed");
}

#[test]
fn in_ci_the_next_steps_find_it_and_no_shell_is_changed() {
    let machine = Machine::with_release(POSES);
    machine.write(".profile", "a=1\n");
    machine.set("GITHUB_PATH", &machine.path("paths").display().to_string());
    machine.run("sh", &["--no-init"]).with(0, "is installed");
    assert_eq!(machine.read("paths"), format!("{}\n", machine.path(".local/bin").display()));
    assert_eq!(machine.read(".profile"), "a=1\n");
}

#[test]
fn machines_without_a_release_are_told_so() {
    let machine = Machine::with_release(POSES);
    for (system, processor, width, expected) in [
        ("Linux", "riscv64", "64", "no release for the processor riscv64"),
        ("FreeBSD", "amd64", "64", "no release for FreeBSD"),
        ("Linux", "x86_64", "32", "the programs here have 32"),
        ("MINGW64_NT-10.0", "x86_64", "64", "install.ps1"),
    ] {
        machine.tool("uname", &format!("case $1 in -m) echo {processor};; *) echo {system};; esac"));
        machine.tool("getconf", &format!("echo {width}"));
        machine.run("sh", &[]).with(1, expected);
    }
    machine.tool("uname", "case $1 in -m) echo arm64;; *) echo Darwin;; esac");
    machine.run("sh", &["--dry-run"]).with(0, "kache-aarch64-apple-darwin.tar.gz");
}

#[test]
fn a_clone_is_built_with_cargo() {
    let machine = Machine::with_release(POSES);
    let log = machine.path("built");
    machine.tool(
        "cargo",
        &format!(
            "echo \"$PWD $* [$RUSTC_WRAPPER]\" > '{}'; while [ $# -gt 1 ]; do shift; done; mkdir -p \"$1/bin\"\n\
             printf '#!/bin/sh\\n%s\\n' \"case \\$1 in --version) echo kache 0.1.0;; esac\" > \"$1/bin/kache\"\n\
             chmod +x \"$1/bin/kache\"",
            log.display()
        ),
    );
    let said = machine.run("sh", &["--from-source", "--no-init"]).with(0, "kache 0.1.0 is installed");
    assert!(said.contains("Building kache in "), "{said}");
    let called = fs::read_to_string(log).unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    assert!(called.starts_with(&format!("{root} install --path . --locked")), "{called}");
    assert!(called.trim_end().ends_with("[]"), "no wrapper has a part in it: {called}");
    assert!(machine.read(".local/share/kache/receipt.json").contains("\"method\": \"source\""));
    machine.run("sh", &["--from-source", "/", "--no-init"]).with(1, "no sources of kache");
}

#[test]
fn without_a_home_or_with_a_wrong_argument_nothing_is_done() {
    let machine = Machine::with_release(POSES);
    machine.run("sh", &["--frob"]).with(2, "--frob is not understood");
    machine.unset("HOME");
    machine.run("sh", &[]).with(1, "HOME is not set");
}

/// Nothing is downloaded or changed where it could not be put, in a dry run as in a real one.
#[test]
fn a_home_that_cannot_take_it_is_told_of_before_anything_is_done() {
    let machine = Machine::with_release(POSES);
    let home = machine.path("").display().to_string();
    let refused = |expected: &str| {
        let before = machine.look();
        for args in [&["--dry-run"][..], &[]] {
            let said = machine.run("sh", args).with(1, expected);
            assert!(
                !said.contains("https://") && !said.contains("file://") && said.contains("hint: "),
                "{said}"
            );
        }
        assert_eq!(machine.look(), before, "{expected}");
    };
    machine.set("HOME", &format!("{home}absent"));
    refused("absent, which is not a directory");
    machine.set("HOME", home.trim_end_matches('/'));
    machine.write(".local", "");
    refused("/.local is not a directory");
    fs::remove_file(machine.path(".local")).unwrap();
    machine.write(".local/bin", "");
    refused("kache cannot be put into");
    fs::remove_file(machine.path(".local/bin")).unwrap();
    machine.write(".local/share/kache", "");
    refused("what is installed cannot be noted in");
    fs::remove_file(machine.path(".local/share/kache")).unwrap();
    machine.write(".local/bin/kache/x", "");
    refused("kache is a directory");
    fs::remove_dir_all(machine.path(".local/bin/kache")).unwrap();
    machine.mode(".local/bin", 0o555);
    if fs::write(machine.path(".local/bin/x"), "").is_err() {
        refused("cannot be written to by");
    } else {
        skip("no-root", "a directory that cannot be written to is not tried: this is root");
        fs::remove_file(machine.path(".local/bin/x")).unwrap();
    }
    machine.mode(".local/bin", 0o755);
    machine.write(".local/share/man", "");
    let said = machine.run("sh", &[]).with(0, "there are no manual pages: ");
    assert!(said.contains("kache 0.1.0 is installed"), "{said}");
}

#[test]
fn shellcheck_finds_nothing() {
    if !have("shellcheck") {
        skip("shellcheck", "the scripts are not checked: there is no shellcheck");
        return;
    }
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging");
    let mut command = std::process::Command::new("shellcheck");
    command.args(["-s", "sh", SCRIPT]);
    command.args(["archive.sh", "deb.sh", "rpm.sh"].map(|name| packaging.join(name)));
    let output = command.output().expect("shellcheck runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
