//! What is written for each service manager, and what is made of what they answer.

#![allow(clippy::disallowed_methods, reason = "they ask other programs what they think of what is rendered")]

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::detect::{Choice, Platform, choose};
use super::launchd::{self, Launchd};
use super::runner::CommandRunner;
use super::supervisor::{ServiceSpec, ServiceStatus, Supervisor as _};
use super::systemd::{self, Systemd};
use super::task::{self, Task};
use crate::setup::plan::CommandLine;
use crate::setup::plan::action::ActionKind;
use crate::sys::process::Captured;

fn service(exe: &str) -> ServiceSpec {
    ServiceSpec {
        exe: PathBuf::from(exe),
        copy: None,
        name: "kache".to_owned(),
        socket: "daemon.sock".to_owned(),
        home: PathBuf::from("/home/me"),
        config_dir: PathBuf::from("/home/me/.config"),
        user: "501".to_owned(),
    }
}

/// Exit codes, and what was printed.
type Answers = Vec<(i32, &'static str)>;

/// Answers each command with what a real one answered, in turn; the last answer stays.
struct Recorded {
    answers: RefCell<Vec<(&'static str, Answers)>>,
    calls: RefCell<Vec<String>>,
}

fn recorded(answers: &[(&'static str, &[(i32, &'static str)])]) -> Recorded {
    let answers = answers.iter().map(|(command, answers)| (*command, answers.to_vec())).collect();
    Recorded { answers: RefCell::new(answers), calls: RefCell::default() }
}

impl CommandRunner for Recorded {
    fn run(&self, command: &CommandLine) -> io::Result<Captured> {
        let command = command.to_string();
        self.calls.borrow_mut().push(command.clone());
        let mut answers = self.answers.borrow_mut();
        let Some((_, answers)) = answers.iter_mut().find(|(start, _)| command.starts_with(start)) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let (code, text) = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
        let (stdout, stderr) = if code == 0 { (text, "") } else { ("", text) };
        Ok(Captured { code: Some(code), stdout: stdout.into(), stderr: stderr.into() })
    }

    fn wait(&self, _time: Duration) {
        self.calls.borrow_mut().push("wait".to_owned());
    }
}

fn commands(plan: &crate::setup::plan::Plan) -> Vec<String> {
    let command = |change: &ActionKind| match change {
        ActionKind::Run(run) => Some(run.command.to_string()),
        ActionKind::Path(_) => None,
    };
    plan.actions.iter().filter_map(|action| command(&action.change)).collect()
}

/// What takes a plan back, in the order in which that is done.
fn undone(plan: &crate::setup::plan::Plan) -> Vec<String> {
    let undo = |change: &ActionKind| match change {
        ActionKind::Run(run) => run.undo.as_ref().map(ToString::to_string),
        ActionKind::Path(change) => Some(format!("back: {}", change.path.file_name()?.display())),
    };
    plan.actions.iter().rev().filter_map(|action| undo(&action.change)).collect()
}

#[test]
fn the_rendered_files_are_these() {
    let service = service("/home/me/.cargo/bin/kache");
    assert_eq!(systemd::socket(&service), include_str!("snapshots/kache.socket"));
    assert_eq!(systemd::unit(&service), include_str!("snapshots/kache.service"));
    assert_eq!(launchd::plist(&service), include_str!("snapshots/kache.plist"));
    let service = ServiceSpec {
        exe: r"C:\Users\Ann B\.cargo\bin\kache.exe".into(),
        copy: Some(r"C:\Users\Ann B\AppData\Local\kache\run\kache-daemon.exe".into()),
        user: "S-1-5-21-1004336348-1177238915-682003330-512".to_owned(),
        ..service
    };
    assert_eq!(task::xml(&service), include_str!("snapshots/task.xml"));
}

#[test]
fn a_path_with_anything_in_it_stays_one_path() {
    let exe = "/home/me & you/\"my\" 50% $HOME\\bin/<kache>";
    let service = service(exe);
    let unit = systemd::unit(&service);
    let expected = r#"ExecStart=/usr/bin/env "/home/me & you/\"my\" 50%% $$HOME\\bin/<kache>" daemon run --supervised=systemd"#;
    assert!(unit.lines().any(|line| line == expected), "{unit}");
    let escaped = r#"/home/me &amp; you/"my" 50% $HOME\bin/&lt;kache&gt;"#;
    assert!(launchd::plist(&service).contains(&format!("<string>{escaped}</string>")));
    assert!(task::xml(&service).contains(&format!("<Command>{escaped}</Command>")));
    assert_eq!(launchd::escaped("a\u{1}\n\u{ffff}b"), "a&#10;b");
    let with_newline = systemd::unit(&ServiceSpec { exe: "/a\nUser=root".into(), ..service });
    assert!(!with_newline.lines().any(|line| line == "User=root"), "{with_newline}");
}

