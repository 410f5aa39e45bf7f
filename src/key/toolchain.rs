//! Which compiler this is: by content, not by its banner.
//!
//! Two builds of rustc can print the same version. So the identity is the content of the compiler, of every library
//! that the loader makes it of (its driver, LLVM, and what these need, wherever a distribution keeps them), and of
//! everything in the sysroot's library directories for the host and the target (std, linkers). Where the sources of std
//! are installed, paths of theirs get into outputs, so their presence is part of it too. So is what the loader puts
//! into every program of this machine (`/etc/ld.so.preload`): the list, and the libraries that it names. Reading all
//! that takes a tenth of a second; the result is kept in [`Store::machine_dir`](crate::store::Store::machine_dir), and
//! taken from there as long as each of these files is the same: a hit starts no compiler, and asks for the state of
//! some 80 files.
//!
//! [`Covered`] says what the identity stands for, to the file: nothing else that a compile reads is left out of its
//! inputs as a part of the toolchain.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::action::observed::Covered;
use crate::action::roots::BuildDirs;
use crate::digest::{Digest, Hasher, guard};
use crate::key::toolchain::file_digests::FileDigests;
use crate::key::toolchain::witness::{Contents, CoveredPaths, Witness, Witnesses};
use crate::outcome::{Bypass, BypassReason};
use crate::sys::env::Env;
use crate::sys::fs::{self, Identity, private};
use crate::sys::{defence, loader, lock, os, process};

pub mod file_digests;

pub mod witness;

/// How long others are waited for that are reading a toolchain.
const PATIENCE: Duration = Duration::from_secs(10);

/// Variables that decide which libraries a compiler is made of.
const LOADER_VARIABLES: [&str; 3] = ["LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH"];

/// A compiler, identified.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Toolchain {
    /// The identity.
    pub digest: Digest,
    /// The triple it runs on.
    pub host: String,
    /// The release, such as `1.95.0`.
    pub release: String,
    /// The commit it was built from, or its release where it does not say.
    pub commit: String,
    /// Its sysroot.
    pub sysroot: PathBuf,
    covered: CoveredPaths,
    /// The files and directories whose state vouches for the digest.
    witnesses: Witnesses,
}

/// Compilers that this process has identified, where it asks for many units.
#[derive(Default)]
pub struct Toolchains(Mutex<Vec<(Vec<OsString>, Toolchain)>>);

impl Toolchains {
    /// The same as [`Toolchain::identify`]. A compiler that was identified under the same variables is not looked at again.
    ///
    /// # Errors
    /// It cannot be identified.
    pub fn identify(
        &self,
        compiler: &OsStr,
        target: Option<&str>,
        build_dirs: &BuildDirs,
        env: &Env,
        machine_dir: &Path,
    ) -> Result<Toolchain, Unidentified> {
        let mut asked = vec![compiler.to_owned(), target.unwrap_or_default().into()];
        let path = env.get("PATH").unwrap_or_default();
        let has_place = Path::new(compiler).components().count() > 1 && !Path::new(compiler).is_absolute();
        if has_place || os::split_paths(path).any(|dir| !dir.is_absolute()) {
            asked.push(build_dirs.cwd.clone().into());
        }
        for name in ["PATH", "RUSTUP_TOOLCHAIN", "RUSTUP_HOME", "HOME", "LD_PRELOAD"] {
            asked.push(env.get(name).unwrap_or_default().to_owned());
        }
        for name in LOADER_VARIABLES {
            asked.extend(build_dirs.searched(env, name).into_iter().map(OsString::from));
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, toolchain)) = known.iter().find(|(this, _)| *this == asked) {
            return Ok(toolchain.clone());
        }
        let toolchain = Toolchain::identify(compiler, target, build_dirs, env, machine_dir)?;
        known.push((asked, toolchain.clone()));
        Ok(toolchain)
    }
}

/// The compiler cannot be identified.
#[derive(Debug, thiserror::Error)]
pub enum Unidentified {
    #[error("{0}")]
    Compiler(String),
    /// There is nowhere to keep the identity.
    #[error("{0}")]
    Memo(String),
}

impl From<Unidentified> for BypassReason {
    fn from(unidentified: Unidentified) -> BypassReason {
        match unidentified {
            Unidentified::Compiler(why) => BypassReason::new(Bypass::UnknownCompiler, why),
            Unidentified::Memo(why) => BypassReason::new(Bypass::Store, why),
        }
    }
}

