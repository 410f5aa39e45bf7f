//! What stands behind a compiled crate: the crates that a link of it would read, and the procedural macros that a
//! compile against it could run. rustc finds these through `-L dependency`, without any argument naming them.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::key::memo::ReachNote;
use crate::key::portable::Portable;

/// The crates behind one artifact, itself included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// In order of first appearance, each once.
    pub crates: Vec<ReachedCrate>,
}

/// One crate that can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachedCrate {
    /// File name without suffix, such as `libserde-0123456789abcdef`.
    pub stem: Portable,
    /// Set for procedural macros: the content of the library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub procedural_macro: Option<ProceduralMacro>,
    /// Native libraries that it asks the linker for, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub native_libraries: Vec<Portable>,
}

/// A procedural macro crate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProceduralMacro {
    /// Content of the library.
    pub digest: Digest,
    /// It is known to read nothing but its input.
    pub pure: bool,
}

impl Reach {
    /// Adds what can be reached through `other`.
    pub fn extend(&mut self, other: Reach) {
        for reached in other.crates {
            if !self.crates.contains(&reached) {
                self.crates.push(reached);
            }
        }
    }

    /// The procedural macros that may read files or variables on their own.
    pub fn hidden_readers(&self) -> impl Iterator<Item = (&Portable, &ProceduralMacro)> {
        self.crates.iter().filter_map(|reached| match &reached.procedural_macro {
            Some(procedural_macro) if !procedural_macro.pure => Some((&reached.stem, procedural_macro)),
            _ => None,
        })
    }

    /// The short form for the memo.
    pub fn note(&self) -> ReachNote {
        if self.hidden_readers().next().is_some() { ReachNote::Macros } else { ReachNote::Plain }
    }
}

/// Procedural macro crates that read nothing but their input tokens (and `CARGO_PKG_*` variables, which are inputs of
/// every unit), by crate name; only believed of crates that come from a registry. Not here, though well known: those
/// that read the dependent's manifest to find out what a crate is called there (`proc-macro-crate`), files that
/// their arguments name, or variables (`paste` has an `env!` of its own, `strum_macros` a switch that makes it print).
/// As of November 2026.
const PURE: &[&str] = &[
    "async_recursion",
    "async_stream_impl",
    "async_trait",
    "auto_impl",
    "bitflags_derive",
    "bytecheck_derive",
    "bytemuck_derive",
    "clap_derive",
    "const_format_proc_macros",
    "ctor",
    "darling_macro",
    "data_encoding_macro_internal",
    "delegate",
    "derivative",
    "derive_arbitrary",
    "derive_builder_macro",
    "derive_more",
    "derive_more_impl",
    "derive_new",
    "derive_setters",
    "displaydoc",
    "enum_dispatch",
    "enum_iterator_derive",
    "enumflags2_derive",
    "futures_macro",
    "getset",
    "indoc",
    "inventory_impl",
    "miette_derive",
    "monostate_impl",
    "munge_macro",
    "nom_derive",
    "num_derive",
    "phf_macros",
    "pin_project_internal",
    "proc_macro_error_attr",
    "proc_macro_error_attr2",
    "prost_derive",
    "ptr_meta_derive",
    "rkyv_derive",
    "ref_cast_impl",
    "schemars_derive",
    "seq_macro",
    "serde_derive",
    "serde_repr",
    "serde_with_macros",
    "smart_default",
    "snafu_derive",
    "thiserror_impl",
    "time_macros",
    "tokio_macros",
    "tracing_attributes",
    "typed_builder_macro",
    "typetag_impl",
    "yoke_derive",
    "zerocopy_derive",
    "zerofrom_derive",
    "zeroize_derive",
    "zerovec_derive",
];

/// Whether the procedural macro `crate_name` is known to read nothing on its own.
pub fn is_pure(crate_name: &str, from_registry: bool) -> bool {
    from_registry && PURE.contains(&crate_name)
}

