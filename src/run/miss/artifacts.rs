//! Reads the outputs of a finished compile.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use crate::action::portable::Root;
use crate::invocation::outputs::output_of;
use crate::invocation::{Output, Role};
use crate::key::context::KeyContext;
use crate::key::unit_closure::is_pure;
use crate::key::variable_names;
use crate::outcome::Unstored;
use crate::run::miss::artifact_reader::Reader;
use crate::run::restore::{sharing, sharing_with_times};
use crate::run::{compilation_dir, launcher};
use crate::store::blob::Sharing;
use crate::store::entry::Artifact;
use crate::sys::fs::{self, Identity};

/// The outputs of one compile.
#[derive(Default)]
pub struct Artifacts {
    /// What an entry says of them.
    pub artifacts: Vec<Artifact>,
    /// Where they are, and whether the store may share the file, in the same order.
    pub files: Vec<(PathBuf, Sharing)>,
    /// Roots whose real paths stand in one of them, each once.
    pub roots: Vec<Root>,
    /// What is loaded of a procedural macro with hidden inputs.
    pub library: Option<Vec<u8>>,
    /// Dependents may have the assembler read files.
    pub assembles: bool,
}

/// Reads every output once: for its digest and, if paths `are_mapped`, for the roots that stand in it. Where the directory of
/// a tree is to be written is looked for in a second pass, which reads strings of debug information alone.
///
/// # Errors
/// An output is missing, empty or no regular file, or cannot be read.
pub fn read_artifacts(
    context: &KeyContext<'_>,
    reader: &Reader,
    are_mapped: bool,
) -> Result<Artifacts, Unstored> {
    let mut found = Artifacts::default();
    let outputs = context.outputs.iter().filter(|output| output.role != Role::DepInfo);
    for output in outputs {
        let path = context.build_dirs.cwd.join(&output.path);
        let metadata = match fs::symlink_metadata(&path) {
            Err(_) if output.role.is_side_file() => continue,
            metadata => metadata.map_err(|e| unexpected(&path, e))?,
        };
        if !metadata.is_file() {
            return Err(unexpected(&path, "not a regular file"));
        }
        let mut loaded = (output.role == Role::ProcMacro && !is_pure(context)).then(|| Loaded {
            n_file: metadata.len() as usize,
            n_wanted: None,
            bytes: Vec::new(),
        });
        let reading = match reader.known(&path, &Identity::from_metadata(&metadata)) {
            Some(reading) => Ok(reading),
            None => reader.read(&path, &mut |piece| loaded.iter_mut().for_each(|it| it.add(piece))),
        };
        let reading = reading.map_err(|e| unexpected(&path, e))?;
        if reading.identity.size == 0 && output.role != Role::Metadata {
            return Err(unexpected(&path, "empty"));
        }
        if are_mapped {
            found.roots.extend(&reading.roots);
        }
        found.assembles |= reading.assembles && tells_dependents(context.outputs, output.role);
        found.artifacts.push(Artifact {
            role: output.role,
            blob: reading.digest,
            size_bytes: reading.identity.size,
            executable: fs::is_executable(&metadata),
            directory_at: if are_mapped { directory_at(context, output.role, &path) } else { Vec::new() },
        });
        found.files.push((path, sharing_into_store(context, output.role)));
        found.library = loaded.map(|loaded| loaded.bytes).or(found.library);
    }
    found.roots.sort_unstable();
    found.roots.dedup();
    Ok(found)
}

/// Where the directory of a tree is to be written into an output. What cannot be read so has none.
fn directory_at(context: &KeyContext<'_>, role: Role, path: &Path) -> Vec<u64> {
    if !context.build_dirs.member || !compilation_dir::is_written_into(role, context.invocation) {
        return Vec::new();
    }
    fs::open(path).and_then(|file| compilation_dir::places(&file)).unwrap_or_default()
}

/// How the store may share an output. The metadata of a member is not linked: an incremental compile may leave the file as
/// it is, and cargo then changes its modification time. `cargo check` does so after each compile.
fn sharing_into_store(context: &KeyContext<'_>, role: Role) -> Sharing {
    let has_archive = output_of(context.outputs, Role::Rlib).is_some();
    let is_incremental = context.invocation.incremental.is_some();
    if !context.build_dirs.member && !is_incremental {
        let is_build_script = launcher::is_wanted(context.invocation, context.env);
        match sharing_with_times(role, is_build_script) {
            Sharing::Link if role == Role::Metadata && !has_archive => return Sharing::LinkLater,
            Sharing::Link if role != Role::Rlib => return Sharing::Link,
            _ => {}
        }
    }
    sharing(role, context.outputs.iter().map(|output| output.role))
}

fn unexpected(path: &Path, why: impl Display) -> Unstored {
    Unstored::UnexpectedOutput(format!("{}: {why}", path.display()))
}

/// Whether an output of this role is where dependents find macros, and code that they compile: the metadata, which is
/// also part of the others.
pub fn tells_dependents(outputs: &[Output], role: Role) -> bool {
    let metadata = output_of(outputs, Role::Metadata).map(|output| output.role);
    role.can_be_depended_on() && role != Role::ProcMacro && metadata.is_none_or(|metadata| metadata == role)
}

/// What of a library is loaded, as far as its headers tell.
struct Loaded {
    n_file: usize,
    n_wanted: Option<usize>,
    bytes: Vec<u8>,
}

impl Loaded {
    fn add(&mut self, piece: &[u8]) {
        let n_wanted = *self.n_wanted.get_or_insert_with(|| {
            let n_loaded =
                variable_names::n_loaded(piece).map_or(self.n_file, |n_loaded| n_loaded.min(self.n_file));
            self.bytes.reserve_exact(n_loaded);
            n_loaded
        });
        let n_more = n_wanted.saturating_sub(self.bytes.len()).min(piece.len());
        self.bytes.extend_from_slice(&piece[..n_more]);
    }
}
