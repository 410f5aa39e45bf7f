//! A compile with mapped paths is an attempt: generated code that asks for its own path must be compiled with real
//! ones ([`crate::run::miss::generated`]), and a compile that fails may have failed because of the mapping.
//!
//! rustc announces the dep-info as soon as all sources are read, and long before the metadata, with which dependents
//! start. Until the attempt is accepted, nothing that the compiler prints is shown:
//!
//! | generated code | what is printed is shown | the unit is compiled again, with real paths |
//! |---|---|---|
//! | takes no part | from the announcement of the dep-info on | never |
//! | does not ask for its path | from the announcement of the metadata on, or at the end | if it fails before that |
//! | asks for its path | never | always |
//! | has a placeholder in its path | never | always, with the workspace mapped to `.` |
//!
//! So a failure that has nothing to do with paths costs two compiles where generated code takes part. What a dropped
//! attempt printed is dropped too: the second compile prints the same, with real paths.

use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::invocation::Role;
use crate::run::miss::generated::{Part, Sources};
use crate::sys::defence;

/// Where a line was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// A compile that may have to be done again.
pub struct Attempt<'a> {
    /// What part generated code has, once the dep-info is there.
    part: Box<dyn Fn() -> Option<Part> + Sync + 'a>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// What was printed, in order, and the part of generated code, if that is known.
    Held(Vec<(Stream, Vec<u8>)>, Option<Part>),
    /// Everything is shown as it comes.
    Accepted,
    /// Nothing is shown, and the unit is compiled again, because generated code has this part.
    Dropped(Option<Part>),
}

