//! What is reported of a text.

use macros::Fields;
use serde::{Deserialize, Serialize};

include!(concat!(env!("OUT_DIR"), "/languages.rs"));

/// One text.
#[derive(Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Report {
    pub name: String,
    pub n_words: usize,
    pub digest: String,
}

/// What cannot be reported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("a text needs a name")]
    NoName,
}

impl Report {
    /// The report of a text with a name.
    pub fn new(name: &str, n_words: usize, digest: String) -> Result<Report, Error> {
        if name.is_empty() {
            Err(Error::NoName)
        } else {
            Ok(Report { name: name.to_owned(), n_words, digest })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_known() {
        assert_eq!(Report::FIELDS, ["name", "n_words", "digest"]);
        assert_eq!(LANGUAGES.len(), 3);
    }
}
