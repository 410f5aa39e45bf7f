//! Replays a call of a manifest, as a hit that prints nothing.

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use crate::action::cargo_layout::Layout;
use crate::action::portable::{Portable, Root, Roots};
use crate::build_script::places::LaunchedRun;
use crate::build_script::run::PlacedRun;
use crate::build_script::wrapper as build_script;
use crate::config::Config;
use crate::digest::{Digest, Hasher};
use crate::invocation::Role;
use crate::invocation::outputs::{output_of, outputs};
use crate::key::toolchain::Toolchains;
use crate::manifest::form::{PortableCall, SeedUnit};
use crate::outcome::{BypassReason, MissReason};
use crate::run::call::Call;
use crate::run::final_exit_code::FinalExitCode;
use crate::run::parsed::Parsed;
use crate::run::record::Record;
use crate::run::request::Request;
use crate::run::restore::{FileTimes, MadeTimes};
use crate::run::wrapper::{self, NotPlaced};
use crate::store::Store;
use crate::sys::defence;
use crate::sys::env::Env;
use crate::sys::fs::Identity;
use crate::sys::{clock, dirs, fs, host, os};

/// Why a unit is not seeded.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A path of the call has no place here, or cargo's own files could not be written.
    #[error("{0}")]
    Place(String),
    #[error("{}", crate::report::words::miss(*.0))]
    Miss(MissReason),
    #[error("{}", crate::report::words::bypass(.0.why))]
    Bypass(BypassReason),
    /// Cargo would look at other sources than the compile did.
    #[error("the store has it with other sources")]
    OtherSources,
    /// It depends on a unit that is not seeded.
    #[error("it depends on {0}")]
    Needs(String),
    /// A manifest of its package has changed.
    #[error("the manifest of its package was changed")]
    OtherManifest,
    /// It is a member, and other members or features were selected.
    #[error("the manifest is of a build of other packages or features")]
    OtherSelection,
    /// Its call names a compiler that cargo would not call here.
    #[error("its call names another compiler")]
    OtherCompiler,
    /// Another machine names a linker, which would be asked what it consists of.
    #[error("its call comes from the remote and names the linker {0}")]
    Linker(String),
    /// The lock file has another version of its package.
    #[error("its package is not in Cargo.lock")]
    NotLocked,
}

/// The call in a tree with these roots, by this cargo, whose first argument is its own file.
pub fn env(call: &PortableCall, cargo: &Env, roots: &Roots) -> Option<Env> {
    let text = |portable: &Portable| os::from_bytes(&roots.expand(portable)?);
    let mut args = vec!["kache".into()];
    for arg in &call.args {
        args.push(text(arg)?);
    }
    let mut set = Vec::new();
    for (name, value) in &call.set {
        let name = text(name)?;
        let value = if name == OWN_PATH { own_path(cargo)? } else { text(value)? };
        set.push((name, value));
    }
    let removed: Vec<_> = call.removed.iter().map(text).collect::<Option<_>>()?;
    Some(cargo.with_changes(args, text(&call.cwd)?.into(), &set, &removed))
}

/// Where cargo has the files of a unit of a manifest.
pub fn layout(unit: &SeedUnit, roots: &Roots) -> Option<Layout> {
    Some(Layout::of(&os::path(&roots.expand(&unit.call.out_dir)?)?))
}

/// By which cargo tells where it is itself.
const OWN_PATH: &str = "CARGO";

/// What cargo sets [`OWN_PATH`] to; `None` where it was told to use another path.
fn own_path(cargo: &Env) -> Option<OsString> {
    let own = cargo.args.first()?;
    let told = cargo.get(OWN_PATH).map(|path| fs::canonical(Path::new(path)));
    let is_own = told.is_none_or(|path| path.is_ok_and(|path| path.as_os_str() == own));
    is_own.then(|| own.clone())
}

/// A unit that is in place, but for cargo's own files.
pub struct SeededUnit {
    pub record: Record,
    /// The time of its youngest output, in nanoseconds since 1970.
    pub newest_ns: i64,
    /// That of its metadata, if it has any.
    pub metadata_ns: Option<i64>,
}

