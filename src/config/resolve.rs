//! Combines defaults, files and environment into the effective settings.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::env::{self, Lookup, Variable};
use super::file::Contents;
use super::remote::{self, Access, RemoteConfig, TrustMode};
use super::setting::{Incremental, Links, Observe, PathsMode, Problem, Setting, Source, Write, quoted};
use super::units::{format_bytes, format_duration, parse_bytes};
use crate::digest::Digest;

const DEFAULT_MAX_SIZE_BYTES: u64 = 50 << 30;
const DEFAULT_WAIT: Duration = Duration::from_secs(60);
const DEFAULT_DAEMON_IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// The defaults that depend on the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// The directory of the store.
    pub cache_dir: PathBuf,
    /// Whether programs can be observed on this system. Then executables and runs of build scripts are cached as well, and
    /// new build directories are filled.
    pub observes: bool,
}

/// All settings, each with its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The directory of the store.
    pub cache_dir: Setting<PathBuf>,
    /// Whether other users may read and write the store, and are trusted.
    pub shared: Setting<bool>,
    /// The size limit of the store, kept by garbage collection.
    pub max_size_bytes: Setting<u64>,
    /// The time without use after which an entry is evicted, if there is such a limit.
    pub gc_max_age: Setting<Option<Duration>>,
    /// Whether the cache is turned off.
    pub disabled: Setting<bool>,
    /// Text that is part of every key.
    pub key_salt: Setting<String>,
    /// Whether executables and dynamic libraries are cached.
    pub cache_executables: Setting<bool>,
    /// Runs of build scripts are cached.
    pub build_scripts: Setting<bool>,
    /// Packages whose build scripts always run, sorted, each once.
    pub bypass_build_scripts: Setting<Vec<String>>,
    /// New build directories are filled before cargo asks.
    pub seed: Setting<bool>,
    /// How much of a path may differ between two trees that share artifacts.
    pub paths: Setting<PathsMode>,
    /// Whether compiles are observed to learn what they read.
    pub observe: Setting<Observe>,
    /// Whether edits are compiled incrementally.
    pub incremental: Setting<Incremental>,
    /// Whether entries are added to the store.
    pub write: Setting<Write>,
    /// Whether hard links are made between the store and target directories.
    pub links: Setting<Links>,
    /// How long to wait, without progress, for another process that compiles the same unit.
    pub wait: Setting<Duration>,
    /// Variables that are part of every key, sorted, each once.
    pub key_env_vars: Setting<Vec<String>>,
    /// Crates that bypass the cache, sorted, each once, spelled as they were written.
    pub bypass_crates: Setting<Vec<String>>,
    /// The idle time after which a daemon that was started on demand exits.
    pub daemon_idle_timeout: Setting<Duration>,
    /// Whether builds start the daemon.
    pub start_daemon: Setting<bool>,
    /// How long a build directory is not used until the daemon removes it.
    pub clean_stale: Setting<Option<Duration>>,
    /// Whether the daemon removes build directories whose projects are gone.
    pub clean_orphans: Setting<bool>,
    /// Whether a remote is configured.
    pub has_remote: bool,
    /// Whether it is not turned off: builds ask the daemon for what the store lacks.
    pub asks_remote: bool,
    /// The remote. A build does not resolve it.
    pub remote: Option<Box<RemoteConfig>>,
}

/// For whom settings are resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// For one invocation of the wrapper, which never uses the remote.
    Build,
    /// For a command or the daemon.
    Command,
}

/// One setting for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its key in a file; for a setting without one, the name of the variable.
    pub name: &'static str,
    /// The effective value.
    pub value: String,
    /// Where the value was set.
    pub source: &'a Source,
}

impl Config {
    /// How much of a path may differ between two trees that share artifacts: between machines if they share a remote.
    pub fn effective_paths(&self) -> PathsMode {
        match self.paths.value {
            PathsMode::Auto if self.has_remote => PathsMode::Portable,
            mode => mode,
        }
    }

    /// Equal for settings with the same values, wherever they come from.
    pub fn fingerprint(&self) -> String {
        let lines: String = self.rows().iter().map(|row| format!("{}={}\n", row.name, row.value)).collect();
        Digest::hash(lines.as_bytes()).to_hex()
    }

