//! The launcher in the place of a compiled build script.
//!
//! Cargo runs build scripts itself, so a wrapper around the compiler never sees their runs. Where a build script was
//! compiled or restored, a small program takes its name ([`PROGRAM`], `crates/launcher`). Beside it lie the real build
//! script, [`SCRIPT`], and a symbolic link to kache, [`KACHE`]. Cargo starts the launcher, the launcher starts
//! `kache run-build-script`, and that starts the real build script if it has to run ([`crate::build_script`]). Where kache
//! is gone, the launcher starts the real build script.

use std::io;
use std::path::{Path, PathBuf};

use crate::action::memo::{Known, Memo};
use crate::invocation::outputs::output_of;
use crate::invocation::{CrateType, Invocation, Role};
use crate::key::context::KeyContext;
use crate::run::restore::temporary_beside;
use crate::sys::env::{self, Env};
use crate::sys::fs::{self, Identity};

/// The launcher; empty where it could not be compiled.
pub const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/launcher"));

/// The name of the real build script beside its launcher.
pub const SCRIPT: &str = "kache-build-script";

/// The name of the link to kache beside a launcher.
pub const KACHE: &str = "kache";

/// Puts the launcher in the place of the build script that is the output of this unit, if it is one. What fails here
/// costs nothing but the caching of its runs.
pub fn install(context: &KeyContext<'_>) {
    if PROGRAM.is_empty() || !is_build_script(context.invocation, context.env) {
        return;
    }
    if let Some(output) = output_of(context.outputs, Role::Executable) {
        let _ = place(&context.build_dirs.cwd.join(&output.path), context.memo);
    }
}

/// Whether the unit is a build script: cargo names no other program so, and tells no other program's compile that it
/// has no name.
fn is_build_script(invocation: &Invocation, env: &Env) -> bool {
    invocation.crate_name.starts_with("build_script_")
        && invocation.crate_types == [CrateType::Bin]
        && env.get("CARGO_MANIFEST_DIR").is_some()
        && env.get("CARGO_BIN_NAME").is_none()
}

/// The build script keeps its content: what is known of that stays known under its new name.
fn place(program: &Path, memo: &Memo) -> io::Result<()> {
    let (script, kache) = (beside(program, SCRIPT), beside(program, KACHE));
    let (known, _) = memo.digest(program)?;
    let second_name = temporary_beside(program);
    fs::hard_link(program, &second_name)?;
    fs::rename(&second_name, &script)?;
    let link = temporary_beside(program);
    fs::symlink(&env::current_exe()?, &link)?;
    fs::rename(&link, &kache)?;
    fs::replace_program(program, &temporary_beside(program), PROGRAM)?;
    let identity = Identity::at(&script)?;
    memo.set(&identity, Known { digest: known.digest, closure: known.closure });
    Ok(())
}

fn beside(program: &Path, name: &str) -> PathBuf {
    program.with_file_name(name)
}
