//! Blobs: immutable files, named by the digest of their content and sealed by their modification time.
//!
//! A blob may be hard-linked into build directories. A write to any of those files breaks
//! the seal ([`crate::digest::seal`]), and the blob is never served again.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::digest::{Digest, Hasher, guard, seal};
use crate::store::{Bucket, Store};
use crate::sys::fs::{self, Identity, private};
use crate::sys::{clock, defence};

/// How a file gets into the store, or out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// It may be a hard link to the blob.
    Link,
    /// It must be a separate file now, which may be linked into other build directories later.
    LinkLater,
    /// It must be a separate file: programs may change it in place.
    Own,
}

/// A blob that cannot be served.
#[derive(Debug, PartialEq, Eq)]
pub enum Unusable {
    Missing,
    /// Its size or seal is not what was stored.
    Altered,
}

impl Store {
    /// The path and metadata of a blob, if its size and seal are as stored.
    pub fn blob(&self, digest: &Digest, size_bytes: u64) -> Result<(PathBuf, Metadata), Unusable> {
        let path = self.path(Bucket::Blobs, digest);
        let metadata = fs::symlink_metadata(&path).map_err(|_| Unusable::Missing)?;
        let identity = Identity::from_metadata(&metadata);
        let is_whole = metadata.is_file() && identity.size == size_bytes;
        if is_whole && seal::matches(digest, identity.modified_ns)
            || !defence::stands("only-whole-blobs-are-served")
        {
            return Ok((path, metadata));
        }
        if is_whole && is_sealed_again(&path, digest, &identity) {
            let metadata = fs::symlink_metadata(&path).map_err(|_| Unusable::Missing)?;
            return Ok((path, metadata));
        }
        Err(Unusable::Altered)
    }

    /// When a blob was made, in nanoseconds since 1970, as far as its seal tells.
    pub fn blob_made_ns(&self, digest: &Digest) -> Option<i64> {
        Some(Identity::at(&self.path(Bucket::Blobs, digest)).ok()?.modified_ns)
    }

    /// An open blob whose size and seal are as stored.
    pub fn open_blob(&self, digest: &Digest, size_bytes: u64) -> Result<File, Unusable> {
        let path = self.path(Bucket::Blobs, digest);
        let file = fs::open_in_place(&path).map_err(|_| Unusable::Missing)?;
        let identity = file
            .metadata()
            .map(|metadata| Identity::from_metadata(&metadata))
            .map_err(|_| Unusable::Missing)?;
        let is_as_stored = identity.size == size_bytes
            && (seal::matches(digest, identity.modified_ns) || is_sealed_again(&path, digest, &identity));
        if is_as_stored { Ok(file) } else { Err(Unusable::Altered) }
    }

    /// Takes an altered blob out of service.
    pub fn quarantine_blob(&self, digest: &Digest) {
        self.set_aside(Bucket::Blobs, digest);
    }

    fn set_aside(&self, bucket: Bucket, digest: &Digest) {
        let quarantine = self.quarantine();
        let aside = quarantine.join(format!("{}-{}", &digest.to_hex()[..16], fs::unique_name()));
        let _ = self
            .make_room(&aside, &aside)
            .and_then(|()| fs::rename(&self.path(bucket, digest), &aside))
            .or_else(|_| fs::remove(&self.path(bucket, digest)));
    }

    /// Puts the file at `from`, whose content has this digest, into the store. What is there already stays, with a new
    /// change time: if no entry refers to it any more, a collection may be about to remove it, and must see that it is
    /// used.
    pub fn put_blob(
        &self,
        from: &Path,
        digest: &Digest,
        size_bytes: u64,
        sharing: Sharing,
    ) -> io::Result<()> {
        match self.blob(digest, size_bytes) {
            // Its mode or owner was changed through another of its names.
            Ok((_, metadata)) if !private::is_usable(&metadata) => {}
            // Sealing it again could hide that somebody has just written to it.
            Ok(_) if !defence::stands("a-blob-used-again-is-renewed") => return Ok(()),
            Ok((path, _)) => match fs::renew(&path) {
                // A collection was faster.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                // Where it is not ours to renew, the worst is a miss.
                _ => return Ok(()),
            },
            Err(Unusable::Altered) => self.quarantine_blob(digest),
            Err(Unusable::Missing) => {}
        }
        let is_allowed = self.may_link() || !defence::stands("no-links-into-the-store");
        let may_link = sharing == Sharing::Link && is_allowed && can_be_shared(from);
        let place = self.path(Bucket::Blobs, digest);
        let temporary =
            if defence::stands("a-blob-appears-whole") { self.temporary() } else { place.clone() };
        self.make_room(&place, &temporary)?;
        let has_its_mode = sharing != Sharing::Own && is_allowed && can_be_shared(from);
        let sealed = make_sealed(from, &temporary, (may_link, has_its_mode), (digest, size_bytes))
            .and_then(|()| fs::rename(&temporary, &place));
        // Renaming one name of a file to another name of it leaves both.
        if defence::stands("unfinished-blobs-are-removed") {
            let _ = fs::remove(&temporary);
        }
        sealed
    }

