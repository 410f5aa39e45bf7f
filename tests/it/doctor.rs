//! `kache doctor` in homes of their own, with real cargo.
#![allow(clippy::unwrap_used, reason = "a scenario ends where it cannot go on")]

use std::cell::Cell;
use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;
use std::time::Duration;

use kache::client::DaemonAddress;
use kache::daemon::run;
use kache::protocol::build::Build;
use rustix::process::{Pid, Signal, kill_process};

use crate::home::Home;

const LIMIT: Duration = Duration::from_secs(20);

/// A home in which nothing of the machine's other configuration shows.
fn home() -> Home {
    let mut home = Home::new();
    home.package("project");
    home.within("project");
    home
}

#[test]
fn what_is_broken_is_found_put_right_and_taken_back_with_uninstall() {
    let home = home();
    home.write(".zshrc", "export SCCACHE_LOG=debug\nexport RUSTC_WRAPPER=sccache # mine\n");
    // One that is not there would not be put back by uninstall: no cargo command would work.
    home.wrapper(".cargo/bin/sccache");
    let sccache = home.path(".cargo/bin/sccache").display().to_string();
    home.write(".cargo/config.toml", format!("[build]\nrustc-wrapper = \"{sccache}\" # fast\n"));
    let before = home.look();
    home.run(&["doctor"]).with(1, "sccache is configured in 3 places").with(1, "fix: `kache doctor --fix`");
    assert_eq!(home.look(), before, "looking changes nothing");
    home.run(&["doctor", "--fix"]).with(2, "cannot ask for confirmation without a terminal");
    assert_eq!(home.look(), before, "nobody agreed");
    for flag in ["--check", "--dry-run"] {
        let plan = home.run(&["doctor", "--fix", flag]);
        plan.with(2, "-export RUSTC_WRAPPER=sccache # mine").with(2, "+rustc-wrapper = ");
    }
    home.run(&["doctor", "--fix", "--check", "--json"]).with(2, "\"is_fixable\": true");
    home.run(&["doctor", "--fix", "--check", "-y"]).with(2, "+rustc-wrapper = ");
    assert_eq!(home.look(), before, "it was only shown");
    home.run(&["doctor", "--fix", "-y", "-v"]).with(0, "cargo calls kache (tested)");
    assert!(home.read(".zshrc").ends_with("\n: # kache: was export RUSTC_WRAPPER=sccache # mine\n"));
    home.cargo_works();
    std::fs::remove_dir_all(home.path("works")).unwrap();
    std::fs::remove_dir_all(home.path(".cache")).unwrap();
    let _ = std::fs::remove_file(home.path(".cargo/.package-cache-mutate"));
    let after = home.look();
    home.run(&["doctor", "--fix", "-y"]).with(0, "No problems found");
    assert_eq!(home.look(), after, "there is nothing to do a second time");
    home.run(&["doctor"]).with(0, "No problems found");
    home.run(&["doctor", "--fix", "--check"]).with(0, "No problems found");
    home.run(&["uninstall", "-y"]).with(0, "Done");
    assert_eq!(home.look(), before, "uninstall");
}

#[test]
fn a_store_is_verified_and_its_index_made_again() {
    let home = home();
    home.run(&["init", "-y"]).with(0, "Done");
    home.cargo_works();
    home.run(&["doctor", "--verify"]).with(0, "The store is intact");
    let report = home.run(&["doctor", "--verify", "--json"]);
    report.with(0, "\"is_sound\": true").with(0, "\"format\": 1");
    let mut dirs = vec![home.path(".cache/kache/store/v2/blobs")];
    let mut blobs = Vec::new();
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { dirs.push(path) } else { blobs.push(path) }
        }
    }
    std::fs::write(&blobs[0], "altered").unwrap();
    home.run(&["doctor", "--verify"]).with(1, "blobs were altered, and are quarantined");
    assert!(!blobs[0].exists());
    home.run(&["doctor", "--verify"]).with(0, "lack a blob, and are compiled again");
    home.write(".cache/kache/index.db", "no database");
    home.run(&["doctor"]).with(1, "is damaged");
    home.run(&["doctor", "--rebuild-index"]).with(0, "index rebuilt with");
    home.run(&["doctor"]).with(0, "No problems found");
}

#[test]
fn programs_get_one_object_and_a_cache_of_sccache_goes_when_it_is_asked_for() {
    let home = home();
    home.run(&["init", "-y"]).with(0, "Done");
    home.write(".cache/sccache/a/b/abc", "object");
    home.run(&["doctor", "-v"]).with(0, "only its cache remains");
    let report = home.run(&["doctor", "--json"]);
    report.with(0, "\"format\": 1").with(0, "\"is_well\": true").with(0, "\"id\": \"cargo-calls\"");
    home.run(&["doctor", "--purge-sccache"]).with(2, "--fix");
    home.run(&["doctor", "--fix", "--json"]).with(2, "-y");
    home.run(&["doctor", "--fix", "--purge-sccache", "-y", "--verbose"]).with(0, "sccache is not configured");
    assert!(!home.path(".cache/sccache").exists());
    home.write(".cache/sccache/thesis.txt", "years of work");
    home.run(&["doctor", "--fix", "--purge-sccache", "-y"]).with(0, "which is not sccache's");
    assert!(home.path(".cache/sccache/thesis.txt").exists());
}

