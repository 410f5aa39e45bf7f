//! After a compile: what it read and what it made, as something that can be stored. Whatever is in doubt means
//! that nothing is.

use std::ffi::OsStr;
use std::path::PathBuf;

use memchr::memmem;

use crate::action::input_list::InputList;
use crate::action::portable::{Portable, Root, Roots};
use crate::digest::Digest;
use crate::invocation::{Invocation, NativeLib, Output, Role, SearchKind};
use crate::key::closure::{ClosureCrate, CrateClosure, ProceduralMacro};
use crate::key::context::KeyContext;
use crate::key::depinfo::DepInfo;
use crate::key::library_texts;
use crate::key::macros;
use crate::key::unit::Unit;
use crate::outcome::Unstored;
use crate::run::miss::artifact_reader::Reader;
use crate::run::miss::compile::Compiled;
use crate::run::miss::learn::{self, Evidence, Learned};
use crate::run::path_remap::PathRemap;
use crate::run::policy;
use crate::run::restore::sharing;
use crate::run::streams::Streams;
use crate::store::entry::{Artifact, Entry, FORMAT, StoredInputs, UnitName};
use crate::store::put::Put;
use crate::sys::fs::{self, Identity};
use crate::sys::{clock, os};

/// What is needed to understand a finished compile.
pub struct Finished<'a> {
    pub context: &'a KeyContext<'a>,
    pub unit: &'a Unit,
    pub evidence: Evidence<'a>,
    pub streams: &'a Streams<'a>,
    pub compiled: &'a Compiled,
    /// What stands behind this unit, if that is known.
    pub closure: Option<&'a CrateClosure>,
    /// It may know announced outputs already.
    pub reader: &'a Reader,
    /// If it maps paths, outputs without a real root serve every tree.
    pub remap: &'a PathRemap,
}

/// All that is to be stored.
pub fn gather(finished: &Finished<'_>) -> Result<Put, Unstored> {
    let Finished { context, unit, compiled, streams, .. } = finished;
    if let Some(path) = unit.watch.changed() {
        return Err(Unstored::InputChanged(path.display().to_string()));
    }
    if !compiled.is_complete {
        return Err(Unstored::UnexpectedOutput("more was printed than is kept".to_owned()));
    }
    let lines = || compiled.stderr.split_inclusive(|byte| *byte == b'\n');
    if let Some(line) = lines().find(|line| streams.is_foreign_announcement(line)) {
        return Err(Unstored::UnexpectedOutput(String::from_utf8_lossy(line).trim_end().to_owned()));
    }
    if let Some(line) = lines().find(|line| policy::tells_of_panic(line)) {
        return Err(Unstored::UnexpectedOutput(String::from_utf8_lossy(line).trim_end().to_owned()));
    }
    let dep_info = read_dep_info(context)?;
    refuse_crates_found_by_name(context, &dep_info)?;
    let mut found_roots = Vec::new();
    let (artifacts, files, library, assembles) = read_artifacts(finished, &mut found_roots)?;
    bind_to_roots(context, unit, &dep_info, finished.remap, &mut found_roots);
    let learned = learn::learn(context, unit, &finished.evidence, &dep_info, found_roots)?;
    let Learned { list, inputs: read, program_names } = learned;
    let closure =
        finished.closure.map(|closure| with_artifacts(closure.clone(), context, &artifacts, assembles));
    if closure.is_none() && artifacts.iter().any(|artifact| artifact.role.can_be_depended_on()) {
        return Err(Unstored::InputsUnknown("what stands behind the externs".to_owned()));
    }
    let names = library.map(|library| library_texts::words_in(&library));
    let in_doubt = || Unstored::InputsUnknown("the compiler printed a NUL".to_owned());
    let entry = Entry {
        format: FORMAT,
        unit: unit_name(context),
        artifacts,
        dep_info: rules(&dep_info, context.outputs)?,
        checksums: dep_info.checksums,
        stdout: streams.keep(&compiled.stdout).ok_or_else(in_doubt)?,
        stderr: streams.keep(&compiled.stderr).ok_or_else(in_doubt)?,
        closure: closure.as_ref().map(CrateClosure::note).unwrap_or_default(),
        compile_ms: compiled.elapsed.as_millis() as u64,
        created_ms: clock::now_ms(),
    };
    let key = read.key_after(Some(unit.key));
    let inputs = StoredInputs { unit_key: unit.key, unit: unit.inputs.clone(), read, learnt: list.learnt };
    Ok(Put { key, entry, inputs, list, files, closure, names, program_names })
}

