//! A unit of the systemd user manager, and the socket that starts it.
//!
//! The socket is systemd's: clients that connect while the daemon does not run wait until it does. There is no directive
//! that needs a mount namespace (`ProtectSystem`, `PrivateTmp`, …): in units of users these imply user namespaces, which
//! many systems restrict, and every bind mount would make links between store and builds impossible. No `PATH` and no
//! other variable is set: settings come from the configuration file.
//!
//! Packages install the same units, not enabled, and a home manager may have linked them. Those are used as they are.

use std::path::{Path, PathBuf};

use crate::setup::plan::{Action, CannotPlan, CommandError, CommandLine, Plan, UndoEdit};
use crate::setup::service::runner::{self, CommandRunner};
use crate::setup::service::supervisor::{INSTALL, ServiceSpec, ServiceStatus, Supervisor, UNINSTALL};
use crate::setup::unwritable::unwritable;
use crate::sys::fs;

/// The socket unit.
pub fn socket(service: &ServiceSpec) -> String {
    format!(
        "[Socket]
ListenStream=%t/kache/{}
SocketMode=0600
DirectoryMode=0700
[Install]
WantedBy=sockets.target
",
        escaped(&service.socket)
    )
}

/// The service unit.
pub fn unit(service: &ServiceSpec) -> String {
    let name = &service.name;
    format!(
        "[Unit]
Description=kache build cache daemon
Requires={name}.socket
After={name}.socket
StartLimitIntervalSec=60
StartLimitBurst=5
[Service]
{}[Install]
WantedBy=default.target
Also={name}.socket
",
        service_section(&service.exe.to_string_lossy(), name)
    )
}

/// How the program at `exe` is run, for a user's unit and for a system unit.
pub fn service_section(exe: &str, name: &str) -> String {
    let exe = program(exe);
    format!(
        "Type=notify
ExecStart={exe} daemon run --supervised=systemd
Restart=on-failure
RestartSec=1s
RestartForceExitStatus=75
SuccessExitStatus=75
TimeoutStopSec=45s
KillMode=mixed
WatchdogSec=60s
CPUWeight=80
IOWeight=50
MemoryHigh=1G
MemoryMax=2G
TasksMax=512
LimitNOFILE=65536
OOMScoreAdjust=200
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
SyslogIdentifier={name}
"
    )
}

/// The program of a command line. systemd takes no quote, backslash or dollar in its name; as an argument of another
/// program it may have them.
fn program(exe: &str) -> String {
    let is_odd = exe.contains(['"', '\'', '\\', '$', '\n']);
    format!("{}\"{}\"", if is_odd { "/usr/bin/env " } else { "" }, escaped(exe))
}

/// `text` between double quotes in a unit: backslash and quote are escaped, `%` and `$` stand for themselves.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '\\' | '"' => escaped.extend(['\\', letter]),
            '%' | '$' => escaped.extend([letter, letter]),
            '\n' => escaped += "\\n",
            _ => escaped.push(letter),
        }
    }
    escaped
}

/// The program that lets the services of a user run without a login.
pub const LOGINCTL: &str = "loginctl";

/// Makes this user's manager run from boot to shutdown; `None` if it does.
pub fn linger(runner: &dyn CommandRunner) -> Option<Action> {
    let shown = runner.run(&CommandLine::new(LOGINCTL, &["show-user", "--property", "Linger"]));
    if shown.is_ok_and(|shown| shown.stdout.trim_ascii() == b"Linger=yes") {
        return None;
    }
    let enable = CommandLine::new(LOGINCTL, &["enable-linger"]);
    let disable = CommandLine::new(LOGINCTL, &["disable-linger"]);
    let title = "Start this user's services at boot instead of at login";
    Some(Action::run(title, enable, Some(disable)))
}

/// What this manager is called.
pub const SYSTEMD: &str = "systemd";

/// The systemd user manager.
pub struct Systemd(pub ServiceSpec);

impl Systemd {
    fn dir(&self) -> PathBuf {
        self.0.config_dir.join("systemd/user")
    }

    fn units(&self) -> [String; 2] {
        [format!("{}.socket", self.0.name), format!("{}.service", self.0.name)]
    }

    fn call(&self, verb: &[&str]) -> CommandLine {
        let [socket, unit] = self.units();
        systemctl(&[verb, &[&socket, &unit]].concat())
    }

    /// The links that make the manager start the units at login.
    fn links(&self) -> [PathBuf; 2] {
        let [socket, unit] = self.units();
        [
            self.dir().join("sockets.target.wants").join(socket),
            self.dir().join("default.target.wants").join(unit),
        ]
    }

