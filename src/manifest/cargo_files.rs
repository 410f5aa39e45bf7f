//! What cargo itself writes of a unit: its fingerprint, and for a build script what the run printed.
//!
//! A fingerprint is a directory ([`crate::action::cargo_layout`]) with these files:
//!
//! ```text
//! <kind>-<target>          16 hexadecimal digits
//! dep-<kind>-<target>      the sources of the unit, in cargo's own form
//! output-<kind>-<target>   diagnostics that cargo shows again
//! ```
//!
//! These files are cargo's: they are copied, but for the hash, which is made again where directories count for it
//! ([`super::cargo_hash`]). What cargo only reads to explain itself (`*.json`), or does not compare (`invoked.timestamp`),
//! is left out.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::action::portable::{Portable, Roots};
use crate::sys::fs;

/// A file of a fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CargoFile {
    pub name: String,
    #[serde(flatten)]
    pub content: Content,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// A text in which paths are portable.
    Text(Portable),
    /// Bytes in hexadecimal digits, in which no path of a root stands.
    Hex(String),
    /// Bytes in hexadecimal digits, and the paths of roots that stand in them. Cargo writes such a path, with its length
    /// before it, where a source lies outside of its package.
    Here { digits: String, paths: Vec<String> },
}

/// More than this is no file of cargo's.
const MOST_BYTES: usize = 4 << 20;

impl Content {
    /// The bytes in a form that holds for other build directories; `None` where there is none.
    fn of(bytes: &[u8], is_text: bool, roots: &Roots) -> Option<Content> {
        if bytes.len() > MOST_BYTES {
            return None;
        }
        if is_text && !bytes.contains(&0) {
            return Some(Content::Text(roots.tokenize(bytes)));
        }
        let digits = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let found = roots.spellings().filter(|(path, _)| memmem::find(bytes, path).is_some());
        let paths: Vec<String> =
            found.map(|(path, _)| String::from_utf8(path.to_vec()).ok()).collect::<Option<_>>()?;
        Some(if paths.is_empty() { Content::Hex(digits) } else { Content::Here { digits, paths } })
    }

    /// The bytes for a build directory with these roots.
    pub fn bytes(&self, roots: &Roots) -> Option<Vec<u8>> {
        match self {
            Content::Text(text) => roots.expand(text),
            Content::Hex(digits) => from_digits(digits),
            Content::Here { digits, paths } => {
                let is_here = |path: &String| roots.spellings().any(|(root, _)| root == path.as_bytes());
                if paths.iter().all(is_here) { from_digits(digits) } else { None }
            }
        }
    }
}

fn from_digits(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2).map(std::str::from_utf8);
    pairs.map(|pair| u8::from_str_radix(pair.ok()?, 16).ok()).collect()
}

/// The file whose time is that at which cargo called the compiler.
pub const BEGAN: &str = "invoked.timestamp";

/// What the names of files begin with that hold the hash of a compile which is no test.
const COMPILED: [&str; 3] = ["lib-", "bin-", "example-"];

/// The same of all others.
const OTHERS: [&str; 4] = ["test-", "bench-", "build-script-", "run-build-script-"];

/// Whether a file holds the hash by which cargo recognizes a unit.
fn is_hash(name: &str, bytes: &[u8]) -> bool {
    bytes.len() == 16
        && bytes.iter().all(u8::is_ascii_hexdigit)
        && COMPILED.iter().chain(&OTHERS).any(|kind| name.starts_with(kind))
}

/// The target of a library, program or example whose hash is in the file with this name.
pub fn target_of_hash(name: &str) -> Option<&str> {
    let target = COMPILED.iter().find_map(|kind| name.strip_prefix(kind));
    target.filter(|target| !target.ends_with(".json"))
}

