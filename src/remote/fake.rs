//! A remote for tests.

use std::sync::{Arc, Mutex};

use crate::digest::Digest;
use crate::remote::backend::{Body, Kind, Listed, Put, Remote, RemoteError, Sink};
use crate::remote::connect::Connected;
use crate::remote::layers::meter::Meter;
use crate::remote::object_name::ObjectName;
use crate::remote::signature::Trust;

/// A remote whose credentials allow to write only, and which refuses some objects.
#[derive(Default)]
pub(super) struct WriteOnly {
    /// Parts of the names of objects, and how those fail.
    refused: Mutex<Vec<(String, Kind)>>,
    /// What was tried.
    tried: Mutex<Vec<String>>,
}

impl WriteOnly {
    /// Refuses the packs of these entries from now on, and no others.
    pub(super) fn refuse(&self, refused: &[(&Digest, Kind)]) {
        *self.refused.lock().expect("locks") =
            refused.iter().map(|(key, kind)| (key.to_hex(), *kind)).collect();
    }

    /// How many transfers were tried.
    pub(super) fn n_tried(&self) -> usize {
        self.tried.lock().expect("locks").len()
    }

    /// Counts from here.
    pub(super) fn forget_tried(&self) {
        self.tried.lock().expect("locks").clear();
    }

    /// As a configuration names it: one transfer at a time.
    pub(super) fn connected(self: &Arc<WriteOnly>) -> Connected {
        Connected {
            remote: Arc::<WriteOnly>::clone(self),
            meter: Meter::default(),
            trust: Trust::Bucket,
            key: None,
            compression_level: 1,
            n_at_a_time: 1,
            namespace: "n".to_owned(),
        }
    }
}

impl Remote for WriteOnly {
    fn get(&self, _: &ObjectName, _: &mut dyn Sink, _: u64) -> Result<u64, RemoteError> {
        Err(RemoteError::new(Kind::Denied, "no reading"))
    }

    fn head(&self, _: &ObjectName) -> Result<Option<u64>, RemoteError> {
        Err(RemoteError::new(Kind::Denied, "no looking"))
    }

    fn put_if_absent(&self, name: &ObjectName, _: Body<'_>) -> Result<Put, RemoteError> {
        let name = name.to_string();
        self.tried.lock().expect("locks").push(name.clone());
        let refused = self.refused.lock().expect("locks");
        match refused.iter().find(|(part, _)| name.contains(part)) {
            Some((part, kind)) => Err(RemoteError::of(*kind, format_args!("no {part}"), "refused")),
            None => Ok(Put::Stored),
        }
    }

    fn list(&self, _: &ObjectName, _: &mut dyn FnMut(Listed)) -> Result<(), RemoteError> {
        Err(RemoteError::new(Kind::Denied, "no listing"))
    }

    fn place(&self) -> String {
        "here".to_owned()
    }
}
