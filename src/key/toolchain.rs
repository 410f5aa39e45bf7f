//! Which compiler this is: by content, not by its banner.
//!
//! Two builds of rustc can print the same version. So the identity is the content of the compiler, its driver
//! library, and everything in the sysroot's library directories for the host and the target (std, linkers). Reading
//! all that takes a tenth of a second; the result is kept under `memo/` of the cache directory, and taken from there
//! as long as the compiler, its driver library and the directory of std are the same files: a hit starts no compiler.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher, guard};
use crate::key::memo;
use crate::sys::env::Env;
use crate::sys::fs::{self, Identity};
use crate::sys::{os, process};

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
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Witness {
    path: PathBuf,
    state: [i64; 5],
}

/// The compiler cannot be identified.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unidentified(String);

impl Toolchain {
    /// The toolchain of `compiler` (rustc or clippy-driver, as cargo names it) compiling for `target`.
    pub fn identify(
        compiler: &OsStr,
        target: Option<&str>,
        cwd: &Path,
        env: &Env,
        memo_dir: &Path,
    ) -> Result<Toolchain, Unidentified> {
        let found = os::find_program(compiler, env.get("PATH"), cwd)
            .ok_or_else(|| Unidentified(format!("{} is not on PATH", compiler.to_string_lossy())))?;
        let program = match proxied(&found, env) {
            Proxy::None => found,
            Proxy::For(program) => program,
            // The proxy decides by directory overrides and files that it alone understands.
            Proxy::Undecided => return ask(&found, target, cwd),
        };
        let mut name = Hasher::new();
        name.field(os::bytes(&program));
        name.field(target.unwrap_or_default().as_bytes());
        let memo_path = memo_dir.join(format!("toolchain-{}", &name.finish().to_hex()[..32]));
        if let Some(known) = recall(&memo_path) {
            return Ok(known);
        }
        let toolchain = ask(&program, target, cwd)?;
        if let Ok(json) = serde_json::to_vec(&toolchain) {
            let temporary = memo_dir.join(format!("tmp-{}", fs::unique_name()));
            let _ = fs::create_dir_all(memo_dir);
            let _ = fs::replace(&memo_path, &temporary, &guard::add(json));
        }
        Ok(toolchain)
    }
}

pub(super) fn recall(memo_path: &Path) -> Option<Toolchain> {
    let toolchain: Toolchain = serde_json::from_slice(&guard::check(fs::read(memo_path).ok()?)?).ok()?;
    let holds = |witness: &Witness| Identity::at(&witness.path).is_ok_and(|now| state(&now) == witness.state);
    toolchain.witnesses.iter().all(holds).then_some(toolchain)
}

fn state(identity: &Identity) -> [i64; 5] {
    [
        identity.device as i64,
        identity.inode as i64,
        identity.size as i64,
        identity.modified_ns,
        identity.changed_ns,
    ]
}

enum Proxy {
    None,
    For(PathBuf),
    Undecided,
}

/// rustup's proxies are one program under many names; `RUSTUP_TOOLCHAIN` says which toolchain they stand for.
fn proxied(found: &Path, env: &Env) -> Proxy {
    let Ok(canonical) = fs::canonical(found) else { return Proxy::None };
    let is_rustup = canonical.file_stem().is_some_and(|stem| stem == "rustup");
    let is_same_file_as_rustup = || {
        let rustup = found.with_file_name("rustup").with_extension(std::env::consts::EXE_EXTENSION);
        matches!((Identity::at(found), Identity::at(&rustup)), (Ok(a), Ok(b)) if a == b)
    };
    if !is_rustup && !is_same_file_as_rustup() {
        return Proxy::None;
    }
    let in_toolchain = || {
        let home = match env.get("RUSTUP_HOME") {
            Some(home) => PathBuf::from(home),
            None => crate::sys::dirs::home(env)?.join(".rustup"),
        };
        let toolchain = Path::new(env.get("RUSTUP_TOOLCHAIN")?);
        let dir = if toolchain.is_absolute() {
            toolchain.to_path_buf()
        } else {
            home.join("toolchains").join(toolchain)
        };
        let program = dir.join("bin").join(found.file_name()?);
        fs::metadata(&program).is_ok_and(|metadata| metadata.is_file()).then_some(program)
    };
    in_toolchain().map_or(Proxy::Undecided, Proxy::For)
}