fn output_of(outputs: &[Output], role: Role) -> Option<&Output> {
    outputs.iter().find(|output| output.role == role)
}

fn read_dep_info(context: &KeyContext<'_>) -> Result<DepInfo, Unstored> {
    let unknown = |why: String| Unstored::InputsUnknown(why);
    let output = output_of(context.outputs, Role::DepInfo)
        .ok_or_else(|| unknown("no dep-info was asked for".into()))?;
    let path = context.build_dirs.cwd.join(&output.path);
    let bytes = fs::read(&path).map_err(|e| unknown(format!("{}: {e}", path.display())))?;
    let dep_info = DepInfo::parse(&bytes).map_err(|e| unknown(format!("{}: {e}", path.display())))?;
    for (name, value) in &dep_info.variables {
        let name = os::from_bytes(name).ok_or_else(|| unknown("a variable without a name".into()))?;
        if context.env.get(&name).map(os::bytes) != value.as_deref() {
            return Err(unknown(format!("{} was changed by the compiler", name.to_string_lossy())));
        }
    }
    Ok(dep_info)
}

/// `extern crate found;` without an `--extern` makes the compiler look for the crate in the directories of `-L`, and
/// nothing tells which file that was.
fn refuse_crates_found_by_name(context: &KeyContext<'_>, dep_info: &DepInfo) -> Result<(), Unstored> {
    let invocation = context.invocation;
    let searched = invocation
        .search_paths
        .iter()
        .filter(|path| matches!(path.kind, SearchKind::Crate | SearchKind::All))
        .flat_map(|path| fs::list(&context.build_dirs.cwd.join(&path.path)).unwrap_or_default());
    let candidates: Vec<PathBuf> = searched
        .filter(|path| {
            let suffix = path.extension().and_then(OsStr::to_str).unwrap_or_default();
            ["rlib", "rmeta", "so", "dylib", "dll"].contains(&suffix)
        })
        .collect();
    if candidates.is_empty() {
        return Ok(());
    }
    for file in dep_info.files.iter().filter_map(|file| os::path(file)) {
        let source = fs::read(&context.build_dirs.cwd.join(&file)).unwrap_or_default();
        for name in extern_crates(&source).filter(|name| !invocation.externs.iter().any(|e| e.name == *name))
        {
            let is_candidate = |path: &&PathBuf| {
                let stem = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
                stem.strip_prefix("lib").unwrap_or(stem).starts_with(name)
            };
            if let Some(path) = candidates.iter().find(is_candidate) {
                return Err(Unstored::InputsUnknown(format!("{} was found by its name", path.display())));
            }
        }
    }
    Ok(())
}

/// The names in `extern crate name`.
fn extern_crates(source: &[u8]) -> impl Iterator<Item = &str> {
    memmem::find_iter(source, b"extern").filter_map(|at| {
        let rest =
            source[at + b"extern".len()..].trim_ascii_start().strip_prefix(b"crate")?.trim_ascii_start();
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
        std::str::from_utf8(&rest[..length]).ok().filter(|name| !name.is_empty())
    })
}

/// The outputs that dep-info has rules for, in its order.
fn rules(dep_info: &DepInfo, outputs: &[Output]) -> Result<Vec<Role>, Unstored> {
    let role = |target: &Vec<u8>| {
        let output = outputs.iter().find(|output| os::bytes(&output.path) == target.as_slice());
        output
            .map(|output| output.role)
            .ok_or_else(|| Unstored::UnexpectedOutput(String::from_utf8_lossy(target).into_owned()))
    };
    dep_info.targets.iter().map(role).collect()
}

/// With what a procedural macro loads, and whether dependents may have the assembler read files.
type Artifacts = (Vec<Artifact>, Vec<(PathBuf, crate::store::blob::Sharing)>, Option<Vec<u8>>, bool);

