//! sccache's settings, and what becomes of each.

/// What becomes of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A size, as `cache.local_max_size`.
    Size,
    /// Nothing is lost with it.
    NotNeeded(&'static str),
    /// It cannot be carried over: why, and what to do.
    Not(&'static str),
}

const NO_REMOTE: &str = "kache has no remote store yet; what is there stays there";
const OTHER_STORE: &str = "kache does not use such a store; what is there stays there";
const NO_C: &str = "kache caches Rust only";

/// By the beginning of a name; the first that fits.
const TABLE: &[(&str, Way)] = &[
    ("SCCACHE_CACHE_SIZE", Way::Size),
    (
        "SCCACHE_DIR",
        Way::Not(
            "kache has a store of its own; for the same disk set `cache.local_store` to another directory there",
        ),
    ),
    ("SCCACHE_BASEDIRS", Way::NotNeeded("checkouts share what they can without it")),
    ("SCCACHE_IDLE_TIMEOUT", Way::NotNeeded("no server is needed")),
    ("SCCACHE_SERVER_PORT", Way::NotNeeded("no server is needed")),
    ("SCCACHE_SERVER_UDS", Way::NotNeeded("no server is needed")),
    ("SCCACHE_NO_DAEMON", Way::NotNeeded("no server is needed")),
    ("SCCACHE_START_SERVER", Way::NotNeeded("no server is needed")),
    ("SCCACHE_STARTUP_NOTIFY", Way::NotNeeded("no server is needed")),
    ("SCCACHE_CONF", Way::NotNeeded("kache has a file of its own")),
    ("SCCACHE_LOG", Way::NotNeeded("`kache why-miss` tells what happened")),
    ("SCCACHE_ERROR_LOG", Way::NotNeeded("`kache why-miss` tells what happened")),
    ("SCCACHE_CACHE_ZSTD_LEVEL", Way::NotNeeded("the store is not compressed, so that files can be linked")),
    ("SCCACHE_RECACHE", Way::Not("to compile anew, remove the crate: `kache purge <crate>`")),
    ("SCCACHE_NO_CACHE", Way::Not("to turn kache off, set KACHE_DISABLED=1")),
    ("SCCACHE_C_CUSTOM_CACHE_BUSTER", Way::Not("for another set of entries set `cache.key_salt`")),
    ("SCCACHE_MULTILEVEL_CHAIN", Way::Not(NO_REMOTE)),
    ("SCCACHE_BUCKET", Way::Not(NO_REMOTE)),
    ("SCCACHE_ENDPOINT", Way::Not(NO_REMOTE)),
    ("SCCACHE_REGION", Way::Not(NO_REMOTE)),
    ("SCCACHE_S3_", Way::Not(NO_REMOTE)),
    ("SCCACHE_GCS_", Way::Not(NO_REMOTE)),
    ("SCCACHE_REDIS", Way::Not(OTHER_STORE)),
    ("SCCACHE_MEMCACHED", Way::Not(OTHER_STORE)),
    ("SCCACHE_AZURE_", Way::Not(OTHER_STORE)),
    ("SCCACHE_WEBDAV_", Way::Not(OTHER_STORE)),
    ("SCCACHE_GHA_", Way::Not("save and restore kache's directory with the cache action of the CI service")),
    ("SCCACHE_OSS_", Way::Not(OTHER_STORE)),
    ("SCCACHE_COS_", Way::Not(OTHER_STORE)),
    ("SCCACHE_DIST_", Way::Not("kache does not distribute compilation")),
    ("SCCACHE_DIRECT", Way::Not(NO_C)),
    ("SCCACHE_", Way::Not("kache has no such setting")),
];

/// What becomes of the setting called `name`; `None` if it is none of sccache's.
pub fn way(name: &str) -> Option<Way> {
    TABLE.iter().find(|(start, _)| name.starts_with(start)).map(|(_, way)| *way)
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
pub fn of_file(text: &str) -> Vec<(String, String)> {
    let Ok(table) = text.parse::<toml::Table>() else { return Vec::new() };
    let as_text = |value: &toml::Value| match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        _ => String::new(),
    };
    let mut found = Vec::new();
    let caches = table.get("cache").and_then(|cache| cache.as_table()).cloned().unwrap_or_default();
    for (kind, settings) in &caches {
        let settings = settings.as_table().cloned().unwrap_or_default();
        if kind == "disk" {
            let names = [("size", "SCCACHE_CACHE_SIZE"), ("dir", "SCCACHE_DIR")];
            found.extend(
                names
                    .iter()
                    .filter_map(|(key, name)| Some(((*name).to_owned(), as_text(settings.get(*key)?)))),
            );
        } else {
            let name = if kind == "s3" {
                "SCCACHE_BUCKET".to_owned()
            } else {
                format!("SCCACHE_{}_", kind.to_uppercase())
            };
            found.push((name, String::new()));
        }
    }
    if table.contains_key("dist") {
        found.push(("SCCACHE_DIST_".to_owned(), String::new()));
    }
    found
}
