//! The part of the unit key that only linked outputs have: crates of the whole closure, the linker, native files.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::{io, iter};

use crate::action::input_kinds::InputKind;
use crate::action::inputs::KeyInputs;
use crate::action::portable::{Portable, Root};
use crate::action::snapshot::InputSnapshot;
use crate::action::variables;
use crate::digest::Hasher;
use crate::invocation::{Invocation, Role, SearchKind};
use crate::key::closure::CrateClosure;
use crate::key::context::KeyContext;
use crate::key::linker::{self, LinkArgument};
use crate::outcome::{Bypass, BypassReason};
use crate::sys::fs::Identity;
use crate::sys::{defence, fs, os};

/// Adds what a link of this unit reads.
pub fn add(
    context: &KeyContext<'_>,
    closure: &CrateClosure,
    inputs: &mut KeyInputs,
    watch: &mut InputSnapshot,
) -> Result<(), BypassReason> {
    add_closure(context, closure, inputs, watch)?;
    if context.outputs.iter().any(|output| output.role.is_linked()) {
        add_linker(context, closure, inputs, watch)?;
    }
    Ok(())
}

/// Whether object code of other crates goes into an output.
pub fn reads_closure(role: Role) -> bool {
    role.is_linked() || role == Role::Staticlib
}

/// Every file that rustc could take for a crate of the closure: all that have its name in a searched directory.
fn add_closure(
    context: &KeyContext<'_>,
    closure: &CrateClosure,
    inputs: &mut KeyInputs,
    watch: &mut InputSnapshot,
) -> Result<(), BypassReason> {
    let dirs = context.search_dirs(&[SearchKind::Dependency, SearchKind::Crate, SearchKind::All]);
    // With a directory for each unit, looking for each crate in each of them would be quadratic.
    let listed: Option<Vec<_>> =
        (dirs.len() > 1).then(|| dirs.iter().map(|dir| file_names_in(dir)).collect());
    for reached in closure.crates.iter().filter(|reached| reached.procedural_macro.is_none()) {
        let stem = os::from_bytes(reached.stem.as_bytes());
        let stem = stem.ok_or_else(|| BypassReason::new(Bypass::UnknownExtern, reached.stem.to_string()))?;
        let mut n_found = 0;
        for (index, dir) in dirs.iter().enumerate() {
            for suffix in [".rlib", ".so", ".dylib", ".dll"] {
                let mut name = stem.clone();
                name.push(suffix);
                if listed.as_ref().is_some_and(|listed| !listed[index].contains(&name)) {
                    continue;
                }
                let path = dir.join(name);
                let Ok((known, identity)) = context.memo.digest(&path) else { continue };
                inputs.digest(InputKind::LinkedCrate, reached.stem.clone(), known.digest);
                watch.add(path, identity);
                n_found += 1;
            }
        }
        if n_found == 0 && !is_extern(context.invocation, &stem) {
            return Err(BypassReason::new(Bypass::UnknownExtern, reached.stem.to_string()));
        }
    }
    Ok(())
}

fn file_names_in(dir: &Path) -> HashSet<OsString> {
    let listed = fs::list(dir).unwrap_or_default();
    listed.iter().filter_map(|path| path.file_name().map(OsStr::to_os_string)).collect()
}

/// Whether the file of an extern has this stem.
fn is_extern(invocation: &Invocation, stem: &OsStr) -> bool {
    let mut paths = invocation.externs.iter().filter_map(|this| this.path.as_deref());
    paths.any(|path| path.file_stem() == Some(stem))
}

/// Native libraries in directories that are searched. They count even unnamed: an attribute in any crate of the closure
/// may ask for them, and one in the crate itself has the compiler put a static library into its archive.
pub fn add_unnamed_libraries(
    context: &KeyContext<'_>,
    inputs: &mut KeyInputs,
    watch: &mut InputSnapshot,
) -> Result<(), BypassReason> {
    let dirs = context.search_dirs(&[SearchKind::Native, SearchKind::All]);
    dirs.iter().for_each(|dir| add_libraries_in(dir, &dirs, context, inputs, watch));
    Ok(())
}

