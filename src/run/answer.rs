//! The exit code of an invocation, once it has one.
//!
//! A defect of kache is caught wherever it happens, and the compiler then runs as if kache were not there. After the
//! answer that must not happen: outputs and diagnostics have been made already.

use std::cell::Cell;

/// Set once the compiler has run, or a hit has been printed.
#[derive(Debug, Default)]
pub struct Answer(Cell<Option<u8>>);

impl Answer {
    /// From now on, nothing may run the compiler again.
    pub fn give(&self, exit_code: u8) {
        self.0.set(Some(exit_code));
    }

    /// The exit code, if there is one.
    pub fn exit_code(&self) -> Option<u8> {
        self.0.get()
    }
}
