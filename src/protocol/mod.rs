//! What the daemon and its clients say to each other. Words only: no socket, no clock, no process.
//!
//! ```text
//! client → daemon   32 bytes: who I am       ([`hello`])
//! daemon → client   32 bytes: who I am
//! client → daemon   one frame: the request   ([`frame`], [`message`])
//! daemon → client   one frame: the answer
//! ```
//!
//! One connection carries one request. A daemon that is being replaced finishes what it has accepted, and nobody is
//! left with a connection on which the next request will not be answered.
//!
//! # Versions
//!
//! The protocol has a major and a minor number. Within a major, a side that is newer may add requests, and fields that
//! the other can do without. The daemon serves its own major and the one before it. What never changes, in any major:
//! the 32 bytes, how frames are made, and the request `upgrade`, by which a client that is too new for the daemon
//! names its own binary. [`skew`] holds all decisions, as functions of what both sides said.
//!
//! Read `build`, `hello`, `frame`, `message`, `skew`.

pub mod build;
pub mod frame;
pub mod hello;
pub mod message;
pub mod skew;

/// The protocol of this build: major, minor.
pub const VERSION: Version = Version { major: 1, minor: 0 };

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Version {
    pub major: u16,
    pub minor: u16,
}
