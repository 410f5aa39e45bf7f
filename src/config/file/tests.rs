//! Tests of reading the text of a file.

use super::*;

fn read(text: &str) -> (Contents, Vec<String>) {
    let (contents, problems) = parse(Path::new("/home/me/config.toml"), text);
    (contents, problems.iter().map(Problem::to_string).collect())
}

fn at<T>(value: T, line: usize) -> Option<Setting<T>> {
    Some(Setting { value, source: Source::File { path: "/home/me/config.toml".into(), line } })
}

#[test]
fn every_key_is_read_with_its_line() {
    let (contents, problems) = read(
        r#"# settings
[cache]
local_store = "/data/kache"
local_max_size = "500MB"
gc_max_age = "7d"
key_salt = "one"
cache_executables = false
paths = "exact"
observe = "off"
wait = "90s"
key_env_vars = [
    "FOO",
]
bypass_crates = ["left-pad"]
daemon_idle_timeout = "30s"
write = "off"
shared = true
links = "off"
incremental = "on"
build_scripts = true
bypass_build_scripts = ["left-pad-sys"]
seed = true
start_daemon = false
[cache.remote]
bucket = "b"
dir = "/shared"
endpoint = "https://s3.example.com"
region = "eu-1"
prefix = "team"
profile = "work"
path_style = true
anonymous = true
access = "read-only"
trust = "signed"
public_keys = ["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"]
secret_key_file = "/key"
concurrency = 4
compression_level = 7
namespace = "team-a"
wait = "5s"
[clean]
stale = "14d"
orphans = true
"#,
    );
    let expected = Contents {
        local_store: at("/data/kache".into(), 3),
        local_max_size: at(500_000_000, 4),
        gc_max_age: at(Duration::from_secs(604_800), 5),
        key_salt: at("one".to_owned(), 6),
        cache_executables: at(false, 7),
        paths: at(PathsMode::Exact, 8),
        observe: at(Observe::Off, 9),
        wait: at(Duration::from_secs(90), 10),
        key_env_vars: at(vec!["FOO".to_owned()], 11),
        bypass_crates: at(vec!["left-pad".to_owned()], 14),
        daemon_idle_timeout: at(Duration::from_secs(30), 15),
        build_scripts: at(true, 20),
        seed: at(true, 22),
        start_daemon: at(false, 23),
        bypass_build_scripts: at(vec!["left-pad-sys".to_owned()], 21),
        remote_bucket: at("b".to_owned(), 25),
        remote_dir: at("/shared".into(), 26),
        remote_endpoint: at("https://s3.example.com".to_owned(), 27),
        remote_region: at("eu-1".to_owned(), 28),
        remote_prefix: at("team".to_owned(), 29),
        remote_profile: at("work".to_owned(), 30),
        remote_path_style: at(true, 31),
        remote_anonymous: at(true, 32),
        remote_access: at(Access::ReadOnly, 33),
        remote_trust: at(TrustMode::Signed, 34),
        remote_public_keys: at(
            vec!["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3".to_owned()],
            35,
        ),
        remote_secret_key_file: at("/key".into(), 36),
        remote_concurrency: at(4, 37),
        remote_compression_level: at(7, 38),
        remote_namespace: at("team-a".to_owned(), 39),
        remote_wait: at(Duration::from_secs(5), 40),
        clean_stale: at(Duration::from_secs(14 * 86_400), 42),
        clean_orphans: at(true, 43),
        write: at(Write::Off, 16),
        shared: at(true, 17),
        links: at(Links::Off, 18),
        incremental: at(Incremental::On, 19),
    };
    assert_eq!(problems, [""; 0]);
    assert_eq!(contents, expected);
}

#[test]
fn every_key_of_the_table_is_read() {
    for key in KEYS {
        let (contents, problems) = read(&format!("{} = 1979-05-27", key.name));
        assert_eq!(contents, Contents::default());
        let expected =
            format!("/home/me/config.toml:1: invalid {} 1979-05-27: expected {}", key.name, key.accepts);
        assert_eq!(problems, [expected], "a wrong value of a key that is not read raises no problem");
        assert!(!key.does.is_empty() && !key.default.is_empty());
    }
}

#[test]
fn directories_of_the_last_hours_are_never_stale() {
    assert_eq!(read("clean.stale = \"24h\"").0.clean_stale, at(Duration::from_secs(86_400), 1));
    let problems =
        ["/home/me/config.toml:1: invalid clean.stale \"2h\": expected a duration of at least 1d, \
                     such as 14d, in quotes"];
    assert_eq!(read("clean.stale = \"2h\"").1, problems);
    let (_, problems) = read("clean.orphan = true");
    assert!(problems[0].contains("clean.orphan`") && problems[0].contains("clean.orphans"), "{problems:?}");
}

