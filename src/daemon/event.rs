//! The events that the daemon's event loop handles, and what it gives back.

use std::io;
use std::path::PathBuf;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::daemon::binary::Verdict;
use crate::daemon::remote::event::RemoteEvent;
use crate::protocol::frame::FrameError;
use crate::protocol::message::{Position, Request, Response};
use crate::protocol::skew::Reason;
use crate::store::scrub::Slice;
use crate::sys::fs::Identity;
use crate::sys::signal::Signal;

/// Where events are sent. Sending never waits: few things happen at a time, and each connection sends one request.
pub type Sender = mpsc::UnboundedSender<Event>;

/// Where the event loop receives them.
pub type Receiver = mpsc::UnboundedReceiver<Event>;

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// A client sent a request, and waits for the answer.
    Asked { request: Request, reply: oneshot::Sender<Answer> },
    /// A client is another build, so the daemon's own file may have been replaced.
    OtherBuild,
    /// A connection was closed because of its peer.
    BadPeer(BadPeer),
    /// The system could not accept a connection.
    AcceptFailed(io::Error),
    /// Every connection that was accepted is closed.
    Drained,
    /// A binary was checked.
    Judged { candidate: Candidate, verdict: Verdict },
    /// The upkeep of the store ended. A success has a summary.
    Upkept(Result<String, UpkeepFailed>),
    /// Build directories were removed: lines for the log, or why none were.
    Cleaned(Result<Vec<String>, String>),
    /// A slice of the store was scrubbed.
    Scrubbed(Result<Slice, ScrubFailed>),
    /// Something that has to do with the remote.
    Remote(RemoteEvent),
    /// A signal was received.
    Signal(Signal),
}

/// What a connection gets for its request.
#[derive(Debug)]
pub enum Answer {
    /// A response, after which the connection is closed.
    Once(Response),
    /// A subscription.
    Stream(Subscription),
}

/// The right to a stream of records. It counts as a subscriber until it is dropped.
#[derive(Debug)]
pub struct Subscription {
    pub records_dir: PathBuf,
    pub after: Option<Position>,
    pub permit: OwnedSemaphorePermit,
}

/// A binary that may take over.
#[derive(Debug)]
pub struct Candidate {
    pub exe: PathBuf,
    /// The state of its file when the check began.
    pub identity: Identity,
    pub reason: Reason,
    /// Where to answer the client that offered it.
    pub reply: Option<oneshot::Sender<Answer>>,
}

/// What was wrong with a peer.
#[derive(Debug, thiserror::Error)]
pub enum BadPeer {
    #[error("{0}")]
    OtherUser(io::Error),
    #[error("does not speak the protocol of kache")]
    NotKache,
    #[error("incomplete hello: {0}")]
    IncompleteHello(io::Error),
    #[error("sent no complete request in time")]
    TooSlow,
    #[error(transparent)]
    Frame(#[from] FrameError),
}

impl From<io::Error> for BadPeer {
    fn from(e: io::Error) -> BadPeer {
        BadPeer::Frame(FrameError::Io(e))
    }
}

/// Why the upkeep of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepFailed {
    #[error("{}: {error}", cache_dir.display())]
    Index { cache_dir: PathBuf, error: crate::index::Error },
    /// Garbage collection removed what it could; this is the first of its problems.
    #[error("{0}")]
    Collection(String),
}

/// Scrubbing could not save its progress, so it read nothing.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub struct ScrubFailed {
    pub path: PathBuf,
    pub error: io::Error,
}
