//! A pack: one entry on its way between machines.
//!
//! ```text
//! <key>.tar.zst
//!   pack.json.minisig      the signature of the next file, if the writer signs
//!   pack.json              the entry, its inputs and input lists, and the digest and size of each file that follows
//!   names/<digest>         texts in a library or program that could name variables
//!   blobs/<digest>         the content of an output
//! ```
//!
//! `pack.json` declares what follows in order, and comes first: so a reader knows whom it believes, and how much it will
//! write, before it writes anything. A reader skips files of kinds that it does not know, after checking them.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};
use crate::remote::archive::{Announced, BadArchive, Reader, Writer};
use crate::remote::object_name::ObjectName;
use crate::remote::signature::{NotBelieved, SigningKey, Trust};
use crate::store::transfer::{PortableEntry, VariableNames};
use crate::store::{Bucket, Store};
use crate::sys::clock;
use crate::sys::fs::{self, private};

/// The version of the content of a pack.
const FORMAT: u32 = 1;

const STATEMENT: &str = "pack.json";
const SIGNATURE: &str = "pack.json.minisig";
const BLOBS: &str = "blobs/";
const NAMES: &str = "names/";

/// A pack with more bytes is neither written nor read.
pub const MAX_PACK_BYTES: u64 = 4 << 30;
const MAX_STATEMENT_BYTES: u64 = 32 << 20;
const MAX_SIGNATURE_BYTES: u64 = 4 << 10;
const MAX_NAMES_BYTES: u64 = 64 << 20;
const MAX_FILES: usize = 20_000;
/// What a pack may hold, compared with its own size. Outputs rarely compress to a tenth.
const MAX_RATIO: u64 = 200;
const ALWAYS_ALLOWED_BYTES: u64 = 64 << 20;
/// The memory for decompression, as the logarithm of its size.
const WINDOW_LOG: u32 = 27;

/// What `pack.json` says.
#[derive(Serialize, Deserialize)]
struct Statement {
    format: u32,
    entry: PortableEntry,
    files: Vec<PackedFile>,
}

/// A file in a pack.
#[derive(Serialize, Deserialize)]
struct PackedFile {
    name: String,
    size_bytes: u64,
    digest: Digest,
    /// Of a blob: when it was made, in nanoseconds since 1970. A reader's store has it from then too, so that outputs stay
    /// in the order in which they were made, and build directories can be filled with links to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    made_ns: Option<i64>,
}

