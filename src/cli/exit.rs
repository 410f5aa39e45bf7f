//! How a command ends, and how it says what went wrong.

use std::fmt;

use crate::cli::terminal;

/// The codes that commands end with. Scripts rely on them: a number never gets another meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Ok = 0,
    /// Something could not be done.
    Failed = 1,
    /// Nothing was done: the arguments or the configuration are not right, or changes were only looked for and some
    /// are needed.
    Usage = 2,
    /// Another process is at it; nothing was done.
    Busy = 4,
}

impl Exit {
    /// Changes were only looked for, and some are needed.
    pub const CHANGES_NEEDED: Exit = Exit::Usage;
}

/// What to do where there is no cargo.
pub const NO_CARGO_HINT: &str = "install Rust (https://rustup.rs), or add its directory to PATH";

/// Why a command did not do what it was called for.
#[derive(Debug)]
pub struct Failure {
    /// What happened, each with the path it happened to.
    pub errors: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
    pub exit: Exit,
}

impl Failure {
    /// A command that could not do its work.
    pub fn new(error: impl fmt::Display) -> Failure {
        Failure { errors: vec![error.to_string()], hint: None, exit: Exit::Failed }
    }

    /// Arguments or a configuration that are not right.
    pub fn usage(errors: Vec<String>) -> Failure {
        Failure { errors, hint: None, exit: Exit::Usage }
    }

    /// The same with advice.
    pub fn hint(self, hint: impl Into<String>) -> Failure {
        Failure { hint: Some(hint.into()), ..self }
    }

    /// Says it on standard error. Answers the code to end with.
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
