//! Reads what a compile made: the digest of each output, and the roots that stand in it, in one pass. Metadata is read
//! when it is announced, while the compiler goes on; what is still the same file at the end is not read again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::action::portable::{Root, Roots};
use crate::action::roots::BuildDirs;
use crate::digest::{Digest, Hasher};
use crate::key::assembler;
use crate::sys::defence;
use crate::sys::fs::{self, Identity};

/// Reads the outputs of one compile.
pub struct Reader {
    roots: Roots,
    announced: OnceLock<(PathBuf, Reading)>,
}

/// What is known of a file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The same before and after.
    pub identity: Identity,
    pub digest: Digest,
    /// Each once, in no order.
    pub roots: Vec<Root>,
    /// A directive with which the assembler reads a file stands in it.
    pub assembles: bool,
}

impl Reader {
    /// Looks for the roots of `build_dirs`.
    pub fn new(build_dirs: &BuildDirs) -> Reader {
        let roots = if defence::stands("the-place-of-a-checkout-around") {
            build_dirs.searched_for()
        } else {
            build_dirs.with_canonical_spellings()
        };
        Reader { roots, announced: OnceLock::new() }
    }

    /// Reads the regular file at `path`; `seen` gets every piece of it, in order.
    ///
    /// # Errors
    /// It cannot be read, or changed meanwhile.
    pub fn read(&self, path: &Path, seen: &mut dyn FnMut(&[u8])) -> io::Result<Reading> {
        let ((digest, roots, assembles), identity) = fs::read_unchanged(path, |file| {
            let (mut hasher, mut n_bytes, mut roots) = (Hasher::new(), 0, Vec::new());
            let mut directives = assembler::Search::default();
            self.roots.found_in(file, &mut roots, |piece| {
                hasher.raw(piece);
                n_bytes += piece.len() as u64;
                directives.add(piece);
                seen(piece);
            })?;
            roots.retain(|_| defence::stands("roots-that-stand-in-outputs"));
            Ok(((hasher.finish(), roots, directives.is_found()), n_bytes))
        })?;
        Ok(Reading { identity, digest, roots, assembles })
    }

    /// The same of a file that the compiler has just announced, and remembers it.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn read_announced(&self, path: &Path) -> io::Result<Reading> {
        let reading = self.read(path, &mut |_| {})?;
        let _ = self.announced.set((path.to_path_buf(), reading.clone()));
        Ok(reading)
    }

    /// What is known of the file at `path` if it was announced and is in this state still.
    pub fn known(&self, path: &Path, identity: &Identity) -> Option<Reading> {
        let (announced, reading) = self.announced.get()?;
        (announced == path
            && (reading.identity == *identity || !defence::stands("announced-files-that-changed")))
        .then(|| reading.clone())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "others write the files that are read")]

    use super::*;

    #[test]
    fn what_was_announced_is_known_until_it_is_another_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("libx.rmeta");
        let state = || Identity::from_metadata(&fs::symlink_metadata(&path).expect("there"));
        let mut roots = Roots::default();
        roots.add(Root::Workspace, b"/home/me/work");
        let reader = Reader { roots, announced: OnceLock::new() };
        std::fs::write(&path, "in /home/me/work/src").expect("written");
        assert_eq!(reader.known(&path, &state()), None);

        let announced = reader.read_announced(&path).expect("read");
        assert_eq!(
            (announced.digest, &*announced.roots),
            (Digest::hash(b"in /home/me/work/src"), &[Root::Workspace][..])
        );
        assert_eq!(reader.known(&path, &state()), Some(announced));
        assert_eq!(reader.known(&dir.path().join("other"), &state()), None);

        std::fs::write(&path, "elsewhere").expect("written");
        assert_eq!(reader.known(&path, &state()), None);
        let mut pieces = Vec::new();
        let now = reader.read(&path, &mut |piece| pieces.extend_from_slice(piece)).expect("read");
        assert_eq!(
            (now.digest, &*now.roots, &*pieces),
            (Digest::hash(b"elsewhere"), &[][..], &b"elsewhere"[..])
        );
        assert_eq!((now.identity, now.identity.size), (state(), 9));
    }

    #[test]
    fn what_is_no_file_or_changes_while_it_is_read_is_an_error() {
        let dir = tempfile::tempdir().expect("a directory");
        let reader = Reader { roots: Roots::default(), announced: OnceLock::new() };
        assert!(reader.read(dir.path(), &mut |_| {}).is_err());
        assert!(reader.read_announced(&dir.path().join("none")).is_err());
        let path = dir.path().join("file");
        std::fs::write(&path, "text").expect("written");
        let grow = &mut |piece: &[u8]| {
            if piece == b"text" {
                std::fs::write(&path, "longer").expect("written");
            }
        };
        assert!(reader.read(&path, grow).is_err());
    }
}
