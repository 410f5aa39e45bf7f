//! Serves a hit: puts every file in place, then prints what the compiler printed.

use std::io::Write as _;

use crate::action::input_list::InputList;
use crate::action::portable::{Portable, Roots};
use crate::invocation::outputs::output_of;
use crate::invocation::{Output, Role};
use crate::key::context::KeyContext;
use crate::key::depinfo::DepInfo;
use crate::outcome::MissReason;
use crate::run::restore::{self, Failed, FileTimes, Restored};
use crate::run::streams::Streams;
use crate::store::Store;
use crate::store::entry::Entry;
use crate::store::lookup::FoundEntry;
use crate::sys::env::Env;
use crate::sys::{defence, fs, os};

/// A hit whose files are in place.
pub struct Placed {
    pub restored: Restored,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

/// Restores what was found.
///
/// # Errors
/// Something of it is missing, damaged, or could not be placed.
pub fn place(
    store: &Store,
    found: &FoundEntry,
    context: &KeyContext<'_>,
    streams: &Streams<'_>,
    times: FileTimes<'_>,
) -> Result<Placed, MissReason> {
    let entry = &found.entry;
    let dep_info = dep_info_of(entry, &found.list, context).ok_or(MissReason::RestoreFailed)?;
    let stdout = streams.give(&entry.stdout).ok_or(MissReason::RestoreFailed)?;
    let stderr = streams.give(&entry.stderr).ok_or(MissReason::RestoreFailed)?;
    let cwd = &context.build_dirs.cwd;
    let restored =
        restore::restore(store, entry, context.outputs, cwd, context.memo, times).map_err(|failed| {
            match failed {
                Failed::Blob => MissReason::BlobDamaged,
                Failed::Incomplete => MissReason::EntryDamaged,
                Failed::Place => MissReason::RestoreFailed,
            }
        })?;
    if let Some(output) =
        output_of(context.outputs, Role::DepInfo).filter(|_| defence::stands("dep-info-of-a-hit"))
    {
        let path = cwd.join(&output.path);
        fs::replace(&path, &restore::temporary_beside(&path), &dep_info)
            .and_then(|()| times.latest().map_or(Ok(()), |stamp| fs::set_modified(&path, stamp)))
            .map_err(|_| MissReason::RestoreFailed)?;
    }
    Ok(Placed { restored, stdout, stderr })
}

impl Placed {
    /// Prints what the compiler printed.
    pub fn print(&self) {
        // A reader that went away is no reason to fail: the files are there.
        let _ = std::io::stdout().write_all(&self.stdout);
        if defence::stands("what-the-compiler-printed") {
            let _ = std::io::stderr().write_all(&self.stderr);
        }
    }
}

/// The dep-info of a hit, as the compiler would have written it here.
pub fn dep_info_of(entry: &Entry, list: &InputList, context: &KeyContext<'_>) -> Option<Vec<u8>> {
    let (roots, outputs): (&Roots, _) = (&context.build_dirs.roots, context.outputs);
    let dep_info = DepInfo {
        targets: entry.dep_info.iter().map(|role| path_here(*role, outputs)).collect::<Option<_>>()?,
        files: list.files.iter().map(|file| source_here(file, roots)).collect::<Option<_>>()?,
        variables: list
            .variables
            .iter()
            .map(|name| variable_here(name, context.env))
            .collect::<Option<_>>()?,
        checksums: entry.checksums.clone(),
    };
    // The checksums belong to a different list.
    if dep_info.checksums.iter().any(|(index, _)| *index >= dep_info.files.len()) {
        return None;
    }
    Some(dep_info.write())
}

/// The path of an output in this tree.
fn path_here(role: Role, outputs: &[Output]) -> Option<Vec<u8>> {
    Some(os::bytes(&output_of(outputs, role)?.path).to_vec())
}

/// A variable that the sources ask for, with its value in this environment.
fn variable_here(name: &Portable, env: &Env) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let value = env.get(os::from_bytes(name.as_bytes())?);
    Some((name.as_bytes().to_vec(), value.map(|value| os::bytes(value).to_vec())))
}

/// The path of a source in this tree.
fn source_here(file: &Portable, roots: &Roots) -> Option<Vec<u8>> {
    if !defence::stands("dep-info-has-paths-of-this-tree") {
        return Some(file.to_string().into_bytes());
    }
    roots.expand(file)
}
