//! Where nothing can be observed.

use std::path::Path;
use std::process::Child;

use super::{Abandoned, Conditions, Failed, Observation, Scope, Trial};
use crate::sys::process::Start;

/// An observation that goes on.
pub enum Watching {}

impl Watching {
    /// Ends it.
    pub fn finish(self) -> Observation {
        match self {}
    }
}

/// Whether programs can be observed here.
pub fn try_it() -> Trial {
    Trial { is_possible: false, is_lasting: true }
}

/// Nothing needs to be kept of an answer that costs nothing.
pub fn conditions() -> Option<Conditions> {
    None
}

/// Whether a program has privileges that it would lose under observation.
pub fn has_privileges(_program: &Path) -> bool {
    false
}

/// Answers that nothing can be observed on this system.
pub fn spawn_piped(
    _start: Start<'_>,
    _scope: Scope,
    _abandoned: &Abandoned,
) -> Result<(Child, Watching), Failed> {
    Err(Failed::Unobservable("not on this system".to_owned()))
}
