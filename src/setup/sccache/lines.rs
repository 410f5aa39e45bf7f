//! Finds lines that set a variable, and comments them out.
//!
//! Only a line that is one assignment and nothing else is touched, and only where it is no part of something longer: a
//! text in quotes, a here-document, a line that goes on.

use std::path::Path;

use crate::setup::plan::{Action, UndoEdit};
use crate::setup::sccache::assignment::{Assignment, assignment};
use crate::setup::sccache::places::{ConfigFile, Syntax};
use crate::setup::sccache::{block, settings};
use crate::setup::unwritable::unwritable;
use crate::sys::fs;

/// A file with lines that are looked for.
#[derive(Debug)]
pub struct MatchedFile {
    pub place: ConfigFile,
    text: String,
    pub assignments: Vec<Assignment>,
}

/// What a line begins with, behind the sign for a comment, that was commented out.
pub const MARK: &str = "kache: was";

const LARGEST_BYTES: u64 = 1 << 20;

/// The text of a file, if it is one of a size that people write.
pub fn text(path: &Path) -> Option<String> {
    if fs::metadata(path).ok()?.len() > LARGEST_BYTES {
        return None;
    }
    String::from_utf8(fs::read(path).ok()?).ok()
}

/// The lines of a file that set a variable with a wanted name and value, and can go; `None` if there are none.
pub fn find(place: &ConfigFile, is_wanted: &dyn Fn(&str, &str) -> bool) -> Option<MatchedFile> {
    let text = text(&place.path)?;
    let mut assignments = match place.syntax {
        Syntax::Cargo | Syntax::Mise => settings::lines_of_toml(&text),
        syntax => by_line(syntax, &text),
    };
    assignments.retain(|one| is_wanted(&one.name, &one.value));
    match place.syntax {
        Syntax::Yaml => block::retain_yaml(&text, &mut assignments),
        Syntax::Jsonc => block::retain_json(&text, &mut assignments),
        _ => {}
    }
    (!assignments.is_empty()).then(|| MatchedFile { place: place.clone(), text, assignments })
}

fn by_line(syntax: Syntax, text: &str) -> Vec<Assignment> {
    let starts = match syntax {
        Syntax::Shell => shell_starts(text),
        Syntax::Makefile | Syntax::Dockerfile => unbroken_starts(text),
        _ => vec![true; text.lines().count()],
    };
    let lines = text.lines().enumerate().zip(starts).filter(|(_, is_start)| *is_start);
    let mut assignments = Vec::new();
    for ((index, line), _) in lines {
        if let Some((name, value)) = assignment(syntax, line) {
            assignments.push(Assignment { line: index + 1, name, value });
        }
    }
    assignments
}

/// For each line, whether the one before it does not go on in it.
fn unbroken_starts(text: &str) -> Vec<bool> {
    let ends = text.lines().map(|line| !line.trim_end().ends_with('\\'));
    std::iter::once(true).chain(ends).take(text.lines().count()).collect()
}

impl MatchedFile {
    /// The lines, for people. The values are left out: they may be secret.
    pub fn shown(&self) -> Vec<String> {
        let path = self.place.path.display();
        self.assignments.iter().map(|one| format!("{path}:{}: {}", one.line, one.name)).collect()
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
            if self.assignments.iter().any(|one| one.line == index + 1) {
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
    let mark = match syntax {
        Syntax::Shell => ": #",
        Syntax::Xonsh => "pass  #",
        Syntax::Jsonc => "//",
        _ => "#",
    };
    format!("{indent}{mark} {MARK} {text}")
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
