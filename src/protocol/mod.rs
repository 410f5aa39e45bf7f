//! The protocol between the daemon and its clients: messages, framing and versions. No sockets, clocks or processes.
//!
//! ```text
//! client → daemon   32 bytes: who I am       ([`hello`])
//! daemon → client   32 bytes: who I am
//! client → daemon   one frame: the request   ([`frame`], [`message`])
//! daemon → client   one frame: the answer; after `subscribed`, one frame for each update
//! ```
//!
//! A connection carries one request. So a daemon that is being replaced can finish what it has accepted, and no client is
//! left with a connection on which its next request would not be answered.
//!
//! # Versions
//!
//! The protocol has a major and a minor number. Within a major, the newer side may add requests, and fields that the
//! other side can do without. The daemon serves its own major and the one before it. Three things never change: the 32
//! bytes, the framing, and the request `upgrade`, by which a client that is too new for the daemon offers its own binary.
//! [`skew`] makes all decisions, as functions of what both sides said.
//!
//! Reading order: `build`, `hello`, `frame`, `message`, `skew`.

pub mod build;
pub mod frame;
pub mod hello;
pub mod message;
pub mod skew;

/// The protocol version of this build. 1.1 added subscriptions, 1.2 what is asked of the remote.
pub const VERSION: Version = Version { major: 1, minor: 2 };

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Version {
    pub major: u16,
    pub minor: u16,
}
