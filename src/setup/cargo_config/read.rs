//! One file of cargo's configuration.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Item, TableLike};

use crate::sys::fs;

/// A larger file is not a configuration.
pub const MOST_BYTES: u64 = 4 << 20;

/// Why a file cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("failed to read {path}: {error}")]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{path} is too large for a cargo configuration file: {n_bytes} bytes")]
    TooLarge { path: PathBuf, n_bytes: u64 },
    #[error("{path}:{line}: not UTF-8")]
    NotUtf8 { path: PathBuf, line: usize },
    #[error("{path}:{line}: {message}")]
    Unparsable { path: PathBuf, line: usize, message: String },
}

/// The text of the file at `path`; `None` if there is none.
pub fn text(path: &Path) -> Result<Option<String>, ReadError> {
    let n_bytes = match fs::metadata(path) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        metadata => metadata.map_err(|error| unreadable(path, error))?.len(),
    };
    if n_bytes > MOST_BYTES {
        return Err(ReadError::TooLarge { path: path.to_owned(), n_bytes });
    }
    let bytes = fs::read(path).map_err(|error| unreadable(path, error))?;
    String::from_utf8(bytes).map(Some).map_err(|e| {
        let valid = e.utf8_error().valid_up_to();
        let line = line_at(e.as_bytes(), valid);
        ReadError::NotUtf8 { path: path.to_owned(), line }
    })
}

fn unreadable(path: &Path, error: io::Error) -> ReadError {
    ReadError::Unreadable { path: path.to_owned(), error }
}

/// A parsed file.
pub struct ParsedFile<'a> {
    pub text: &'a str,
    pub document: Document<&'a str>,
}

/// A value of the table `build`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildValue {
    /// The text; what it is instead if it is no text.
    pub text: Result<String, &'static str>,
    pub line: usize,
    /// The position of the value in the file.
    pub span: Range<usize>,
}

/// A file that another one includes.
#[derive(Debug, PartialEq, Eq)]
pub struct Include {
    pub path: PathBuf,
    pub optional: bool,
    pub line: usize,
}

impl<'a> ParsedFile<'a> {
    /// Parses the `text` of the file at `path`.
    pub fn parse(path: &Path, text: &'a str) -> Result<ParsedFile<'a>, ReadError> {
        match Document::parse(text) {
            Ok(document) => Ok(ParsedFile { text, document }),
            Err(e) => {
                let line = e.span().map_or(1, |span| line_at(text.as_bytes(), span.start));
                let message = e.message().lines().collect::<Vec<_>>().join(", ");
                Err(ReadError::Unparsable { path: path.to_owned(), line, message })
            }
        }
    }

    /// `build.<key>`.
    pub fn build(&self, key: &str) -> Option<BuildValue> {
        let item = self.document.get("build")?.as_table_like()?.get(key)?;
        let span = item.span()?;
        let line = line_at(self.text.as_bytes(), span.start);
        Some(BuildValue { text: item.as_str().map(str::to_owned).ok_or(item.type_name()), line, span })
    }

    /// The files that it includes, in order.
    ///
    /// # Errors
    /// The value is not what cargo takes: the line, and what is wrong.
    pub fn includes(&self) -> Result<Vec<Include>, (usize, String)> {
        let Some(item) = self.document.get("include") else { return Ok(Vec::new()) };
        let includes = self.listed(item).ok_or_else(|| {
            let line = item.span().map_or(1, |span| line_at(self.text.as_bytes(), span.start));
            (line, format!("`include` must be a list, not of the type {}", item.type_name()))
        })?;
        match includes.iter().find(|include| include.path.extension().is_none_or(|suffix| suffix != "toml")) {
            Some(other) => Err((other.line, format!("{} does not end with .toml", other.path.display()))),
            None => Ok(includes),
        }
    }

    fn listed(&self, item: &Item) -> Option<Vec<Include>> {
        let mut includes = Vec::new();
        if let Some(array) = item.as_array() {
            for value in array {
                let line = value.span().map_or(1, |span| line_at(self.text.as_bytes(), span.start));
                let include = match value.as_inline_table() {
                    Some(table) => parse_include(table, line),
                    None => value.as_str().map(|path| Include { path: path.into(), optional: false, line }),
                };
                includes.push(include?);
            }
        } else {
            for table in item.as_array_of_tables()? {
                let line = table.span().map_or(1, |span| line_at(self.text.as_bytes(), span.start));
                includes.push(parse_include(table, line)?);
            }
        }
        Some(includes)
    }
}

fn parse_include(table: &dyn TableLike, line: usize) -> Option<Include> {
    let path = table.get("path")?.as_str()?.into();
    let optional = table.get("optional").is_some_and(|value| value.as_bool() == Some(true));
    Some(Include { path, optional, line })
}

/// The number of the line that contains byte `at`, from 1.
pub fn line_at(bytes: &[u8], at: usize) -> usize {
    1 + bytes.iter().take(at).filter(|byte| **byte == b'\n').count()
}
