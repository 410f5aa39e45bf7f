//! The state of files before a compile that is not observed.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::action::observed;
use crate::action::present::Present;
use crate::action::snapshot::InputSnapshot;
use crate::invocation::Invocation;
use crate::key::context::KeyContext;
use crate::key::unit::UnitKey;
use crate::run::miss::unobserved;
use crate::store::Store;
use crate::sys::fs::{self, Identity};

/// More files than this below `OUT_DIR` are not looked at before a compile.
const MAX_GENERATED_FILES: usize = 512;

/// The state of files before the compile.
pub struct Before {
    /// The file system's own time when the compiler was started, in nanoseconds since 1970.
    started_ns: i64,
    states: HashMap<PathBuf, Identity>,
    /// Where procedural macros may write, or why that is not known.
    pub(super) written: Result<InputSnapshot, String>,
    /// Files of this unit's earlier compiles beside its outputs.
    pub(super) beside: Vec<(PathBuf, Identity)>,
}

impl Before {
    /// Looks at what the compile will probably read: what earlier compiles did, the crate root, and files that a build
    /// script has just made. These may be too young to be told from files that change meanwhile.
    pub fn look(store: &Store, unit: &UnitKey, context: &KeyContext<'_>) -> io::Result<Before> {
        let started_ns = fs::kernel_time(&store.temporary())?;
        let mut states = HashMap::new();
        note(context.build_dirs.cwd.join(&context.invocation.source), &mut states);
        let present = Present::new(context.build_dirs, context.env);
        let lists = store.lists(&unit.key).unwrap_or_default();
        let last_files = lists.iter().take(1).flat_map(|list| &list.files);
        for path in last_files.filter_map(|file| present.path(file)) {
            note(path, &mut states);
        }
        let mut waiting: Vec<PathBuf> = context.env.get("OUT_DIR").map(PathBuf::from).into_iter().collect();
        let mut n_files = 0;
        while let Some(dir) = waiting.pop().filter(|_| n_files < MAX_GENERATED_FILES) {
            for path in fs::list(&dir).unwrap_or_default() {
                n_files += 1;
                if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
                    waiting.push(path);
                } else {
                    note(path, &mut states);
                }
            }
        }
        let written = if unit.runs_macros {
            unobserved::places_to_write(context, unit)
        } else {
            Ok(InputSnapshot::default())
        };
        let written = written.map_err(|e| format!("where procedural macros write: {e}"));
        Ok(Before { started_ns, states, written, beside: files_beside_outputs(context) })
    }

    /// Whether a file that now has this identity had the same content all the time that the compiler ran.
    pub fn is_unchanged(&self, path: &Path, now: &Identity) -> bool {
        let same_as_before = self.states.get(path) == Some(now);
        same_as_before || now.modified_ns.max(now.changed_ns) < self.started_ns
    }
}

/// Adds the state of a file, if it is there.
fn note(path: PathBuf, states: &mut HashMap<PathBuf, Identity>) {
    if let Ok(identity) = Identity::at(&path) {
        states.insert(path, identity);
    }
}

/// Files in the directory of the outputs that have a name of this unit and are none of its outputs.
pub fn files_beside_outputs(context: &KeyContext<'_>) -> Vec<(PathBuf, Identity)> {
    let cwd = &context.build_dirs.cwd;
    let stems = stems(context.invocation);
    let mut beside = Vec::new();
    for path in fs::list(&cwd.join(&context.invocation.out_dir)).unwrap_or_default() {
        if !observed::is_own_name(&stems, &path)
            || context.outputs.iter().any(|output| cwd.join(&output.path) == path)
        {
            continue;
        }
        if let Ok(metadata) = fs::symlink_metadata(&path) {
            beside.push((path, Identity::from_metadata(&metadata)));
        }
    }
    beside
}

/// What the names of the unit's own files begin with.
pub fn stems(invocation: &Invocation) -> Vec<String> {
    let own = format!("{}{}", invocation.crate_name, invocation.extra_filename.to_string_lossy());
    vec![format!("lib{own}"), own]
}
