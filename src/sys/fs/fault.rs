//! Faults on demand, for the thread that asks for them.
//!
//! A crash: after a given number of steps every further change of a file fails, as if the process had been killed
//! there. What is on disk then is what a crash at that step leaves behind; of a file that was being written it is a
//! part. An error: one step, or every step of a kind, fails with it, and all others go on.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::path::Path;

use super::Step;

#[derive(Clone, Copy)]
enum Plan {
    Crash { left: u32 },
    Crashed,
    Fail { left: u32, error: ErrorKind },
    FailEvery { step: Step, error: ErrorKind },
}

thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "seen where a system has no variables of threads")]
    static PLAN: Cell<Option<Plan>> = const { Cell::new(None) };
}

pub(super) fn step(step: Step, path: &Path) -> io::Result<()> {
    let (next, result) = match PLAN.get() {
        None => return Ok(()),
        Some(Plan::Crashed) => (Some(Plan::Crashed), Err(io::Error::other("crashed"))),
        Some(Plan::Crash { left: 0 }) => {
            leave_part_of(step, path);
            (Some(Plan::Crashed), Err(io::Error::other("crashed")))
        }
        Some(Plan::Crash { left }) => (Some(Plan::Crash { left: left - 1 }), Ok(())),
        Some(Plan::Fail { left: 0, error }) => (None, Err(error.into())),
        Some(Plan::Fail { left, error }) => (Some(Plan::Fail { left: left - 1, error }), Ok(())),
        Some(plan @ Plan::FailEvery { step: failing, error }) => {
            (Some(plan), if failing == step { Err(error.into()) } else { Ok(()) })
        }
    };
    PLAN.set(next);
    result
}

fn leave_part_of(step: Step, path: &Path) {
    if step == Step::Write && !path.exists() {
        let _ = std::fs::write(path, "part of");
    }
}

fn with<T>(plan: Plan, work: impl FnOnce() -> T) -> (T, Option<Plan>) {
    PLAN.set(Some(plan));
    let result = work();
    (result, PLAN.replace(None))
}

/// Runs `work`, allowing `n` steps. Answers its result and whether it crashed.
pub fn crash_after<T>(n: u32, work: impl FnOnce() -> T) -> (T, bool) {
    let (result, left) = with(Plan::Crash { left: n }, work);
    (result, matches!(left, Some(Plan::Crashed)))
}

/// Runs `work`; the step after the first `n` fails with `error`. Answers its result and whether it got there.
pub fn fail_at<T>(n: u32, error: ErrorKind, work: impl FnOnce() -> T) -> (T, bool) {
    let (result, left) = with(Plan::Fail { left: n, error }, work);
    (result, left.is_none())
}

/// Runs `work`; every step of this kind fails with `error`.
pub fn fail_every<T>(step: Step, error: ErrorKind, work: impl FnOnce() -> T) -> T {
    with(Plan::FailEvery { step, error }, work).0
}
