//! The configuration: settings, where each value comes from, and problems.
//!
//! ```text
//! environment  >  nearest `.kache.toml`  >  user's config.toml  >  defaults
//! ```
//!
//! - An invalid value affects only itself: it becomes a [`Problem`], and the next source applies. The wrapper records
//!   problems and goes on; commands print them and exit with 2.
//! - A file that cannot be read, or is not TOML, sets nothing, and is a problem for which [`Problem::loses_file`] holds:
//!   it may have contained the key salt.
//! - `.kache.toml` is repository content: it affects only builds of its repository. The table [`file::KEYS`] says which
//!   settings it may make, and why. It is not read if it belongs to a stranger.
//! - `cache.write` and `cache.links` are off if any source turns them off.
//! - The lists (`key_env_vars`, `bypass_crates`) of both files are joined, as cargo joins arrays: a project must not drop
//!   from the key what its user declared.
//! - The settings of the remote are the user's alone, and builds do not read them ([`remote`]).
//! - An environment variable that is empty counts as unset.
//! - The environment is a function from names to values. A daemon, which must not depend on the build that started it,
//!   passes one that has only `HOME` and `XDG_CONFIG_HOME`.
//!
//! Reading order: `setting`, `units`, `env`, `remote`, `file`, `resolve`, `load`. Each uses only those before it.

pub mod env;
pub mod file;
pub mod load;
pub mod remote;
pub mod resolve;
pub mod setting;
pub mod units;

pub use load::load;
pub use remote::{Access, RemoteConfig, RemoteSecrets, TrustMode};
pub use resolve::{Config, Defaults, Scope, is_disabled};
pub use setting::{Incremental, Links, Observe, PathsMode, Problem, Setting, Source, Write};
