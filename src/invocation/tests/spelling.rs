//! Properties: no argv panics, and the spelling of an option makes no difference.

use std::ffi::OsString;

use proptest::prelude::*;

use crate::invocation::parse::parse;
use crate::invocation::tests::{LEAST, parse_words, words};
use crate::sys::os;

/// Pieces that are likely to lead somewhere.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec![
            "-", "--", "-C", "-g", "-O", "-L", "-l", "--cfg", "--emit", "--extern", "--crate-name", "--out-dir", "--test",
            "--json", "--crate-type", "-Cincremental=", "-gC", "@", "@x", "=", "--=", "-é", "--é", "a:b=c:d", "src/lib.rs",
            "--emit=link=,", "-Cllvm-args=", "-Ctarget-feature=é,+crt-static", "--C", "static:,=x:", "--target",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => "--?[a-zA-Z=:,-]{0,8}",
    ]
}

/// One option: its letter, its long name, a value that both accept.
fn option() -> impl Strategy<Value = (Option<char>, &'static str, &'static str)> {
    prop::sample::select(vec![
        (Some('C'), "codegen", "opt-level=3"),
        (Some('C'), "codegen", "metadata=abc"),
        (Some('C'), "codegen", "extra-filename=-1234"),
        (Some('C'), "codegen", "prefer-dynamic"),
        (Some('W'), "warn", "unused"),
        (Some('D'), "deny", "warnings"),
        (Some('A'), "allow", "dead_code"),
        (Some('F'), "forbid", "unsafe_code"),
        (None, "cfg", "feature=\"std\""),
        (None, "check-cfg", "cfg(docsrs,test)"),
        (None, "cap-lints", "allow"),
        (None, "extern", "a=deps/liba.rlib"),
        (None, "remap-path-prefix", "a=b"),
        (None, "emit", "link"),
        (None, "crate-type", "lib"),
        (Some('L'), "L", "dependency=deps"),
        (Some('l'), "l", "static=z"),
    ])
}

/// The option in the spelling that `choice` says, of those that it has.
fn spell((letter, name, value): (Option<char>, &str, &str), choice: usize) -> Vec<OsString> {
    let mut spellings = vec![vec![format!("--{name}"), value.to_owned()], vec![format!("--{name}={value}")]];
    if let Some(letter) = letter {
        spellings.push(vec![format!("-{letter}"), value.to_owned()]);
        spellings.push(vec![format!("-{letter}{value}")]);
        spellings.push(vec![format!("--{letter}={value}")]);
    }
    if name == "codegen" {
        let (option, value) = value
            .split_once('=')
            .map_or((value, String::new()), |(option, value)| (option, format!("={value}")));
        spellings.push(vec![format!("-C{}{value}", option.replace('-', "_"))]);
    }
    spellings.swap_remove(choice % spellings.len()).into_iter().map(OsString::from).collect()
}

proptest! {
    #[test]
    fn no_bytes_panic_in_argv_or_in_an_argument_file(
        argv in prop::collection::vec(any::<Vec<u8>>(), 0..6), file: Vec<u8>, complete: bool,
    ) {
        let mut args = if complete { words(LEAST) } else { Vec::new() };
        args.extend(argv.iter().filter_map(|bytes| os::from_bytes(bytes)));
        args.push("@file".into());
        let parsed = parse(&args, &|_| Ok(file.clone()));
        let is_text = std::str::from_utf8(&file).is_ok() && args.iter().all(|arg| arg.to_str().is_some());
        prop_assert!(is_text || parsed.is_err(), "rustc refuses what is not Unicode");
    }

    #[test]
    fn no_argv_panics(pieces in prop::collection::vec(piece(), 0..12), complete: bool) {
        let mut args = if complete { words(LEAST) } else { Vec::new() };
        args.extend(pieces.into_iter().map(OsString::from));
        if let Ok(invocation) = parse_words(&args) {
            let _ = crate::invocation::outputs::outputs(&invocation, "x86_64-unknown-linux-gnu");
            prop_assert!(invocation.left_out.iter().all(|position| *position < args.len()));
        }
    }

    #[test]
    fn no_triple_panics(triple in "[a-z0-9_é-]{0,30}", more in prop::collection::vec(option(), 0..4)) {
        let mut args = words(LEAST);
        args.extend(more.into_iter().flat_map(|option| spell(option, 0)));
        if let Ok(invocation) = parse_words(&args) {
            let _ = crate::invocation::outputs::outputs(&invocation, &triple);
        }
    }

    #[test]
    fn the_spelling_of_an_option_makes_no_difference(
        options in prop::collection::vec((option(), any::<usize>(), any::<usize>()), 0..8),
        tail in any::<bool>(),
    ) {
        let line = |first: bool| {
            let chosen = options.iter().flat_map(|(option, one, other)| spell(*option, if first { *one } else { *other }));
            let mut args: Vec<OsString> = words(LEAST);
            args.splice(if tail { args.len()..args.len() } else { 0..0 }, chosen);
            parse_words(&args)
        };
        prop_assert_eq!(line(true), line(false));
        prop_assert!(line(true).is_ok());
    }
}
