//! Which environment variables count as inputs: what a program may take for the name of a variable, and variables of the
//! session, which never count.

use crate::sys::defence;
use crate::sys::env::Env;

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
    NO_INPUTS.contains(&name)
        && !(defence::stands("variables-of-whose-session-it-is") && WHOSE.contains(&name))
}

/// Variables that cargo sets for build scripts and that decide nothing in one: they say how much may run at once. They do
/// not count where a script asks for them either, as all that start a C compiler do.
const NO_INPUTS_OF_BUILD_SCRIPTS: &[&str] = &["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS", "NUM_JOBS"];

/// Variables of a session whose names stand in programs that do not ask for them themselves: std does, or the name is too
/// short to tell.
const NAMED_BY_STD: &[&str] = &["RUST_BACKTRACE", "RUST_LIB_BACKTRACE", "RUST_MIN_STACK", "_"];

/// Variables of a session that a build script's run depends on in any case.
const FOR_BUILD_SCRIPTS: &[&str] = &[
    "HOME",
    "LOGNAME",
    "PATH",
    "TZ",
    "USER",
    "all_proxy",
    "ftp_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Whether a variable is part of the unit key of a build script's run, if it is set.
pub fn decides_build_script(name: &str) -> bool {
    let is_of_session = NO_INPUTS.contains(&name) && !FOR_BUILD_SCRIPTS.contains(&name);
    !is_of_session && !NO_INPUTS_OF_BUILD_SCRIPTS.contains(&name) && !name.starts_with("KACHE_")
}

/// The variables that [do not decide](decides_build_script) a build script's run unless the script asks for them, and
/// whose names stand in `program`.
pub fn asked_by_build_script(program: &[u8]) -> impl Iterator<Item = &'static str> {
    let names = NO_INPUTS.iter().copied().filter(|name| !decides_build_script(name));
    names
        .filter(|name| !NAMED_BY_STD.contains(name))
        .filter(|name| memchr::memmem::find(program, name.as_bytes()).is_some())
}

/// Whether a value counts as it is. That of `HOME` is the path of a root, the same one for every user once it is made
/// portable.
pub fn is_literal(variable: &str) -> bool {
    variable == "HOME"
}

/// Whether a variable of this name may be read by a macro with these `names` in its library.
pub fn may_read(names: &str, variable: &str) -> bool {
    !is_no_input(variable)
        && !variable.is_empty()
        && memchr::memmem::find(names.as_bytes(), variable.as_bytes()).is_some()
}

/// The variables that are set and that may be read by a program with these `names` , in order.
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
pub fn capital_words(source: &[u8]) -> impl Iterator<Item = &str> {
    let words = source.split(|byte| !is_of_word(*byte));
    words
        .filter(|word| word.len() >= 3 && is_in_capitals(word))
        .filter_map(|word| std::str::from_utf8(word).ok())
        .filter(|word| !is_no_input(word))
}

/// The words that are no such names, but stand where one could: between quotes, or behind `$`, `{` or `%`, with which
/// scripts and templates begin one. Nearly all of them are something else, so they only count while there is a variable
/// of that name ([`may_be_quoted`]).
pub fn quoted_words(text: &[u8]) -> impl Iterator<Item = &str> {
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

/// Whether a variable can be one of [`quoted_words`], or of [`capital_words`].
pub fn may_be_quoted(variable: &str) -> bool {
    !variable.is_empty() && variable.bytes().all(is_of_word) && !is_no_input(variable)
}

pub fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_in_capitals(word: &[u8]) -> bool {
    let has_capital = word.iter().any(u8::is_ascii_uppercase);
    has_capital && !word.iter().any(u8::is_ascii_lowercase) && !word[0].is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_capitals_are_names() {
        let source = b"env_const!(\"FOO_BAR\"); let Abc = X1Y; PATH; USER; _A_B AB 1AB c_D";
        assert_eq!(capital_words(source).collect::<Vec<_>>(), ["FOO_BAR", "X1Y", "USER", "_A_B"]);
    }

    #[test]
    fn other_words_are_names_where_one_could_stand() {
        let text =
            b"env!(\"my_var\") x 'CI' \"not this\" $home ${in_it} {{t}} {{Ab}} %p1% \"FOO\" 'a' \"1a\" own";
        let quoted = quoted_words(text).collect::<Vec<_>>();
        assert_eq!(quoted, ["my_var", "CI", "home", "in_it", "Ab", "p1"]);
        assert!(quoted.iter().all(|name| may_be_quoted(name)));
        assert!(!may_be_quoted("no_proxy") && !may_be_quoted("a-b"));
    }
}
