//! The events that the daemon's loop handles.

use std::path::PathBuf;
use std::sync::mpsc::Sender;

use crate::daemon::binary::Verdict;
use crate::protocol::message::{Request, Response};
use crate::protocol::skew::Reason;
use crate::store::scrub::Slice;
use crate::sys::fs::Identity;
use crate::sys::signal::Signal;

/// One event.
#[derive(Debug)]
pub enum Event {
    /// A client asked, and waits for the answer.
    Asked {
        request: Request,
        reply: Sender<Response>,
    },
    /// A client is another build: the daemon's own file may have been replaced.
    OtherBuild,
    /// What came through a connection was no request; it is closed.
    BadPeer(String),
    /// The system could not give the next connection.
    AcceptFailed(String),
    /// A binary was checked.
    Judged {
        candidate: Candidate,
        verdict: Verdict,
    },
    /// The upkeep of the store ended.
    Upkept(Result<String, String>),
    /// A slice of the store was scrubbed.
    Scrubbed(Result<Slice, String>),
    Signal(Signal),
}

/// A binary that may take over.
#[derive(Debug)]
pub struct Candidate {
    pub exe: PathBuf,
    /// The state of its file when it was checked.
    pub identity: Identity,
    pub reason: Reason,
    /// Where to answer the client that offered it.
    pub reply: Option<Sender<Response>>,
}