/// Reads every output once: for its digest, and for the roots that stand in it. What a procedural macro with hidden
/// inputs loads is handed on.
fn read_artifacts(finished: &Finished<'_>, found: &mut Vec<Root>) -> Result<Artifacts, Unstored> {
    let context = finished.context;
    let (mut artifacts, mut files, mut library, mut assembles) = (Vec::new(), Vec::new(), None, false);
    let outputs = context.outputs.iter().filter(|output| output.role != Role::DepInfo);
    let roles = || context.outputs.iter().map(|output| output.role);
    for output in outputs {
        let path = context.build_dirs.cwd.join(&output.path);
        let unexpected = |why: &str| Unstored::UnexpectedOutput(format!("{}: {why}", path.display()));
        let metadata = match fs::symlink_metadata(&path) {
            Err(_) if output.role.is_side_file() => continue,
            metadata => metadata.map_err(|e| unexpected(&e.to_string()))?,
        };
        if !metadata.is_file() {
            return Err(unexpected("not a regular file"));
        }
        let mut loaded = (output.role == Role::ProcMacro && !is_pure(context)).then(|| Loaded {
            n_file: metadata.len() as usize,
            n_wanted: None,
            bytes: Vec::new(),
        });
        let reading = match finished.reader.known(&path, &Identity::of(&metadata)) {
            Some(reading) => Ok(reading),
            None => finished.reader.read(&path, &mut |piece| loaded.iter_mut().for_each(|it| it.add(piece))),
        };
        let reading = reading.map_err(|e| unexpected(&e.to_string()))?;
        if reading.identity.size == 0 && output.role != Role::Metadata {
            return Err(unexpected("empty"));
        }
        found.extend(reading.roots.iter().filter(|_| finished.remap.maps));
        assembles |= reading.assembles && tells_dependents(context.outputs, output.role);
        artifacts.push(Artifact {
            role: output.role,
            blob: reading.digest,
            size_bytes: reading.identity.size,
            executable: fs::is_executable(&metadata),
        });
        files.push((path, sharing(output.role, roles())));
        library = loaded.map(|loaded| loaded.bytes).or(library);
    }
    found.sort_unstable();
    found.dedup();
    Ok((artifacts, files, library, assembles))
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
                library_texts::n_loaded(piece).map_or(self.n_file, |n_loaded| n_loaded.min(self.n_file));
            self.bytes.reserve_exact(n_loaded);
            n_loaded
        });
        let n_more = n_wanted.saturating_sub(self.bytes.len()).min(piece.len());
        self.bytes.extend_from_slice(&piece[..n_more]);
    }
}

/// Adds the roots that may stand in an output where a search for their bytes cannot see them.
fn bind_to_roots(
    context: &KeyContext<'_>,
    unit: &Unit,
    dep_info: &DepInfo,
    remap: &PathRemap,
    found: &mut Vec<Root>,
) {
    if !remap.maps {
        return;
    }
    let roots = &context.build_dirs.roots;
    let mut bind = |root: Root| {
        if roots.value(root).is_some() && !found.contains(&root) {
            found.push(root);
        }
    };
    remap.bound.iter().copied().for_each(&mut bind);
    // Texts in LLVM bitcode are not on byte boundaries: whatever was read of them counts as kept. A macro can ask for
    // any path without a trace. What is linked is no bitcode any more.
    let makes_bitcode = makes_bitcode(context.invocation);
    let keeps_bitcode = makes_bitcode && context.outputs.iter().any(|output| output.role.is_archive());
    if compresses_debug_sections(context.invocation) || keeps_bitcode && unit.runs_macros {
        Root::ALL.into_iter().for_each(&mut bind);
    }
    for (name, value) in &dep_info.variables {
        let value = roots.tokenize(value.as_deref().unwrap_or_default());
        let mut mentioned = Root::ALL.into_iter().filter(|root| value.mentions(*root)).peekable();
        if mentioned.peek().is_some() && (makes_bitcode || !is_only_included(name, context, dep_info)) {
            mentioned.for_each(&mut bind);
        }
    }
    found.sort_unstable();
}