#[test]
fn a_task_is_written_as_the_task_scheduler_reads_it() {
    let bytes = task::file(&service("kache.exe"));
    assert_eq!(bytes[..4], [0xff, 0xfe, b'<', 0]);
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let text = String::from_utf16(&units).unwrap();
    assert!(text.contains("\r\n") && !text.replace("\r\n", "").contains('\n'));
}

#[test]
fn what_systemd_says_is_understood() {
    let running = "Result=success\nNRestarts=2\nMainPID=4242\nLoadState=loaded\nActiveState=active\n\
                   SubState=running\nUnitFileState=enabled\n";
    let status = systemd::parse_show(running);
    assert_eq!(
        status,
        ServiceStatus {
            is_installed: true,
            is_enabled: true,
            is_running: true,
            is_listening: false,
            pid: Some(4242),
            n_restarts: Some(2),
            trouble: None,
            described_by: None
        }
    );
    let failing =
        running.replace("active", "failed").replace("success", "start-limit-hit").replace("4242", "0");
    let status = systemd::parse_show(&failing);
    assert_eq!(
        (status.is_running, status.pid, status.trouble.as_deref()),
        (false, None, Some("start-limit-hit"))
    );
    let absent = "Result=success\nMainPID=0\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n";
    assert_eq!(systemd::parse_show(absent), ServiceStatus::default());
    // As where only the socket is started at login, and nobody has come yet.
    let shown = format!("{absent}\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n");
    let status = systemd::parse_show(&shown.replacen("not-found", "loaded", 1));
    assert_eq!((status.is_enabled, status.is_running, status.is_listening), (true, false, true));
    assert!(status.is_in_use() && status.pid.is_none());
    let masked = absent.replace("not-found", "masked");
    assert_eq!(systemd::parse_show(&masked).trouble.as_deref(), Some("masked"));
    let no_bus = recorded(&[("systemctl", &[(1, "Failed to connect to bus: Kein Medium gefunden")])]);
    let error = Systemd(service("/k")).status(&no_bus).unwrap_err();
    assert!(
        error.to_string().ends_with("exited with 1: Failed to connect to bus: Kein Medium gefunden"),
        "{error}"
    );
}

#[test]
fn the_plan_for_systemd_is_this_and_is_empty_when_all_is_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let systemd = Systemd(ServiceSpec { config_dir: dir.path().to_owned(), ..service("/usr/bin/kache") });
    let absent =
        recorded(&[("systemctl --user show", &[(0, "LoadState=not-found\nActiveState=inactive\n")])]);
    let plans = systemd.install(&absent).unwrap();
    let expected =
        ["systemctl --user daemon-reload", "systemctl --user enable --now kache.socket kache.service"];
    assert_eq!((plans.len(), commands(&plans[0])), (1, expected.map(str::to_owned).to_vec()));
    assert!(systemd.uninstall(&absent).unwrap().is_empty());

    let units = dir.path().join("systemd/user");
    std::fs::create_dir_all(&units).unwrap();
    std::fs::write(units.join("kache.socket"), systemd::socket(&systemd.0)).unwrap();
    std::fs::write(units.join("kache.service"), systemd::unit(&systemd.0)).unwrap();
    let up = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nMainPID=7\n";
    let up = recorded(&[("systemctl --user show", &[(0, up)])]);
    assert!(systemd.install(&up).unwrap()[0].is_empty());
    assert_eq!(commands(&systemd.install(&absent).unwrap()[0]), expected[1..]);

    let moved = Systemd(ServiceSpec { exe: "/elsewhere/kache".into(), ..systemd.0.clone() });
    let restart = "systemctl --user restart kache.socket kache.service".to_owned();
    assert_eq!(commands(&moved.install(&up).unwrap()[0]).last(), Some(&restart));
    let removal = systemd.uninstall(&up).unwrap();
    let expected =
        ["systemctl --user disable --now kache.socket kache.service", "systemctl --user daemon-reload"];
    assert_eq!((commands(&removal), removal.actions.len()), (expected.map(str::to_owned).to_vec(), 4));
}

/// The files that a plan changes.
fn changed(plan: &crate::setup::plan::Plan) -> Vec<String> {
    let name = |change: &ActionKind| match change {
        ActionKind::Path(change) => Some(change.path.file_name()?.to_string_lossy().into_owned()),
        ActionKind::Run(_) => None,
    };
    plan.actions.iter().filter_map(|action| name(&action.change)).collect()
}

