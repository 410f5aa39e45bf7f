//! Compiles the launcher of build scripts, which is embedded (`crates/launcher`), and gives the crate its build stamp:
//! what tells this build from every other one.
//!
//! ```text
//! id=<32 hex digits> time=<10 digits> dev=<0 or 1> version=<version>
//! ```
//!
//! - `id` is a hash of everything the binary is made of: the sources' content, version, target, features and profile;
//!   for a release also the compiler and the commit. No clock and no path goes into it: the same sources give the same
//!   build, and a build from an archive without a repository has one too.
//! - `time` orders releases: `SOURCE_DATE_EPOCH`, or when the commit was made; 0 where neither is known.
//! - `dev` marks what is no release: another profile, or uncommitted changes. Such builds ask git for nothing, so that
//!   a commit does not recompile them.

#![expect(clippy::disallowed_methods, reason = "a build script talks to cargo, from outside")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let mut hash = Fnv::new();
    for name in ["CARGO_PKG_VERSION", "TARGET", "PROFILE", "OPT_LEVEL"] {
        hash.part(variable(name).as_bytes());
    }
    let mut features: Vec<String> = env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("CARGO_FEATURE_"))
        .collect();
    features.sort();
    hash.part(features.join(",").as_bytes());
    for path in sources(&root) {
        let name = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        hash.part(name.as_bytes());
        hash.part(&fs::read(&path).unwrap_or_default());
    }
    compile_launcher(&root);
    link_without_relocations();
    for name in ["src", "crates", "build.rs", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={name}");
    }
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");

    let is_release = variable("PROFILE") == "release";
    let commit = if is_release { Commit::of(&root) } else { None };
    if is_release {
        hash.part(output(Command::new(variable("RUSTC")).arg("-vV")).unwrap_or_default().as_bytes());
        hash.part(commit.as_ref().map_or("", |commit| &commit.hash).as_bytes());
    }
    let epoch = env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.trim().parse::<u64>().ok());
    let time = epoch.or(commit.as_ref().and_then(|commit| commit.time)).unwrap_or(0).min(9_999_999_999);
    let is_dev = !is_release || commit.is_some_and(|commit| commit.is_dirty);
    println!(
        "cargo::rustc-env=BUILD_STAMP=id={:032x} time={time:010} dev={} version={}",
        hash.0,
        u8::from(is_dev),
        variable("CARGO_PKG_VERSION")
    );
}

/// Has the program linked for a fixed address. It is started for each compile, and would otherwise write to each page of
/// its tables of functions at every start; the libraries for remotes have thousands of them, which no compile uses. Its
/// stack, its memory and its libraries are at random addresses as ever. Releases for musl get the same from
/// `relocation-model=static`, because its start files are another decision of the compiler.
fn link_without_relocations() {
    if variable("CARGO_CFG_TARGET_OS") == "linux" && variable("CARGO_CFG_TARGET_ENV") == "gnu" {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// Everything the binary is made of, sorted.
fn sources(root: &Path) -> Vec<PathBuf> {
    let mut files = vec![root.join("build.rs"), root.join("Cargo.toml"), root.join("Cargo.lock")];
    let mut dirs = vec![root.join("src"), root.join("crates")];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { dirs.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// Compiles the launcher into `OUT_DIR`. It is so small that each build script can have a copy, which a program with std
/// is not. Where it cannot be compiled, and on systems where one program cannot become another, the file is empty, and
/// runs of build scripts are not cached.
fn compile_launcher(root: &Path) {
    let launcher = PathBuf::from(variable("OUT_DIR")).join("launcher");
    let target = variable("TARGET");
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args(["--crate-name", "launcher", "--crate-type", "bin", "--edition", "2024", "--target", &target]);
    rustc.args(["-C", "opt-level=s", "-C", "panic=abort", "-C", "strip=symbols", "-o"]).arg(&launcher);
    rustc.arg(root.join("crates/launcher/main.rs"));
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg("-C").arg(format!("linker={linker}"));
    }
    let is_unix = env::var_os("CARGO_CFG_UNIX").is_some();
    let is_compiled = is_unix && rustc.output().is_ok_and(|output| output.status.success());
    if !is_compiled {
        if is_unix {
            println!(
                "cargo::warning=the launcher does not compile; runs of build scripts will not be cached"
            );
        }
        let _ = fs::write(&launcher, []);
    }
}

/// What the repository says, if it is this project's own and not one that an archive was unpacked in.
struct Commit {
    hash: String,
    time: Option<u64>,
    is_dirty: bool,
}

impl Commit {
    fn of(root: &Path) -> Option<Commit> {
        let git = |args: &[&str]| {
            output(Command::new("git").arg("--no-optional-locks").args(args).current_dir(root))
        };
        let top = PathBuf::from(git(&["rev-parse", "--show-toplevel"])?);
        if top.canonicalize().ok()? != root.canonicalize().ok()? {
            return None;
        }
        if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
            println!("cargo::rerun-if-changed={log}");
        }
        let hash = git(&["rev-parse", "HEAD"])?;
        let time = git(&["log", "-1", "--format=%ct"]).and_then(|text| text.parse().ok());
        let changes = git(&["status", "--porcelain", "--", "src", "build.rs", "Cargo.toml", "Cargo.lock"]);
        Some(Commit { hash, time, is_dirty: changes.is_none_or(|changes| !changes.is_empty()) })
    }
}

/// What a program prints, if it succeeds.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// FNV-1a with 128 bits: differs where the parts differ; nobody attacks it.
struct Fnv(u128);

impl Fnv {
    fn new() -> Fnv {
        Fnv(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn part(&mut self, bytes: &[u8]) {
        for byte in (bytes.len() as u64).to_le_bytes().iter().chain(bytes) {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
}