/// Times of the youngest files that a unit depends on, in nanoseconds since 1970.
#[derive(Clone, Copy)]
pub struct NotBefore {
    /// Of all files.
    pub files_ns: i64,
    /// Of metadata alone where there is any: what a library is compiled with, which then may be older than the rest.
    pub metadata_ns: i64,
}

/// Variables by which a compiler is found, which cargo passes on as it has them.
const FINDING_COMPILERS: [&str; 4] = ["PATH", "RUSTUP_TOOLCHAIN", "RUSTUP_HOME", "LD_PRELOAD"];

/// The usual drivers of linkers, for the host or, after a triple and a dash, for others.
const LINKERS: [&str; 8] = ["cc", "gcc", "clang", "c++", "g++", "clang++", "lld", "rust-lld"];

/// Whether a name is one under which `PATH`, which no manifest decides, has nothing but linkers.
fn is_linker(name: &str) -> bool {
    let is_last_part = |linker: &str| name.strip_suffix(linker).is_some_and(|rest| rest.ends_with('-'));
    let is_bare = !name.contains(std::path::is_separator);
    is_bare && LINKERS.iter().any(|linker| name == *linker || is_last_part(linker))
}

/// What all units of one seeding have in common.
pub struct Replay<'a> {
    pub cargo: &'a Env,
    /// What cargo calls as its compiler.
    pub compiler: &'a OsStr,
    pub roots: &'a Roots,
    pub config: &'a Config,
    pub store: &'a Store,
    /// The time that files get, unless they can keep their own.
    pub stamp: SystemTime,
    /// A file that was made in the build directory a moment ago.
    pub made_here: Metadata,
    pub toolchains: Toolchains,
    /// The calls are those of another machine.
    pub is_from_remote: bool,
}

