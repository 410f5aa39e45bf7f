//! Runs the commands of service managers.

use std::ffi::OsStr;
use std::time::Duration;

use crate::setup::plan::{CommandError, CommandLine};
use crate::sys::process::{self, Captured};

/// How long a service manager may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs commands, or plays back their answers in tests.
pub trait CommandRunner {
    /// How the command ended and what it printed.
    fn run(&self, command: &CommandLine) -> std::io::Result<Captured>;

    /// Waits before a command is run again.
    fn wait(&self, time: Duration);
}

/// Runs commands on this machine.
pub struct SystemRunner;

impl CommandRunner for SystemRunner {
    fn run(&self, command: &CommandLine) -> std::io::Result<Captured> {
        let (program, args) = command.parts()?;
        process::capture_for_user(OsStr::new(program), args, PATIENCE)
    }

    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// Runs a command that must succeed.
pub fn must(runner: &dyn CommandRunner, command: &CommandLine) -> Result<Captured, CommandError> {
    command.must(runner.run(command))
}

/// Runs a command whose exit code is an answer.
pub fn ask(runner: &dyn CommandRunner, command: &CommandLine) -> Result<Captured, CommandError> {
    command.was_run(runner.run(command))
}
