//! Which service manager this machine has for its users, or why it has none.

use std::path::{Path, PathBuf};

use crate::daemon::binary;
use crate::protocol::build::Build;
use crate::setup::plan::CommandLine;
use crate::setup::service::launchd::Launchd;
use crate::setup::service::runner::CommandRunner;
use crate::setup::service::supervisor::{ServiceSpec, Supervisor};
use crate::setup::service::system::manager::SystemManager;
use crate::setup::service::systemd::{Systemd, systemctl};
use crate::setup::service::task::Task;
use crate::sys::env::{self as sys_env, Env};
use crate::sys::{dirs, fs, ipc};

/// What a machine is, as far as its service manager follows from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    /// As [`std::env::consts::OS`] has it.
    pub system: String,
    /// The variable by which a CI service says that this is one of its jobs.
    pub ci: Option<&'static str>,
    /// What says that this is a container.
    pub container: Option<&'static str>,
    /// systemd started this machine.
    pub is_systemd: bool,
    /// The systemd user manager answers.
    pub has_user_manager: bool,
    /// Linux below Windows.
    pub is_wsl: bool,
    pub is_openrc: bool,
    /// The user who became root with sudo.
    pub sudo_user: Option<String>,
    /// The file of a system service that runs the daemon of this user.
    pub system_service: Option<PathBuf>,
}

/// What starts the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    Systemd,
    Launchd,
    Task,
    /// Nothing: it is started on demand. Why.
    OnDemand(String),
    /// Nothing should be installed at all. Why.
    Refused(String),
}

/// What starts the daemon on this machine.
pub fn choose(platform: &Platform) -> Choice {
    if let Some(user) = &platform.sudo_user {
        return Choice::Refused(format!(
            "this is root in place of user {user}, and the service would belong to root; run it without sudo"
        ));
    }
    if let Some(variable) = platform.ci {
        return Choice::OnDemand(format!("{variable} is set: a CI machine lives for one job only"));
    }
    if let Some(path) = &platform.system_service {
        return Choice::OnDemand(format!(
            "the system service in {} runs the daemon of this user",
            path.display()
        ));
    }
    match platform.system.as_str() {
        "macos" => return Choice::Launchd,
        "windows" => return Choice::Task,
        _ => {}
    }
    if platform.has_user_manager {
        return Choice::Systemd;
    }
    Choice::OnDemand(if let Some(sign) = platform.container {
        format!("this is a container ({sign}), which has no user service manager")
    } else if platform.is_wsl && !platform.is_systemd {
        "this is WSL without systemd; to have it, write `[boot]` and `systemd=true` into /etc/wsl.conf, \
         then call `wsl --shutdown` in Windows"
            .to_owned()
    } else if platform.is_systemd {
        "systemd runs, but its user manager does not answer; `systemctl --user status` may say why".to_owned()
    } else if platform.is_openrc {
        "OpenRC starts system services, not user services".to_owned()
    } else {
        "no known user service manager is running".to_owned()
    })
}

/// What may start the daemon on a system of this kind.
pub fn default_choice() -> Choice {
    match std::env::consts::OS {
        "macos" => Choice::Launchd,
        "windows" => Choice::Task,
        _ => Choice::Systemd,
    }
}

const CI_VARIABLES: [&str; 7] =
    ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "BUILDKITE", "JENKINS_URL", "TEAMCITY_VERSION", "TF_BUILD"];

impl Platform {
    /// Looks at this machine.
    pub fn detect(env: &Env, runner: &dyn CommandRunner) -> Platform {
        let is_linux = std::env::consts::OS == "linux";
        let container = [("/.dockerenv", "/.dockerenv"), ("/run/.containerenv", "/run/.containerenv")]
            .into_iter()
            .find_map(|(path, sign)| exists(path).then_some(sign))
            .or(is_set(env, "container").then_some("the variable `container`"))
            .or(is_set(env, "KUBERNETES_SERVICE_HOST").then_some("the variable KUBERNETES_SERVICE_HOST"));
        let kernel = fs::read(Path::new("/proc/version")).unwrap_or_default().to_ascii_lowercase();
        let is_systemd = is_linux && exists("/run/systemd/system");
        let sudo_user = env.get("SUDO_UID").filter(|_| sys_env::is_root());
        Platform {
            system: std::env::consts::OS.to_owned(),
            ci: CI_VARIABLES.into_iter().find(|name| is_set(env, name)),
            container: container.filter(|_| is_linux),
            is_systemd,
            has_user_manager: is_linux && user_manager_answers(runner),
            is_wsl: memchr::memmem::find(&kernel, b"microsoft").is_some(),
            is_openrc: is_linux && exists("/run/openrc"),
            sudo_user: sudo_user.map(|user| user.to_string_lossy().into_owned()),
            system_service: system_service_of_user(runner),
        }
    }
}

/// The name of kache's service; development builds have a daemon of their own.
pub fn service_name(build: &Build) -> &'static str {
    if build.is_dev { "kache-dev" } else { "kache" }
}

/// The file of a system service that runs the daemon of this user.
fn system_service_of_user(runner: &dyn CommandRunner) -> Option<PathBuf> {
    let name = service_name(&Build::current());
    let files = SystemManager::ALL.map(|manager| (manager, Path::new("/").join(manager.file(name))));
    for (manager, path) in files {
        let Some(account) = manager.account_in_file(&path) else { continue };
        let user = runner.run(&CommandLine::new("id", &["-un"])).ok()?;
        if user.stdout.trim_ascii() == account.as_bytes() {
            return Some(path);
        }
    }
    None
}

fn is_set(env: &Env, name: &str) -> bool {
    env.get(name).is_some_and(|value| !value.is_empty() && value != "false")
}

fn exists(path: &str) -> bool {
    fs::metadata(Path::new(path)).is_ok()
}

fn user_manager_answers(runner: &dyn CommandRunner) -> bool {
    runner.run(&systemctl(&["show-environment"])).is_ok_and(|said| said.code == Some(0))
}

/// Why the service cannot even be described.
#[derive(Debug, thiserror::Error)]
pub enum NoService {
    #[error("there is no home directory to install a service in; set HOME")]
    NoHome,
    #[error("{0}")]
    System(#[from] std::io::Error),
}

/// The service manager of a choice, for the binary at `exe`.
pub fn supervisor(
    choice: &Choice,
    exe: &Path,
    build: &Build,
    env: &Env,
) -> Result<Option<Box<dyn Supervisor>>, NoService> {
    let home = dirs::home(env).filter(|home| home.is_absolute()).ok_or(NoService::NoHome)?;
    // What is written for Windows is no configuration that anybody edits.
    let config_dir = if *choice == Choice::Task { dirs::data(env) } else { dirs::config(env) };
    let config_dir = config_dir.ok_or(NoService::NoHome)?;
    let service = ServiceSpec {
        exe: exe.to_owned(),
        copy: binary::copy_to_run(build, env),
        name: service_name(build).to_owned(),
        socket: if build.is_dev { "daemon-dev.sock" } else { "daemon.sock" }.to_owned(),
        home,
        config_dir,
        user: ipc::user_name()?,
    };
    Ok(match choice {
        Choice::Systemd => Some(Box::new(Systemd(service))),
        Choice::Launchd => Some(Box::new(Launchd(service))),
        Choice::Task => Some(Box::new(Task(service))),
        Choice::OnDemand(_) | Choice::Refused(_) => None,
    })
}