    /// Every setting as text, in the order of the documentation.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let age = self.gc_max_age.value.map_or_else(|| "no limit".to_owned(), format_duration);
        let mut rows = vec![
            row(env::DISABLED.name, on_or_off(self.disabled.value), &self.disabled.source),
            row("cache.local_store", self.cache_dir.value.display().to_string(), &self.cache_dir.source),
            row("cache.shared", on_or_off(self.shared.value), &self.shared.source),
            row("cache.local_max_size", format_bytes(self.max_size_bytes.value), &self.max_size_bytes.source),
            row("cache.gc_max_age", age, &self.gc_max_age.source),
            row("cache.key_salt", format!("{:?}", self.key_salt.value), &self.key_salt.source),
            row(
                "cache.cache_executables",
                on_or_off(self.cache_executables.value),
                &self.cache_executables.source,
            ),
            row("cache.build_scripts", on_or_off(self.build_scripts.value), &self.build_scripts.source),
            row(
                "cache.bypass_build_scripts",
                self.bypass_build_scripts.value.join(", "),
                &self.bypass_build_scripts.source,
            ),
            row("cache.seed", on_or_off(self.seed.value), &self.seed.source),
            row("cache.paths", self.paths.value.name().to_owned(), &self.paths.source),
            row("cache.observe", self.observe.value.name().to_owned(), &self.observe.source),
            row("cache.incremental", self.incremental.value.name().to_owned(), &self.incremental.source),
            row("cache.write", self.write.value.name().to_owned(), &self.write.source),
            row("cache.links", self.links.value.name().to_owned(), &self.links.source),
            row("cache.wait", format_duration(self.wait.value), &self.wait.source),
            row("cache.key_env_vars", self.key_env_vars.value.join(", "), &self.key_env_vars.source),
            row("cache.bypass_crates", self.bypass_crates.value.join(", "), &self.bypass_crates.source),
            row(
                "cache.daemon_idle_timeout",
                format_duration(self.daemon_idle_timeout.value),
                &self.daemon_idle_timeout.source,
            ),
            row("cache.start_daemon", on_or_off(self.start_daemon.value), &self.start_daemon.source),
        ];
        let stale = self.clean_stale.value.map_or_else(|| "off".to_owned(), format_duration);
        rows.extend(self.remote.iter().flat_map(|remote| remote_rows(remote)));
        rows.push(row("clean.stale", stale, &self.clean_stale.source));
        rows.push(row("clean.orphans", on_or_off(self.clean_orphans.value), &self.clean_orphans.source));
        rows
    }
}

fn remote_rows(remote: &RemoteConfig) -> Vec<Row<'_>> {
    let path_style = remote.path_style.value.map_or_else(|| "auto".to_owned(), on_or_off);
    vec![
        row("cache.remote.bucket", text_or(&remote.bucket.value, "none"), &remote.bucket.source),
        row("cache.remote.dir", path_or_none(&remote.dir.value), &remote.dir.source),
        row("cache.remote.endpoint", text_or(&remote.endpoint.value, "Amazon S3"), &remote.endpoint.source),
        row("cache.remote.region", text_or(&remote.region.value, "auto"), &remote.region.source),
        row("cache.remote.prefix", text_or(&remote.prefix.value, "none"), &remote.prefix.source),
        row("cache.remote.namespace", remote.namespace.value.clone(), &remote.namespace.source),
        row("cache.remote.profile", text_or(&remote.profile.value, "default"), &remote.profile.source),
        row("cache.remote.path_style", path_style, &remote.path_style.source),
        row("cache.remote.anonymous", on_or_off(remote.anonymous.value), &remote.anonymous.source),
        row("cache.remote.access", remote.access.value.name().to_owned(), &remote.access.source),
        row("cache.remote.trust", remote.trust().name().to_owned(), &remote.trust.source),
        row("cache.remote.public_keys", remote.public_keys.value.join(", "), &remote.public_keys.source),
        row(
            "cache.remote.secret_key_file",
            path_or_none(&remote.secret_key_file.value),
            &remote.secret_key_file.source,
        ),
        row("cache.remote.concurrency", remote.concurrency.value.to_string(), &remote.concurrency.source),
        row(
            "cache.remote.compression_level",
            remote.compression_level.value.to_string(),
            &remote.compression_level.source,
        ),
        row("cache.remote.wait", format_duration(remote.wait.value), &remote.wait.source),
        row(env::LOCAL_ONLY.name, on_or_off(remote.local_only.value), &remote.local_only.source),
    ]
}

fn row<'a>(name: &'static str, value: String, source: &'a Source) -> Row<'a> {
    Row { name, value, source }
}

fn text_or(text: &Option<String>, default: &str) -> String {
    text.as_deref().unwrap_or(default).to_owned()
}

fn path_or_none(path: &Option<PathBuf>) -> String {
    path.as_ref().map_or_else(|| "none".to_owned(), |path| path.display().to_string())
}