impl Toolchain {
    /// What the digest stands for.
    pub fn covered(&self) -> Covered {
        self.covered.expand(&self.sysroot)
    }

    /// The toolchain of `compiler` (rustc or clippy-driver, as cargo names it) compiling for `target`.
    pub fn identify(
        compiler: &OsStr,
        target: Option<&str>,
        build_dirs: &BuildDirs,
        env: &Env,
        machine_dir: &Path,
    ) -> Result<Toolchain, Unidentified> {
        let cwd = build_dirs.cwd.as_path();
        let found = os::find_program(compiler, env.get("PATH"), cwd).ok_or_else(|| {
            Unidentified::Compiler(format!("{} is not on PATH", compiler.to_string_lossy()))
        })?;
        let kept = Kept { machine_dir, target, build_dirs, env };
        // A proxy has nothing under its own path.
        if let Some(known) = recall(&kept.path(&found, None)) {
            return Ok(known);
        }
        let program = behind_proxy(&found, env).unwrap_or(found);
        if let Some(known) = recall(&kept.path(&program, None)) {
            return Ok(known);
        }
        let answers = Answers::of(&program, cwd)?;
        let is_elsewhere =
            defence::stands("compilers-outside-of-their-sysroot") && !is_part_of(&program, &answers.sysroot);
        let kept_path = kept.path(&program, is_elsewhere.then_some(&answers));
        // A build starts several invocations at once: one of them does the reading.
        let _ = private::create_dir_all(machine_dir);
        let _lock = lock::lock(&machine_dir.join("toolchain.lock"), PATIENCE);
        if let Some(known) = recall(&kept_path) {
            return Ok(known);
        }
        let temporary = machine_dir.join(format!("tmp-{}", fs::unique_name()));
        // Where nothing can be written, every invocation would read the whole toolchain, and nothing could be stored.
        let tried = private::write_new(&temporary, &[0; 4096]).and_then(|()| fs::remove(&temporary));
        tried.map_err(|e| Unidentified::Memo(format!("{}: {e}", machine_dir.display())))?;
        let mut known = FileDigests::read(machine_dir);
        let toolchain = read(&program, answers, target, cwd, &mut known)?;
        known.write(machine_dir);
        if let Ok(json) = serde_json::to_vec(&toolchain) {
            let _ = private::replace(&kept_path, &temporary, &guard::add(json));
        }
        Ok(toolchain)
    }
}

/// Where identities are kept, and what they depend on besides the compiler.
struct Kept<'a> {
    machine_dir: &'a Path,
    target: Option<&'a str>,
    build_dirs: &'a BuildDirs,
    env: &'a Env,
}

impl Kept<'_> {
    /// The file for `program`; with `answers`, for a program that can answer differently next time.
    fn path(&self, program: &Path, answers: Option<&Answers>) -> PathBuf {
        let mut name = Hasher::new();
        name.field(os::bytes(program));
        name.field(self.target.unwrap_or_default().as_bytes());
        name.field(loader::PRELOADED.unwrap_or_default().as_bytes());
        for variable in LOADER_VARIABLES {
            self.build_dirs.searched(self.env, variable).iter().for_each(|dir| name.field(os::bytes(dir)));
        }
        if let Some(answers) = answers {
            name.field(answers.banner.as_bytes());
            name.field(os::bytes(&answers.sysroot));
        }
        self.machine_dir.join(format!("toolchain-{}", &name.finish().to_hex()[..32]))
    }
}

pub(super) fn recall(kept_path: &Path) -> Option<Toolchain> {
    let toolchain: Toolchain = serde_json::from_slice(&guard::check(private::read(kept_path).ok()?)?).ok()?;
    toolchain.witnesses.hold(&toolchain.sysroot).then_some(toolchain)
}

/// Whether a compiler lies in its own sysroot. One that does not may be another program's proxy, whose files say
/// nothing of what it becomes next time.
fn is_part_of(program: &Path, sysroot: &Path) -> bool {
    match (fs::canonical(program), fs::canonical(sysroot)) {
        (Ok(program), Ok(sysroot)) => program.starts_with(sysroot),
        _ => false,
    }
}

