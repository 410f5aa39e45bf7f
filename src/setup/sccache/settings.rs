//! The settings of sccache, and what happens to each.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::setup::sccache::assignment::Assignment;

/// What happens to a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It becomes a setting of kache.
    Carried(Ours),
    /// Nothing is lost with it.
    NotNeeded(&'static str),
    /// It cannot be carried over: why, and what to do.
    Not(&'static str),
}

/// Settings of kache that sccache has as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ours {
    /// A directory on the same disk as sccache's.
    Store,
    MaxSize,
    IdleTimeout,
}

impl Ours {
    /// Its key in the table `cache` of kache's configuration.
    pub fn key(self) -> &'static str {
        match self {
            Ours::Store => "local_store",
            Ours::MaxSize => "local_max_size",
            Ours::IdleTimeout => "daemon_idle_timeout",
        }
    }
}

const NO_REMOTE: &str = "kache does not use such a store; what is there stays there";
const BUCKET: &str = "set `cache.remote` for `kache sync`; what is there stays there";
const NO_SERVER: &str = "builds do without a server, and kache finds its own";
const NO_LOG: &str = "`kache why-miss` tells what happened";
const NO_C: &str = "kache caches Rust only";
const NO_DIST: &str = "kache does not distribute compilation";
const CI_CACHE: &str = "save and restore kache's directory with the cache action of the CI service";

/// Those of one name; and, where a name ends with `_`, all that begin so.
const TABLE: &[(&str, Fate)] = &[
    ("SCCACHE_CACHE_SIZE", Fate::Carried(Ours::MaxSize)),
    ("SCCACHE_DIR", Fate::Carried(Ours::Store)),
    ("SCCACHE_IDLE_TIMEOUT", Fate::Carried(Ours::IdleTimeout)),
    ("SCCACHE_BASEDIRS", Fate::NotNeeded("checkouts share what they can without it")),
    ("SCCACHE_SERVER_PORT", Fate::NotNeeded(NO_SERVER)),
    ("SCCACHE_SERVER_UDS", Fate::NotNeeded(NO_SERVER)),
    ("SCCACHE_NO_DAEMON", Fate::NotNeeded(NO_SERVER)),
    ("SCCACHE_START_SERVER", Fate::NotNeeded(NO_SERVER)),
    ("SCCACHE_STARTUP_NOTIFY", Fate::NotNeeded(NO_SERVER)),
    ("SCCACHE_SERVER_", Fate::NotNeeded(NO_SERVER)),
    ("SCCACHE_CONF", Fate::NotNeeded("kache has a file of its own")),
    ("SCCACHE_CACHED_CONF", Fate::NotNeeded("kache has a file of its own")),
    ("SCCACHE_LOG", Fate::NotNeeded(NO_LOG)),
    ("SCCACHE_LOG_MILLIS", Fate::NotNeeded(NO_LOG)),
    ("SCCACHE_ERROR_LOG", Fate::NotNeeded(NO_LOG)),
    ("SCCACHE_CACHE_ZSTD_LEVEL", Fate::NotNeeded("the store is not compressed, so that files can be linked")),
    ("SCCACHE_IGNORE_SERVER_IO_ERROR", Fate::NotNeeded("an error of kache's never stops a build")),
    ("SCCACHE_RECACHE", Fate::Not("to compile a crate again: `kache purge --crate-name <name>`")),
    ("SCCACHE_NO_CACHE", Fate::Not("to turn kache off, set KACHE_DISABLED=1")),
    ("SCCACHE_C_CUSTOM_CACHE_BUSTER", Fate::Not("for another set of entries set `cache.key_salt`")),
    ("SCCACHE_LOCAL_RW_MODE", Fate::Not("to only read the store, set `cache.write = \"off\"`")),
    ("SCCACHE_MULTILEVEL_", Fate::Not(NO_REMOTE)),
    ("SCCACHE_BUCKET", Fate::Not(BUCKET)),
    ("SCCACHE_ENDPOINT", Fate::Not(BUCKET)),
    ("SCCACHE_REGION", Fate::Not(BUCKET)),
    ("SCCACHE_S3_", Fate::Not(BUCKET)),
    ("SCCACHE_GCS_", Fate::Not(NO_REMOTE)),
    ("SCCACHE_REDIS", Fate::Not(NO_REMOTE)),
    ("SCCACHE_REDIS_", Fate::Not(NO_REMOTE)),
    ("SCCACHE_MEMCACHED", Fate::Not(NO_REMOTE)),
    ("SCCACHE_MEMCACHED_", Fate::Not(NO_REMOTE)),
    ("SCCACHE_AZURE_", Fate::Not(NO_REMOTE)),
    ("SCCACHE_WEBDAV_", Fate::Not(NO_REMOTE)),
    ("SCCACHE_OSS_", Fate::Not(NO_REMOTE)),
    ("SCCACHE_COS_", Fate::Not(NO_REMOTE)),
    ("SCCACHE_GHA_", Fate::Not(CI_CACHE)),
    ("SCCACHE_DIST_", Fate::Not(NO_DIST)),
    ("SCCACHE_DIRECT", Fate::Not(NO_C)),
    ("SCCACHE_ALLOW_CORE_DUMPS", Fate::NotNeeded(NO_SERVER)),
    ("SCCACHE_", Fate::Not("kache has no such setting")),
];

