//! Finds the current time in what a run left. Asking for the time is not seen, so that a run that writes it down must be
//! known by its outputs: a stored one would give the same time for ever.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::sys::{clock, defence};

/// The time in which a run took place, as it may be written.
pub struct RunTime {
    seconds: RangeInclusive<u64>,
    dates: BTreeSet<String>,
}

impl RunTime {
    /// From `began_ms` to `ended_ms`, in milliseconds since 1970.
    pub fn new(began_ms: u64, ended_ms: u64) -> RunTime {
        let mut dates = BTreeSet::new();
        // Whatever the time zone is.
        for hours in [-14i64, 0, 14] {
            for time in [began_ms, ended_ms] {
                let date = clock::date(time.saturating_add_signed(hours * 3_600_000));
                dates.insert(date.replace('-', ""));
                dates.insert(date);
            }
        }
        RunTime { seconds: began_ms / 1000 - 1..=ended_ms / 1000 + 1, dates }
    }

    /// Whether a number of seconds since 1970, or more exact ones, or a date of that time stands in `bytes`.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        if !defence::stands("build-scripts-that-write-the-time") {
            return false;
        }
        let is_date = self.dates.iter().any(|date| memchr::memmem::find(bytes, date.as_bytes()).is_some());
        is_date || bytes.split(|byte| !byte.is_ascii_digit()).any(|digits| self.is_number(digits))
    }

    /// Seconds have ten digits until the year 2286.
    fn is_number(&self, digits: &[u8]) -> bool {
        let seconds = digits.get(..10).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        matches!(digits.len(), 10 | 13 | 16 | 19) && seconds.is_some_and(|it| self.seconds.contains(&it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_run_is_found_in_every_common_form() {
        // 2026-11-29T06:40:00Z
        let time = RunTime::new(1_795_934_400_000, 1_795_934_402_500);
        let found =
            ["1795934401", "t=1795934401234;", "2026-11-29", "v20261129", "built on 2026-11-28 (local)"];
        assert!(found.iter().all(|text| time.is_in(text.as_bytes())), "{found:?}");
        let others = ["1795934000", "2025-11-29", "17959344010", "0.1.2", ""];
        assert!(!others.iter().any(|text| time.is_in(text.as_bytes())));
    }
}