/// The compiler that a proxy of rustup stands for: they are one program under many names, and `RUSTUP_TOOLCHAIN` says
/// which toolchain to run. `None` for every other program, and where only the proxy itself knows.
fn behind_proxy(found: &Path, env: &Env) -> Option<PathBuf> {
    if !is_proxy(found) {
        return None;
    }
    let toolchain = Path::new(env.get("RUSTUP_TOOLCHAIN")?);
    let home = match env.get("RUSTUP_HOME") {
        Some(home) => PathBuf::from(home),
        None => crate::sys::dirs::home(env)?.join(".rustup"),
    };
    // An absolute path stays what it is.
    let program = home.join("toolchains").join(toolchain).join("bin").join(found.file_name()?);
    fs::metadata(&program).is_ok_and(|metadata| metadata.is_file()).then_some(program)
}

/// Whether the program is a proxy of rustup. Cargo behind one is told its toolchain, and calls the compiler in there.
pub fn is_proxy(found: &Path) -> bool {
    let is_rustup =
        fs::canonical(found).is_ok_and(|path| path.file_stem().is_some_and(|stem| stem == "rustup"));
    is_rustup || is_same_file_as_rustup(found)
}

/// Whether the program is a hard link to the `rustup` beside it.
fn is_same_file_as_rustup(program: &Path) -> bool {
    let rustup = program.with_file_name("rustup").with_extension(std::env::consts::EXE_EXTENSION);
    matches!((Identity::at(program), Identity::at(&rustup)), (Ok(a), Ok(b)) if a == b)
}

/// What a compiler says about itself.
struct Answers {
    banner: String,
    sysroot: PathBuf,
}

impl Answers {
    fn of(program: &Path, cwd: &Path) -> Result<Answers, Unidentified> {
        if defence::stands("compilers-that-are-scripts") && fs::starts_with(program, b"#!").unwrap_or(true) {
            return Err(Unidentified::Compiler(format!(
                "{} is a script: what it starts is not known",
                program.display()
            )));
        }
        let banner = ask(program, &["--rustc", "-vV"], cwd).or_else(|_| ask(program, &["-vV"], cwd))?;
        let sysroot = ask(program, &["--rustc", "--print", "sysroot"], cwd)
            .or_else(|_| ask(program, &["--print", "sysroot"], cwd))?;
        Ok(Answers { banner, sysroot: PathBuf::from(sysroot.trim_end()) })
    }
}

/// What a compiler prints.
fn ask(program: &Path, args: &[&str], cwd: &Path) -> Result<String, Unidentified> {
    let answer = process::output(program.as_os_str(), args, cwd)
        .map_err(|e| Unidentified::Compiler(format!("{} {}: {e}", program.display(), args.join(" "))))?;
    String::from_utf8(answer).map_err(|_| Unidentified::Compiler("the compiler does not speak UTF-8".into()))
}

fn read(
    program: &Path,
    answers: Answers,
    target: Option<&str>,
    cwd: &Path,
    known: &mut FileDigests,
) -> Result<Toolchain, Unidentified> {
    let Answers { banner, sysroot } = answers;
    let (host, release) = (banner_field(&banner, "host:")?, banner_field(&banner, "release:")?);
    let commit = banner_field(&banner, "commit-hash:").ok().filter(|commit| commit != "unknown");
    let commit = commit.unwrap_or_else(|| release.clone());
    let loaded = libraries(program, &sysroot, cwd)
        .map_err(|e| Unidentified::Compiler(format!("libraries of {}: {e}", program.display())))?;
    let mut parts = Parts::new(program, &sysroot).map_err(|e| unreadable(&sysroot, &e))?;
    if let Some(list) = loader::PRELOADED {
        parts
            .add_preloaded(Path::new(list), &loaded)
            .map_err(|e| Unidentified::Compiler(format!("{list}: {e}")))?;
    }
    parts.add_libraries(loaded).map_err(|e| unreadable(&sysroot, &e))?;
    parts.add_rustlib(&host, target).map_err(|e| unreadable(&sysroot, &e))?;
    let digest = parts.digest(&banner, known).map_err(|e| unreadable(&sysroot, &e))?;
    let covered = CoveredPaths::new(&sysroot, &parts.covered);
    let witnesses = Witnesses::new(&sysroot, &parts.witnesses, &parts.contents);
    let (Some(covered), Some(witnesses)) = (covered, witnesses) else {
        return Err(Unidentified::Compiler(format!(
            "{}: the path of a file of the compiler is not UTF-8",
            sysroot.display()
        )));
    };
    Ok(Toolchain { digest, host, release, commit, sysroot, covered, witnesses })
}

