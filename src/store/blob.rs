//! Blobs: immutable bytes, each once, named by their digest and sealed by their modification time.
//!
//! A blob may be one inode with files in build directories (hard links). Whatever writes to one of those breaks
//! the seal ([`crate::digest::seal`]), and the blob is never served again.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::digest::{Digest, guard, seal};
use crate::store::{Shelf, Store};
use crate::sys::fs::{self, Identity};

/// How a file gets into the store, or out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// A second name for the same file is welcome.
    Link,
    /// It must be a file of its own: programs may change it in place.
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
    /// The place of a blob whose size and seal are as stored.
    pub fn blob(&self, digest: &Digest, size_bytes: u64) -> Result<PathBuf, Unusable> {
        let path = self.path(Shelf::Blobs, digest);
        let identity = Identity::at(&path).map_err(|_| Unusable::Missing)?;
        if identity.size == size_bytes && seal::matches(digest, identity.modified_ns) {
            Ok(path)
        } else {
            Err(Unusable::Altered)
        }
    }

    /// An open blob whose size and seal are as stored.
    pub fn open_blob(&self, digest: &Digest, size_bytes: u64) -> Result<File, Unusable> {
        let file = fs::open(&self.path(Shelf::Blobs, digest)).map_err(|_| Unusable::Missing)?;
        let identity =
            file.metadata().map(|metadata| Identity::of(&metadata)).map_err(|_| Unusable::Missing)?;
        if identity.size == size_bytes && seal::matches(digest, identity.modified_ns) {
            Ok(file)
        } else {
            Err(Unusable::Altered)
        }
    }

    /// Takes an altered blob out of service.
    pub fn quarantine_blob(&self, digest: &Digest) {
        self.set_aside(Shelf::Blobs, digest);
    }

    fn set_aside(&self, shelf: Shelf, digest: &Digest) {
        let quarantine = self.quarantine();
        let _ = fs::create_dir_all(&quarantine);
        let aside = quarantine.join(format!("{}-{}", &digest.to_hex()[..16], fs::unique_name()));
        let _ = fs::rename(&self.path(shelf, digest), &aside);
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
            // Sealing it again could hide that somebody has just written to it.
            Ok(path) => match fs::renew(&path) {
                // A collection was faster.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                // Where it is not ours to renew, the worst is a miss.
                _ => return Ok(()),
            },
            Err(Unusable::Altered) => self.quarantine_blob(digest),
            Err(Unusable::Missing) => {}
        }
        let place = self.path(Shelf::Blobs, digest);
        let temporary = self.temporary();
        self.make_room(&place, &temporary)?;
        duplicate(from, &temporary, sharing, false)?;
        let sealed = fs::set_modified(&temporary, seal::of(digest)).and_then(|()| {
            let identity = Identity::at(&temporary)?;
            let whole = identity.size == size_bytes && seal::matches(digest, identity.modified_ns);
            if whole {
                fs::rename(&temporary, &place)
            } else {
                Err(io::Error::other("the file changed, or holds no times"))
            }
        });
        // Renaming one name of a file to another name of it leaves both.
        let _ = fs::remove(&temporary);
        sealed
    }

    /// Makes the directories for a file and its temporary name.
    pub(super) fn make_room(&self, place: &Path, temporary: &Path) -> io::Result<()> {
        for path in [place, temporary] {
            if let Some(dir) = path.parent()
                && fs::metadata(dir).is_err()
            {
                fs::create_dir_all(dir)?;
            }
        }
        Ok(())
    }

    /// Writes a file of a shelf in one step, guarded against damage: one wrong bit in it could serve wrong outputs.
    pub(super) fn write(&self, shelf: Shelf, digest: &Digest, bytes: Vec<u8>) -> io::Result<()> {
        let place = self.path(shelf, digest);
        let temporary = self.temporary();
        self.make_room(&place, &temporary)?;
        let bytes = guard::add(bytes);
        fs::replace(&place, &temporary, &bytes).or_else(|e| {
            if fs::symlink_metadata(&place).is_ok_and(|metadata| metadata.is_dir()) {
                self.set_aside(shelf, digest);
                fs::replace(&place, &temporary, &bytes)
            } else {
                Err(e)
            }
        })
    }
}

/// Makes the new file `to` with the content of `from`: a clone where the file system can, a link where it is welcome
/// and possible, else a copy. Answers what it was.
pub fn duplicate(from: &Path, to: &Path, sharing: Sharing, executable: bool) -> io::Result<Duplicate> {
    if fs::clones_files(from) {
        let file = fs::open(from)?;
        if fs::reflink(&file, to, executable).is_ok() {
            return Ok(Duplicate::Cloned);
        }
    }
    if sharing == Sharing::Link && fs::hard_link(from, to).is_ok() {
        return Ok(Duplicate::Linked);
    }
    fs::copy(&mut fs::open(from)?, to, executable)?;
    Ok(Duplicate::Copied)
}

/// How a file was duplicated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicate {
    Cloned,
    Linked,
    Copied,
}