fn on_or_off(on: bool) -> String {
    if on { "true" } else { "false" }.to_owned()
}

/// Whether the cache is turned off. Only a variable can do that, so no file is read.
pub fn is_disabled(env: Lookup<'_>) -> bool {
    env::non_empty(env, env::DISABLED.name).and_then(|value| switch(value.to_str()?)).unwrap_or(false)
}

/// The effective settings, and the problems of the sources, which were ignored.
pub fn resolve(
    defaults: &Defaults,
    user: Contents,
    mut project: Contents,
    env: Lookup<'_>,
    scope: Scope,
) -> (Config, Vec<Problem>) {
    let mut problems = Vec::new();
    let user_store = user
        .local_store
        .clone()
        .and_then(|store| absolute_setting(store, "cache.local_store", env, &mut problems));
    problems.extend(project.keep_for_project());
    let mut vars = Variables { env, problems };
    let cache_dir = vars.value(&env::CACHE_DIR, |path| absolute_path(Path::new(path), env));
    let max_size = vars.text(&env::MAX_SIZE, |text| parse_bytes(text).ok());
    let disabled = vars.text(&env::DISABLED, switch);
    let key_salt = vars.text(&env::KEY_SALT, |text| Some(text.to_owned()));
    let executables = vars.text(&env::CACHE_EXECUTABLES, switch);
    let paths = vars.text(&env::PATHS_MODE, PathsMode::from_name);
    let build_scripts = vars.text(&env::BUILD_SCRIPTS, switch);
    let seed = vars.text(&env::SEED, switch);
    let observe = vars.text(&env::OBSERVE, Observe::from_name);
    let incremental = vars.text(&env::INCREMENTAL, Incremental::from_name);
    let links = vars.text(&env::LINKS, Links::from_name);
    let readonly = vars.text(&env::READONLY, switch);
    let readonly = readonly.map(|on| on.map(|on| if on { Write::Off } else { Write::On }));
    let gc_max_age = user.gc_max_age.clone().map(|age| age.map(Some));
    let remote = (scope == Scope::Command).then(|| Box::new(vars.remote(&user)));
    let has_remote = names_remote(&user, env);
    let local_only = env::non_empty(env, env::LOCAL_ONLY.name);
    let is_local_only = local_only.and_then(|value| switch(value.to_str()?)).unwrap_or(false);
    let config = Config {
        cache_dir: first(cache_dir, None, user_store, defaults.cache_dir.clone()),
        shared: first(None, None, user.shared, false),
        max_size_bytes: first(max_size, None, user.local_max_size, DEFAULT_MAX_SIZE_BYTES),
        gc_max_age: first(gc_max_age, None, None, None),
        disabled: first(disabled, None, None, false),
        key_salt: first(key_salt, project.key_salt, user.key_salt, String::new()),
        cache_executables: first(
            executables,
            project.cache_executables,
            user.cache_executables,
            defaults.observes,
        ),
        build_scripts: first(build_scripts, project.build_scripts, user.build_scripts, defaults.observes),
        bypass_build_scripts: joined(project.bypass_build_scripts, user.bypass_build_scripts),
        seed: first(seed, project.seed, user.seed, defaults.observes),
        paths: first(paths, project.paths, user.paths, PathsMode::default()),
        observe: first(observe, project.observe, user.observe, Observe::default()),
        incremental: first(incremental, project.incremental, user.incremental, Incremental::default()),
        write: off_if_any([readonly, project.write, user.write], Write::Off),
        links: off_if_any([links, project.links, user.links], Links::Off),
        wait: first(None, project.wait, user.wait, DEFAULT_WAIT),
        key_env_vars: joined(project.key_env_vars, user.key_env_vars),
        bypass_crates: joined(project.bypass_crates, user.bypass_crates),
        daemon_idle_timeout: first(None, None, user.daemon_idle_timeout, DEFAULT_DAEMON_IDLE_TIMEOUT),
        start_daemon: first(None, None, user.start_daemon, true),
        clean_stale: first(None, None, user.clean_stale.map(|stale| stale.map(Some)), None),
        clean_orphans: first(None, None, user.clean_orphans, false),
        has_remote,
        asks_remote: has_remote && !is_local_only,
        remote,
    };
    (config, vars.problems)
}

/// Whether the user's file or the environment names a remote.
fn names_remote(user: &Contents, env: Lookup<'_>) -> bool {
    user.remote_bucket.is_some()
        || user.remote_dir.is_some()
        || env::non_empty(env, env::S3_BUCKET.name).is_some()
        || env::non_empty(env, env::REMOTE_DIR.name).is_some()
}

