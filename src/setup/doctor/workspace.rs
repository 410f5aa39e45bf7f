//! What cargo builds where doctor was called: the workspace, and where its outputs go. Told by files alone, because
//! cargo itself may be what does not work.

use std::path::{Path, PathBuf};

use crate::setup::cargo_config::effective::Effective;
use crate::setup::cargo_config::values;
use crate::setup::cargo_config::{Chain, ConfigOrigin};
use crate::setup::doctor::machine::Machine;
use crate::sys::fs;

/// The manifest of the workspace here: of the outermost that says that it is one, or else the nearest.
pub fn manifest(machine: &Machine) -> Option<PathBuf> {
    let manifests = machine.cwd.ancestors().map(|dir| dir.join("Cargo.toml"));
    let manifests: Vec<PathBuf> = manifests.filter(|path| fs::metadata(path).is_ok()).collect();
    let outermost = manifests.iter().rev().find(|path| is_workspace(path));
    outermost.or(manifests.first()).cloned()
}

fn is_workspace(manifest: &PathBuf) -> bool {
    values::in_files([manifest]).iter().any(|value| value.keys[0] == "workspace")
}

/// The directories that outputs go to, whether or not they are there; none where there is no workspace.
pub fn target_dirs(machine: &Machine) -> Vec<PathBuf> {
    let Some(root) = manifest(machine).and_then(|path| path.parent().map(Path::to_owned)) else {
        return Vec::new();
    };
    let chain = machine.chain();
    let (target, build) = match Effective::load(&machine.env, &machine.cwd, &chain, None) {
        Some(effective) => {
            (effective.target_dir().map(Path::to_owned), effective.build_dir().map(Path::to_owned))
        }
        None => (
            set(machine, &chain, &["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"], "target-dir"),
            set(machine, &chain, &["CARGO_BUILD_BUILD_DIR"], "build-dir"),
        ),
    };
    // Files in between may be elsewhere, in a directory whose name only cargo can fill in.
    let build = build.filter(|dir| !dir.to_string_lossy().contains('{'));
    let mut dirs = vec![target.unwrap_or_else(|| root.join("target"))];
    dirs.extend(build);
    dirs.dedup();
    dirs
}

/// A directory that is set by one of these variables, or by this key of the table `build`.
fn set(machine: &Machine, chain: &Chain, variables: &[&str], key: &str) -> Option<PathBuf> {
    if let Some(value) = variables.iter().find_map(|name| machine.var(name)) {
        return Some(machine.cwd.join(value));
    }
    let found = values::in_files(&chain.files).into_iter().find(|value| value.keys == ["build", key])?;
    let ConfigOrigin::File { path, .. } = &found.origin else { return None };
    // As cargo does: relative to the directory that `.cargo` is in.
    Some(path.parent()?.parent()?.join(found.words.first()?))
}