/// Reads the fingerprint in `dir`, with the file of the hash last; `None` where it is not complete.
pub fn read(dir: &Path, roots: &Roots) -> Option<Vec<CargoFile>> {
    let mut files = Vec::new();
    let mut hash = None;
    for path in fs::list(dir).ok()? {
        let name = path.file_name()?.to_str()?.to_owned();
        if name == BEGAN || path.extension() == Some(OsStr::new("json")) {
            continue;
        }
        let bytes = fs::read(&path).ok()?;
        let is_text = !name.starts_with("dep-");
        let file = CargoFile { content: Content::of(&bytes, is_text, roots)?, name };
        if is_hash(&file.name, &bytes) {
            // Two in one directory would be two units.
            if hash.replace(file).is_some() {
                return None;
            }
        } else {
            files.push(file);
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files.push(hash?);
    Some(files)
}

/// Writes a fingerprint into the new directory `dir`, in the order of `files`, with the time `stamp`.
///
/// # Errors
/// There is one already, it names a file elsewhere, or it cannot be written.
pub fn write(dir: &Path, files: &[CargoFile], roots: &Roots, stamp: SystemTime) -> io::Result<()> {
    if files.iter().any(|file| !is_name(&file.name)) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    fs::create_dir(dir)?;
    for file in files {
        let bytes = file.content.bytes(roots).ok_or(io::ErrorKind::InvalidData)?;
        write_stamped(&dir.join(&file.name), &bytes, stamp)?;
    }
    Ok(())
}

/// Writes a new file with the time `stamp`.
///
/// # Errors
/// There is one already, or it cannot be written.
pub fn write_stamped(path: &Path, bytes: &[u8], stamp: SystemTime) -> io::Result<()> {
    fs::write_new(path, bytes)?;
    fs::set_modified(path, stamp)
}

/// Whether a text names a file in a directory, and nothing else.
pub fn is_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(std::path::Component::Normal(part)), None) if part == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::portable::Root;

    fn roots(target: &str) -> Roots {
        let mut roots = Roots::default();
        roots.add(Root::Target, target.as_bytes());
        roots
    }

    fn file(name: &str, text: &str) -> CargoFile {
        CargoFile { name: name.to_owned(), content: Content::Text(Portable::literal(text)) }
    }

    #[test]
    fn a_fingerprint_is_the_same_in_another_build_directory() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        fs::create_dir_all(&one).expect("makes it");
        let put = |name: &str, bytes: &[u8]| fs::write_new(&one.join(name), bytes).expect("writes");
        put("lib-a", b"0123456789abcdef");
        put("lib-a.json", b"{}");
        put("dep-lib-a", b"\x01\0\0\0src/lib.rs");
        put("output-lib-a", b"{\"file\":\"/one/target/x\"}\n");
        put("invoked.timestamp", b"This file has an mtime of when this was started.");
        let files = read(&one, &roots("/one/target")).expect("complete");
        assert_eq!(files.last().map(|file| file.name.as_str()), Some("lib-a"));
        let stamp = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        write(&other, &files, &roots("/other/target"), stamp).expect("writes");
        let there = |name: &str| fs::read(&other.join(name)).expect("reads");
        assert_eq!(there("output-lib-a"), b"{\"file\":\"/other/target/x\"}\n");
        assert_eq!(there("dep-lib-a"), b"\x01\0\0\0src/lib.rs");
        assert_eq!(there("lib-a"), b"0123456789abcdef");
        assert_eq!(fs::list(&other).expect("lists").len(), 3);
        assert_eq!(
            fs::metadata(&other.join("dep-lib-a")).and_then(|it| it.modified()).expect("a time"),
            stamp
        );
        write(&other, &files, &roots("/other/target"), stamp).expect_err("there is one");
    }

    #[test]
    fn a_fingerprint_without_its_hash_counts_for_nothing_and_one_with_a_path_only_there() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let put = |name: &str, bytes: &[u8]| fs::write_new(&dir.path().join(name), bytes).expect("writes");
        put("lib-a", b"");
        assert_eq!(read(dir.path(), &roots("/t/target")), None, "cargo empties it before it builds");
        fs::remove(&dir.path().join("lib-a")).expect("removes");
        put("lib-a", b"0123456789abcdef");
        assert!(read(dir.path(), &roots("/t/target")).is_some());
        put("dep-lib-a", b"\x01\0/t/target/x");
        let files = read(dir.path(), &roots("/t/target")).expect("complete");
        let there = |target: &str| files[0].content.bytes(&roots(target));
        assert_eq!(there("/t/target").as_deref(), Some(&b"\x01\0/t/target/x"[..]));
        assert_eq!(there("/other/target"), None);
    }

    #[test]
    fn nothing_is_written_outside_of_the_directory() {
        let dir = tempfile::tempdir().expect("temporary directory");
        for name in ["../a", "/a", "a/b", ".", "..", "", "a/", "a/.."] {
            assert!(!is_name(name), "{name:?}");
            let stamp = SystemTime::UNIX_EPOCH;
            write(&dir.path().join("x"), &[file(name, "")], &Roots::default(), stamp).expect_err(name);
        }
        assert!(is_name("lib-a") && is_name("..a"));
        assert_eq!(fs::list(dir.path()).expect("lists").len(), 0);
    }
}