fn first<T>(
    env: Option<Setting<T>>,
    project: Option<Setting<T>>,
    user: Option<Setting<T>>,
    default: T,
) -> Setting<T> {
    env.or(project).or(user).unwrap_or(Setting { value: default, source: Source::Default })
}

/// The first source that turns it off, if there is one; otherwise the first source.
fn off_if_any<T: Clone + Default + PartialEq>(settings: [Option<Setting<T>>; 3], off: T) -> Setting<T> {
    let says_off = settings.iter().flatten().find(|setting| setting.value == off).cloned();
    let [env, project, user] = settings;
    says_off.unwrap_or_else(|| first(env, project, user, T::default()))
}

/// Both lists combined and sorted: the order of names in a file must not affect keys.
fn joined(project: Option<Setting<Vec<String>>>, user: Option<Setting<Vec<String>>>) -> Setting<Vec<String>> {
    let more = if project.is_some() { user.clone() } else { None };
    let mut list = first(None, project, user, Vec::new());
    list.value.extend(more.into_iter().flat_map(|more| more.value));
    list.value.sort();
    list.value.dedup();
    list
}

/// Reads values from the environment, and collects their problems.
struct Variables<'a> {
    env: Lookup<'a>,
    problems: Vec<Problem>,
}

impl Variables<'_> {
    fn value<T>(
        &mut self,
        variable: &Variable,
        accept: impl FnOnce(&OsStr) -> Option<T>,
    ) -> Option<Setting<T>> {
        let found = env::non_empty(self.env, variable.name)?;
        let accepted = accept(&found);
        if accepted.is_none() {
            self.problems.push(bad_variable(variable, &found));
        }
        accepted.map(|value| Setting { value, source: Source::Env(variable.name) })
    }

    fn text<T>(&mut self, variable: &Variable, accept: impl FnOnce(&str) -> Option<T>) -> Option<Setting<T>> {
        self.value(variable, |value| value.to_str().and_then(accept))
    }
}

impl Variables<'_> {
    fn remote(&mut self, user: &Contents) -> RemoteConfig {
        let user = user.clone();
        let bucket = self.text(&env::S3_BUCKET, remote::bucket);
        let dir = self.path(&env::REMOTE_DIR);
        // Whichever the environment names goes before what the file names.
        let (user_bucket, user_dir) = match bucket.is_some() || dir.is_some() {
            true => (None, None),
            false => (user.remote_bucket, self.absolute(user.remote_dir, "cache.remote.dir")),
        };
        let user_key_file = self.absolute(user.remote_secret_key_file, "cache.remote.secret_key_file");
        let key_file = self.path(&env::REMOTE_SECRET_KEY_FILE);
        RemoteConfig {
            bucket: optional(bucket, user_bucket),
            dir: optional(dir, user_dir),
            endpoint: optional(self.text(&env::S3_ENDPOINT, remote::endpoint), user.remote_endpoint),
            region: optional(self.text(&env::S3_REGION, remote::region), user.remote_region),
            prefix: optional(self.text(&env::S3_PREFIX, remote::prefix), user.remote_prefix),
            namespace: first(
                self.text(&env::NAMESPACE, remote::namespace),
                None,
                user.remote_namespace,
                remote::DEFAULT_NAMESPACE.to_owned(),
            ),
            profile: optional(self.text(&env::S3_PROFILE, remote::profile), user.remote_profile),
            path_style: optional(self.text(&env::S3_PATH_STYLE, switch), user.remote_path_style),
            anonymous: first(self.text(&env::S3_ANONYMOUS, switch), None, user.remote_anonymous, false),
            access: self.access(user.remote_access),
            trust: optional(self.text(&env::REMOTE_TRUST, TrustMode::from_name), user.remote_trust),
            public_keys: joined(self.text(&env::REMOTE_PUBLIC_KEYS, public_keys), user.remote_public_keys),
            secret_key_file: optional(key_file, user_key_file),
            concurrency: first(
                self.text(&env::S3_CONCURRENCY, remote::concurrency),
                None,
                user.remote_concurrency,
                remote::DEFAULT_CONCURRENCY,
            ),
            compression_level: first(
                self.text(&env::COMPRESSION_LEVEL, remote::compression_level),
                None,
                user.remote_compression_level,
                remote::DEFAULT_COMPRESSION_LEVEL,
            ),
            wait: first(None, None, user.remote_wait, remote::DEFAULT_WAIT),
            local_only: first(self.text(&env::LOCAL_ONLY, switch), None, None, false),
        }
    }

    fn access(&mut self, user: Option<Setting<Access>>) -> Setting<Access> {
        let access = first(self.text(&env::REMOTE_ACCESS, Access::from_name), None, user, Access::default());
        match (self.text(&env::REMOTE_READONLY, switch), is_for_a_fork(self.env)) {
            (Some(Setting { value: true, source }), _) => Setting { value: Access::ReadOnly, source },
            // A job for a stranger's changes must not write what others will run.
            (None, Some(variable)) => Setting { value: Access::ReadOnly, source: Source::Env(variable) },
            _ => access,
        }
    }

    fn path(&mut self, variable: &Variable) -> Option<Setting<PathBuf>> {
        let env = self.env;
        self.value(variable, |path| absolute_path(Path::new(path), env))
    }

    fn absolute(&mut self, path: Option<Setting<PathBuf>>, key: &'static str) -> Option<Setting<PathBuf>> {
        absolute_setting(path?, key, self.env, &mut self.problems)
    }
}

