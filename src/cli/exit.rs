//! Exit codes and failures of commands. Scripts rely on the codes: a code never changes its meaning.

use std::fmt;

use crate::cli::terminal;

/// The exit codes of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Success, or nothing to do.
    Ok = 0,
    /// Something failed.
    Failed = 1,
    /// Nothing was done: invalid arguments or configuration, or a dry run found changes to make.
    Usage = 2,
    /// Nothing was done: another kache process is running.
    Busy = 4,
}

impl Exit {
    /// A dry run found changes to make.
    pub const CHANGES_NEEDED: Exit = Exit::Usage;
}

/// The hint where cargo is not found.
pub const NO_CARGO_HINT: &str = "install Rust (https://rustup.rs), or add its directory to PATH";

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// What failed, each with the path concerned.
    pub errors: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
    pub exit: Exit,
}

impl Failure {
    /// A failure with exit code 1.
    pub fn new(error: impl fmt::Display) -> Failure {
        Failure { errors: vec![error.to_string()], hint: None, exit: Exit::Failed }
    }

    /// Invalid arguments or configuration.
    pub fn usage(errors: Vec<String>) -> Failure {
        Failure { errors, hint: None, exit: Exit::Usage }
    }

    /// Adds a hint.
    pub fn hint(self, hint: impl Into<String>) -> Failure {
        Failure { hint: Some(hint.into()), ..self }
    }

    /// Prints the failure on standard error, and returns the exit code.
    pub fn say(&self) -> Exit {
        terminal::say(&self.to_string());
        self.exit
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::new(format_args!("{:#}", error.into()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.errors {
            writeln!(f, "error: {error}")?;
        }
        match &self.hint {
            Some(hint) => writeln!(f, "hint: {hint}"),
            None => Ok(()),
        }
    }
}
