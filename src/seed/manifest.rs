//! The manifest of a build: for each unit what cargo called and wrote, with portable paths.
//!
//! `store/v2/manifests/<group>-<request>`: a line of JSON about the build, then one for each unit, each unit behind those
//! that it depends on. It ends with the digest of all that, like every file of the store, and is replaced as a whole.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::action::portable::Portable;
use crate::digest::{Digest, guard};
use crate::seed::cargo_files::CargoFile;
use crate::seed::workspace::Build;
use crate::store::Store;
use crate::sys::fs::{self, private};

/// The version of this form.
pub const FORMAT: u32 = 3;

/// Below the store.
pub const DIR: &str = "manifests";

/// What a build consists of.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    pub header: Header,
    pub units: Vec<SeedUnit>,
}

/// About the build as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    pub format: u32,
    /// When the build ended, in milliseconds since 1970.
    pub time_ms: u64,
    /// The packages of its lock file, as `name version`.
    pub packages: Vec<String>,
    /// What was selected: the package that cargo was called in, packages, features, kinds of targets.
    pub selection: Vec<String>,
}

/// One unit: a compile, or the run of a build script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedUnit {
    /// How cargo calls its directories: `<package>-<hash>`.
    pub name: String,
    /// Its package, as `name version`.
    pub package: String,
    /// The directory of its profile.
    pub profile_dir: Portable,
    pub call: PortableCall,
    /// The positions of units in the manifest that it depends on.
    pub needs: Vec<usize>,
    pub fingerprint: Vec<CargoFile>,
    /// Of a package that is not from a registry or a repository: the digest of its manifest and of the workspace's. Not
    /// all that cargo takes from these is in its fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifests: Option<Digest>,
    /// A compile that makes metadata alone, for `cargo check`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_check: bool,
    /// Of a compile: the digest of its dep-info, with portable paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dep_info: Option<Digest>,
    /// Of a run: what it printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<Portable>,
    /// Of a run: when cargo noted what it printed, in nanoseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ran_ns: Option<i64>,
}

impl SeedUnit {
    /// Its package is from a registry or a repository: cargo does not look at its sources.
    pub fn is_fetched(&self) -> bool {
        self.manifests.is_none()
    }
}

/// A call that cargo made, with portable paths.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PortableCall {
    pub cwd: Portable,
    pub out_dir: Portable,
    pub args: Vec<Portable>,
    pub set: Vec<(Portable, Portable)>,
    pub removed: Vec<Portable>,
}

/// Where the manifest of a build is.
pub fn path(store: &Store, build: &Build) -> PathBuf {
    store.root().join(DIR).join(format!("{}-{}", build.group.to_hex(), build.request.to_hex()))
}

/// All manifests of the same group, those that were used last first.
pub fn of_group(store: &Store, build: &Build) -> Vec<PathBuf> {
    let group = build.group.to_hex();
    let all = fs::list(&store.root().join(DIR)).unwrap_or_default().into_iter();
    let fitting = all.filter(|path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(&group))
    });
    let mut dated: Vec<_> =
        fitting.filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path))).collect();
    dated.sort();
    dated.into_iter().rev().map(|(_, path)| path).collect()
}

impl Manifest {
    /// Reads a manifest; `None` where there is none that is whole.
    pub fn read(path: &std::path::Path) -> Option<Manifest> {
        let bytes = guard::check(private::read(path).ok()?)?;
        let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let header: Header = serde_json::from_slice(lines.next()?).ok()?;
        if header.format != FORMAT {
            return None;
        }
        let units: Vec<SeedUnit> =
            lines.map(|line| serde_json::from_slice(line).ok()).collect::<Option<_>>()?;
        let is_ordered = |(index, unit): (usize, &SeedUnit)| unit.needs.iter().all(|need| *need < index);
        units.iter().enumerate().all(is_ordered).then_some(Manifest { header, units })
    }

    /// Puts the manifest in the place of the last one of the same build.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &std::path::Path, store: &Store) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(&self.header).map_err(io::Error::other)?;
        for unit in &self.units {
            bytes.push(b'\n');
            serde_json::to_writer(&mut bytes, unit).map_err(io::Error::other)?;
        }
        bytes.push(b'\n');
        if let Some(dir) = path.parent() {
            private::create_dir_all(dir)?;
        }
        let temporary = store.temporary();
        private::replace(path, &temporary, &guard::add(bytes)).inspect_err(|_| drop(fs::remove(&temporary)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str, needs: &[usize]) -> SeedUnit {
        SeedUnit {
            name: name.to_owned(),
            package: "a 1.0.0".to_owned(),
            profile_dir: Portable::literal("/t/debug"),
            call: PortableCall::default(),
            needs: needs.to_vec(),
            fingerprint: Vec::new(),
            manifests: None,
            is_check: false,
            dep_info: Some(Digest::hash(b"d")),
            stdout: None,
            ran_ns: None,
        }
    }

    fn manifest(units: Vec<SeedUnit>) -> Manifest {
        Manifest {
            header: Header {
                format: FORMAT,
                time_ms: 1,
                packages: vec!["a 1.0.0".to_owned()],
                selection: Vec::new(),
            },
            units,
        }
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written_or_not_at_all() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let store = Store::at(dir.path());
        let path = store.root().join(DIR).join("group-request");
        let written = manifest(vec![unit("a-1", &[]), unit("b-2", &[0])]);
        private::create_dir_all(store.temporary().parent().expect("has one")).expect("makes it");
        written.write(&path, &store).expect("writes");
        assert_eq!(Manifest::read(&path), Some(written));
        let bytes = fs::read(&path).expect("reads");
        for n in 0..bytes.len() {
            fs::remove(&path).expect("removes");
            private::write_new(&path, &bytes[..n]).expect("writes");
            assert_eq!(Manifest::read(&path), None, "{n}");
        }
        manifest(vec![unit("a-1", &[1]), unit("b-2", &[])]).write(&path, &store).expect("writes");
        assert_eq!(Manifest::read(&path), None, "no unit comes before what it needs");
    }
}
