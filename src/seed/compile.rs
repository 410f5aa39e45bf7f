//! What a manifest needs to know of a compile that was noted: its unit, its outputs, and what it was compiled with.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::action::cargo_layout;
use crate::action::portable::Roots;
use crate::invocation::outputs::output_of;
use crate::invocation::{Invocation, Role, outputs};
use crate::manifest::cargo_files;
use crate::run::call::Call;
use crate::run::call_note;
use crate::run::parsed::Parsed;
use crate::sys::env::Env;
use crate::sys::fs::{self, Identity};
use crate::sys::host;

/// A compile.
pub struct Compile {
    /// The unit, where its name is in the call.
    pub name: Option<String>,
    pub roots: Roots,
    /// What is compiled, as the call names it.
    pub source: PathBuf,
    /// The crates that it is compiled with.
    pub externs: Vec<PathBuf>,
    pub dep_info: PathBuf,
    pub is_check: bool,
    pub outputs: Vec<(Option<Role>, PathBuf)>,
    /// The crate's name.
    crate_name: String,
    package: String,
}

impl Compile {
    /// The compile that `env` asks for; `None` where it is none, or without a dep-info.
    pub fn of(env: &Env) -> Option<Compile> {
        let call = Call::of(env.args.get(1..)?)?;
        let Parsed::Compile(parsed) = Parsed::from_call(&call, env) else { return None };
        let outputs = outputs::outputs(&parsed.invocation, &host::triple()).ok()?;
        let dep_info = output_of(&outputs, Role::DepInfo)?;
        let cwd = &parsed.build_dirs.cwd;
        let dep_info = cwd.join(&dep_info.path);
        let package = env.get("CARGO_PKG_NAME").unwrap_or_default().to_string_lossy().into_owned();
        let externs = parsed.invocation.externs.iter().filter_map(|this| this.path.clone()).collect();
        let is_check = outputs.iter().all(|output| output.role.emit_name() != "link");
        let outputs = outputs.iter().filter(|output| output.role != Role::DepInfo);
        let outputs = outputs.map(|output| (Some(output.role), cwd.join(&output.path))).collect();
        Some(Compile {
            name: name(&parsed.invocation, &package, cwd),
            crate_name: parsed.invocation.crate_name.clone(),
            package,
            roots: parsed.build_dirs.roots,
            source: parsed.invocation.source,
            externs,
            dep_info,
            is_check,
            outputs,
        })
    }

    /// The unit of a compile whose call does not name it. Its dep-info was written while cargo had that unit built: between the
    /// moment at which cargo called the compiler and the one at which it wrote the unit's hash. No other unit has that file.
    pub fn find_unit(&self, profile_dir: &Path, claimed: &HashSet<&str>) -> Option<String> {
        let dep_info = Identity::at(&self.dep_info).ok()?;
        let fingerprints = fs::list(&profile_dir.join(cargo_layout::Layout::Shared.first_dir())).ok()?;
        let mut units = fingerprints.into_iter().filter_map(|dir| {
            let name = dir.file_name()?.to_str()?.to_owned();
            let is_of_package = cargo_layout::package_of(&name) == Some(self.package.as_str());
            let (began_ns, ended_ns) = self.built_between(&dir).filter(|_| is_of_package)?;
            let is_built_then = (began_ns..=ended_ns).contains(&dep_info.modified_ns);
            (is_built_then && !claimed.contains(name.as_str())).then_some(name)
        });
        let unit = units.next()?;
        units.next().is_none().then_some(unit)
    }

    /// When cargo called the compiler for the unit with this fingerprint and when it wrote its hash, in nanoseconds since 1970;
    /// `None` where it is none of this crate.
    fn built_between(&self, fingerprint: &Path) -> Option<(i64, i64)> {
        let is_hash_of_crate = |path: &&PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let target = cargo_files::target_of_hash(name);
            target.is_some_and(|target| target.replace('-', "_") == self.crate_name)
        };
        let files = fs::list(fingerprint).ok()?;
        let hash = files.iter().find(is_hash_of_crate)?;
        let began = Identity::at(&fingerprint.join(cargo_files::BEGAN)).ok()?;
        Some((began.modified_ns, Identity::at(hash).ok()?.modified_ns))
    }
}

fn name(invocation: &Invocation, package: &str, cwd: &Path) -> Option<String> {
    call_note::unit_name(package, invocation, &cwd.join(&invocation.out_dir))
}

/// The name of the unit that a path belongs to, or the end of it: `-` and sixteen hexadecimal digits, in its last part or in
/// the directory around it.
pub fn unit_of(path: &Path) -> Option<String> {
    let per_unit = [Some(path), path.parent()].into_iter().flatten().find_map(cargo_layout::per_unit_name);
    let parts = [path.file_name(), path.parent().and_then(Path::file_name)];
    let mut parts = parts.into_iter().flatten();
    per_unit.or_else(|| {
        parts.find_map(|part| {
            let stem = Path::new(part).file_stem()?.to_str()?;
            let hash = stem.get(stem.rfind('-')? + 1..)?;
            cargo_layout::is_hash(hash).then(|| format!("-{hash}"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_a_path_is_told_from_other_names() {
        let unit = |path: &str| unit_of(Path::new(path));
        let expected = Some("-0123456789abcdef".to_owned());
        assert_eq!(unit("/t/debug/deps/liba-0123456789abcdef.rmeta"), expected);
        assert_eq!(unit("/t/debug/build/a-0123456789abcdef/out"), expected);
        assert_eq!(unit("/t/debug/build/a-0123456789abcdef/build-script-build"), expected);
        assert_eq!(unit("/t/debug/deps/liba.rlib"), None);
        assert_eq!(unit("/t/a-0123456789abcdeg/x"), None);
        let expected = Some("a-b-0123456789abcdef".to_owned());
        assert_eq!(unit("/t/debug/build/a-b/0123456789abcdef/out"), expected);
        assert_eq!(unit("/t/debug/build/a-b/0123456789abcdef/out/liba_b.rlib"), expected);
    }
}
