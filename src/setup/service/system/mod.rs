//! The daemon as a system service, run by a service account: for build servers, where no user logs in.
//!
//! | manager | file | where |
//! |---|---|---|
//! | systemd | a unit | `/etc/systemd/system/kache.service` |
//! | launchd | a daemon | `/Library/LaunchDaemons/dev.kache.kache.plist` |
//! | OpenRC | a script | `/etc/init.d/kache` |
//! | rc.d | a script | `/usr/local/etc/rc.d/kache` |
//!
//! The crate `service-manager` does the work: it knows where each manager wants its file and which commands enable,
//! start, stop and remove a service. What it writes is [`render`]ed here, because its own texts leave paths unquoted and
//! know neither limits nor notifications. It asks only whether a program is in `PATH` to tell which manager there is, so
//! [`manager`] looks for the one that runs.
//!
//! It applies a change at once and has no undo. So [`service`] first shows the same file and commands as a plan, and
//! undoes everything if the service does not start. It is not used for the login service, whose changes go through the
//! journal: it has no socket units and no Windows tasks, and loads launchd agents without naming a domain. Its status is
//! an exit code, where doctor needs restarts, results and process IDs; with that gone, starting and stopping a user unit
//! is one command each.

pub mod render;

pub mod manager;

pub mod service;

pub mod control;

#[cfg(test)]
mod tests;
