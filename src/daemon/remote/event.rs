//! What the threads tell the event loop, and how clients are answered.

use std::sync::Arc;

use crate::manifest::form::BuildId;
use crate::protocol::message::{Response, WantedUnit};
use crate::remote::backend::{Kind, RemoteError};
use crate::remote::queue::Flushed;

/// Answers a client. If it is dropped, the connection is closed without an answer.
pub type Reply = Box<dyn FnOnce(Response) + Send>;

/// Where threads send what happened.
pub type Events = Arc<dyn Fn(RemoteEvent) + Send + Sync>;

/// Something that happened.
#[derive(Debug)]
pub enum RemoteEvent {
    /// A unit was fetched: how many entries of it are in the store now, and what was refused.
    Fetched { wanted: WantedUnit, result: Result<(u64, Vec<String>), NoLink> },
    /// Who waits for a build wants to know how far it is.
    PrefetchDue(BuildId),
    /// Nothing more will come for a build.
    Prefetched { build: BuildId, prefetched: Prefetched },
    /// Nothing more will come of a build that a unit was found in.
    Followed { n_wanted: u64, prefetched: Prefetched },
    /// Sending has ended.
    Sent(Sending),
}

/// Why nothing can be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoLink {
    pub why: String,
    /// Whether that says something of the remote as a whole.
    pub is_outage: bool,
}

impl From<RemoteError> for NoLink {
    fn from(error: RemoteError) -> NoLink {
        let is_outage = !matches!(error.kind, Kind::NotFound | Kind::TooLarge);
        NoLink { why: error.what, is_outage }
    }
}

impl NoLink {
    /// A panic.
    pub fn defect(message: String) -> NoLink {
        NoLink { why: format!("a defect in kache: {message}"), is_outage: true }
    }
}

/// What was fetched for a build, for the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefetched {
    /// What was refused, and why.
    pub refused: Vec<String>,
    pub failure: Option<NoLink>,
}

/// How a run of the queue ended.
#[derive(Debug)]
pub enum Sending {
    Flushed(Flushed),
    /// Another process sends.
    Busy,
    /// Nothing was sent: why, and how much is queued.
    Failed(String, u64),
}