#[test]
#[cfg(unix)]
fn units_that_a_package_brought_are_enabled_and_neither_doubled_nor_removed() {
    let dir = tempfile::tempdir().unwrap();
    let config_dir = dir.path().join("home/.config");
    let systemd = Systemd(ServiceSpec { config_dir: config_dir.clone(), ..service("/usr/bin/kache") });
    let packaged = dir.path().join("kache.service");
    std::fs::write(&packaged, systemd::unit(&systemd.0)).unwrap();
    let shown = |state: &str| -> Recorded {
        let shown = format!("LoadState=loaded\n{state}\nFragmentPath={}\n", packaged.display());
        recorded(&[("systemctl --user show", &[(0, shown.leak())])])
    };
    let off = shown("ActiveState=inactive\nUnitFileState=disabled");
    let on = shown("ActiveState=active\nUnitFileState=enabled");
    let plan = &systemd.install(&off).unwrap()[0];
    let enable = "systemctl --user enable --now kache.socket kache.service";
    assert_eq!((commands(plan), changed(plan)), (vec![enable.to_owned()], vec![]));
    assert_eq!(undone(plan), ["systemctl --user disable --now kache.socket kache.service"]);
    assert!(systemd.install(&on).unwrap()[0].is_empty());
    assert_eq!(systemd.foreign(&on), Some(packaged.clone()));
    let listens = format!(
        "LoadState=loaded\nActiveState=inactive\nUnitFileState=disabled\nFragmentPath={}\n\n\
                           LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n",
        packaged.display()
    );
    let listens = recorded(&[("systemctl --user show", &[(0, listens.leak())])]);
    assert!(systemd.install(&listens).unwrap()[0].is_empty(), "a connection starts it");
    // The same program by another path: that of a profile, and that of what it leads to.
    let profile = dir.path().join("profile");
    std::fs::write(dir.path().join("program"), "").unwrap();
    std::os::unix::fs::symlink(dir.path().join("program"), &profile).unwrap();
    let by_profile = Systemd(ServiceSpec { exe: profile, ..systemd.0.clone() });
    let unit = systemd::unit(&ServiceSpec { exe: dir.path().join("program"), ..systemd.0.clone() });
    std::fs::write(&packaged, unit).unwrap();
    assert_eq!((by_profile.foreign(&on), systemd.foreign(&on)), (Some(packaged.clone()), None));
    std::fs::write(&packaged, systemd::unit(&systemd.0)).unwrap();

    // Who enabled it for all users is not this one.
    assert!(systemd.uninstall(&on).unwrap().is_empty());
    let wants = config_dir.join("systemd/user/default.target.wants");
    std::fs::create_dir_all(&wants).unwrap();
    std::os::unix::fs::symlink(&packaged, wants.join("kache.service")).unwrap();
    let plan = systemd.uninstall(&on).unwrap();
    let disable = "systemctl --user disable --now kache.socket kache.service";
    assert_eq!((commands(&plan), changed(&plan)), (vec![disable.to_owned()], vec![]));
    let plan = systemd.uninstall(&recorded(&[])).unwrap();
    let links = ["kache.service", "default.target.wants"].map(str::to_owned);
    assert_eq!((commands(&plan), changed(&plan)), (vec![], links.to_vec()));

    // One of another program is not what is to run.
    let other = Systemd(ServiceSpec { exe: "/home/me/.cargo/bin/kache".into(), ..systemd.0.clone() });
    assert_eq!(other.foreign(&on), None);
    let plan = &other.install(&on).unwrap()[0];
    assert!(changed(plan).ends_with(&["kache.socket".to_owned(), "kache.service".to_owned()]), "{plan:?}");
}

#[test]
#[cfg(unix)]
fn units_that_a_description_of_the_home_linked_are_left_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let systemd = Systemd(ServiceSpec { config_dir: dir.path().to_owned(), ..service("/usr/bin/kache") });
    let units = dir.path().join("systemd/user");
    std::fs::create_dir_all(&units).unwrap();
    for name in ["kache.socket", "kache.service"] {
        let made = dir.path().join(name);
        std::fs::write(&made, "[Service]\nExecStart=/of/a/store/kache daemon run\n").unwrap();
        std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o444)).unwrap();
        std::os::unix::fs::symlink(&made, units.join(name)).unwrap();
    }
    let path = units.join("kache.service");
    let shown = format!(
        "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nFragmentPath={}\n",
        path.display()
    );
    let up = recorded(&[("systemctl --user show", &[(0, shown.leak())])]);
    assert!(systemd.install(&up).unwrap()[0].is_empty());
    assert!(systemd.uninstall(&up).unwrap().is_empty());
    assert_eq!(systemd.foreign(&up), Some(path));
}

