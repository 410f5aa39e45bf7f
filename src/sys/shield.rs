//! Catches panics: a bug in kache must not fail a build.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};

use crate::sys::defence;

/// A panic of work that was shielded.
#[derive(Debug, PartialEq, Eq)]
pub struct Panicked {
    /// Its message, after the place in the code.
    pub message: String,
}

static LAST: Mutex<Option<String>> = Mutex::new(None);

/// Keeps panic messages for [`shielded`] instead of printing them.
pub fn keep_quiet() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!("{}:{}: ", place.file(), place.line()));
        let text = panic.payload_as_str().unwrap_or("panic");
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(format!("{}{text}", place.unwrap_or_default()));
    }));
}

/// The result of `work`, or its panic message. What it was changing must not be used after a panic.
pub fn shielded<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
        let last = LAST.lock().unwrap_or_else(PoisonError::into_inner).take();
        Panicked { message: last.unwrap_or_else(|| "panic".to_owned()) }
    })
}

/// The same as a defence that a test can switch off.
pub fn defence<T>(name: &str, work: impl FnOnce() -> T) -> Result<T, Panicked> {
    if defence::stands(name) { shielded(work) } else { Ok(work()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        assert_eq!(shielded(|| 1), Ok(1));
        let nothing: Vec<u8> = Vec::new();
        assert!(shielded(|| nothing[std::hint::black_box(0)]).is_err());
        assert_eq!(shielded(|| 2), Ok(2));
    }
}
