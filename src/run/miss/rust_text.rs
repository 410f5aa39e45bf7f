//! Just enough of Rust's syntax to find macros in a text: which ones are invoked, and which ones are defined.
//!
//! Nothing here resolves names: two macros of one name are not told apart.

/// A copy of `source` in which comments and the contents of literals are blank. Positions stay the same.
pub fn code(source: &[u8]) -> Vec<u8> {
    let mut code = source.to_vec();
    let mut at = 0;
    while at < source.len() {
        let rest = &source[at..];
        let (keeps, length) = match rest {
            [b'/', b'/', ..] => (0, memchr::memchr(b'\n', rest).unwrap_or(rest.len())),
            [b'/', b'*', ..] => (0, comment_length(rest)),
            [b'"', ..] => (1, string_length(rest)),
            [b'r', b'"' | b'#', ..] if !follows_name(source, at) => raw_string(rest),
            [b'b' | b'c', b'r', b'"' | b'#', ..] if !follows_name(source, at) => {
                let (keeps, length) = raw_string(&rest[1..]);
                (keeps.saturating_add(1), length + 1)
            }
            [b'\'', ..] => (1, character_length(rest)),
            [byte, ..] if is_of_name(*byte) => (usize::MAX, name_length(rest)),
            _ => (usize::MAX, 1),
        };
        let end = (at + length).min(source.len());
        for byte in code.get_mut(at.saturating_add(keeps)..end).unwrap_or_default() {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    code
}

fn comment_length(text: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match &text[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn string_length(text: &[u8]) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// How much of a raw string to keep, and how long it is. A raw name (`r#type`) is kept whole.
fn raw_string(text: &[u8]) -> (usize, usize) {
    let n_hashes = text[1..].iter().take_while(|byte| **byte == b'#').count();
    if text.get(1 + n_hashes) != Some(&b'"') {
        return (usize::MAX, 1 + n_hashes);
    }
    let end = [b"\"".as_slice(), &text[1..1 + n_hashes]].concat();
    let content = 2 + n_hashes;
    let length =
        memchr::memmem::find(&text[content..], &end).map_or(text.len(), |at| content + at + end.len());
    (1, length)
}

/// The length of a character, or of the quote alone where a lifetime begins.
fn character_length(text: &[u8]) -> usize {
    if text.get(1) == Some(&b'\\') {
        return text.get(3..).and_then(|rest| memchr::memchr(b'\'', rest)).map_or(1, |at| 3 + at + 1);
    }
    let n_bytes = 1 + text.iter().skip(2).take_while(|byte| **byte & 0xC0 == 0x80).count();
    if text.get(1 + n_bytes) == Some(&b'\'') { n_bytes + 2 } else { 1 }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn follows_name(text: &[u8], at: usize) -> bool {
    at > 0 && is_of_name(text[at - 1])
}

fn name_length(text: &[u8]) -> usize {
    text.iter().take_while(|byte| is_of_name(**byte)).count()
}

/// Every name in `code`, and what follows it.
pub fn names(code: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            at += code.get(at..)?.iter().take_while(|byte| !is_of_name(**byte)).count();
            let length = name_length(&code[at..]);
            if length == 0 {
                return None;
            }
            let name = std::str::from_utf8(&code[at..at + length]);
            at += length;
            if let Ok(name) = name {
                return Some((name, code[at..].trim_ascii_start()));
            }
        }
    })
}

/// The names of the macros that `code` invokes as `name!(…)`, with any brackets.
pub fn invoked(code: &[u8]) -> impl Iterator<Item = &str> {
    names(code).filter(|(name, rest)| is_invoked(rest) && !KEYWORDS.contains(name)).map(|(name, _)| name)
}

/// Whether what follows a name makes it an invocation.
fn is_invoked(rest: &[u8]) -> bool {
    let arguments = rest.strip_prefix(b"!").map(<[u8]>::trim_ascii_start);
    arguments.is_some_and(|arguments| matches!(arguments.first(), Some(b'(' | b'[' | b'{')))
}

/// Whether the rules of a macro invoke macros that they are handed, as `$name!(…)`.
pub fn calls_back(rules: &[u8]) -> bool {
    memchr::memchr_iter(b'$', rules).any(|at| {
        let rest = rules[at + 1..].trim_ascii_start();
        is_invoked(rest[name_length(rest)..].trim_ascii_start())
    })
}

/// Words that stand before a negation.
const KEYWORDS: &[&str] =
    &["as", "break", "else", "if", "in", "let", "match", "move", "return", "while", "yield"];

/// The macros that `code` defines with `macro_rules!`, each with its rules.
pub fn defined(code: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    names(code).filter(|(name, _)| *name == "macro_rules").filter_map(|(_, rest)| {
        let rest = rest.strip_prefix(b"!")?.trim_ascii_start();
        let (name, rest) = rest.split_at(name_length(rest));
        Some((std::str::from_utf8(name).ok()?, bracketed(rest.trim_ascii_start())?))
    })
}

/// The names in the attributes of `code`.
pub fn attributes(code: &[u8]) -> impl Iterator<Item = &str> {
    let starts = memchr::memchr_iter(b'#', code).filter_map(|at| {
        let rest = code[at + 1..].trim_ascii_start();
        bracketed(rest.strip_prefix(b"!").unwrap_or(rest).trim_ascii_start())
    });
    starts.filter(|inside| inside.starts_with(b"[")).flat_map(names).map(|(name, _)| name)
}

/// What `text` begins with, up to the bracket that closes its first one.
fn bracketed(text: &[u8]) -> Option<&[u8]> {
    let mut depth = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return (at > 0).then(|| &text[..=at]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn invoked_in(source: &str) -> Vec<String> {
        invoked(&code(source.as_bytes())).map(str::to_owned).collect()
    }

    #[test]
    fn invoked_macros_are_found_in_code_alone() {
        assert_eq!(invoked_in("a::b!(1); c ! [2]; d! { e!() }"), ["b", "c", "d", "e"]);
        assert_eq!(invoked_in("// a!()\n/* b!() /* c!() */ d!() */ e!()"), ["e"]);
        assert_eq!(invoked_in(r##""a!()" r#"b!() " c!()"# b"d!()" br"e!()" f!()"##), ["f"]);
        assert_eq!(invoked_in(r#"'"' a!() '\'' b!() 'é' &'static c!() '\u{22}' d!()"#), ["a", "b", "c", "d"]);
        assert_eq!(
            invoked_in("r#type!() expr\"\" x!() if !(a) { return !(b) } a != (c) fn f() -> ! {}"),
            ["type", "x"]
        );
    }

    #[test]
    fn definitions_are_found_with_their_rules() {
        let code = code(b"macro_rules! a { () => { \"}\" file!() } } macro_rules ! b (() => {c!()});");
        let found: Vec<_> = defined(&code).collect();
        assert_eq!(found.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(invoked(found[0].1).collect::<Vec<_>>(), ["file"]);
        assert_eq!(invoked(found[1].1).collect::<Vec<_>>(), ["c"]);
    }

    #[test]
    fn rules_that_invoke_what_they_are_handed_are_found() {
        assert!(calls_back(b"($m:ident) => { $m!() }"));
        assert!(calls_back(b"($m:ident, $n:expr) => { $ m ! [$n] }"));
        assert!(!calls_back(b"($m:ident) => { $crate::m!($m); if $m != 1 { !$m } }"));
    }

    #[test]
    fn names_in_attributes_are_found() {
        let code = code(b"#![allow(x)] #[derive(Clone, a::B)] struct S; let y = [z]; #[c = \"d\"] fn f() {}");
        assert_eq!(attributes(&code).collect::<Vec<_>>(), ["allow", "x", "derive", "Clone", "a", "B", "c"]);
    }

    #[test]
    fn prefix_of_a_raw_string_may_end_a_text() {
        for text in ["br#", "cr##", "r#", "br", "b"] {
            assert_eq!(code(text.as_bytes()), text.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn any_text_keeps_its_length(text in "[ab#!'\"/*\\\\\n({r é]{0,40}") {
            let code = code(text.as_bytes());
            prop_assert_eq!(code.len(), text.len());
            let _ = (invoked(&code).count(), defined(&code).count(), attributes(&code).count());
        }
    }
}