#[test]
fn an_agent_of_another_manager_is_not_doubled() {
    let dir = tempfile::tempdir().unwrap();
    let launchd = Launchd(ServiceSpec { home: dir.path().to_owned(), ..service("/opt/homebrew/bin/kache") });
    let agents = dir.path().join("Library/LaunchAgents");
    std::fs::create_dir_all(&agents).unwrap();
    let up = recorded(&[
        ("launchctl print", &[(113, "Could not find service")]),
        ("launchctl print gui/501", &[(0, "")]),
    ]);
    let ours = launchd::plist(&launchd.0);
    std::fs::write(agents.join("dev.kache.kache-dev.plist"), &ours).unwrap();
    std::fs::write(agents.join("org.other.plist"), ours.replace(">daemon<", ">stats<")).unwrap();
    assert_eq!(launchd.foreign(&up), None);
    assert!(!launchd.install(&up).unwrap()[0].is_empty());
    let homebrew = agents.join("homebrew.mxcl.kache.plist");
    let shell = "<key>ProgramArguments</key><array><string>/bin/sh</string><string>-c</string><string>/bin/wait4path \
                 /nix/store &amp;&amp; exec /run/current-system/sw/bin/kache daemon run</string></array>";
    for text in [ours.as_str(), shell] {
        std::fs::write(&homebrew, text).unwrap();
        assert_eq!(launchd.foreign(&up), Some(homebrew.clone()));
        assert!(launchd.install(&up).unwrap()[0].is_empty());
    }
    assert!(homebrew.exists() && changed(&launchd.uninstall(&up).unwrap()).is_empty());
    std::fs::write(launchd.files().remove(0), &ours).unwrap();
    assert_eq!(launchd.foreign(&up), None, "the own one is looked after where there are both");

    let systemd = Systemd(ServiceSpec { config_dir: dir.path().to_owned(), ..service("/usr/bin/kache") });
    let absent =
        recorded(&[("systemctl --user show", &[(0, "LoadState=not-found\nActiveState=inactive\n")])]);
    let units = dir.path().join("systemd/user");
    std::fs::create_dir_all(&units).unwrap();
    std::fs::write(units.join("kache-dev.service"), systemd::unit(&systemd.0)).unwrap();
    std::fs::write(units.join("other.service"), "ExecStart=\"/opt/kache\" \"stats\"\n").unwrap();
    assert_eq!(systemd.foreign(&absent), None);
    let homebrew = units.join("homebrew.kache.service");
    std::fs::write(&homebrew, "[Service]\nExecStart=\"/opt/bin/kache\" \"daemon\" \"run\"\n").unwrap();
    assert_eq!(systemd.foreign(&absent), Some(homebrew));
    assert!(
        systemd.install(&absent).unwrap()[0].is_empty() && systemd.uninstall(&absent).unwrap().is_empty()
    );
    std::fs::write(units.join("kache.service"), "").unwrap();
    assert_eq!(systemd.foreign(&absent), None);
}

#[test]
fn an_upgrade_for_systemd_that_fails_leaves_the_service_enabled_and_running_as_it_was_described() {
    let dir = tempfile::tempdir().unwrap();
    let systemd = Systemd(ServiceSpec { config_dir: dir.path().to_owned(), ..service("/usr/bin/kache") });
    let units = dir.path().join("systemd/user");
    std::fs::create_dir_all(&units).unwrap();
    std::fs::write(units.join("kache.socket"), systemd::socket(&systemd.0)).unwrap();
    std::fs::write(units.join("kache.service"), "an older one").unwrap();
    let [unit, reload] = ["back: kache.service", "systemctl --user daemon-reload"];
    let restart = "systemctl --user restart kache.socket kache.service";
    let stop = "systemctl --user stop kache.socket kache.service";
    let disable = "systemctl --user disable kache.socket kache.service";
    let disable_now = "systemctl --user disable --now kache.socket kache.service";
    for (state, expected) in [
        ("ActiveState=active\nUnitFileState=enabled\n", &[unit, reload, restart][..]),
        ("ActiveState=active\nUnitFileState=disabled\n", &[disable, unit, reload, restart]),
        ("ActiveState=inactive\nUnitFileState=enabled\n", &[stop, unit, reload]),
        ("ActiveState=inactive\nUnitFileState=disabled\n", &[disable_now, unit, reload]),
    ] {
        let shown = format!("LoadState=loaded\n{state}").leak();
        let runner = recorded(&[("systemctl --user show", &[(0, shown)])]);
        assert_eq!(undone(&systemd.install(&runner).unwrap()[0]), expected, "{state}");
    }
    let absent =
        recorded(&[("systemctl --user show", &[(0, "LoadState=not-found\nActiveState=inactive\n")])]);
    assert_eq!(undone(&systemd.install(&absent).unwrap()[0]), [disable_now, reload, unit]);
}

