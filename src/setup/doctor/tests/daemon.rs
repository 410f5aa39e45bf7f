//! The daemon, and who starts it.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::made::{Daemon, Made, status};
use crate::daemon::last_run::LastRun;
use crate::protocol::build::{Build, BuildId};
use crate::protocol::message::Status;
use crate::setup::service::detect;
use crate::sys::clock;

pub(super) const UP: &str =
    "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nMainPID=7\nNRestarts=0\n";
pub(super) const FAILED: &str =
    "LoadState=loaded\nActiveState=failed\nUnitFileState=enabled\nResult=start-limit-hit\n";

pub(super) fn name() -> &'static str {
    if Build::current().is_dev { "kache-dev" } else { "kache" }
}

/// A machine with systemd, in which the service is installed as it should be, and runs.
pub(super) fn with_systemd() -> Made {
    let mut made = Made::well();
    made.says().platform.has_user_manager = true;
    made.answers("systemctl --user show ", 0, UP);
    for end in ["socket", "service"] {
        made.write(&format!("home/.config/systemd/user/{}.{end}", name()), "another version\n");
    }
    assert!(made.fix(Some("service")));
    made.forget_ran();
    made.daemon_is(Status { supervisor: "systemd".to_owned(), ..status(7) });
    made
}

#[test]
fn a_unit_that_a_package_brought_is_nobodys_until_it_is_enabled() {
    let mut made = Made::well();
    made.says().platform.has_user_manager = true;
    let exe = made.path("home/.cargo/bin/kache");
    made.write(
        "usr/kache.service",
        &format!("ExecStart=\"{}\" daemon run --supervised=systemd\n", exe.display()),
    );
    let fragment = format!("FragmentPath={}\n", made.path("usr/kache.service").display());
    let off = "LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\n";
    made.answers("systemctl --user show ", 0, &(off.to_owned() + &fragment));
    made.says_of("service", &["ok service no login service is installed; `kache daemon install` adds one"]);
    made.is_ok("daemon");
    made.answers("systemctl --user show ", 0, &(UP.to_owned() + &fragment));
    made.says_of("service", &["ok service systemd starts the daemon as described in /usr/kache.service"]);
    made.daemon_is(Status { supervisor: "systemd".to_owned(), ..status(7) });
    made.is_ok("service-runs");
    assert!(!made.fix(None));
}

#[test]
fn a_system_service_is_shown_with_its_account() {
    let mut made = Made::well();
    made.is_ok("system-service");
    let unit = "[Service]\nUser=ci\nExecStart=\"/bin/kache\" daemon run --supervised=systemd\n";
    let path = format!("root/etc/systemd/system/{}.service", name());
    made.write(&path, unit);
    made.answers("systemctl show --property=ActiveState", 0, "active\n");
    let text = format!("ok system-service systemd runs the daemon of ci, as described in /{path}");
    made.says_of("system-service", &[&text]);
    made.says().platform.system_service = Some("/etc/systemd/system/kache.service".into());
    made.says().platform.has_user_manager = true;
    made.says_of(
        "service",
        &["ok service no login service can be installed: the system service in /etc/systemd/system/kache.service \
          runs the daemon of this user"],
    );
}

#[test]
fn without_a_service_no_daemon_is_missed_and_it_is_said_why() {
    let mut made = Made::well();
    let none = "ok daemon not running, as expected: no service starts it, and builds do not need it";
    made.says_of("daemon", &[none]);
    made.says_of(
        "service",
        &["ok service no login service can be installed: no known user service manager is running"],
    );
    made.says().platform.container = Some("/.dockerenv");
    made.says_of(
        "service",
        &["ok service no login service can be installed: this is a container (/.dockerenv), which has no user service \
          manager"],
    );
    made.says().platform.has_user_manager = true;
    made.answers("systemctl --user show ", 0, "LoadState=not-found\nActiveState=inactive\n");
    made.says_of("service", &["ok service no login service is installed; `kache daemon install` adds one"]);
    made.says_of("daemon", &[none]);
    for id in ["service-runs", "linger", "daemon-traces", "daemon-socket", "daemon-config"] {
        made.is_ok(id);
    }
    made.says().platform.has_user_manager = false;
    made.says().platform.ci = Some("CI");
    made.says_of(
        "service",
        &["ok service no login service can be installed: CI is set: a CI machine lives for one job only"],
    );
}

