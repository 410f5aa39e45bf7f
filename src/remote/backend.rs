//! What a remote can do, and how it fails.

use std::fmt;
use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::path::Path;

use crate::remote::object_name::ObjectName;
use crate::sys::fs;

/// A store of immutable objects on another machine.
///
/// - All methods may be called from several threads at a time, and repeated: `get`, `head` and `list` change nothing, and
///   a `put_if_absent` that is repeated finds the object there.
/// - An object is never changed and never removed through this. What is there under a name stays; its readers find out
///   if it is not what it should be.
/// - A reader sees a whole object or none.
/// - Errors say whether a repetition could succeed ([`RemoteError::is_permanent`]). Only [`Kind::NotFound`] says that an
///   object is absent: every other error leaves that open.
pub trait Remote: Send + Sync {
    /// Reads an object into `sink`, which is emptied first. Returns the number of bytes.
    ///
    /// # Errors
    /// [`Kind::TooLarge`] if the object has more than `max_bytes`, whatever its length was said to be.
    fn get(&self, name: &ObjectName, sink: &mut dyn Sink, max_bytes: u64) -> Result<u64, RemoteError>;

    /// The size of an object in bytes; `None` if it is absent.
    fn head(&self, name: &ObjectName) -> Result<Option<u64>, RemoteError>;

    /// Stores an object unless there is one of this name.
    fn put_if_absent(&self, name: &ObjectName, body: Body<'_>) -> Result<Put, RemoteError>;

    /// Passes all objects below `prefix`, which are parts of names, to `each`, in no particular order. Objects whose names
    /// are not valid are left out.
    fn list(&self, prefix: &ObjectName, each: &mut dyn FnMut(Listed)) -> Result<(), RemoteError>;

    /// Where it is, for people. Holds no credentials.
    fn place(&self) -> String;
}

/// Where an object is read to.
pub trait Sink {
    /// Removes what was written so far.
    fn restart(&mut self) -> io::Result<()>;

    /// Adds a piece.
    fn add(&mut self, piece: &[u8]) -> io::Result<()>;
}

impl Sink for Vec<u8> {
    fn restart(&mut self) -> io::Result<()> {
        self.clear();
        Ok(())
    }

    fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        self.extend_from_slice(piece);
        Ok(())
    }
}

impl Sink for File {
    fn restart(&mut self) -> io::Result<()> {
        self.rewind()?;
        self.set_len(0)
    }

    fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        self.write_all(piece)
    }
}

/// What is stored.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    Bytes(&'a [u8]),
    File(&'a Path),
}

impl Body<'_> {
    /// How much is stored; 0 where a file cannot be read.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::File(path) => fs::metadata(path).map_or(0, |metadata| metadata.len()),
        }
    }
}

/// What became of a `put_if_absent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    Stored,
    /// There was an object of this name, which stays.
    Existed,
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub name: ObjectName,
    pub size_bytes: u64,
    /// When it was stored, in milliseconds since 1970.
    pub stored_ms: u64,
}

/// The kinds of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// There is no such object.
    NotFound,
    /// Credentials are missing, expired, or do not allow it.
    Denied,
    /// The remote does not answer, or the connection broke.
    Unreachable,
    /// The remote answers that it is busy or broken.
    Busy,
    /// An object is larger than it may be, here or in the remote.
    TooLarge,
    /// The request or the answer makes no sense: a wrong bucket, region or endpoint.
    Invalid,
    /// The configuration forbids it.
    Forbidden,
    /// A file of this machine cannot be read or written.
    Local,
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct RemoteError {
    pub kind: Kind,
    /// What failed, and why.
    pub what: String,
    /// Why, without the object: the same text where many fail for one cause.
    pub why: String,
}

impl RemoteError {
    /// A failure that is not of an object.
    pub fn new(kind: Kind, what: impl Into<String>) -> RemoteError {
        let what = what.into();
        RemoteError { kind, why: what.clone(), what }
    }

    /// What failed with an object or a file, and why.
    pub fn of(kind: Kind, what: impl fmt::Display, why: impl fmt::Display) -> RemoteError {
        RemoteError { kind, what: format!("{what}: {why}"), why: why.to_string() }
    }

    /// A file of this machine.
    pub fn local(path: &Path, error: &io::Error) -> RemoteError {
        RemoteError::of(Kind::Local, path.display(), error)
    }

    /// Whether the same request would fail again.
    pub fn is_permanent(&self) -> bool {
        !matches!(self.kind, Kind::Unreachable | Kind::Busy)
    }

    /// Whether it says something of the remote as a whole, so that other requests are likely to fail too.
    pub fn is_outage(&self) -> bool {
        matches!(self.kind, Kind::Unreachable | Kind::Busy)
    }
}

/// Adds a piece to `sink`, unless it would then hold more than `max_bytes`. `n_bytes` is what it holds.
pub(super) fn add_piece(
    sink: &mut dyn Sink,
    piece: &[u8],
    n_bytes: &mut u64,
    max_bytes: u64,
    name: &ObjectName,
) -> Result<(), RemoteError> {
    *n_bytes += piece.len() as u64;
    if *n_bytes > max_bytes {
        return Err(too_large(name, max_bytes));
    }
    sink.add(piece).map_err(|e| unwritable(name, &e))
}

/// An object that is larger than it may be.
pub(super) fn too_large(name: &ObjectName, max_bytes: u64) -> RemoteError {
    RemoteError::of(
        Kind::TooLarge,
        format_args!("failed to read {name}"),
        format_args!("more than {max_bytes} bytes"),
    )
}

/// What was read cannot be kept.
pub(super) fn unwritable(name: &ObjectName, error: &io::Error) -> RemoteError {
    RemoteError::of(Kind::Local, format_args!("failed to write {name}"), error)
}