/// What happens to the setting called `name`; `None` if it is not a setting of sccache.
pub fn fate(name: &str) -> Option<Fate> {
    let row =
        TABLE.iter().find(|(known, _)| name == *known || (known.ends_with('_') && name.starts_with(known)));
    row.map(|(_, way)| *way)
}

/// The names that are known in full.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, _)| *name).filter(|name| !name.ends_with('_'))
}

/// sccache's way to write a time, in kache's: seconds, of which none at all means forever.
pub fn idle_timeout(value: &str) -> Option<String> {
    match value.trim().parse::<u32>().ok()? {
        0 => Some("36500d".to_owned()),
        seconds => Some(format!("{seconds}s")),
    }
}

/// sccache's way to write a size, in kache's: there, units are those of 1024 with or without an `i`.
pub fn size(value: &str) -> Option<String> {
    let text = value.trim().trim_end_matches(['B', 'b']).trim_end_matches('i');
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.trim().parse().ok()?;
    let unit = text[digits.len()..].to_ascii_uppercase();
    match unit.as_str() {
        "" => Some(number.to_string()),
        "K" | "M" | "G" | "T" => Some(format!("{number}{unit}iB")),
        _ => None,
    }
}

/// What a configuration file of sccache sets, by the names of the variables that do the same.
pub fn parse_file(text: &str) -> Vec<(String, String)> {
    let Ok(table) = text.parse::<toml::Table>() else { return Vec::new() };
    let mut found = Vec::new();
    for (key, value) in &table {
        match (key.as_str(), value.as_table()) {
            ("cache", Some(caches)) => {
                for (kind, settings) in caches {
                    match settings.as_table() {
                        Some(settings) => found.extend(
                            settings.iter().map(|(key, value)| (name_in_cache(kind, key), as_text(value))),
                        ),
                        None => found.push((format!("SCCACHE_{}", kind.to_uppercase()), String::new())),
                    }
                }
            }
            ("dist", _) => found.push(("SCCACHE_DIST_".to_owned(), String::new())),
            (key, _) => found.push((format!("SCCACHE_{}", key.to_uppercase()), String::new())),
        }
    }
    found
}

fn as_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        _ => String::new(),
    }
}

/// The variable that does the same as a key below `cache`.
fn name_in_cache(kind: &str, key: &str) -> String {
    let name = match (kind, key) {
        ("disk", "size") => "CACHE_SIZE".to_owned(),
        ("disk", "dir") => "DIR".to_owned(),
        ("disk", "rw_mode") => "LOCAL_RW_MODE".to_owned(),
        ("disk", "preprocessor_cache_mode") => "DIRECT".to_owned(),
        ("disk", key) => key.to_uppercase(),
        ("s3", "bucket" | "endpoint" | "region") => key.to_uppercase(),
        (kind, key) => format!("{}_{}", kind.to_uppercase(), key.to_uppercase()),
    };
    format!("SCCACHE_{name}")
}

/// The lines of a TOML file that set a variable for programs (`[env]`) or cargo's wrapper (`[build]`), by the name of
/// either, if the line holds that and nothing else.
pub fn lines_of_toml(text: &str) -> Vec<Assignment> {
    let Ok(document) = DeTable::parse(text) else { return Vec::new() };
    let mut assignments = Vec::new();
    for section in ["env", "build"] {
        let Some(DeValue::Table(table)) = document.get_ref().get(section).map(toml::Spanned::get_ref) else {
            continue;
        };
        for (key, value) in table {
            let value_text = match value.get_ref() {
                DeValue::Table(table) => table.get("value").and_then(|value| value.get_ref().as_str()),
                value => value.as_str(),
            };
            let value_text = value_text.unwrap_or_default().to_owned();
            if let Some(line) = only_line(text, key.span().start..value.span().end) {
                assignments.push(Assignment { line, name: key.get_ref().to_string(), value: value_text });
            }
        }
    }
    assignments.sort_by_key(|one| one.line);
    assignments
}

/// The number of the line that holds nothing but `span`, the key and the value of one setting.
fn only_line(text: &str, span: Range<usize>) -> Option<usize> {
    let start = text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
    let before = text[start..span.start].trim_start_matches(['\u{feff}', ' ', '\t']);
    let is_alone = before.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let after = text[span.end..].lines().next().unwrap_or_default().trim_start();
    let ends = after.is_empty() || after.starts_with('#');
    let is_one = !text[span].contains('\n');
    (is_alone && ends && is_one).then(|| text[..start].matches('\n').count() + 1)
}