#[test]
fn a_unit_that_is_of_another_version_is_written_again() {
    let made = with_systemd();
    made.is_ok("service");
    made.is_ok("service-runs");
    let unit = format!("home/.config/systemd/user/{}.service", name());
    let right = made.read(&unit);
    made.write(&unit, &right.replace(".cargo/bin", "gone/bin"));
    made.says_of(
        "service",
        &[
            "PROBLEM service the login service is not as this kache installs it",
            &format!("/{unit}"),
            "hint: `kache daemon uninstall` removes it if you do not want it",
            "fix: `kache doctor --fix`",
        ],
    );
    assert!(made.said("service-runs").contains("see `service`"));
    made.is_fixed("service");
    assert_eq!(made.read(&unit), right);
    let restart = format!("systemctl --user restart {0}.socket {0}.service", name());
    assert_eq!(made.ran().last(), Some(&restart));

    std::fs::remove_file(made.path(&format!("home/.config/systemd/user/{}.socket", name()))).unwrap();
    made.is_fixed("service");
}

#[test]
fn a_service_that_is_not_started_at_login_is_enabled() {
    let mut made = with_systemd();
    let off = UP.replace("enabled", "disabled");
    made.answers("systemctl --user show ", 0, &off);
    made.answers_after("systemctl --user enable", "systemctl --user show ", 0, UP);
    assert!(made.said("service").contains("systemd does not start the daemon at login"));
    made.is_fixed("service");
    let masked = "LoadState=masked\nActiveState=inactive\nUnitFileState=masked\n";
    made.answers("systemctl --user show ", 0, masked);
    assert!(made.said("service").contains("the unit is masked"));
    assert!(!made.fix(Some("service")), "somebody meant that");
    made.answers("systemctl --user show ", 1, "Failed to connect to bus");
    assert!(made.said("service").contains("Failed to connect to bus"));
}

#[test]
fn a_service_that_failed_too_often_is_started_again() {
    let mut made = with_systemd();
    made.answers("systemctl --user show ", 0, FAILED);
    made.answers("journalctl", 0, "one\ntwo\ndaemon: no room\n");
    made.answers_after("systemctl --user start", "systemctl --user show ", 0, UP);
    made.daemon(Daemon::Absent);
    made.says_of(
        "service-runs",
        &[
            "PROBLEM service-runs systemd cannot keep it running: start-limit-hit",
            "one",
            "two",
            "daemon: no room",
            "hint: `kache daemon log` may say more",
            "fix: `kache doctor --fix`",
        ],
    );
    made.is_fixed("service-runs");
    let ran = made.ran();
    let last: Vec<&str> = ran.iter().rev().take(2).filter_map(|ran| ran.split(' ').nth(2)).collect();
    assert_eq!(last, ["start", "reset-failed"]);
    made.answers("systemctl --user show ", 0, &UP.replace("NRestarts=0", "NRestarts=9"));
    assert!(made.said("service-runs").starts_with("  note"), "{}", made.said("service-runs"));
}

#[test]
fn a_service_that_was_stopped_and_one_that_is_kept_from_its_socket_are_started() {
    let mut made = with_systemd();
    let stopped = UP.replace("=active", "=inactive");
    made.answers("systemctl --user show ", 0, &stopped);
    made.answers_after("systemctl --user start", "systemctl --user show ", 0, UP);
    made.daemon_is(status(9));
    assert!(
        made.said("service-runs").contains("the running daemon (process 9) was not started by the service")
    );
    assert!(made.fix(Some("service-runs")), "the other one ends");
    assert!(made.said("service-runs").contains("it is stopped until the next login"));
    made.is_fixed("service-runs");
}

