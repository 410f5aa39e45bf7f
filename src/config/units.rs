//! Parses and formats sizes and durations: `50GiB`, `500MB`, `7d`, `90s`.
//!
//! This is not left to `jiff`: the wrapper parses durations of the configuration, and must not link a library for dates.
//! Commands format durations here, too, because `jiff` does not round to the two largest units. Dates are needed only for
//! names of record files, which the wrapper makes (`crate::sys::clock`).

use std::time::Duration;

/// Why a text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSize {
    /// Not a number with a known unit.
    #[error(
        "invalid size {0:?}: expected a number of bytes, or a number with KiB, MiB, GiB, TiB, KB, MB, GB or TB"
    )]
    Form(String),
    /// More bytes than can be counted.
    #[error("invalid size {0:?}: too large")]
    TooLarge(String),
}

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDuration {
    /// Not numbers with known units.
    #[error("invalid duration {0:?}: expected a number with d, h, m, s or ms, such as 7d or 90s")]
    Form(String),
    /// More than can be added to a time safely.
    #[error("invalid duration {0:?}: at most 36500d")]
    TooLong(String),
}

const MAX_DURATION_MS: u64 = 36_500 * DAY_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const SECOND_MS: u64 = 1000;

/// Parses a number of bytes: `50GiB`, `500MB`, `1.5 GiB`, `1024`. Case does not matter.
pub fn parse_bytes(text: &str) -> Result<u64, BadSize> {
    let trimmed = text.trim();
    let end = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(end);
    let unit_bytes = size_unit(unit.trim_start()).ok_or_else(|| BadSize::Form(text.to_owned()))?;
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) if matches!(fraction.len(), 1..=9) => (whole, fraction),
        Some(_) => return Err(BadSize::Form(text.to_owned())),
        None => (number, ""),
    };
    if whole.is_empty() || fraction.contains('.') {
        return Err(BadSize::Form(text.to_owned()));
    }
    // Only digits are left, so a number that does not parse is one that does not fit.
    let whole: u64 = whole.parse().map_err(|_| BadSize::TooLarge(text.to_owned()))?;
    let part = fraction.bytes().fold(0, |part, digit| part * 10 + u128::from(digit - b'0'));
    let parts_in_one = fraction.bytes().fold(1, |parts, _| parts * 10);
    let n_bytes = u128::from(whole) * unit_bytes + part * unit_bytes / parts_in_one;
    u64::try_from(n_bytes).map_err(|_| BadSize::TooLarge(text.to_owned()))
}

fn size_unit(unit: &str) -> Option<u128> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return None,
    })
}

/// Formats a number of bytes, with one digit after the point: `1.5 GiB`, `50 GiB`, `512 B`.
pub fn format_bytes(n_bytes: u64) -> String {
    if n_bytes < 1024 {
        return format!("{n_bytes} B");
    }
    let units = [("KiB", 1_u128 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];
    let mut text = String::new();
    for (name, unit_bytes) in units {
        let tenths = (u128::from(n_bytes) * 10 + unit_bytes / 2) / unit_bytes;
        text = match tenths % 10 {
            0 => format!("{} {name}", tenths / 10),
            tenth => format!("{}.{tenth} {name}", tenths / 10),
        };
        if tenths < 10_240 {
            break;
        }
    }
    text
}

/// Parses a duration: `7d`, `24h`, `30m`, `90s`, `250ms`, or several of them, as in `1h 30m`.
pub fn parse_duration(text: &str) -> Result<Duration, BadDuration> {
    let mut rest = text.trim();
    let mut total_ms: u64 = 0;
    if rest.is_empty() {
        return Err(BadDuration::Form(text.to_owned()));
    }
    while !rest.is_empty() {
        let (number, unit_ms, after) = split_part(rest).ok_or_else(|| BadDuration::Form(text.to_owned()))?;
        let part_ms = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit_ms));
        total_ms = part_ms
            .and_then(|part_ms| total_ms.checked_add(part_ms))
            .filter(|ms| *ms <= MAX_DURATION_MS)
            .ok_or_else(|| BadDuration::TooLong(text.to_owned()))?;
        rest = after.trim_start();
    }
    Ok(Duration::from_millis(total_ms))
}