/// Whether every place in the sources that names the variable does it to include a file. A path that is used in any
/// other way may end up in the output in a form that no search finds. Where no source names it, a macro of another
/// crate does: for `OUT_DIR` to include what was generated there, as is the custom, for others to do anything.
fn is_only_included(name: &[u8], context: &KeyContext<'_>, dep_info: &DepInfo) -> bool {
    let quoted = [b"\"", name, b"\""].concat();
    let mut n_named = 0;
    let is_included = |file: &Vec<u8>| {
        let source = os::path(file).and_then(|file| fs::read(&context.build_dirs.cwd.join(file)).ok());
        source.is_some_and(|source| {
            let mut build_dirs = memmem::find_iter(&source, &quoted).inspect(|_| n_named += 1);
            build_dirs.all(|at| is_inside_include(&source[..at]))
        })
    };
    dep_info.files.iter().all(is_included) && (n_named > 0 || name == b"OUT_DIR")
}

/// Whether `before` ends with `include!(concat!(env!(`, or the same without `concat!`, in any of the three includes.
fn is_inside_include(before: &[u8]) -> bool {
    let Some(before) = strip_call(before, "env") else { return false };
    let before = strip_call(before, "concat").unwrap_or(before);
    ["include", "include_str", "include_bytes"].iter().any(|include| strip_call(before, include).is_some())
}

/// What stands before a call of the macro `name` that `text` ends with.
fn strip_call<'t>(text: &'t [u8], name: &str) -> Option<&'t [u8]> {
    let text = text.trim_ascii_end().strip_suffix(b"(")?.trim_ascii_end().strip_suffix(b"!")?;
    let text = text.strip_suffix(name.as_bytes())?;
    let continues = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
    (!text.last().is_some_and(continues)).then_some(text)
}

/// Of the linker (`-Wl,--compress-debug-sections=zlib`, which may be cut short), of its driver (`-gz`), and of rustc
/// (`-Z debuginfo-compression=zlib`).
fn compresses_debug_sections(invocation: &Invocation) -> bool {
    invocation.flags.iter().any(|flag| is_compression(os::bytes(&flag.value)))
}

fn is_compression(value: &[u8]) -> bool {
    const NAMES: [&[u8]; 2] = [b"-compress-d", b"debuginfo-compression"];
    let mut words = value.split(|byte| b" =,".contains(byte));
    words.any(|word| word == b"-gz") || NAMES.iter().any(|name| memmem::find(value, name).is_some())
}

fn makes_bitcode(invocation: &Invocation) -> bool {
    let on = |name: &str, off: &[&str]| {
        invocation
            .codegen(name)
            .next_back()
            .is_some_and(|value| !value.is_some_and(|value| off.contains(&value)))
    };
    on("linker-plugin-lto", &["n", "no", "off"])
        || on("lto", &["n", "no", "off", "false"])
        || on("embed-bitcode", &["n", "no", "off", "false"])
}

/// What stands behind this unit's artifacts: itself, its externs, and what stands behind them. Known before the
/// compile: dependents start as soon as the metadata is announced. `None` where nothing can depend on this unit.
pub fn reach_of(context: &KeyContext<'_>, externs: &[Digest]) -> Option<CrateClosure> {
    let output = context.outputs.iter().find(|output| output.role.can_be_depended_on())?;
    let libraries = context.invocation.native_libs.iter();
    let own = ClosureCrate {
        stem: Portable::literal(os::bytes(output.path.file_stem()?)),
        procedural_macro: None,
        native_libraries: libraries
            .filter_map(NativeLib::linked_name)
            .map(|name| Portable::literal(os::bytes(&name)))
            .collect(),
        assembles: false,
    };
    let mut closure = CrateClosure { crates: vec![own] };
    // A procedural macro is loaded whole: what it was made from cannot be reached through it.
    if !context.outputs.iter().any(|output| output.role == Role::ProcMacro) {
        for digest in externs {
            closure.extend((context.closure)(digest)?);
        }
    }
    Some(closure)
}

/// The same with what is known when the artifacts are made.
fn with_artifacts(
    mut closure: CrateClosure,
    context: &KeyContext<'_>,
    artifacts: &[Artifact],
    assembles: bool,
) -> CrateClosure {
    closure.set_assembles(assembles);
    let library = artifacts.iter().find(|artifact| artifact.role == Role::ProcMacro);
    if let (Some(artifact), Some(own)) = (library, closure.crates.first_mut()) {
        own.procedural_macro = Some(ProceduralMacro {
            digest: artifact.blob,
            pure: is_pure(context),
            finds_manifest: macros::finds_manifest(&context.invocation.crate_name, is_from_registry(context)),
        });
    }
    closure
}