#[test]
fn an_agent_of_launchd_and_a_task_are_judged_by_what_their_managers_answered() {
    let mut made = Made::well();
    made.says().platform = detect::Platform { system: "macos".to_owned(), ..detect::Platform::default() };
    let label = format!("dev.kache.{}", name());
    let plist = format!("home/Library/LaunchAgents/{label}.plist");
    made.answers("launchctl print gui/", 0, "x = {\n\tstate = running\n\tpid = 7\n}\n");
    made.answers("launchctl print-disabled", 0, "");
    made.is_ok("service");
    made.write(&plist, "another version");
    assert!(made.said("service").contains(&plist));
    made.is_fixed("service");
    made.is_ok("service-runs");
    made.is_ok("linger");
    let crashed = "x = {\n\tstate = not running\n\tlast exit code = 78: EX_CONFIG\n}\n";
    made.answers("launchctl print gui/", 0, crashed);
    made.answers_after("launchctl kickstart", "launchctl print gui/", 0, "x = {\n\tstate = running\n}\n");
    assert!(
        made.said("service-runs").contains("launchd cannot keep it running: it ended with 78: EX_CONFIG")
    );
    made.is_fixed("service-runs");
    made.answers("launchctl print gui/", 125, "Domain does not support specified action");
    made.answers("launchctl print user/", 0, "x = {\n\tstate = running\n}\n");
    assert!(made.said("linger").contains("nobody is logged in at the screen"));

    let mut made = Made::well();
    made.says().platform = detect::Platform { system: "windows".to_owned(), ..detect::Platform::default() };
    made.answers("reg query", 1, "ERREUR");
    made.answers("schtasks /query", 1, "ERREUR : le fichier est introuvable.");
    made.is_ok("service");
    made.write(&format!("home/.local/share/kache/{}-task.xml", name()), "another version");
    let ready = r#""P","\kache\daemon","N/A","Bereit","x","y","267009","me""#;
    made.answers_after("schtasks /create", "schtasks /query", 0, ready);
    made.is_fixed("service");
    made.is_ok("service-runs");
    made.is_ok("daemon-socket");
    made.answers("schtasks /query", 0, &ready.replace("267009", "1"));
    made.answers_after("schtasks /run", "schtasks /query", 0, ready);
    made.is_ok("service-runs");
}

#[test]
fn a_daemon_that_ends_with_remote_sessions_is_told_of() {
    let mut made = with_systemd();
    made.is_ok("linger");
    made.answers("loginctl show-user ", 0, "no\n");
    made.is_ok("linger");
    made.set("SSH_CONNECTION", "1.2.3.4 5 6.7.8.9 22");
    made.says_of(
        "linger",
        &[
            "note linger this is a remote session, and the daemon stops with the last one",
            "hint: `loginctl enable-linger` keeps it running; builds do not need that",
        ],
    );
    made.answers("loginctl show-user ", 0, "yes\n");
    made.is_ok("linger");
}

#[test]
fn a_daemon_that_answers_is_described() {
    let made = Made::well();
    made.daemon_is(status(42));
    let said = format!("ok daemon process 42 runs {}, up for 1h", Build::current());
    made.says_of("daemon", &[&said]);
    made.is_ok("daemon-traces");
    made.is_ok("daemon-socket");
    made.daemon(Daemon::Answers(Box::new(status(42)), Duration::from_millis(51), Ok(())));
    assert!(made.said("daemon").contains("; it took 51 ms to answer"));
}

