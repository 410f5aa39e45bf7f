//! What is written for managers of machines, what is shown before, and how a failed start is taken back.

#![allow(clippy::disallowed_methods, reason = "the file of the service is made and looked at from outside")]

use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::manager::{SystemManager, account_in};
use super::render::SystemService;
use super::service::{self, Control, SystemServiceError};
use crate::setup::plan::CommandLine;
use crate::setup::service::runner::CommandRunner;
use crate::sys::process::Captured;

fn system_service() -> SystemService {
    SystemService {
        exe: "/usr/local/bin/kache".to_owned(),
        name: "kache".to_owned(),
        user: "ci-runner".to_owned(),
        home: "/var/lib/ci-runner".to_owned(),
    }
}

/// Answers every command with this code.
struct Answers(i32);

impl CommandRunner for Answers {
    fn run(&self, command: &CommandLine) -> io::Result<Captured> {
        let stdout = if command.0[0] == "getent" { "u:x:7:7::/home/of/u:/bin/sh\n" } else { "" };
        Ok(Captured { code: Some(self.0), stdout: stdout.into(), stderr: Vec::new() })
    }

    fn wait(&self, _time: Duration) {}
}

/// A manager with a file, whose service runs or not.
struct Fake<'a> {
    root: &'a Path,
    manager: SystemManager,
    /// Whether the daemon keeps running once it was started.
    is_steady: bool,
    is_running: RefCell<bool>,
    calls: RefCell<Vec<&'static str>>,
}

impl Fake<'_> {
    fn new(root: &Path, manager: SystemManager, is_steady: bool) -> Fake<'_> {
        Fake { root, manager, is_steady, is_running: RefCell::new(false), calls: RefCell::default() }
    }

    fn called(&self, name: &'static str) {
        self.calls.borrow_mut().push(name);
    }
}

impl Control for Fake<'_> {
    fn install(&self, service: &SystemService, text: String) -> io::Result<()> {
        self.called("install");
        let path = self.root.join(self.manager.file(&service.name));
        std::fs::create_dir_all(path.parent().unwrap())?;
        std::fs::write(path, text)
    }

    fn uninstall(&self) -> io::Result<()> {
        self.called("uninstall");
        std::fs::remove_file(self.root.join(self.manager.file("kache")))
    }

    fn start(&self) -> io::Result<()> {
        self.called("start");
        *self.is_running.borrow_mut() = self.is_steady;
        Ok(())
    }

    fn stop(&self) -> io::Result<()> {
        self.called("stop");
        *self.is_running.borrow_mut() = false;
        Ok(())
    }

    fn is_running(&self) -> io::Result<bool> {
        Ok(*self.is_running.borrow())
    }
}

#[test]
fn system_services_are_rendered_like_this() {
    let service = system_service();
    for (manager, text) in SystemManager::ALL.into_iter().zip([
        include_str!("../snapshots/system.service"),
        include_str!("../snapshots/system.plist"),
        include_str!("../snapshots/system.openrc"),
        include_str!("../snapshots/system.rcd"),
    ]) {
        assert_eq!(manager.text(&service), text, "{manager:?}");
        assert_eq!(account_in(text).as_deref(), Some("ci-runner"), "{manager:?}");
    }
}

#[test]
fn a_file_that_does_not_run_the_daemon_names_no_account() {
    for text in ["", "[Service]\nUser=me\nExecStart=/usr/bin/other\n", "command_user=me\n"] {
        assert_eq!(account_in(text), None, "{text}");
    }
}

#[test]
fn the_manager_is_the_one_that_runs() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    assert_eq!(SystemManager::detect("linux", root), None);
    assert_eq!(SystemManager::detect("windows", root), None);
    assert_eq!(SystemManager::detect("macos", root), Some(SystemManager::Launchd));
    for (os, sign, manager) in [
        ("linux", "run/openrc", SystemManager::OpenRc),
        ("linux", "run/systemd/system", SystemManager::Systemd),
        ("freebsd", "etc/rc.subr", SystemManager::Rcd),
    ] {
        std::fs::create_dir_all(root.join(sign)).unwrap();
        assert_eq!(SystemManager::detect(os, root), Some(manager));
    }
}

