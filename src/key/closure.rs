//! What stands behind a compiled crate: the crates that a link of it would read, and the procedural macros that a
//! compile against it could run. rustc finds these through `-L dependency`, without any argument naming them.

use serde::{Deserialize, Serialize};

use crate::action::memo::ReachNote;
use crate::action::portable::Portable;
use crate::digest::Digest;
use crate::key::{assembler, capability};
use crate::sys::elf;
use crate::sys::env::Env;

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
    /// Its metadata holds a directive with which the assembler reads a file: crates that use its macros, or inline its
    /// functions, may read one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assembles: bool,
}

/// A procedural macro crate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProceduralMacro {
    /// Content of the library.
    pub digest: Digest,
    /// It is known to read nothing but its input.
    pub pure: bool,
    /// It is known to start no program but cargo, to find out where the manifest of the workspace is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finds_manifest: bool,
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

    /// Says of the crate itself whether the assembler may read files for its dependents.
    pub fn set_assembles(&mut self, assembles: bool) {
        if let Some(own) = self.crates.first_mut() {
            own.assembles = assembles;
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

/// Procedural macro crates that use `proc-macro-crate`: they have cargo say where the manifest of the workspace is, read
/// that and the manifest of the package, and nothing else. Sorted; as of November 2026.
const FIND_MANIFEST: &[&str] = &[
    "async_graphql_derive",
    "borsh_derive",
    "glib_macros",
    "gtk4_macros",
    "jsonrpsee_proc_macros",
    "multihash_derive_impl",
    "num_enum_derive",
    "parity_scale_codec_derive",
    "poem_derive",
    "poem_openapi_derive",
    "rstest_macros",
    "scale_info_derive",
    "zbus_macros",
    "zvariant_derive",
];

/// Whether the procedural macro `crate_name` is known to start cargo alone, see [`ProceduralMacro::finds_manifest`].
pub fn finds_manifest(crate_name: &str, from_registry: bool) -> bool {
    from_registry && FIND_MANIFEST.contains(&crate_name)
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
    "TEMP",
    "TERM",
    "TERM_PROGRAM",
    "TMP",
    "TMPDIR",
    "TZ",
    "USER",
    "WINDOWID",
    "XDG_RUNTIME_DIR",
    "XDG_SESSION_ID",
    "_",
    "all_proxy",
    "ftp_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Those of them that say whose session it is and where: that stays, and who names one may want it. `HOME` is one too:
/// code of std that asks for it gets into a library only with what calls it.
const WHOSE: &[&str] = &["HOME", "LOGNAME", "PWD", "TZ", "USER"];

fn is_no_input(name: &str) -> bool {
    NO_INPUTS.contains(&name) && !WHOSE.contains(&name)
}

/// Whether a value counts as it is. That of `HOME` is the path of a root, the same one for every user once it is made
/// portable.
pub fn is_literal(variable: &str) -> bool {
    variable == "HOME"
}

/// Whether a variable of this name may be read by a macro with these `names` (see [`names_in`]) in its library.
pub fn may_read(names: &str, variable: &str) -> bool {
    !is_no_input(variable)
        && !variable.is_empty()
        && memchr::memmem::find(names.as_bytes(), variable.as_bytes()).is_some()
}

/// The variables that are set and that may be read by a program with these `names` (see [`names_in`]), in order.
pub fn read_among<'e>(env: &'e Env, names: &str) -> Vec<&'e str> {
    if names.is_empty() {
        return Vec::new();
    }
    let set = env.vars().filter_map(|(name, _)| name.to_str());
    let mut read: Vec<&str> = set.filter(|name| may_read(names, name)).collect();
    read.sort_unstable();
    read
}

/// The words in a source or another text that could be taken for the name of a variable: those in capitals.
pub fn names_in_source(source: &[u8]) -> impl Iterator<Item = &str> {
    let words = source.split(|byte| !is_of_word(*byte));
    words
        .filter(|word| word.len() >= 3 && is_in_capitals(word))
        .filter_map(|word| std::str::from_utf8(word).ok())
        .filter(|word| !is_no_input(word))
}

/// The words that are no such names, but stand where one could: between quotes, or behind `$`, `{` or `%`, with which
/// scripts and templates begin one. Nearly all of them are something else, so they only count while there is a variable
/// of that name ([`may_be_quoted`]).
pub fn quoted_names_in(text: &[u8]) -> impl Iterator<Item = &str> {
    let mut end = 0;
    let words = text.split(|byte| !is_of_word(*byte)).map(move |word| {
        let start = end;
        end = start + word.len() + 1;
        (start, word)
    });
    words
        .filter(|(_, word)| word.len() >= 2 && !(word.len() >= 3 && is_in_capitals(word)))
        .filter(|(_, word)| !word[0].is_ascii_digit())
        .filter(|(start, word)| {
            let before = start.checked_sub(1).map(|at| text[at]);
            match before {
                Some(b'$' | b'{' | b'%') => true,
                Some(quote @ (b'"' | b'\'')) => text.get(start + word.len()) == Some(&quote),
                _ => false,
            }
        })
        .filter_map(|(_, word)| std::str::from_utf8(word).ok())
}

/// Whether a variable can be one of [`quoted_names_in`], or of [`names_in_source`].
pub fn may_be_quoted(variable: &str) -> bool {
    !variable.is_empty() && variable.bytes().all(is_of_word) && !is_no_input(variable)
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_in_capitals(word: &[u8]) -> bool {
    let has_capital = word.iter().any(u8::is_ascii_uppercase);
    has_capital && !word.iter().any(u8::is_ascii_lowercase) && !word[0].is_ascii_digit()
}

/// Everything in a library that could be the name of a variable: runs of letters, digits and underscores with three
/// characters or more, or of two capitals, a blank between them. Texts in object code have no separator, so a name may
/// stand inside a longer run; runs are kept whole. One more word, which is no name, stands for a directive of the
/// assembler ([`capability::ASSEMBLES`]).
pub fn names_in(library: &[u8]) -> String {
    let n_loaded = n_loaded(library).unwrap_or(usize::MAX);
    let mut runs: Vec<&str> = library[..n_loaded.min(library.len())]
        .split(|byte| !is_of_word(*byte))
        .filter(|run| run.len() >= 3 || run.len() == 2 && run.iter().all(u8::is_ascii_uppercase))
        .filter(|run| !is_mangled(run))
        .filter_map(|run| std::str::from_utf8(run).ok())
        .collect();
    runs.extend(assembler::stands_in(library).then_some(capability::ASSEMBLES));
    runs.sort_unstable();
    runs.dedup();
    runs.join(" ")
}

/// How much of an ELF library, from its start, holds all that is loaded from it: what it can compare with the name of a
/// variable is in there, what is known to debuggers alone is not. `None`: it may be the whole. `head` is its beginning.
pub fn n_loaded(head: &[u8]) -> Option<usize> {
    /// `PT_LOAD` of the ELF specification.
    const LOADED: usize = 1;
    let segments = elf::segments(head)?.collect::<Option<Vec<_>>>()?;
    let loaded = segments.iter().filter(|segment| segment.kind == LOADED);
    loaded
        .map(|segment| segment.at.checked_add(segment.n_bytes))
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .max()
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
        assert!(may_read(&names_in(b"\0ask CI of USER\0"), "CI"));
    }

    /// The header of a library with one segment of these bytes, behind another one that is not loaded.
    fn library(segment: &[u8], behind: &[u8]) -> Vec<u8> {
        let mut library = vec![0; 64 + 2 * 56];
        library[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (library[32], library[54], library[56]) = (64, 56, 2);
        let (other, loaded) = (64, 64 + 56);
        (library[other], library[other + 8], library[other + 32]) = (4, 255, 255);
        (library[loaded], library[loaded + 8], library[loaded + 32]) = (1, 64 + 2 * 56, segment.len() as u8);
        [&library, segment, behind].concat()
    }

    #[test]
    fn only_what_a_library_loads_can_name_a_variable() {
        let names = names_in(&library(b"\0SCHEMA_DIR\0", b"\0FOR_DEBUGGERS\0"));
        assert!(may_read(&names, "SCHEMA_DIR"), "{names}");
        assert!(!may_read(&names, "FOR_DEBUGGERS"), "{names}");
        // Cut off, of another class, or of no size: then nothing is left out.
        let whole = library(b"\0SCHEMA_DIR\0", b"");
        assert_eq!(n_loaded(&whole[..100]), None);
        assert_eq!(n_loaded(b"MZ and more"), None);
        assert_eq!(n_loaded(&library(b"", b"")), Some(64 + 2 * 56));
    }

    proptest::proptest! {
        #[test]
        fn no_library_is_too_damaged_to_be_searched(tail in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = names_in(&[b"\x7fELF\x02\x01".as_slice(), &tail].concat());
        }
    }

    #[test]
    fn who_and_where_the_user_is_counts_for_macros_that_name_it() {
        let names = names_in(b"\0USERHOMETERMsrc/lib.rs\0");
        assert!(may_read(&names, "USER") && may_read(&names, "HOME"));
        assert!(!may_read(&names, "TERM") && !may_read(&names, "LOGNAME"));
    }

    #[test]
    fn words_in_capitals_are_names() {
        let source = b"env_const!(\"FOO_BAR\"); let Abc = X1Y; PATH; USER; _A_B AB 1AB c_D";
        assert_eq!(names_in_source(source).collect::<Vec<_>>(), ["FOO_BAR", "X1Y", "USER", "_A_B"]);
    }

    #[test]
    fn other_words_are_names_where_one_could_stand() {
        let text =
            b"env!(\"my_var\") x 'CI' \"not this\" $home ${in_it} {{t}} {{Ab}} %p1% \"FOO\" 'a' \"1a\" own";
        let quoted = quoted_names_in(text).collect::<Vec<_>>();
        assert_eq!(quoted, ["my_var", "CI", "home", "in_it", "Ab", "p1"]);
        assert!(quoted.iter().all(|name| may_be_quoted(name)));
        assert!(!may_be_quoted("no_proxy") && !may_be_quoted("a-b"));
    }

    #[test]
    fn a_local_crate_with_a_known_name_is_not_believed() {
        assert!(is_pure("serde_derive", true));
        assert!(!is_pure("serde_derive", false));
    }

    #[test]
    fn a_macro_that_reads_variables_is_not_pure() {
        assert!(!is_pure("paste", true));
        assert!(!is_pure("strum_macros", true));
    }
}