#[test]
fn a_daemon_of_another_build_hands_over_if_that_is_older_or_stands_at_its_path() {
    let made = Made::well();
    let other = Build { id: BuildId([9; 16]), ..Build::current() };
    let exe = made.path("home/.cargo/bin/kache");
    made.daemon_is(Status { build: other.clone(), exe: exe.clone(), ..status(42) });
    assert!(made.said("daemon").contains(&format!("; this is {}", Build::current())));
    made.is_fixed("daemon");

    let pending = Some("/home/.cargo/bin/kache: it does not run".to_owned());
    made.daemon_is(Status { upgrade_pending: pending, exe, ..status(42) });
    made.says_of(
        "daemon",
        &[
            "PROBLEM daemon an upgrade of the daemon (process 42) is pending",
            "/home/.cargo/bin/kache: it does not run",
            "hint: it is retried once that is fixed",
            "fix: `kache doctor --fix`",
        ],
    );
    made.is_fixed("daemon");

    // From elsewhere, and with no order between the two: a development build has none.
    made.daemon_is(Status { build: Build { is_dev: true, ..other }, ..status(42) });
    assert!(made.said("daemon").contains("from /elsewhere/kache"));
    assert!(!made.fix(Some("daemon")));

    made.daemon(Daemon::TooOld);
    assert!(made.said("daemon").contains("speaks version 0 of the protocol, which is too old"));
    made.is_fixed("daemon");
}

#[test]
fn a_daemon_that_does_not_answer_is_ended() {
    let made = Made::well();
    made.daemon(Daemon::Silent);
    assert!(made.said("daemon").contains("`kache daemon stop` may stop it"), "{}", made.said("daemon"));
    assert!(!made.fix(Some("daemon")), "nobody knows its process");
    made.process(77, made.place().lock.to_str().unwrap());
    assert!(made.said("daemon").contains("PROBLEM  daemon           the daemon does not answer"));
    assert!(made.said("daemon").contains("(process 77)"));
    made.is_ok("daemon-traces");
    made.is_fixed("daemon");
}

#[test]
fn on_other_systems_the_process_of_a_daemon_is_told_by_lsof() {
    let mut made = Made::well();
    made.says().platform.system = "macos".to_owned();
    made.answers("launchctl", 113, "");
    made.daemon(Daemon::Silent);
    assert!(!made.said("daemon").contains("(process 77)"));
    made.answers("lsof -t -- ", 0, "77\n");
    assert!(made.said("daemon").contains("(process 77)"));
}

#[test]
fn one_that_crashed_again_and_again_is_a_problem() {
    let made = Made::well();
    made.socket();
    let place = made.place();
    let crashes =
        LastRun { started_ms: clock::now_ms(), is_running: true, n_crashes: 11, ..LastRun::default() };
    crashes.write(&place.last_run);
    assert!(made.said("daemon").contains("the daemon crashed 12 times"), "{}", made.said("daemon"));
    assert!(made.fix(Some("daemon-traces")), "which is forgotten with its traces");
    made.is_ok("daemon");
}

#[test]
fn a_socket_that_is_left_is_removed_and_a_lock_that_can_be_had_is_not_stale() {
    let made = Made::well();
    let socket = made.socket();
    std::fs::write(made.place().lock, "").unwrap();
    made.says_of(
        "daemon-traces",
        &[
            &format!("note daemon-traces nothing listens on the socket /run/kache/{}", shown(&socket)),
            "hint: the next daemon replaces it; builds are not affected",
            "fix: `kache doctor --fix`",
        ],
    );
    let rows = crate::setup::doctor::show::rows(&made.examine("daemon-traces"));
    assert!(rows[0].is_fixable && rows[0].fix.is_empty());
    assert_eq!(rows[0].upkeep, ["Remove the socket that an earlier daemon left"]);
    made.is_fixed("daemon-traces");
    assert!(!socket.exists() && made.place().lock.exists());

    made.socket();
    LastRun { is_running: true, ..LastRun::default() }.write(&made.place().last_run);
    assert!(
        made.said("daemon-traces")
            .contains("PROBLEM  daemon-traces    the last daemon was killed or crashed")
    );
    made.is_fixed("daemon-traces");
}

