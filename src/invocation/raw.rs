//! Argv as typed: options and values in the order in which they stand, in every spelling rustc's parser accepts.
//!
//! Nothing is interpreted here. The rules are those of rustc 1.95, each of them tried:
//! - an option may be one letter (`-Copt-level=3`, `-C opt-level=3`, even `--C=opt-level=3`) or long (`--codegen
//!   opt-level=3`, `--codegen=opt-level=3`). `-C=opt-level=3` has the value `=opt-level=3`. Long options are never
//!   abbreviated.
//! - letters without a value may stand together (`-vV`), the last of a cluster may have one (`-OCopt-level=1`).
//! - a value may begin with a dash. After `--`, everything is a source.
//! - `@path` stands for the lines of a file wherever it occurs, even as a value and after `--`. One line is one
//!   argument: nothing is quoted, empty lines are empty arguments, a line end is LF or CR LF, and a line beginning
//!   with `@` stands for itself.
//! - what is not UTF-8 is refused, on the command line as in argument files.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use crate::outcome::{Bypass, BypassReason};
use crate::sys::defence;

/// How `@path` is read: I/O is the caller's.
pub type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<Vec<u8>>;

/// Argv, split.
#[derive(Debug, Default)]
pub struct RawArgs {
    /// In argv order.
    pub options: Vec<RawOption>,
    /// What is no option: source files, or `-`.
    pub sources: Vec<String>,
    /// `@path` arguments, as spelled, without the `@`.
    pub argument_files: Vec<PathBuf>,
}

/// One option.
#[derive(Debug, PartialEq, Eq)]
pub struct RawOption {
    /// The long spelling without dashes; options that have none go by their letter.
    pub name: &'static str,
    /// Empty for an option without a value.
    pub value: String,
    pub position: ArgumentPosition,
}

/// Where an option stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentPosition {
    /// It alone is these arguments: the position of its first, and how many they are.
    Own { first: usize, count: usize },
    /// It shares an argument with other options: `-gO`.
    Shared,
    /// It, or its value, stands in an argument file.
    ArgumentFile,
}

impl ArgumentPosition {
    /// Of an option that begins with `word` and takes up `count` arguments.
    fn own(word: &Word, count: usize) -> ArgumentPosition {
        word.position.map_or(ArgumentPosition::ArgumentFile, |first| ArgumentPosition::Own { first, count })
    }

    /// Of an option in a cluster.
    fn shared(word: &Word) -> ArgumentPosition {
        word.position.map_or(ArgumentPosition::ArgumentFile, |_| ArgumentPosition::Shared)
    }
}

/// What rustc knows about an option.
struct Known {
    letter: Option<char>,
    name: &'static str,
    has_value: bool,
    /// Giving it twice is an error.
    once: bool,
}

const fn known(letter: Option<char>, name: &'static str, has_value: bool, once: bool) -> Known {
    Known { letter, name, has_value, once }
}

/// Every option of rustc 1.95, without those that are unstable. An option that is not here is a bypass.
const KNOWN: &[Known] = &[
    known(Some('h'), "help", false, true),
    known(None, "cfg", true, false),
    known(None, "check-cfg", true, false),
    known(Some('L'), "L", true, false),
    known(Some('l'), "l", true, false),
    known(None, "crate-type", true, false),
    known(None, "crate-name", true, true),
    known(None, "edition", true, true),
    known(None, "emit", true, false),
    known(None, "print", true, false),
    known(Some('g'), "g", false, false),
    known(Some('O'), "O", false, false),
    known(Some('o'), "o", true, true),
    known(None, "out-dir", true, true),
    known(None, "explain", true, true),
    known(None, "test", false, true),
    known(None, "target", true, true),
    known(Some('A'), "allow", true, false),
    known(Some('W'), "warn", true, false),
    known(None, "force-warn", true, false),
    known(Some('D'), "deny", true, false),
    known(Some('F'), "forbid", true, false),
    known(None, "cap-lints", true, false),
    known(Some('C'), "codegen", true, false),
    known(Some('V'), "version", false, true),
    known(Some('v'), "verbose", false, true),
    known(None, "extern", true, false),
    known(None, "sysroot", true, true),
    known(Some('Z'), "Z", true, false),
    known(None, "error-format", true, true),
    known(None, "json", true, false),
    known(None, "color", true, true),
    known(None, "diagnostic-width", true, true),
    known(None, "remap-path-prefix", true, false),
    known(None, "remap-path-scope", true, true),
];