    /// Makes the directories for a file and its temporary name. A link in place of one is an error: it would lead out
    /// of the store.
    pub(crate) fn make_room(&self, place: &Path, temporary: &Path) -> io::Result<()> {
        for dir in [place, temporary].into_iter().filter_map(Path::parent) {
            let mut above = dir.ancestors().take_while(|dir| dir.starts_with(self.root()));
            if defence::stands("links-out-of-the-store") && above.any(private::is_link) {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            if !private::is_dir(dir) {
                private::create_dir_all(dir)?;
            }
        }
        Ok(())
    }

    /// Writes a file of a bucket in one step, guarded against damage: one wrong bit in it could serve wrong outputs.
    pub(super) fn write(&self, bucket: Bucket, digest: &Digest, bytes: Vec<u8>) -> io::Result<()> {
        let place = self.path(bucket, digest);
        let temporary = self.temporary();
        self.make_room(&place, &temporary)?;
        let bytes = guard::add(bytes);
        private::replace(&place, &temporary, &bytes).or_else(|e| {
            if fs::symlink_metadata(&place).is_ok_and(|metadata| metadata.is_dir()) {
                self.set_aside(bucket, digest);
                private::replace(&place, &temporary, &bytes)
            } else {
                Err(e)
            }
        })
    }
}

/// Makes the sealed file `to` with the content of `from`. Where the file system cannot hold a seal near the time at which
/// the output was made, it is a copy: another time would tell cargo something wrong about the output.
fn make_sealed(
    from: &Path,
    to: &Path,
    (may_link, has_its_mode): (bool, bool),
    (digest, size_bytes): (&Digest, u64),
) -> io::Result<()> {
    let made_ns = Identity::at(from)?.modified_ns;
    let is_linked = duplicate(from, to, (may_link, has_its_mode), digest)?;
    if seal_near(to, digest, size_bytes, made_ns)? {
        return Ok(());
    }
    if is_linked {
        fs::set_modified(to, fs::time(made_ns))?;
        fs::remove(to)?;
        duplicate(from, to, (false, has_its_mode), digest)?;
    }
    fs::set_modified(to, seal::coarse(digest))?;
    if is_sealed(to, digest, size_bytes)? {
        Ok(())
    } else {
        Err(io::Error::other("it changed, or holds no times"))
    }
}

/// Seals the file at `path` near the time `made_ns`. Returns whether the file system can hold that.
fn seal_near(path: &Path, digest: &Digest, size_bytes: u64, made_ns: i64) -> io::Result<bool> {
    // A time in the future would make everything that depends on the output look older than it.
    let near_ns = seal::near(digest, made_ns.min(clock::now_ms() as i64 * 1_000_000));
    fs::set_modified(path, fs::time(near_ns))?;
    is_sealed(path, digest, size_bytes)
}

fn is_sealed(path: &Path, digest: &Digest, size_bytes: u64) -> io::Result<bool> {
    let identity = Identity::at(path)?;
    Ok(identity.size == size_bytes && seal::matches(digest, identity.modified_ns))
}

/// Whether the file at `path` has the content of `digest`, where an archive may have cut its seal off. It gets a new one, so
/// that it is read only once.
fn is_sealed_again(path: &Path, digest: &Digest, then: &Identity) -> bool {
    if !seal::may_be_cut_off(then.modified_ns) {
        return false;
    }
    let found = fs::open_in_place(path).and_then(|mut file| Digest::hash_reader(&mut file));
    if !found.is_ok_and(|(found, _)| found == *digest) {
        return false;
    }
    // Where it cannot be sealed, it is read again next time.
    if !seal_near(path, digest, then.size, then.modified_ns).unwrap_or(true) {
        let _ = fs::set_modified(path, seal::coarse(digest));
    }
    true
}

/// Whether others who use the store can read a hard link to this output. The group of a build directory is not that of
/// a shared store.
fn can_be_shared(output: &Path) -> bool {
    !private::is_shared() || fs::metadata(output).is_ok_and(|metadata| private::can_be_shared(&metadata))
}

/// Makes the new file `to` with the content of `from`: a clone where the file system can, a link where it is welcome
/// and possible, else a copy, which has the mode of an output if it may become one. Returns whether it is a link.
fn duplicate(
    from: &Path,
    to: &Path,
    (may_link, has_its_mode): (bool, bool),
    digest: &Digest,
) -> io::Result<bool> {
    if fs::clones_files(from) && private::reflink(&fs::open(from)?, to).is_ok() {
        return Ok(false);
    }
    if may_link && fs::hard_link(from, to).is_ok() {
        return Ok(true);
    }
    let mut hasher = Hasher::new();
    let mut from = fs::open(from)?;
    if has_its_mode {
        let is_executable = fs::is_executable(&from.metadata()?);
        fs::copy(&mut from, to, is_executable, &mut |piece| hasher.raw(piece))?;
    } else {
        private::copy(&mut from, to, &mut |piece| hasher.raw(piece))?;
    }
    if hasher.finish() == *digest {
        return Ok(false);
    }
    let _ = fs::remove(to);
    Err(io::Error::other("the file changed"))
}

/// How a file was duplicated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicate {
    Cloned,
    Linked,
    Copied,
}
