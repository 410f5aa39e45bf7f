//! `kache try`: compares builds of a workspace with and without kache, before anything is installed. Works only on copies
//! in a temporary directory.
//!
//! ```text
//! <temporary>/first/<path of the sources>    a copy of them; built cold, then warm, then removed
//! <temporary>/second/<path of the sources>   another copy; built warm, then by cargo alone
//! <temporary>/store                          KACHE_CACHE_DIR
//! ```
//!
//! - **Nothing else is modified.** Even the first build runs in a copy: cargo writes a missing lock file, and build
//!   scripts may write next to their sources. Both copies are made before the first build.
//! - A copy has no build directories and no version control data. It keeps its own path below another root, so that
//!   packages outside the workspace, and configuration of cargo and rustup in the directories above, are found.
//! - Cargo may complete the lock file of the first copy and download missing crates. The builds then use that lock file
//!   and need no network.
//! - The builds differ only in the wrapper. A wrapper or workspace wrapper that the user has configured is turned off in
//!   all of them. Units of the workspace are compiled in empty incremental directories in both. Cargo alone runs last,
//!   when the files it reads are in the page cache, so the savings are rather underestimated.
//! - The temporary directory is always removed: see [`crate::sys::program::Aftermath`].
//!
//! Reading order: `bundled`, `copy`, `cargo`, `workspace`, `figures`, `builds`, `report`, `command`. Each uses only those
//! before it.

mod builds;
mod bundled;
mod cargo;
mod copy;
mod figures;
pub(super) mod report;
mod workspace;

pub mod command;
