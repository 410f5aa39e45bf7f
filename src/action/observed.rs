//! From what was seen of a compile to its inputs: a table of rules, each with its reason, applied in order. What no
//! rule leaves out is an input: a file by content, a directory that was listed by its sorted names, a path that was
//! looked up without success by its absence, anything else by its kind. Of names that were looked for on `PATH` it
//! counts which file they stand for.
//!
//! | left out | because |
//! |---|---|
//! | `Output` | what this run makes: its outputs and their temporary names |
//! | `Toolchain` | what the identity of the compiler covers and nothing else ([`Covered`]), the way to it, names that the loader looks for in vain beside its libraries, and how rustup chose it |
//! | `Machine` | `/proc`, `/sys`, devices, pipes of make: the state of a machine in one moment, and randomness |
//! | `Session` | index of the loader, locale, time zone: how a program speaks to a person, not what it makes. The libraries for every program (`/etc/ld.so.preload`) are part of the compiler's identity |
//! | `Extern` | the unit key has its content |
//! | `Argument` | a file of arguments: the unit key has them one by one |
//! | `Closure` | crates in the directories of `-L dependency=` that are only compiled against: the metadata of the externs names them by hash. A link reads their code, so there they are inputs; libraries of procedural macros always are |
//! | `Candidate` | crates in those directories that were opened for their names and turned down (`key::candidates`) |
//! | `Search` | the names in the directories of `-L dependency=`, where cargo puts all outputs: rustc opens what it takes. In other directories of `-L` they are inputs |
//! | `Loader` | where the loader looks for the libraries of programs before it finds them |
//! | `Runtime` | the C library and its like, which all programs run on: nothing that is not linked depends on them |
//! | `Ancestor` | that the directories above a root or the incremental directory are there, and those for temporary files with the directories above them |
//!
//! `/etc/passwd`, `/etc/hosts` and the like are inputs if they are read: few programs read them, and those may write a
//! name from them into an output.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::sys::fs::{self, Identity};
use crate::sys::observe::{Access, Observation, PathState};
use crate::sys::{defence, os};

/// What the identity of a compiler stands for. All paths are without symbolic links, as far as they lead to something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// Files by their content, as far as they are not in one of the directories.
    pub files: Vec<PathBuf>,
    /// Directories with everything in them. They may be absent.
    pub directories: Vec<PathBuf>,
    /// Paths of which only counts whether they are there.
    pub presence: Vec<PathBuf>,
}

/// What rules know of the compile. All paths are absolute and without symbolic links.
#[derive(Clone, Debug, Default)]
pub struct ObservationContext {
    pub outputs: Vec<PathBuf>,
    /// Where outputs go, and what the names of this unit's own files there begin with.
    pub out_dir: PathBuf,
    pub stems: Vec<String>,
    /// Directories that were empty when the action began, so that all in them is its own; and the cache itself.
    pub own_dirs: Vec<PathBuf>,
    /// The incremental directory of the compile, which was empty as well. What leads to it is no input.
    pub incremental: Option<PathBuf>,
    /// Object code of other crates goes into an output.
    pub linked: bool,
    pub compiler: PathBuf,
    pub sysroot: PathBuf,
    /// What the identity of the compiler stands for.
    pub covered: Covered,
    /// Where rustup keeps toolchains and settings.
    pub rustup: Option<PathBuf>,
    /// Pipes by which make, and who speaks its protocol, hand out how much may run at once.
    pub jobservers: Vec<PathBuf>,
    /// Files of arguments, which were read before the unit key was made.
    pub arguments: Vec<PathBuf>,
    pub externs: Vec<PathBuf>,
    /// Directories in which sources may find crates by their names.
    pub crate_dirs: Vec<PathBuf>,
    /// Those that hold the outputs of units. There may be one for each unit, and each access is looked up in them.
    pub dependency_dirs: HashSet<PathBuf>,
    /// What rustc opened there and did not take (`key::candidates`).
    pub turned_down: Vec<PathBuf>,
    /// Where the loader looks before it looks in those of the system: `LD_LIBRARY_PATH`.
    pub loader_dirs: Vec<PathBuf>,
    /// `OUT_DIR`: everything in it was made for this package.
    pub generated: Option<PathBuf>,
    /// Workspace, package, build directory: a file that appears there is a result of the build.
    pub build_dirs: Vec<PathBuf>,
    /// All roots.
    pub roots: Vec<PathBuf>,
    /// Directories for temporary files, as they are spelled and without links.
    pub temporary: Vec<PathBuf>,
    /// The directories of `PATH`, as they are spelled there.
    pub path: Vec<PathBuf>,
}

