//! Names of objects in a remote.

use std::fmt;
use std::str::FromStr;

/// S3 allows 1024 bytes, of which a prefix takes some.
const MAX_BYTES: usize = 640;

/// The name of an object: parts separated by `/`, each of them safe as the name of a file on every system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(String);

/// A text that is no name of an object.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid object name")]
pub struct NotAName;

impl ObjectName {
    /// The name with these parts.
    ///
    /// # Errors
    /// A part is empty, too long, or has a character that is not allowed.
    pub fn new(parts: &[&str]) -> Result<ObjectName, NotAName> {
        let n_bytes: usize = parts.iter().map(|part| part.len() + 1).sum();
        let are_valid = !parts.is_empty() && n_bytes <= MAX_BYTES && parts.iter().all(|part| is_part(part));
        are_valid.then(|| ObjectName(parts.join("/"))).ok_or(NotAName)
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl FromStr for ObjectName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<ObjectName, NotAName> {
        ObjectName::new(&text.split('/').collect::<Vec<_>>())
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `text` can be a part of a name: no separator, no `.` or `..`, nothing that Windows treats in its own way.
pub fn is_part(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text.bytes().all(is_allowed)
        && !text.starts_with('.')
        && !text.ends_with('.')
        && !is_device(text)
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+')
}

/// Windows opens a device under these names, whatever follows the first dot.
fn is_device(text: &str) -> bool {
    let stem = text.split('.').next().unwrap_or(text).to_ascii_lowercase();
    let numbered = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul")
        || numbered.is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_as_paths() {
        for name in ["v1/packs/serde/1.0.229/abc/def.tar.zst", "a", "v1/x/0.8.0+1.2.3-rc.1/y_z"] {
            assert_eq!(name.parse::<ObjectName>().expect(name).as_str(), name);
        }
        for name in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "..",
            "a/../b",
            "a/./b",
            ".hidden",
            "a\\b",
            "a:b",
            "a b",
            "ä",
            "a\n",
            "con",
            "a/NUL.txt",
            "a/com1",
            "a.",
            "a\0",
        ] {
            assert_eq!(name.parse::<ObjectName>(), Err(NotAName), "{name:?}");
        }
        assert_eq!("a".repeat(129).parse::<ObjectName>(), Err(NotAName));
        assert_eq!(vec!["a"; 400].join("/").parse::<ObjectName>(), Err(NotAName));
    }
}
