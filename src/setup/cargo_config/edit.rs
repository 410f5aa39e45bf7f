//! Sets and removes `build.rustc-wrapper` without touching any other byte.

use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};
use toml_edit::{Item, Table};

use crate::setup::cargo_config::gate::{self, Rejected};
use crate::setup::cargo_config::read::{BuildValue, ParsedFile, ReadError};

const KEY: &str = "rustc-wrapper";

/// Why a text was not changed.
#[derive(Debug, thiserror::Error)]
pub enum CannotEdit {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{path}:{line}: {what}; nothing was changed")]
    Unexpected { path: String, line: usize, what: String },
    #[error("{path} was not changed: {what}; set `build.rustc-wrapper` in it by hand")]
    Gate { path: String, what: Rejected },
}

/// How to undo the edit in a text that was edited further. Written into the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUndo {
    /// The value that was set.
    ours: String,
    /// What was put in.
    inserted: String,
    /// What it was put in the place of: the old value, as it was written.
    replaced: Option<String>,
}

/// A text with the key set.
#[derive(Debug, PartialEq, Eq)]
pub struct Edited {
    pub text: String,
    pub undo: KeyUndo,
}

/// Sets the key to `value` in `text`, the content of the file at `path`.
pub fn set(path: &Path, text: &str, value: &str) -> Result<Edited, CannotEdit> {
    let file = ParsedFile::parse(path, text)?;
    let literal = literal(value);
    let splice = match file.build(KEY) {
        Some(BuildValue { text: Err(is), line, .. }) => {
            return Err(unexpected(
                path,
                line,
                format!("`build.{KEY}` must be a string, not of the type {is}"),
            ));
        }
        Some(BuildValue { span, .. }) => Splice { span, insert: literal },
        None => insertion(path, &file, &literal)?,
    };
    let after = splice.apply(text);
    let expected = toml::Value::String(value.to_owned());
    gate::check(text, &after, KEY, Some(&expected)).map_err(|what| refused(path, what))?;
    let replaced = text.get(splice.span.clone()).filter(|old| !old.is_empty()).map(str::to_owned);
    let undo = KeyUndo { ours: value.to_owned(), inserted: splice.insert, replaced };
    Ok(Edited { text: after, undo })
}

/// Undoes [`set`]; `None` if the key is gone or has another value.
///
/// The inserted text is removed byte for byte if it is still there. If it was edited, only the key is removed.
pub fn take_back(path: &Path, text: &str, undo: &KeyUndo) -> Result<Option<String>, CannotEdit> {
    let file = ParsedFile::parse(path, text)?;
    let Some(value) = file.build(KEY).filter(|value| value.text.as_ref() == Ok(&undo.ours)) else {
        return Ok(None);
    };
    let replaced = undo.replaced.clone().unwrap_or_default();
    let old = undo.replaced.as_deref().and_then(value_of);
    for (start, _) in text.match_indices(undo.inserted.as_str()) {
        let span = start..start + undo.inserted.len();
        if span.start <= value.span.start && value.span.end <= span.end {
            let after = Splice { span, insert: replaced.clone() }.apply(text);
            if gate::check(text, &after, KEY, old.as_ref()).is_ok() {
                return Ok(Some(after));
            }
        }
    }
    if undo.replaced.is_some() {
        let after = Splice { span: value.span, insert: replaced }.apply(text);
        gate::check(text, &after, KEY, old.as_ref()).map_err(|what| refused(path, what))?;
        return Ok(Some(after));
    }
    // A table that was there before stays, even if it is empty.
    without_key(path, text, undo.inserted.contains("[build]")).map(Some)
}

/// Removes the key, which must be there, with its line; and the header of its table, if nothing else is in it, not even a
/// comment.
pub fn remove(path: &Path, text: &str) -> Result<String, CannotEdit> {
    without_key(path, text, true)
}

fn without_key(path: &Path, text: &str, with_header: bool) -> Result<String, CannotEdit> {
    let file = ParsedFile::parse(path, text)?;
    let span = key_span(&file, with_header)
        .ok_or_else(|| unexpected(path, 1, format!("there is no `build.{KEY}`")))?;
    let after = Splice { span, insert: String::new() }.apply(text);
    gate::check(text, &after, KEY, None).map_err(|what| refused(path, what))?;
    Ok(after)
}

/// What goes with the key; `None` if it is not there.
fn key_span(file: &ParsedFile<'_>, with_header: bool) -> Option<Range<usize>> {
    let text = file.text;
    let build = file.document.get("build")?;
    let (key, _) = build.as_table_like()?.get_key_value(KEY)?;
    let value = file.build(KEY)?;
    let key = key.span()?;
    Some(match build {
        Item::Table(table) => {
            let line = line_start(text, key.start)..line_end(text, value.span.end);
            if with_header { with_lone_header(text, table, line) } else { line }
        }
        _ => with_comma(text, key.start..value.span.end),
    })
}

fn unexpected(path: &Path, line: usize, what: String) -> CannotEdit {
    CannotEdit::Unexpected { path: path.display().to_string(), line, what }
}

fn refused(path: &Path, what: Rejected) -> CannotEdit {
    CannotEdit::Gate { path: path.display().to_string(), what }
}

/// One change of a text: bytes in the place of others.
struct Splice {
    span: Range<usize>,
    insert: String,
}