/// What a compile depends on, beyond what its unit key says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedInputs {
    /// By content, and the state in which it was read.
    pub read: Vec<(PathBuf, Identity)>,
    /// By the names in it, and the state in which it was listed.
    pub listed: Vec<(PathBuf, Identity)>,
    pub absent: Vec<PathBuf>,
    /// Names that were looked for on `PATH`: which file each stands for.
    pub programs: Vec<String>,
    /// Which of `read` were started.
    pub started: Vec<PathBuf>,
    pub kinds: Vec<(PathBuf, Kind)>,
    /// What the run wrote to besides its outputs, and what was there before. A hit does not write it, so nothing may be
    /// left of it.
    pub written: Vec<(PathBuf, PathState)>,
}

/// What is at a path that was asked for and not read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Absent,
    File,
    Directory,
    Link(PathBuf),
    Other,
}

/// Why an access is no input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    Output,
    Machine,
    Session,
    Toolchain,
    Extern,
    Argument,
    Closure,
    Candidate,
    Search,
    Loader,
    Runtime,
    Ancestor,
}

type Rule = (LeftOut, fn(&ObservationContext, &Access) -> bool);

/// The rules, in order.
const RULES: &[Rule] = &[
    (LeftOut::Output, is_output),
    (LeftOut::Toolchain, is_toolchain),
    (LeftOut::Machine, is_machine),
    (LeftOut::Session, is_session),
    (LeftOut::Extern, |setting, access| setting.externs.contains(&access.real)),
    (LeftOut::Argument, |setting, access| setting.arguments.contains(&access.real)),
    (LeftOut::Closure, is_closure),
    (LeftOut::Candidate, |setting, access| setting.turned_down.contains(&access.real)),
    (LeftOut::Search, is_search),
    (LeftOut::Loader, is_loader),
    (LeftOut::Runtime, is_runtime),
    (LeftOut::Ancestor, is_ancestor),
];

const MACHINE: &[&str] = &["/proc", "/sys", "/run/systemd"];

const DEVICES: &str = "/dev";
const RAMDISK: &str = "/dev/shm";

const SESSION: &[&str] = &[
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/locale.alias",
    "/etc/localtime",
    "/etc/malloc.conf",
    "/etc/timezone",
    "/usr/lib/locale",
    "/usr/lib/charset.alias",
    "/usr/share/locale",
    "/usr/share/locale-langpack",
];

/// Directories in a library directory that the loader tries for each processor.
const PROCESSOR_DIRS: &[&str] =
    &["glibc-hwcaps", "tls", "haswell", "avx512_1", "xeon_phi", "x86_64", "atomics", "aarch64"];

const SYSTEM_LIBRARIES: &[&str] =
    &["/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib"];

/// Libraries of the C library and the compilers' own, by name without version.
const RUNTIME: &[&str] = &[
    "ld-linux-x86-64",
    "ld-linux-aarch64",
    "ld-musl-x86_64",
    "ld-musl-aarch64",
    "libc",
    "libdl",
    "libgcc_s",
    "libm",
    "libmvec",
    "libpthread",
    "librt",
    "libstdc++",
    "libutil",
    "libz",
];

fn is_below(path: &Path, directories: &[&str]) -> bool {
    directories.iter().any(|directory| is_in(path, directory))
}

