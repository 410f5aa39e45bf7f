//! The single-flight lock: of several invocations of the same unit, one compiles and the others wait for it.

use std::io;
use std::time::Duration;

use crate::digest::{Digest, Hasher};
use crate::store::{Bucket, Store};
use crate::sys::lock::{self, Waited};

impl Store {
    /// Acquires the single-flight lock of a unit with this crate root: on a first miss its cache key is not known yet.
    pub fn acquire_flight_lock(
        &self,
        unit_key: &Digest,
        crate_root: &Digest,
        patience: Duration,
    ) -> io::Result<Waited> {
        let mut flight = Hasher::new();
        flight.field(unit_key.as_bytes());
        flight.field(crate_root.as_bytes());
        let path = self.path(Bucket::Locks, &flight.finish());
        self.make_room(&path, &path)?;
        lock::lock(&path, patience)
    }
}
