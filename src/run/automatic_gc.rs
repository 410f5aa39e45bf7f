//! Starts garbage collection now and then, in a process of its own. Only a miss that stored something comes here.
//!
//! Not the daemon, even where it is installed: what it would do for the store is this very collection, which needs no
//! process that stays. Only a remote is a reason to start one ([`crate::run::start_daemon`]). Where a daemon runs, it
//! touches the stamp a little before a collection is due, so nothing is started here.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::sys::{clock, env, fs, process};

/// At most one start in this time.
const PAUSE: Duration = Duration::from_secs(600);

/// The file whose time of modification is the last start.
pub fn stamp_file(cache_dir: &Path) -> PathBuf {
    cache_dir.join("gc.stamp")
}

/// Starts `kache gc --automatic` if the last start was long ago. Without a stamp there is nothing old yet: it is
/// made, and that is all. Nothing that goes wrong here matters: the next miss tries again.
pub fn after_put(cache_dir: &Path) {
    let stamp = stamp_file(cache_dir);
    let modified = fs::metadata(&stamp).and_then(|metadata| metadata.modified());
    let is_due = match modified {
        Ok(modified) => is_due(modified, clock::now()),
        Err(_) => {
            let _ = fs::private::write_new_at_top(&stamp, b"");
            return;
        }
    };
    // Stamped first: of several wrappers one starts it, and none does where nothing can be written.
    if is_due && cfg!(feature = "cli") && fs::touch(&stamp).is_ok() {
        let _ = env::current_exe()
            .and_then(|program| process::spawn_detached(program.as_os_str(), &["gc", "--automatic"]));
    }
}

/// A stamp from the future is none: a clock that was set back must not stop collections for good.
fn is_due(stamped: SystemTime, now: SystemTime) -> bool {
    now.duration_since(stamped).map_or(true, |age| age >= PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_due_after_a_pause_and_when_the_clock_went_back() {
        let stamped = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        assert!(!is_due(stamped, stamped));
        assert!(!is_due(stamped, stamped + PAUSE - Duration::from_secs(1)));
        assert!(is_due(stamped, stamped + PAUSE));
        assert!(is_due(stamped, stamped - Duration::from_secs(1)));
    }

    #[test]
    fn the_first_miss_only_starts_the_clock() {
        let dir = tempfile::tempdir().expect("temporary directory");
        after_put(dir.path());
        assert!(stamp_file(dir.path()).exists());
    }
}
