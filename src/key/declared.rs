//! Inputs that somebody declared: a build script by its `rerun-if` lines, a manifest by `extra-inputs`, and the
//! files of a package as a whole where a macro could read any of them.

use std::io;
use std::path::{Path, PathBuf};

use crate::action::memo::Memo;
use crate::action::roots::{has_build_mark, is_profile_dir};
use crate::action::snapshot::InputSnapshot;
use crate::digest::{Digest, Hasher};
use crate::sys::fs::Identity;
use crate::sys::{defence, fs, os};

/// More files than this are no inputs of one unit.
const MAX_FILES: usize = 20_000;

/// Directories that are never part of a package. Those of builds are known by their marks, not by their name: a
/// package may have a `src/target/`.
const NOT_PACKAGE: &[&str] = &[".git", ".hg", ".svn", ".jj", ".bzr", "_darcs"];

/// The digest of a file, or of all files in a directory by their relative names, links followed. Directories that hold
/// builds or version control are left out. All that was looked at is added to `watch`; nothing there has a digest too.
pub fn tree(path: &Path, memo: &Memo, watch: &mut InputSnapshot) -> io::Result<Digest> {
    let metadata = match fs::metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            watch.add_absent(path.to_path_buf());
            return Ok(Digest::hash(b"absent"));
        }
        metadata => metadata?,
    };
    if metadata.is_file() {
        return file(path, memo, watch);
    }
    let mut hasher = Hasher::new();
    for child in children(path, watch, &|_| false)? {
        hasher.field(os::bytes(child.path.strip_prefix(path).unwrap_or(&child.path)));
        if child.is_file {
            hasher.field(file(&child.path, memo, watch)?.as_bytes());
        }
    }
    Ok(hasher.finish())
}

fn file(path: &Path, memo: &Memo, watch: &mut InputSnapshot) -> io::Result<Digest> {
    let (known, identity) = memo.digest(path)?;
    watch.add(path.to_path_buf(), identity);
    Ok(known.digest)
}

/// Adds the state of every file and directory below `root` to `watch`, but for what `is_left_out`.
///
/// # Errors
/// It cannot be read, or there is too much.
pub fn states(root: &Path, watch: &mut InputSnapshot, is_left_out: &dyn Fn(&Path) -> bool) -> io::Result<()> {
    for child in children(root, watch, is_left_out)?.into_iter().filter(|child| child.is_file) {
        watch.add(child.path, child.identity);
    }
    Ok(())
}

struct Child {
    path: PathBuf,
    is_file: bool,
    identity: Identity,
}

/// All that is below a directory: files, and names of what is none.
fn children(
    root: &Path,
    watch: &mut InputSnapshot,
    is_skipped: &dyn Fn(&Path) -> bool,
) -> io::Result<Vec<Child>> {
    let mut children = Vec::new();
    let mut waiting = vec![root.to_path_buf()];
    // Where links led to: none is followed in circles.
    let mut followed = vec![fs::canonical(root)?];
    while let Some(dir) = waiting.pop() {
        watch.add(dir.clone(), Identity::at(&dir)?);
        for path in fs::list(&dir)?.into_iter().filter(|path| !is_skipped(path)) {
            if children.len() == MAX_FILES {
                return Err(io::Error::other(format!("more than {MAX_FILES} files")));
            }
            let mut metadata = fs::symlink_metadata(&path)?;
            if metadata.is_symlink()
                && let (Ok(behind), Ok(canonical)) = (fs::metadata(&path), fs::canonical(&path))
                && !(behind.is_dir() && followed.contains(&canonical))
            {
                followed.extend(behind.is_dir().then_some(canonical));
                if defence::stands("links-in-packages-with-macros") {
                    metadata = behind;
                }
            }
            if metadata.is_dir() && !is_left_out(&path) {
                waiting.push(path.clone());
            }
            children.push(Child {
                path,
                is_file: metadata.is_file(),
                identity: Identity::from_metadata(&metadata),
            });
        }
    }
    Ok(children)
}

fn is_left_out(dir: &Path) -> bool {
    let named =
        dir.file_name().and_then(|name| name.to_str()).is_some_and(|name| NOT_PACKAGE.contains(&name));
    named || is_build_directory(dir)
}

