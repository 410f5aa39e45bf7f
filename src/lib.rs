//! kache is a build cache for Rust. Cargo calls it in front of the compiler; it serves what was compiled before, or
//! compiles and stores.
//!
//! # The way of one compilation
//!
//! ```text
//! argv, env, cwd
//!   └─ Invocation          parsed, pure; anything not understood → bypass: the compiler runs untouched
//!       └─ unit key        digest of all that is known before sources are read
//!           └─ input list  what earlier compiles of this unit read; newest first
//!               └─ cache key = digest(unit key, what those inputs are today)
//!                   ├─ entry found → restore → replay what was printed → record → exit 0
//!                   └─ none → one of all that need it compiles, the others wait and look again
//!                         └─ compiler, streams forwarded live → its dep-info → blobs, entry, input list
//!                              → record → the compiler's exit code
//! ```
//!
//! Principles, in order: **never a wrong hit**, never break a build, fast hits, small disk, fast misses.
//!
//! # The rule of direction
//!
//! The list below is in reading order, and **a module imports only modules listed above it**; `tests/tidy.rs` keeps
//! it so. Up to [`wrapper`] stands what a hit needs: `std` and a few small crates, no thread, no database. What people
//! call comes after it, behind the feature `cli`.
//!
//! An error cannot escape the way: before the compiler runs, steps return a [`outcome::BypassReason`]; after it ran, an
//! [`outcome::Unstored`], which is recorded and costs nothing else.

// Ground: knows nothing of kache.
pub mod sys;

pub mod digest;

// Words: plain values, no I/O, no clock.
pub mod outcome;

pub mod config;

pub mod invocation;

pub mod policy;

pub mod protocol;

pub mod settings;

// The way, in order.
pub mod call;

pub mod probe;

pub mod key;

pub mod store;

pub mod streams;

pub mod mapping;

pub mod rust_text;

pub mod generated;

pub mod attempt;

pub mod restore;

pub mod compile;

pub mod privileged;

pub mod names;

pub mod unseen;

pub mod learn;

pub mod reading;

pub mod gather;

pub mod hit;

pub mod miss;

pub mod record;

pub mod client;

pub mod trigger;

pub mod wrapper;

// Reading back.
#[cfg(feature = "cli")]
pub mod index;

#[cfg(feature = "cli")]
pub mod report;

#[cfg(feature = "cli")]
pub mod gc;

#[cfg(feature = "cli")]
pub mod why_miss;

// Behind the scene.
#[cfg(feature = "cli")]
pub mod daemon;

// In front of the user.
#[cfg(feature = "cli")]
pub mod setup;

#[cfg(feature = "cli")]
pub mod cli;