impl Replay<'_> {
    /// Refuses a call of another compiler than that of this cargo: to identify one, it is asked, and a manifest must not decide
    /// which program that is.
    ///
    /// # Errors
    /// It is another one.
    pub fn check_compiler(&self, unit: &SeedUnit, env: &Env) -> Result<(), Refused> {
        let changed = unit.call.set.iter().map(|(name, _)| name).chain(&unit.call.removed);
        let finds = |name: &Portable| FINDING_COMPILERS.iter().any(|this| name.as_bytes() == this.as_bytes());
        let is_known = if LaunchedRun::of(env.args.get(1..).unwrap_or_default()).is_some() {
            env.get("RUSTC") == Some(self.compiler)
        } else {
            let call = env.args.get(1..).and_then(Call::of);
            call.is_some_and(|call| match call.prefix {
                [] => call.program == self.compiler,
                [compiler] => {
                    compiler == self.compiler
                        && self.cargo.get("RUSTC_WORKSPACE_WRAPPER") == Some(call.program)
                }
                _ => false,
            })
        };
        if is_known && !changed.into_iter().any(finds) { Ok(()) } else { Err(Refused::OtherCompiler) }
    }

    /// Puts the outputs of a compile in place. What it depends on is not younger than `not_before`.
    ///
    /// # Errors
    /// Why they are not in place, or do not count.
    pub fn compile(
        &self,
        unit: &SeedUnit,
        env: &Env,
        profile_dir: &Path,
        not_before: NotBefore,
    ) -> Result<SeededUnit, Refused> {
        let not_here = || Refused::Place("not a compile".to_owned());
        let call = env.args.get(1..).and_then(Call::of).ok_or_else(not_here)?;
        let Parsed::Compile(parsed) = Parsed::from_call(&call, env) else { return Err(not_here()) };
        if defence::stands("manifests-name-no-linker")
            && self.is_from_remote
            && let Some(linker) = parsed.invocation.codegen("linker").flatten().find(|name| !is_linker(name))
        {
            return Err(Refused::Linker(linker.to_owned()));
        }
        let dirs = &parsed.build_dirs;
        if dirs.roots.value(Root::Target) != self.roots.value(Root::Target) {
            return Err(Refused::Place("outside of the build directory".to_owned()));
        }
        let named = outputs(&parsed.invocation, &host::triple()).map_err(Refused::Bypass)?;
        if named.iter().any(|output| !is_below(&dirs.cwd.join(&output.path), profile_dir)) {
            return Err(Refused::Place("outside of the build directory".to_owned()));
        }
        fs::create_dir_all(&dirs.cwd.join(&parsed.invocation.out_dir)).map_err(|e| place(&e))?;
        let request = Request {
            env,
            call: &call,
            parsed: &parsed,
            config: self.config,
            store: self.store,
            final_exit_code: &FinalExitCode::default(),
            toolchains: Some(&self.toolchains),
        };
        let mut record = Record::new(env, &[]);
        let times = if unit.is_fetched() {
            let mut libraries = parsed.invocation.externs.iter().filter_map(|this| this.path.as_deref());
            let is_linked = libraries.any(|path| path.extension().is_some_and(|it| it == "rlib"));
            FileTimes::Made(self.times(if is_linked { not_before.files_ns } else { not_before.metadata_ns }))
        } else {
            FileTimes::At(self.stamp)
        };
        let restored = wrapper::place(&request, &mut record, times).map_err(|refused| match refused {
            NotPlaced::Bypass(reason) => Refused::Bypass(reason),
            NotPlaced::Miss(reason) => Refused::Miss(reason),
        })?;
        let dep_info = output_of(&named, Role::DepInfo).map(|output| dirs.cwd.join(&output.path));
        // Cargo watches the sources that its own file lists, which was made from that of another compile.
        let digest = dep_info.and_then(|path| dep_info_digest(&path, &dirs.roots));
        if digest.is_none() || digest != unit.dep_info {
            return Err(Refused::OtherSources);
        }
        record.time_ms = clock::now_ms();
        Ok(SeededUnit { record, newest_ns: restored.newest_ns, metadata_ns: restored.metadata_ns })
    }

    fn times(&self, not_before_ns: i64) -> MadeTimes<'_> {
        MadeTimes { not_before_ns, otherwise: self.stamp, made_here: &self.made_here }
    }

    /// The time of a run: that of the run itself, unless something that cargo compares it with is younger.
    fn run_time(&self, unit: &SeedUnit, env: &Env, stdout: &[u8], not_before_ns: i64) -> SystemTime {
        let package = env.get("CARGO_MANIFEST_DIR").map(Path::new);
        let (Some(package), Some(ran_ns), true) = (package, unit.ran_ns, unit.is_fetched()) else {
            return self.stamp;
        };
        if watched(stdout).any(|path| !is_file_older(&package.join(path), ran_ns)) {
            return self.stamp;
        }
        FileTimes::Made(self.times(not_before_ns)).stamp(Some(ran_ns)).unwrap_or(self.stamp)
    }

    /// Puts `OUT_DIR` of a run in place. What it depends on is not younger than `not_before_ns`.
    ///
    /// # Errors
    /// Why it is not in place.
    pub fn run(
        &self,
        unit: &SeedUnit,
        env: &Env,
        not_before_ns: i64,
    ) -> Result<(SeededUnit, PlacedRun), Refused> {
        let launched = env.args.get(1..).and_then(LaunchedRun::of);
        let launched = launched.ok_or_else(|| Refused::Place("not a run".to_owned()))?;
        let stdout = unit.stdout.as_ref().and_then(|text| self.roots.expand(text));
        let stdout = stdout.ok_or_else(|| Refused::Place("a path that is not known here".to_owned()))?;
        let out_dir = env.get("OUT_DIR").map(Path::new).unwrap_or(Path::new(""));
        fs::create_dir_all(out_dir).map_err(|e| place(&e))?;
        let mut record = Record::new(env, &[]);
        let time = self.run_time(unit, env, &stdout, not_before_ns);
        let placed =
            build_script::with_requested_run(env, &launched, Some(&self.toolchains), |requested, _| {
                Some(requested.keyed().ok()?.place(&mut record, &stdout, time))
            });
        match placed {
            None => Err(Refused::Place("runs of this package are not cached".to_owned())),
            Some(Err(reason)) => Err(Refused::Miss(reason)),
            Some(Ok(placed)) => {
                record.time_ms = clock::now_ms();
                Ok((SeededUnit { record, newest_ns: fs::nanoseconds(time), metadata_ns: None }, placed))
            }
        }
    }
}

