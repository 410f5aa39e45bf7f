//! A remote in a folder that machines share, such as a network mount.
//!
//! Users who can write to the folder are not trusted: nothing is read or written behind a symbolic link in it, and only
//! regular files are objects.

use std::fs::Metadata;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::remote::backend::{Body, Kind, Listed, Put, Remote, RemoteError, Sink, add_piece, unwritable};
use crate::remote::object_name::ObjectName;
use crate::store::walk::FileState;
use crate::sys::fs::{self, private};

/// Where unfinished objects are; no object has this name, because it starts with a dot.
const TEMPORARY: &str = ".tmp";
/// How deep names go.
const MAX_DEPTH: usize = 16;

/// A folder.
#[derive(Clone, Debug)]
pub struct Dir {
    root: PathBuf,
}

impl Dir {
    /// The folder at `root`, which must exist: one that is not mounted must not be filled.
    pub fn new(root: impl Into<PathBuf>) -> Dir {
        Dir { root: root.into() }
    }

    fn path(&self, name: &ObjectName) -> PathBuf {
        name.parts().fold(self.root.clone(), |path, part| path.join(part))
    }

    fn check_root(&self) -> Result<(), RemoteError> {
        match fs::metadata(&self.root) {
            Ok(metadata) if metadata.is_dir() => Ok(()),
            Ok(_) => Err(RemoteError::new(Kind::Invalid, format!("{} is not a folder", self.root.display()))),
            Err(e) => Err(failed(&self.root, &e)),
        }
    }

    /// The metadata of an object; `None` if it is absent.
    fn look(&self, name: &ObjectName) -> Result<Option<Metadata>, RemoteError> {
        let path = self.path(name);
        self.refuse_links(&path)?;
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata)),
            Ok(_) => {
                Err(RemoteError::new(Kind::Invalid, format!("{} is not a regular file", path.display())))
            }
            Err(e) if is_absent(&e) => {
                self.check_root()?;
                Ok(None)
            }
            Err(e) => Err(failed(&path, &e)),
        }
    }

    /// Fails if a folder between the root and `path` is a symbolic link.
    fn refuse_links(&self, path: &Path) -> Result<(), RemoteError> {
        let between = path.ancestors().skip(1).take_while(|dir| *dir != self.root);
        match between.into_iter().find(|dir| private::is_link(dir)) {
            Some(link) => {
                Err(RemoteError::new(Kind::Invalid, format!("{} is a symbolic link", link.display())))
            }
            None => Ok(()),
        }
    }

    fn list_below(
        &self,
        dir: &Path,
        parts: &[String],
        each: &mut dyn FnMut(Listed),
    ) -> Result<(), RemoteError> {
        let names = match fs::names(dir) {
            Ok(names) => names,
            Err(e) if is_absent(&e) => return Ok(()),
            Err(e) => return Err(failed(dir, &e)),
        };
        for (name, kind) in names {
            let Some(name) = name.to_str() else { continue };
            let mut parts = parts.to_vec();
            parts.push(name.to_owned());
            let Ok(object) = parts.join("/").parse::<ObjectName>() else { continue };
            let path = dir.join(name);
            match kind {
                b'd' if parts.len() < MAX_DEPTH => self.list_below(&path, &parts, each)?,
                b'f' => match fs::symlink_metadata(&path) {
                    Ok(metadata) => {
                        let stored_ms = FileState::from_metadata(&metadata).modified_ms;
                        each(Listed { name: object, size_bytes: metadata.len(), stored_ms });
                    }
                    Err(e) if is_absent(&e) => {}
                    Err(e) => return Err(failed(&path, &e)),
                },
                _ => {}
            }
        }
        Ok(())
    }

    /// Puts the object at `temporary`.
    fn write(&self, temporary: &Path, body: Body<'_>) -> Result<(), RemoteError> {
        let written = match body {
            Body::Bytes(bytes) => fs::write_new(temporary, bytes),
            Body::File(path) => {
                let mut from = fs::open(path).map_err(|e| RemoteError::local(path, &e))?;
                fs::copy(&mut from, temporary, false, &mut |_| {}).map(drop)
            }
        };
        written.map_err(|e| failed(temporary, &e))
    }
}

impl Remote for Dir {
    fn get(&self, name: &ObjectName, sink: &mut dyn Sink, max_bytes: u64) -> Result<u64, RemoteError> {
        let path = self.path(name);
        let absent = || RemoteError::new(Kind::NotFound, format!("{name} is not in {}", self.place()));
        let size_bytes = self.look(name)?.ok_or_else(absent)?.len();
        let mut file = match fs::open_in_place(&path) {
            Ok(file) => file,
            Err(e) if is_absent(&e) => return Err(absent()),
            Err(e) => return Err(failed(&path, &e)),
        };
        sink.restart().map_err(|e| unwritable(name, &e))?;
        let mut buffer = vec![0; 64 * 1024];
        let mut n_bytes = 0;
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => add_piece(sink, &buffer[..n], &mut n_bytes, max_bytes, name)?,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(failed(&path, &e)),
            }
        }
        if n_bytes != size_bytes {
            let why = format!("{n_bytes} of {size_bytes} bytes were read");
            return Err(RemoteError::of(Kind::Unreachable, name, why));
        }
        Ok(n_bytes)
    }

    fn head(&self, name: &ObjectName) -> Result<Option<u64>, RemoteError> {
        Ok(self.look(name)?.map(|metadata| metadata.len()))
    }

    fn put_if_absent(&self, name: &ObjectName, body: Body<'_>) -> Result<Put, RemoteError> {
        self.check_root()?;
        if self.look(name)?.is_some() {
            return Ok(Put::Existed);
        }
        let path = self.path(name);
        let temporary = self.root.join(TEMPORARY).join(fs::unique_name());
        for dir in [&path, &temporary].into_iter().filter_map(|path| path.parent()) {
            fs::create_dir_all(dir).map_err(|e| failed(dir, &e))?;
        }
        self.refuse_links(&path)?;
        self.refuse_links(&temporary)?;
        let put = self.write(&temporary, body).and_then(|()| place(&temporary, &path));
        let _ = fs::remove(&temporary);
        put
    }

    fn list(&self, prefix: &ObjectName, each: &mut dyn FnMut(Listed)) -> Result<(), RemoteError> {
        self.check_root()?;
        let dir = self.path(prefix);
        self.refuse_links(&dir.join("object"))?;
        let parts: Vec<String> = prefix.parts().map(str::to_owned).collect();
        self.list_below(&dir, &parts, each)
    }

    fn place(&self) -> String {
        self.root.display().to_string()
    }
}

/// Gives a finished object its name.
fn place(temporary: &Path, path: &Path) -> Result<Put, RemoteError> {
    match fs::hard_link(temporary, path) {
        Ok(()) => Ok(Put::Stored),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(Put::Existed),
        // Where there are no links, the last writer wins. All write the same.
        Err(_) => match fs::rename(temporary, path) {
            Ok(()) => Ok(Put::Stored),
            Err(e) => Err(failed(path, &e)),
        },
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn failed(path: &Path, error: &io::Error) -> RemoteError {
    let kind = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Kind::Denied,
        ErrorKind::NotFound | ErrorKind::NotADirectory => Kind::Invalid,
        _ => Kind::Unreachable,
    };
    RemoteError::of(kind, path.display(), error)
}
