//! Tests of what goes before what.

use super::super::env::ALL;
use super::super::file::{KEYS, Projects, parse};
use super::*;
use crate::sys::dirs::rooted;

fn defaults() -> Defaults {
    Defaults { cache_dir: "/var/cache/kache".into(), observes: true }
}

fn contents(path: &str, text: &str) -> Contents {
    let (contents, problems) = parse(Path::new(path), text);
    assert_eq!(problems, []);
    contents
}

/// Resolves the texts of a user's and a project's file with these variables.
fn with(user: &str, project: &str, vars: &[(&str, &str)]) -> (Config, Vec<String>) {
    let env = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
    let (config, problems) = resolve(
        &defaults(),
        contents("/user.toml", user),
        contents("/repo/.kache.toml", project),
        &env,
        Scope::Command,
    );
    (config, problems.iter().map(Problem::to_string).collect())
}

fn file(path: &str, line: usize) -> Source {
    Source::File { path: path.into(), line }
}

#[test]
fn nothing_set_means_defaults() {
    let (config, problems) = with("", "", &[]);
    assert_eq!(problems, [""; 0]);
    let rows: Vec<(&str, String)> = config.rows().into_iter().map(|row| (row.name, row.value)).collect();
    let expected = [
        ("KACHE_DISABLED", "false"),
        ("cache.local_store", "/var/cache/kache"),
        ("cache.shared", "false"),
        ("cache.local_max_size", "50 GiB"),
        ("cache.gc_max_age", "no limit"),
        ("cache.key_salt", "\"\""),
        ("cache.cache_executables", "true"),
        ("cache.build_scripts", "true"),
        ("cache.bypass_build_scripts", ""),
        ("cache.seed", "true"),
        ("cache.paths", "auto"),
        ("cache.observe", "auto"),
        ("cache.incremental", "auto"),
        ("cache.write", "on"),
        ("cache.links", "auto"),
        ("cache.wait", "1m"),
        ("cache.key_env_vars", ""),
        ("cache.bypass_crates", ""),
        ("cache.daemon_idle_timeout", "10m"),
        ("cache.start_daemon", "true"),
        ("cache.remote.bucket", "none"),
        ("cache.remote.dir", "none"),
        ("cache.remote.endpoint", "Amazon S3"),
        ("cache.remote.region", "auto"),
        ("cache.remote.prefix", "none"),
        ("cache.remote.namespace", "default"),
        ("cache.remote.profile", "default"),
        ("cache.remote.path_style", "auto"),
        ("cache.remote.anonymous", "false"),
        ("cache.remote.access", "read-write"),
        ("cache.remote.trust", "bucket"),
        ("cache.remote.public_keys", ""),
        ("cache.remote.secret_key_file", "none"),
        ("cache.remote.concurrency", "16"),
        ("cache.remote.compression_level", "3"),
        ("cache.remote.wait", "3s"),
        ("KACHE_LOCAL_ONLY", "false"),
        ("clean.stale", "off"),
        ("clean.orphans", "false"),
    ];
    assert_eq!(rows, expected.map(|(name, value)| (name, value.to_owned())));
    assert!(config.rows().iter().all(|row| *row.source == Source::Default));
}

#[test]
fn environment_goes_before_project_before_user_before_defaults() {
    let user = "[cache]\nkey_salt = \"user\"";
    let project = "[cache]\n\nkey_salt = \"project\"";
    let salt = |user, project, vars: &[_]| with(user, project, vars).0.key_salt;
    let env = [("KACHE_KEY_SALT", "env")];
    assert_eq!(
        salt(user, project, &env),
        Setting { value: "env".into(), source: Source::Env("KACHE_KEY_SALT") }
    );
    assert_eq!(
        salt(user, project, &[]),
        Setting { value: "project".into(), source: file("/repo/.kache.toml", 3) }
    );
    assert_eq!(salt(user, "", &[]), Setting { value: "user".into(), source: file("/user.toml", 2) });
    assert_eq!(salt("", "", &[]), Setting { value: String::new(), source: Source::Default });
}