/// Variables of the session and of std itself: their names stand in every library, or their values change from one
/// terminal to the next.
const NO_INPUTS: &[&str] = &[
    "CARGO_MAKEFLAGS",
    "COLORTERM",
    "COLUMNS",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "HOME",
    "LINES",
    "LOGNAME",
    "LS_COLORS",
    "MAIL",
    "MAKEFLAGS",
    "OLDPWD",
    "PATH",
    "PWD",
    "RUST_BACKTRACE",
    "RUST_LIB_BACKTRACE",
    "RUST_LOG",
    "RUST_MIN_STACK",
    "RUST_RECURSION_COUNT",
    "RUSTC_WRAPPER",
    "SHELL",
    "SHLVL",
    "SSH_AUTH_SOCK",
    "SSH_CLIENT",
    "SSH_CONNECTION",
    "SSH_TTY",
    "TERM",
    "TERM_PROGRAM",
    "TMPDIR",
    "TZ",
    "USER",
    "WINDOWID",
    "XDG_RUNTIME_DIR",
    "XDG_SESSION_ID",
    "_",
];

/// Whether a variable of this name may be read by a macro with these `names` (see [`names_in`]) in its library.
pub fn may_read(names: &str, variable: &str) -> bool {
    !NO_INPUTS.contains(&variable)
        && !variable.is_empty()
        && memchr::memmem::find(names.as_bytes(), variable.as_bytes()).is_some()
}

/// The words in a source or a script that could be taken for the name of a variable: those in capitals. Those of session
/// variables are none, unless they say whose session it is: that stays, and who names it may want it.
pub fn names_in_source(source: &[u8]) -> impl Iterator<Item = &str> {
    let words = source.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    words
        .filter(|word| word.len() >= 3 && word.iter().any(u8::is_ascii_uppercase))
        .filter(|word| !word.iter().any(u8::is_ascii_lowercase) && !word[0].is_ascii_digit())
        .filter_map(|word| std::str::from_utf8(word).ok())
        .filter(|word| !NO_INPUTS.contains(word) || WHOSE.contains(word))
}

const WHOSE: &[&str] = &["HOME", "LOGNAME", "TZ", "USER"];

/// Everything in a library that could be the name of a variable: runs of letters, digits and underscores with three
/// characters or more, a blank between them. Texts in object code have no separator, so a name may stand inside a
/// longer run; runs are kept whole.
pub fn names_in(library: &[u8]) -> String {
    let mut runs: Vec<&str> = library
        .split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
        .filter(|run| run.len() >= 3 && !is_mangled(run))
        .filter_map(|run| std::str::from_utf8(run).ok())
        .collect();
    runs.sort_unstable();
    runs.dedup();
    runs.join(" ")
}

/// Symbol names are no texts: they make up most of a library's string tables.
fn is_mangled(run: &[u8]) -> bool {
    run.starts_with(b"_ZN") || run.starts_with(b"_R")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_between_other_texts_is_found() {
        let names = names_in(b"\0unsetCARGO_MANIFEST_DIRFOOsrc/lib.rs\x01\x02ab\0_ZN4core3fmt\0");
        assert!(may_read(&names, "FOO"));
        assert!(may_read(&names, "CARGO_MANIFEST_DIR"));
        assert!(!may_read(&names, "BAR"));
        assert!(!may_read(&names, "core"));
    }

    #[test]
    fn words_in_capitals_are_names() {
        let source = b"env_const!(\"FOO_BAR\"); let Abc = X1Y; PATH; USER; _A_B AB 1AB c_D";
        assert_eq!(names_in_source(source).collect::<Vec<_>>(), ["FOO_BAR", "X1Y", "USER", "_A_B"]);
    }

    #[test]
    fn a_local_crate_with_a_known_name_is_not_believed() {
        assert!(is_pure("serde_derive", true));
        assert!(!is_pure("serde_derive", false));
    }
}
