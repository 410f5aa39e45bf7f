//! Counts what is asked of a remote.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::remote::backend::{Body, Listed, Put, Remote, RemoteError, Sink};
use crate::remote::object_name::ObjectName;

/// Counts that are shared by those who add to them and those who read them.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    gets: AtomicU64,
    heads: AtomicU64,
    puts: AtomicU64,
    lists: AtomicU64,
    failures: AtomicU64,
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
}

/// What was asked so far. A repeated request counts each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Requests {
    pub n_gets: u64,
    pub n_heads: u64,
    pub n_puts: u64,
    /// Listings; a long one takes several requests.
    pub n_lists: u64,
    pub n_failures: u64,
    pub received_bytes: u64,
    pub sent_bytes: u64,
}

impl Meter {
    /// The counts now.
    pub fn read(&self) -> Requests {
        Requests {
            n_gets: self.0.gets.load(Ordering::Relaxed),
            n_heads: self.0.heads.load(Ordering::Relaxed),
            n_puts: self.0.puts.load(Ordering::Relaxed),
            n_lists: self.0.lists.load(Ordering::Relaxed),
            n_failures: self.0.failures.load(Ordering::Relaxed),
            received_bytes: self.0.received_bytes.load(Ordering::Relaxed),
            sent_bytes: self.0.sent_bytes.load(Ordering::Relaxed),
        }
    }

    fn count<T>(&self, counter: &AtomicU64, answer: Result<T, RemoteError>) -> Result<T, RemoteError> {
        counter.fetch_add(1, Ordering::Relaxed);
        if answer.is_err() {
            self.0.failures.fetch_add(1, Ordering::Relaxed);
        }
        answer
    }
}

/// A remote whose requests are counted.
pub struct Metered<R> {
    pub remote: R,
    pub meter: Meter,
}

impl<R: Remote> Remote for Metered<R> {
    fn get(&self, name: &ObjectName, sink: &mut dyn Sink, max_bytes: u64) -> Result<u64, RemoteError> {
        let answer = self.remote.get(name, sink, max_bytes);
        let received_bytes = answer.as_ref().map_or(0, |n_bytes| *n_bytes);
        self.meter.0.received_bytes.fetch_add(received_bytes, Ordering::Relaxed);
        self.meter.count(&self.meter.0.gets, answer)
    }

    fn head(&self, name: &ObjectName) -> Result<Option<u64>, RemoteError> {
        self.meter.count(&self.meter.0.heads, self.remote.head(name))
    }

    fn put_if_absent(&self, name: &ObjectName, body: Body<'_>) -> Result<Put, RemoteError> {
        let answer = self.remote.put_if_absent(name, body);
        if matches!(answer, Ok(Put::Stored)) {
            self.meter.0.sent_bytes.fetch_add(body.size_bytes(), Ordering::Relaxed);
        }
        self.meter.count(&self.meter.0.puts, answer)
    }

    fn list(&self, prefix: &ObjectName, each: &mut dyn FnMut(Listed)) -> Result<(), RemoteError> {
        self.meter.count(&self.meter.0.lists, self.remote.list(prefix, each))
    }

    fn place(&self) -> String {
        self.remote.place()
    }
}