/// The files that a script tells cargo to watch.
fn watched(stdout: &[u8]) -> impl Iterator<Item = PathBuf> {
    stdout.split(|byte| *byte == b'\n').filter_map(|line| {
        let instruction = line.strip_prefix(b"cargo::").or_else(|| line.strip_prefix(b"cargo:"))?;
        let path = instruction.strip_prefix(b"rerun-if-changed=")?;
        os::path(path.trim_ascii_end())
    })
}

/// Whether a file was last changed before that time. A directory stands for all that is in it, and is not looked into.
fn is_file_older(path: &Path, time_ns: i64) -> bool {
    let metadata = fs::metadata(path);
    metadata.is_ok_and(|it| it.is_file() && Identity::from_metadata(&it).modified_ns <= time_ns)
}

fn place(error: &std::io::Error) -> Refused {
    Refused::Place(error.to_string())
}

/// Whether `path` leads to a place below `dir`.
fn is_below(path: &Path, dir: &Path) -> bool {
    path.starts_with(dir) && path.components().all(|part| part != Component::ParentDir)
}

/// The roots of a tree: those that calls are portable by.
pub fn roots(workspace: &Path, target: &Path, cargo: &Env) -> Roots {
    let mut roots = Roots::default();
    roots.add(Root::Target, os::bytes(target));
    roots.add(Root::Workspace, os::bytes(workspace));
    if let Some(cargo_home) = dirs::cargo_home(cargo) {
        roots.add(Root::CargoHome, os::bytes(&cargo_home));
    }
    if let Some(home) = dirs::home(cargo) {
        roots.add(Root::Home, os::bytes(&home));
    }
    roots
}

/// The digest of a dep-info, the same for all build directories.
pub fn dep_info_digest(path: &Path, roots: &Roots) -> Option<Digest> {
    Some(Digest::hash(roots.tokenize(&fs::read(path).ok()?).as_bytes()))
}

/// The manifests that decide what cargo tells a unit of its package: its own, and that of the workspace. `None`: the
/// package is from a registry or a repository, where they cannot change.
pub fn manifests(env: &Env, roots: &Roots) -> Option<Vec<PathBuf>> {
    let package = env.get("CARGO_MANIFEST_DIR").map(Path::new)?;
    let is_fetched = dirs::cargo_home(env).is_some_and(|home| package.starts_with(home));
    let workspace = roots.value(Root::Workspace).and_then(os::path);
    let dirs = [Some(package.to_owned()), workspace].into_iter().flatten();
    (!is_fetched).then(|| dirs.map(|dir| dir.join("Cargo.toml")).collect())
}

/// The digest of these files, as they are now, and of where they are as seen from the workspace: a package beside it is
/// another one in another checkout.
pub fn digest_of(files: &[PathBuf], roots: &Roots) -> Option<Digest> {
    let workspace = roots.value(Root::Workspace).and_then(os::path)?;
    let mut digest = Hasher::new();
    for file in files {
        digest.field(os::bytes(&relative(file, &workspace)));
        digest.field(&fs::read(file).ok()?);
    }
    Some(digest.finish())
}

/// The way from the directory `base` to `path`.
fn relative(path: &Path, base: &Path) -> PathBuf {
    let n_common = path.components().zip(base.components()).take_while(|(a, b)| a == b).count();
    let up = base.components().skip(n_common).map(|_| Component::ParentDir);
    up.chain(path.components().skip(n_common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_a_file_is_told_from_the_workspace() {
        let way = |path: &str| relative(Path::new(path), Path::new("/trees/a/app"));
        assert_eq!(way("/trees/a/app/lib/Cargo.toml"), Path::new("lib/Cargo.toml"));
        assert_eq!(way("/trees/a/lib/Cargo.toml"), Path::new("../lib/Cargo.toml"));
        assert_eq!(way("/trees/b/lib/Cargo.toml"), Path::new("../../b/lib/Cargo.toml"));
    }
}