/// The first number in `text`, the length of its unit, and what follows.
fn split_part(text: &str) -> Option<(&str, u64, &str)> {
    let (number, after) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
    let (unit, after) = after.split_at(end);
    let unit_ms = duration_unit(unit)?;
    (!number.is_empty()).then_some((number, unit_ms, after))
}

fn duration_unit(unit: &str) -> Option<u64> {
    Some(match unit {
        "d" => DAY_MS,
        "h" => HOUR_MS,
        "m" => MINUTE_MS,
        "s" => SECOND_MS,
        "ms" => 1,
        _ => return None,
    })
}

/// `duration` for people, in its two largest units: `7d`, `1h 30m`, `1m 30s`, `4.2s`, `250ms`.
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if duration.is_zero() => "0s".to_owned(),
        0 => format!("{}ms", duration.subsec_millis()),
        1..60 => match duration.subsec_millis() / 100 {
            0 => format!("{seconds}s"),
            tenth => format!("{seconds}.{tenth}s"),
        },
        60..3600 => two_units(seconds / 60, "m", seconds % 60, "s"),
        3600..86_400 => two_units(seconds / 3600, "h", seconds % 3600 / 60, "m"),
        _ => two_units(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

fn two_units(large: u64, large_name: &str, small: u64, small_name: &str) -> String {
    match small {
        0 => format!("{large}{large_name}"),
        _ => format!("{large}{large_name} {small}{small_name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_binary_and_decimal_units() {
        for (text, n_bytes) in [
            ("1024", 1024),
            ("50GiB", 50 << 30),
            ("500MB", 500_000_000),
            ("3KiB", 3072),
            ("3 kb", 3000),
            ("2TiB", 2 << 40),
            ("2TB", 2_000_000_000_000),
            ("7 MiB", 7 << 20),
            ("1GB", 1_000_000_000),
            (" 1.5 GiB ", 3 << 29),
            ("0", 0),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_bytes(text), Ok(n_bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in
            ["", "GiB", "50G", "-1", "1.GiB", ".5GiB", "1.5.5GiB", "5 apples", "1e9", "0x10", "1.5 Gi B"]
        {
            assert_eq!(parse_bytes(text), Err(BadSize::Form(text.to_owned())), "{text}");
        }
        for text in ["18446744073709551616", "16777216TiB", "99999999999999999999999GB"] {
            assert_eq!(parse_bytes(text), Err(BadSize::TooLarge(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_in_the_unit_that_keeps_them_short() {
        for (n_bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (3 << 29, "1.5 GiB"),
            (50 << 30, "50 GiB"),
            ((1 << 20) - 1, "1 MiB"),
            (u64::MAX, "16777216 TiB"),
        ] {
            assert_eq!(format_bytes(n_bytes), text);
        }
    }

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, seconds) in
            [("7d", 604_800), ("24h", 86_400), ("30m", 1800), ("90s", 90), ("1h 30m", 5400), ("0s", 0)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "60", "s", "7 days", "-1s", "1.5h", "7D", "1h 30"] {
            assert_eq!(parse_duration(text), Err(BadDuration::Form(text.to_owned())), "{text}");
        }
        for text in ["36501d", "99999999999999999999s", "9999999999999999999d", "36500d 1ms"] {
            assert_eq!(parse_duration(text), Err(BadDuration::TooLong(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn durations_are_shown_in_two_units_at_most() {
        for (ms, text) in [
            (0, "0s"),
            (250, "250ms"),
            (4_210, "4.2s"),
            (60_000, "1m"),
            (90_000, "1m 30s"),
            (5_400_000, "1h 30m"),
            (604_800_000, "7d"),
            (90_061_000, "1d 1h"),
        ] {
            assert_eq!(format_duration(Duration::from_millis(ms)), text);
        }
    }
}