/// All native libraries in one of the directories `dirs`. Elsewhere than in the project there may be many and large
/// ones, so their state stands for their content.
fn add_libraries_in(
    dir: &Path,
    dirs: &[PathBuf],
    context: &KeyContext<'_>,
    inputs: &mut KeyInputs,
    watch: &mut InputSnapshot,
) {
    let place = context.portable(os::bytes(dir));
    let is_near = place.is_under(Root::Target) || place.is_under(Root::Workspace);
    let mut states = Hasher::new();
    for path in fs::list(dir).unwrap_or_default() {
        let suffix = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        if !["a", "lib", "so", "dylib"].contains(&suffix) {
            continue;
        }
        if !is_near {
            sent_to(&path, dirs).into_iter().for_each(|path| add_state(path, &mut states, watch));
            add_state(path, &mut states, watch);
        } else if let Ok((known, identity)) = context.memo.digest(&path) {
            inputs.digest(InputKind::LinkFile, context.portable(os::bytes(&path)), known.digest);
            watch.add(path, identity);
        }
    }
    if !is_near {
        inputs.digest(InputKind::LinkFile, place, states.finish());
    }
}

fn add_state(path: PathBuf, states: &mut Hasher, watch: &mut InputSnapshot) {
    let Ok(identity) = Identity::at(&path) else { return };
    states.field(os::bytes(&path));
    states.field(&identity.size.to_le_bytes());
    states.field(&identity.modified_ns.to_le_bytes());
    watch.add(path, identity);
}

/// Files that the linker is sent to by a library that is a script.
fn sent_to(library: &Path, dirs: &[PathBuf]) -> Vec<PathBuf> {
    const LARGEST_SCRIPT_BYTES: u64 = 4096;
    let may_be_script = fs::metadata(library)
        .is_ok_and(|metadata| metadata.is_file() && (1..=LARGEST_SCRIPT_BYTES).contains(&metadata.len()));
    if !may_be_script || is_object(library).unwrap_or(true) {
        return Vec::new();
    }
    let named = fs::read(library).ok().and_then(|script| linker::named_by(&script)).unwrap_or_default();
    let files = named.iter().filter(|name| !name.starts_with("-l"));
    files.flat_map(|name| dirs.iter().map(move |dir| dir.join(name))).collect()
}

fn add_linker(
    context: &KeyContext<'_>,
    closure: &CrateClosure,
    inputs: &mut KeyInputs,
    watch: &mut InputSnapshot,
) -> Result<(), BypassReason> {
    let mut flavour = None;
    let mut names: Vec<String> = Vec::new();
    let mut files = Vec::new();
    let dirs = context.search_dirs(&[SearchKind::Native, SearchKind::All]);
    let n_of_compiler = dirs.len();
    let mut link = LinkFiles { context, dirs, inputs, watch };
    for argument in &arguments(context.invocation) {
        match linker::classify(argument)? {
            LinkArgument::Plain => {}
            LinkArgument::File(name) => files.push(name),
            LinkArgument::Library(name) => names.push(name),
            LinkArgument::SearchDir(dir) => link.dirs.push(context.build_dirs.cwd.join(dir)),
            LinkArgument::Flavour(name) => flavour = Some(name),
        }
    }
    for name in files {
        link.add_file(&name)?;
    }
    if let Some(driver) = driver(context)? {
        let linker = linker::identify(
            &driver,
            flavour.as_deref(),
            &context.build_dirs.cwd,
            context.env,
            context.machine_dir,
        )?;
        link.inputs.digest(InputKind::Linker, Portable::literal("linker"), linker.digest);
        if defence::stands("variables-that-linkers-name") {
            add_variables_of(&linker.names, context, link.inputs);
        }
        link.dirs.extend(linker.library_dirs);
    }
    // An attribute may ask for any library there, and no argument tells which.
    for dir in link.dirs[n_of_compiler..]
        .iter()
        .filter(|_| defence::stands("libraries-in-directories-of-the-linker"))
    {
        add_libraries_in(dir, &link.dirs, context, link.inputs, link.watch);
    }
    names.extend(asked_libraries(context.invocation, closure)?);
    names.sort();
    names.dedup();
    let mut done = Vec::new();
    names.into_iter().try_for_each(|name| link.add_library(&name, &mut done))
}

