//! What failed of many transfers, counted by cause, and when the others are not worth trying.

use serde::Serialize;

use crate::remote::backend::{Kind, RemoteError};

/// After so many failures in a row it is not the objects: wrong credentials, a wrong bucket, a full disk.
const MOST_IN_A_ROW: usize = 8;

/// The failures of many transfers.
#[derive(Debug, Default)]
pub struct Failures {
    causes: Vec<Cause>,
    /// Since the last success.
    n_in_a_row: usize,
    is_forbidden: bool,
}

/// Why transfers failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    pub kind: Kind,
    pub why: String,
    pub n_failures: usize,
    /// The first failure of them, with its object.
    pub first: String,
}

/// A cause, for programs.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CauseReport {
    /// Transfers that failed for it.
    n_transfers: usize,
    why: String,
    /// The first of these failures, with its object.
    first: String,
    /// What to do next.
    hint: &'static str,
}

impl Failures {
    /// Notes a transfer that succeeded.
    pub fn passed(&mut self) {
        self.n_in_a_row = 0;
    }

    /// Notes a transfer that failed.
    pub fn add(&mut self, error: &RemoteError) {
        // What an object is says nothing of the others.
        if !matches!(error.kind, Kind::TooLarge | Kind::NotFound) {
            self.n_in_a_row += 1;
        }
        self.is_forbidden |= error.kind == Kind::Forbidden;
        match self.causes.iter_mut().find(|cause| cause.kind == error.kind && cause.why == error.why) {
            Some(cause) => cause.n_failures += 1,
            None => self.causes.push(Cause {
                kind: error.kind,
                why: error.why.clone(),
                n_failures: 1,
                first: error.what.clone(),
            }),
        }
    }

    /// Whether further transfers would fail too.
    pub fn ends(&self) -> bool {
        self.is_forbidden || self.n_in_a_row >= MOST_IN_A_ROW
    }

    /// The causes, in the order in which they occurred.
    pub fn causes(&self) -> &[Cause] {
        &self.causes
    }

    /// How many transfers failed.
    pub fn n(&self) -> usize {
        self.causes.iter().map(|cause| cause.n_failures).sum()
    }
}

impl Cause {
    /// The cause for programs; `hint` is what to do about it.
    pub fn report(&self, hint: &'static str) -> CauseReport {
        CauseReport { n_transfers: self.n_failures, why: self.why.clone(), first: self.first.clone(), hint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: Kind, object: &str, why: &str) -> RemoteError {
        RemoteError::of(kind, format_args!("failed to write {object}"), why)
    }

    #[test]
    fn failures_are_counted_by_cause() {
        let mut failures = Failures::default();
        for (kind, object, why) in [
            (Kind::Denied, "a", "AccessDenied"),
            (Kind::Busy, "b", "status 500"),
            (Kind::Denied, "c", "AccessDenied"),
        ] {
            failures.add(&failure(kind, object, why));
        }
        let causes: Vec<_> =
            failures.causes().iter().map(|it| (it.why.as_str(), it.n_failures, it.first.as_str())).collect();
        let expected = [
            ("AccessDenied", 2, "failed to write a: AccessDenied"),
            ("status 500", 1, "failed to write b: status 500"),
        ];
        assert_eq!((causes.as_slice(), failures.n()), (&expected[..], 3));
    }

    #[test]
    fn only_what_fails_over_and_over_ends_the_others() {
        let mut failures = Failures::default();
        let denied = failure(Kind::Denied, "a", "AccessDenied");
        for _ in 0..3 {
            for _ in 1..MOST_IN_A_ROW {
                failures.add(&denied);
            }
            assert!(!failures.ends());
            failures.passed();
        }
        for _ in 0..2 * MOST_IN_A_ROW {
            failures.add(&failure(Kind::TooLarge, "a", "413"));
        }
        assert!(!failures.ends());
        (0..MOST_IN_A_ROW).for_each(|_| failures.add(&denied));
        assert!(failures.ends());
        let mut failures = Failures::default();
        failures.add(&failure(Kind::Forbidden, "a", "the configuration does not allow it"));
        assert!(failures.ends());
    }
}
