//! The operating system, behind functions with documented guarantees. Knows nothing of kache.
//!
//! `cfg(unix)`, `cfg(windows)` and `cfg(target_os)` stand here and nowhere else, and so do the calls that
//! `clippy.toml` bans: reading the environment, starting processes, changing files, asking for the time.
#![expect(clippy::disallowed_methods, reason = "this is where the banned calls are wrapped")]

pub mod clock;
pub mod defence;
pub mod dirs;
pub mod elf;
pub mod env;
pub mod fs;
pub mod host;
pub mod ipc;
pub mod loader;
pub mod lock;
pub mod observe;
pub mod os;
pub mod parent;
pub mod process;
pub mod program;
pub mod random;
#[cfg(feature = "cli")]
pub mod readiness;
pub mod shield;
#[cfg(feature = "cli")]
pub mod signal;
