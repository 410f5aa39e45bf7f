//! Lines that set a variable: found, and commented out.
//!
//! Only a line that is one assignment and nothing else is touched, and only where it is no part of something longer: a
//! text in quotes, a here-document, a line that goes on.

use std::path::Path;

use crate::setup::init::unwritable;
use crate::setup::plan::{Action, UndoEdit};
use crate::setup::sccache::places::{Place, Syntax};
use crate::sys::fs;

/// A file with lines that are looked for.
#[derive(Debug)]
pub struct File {
    pub place: Place,
    text: String,
    pub hits: Vec<Hit>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Counted from 1.
    pub line: usize,
    pub name: String,
    pub value: String,
}

const LARGEST_BYTES: u64 = 1 << 20;

/// The lines of a file that set a variable with a wanted name and value; `None` if there are none.
pub fn find(place: &Place, is_wanted: &dyn Fn(&str, &str) -> bool) -> Option<File> {
    if fs::metadata(&place.path).ok()?.len() > LARGEST_BYTES {
        return None;
    }
    let text = String::from_utf8(fs::read(&place.path).ok()?).ok()?;
    let starts =
        if place.syntax == Syntax::Shell { shell_starts(&text) } else { vec![true; text.lines().count()] };
    let mut hits = Vec::new();
    for ((index, line), is_start) in text.lines().enumerate().zip(starts) {
        if let Some((name, value)) = assignment(place.syntax, line).filter(|_| is_start)
            && is_wanted(&name, &value)
        {
            hits.push(Hit { line: index + 1, name, value });
        }
    }
    (!hits.is_empty()).then(|| File { place: place.clone(), text, hits })
}

impl File {
    /// The lines as people look for them. Of what may be a secret, the name alone.
    pub fn shown(&self) -> Vec<String> {
        let path = self.place.path.display();
        self.hits.iter().map(|hit| format!("{path}:{}: {}", hit.line, hit.name)).collect()
    }

    /// The lines commented out; `None` if the file cannot be written.
    pub fn comment_out(&self, title: &str) -> Option<Action> {
        if unwritable(&self.place.path).is_some() {
            return None;
        }
        self.edited(title)
    }

    /// The same, whether or not it can be written.
    pub fn edited(&self, title: &str) -> Option<Action> {
        let mut after = String::with_capacity(self.text.len() + 64);
        let mut pairs = Vec::new();
        for (index, whole) in self.text.split_inclusive('\n').enumerate() {
            let line = whole.trim_end_matches(['\n', '\r']);
            if self.hits.iter().any(|hit| hit.line == index + 1) {
                let ours = commented(self.place.syntax, line);
                after += &ours;
                after += &whole[line.len()..];
                pairs.push((ours, line.to_owned()));
            } else {
                after += whole;
            }
        }
        let title = format!("{title}: {}", self.place.path.display());
        Action::edit(title, Path::new(&self.place.path), after.into_bytes(), UndoEdit::RestoreLines { pairs })
            .ok()
    }
}

/// In a shell and in Python a block must not become empty.
fn commented(syntax: Syntax, line: &str) -> String {
    let text = line.trim_start();
    let indent = &line[..line.len() - text.len()];
    let nothing = match syntax {
        Syntax::Shell => ": ",
        Syntax::Xonsh => "pass  ",
        _ => "",
    };
    format!("{indent}{nothing}# kache: was {text}")
}

/// The name and the value, if a line is one assignment.
pub fn assignment(syntax: Syntax, line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let (name, value) = match syntax {
        Syntax::Shell => {
            let prefixes = ["export ", "declare -x ", "typeset -x ", "declare -gx "];
            let rest = prefixes.iter().find_map(|prefix| line.strip_prefix(prefix)).unwrap_or(line);
            rest.trim_start().split_once('=')?
        }
        Syntax::Fish => {
            let mut rest = line.strip_prefix("set ")?.trim_start();
            while let Some(option) = rest.strip_prefix('-') {
                rest = option.split_once(' ')?.1.trim_start();
            }
            rest.split_once(' ')?
        }
        Syntax::Csh => line.strip_prefix("setenv ")?.trim_start().split_once(' ')?,
        Syntax::Nushell => line.strip_prefix("$env.")?.split_once('=')?,
        Syntax::PowerShell => {
            let rest = line.strip_prefix("$env:").or_else(|| line.strip_prefix("$Env:"))?;
            rest.split_once('=')?
        }
        Syntax::Xonsh => line.strip_prefix('$')?.split_once('=')?,
        Syntax::Pairs => line.split_once('=')?,
        Syntax::Pam => {
            let (name, rest) = line.split_once(char::is_whitespace)?;
            (name, rest.trim_start().strip_prefix("DEFAULT=")?)
        }
    };
    let name = if syntax == Syntax::Shell || syntax == Syntax::Pairs { name } else { name.trim() };
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let value = if syntax == Syntax::Pairs { unquoted(value.trim()) } else { word(value.trim_start())? };
    is_name.then(|| (name.to_owned(), value))
}

fn unquoted(text: &str) -> String {
    let inner = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text).to_owned()
}

/// The one word that `text` consists of, perhaps with a comment after it, without its quotes.
fn word(text: &str) -> Option<String> {
    let (mut quote, mut depth, mut word) = (None, 0_u32, String::new());
    let mut end = text.len();
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), '\\') => return None,
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') if depth == 0 => quote = Some(c),
            (None, '\\') => return None,
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

/// For each line of a shell's file, whether a command can begin there.
fn shell_starts(text: &str) -> Vec<bool> {
    let mut starts = Vec::new();
    let (mut quote, mut goes_on, mut here): (Option<char>, bool, Option<String>) = (None, false, None);
    for line in text.lines() {
        if let Some(end) = &here {
            starts.push(false);
            if line.trim_start_matches('\t') == end {
                here = None;
            }
            continue;
        }
        starts.push(quote.is_none() && !goes_on);
        goes_on = false;
        let mut previous = ' ';
        let mut chars = line.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match (quote, c) {
                (Some('\''), '\'') | (Some('"'), '"') => quote = None,
                (None | Some('"'), '\\') => goes_on = chars.next().is_none(),
                (None, '\'' | '"') => quote = Some(c),
                (None, '#') if previous.is_whitespace() => break,
                (None, '<') if line[at..].starts_with("<<<") => {
                    chars.nth(1);
                }
                (None, '<') if line[at..].starts_with("<<") => here = here_end(&line[at + 2..]),
                _ => {}
            }
            previous = c;
        }
    }
    starts
}

/// The line that ends a here-document.
fn here_end(after: &str) -> Option<String> {
    let word = after.trim_start_matches('-').trim_start();
    let word: String = word.chars().take_while(|c| !c.is_whitespace() && !";|&<>)".contains(*c)).collect();
    let word: String = word.chars().filter(|c| !"'\"\\".contains(*c)).collect();
    (!word.is_empty()).then_some(word)
}