    /// Whether `path` was not written by kache, and runs this program or cannot be replaced.
    fn is_foreign(&self, path: &Path) -> bool {
        let target = fs::canonical(path).unwrap_or_else(|_| path.to_owned());
        if self.files().iter().any(|own| own == path) {
            return target != path && unwritable(&target).is_some();
        }
        self.runs(&String::from_utf8_lossy(&fs::read(&target).unwrap_or_default()))
    }

    /// Whether a unit runs this program, by whatever path.
    fn runs(&self, unit: &str) -> bool {
        let called = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")?.split_once(" daemon run"));
        let Some((called, _)) = called else { return false };
        let path = Path::new(called.trim_matches('"'));
        called == program(&self.0.exe.to_string_lossy())
            || matches!((fs::canonical(path), fs::canonical(&self.0.exe)), (Ok(one), Ok(other)) if one == other)
    }

    /// A unit under another name that starts the same daemon: Homebrew's.
    fn other(&self) -> Option<PathBuf> {
        if self.files().iter().any(|path| fs::symlink_metadata(path).is_ok()) {
            return None;
        }
        let units = fs::list(&self.dir()).unwrap_or_default();
        units.into_iter().find(|path| is_other_service(path) && unit_runs_daemon(path))
    }

    fn foreign_of(&self, status: &ServiceStatus) -> Option<PathBuf> {
        status.described_by.clone().filter(|path| self.is_foreign(path))
    }

    /// Starts it now and at login.
    fn enable(&self, status: &ServiceStatus) -> Action {
        let undo = match (status.is_enabled, status.is_running) {
            (true, true) => None,
            (true, false) => Some(self.call(&["stop"])),
            (false, true) => Some(self.call(&["disable"])),
            (false, false) => Some(self.call(&["disable", "--now"])),
        };
        Action::run("Start it now and at every login", self.call(&["enable", "--now"]), undo)
    }

    /// Actions whose undo makes the manager use the old units again. A plan is undone from its end, so these come first:
    /// their undo runs once the old units are restored.
    fn back_to_what_it_was(&self, status: &ServiceStatus) -> Vec<Action> {
        let mut actions = Vec::new();
        if status.is_running {
            let (look, restart) = (self.call(&["is-active", "--quiet"]), self.call(&["restart"]));
            actions.push(Action::run("Check that it is running", look, Some(restart)));
        }
        let reload = systemctl(&["daemon-reload"]);
        actions.push(Action::run("Reload the units", reload.clone(), Some(reload)));
        actions
    }
}

/// A command to the manager of this user.
pub fn systemctl(args: &[&str]) -> CommandLine {
    CommandLine::new("systemctl", &[&["--user"], args].concat())
}

