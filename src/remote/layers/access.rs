//! Refuses what the configuration does not allow.

use crate::config::Access;
use crate::remote::backend::{Body, Kind, Listed, Put, Remote, RemoteError, Sink};
use crate::remote::object_name::ObjectName;

/// A remote that is only read, or only written. Listing is always allowed: a writer looks for what is there already.
pub struct Restricted<R> {
    pub remote: R,
    pub access: Access,
}

impl<R> Restricted<R> {
    fn refusal(&self, what: &str) -> RemoteError {
        RemoteError::new(Kind::Forbidden, format!("the configuration does not allow {what} the remote"))
    }
}

impl<R: Remote> Remote for Restricted<R> {
    fn get(&self, name: &ObjectName, sink: &mut dyn Sink, max_bytes: u64) -> Result<u64, RemoteError> {
        match self.access.can_read() {
            true => self.remote.get(name, sink, max_bytes),
            false => Err(self.refusal("reading from")),
        }
    }

    fn head(&self, name: &ObjectName) -> Result<Option<u64>, RemoteError> {
        self.remote.head(name)
    }

    fn put_if_absent(&self, name: &ObjectName, body: Body<'_>) -> Result<Put, RemoteError> {
        match self.access.can_write() {
            true => self.remote.put_if_absent(name, body),
            false => Err(self.refusal("writing to")),
        }
    }

    fn list(&self, prefix: &ObjectName, each: &mut dyn FnMut(Listed)) -> Result<(), RemoteError> {
        self.remote.list(prefix, each)
    }

    fn place(&self) -> String {
        self.remote.place()
    }
}