#[test]
fn the_domain_of_launchd_is_told_by_exit_codes() {
    for (code, domain) in [(0, "gui/501"), (112, "user/501"), (125, "user/501")] {
        let runner = recorded(&[("launchctl print gui/501", &[(code, "Could not find domain")])]);
        assert_eq!(launchd::domain("501", &runner).unwrap(), domain, "{code}");
    }
    let other = recorded(&[("launchctl print gui/501", &[(5, "Eingabe-/Ausgabefehler")])]);
    assert!(launchd::domain("501", &other).unwrap_err().to_string().contains("exited with 5: Eingabe"));
    assert!(launchd::domain("501", &recorded(&[])).is_err(), "no launchctl");
}

#[test]
fn an_agent_is_unloaded_before_it_is_loaded_again() {
    let launchd = Launchd(service("/k"));
    // `bootout` says that it is in progress (36), and the service is there for a while.
    let runner = recorded(&[
        (
            "launchctl print gui/501/dev.kache.kache",
            &[(0, "x"), (0, "x"), (0, "x"), (113, "Could not find service")],
        ),
        ("launchctl bootout", &[(36, "Boot-out failed: 36: Operation now in progress")]),
    ]);
    launchd.unload("gui/501", &runner).unwrap();
    let calls = runner.calls.borrow();
    let kinds: Vec<&str> = calls.iter().map(|call| call.split(' ').nth(1).unwrap_or("wait")).collect();
    assert_eq!(kinds, ["print", "bootout", "print", "wait", "print", "wait", "print"]);

    let stuck = recorded(&[
        ("launchctl print gui/501/dev.kache.kache", &[(0, "x")]),
        ("launchctl bootout", &[(5, "Input/output error")]),
    ]);
    assert!(launchd.unload("gui/501", &stuck).unwrap_err().to_string().contains("exited with 5"));
    let gone = recorded(&[("launchctl print", &[(113, "Could not find service")])]);
    launchd.unload("gui/501", &gone).unwrap();
    assert_eq!(gone.calls.borrow().len(), 1);
}

#[test]
fn the_plan_for_launchd_enables_and_bootstraps_in_the_domain_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let launchd = Launchd(ServiceSpec { home: dir.path().to_owned(), ..service("/usr/local/bin/kache") });
    let path = dir.path().join("Library/LaunchAgents").join("dev.kache.kache.plist");
    let remote = recorded(&[
        ("launchctl print gui/501/", &[(112, "")]),
        ("launchctl print gui/501", &[(112, "Could not find domain for")]),
        ("launchctl print user/501/", &[(113, "")]),
    ]);
    let plans = launchd.install(&remote).unwrap();
    let expected = [
        "launchctl enable user/501/dev.kache.kache".to_owned(),
        format!("launchctl bootstrap user/501 {}", path.display()),
    ];
    assert_eq!(commands(&plans[0]), expected);

    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::create_dir_all(dir.path().join("Library/Logs/kache")).unwrap();
    std::fs::write(&path, launchd::plist(&launchd.0)).unwrap();
    let loaded = recorded(&[
        ("launchctl print user/501/", &[(113, "Could not find service")]),
        ("launchctl print", &[(0, "state = running")]),
    ]);
    assert!(launchd.install(&loaded).unwrap()[0].is_empty());
    std::fs::write(&path, "an older one").unwrap();
    let [print, stop, bootstrap] = [
        "launchctl print gui/501/dev.kache.kache".to_owned(),
        "/usr/local/bin/kache daemon stop".to_owned(),
        format!("launchctl bootstrap gui/501 {}", path.display()),
    ];
    let again = launchd.install(&loaded).unwrap();
    let enable = "launchctl enable gui/501/dev.kache.kache".to_owned();
    assert_eq!(commands(&again[0]), [print, stop.clone(), enable, bootstrap.clone()]);
    let file = "back: dev.kache.kache.plist".to_owned();
    assert_eq!(undone(&again[0]), [stop, file, bootstrap], "the old one is loaded once its file is back");
    assert_eq!(commands(&launchd.uninstall(&loaded).unwrap()).len(), 1);
    let both = recorded(&[("launchctl print", &[(0, "state = running")])]);
    assert_eq!(commands(&launchd.uninstall(&both).unwrap()).len(), 2, "from both kinds of session");
}

