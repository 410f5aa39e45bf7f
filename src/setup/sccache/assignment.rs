//! Parses lines that set a variable, in all kinds of files.

use crate::setup::sccache::places::Syntax;

/// One line that sets a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Counted from 1.
    pub line: usize,
    pub name: String,
    pub value: String,
}

/// The name and the value, if a line is one assignment. TOML is not parsed line by line.
pub fn assignment(syntax: Syntax, line: &str) -> Option<(String, String)> {
    let (name, value) = parts(syntax, line)?;
    let name = if matches!(syntax, Syntax::Shell | Syntax::Pairs) { name } else { name.trim() };
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let is_plain = matches!(syntax, Syntax::Pairs | Syntax::Yaml | Syntax::Jsonc);
    let escape = if syntax == Syntax::PowerShell { '`' } else { '\\' };
    let value = if is_plain { unquoted(value.trim()) } else { word(value.trim_start(), escape)? };
    is_name.then(|| (name.to_owned(), value))
}

/// The text on both sides of the operator.
fn parts(syntax: Syntax, whole: &str) -> Option<(&str, &str)> {
    let line = whole.trim();
    match syntax {
        Syntax::Shell => {
            let prefixes = ["export ", "declare -x ", "typeset -x ", "declare -gx "];
            let rest = prefixes.iter().find_map(|prefix| line.strip_prefix(prefix)).unwrap_or(line);
            rest.trim_start().split_once('=')
        }
        Syntax::Fish => {
            let mut rest = line.strip_prefix("set ")?.trim_start();
            while let Some(option) = rest.strip_prefix('-') {
                rest = option.split_once(' ')?.1.trim_start();
            }
            rest.split_once(' ')
        }
        Syntax::Csh => line.strip_prefix("setenv ")?.trim_start().split_once(' '),
        Syntax::Nushell => line.strip_prefix("$env.")?.split_once('='),
        Syntax::PowerShell => {
            let rest = line.strip_prefix("$env:").or_else(|| line.strip_prefix("$Env:"))?;
            rest.split_once('=')
        }
        Syntax::Xonsh => line.strip_prefix('$')?.split_once('='),
        Syntax::Pairs => line.split_once('='),
        Syntax::Pam => {
            let (name, rest) = line.split_once(char::is_whitespace)?;
            Some((name, rest.trim_start().strip_prefix("DEFAULT=")?))
        }
        Syntax::Makefile if whole.starts_with('\t') => None,
        Syntax::Makefile => {
            let words = ["export ", "override "];
            let rest = words.iter().fold(line, |line, word| line.strip_prefix(word).unwrap_or(line));
            let (name, value) = rest.split_once('=')?;
            Some((name.trim_end_matches([':', '?']), value))
        }
        Syntax::Justfile if whole.starts_with([' ', '\t']) => None,
        Syntax::Justfile => line.strip_prefix("export ").unwrap_or(line).split_once(":="),
        Syntax::Dockerfile => {
            let (_, rest) = line.split_once(' ').filter(|(instruction, _)| {
                ["ENV", "ARG"].iter().any(|known| known.eq_ignore_ascii_case(instruction))
            })?;
            rest.trim_start().split_once(['=', ' '])
        }
        Syntax::Yaml => match line.strip_prefix("- ") {
            Some(item) => item.split_once('='),
            None => line.split_once(": "),
        },
        Syntax::Jsonc => {
            let (name, value) = line.strip_suffix(',').unwrap_or(line).split_once(':')?;
            let value = value.trim();
            let is_text = value.len() > 1 && value.starts_with('"') && value.ends_with('"');
            let name = name.trim().strip_prefix('"')?.strip_suffix('"')?;
            is_text.then_some((name, value))
        }
        Syntax::Nix => line.strip_suffix(';')?.split_once('='),
        Syntax::Cargo | Syntax::Mise | Syntax::Named => None,
    }
}

fn unquoted(text: &str) -> String {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)) {
            return inner.to_owned();
        }
    }
    text.to_owned()
}

/// The one word that `text` consists of, perhaps with a comment after it, without its quotes. One with a letter that is
/// escaped is not understood.
fn word(text: &str, escape: char) -> Option<String> {
    let (mut quote, mut depth, mut word) = (None, 0_u32, String::new());
    let mut end = text.len();
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (_, c) if c == escape => return None,
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') if depth == 0 => quote = Some(c),
            (None, '(') if previous == '$' || depth > 0 => {
                depth += 1;
                word.push(c);
            }
            (None, ')') if depth > 0 => {
                depth -= 1;
                word.push(c);
            }
            (None, ';' | '|' | '&' | '<' | '>' | '(' | ')' | '`') => return None,
            (None, c) if c.is_whitespace() && depth == 0 => {
                end = at;
                break;
            }
            (None, c) => word.push(c),
        }
        previous = c;
    }
    let rest = text[end..].trim();
    let is_whole = quote.is_none() && depth == 0 && (rest.is_empty() || rest.starts_with('#'));
    (is_whole && !word.is_empty()).then_some(word)
}