/// Whether `path` is `place` or in it. Both are without empty and `.` parts, so their bytes tell.
fn is_in(path: &Path, place: impl AsRef<Path>) -> bool {
    let place = os::bytes(place.as_ref());
    let rest = os::bytes(path).strip_prefix(place.strip_suffix(b"/").unwrap_or(place));
    !place.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

fn is_machine(setting: &ObservationContext, access: &Access) -> bool {
    // A pipe between the observed programs has no path.
    let is_unnamed = access.found == PathState::Other && !access.real.is_absolute();
    is_unnamed
        || setting.jobservers.contains(&access.real)
        || is_below(&access.real, MACHINE)
        || is_device(access) && !is_in_project(setting, &access.real)
}

/// A ramdisk is below `/dev` too, but files on it are ordinary files.
fn is_device(access: &Access) -> bool {
    let is_on_ramdisk = defence::stands("a-ramdisk-is-no-device")
        && is_in(&access.real, RAMDISK)
        && access.real != Path::new(RAMDISK);
    is_in(&access.real, DEVICES) && !matches!(access.found, PathState::File(_)) && !is_on_ramdisk
}

/// Whether `path` is in a directory of the build. One that contains all devices says nothing: in a container, the
/// workspace may be `/`.
fn is_in_project(setting: &ObservationContext, path: &Path) -> bool {
    let places = setting.build_dirs.iter().chain(&setting.roots);
    places.filter(|place| !is_in(Path::new(DEVICES), place)).any(|place| is_in(path, place))
}

/// An output, or a temporary file of this unit in the directory of its outputs.
fn is_output(setting: &ObservationContext, access: &Access) -> bool {
    setting.outputs.contains(&access.real)
        || is_in_own_dir(setting, access)
        || access.real.parent() == Some(&setting.out_dir)
            && is_own_name(&setting.stems, &access.real)
            && !setting.externs.contains(&access.real)
}

fn is_in_own_dir(setting: &ObservationContext, access: &Access) -> bool {
    setting.own_dirs.iter().chain(&setting.incremental).any(|dir| is_in(&access.real, dir))
}

/// Whether the file name is one of these stems, or continues one with a dot. Any longer name is another unit's.
pub fn is_own_name(stems: &[String], path: &Path) -> bool {
    let name = path.file_name().map_or(&[][..], os::bytes);
    let rests = stems.iter().filter_map(|stem| name.strip_prefix(stem.as_bytes()));
    rests.into_iter().any(|rest| {
        rest.is_empty() || rest.starts_with(b".") || !defence::stands("longer-names-are-other-units")
    })
}

fn is_session(_: &ObservationContext, access: &Access) -> bool {
    is_below(&access.real, SESSION)
        || is_below(&access.path, SESSION)
        || is_in(&access.real, "/usr") && access.real.components().any(|part| part.as_os_str() == "gconv")
}

fn is_toolchain(setting: &ObservationContext, access: &Access) -> bool {
    let (real, covered) = (&access.real, &setting.covered);
    if *real == setting.compiler || chooses_toolchain(setting, access) {
        return true;
    }
    if covered.files.contains(real) || covered.directories.iter().any(|dir| is_in(real, dir)) {
        return true;
    }
    let is_asked_for = !matches!(access.found, PathState::File(_)) && !access.uses.listed;
    let is_only_looked_for = !access.uses.read && !access.uses.listed;
    if covered.presence.contains(real) && is_only_looked_for {
        return true;
    }
    if is_asked_for && covered.directories.iter().chain(&covered.presence).any(|path| is_in(path, real)) {
        return true;
    }
    let Ok(below) = real.strip_prefix(&setting.sysroot) else { return false };
    // A distribution's sysroot is `/usr`, where much else is.
    if setting.sysroot.as_os_str().is_empty() || setting.sysroot == Path::new("/usr") {
        return false;
    }
    let name = below.file_name().map_or(&[][..], os::bytes);
    let is_searched = below.starts_with("bin")
        || below.parent() == Some(Path::new("lib")) && (is_shared_library(name) || is_processor_dir(name));
    // Where the same toolchain is installed makes no difference.
    let is_one_of_its_directories = ["bin", "lib", "lib64"].iter().any(|dir| below == Path::new(dir));
    is_asked_for && is_one_of_its_directories || access.found == PathState::Absent && is_searched
}

/// What rustup looks at to choose a toolchain. The content of others is not that.
fn chooses_toolchain(setting: &ObservationContext, access: &Access) -> bool {
    let Some(rustup) = &setting.rustup else { return false };
    let is_sysroot = !setting.sysroot.as_os_str().is_empty() && is_in(&access.real, &setting.sysroot);
    let is_asked_for = !matches!(access.found, PathState::File(_)) && !access.uses.listed;
    is_in(&access.real, rustup)
        && !is_sysroot
        && (is_asked_for || access.real.parent() == Some(rustup) || access.real == *rustup)
}

fn is_closure(setting: &ObservationContext, access: &Access) -> bool {
    if setting.linked {
        return false;
    }
    let is_dependency = is_in_dependency_dir(setting, &access.real, &["rlib", "rmeta"]);
    // In a directory of crates, `extern crate` finds one by its name.
    let is_found_by_name = setting.crate_dirs.iter().any(|dir| access.real.parent() == Some(dir));
    if !defence::stands("crates-that-macros-find-by-name") {
        return is_dependency || is_found_by_name;
    }
    is_dependency && !is_found_by_name
}

/// Whether it is a file with one of these suffixes among the outputs of all units.
pub fn is_in_dependency_dir(setting: &ObservationContext, real: &Path, suffixes: &[&str]) -> bool {
    let has_suffix = real.extension().is_some_and(|suffix| suffixes.iter().any(|it| suffix == *it));
    has_suffix && real.parent().is_some_and(|parent| setting.dependency_dirs.contains(parent))
}

pub fn stem(path: &Path) -> &[u8] {
    path.file_stem().map_or(&[], os::bytes)
}

fn is_search(setting: &ObservationContext, access: &Access) -> bool {
    matches!(access.found, PathState::Directory(_))
        && (is_dependency_dir(setting, &access.real)
            || !defence::stands("names-in-searched-directories") && setting.crate_dirs.contains(&access.real))
        && setting.generated.as_ref() != Some(&access.real)
}

fn is_dependency_dir(setting: &ObservationContext, directory: &Path) -> bool {
    setting.out_dir == directory || setting.dependency_dirs.contains(directory)
}

fn is_loader(setting: &ObservationContext, access: &Access) -> bool {
    let name = access.real.file_name().map_or(&[][..], os::bytes);
    let Some(directory) = access.real.parent().filter(|_| access.found == PathState::Absent) else {
        return false;
    };
    // Cargo puts the directory of all outputs where the loader looks first. Of the others in `-L` the linker takes what
    // appears there.
    let is_of_outputs = is_dependency_dir(setting, directory);
    if is_of_outputs && is_shared_library(name) {
        return true;
    }
    is_processor_dir(name)
        && (!defence::stands("processor-names-in-other-directories")
            || is_of_outputs
            || setting.loader_dirs.iter().any(|dir| dir == directory)
            || is_below(directory, SYSTEM_LIBRARIES))
}

fn is_shared_library(name: &[u8]) -> bool {
    name.starts_with(b"lib") && memchr::memmem::find(name, b".so").is_some()
}

fn is_processor_dir(name: &[u8]) -> bool {
    PROCESSOR_DIRS.iter().any(|dir| name == dir.as_bytes())
}

fn is_runtime(setting: &ObservationContext, access: &Access) -> bool {
    let Some(name) = access.path.file_name().and_then(|name| name.to_str()) else { return false };
    let is_system = is_below(&access.real, SYSTEM_LIBRARIES);
    let stem = name.split_once(".so").map_or("", |(stem, _)| stem);
    !setting.linked && is_system && RUNTIME.contains(&stem)
}

fn is_ancestor(setting: &ObservationContext, access: &Access) -> bool {
    let is_only_there = !access.uses.listed && !access.uses.read;
    let is_directory = matches!(access.found, PathState::Directory(_) | PathState::Link(_));
    is_only_there && is_directory && leads_to_root(setting, access)
}

/// Whether a root, or the sysroot, the output or incremental directory or one for temporary files, is at this path or
/// below it.
fn leads_to_root(setting: &ObservationContext, access: &Access) -> bool {
    let others =
        setting.temporary.iter().chain([&setting.sysroot, &setting.out_dir]).chain(&setting.incremental);
    let mut roots = setting.roots.iter().chain(others);
    roots.any(|root| is_in(root, &access.real) || is_in(root, &access.path))
}

/// Why an access is no input; `None` where it is one.
pub fn left_out(setting: &ObservationContext, access: &Access) -> Option<LeftOut> {
    RULES.iter().find(|(_, applies)| applies(setting, access)).map(|(why, _)| *why)
}

/// What the compile depends on.
///
/// # Errors
/// Something was done that cannot be an input; says what.
pub fn observed_inputs(
    setting: &ObservationContext,
    observation: &Observation,
) -> Result<ObservedInputs, String> {
    if let Some(why) =
        observation.incomplete.as_ref().filter(|_| defence::stands("incomplete-observations-are-refused"))
    {
        return Err(why.clone());
    }
    let mut found = ObservedInputs::default();
    for access in &observation.accesses {
        // Temporary files of this unit count too: a map or a trace of the linker has a name like theirs, and stays.
        if access.uses.written && !may_be_written(setting, access) {
            found.written.push((access.real.clone(), access.found.clone()));
        }
        if access.uses.depends() && left_out(setting, access).is_none() {
            let program = program(setting, access);
            if program.is_none() || access.found != PathState::Absent {
                add(access, &mut found)?;
            }
            found.programs.extend(program);
        }
    }
    found.settle();
    Ok(found)
}

/// Whether writing there is expected: it is an output, a device or pipe, or a measurement.
fn may_be_written(setting: &ObservationContext, access: &Access) -> bool {
    setting.outputs.contains(&access.real)
        || is_in_own_dir(setting, access)
        || defence::stands("pipes-of-make-are-no-outputs") && is_machine(setting, access)
        || is_measurement(&access.real)
}

/// The names of all libraries that the loader of some program, or a linker, looked for. Procedural macros are loaded by
/// their paths.
pub fn libraries(setting: &ObservationContext, observation: &Observation) -> Vec<String> {
    let mut names = Vec::new();
    for access in &observation.accesses {
        let directory = access.path.parent().unwrap_or(&access.path);
        let is_taken = access.uses.read || access.found == PathState::Absent;
        if let Some(name) = access.path.file_name().and_then(|name| name.to_str())
            && is_taken
            && is_shared_library(name.as_bytes())
            && !is_dependency_dir(setting, directory)
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    names.dedup();
    names
}

/// A part of the compiler that was not taken from its sysroot. The identity of the compiler says nothing of it.
pub fn foreign_part<'o>(setting: &ObservationContext, observation: &'o Observation) -> Option<&'o Path> {
    let mut accesses = observation.accesses.iter();
    let foreign = accesses.find(|access| is_compiler_part(access) && !is_from_sysroot(setting, access))?;
    Some(&foreign.path)
}