#[test]
fn an_agent_of_the_other_kind_of_session_is_unloaded_there_and_loaded_here() {
    let dir = tempfile::tempdir().unwrap();
    let launchd = Launchd(ServiceSpec { home: dir.path().to_owned(), ..service("/usr/local/bin/kache") });
    let path = dir.path().join("Library/LaunchAgents").join("dev.kache.kache.plist");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::create_dir_all(dir.path().join("Library/Logs/kache")).unwrap();
    std::fs::write(&path, launchd::plist(&launchd.0)).unwrap();
    let elsewhere = recorded(&[
        ("launchctl print gui/501/", &[(113, "Could not find service")]),
        ("launchctl print user/501/", &[(0, "state = running")]),
        ("launchctl print gui/501", &[(0, "")]),
    ]);
    let plans = launchd.install(&elsewhere).unwrap();
    let bootstrap = |domain: &str| format!("launchctl bootstrap {domain} {}", path.display());
    let expected = [
        "launchctl print user/501/dev.kache.kache".to_owned(),
        "launchctl bootout user/501/dev.kache.kache".to_owned(),
        "launchctl enable gui/501/dev.kache.kache".to_owned(),
        bootstrap("gui/501"),
    ];
    assert_eq!(commands(&plans[0]), expected);
    let bootout = "launchctl bootout gui/501/dev.kache.kache".to_owned();
    assert_eq!(undone(&plans[0]), [bootout, bootstrap("user/501")]);
}

#[test]
fn what_launchctl_prints_is_understood() {
    let running = "gui/501/dev.kache.kache = {\n\tactive count = 1\n\tpath = /Users/me/Library/LaunchAgents/x.plist\n\
                   \tstate = running\n\n\tprogram = /usr/local/bin/kache\n\targuments = {\n\t\tstate = waiting\n\t}\n\
                   \truns = 3\n\tpid = 812\n\timmediate reason = speculative\n\tlast exit code = (never exited)\n}\n";
    let status = launchd::parse_print(running);
    assert_eq!(
        (status.is_running, status.pid, status.n_restarts, status.trouble),
        (true, Some(812), Some(2), None)
    );
    let crashed = "x = {\n\tstate = not running\n\tlast exit code = 78: EX_CONFIG\n}\n";
    assert_eq!(launchd::parse_print(crashed).trouble.as_deref(), Some("it ended with 78: EX_CONFIG"));

    let disabled =
        "disabled services = {\n\t\"com.example.other\" => disabled\n\t\"dev.kache.kache\" => enabled\n}\n";
    assert!(!launchd::is_disabled(disabled, "dev.kache.kache"));
    assert!(launchd::is_disabled(&disabled.replace("enabled", "disabled"), "dev.kache.kache"));
    assert!(launchd::is_disabled("\t\"dev.kache.kache\" => true", "dev.kache.kache"));
}

#[test]
fn the_status_of_an_agent_comes_from_codes_and_what_is_switched_off_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let launchd = Launchd(ServiceSpec { home: dir.path().to_owned(), ..service("/k") });
    let runner = recorded(&[
        ("launchctl print-disabled gui/501", &[(0, "\"dev.kache.kache\" => disabled")]),
        ("launchctl print gui/501/dev.kache.kache", &[(113, "Dienst nicht gefunden")]),
        ("launchctl print gui/501", &[(0, "")]),
    ]);
    let status = launchd.status(&runner).unwrap();
    assert!(!status.is_installed && !status.is_enabled);
    assert_eq!(status.trouble.as_deref(), Some("switched off in the system's login items"));
}