/// The value of the environment, or that of the user's file.
fn optional<T>(env: Option<Setting<T>>, user: Option<Setting<T>>) -> Setting<Option<T>> {
    first(env.map(|setting| setting.map(Some)), None, user.map(|setting| setting.map(Some)), None)
}

/// Public keys with commas or blanks between them.
fn public_keys(text: &str) -> Option<Vec<String>> {
    let keys = text.split([',', ' ', '\n']).filter(|key| !key.is_empty());
    let keys: Vec<String> = keys.map(str::to_owned).collect();
    keys.iter().all(|key| remote::is_public_key(key)).then_some(keys)
}

/// The variable that says that this is a CI job for a change whose author may be a stranger.
///
/// GitHub gives jobs of forks no secrets, but no variable says that a job is one: so all pull requests count that have no
/// secret key to sign with. The others name the repository that the change comes from.
fn is_for_a_fork(env: Lookup<'_>) -> Option<&'static str> {
    let is_pull_request = env::non_empty(env, "GITHUB_EVENT_NAME")
        .is_some_and(|event| event == "pull_request" || event == "pull_request_target");
    if is_pull_request && env::non_empty(env, env::REMOTE_SECRET_KEY.name).is_none() {
        Some("GITHUB_EVENT_NAME")
    } else if differs(env, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID") {
        Some("CI_MERGE_REQUEST_SOURCE_PROJECT_ID")
    } else if differs(env, "BUILDKITE_PULL_REQUEST_REPO", "BUILDKITE_REPO") {
        Some("BUILDKITE_PULL_REQUEST_REPO")
    } else {
        None
    }
}

/// Whether the variable `name` is set, and not to the value of `other`.
fn differs(env: Lookup<'_>, name: &str, other: &str) -> bool {
    let value = env::non_empty(env, name);
    value.is_some() && value != env::non_empty(env, other)
}

/// The problem of a variable with the value `found`.
pub(super) fn bad_variable(variable: &Variable, found: &OsStr) -> Problem {
    Problem::BadValue {
        place: Source::Env(variable.name),
        key: variable.name,
        found: quoted(&found.to_string_lossy()),
        accepts: variable.accepts,
    }
}

fn switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn absolute_setting(
    path: Setting<PathBuf>,
    key: &'static str,
    env: Lookup<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Setting<PathBuf>> {
    let absolute = absolute_path(&path.value, env);
    if absolute.is_none() {
        problems.push(Problem::BadValue {
            place: path.source.clone(),
            key,
            found: quoted(&path.value.to_string_lossy()),
            accepts: env::ABSOLUTE,
        });
    }
    absolute.map(|value| Setting { value, source: path.source })
}

/// `path` with `~` replaced by the home directory. `None` if it is relative: cargo calls its wrapper in the directory of
/// each package, so a relative path would name many places.
pub(super) fn absolute_path(path: &Path, env: Lookup<'_>) -> Option<PathBuf> {
    let path = match path.strip_prefix("~") {
        Ok(below_home) => home_dir(env)?.join(below_home),
        Err(_) => path.to_owned(),
    };
    path.is_absolute().then_some(path)
}

/// The user's home directory, as the environment has it.
pub(super) fn home_dir(env: Lookup<'_>) -> Option<PathBuf> {
    let home: OsString = env::non_empty(env, "HOME").or_else(|| env::non_empty(env, "USERPROFILE"))?;
    Some(home.into())
}

#[cfg(test)]
mod tests;
