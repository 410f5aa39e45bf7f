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
pub(super) const BUCKET: &str = "the name of a bucket";
pub(super) const URL: &str = "a URL such as https://s3.example.com, without a password";
pub(super) const REGION: &str = "the name of a region";
pub(super) const PREFIX: &str = "names of folders with / between them";
pub(super) const NAMESPACES: &str = "a name of letters, digits, dots, dashes and underscores";
pub(super) const PROFILE: &str = "the name of a profile";
pub(super) const ACCESSES: &str = "read-write, read-only or write-only";
pub(super) const TRUSTS: &str = "signed or bucket";
pub(super) const PUBLIC_KEYS: &str = "a list of public keys of minisign";
pub(super) const CONCURRENCY: &str = "a number from 1 to 64";
pub(super) const LEVEL: &str = "a number from 1 to 19";
const A_SECRET: &str = "a secret, which is never shown";

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
    BUILD_SCRIPTS = "KACHE_CACHE_BUILD_SCRIPTS", Some("cache.build_scripts"), "on (Linux), off (elsewhere)", SWITCH;
    /// Whether to fill a new build directory before cargo looks into it.
    SEED = "KACHE_SEED", Some("cache.seed"), "on (Linux), off (elsewhere)", SWITCH;
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
    /// Name of the S3 bucket through which machines share entries.
    S3_BUCKET = "KACHE_S3_BUCKET", Some("cache.remote.bucket"), "none", BUCKET;
    /// Folder through which machines share entries, instead of a bucket.
    REMOTE_DIR = "KACHE_REMOTE_DIR", Some("cache.remote.dir"), "none", ABSOLUTE;
    /// URL of the S3 server, where it is not Amazon's.
    S3_ENDPOINT = "KACHE_S3_ENDPOINT", Some("cache.remote.endpoint"), "Amazon S3", URL;
    /// Region of the bucket.
    S3_REGION = "KACHE_S3_REGION", Some("cache.remote.region"), "the region of the profile or environment, or us-east-1", REGION;
    /// Folder in the bucket that holds everything.
    S3_PREFIX = "KACHE_S3_PREFIX", Some("cache.remote.prefix"), "none", PREFIX;
    /// Name under which builds are shared: a new build directory is filled with builds of the same namespace.
    NAMESPACE = "KACHE_NAMESPACE", Some("cache.remote.namespace"), "default", NAMESPACES;
    /// Profile in the AWS configuration files to take credentials from.
    S3_PROFILE = "KACHE_S3_PROFILE", Some("cache.remote.profile"), "the default credentials of the AWS tools", PROFILE;
    /// Whether the bucket is part of the path of URLs, not of the host name.
    S3_PATH_STYLE = "KACHE_S3_PATH_STYLE", Some("cache.remote.path_style"), "on with an endpoint, off without", SWITCH;
    /// Whether to read the bucket without credentials.
    S3_ANONYMOUS = "KACHE_S3_ANONYMOUS", Some("cache.remote.anonymous"), "off", SWITCH;
    /// Number of simultaneous requests.
    S3_CONCURRENCY = "KACHE_S3_CONCURRENCY", Some("cache.remote.concurrency"), "16", CONCURRENCY;
    /// Access key of the bucket.
    S3_ACCESS_KEY = "KACHE_S3_ACCESS_KEY", None, "the credentials of the AWS tools", A_SECRET;
    /// Secret access key of the bucket.
    S3_SECRET_KEY = "KACHE_S3_SECRET_KEY", None, "the credentials of the AWS tools", A_SECRET;
    /// Session token, with temporary access keys.
    S3_SESSION_TOKEN = "KACHE_S3_SESSION_TOKEN", None, "none", A_SECRET;
    /// Whether entries are read from the remote, written to it, or both.
    REMOTE_ACCESS = "KACHE_REMOTE_ACCESS", Some("cache.remote.access"), "read-write", ACCESSES;
    /// Reads entries from the remote without writing to it, whatever `cache.remote.access` says.
    REMOTE_READONLY = "KACHE_REMOTE_READONLY", None, "off, but on in CI jobs for pull requests of forks", SWITCH;
    /// Whose entries to believe: those signed with a key in `public_keys`, or those of all who can write to the bucket.
    REMOTE_TRUST = "KACHE_REMOTE_TRUST", Some("cache.remote.trust"), "signed if read anonymously or if public_keys is set, otherwise bucket", TRUSTS;
    /// Public keys whose signatures are believed.
    REMOTE_PUBLIC_KEYS = "KACHE_REMOTE_PUBLIC_KEYS", Some("cache.remote.public_keys"), "empty", PUBLIC_KEYS;
    /// File with the secret key that signs what is written to the remote.
    REMOTE_SECRET_KEY_FILE = "KACHE_REMOTE_SECRET_KEY_FILE", Some("cache.remote.secret_key_file"), "none", ABSOLUTE;
    /// Secret key that signs what is written to the remote.
    REMOTE_SECRET_KEY = "KACHE_REMOTE_SECRET_KEY", None, "none", A_SECRET;
    /// Compression level of zstd for what is written to the remote.
    COMPRESSION_LEVEL = "KACHE_COMPRESSION_LEVEL", Some("cache.remote.compression_level"), "3", LEVEL;
    /// Uses no remote for now.
    LOCAL_ONLY = "KACHE_LOCAL_ONLY", None, "off", SWITCH;
    /// Used by `kache init` to test whether cargo calls kache: the wrapper appends its own path to this file.
    PROBE = "KACHE_PROBE", None, "not set", "the path of a file";
}

/// The value of `name`, unless it is unset or empty.
pub(super) fn non_empty(env: Lookup<'_>, name: &str) -> Option<OsString> {
    env(name).filter(|value| !value.is_empty())
}
