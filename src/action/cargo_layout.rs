//! Cargo's two layouts of a profile's directory, as far as they say where a unit has its files.
//!
//! | | until cargo 1.99 | from 1.100 on, `build/<package>/<hash>/…` |
//! |---|---|---|
//! | outputs of a compile | `deps`, `examples`, or `build/<package>-<hash>` of a build script | `out` |
//! | `OUT_DIR` of a run | `build/<package>-<hash>/out` | `out` |
//! | what a run printed | `build/<package>-<hash>/output` and `stderr` | `run/stdout` and `run/stderr` |
//! | fingerprint | `.fingerprint/<package>-<hash>` | `fingerprint` |
//!
//! Both are told from where the outputs are, not from cargo's version. A unit is called `<package>-<hash>` in both.

use std::path::{Path, PathBuf};

/// Where cargo has the files of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// Directories for one kind of file of all units.
    Shared,
    /// A directory for each unit.
    PerUnit,
}

/// The directories of a unit in which cargo itself writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitDirs {
    pub fingerprint: PathBuf,
    /// `OUT_DIR`, if it is a run of a build script.
    pub out: PathBuf,
    /// Of a run: what it printed on standard output.
    pub stdout: PathBuf,
    /// Of a run: what it printed on standard error.
    pub stderr: PathBuf,
    /// Of a run: which `OUT_DIR` it had.
    pub root_output: PathBuf,
}

impl Layout {
    /// The layout in which a unit has its outputs in `out_dir`.
    pub fn of(out_dir: &Path) -> Layout {
        if per_unit_name(out_dir).is_some() { Layout::PerUnit } else { Layout::Shared }
    }

    /// The directory in that of a profile which cargo makes for the fingerprint of the first unit.
    pub fn first_dir(self) -> &'static str {
        self.dirs()[0]
    }

    /// The directories in that of a profile which cargo makes before it calls anything; first that in which
    /// fingerprints are.
    pub fn dirs(self) -> &'static [&'static str] {
        match self {
            Layout::Shared => &[".fingerprint", "build", "deps", "examples", "incremental"],
            Layout::PerUnit => &["build", "examples", "incremental"],
        }
    }

    /// The directories of the unit `name`; `None` where that is no name of a unit.
    pub fn unit_dirs(self, profile_dir: &Path, name: &str) -> Option<UnitDirs> {
        let (package, hash) = split_name(name)?;
        Some(match self {
            Layout::Shared => {
                let dir = profile_dir.join("build").join(name);
                UnitDirs {
                    fingerprint: profile_dir.join(".fingerprint").join(name),
                    out: dir.join("out"),
                    stdout: dir.join("output"),
                    stderr: dir.join("stderr"),
                    root_output: dir.join("root-output"),
                }
            }
            Layout::PerUnit => {
                let dir = profile_dir.join("build").join(package).join(hash);
                let run = dir.join("run");
                UnitDirs {
                    fingerprint: dir.join("fingerprint"),
                    out: dir.join("out"),
                    stdout: run.join("stdout"),
                    stderr: run.join("stderr"),
                    root_output: run.join("root-output"),
                }
            }
        })
    }
}

/// The name of the unit whose run of a build script has this `OUT_DIR`.
pub fn name_of_run(out_dir: &Path) -> Option<String> {
    match per_unit_name(out_dir) {
        Some(name) => Some(name),
        None => Some(out_dir.parent()?.file_name()?.to_str()?.to_owned()),
    }
}

/// The name of the unit that has this directory of outputs, or that lies around it, to itself.
pub fn per_unit_name(dir: &Path) -> Option<String> {
    let hash_dir = dir.parent()?;
    let package_dir = hash_dir.parent()?;
    let is_per_unit = dir.file_name()? == "out" && package_dir.parent()?.file_name()? == "build";
    let (package, hash) = (package_dir.file_name()?.to_str()?, hash_dir.file_name()?.to_str()?);
    (is_per_unit && is_hash(hash)).then(|| format!("{package}-{hash}"))
}

/// The package and the hash in the name of a unit, each of which is the name of a directory.
fn split_name(name: &str) -> Option<(&str, &str)> {
    let (package, hash) = name.rsplit_once('-')?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' || byte >= 0x80;
    (is_hash(hash) && !package.is_empty() && package.bytes().all(is_name)).then_some((package, hash))
}

/// The package in the name of a unit.
pub fn package_of(name: &str) -> Option<&str> {
    split_name(name).map(|(package, _)| package)
}

/// Whether a text is a hash by which cargo tells units apart.
pub fn is_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_told_from_where_outputs_are() {
        let layout = |dir: &str| Layout::of(Path::new(dir));
        for dir in [
            "/t/debug/deps",
            "/t/debug/examples",
            "/t/debug/build/a-0123456789abcdef",
            "/t/debug/build/a-0123456789abcdef/out",
            "/out/0123456789abcdef/out",
            "/t/build/debug/deps/out",
        ] {
            assert_eq!(layout(dir), Layout::Shared, "{dir}");
        }
        assert_eq!(layout("/t/debug/build/a-b/0123456789abcdef/out"), Layout::PerUnit);
        let name = |dir: &str| name_of_run(Path::new(dir));
        let expected = Some("a-b-0123456789abcdef".to_owned());
        assert_eq!(name("/t/debug/build/a-b/0123456789abcdef/out"), expected);
        assert_eq!(name("/t/debug/build/a-b-0123456789abcdef/out"), expected);
    }

    #[test]
    fn the_directories_of_a_unit_are_those_that_cargo_makes() {
        let dirs = |layout: Layout| layout.unit_dirs(Path::new("/t/debug"), "a-b-0123456789abcdef");
        let shared = dirs(Layout::Shared).expect("a name");
        assert_eq!(shared.fingerprint, Path::new("/t/debug/.fingerprint/a-b-0123456789abcdef"));
        assert_eq!(shared.stdout, Path::new("/t/debug/build/a-b-0123456789abcdef/output"));
        assert_eq!(shared.out, Path::new("/t/debug/build/a-b-0123456789abcdef/out"));
        let own = dirs(Layout::PerUnit).expect("a name");
        assert_eq!(own.fingerprint, Path::new("/t/debug/build/a-b/0123456789abcdef/fingerprint"));
        assert_eq!(own.stdout, Path::new("/t/debug/build/a-b/0123456789abcdef/run/stdout"));
        assert_eq!(own.out, Path::new("/t/debug/build/a-b/0123456789abcdef/out"));
    }

    #[test]
    fn no_name_leads_elsewhere() {
        for name in [
            "",
            "a",
            "a-",
            "..-0123456789abcdef",
            "-0123456789abcdef",
            "/-0123456789abcdef",
            "a-0123456789abcdeg",
        ] {
            for layout in [Layout::Shared, Layout::PerUnit] {
                assert_eq!(layout.unit_dirs(Path::new("/t"), name), None, "{name}");
            }
        }
    }
}
