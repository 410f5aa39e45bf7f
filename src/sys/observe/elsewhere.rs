//! Where nothing can be observed.

use std::ffi::{OsStr, OsString};
use std::process::Child;

use super::{Failed, Observation, Scope};

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

/// Answers that nothing can be observed on this system.
pub fn spawn_piped(_program: &OsStr, _args: &[OsString], _scope: Scope) -> Result<(Child, Watching), Failed> {
    Err(Failed::Unobservable("not on this system".to_owned()))
}
