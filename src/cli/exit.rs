//! Exit codes and failures of commands. Scripts rely on the codes: a code never changes its meaning.

use std::fmt;

use serde::Serialize;

use crate::report::format::Format;
use crate::report::text::{Style, Text};

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

/// What kind of failure it is, as `error.code` of the JSON output. Codes may be added; none changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// Any failure without a code of its own.
    Failed,
    /// Invalid arguments.
    Usage,
    /// An invalid setting of kache, or no directory for the store.
    InvalidConfig,
    /// An invalid or unsuitable cargo configuration, which was left unchanged.
    CargoConfig,
    /// Cargo was not found.
    CargoNotFound,
    /// Confirmation is needed: pass `-y`, or `--dry-run`.
    ConfirmationRequired,
    /// Root runs the command on behalf of another user, or there is no home directory.
    WrongUser,
    /// Another kache process is running.
    Busy,
    /// There is no record of the crate.
    NotRecorded,
    /// The store, or a part of it, cannot be read or written.
    StoreUnusable,
    /// The daemon does not answer, did not start or did not exit.
    DaemonUnreachable,
    /// The remote is not configured, does not answer, or refuses a request.
    RemoteUnusable,
    /// Part of the work is left to the user.
    Unfinished,
    /// The journal of changes is damaged.
    JournalDamaged,
    /// This program was not installed by the kache installer, which alone can be updated.
    NotUpdatable,
    /// The build failed.
    BuildFailed,
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
    pub code: ErrorCode,
    pub exit: Exit,
}

/// A failure, for programs. Printed in place of the command's own object.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FailureReport<'a> {
    format: Format<1>,
    error: ErrorReport<'a>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ErrorReport<'a> {
    code: ErrorCode,
    /// What failed, one line each.
    message: String,
    /// What to do next.
    hint: Option<&'a str>,
}

impl Failure {
    /// A failure with exit code 1.
    pub fn new(error: impl fmt::Display) -> Failure {
        Failure { errors: vec![error.to_string()], hint: None, code: ErrorCode::Failed, exit: Exit::Failed }
    }

    /// Several errors of one kind, with exit code 1.
    pub fn several(code: ErrorCode, errors: Vec<String>) -> Failure {
        Failure { errors, hint: None, code, exit: Exit::Failed }
    }

    /// Invalid arguments or configuration: nothing was done.
    pub fn usage(error: impl fmt::Display) -> Failure {
        Failure { code: ErrorCode::Usage, exit: Exit::Usage, ..Failure::new(error) }
    }

    /// Another kache process is running: nothing was done.
    pub fn busy(error: impl fmt::Display) -> Failure {
        Failure { code: ErrorCode::Busy, exit: Exit::Busy, ..Failure::new(error) }
    }

    /// Sets the code for programs.
    pub fn code(self, code: ErrorCode) -> Failure {
        Failure { code, ..self }
    }

    /// Adds a hint.
    pub fn hint(self, hint: impl Into<String>) -> Failure {
        Failure { hint: Some(hint.into()), ..self }
    }

    /// The failure for people.
    pub fn text(&self) -> Text {
        let mut text = Text::new();
        for error in &self.errors {
            text.push_styled(Style::Error, "error:");
            text.push(format!(" {error}\n"));
        }
        if let Some(hint) = &self.hint {
            text.append(hint_line(hint));
        }
        text
    }

    /// The failure for programs.
    pub fn report(&self) -> FailureReport<'_> {
        let (code, message) = (self.code, self.errors.join("\n"));
        FailureReport { format: Format, error: ErrorReport { code, message, hint: self.hint.as_deref() } }
    }
}

/// A line with a hint.
pub fn hint_line(hint: &str) -> Text {
    let mut text = Text::new();
    text.push_styled(Style::Hint, "hint:");
    text.push(format!(" {hint}\n"));
    text
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::new(format_args!("{:#}", error.into()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text().plain())
    }
}
