//! How objects are named.
//!
//! ```text
//! v1/packs/<package>/<version>/<compiler>/<unit>/<cache key>.tar.zst     an entry: `pack`
//! ```
//!
//! Listing what is below a package, or a unit of it, tells what there is for it. `<compiler>` is the beginning of the
//! compiler's identity, for runs of build scripts of that and the processor: so only what the machine at hand can use is
//! transferred. `<unit>` is the beginning of the unit key. All parts but the cache key only help to find packs: what a
//! pack is of stands in it.
//!
//! `v1` is the version of all names and contents: another version is another folder. Objects are never changed. A
//! remote needs a rule of its own to remove old ones; kache removes nothing there.

use crate::action::input_kinds::InputKind;
use crate::action::inputs::Value;
use crate::digest::{Digest, Hasher};
use crate::remote::object_name::{NotAName, ObjectName};
use crate::store::entry::UnitName;
use crate::store::transfer::PortableEntry;

/// The version of names and contents.
pub const VERSION: &str = "v1";

const PACKS: &str = "packs";
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
        let UnitName { package, version, crate_name, .. } = &portable.entry.unit;
        let or_none = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        PackName {
            package: or_none(if package.is_empty() { crate_name } else { package }),
            version: or_none(version),
            compiler: compiler(portable),
            unit: UnitFolder::new(&portable.inputs.unit_key),
            key: portable.key,
        }
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

/// The folder with all packs.
pub fn all_packs() -> Result<ObjectName, NotAName> {
    ObjectName::new(&[VERSION, PACKS])
}

/// The folder with the packs of one version of a package.
pub fn packs_of(package: &str, version: &str) -> Result<ObjectName, NotAName> {
    ObjectName::new(&[VERSION, PACKS, package, version])
}

/// The compiler that an entry is of.
fn compiler(portable: &PortableEntry) -> CompilerName {
    let mut inputs = portable.inputs.unit.iter().filter(|input| input.kind == InputKind::Compiler);
    let compiler = inputs.find_map(|input| match input.value {
        Value::Digest(digest) => Some(digest),
        Value::Text(_) | Value::Unset => None,
    });
    // Every unit key holds one; without, the pack is found only by who takes all.
    let compiler = compiler.unwrap_or(portable.key);
    match &portable.processor {
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