#[test]
fn where_a_task_is_refused_the_run_key_is_next_whatever_language_the_refusal_is_in() {
    let dir = tempfile::tempdir().unwrap();
    let task = Task(ServiceSpec { config_dir: dir.path().to_owned(), ..service(r"C:\kache.exe") });
    let refused = recorded(&[
        ("schtasks /query", &[(1, "ERREUR : le fichier spécifié est introuvable.")]),
        ("reg query", &[(1, "ERREUR : Accès refusé.")]),
    ]);
    let plans = task.install(&refused).unwrap();
    assert_eq!(plans.len(), 2);
    assert!(plans[0].text().contains("<Hidden>true</Hidden>"), "the description is shown as text");
    let by_task = commands(&plans[0]);
    let xml = dir.path().join("kache").join("kache-task.xml");
    assert_eq!(by_task[0], format!(r"schtasks /create /tn kache\daemon /xml {} /f", xml.display()));
    assert_eq!(by_task[1], r"schtasks /run /tn kache\daemon");
    let by_key = commands(&plans[1]);
    assert_eq!(
        by_key[0],
        r#"reg add HKCU\Software\Microsoft\Windows\CurrentVersion\Run /v kache /t REG_SZ /d '"C:\kache.exe" daemon start' /f"#
    );
    assert_eq!(task.status(&refused).unwrap(), ServiceStatus::default());
    assert!(task.uninstall(&refused).unwrap().is_empty());
    let error = task.start(&refused).unwrap_err();
    assert!(error.to_string().contains(r"schtasks /run /tn kache\daemon"), "{error}");

    let by_key = recorded(&[
        ("schtasks /query", &[(1, "ERROR: The system cannot find the file specified.")]),
        ("reg query", &[(0, "    kache    REG_SZ    x")]),
    ]);
    assert!(task.status(&by_key).unwrap().is_installed);
    assert_eq!(commands(&task.uninstall(&by_key).unwrap()).len(), 1);
    // A stand-in that answers 0 and nothing has no task.
    let empty = recorded(&[("schtasks", &[(0, "")]), ("reg", &[(1, "")])]);
    assert_eq!(task.status(&empty).unwrap(), ServiceStatus::default());
}

#[test]
fn nothing_is_planned_for_windows_where_the_task_or_the_run_key_is_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let task = Task(ServiceSpec { config_dir: dir.path().to_owned(), ..service(r"C:\kache.exe") });
    let by_task = recorded(&[("schtasks /query", &[(0, "<Task/>")]), ("reg query", &[(1, "")])]);
    let xml = dir.path().join("kache").join("kache-task.xml");
    let create = format!(r"schtasks /create /tn kache\daemon /xml {} /f", xml.display());
    assert!(commands(&task.install(&by_task).unwrap()[0]).contains(&create), "nothing describes it");
    std::fs::create_dir(xml.parent().unwrap()).unwrap();
    std::fs::write(&xml, task::file(&task.0)).unwrap();
    assert!(task.install(&by_task).unwrap()[0].is_empty());
    std::fs::write(&xml, "an older one").unwrap();
    let [query, run, end] =
        ["/query", "/run", "/end"].map(|verb| format!(r"schtasks {verb} /tn kache\daemon"));
    let again = &task.install(&by_task).unwrap()[0];
    assert_eq!(commands(again), [format!("{query} /xml"), create.clone(), run]);
    assert_eq!(undone(again), [end, "back: kache-task.xml".to_owned(), create], "the old task comes back");

    let said = "    kache    REG_SZ    \"C:\\kache.exe\" daemon start";
    let by_key = recorded(&[("schtasks /query", &[(1, "")]), ("reg query", &[(0, said)])]);
    let plans = task.install(&by_key).unwrap();
    assert!(plans.len() == 1 && plans[0].is_empty());
    let moved = Task(ServiceSpec { exe: r"D:\kache.exe".into(), ..task.0.clone() });
    let plans = moved.install(&by_key).unwrap();
    assert!(plans.len() == 1 && commands(&plans[0])[0].starts_with("reg add"));
    let letters = Task(ServiceSpec { exe: r"C:\Jürgen\kache.exe".into(), ..task.0.clone() });
    assert!(letters.install(&by_key).unwrap()[0].is_empty(), "it cannot be told");
}

#[test]
fn the_state_of_a_task_is_read_from_numbers_not_from_words() {
    let german = r#""PC","\kache\daemon","Nicht zutreffend","Wird ausgeführt","Nur interaktiv","24.11.2026 15:00:00","267009","me""#;
    assert!(task::parse_query(german).is_running);
    let ended = german.replace("267009", "-1073741510");
    let status = task::parse_query(&ended);
    assert_eq!(
        (status.is_running, status.trouble.as_deref()),
        (false, Some("its last result is 0xc000013a"))
    );
    assert_eq!(task::parse_query(&german.replace("267009", "267011")).trouble, None);
    let quoted = r#""P""C","a","b","c","d","e","1""#;
    assert_eq!(task::parse_query(quoted).trouble.as_deref(), Some("its last result is 0x1"));
    assert!(task::parse_query("").is_installed);
}