/// Why a pack is not used. All of it is a miss.
#[derive(Debug, thiserror::Error)]
pub enum BadPack {
    #[error(transparent)]
    NotBelieved(#[from] NotBelieved),
    #[error("it is of another entry")]
    OtherKey,
    #[error("it is the run of a build script on another kind of processor")]
    OtherProcessor,
    #[error("it has the unknown format {0}")]
    Format(u32),
    #[error("{0} is not what it should be")]
    Altered(String),
    #[error("{0}")]
    Malformed(&'static str),
    #[error("it would take {size_bytes} bytes, which is more than allowed")]
    TooLarge { size_bytes: u64 },
    #[error(transparent)]
    Archive(#[from] BadArchive),
    /// Nothing is wrong with the pack.
    #[error("failed to store it: {0}")]
    Store(io::Error),
}

impl From<io::Error> for BadPack {
    fn from(error: io::Error) -> BadPack {
        BadPack::Archive(BadArchive::Read(error))
    }
}

/// Why a pack could not be written.
#[derive(Debug, thiserror::Error)]
pub enum NotPacked {
    /// A blob is missing or altered.
    #[error("the blob {0} is missing or altered")]
    Blob(Digest),
    #[error("it is larger than a pack can be")]
    TooLarge,
    #[error("failed to write {}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
}

/// Writes the pack of an entry to the new file `to`. Returns its size in bytes.
pub fn write(
    store: &Store,
    portable: &PortableEntry,
    names: &VariableNames,
    key: Option<&SigningKey>,
    level: i32,
    to: &Path,
) -> Result<u64, NotPacked> {
    let failed = |error| NotPacked::Write { path: to.to_owned(), error };
    let blobs = distinct_blobs(portable);
    let files = names
        .iter()
        .map(|(file, texts)| PackedFile {
            name: format!("{NAMES}{file}"),
            size_bytes: texts.len() as u64,
            digest: Digest::hash(texts.as_bytes()),
            made_ns: None,
        })
        .chain(blobs.iter().map(|(digest, size_bytes)| PackedFile {
            name: format!("{BLOBS}{digest}"),
            size_bytes: *size_bytes,
            digest: *digest,
            made_ns: store.blob_made_ns(digest).filter(|made_ns| is_plausible(*made_ns)),
        }))
        .collect();
    let statement = Statement { format: FORMAT, entry: portable.clone(), files };
    let statement = serde_json::to_vec(&statement).map_err(|e| failed(e.into()))?;
    let signature = key.map(|key| key.sign(&statement, &format!("kache pack {}", portable.key)));
    let contents = Contents { statement, signature, names, blobs };
    let packed = contents.write(store, level, to);
    if !packed.as_ref().is_ok_and(|size_bytes| *size_bytes <= MAX_PACK_BYTES) {
        let _ = fs::remove(to);
        return packed.and(Err(NotPacked::TooLarge));
    }
    packed
}

/// What a pack is made of.
struct Contents<'a> {
    statement: Vec<u8>,
    signature: Option<String>,
    names: &'a VariableNames,
    blobs: Vec<(Digest, u64)>,
}

impl Contents<'_> {
    /// Writes the pack to the new file `to`. Returns its size.
    fn write(&self, store: &Store, level: i32, to: &Path) -> Result<u64, NotPacked> {
        let failed = |error| NotPacked::Write { path: to.to_owned(), error };
        let created = create(store, to).map_err(failed)?;
        let mut encoder = zstd::Encoder::new(BufWriter::new(&created), level).map_err(failed)?;
        // Shows damage in a pack that nobody signed.
        encoder.include_checksum(true).map_err(failed)?;
        let mut writer = Writer::new(encoder);
        if let Some(signature) = &self.signature {
            let size_bytes = signature.len() as u64;
            writer.add(SIGNATURE, size_bytes, &mut signature.as_bytes()).map_err(failed)?;
        }
        let size_bytes = self.statement.len() as u64;
        writer.add(STATEMENT, size_bytes, &mut &self.statement[..]).map_err(failed)?;
        for (file, texts) in self.names {
            let name = format!("{NAMES}{file}");
            writer.add(&name, texts.len() as u64, &mut texts.as_bytes()).map_err(failed)?;
        }
        for (digest, size_bytes) in &self.blobs {
            add_blob(store, &mut writer, digest, *size_bytes, to)?;
        }
        let mut written = writer.finish().and_then(zstd::Encoder::finish).map_err(failed)?;
        written.flush().map_err(failed)?;
        Ok(created.metadata().map_err(failed)?.len())
    }
}

/// A new temporary file of the store, to be written and read.
pub fn create(store: &Store, path: &Path) -> io::Result<File> {
    store.make_room(path, path)?;
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    private::open_table(dir, name)
}

/// The blobs of an entry, each once.
fn distinct_blobs(portable: &PortableEntry) -> Vec<(Digest, u64)> {
    let mut blobs: Vec<(Digest, u64)> = portable.entry.blobs().collect();
    blobs.sort_unstable();
    blobs.dedup();
    blobs
}

/// Adds a blob, whose content is compared with its digest on the way.
fn add_blob(
    store: &Store,
    writer: &mut Writer<zstd::Encoder<'_, BufWriter<&File>>>,
    digest: &Digest,
    size_bytes: u64,
    to: &Path,
) -> Result<(), NotPacked> {
    let altered = || NotPacked::Blob(*digest);
    let file = store.open_blob(digest, size_bytes).map_err(|_| altered())?;
    let mut reader = Hashing { from: BufReader::new(file), hasher: Hasher::new() };
    match writer.add(&format!("{BLOBS}{digest}"), size_bytes, &mut reader) {
        Ok(()) if reader.hasher.finish() == *digest => Ok(()),
        Ok(()) => {
            store.quarantine_blob(digest);
            Err(altered())
        }
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Err(altered()),
        Err(error) => Err(NotPacked::Write { path: to.to_owned(), error }),
    }
}

/// A reader that hashes what it passes on.
struct Hashing<R> {
    from: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.from.read(buffer)?;
        self.hasher.raw(&buffer[..n_bytes]);
        Ok(n_bytes)
    }
}

