//! [`Control`] by means of the crate `service-manager`.

use std::io;

use crate::setup::service::system::manager::SystemManager;
use crate::setup::service::system::render::SystemService;
use crate::setup::service::system::service::Control;

/// The manager of a machine, for the service called `name`.
#[cfg(unix)]
pub fn control(manager: SystemManager, name: &str) -> Box<dyn Control> {
    use service_manager as crates;
    let launchd = crate::setup::service::launchd::PREFIX.trim_end_matches('.');
    let label = match manager {
        // Launchd's names are those of domains, and all parts are used.
        SystemManager::Launchd => format!("{launchd}.{name}"),
        _ => name.to_owned(),
    };
    let inner: Box<dyn crates::ServiceManager> = match manager {
        SystemManager::Systemd => Box::new(crates::SystemdServiceManager::system()),
        SystemManager::Launchd => Box::new(crates::LaunchdServiceManager::system()),
        SystemManager::OpenRc => Box::new(crates::OpenRcServiceManager::system()),
        SystemManager::Rcd => Box::new(crates::RcdServiceManager::system()),
    };
    Box::new(ByServiceManager { inner, label })
}

#[cfg(unix)]
struct ByServiceManager {
    inner: Box<dyn service_manager::ServiceManager>,
    label: String,
}

#[cfg(unix)]
impl ByServiceManager {
    fn label(&self) -> io::Result<service_manager::ServiceLabel> {
        self.label.parse()
    }
}

#[cfg(unix)]
impl Control for ByServiceManager {
    fn install(&self, service: &SystemService, text: String) -> io::Result<()> {
        self.inner.install(service_manager::ServiceInstallCtx {
            label: self.label()?,
            program: service.exe.clone().into(),
            args: Vec::new(),
            contents: Some(text),
            username: Some(service.user.clone()),
            working_directory: None,
            environment: None,
            autostart: true,
            // For texts that the crate makes itself.
            restart_policy: service_manager::RestartPolicy::Never,
        })
    }

    fn uninstall(&self) -> io::Result<()> {
        self.inner.uninstall(service_manager::ServiceUninstallCtx { label: self.label()? })
    }

    fn start(&self) -> io::Result<()> {
        self.inner.start(service_manager::ServiceStartCtx { label: self.label()? })
    }

    fn stop(&self) -> io::Result<()> {
        self.inner.stop(service_manager::ServiceStopCtx { label: self.label()? })
    }

    fn is_running(&self) -> io::Result<bool> {
        let status = self.inner.status(service_manager::ServiceStatusCtx { label: self.label()? })?;
        Ok(status == service_manager::ServiceStatus::Running)
    }
}

/// No manager of such systems is used, so this is never asked for anything.
#[cfg(not(unix))]
pub fn control(_manager: SystemManager, _name: &str) -> Box<dyn Control> {
    Box::new(Unsupported)
}

#[cfg(not(unix))]
struct Unsupported;

#[cfg(not(unix))]
impl Control for Unsupported {
    fn install(&self, _service: &SystemService, _text: String) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn uninstall(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn start(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn stop(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn is_running(&self) -> io::Result<bool> {
        Ok(false)
    }
}