/// Whether a library of the compiler or of std was loaded.
fn is_compiler_part(access: &Access) -> bool {
    let name = access.path.file_name().map_or(&[][..], os::bytes);
    let is_named_so = name.starts_with(b"librustc_driver") || name.starts_with(b"libstd-");
    let is_loaded = access.uses.read && matches!(access.found, PathState::File(_));
    is_loaded && is_named_so && is_shared_library(name)
}

/// Whether a library is in the sysroot or linked from there, or is an output of the build.
fn is_from_sysroot(setting: &ObservationContext, access: &Access) -> bool {
    if is_in(&access.real, &setting.sysroot)
        || is_in(&access.path, &setting.sysroot)
        || access.real.parent().is_some_and(|dir| is_dependency_dir(setting, dir))
    {
        return true;
    }
    let name = access.path.file_name().unwrap_or_default();
    fs::canonical(&setting.sysroot.join("lib").join(name)).ok().as_ref() == Some(&access.real)
}

impl ObservedInputs {
    /// Whether something in a directory for temporary files is an input, beside the places of a build in there.
    pub fn is_in_temporary(&self, setting: &ObservationContext) -> bool {
        let named = self.read.iter().chain(&self.listed).map(|(path, _)| path).chain(&self.absent);
        let mut named = named.chain(self.kinds.iter().map(|(path, _)| path));
        named.any(|path| {
            let mut holding = setting.temporary.iter().filter(|dir| is_in(path, dir));
            holding.any(|dir| !is_of_build(setting, path, dir))
        })
    }

