//! The daemon: maintains the store in the background.
#![doc = include_str!("LIFECYCLE.md")]
//! # Tasks, threads and state
//!
//! The daemon runs on a single-threaded tokio runtime. One task, the [`event_loop`], owns all state and is a plain state
//! machine: it handles one [`event::Event`] after the other and never waits in between. Everything else sends it events:
//!
//! ```text
//! acceptor ── a task for each connection ──┐
//! signals ─────────────────────────────────┼──> event loop ──> exit, or hand over
//! threads: judge, upkeep, scrub, clean, remote ┘
//!
//! subscriptions: a task each, which reads the record files
//! ```
//!
//! Work that takes long has a thread of its own: checking another binary (`judge`), the upkeep and scrubbing of the
//! store, and removing build directories, which lower their thread's priority. They use plain threads rather than tokio's, because the runtime reuses its
//! threads, and those would keep the priority.
//!
//! Clients block and use only std ([`crate::client`]), so the wrapper does not depend on tokio.
//!
//! Reading order: `log`, `last_run`, `binary`, `event`, `upkeep`, `scrub`, `cleaning`, `subscription`, `remote`, `serve`, `event_loop`, `run`,
//! `start`.

pub mod binary;
pub mod cleaning;
pub mod event;
pub mod event_loop;
pub mod last_run;
pub mod log;
pub mod remote;
pub mod run;
pub mod scrub;
pub mod serve;
pub mod start;
pub mod subscription;
pub mod upkeep;