impl Supervisor for Systemd {
    fn name(&self) -> &'static str {
        SYSTEMD
    }

    fn install(&self, runner: &dyn CommandRunner) -> Result<Vec<Plan>, CannotPlan> {
        let mut plan = Plan::new(INSTALL);
        let status = self.status(runner).unwrap_or_default();
        if self.foreign_of(&status).is_some() {
            if !(status.is_enabled && (status.is_running || status.is_listening)) {
                plan.add(self.enable(&status));
            }
            return Ok(vec![plan]);
        }
        if self.other().is_some() {
            return Ok(vec![plan]);
        }
        plan.make_dirs(&self.dir())?;
        let [socket_name, unit_name] = self.units();
        for (name, text) in [(socket_name, socket(&self.0)), (unit_name, unit(&self.0))] {
            let path = self.dir().join(&name);
            plan.add(Action::file(
                format!("Install {name}"),
                &path,
                text.into_bytes(),
                0o644,
                UndoEdit::None,
            )?);
        }
        let is_changed = !plan.is_empty();
        if is_changed {
            let reload = systemctl(&["daemon-reload"]);
            let undo = if status.is_installed { None } else { Some(reload.clone()) };
            if status.is_installed {
                plan.actions.splice(0..0, self.back_to_what_it_was(&status));
            }
            plan.add(Action::run("Reload the units", reload, undo));
        }
        if is_changed || !(status.is_enabled && status.is_running) {
            plan.add(self.enable(&status));
        }
        if is_changed && status.is_running {
            plan.add(Action::run("Restart it with the new units", self.call(&["restart"]), None));
        }
        Ok(vec![plan])
    }

    fn uninstall(&self, runner: &dyn CommandRunner) -> Result<Plan, CannotPlan> {
        let mut plan = Plan::new(UNINSTALL);
        let is_linked = self.links().iter().any(|path| is_there(path));
        let paths: Vec<PathBuf> = self.files().into_iter().filter(|path| is_there(path)).collect();
        if (paths.is_empty() && !is_linked) || paths.iter().any(|path| self.is_foreign(path)) {
            return Ok(plan);
        }
        // Without a session of this user no manager runs. It will not find the unit at the next login.
        let answers = self.status(runner).is_ok();
        if answers {
            plan.add(Action::run(
                "Stop and disable it",
                self.call(&["disable", "--now"]),
                Some(self.call(&["enable", "--now"])),
            ));
        } else {
            for link in self.links() {
                let name = link.file_name().unwrap_or_default().to_string_lossy().into_owned();
                plan.add(Action::remove(format!("Do not start {name} at login"), &link)?);
                if let Some(dir) = link.parent() {
                    let title = format!("Remove the directory {} if it is empty", dir.display());
                    plan.add(Action::remove(title, dir)?);
                }
            }
        }
        let has_own = !paths.is_empty();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            plan.add(Action::remove(format!("Remove {name}"), &path)?);
        }
        if answers && has_own {
            let reload = systemctl(&["daemon-reload"]);
            plan.add(Action::run("Reload the units", reload.clone(), Some(reload)));
        }
        Ok(plan)
    }

    fn files(&self) -> Vec<PathBuf> {
        self.units().map(|name| self.dir().join(name)).into()
    }

    fn foreign(&self, runner: &dyn CommandRunner) -> Option<PathBuf> {
        self.foreign_of(&self.status(runner).ok()?).or_else(|| self.other())
    }

    fn start_again(&self, _runner: &dyn CommandRunner) -> Vec<Action> {
        // A unit that failed too often is not started until its counter is reset.
        vec![
            Action::run("Reset its failure counter", self.call(&["reset-failed"]), None),
            Action::run("Start it", self.call(&["start"]), None),
        ]
    }

    fn start(&self, runner: &dyn CommandRunner) -> Result<(), CommandError> {
        runner::must(runner, &self.call(&["start"])).map(drop)
    }

    fn stop(&self, runner: &dyn CommandRunner) -> Result<(), CommandError> {
        runner::must(runner, &self.call(&["stop"])).map(drop)
    }

    fn status(&self, runner: &dyn CommandRunner) -> Result<ServiceStatus, CommandError> {
        let [socket, unit] = self.units();
        let properties = "LoadState,UnitFileState,ActiveState,SubState,Result,MainPID,NRestarts,FragmentPath";
        let shown = runner::must(runner, &systemctl(&["show", &unit, &socket, "--property", properties]))?;
        Ok(parse_show(&String::from_utf8_lossy(&shown.stdout)))
    }

    fn last_words(&self, runner: &dyn CommandRunner) -> String {
        let unit = format!("{}.service", self.0.name);
        let command =
            CommandLine::new("journalctl", &["--user", "-u", &unit, "-n", "15", "--no-pager", "-o", "cat"]);
        runner
            .run(&command)
            .map_or_else(|e| e.to_string(), |said| String::from_utf8_lossy(&said.stdout).into_owned())
    }
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether a unit has a name of its own: a development build has units beside those of a release.
fn is_other_service(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".service") && !name.starts_with("kache")
}

fn unit_runs_daemon(path: &Path) -> bool {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).replace('"', "");
    text.lines().any(|line| line.starts_with("ExecStart=") && line.contains("/kache daemon run"))
}

/// What `systemctl show` says of a service and of its socket, with an empty line between them: names and values that are
/// the same in every language.
pub fn parse_show(text: &str) -> ServiceStatus {
    let (text, socket) = text.split_once("\n\n").unwrap_or((text, ""));
    let is_running = property(text, "ActiveState") == "active";
    let (load_state, result) = (property(text, "LoadState"), property(text, "Result"));
    let trouble = match (load_state.as_str(), is_running) {
        (_, true) => None,
        ("loaded" | "not-found", _) if matches!(result.as_str(), "success" | "") => None,
        ("loaded" | "not-found", _) => Some(result),
        _ => Some(load_state.clone()),
    };
    ServiceStatus {
        is_installed: !matches!(load_state.as_str(), "not-found" | ""),
        is_enabled: [text, socket].iter().any(|text| property(text, "UnitFileState") == "enabled"),
        is_running,
        is_listening: property(socket, "ActiveState") == "active",
        pid: property(text, "MainPID").parse().ok().filter(|pid| *pid != 0),
        n_restarts: property(text, "NRestarts").parse().ok(),
        trouble,
        described_by: Some(property(text, "FragmentPath")).filter(|path| !path.is_empty()).map(PathBuf::from),
    }
}

/// The value of a property in what `systemctl show` printed; empty if it is not there.
fn property(text: &str, name: &str) -> String {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_default().to_owned()
}
