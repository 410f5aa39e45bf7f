//! `-Z` options whose effect is understood, by the reason why a compile with them can be cached. What is not here is a
//! bypass.
//!
//! Not here on purpose, and to stay a bypass:
//!
//! | options | because |
//! |---|---|
//! | `dump-*`, `llvm-time-trace`, `metrics-dir`, `nll-facts`, `query-dep-graph`, `remark-dir`, `self-profile*`, `temps-dir` | they write files of their own |
//! | `input-stats`, `macro-stats`, `meta-stats`, `print-*`, `time-*` | they print what a hit would repeat of another run |
//! | `autodiff`, `codegen-backend` other than those below, `llvm-plugins`, `offload` | they load code that the identity of the compiler does not cover |
//! | `profile-sample-use`, `sanitizer-dataflow-abilist` | they read files that no rule knows |
//! | `pre-link-arg*`, `link-only`, `no-link` | they change what a link reads, or split it into two calls |
//! | `build-sdylib-interface`, `split-dwarf-kind` | they change which outputs there are |

/// Options by what they decide. Each is a part of the key with its value.
const UNDERSTOOD: &[(&str, &[&str])] = &[
    (
        "decides the code in outputs",
        &[
            "box-noalias",
            "branch-protection",
            "cf-protection",
            "cross-crate-inline-threshold",
            "default-visibility",
            "direct-access-external-data",
            "dylib-lto",
            "ehcont-guard",
            "emit-stack-sizes",
            "export-executable-symbols",
            "fewer-names",
            "fixed-x18",
            "function-return",
            "function-sections",
            "human-readable-cgu-names",
            "indirect-branch-cs-prefix",
            "inline-llvm",
            "inline-mir",
            "inline-mir-forwarder-threshold",
            "inline-mir-hint-threshold",
            "inline-mir-preserve-debug",
            "inline-mir-threshold",
            "instrument-mcount",
            "instrument-xray",
            "layout-seed",
            "llvm-module-flag",
            "merge-functions",
            "min-function-alignment",
            "mir-enable-passes",
            "mir-opt-level",
            "mir-preserve-ub",
            "mir-strip-debuginfo",
            "mutable-noalias",
            "no-parallel-backend",
            "no-trait-vptr",
            "no-unique-section-names",
            "on-broken-pipe",
            "osx-rpath-install-name",
            "panic-abort-tests",
            "panic-in-drop",
            "patchable-function-entry",
            "plt",
            "precise-enum-drop-elaboration",
            "randomize-layout",
            "reg-struct-return",
            "regparm",
            "relax-elf-relocations",
            "retpoline",
            "retpoline-external-thunk",
            "sanitizer",
            "sanitizer-cfi-canonical-jump-tables",
            "sanitizer-cfi-generalize-pointers",
            "sanitizer-cfi-normalize-integers",
            "sanitizer-kcfi-arity",
            "sanitizer-memory-track-origins",
            "sanitizer-recover",
            "saturating-float-casts",
            "share-generics",
            "small-data-threshold",
            "split-lto-unit",
            "stack-protector",
            "thinlto",
            "threads",
            "tls-model",
            "trap-unreachable",
            "tune-cpu",
            "ub-checks",
            "unsound-mir-opts",
            "use-ctors-section",
            "use-sync-unwind",
            "virtual-function-elimination",
            "wasi-exec-model",
        ],
    ),
    (
        "decides debug information and texts in outputs",
        &[
            "annotate-moves",
            "coverage-options",
            "debug-info-for-profiling",
            "debug-info-type-line-numbers",
            "debuginfo-compression",
            "dwarf-version",
            "embed-source",
            "fmt-debug",
            "location-detail",
            "remap-cwd-prefix",
            "src-hash-algorithm",
        ],
    ),
    (
        "decides what metadata says, and in which of the outputs it is",
        &[
            "always-encode-mir",
            "embed-metadata",
            "force-unstable-if-unmarked",
            "hint-mostly-unused",
            "maximal-hir-to-mir-coverage",
            "packed-bundled-libs",
        ],
    ),
    (
        "decides what is accepted, and which warnings there are",
        &[
            "allow-features",
            "check-cfg-all-expected",
            "contract-checks",
            "deduplicate-diagnostics",
            "enforce-type-length-limit",
            "extra-const-ub-checks",
            "flatten-format-args",
            "hint-msrv",
            "lint-mir",
            "macro-backtrace",
            "move-size-limit",
            "next-solver",
            "no-implied-bounds-compat",
            "no-steal-thir",
            "polonius",
            "proc-macro-backtrace",
            "strict-init-checks",
            "teach",
            "track-diagnostics",
            "trim-diagnostic-paths",
            "ui-testing",
            "unstable-options",
            "validate-mir",
            "verbose-internals",
        ],
    ),
    ("decides whether native libraries are linked, which are inputs anyway", &["link-native-libraries"]),
    (
        "decides the contents of dep-info, which every hit writes again",
        &["binary-dep-depinfo", "checksum-hash-algorithm"],
    ),
    (
        "is about incremental compilation, which is left out",
        &["incremental-ignore-spans", "incremental-verify-ich"],
    ),
];

