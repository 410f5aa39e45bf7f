//! The manifest of a build: for each unit what cargo called and wrote, with portable paths.
//!
//! `store/v2/manifests/<group>-<request>`: a line of JSON about the build, then one for each unit, each unit behind those
//! that it depends on. It ends with the digest of all that, like every file of the store, and is replaced as a whole.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::action::portable::Portable;
use crate::digest::{Digest, Hasher, guard};
use crate::manifest::cargo_files::{self, CargoFile};
use crate::manifest::cargo_hash::Hashed;
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
    /// The identity of the compiler. Absent from manifests of earlier versions, which are not sent to other machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiler: Option<Digest>,
    /// The digest of the lock file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Digest>,
    /// It was fetched from a remote: it decides less than a manifest of this machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_from_remote: bool,
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
    /// What the hash in the fingerprint was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hashed: Option<Hashed>,
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
    /// The key of its entry when the manifest was made. It only tells what to fetch: what is placed is looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
}

impl SeedUnit {
    /// Its package is from a registry or a repository: cargo does not look at its sources.
    pub fn is_fetched(&self) -> bool {
        self.manifests.is_none()
    }

    /// A unit for a test, of which nothing is known.
    #[cfg(test)]
    pub fn example(name: &str) -> SeedUnit {
        SeedUnit {
            name: name.to_owned(),
            package: String::new(),
            profile_dir: Portable::default(),
            call: PortableCall::default(),
            needs: Vec::new(),
            fingerprint: Vec::new(),
            hashed: None,
            manifests: None,
            is_check: false,
            dep_info: None,
            stdout: None,
            ran_ns: None,
            key: None,
        }
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

/// Which build a manifest is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BuildId {
    /// What must be the same for anything to fit.
    pub group: Digest,
    /// What makes two builds the same: the lock file and what was selected.
    pub request: Digest,
}

/// Where the manifest of a build is.
pub fn path(store: &Store, build: &BuildId) -> PathBuf {
    store.root().join(DIR).join(format!("{}-{}", build.group.to_hex(), build.request.to_hex()))
}

/// The build that the manifest at `path` is of.
pub fn build_of(path: &Path) -> Option<BuildId> {
    let (group, request) = path.file_name()?.to_str()?.split_once('-')?;
    Some(BuildId { group: group.parse().ok()?, request: request.parse().ok()? })
}

/// All manifests of the store, in no particular order.
pub fn all(store: &Store) -> Vec<PathBuf> {
    let listed = fs::list(&store.root().join(DIR)).unwrap_or_default();
    listed.into_iter().filter(|path| build_of(path).is_some()).collect()
}

/// All manifests of the same group, those that were used last first.
pub fn of_group(store: &Store, group: &Digest) -> Vec<PathBuf> {
    let fitting = all(store).into_iter().filter(|path| build_of(path).is_some_and(|it| it.group == *group));
    let mut dated: Vec<_> =
        fitting.filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path))).collect();
    dated.sort();
    dated.into_iter().rev().map(|(_, path)| path).collect()
}

/// Why bytes are not a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAManifest {
    #[error("it has the unknown format {0}")]
    Format(u32),
    #[error("{0}")]
    Malformed(&'static str),
}

/// No build has more units.
const MOST_UNITS: usize = 50_000;

impl Manifest {
    /// Reads a manifest; `None` where there is none that is whole.
    pub fn read(path: &Path) -> Option<Manifest> {
        Manifest::parse(&guard::check(private::read(path).ok()?)?).ok()
    }