#[test]
fn the_service_account_has_to_exist_and_to_have_a_plain_name() {
    let new = |user: &str, code| SystemService::new(Path::new("/bin/kache"), "kache", user, &Answers(code));
    let made = new("ci-runner", 0).unwrap();
    assert_eq!((made.user.as_str(), made.home.as_str()), ("ci-runner", "/home/of/u"));
    assert!(matches!(new("nobody-here", 1), Err(SystemServiceError::NoSuchUser { .. })));
    for name in ["", "-u", "a b", "a\nUser=root", "a;b", "$(id)"] {
        assert!(matches!(new(name, 0), Err(SystemServiceError::InvalidUser { .. })), "{name}");
    }
}

#[test]
fn the_plan_shows_the_file_and_the_commands_of_each_manager() {
    for (manager, commands) in [
        (
            SystemManager::Systemd,
            ["$ systemctl enable /etc/systemd/system/kache.service", "$ systemctl start kache"],
        ),
        (
            SystemManager::Launchd,
            [
                "$ launchctl load /Library/LaunchDaemons/dev.kache.kache.plist",
                "$ launchctl start dev.kache.kache",
            ],
        ),
        (SystemManager::OpenRc, ["$ rc-update add kache default", "$ rc-service kache start"]),
        (SystemManager::Rcd, ["$ service kache enable", "$ service kache start"]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let plan = service::install_plan(manager, &system_service(), false, dir.path()).unwrap();
        let text = plan.text();
        assert!(text.contains("+++ ") && text.contains("ci-runner"), "{text}");
        for command in commands {
            assert!(text.contains(command), "{text}");
        }
        let path = dir.path().join(manager.file("kache"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, manager.text(&system_service())).unwrap();
        let again = |is_running| service::install_plan(manager, &system_service(), is_running, dir.path());
        assert!(again(true).unwrap().is_empty());
        assert_eq!(again(false).unwrap().actions.len(), 2);
        let other = SystemService { user: "other".to_owned(), ..system_service() };
        let changed = service::install_plan(manager, &other, true, dir.path()).unwrap();
        assert!(changed.text().contains("Stop it"), "{}", changed.text());
        let removed = service::uninstall_plan(manager, "kache", dir.path()).unwrap();
        assert_eq!(removed.actions.len(), 3, "{}", removed.text());
    }
}

#[test]
fn a_service_is_installed_started_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let manager = SystemManager::Systemd;
    let fake = Fake::new(dir.path(), manager, true);
    service::install(manager, &system_service(), &fake, &Answers(0), dir.path()).unwrap();
    assert_eq!(*fake.calls.borrow(), ["install", "start"]);
    let other = SystemService { user: "other".to_owned(), ..system_service() };
    service::install(manager, &other, &fake, &Answers(0), dir.path()).unwrap();
    assert_eq!(fake.calls.borrow()[2..], ["install", "stop", "start"]);
    service::uninstall(manager, &fake).unwrap();
    assert_eq!(fake.calls.borrow()[5..], ["stop", "uninstall"]);
    assert!(service::uninstall_plan(manager, "kache", dir.path()).unwrap().is_empty());
}

#[test]
fn a_service_that_does_not_keep_running_leaves_the_machine_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let manager = SystemManager::OpenRc;
    let path = dir.path().join(manager.file("kache"));
    let fake = Fake::new(dir.path(), manager, false);
    let failed = service::install(manager, &system_service(), &fake, &Answers(0), dir.path()).unwrap_err();
    assert_eq!(
        failed.to_string(),
        "failed to start the service of OpenRC: it does not run; all changes were undone"
    );
    assert!(!path.exists());
    let old = manager.text(&SystemService { user: "other".to_owned(), ..system_service() });
    std::fs::write(&path, &old).unwrap();
    service::install(manager, &system_service(), &fake, &Answers(0), dir.path()).unwrap_err();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), old);
}

#[test]
fn the_file_of_another_program_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let manager = SystemManager::Systemd;
    let path = dir.path().join(manager.file("kache"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "[Service]\nUser=me\nExecStart=/usr/bin/other\n").unwrap();
    let fake = Fake::new(dir.path(), manager, true);
    let refused = service::install(manager, &system_service(), &fake, &Answers(0), dir.path());
    assert!(matches!(refused, Err(SystemServiceError::Foreign { .. })));
    assert!(matches!(
        service::uninstall_plan(manager, "kache", dir.path()),
        Err(SystemServiceError::Foreign { .. })
    ));
    assert!(fake.calls.borrow().is_empty());
}
