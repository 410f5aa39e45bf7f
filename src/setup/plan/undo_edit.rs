//! Undoes a change in a file that was edited since: only what was inserted is removed.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::setup::cargo_config::edit;
use crate::setup::cargo_config::{CannotEdit, KeyUndo};

/// The way back for one kind of file. It is written into the journal: a variant never changes its meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "by")]
pub enum UndoEdit {
    /// There is none: an edited file stays as it is, and that is reported.
    None,
    /// These whole lines go, each once, wherever they stand now.
    RemoveLines { lines: Vec<String> },
    /// Each of these whole lines (the first of a pair) becomes what it was before (the second).
    RestoreLines { pairs: Vec<(String, String)> },
    /// `build.rustc-wrapper` of cargo's configuration gets its old value, or goes.
    CargoWrapper { undo: KeyUndo },
}

/// Why a change cannot be told from later edits.
#[derive(Debug, thiserror::Error)]
pub enum CannotUndo {
    #[error("it was changed since")]
    Edited,
    #[error("it is not UTF-8 any more")]
    NotUtf8,
    #[error(transparent)]
    Config(#[from] CannotEdit),
}

impl UndoEdit {
    /// `bytes`, the content of `path`, without the change; `None` if it is not in there any more.
    ///
    /// # Errors
    /// The change cannot be told from what was edited.
    pub fn apply(&self, path: &Path, bytes: &[u8]) -> Result<Option<Vec<u8>>, CannotUndo> {
        match self {
            UndoEdit::None => Err(CannotUndo::Edited),
            UndoEdit::RemoveLines { lines } => Ok(remove_lines(bytes, lines)),
            UndoEdit::RestoreLines { pairs } => Ok(restore_lines(bytes, pairs)),
            UndoEdit::CargoWrapper { undo } => {
                let text = std::str::from_utf8(bytes).map_err(|_| CannotUndo::NotUtf8)?;
                let rest = edit::take_back(path, text, undo)?;
                Ok(rest.map(String::into_bytes))
            }
        }
    }
}

fn remove_lines(bytes: &[u8], lines: &[String]) -> Option<Vec<u8>> {
    let mut left: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
    let mut kept = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        match left.iter().position(|wanted| *wanted == text) {
            Some(index) => drop(left.remove(index)),
            None => kept.extend_from_slice(line),
        }
    }
    (kept.len() < bytes.len()).then_some(kept)
}

fn restore_lines(bytes: &[u8], pairs: &[(String, String)]) -> Option<Vec<u8>> {
    let mut left: Vec<&(String, String)> = pairs.iter().collect();
    let mut restored = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        match left.iter().position(|(ours, _)| ours.as_bytes() == text) {
            Some(index) => {
                restored.extend_from_slice(left.remove(index).1.as_bytes());
                restored.extend_from_slice(&line[text.len()..]);
            }
            None => restored.extend_from_slice(line),
        }
    }
    (left.len() < pairs.len()).then_some(restored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_given_lines_go_each_once() {
        let undo = UndoEdit::RemoveLines { lines: vec!["b".into(), "d".into()] };
        assert_eq!(undo.apply(Path::new("/c"), b"a\nb\r\nb\nc\nd").unwrap(), Some(b"a\nb\nc\n".to_vec()));
        assert_eq!(undo.apply(Path::new("/c"), b"a\n").unwrap(), None);
    }

    #[test]
    fn lines_become_what_they_were_each_once() {
        let pairs = vec![("# b".to_owned(), "b".to_owned()), ("# b".to_owned(), "b2".to_owned())];
        let undo = UndoEdit::RestoreLines { pairs };
        let restored = undo.apply(Path::new("/c"), b"a\n# b\r\n# b\n# b");
        assert_eq!(restored.unwrap(), Some(b"a\nb\r\nb2\n# b".to_vec()));
        assert_eq!(undo.apply(Path::new("/c"), b"a\nb\n").unwrap(), None);
    }
}
