//! The text of `config.toml` and `.kache.toml`, read key by key.
//!
//! ```toml
//! [cache]
//! local_store = "/data/kache"
//! local_max_size = "50GiB"
//! key_env_vars = ["SCHEMA_VERSION"]
//! ```
//!
//! The document is walked, not deserialized: a derived deserializer rejects the whole file at the first invalid value.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::env::{
    ABSOLUTE, ACCESSES, BUCKET, CONCURRENCY, INCREMENTAL_MODES, LEVEL, LINKS_MODES, NAMESPACES, OBSERVES,
    PATHS, PREFIX, PROFILE, PUBLIC_KEYS, REGION, SIZE, TRUSTS, URL, WRITES,
};
use super::remote::{self, Access, TrustMode};
use super::setting::{
    Incremental, Links, Observe, PathsMode, Problem, Setting, Source, Write, quoted, shortened,
};
use super::units::{parse_bytes, parse_duration};

/// One key that a file may have.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// The whole key, with dots.
    pub name: &'static str,
    /// What it does, as one or two sentences.
    pub does: &'static str,
    /// What it accepts, for people.
    pub accepts: &'static str,
    /// The value if it is not set anywhere.
    pub default: &'static str,
    /// Whether a project may set it.
    pub projects: Projects,
}

/// Whether a project may set a key, and why. A project's file is repository content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Projects {
    /// It affects only builds of the project.
    May(&'static str),
    /// Only the user may set it.
    MayNot(&'static str),
}

const DURATION: &str = "a duration such as 7d, 24h, 30m or 90s, in quotes";
const STALE: &str = "a duration of at least 1d, such as 14d, in quotes";
/// Less is between two builds of the same person.
const LEAST_STALE: Duration = Duration::from_secs(24 * 3600);

/// The whole name of a key: that of its field, unless it is named.
macro_rules! name {
    ($id:ident) => {
        concat!("cache.", stringify!($id))
    };
    ($id:ident $name:literal) => {
        $name
    };
}

/// Declares the keys: the contents of a file, and the table of all keys.
macro_rules! keys {
    ($($(#[doc = $doc:literal])+ $id:ident $(as $name:literal)?: $type:ty, $accepts:expr, $default:literal, $projects:expr;)+) => {
        /// The settings of one file. A key that is absent or invalid is `None`.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Contents {
            $($(#[doc = $doc])+ pub $id: Option<Setting<$type>>,)+
        }

        /// All keys, in the order of the documentation.
        pub const KEYS: &[Key] = &[$(Key {
            name: name!($id $($name)?),
            does: concat!($($doc),+).trim_ascii(),
            accepts: $accepts,
            default: $default,
            projects: $projects,
        }),+];

        impl Contents {
            /// Removes the settings that a project may not make.
            pub fn keep_for_project(&mut self) -> Vec<Problem> {
                let mut problems = Vec::new();
                $(if let Projects::MayNot(_) = $projects {
                    let refused = self.$id.take();
                    problems.extend(refused.and_then(|it| not_for_projects(it.source, name!($id $($name)?))));
                })+
                problems
            }
        }
    };
}

keys! {
    /// Directory of the store.
    local_store: PathBuf, ABSOLUTE, "the cache directory of the platform",
        Projects::MayNot("other projects use the store, too, and its directory is written to");
    /// Whether other users may read and write the store.
    shared: bool, "true or false", "off",
        Projects::MayNot("only the user decides whom to trust");
    /// Size limit of the store, kept by garbage collection.
    local_max_size: u64, SIZE, "50GiB",
        Projects::MayNot("one build would evict what all others have stored");
    /// Evict entries that were not used for this long, even if the store is within its size limit.
    gc_max_age: Duration, DURATION, "no limit",
        Projects::MayNot("one build would evict what all others have stored");
    /// Text that is part of every cache key. Builds with different salts share no entries.
    key_salt: String, "a string", "empty",
        Projects::May("it separates the entries of this project");
    /// Whether to cache executables and dynamic libraries, too.
    cache_executables: bool, "true or false", "on (Linux), off (elsewhere)",
        Projects::May("it affects only what this build stores");
    /// Whether to cache the runs of build scripts, too.
    build_scripts: bool, "true or false", "on (Linux), off (elsewhere)",
        Projects::May("it affects only what this build stores");
    /// Packages whose build scripts always run.
    bypass_build_scripts: Vec<String>, "a list of package names", "empty",
        Projects::May("the names are added to those of the user");
    /// Whether to fill a new build directory before cargo looks into it. Cargo then finds units up to date and calls nothing for them.
    seed: bool, "true or false", "on (Linux), off (elsewhere)",
        Projects::May("it affects only the build directories of this project");
    /// How much of a path may differ between two trees that share artifacts.
    paths: PathsMode, PATHS, "auto",
        Projects::May("it is part of the cache keys of this build");
    /// Whether to observe compiles to learn what they read.
    observe: Observe, OBSERVES, "auto",
        Projects::May("entries made without observation are used only by builds without observation");
    /// Whether to compile units incrementally that miss because of an edit, without storing them. If on, all units for which cargo asks for it.
    incremental: Incremental, INCREMENTAL_MODES, "auto",
        Projects::May("it affects only how this build compiles");
    /// Whether to add entries to the store. Off if any source turns it off.
    write: Write, WRITES, "on",
        Projects::May("a project cannot turn it on, and off leaves the store unchanged");
    /// Whether to create hard links between the store and target directories. If off, files are cloned or copied. Off if any source turns it off.
    links: Links, LINKS_MODES, "auto",
        Projects::May("a project cannot turn it on, and off only takes more disk space");
    /// How long to wait, without progress, for another process that is compiling the same unit.
    wait: Duration, DURATION, "60s",
        Projects::May("it affects only this build");
    /// Environment variables that are part of every cache key, in addition to those the compiler reports.
    key_env_vars: Vec<String>, "a list of environment variable names", "empty",
        Projects::May("the names are added to those of the user");
    /// Crates that bypass the cache.
    bypass_crates: Vec<String>, "a list of crate names", "empty",
        Projects::May("the names are added to those of the user");
    /// Idle time after which a daemon that was started on demand exits.
    daemon_idle_timeout: Duration, DURATION, "10m",
        Projects::MayNot("the daemon serves the builds of all projects");
    /// Whether a build starts the daemon where a remote is configured and no daemon is running (Linux only).
    start_daemon: bool, "true or false", "on",
        Projects::MayNot("the daemon serves the builds of all projects");
    /// Name of the S3 bucket through which machines share entries.
    remote_bucket as "cache.remote.bucket": String, BUCKET, "none", Projects::MayNot(REMOTE);
    /// Folder through which machines share entries, instead of a bucket.
    remote_dir as "cache.remote.dir": PathBuf, ABSOLUTE, "none", Projects::MayNot(REMOTE);
    /// URL of the S3 server, where it is not Amazon's.
    remote_endpoint as "cache.remote.endpoint": String, URL, "Amazon S3", Projects::MayNot(REMOTE);
    /// Region of the bucket.
    remote_region as "cache.remote.region": String, REGION, "the region of the profile or environment, or us-east-1", Projects::MayNot(REMOTE);
    /// Folder in the bucket that holds everything.
    remote_prefix as "cache.remote.prefix": String, PREFIX, "none", Projects::MayNot(REMOTE);
    /// Name under which builds are shared: a new build directory is filled with builds of the same namespace.
    remote_namespace as "cache.remote.namespace": String, NAMESPACES, "default", Projects::MayNot(REMOTE);
    /// Profile in the AWS configuration files to take credentials from.
    remote_profile as "cache.remote.profile": String, PROFILE, "the default credentials of the AWS tools", Projects::MayNot(REMOTE);
    /// Whether the bucket is part of the path of URLs, not of the host name.
    remote_path_style as "cache.remote.path_style": bool, "true or false", "on with an endpoint, off without", Projects::MayNot(REMOTE);
    /// Whether to read the bucket without credentials.
    remote_anonymous as "cache.remote.anonymous": bool, "true or false", "off", Projects::MayNot(REMOTE);
    /// Whether entries are read from the remote, written to it, or both.
    remote_access as "cache.remote.access": Access, ACCESSES, "read-write", Projects::MayNot(REMOTE);
    /// Whose entries to believe: those signed with a key in `public_keys`, or those of all who can write to the bucket.
    remote_trust as "cache.remote.trust": TrustMode, TRUSTS, "signed if read anonymously or if public_keys is set, otherwise bucket", Projects::MayNot(REMOTE);
    /// Public keys whose signatures are believed.
    remote_public_keys as "cache.remote.public_keys": Vec<String>, PUBLIC_KEYS, "empty", Projects::MayNot(REMOTE);
    /// File with the secret key that signs what is written to the remote.
    remote_secret_key_file as "cache.remote.secret_key_file": PathBuf, ABSOLUTE, "none", Projects::MayNot(REMOTE);
    /// Number of simultaneous requests.
    remote_concurrency as "cache.remote.concurrency": u32, CONCURRENCY, "16", Projects::MayNot(REMOTE);
    /// Compression level of zstd for what is written to the remote.
    remote_compression_level as "cache.remote.compression_level": u32, LEVEL, "3", Projects::MayNot(REMOTE);
    /// How long a build waits for the remote, without progress.
    remote_wait as "cache.remote.wait": Duration, DURATION, "3s", Projects::MayNot(REMOTE);
    /// Have the daemon remove build directories that were not used for this long, once a day. Only those in which builds were recorded.
    clean_stale as "clean.stale": Duration, STALE, "off", Projects::MayNot(CLEAN);
    /// Have the daemon remove build directories whose projects are gone, once a day. Only those in which builds were recorded.
    clean_orphans as "clean.orphans": bool, "true or false", "off", Projects::MayNot(CLEAN);
}

const CLEAN: &str = "it removes directories of other projects";
const REMOTE: &str = "the remote is shared by all builds of its user, and may serve programs to them";

fn not_for_projects(source: Source, key: &'static str) -> Option<Problem> {
    match source {
        Source::File { path, line } => Some(Problem::NotForProjects { path, line, key }),
        Source::Default | Source::Env(_) => None,
    }
}

/// Parses `text`, the content of the file at `path`. Returns its settings and its problems, ordered by line.
pub fn parse(path: &Path, text: &str) -> (Contents, Vec<Problem>) {
    let mut reader = Reader { path, lines: Lines::new(text), problems: Vec::new() };
    let mut contents = Contents::default();
    match DeTable::parse(text) {
        Ok(document) => reader.document(document.get_ref(), &mut contents),
        Err(error) => reader.problems.push(Problem::Unparsable {
            path: path.to_owned(),
            line: reader.lines.line_of(error.span().map_or(0, |span| span.start)),
            why: error.message().to_owned(),
        }),
    }
    // Tables come sorted by name.
    reader.problems.sort_by_key(line_of_problem);
    (contents, reader.problems)
}

fn line_of_problem(problem: &Problem) -> usize {
    match problem {
        Problem::UnknownKey { line, .. } | Problem::BadValue { place: Source::File { line, .. }, .. } => {
            *line
        }
        _ => 0,
    }
}

/// Walks the tables of one file and collects what is wrong with them.
struct Reader<'a> {
    path: &'a Path,
    lines: Lines,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn document(&mut self, document: &DeTable<'_>, contents: &mut Contents) {
        for (key, value) in document {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("cache", DeValue::Table(table)) => self.cache(table, contents),
                ("cache", _) => self.bad_value(value, "cache", "a table: `[cache]`"),
                ("clean", DeValue::Table(table)) => {
                    for (key, value) in table {
                        self.setting(key, &format!("clean.{}", key.get_ref()), value, contents);
                    }
                }
                ("clean", _) => self.bad_value(value, "clean", "a table: `[clean]`"),
                (name, _) => self.unknown(key, shortened(name), nearest(name, true)),
            }
        }
    }

    fn cache(&mut self, table: &DeTable<'_>, contents: &mut Contents) {
        for (key, value) in table {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("remote", DeValue::Table(table)) => {
                    for (key, value) in table {
                        self.setting(key, &format!("remote.{}", key.get_ref()), value, contents);
                    }
                }
                ("remote", _) => self.bad_value(value, "cache.remote", "a table: `[cache.remote]`"),
                (name, _) => self.setting(key, name, value, contents),
            }
        }
    }

    /// One setting, whose name without `cache.` is `name`.
    fn setting<T>(
        &mut self,
        key: &Spanned<T>,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        contents: &mut Contents,
    ) {
        let Some(known) = KEYS.iter().find(|known| bare(known) == name) else {
            let table = if name.starts_with("clean.") { "" } else { "cache." };
            return self.unknown(key, format!("{table}{}", shortened(name)), nearest(name, false));
        };
        match name {
            "local_store" => contents.local_store = self.text(known, value, |text| Some(text.into())),
            "shared" => contents.shared = self.value(known, value, switch),
            "local_max_size" => contents.local_max_size = self.value(known, value, size),
            "gc_max_age" => contents.gc_max_age = self.text(known, value, duration),
            "key_salt" => contents.key_salt = self.text(known, value, |text| Some(text.to_owned())),
            "cache_executables" => contents.cache_executables = self.value(known, value, switch),
            "build_scripts" => contents.build_scripts = self.value(known, value, switch),
            "bypass_build_scripts" => {
                contents.bypass_build_scripts = self.names(known, value, |name| !name.is_empty());
            }
            "seed" => contents.seed = self.value(known, value, switch),
            "paths" => contents.paths = self.text(known, value, PathsMode::from_name),
            "observe" => contents.observe = self.text(known, value, Observe::from_name),
            "incremental" => contents.incremental = self.text(known, value, Incremental::from_name),
            "write" => contents.write = self.text(known, value, Write::from_name),
            "links" => contents.links = self.text(known, value, Links::from_name),
            "wait" => contents.wait = self.text(known, value, duration),
            "key_env_vars" => contents.key_env_vars = self.names(known, value, is_variable_name),
            "daemon_idle_timeout" => contents.daemon_idle_timeout = self.text(known, value, duration),
            "start_daemon" => contents.start_daemon = self.value(known, value, switch),
            "bypass_crates" => contents.bypass_crates = self.names(known, value, |name| !name.is_empty()),
            "clean.stale" => contents.clean_stale = self.text(known, value, stale),
            "clean.orphans" => contents.clean_orphans = self.value(known, value, switch),
            _ => self.remote_setting(known, name, value, contents),
        }
    }

    fn remote_setting(
        &mut self,
        known: &'static Key,
        name: &str,
        value: &Spanned<DeValue<'_>>,
        contents: &mut Contents,
    ) {
        match name {
            "remote.bucket" => contents.remote_bucket = self.text(known, value, remote::bucket),
            "remote.dir" => contents.remote_dir = self.text(known, value, |text| Some(text.into())),
            "remote.endpoint" => contents.remote_endpoint = self.text(known, value, remote::endpoint),
            "remote.region" => contents.remote_region = self.text(known, value, remote::region),
            "remote.prefix" => contents.remote_prefix = self.text(known, value, remote::prefix),
            "remote.namespace" => contents.remote_namespace = self.text(known, value, remote::namespace),
            "remote.profile" => contents.remote_profile = self.text(known, value, remote::profile),
            "remote.path_style" => contents.remote_path_style = self.value(known, value, switch),
            "remote.anonymous" => contents.remote_anonymous = self.value(known, value, switch),
            "remote.access" => contents.remote_access = self.text(known, value, Access::from_name),
            "remote.trust" => contents.remote_trust = self.text(known, value, TrustMode::from_name),
            "remote.public_keys" => {
                contents.remote_public_keys = self.names(known, value, remote::is_public_key);
            }
            "remote.secret_key_file" => {
                contents.remote_secret_key_file = self.text(known, value, |text| Some(text.into()));
            }
            "remote.concurrency" => contents.remote_concurrency = self.value(known, value, concurrency),
            "remote.compression_level" => {
                contents.remote_compression_level = self.value(known, value, compression_level);
            }
            "remote.wait" => contents.remote_wait = self.text(known, value, duration),
            _ => {}
        }
    }

    /// The value of `key` as `accept` understands it.
    fn value<T>(
        &mut self,
        key: &'static Key,
        value: &Spanned<DeValue<'_>>,
        accept: impl FnOnce(&DeValue<'_>) -> Option<T>,
    ) -> Option<Setting<T>> {
        let accepted = accept(value.get_ref());
        if accepted.is_none() {
            self.bad_value(value, key.name, key.accepts);
        }
        accepted.map(|accepted| Setting { value: accepted, source: self.place(value) })
    }

    /// The same for a key that takes a string.
    fn text<T>(
        &mut self,
        key: &'static Key,
        value: &Spanned<DeValue<'_>>,
        accept: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Setting<T>> {
        self.value(key, value, |value| value.as_str().and_then(accept))
    }

    /// The same for a list of names, where a wrong one does not cost the others.
    fn names(
        &mut self,
        key: &'static Key,
        value: &Spanned<DeValue<'_>>,
        accept: impl Fn(&str) -> bool,
    ) -> Option<Setting<Vec<String>>> {
        let Some(items) = value.get_ref().as_array() else {
            self.bad_value(value, key.name, key.accepts);
            return None;
        };
        let mut names = Vec::new();
        for item in items {
            match item.get_ref().as_str().filter(|name| accept(name)) {
                Some(name) => names.push(name.to_owned()),
                None => self.bad_value(item, key.name, key.accepts),
            }
        }
        Some(Setting { value: names, source: self.place(value) })
    }

    fn bad_value(&mut self, value: &Spanned<DeValue<'_>>, key: &'static str, accepts: &'static str) {
        let place = self.place(value);
        self.problems.push(Problem::BadValue { place, key, found: shown(value.get_ref()), accepts });
    }

    fn unknown<T>(&mut self, at: &Spanned<T>, key: String, suggestion: Option<&'static str>) {
        self.problems.push(Problem::UnknownKey {
            path: self.path.to_owned(),
            line: self.lines.line_of(at.span().start),
            key,
            suggestion,
        });
    }

    fn place(&self, value: &Spanned<DeValue<'_>>) -> Source {
        Source::File { path: self.path.to_owned(), line: self.lines.line_of(value.span().start) }
    }
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Lines {
        Lines(memchr::memchr_iter(b'\n', text.as_bytes()).collect())
    }

    /// The line of the byte at `offset`, counted from 1.
    fn line_of(&self, offset: usize) -> usize {
        1 + self.0.partition_point(|newline| *newline < offset)
    }
}

fn size(value: &DeValue<'_>) -> Option<u64> {
    match value {
        DeValue::String(text) => parse_bytes(text).ok(),
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    }
}

fn concurrency(value: &DeValue<'_>) -> Option<u32> {
    remote::concurrency(value.as_integer()?.as_str())
}

fn compression_level(value: &DeValue<'_>) -> Option<u32> {
    remote::compression_level(value.as_integer()?.as_str())
}

fn switch(value: &DeValue<'_>) -> Option<bool> {
    value.as_bool()
}

fn duration(text: &str) -> Option<Duration> {
    parse_duration(text).ok()
}

fn stale(text: &str) -> Option<Duration> {
    duration(text).filter(|stale| *stale >= LEAST_STALE)
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(switch) => switch.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "(a list)".to_owned(),
        DeValue::Table(_) => "(a table)".to_owned(),
    }
}

/// A key's name below `cache`.
fn bare(key: &Key) -> &'static str {
    key.name.strip_prefix("cache.").unwrap_or(key.name)
}

/// The whole name of the key that is most like `name`; at the top level also of the tables.
pub fn nearest(name: &str, at_top: bool) -> Option<&'static str> {
    if name.len() > 40 {
        return None;
    }
    let keys = KEYS.iter().map(|key| (bare(key), key.name));
    let tables = [("cache", "cache"), ("clean", "clean")].into_iter().filter(|_| at_top);
    let candidates = tables.chain(keys);
    let distances = candidates.filter_map(|(candidate, whole)| {
        let is_part = name.len() >= 4 && candidate.contains(name);
        let distance = if is_part { 1 } else { edit_distance(name, candidate) };
        (distance <= candidate.len().max(3) / 3).then_some((distance, whole))
    });
    distances.min_by_key(|(distance, _)| *distance).map(|(_, whole)| whole)
}

/// How many letters must be added, removed or changed to make `right` out of `left`.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, letter) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in right.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests;
