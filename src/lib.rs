//! kache is a build cache for Rust. Cargo runs it as a wrapper around rustc. It restores what was compiled before;
//! everything else it compiles and stores.
//!
//! # The path of one compilation
//!
//! ```text
//! argv, env, cwd
//!   └─ invocation          parsed, pure; anything not understood is a bypass: the compiler runs, nothing is stored
//!       └─ key             unit key: the digest of everything known before sources are read
//!           └─ store       input lists: what earlier compiles of this unit read, newest first
//!               └─ action  cache key = digest(unit key, those inputs as they are today)
//!                   ├─ found     run::hit: restore, replay the diagnostics
//!                   └─ not found ─┬─ run::miss::incremental: a source was edited here; compile it incrementally,
//!                                 │                         store nothing
//!                                 └─ run::keyed: wait for others that compile this unit and look again, ask the daemon
//!                                    │           for it where there is a remote and look again, or else
//!                                    └─ run::miss: compile, learn the inputs, store
//! run::record (for a bypass before the compiler runs), then the compiler's exit code
//! ```
//!
//! To follow it in the code, start at `main.rs`, which chooses between a command, the launcher of a build script,
//! cargo's version query (where [`seed`] fills a new build directory) and [`run`]. There, [`run::wrapper`] and
//! [`run::keyed`] have the steps, [`store::lookup`] finds the entry, and [`run::miss`] says in which order to read the
//! rest. `defence::stands` is `true` in every release: it names a check, so that a test can switch it off
//! ([`sys::defence`]).
//!
//! Cargo starts build scripts itself: their runs take the same path from a launcher ([`build_script`]).
//!
//! Principles, in order: **never a wrong hit**, never break a build, fast hits, small disk, fast misses.
//!
//! # Ten words
//!
//! - **unit**: what cargo makes in one step: one invocation of rustc (a library, a binary, a test, a build script, a
//!   procedural macro), or one run of a build script.
//! - **bypass**: an invocation that kache leaves to the compiler, with its reason.
//! - **input**: anything that decides what a compile writes: a file, a variable, an argument, a path that is absent.
//! - **unit key**: the digest of all inputs that are known before any source is read.
//! - **input list**: the names of what an earlier compile of the unit read. It holds no contents.
//! - **cache key**: the digest of the unit key and of what an input list names, as it is now.
//! - **entry**: what is stored under a cache key: the outputs, as digests of **blobs**, and what the compiler printed.
//! - **closure**: all crates that a crate was compiled with, directly or not.
//! - **observed**: the system reported every file that a compile touched. Where it cannot, inputs are **assumed** by
//!   rules.
//! - **root**: a directory that differs between checkouts or machines, such as the workspace. A **portable** path names
//!   its root, not the directory.
//!
//! # The rule of direction
//!
//! The list below is in reading order, and **a module imports only modules listed above it**; `tests/tidy.rs` keeps
//! it so. Everything up to [`run`] is what a hit needs: `std` and a few small crates, no thread, no database. The
//! rest comes after it, most of it behind the feature `cli`. A wrapper enters it in one place: [`seed`], at cargo's
//! version query.
//!
//! No error of kache reaches cargo: a step that fails before the compiler runs returns a [`outcome::BypassReason`], and
//! one that fails after it returns an [`outcome::Unstored`]. Both are recorded, and at worst lose a hit.

// The operating system: files, processes, locks, observation. Knows nothing of kache.
pub mod sys;

// Digests and the seal of stored files.
pub mod digest;

// Every way an invocation can end, and why.
pub mod outcome;

// Settings: environment, files, defaults.
pub mod config;

// rustc's command line, parsed.
pub mod invocation;

// Messages between the daemon and its clients. A hit uses only its build id.
pub mod protocol;

// Loads the configuration of this process.
pub mod settings;

// What is true of any cached action: inputs, their state today, portable paths.
pub mod action;

// What decides the output of a rustc invocation: the unit key.
pub mod key;

// The content-addressed store on disk.
pub mod store;

// Talks to the daemon.
pub mod client;

// One invocation of the wrapper, from its arguments to the compiler's exit code.
pub mod run;

// One run of a build script, from its launcher to the script's exit code.
pub mod build_script;

// The database that reports read: a copy of records and entries.
#[cfg(feature = "cli")]
pub mod index;

// Figures and words for reports.
#[cfg(feature = "cli")]
pub mod report;

// Removes entries that are no longer needed.
#[cfg(feature = "cli")]
pub mod gc;

// Explains a miss by comparing two lists of inputs.
#[cfg(feature = "cli")]
pub mod why_miss;

// Removes build directories of cargo.
#[cfg(feature = "cli")]
pub mod clean;

// What a build consisted of.
#[cfg(feature = "cli")]
pub mod manifest;

// Shares entries with other machines.
#[cfg(feature = "cli")]
pub mod remote;

// The background service.
#[cfg(feature = "cli")]
pub mod daemon;

// Installs, checks and removes kache on a machine.
#[cfg(feature = "cli")]
pub mod setup;

// Fills build directories before cargo looks into them.
#[cfg(feature = "cli")]
pub mod seed;

// The commands.
#[cfg(feature = "cli")]
pub mod cli;