/// Variables whose names appear in the programs that link.
fn add_variables_of(names: &str, context: &KeyContext<'_>, inputs: &mut KeyInputs) {
    for name in variables::read_among(context.env, names) {
        inputs.variable(InputKind::AskedVariable, Portable::literal(name), context.asked(name).as_ref());
    }
}

/// The linker driver, or `None` where the toolchain's own linker does it alone.
fn driver(context: &KeyContext<'_>) -> Result<Option<OsString>, BypassReason> {
    let given = codegen_value(context.invocation, "linker");
    let triple = context.triple();
    let uses_own_linker = match given {
        Some(name) => name == "rust-lld" || name == "lld",
        None => triple.starts_with("wasm32-unknown-unknown"),
    };
    if uses_own_linker {
        return Ok(None);
    }
    if let Some(flavor) = codegen_value(context.invocation, "linker-flavor")
        && !is_driver_flavor(flavor)
    {
        return Err(BypassReason::new(Bypass::Linker, format!("linker flavor {flavor}")));
    }
    match given {
        Some(name) => Ok(Some(name.into())),
        None if triple.contains("-linux-") => Ok(Some("cc".into())),
        None => Err(BypassReason::new(Bypass::Linker, format!("the linker for {triple} is not known"))),
    }
}

/// The value of the last `-C name=value`.
fn codegen_value<'i>(invocation: &'i Invocation, name: &str) -> Option<&'i str> {
    let flags = invocation.flags.iter().filter(|flag| flag.name == "codegen");
    flags.filter_map(|flag| flag.value.to_str()?.strip_prefix(name)?.strip_prefix('=')).next_back()
}

fn is_driver_flavor(flavor: &str) -> bool {
    flavor.starts_with("gnu") && flavor.ends_with("-cc") || flavor == "gcc"
}

/// `-C link-arg` and `-C link-args`, each argument alone.
fn arguments(invocation: &Invocation) -> Vec<OsString> {
    let mut arguments = Vec::new();
    for flag in invocation.flags.iter().filter(|flag| flag.name == "codegen") {
        let value = os::bytes(&flag.value);
        if let Some(one) = value.strip_prefix(b"link-arg=") {
            arguments.extend(os::from_bytes(one));
        } else if let Some(several) = value.strip_prefix(b"link-args=") {
            let words = several.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
            arguments.extend(words.filter_map(os::from_bytes));
        }
    }
    arguments
}

/// Libraries that this unit and its crate closure ask the linker for.
fn asked_libraries(invocation: &Invocation, closure: &CrateClosure) -> Result<Vec<String>, BypassReason> {
    let mut names = Vec::new();
    for library in &invocation.native_libs {
        if !matches!(library.kind.as_deref(), None | Some("dylib" | "static")) {
            return Err(refuse_library(&library.name));
        }
        if let Some(name) = library.linked_name() {
            names.push(name.into_string().map_err(|name| refuse_library(&name))?);
        }
    }
    names
        .extend(closure.crates.iter().flat_map(|reached| &reached.native_libraries).map(Portable::to_string));
    Ok(names)
}

fn refuse_library(name: &OsStr) -> BypassReason {
    BypassReason::new(Bypass::NativeLibrary, name.to_string_lossy())
}

fn refuse_library_file(path: &Path, why: impl Display) -> BypassReason {
    BypassReason::new(Bypass::NativeLibrary, format!("{}: {why}", path.display()))
}

fn refuse_file(name: &OsStr, why: impl Display) -> BypassReason {
    BypassReason::new(Bypass::Linker, format!("{}: {why}", name.to_string_lossy()))
}

/// The files that the linker is told to read, found as it finds them.
struct LinkFiles<'a, 'f> {
    context: &'a KeyContext<'f>,
    /// Where it searches, in order.
    dirs: Vec<PathBuf>,
    inputs: &'a mut KeyInputs,
    watch: &'a mut InputSnapshot,
}

impl LinkFiles<'_, '_> {
    /// Adds the content of one file.
    fn add(&mut self, name: Portable, path: &Path) -> io::Result<()> {
        let (known, identity) = self.context.memo.digest(path)?;
        self.inputs.digest(InputKind::LinkFile, name, known.digest);
        self.watch.add(path.to_owned(), identity);
        Ok(())
    }