/// Whether cargo builds here: where a build directory was made by hand, only what is in it is marked.
fn is_build_directory(dir: &Path) -> bool {
    if has_build_mark(dir) {
        return true;
    }
    dir.file_name().is_some_and(|name| name == "target")
        && (!defence::stands("directories-only-called-target")
            || fs::list(dir).is_ok_and(|children| children.iter().any(|child| is_profile_dir(child))))
}

/// What the build script of a package declared in its last run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RerunIf {
    /// `rerun-if-changed`, as spelled.
    pub paths: Vec<PathBuf>,
    /// `rerun-if-env-changed`.
    pub variables: Vec<String>,
}

/// Where cargo keeps what a build script printed, as seen from its `OUT_DIR`: in the layout with one directory per
/// package, and in the one with a directory per unit.
const PRINTED: [&str; 2] = ["output", "run/stdout"];

/// Reads what the build script of the package at hand declared, from what it printed.
///
/// An `OUT_DIR` outside of the build directory `target` is not this package's: a build script that calls cargo passes
/// its own on.
///
/// # Errors
/// It cannot be read. That it cannot be found does not mean that nothing was declared.
pub fn rerun_if(out_dir: &Path, target: Option<&Path>) -> io::Result<RerunIf> {
    let parent = out_dir.parent().unwrap_or(out_dir);
    let n_layouts = if defence::stands("build-script-output-in-every-layout") { PRINTED.len() } else { 1 };
    for name in &PRINTED[..n_layouts] {
        match fs::read(&parent.join(name)) {
            Ok(printed) => return Ok(parse_rerun_if(&printed)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    if !defence::stands("build-script-output-that-is-lost")
        || target.is_some_and(|target| !out_dir.starts_with(target))
    {
        return Ok(RerunIf::default());
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "the output of its build script was not found"))
}

fn parse_rerun_if(output: &[u8]) -> RerunIf {
    let mut declared = RerunIf::default();
    for line in output.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(line) = line.strip_prefix(b"cargo::").or_else(|| line.strip_prefix(b"cargo:")) else {
            continue;
        };
        if let Some(path) = line.strip_prefix(b"rerun-if-changed=") {
            declared.paths.extend(os::path(path));
        } else if let Some(name) = line.strip_prefix(b"rerun-if-env-changed=") {
            declared.variables.extend(String::from_utf8(name.to_vec()));
        }
    }
    declared
}

/// The files that `[package.metadata.kache] extra-inputs` of a manifest stands for, sorted: a path, a directory with
/// all that is in it (`dir` or `dir/**`), or a pattern with `*`, `?`, `[…]` and `**`, as the crate `glob` has them.
///
/// # Errors
/// The manifest cannot be read, or mentions kache but is not understood, or a pattern is not.
pub fn extra_inputs(package: &Path) -> Result<Vec<PathBuf>, String> {
    let manifest = match fs::read(&package.join("Cargo.toml")) {
        Ok(manifest) => manifest,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e.to_string()),
    };
    if memchr::memmem::find(&manifest, b"kache").is_none() {
        return Ok(Vec::new());
    }
    let text = std::str::from_utf8(&manifest).map_err(|e| e.to_string())?;
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| e.message().to_owned())?;
    let kache = table.get("package").and_then(|package| package.get("metadata")?.get("kache"));
    let Some(patterns) = kache.and_then(|kache| kache.get("extra-inputs")) else { return Ok(Vec::new()) };
    if !patterns.is_array() && !defence::stands("unclear-extra-inputs-are-refused") {
        return Ok(Vec::new());
    }
    let patterns = patterns.as_array().ok_or("extra-inputs is not a list")?;
    let mut paths = Vec::new();
    for pattern in patterns {
        let pattern = pattern.as_str().ok_or("extra-inputs holds something else than texts")?;
        paths.extend(matching(package, pattern)?);
    }
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// What a pattern stands for today.
fn matching(package: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    // A directory counts with all that is in it, so its files need not be named one by one.
    let plain = pattern.strip_suffix("/**").unwrap_or(pattern);
    if !plain.contains(['*', '?', '[']) {
        return Ok(vec![package.join(plain)]);
    }
    let package = package.to_str().ok_or("the path of the package is not UTF-8")?;
    // The crate `globset` only matches, lists no files, and would bring a regex engine into the wrapper.
    let whole = format!("{}/{pattern}", glob::Pattern::escape(package));
    let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
    let found = glob::glob_with(&whole, options).map_err(|e| format!("pattern `{pattern}`: {}", e.msg))?;
    let mut paths = Vec::new();
    for path in found.take(MAX_FILES + 1) {
        paths.push(path.map_err(|e| format!("pattern `{pattern}`: {e}"))?);
    }
    if paths.len() > MAX_FILES {
        return Err(format!("pattern `{pattern}`: it matches more than {MAX_FILES} files"));
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_build_script_lines_are_read() {
        let declared =
            parse_rerun_if(b"cargo:rerun-if-changed=a.txt\r\ncargo::rerun-if-env-changed=B\nnoise\n");
        assert_eq!(declared, RerunIf { paths: vec!["a.txt".into()], variables: vec!["B".to_owned()] });
    }

    #[test]
    fn declarations_are_found_in_both_layouts_and_their_absence_is_an_error() {
        let target = tempfile::tempdir().expect("temporary directory");
        for (unit, printed) in [("old-1", "old-1/output"), ("new/2", "new/2/run/stdout")] {
            let printed = target.path().join(printed);
            fs::create_dir_all(printed.parent().expect("has one")).expect("makes it");
            fs::write_new(&printed, b"cargo:rerun-if-env-changed=A\n").expect("writes");
            let declared = rerun_if(&target.path().join(unit).join("out"), Some(target.path()));
            assert_eq!(declared.expect("is read").variables, ["A"], "{unit}");
        }
        let nowhere = target.path().join("other/3/out");
        for build_directory in [None, Some(target.path())] {
            let error = rerun_if(&nowhere, build_directory).expect_err("is not known");
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
        }
        // Of a build script that started this build.
        assert_eq!(rerun_if(&nowhere, Some(Path::new("/elsewhere"))).expect("is none"), RerunIf::default());
    }

    #[test]
    fn a_new_file_and_swapped_contents_change_a_tree() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let write = |name: &str, text: &[u8]| {
            fs::remove(&dir.path().join(name)).expect("removes");
            fs::write_new(&dir.path().join(name), text).expect("writes");
        };
        let digest = || tree(dir.path(), &Memo::of(None), &mut InputSnapshot::default()).expect("readable");
        write("a", b"1");
        write("b", b"2");
        let first = digest();
        write("a", b"2");
        write("b", b"1");
        let swapped = digest();
        write("c", b"");
        assert_ne!(first, swapped);
        assert_ne!(swapped, digest());
        write("a", b"1");
        write("b", b"2");
        fs::remove(&dir.path().join("c")).expect("removes");
        assert_eq!(first, digest());
    }

    #[test]
    fn extra_inputs_are_paths_directories_and_patterns() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let package = dir.path().join("a [package]");
        for name in
            ["q1.sql", "q2.sql", "x.sql", "deep/er/a.json", "deep/b.json", "deep/b.jsonl", "i/[1].txt"]
        {
            let path = package.join(name);
            fs::create_dir_all(path.parent().expect("has one")).expect("makes it");
            fs::write_new(&path, b"").expect("writes");
        }
        let named = |pattern: &str| {
            let manifest = format!("[package.metadata.kache]\nextra-inputs = [{pattern:?}]\n");
            fs::replace(&package.join("Cargo.toml"), &package.join("new"), manifest.as_bytes())
                .expect("writes");
            let names = extra_inputs(&package)?;
            let names = names.iter().map(|path| path.strip_prefix(&package).expect("is below"));
            Ok::<_, String>(names.map(|name| name.to_string_lossy().replace('\\', "/")).collect::<Vec<_>>())
        };
        let cases: [(&str, &[&str]); 9] = [
            ("../schema/**", &["../schema"]),
            ("deep", &["deep"]),
            ("one.txt", &["one.txt"]),
            ("q*.sql", &["q1.sql", "q2.sql"]),
            ("[!q]*.sql", &["x.sql"]),
            ("deep/*.json", &["deep/b.json"]),
            ("**/*.json", &["deep/b.json", "deep/er/a.json"]),
            ("i/[[]?].txt", &["i/[1].txt"]),
            ("*.none", &[]),
        ];
        for (pattern, expected) in cases {
            assert_eq!(named(pattern).expect("is understood"), expected, "{pattern}");
        }
        assert!(named("a***b").is_err_and(|e| e.starts_with("pattern `a***b`: ")));
    }
}
