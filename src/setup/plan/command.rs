//! Commands that change the machine, and the error of one that failed.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};

use crate::sys::process::Captured;

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandLine(pub Vec<String>);

/// Why a command that had to succeed did not.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("failed to run `{command}`: {error}")]
    NotRun { command: CommandLine, error: io::Error },
    /// `output` is for people. Nothing is read from it, because it is in their language.
    #[error("`{command}` exited with {}: {output}", exit_text(*code))]
    Failed { command: CommandLine, code: Option<i32>, output: String },
}

impl CommandLine {
    /// `program` with `args`.
    pub fn new(program: &str, args: &[&str]) -> CommandLine {
        CommandLine([program].iter().chain(args).map(|part| (*part).to_owned()).collect())
    }

    /// The program and its arguments.
    ///
    /// # Errors
    /// The command is empty.
    pub fn parts(&self) -> io::Result<(&str, &[String])> {
        let (program, args) = self.0.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        Ok((program, args))
    }

    /// What the command printed, if it was run and ended with 0.
    ///
    /// # Errors
    /// It was not run, or it failed.
    pub fn must(&self, run: io::Result<Captured>) -> Result<Captured, CommandError> {
        let captured = self.was_run(run)?;
        if captured.code == Some(0) { Ok(captured) } else { Err(self.failed(&captured)) }
    }

    /// How the command ended, if it was run.
    ///
    /// # Errors
    /// It was not run.
    pub fn was_run(&self, run: io::Result<Captured>) -> Result<Captured, CommandError> {
        run.map_err(|error| CommandError::NotRun { command: self.clone(), error })
    }

    /// The error for a command that was run and failed.
    pub fn failed(&self, captured: &Captured) -> CommandError {
        let output = if captured.stderr.is_empty() { &captured.stdout } else { &captured.stderr };
        let output = String::from_utf8_lossy(output).trim().replace('\n', "; ");
        CommandError::Failed { command: self.clone(), code: captured.code, output }
    }
}

/// The command as one would type it in a shell.
impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            let blank = if index == 0 { "" } else { " " };
            match is_plain(part) {
                true => write!(f, "{blank}{part}")?,
                false => write!(f, "{blank}'{}'", part.replace('\'', r"'\''"))?,
            }
        }
        Ok(())
    }
}

/// Whether a shell takes `part` as it is.
fn is_plain(part: &str) -> bool {
    !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "-_./:=@%+,\\".contains(c))
}

/// How a process ended, after `exited with`.
pub fn exit_text(code: Option<i32>) -> String {
    code.map_or_else(|| "a signal".to_owned(), |code| code.to_string())
}