    /// Where a file of this name can be: in the working directory, or where the linker searches.
    fn candidates(&self, name: impl AsRef<Path>) -> impl Iterator<Item = PathBuf> {
        iter::once(&self.context.build_dirs.cwd).chain(&self.dirs).map(move |dir| dir.join(name.as_ref()))
    }

    /// A file that a link argument names, and the files that it includes.
    fn add_file(&mut self, name: &OsStr) -> Result<(), BypassReason> {
        let mut waiting = vec![name.to_os_string()];
        let mut done: Vec<PathBuf> = Vec::new();
        while let Some(name) = waiting.pop() {
            let path = self
                .candidates(&name)
                .find(|path| fs::metadata(path).is_ok_and(|metadata| metadata.is_file()))
                .ok_or_else(|| refuse_file(&name, "not found"))?;
            if done.contains(&path) {
                continue;
            }
            if defence::stands("files-that-link-arguments-name") {
                self.add(self.context.portable(os::bytes(&name)), &path)
                    .map_err(|e| refuse_file(&name, e))?;
            }
            let content = fs::read(&path).map_err(|e| refuse_file(&name, e))?;
            if !content.starts_with(b"\x7fELF") && !content.starts_with(b"!<arch>") {
                let included = linker::included_by(&content)
                    .ok_or_else(|| refuse_file(&name, "reads what is not known"))?;
                if defence::stands("files-that-linker-scripts-include") {
                    waiting.extend(included.into_iter().map(OsString::from));
                }
            }
            done.push(path);
        }
        Ok(())
    }

    /// A library by name: its files in the first directory that has any.
    fn add_library(&mut self, name: &str, done: &mut Vec<PathBuf>) -> Result<(), BypassReason> {
        let file_names = match name.strip_prefix(':') {
            Some(verbatim) => vec![verbatim.to_owned()],
            None => vec![format!("lib{name}.so"), format!("lib{name}.a")],
        };
        let found = self.first_with_any(&file_names);
        if found.is_empty() {
            return Err(refuse_library(OsStr::new(name)));
        }
        for (file_name, path) in found {
            self.add_library_file(Portable::literal(file_name), path, done)?;
        }
        Ok(())
    }

    /// The files of these names in the first directory that has any of them.
    fn first_with_any<'n>(&self, file_names: &'n [String]) -> Vec<(&'n str, PathBuf)> {
        for dir in &self.dirs {
            let paths = file_names.iter().map(|file_name| (file_name.as_str(), dir.join(file_name)));
            let found: Vec<_> = paths.filter(|(_, path)| fs::metadata(path).is_ok()).collect();
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    /// A library, and what it sends the linker to if it is a script.
    fn add_library_file(
        &mut self,
        name: Portable,
        path: PathBuf,
        done: &mut Vec<PathBuf>,
    ) -> Result<(), BypassReason> {
        if done.contains(&path) {
            return Ok(());
        }
        if defence::stands("native-libraries-by-name") {
            self.add(name, &path).map_err(|e| refuse_library_file(&path, e))?;
        }
        done.push(path.clone());
        if !defence::stands("scripts-instead-of-libraries")
            || is_object(&path).map_err(|e| refuse_library_file(&path, e))?
        {
            return Ok(());
        }
        let script = fs::read(&path).map_err(|e| refuse_library_file(&path, e))?;
        let names = linker::named_by(&script)
            .ok_or_else(|| refuse_library_file(&path, "a script that is not understood"))?;
        for named in names {
            if let Some(library) = named.strip_prefix("-l") {
                self.add_library(library, done)?;
                continue;
            }
            let beside = path.parent().map(|dir| dir.join(&named));
            let found = self.candidates(&named).chain(beside).find(|path| fs::metadata(path).is_ok());
            let found =
                found.ok_or_else(|| refuse_library_file(&path, format!("{named} is not to be found")))?;
            self.add_library_file(self.context.portable(named.as_bytes()), found, done)?;
        }
        Ok(())
    }
}

/// Whether a file is something else than a text for the linker.
fn is_object(path: &Path) -> io::Result<bool> {
    for magic in [b"\x7fELF", b"!<ar", b"!<th", b"\0asm", b"BC\xc0\xde"] {
        if fs::starts_with(path, magic)? {
            return Ok(true);
        }
    }
    Ok(false)
}
