//! How objects are named.
//!
//! ```text
//! v1/packs/<package>/<version>/<compiler>/<unit>/<cache key>.tar.zst     an entry: `pack`
//! v1/manifests/<namespace>/<compiler>/<lock file>/<build>/<id>.tar.zst   a build: `manifest`
//! ```
//!
//! Listing what is below a package, or a unit of it, tells what there is for it. `<compiler>` is the beginning of the
//! compiler's identity, for runs of build scripts of that and the processor: so only what the machine at hand can use is
//! transferred. `<unit>` is the beginning of the unit key. All parts but the cache key only help to find packs: what a
//! pack is of stands in it.
//!
//! `<build>` is what cargo was called for: its version, the command, the profile and the target, then, behind `-`, what was
//! selected. So one listing tells which manifests there are for a compiler, and which are of the same lock file.
//!
//! `v1` is the version of all names and contents: another version is another folder. Objects are never changed. A
//! remote needs a rule of its own to remove old ones; kache removes nothing there.

use crate::action::input_kinds::InputKind;
use crate::action::inputs::Value;
use crate::digest::{Digest, Hasher};
use crate::manifest::form::BuildId;
use crate::remote::object_name::{NotAName, ObjectName};
use crate::store::entry::{StoredInputs, UnitName};
use crate::store::transfer::PortableEntry;

/// The version of names and contents.
pub const VERSION: &str = "v1";

const PACKS: &str = "packs";
const MANIFESTS: &str = "manifests";
const SUFFIX: &str = ".tar.zst";

/// The identity of a compiler in names: enough of its digest to tell compilers apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompilerName(String);

impl CompilerName {
    /// The name for a compiler with this identity.
    pub fn new(identity: &Digest) -> CompilerName {
        CompilerName(identity.to_hex()[..16].to_owned())
    }

    /// The name for runs of build scripts with this compiler on this processor.
    pub fn of_runs(compiler: &Digest, processor: &Digest) -> CompilerName {
        let mut hasher = Hasher::new();
        hasher.field(compiler.as_bytes());
        hasher.field(processor.as_bytes());
        CompilerName::new(&hasher.finish())
    }
}

/// The folder of a unit: enough of its key to find what there is of it. Servers have limits for names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitFolder(String);

impl UnitFolder {
    /// The folder of the unit with this key.
    pub fn new(unit_key: &Digest) -> UnitFolder {
        UnitFolder(unit_key.to_hex()[..16].to_owned())
    }
}

/// What the name of a pack says of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackName {
    pub package: String,
    pub version: String,
    pub compiler: CompilerName,
    pub unit: UnitFolder,
    pub key: Digest,
}

impl PackName {
    /// The name of the pack of this entry.
    pub fn of(portable: &PortableEntry) -> PackName {
        let PortableEntry { key, entry, inputs, processor, .. } = portable;
        PackName::of_unit(*key, &entry.unit, inputs, processor.as_ref())
    }

    /// The name of the pack of an entry of this unit; a run of a build script has a processor.
    pub fn of_unit(
        key: Digest,
        unit: &UnitName,
        inputs: &StoredInputs,
        processor: Option<&Digest>,
    ) -> PackName {
        let UnitFolders { package, version } = UnitFolders::of(unit);
        let compiler = compiler(inputs, processor, &key);
        PackName { package, version, compiler, unit: UnitFolder::new(&inputs.unit_key), key }
    }

    /// The name of the object.
    pub fn object(&self) -> Result<ObjectName, NotAName> {
        let file = format!("{}{SUFFIX}", self.key);
        let PackName { package, version, compiler, unit, .. } = self;
        ObjectName::new(&[VERSION, PACKS, package, version, &compiler.0, &unit.0, &file])
    }

    /// The pack of this object, if it is one.
    pub fn parse(object: &ObjectName) -> Option<PackName> {
        let parts: Vec<&str> = object.parts().collect();
        let [VERSION, PACKS, package, version, compiler, unit, file] = parts[..] else { return None };
        let key = file.strip_suffix(SUFFIX)?.parse().ok()?;
        Some(PackName {
            package: package.to_owned(),
            version: version.to_owned(),
            compiler: CompilerName(compiler.to_owned()),
            unit: UnitFolder(unit.to_owned()),
            key,
        })
    }
}

/// The folders of the packs of a unit, but for its compiler and key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitFolders {
    pub package: String,
    pub version: String,
}

impl UnitFolders {
    /// Those of this unit.
    pub fn of(unit: &UnitName) -> UnitFolders {
        let UnitName { package, version, crate_name, .. } = unit;
        let or_none = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        UnitFolders {
            package: or_none(if package.is_empty() { crate_name } else { package }),
            version: or_none(version),
        }
    }
}

/// What the name of a manifest says of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ManifestName {
    pub namespace: String,
    pub compiler: CompilerName,
    pub lock: String,
    pub build: String,
    pub id: Digest,
}

impl ManifestName {
    /// The name of the manifest `id` of a build with this compiler and lock file.
    pub fn new(
        namespace: &str,
        compiler: &Digest,
        lock: &Digest,
        build: &BuildId,
        id: Digest,
    ) -> ManifestName {
        ManifestName {
            namespace: namespace.to_owned(),
            compiler: CompilerName::new(compiler),
            lock: lock_name(lock),
            build: build_name(build),
            id,
        }
    }