/// The value of a line of `-vV`.
fn banner_field(banner: &str, name: &str) -> Result<String, Unidentified> {
    let value = banner.lines().find_map(|line| line.strip_prefix(name));
    let value = value.ok_or_else(|| Unidentified::Compiler(format!("no `{name}` in -vV")))?;
    Ok(value.trim().to_owned())
}

fn unreadable(sysroot: &Path, error: &io::Error) -> Unidentified {
    Unidentified::Compiler(format!("{}: {error}", sysroot.display()))
}

/// Files by which rustc knows that the sources of std, or its own, are installed. Then it writes their real paths into
/// messages and debug information, instead of those that they had where it was built.
const STD_SOURCES: &str = "src/rust/library/std/src/lib.rs";
const RUSTC_SOURCES: &str = "rustc-src/rust/compiler/rustc/src/main.rs";

/// The libraries that are loaded with a compiler. One that is not in its sysroot may be a proxy of the one that is.
fn libraries(program: &Path, sysroot: &Path, cwd: &Path) -> io::Result<Vec<PathBuf>> {
    if !defence::stands("libraries-loaded-with-the-compiler") {
        return Ok(Vec::new());
    }
    let mut found = loader::libraries(&fs::canonical(program)?, cwd)?;
    let own = sysroot.join("bin/rustc").with_extension(std::env::consts::EXE_EXTENSION);
    if let Ok(own) = fs::canonical(&own)
        && !is_part_of(program, sysroot)
    {
        found.extend(loader::libraries(&own, cwd)?);
    }
    Ok(found)
}

/// What a toolchain consists of, while it is being gathered.
struct Parts<'a> {
    program: &'a Path,
    sysroot: &'a Path,
    /// All files that count by content.
    files: Vec<PathBuf>,
    covered: Covered,
    witnesses: Vec<Witness>,
    contents: Vec<Contents>,
}

