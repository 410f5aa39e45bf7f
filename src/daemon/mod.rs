//! The daemon looks after the store in the background.
#![doc = include_str!("LIFECYCLE.md")]
//! # Threads and state
//!
//! The daemon uses threads and channels, and blocks; there is no async runtime. A few connections at a time, each with
//! one short request, give a runtime nothing to do, the clients must block anyway, and what would want one later (a
//! remote store) can have it inside its own worker.
//!
//! One thread, [`event_loop`], owns all state. The others send it an [`event::Event`] for whatever happens:
//!
//! ```text
//! acceptor ── connection threads ──┐
//! signals ─────────────────────────┼──> event loop ──> stop, or hand over
//! judge (another binary), upkeep ──┤
//! scrub ───────────────────────────┘
//! ```
//!
//! Read `log`, `last_run`, `binary`, `event`, `serve`, `upkeep`, `scrub`, `event_loop`, `run`, `start`.

pub mod binary;
pub mod event;
pub mod event_loop;
pub mod last_run;
pub mod log;
pub mod run;
pub mod scrub;
pub mod serve;
pub mod start;
pub mod upkeep;