    /// Libraries that programs which were started may have loaded. Those that all programs run on are not among them.
    pub fn loaded<'d>(&'d self, setting: &ObservationContext) -> impl Iterator<Item = &'d Path> {
        self.read.iter().map(|(path, _)| path.as_path()).filter(move |path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let stem = name.split_once(".so").map_or("", |(stem, _)| stem);
            is_shared_library(name.as_bytes())
                && !RUNTIME.contains(&stem)
                && !path.parent().is_some_and(|dir| is_dependency_dir(setting, dir))
        })
    }
}

/// Whether a path in the directory `temporary` belongs to a place of the build there, or to a directory above one.
fn is_of_build(setting: &ObservationContext, path: &Path, temporary: &Path) -> bool {
    let directory = path.parent().unwrap_or(path);
    let directories = setting.build_dirs.iter().chain(&setting.roots).chain([&setting.sysroot]);
    let mut inside = directories.filter(|place| *place != temporary && is_in(place, temporary));
    inside.any(|place| is_in(path, place) || directory != temporary && is_in(place, directory))
}

/// Counters that an instrumented macro leaves behind: about this run, not for anybody else.
fn is_measurement(path: &Path) -> bool {
    path.extension().is_some_and(|suffix| suffix == "profraw" || suffix == "gcda")
}

