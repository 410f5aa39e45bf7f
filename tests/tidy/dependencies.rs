//! What kache is built from: crates that run code while it is built, and crates with `unsafe` code.
//!
//! Only the dependencies of this system are looked at: those of others need not be on this machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::none;
use crate::source::{files_below, root};

/// Crates that may contain `unsafe`, by the reason why they do. What is not in a row is either safe or not a dependency:
/// a new name is looked at before it is added.
const UNSAFE: &[(&str, &[&str])] = &[
    (
        "calls the operating system",
        &[
            "anstyle-query",
            "console",
            "crossterm",
            "dirs-sys",
            "errno",
            "filetime",
            "getrandom",
            "home",
            "jobserver",
            "libc",
            "linux-raw-sys",
            "mio",
            "num_threads",
            "openssl-probe",
            "rustix",
            "sd-notify",
            "signal-hook",
            "signal-hook-registry",
            "socket2",
            "tar",
            "which",
            "windows-sys",
        ],
    ),
    ("calls a library in C", &["libsqlite3-sys", "rusqlite", "zstd", "zstd-safe", "zstd-sys"]),
    (
        "uses instructions of the processor",
        &[
            "base64-simd",
            "blake2b_simd",
            "blake3",
            "cmov",
            "constant_time_eq",
            "cpufeatures",
            "crc-fast",
            "crc32fast",
            "ctutils",
            "ed25519-compact",
            "httparse",
            "md-5",
            "memchr",
            "outref",
            "portable-atomic",
            "ring",
            "sha1",
            "sha2",
            "simd-adler32",
            "subtle",
            "vsimd",
            "zeroize",
        ],
    ),
    (
        "lays out memory: containers, strings, numbers, errors",
        &[
            "allocator-api2",
            "anyhow",
            "arc-swap",
            "arrayvec",
            "base64",
            "block-buffer",
            "bstr",
            "bytes",
            "bytes-utils",
            "castaway",
            "compact_str",
            "const-oid",
            "deranged",
            "either",
            "encode_unicode",
            "flate2",
            "foldhash",
            "generic-array",
            "hashbrown",
            "http",
            "hybrid-array",
            "icu_collections",
            "icu_locale_core",
            "icu_provider",
            "indexmap",
            "itertools",
            "itoa",
            "log",
            "lru",
            "once_cell",
            "potential_utf",
            "powerfmt",
            "rustc-stable-hash",
            "ryu",
            "scopeguard",
            "semver",
            "slab",
            "smallvec",
            "spin",
            "stable_deref_trait",
            "time",
            "tinystr",
            "toml_parser",
            "uuid",
            "winnow",
            "yoke",
            "zerotrie",
            "zerovec",
            "zmij",
        ],
    ),
    (
        "knows that a text is UTF-8",
        &[
            "anstream",
            "anstyle",
            "anstyle-parse",
            "aws-smithy-eventstream",
            "aws-smithy-json",
            "aws-smithy-types",
            "clap_complete",
            "clap_lex",
            "form_urlencoded",
            "icu_normalizer",
            "idna",
            "percent-encoding",
            "quick-xml",
            "rustls-pki-types",
            "serde",
            "serde_core",
            "serde_json",
            "unicode-ident",
            "url",
            "urlencoding",
            "utf8_iter",
            "utf8parse",
            "utf_types",
            "writeable",
            "xmlparser",
        ],
    ),
    (
        "runs tasks: pins, wakes and counts them",
        &[
            "atomic-waker",
            "aws-smithy-http-client",
            "futures-channel",
            "futures-core",
            "futures-sink",
            "futures-task",
            "futures-util",
            "h2",
            "http-body",
            "http-body-util",
            "hyper",
            "hyper-util",
            "lock_api",
            "parking_lot",
            "parking_lot_core",
            "pin-project-lite",
            "rustls",
            "tokio",
            "tokio-util",
            "tracing",
            "tracing-core",
            "try-lock",
        ],
    ),
    (
        "runs while kache is built",
        &[
            "cc",
            "find-msvc-tools",
            "proc-macro2",
            "shlex",
            "syn",
            "synstructure",
            "time-macros",
            "yoke-derive",
            "zerovec-derive",
        ],
    ),
    (
        "declares it for who uses it",
        &[
            "bitflags",
            "darling_core",
            "derive_more-impl",
            "rustversion",
            "static_assertions",
            "thiserror-impl",
        ],
    ),
    (
        "is listed by cargo for a feature of ratatui that is off, and not built",
        &["by_address", "libm", "num-traits", "palette", "palette_derive", "palette_math"],
    ),
];

