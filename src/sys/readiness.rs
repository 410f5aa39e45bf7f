//! Notifications to the service manager that started this process, by the protocol of `sd_notify(3)`.

/// What the service manager is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    Ready,
    Stopping,
    /// The process is alive. A manager that was told to watch restarts a service that stops saying so.
    Alive,
}

/// Notifies the service manager, if there is one that wants to know. Failures are ignored: nothing depends on them.
#[cfg(target_os = "linux")]
pub fn notify(notice: Notice) {
    let state = match notice {
        Notice::Ready => sd_notify::NotifyState::Ready,
        Notice::Stopping => sd_notify::NotifyState::Stopping,
        Notice::Alive => sd_notify::NotifyState::Watchdog,
    };
    let _ = sd_notify::notify(&[state]);
}

/// Only systemd has this protocol.
#[cfg(not(target_os = "linux"))]
pub fn notify(_notice: Notice) {}