/// The name that was looked for on `PATH`. Another directory may stand first there one day, so it is not the vain
/// looks that count but where the search ends. What is found there is an input besides.
fn program(setting: &ObservationContext, access: &Access) -> Option<String> {
    let is_looked_for = match access.found {
        PathState::Absent => !access.uses.written,
        PathState::File(_) => access.uses.executed || access.uses.probed,
        _ => false,
    };
    let directory = access.path.parent().filter(|_| is_looked_for)?;
    let is_on_path = setting.path.iter().any(|dir| dir == directory);
    access.path.file_name().and_then(|name| name.to_str()).filter(|_| is_on_path).map(str::to_owned)
}

fn add(access: &Access, found: &mut ObservedInputs) -> Result<(), String> {
    let (uses, name) = (access.uses, name(access));
    match &access.found {
        PathState::Unknown(why) => return Err(format!("{}: {why}", access.path.display())),
        PathState::Absent => found.absent.push(name),
        PathState::File(identity) if uses.read || uses.executed || uses.probed => {
            found.started.extend(uses.executed.then(|| name.clone()));
            found.read.push((name, *identity));
        }
        PathState::File(_) => found.kinds.push((name, Kind::File)),
        PathState::Directory(identity) if uses.listed => found.listed.push((name, *identity)),
        PathState::Directory(_) => found.kinds.push((name, Kind::Directory)),
        PathState::Link(target) => {
            if defence::stands("where-a-link-leads") {
                found.kinds.push((name, Kind::Link(target.clone())));
            }
        }
        PathState::Other if uses.read && defence::stands("what-a-pipe-said") => {
            return Err(format!("{}: a pipe or a socket, whose content is gone", access.path.display()));
        }
        PathState::Other => found.kinds.push((name, Kind::Other)),
    }
    Ok(())
}

/// What the input is called: as it was spelled, so that a link that leads elsewhere one day is noticed. Without links
/// where the spelling is that of a process, or where it is only about being there.
fn name(access: &Access) -> PathBuf {
    let is_content = matches!(access.found, PathState::File(_));
    let goes_up = access.path.components().any(|part| part.as_os_str() == "..");
    if access.path.starts_with("/proc") || goes_up && !is_content {
        access.real.clone()
    } else {
        access.path.clone()
    }
}

impl ObservedInputs {
    /// In an order that does not depend on the order of events; each path once, and nothing that another input
    /// implies.
    fn settle(&mut self) {
        self.read.sort_by(|a, b| a.0.cmp(&b.0));
        self.read.dedup_by(|a, b| a.0 == b.0);
        self.listed.sort_by(|a, b| a.0.cmp(&b.0));
        self.listed.dedup_by(|a, b| a.0 == b.0);
        self.kinds.sort();
        self.kinds.dedup();
        self.absent.sort();
        self.absent.dedup();
        self.programs.sort();
        self.programs.dedup();
        self.started.sort();
        self.started.dedup();
        self.written.sort_by(|a, b| a.0.cmp(&b.0));
        self.written.dedup();
        let ObservedInputs { read, listed, kinds, .. } = self;
        let mut there: Vec<&Path> =
            read.iter().chain(listed.iter()).map(|(path, _)| path.as_path()).collect();
        there.sort_unstable();
        // That a file was read implies that it is there, and each directory above it.
        kinds.retain(|(path, kind)| match kind {
            Kind::File => !read.iter().any(|(read, _)| read == path),
            Kind::Directory => {
                let first = there.partition_point(|other| *other < path.as_path());
                !there.get(first).is_some_and(|other| other.starts_with(path))
            }
            Kind::Absent | Kind::Link(_) | Kind::Other => true,
        });
    }
}

#[cfg(test)]
mod tests;
