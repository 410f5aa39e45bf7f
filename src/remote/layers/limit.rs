//! Limits how many requests run at a time.

use std::sync::{Condvar, Mutex, PoisonError};

use crate::remote::backend::{Body, Listed, Put, Remote, RemoteError, Sink};
use crate::remote::object_name::ObjectName;

/// A remote of which only so much is asked at a time.
pub struct Limited<R> {
    remote: R,
    n_free: Mutex<usize>,
    freed: Condvar,
}

impl<R> Limited<R> {
    pub fn new(remote: R, n_at_a_time: usize) -> Limited<R> {
        Limited { remote, n_free: Mutex::new(n_at_a_time.max(1)), freed: Condvar::new() }
    }

    fn with_turn<T>(&self, ask: impl FnOnce(&R) -> T) -> T {
        let n_free = self.n_free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut n_free = self.freed.wait_while(n_free, |n| *n == 0).unwrap_or_else(PoisonError::into_inner);
        *n_free -= 1;
        drop(n_free);
        let _turn = Turn(self);
        ask(&self.remote)
    }
}

/// A turn, which ends with this value.
struct Turn<'a, R>(&'a Limited<R>);

impl<R> Drop for Turn<'_, R> {
    fn drop(&mut self) {
        *self.0.n_free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

impl<R: Remote> Remote for Limited<R> {
    fn get(&self, name: &ObjectName, sink: &mut dyn Sink, max_bytes: u64) -> Result<u64, RemoteError> {
        self.with_turn(|remote| remote.get(name, sink, max_bytes))
    }

    fn head(&self, name: &ObjectName) -> Result<Option<u64>, RemoteError> {
        self.with_turn(|remote| remote.head(name))
    }

    fn put_if_absent(&self, name: &ObjectName, body: Body<'_>) -> Result<Put, RemoteError> {
        self.with_turn(|remote| remote.put_if_absent(name, body))
    }

    fn list(&self, prefix: &ObjectName, each: &mut dyn FnMut(Listed)) -> Result<(), RemoteError> {
        self.with_turn(|remote| remote.list(prefix, each))
    }

    fn place(&self) -> String {
        self.remote.place()
    }
}