#[test]
fn each_variable_of_the_table_sets_its_setting() {
    let elsewhere = rooted("/elsewhere");
    for variable in ALL {
        let value = match variable.name {
            // These set nothing.
            "KACHE_CONFIG" | "KACHE_PROBE" => continue,
            // These are secrets.
            "KACHE_S3_ACCESS_KEY"
            | "KACHE_S3_SECRET_KEY"
            | "KACHE_S3_SESSION_TOKEN"
            | "KACHE_REMOTE_SECRET_KEY" => continue,
            "KACHE_CACHE_DIR" | "KACHE_REMOTE_DIR" | "KACHE_REMOTE_SECRET_KEY_FILE" => &elsewhere,
            "KACHE_S3_ENDPOINT" => "https://s3.example.com",
            "KACHE_REMOTE_ACCESS" => "read-only",
            "KACHE_REMOTE_TRUST" => "bucket",
            "KACHE_REMOTE_PUBLIC_KEYS" => PUBLIC_KEY,
            "KACHE_MAX_SIZE" => "1GiB",
            "KACHE_PATHS" => "portable",
            "KACHE_OBSERVE" | "KACHE_LINKS" | "KACHE_INCREMENTAL" => "off",
            _ => "1",
        };
        let (config, problems) = with("", "", &[(variable.name, value)]);
        assert_eq!(problems, [""; 0]);
        let rows = config.rows();
        let set: Vec<_> = rows.iter().filter(|row| *row.source != Source::Default).collect();
        assert_eq!(set.len(), 1, "{}", variable.name);
        assert_eq!(set[0].source, &Source::Env(variable.name));
        let key = match variable.name {
            "KACHE_READONLY" => Some("cache.write"),
            "KACHE_REMOTE_READONLY" => Some("cache.remote.access"),
            _ => variable.key,
        };
        assert_eq!(set[0].name, key.unwrap_or(variable.name));
    }
}

#[test]
fn the_tables_of_variables_and_keys_agree() {
    for variable in ALL {
        assert!(variable.name.starts_with("KACHE_") && !variable.does.is_empty());
        let Some(key) = variable.key else { continue };
        let key = KEYS.iter().find(|known| known.name == key).expect("a variable names a key that exists");
        assert!(key.does.starts_with(variable.does), "{}", key.name);
        assert_eq!(key.default, variable.default);
    }
    let (config, _) = with("", "", &[]);
    for key in KEYS {
        assert!(config.rows().iter().any(|row| row.name == key.name), "{} has a row", key.name);
    }
    let max_size = KEYS.iter().find(|key| key.name == "cache.local_max_size").expect("it is a key");
    assert_eq!(parse_bytes(max_size.default), Ok(DEFAULT_MAX_SIZE_BYTES));
}

const PUBLIC_KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

/// A value of each key that is not its default.
fn sample(key: &str) -> &'static str {
    match key {
        "cache.local_store" => "\"~/elsewhere\"",
        "cache.local_max_size" => "1",
        "cache.shared" | "clean.orphans" => "true",
        "cache.cache_executables" | "cache.build_scripts" | "cache.seed" | "cache.start_daemon" => "false",
        "cache.paths" => "\"exact\"",
        "cache.incremental" | "cache.observe" | "cache.write" | "cache.links" => "\"off\"",
        "cache.key_env_vars" | "cache.bypass_crates" | "cache.bypass_build_scripts" => "[\"x\"]",
        "cache.remote.dir" | "cache.remote.secret_key_file" => "\"~/elsewhere\"",
        "cache.remote.endpoint" => "\"https://s3.example.com\"",
        "cache.remote.path_style" | "cache.remote.anonymous" => "true",
        "cache.remote.access" => "\"write-only\"",
        "cache.remote.trust" => "\"signed\"",
        "cache.remote.public_keys" => "[\"RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\"]",
        "cache.remote.concurrency" | "cache.remote.compression_level" => "7",
        _ => "\"7d\"",
    }
}

#[test]
fn a_project_sets_what_the_table_says_and_nothing_else() {
    let default = with("", "", &[]).0;
    for key in KEYS {
        let text = format!("{} = {}", key.name, sample(key.name));
        let (config, problems) = with("", &text, &[("HOME", "/home/me")]);
        match key.projects {
            Projects::May(_) => {
                assert_ne!(config.fingerprint(), default.fingerprint(), "{text}");
                assert_eq!(problems, [""; 0], "{text}");
            }
            Projects::MayNot(_) => {
                assert_eq!(config, default, "{text}");
                let refused = format!(
                    "/repo/.kache.toml:1: `{}` is only allowed in the user's configuration, not in a project",
                    key.name
                );
                assert_eq!(problems, [refused]);
            }
        }
        let (config, problems) = with(&text, "", &[("HOME", &rooted("/home/me"))]);
        assert_ne!(config.fingerprint(), default.fingerprint(), "{text}");
        assert_eq!(problems, [""; 0], "{text}");
    }
}

/// What decides about other builds is not on the list of what a project may set.
#[test]
fn a_project_leaves_the_store_of_its_user_alone() {
    let may_not = KEYS.iter().filter(|key| matches!(key.projects, Projects::MayNot(_)));
    let names: Vec<&str> = may_not.map(|key| key.name).collect();
    let expected = [
        "cache.local_store",
        "cache.shared",
        "cache.local_max_size",
        "cache.gc_max_age",
        "cache.daemon_idle_timeout",
        "cache.start_daemon",
        "clean.stale",
        "clean.orphans",
    ];
    let (of_remote, others): (Vec<&str>, Vec<&str>) =
        names.into_iter().partition(|name| name.starts_with("cache.remote."));
    assert_eq!(others, expected);
    let all = KEYS.iter().filter(|key| key.name.starts_with("cache.remote."));
    assert_eq!(of_remote.len(), all.count());
}

