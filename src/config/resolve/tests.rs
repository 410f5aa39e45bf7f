//! Tests of what goes before what.

use super::super::env::ALL;
use super::super::file::{KEYS, Projects, parse};
use super::*;
use crate::sys::dirs::rooted;

fn defaults() -> Defaults {
    Defaults { cache_dir: "/var/cache/kache".into(), cache_executables: true }
}

fn contents(path: &str, text: &str) -> Contents {
    let (contents, problems) = parse(Path::new(path), text);
    assert_eq!(problems, []);
    contents
}

/// Resolves the texts of a user's and a project's file with these variables.
fn with(user: &str, project: &str, vars: &[(&str, &str)]) -> (Config, Vec<String>) {
    let env = |name: &str| vars.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
    let (config, problems) =
        resolve(&defaults(), contents("/user.toml", user), contents("/repo/.kache.toml", project), &env);
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
        ("cache.build_scripts", "false"),
        ("cache.bypass_build_scripts", ""),
        ("cache.seed", "false"),
        ("cache.paths", "auto"),
        ("cache.observe", "auto"),
        ("cache.incremental", "auto"),
        ("cache.write", "on"),
        ("cache.links", "auto"),
        ("cache.wait", "1m"),
        ("cache.key_env_vars", ""),
        ("cache.bypass_crates", ""),
        ("cache.daemon_idle_timeout", "10m"),
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
            "KACHE_CACHE_DIR" => &elsewhere,
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
        let key = if variable.name == "KACHE_READONLY" { Some("cache.write") } else { variable.key };
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

/// A value of each key that is not its default.
fn sample(key: &str) -> &'static str {
    match key {
        "cache.local_store" => "\"~/elsewhere\"",
        "cache.local_max_size" => "1",
        "cache.shared" | "cache.build_scripts" | "cache.seed" => "true",
        "cache.cache_executables" => "false",
        "cache.paths" => "\"exact\"",
        "cache.incremental" | "cache.observe" | "cache.write" | "cache.links" => "\"off\"",
        "cache.key_env_vars" | "cache.bypass_crates" | "cache.bypass_build_scripts" => "[\"x\"]",
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
    ];
    assert_eq!(names, expected);
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
