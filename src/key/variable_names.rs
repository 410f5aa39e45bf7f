//! The possible variable names in a library or program.

use crate::action::variables::is_of_word;
use crate::key::{assembler, capability};
use crate::sys::{defence, elf};

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
    let part = if defence::stands("all-that-a-library-loads") { 1 } else { 2 };
    loaded
        .map(|segment| segment.at.checked_add(segment.n_bytes / part))
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
    use crate::action::variables::may_read;

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
}
