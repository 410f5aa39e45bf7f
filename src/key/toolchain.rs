//! Which compiler this is: by content, not by its banner.
//!
//! Two builds of rustc can print the same version. So the identity is the content of the compiler, its driver
//! library, and everything in the sysroot's library directories for the host and the target (std, linkers). Reading
//! all that takes a tenth of a second; the result is kept under `memo/` of the cache directory, and taken from there
//! as long as each of these files is the same: a hit starts no compiler, and asks for the state of some 70 files.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher, guard};
use crate::key::memo;
use crate::key::roots::Places;
use crate::outcome::{Bypass, BypassReason};
use crate::sys::env::Env;
use crate::sys::fs::{self, Identity, private};
use crate::sys::{lock, os, process};

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
    /// The files whose identity vouches for the digest.
    witnesses: Vec<Witness>,
    /// The directories of std and of linkers, whose files do as well.
    directories: Vec<Contents>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Witness {
    path: PathBuf,
    state: [i64; 4],
}

/// What is in a directory. That names come and go shows in its own state, that a file is written to in that file's.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Contents {
    directory: Witness,
    /// Those of its files, separated by what stands in no name: every hit reads this.
    names: String,
    /// Digest of their states, one after the other.
    states: Digest,
}

impl Contents {
    fn of(directory: PathBuf, names: &[String]) -> io::Result<Contents> {
        let names = names.join("/");
        let states = states(&directory, &names)?;
        Ok(Contents { directory: Witness::of(directory)?, names, states })
    }

    fn holds(&self) -> bool {
        let states = || states(&self.directory.path, &self.names);
        self.directory.holds() && states().is_ok_and(|now| now == self.states)
    }
}

fn states(directory: &Path, names: &str) -> io::Result<Digest> {
    let mut states = Vec::with_capacity(names.len());
    // With a separator at its end.
    let (directory, mut path) = (directory.join(""), OsString::new());
    for name in names.split('/').filter(|name| !name.is_empty()) {
        path.clear();
        path.push(&directory);
        path.push(name);
        let numbers = state(&Identity::at(Path::new(&path))?);
        states.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    }
    Ok(Digest::of(&states))
}

impl Witness {
    fn of(path: PathBuf) -> io::Result<Witness> {
        Identity::at(&path).map(|now| Witness { state: state(&now), path })
    }

    fn holds(&self) -> bool {
        Identity::at(&self.path).is_ok_and(|now| state(&now) == self.state)
    }
}

/// The compiler cannot be identified.
#[derive(Debug, thiserror::Error)]
pub enum Unidentified {
    #[error("{0}")]
    Compiler(String),
    /// There is no place to keep what would be learnt.
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
    /// The toolchain of `compiler` (rustc or clippy-driver, as cargo names it) compiling for `target`.
    pub fn identify(
        compiler: &OsStr,
        target: Option<&str>,
        places: &Places,
        env: &Env,
        memo_dir: &Path,
    ) -> Result<Toolchain, Unidentified> {
        let cwd = places.cwd.as_path();
        let found = os::find_program(compiler, env.get("PATH"), cwd).ok_or_else(|| {
            Unidentified::Compiler(format!("{} is not on PATH", compiler.to_string_lossy()))
        })?;
        let kept = |program: &Path, answers: Option<&Answers>| {
            let mut name = Hasher::new();
            name.field(os::bytes(program));
            name.field(target.unwrap_or_default().as_bytes());
            for variable in LOADER_VARIABLES {
                places.searched(env, variable).iter().for_each(|dir| name.field(os::bytes(dir)));
            }
            if let Some(answers) = answers {
                name.field(answers.banner.as_bytes());
                name.field(os::bytes(&answers.sysroot));
            }
            memo_dir.join(format!("toolchain-{}", &name.finish().to_hex()[..32]))
        };
        // Only of a compiler that is no proxy something is kept under its own path.
        if let Some(known) = recall(&kept(&found, None)) {
            return Ok(known);
        }
        let program = behind_proxy(&found, env).unwrap_or(found);
        if let Some(known) = recall(&kept(&program, None)) {
            return Ok(known);
        }
        let answers = Answers::of(&program, cwd)?;
        let memo_path = kept(&program, (!is_part_of(&program, &answers.sysroot)).then_some(&answers));
        // A build starts several invocations at once: one of them does the reading.
        let _ = private::create_dir_all(memo_dir);
        let _lock = lock::lock(&memo_dir.join("toolchain.lock"), PATIENCE);
        if let Some(known) = recall(&memo_path) {
            return Ok(known);
        }
        let temporary = memo_dir.join(format!("tmp-{}", fs::unique_name()));
        // Where nothing can be written, every invocation would read the whole toolchain, and nothing could be stored.
        let tried = private::write_new(&temporary, &[0; 4096]).and_then(|()| fs::remove(&temporary));
        tried.map_err(|e| Unidentified::Memo(format!("{}: {e}", memo_dir.display())))?;
        let toolchain = read(&program, answers, target)?;
        if let Ok(json) = serde_json::to_vec(&toolchain) {
            let _ = private::replace(&memo_path, &temporary, &guard::add(json));
        }
        Ok(toolchain)
    }
}

