//! Stops asking a remote that does not answer.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::remote::backend::{Body, Listed, Put, Remote, RemoteError, Sink};
use crate::remote::object_name::ObjectName;

/// After this many failures in a row the remote is not asked for a while.
const MAX_FAILURES: u32 = 5;
/// How long. Then one request at a time tries again.
const PAUSE: Duration = Duration::from_secs(30);

/// A remote that is not asked while it is out.
pub struct Breaker<R> {
    remote: R,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    n_failures: u32,
    /// What failed last, and until when nothing is asked.
    open: Option<(RemoteError, Instant)>,
}

impl<R> Breaker<R> {
    pub fn new(remote: R) -> Breaker<R> {
        Breaker { remote, state: Mutex::default() }
    }

    /// Why the remote is not asked now, if it is not. After the pause, who asks first tries again for all.
    fn outage(&self) -> Option<RemoteError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, until) = state.open.as_mut()?;
        let now = Instant::now();
        if now >= *until {
            *until = now + PAUSE;
            return None;
        }
        Some(last.clone())
    }

    fn guard<T>(&self, ask: impl FnOnce(&R) -> Result<T, RemoteError>) -> Result<T, RemoteError> {
        if let Some(last) = self.outage() {
            let what = format!("not asked, because the last {MAX_FAILURES} requests failed: {}", last.what);
            return Err(RemoteError { what, ..last });
        }
        let answer = ask(&self.remote);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &answer {
            Err(e) if e.is_outage() => {
                state.n_failures += 1;
                if state.n_failures >= MAX_FAILURES {
                    state.open = Some((e.clone(), Instant::now() + PAUSE));
                }
            }
            // It answers, if only that it refuses.
            _ => *state = State::default(),
        }
        answer
    }
}

impl<R: Remote> Remote for Breaker<R> {
    fn get(&self, name: &ObjectName, sink: &mut dyn Sink, max_bytes: u64) -> Result<u64, RemoteError> {
        self.guard(|remote| remote.get(name, sink, max_bytes))
    }

    fn head(&self, name: &ObjectName) -> Result<Option<u64>, RemoteError> {
        self.guard(|remote| remote.head(name))
    }

    fn put_if_absent(&self, name: &ObjectName, body: Body<'_>) -> Result<Put, RemoteError> {
        self.guard(|remote| remote.put_if_absent(name, body))
    }

    fn list(&self, prefix: &ObjectName, each: &mut dyn FnMut(Listed)) -> Result<(), RemoteError> {
        self.guard(|remote| remote.list(prefix, each))
    }

    fn place(&self) -> String {
        self.remote.place()
    }
}
