//! The exit code of an invocation, once it cannot change any more.
//!
//! A defect of kache is caught wherever it happens, and the compiler then runs as if kache were not there. Once the
//! outputs and diagnostics have been made, that must not happen: the exit code is final.

use std::cell::Cell;

/// Set when the compiler has run, or when a hit has been printed.
#[derive(Debug, Default)]
pub struct FinalExitCode(Cell<Option<u8>>);

impl FinalExitCode {
    /// Sets it: from now on, nothing may run the compiler again.
    pub fn set(&self, exit_code: u8) {
        self.0.set(Some(exit_code));
    }

    /// The exit code, if it is final.
    pub fn get(&self) -> Option<u8> {
        self.0.get()
    }
}
