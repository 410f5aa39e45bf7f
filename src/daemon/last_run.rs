//! Records whether daemons crash. Each crash in a row doubles the pause before the next start on demand, so that a daemon
//! that cannot run is not started over and over.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sys::fs;

/// What a daemon writes when it starts, when it has run for a while, and when it exits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LastRun {
    pub started_ms: u64,
    /// The daemon has not exited. If the run lock is free, it crashed.
    pub is_running: bool,
    /// How many runs before this one crashed in a row, each soon after its start.
    pub n_crashes: u32,
    /// A service manager started it, which does so again when it is to run.
    pub is_supervised: bool,
    /// A person stopped it.
    pub was_stopped: bool,
}

/// If a daemon has run for this long, a crash has nothing to do with how it was started.
pub const WELL_AFTER: Duration = Duration::from_secs(60);

const LONGEST_PAUSE: Duration = Duration::from_secs(600);

impl LastRun {
    /// Reads the file at `path`. Without one, no crash is known.
    pub fn read(path: &Path) -> LastRun {
        fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// The state to write when a daemon starts at `now_ms`.
    pub fn next(self, now_ms: u64, is_supervised: bool) -> LastRun {
        LastRun {
            started_ms: now_ms,
            is_running: true,
            n_crashes: self.n_crashes_until_now(),
            is_supervised,
            was_stopped: false,
        }
    }

    /// Whether a build may start the next daemon.
    pub fn is_for_builds(&self) -> bool {
        !self.is_supervised && !self.was_stopped
    }

    /// Writes the file. A failure is ignored: then there is no pause.
    pub fn write(&self, path: &Path) {
        let temporary = path.with_extension(fs::unique_name());
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        let _ = fs::replace(path, &temporary, &bytes);
    }

    /// The number of crashes in a row, given that no daemon is running.
    pub fn n_crashes_until_now(&self) -> u32 {
        if self.is_running { self.n_crashes.saturating_add(1) } else { self.n_crashes }
    }

    /// How long to wait before the next start, given that no daemon is running. The first crash is free: `kill -9` counts
    /// as one.
    pub fn pause(&self, now_ms: u64) -> Duration {
        let n_crashes = self.n_crashes_until_now();
        if n_crashes < 2 {
            return Duration::ZERO;
        }
        let pause = Duration::from_secs(1 << (n_crashes - 1).min(10)).min(LONGEST_PAUSE);
        // A time in the future does not count: the clock was set back.
        match now_ms.checked_sub(self.started_ms) {
            Some(since_ms) => pause.saturating_sub(Duration::from_millis(since_ms)),
            None => Duration::ZERO,
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "they make files for the code under test")]
mod tests {
    use super::*;

    #[test]
    fn crashes_in_a_row_double_the_pause_and_a_good_end_forgets_them() {
        let mut run = LastRun::default();
        let mut pauses = Vec::new();
        for _ in 0..14 {
            run = run.next(1_000_000, false);
            pauses.push(run.pause(1_000_000).as_secs());
        }
        assert_eq!(pauses, [0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600, 600]);
        assert_eq!(run.pause(1_000_000 + 599_000), Duration::from_secs(1));
        assert_eq!(run.pause(1_000_000 + 600_000), Duration::ZERO);
        assert_eq!(run.pause(999_999), Duration::ZERO, "the clock was set back");
        let ended = LastRun { is_running: false, n_crashes: 0, ..run };
        assert_eq!(ended.next(2_000_000, false).n_crashes, 0);
    }

    #[test]
    fn a_build_starts_no_daemon_that_a_person_stopped_or_a_service_starts() {
        let started = LastRun::default().next(1, false);
        assert!(LastRun::default().is_for_builds() && started.is_for_builds());
        assert!(!LastRun { was_stopped: true, ..started }.is_for_builds());
        assert!(!started.next(2, true).is_for_builds());
        assert!(
            LastRun { was_stopped: true, ..started }.next(3, false).is_for_builds(),
            "a person started it again"
        );
    }

    #[test]
    fn what_cannot_be_read_is_no_reason_to_wait() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("last-run");
        assert_eq!(LastRun::read(&path), LastRun::default());
        let run = LastRun { started_ms: 5, is_running: true, n_crashes: 7, ..LastRun::default() };
        run.write(&path);
        assert_eq!(LastRun::read(&path), run);
        std::fs::write(&path, b"{\"n_crashes\":").unwrap();
        assert_eq!(LastRun::read(&path).pause(0), Duration::ZERO);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing temporary is left");
    }
}