#[test]
fn who_starts_the_daemon_depends_on_the_machine() {
    let linux = Platform { system: "linux".to_owned(), ..Platform::default() };
    let on_demand = |platform: Platform, words: &str| match choose(&platform) {
        Choice::OnDemand(why) if why.contains(words) => {}
        other => panic!("{words}: {other:?}"),
    };
    let with_manager = Platform { is_systemd: true, has_user_manager: true, ..linux.clone() };
    assert_eq!(choose(&with_manager), Choice::Systemd);
    // Some containers have a manager of their own.
    assert_eq!(
        choose(&Platform { container: Some("/run/.containerenv"), ..with_manager.clone() }),
        Choice::Systemd
    );
    on_demand(Platform { ci: Some("CI"), ..with_manager.clone() }, "CI is set");
    on_demand(Platform { container: Some("/.dockerenv"), ..linux.clone() }, "container");
    on_demand(Platform { is_wsl: true, ..linux.clone() }, "/etc/wsl.conf");
    assert_eq!(choose(&Platform { is_wsl: true, ..with_manager.clone() }), Choice::Systemd);
    on_demand(Platform { is_systemd: true, ..linux.clone() }, "does not answer");
    on_demand(Platform { is_openrc: true, ..linux.clone() }, "OpenRC");
    on_demand(linux, "no known user service manager");
    on_demand(
        Platform { system: "freebsd".to_owned(), ..Platform::default() },
        "no known user service manager",
    );
    assert_eq!(choose(&Platform { system: "macos".to_owned(), ..Platform::default() }), Choice::Launchd);
    assert_eq!(choose(&Platform { system: "windows".to_owned(), ..Platform::default() }), Choice::Task);
    let sudo = Platform { sudo_user: Some("1000".to_owned()), ..with_manager };
    assert!(matches!(choose(&sudo), Choice::Refused(why) if why.contains("without sudo")));
}

/// Whether another program accepts what was rendered; none where that program is not there.
fn accepted_by(program: &str, args: &[&str], files: &[(&str, Vec<u8>)]) -> Option<(bool, String)> {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    let mut command = std::process::Command::new(program);
    let output =
        command.args(args).current_dir(dir.path()).env("XDG_RUNTIME_DIR", dir.path()).output().ok()?;
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[test]
#[cfg(unix)]
fn systemd_itself_has_nothing_to_say_against_the_units() {
    for name in ["plain", "with space, 50% and ümlaut", "with \"quotes\", $HOME and \\"] {
        // It checks that the program exists.
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join(name);
        std::fs::create_dir(&odd).unwrap();
        std::fs::copy(std::env::current_exe().unwrap(), odd.join("kache")).unwrap();
        let service = service(odd.join("kache").to_str().unwrap());
        let files = [
            ("kache.socket", systemd::socket(&service).into_bytes()),
            ("kache.service", systemd::unit(&service).into_bytes()),
        ];
        let args = ["--user", "verify", "./kache.socket", "./kache.service"];
        match accepted_by("systemd-analyze", &args, &files) {
            None => println!("skipped: there is no systemd-analyze"),
            Some((is_fine, said)) => assert_eq!((is_fine, said.as_str()), (true, ""), "{name}"),
        }
    }
}

#[test]
fn a_property_list_is_read_as_it_was_meant() {
    let service = service("/Users/me & you/kache");
    let script = "import plistlib,sys; p=plistlib.load(open('p','rb')); print(sorted((k, type(v).__name__) for k,v in p.items()), p['ProgramArguments'])";
    match accepted_by("python3", &["-c", script], &[("p", launchd::plist(&service).into_bytes())]) {
        None => println!("skipped: there is no python3"),
        Some((is_fine, said)) => {
            let expected = "[('ExitTimeOut', 'int'), ('KeepAlive', 'dict'), ('Label', 'str'), \
                ('LimitLoadToSessionType', 'list'), ('ProcessType', 'str'), ('ProgramArguments', 'list'), \
                ('RunAtLoad', 'bool'), ('SoftResourceLimits', 'dict'), ('StandardErrorPath', 'str'), \
                ('StandardOutPath', 'str'), ('ThrottleInterval', 'int'), ('Umask', 'int')] \
                ['/Users/me & you/kache', 'daemon', 'run', '--supervised=launchd']\n";
            assert_eq!((is_fine, said.as_str()), (true, expected));
        }
    }
}

#[test]
fn a_task_is_well_formed_xml_with_its_elements_in_order() {
    let service = service(r"C:\Users\me & you\kache.exe");
    let script = "import xml.etree.ElementTree as e; t=e.parse('t').getroot(); print([c.tag.split('}')[1] for c in t], [c.tag.split('}')[1] for c in t[1][0]], t[4][0][0].text)";
    match accepted_by("python3", &["-c", script], &[("t", task::file(&service))]) {
        None => println!("skipped: there is no python3"),
        Some((is_fine, said)) => {
            let expected = "['RegistrationInfo', 'Triggers', 'Principals', 'Settings', 'Actions'] \
                ['Enabled', 'UserId', 'Delay'] C:\\Users\\me & you\\kache.exe\n";
            assert_eq!((is_fine, said.as_str()), (true, expected));
        }
    }
}