impl Splice {
    fn at(position: usize, insert: String) -> Splice {
        Splice { span: position..position, insert }
    }

    fn apply(&self, text: &str) -> String {
        [&text[..self.span.start], &self.insert, &text[self.span.end..]].concat()
    }
}

/// Where and how the key goes in, by the way in which the table `build` is written.
fn insertion(path: &Path, file: &ParsedFile<'_>, literal: &str) -> Result<Splice, CannotEdit> {
    let text = file.text;
    let eol = if text.find('\n').is_some_and(|at| text[..at].ends_with('\r')) { "\r\n" } else { "\n" };
    match file.document.as_table().get_key_value("build") {
        None => Ok(at_end(text, eol, literal)),
        Some((_, Item::Table(table))) if table.is_implicit() && !table.is_dotted() => {
            Ok(at_end(text, eol, literal))
        }
        Some((key, item @ Item::Table(table))) if table.is_dotted() => {
            let first = key.span().ok_or_else(|| no_table(path, text, item))?.start;
            let start = line_start(text, first);
            let indent = &text[start..first];
            Ok(Splice::at(start, format!("{indent}build.{KEY} = {literal}{eol}")))
        }
        Some((_, item @ Item::Table(table))) => {
            let header = item.span().ok_or_else(|| no_table(path, text, item))?;
            let end = line_end(text, header.end);
            let indent = indent_of(text, table);
            let line = format!("{indent}{KEY} = {literal}");
            let has_end = text[..end].ends_with('\n');
            Ok(Splice::at(end, if has_end { line + eol } else { eol.to_owned() + &line }))
        }
        Some((_, item)) => {
            let table = item.as_inline_table().ok_or_else(|| no_table(path, text, item))?;
            let open = table.span().ok_or_else(|| no_table(path, text, item))?.start + 1;
            let tail = if table.is_empty() { " " } else { "," };
            Ok(Splice::at(open, format!(" {KEY} = {literal}{tail}")))
        }
    }
}

fn no_table(path: &Path, text: &str, item: &Item) -> CannotEdit {
    let line = item.span().map_or(1, |span| super::read::line_at(text.as_bytes(), span.start));
    unexpected(path, line, format!("`build` must be a table, not of the type {}", item.type_name()))
}

fn at_end(text: &str, eol: &str, literal: &str) -> Splice {
    let is_blank = text.trim_start_matches('\u{feff}').trim().is_empty();
    let end_line = if text.is_empty() || text.ends_with(['\n', '\u{feff}']) { "" } else { eol };
    let blank_line = if is_blank { "" } else { eol };
    Splice::at(text.len(), format!("{end_line}{blank_line}[build]{eol}{KEY} = {literal}{eol}"))
}

/// How the first key of a table is indented.
fn indent_of<'t>(text: &'t str, table: &Table) -> &'t str {
    let first = table.iter().next().and_then(|(name, _)| table.get_key_value(name)?.0.span());
    let indent = first.map(|span| &text[line_start(text, span.start)..span.start]);
    indent.filter(|indent| indent.chars().all(|c| c == ' ' || c == '\t')).unwrap_or_default()
}

fn line_start(text: &str, at: usize) -> usize {
    let bom = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    text[..at].rfind('\n').map_or(bom, |newline| newline + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// The span of a key in an inline table with the comma that belongs to it.
fn with_comma(text: &str, span: Range<usize>) -> Range<usize> {
    let after = &text[span.end..];
    let rest = after.trim_start_matches([' ', '\t']);
    if let Some(rest) = rest.strip_prefix(',') {
        let end = text.len() - rest.strip_prefix(' ').unwrap_or(rest).len();
        return span.start..end;
    }
    let before = text[..span.start].trim_end();
    let start = before.strip_suffix(',').map_or(span.start, str::len);
    start..span.end
}

/// The span of a line of `table` with the header before it, if that would be left with nothing below it.
fn with_lone_header(text: &str, table: &Table, line: Range<usize>) -> Range<usize> {
    let header = table.span().filter(|_| table.len() == 1 && !table.is_dotted() && !table.is_implicit());
    let Some(header) = header.filter(|header| header.end <= line.start) else { return line };
    if !text[header.end..line.start].trim().is_empty() {
        return line;
    }
    let start = line_start(text, header.start);
    // The blank line before the table.
    let apart = ["\r\n", "\n"].into_iter().find_map(|eol| {
        let before = text[..start].strip_suffix(eol)?;
        before.ends_with('\n').then_some(before.len())
    });
    match apart {
        Some(apart) if text[line.end..].trim().is_empty() => apart..line.end,
        _ => start..line.end,
    }
}

fn value_of(raw: &str) -> Option<toml::Value> {
    format!("v = {raw}").parse::<toml::Table>().ok()?.remove("v")
}

/// `value` as it is written in TOML. What holds backslashes is written literally: paths of Windows stay readable.
fn literal(value: &str) -> String {
    let is_plain = !value.contains('\'') && !value.chars().any(char::is_control);
    if is_plain && value.contains(['\\', '"']) {
        return format!("'{value}'");
    }
    let mut literal = String::from('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            c if c.is_control() => literal += &format!("\\u{:04X}", u32::from(c)),
            c => literal.push(c),
        }
    }
    literal + "\""
}
