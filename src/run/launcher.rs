//! The launcher in the place of a compiled build script.
//!
//! Cargo runs build scripts itself, so a wrapper around the compiler never sees their runs. Where a build script was
//! compiled or restored, a small program takes its name ([`PROGRAM`], `crates/launcher`). Beside it lie the real build
//! script, [`SCRIPT`], and a symbolic link to kache, [`KACHE`]. Cargo starts the launcher, the launcher starts
//! `kache run-build-script`, and that starts the real build script if it has to run ([`crate::build_script`]). Where kache
//! is gone, the launcher starts the real build script.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use crate::invocation::outputs::output_of;
use crate::invocation::{CrateType, Invocation, Role};
use crate::key::context::KeyContext;
use crate::run::restore::temporary_beside;
use crate::sys::env::{self, Env};
use crate::sys::fs;

/// The launcher; empty where it could not be compiled.
pub const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/launcher"));

/// The name of the real build script beside its launcher.
pub const SCRIPT: &str = "kache-build-script";

/// The name of the link to kache beside a launcher.
pub const KACHE: &str = "kache";

/// Whether the unit is a build script whose runs can be cached. Cargo gives no other program such a name, and gives the
/// compile of every other program the name of that program.
pub fn is_wanted(invocation: &Invocation, env: &Env) -> bool {
    !PROGRAM.is_empty()
        && invocation.crate_name.starts_with("build_script_")
        && invocation.crate_types == [CrateType::Bin]
        && env.get("CARGO_MANIFEST_DIR").is_some()
        && env.get("CARGO_BIN_NAME").is_none()
}

/// Puts the launcher in the place of the build script that is the output of this unit. If this fails, only the
/// caching of its runs is lost. The launcher gets the time `stamp`, or that of now.
pub fn install(context: &KeyContext<'_>, stamp: Option<SystemTime>) {
    if let Some(output) = output_of(context.outputs, Role::Executable) {
        let _ = place(&context.build_dirs.cwd.join(&output.path), stamp);
    }
}

/// The name of the program leads to the build script until it leads to the launcher.
fn place(program: &Path, stamp: Option<SystemTime>) -> io::Result<()> {
    let temporary = temporary_beside(program);
    fs::hard_link(program, &temporary)?;
    fs::rename(&temporary, &program.with_file_name(SCRIPT))?;
    fs::symlink(&env::current_exe()?, &temporary)?;
    fs::rename(&temporary, &program.with_file_name(KACHE))?;
    fs::replace_program(program, &temporary, PROGRAM)?;
    stamp.map_or(Ok(()), |stamp| fs::set_modified(program, stamp))
}
