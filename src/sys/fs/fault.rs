//! A crash on demand: after a given number of steps every further change of a file fails, as if the process had
//! been killed there. What is on disk then is what a crash at that step leaves behind.

use std::cell::Cell;
use std::io;

thread_local! {
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

pub(super) fn step() -> io::Result<()> {
    LEFT.with(|left| match left.get() {
        None => Ok(()),
        Some(0) => Err(io::Error::other("crashed")),
        Some(n) => {
            left.set(Some(n - 1));
            Ok(())
        }
    })
}

/// Runs `work`, allowing `n` steps. Answers its result and whether it crashed.
pub fn crash_after<T>(n: u32, work: impl FnOnce() -> T) -> (T, bool) {
    LEFT.with(|left| left.set(Some(n)));
    let result = work();
    let crashed = LEFT.with(|left| left.replace(None)) == Some(0);
    (result, crashed)
}
