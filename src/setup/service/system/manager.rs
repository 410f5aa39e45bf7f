//! Which manager runs the services of this machine, and the files and commands that `service-manager` uses for it.

use std::path::{Path, PathBuf};

use crate::setup::plan::CommandLine;
use crate::setup::service::launchd;
use crate::setup::service::system::render::{self, SystemService};
use crate::sys::fs;

/// The manager of a machine's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemManager {
    Systemd,
    Launchd,
    OpenRc,
    Rcd,
}

impl SystemManager {
    pub const ALL: [SystemManager; 4] =
        [SystemManager::Systemd, SystemManager::Launchd, SystemManager::OpenRc, SystemManager::Rcd];

    /// The one that runs on the system called `os`, whose files are below `root`.
    pub fn detect(os: &str, root: &Path) -> Option<SystemManager> {
        let signs = [
            ("linux", "run/systemd/system", SystemManager::Systemd),
            ("linux", "run/openrc", SystemManager::OpenRc),
            ("macos", "", SystemManager::Launchd),
            ("freebsd", "etc/rc.subr", SystemManager::Rcd),
        ];
        for (system, sign, manager) in signs {
            if os == system && fs::metadata(&root.join(sign)).is_ok() {
                return Some(manager);
            }
        }
        None
    }

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            SystemManager::Systemd => "systemd",
            SystemManager::Launchd => "launchd",
            SystemManager::OpenRc => "OpenRC",
            SystemManager::Rcd => "rc.d",
        }
    }

    /// The file that describes the service called `name`, below the root.
    pub fn file(self, name: &str) -> PathBuf {
        match self {
            SystemManager::Systemd => PathBuf::from(format!("etc/systemd/system/{name}.service")),
            SystemManager::Launchd => {
                PathBuf::from(format!("Library/LaunchDaemons/{}{name}.plist", launchd::PREFIX))
            }
            SystemManager::OpenRc => PathBuf::from(format!("etc/init.d/{name}")),
            SystemManager::Rcd => PathBuf::from(format!("usr/local/etc/rc.d/{name}")),
        }
    }

    /// What that file says.
    pub fn text(self, service: &SystemService) -> String {
        match self {
            SystemManager::Systemd => render::unit(service),
            SystemManager::Launchd => render::plist(service),
            SystemManager::OpenRc => render::openrc(service),
            SystemManager::Rcd => render::rcd(service),
        }
    }

    /// The service account in the file at `path`, if that runs kache's daemon.
    pub fn account_in_file(self, path: &Path) -> Option<String> {
        account_in(&String::from_utf8_lossy(&fs::read(path).ok()?))
    }

    /// The mode of that file: scripts are executed.
    pub fn mode(self) -> u32 {
        match self {
            SystemManager::Systemd | SystemManager::Launchd => 0o644,
            SystemManager::OpenRc | SystemManager::Rcd => 0o755,
        }
    }

    /// The command that `service-manager` runs for a step, to be shown before.
    pub fn command(self, step: ServiceStep, name: &str) -> CommandLine {
        let file = Path::new("/").join(self.file(name)).to_string_lossy().into_owned();
        let label = format!("{}{name}", launchd::PREFIX);
        let (program, args): (&str, &[&str]) = match (self, step) {
            (SystemManager::Systemd, ServiceStep::Enable) => ("systemctl", &["enable", &file]),
            (SystemManager::Systemd, ServiceStep::Start) => ("systemctl", &["start", name]),
            (SystemManager::Systemd, ServiceStep::Stop) => ("systemctl", &["stop", name]),
            (SystemManager::Systemd, ServiceStep::Disable) => ("systemctl", &["disable", &file]),
            (SystemManager::Launchd, ServiceStep::Enable) => ("launchctl", &["load", &file]),
            (SystemManager::Launchd, ServiceStep::Start) => ("launchctl", &["start", &label]),
            (SystemManager::Launchd, ServiceStep::Stop) => ("launchctl", &["stop", &label]),
            (SystemManager::Launchd, ServiceStep::Disable) => ("launchctl", &["remove", &label]),
            (SystemManager::OpenRc, ServiceStep::Enable) => ("rc-update", &["add", name, "default"]),
            (SystemManager::OpenRc, ServiceStep::Start) => ("rc-service", &[name, "start"]),
            (SystemManager::OpenRc, ServiceStep::Stop) => ("rc-service", &[name, "stop"]),
            (SystemManager::OpenRc, ServiceStep::Disable) => ("rc-update", &["del", name, "default"]),
            (SystemManager::Rcd, ServiceStep::Enable) => ("service", &[name, "enable"]),
            (SystemManager::Rcd, ServiceStep::Start) => ("service", &[name, "start"]),
            (SystemManager::Rcd, ServiceStep::Stop) => ("service", &[name, "stop"]),
            (SystemManager::Rcd, ServiceStep::Disable) => ("service", &[name, "delete"]),
        };
        CommandLine::new(program, args)
    }
}

/// A step that takes a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceStep {
    /// Start the service at boot, from now on.
    Enable,
    /// Start it now.
    Start,
    Stop,
    /// Do not start it at boot.
    Disable,
}

/// The service account in the text of a file, if that runs kache's daemon.
pub fn account_in(text: &str) -> Option<String> {
    let words = text.replace("<string>", " ").replace("</string>", " ");
    let words: Vec<&str> = words.split_whitespace().collect();
    let runs_daemon = words.windows(3).any(|words| {
        words[0].trim_matches(['"', '\'']).ends_with("daemon")
            && words[1] == "run"
            && words[2].starts_with("--supervised=")
    });
    if !runs_daemon {
        return None;
    }
    for line in text.lines() {
        for key in ["User=", "command_user="] {
            if let Some(user) = line.strip_prefix(key) {
                return Some(user.to_owned());
            }
        }
        if let Some((_, rest)) = line.split_once(" -u ") {
            return rest.split(' ').next().map(str::to_owned);
        }
    }
    let (_, rest) = text.split_once("<key>UserName</key>")?;
    let (_, rest) = rest.split_once("<string>")?;
    rest.split("</string>").next().map(str::to_owned)
}
