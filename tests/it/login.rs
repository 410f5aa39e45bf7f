//! The login service in `kache init` and `kache uninstall`, with a stand-in for systemd's user manager: what it is told
//! to start it starts, from the unit that was written.
#![cfg(target_os = "linux")]

use crate::home::Home;

const SYSTEMCTL: &str = r#"#!/bin/sh
# The first argument is --user.
shift
units="$HOME/.config/systemd/user"
pid_file="$HOME/manager.pid"
from=$units unit=$(ls "$units" 2>/dev/null | grep 'service$')
# Those of packages come after those of the user.
[ -n "$unit" ] || { from="$HOME/packaged"; unit=$(ls "$from" 2>/dev/null | grep 'service$'); }
link="$units/default.target.wants/$unit"
is_up() {
    [ -f "$pid_file" ] && read -r _ _ state _ 2>/dev/null < "/proc/$(cat "$pid_file")/stat" && [ "$state" != Z ]
}
stop() { if is_up; then kill "$(cat "$pid_file")"; while is_up; do sleep 0.02; done; fi; rm -f "$pid_file"; }
echo "$*" >> "$HOME/called"
[ "$1" = "$(cat "$HOME/refuses" 2>/dev/null)" ] && { echo "Access denied" >&2; exit 1; }
case "$1" in
show)
    if [ -n "$unit" ]; then echo LoadState=loaded; echo "FragmentPath=$from/$unit"; else echo LoadState=not-found; fi
    if is_up; then echo ActiveState=active; echo UnitFileState=enabled; fi ;;
enable)
    [ -n "$unit" ] || { echo "Unit file does not exist." >&2; exit 1; }
    stop
    [ "$from" = "$units" ] || { mkdir -p "${link%/*}"; ln -sf "$from/$unit" "$link"; }
    sed -n 's/^ExecStart=/exec /p' "$from/$unit" > "$HOME/start.sh"
    sh -c 'echo $$ > "$0"; . "$HOME/start.sh"' "$pid_file" > /dev/null 2>&1 < /dev/null & ;;
disable)
    [ -n "$unit" ] || { echo "Unit file does not exist." >&2; exit 1; }
    stop
    [ "$from" = "$units" ] || { rm -f "$link"; rmdir "${link%/*}"; } ;;
esac
exit 0
"#;

/// A home whose user has a manager.
fn managed() -> Home {
    let mut home = Home::new();
    home.dir(".cache/kache");
    home.write("manager/systemctl", SYSTEMCTL);
    home.mode("manager/systemctl", 0o755);
    let path = format!("{}:{}", home.path("manager").display(), home.var("PATH"));
    home.set("PATH", &path);
    home
}

/// What is in the home, but for what the stand-in and the daemon keep for themselves.
fn look(home: &Home) -> String {
    let is_theirs = |line: &&str| {
        ["start.sh", "manager.pid", ".cache/", "refuses"].iter().any(|theirs| line.starts_with(theirs))
    };
    home.look().lines().filter(|line| !is_theirs(line)).collect::<Vec<_>>().join("\n")
}

fn daemon_runs(home: &Home) -> bool {
    home.run(&["daemon"]).code == Some(0)
}

#[test]
fn init_installs_the_service_and_undo_and_uninstall_remove_it() {
    let home = managed();
    let before = look(&home);
    home.run(&["init", "--check"]).with(2, "Start it now and at every login");
    assert_eq!(look(&home), before, "--check changes nothing");
    for back in [&["init", "--undo", "-y"][..], &["uninstall", "-y"]] {
        home.run(&["init", "-y"]).with(0, "systemd starts it at every login");
        assert!(daemon_runs(&home));
        home.run(&["daemon"]).with(0, "systemd");
        let after = look(&home);
        home.run(&["init", "-y"]).with(0, "Nothing to do: verified that cargo calls");
        home.run(&["init", "--check"]).with(0, "systemd starts it");
        home.run(&["daemon", "install", "--check"]).with(0, "Nothing to do");
        home.run(&["daemon", "uninstall", "--check"]).with(2, "Stop and disable it");
        home.run(&["uninstall", "--check"]).with(2, "Stop and disable it");
        assert_eq!(look(&home), after, "nothing was done");
        let shown = home.run(back).with(0, "Done").out.clone();
        let at = |text: &str| shown.find(text).unwrap_or_else(|| panic!("{text} is not in:\n{shown}"));
        assert!(at(".cargo/config.toml") < at("disable --now"), "cargo is unwired first");
        assert_eq!(look(&home), before, "{back:?}");
        assert!(!daemon_runs(&home));
        home.run(back).with(0, "Nothing to do");
    }
}