impl<'a> Attempt<'a> {
    /// A compile with mapped paths.
    pub fn mapped(sources: &'a Sources<'a>) -> Attempt<'a> {
        Attempt::new(Box::new(|| sources.part_of_generated()), State::Held(Vec::new(), None))
    }

    /// A compile that is accepted in any case.
    pub fn accepted() -> Attempt<'a> {
        Attempt::new(Box::new(|| None), State::Accepted)
    }

    fn new(part: Box<dyn Fn() -> Option<Part> + Sync + 'a>, state: State) -> Attempt<'a> {
        Attempt { part, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What of `line` is to be shown on the stream that it was printed on. `announced` is the output that it announces.
    pub fn pass(&self, stream: Stream, line: Vec<u8>, announced: Option<Role>) -> Vec<u8> {
        let mut state = self.state();
        let State::Held(held, part) = &mut *state else {
            return if matches!(*state, State::Accepted) { line } else { Vec::new() };
        };
        held.push((stream, line));
        if announced == Some(Role::DepInfo) {
            *part = (self.part)();
        }
        match (announced, *part) {
            (_, Some(Part::Asks | Part::BehindPlaceholder)) => *state = State::Dropped(*part),
            (_, Some(Part::Absent)) | (Some(Role::Metadata), Some(Part::Silent)) => {
                let held = std::mem::take(held);
                *state = State::Accepted;
                return show_but(stream, &held);
            }
            _ => {}
        }
        Vec::new()
    }

    /// Whether the compile is accepted, however it ends.
    pub fn is_accepted(&self) -> bool {
        matches!(*self.state(), State::Accepted)
    }

    /// Whether the attempt is dropped so far.
    pub fn is_dropped(&self) -> bool {
        matches!(*self.state(), State::Dropped(_))
    }

    /// Whether it is dropped because of the placeholder alone.
    pub fn shows_placeholder(&self) -> bool {
        matches!(*self.state(), State::Dropped(Some(Part::BehindPlaceholder)))
    }

    /// Accepts or drops a compile that has ended, and says whether it is accepted: then all that it printed has been
    /// shown.
    pub fn finish(&self, succeeded: bool) -> bool {
        let mut state = self.state();
        if let State::Held(held, part) = &mut *state {
            // A compiler that announces nothing has left its dep-info all the same.
            let part = part.or_else(|| (self.part)());
            let is_accepted = match part {
                Some(Part::Asks | Part::BehindPlaceholder) => false,
                Some(Part::Silent) => succeeded || !defence::stands("failures-of-mapped-paths"),
                Some(Part::Absent) | None => true,
            };
            if is_accepted {
                show(held);
            }
            *state = if is_accepted { State::Accepted } else { State::Dropped(part) };
        }
        matches!(*state, State::Accepted)
    }
}

/// Shows what was held back. A reader that went away does not matter: the compiler's end is what counts.
fn show(held: &[(Stream, Vec<u8>)]) {
    for (stream, line) in held {
        let _ = match stream {
            Stream::Stdout => std::io::stdout().write_all(line),
            Stream::Stderr => std::io::stderr().write_all(line),
        };
    }
    let _ = std::io::stdout().flush();
}

/// Shows what was held back of other streams, and returns that of `stream`.
fn show_but(stream: Stream, held: &[(Stream, Vec<u8>)]) -> Vec<u8> {
    let (own, others): (Vec<_>, Vec<_>) = held.iter().cloned().partition(|(this, _)| *this == stream);
    show(&others);
    own.into_iter().flat_map(|(_, line)| line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(part: Option<Part>) -> Attempt<'static> {
        Attempt::new(Box::new(move || part), State::Held(Vec::new(), None))
    }

    fn passed(attempt: &Attempt<'_>, line: &str, announced: Option<Role>) -> String {
        let line = attempt.pass(Stream::Stderr, line.as_bytes().to_vec(), announced);
        String::from_utf8(line).expect("as it came")
    }

    #[test]
    fn without_generated_code_everything_is_shown_once_sources_are_read() {
        let attempt = attempt(Some(Part::Absent));
        assert_eq!(passed(&attempt, "a", None), "");
        assert_eq!(passed(&attempt, "d", Some(Role::DepInfo)), "ad");
        assert_eq!(passed(&attempt, "b", None), "b");
        assert!(attempt.finish(false));
    }

    #[test]
    fn generated_code_holds_back_until_the_metadata() {
        let attempt = attempt(Some(Part::Silent));
        assert_eq!(passed(&attempt, "d", Some(Role::DepInfo)), "");
        assert_eq!(passed(&attempt, "a", None), "");
        assert_eq!(passed(&attempt, "m", Some(Role::Metadata)), "dam");
        assert!(attempt.finish(false));
    }

    #[test]
    fn a_failure_before_the_metadata_is_dropped_with_generated_code() {
        let attempt = attempt(Some(Part::Silent));
        assert_eq!(passed(&attempt, "d", Some(Role::DepInfo)), "");
        assert!(!attempt.finish(false));
        assert!(attempt.is_dropped());
    }

    #[test]
    fn generated_code_that_asks_shows_nothing() {
        let attempt = attempt(Some(Part::Asks));
        assert_eq!(passed(&attempt, "d", Some(Role::DepInfo)), "");
        assert!(attempt.is_dropped());
        assert_eq!(passed(&attempt, "m", Some(Role::Metadata)), "");
        assert!(!attempt.finish(true));
    }

    #[test]
    fn what_would_show_the_placeholder_is_dropped_for_that() {
        for announced in [Some(Role::DepInfo), None] {
            let attempt = attempt(Some(Part::BehindPlaceholder));
            assert_eq!(passed(&attempt, "d", announced), "");
            assert!(!attempt.finish(true));
            assert!(attempt.shows_placeholder());
        }
        let asking = attempt(Some(Part::Asks));
        assert!(!asking.finish(true) && !asking.shows_placeholder());
    }

    #[test]
    fn a_compile_that_left_no_dep_info_is_accepted() {
        assert!(attempt(None).finish(false));
        assert!(!attempt(Some(Part::Asks)).finish(true));
        let accepted = Attempt::accepted();
        assert_eq!(passed(&accepted, "a", None), "a");
        assert!(accepted.finish(false));
    }
}