#[test]
fn a_store_that_is_only_read_stays_so() {
    let (off, on) = ("cache.write = \"off\"", "cache.write = \"on\"");
    let written = |user: &str, project: &str, vars: &[_]| with(user, project, vars).0.write.value;
    assert_eq!(written(on, on, &[("KACHE_READONLY", "0")]), Write::On);
    assert_eq!(written(off, on, &[("KACHE_READONLY", "0")]), Write::Off);
    assert_eq!(written(on, off, &[("KACHE_READONLY", "0")]), Write::Off);
    assert_eq!(written(on, on, &[("KACHE_READONLY", "1")]), Write::Off);
}

#[test]
fn links_that_are_off_stay_off() {
    let (off, auto) = ("cache.links = \"off\"", "cache.links = \"auto\"");
    let links = |user: &str, project: &str, vars: &[_]| with(user, project, vars).0.links;
    assert_eq!(links(auto, auto, &[("KACHE_LINKS", "auto")]).value, Links::Auto);
    let of_user = Setting { value: Links::Off, source: file("/user.toml", 1) };
    assert_eq!(links(off, auto, &[("KACHE_LINKS", "auto")]), of_user);
    assert_eq!(links(auto, off, &[("KACHE_LINKS", "auto")]).value, Links::Off);
    assert_eq!(links(auto, auto, &[("KACHE_LINKS", "off")]).value, Links::Off);
}

/// A user who can write to the store decides what it serves.
#[test]
fn a_project_cannot_say_that_the_store_is_shared() {
    let (config, problems) = with("", "[cache]\nshared = true", &[("KACHE_SHARED", "1")]);
    assert_eq!(config.shared, Setting { value: false, source: Source::Default });
    assert_eq!(
        problems,
        ["/repo/.kache.toml:2: `cache.shared` is only allowed in the user's configuration, not in a project"]
    );
    let (config, problems) = with("[cache]\nshared = true", "", &[]);
    assert_eq!((config.shared.value, problems), (true, Vec::new()));
}

#[test]
fn a_bad_variable_costs_only_itself_and_the_files_decide() {
    let vars = [
        ("KACHE_MAX_SIZE", "50 apples"),
        ("KACHE_DISABLED", "maybe"),
        ("KACHE_CACHE_DIR", "target/cache"),
        ("KACHE_KEY_SALT", "kept"),
    ];
    let mine = rooted("/mine");
    let user = format!("[cache]\nlocal_max_size = 7\nlocal_store = \"{mine}\"");
    let (config, problems) = with(&user, "", &vars);
    assert_eq!(config.max_size_bytes, Setting { value: 7, source: file("/user.toml", 2) });
    assert_eq!(config.cache_dir, Setting { value: mine.into(), source: file("/user.toml", 3) });
    assert_eq!(config.key_salt.value, "kept");
    assert!(!config.disabled.value);
    assert_eq!(
        problems,
        [
            "invalid KACHE_CACHE_DIR \"target/cache\": expected an absolute path, or one that \
             starts with ~/",
            "invalid KACHE_MAX_SIZE \"50 apples\": expected a size such as 50GiB or 500MB, or a \
             number of bytes",
            "invalid KACHE_DISABLED \"maybe\": expected 1, true, yes or on, or 0, false, no or off",
        ]
    );
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let vars: Vec<(&str, &str)> = ALL.iter().map(|variable| (variable.name, "")).collect();
    assert_eq!(with("", "", &vars), with("", "", &[]));
}

#[test]
fn switches_are_read_in_all_their_spellings() {
    for (text, on) in [("1", true), ("TRUE", true), ("yes", true), ("on", true), ("0", false), ("off", false)]
    {
        let (config, problems) = with("", "", &[("KACHE_DISABLED", text)]);
        assert_eq!((config.disabled.value, problems.len()), (on, 0), "{text}");
    }
}

#[test]
fn a_store_may_be_below_the_home_directory_and_not_relative() {
    let [home, store] = ["/home/me", "/home/me/kache"].map(rooted);
    let home = [("HOME", home.as_str())];
    let (config, problems) = with("cache.local_store = \"~/kache\"", "", &home);
    assert_eq!((config.cache_dir.value, problems.len()), (store.into(), 0));
    for (store, vars) in
        [("kache", &home[..]), ("~other/kache", &home[..]), ("~/kache", &[]), ("", &home[..])]
    {
        let (config, problems) = with(&format!("cache.local_store = \"{store}\""), "", vars);
        assert_eq!((config.cache_dir.source, problems.len()), (Source::Default, 1), "{store}");
    }
}

