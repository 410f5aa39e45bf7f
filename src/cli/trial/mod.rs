//! `kache try`: what the cache saves on a workspace, seen before anything is installed.
//!
//! ```text
//! <temporary>/first/<path of the sources>    a copy of them; built cold, then warm, then removed
//! <temporary>/second/<path of the sources>   another copy; built warm, then by cargo alone
//! <temporary>/store                          KACHE_CACHE_DIR
//! ```
//!
//! - **Nothing else is touched**, so everything is built in copies, also the first time: a build writes a lock file
//!   where there is none, and a build script may write beside its sources. Both copies are made before the first build.
//! - A copy has no build directories and no version control data. It stands at its own path below another root, so
//!   that packages outside the workspace, and cargo's and rustup's files in directories above it, stand where they
//!   are looked for.
//! - Cargo may complete the lock file of the first copy, and get crates that are missing; afterwards it is held to
//!   that lock file, and the builds need no network.
//! - Only what is compared differs between the builds: the wrapper. One that the user has configured is out of the way in
//!   all of them, and so is a workspace wrapper. Cargo alone builds without incremental compilation, as it does where
//!   kache wraps the compiler. It comes last, when everything it reads has been read before, so a difference is
//!   rather told too small than too large.
//! - The temporary directory goes whatever happens: see [`crate::sys::program::Aftermath`].
//!
//! Read `bundled`, `copy`, `cargo`, `workspace`, `figures`, `builds`, `report`, `command`: each uses only what is before
//! it.

mod builds;
mod bundled;
mod cargo;
mod copy;
mod figures;
mod report;
mod workspace;

pub mod command;
