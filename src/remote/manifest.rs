//! A manifest on its way between machines, with the names of the packs that its build needs.
//!
//! ```text
//! <id>.tar.zst
//!   manifest.json.minisig      the signature of the next file, if the writer signs
//!   manifest.json              which build it is of, the packs, and the digest and size of the file that follows
//!   manifest                   the manifest: `crate::manifest::form`
//! ```
//!
//! The rules for packs hold here too: who is believed, and what is checked before anything is stored. A manifest that lies
//! costs requests: what it names is looked up by contents.

use std::fs::File;
use std::io::{self, Read as _, Write as _};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::manifest::form::{self, BuildId, Manifest, NotAManifest};
use crate::remote::archive::{BadArchive, Reader, Writer};
use crate::remote::layout::{ManifestName, PackName};
use crate::remote::object_name::ObjectName;
use crate::remote::signature::{NotBelieved, SigningKey, Trust};
use crate::store::{Store, transfer};
use crate::sys::clock;

/// The version of this form.
const FORMAT: u32 = 1;
/// What it is: a signature of something else must not count for it.
const KIND: &str = "manifest";

const STATEMENT: &str = "manifest.json";
const SIGNATURE: &str = "manifest.json.minisig";
const BODY: &str = "manifest";

/// No object with more bytes is read.
pub const MAX_OBJECT_BYTES: u64 = 32 << 20;
const MAX_SIGNATURE_BYTES: u64 = 4 << 10;
const MAX_STATEMENT_BYTES: u64 = 32 << 20;
const MAX_BODY_BYTES: u64 = 128 << 20;
/// The memory for decompression, as the logarithm of its size.
const WINDOW_LOG: u32 = 27;

#[derive(Serialize, Deserialize)]
struct Statement {
    format: u32,
    kind: String,
    namespace: String,
    build: BuildId,
    compiler: Digest,
    lock: Digest,
    /// The names of packs, in the order in which the build needs them.
    packs: Vec<String>,
    size_bytes: u64,
    digest: Digest,
}

/// A manifest with what it needs.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedBuild {
    pub build: BuildId,
    pub manifest: Manifest,
    /// In the order in which the build needs them.
    pub packs: Vec<PackName>,
}