/// Options that show something and compile nothing.
const QUERIES: &[&str] = &["help", "ls", "unpretty"];

/// Backends that the identity of the compiler covers: LLVM, and one that lies in its own directories and loads nothing
/// from outside.
const BACKENDS: &[&str] = &["cranelift", "llvm"];

/// Attributes that decide nothing but what is accepted and what the code may use. Others, as `crate_type`, could change
/// what is made.
const ATTRIBUTES: &[&str] = &[
    "allow",
    "deny",
    "expect",
    "feature",
    "forbid",
    "no_builtins",
    "no_std",
    "recursion_limit",
    "type_length_limit",
    "warn",
];

/// Whether the option asks for something else than a compilation.
pub fn is_query(name: &str) -> bool {
    QUERIES.contains(&name)
}

/// Whether a compile with this option can be cached. Names have dashes.
pub fn is_understood(name: &str, value: Option<&str>) -> bool {
    match name {
        "codegen-backend" => value.is_some_and(|value| BACKENDS.contains(&value)),
        "crate-attr" => value.is_some_and(|value| {
            let end = value.find(|letter: char| letter != '_' && !letter.is_ascii_alphanumeric());
            let (attribute, rest) = value.split_at(end.unwrap_or(value.len()));
            ATTRIBUTES.contains(&attribute) && !rest.contains('!')
        }),
        name => UNDERSTOOD.iter().any(|(_, names)| names.contains(&name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_there_once_and_each_list_is_sorted() {
        let mut all: Vec<&str> = UNDERSTOOD.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        for (why, names) in UNDERSTOOD {
            assert!(names.is_sorted(), "{why}");
        }
        let n_all = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), n_all);
    }

    #[test]
    fn only_backends_that_the_compilers_identity_covers_are_understood() {
        assert!(is_understood("codegen-backend", Some("llvm")));
        assert!(is_understood("codegen-backend", Some("cranelift")));
        for other in [None, Some("gcc"), Some("/opt/libmine.so"), Some("")] {
            assert!(!is_understood("codegen-backend", other), "{other:?}");
        }
    }

    #[test]
    fn attributes_that_could_change_what_is_made_are_not_understood() {
        for known in ["feature(test)", "allow(dead_code)", "no_std", "recursion_limit = \"256\""] {
            assert!(is_understood("crate-attr", Some(known)), "{known}");
        }
        for other in [
            None,
            Some("crate_type = \"dylib\""),
            Some("x"),
            Some("warn_all"),
            Some("allow(a, reason = b!())"),
        ] {
            assert!(!is_understood("crate-attr", other), "{other:?}");
        }
    }
}
