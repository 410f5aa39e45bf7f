//! All values in cargo's configuration files, with their places. For reading only.

use std::path::{Path, PathBuf};

use toml_edit::Item;

use crate::setup::cargo_config::ConfigOrigin;
use crate::setup::cargo_config::read::{self, ParsedFile, line_at};

/// A value, which is no table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigValue {
    pub origin: ConfigOrigin,
    /// From the outermost table to the value itself.
    pub keys: Vec<String>,
    /// What it says: one word, or those of a list.
    pub words: Vec<String>,
}

impl ConfigValue {
    /// Its keys as they are written with dots.
    pub fn name(&self) -> String {
        self.keys.join(".")
    }
}

/// All values of these files, in order. A file that cannot be read has none.
pub fn in_files<'p>(paths: impl IntoIterator<Item = &'p PathBuf>) -> Vec<ConfigValue> {
    let mut found = Vec::new();
    for path in paths {
        let Ok(Some(text)) = read::text(path) else { continue };
        if let Ok(file) = ParsedFile::parse(path, &text) {
            walk(path, &text, file.document.as_item(), &mut Vec::new(), &mut found);
        }
    }
    found
}

fn walk(path: &Path, text: &str, item: &Item, keys: &mut Vec<String>, found: &mut Vec<ConfigValue>) {
    if let Some(table) = item.as_table_like() {
        for (key, item) in table.iter() {
            keys.push(key.to_owned());
            walk(path, text, item, keys, found);
            keys.pop();
        }
    } else if let Some(value) = item.as_value() {
        let line = item.span().map_or(1, |span| line_at(text.as_bytes(), span.start));
        let words = match value.as_array() {
            Some(array) => array.iter().filter_map(word).collect(),
            None => word(value).into_iter().collect(),
        };
        found.push(ConfigValue {
            origin: ConfigOrigin::File { path: path.to_owned(), line },
            keys: keys.clone(),
            words,
        });
    }
}

fn word(value: &toml_edit::Value) -> Option<String> {
    match value {
        toml_edit::Value::String(text) => Some(text.value().clone()),
        toml_edit::Value::Boolean(is) => Some(is.value().to_string()),
        toml_edit::Value::Integer(number) => Some(number.value().to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_however_their_tables_are_written() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("config.toml");
        let text = "build.rustc = 'r'\nprofile.dev = { incremental = true }\n[target.'cfg(unix)']\nrustflags = [\n  '-Z', \
                    \"threads=8\"]\n[[bin]]\nname = 'x'\n";
        crate::sys::fs::write_new(&path, text.as_bytes()).expect("writes");
        let gone = dir.path().join("gone");
        let found: Vec<String> = in_files([&gone, &path])
            .iter()
            .map(|value| format!("{} {} {}", value.origin, value.name(), value.words.join("|")))
            .collect();
        let at = |line: usize, rest: &str| format!("{}:{line} {rest}", path.display());
        let expected = [
            at(1, "build.rustc r"),
            at(2, "profile.dev.incremental true"),
            at(4, "target.cfg(unix).rustflags -Z|threads=8"),
        ];
        assert_eq!(found, expected);
    }
}
