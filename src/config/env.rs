//! Every `KACHE_*` environment variable, each named once.

use std::ffi::OsString;

/// The environment as a function from names to values.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// One environment variable that is read.
#[derive(Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it does, as one or two sentences.
    pub does: &'static str,
    /// The setting in a file that it overrides, if there is one.
    pub key: Option<&'static str>,
    /// The value if it is not set anywhere.
    pub default: &'static str,
    /// What it accepts, for people.
    pub accepts: &'static str,
}

/// Declares variables, with their documentation as `does`, and the table of all variables.
macro_rules! variables {
    ($($(#[doc = $doc:literal])+ $id:ident = $name:literal, $key:expr, $default:literal, $accepts:expr;)+) => {
        $(
            $(#[doc = $doc])+
            pub const $id: Variable = Variable {
                name: $name,
                does: concat!($($doc),+).trim_ascii(),
                key: $key,
                default: $default,
                accepts: $accepts,
            };
        )+

        /// All variables, in the order of the documentation.
        pub const ALL: &[Variable] = &[$($id),+];
    };
}

const ANY_TEXT: &str = "text in UTF-8";
const SWITCH: &str = "1, true, yes or on, or 0, false, no or off";
pub(super) const ABSOLUTE: &str = "an absolute path, or one that starts with ~/";
pub(super) const SIZE: &str = "a size such as 50GiB or 500MB, or a number of bytes";
pub(super) const OBSERVES: &str = "auto or off";
pub(super) const LINKS_MODES: &str = "auto or off";
pub(super) const WRITES: &str = "on or off";
pub(super) const INCREMENTAL_MODES: &str = "auto, off or on";
pub(super) const PATHS: &str = "auto, portable or exact";

variables! {
    /// Directory of the store.
    CACHE_DIR = "KACHE_CACHE_DIR", Some("cache.local_store"), "the cache directory of the platform", ABSOLUTE;
    /// Size limit of the store, kept by garbage collection.
    MAX_SIZE = "KACHE_MAX_SIZE", Some("cache.local_max_size"), "50GiB", SIZE;
    /// Turns the cache off: every invocation runs the compiler.
    DISABLED = "KACHE_DISABLED", None, "off", SWITCH;
    /// Text that is part of every cache key. Builds with different salts share no entries.
    KEY_SALT = "KACHE_KEY_SALT", Some("cache.key_salt"), "empty", ANY_TEXT;
    /// Whether to cache executables and dynamic libraries, too.
    CACHE_EXECUTABLES = "KACHE_CACHE_EXECUTABLES", Some("cache.cache_executables"), "on (Linux), off (elsewhere)", SWITCH;
    /// Whether to cache the runs of build scripts, too.
    BUILD_SCRIPTS = "KACHE_CACHE_BUILD_SCRIPTS", Some("cache.build_scripts"), "off", SWITCH;
    /// Whether to fill a new build directory before cargo looks into it.
    SEED = "KACHE_SEED", Some("cache.seed"), "off", SWITCH;
    /// Path of the user's configuration file, which must exist.
    CONFIG = "KACHE_CONFIG", None, "$XDG_CONFIG_HOME/kache/config.toml, or ~/.config/kache/config.toml", ABSOLUTE;
    /// How much of a path may differ between two trees that share artifacts.
    PATHS_MODE = "KACHE_PATHS", Some("cache.paths"), "auto", PATHS;
    /// Whether to observe compiles to learn what they read.
    OBSERVE = "KACHE_OBSERVE", Some("cache.observe"), "auto", OBSERVES;
    /// Whether to compile units incrementally that miss because of an edit, without storing them.
    INCREMENTAL = "KACHE_INCREMENTAL", Some("cache.incremental"), "auto", INCREMENTAL_MODES;
    /// Whether to create hard links between the store and target directories. If off, files are cloned or copied.
    LINKS = "KACHE_LINKS", Some("cache.links"), "auto", LINKS_MODES;
    /// Serves hits from the store without adding entries to it.
    READONLY = "KACHE_READONLY", None, "off", SWITCH;
    /// Used by `kache init` to test whether cargo calls kache: the wrapper appends its own path to this file.
    PROBE = "KACHE_PROBE", None, "not set", "the path of a file";
}

/// The value of `name`, unless it is unset or empty.
pub(super) fn non_empty(env: Lookup<'_>, name: &str) -> Option<OsString> {
    env(name).filter(|value| !value.is_empty())
}