impl<'a> Parts<'a> {
    /// The program, and those libraries of its own that stand where rustc's build puts them.
    fn new(program: &'a Path, sysroot: &'a Path) -> io::Result<Parts<'a>> {
        let mut parts = Parts {
            program,
            sysroot,
            files: Vec::new(),
            covered: Covered::default(),
            witnesses: Vec::new(),
            contents: Vec::new(),
        };
        parts.add_file(program.to_path_buf())?;
        // On Windows libraries that are loaded stand beside programs, and have no `lib` before their names.
        let beside = fs::list(&sysroot.join("bin")).unwrap_or_default();
        for library in fs::list(&sysroot.join("lib"))?.into_iter().chain(beside) {
            let name = library.file_name().map_or(&[][..], os::bytes);
            let name = name.strip_prefix(b"lib").unwrap_or(name);
            if name.starts_with(b"rustc_driver") || name.starts_with(b"LLVM") {
                parts.add_file(library)?;
            }
        }
        Ok(parts)
    }

    /// Adds what the loader found, and what shows that it would find the same again.
    fn add_libraries(&mut self, libraries: Vec<PathBuf>) -> io::Result<()> {
        let sysroot = fs::canonical(self.sysroot)?;
        let mut is_indexed = false;
        let mut searched = Vec::new();
        for library in libraries {
            let real = fs::canonical(&library)?;
            match real.parent().filter(|dir| dir.starts_with(&sysroot)) {
                Some(dir) => searched.push(dir.to_path_buf()),
                None => is_indexed = true,
            }
            if !self.covered.files.contains(&real) {
                self.add_file(library)?;
            }
        }
        searched.extend(is_indexed.then(|| PathBuf::from(loader::INDEX)));
        searched.sort();
        searched.dedup();
        searched.iter().try_for_each(|path| self.watch(path))
    }

    /// Adds what is in the sysroot for these two platforms, and whether there are sources.
    fn add_rustlib(&mut self, host: &str, target: Option<&str>) -> io::Result<()> {
        let rustlib = self.sysroot.join("lib/rustlib");
        let host_dir = rustlib.join(host);
        let target_dir = rustlib.join(target.unwrap_or(host));
        self.add_directory(target_dir.join("lib"))?;
        self.add_directory(host_dir.join("lib"))?;
        self.add_directory(host_dir.join("bin"))?;
        self.add_directory(host_dir.join("codegen-backends"))?;
        self.add_presence(rustlib.join(STD_SOURCES))?;
        self.add_presence(rustlib.join(RUSTC_SOURCES))
    }

    /// Adds the file that names libraries for every program, where it is there. `loaded` is what the loader found: one
    /// that it did not find would make every program print that.
    fn add_preloaded(&mut self, list: &Path, loaded: &[PathBuf]) -> io::Result<()> {
        let text = match fs::read(list) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                self.witnesses.push(Witness::absent(list.to_owned()));
                return Ok(());
            }
            Err(e) => return Err(e),
        };
        for name in loader::preloaded(&text) {
            let file = name.rsplit('/').next().unwrap_or(&name);
            if !loaded.iter().any(|path| is_named_like(path, file)) {
                return Err(io::Error::other(format!("it names {name}, which is not loaded")));
            }
        }
        if !defence::stands("libraries-preloaded-into-all-programs") {
            return Ok(());
        }
        self.add_file(list.to_owned())
    }

    fn add_file(&mut self, path: PathBuf) -> io::Result<()> {
        self.witnesses.push(Witness::new(path.clone())?);
        self.covered.files.push(fs::canonical(&path)?);
        self.files.push(path);
        Ok(())
    }

    /// Adds a directory with all that is below it.
    fn add_directory(&mut self, directory: PathBuf) -> io::Result<()> {
        let real = fs::canonical(&directory).unwrap_or_else(|_| directory.clone());
        if self.covered.directories.contains(&real) {
            return Ok(());
        }
        let mut waiting = vec![directory];
        while let Some(directory) = waiting.pop() {
            let Ok(listed) = fs::list(&directory) else {
                self.watch(&directory)?;
                continue;
            };
            let mut names = Vec::new();
            for path in listed {
                let metadata = fs::symlink_metadata(&path)?;
                if metadata.is_symlink() {
                    self.covered.files.push(fs::canonical(&path)?);
                }
                if fs::metadata(&path)?.is_dir() {
                    waiting.push(path);
                } else {
                    let name = path.file_name().and_then(OsStr::to_str).map(str::to_owned);
                    names.push(name.ok_or_else(|| io::Error::other("the name of a file is not UTF-8"))?);
                    self.files.push(path);
                }
            }
            self.witnesses.push(Witness::new(directory.clone())?);
            self.contents.push(Contents::new(directory, names)?);
        }
        self.covered.directories.push(real);
        Ok(())
    }

    /// Adds whether there is something at `path`.
    fn add_presence(&mut self, path: PathBuf) -> io::Result<()> {
        self.watch(&path)?;
        self.covered.presence.push(fs::canonical(&path).unwrap_or(path));
        Ok(())
    }

    /// Invalidates the identity when `path` is created or removed.
    fn watch(&mut self, path: &Path) -> io::Result<()> {
        let witness = Witness::nearest(path)?;
        if !self.witnesses.iter().any(|known| known.path == witness.path) {
            self.witnesses.push(witness);
        }
        Ok(())
    }

    /// The same for every place where this toolchain is installed.
    fn digest(&self, banner: &str, known: &mut FileDigests) -> io::Result<Digest> {
        let mut hasher = Hasher::new();
        hasher.field(banner.as_bytes());
        for (path, digest) in self.files.iter().zip(known.of(&self.files)?) {
            let name = path.file_name().unwrap_or_default();
            let name = path.strip_prefix(self.sysroot).map_or(os::bytes(name), os::bytes);
            hasher.field(if path == self.program { b"compiler" } else { name });
            hasher.field(digest.as_bytes());
        }
        for path in &self.covered.presence {
            let is_there = defence::stands("sources-of-std-are-installed")
                && fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
            hasher.field(&[u8::from(is_there)]);
        }
        Ok(hasher.finish())
    }
}

/// Whether a library that the loader found can be the one listed as `file`. The loader replaces `$LIB` and
/// `${PLATFORM}`, which the name may contain.
fn is_named_like(library: &Path, file: &str) -> bool {
    let Some(found) = library.file_name().map(os::bytes) else { return false };
    match file.split_once('$') {
        Some((start, _)) => found.starts_with(start.as_bytes()),
        None => found == file.as_bytes(),
    }
}

#[cfg(test)]
mod tests;
