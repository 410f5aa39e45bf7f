//! The daemon as a login service, which the service manager of the system starts and restarts.
//!
//! | system | by | what is written |
//! |---|---|---|
//! | Linux with a systemd user manager | [`systemd`] | a unit and its socket below `~/.config/systemd/user` |
//! | macOS | [`launchd`] | an agent in `~/Library/LaunchAgents` |
//! | Windows | [`task`] | a task at logon; where that is refused, a value of the user's `Run` key |
//! | all others | none | nothing: `kache daemon start` starts it ([`detect`] says why) |
//!
//! Where nobody logs in, an administrator can install one for a service account: [`system`].
//!
//! Files are rendered by pure functions on every system, which snapshots test. Installing and removing are plans
//! ([`crate::setup::plan`]) like every other change of the machine. All other commands go through a
//! [`runner::CommandRunner`], so that tests can play back the answers of real managers.
//!
//! The crate `service-manager` is used for [`system`] services only, which says why.

pub mod runner;

pub mod supervisor;

pub mod systemd;

pub mod launchd;

pub mod task;

pub mod system;

pub mod detect;

pub mod install;

#[cfg(test)]
mod tests;