/// A home with kache wired up, and a daemon that was started by hand. It ends with the test.
struct WithDaemon {
    home: Home,
    pid: Cell<Option<Pid>>,
}

impl WithDaemon {
    fn new() -> WithDaemon {
        let mut home = home();
        home.dir("run");
        home.mode("run", 0o700);
        let run = home.path("run").display().to_string();
        home.set("XDG_RUNTIME_DIR", &run);
        home.run(&["init", "-y", "--no-service"]).with(0, "Done");
        let daemon = WithDaemon { home, pid: Cell::new(None) };
        daemon.start();
        daemon
    }

    fn start(&self) {
        self.home.run(&["daemon", "start"]).with(0, "Started");
        let status = kache::daemon::start::status(&self.place(), &Build::current()).unwrap();
        self.pid.set(Pid::from_raw(status.pid as i32));
    }

    fn place(&self) -> DaemonAddress {
        DaemonAddress::for_build(&self.home.env(), &Build::current()).unwrap()
    }

    fn socket(&self) -> PathBuf {
        self.place().endpoint.path
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid.get().unwrap(), signal).unwrap();
    }
}

impl Drop for WithDaemon {
    fn drop(&mut self) {
        // It may stand still.
        if run::is_running(&self.place()) {
            self.signal(Signal::KILL);
            kache::daemon::start::wait_for_end(&self.place(), LIMIT);
        }
    }
}

fn is_socket(path: &std::path::Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}

#[test]
fn a_daemon_that_was_killed_leaves_a_socket_that_is_found_and_removed_once() {
    let daemon = WithDaemon::new();
    let home = &daemon.home;
    home.run(&["doctor", "-v"]).with(0, "No problems found").with(0, ", up for");
    daemon.signal(Signal::KILL);
    assert!(kache::daemon::start::wait_for_end(&daemon.place(), LIMIT));
    assert!(is_socket(&daemon.socket()));
    let before = home.look();
    let said = home.run(&["doctor"]);
    said.with(1, "the last daemon was killed or crashed and left its socket");
    said.with(1, "fix: `kache doctor --fix`").with(1, "1 problem found");
    assert_eq!(home.look(), before, "looking changes nothing");
    home.run(&["doctor", "--fix", "-y"])
        .with(0, "Remove the socket that an earlier daemon left")
        .with(0, "No problems found");
    assert!(!is_socket(&daemon.socket()));
    home.run(&["doctor", "-v"]).with(0, "No problems found").with(0, "not running, as expected");
    let after = home.look();
    let again = home.run(&["doctor", "--fix", "-y"]);
    assert!(!again.with(0, "No problems found").out.contains("Remove the socket"), "{}", again.out);
    assert_eq!(home.look(), after, "there is nothing to do a second time");
    daemon.start();
    home.run(&["doctor"]).with(0, "No problems found");
}

#[test]
#[cfg(target_os = "linux")]
fn a_daemon_that_stands_still_is_found_and_ended() {
    let daemon = WithDaemon::new();
    let home = &daemon.home;
    daemon.signal(Signal::STOP);
    let said = home.run(&["doctor"]);
    said.with(1, "the daemon does not answer").with(1, "fix: `kache doctor --fix`");
    assert!(run::is_running(&daemon.place()));
    let fixed = home.run(&["doctor", "--fix", "-y"]);
    fixed.with(0, "an unreachable daemon").with(0, "No problems found");
    assert!(!run::is_running(&daemon.place()));
    daemon.start();
    home.run(&["doctor"]).with(0, "No problems found");
}

#[test]
fn a_report_has_nothing_of_its_user_in_it() {
    let home = home();
    home.run(&["init", "-y", "--no-service"]).with(0, "Done");
    let report = home.run(&["doctor", "--report"]);
    report.with(0, "```text\nprogram\n").with(0, "~/.cargo/bin/kache");
    assert!(!report.out.contains(home.root().to_str().unwrap()), "{}", report.out);
    home.run(&["doctor", "--online", "-v"]).with(0, "the release server is unknown");
}

/// As where an `.envrc` sets it for some builds only.
#[test]
fn a_variable_that_has_cargo_call_kache_is_proof_enough() {
    let mut home = home();
    let kache = home.kache().display().to_string();
    home.set("RUSTC_WRAPPER", &kache);
    home.run(&["doctor", "-v"]).with(0, "cargo calls kache (tested)");
}
