//! The daemon as a login service: started by what the system has for that, and started again when it crashes.
//!
//! | system | by | what is written |
//! |---|---|---|
//! | Linux with a systemd user manager | [`systemd`] | a unit and its socket below `~/.config/systemd/user` |
//! | macOS | [`launchd`] | an agent in `~/Library/LaunchAgents` |
//! | Windows | [`task`] | a task at logon; where that is refused, a value of the user's `Run` key |
//! | all others | nobody | nothing: `kache daemon start` starts it ([`detect`] says why) |
//!
//! OpenRC is among the others: its services are the system's, run by root, and this daemon is one user's.
//!
//! Files are rendered by pure functions, on every system, and are compared with what they should be in tests. Installing
//! and removing are plans ([`crate::setup::plan`]) like every other change of the machine. Everything else that is asked
//! of a manager goes through a [`runner::CommandRunner`], so that what real ones answered can be played back.
//!
//! The crate `service-manager` is not used. It writes a program's path unquoted into units, has no sockets, asks launchd
//! by commands that are deprecated and reads its status out of error messages, knows tasks of Windows not at all, and
//! applies at once what is to be shown first. What would be left of it is a file placed and a command called.

pub mod runner;

pub mod supervisor;

pub mod systemd;

pub mod launchd;

pub mod task;

pub mod detect;

pub mod install;

#[cfg(test)]
mod tests;