pub(super) fn recall(memo_path: &Path) -> Option<Toolchain> {
    let toolchain: Toolchain = serde_json::from_slice(&guard::check(private::read(memo_path).ok()?)?).ok()?;
    let holds = toolchain.witnesses.iter().all(Witness::holds);
    (holds && toolchain.directories.iter().all(Contents::holds)).then_some(toolchain)
}

/// Whether a compiler lies in its own sysroot. One that does not may be another program's proxy, whose files say
/// nothing of what it becomes next time.
fn is_part_of(program: &Path, sysroot: &Path) -> bool {
    match (fs::canonical(program), fs::canonical(sysroot)) {
        (Ok(program), Ok(sysroot)) => program.starts_with(sysroot),
        _ => false,
    }
}

/// Without the change time: links to files of a toolchain come and go.
fn state(identity: &Identity) -> [i64; 4] {
    let Identity { device, inode, size, modified_ns, .. } = *identity;
    [device as i64, inode as i64, size as i64, modified_ns]
}

/// The compiler that a proxy of rustup stands for: they are one program under many names, and `RUSTUP_TOOLCHAIN` says
/// which toolchain is meant. `None` for all else, and where only the proxy itself knows.
fn behind_proxy(found: &Path, env: &Env) -> Option<PathBuf> {
    let is_rustup =
        fs::canonical(found).is_ok_and(|path| path.file_stem().is_some_and(|stem| stem == "rustup"));
    let is_same_file_as_rustup = || {
        let rustup = found.with_file_name("rustup").with_extension(std::env::consts::EXE_EXTENSION);
        matches!((Identity::at(found), Identity::at(&rustup)), (Ok(a), Ok(b)) if a == b)
    };
    if !is_rustup && !is_same_file_as_rustup() {
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

/// What a compiler says about itself.
struct Answers {
    banner: String,
    sysroot: PathBuf,
}

impl Answers {
    fn of(program: &Path, cwd: &Path) -> Result<Answers, Unidentified> {
        if fs::starts_with(program, b"#!").unwrap_or(true) {
            return Err(Unidentified::Compiler(format!(
                "{} is a script: what it starts is not known",
                program.display()
            )));
        }
        let question = |args: &[&str]| {
            let answer = process::output(program.as_os_str(), args, cwd).map_err(|e| {
                Unidentified::Compiler(format!("{} {}: {e}", program.display(), args.join(" ")))
            })?;
            String::from_utf8(answer)
                .map_err(|_| Unidentified::Compiler("the compiler does not speak UTF-8".into()))
        };
        let banner = question(&["--rustc", "-vV"]).or_else(|_| question(&["-vV"]))?;
        let sysroot =
            question(&["--rustc", "--print", "sysroot"]).or_else(|_| question(&["--print", "sysroot"]))?;
        Ok(Answers { banner, sysroot: PathBuf::from(sysroot.trim_end()) })
    }
}

fn read(program: &Path, answers: Answers, target: Option<&str>) -> Result<Toolchain, Unidentified> {
    let Answers { banner, sysroot } = answers;
    let field = |name: &str| {
        let line = banner.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().to_owned())
            .ok_or_else(|| Unidentified::Compiler(format!("no `{name}` in -vV")))
    };
    let (host, release) = (field("host:")?, field("release:")?);
    let commit =
        field("commit-hash:").ok().filter(|commit| commit != "unknown").unwrap_or_else(|| release.clone());
    let (digest, witnesses, directories) = digest_of(program, &banner, &sysroot, &host, target)
        .map_err(|e| Unidentified::Compiler(format!("{}: {e}", sysroot.display())))?;
    Ok(Toolchain { digest, host, release, commit, sysroot, witnesses, directories })
}

fn digest_of(
    program: &Path,
    banner: &str,
    sysroot: &Path,
    host: &str,
    target: Option<&str>,
) -> io::Result<(Digest, Vec<Witness>, Vec<Contents>)> {
    let lib = sysroot.join("lib");
    let rustlib = lib.join("rustlib");
    let mut files = vec![program.to_path_buf()];
    // On Windows libraries that are loaded stand beside programs, and have no `lib` before their names.
    let beside = fs::list(&sysroot.join("bin")).unwrap_or_default();
    for library in fs::list(&lib)?.into_iter().chain(beside) {
        let name = library.file_name().map_or(&[][..], os::bytes);
        let name = name.strip_prefix(b"lib").unwrap_or(name);
        if name.starts_with(b"rustc_driver") || name.starts_with(b"LLVM") {
            files.push(library);
        }
    }
    let witnesses = files.iter().cloned().map(Witness::of).collect::<io::Result<Vec<_>>>()?;
    let host_dir = rustlib.join(host);
    let mut waiting =
        vec![rustlib.join(target.unwrap_or(host)).join("lib"), host_dir.join("lib"), host_dir.join("bin")];
    waiting.dedup();
    let mut directories = Vec::new();
    while let Some(directory) = waiting.pop() {
        let Ok(listed) = fs::list(&directory) else { continue };
        let mut names = Vec::new();
        for path in listed {
            if fs::metadata(&path)?.is_dir() {
                waiting.push(path);
            } else {
                let name = path.file_name().and_then(OsStr::to_str).map(str::to_owned);
                names.push(name.ok_or_else(|| io::Error::other("the name of a file is not UTF-8"))?);
                files.push(path);
            }
        }
        directories.push(Contents::of(directory, &names)?);
    }
    let mut hasher = Hasher::new();
    hasher.field(banner.as_bytes());
    for (path, digest) in files.iter().zip(digests(&files)?) {
        let name = path.strip_prefix(sysroot).map_or(&b"compiler"[..], os::bytes);
        hasher.field(if path == program { b"compiler" } else { name });
        hasher.field(digest.as_bytes());
    }
    Ok((hasher.finish(), witnesses, directories))
}

/// The digests of all files, on all processors: a toolchain has half a gigabyte of them.
fn digests(files: &[PathBuf]) -> io::Result<Vec<Digest>> {
    let next = AtomicUsize::new(0);
    let read_some = || -> io::Result<Vec<(usize, Digest)>> {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = files.get(index) else { return Ok(done) };
            done.push((index, memo::hash_file(path)?.0));
        }
    };
    let n_threads = thread::available_parallelism().map_or(1, usize::from).min(8);
    let mut digests = thread::scope(|scope| {
        // Where no thread can be had, this one does it all.
        let start = |_| thread::Builder::new().spawn_scoped(scope, read_some).ok();
        let readers: Vec<_> = (1..n_threads).filter_map(start).collect();
        let own = read_some();
        let joined = readers
            .into_iter()
            .map(|reader| reader.join().unwrap_or_else(|_| Err(io::Error::other("a reader failed"))));
        joined.chain([own]).collect::<io::Result<Vec<_>>>().map(|parts| parts.concat())
    })?;
    digests.sort_unstable_by_key(|(index, _)| *index);
    Ok(digests.into_iter().map(|(_, digest)| digest).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a toolchain is made from outside")]

    use super::*;

    #[test]
    fn the_compilers_own_libraries_tell_builds_apart_wherever_a_system_keeps_them() {
        let libraries =
            ["lib/librustc_driver-1.so", "lib/libLLVM.so.1", "bin/rustc_driver-1.dll", "bin/LLVM.dll"];
        for library in libraries {
            let sysroot = tempfile::tempdir().expect("a directory");
            let program = sysroot.path().join("bin/rustc");
            for file in ["bin/rustc", "lib/rustlib/host/lib/libstd.rlib", library] {
                std::fs::create_dir_all(sysroot.path().join(file).parent().expect("has one"))
                    .expect("makes it");
                std::fs::write(sysroot.path().join(file), "one").expect("writes");
            }
            let digest = || digest_of(&program, "rustc 1", sysroot.path(), "host", None).expect("reads").0;
            let before = digest();
            assert_eq!(digest(), before);
            std::fs::write(sysroot.path().join(library), "two").expect("writes");
            assert_ne!(digest(), before, "{library}");
        }
    }
}
