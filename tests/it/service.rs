//! The daemon as a service of a real systemd user manager.
//!
//! What a manager reads is in the home of its user, so this test changes that home: it is for a user made for it, and does
//! nothing unless `KACHE_TEST_SERVICE` is set.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a scenario ends where it cannot go on")]

use std::path::PathBuf;
use std::process::Command;

fn output(program: &str, args: &[&str]) -> Option<(bool, String)> {
    let output = Command::new(program).args(args).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).trim().to_owned()))
}

#[track_caller]
fn kache(args: &[&str]) -> String {
    let (is_fine, said) = output(env!("CARGO_BIN_EXE_kache"), args).unwrap();
    assert!(is_fine, "kache {args:?}: {said}");
    said
}

#[track_caller]
fn daemon(args: &[&str]) -> String {
    kache(&[&["daemon"], args].concat())
}

fn property(unit: &str, name: &str) -> String {
    output("systemctl", &["--user", "show", unit, "--value", "--property", name]).unwrap().1
}

#[test]
#[ignore = "stress: installs a service for the user who runs it, so it wants KACHE_TEST_SERVICE=1 and a user made for it"]
fn installed_it_is_active_comes_back_after_a_kill_and_leaves_nothing() {
    if std::env::var_os("KACHE_TEST_SERVICE").is_none() {
        crate::skip::skip(
            "systemd",
            "without KACHE_TEST_SERVICE=1, nothing is installed for the user who runs this",
        );
        return;
    }
    match output("systemctl", &["--user", "show-environment"]) {
        Some((true, _)) => {}
        other => {
            crate::skip::skip("systemd", &format!("there is no systemd user manager: {other:?}"));
            return;
        }
    }
    let name = if kache::protocol::build::Build::current().is_dev { "kache-dev" } else { "kache" };
    let (service, socket) = (format!("{name}.service"), format!("{name}.socket"));
    let home = PathBuf::from(std::env::var_os("HOME").unwrap());
    let units = [&service, &socket].map(|name| home.join(".config/systemd/user").join(name));
    assert!(!units[0].exists(), "it is installed for this user already");

    let config = home.join(".cargo/config.toml");
    let before = std::fs::read(&config).ok();
    let shown = daemon(&["install", "--dry-run"]);
    assert!(shown.contains("ListenStream=%t/kache/") && !units[0].exists(), "{shown}");
    assert!(kache(&["init", "-y"]).contains("systemd starts it at every login"));
    assert_eq!(
        (property(&service, "ActiveState"), property(&socket, "ActiveState")),
        ("active".into(), "active".into())
    );
    assert_eq!(property(&service, "UnitFileState"), "enabled");
    let paths = units.each_ref().map(|path| path.to_str().unwrap());
    let verified = output("systemd-analyze", &["--user", "verify", paths[0], paths[1]]).unwrap();
    assert_eq!(verified, (true, String::new()));
    assert!(daemon(&["install"]).contains("Nothing to do"));
    assert!(kache(&["init", "-y"]).contains("Nothing to do"));

    // Killed, and stopped behind its back: the next client waits until it is there again.
    let pid = property(&service, "MainPID");
    output("kill", &["-9", &pid]).unwrap();
    assert!(daemon(&[]).contains("systemd"));
    assert_ne!(property(&service, "MainPID"), pid);
    output("systemctl", &["--user", "stop", &service]).unwrap();
    assert!(daemon(&[]).contains("systemd"), "started by its socket");

    let pid = property(&service, "MainPID");
    daemon(&["restart"]);
    assert_eq!(property(&service, "MainPID"), pid, "a hand-over is no restart to systemd");
    daemon(&["stop"]);
    assert_eq!(
        (property(&service, "ActiveState"), property(&socket, "ActiveState")),
        ("inactive".into(), "inactive".into())
    );
    daemon(&["start"]);
    assert_eq!(property(&service, "ActiveState"), "active");

    daemon(&["uninstall"]);
    assert_eq!(property(&service, "LoadState"), "not-found");
    daemon(&["install"]);
    kache(&["uninstall", "-y"]);
    assert_eq!(property(&service, "LoadState"), "not-found");
    assert_eq!(std::fs::read(&config).ok(), before);
    assert!(units.iter().all(|path| !path.exists()));
    assert!(daemon(&["uninstall"]).contains("Nothing to do"));
    let runtime = PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR").unwrap()).join("kache");
    assert!(!runtime.exists(), "{}", runtime.display());
}
