//! What cargo called for a unit, noted in the build directory: from it and from cargo's own files a later build directory
//! is seeded (`crate::seed`).
//!
//! A note lies in `target/.kache/calls/`, under the name that cargo gives the unit (`<package>-<hash>`), or under one that
//! no unit has, where that is not in the call: cargo leaves it out of the names of dynamic libraries. It holds the
//! arguments, the working directory, and how its variables differ from cargo's own: what cargo adds is a function of what
//! its fingerprint covers and of what a build script said, and everything else comes from the environment of the next
//! cargo.
//! The last call of a unit replaces the one before it. Only a call whose result is in the store leaves a note.
//!
//! Where the system does not tell what cargo was started with, no note is made.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use crate::action::{cargo_layout, memo};
use crate::digest::Digest;
use crate::invocation::Invocation;
use crate::sys::env::Env;
use crate::sys::fs::{self, Identity, private};
use crate::sys::parent::{self, Parent};
use crate::sys::{lock, os, process};

/// The first line of every note. Another form is another line.
const HEADER: &[u8] = b"call of cargo 1";

/// Below [`memo::DIR`].
const DIR: &str = "calls";

/// In the directory of notes: the cargo that the last notes are from, noted like a call.
pub const BUILD: &str = ".build";

/// In the directory of notes: locked by the process that waits for the build to end.
pub const LOCK: &str = ".lock";

/// In the directory of notes: locked while notes are harvested. It says which ones were harvested last.
pub const HARVEST: &str = ".harvest";

/// In the directory of notes: the manifests that the build directory was filled from, a path on each line.
const SEEDED: &str = ".seeded";

/// In the directory of notes: the units that the build directory was not filled with, and why: name, space, reason on
/// each line.
const NOT_SEEDED: &str = ".not-seeded";

/// Variables that cargo sets for each call and that decide nothing.
const NOISE: [&str; 4] = ["CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS", "NUM_JOBS"];

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallNote {
    /// The cache key under which its result is in the store.
    pub key: Digest,
    /// When cargo was started, in nanoseconds since 1970, or a little before.
    pub cargo_started_ns: i64,
    /// The state of the dep-info after the call; zeros for a run of a build script.
    pub dep_info: [i64; 5],
    pub cwd: PathBuf,
    /// Where its outputs are.
    pub out_dir: PathBuf,
    /// What was called: the compiler first, or what a launcher calls.
    pub args: Vec<OsString>,
    /// Variables that cargo has not, or with other values.
    pub set: Vec<(OsString, OsString)>,
    /// Variables that only cargo has.
    pub removed: Vec<OsString>,
}

/// The directory of the notes of a build directory.
pub fn dir(target: &Path) -> PathBuf {
    target.join(memo::DIR).join(DIR)
}

/// Where calls are noted.
pub fn all(target: &Path) -> Vec<PathBuf> {
    let mut notes = fs::list(&dir(target)).unwrap_or_default();
    notes.retain(|path| path.file_name().and_then(OsStr::to_str).is_some_and(|name| !name.starts_with('.')));
    notes
}

/// The name that cargo gives a unit with outputs in `out_dir`, where the call tells it.
pub fn unit_name(package: &str, invocation: &Invocation, out_dir: &Path) -> Option<String> {
    cargo_layout::per_unit_name(out_dir).or_else(|| {
        let id = invocation.extra_filename.to_string_lossy();
        (!id.is_empty()).then(|| format!("{package}{id}"))
    })
}

/// The name of the note of a compile with outputs in `out_dir`.
pub fn name(package: &str, invocation: &Invocation, out_dir: &Path) -> String {
    unit_name(package, invocation, out_dir).unwrap_or_else(|| {
        let place = Digest::hash(&[os::bytes(out_dir), b"\0", invocation.crate_name.as_bytes()].concat());
        format!("{package}.{}", place.to_hex())
    })
}

