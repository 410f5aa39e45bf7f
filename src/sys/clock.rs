//! Time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Now, to compare with times of files.
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// The date of `unix_ms` in UTC, as `2026-11-24`.
pub fn date(unix_ms: u64) -> String {
    // Days to a date by Howard Hinnant's `civil_from_days`, for dates after 1970.
    let days = unix_ms / 86_400_000 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The time `unix_ms` in UTC, as it can stand in the name of a file: `2026-11-24T15-30-12.123`. Sorts by time.
pub fn stamp(unix_ms: u64) -> String {
    let in_day = unix_ms % 86_400_000;
    let (hours, minutes) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (seconds, millis) = (in_day / 1_000 % 60, in_day % 1_000);
    format!("{}T{hours:02}-{minutes:02}-{seconds:02}.{millis:03}", date(unix_ms))
}

/// Measures phases one after another.
pub struct Stopwatch {
    started: Instant,
    lap: Instant,
}

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Stopwatch {
        let now = Instant::now();
        Stopwatch { started: now, lap: now }
    }

    /// The time since the last lap, or the start.
    pub fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.lap, now))
    }

    /// The same in microseconds.
    pub fn lap_us(&mut self) -> u64 {
        self.lap().as_micros() as u64
    }

    /// The time since the start.
    pub fn total(&self) -> Duration {
        self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::{date, stamp};

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_400_000), "2000-02-29");
        assert_eq!(date(1_795_478_400_000), "2026-11-24");
        assert_eq!(date(4_107_542_399_999), "2100-02-28");
        assert_eq!(stamp(1_795_478_400_000 + 55_812_123), "2026-11-24T15-30-12.123");
    }
}
