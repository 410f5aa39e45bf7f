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
    /// The setting in a file that it goes before, if there is one.
    pub key: Option<&'static str>,
    /// What holds when it is not set anywhere.
    pub default: &'static str,
    /// What it takes, for people.
    pub accepts: &'static str,
}

/// Declares variables with their documentation, which is what `does` says, and the table of them all.
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

const ANY_TEXT: &str = "any text in UTF-8";
const SWITCH: &str = "1, true, yes or on; or 0, false, no or off";
pub(super) const ABSOLUTE: &str = "an absolute path, or one that begins with ~/";
pub(super) const SIZE: &str = "a size such as 50GiB or 500MB, or a number of bytes";
pub(super) const OBSERVES: &str = "one of auto and off";
pub(super) const LINKS_MODES: &str = "one of auto and off";
pub(super) const WRITES: &str = "one of on and off";
pub(super) const INCREMENTAL_MODES: &str = "one of auto, off and on";
pub(super) const PATHS: &str = "one of auto, portable and exact";

variables! {
    /// The directory of the store.
    CACHE_DIR = "KACHE_CACHE_DIR", Some("cache.local_store"), "the cache directory of the platform", ABSOLUTE;
    /// The size that garbage collection keeps the store under.
    MAX_SIZE = "KACHE_MAX_SIZE", Some("cache.local_max_size"), "50GiB", SIZE;
    /// Leaves every compilation to the compiler alone.
    DISABLED = "KACHE_DISABLED", None, "off", SWITCH;
    /// A text that is part of every key: another salt, another set of entries.
    KEY_SALT = "KACHE_KEY_SALT", Some("cache.key_salt"), "empty", ANY_TEXT;
    /// Whether executables and dynamic libraries are cached too.
    CACHE_EXECUTABLES = "KACHE_CACHE_EXECUTABLES", Some("cache.cache_executables"), "on under Linux, off elsewhere", SWITCH;
    /// Whether the runs of build scripts are cached too.
    BUILD_SCRIPTS = "KACHE_CACHE_BUILD_SCRIPTS", Some("cache.build_scripts"), "off", SWITCH;
    /// The path of the user's configuration file. A file of that name must exist.
    CONFIG = "KACHE_CONFIG", None, "$XDG_CONFIG_HOME/kache/config.toml, or ~/.config/kache/config.toml", ABSOLUTE;
    /// How much of a path may differ between two trees that share artifacts.
    PATHS_MODE = "KACHE_PATHS", Some("cache.paths"), "auto", PATHS;
    /// Whether compiles are observed to learn what they read.
    OBSERVE = "KACHE_OBSERVE", Some("cache.observe"), "auto", OBSERVES;
    /// Whether units that miss because of an edit are compiled incrementally, and not stored.
    INCREMENTAL = "KACHE_INCREMENTAL", Some("cache.incremental"), "auto", INCREMENTAL_MODES;
    /// Whether hard links are made between the store and target directories. With off, files are cloned or copied.
    LINKS = "KACHE_LINKS", Some("cache.links"), "auto", LINKS_MODES;
    /// Puts nothing into the store: what is there is served, everything else is compiled.
    READONLY = "KACHE_READONLY", None, "off", SWITCH;
    /// Asks whether cargo calls kache: every call as a wrapper appends a line with its own path to this file, which `kache init` has made for that.
    PROBE = "KACHE_PROBE", None, "nobody asks", "the path of a file";
}

/// The value of `name`, unless it is unset or empty.
pub(super) fn non_empty(env: Lookup<'_>, name: &str) -> Option<OsString> {
    env(name).filter(|value| !value.is_empty())
}
