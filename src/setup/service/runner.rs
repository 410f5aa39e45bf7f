//! Calling the service manager's own commands.

use std::ffi::OsStr;
use std::time::Duration;

use crate::setup::plan::CommandLine;
use crate::sys::process::{self, Captured};

/// How long a service manager may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs commands, or says what they answered once.
pub trait CommandRunner {
    /// How the command ended and what it printed.
    fn run(&self, command: &CommandLine) -> std::io::Result<Captured>;

    /// Waits a moment before something is asked again.
    fn wait(&self, time: Duration);
}

/// Runs them.
pub struct System;

impl CommandRunner for System {
    fn run(&self, command: &CommandLine) -> std::io::Result<Captured> {
        let (program, args) = command.0.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        process::capture_for_user(OsStr::new(program), args, PATIENCE)
    }

    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// Runs a command that must succeed. An error names it and what it said, which is for people: nothing is read out of it,
/// because it comes in their language.
pub fn must(runner: &dyn CommandRunner, command: &CommandLine) -> Result<Captured, String> {
    let captured = runner.run(command).map_err(|e| format!("`{}`: {e}", line(command)))?;
    if captured.code == Some(0) { Ok(captured) } else { Err(failure(command, &captured)) }
}

/// What to say of a command that failed.
pub fn failure(command: &CommandLine, captured: &Captured) -> String {
    let said =
        String::from_utf8_lossy(if captured.stderr.is_empty() { &captured.stdout } else { &captured.stderr })
            .trim()
            .replace('\n', "; ");
    let code = captured.code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
    format!("`{}` exited with {code}: {said}", line(command))
}

/// The command as it would be typed.
pub fn line(command: &CommandLine) -> String {
    command.0.join(" ")
}
