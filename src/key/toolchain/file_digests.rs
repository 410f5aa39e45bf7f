//! The digests of a toolchain's files. Half a gigabyte is read once for a machine: a toolchain that is another one under
//! other variables, or for another target, consists of mostly the same files.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::action::memo;
use crate::digest::{Digest, guard};
use crate::sys::clock;
use crate::sys::fs::{self, Identity, private};

/// A file that was changed less than this before it was read may have been changed again within one tick of the clock, in
/// nanoseconds.
const SETTLED_NS: i64 = 2_000_000_000;

/// The file below the machine's directory.
const NAME: &str = "files-of-toolchains";

/// Digests that are known of files in a certain state.
#[derive(Default)]
pub struct FileDigests(BTreeMap<String, ([i64; 5], Digest)>);

impl FileDigests {
    /// Those that were kept.
    pub fn read(machine_dir: &Path) -> FileDigests {
        let kept = private::read(&machine_dir.join(NAME)).ok().and_then(guard::check);
        FileDigests(kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
    }

    /// Keeps them. Where that fails, the files are read again another time.
    pub fn write(&self, machine_dir: &Path) {
        let temporary = machine_dir.join(format!("tmp-{}", fs::unique_name()));
        if let Ok(json) = serde_json::to_vec(&self.0) {
            let _ = private::replace(&machine_dir.join(NAME), &temporary, &guard::add(json));
        }
    }

    /// The digests of all files. What is not known is read, on all processors.
    ///
    /// # Errors
    /// A file cannot be read, or changes meanwhile.
    pub fn of(&mut self, files: &[PathBuf]) -> io::Result<Vec<Digest>> {
        let now_ns = i64::try_from(clock::now_ms()).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let digests = digests(files, self)?;
        for (path, (identity, digest)) in files.iter().zip(&digests) {
            let newest_ns = identity.modified_ns.max(identity.changed_ns);
            if let (Some(path), true) = (path.to_str(), newest_ns <= now_ns - SETTLED_NS) {
                self.0.insert(path.to_owned(), (identity.numbers(), *digest));
            }
        }
        Ok(digests.into_iter().map(|(_, digest)| digest).collect())
    }

    fn known(&self, path: &Path) -> Option<(Identity, Digest)> {
        let (numbers, digest) = self.0.get(path.to_str()?)?;
        let now = Identity::at(path).ok().filter(|now| now.numbers() == *numbers)?;
        Some((now, *digest))
    }
}

fn digests(files: &[PathBuf], known: &FileDigests) -> io::Result<Vec<(Identity, Digest)>> {
    let next = AtomicUsize::new(0);
    let n_threads = thread::available_parallelism().map_or(1, usize::from).min(8);
    let mut digests = thread::scope(|scope| {
        let mut readers = Vec::new();
        for _ in 1..n_threads {
            // Where no thread can be started, this one does it all.
            readers
                .extend(thread::Builder::new().spawn_scoped(scope, || read_some(files, known, &next)).ok());
        }
        let own = read_some(files, known, &next);
        let joined = readers
            .into_iter()
            .map(|reader| reader.join().unwrap_or_else(|_| Err(io::Error::other("a reader failed"))));
        joined.chain([own]).collect::<io::Result<Vec<_>>>().map(|parts| parts.concat())
    })?;
    digests.sort_unstable_by_key(|(index, _)| *index);
    Ok(digests.into_iter().map(|(_, read)| read).collect())
}

/// The digests of files that no other thread has taken, with their indices.
fn read_some(
    files: &[PathBuf],
    known: &FileDigests,
    next: &AtomicUsize,
) -> io::Result<Vec<(usize, (Identity, Digest))>> {
    let mut done = Vec::new();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(path) = files.get(index) else { return Ok(done) };
        let read = match known.known(path) {
            Some(known) => known,
            None => memo::hash_file(path).map(|(digest, identity)| (identity, digest))?,
        };
        done.push((index, read));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_again_only_after_a_change() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let file = dir.path().join("libstd.rlib");
        fs::write_new(&file, b"one").expect("writes");
        let files = [file.clone()];
        let (one, lie) = (Digest::hash(b"one"), Digest::hash(b"lie"));
        let mut read = FileDigests::default();
        assert_eq!(read.of(&files).expect("reads"), [one]);
        assert!(read.0.is_empty(), "it may change within the same tick");

        // What is kept counts as long as the file is the same.
        let numbers = || Identity::at(&file).expect("is there").numbers();
        let keep = || {
            let path = file.to_str().expect("UTF-8").to_owned();
            FileDigests([(path, (numbers(), lie))].into()).write(dir.path());
        };
        keep();
        assert_eq!(FileDigests::read(dir.path()).of(&files).expect("reads"), [lie]);
        fs::remove(&file).expect("removes");
        fs::write_new(&file, b"one").expect("writes");
        assert_eq!(FileDigests::read(dir.path()).of(&files).expect("reads"), [one]);
        keep();
        fs::set_modified(&file, fs::time(1_000_000_000)).expect("sets it");
        assert_eq!(FileDigests::read(dir.path()).of(&files).expect("reads"), [one]);
    }
}
