//! Units whose compile starts a program with privileges of its own, such as `sudo` or `newuidmap`.
//!
//! Under observation such a program would run without them. So a compile that is about to start one is restarted
//! without observation, and is not stored. This module remembers the unit and the program in the directory for this
//! machine, so that the next compile of the unit is not observed from the start. A note holds as long as the program
//! has its privileges.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::{Hasher, guard};
use crate::key::context::KeyContext;
use crate::key::link::reads_closure;
use crate::sys::fs;
use crate::sys::observe::has_privileges;
use crate::sys::os;

const PREFIX: &str = "privileged-";

/// A program that was about to be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub program: PathBuf,
    /// The crate that was compiled.
    pub crate_name: String,
}

/// Why a compile that starts `program` is neither observed nor stored.
pub fn why(program: &Path) -> String {
    format!("{} runs with privileges of its own", program.display())
}

/// The program with privileges that an earlier compile of this unit was about to start, or of another unit with the
/// same linker.
pub fn known(context: &KeyContext<'_>) -> Option<PathBuf> {
    let names = [Some(of_unit(context)), of_linker(context)].into_iter().flatten();
    names.filter_map(|name| valid(&context.machine_dir.join(name))).map(|note| note.program).next()
}

/// Notes that compiling this unit starts `program`; and that linking does, where nothing else can have started it.
pub fn remember(context: &KeyContext<'_>, program: &Path, by_linker: bool) {
    let crate_name = context.invocation.crate_name.clone();
    let note = Note { program: program.to_path_buf(), crate_name };
    let Ok(json) = serde_json::to_vec(&note) else { return };
    let content = guard::add(json);
    let linker = of_linker(context).filter(|_| by_linker);
    for name in [Some(of_unit(context)), linker].into_iter().flatten() {
        let temporary = context.machine_dir.join(format!("tmp-{}", fs::unique_name()));
        let _ = fs::replace(&context.machine_dir.join(name), &temporary, &content);
    }
}

/// Everything that is remembered about programs that are still there.
#[cfg(feature = "cli")]
pub fn all(machine_dir: &Path) -> Vec<Note> {
    let listed = fs::list(machine_dir).unwrap_or_default();
    let notes = listed.iter().filter(|path| is_note(path)).filter_map(|path| read(path));
    notes.filter(|note| fs::metadata(&note.program).is_ok()).collect()
}

#[cfg(feature = "cli")]
fn is_note(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX))
}

fn read(path: &Path) -> Option<Note> {
    serde_json::from_slice(&guard::check(fs::read(path).ok()?)?).ok()
}

/// A note that still holds. One that does not is removed.
fn valid(path: &Path) -> Option<Note> {
    let note = read(path)?;
    if has_privileges(&note.program) {
        return Some(note);
    }
    let _ = fs::remove(path);
    None
}

/// The unit, however its sources and dependencies change.
fn of_unit(context: &KeyContext<'_>) -> String {
    let mut name = Hasher::new();
    let package = context.env.get("CARGO_MANIFEST_DIR").unwrap_or(context.build_dirs.cwd.as_os_str());
    name.field(os::bytes(package));
    name.field(context.invocation.crate_name.as_bytes());
    name.field(os::bytes(&context.invocation.extra_filename));
    file_name(name)
}

/// The linker of a unit that is linked; `None` for others.
fn of_linker(context: &KeyContext<'_>) -> Option<String> {
    context.outputs.iter().find(|output| reads_closure(output.role))?;
    let linker = context.invocation.flags.iter().filter(|flag| flag.name == "codegen");
    let linker = linker.filter_map(|flag| os::bytes(&flag.value).strip_prefix(b"linker=")).next_back();
    let mut name = Hasher::new();
    name.field(b"linker");
    name.field(linker.unwrap_or_default());
    name.field(os::bytes(context.env.get("PATH").unwrap_or_default()));
    Some(file_name(name))
}

fn file_name(name: Hasher) -> String {
    format!("{PREFIX}{}", &name.finish().to_hex()[..32])
}
