//! Files that an assembler reads because a text tells it to: `.incbin` and `.include` in `global_asm!` and its
//! relatives. The dep-info names none of them.
//!
//! The text of a directive is searched for wherever it could occur: in sources, in the metadata of crates (macros, and
//! code that is compiled in the crates that use it), and in the libraries of procedural macros. A directive can also be
//! put together: by `concat!`, by escapes, or by macros of the assembler. A source that could do so is recognized
//! ([`may_compose`]); a macro of another crate that does is not.

use memchr::{memchr, memchr_iter, memmem};

use crate::action::variables::is_of_word;

/// Both have this length, and their first letters in common.
const DIRECTIVES: [&[u8]; 2] = [b".incbin", b".include"];

/// What follows a directive in a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A file, relative to the working directory of the compiler. `is_text`: the assembler looks for directives in it.
    File { path: Vec<u8>, is_text: bool },
    /// Something that only the compiler can evaluate.
    Unknown,
}

/// The operands of all directives in a source, or in a text that the assembler includes.
pub fn operands(text: &[u8]) -> impl Iterator<Item = Operand> {
    directives(text).filter_map(|(directive, rest)| operand(rest, directive == DIRECTIVES[1]))
}

/// Whether a text has the means to put a directive together that cannot be read there. A Rust source (`is_rust`) counts
/// only if it names the assembler; any other file may be passed to the assembler, by `include_str!` or `.include`.
pub fn may_compose(text: &[u8], is_rust: bool) -> bool {
    const OF_RUST: [&[u8]; 6] = [b"concat!", b"stringify!", b"\\x", b"\\u{", b"\\\n", b"\\\r"];
    // Directives are the same in capitals.
    const OF_THE_ASSEMBLER: [&[u8]; 3] = [b".macro", b".irp", b".altmacro"];
    let names_assembler = names_assembler(text);
    if !names_assembler && is_rust {
        return false;
    }
    let lower_case = text.to_ascii_lowercase();
    OF_THE_ASSEMBLER.iter().any(|word| memmem::find(&lower_case, word).is_some())
        || names_assembler && OF_RUST.iter().any(|word| memmem::find(text, word).is_some())
}

/// Whether one of the macros of the assembler is named, also to give it another name.
fn names_assembler(source: &[u8]) -> bool {
    let mut words = source.split(|byte| !is_of_word(*byte));
    words.any(|word| matches!(word, b"asm" | b"global_asm" | b"naked_asm"))
}

fn directives(text: &[u8]) -> impl Iterator<Item = (&'static [u8], &[u8])> {
    memchr_iter(b'.', text).filter_map(|at| {
        let directive = DIRECTIVES.into_iter().find(|directive| {
            let found = text.get(at..at + directive.len());
            found.is_some_and(|found| found.eq_ignore_ascii_case(directive))
        })?;
        Some((directive, &text[at + directive.len()..]))
    })
}

/// A method of that name has no quotes and no blanks behind it, nor has a sentence about the directive quotes.
fn operand(rest: &[u8], is_text: bool) -> Option<Operand> {
    let rest = rest.trim_ascii_start();
    let (rest, end) = match rest {
        [b'\\', b'"', rest @ ..] => (rest, memmem::find(rest, b"\\\"")),
        [b'"', rest @ ..] => (rest, memchr(b'"', rest)),
        [b'\\' | b'{' | b'$' | b'%', ..] => return Some(Operand::Unknown),
        _ => return None,
    };
    let path = end.map(|end| &rest[..end]).unwrap_or_default();
    let is_evaluated = path.iter().any(|byte| b"\"\\{}\n\r\0".contains(byte));
    if path.is_empty() || is_evaluated {
        return Some(Operand::Unknown);
    }
    Some(Operand::File { path: path.to_vec(), is_text })
}

/// Looks for a directive in what a compiler made, piece by piece.
#[derive(Debug, Default)]
pub struct Search {
    /// The end of what was looked at, where a directive may begin.
    tail: Vec<u8>,
    is_found: bool,
}