    /// The name of the object.
    pub fn object(&self) -> Result<ObjectName, NotAName> {
        let ManifestName { namespace, compiler, lock, build, id } = self;
        let file = format!("{id}{SUFFIX}");
        ObjectName::new(&[VERSION, MANIFESTS, namespace, &compiler.0, lock, build, &file])
    }

    /// The manifest of this object, if it is one.
    pub fn parse(object: &ObjectName) -> Option<ManifestName> {
        let parts: Vec<&str> = object.parts().collect();
        let [VERSION, MANIFESTS, namespace, compiler, lock, build, file] = parts[..] else { return None };
        Some(ManifestName {
            namespace: namespace.to_owned(),
            compiler: CompilerName(compiler.to_owned()),
            lock: lock.to_owned(),
            build: build.to_owned(),
            id: file.strip_suffix(SUFFIX)?.parse().ok()?,
        })
    }

    /// Whether it is of a build of this group: what must be the same for anything of it to fit.
    pub fn is_of_group(&self, group: &Digest) -> bool {
        self.build.split_once('-').is_some_and(|(name, _)| name == group_name(group))
    }
}

/// How names name a build.
pub fn build_name(build: &BuildId) -> String {
    format!("{}-{}", group_name(&build.group), &build.request.to_hex()[..16])
}

fn group_name(group: &Digest) -> String {
    group.to_hex()[..16].to_owned()
}

/// How names name a lock file.
pub fn lock_name(lock: &Digest) -> String {
    lock.to_hex()[..16].to_owned()
}

/// The folder with all manifests of a namespace.
pub fn all_manifests(namespace: &str) -> Result<ObjectName, NotAName> {
    ObjectName::new(&[VERSION, MANIFESTS, namespace])
}

/// The folder with the manifests of builds with this compiler.
pub fn manifests_of(namespace: &str, compiler: &CompilerName) -> Result<ObjectName, NotAName> {
    ObjectName::new(&[VERSION, MANIFESTS, namespace, &compiler.0])
}

/// The folder with all packs.
pub fn all_packs() -> Result<ObjectName, NotAName> {
    ObjectName::new(&[VERSION, PACKS])
}

/// The folder with the packs of one version of a package.
pub fn packs_of(package: &str, version: &str) -> Result<ObjectName, NotAName> {
    ObjectName::new(&[VERSION, PACKS, package, version])
}

/// The folder with the packs of one version of a package with one compiler.
pub fn packs_of_compiler(unit: &UnitFolders, compiler: &CompilerName) -> Result<ObjectName, NotAName> {
    ObjectName::new(&[VERSION, PACKS, &unit.package, &unit.version, &compiler.0])
}

/// The compiler that an entry is of.
fn compiler(inputs: &StoredInputs, processor: Option<&Digest>, key: &Digest) -> CompilerName {
    let mut compilers = inputs.unit.iter().filter(|input| input.kind == InputKind::Compiler);
    let compiler = compilers.find_map(|input| match input.value {
        Value::Digest(digest) => Some(digest),
        Value::Text(_) | Value::Unset => None,
    });
    // Every unit key holds one; without, the pack is found only by who takes all.
    let compiler = compiler.unwrap_or(*key);
    match processor {
        Some(processor) => CompilerName::of_runs(&compiler, processor),
        None => CompilerName::new(&compiler),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        let key = Digest::hash(b"key");
        let compiler = CompilerName::new(&Digest::hash(b"compiler"));
        let unit = UnitFolder::new(&Digest::hash(b"unit"));
        let name = PackName { package: "serde".into(), version: "1.0.0+a".into(), compiler, unit, key };
        let object = name.object().unwrap();
        let (compiler, unit) = (&name.compiler.0, &name.unit.0);
        assert_eq!(object.to_string(), format!("v1/packs/serde/1.0.0+a/{compiler}/{unit}/{key}.tar.zst"));
        assert_eq!(PackName::parse(&object), Some(name));
        for other in ["v1/packs/a/1/c/u/x.tar.zst", "v2/packs/a/1/c/u/x", "v1/packs/a"] {
            assert_eq!(PackName::parse(&other.parse().unwrap()), None, "{other}");
        }
    }

    #[test]
    fn names_of_manifests_go_there_and_back() {
        let digest = |text: &str| Digest::hash(text.as_bytes());
        let build = BuildId { group: digest("group"), request: digest("request") };
        let name = ManifestName::new("team", &digest("compiler"), &digest("lock"), &build, digest("id"));
        let object = name.object().unwrap();
        assert!(object.as_str().starts_with("v1/manifests/team/"), "{object}");
        assert_eq!(ManifestName::parse(&object), Some(name.clone()));
        assert_eq!(PackName::parse(&object), None);
        assert!(name.is_of_group(&digest("group")) && !name.is_of_group(&digest("request")));
        let elsewhere = ManifestName { namespace: "..".to_owned(), ..name };
        assert_eq!(elsewhere.object(), Err(NotAName));
    }

    #[test]
    fn a_name_that_is_no_path_has_no_object() {
        let key = Digest::hash(b"key");
        let compiler = CompilerName::new(&key);
        for (package, version) in [("..", "1"), ("a/b", "1"), ("a", "../../x"), ("a", ""), ("ä", "1")] {
            let name = PackName {
                package: package.into(),
                version: version.into(),
                compiler: compiler.clone(),
                unit: UnitFolder::new(&key),
                key,
            };
            assert_eq!(name.object(), Err(NotAName), "{package} {version}");
        }
    }
}