#[test]
fn lists_of_both_files_are_joined_in_an_order_of_their_own() {
    let user = "cache.key_env_vars = [\"B\", \"C\"]\ncache.bypass_crates = [\"z\"]";
    let (config, _) = with(user, "cache.key_env_vars = [\"C\", \"A\"]", &[]);
    assert_eq!(config.key_env_vars.value, ["A", "B", "C"]);
    assert_eq!(config.key_env_vars.source, file("/repo/.kache.toml", 1));
    assert_eq!(config.bypass_crates, Setting { value: vec!["z".into()], source: file("/user.toml", 2) });
}

#[test]
fn a_remote_of_the_environment_goes_before_that_of_the_file() {
    let shared = rooted("/shared");
    let user = format!("[cache.remote]\ndir = \"{shared}\"\nprefix = \"team\"");
    let remote = |vars: &[_]| *with(&user, "", vars).0.remote.expect("is resolved for commands");
    assert_eq!(remote(&[]).dir.value, Some(shared.clone().into()));
    let named = remote(&[("KACHE_S3_BUCKET", "b")]);
    assert_eq!((named.bucket.value, named.dir.value), (Some("b".into()), None));
    assert_eq!(named.prefix.value, Some("team".into()));
}

#[test]
fn whom_to_believe_follows_from_who_can_write() {
    let trust = |user: &str, vars: &[_]| with(user, "", vars).0.remote.expect("is resolved").trust();
    assert_eq!(trust("", &[("KACHE_S3_BUCKET", "b")]), TrustMode::Bucket);
    assert_eq!(trust("", &[("KACHE_REMOTE_PUBLIC_KEYS", PUBLIC_KEY)]), TrustMode::Signed);
    assert_eq!(trust("", &[("KACHE_S3_ANONYMOUS", "1")]), TrustMode::Signed);
    assert_eq!(trust("cache.remote.trust = \"bucket\"", &[("KACHE_S3_ANONYMOUS", "1")]), TrustMode::Signed);
    let keys = [("KACHE_REMOTE_PUBLIC_KEYS", PUBLIC_KEY)];
    assert_eq!(trust("cache.remote.trust = \"bucket\"", &keys), TrustMode::Bucket);
}

#[test]
fn a_job_for_a_stranger_only_reads() {
    let access = |vars: &[_]| with("", "", vars).0.remote.expect("is resolved").access.value;
    let pull_request = ("GITHUB_EVENT_NAME", "pull_request");
    assert_eq!(access(&[("GITHUB_EVENT_NAME", "push")]), Access::ReadWrite);
    assert_eq!(access(&[pull_request]), Access::ReadOnly);
    assert_eq!(access(&[pull_request, ("KACHE_REMOTE_SECRET_KEY", "x")]), Access::ReadWrite);
    assert_eq!(access(&[pull_request, ("KACHE_REMOTE_READONLY", "0")]), Access::ReadWrite);
    let fork = [("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "2"), ("CI_MERGE_REQUEST_PROJECT_ID", "1")];
    assert_eq!(access(&fork), Access::ReadOnly);
    assert_eq!(access(&[("BUILDKITE_REPO", "a"), ("BUILDKITE_PULL_REQUEST_REPO", "b")]), Access::ReadOnly);
    assert_eq!(access(&[("BUILDKITE_REPO", "a"), ("BUILDKITE_PULL_REQUEST_REPO", "a")]), Access::ReadWrite);
}

#[test]
fn paths_are_portable_between_machines_where_there_is_a_remote() {
    let paths = |user: &str, vars: &[_]| with(user, "", vars).0.effective_paths();
    assert_eq!(paths("", &[]), PathsMode::Auto);
    assert_eq!(paths("", &[("KACHE_S3_BUCKET", "b")]), PathsMode::Portable);
    assert_eq!(paths("cache.remote.dir = \"/shared\"", &[]), PathsMode::Portable);
    assert_eq!(paths("cache.paths = \"exact\"", &[("KACHE_S3_BUCKET", "b")]), PathsMode::Exact);
    // Turning the remote off for now does not change keys.
    let vars = [("KACHE_S3_BUCKET", "b"), ("KACHE_LOCAL_ONLY", "1")];
    assert_eq!(paths("", &vars), PathsMode::Portable);
}

#[test]
fn secrets_are_in_no_row() {
    let names =
        ["KACHE_S3_ACCESS_KEY", "KACHE_S3_SECRET_KEY", "KACHE_S3_SESSION_TOKEN", "KACHE_REMOTE_SECRET_KEY"];
    let vars = names.map(|name| (name, "hidden"));
    let (config, _) = with("", "", &vars);
    assert!(!format!("{config:?}").contains("hidden"));
}