#[test]
fn a_number_of_bytes_needs_no_quotes() {
    assert_eq!(read("cache.local_max_size = 1_024").0.local_max_size, at(1024, 1));
    assert_eq!(read("cache.local_max_size = 0x400").0.local_max_size, at(1024, 1));
    assert_eq!(
        read("cache.local_max_size = -1").1,
        ["/home/me/config.toml:1: invalid cache.local_max_size -1: expected a size such as 50GiB or 500MB, \
          or a number of bytes"]
    );
}

#[test]
fn a_bad_value_costs_only_itself() {
    let (contents, problems) =
        read("[cache]\nkey_salt = \"kept\"\npaths = \"exakt\"\nwait = 60\nlocal_max_size = \"1KiB\"\n");
    assert_eq!(contents.key_salt, at("kept".to_owned(), 2));
    assert_eq!(contents.local_max_size, at(1024, 5));
    assert_eq!((contents.paths, contents.wait), (None, None));
    assert_eq!(
        problems,
        [
            "/home/me/config.toml:3: invalid cache.paths \"exakt\": expected auto, portable or exact",
            "/home/me/config.toml:4: invalid cache.wait 60: expected a duration such as 7d, 24h, 30m or 90s, in quotes",
        ]
    );
}

#[test]
fn an_unknown_key_costs_only_itself_and_gets_a_suggestion() {
    let (contents, problems) = read(
        "colour = 1\nkey_salt = \"lost\"\n[cache]\nkey-salt = \"lost\"\nmax_size = 1\nfrobnicate = 1\n\
         key_salt = \"kept\"\n[cach]\n[cache.remote]\nbuckets = \"b\"\n[cache.remotes]\n",
    );
    assert_eq!(contents.key_salt, at("kept".to_owned(), 7));
    assert_eq!(
        problems,
        [
            "/home/me/config.toml:1: unknown key `colour`",
            "/home/me/config.toml:2: unknown key `key_salt`; did you mean `cache.key_salt`?",
            "/home/me/config.toml:4: unknown key `cache.key-salt`; did you mean `cache.key_salt`?",
            "/home/me/config.toml:5: unknown key `cache.max_size`; did you mean `cache.local_max_size`?",
            "/home/me/config.toml:6: unknown key `cache.frobnicate`",
            "/home/me/config.toml:8: unknown key `cach`; did you mean `cache`?",
            "/home/me/config.toml:10: unknown key `cache.remote.buckets`; did you mean `cache.remote.bucket`?",
            "/home/me/config.toml:11: unknown key `cache.remotes`",
        ]
    );
}

#[test]
fn a_bad_name_does_not_cost_the_other_names_of_its_list() {
    let (contents, problems) =
        read("[cache]\nkey_env_vars = [\"A\",\n 5,\n \"B=\", \"C\"]\nbypass_crates = \"a\"\n");
    assert_eq!(contents.key_env_vars, at(vec!["A".to_owned(), "C".to_owned()], 2));
    assert_eq!(
        problems,
        [
            "/home/me/config.toml:3: invalid cache.key_env_vars 5: expected a list of environment variable names",
            "/home/me/config.toml:4: invalid cache.key_env_vars \"B=\": expected a list of environment variable names",
            "/home/me/config.toml:5: invalid cache.bypass_crates \"a\": expected a list of crate names",
        ]
    );
}

#[test]
fn a_cache_that_is_no_table_is_a_bad_value() {
    assert_eq!(
        read("cache = true").1,
        ["/home/me/config.toml:1: invalid cache true: expected a table: `[cache]`"]
    );
}

#[test]
fn a_text_that_is_not_toml_sets_nothing_and_says_where() {
    let (contents, problems) = parse(Path::new("c.toml"), "[cache]\nkey_salt = \"a\"\nwait = 60s\n");
    assert_eq!(contents, Contents::default());
    assert!(matches!(&problems[..], [Problem::Unparsable { line: 3, .. }]), "{problems:?}");
    assert!(problems[0].loses_file());
    assert!(problems[0].to_string().starts_with("c.toml:3: "), "{}", problems[0]);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_problem() {
    assert_eq!(read("\u{feff}[cache]\r\nkey_salt = \"a\"\r\n"), {
        (Contents { key_salt: at("a".to_owned(), 2), ..Contents::default() }, vec![])
    });
}

#[test]
fn long_and_odd_values_are_shortened_in_messages() {
    let (_, problems) = read(&format!("cache.paths = \"\\u001b{}\"", "x".repeat(1000)));
    assert!(problems[0].contains(r#""\u{1b}xxx"#), "{}", problems[0]);
    assert!(problems[0].len() < 200, "{}", problems[0]);
    let (_, problems) = read(&format!("{} = 1", "x".repeat(1000)));
    assert!(problems[0].len() < 200, "{}", problems[0]);
}

#[test]
fn edit_distance_counts_letters() {
    for (left, right, distance) in
        [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("wait", "wait", 0)]
    {
        assert_eq!(edit_distance(left, right), distance, "{left} {right}");
    }
}