    /// The manifest in these bytes.
    ///
    /// # Errors
    /// It is of another form, a unit comes before one that it needs, or a name in it could lead elsewhere.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, NotAManifest> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let malformed = |_| NotAManifest::Malformed("a line of it cannot be understood");
        let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let first = lines.next().ok_or(NotAManifest::Malformed("it is empty"))?;
        let Version { format } = serde_json::from_slice(first).map_err(malformed)?;
        if format != FORMAT {
            return Err(NotAManifest::Format(format));
        }
        let header: Header = serde_json::from_slice(first).map_err(malformed)?;
        let mut units: Vec<SeedUnit> = Vec::new();
        for line in lines {
            if units.len() == MOST_UNITS {
                return Err(NotAManifest::Malformed("it has too many units"));
            }
            let unit: SeedUnit = serde_json::from_slice(line).map_err(malformed)?;
            if unit.needs.iter().any(|need| *need >= units.len()) {
                return Err(NotAManifest::Malformed("a unit comes before one that it needs"));
            }
            let mut names = unit.fingerprint.iter().map(|file| &file.name);
            if !names.all(|name| cargo_files::is_name(name)) || !cargo_files::is_name(&unit.name) {
                return Err(NotAManifest::Malformed("a name in it is a path"));
            }
            units.push(unit);
        }
        Ok(Manifest { header, units })
    }

    /// What [`Manifest::parse`] reads.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(&self.header).map_err(io::Error::other)?;
        for unit in &self.units {
            bytes.push(b'\n');
            serde_json::to_writer(&mut bytes, unit).map_err(io::Error::other)?;
        }
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The same for manifests that differ in nothing but times.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn id(&self) -> io::Result<Digest> {
        let mut id = Hasher::new();
        let header = Header { time_ms: 0, is_from_remote: false, ..self.header.clone() };
        id.field(&serde_json::to_vec(&header).map_err(io::Error::other)?);
        for unit in &self.units {
            let unit = SeedUnit { ran_ns: None, ..unit.clone() };
            id.field(&serde_json::to_vec(&unit).map_err(io::Error::other)?);
        }
        Ok(id.finish())
    }

    /// Puts the manifest in the place of the last one of the same build.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path, store: &Store) -> io::Result<()> {
        if let Some(dir) = path.parent() {
            private::create_dir_all(dir)?;
        }
        let temporary = store.temporary();
        if let Some(dir) = temporary.parent() {
            private::create_dir_all(dir)?;
        }
        let bytes = guard::add(self.to_bytes()?);
        private::replace(path, &temporary, &bytes).inspect_err(|_| drop(fs::remove(&temporary)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(name: &str, needs: &[usize]) -> SeedUnit {
        let dep_info = Some(Digest::hash(b"d"));
        SeedUnit { package: "a 1.0.0".to_owned(), needs: needs.to_vec(), dep_info, ..SeedUnit::example(name) }
    }

    fn manifest(units: Vec<SeedUnit>) -> Manifest {
        Manifest {
            header: Header {
                format: FORMAT,
                time_ms: 1,
                packages: vec!["a 1.0.0".to_owned()],
                selection: Vec::new(),
                compiler: None,
                lock: None,
                is_from_remote: false,
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

    #[test]
    fn what_could_lead_elsewhere_is_no_manifest() {
        let refused =
            |units: Vec<SeedUnit>| Manifest::parse(&manifest(units).to_bytes().expect("is written"));
        for name in ["../x", "a/b", "/a", "..", ""] {
            let expected = Err(NotAManifest::Malformed("a name in it is a path"));
            assert_eq!(refused(vec![unit(name, &[])]), expected, "{name}");
            let file = CargoFile {
                name: name.to_owned(),
                content: cargo_files::Content::Text(Portable::literal("x")),
            };
            let fingerprint = vec![file];
            assert_eq!(refused(vec![SeedUnit { fingerprint, ..unit("a-1", &[]) }]), expected, "{name}");
        }
        assert_eq!(Manifest::parse(b""), Err(NotAManifest::Malformed("it is empty")));
        assert_eq!(Manifest::parse(b"{\"format\":4,\"new\":1}\n"), Err(NotAManifest::Format(4)));
    }

    #[test]
    fn times_do_not_make_another_manifest() {
        let one = manifest(vec![unit("a-1", &[])]);
        let mut other = one.clone();
        other.header.time_ms = 2;
        other.units[0].ran_ns = Some(3);
        assert_eq!(one.id().expect("has one"), other.id().expect("has one"));
        other.units[0].key = Some(Digest::hash(b"key"));
        assert_ne!(one.id().expect("has one"), other.id().expect("has one"));
    }
}
