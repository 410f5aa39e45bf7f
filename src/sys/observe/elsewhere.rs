//! Where nothing can be observed.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Child;

use super::{Abandoned, Failed, Observation, Scope};

/// An observation that goes on.
pub enum Watching {}

impl Watching {
    /// Ends it.
    pub fn finish(self) -> Observation {
        match self {}
    }
}

/// Whether programs can be observed here.
pub fn is_possible() -> bool {
    false
}

/// Whether a program has privileges that it would lose under observation.
pub fn has_privileges(_program: &Path) -> bool {
    false
}

/// Answers that nothing can be observed on this system.
pub fn spawn_piped(
    _program: &OsStr,
    _args: &[OsString],
    _scope: Scope,
    _abandoned: &Abandoned,
) -> Result<(Child, Watching), Failed> {
    Err(Failed::Unobservable("not on this system".to_owned()))
}
