//! Repeats requests that failed for a reason that may pass.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use crate::remote::backend::{Body, Listed, Put, Remote, RemoteError, Sink};
use crate::remote::object_name::ObjectName;
use crate::sys::random;

/// How often one request is tried.
const MAX_TRIES: u32 = 4;
/// How many repetitions there may be in all, so that a remote that is out is not asked over and over. A success gives
/// one back.
const BUDGET: u32 = 32;
/// How long to wait before the first repetition; the next ones take twice as long each.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// A remote that is asked again.
pub struct Retrying<R> {
    remote: R,
    budget: AtomicU32,
}

impl<R> Retrying<R> {
    pub fn new(remote: R) -> Retrying<R> {
        Retrying { remote, budget: AtomicU32::new(BUDGET) }
    }

    fn repeat<T>(&self, mut ask: impl FnMut(&R) -> Result<T, RemoteError>) -> Result<T, RemoteError> {
        let mut n_tries = 1;
        loop {
            match ask(&self.remote) {
                Err(e) if !e.is_permanent() && n_tries < MAX_TRIES && self.take_one() => {
                    thread::sleep(pause(n_tries));
                    n_tries += 1;
                }
                Ok(answer) => {
                    self.give_one_back();
                    return Ok(answer);
                }
                Err(e) => return Err(e),
            }
        }
    }

    fn take_one(&self) -> bool {
        let taken =
            self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |budget| budget.checked_sub(1));
        taken.is_ok()
    }

    fn give_one_back(&self) {
        let _ = self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |budget| {
            (budget < BUDGET).then_some(budget + 1)
        });
    }
}

/// Between half of the time and all of it, so that not all who failed together come back together.
fn pause(n_tries: u32) -> Duration {
    let longest = FIRST_PAUSE * 2u32.pow(n_tries - 1);
    let chance = random::secret_bytes().map_or(0, |bytes| u32::from(bytes[0]));
    longest / 2 + longest / 2 * chance / 255
}

impl<R: Remote> Remote for Retrying<R> {
    fn get(&self, name: &ObjectName, sink: &mut dyn Sink, max_bytes: u64) -> Result<u64, RemoteError> {
        self.repeat(|remote| remote.get(name, sink, max_bytes))
    }

    fn head(&self, name: &ObjectName) -> Result<Option<u64>, RemoteError> {
        self.repeat(|remote| remote.head(name))
    }

    fn put_if_absent(&self, name: &ObjectName, body: Body<'_>) -> Result<Put, RemoteError> {
        self.repeat(|remote| remote.put_if_absent(name, body))
    }

    /// A repeated listing passes what was listed before once more.
    fn list(&self, prefix: &ObjectName, each: &mut dyn FnMut(Listed)) -> Result<(), RemoteError> {
        self.repeat(|remote| remote.list(prefix, each))
    }

    fn place(&self) -> String {
        self.remote.place()
    }
}