fn shown(path: &std::path::Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn a_second_daemon_that_nobody_can_find_is_ended() {
    let made = Made::well();
    made.daemon_is(status(42));
    let lock = made.place().lock;
    made.process(42, lock.to_str().unwrap());
    made.is_ok("daemon-traces");
    made.process(43, &format!("{} (deleted)", lock.display()));
    // Somebody else's, and no daemon.
    made.process(44, "/elsewhere/daemon.lock");
    made.process(45, lock.to_str().unwrap());
    made.write("root/proc/45/cmdline", "/bin/kache\0daemon\0stop\0");
    made.says_of(
        "daemon-traces",
        &[
            "PROBLEM daemon-traces process 43 is an unreachable daemon: its lock file was removed",
            "fix: `kache doctor --fix`",
        ],
    );
    made.is_fixed("daemon-traces");
    assert!(made.path("root/proc/42").exists() && made.path("root/proc/44").exists());
}

#[test]
fn a_socket_that_others_can_reach_is_closed() {
    let made = Made::well();
    let socket = made.socket();
    made.is_ok("daemon-socket");
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&socket, 0o666);
    mode(socket.parent().unwrap(), 0o755);
    made.says_of(
        "daemon-socket",
        &[
            "PROBLEM daemon-socket other users can access the daemon's socket",
            "/run/kache has mode 755",
            &format!("/run/kache/{} has mode 666", shown(&socket)),
            "fix: `kache doctor --fix`",
        ],
    );
    made.is_fixed("daemon-socket");
    std::fs::remove_file(&socket).unwrap();
    std::fs::write(&socket, "").unwrap();
    assert!(made.said("daemon-socket").contains("is not a socket, so no daemon can listen"));
}

#[test]
fn a_socket_among_the_directories_of_others_is_told_of() {
    let mut made = Made::well();
    let long = format!("run/{}", "long".repeat(30));
    made.make_dir(&long);
    made.mode(&long, 0o700);
    let long = made.path(&long);
    made.set("XDG_RUNTIME_DIR", long.to_str().unwrap());
    let home = long.join("home");
    made.set("XDG_CACHE_HOME", home.to_str().unwrap());
    let said = made.said("daemon-socket");
    assert!(said.contains("the socket is in /tmp/kache-") && said.contains("set XDG_RUNTIME_DIR"), "{said}");
}

#[test]
fn a_daemon_with_other_settings_than_here_is_told_of() {
    let mut made = Made::well();
    made.is_ok("daemon-config");
    let fingerprint = made.place().config.fingerprint();
    made.daemon_is(Status { config_fingerprint: Some(fingerprint.clone()), ..status(42) });
    made.is_ok("daemon-config");
    made.set("KACHE_MAX_SIZE", "5GiB");
    made.says_of(
        "daemon-config",
        &[
            "note daemon-config some settings apply here but not to the daemon",
            "cache.local_max_size: `5 GiB` from KACHE_MAX_SIZE; the daemon has `50 GiB`",
            "hint: to apply them to the daemon, put them into the user's configuration file",
        ],
    );
    made.set("KACHE_MAX_SIZE", "");
    made.write("home/.config/kache/config.toml", "[cache]\nlocal_max_size = \"5GiB\"\n");
    let other = "settings differ from the configuration file";
    assert!(made.said("daemon-config").contains(other), "{}", made.said("daemon-config"));
    made.is_fixed("daemon-config");
    made.daemon_is(Status { config_problems: vec!["config.toml:1: no".to_owned()], ..status(42) });
    assert!(made.said("daemon-config").contains("config.toml:1: no"));
    made.is_fixed("daemon-config");
    made.write("home/.config/kache/config.toml", "[cache]\nlocal_max_sise = \"5GiB\"\n");
    assert!(made.fix(Some("daemon-config")));
    assert!(made.said("daemon-config").contains("configuration has errors"));
    assert!(!made.fix(Some("daemon-config")), "only a person can say which value is right");
    made.write("home/.config/kache/config.toml", "");
    // One from before daemons told.
    made.daemon_is(status(42));
    made.is_ok("daemon-config");
}