/// What is noted of a call besides the call itself.
pub struct Served<'a> {
    /// The build directory.
    pub target: &'a Path,
    /// How cargo calls the directories of the unit.
    pub name: &'a str,
    pub out_dir: &'a Path,
    pub dep_info: Option<&'a Path>,
    pub key: Digest,
}

/// Notes a call whose result is in the store, and sees to it that a process waits for the end of the build. If this
/// fails, only seeding is lost.
pub fn note(env: &Env, served: &Served<'_>) {
    let _ = try_note(env, served);
}

fn try_note(env: &Env, served: &Served<'_>) -> Option<()> {
    let cargo = parent::parent().filter(is_cargo)?;
    let dep_info = served.dep_info.map(|path| Identity::at(path).map(|identity| identity.numbers()));
    let mut note = CallNote {
        key: served.key,
        cargo_started_ns: cargo.started_ns,
        dep_info: dep_info.transpose().ok()?.unwrap_or_default(),
        cwd: env.cwd.clone()?,
        out_dir: served.out_dir.to_owned(),
        args: env.args.get(1..)?.to_vec(),
        set: Vec::new(),
        removed: Vec::new(),
    };
    note.compare(env, &cargo.env);
    let dir = dir(served.target);
    write(&dir, served.name, &note).ok()?;
    await_end(&dir, &cargo, &note)
}

/// Notes why units are not in a build directory that was filled.
///
/// # Errors
/// It cannot be written.
pub fn note_not_seeded(target: &Path, units: impl Iterator<Item = (String, String)>) -> io::Result<()> {
    let lines: String = units.map(|(name, why)| format!("{name} {}\n", why.replace('\n', " "))).collect();
    if lines.is_empty() {
        return Ok(());
    }
    add_lines(target, NOT_SEEDED, lines.as_bytes())
}

/// Notes the manifest that a build directory is filled from.
///
/// # Errors
/// It cannot be written.
pub fn note_seeded(target: &Path, manifest: &Path) -> io::Result<()> {
    add_lines(target, SEEDED, &[os::bytes(manifest), b"\n"].concat())
}

/// The manifests that a build directory was filled from, one for each profile.
pub fn seeded_from(target: &Path) -> Vec<PathBuf> {
    let lines = private::read(&dir(target).join(SEEDED)).unwrap_or_default();
    lines.split(|byte| *byte == b'\n').filter_map(os::path).filter(|path| path.is_absolute()).collect()
}

/// Adds lines to a file of the directory of notes.
fn add_lines(target: &Path, name: &str, lines: &[u8]) -> io::Result<()> {
    let dir = dir(target);
    let mut all = private::read(&dir.join(name)).unwrap_or_default();
    all.extend_from_slice(lines);
    private::replace(&dir.join(name), &dir.join(format!(".{}", fs::unique_name())), &all)
}

/// Why a unit was not in a build directory that was filled; `None` where it was, and from the second call on.
pub fn why_not_seeded(target: &Path, name: &str) -> Option<String> {
    let dir = dir(target);
    if fs::symlink_metadata(&dir.join(name)).is_ok() {
        return None;
    }
    let lines = String::from_utf8(private::read(&dir.join(NOT_SEEDED)).ok()?).ok()?;
    lines.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(' ')?.to_owned()))
}

/// Starts a process that waits for the end of the build, unless there is one.
fn await_end(dir: &Path, cargo: &Parent, note: &CallNote) -> Option<()> {
    if !cfg!(feature = "cli") || lock::try_lock(&dir.join(LOCK)).ok()?.is_none() {
        return None;
    }
    let (args, cwd) = (cargo_args(cargo), cargo.env.cwd.clone()?);
    let build = CallNote { cwd, args, set: deciding(cargo), removed: Vec::new(), ..note.clone() };
    write(dir, BUILD, &build).ok()?;
    // That process makes nothing in the build directory, which may be removed at any time.
    let _ = lock::try_lock(&dir.join(HARVEST));
    let target = dir.parent()?.parent()?.to_str()?;
    let program = crate::sys::env::current_exe().ok()?;
    process::spawn_detached(program.as_os_str(), &["harvest", "--automatic", target]).ok()
}

