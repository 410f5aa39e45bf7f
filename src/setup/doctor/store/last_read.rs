//! When the blobs of the store were last verified, and whether any were altered.

use std::time::Duration;

use crate::config::units::format_duration;
use crate::report::words::counted;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;
use crate::store::scrub::Scrub;
use crate::store::{Bucket, Store};
use crate::sys::fs;

/// See the module.
pub struct LastReadCheck;

impl Check for LastReadCheck {
    fn id(&self) -> &'static str {
        "last-read"
    }

    fn group(&self) -> Group {
        Group::Store
    }

    fn looks_at(&self) -> &'static str {
        "when every blob was last read again and verified"
    }

    fn run(&self, machine: &Machine) -> Finding {
        let Some(dir) = machine.cache_dir() else { return Finding::ok("there is no store") };
        if fs::metadata(&Store::at(dir).root().join(Bucket::Blobs.name())).is_err() {
            return Finding::ok("there are no blobs yet");
        }
        let scrub = Scrub::load(dir);
        let all = match scrub.all_read_since_ms {
            Some(since_ms) => {
                format!("every blob was written or verified within the last {}", age(machine, since_ms))
            }
            None => {
                "not every blob was verified yet: a daemon does so over days, `kache doctor --verify` at once"
                    .to_owned()
            }
        };
        match scrub.recently_altered(machine.now_ms) {
            None => Finding::ok(all),
            Some((n, last_ms)) => {
                let blobs = counted(usize::try_from(n).unwrap_or(usize::MAX), "blob");
                let text = format!(
                    "{blobs} found altered and quarantined, the last one {} ago",
                    age(machine, last_ms)
                );
                Finding::note(text).details([all]).hint(
                    "programs that modify files in build directories in place do this, and so do failing disks or \
                     memory; `kache doctor --verify` reads everything now",
                )
            }
        }
    }
}

/// The time since `then_ms`, in whole minutes: seconds say nothing about days.
fn age(machine: &Machine, then_ms: u64) -> String {
    let seconds = machine.now_ms.saturating_sub(then_ms) / 1000;
    format_duration(Duration::from_secs(if seconds < 60 { seconds } else { seconds / 60 * 60 }))
}