impl Search {
    /// Looks at the next piece.
    pub fn add(&mut self, piece: &[u8]) {
        let n_overlap = DIRECTIVES[1].len();
        let head = &piece[..piece.len().min(n_overlap)];
        self.is_found =
            self.is_found || stands_in([&self.tail, head].concat().as_slice()) || stands_in(piece);
        let kept = [&self.tail, &piece[piece.len().saturating_sub(n_overlap)..]].concat();
        self.tail = kept[kept.len().saturating_sub(n_overlap)..].to_vec();
    }

    /// Whether there was one.
    pub fn is_found(&self) -> bool {
        self.is_found
    }
}

/// Whether a directive with something behind it that could be an operand stands in these bytes. The texts of macros
/// are there as they were written, each followed by a byte that is no ASCII.
pub fn stands_in(bytes: &[u8]) -> bool {
    directives(bytes)
        .any(|(_, rest)| rest.first().is_some_and(|byte| b" \t\"\\\0".contains(byte) || !byte.is_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, is_text: bool) -> Operand {
        Operand::File { path: path.as_bytes().to_vec(), is_text }
    }

    fn all(text: &str) -> Vec<Operand> {
        operands(text.as_bytes()).collect()
    }

    #[test]
    fn literal_paths_are_found_in_every_kind_of_literal() {
        assert_eq!(
            all(r#"global_asm!("x:", ".incbin \"a/b.bin\", 4", ".byte 0");"#),
            [file("a/b.bin", false)]
        );
        assert_eq!(all("r#\"\n  .INCLUDE\t\"s.s\"\n\"#"), [file("s.s", true)]);
        assert_eq!(
            all(".include \"one.s\"\n.incbin\"two.bin\"\n"),
            [file("one.s", true), file("two.bin", false)]
        );
    }

    #[test]
    fn operands_that_the_compiler_evaluates_are_unknown() {
        for text in [
            r#"concat!(".incbin \"", env!("DIR"), "/x\"")"#,
            r#"concat!(".incbin \"", $file, "\"")"#,
            r#"".incbin \"{}\"""#,
            r#"".incbin {}", sym X"#,
            r#"".incbin \"a\\\\b\"""#,
            r"r#'.incbin \path'#",
            "\".incbin \", \"",
        ] {
            let found = all(text);
            assert!(!found.is_empty(), "{text}");
            // What is no literal is no file either.
            assert!(
                found.iter().all(|it| *it == Operand::Unknown || *it == file(", ", false)),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn every_way_to_compose_a_directive_is_recognized() {
        for text in [
            r#"global_asm!(concat!(".inc", "bin \"x\""))"#,
            r#"global_asm!(concat!(stringify!(.incbin), " x"))"#,
            r#"global_asm!(".inc\x62in \"x\"")"#,
            r#"global_asm!(".\u{69}ncbin \"x\"")"#,
            "global_asm!(\".inc\\\n  bin x\")",
            r#"asm!(".macro m a", ".inc\\a \"x\"", ".endm", "m bin")"#,
            r#"asm!(".irp a, bin", ".inc\\a \"x\"", ".endr")"#,
            r#"use std::arch::global_asm as assemble; assemble!(concat!(".inc", "bin \"x\""));"#,
            r#"global_asm !(concat!(".inc", "bin \"x\""))"#,
        ] {
            assert!(may_compose(text.as_bytes(), true), "{text}");
        }
        assert!(may_compose(b".MACRO m a\n.inc\\a \"x\"\n.ENDM\nm bin\n", false));
        assert!(!may_compose(br#"global_asm!(".incbin \"x\"");"#, true));
        assert!(!may_compose(br#"const A: &str = concat!("wasm", "\x41");"#, true));
        assert!(!may_compose(b".incbin \"x\"\n", false));
    }

    #[test]
    fn methods_and_sentences_are_no_directives() {
        for text in [
            "config.include(\"x\")",
            "a.included \"x\"",
            "the `.include` directive",
            "x.include::<T>()",
            ".incbin",
        ] {
            assert_eq!(all(text), [], "{text}");
        }
    }

    #[test]
    fn a_directive_is_found_wherever_pieces_end() {
        let text = b"\x01abc.incbin \\\"\xc1 more bytes that follow";
        for n in 1..text.len() {
            let mut search = Search::default();
            text.chunks(n).for_each(|piece| search.add(piece));
            assert!(search.is_found(), "{n}");
        }
        let mut search = Search::default();
        search.add(b"x.include(y).included");
        assert!(!search.is_found());
    }
}