fn ask(program: &Path, target: Option<&str>, cwd: &Path) -> Result<Toolchain, Unidentified> {
    let question = |args: &[&str]| {
        let answer = process::output(program.as_os_str(), args, cwd)
            .map_err(|e| Unidentified(format!("{} {}: {e}", program.display(), args.join(" "))))?;
        String::from_utf8(answer).map_err(|_| Unidentified("the compiler does not speak UTF-8".into()))
    };
    let banner = question(&["--rustc", "-vV"]).or_else(|_| question(&["-vV"]))?;
    let sysroot =
        question(&["--rustc", "--print", "sysroot"]).or_else(|_| question(&["--print", "sysroot"]))?;
    let field = |name: &str| {
        let line = banner.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().to_owned()).ok_or_else(|| Unidentified(format!("no `{name}` in -vV")))
    };
    let (host, release) = (field("host:")?, field("release:")?);
    let commit =
        field("commit-hash:").ok().filter(|commit| commit != "unknown").unwrap_or_else(|| release.clone());
    let sysroot = PathBuf::from(sysroot.trim_end());
    let (digest, witnesses) = digest_of(program, &banner, &sysroot, &host, target)
        .map_err(|e| Unidentified(format!("{}: {e}", sysroot.display())))?;
    Ok(Toolchain { digest, host, release, commit, sysroot, witnesses })
}

fn digest_of(
    program: &Path,
    banner: &str,
    sysroot: &Path,
    host: &str,
    target: Option<&str>,
) -> std::io::Result<(Digest, Vec<Witness>)> {
    let lib = sysroot.join("lib");
    let rustlib = lib.join("rustlib");
    let target_lib = rustlib.join(target.unwrap_or(host)).join("lib");
    let mut hasher = Hasher::new();
    hasher.field(banner.as_bytes());
    let mut witnesses = Vec::new();
    let mut hash = |name: &[u8], path: &Path| -> std::io::Result<Identity> {
        let (digest, identity) = memo::hash_file(path)?;
        hasher.field(name);
        hasher.field(digest.as_bytes());
        Ok(identity)
    };
    let mut witness = |path: &Path, identity: &Identity| {
        witnesses.push(Witness { path: path.to_path_buf(), state: state(identity) });
    };
    let identity = hash(b"compiler", program)?;
    witness(program, &identity);
    for library in fs::list(&lib)? {
        let name = library.file_name().map_or(&[][..], os::bytes).to_vec();
        let starts = |prefix: &str| name.starts_with(prefix.as_bytes());
        if starts("librustc_driver") || starts("libLLVM") {
            let identity = hash(&name, &library)?;
            witness(&library, &identity);
        }
    }
    let mut directories =
        vec![target_lib.clone(), rustlib.join(host).join("lib"), rustlib.join(host).join("bin")];
    directories.dedup();
    for directory in directories {
        let Ok(identity) = Identity::at(&directory) else { continue };
        witness(&directory, &identity);
        let mut waiting = vec![directory.clone()];
        while let Some(next) = waiting.pop() {
            for path in fs::list(&next)? {
                if fs::metadata(&path)?.is_dir() {
                    waiting.push(path);
                } else {
                    let name = path.strip_prefix(&rustlib).unwrap_or(&path).to_path_buf();
                    hash(os::bytes(&name), &path)?;
                }
            }
        }
    }
    Ok((hasher.finish(), witnesses))
}