/// Whether a process is cargo.
pub fn is_cargo(parent: &Parent) -> bool {
    parent.exe.file_stem() == Some(OsStr::new("cargo"))
}

/// Cargo with all its variables. Its first argument is its own file.
pub fn whole_cargo(parent: &Parent) -> Env {
    let vars = parent.env.vars().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Env::new(cargo_args(parent), vars.collect(), parent.env.cwd.clone())
}

/// Cargo with no variables but those that it reads itself. Its first argument is its own file.
pub fn cargo(parent: &Parent) -> Env {
    Env::new(cargo_args(parent), deciding(parent), parent.env.cwd.clone())
}

fn cargo_args(parent: &Parent) -> Vec<OsString> {
    let args = parent.env.args.iter().skip(1).cloned();
    std::iter::once(parent.exe.clone().into_os_string()).chain(args).collect()
}

fn deciding(cargo: &Parent) -> Vec<(OsString, OsString)> {
    let set = cargo.env.vars().filter(|(name, _)| decides_build(name));
    set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Names, and starts of names, of variables by which cargo decides what it builds and where, and with which compiler. None
/// of them holds a secret.
const OF_CARGO: [&str; 16] = [
    "CARGO_BUILD_",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_HOME",
    "CARGO_INCREMENTAL",
    "CARGO_PROFILE_",
    "CARGO_TARGET_",
    "CI",
    "CLIPPY_ARGS",
    "HOME",
    "PATH",
    "RUSTC",
    "RUSTFLAGS",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "USERPROFILE",
    "XDG_CONFIG_HOME",
];

fn decides_build(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    OF_CARGO.iter().any(|known| name == *known || known.ends_with('_') && name.starts_with(known))
        || name.starts_with("RUSTC_") && name.ends_with("WRAPPER")
}

impl CallNote {
    /// What was called, by this cargo.
    pub fn env(&self, cargo: &Env) -> Env {
        let args = std::iter::once("kache".into()).chain(self.args.iter().cloned()).collect();
        cargo.with_changes(args, self.cwd.clone(), &self.set, &self.removed)
    }

    /// The cargo that a note of [`BUILD`] describes.
    pub fn cargo(&self) -> Env {
        Env::new(self.args.clone(), self.set.clone(), Some(self.cwd.clone()))
    }

    /// Notes in what the variables of `env` differ from those of `cargo`.
    fn compare(&mut self, env: &Env, cargo: &Env) {
        for (name, value) in env.vars() {
            if cargo.get(name) != Some(value) && !NOISE.iter().any(|noise| name == *noise) {
                self.set.push((name.to_owned(), value.to_owned()));
            }
        }
        for (name, _) in cargo.vars() {
            if env.get(name).is_none() && !NOISE.iter().any(|noise| name == *noise) {
                self.removed.push(name.to_owned());
            }
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8192);
        push_field(&mut bytes, HEADER);
        push_field(&mut bytes, self.key.to_hex().as_bytes());
        for number in [self.cargo_started_ns].into_iter().chain(self.dep_info) {
            push_field(&mut bytes, number.to_string().as_bytes());
        }
        push_field(&mut bytes, os::bytes(&self.cwd));
        push_field(&mut bytes, os::bytes(&self.out_dir));
        for number in [self.args.len(), self.set.len(), self.removed.len()] {
            push_field(&mut bytes, number.to_string().as_bytes());
        }
        for text in &self.args {
            push_field(&mut bytes, os::bytes(text));
        }
        for (name, value) in &self.set {
            push_field(&mut bytes, os::bytes(name));
            push_field(&mut bytes, os::bytes(value));
        }
        for name in &self.removed {
            push_field(&mut bytes, os::bytes(name));
        }
        bytes
    }

    /// Reads a note; `None` where it is none, or not whole.
    pub fn parse(bytes: &[u8]) -> Option<CallNote> {
        let mut fields = bytes.strip_suffix(b"\0")?.split(|byte| *byte == 0);
        if fields.next()? != HEADER {
            return None;
        }
        let key = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
        let cargo_started_ns = parse_number(fields.next()?)?;
        let mut dep_info = [0; 5];
        for number in &mut dep_info {
            *number = parse_number(fields.next()?)?;
        }
        let (cwd, out_dir) = (os::path(fields.next()?)?, os::path(fields.next()?)?);
        let mut counts = [0_usize; 3];
        for count in &mut counts {
            *count = usize::try_from(parse_number(fields.next()?)?).ok()?;
        }
        let mut texts = fields.map(os::from_bytes);
        let args = texts.by_ref().take(counts[0]).collect::<Option<Vec<_>>>()?;
        let pairs = texts.by_ref().take(counts[1].checked_mul(2)?).collect::<Option<Vec<_>>>()?;
        let set: Vec<_> = pairs.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        let removed = texts.by_ref().take(counts[2]).collect::<Option<Vec<_>>>()?;
        let is_whole = [args.len(), set.len(), removed.len()] == counts && texts.next().is_none();
        is_whole.then_some(CallNote { key, cargo_started_ns, dep_info, cwd, out_dir, args, set, removed })
    }
}

/// Adds a field with a NUL behind it.
fn push_field(bytes: &mut Vec<u8>, field: &[u8]) {
    bytes.extend_from_slice(field);
    bytes.push(0);
}

fn parse_number(field: &[u8]) -> Option<i64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

fn write(dir: &Path, name: &str, note: &CallNote) -> io::Result<()> {
    let (path, temporary) = (dir.join(name), dir.join(format!(".{}", fs::unique_name())));
    let bytes = note.to_bytes();
    match private::replace(&path, &temporary, &bytes) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            private::create_dir_all(dir)?;
            private::replace(&path, &temporary, &bytes)
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note() -> CallNote {
        CallNote {
            key: Digest::hash(b"key"),
            cargo_started_ns: 7,
            dep_info: [1, -2, 3, 4, 5],
            cwd: "/w".into(),
            out_dir: "/w/target/debug/deps".into(),
            args: vec!["rustc".into(), "".into(), "--crate-name".into()],
            set: vec![("A".into(), "".into()), ("B".into(), "x=y\nz".into())],
            removed: vec!["C".into()],
        }
    }

    #[test]
    fn a_note_is_read_as_it_was_written_or_not_at_all() {
        let bytes = note().to_bytes();
        assert_eq!(CallNote::parse(&bytes), Some(note()));
        for n in 0..bytes.len() {
            assert_eq!(CallNote::parse(&bytes[..n]), None, "{n}");
        }
        assert_eq!(CallNote::parse(&[bytes.as_slice(), b"more\0"].concat()), None);
    }

    #[test]
    fn what_cargo_has_itself_is_not_noted() {
        let cargo = Env::with_vars(&[("SAME", "1"), ("OTHER", "1"), ("GONE", "1"), ("MAKEFLAGS", "a")]);
        let env = Env::with_vars(&[("SAME", "1"), ("OTHER", "2"), ("NEW", "3"), ("NUM_JOBS", "4")]);
        let mut found = CallNote { set: Vec::new(), removed: Vec::new(), ..note() };
        found.compare(&env, &cargo);
        assert_eq!(found.set, [("OTHER".into(), "2".into()), ("NEW".into(), "3".into())]);
        assert_eq!(found.removed, ["GONE"]);
    }

    #[test]
    fn what_is_noted_of_cargo_holds_no_secret() {
        for name in
            ["CARGO_REGISTRY_TOKEN", "CARGO_HTTP_PROXY", "KACHE_S3_SECRET_KEY", "GH_TOKEN", "CI_TOKEN"]
        {
            assert!(!decides_build(OsStr::new(name)), "{name}");
        }
        assert!(decides_build(OsStr::new("CARGO_PROFILE_DEV_DEBUG")));
    }
}