/// Splits the arguments that follow the compiler's path.
pub fn split(args: &[OsString], read_file: ReadFile<'_>) -> Result<RawArgs, BypassReason> {
    let mut raw = RawArgs::default();
    let mut words = expand(args, read_file, &mut raw.argument_files)?.into_iter();
    let mut only_sources = false;
    while let Some(word) = words.next() {
        if only_sources || word.text.len() < 2 || !word.text.starts_with('-') {
            raw.sources.push(word.text);
        } else if word.text == "--" {
            only_sources = true;
        } else if let Some(long) = word.text.strip_prefix("--") {
            split_long(long, &word, &mut words, &mut raw)?;
        } else {
            split_letters(&word, &mut words, &mut raw)?;
        }
    }
    Ok(raw)
}

/// One argument after argument files are read.
struct Word {
    text: String,
    /// `None` for a line of an argument file.
    position: Option<usize>,
}

fn expand(
    args: &[OsString],
    read_file: ReadFile<'_>,
    files: &mut Vec<PathBuf>,
) -> Result<Vec<Word>, BypassReason> {
    let mut words = Vec::with_capacity(args.len());
    for (position, arg) in args.iter().enumerate() {
        let text = unicode(arg)?;
        let Some(path) = text.strip_prefix('@') else {
            words.push(Word { text: text.to_owned(), position: Some(position) });
            continue;
        };
        let content = read_file(Path::new(path)).ok().and_then(|content| String::from_utf8(content).ok());
        let content = content.ok_or_else(|| BypassReason::new(Bypass::ArgumentFile, text))?;
        if defence::stands("flags-in-a-file") {
            words.extend(content.lines().map(|line| Word { text: line.to_owned(), position: None }));
        }
        files.push(PathBuf::from(path));
    }
    Ok(words)
}

fn unicode(arg: &OsStr) -> Result<&str, BypassReason> {
    arg.to_str().ok_or_else(|| unknown(arg.to_string_lossy()))
}

/// An argument that rustc would refuse, or that kache does not know.
pub(crate) fn unknown(argument: impl Into<String>) -> BypassReason {
    BypassReason::new(Bypass::UnknownArgument, argument)
}

fn split_long(
    long: &str,
    word: &Word,
    words: &mut impl Iterator<Item = Word>,
    raw: &mut RawArgs,
) -> Result<(), BypassReason> {
    let (name, value) = match long.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (long, None),
    };
    let mut letters = name.chars();
    let known = match (letters.next(), letters.next()) {
        (Some(letter), None) => by_letter(letter),
        _ => KNOWN.iter().find(|known| known.name == name && known.letter.is_none_or(|_| name.len() > 1)),
    };
    let known = known.ok_or_else(|| unknown(&word.text))?;
    let alone = ArgumentPosition::own(word, 1);
    match (known.has_value, value) {
        (false, None) => push(raw, known, String::new(), alone),
        (false, Some(_)) => Err(unknown(&word.text)),
        (true, Some(value)) => push(raw, known, value.to_owned(), alone),
        (true, None) => push_with_next(raw, known, word, words, false),
    }
}

fn split_letters(
    word: &Word,
    words: &mut impl Iterator<Item = Word>,
    raw: &mut RawArgs,
) -> Result<(), BypassReason> {
    for (index, letter) in word.text.char_indices().skip(1) {
        let known = by_letter(letter).ok_or_else(|| unknown(&word.text))?;
        let rest = &word.text[index + letter.len_utf8()..];
        let first = index == 1;
        if !known.has_value {
            let alone = first && rest.is_empty();
            let position =
                if alone { ArgumentPosition::own(word, 1) } else { ArgumentPosition::shared(word) };
            push(raw, known, String::new(), position)?;
        } else if rest.is_empty() {
            return push_with_next(raw, known, word, words, !first);
        } else {
            let position =
                if first { ArgumentPosition::own(word, 1) } else { ArgumentPosition::shared(word) };
            return push(raw, known, rest.to_owned(), position);
        }
    }
    Ok(())
}

fn by_letter(letter: char) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.letter == Some(letter))
}

/// The option's value is the next argument, whatever it looks like.
fn push_with_next(
    raw: &mut RawArgs,
    known: &'static Known,
    word: &Word,
    words: &mut impl Iterator<Item = Word>,
    in_cluster: bool,
) -> Result<(), BypassReason> {
    let value = words.next().ok_or_else(|| unknown(&word.text))?;
    let position = match value.position {
        None => ArgumentPosition::ArgumentFile,
        Some(_) if in_cluster => ArgumentPosition::shared(word),
        Some(_) => ArgumentPosition::own(word, 2),
    };
    push(raw, known, value.text, position)
}

fn push(
    raw: &mut RawArgs,
    known: &'static Known,
    value: String,
    position: ArgumentPosition,
) -> Result<(), BypassReason> {
    if known.once && raw.options.iter().any(|option| option.name == known.name) {
        return Err(unknown(format!("{} given twice", known.name)));
    }
    raw.options.push(RawOption { name: known.name, value, position });
    Ok(())
}