#[test]
fn a_service_that_does_not_start_takes_all_of_init_back() {
    let home = managed();
    let before = look(&home);
    home.write("refuses", "enable");
    let ended = home.run(&["init", "-y"]);
    // Taking it back calls what would have stopped it.
    ended.with(1, "Access denied").with(1, "all changes were undone");
    ended.with(1, "hint: use `kache init --no-service` to go without the login service");
    assert_eq!(look(&home), before);
    home.run(&["init", "-y", "--no-service"]).with(0, "Done");
    assert!(!daemon_runs(&home));
    home.run(&["uninstall", "-y"]).with(0, "Done");
    assert_eq!(look(&home), before);
}

#[test]
fn without_the_service_nothing_is_asked_of_the_manager() {
    let home = managed();
    home.run(&["init", "-y", "--no-service"]).with(0, "Done");
    home.run(&["uninstall", "-y"]).with(0, "Done");
    assert_eq!(home.called(), Vec::<String>::new());
}

#[test]
fn a_service_that_was_removed_since_is_no_obstacle_to_undo() {
    let home = managed();
    let before = look(&home);
    home.run(&["init", "-y"]).with(0, "Done");
    home.run(&["daemon", "uninstall"]).with(0, "Removed the login service");
    home.run(&["init", "--undo", "-y"]).with(0, "Done");
    assert_eq!(look(&home), before);
}

#[test]
fn a_daemon_that_ran_before_its_service_was_there_is_stopped_as_well() {
    let home = managed();
    home.run(&["daemon", "start"]).with(0, "Started, as process");
    home.write(".config/systemd/user/kache.service", "[Service]\n");
    home.run(&["daemon", "stop"]).with(0, "Stopped until");
    assert!(!daemon_runs(&home));
}

#[test]
fn a_service_that_was_there_before_init_stays_when_that_is_undone() {
    let home = managed();
    home.run(&["daemon", "install"]).with(0, "systemd starts it at every login");
    home.run(&["init", "-y"]).with(0, "Done");
    home.run(&["init", "--undo", "-y"]).with(0, "Done");
    assert!(daemon_runs(&home));
    home.run(&["uninstall", "-y"]).with(0, "Stop and disable it");
    assert!(!daemon_runs(&home));
}