/// Reads the pack in `file`, which is to be that of the entry `key`, and stores the entry. Whatever is wrong with the
/// pack, nothing of it is stored. Returns how many bytes of blobs were new.
pub fn read(store: &Store, key: &Digest, file: &File, trust: &Trust) -> Result<u64, BadPack> {
    let mut unpacked = Unpacked { store, names: Vec::new(), files: Vec::new() };
    let portable = unpacked.read(key, file, trust)?;
    store.import(&portable, &unpacked.names, &unpacked.files).map_err(BadPack::Store)?;
    Ok(unpacked.files.iter().map(|(_, size_bytes, _)| size_bytes).sum())
}

/// The files of a pack, which are removed with this value.
struct Unpacked<'a> {
    store: &'a Store,
    names: VariableNames,
    files: Vec<(Digest, u64, PathBuf)>,
}

impl Drop for Unpacked<'_> {
    fn drop(&mut self) {
        for (_, _, path) in &self.files {
            let _ = fs::remove(path);
        }
    }
}

impl Unpacked<'_> {
    fn read(&mut self, key: &Digest, file: &File, trust: &Trust) -> Result<PortableEntry, BadPack> {
        let pack_bytes = file.metadata()?.len();
        let mut decoder = zstd::Decoder::new(file)?;
        decoder.window_log_max(WINDOW_LOG)?;
        let mut reader = Reader::new(BufReader::with_capacity(128 << 10, decoder));
        let statement = believed_statement(&mut reader, trust)?;
        let Statement { entry: portable, files, .. } = statement;
        if portable.key != *key {
            return Err(BadPack::OtherKey);
        }
        check_declared(&portable, &files, pack_bytes)?;
        for file in &files {
            let announced = reader.announced()?.ok_or(BadPack::Malformed("it lacks a file"))?;
            if announced.name != file.name || announced.size_bytes != file.size_bytes {
                return Err(BadPack::Altered(announced.name));
            }
            self.take(&mut reader, file, &portable)?;
        }
        match reader.announced()? {
            None => Ok(portable),
            Some(_) => Err(BadPack::Malformed("it holds a file that it does not declare")),
        }
    }

    /// Takes in one file.
    fn take<R: Read>(
        &mut self,
        reader: &mut Reader<R>,
        file: &PackedFile,
        portable: &PortableEntry,
    ) -> Result<(), BadPack> {
        if let Some(subject) = file.name.strip_prefix(NAMES) {
            let subject: Digest = subject.parse().map_err(|_| BadPack::Malformed("an invalid name"))?;
            let mut texts = String::new();
            reader.content().read_to_string(&mut texts)?;
            if Digest::hash(texts.as_bytes()) != file.digest {
                return Err(BadPack::Altered(file.name.clone()));
            }
            self.names.push((subject, texts));
            return Ok(());
        }
        if file.name.starts_with(BLOBS) && self.store.blob(&file.digest, file.size_bytes).is_err() {
            let executable = is_executable(portable, &file.digest);
            let path = self.store.temporary();
            self.store.make_room(&path, &path).map_err(BadPack::Store)?;
            self.files.push((file.digest, file.size_bytes, path.clone()));
            let mut hasher = Hasher::new();
            fs::copy(&mut reader.content(), &path, executable, &mut |piece| hasher.raw(piece))
                .map_err(copy_failed)?;
            if hasher.finish() != file.digest {
                return Err(BadPack::Altered(file.name.clone()));
            }
            if let Some(made_ns) = file.made_ns.filter(|made_ns| is_plausible(*made_ns)) {
                fs::set_modified(&path, fs::time(made_ns)).map_err(BadPack::Store)?;
            }
            return Ok(());
        }
        // The store has it, or it is of a kind that this build does not know.
        let (digest, _) = Digest::hash_reader(&mut reader.content())?;
        if digest == file.digest { Ok(()) } else { Err(BadPack::Altered(file.name.clone())) }
    }
}

/// Whether a blob can have been made at this time. A time in the future would make its dependents look older than it, and
/// one before there was a kache is the seal of a file system whose times are coarse. Any other time can only decide whether
/// a new build directory gets a link or a copy: what is served is decided by contents.
fn is_plausible(made_ns: i64) -> bool {
    const FIRST_NS: i64 = 1_600_000_000_000_000_000;
    (FIRST_NS..=clock::now_ms() as i64 * 1_000_000).contains(&made_ns)
}

/// A copy fails because of the archive, or because of the disk.
fn copy_failed(error: io::Error) -> BadPack {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::Other => error.into(),
        _ => BadPack::Store(error),
    }
}

fn is_executable(portable: &PortableEntry, blob: &Digest) -> bool {
    portable.entry.artifacts.iter().any(|artifact| artifact.executable && artifact.blob == *blob)
}