/// Whether the unit, which is a procedural macro, is known to read nothing on its own.
fn is_pure(context: &KeyContext<'_>) -> bool {
    macros::is_pure(&context.invocation.crate_name, is_from_registry(context))
}

fn is_from_registry(context: &KeyContext<'_>) -> bool {
    let registry =
        context.build_dirs.roots.value(Root::CargoHome).and_then(os::path).map(|home| home.join("registry"));
    registry.is_some_and(|registry| context.invocation.source.starts_with(registry))
}

/// What people call the unit.
pub fn unit_name(context: &KeyContext<'_>) -> UnitName {
    let invocation = context.invocation;
    let variable = |name: &str| {
        context.env.get(name).map(|value| value.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let links = context.outputs.iter().any(|output| output.role.emit_name() == "link");
    let kind = match invocation.crate_types.first() {
        _ if invocation.test => "test",
        Some(crate::invocation::CrateType::Bin) if invocation.crate_name.starts_with("build_script_") => {
            "build-script"
        }
        Some(crate::invocation::CrateType::Bin) => "bin",
        Some(crate::invocation::CrateType::ProcMacro) => "proc-macro",
        _ => "lib",
    };
    UnitName {
        crate_name: invocation.crate_name.clone(),
        package: variable("CARGO_PKG_NAME"),
        version: variable("CARGO_PKG_VERSION"),
        id: invocation.extra_filename.to_string_lossy().into_owned(),
        kind: if links { kind.to_owned() } else { format!("check {kind}") },
        target: if invocation.target.is_some() { context.triple().to_owned() } else { String::new() },
    }
}

/// The dep-info of a hit, as the compiler would have written it here.
pub fn dep_info_of(entry: &Entry, list: &InputList, context: &KeyContext<'_>) -> Option<Vec<u8>> {
    let (roots, outputs): (&Roots, _) = (&context.build_dirs.roots, context.outputs);
    let path = |role: &Role| Some(os::bytes(&output_of(outputs, *role)?.path).to_vec());
    let variable = |name: &Portable| {
        let value = context.env.get(os::from_bytes(name.as_bytes())?);
        Some((name.as_bytes().to_vec(), value.map(|value| os::bytes(value).to_vec())))
    };
    let dep_info = DepInfo {
        targets: entry.dep_info.iter().map(path).collect::<Option<_>>()?,
        files: list.files.iter().map(|file| roots.expand(file)).collect::<Option<_>>()?,
        variables: list.variables.iter().map(variable).collect::<Option<_>>()?,
        checksums: entry.checksums.clone(),
    };
    // Of another list than the entry was made with.
    if dep_info.checksums.iter().any(|(index, _)| *index >= dep_info.files.len()) {
        return None;
    }
    Some(dep_info.write())
}

#[cfg(test)]
mod tests {
    use super::{is_compression, is_inside_include};

    #[test]
    fn a_variable_in_an_include_is_told_from_one_that_is_used() {
        assert!(is_inside_include(b"include!(concat!(env!("));
        assert!(is_inside_include(b"#[doc = include_str!(concat!(\n    env!("));
        assert!(is_inside_include(b"include_bytes!(env!("));
        assert!(is_inside_include(b"std::include!(env!("));
        assert!(!is_inside_include(b"const DIR: &str = env!("));
        assert!(!is_inside_include(b"not_include!(concat!(env!("));
        assert!(!is_inside_include(b"include!(concat!(option_env!("));
        assert!(!is_inside_include(b"const FILE: &str = concat!(env!("));
    }
    #[test]
    fn debug_information_that_is_compressed_is_known_by_every_option() {
        let compresses = [
            "link-arg=-gz",
            "link-args=-s -gz=zlib",
            "link-arg=-Wl,--compress-debug-sections=zstd",
            "link-arg=--compress-debug=zlib",
            "debuginfo-compression=zlib",
        ];
        assert!(compresses.iter().all(|value| is_compression(value.as_bytes())));
        let others = ["link-arg=-g", "link-arg=-Wl,-z,now", "link-arg=a-gz", "debuginfo=2"];
        assert!(!others.iter().any(|value| is_compression(value.as_bytes())));
    }
}