#[test]
fn a_unit_that_a_package_brought_is_used_where_it_is_and_stays_there() {
    let home = managed();
    home.dir(".config/systemd/user");
    let names = || -> Vec<String> {
        let names = std::fs::read_dir(home.path(".config/systemd/user")).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    home.run(&["daemon", "install"]).with(0, "systemd starts it at every login");
    for name in names() {
        home.write(&format!("packaged/{name}"), home.read(&format!(".config/systemd/user/{name}")));
    }
    home.run(&["daemon", "uninstall"]).with(0, "Removed the login service");
    let before = look(&home);
    // Until somebody enables it, it has nothing to do with a daemon that was started on demand.
    home.run(&["daemon", "start"]).with(0, "Started, as process");
    home.run(&["daemon", "stop"]).with(0, "Stopped.");
    home.run(&["init", "-y"]).with(0, "systemd starts it at every login");
    assert_eq!(names(), ["default.target.wants"]);
    home.run(&["daemon"]).with(0, "systemd");
    home.run(&["daemon", "install"]).with(0, "Nothing to do: systemd starts the daemon, as");
    home.run(&["uninstall", "-y"]).with(0, "Stop and disable it");
    assert_eq!(look(&home), before);
    home.run(&["daemon", "uninstall"]).with(0, "was not installed by kache");
}

#[test]
fn where_the_manager_does_not_answer_uninstall_removes_what_it_would_start() {
    let home = managed();
    let before = look(&home);
    home.run(&["init", "-y"]).with(0, "Done");
    let unit = std::fs::read_dir(home.path(".config/systemd/user")).unwrap();
    let unit = unit.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let unit = unit.into_iter().find(|name| name.ends_with("service")).unwrap();
    home.dir(".config/systemd/user/default.target.wants");
    home.link(&format!("../{unit}"), &format!(".config/systemd/user/default.target.wants/{unit}"));
    home.run(&["daemon"]).with(0, "systemd");
    home.write("refuses", "show");
    home.run(&["uninstall", "-y"]).with(0, "Do not start ");
    assert_eq!(look(&home), before);
    assert!(!daemon_runs(&home), "nobody would end it before the next logout");
}

#[test]
fn without_a_manager_init_says_why_and_uninstall_ends_the_daemon() {
    let mut home = Home::new();
    home.set("CI", "true");
    home.run(&["init", "-y"]).with(0, "no login service is installed: CI is set");
    assert!(!daemon_runs(&home), "nobody asked for one");
    home.run(&["daemon", "start"]).with(0, "Started");
    home.run(&["uninstall", "--check"]).with(2, "Stop the daemon, process");
    assert!(daemon_runs(&home));
    home.run(&["uninstall", "-y"]).with(0, "Stop the daemon, process").with(0, "Kept: the store in");
    assert!(!daemon_runs(&home));
    home.run(&["uninstall", "--purge", "--check"]).with(2, "Permanently remove the journal");
    home.run(&["uninstall", "--purge", "-y"]).with(0, "Done");
    assert!(!home.path(".cache").exists() && !home.path(".local").exists());
    home.run(&["uninstall", "--purge", "-y"]).with(0, "Nothing to do");
}

/// A stand-in that keeps whether the manager lingers in a file.
const LOGINCTL: &str = r#"#!/bin/sh
case "$1" in
show-user) if [ -f "$HOME/lingers" ]; then echo Linger=yes; else echo Linger=no; fi ;;
enable-linger) : > "$HOME/lingers" ;;
disable-linger) rm -f "$HOME/lingers" ;;
esac
"#;

#[test]
fn programs_are_told_what_installing_the_service_does_by_daemon_install_json() {
    let home = managed();
    home.run(&["daemon", "install", "--json", "--check"]).with(2, r#""outcome": "changes-needed""#);
    for (verb, title) in
        [("install", "Start it now and at every login"), ("uninstall", "Stop and disable it")]
    {
        let done = home.run(&["daemon", verb, "--json"]);
        let report: serde_json::Value =
            serde_json::from_str(&done.out).expect("one JSON object, and nothing else");
        assert_eq!(report["outcome"], "done", "{verb}");
        let changes = report["changes"].as_array().expect("a list");
        assert!(changes.iter().any(|change| change["title"] == title), "{report}");
        let again = home.run(&["daemon", verb, "--json"]);
        again.with(0, r#""outcome": "nothing-to-do""#).with(0, "Nothing to do: ");
    }
}

#[test]
fn linger_starts_the_service_with_the_machine_until_uninstall() {
    let home = managed();
    home.write("manager/loginctl", LOGINCTL);
    home.mode("manager/loginctl", 0o755);
    let before = look(&home);
    let lingers = || home.path("lingers").exists();
    home.run(&["init", "-y"]).with(0, "systemd starts it at every login");
    assert!(!lingers(), "nobody asked for it");
    for back in [&["init", "--undo", "-y"][..], &["uninstall", "-y"]] {
        home.run(&["init", "-y", "--linger"]).with(0, "$ loginctl enable-linger");
        assert!(lingers());
        home.run(&["init", "-y", "--linger"]).with(0, "Nothing to do");
        home.run(&["init", "-y"]).with(0, "Nothing to do");
        home.run(back).with(0, "$ loginctl disable-linger");
        assert!(!lingers());
        assert_eq!(look(&home), before, "{back:?}");
    }
    home.write("lingers", "");
    home.run(&["init", "-y", "--linger"]).with(0, "Done");
    home.run(&["uninstall", "-y"]).with(0, "Done");
    assert!(lingers(), "it was so before");
}

#[test]
fn linger_is_refused_where_systemd_does_not_start_the_service() {
    let mut home = Home::new();
    home.set("CI", "true");
    let before = home.look();
    home.run(&["init", "-y", "--linger"]).with(2, "--linger requires systemd: CI is set");
    home.run(&["init", "-y", "--linger", "--no-service"]).with(2, "cannot be used with");
    assert_eq!(home.look(), before);
}
