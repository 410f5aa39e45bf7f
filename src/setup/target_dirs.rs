//! Where cargo puts what it builds in a workspace.

use std::path::{Path, PathBuf};

use crate::setup::cargo_config::effective::Effective;
use crate::setup::cargo_config::{self, WrapperKey};
use crate::sys::env::Env;

/// The directories that cargo called in `workspace` puts outputs into, as the environment and its configuration say. They
/// may be missing.
pub fn target_dirs(env: &Env, workspace: &Path) -> Vec<PathBuf> {
    let mut dirs = vec![workspace.join("target")];
    for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "CARGO_BUILD_BUILD_DIR"] {
        dirs.extend(env.get(name).filter(|value| !value.is_empty()).map(|value| workspace.join(value)));
    }
    let chain = cargo_config::resolve(WrapperKey::RustcWrapper, env, workspace);
    if let Some(effective) = Effective::load(env, workspace, &chain, None) {
        dirs.extend(effective.target_dir().map(|dir| workspace.join(dir)));
        dirs.extend(effective.build_dir().map(|dir| workspace.join(dir)));
    }
    // Only cargo can fill in a placeholder.
    dirs.retain(|dir| !dir.to_string_lossy().contains('{'));
    dirs
}