/// What the pack says of itself, if that is believed.
fn believed_statement<R: Read>(reader: &mut Reader<R>, trust: &Trust) -> Result<Statement, BadPack> {
    let missing = || BadPack::Malformed("it lacks pack.json");
    let mut announced = reader.announced()?.ok_or_else(missing)?;
    let mut signature = None;
    if announced.name == SIGNATURE {
        let bytes = small_file(reader, &announced, MAX_SIGNATURE_BYTES)?;
        signature = Some(String::from_utf8(bytes).map_err(|_| NotBelieved::NoSignature)?);
        announced = reader.announced()?.ok_or_else(missing)?;
    }
    if announced.name != STATEMENT {
        return Err(missing());
    }
    let bytes = small_file(reader, &announced, MAX_STATEMENT_BYTES)?;
    trust.check(&bytes, signature.as_deref())?;
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let malformed = |_| BadPack::Malformed("pack.json cannot be understood");
    let Version { format } = serde_json::from_slice(&bytes).map_err(malformed)?;
    if format != FORMAT {
        return Err(BadPack::Format(format));
    }
    serde_json::from_slice(&bytes).map_err(malformed)
}

fn small_file<R: Read>(
    reader: &mut Reader<R>,
    announced: &Announced,
    max_bytes: u64,
) -> Result<Vec<u8>, BadPack> {
    if announced.size_bytes > max_bytes {
        return Err(BadPack::TooLarge { size_bytes: announced.size_bytes });
    }
    let mut bytes = Vec::new();
    reader.content().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Checks that the files are those that the entry needs, and that they are not too large.
fn check_declared(portable: &PortableEntry, files: &[PackedFile], pack_bytes: u64) -> Result<(), BadPack> {
    if !portable.is_sound() {
        return Err(BadPack::Malformed("its entry is not valid"));
    }
    if !portable.suits_processor() {
        return Err(BadPack::OtherProcessor);
    }
    if files.len() > MAX_FILES {
        return Err(BadPack::Malformed("it holds too many files"));
    }
    let programs = portable.named_programs();
    let artifacts = portable.entry.artifacts.iter().map(|artifact| artifact.blob);
    let may_be_named: HashSet<Digest> = programs.iter().copied().chain(artifacts).collect();
    let (mut size_bytes, mut names_bytes) = (0u64, 0u64);
    for file in files {
        size_bytes = size_bytes.saturating_add(file.size_bytes);
        if file.name.starts_with(NAMES) {
            names_bytes = names_bytes.saturating_add(file.size_bytes);
        }
        let is_valid = match (file.name.strip_prefix(BLOBS), file.name.strip_prefix(NAMES)) {
            (Some(digest), _) => digest.parse().is_ok_and(|digest: Digest| digest == file.digest),
            (None, Some(subject)) => subject.parse().is_ok_and(|subject| may_be_named.contains(&subject)),
            (None, None) => file.name.parse::<ObjectName>().is_ok(),
        };
        if !is_valid {
            return Err(BadPack::Altered(file.name.clone()));
        }
    }
    let allowed_bytes = ALWAYS_ALLOWED_BYTES.saturating_add(pack_bytes.saturating_mul(MAX_RATIO));
    if size_bytes > allowed_bytes || names_bytes > MAX_NAMES_BYTES {
        return Err(BadPack::TooLarge { size_bytes });
    }
    let has: HashSet<(&str, u64)> = files.iter().map(|file| (&*file.name, file.size_bytes)).collect();
    let names: HashSet<&str> = files.iter().map(|file| &*file.name).collect();
    for (digest, size_bytes) in distinct_blobs(portable) {
        if !has.contains(&(&*format!("{BLOBS}{digest}"), size_bytes)) {
            return Err(BadPack::Malformed("it lacks a blob of its entry"));
        }
    }
    for program in &programs {
        if !names.contains(&*format!("{NAMES}{program}")) {
            return Err(BadPack::Malformed("it lacks the texts of a program"));
        }
    }
    Ok(())
}

/// Whether the store has the entry under `key` with all its blobs.
pub fn is_stored(store: &Store, key: &Digest) -> bool {
    let entry = store.entry(key);
    entry.is_ok_and(|entry| {
        entry.blobs().all(|(blob, size_bytes)| store.blob(&blob, size_bytes).is_ok())
            && fs::symlink_metadata(&store.path(Bucket::Inputs, key)).is_ok()
    })
}