/// Why a manifest is not used.
#[derive(Debug, thiserror::Error)]
pub enum BadManifest {
    #[error(transparent)]
    NotBelieved(#[from] NotBelieved),
    #[error("it is of another build")]
    OtherBuild,
    #[error("it has the unknown format {0}")]
    Format(u32),
    #[error("{0}")]
    Malformed(&'static str),
    #[error("it would take {size_bytes} bytes, which is more than allowed")]
    TooLarge { size_bytes: u64 },
    #[error(transparent)]
    Archive(#[from] BadArchive),
    #[error(transparent)]
    Manifest(#[from] NotAManifest),
    /// Nothing is wrong with the manifest.
    #[error("failed to store it: {0}")]
    Store(io::Error),
}

impl From<io::Error> for BadManifest {
    fn from(error: io::Error) -> BadManifest {
        BadManifest::Archive(BadArchive::Read(error))
    }
}

/// The name and the object of a manifest; `None` where it lacks what other machines would find it by.
///
/// # Errors
/// It cannot be compressed.
pub fn write(
    store: &Store,
    (build, manifest): (&BuildId, &Manifest),
    namespace: &str,
    key: Option<&SigningKey>,
    level: i32,
) -> io::Result<Option<(ManifestName, Vec<u8>)>> {
    let (Some(compiler), Some(lock)) = (manifest.header.compiler, manifest.header.lock) else {
        return Ok(None);
    };
    let body = manifest.to_bytes()?;
    let packs =
        packs(store, manifest).iter().filter_map(|pack| Some(pack.object().ok()?.to_string())).collect();
    let statement = Statement {
        format: FORMAT,
        kind: KIND.to_owned(),
        namespace: namespace.to_owned(),
        build: *build,
        compiler,
        lock,
        packs,
        size_bytes: body.len() as u64,
        digest: Digest::hash(&body),
    };
    let statement = serde_json::to_vec(&statement)?;
    let name = ManifestName::new(namespace, &compiler, &lock, build, manifest.id()?);
    let mut encoder = zstd::Encoder::new(Vec::new(), level)?;
    encoder.include_checksum(true)?;
    let mut writer = Writer::new(encoder);
    if let Some(key) = key {
        let signature = key.sign(&statement, &format!("kache manifest {}", name.id));
        writer.add(SIGNATURE, signature.len() as u64, &mut signature.as_bytes())?;
    }
    writer.add(STATEMENT, statement.len() as u64, &mut &statement[..])?;
    writer.add(BODY, body.len() as u64, &mut &body[..])?;
    let mut object = writer.finish().and_then(zstd::Encoder::finish)?;
    object.flush()?;
    Ok(Some((name, object)))
}

/// The packs of a manifest's units, in their order, as far as the store has the entries.
fn packs(store: &Store, manifest: &Manifest) -> Vec<PackName> {
    let keys = manifest.units.iter().filter_map(|unit| unit.key);
    let names = keys.filter_map(|key| {
        let (entry, inputs) = (store.entry(&key).ok()?, store.inputs(&key).ok()?);
        Some(PackName::of_unit(key, &entry.unit, &inputs, transfer::processor_of(&inputs).as_ref()))
    });
    names.collect()
}

/// Reads the object in `file`, which is to be that of `name`.
///
/// # Errors
/// It is not believed, or not what its name says.
pub fn read(file: &File, name: &ManifestName, trust: &Trust) -> Result<SharedBuild, BadManifest> {
    let mut decoder = zstd::Decoder::new(file)?;
    decoder.window_log_max(WINDOW_LOG)?;
    let mut reader = Reader::new(decoder);
    let statement = believed_statement(&mut reader, trust)?;
    let Statement { namespace, build, compiler, lock, packs, size_bytes, digest, .. } = statement;
    if ManifestName::new(&namespace, &compiler, &lock, &build, name.id) != *name {
        return Err(BadManifest::OtherBuild);
    }
    let body = next(&mut reader, BODY, MAX_BODY_BYTES)?;
    if reader.announced()?.is_some() {
        return Err(BadManifest::Malformed("it holds a file that it does not declare"));
    }
    if body.len() as u64 != size_bytes || Digest::hash(&body) != digest {
        return Err(BadManifest::Malformed("the manifest is not the one that it declares"));
    }
    let manifest = Manifest::parse(&body)?;
    if manifest.header.compiler != Some(compiler) || manifest.header.lock != Some(lock) {
        return Err(BadManifest::OtherBuild);
    }
    if manifest.id()? != name.id {
        return Err(BadManifest::OtherBuild);
    }
    let parsed = packs.iter().map(|pack| PackName::parse(&pack.parse::<ObjectName>().ok()?));
    let packs: Option<Vec<PackName>> = parsed.collect();
    let packs = packs.ok_or(BadManifest::Malformed("it names something that is no pack"))?;
    Ok(SharedBuild { build, manifest, packs })
}

fn believed_statement<R: io::Read>(reader: &mut Reader<R>, trust: &Trust) -> Result<Statement, BadManifest> {
    #[derive(Deserialize)]
    struct Version {
        format: u32,
        kind: String,
    }
    let mut announced = reader.announced()?.ok_or(BadManifest::Malformed("it is empty"))?;
    let mut signature = None;
    if announced.name == SIGNATURE {
        let bytes = content(reader, announced.size_bytes, MAX_SIGNATURE_BYTES)?;
        signature = Some(String::from_utf8(bytes).map_err(|_| NotBelieved::NoSignature)?);
        announced = reader.announced()?.ok_or(BadManifest::Malformed("it lacks manifest.json"))?;
    }
    if announced.name != STATEMENT {
        return Err(BadManifest::Malformed("it lacks manifest.json"));
    }
    let bytes = content(reader, announced.size_bytes, MAX_STATEMENT_BYTES)?;
    trust.check(&bytes, signature.as_deref())?;
    let malformed = |_| BadManifest::Malformed("manifest.json cannot be understood");
    let Version { format, kind } = serde_json::from_slice(&bytes).map_err(malformed)?;
    if kind != KIND {
        return Err(BadManifest::Malformed("it is no manifest"));
    }
    if format != FORMAT {
        return Err(BadManifest::Format(format));
    }
    serde_json::from_slice(&bytes).map_err(malformed)
}

/// The content of the next file, which must have this name.
fn next<R: io::Read>(reader: &mut Reader<R>, name: &str, max_bytes: u64) -> Result<Vec<u8>, BadManifest> {
    let announced = reader.announced()?;
    let announced = announced.filter(|announced| announced.name == name);
    let announced = announced.ok_or(BadManifest::Malformed("it lacks a file"))?;
    content(reader, announced.size_bytes, max_bytes)
}

fn content<R: io::Read>(
    reader: &mut Reader<R>,
    size_bytes: u64,
    max_bytes: u64,
) -> Result<Vec<u8>, BadManifest> {
    if size_bytes > max_bytes {
        return Err(BadManifest::TooLarge { size_bytes });
    }
    let mut bytes = Vec::new();
    reader.content().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Stores a manifest of another machine, unless the store has a younger one of the same build. Answers whether it did.
///
/// # Errors
/// It cannot be written.
pub fn import(store: &Store, shared: &SharedBuild) -> io::Result<bool> {
    let path = form::path(store, &shared.build);
    let mut manifest = shared.manifest.clone();
    // A time in the future would keep all others away.
    manifest.header.time_ms = manifest.header.time_ms.min(clock::now_ms());
    manifest.header.is_from_remote = true;
    let is_younger = |there: Manifest| there.header.time_ms >= manifest.header.time_ms;
    if Manifest::read(&path).is_some_and(is_younger) {
        return Ok(false);
    }
    manifest.write(&path, store).map(|()| true)
}