/// A package that goes into kache, or builds it.
struct Package {
    name: String,
    dir: PathBuf,
    has_build_script: bool,
}

impl Package {
    /// Where its sources are: a few packages have them beside the manifest.
    fn sources(&self) -> PathBuf {
        let src = self.dir.join("src");
        if src.is_dir() { src } else { self.dir.clone() }
    }
}

/// All dependencies of the program on this system, tests left out.
fn packages() -> Vec<Package> {
    let cargo = |args: &[&str]| {
        let output = Command::new(env!("CARGO")).args(args).current_dir(root()).output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("cargo prints text")
    };
    let version = cargo(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("it names its host");
    let args = ["metadata", "--offline", "--locked", "--format-version", "1", "--filter-platform", host];
    let metadata: Value = serde_json::from_str(&cargo(&args)).expect("it is JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let nodes = list(&metadata["resolve"]["nodes"]);
    let mut found: BTreeSet<String> = BTreeSet::new();
    let mut open = vec![metadata["resolve"]["root"].as_str().expect("there is a root").to_owned()];
    while let Some(id) = open.pop() {
        let node = nodes.iter().find(|node| node["id"] == id.as_str()).expect("it is resolved");
        for dep in list(&node["deps"]) {
            let is_built_in = list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
            let dep = dep["pkg"].as_str().expect("it has an id").to_owned();
            if is_built_in && found.insert(dep.clone()) {
                open.push(dep);
            }
        }
    }
    let packages = list(&metadata["packages"]).into_iter();
    let packages = packages.filter(|package| found.contains(package["id"].as_str().unwrap_or_default()));
    packages
        .map(|package| {
            let text = |name: &str| package[name].as_str().expect("it is there").to_owned();
            let manifest = PathBuf::from(text("manifest_path"));
            let kinds: Vec<Value> =
                list(&package["targets"]).iter().flat_map(|it| list(&it["kind"])).collect();
            Package {
                name: text("name"),
                dir: manifest.parent().expect("it is in a directory").to_owned(),
                has_build_script: kinds.iter().any(|kind| kind == "custom-build"),
            }
        })
        .collect()
}

#[test]
fn only_known_dependencies_run_a_build_script() {
    let deny = fs::read_to_string(root().join("deny.toml")).unwrap();
    let deny: toml::Table = deny.parse().unwrap();
    let allowed = deny["bans"]["build"]["allow-build-scripts"].as_array().unwrap();
    let is_allowed = |name: &str| allowed.iter().any(|row| row["crate"].as_str() == Some(name));
    let packages = packages();
    assert!(packages.len() > 40, "{}", packages.len());
    let problems: Vec<String> = packages
        .iter()
        .filter(|package| package.has_build_script && !is_allowed(&package.name))
        .map(|package| package.name.clone())
        .collect();
    none(&problems, "Read the build script, then add the crate to `allow-build-scripts` in deny.toml");
}

#[test]
fn only_known_dependencies_contain_unsafe_code() {
    let is_known = |name: &str| UNSAFE.iter().any(|(_, names)| names.contains(&name));
    let problems: Vec<String> = packages()
        .iter()
        .filter(|package| !is_known(&package.name) && has_unsafe(&package.sources()))
        .map(|package| package.name.clone())
        .collect();
    none(&problems, "See why it needs `unsafe`, then add the crate to UNSAFE in tests/tidy/dependencies.rs");
}

/// Whether a line of code, comments left out, has the word.
fn has_unsafe(dir: &Path) -> bool {
    let is_word = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
        code.split(|letter| !is_part(letter)).any(|word| word == "unsafe")
    };
    let sources = files_below(dir).into_iter().filter(|path| path.extension().is_some_and(|it| it == "rs"));
    sources.into_iter().any(|path| fs::read_to_string(path).is_ok_and(|text| text.lines().any(is_word)))
}
