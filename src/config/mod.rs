//! What a user can set, where each value came from, and what is wrong with it.
//!
//! ```text
//! environment  >  nearest `.kache.toml`  >  user's config.toml  >  defaults
//! ```
//!
//! - A broken value costs only itself: it is skipped, becomes a [`Problem`], and the next source in line decides.
//!   The wrapper records problems and goes on; the command line prints them and ends with 2.
//! - A file that cannot be read, or is not TOML, says nothing, and one problem for which
//!   [`Problem::loses_file`] holds: the key salt may have been in it.
//! - `.kache.toml` is repository content: it decides about its own build alone. Which settings it may make, and why, is
//!   part of the table [`file::KEYS`]. One that belongs to a stranger is not read.
//! - `cache.write` and `cache.links` are off if anything says so: neither a project nor a variable turns them on again.
//! - The lists (`key_env_vars`, `bypass_crates`) of both files are joined, as cargo joins arrays: a project must
//!   not drop from the key what its user declared.
//! - An environment variable that is set but empty counts as unset.
//! - The environment is a function from names to values. A daemon, which must not depend on the build that
//!   started it, passes one that knows `HOME` and `XDG_CONFIG_HOME` alone.
//!
//! Read `setting`, `units`, `env`, `file`, `resolve`, `load`: each uses only what is before it.
//!
//! This runs in every call of the wrapper: no file is looked for in any other way than by opening it.

pub mod env;
pub mod file;
pub mod load;
pub mod resolve;
pub mod setting;
pub mod units;

pub use load::load;
pub use resolve::{Config, Defaults, is_disabled};
pub use setting::{Incremental, Links, Observe, PathsMode, Problem, Setting, Source, Write};
