//! A store with one unit in it, and what must hold of it whatever happens: a lookup finds nothing, or a whole entry.

mod crash;
mod fuzz;
mod golden;
mod seal;

use std::path::{Path, PathBuf};

use proptest::test_runner::Config;
use tempfile::TempDir;

use crate::action::input_kinds::InputKind;
use crate::action::input_list::InputList;
use crate::action::inputs::KeyInputs;
use crate::action::memo::Memo;
use crate::action::portable::{Portable, Root, Roots};
use crate::action::present::Present;
use crate::action::roots::BuildDirs;
use crate::digest::Digest;
use crate::invocation::{Output, Role};
use crate::key::closure::{ClosureCrate, CrateClosure};
use crate::outcome::MissReason;
use crate::run::restore::{self, Failed, FileTimes, Restored};
use crate::store::Store;
use crate::store::entry::{Artifact, Entry, FORMAT, Segment, StoredInputs, UnitName};
use crate::store::lookup::FoundEntry;
use crate::store::put::Put;
use crate::sys::env::Env;
use crate::sys::fs;

/// What a unit leaves behind: an `.rlib` with its metadata, and a library that programs load.
pub(crate) const ROLES: [Role; 3] = [Role::Metadata, Role::Rlib, Role::Cdylib];

/// A workspace with one source file, a build directory with outputs, a store, and room outside of all of them.
pub(crate) struct Scene {
    dir: TempDir,
    build_dirs: BuildDirs,
    env: Env,
}

impl Scene {
    pub(crate) fn new() -> Scene {
        let dir = tempfile::tempdir().expect("temporary directory");
        let workspace = dir.path().join("workspace");
        for place in ["workspace", "built", "outside"] {
            fs::create_dir_all(&dir.path().join(place)).expect("makes a directory");
        }
        fs::write_new(&workspace.join("lib.rs"), b"pub fn f() {}").expect("writes");
        let mut roots = Roots::default();
        roots.add(Root::Workspace, workspace.as_os_str().as_encoded_bytes());
        let build_dirs = BuildDirs { roots, cwd: workspace, target: None, member: true };
        Scene { dir, build_dirs, env: Env::with_vars(&[]) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The store as a new process sees it.
    pub(crate) fn store(&self) -> Store {
        Store::at(&self.path("cache"))
    }

    /// Compiles: writes outputs whose content `version` tells apart.
    pub(crate) fn compile(&self, version: &str) -> Put {
        self.compile_as("unit", version)
    }

    /// The same for a unit of another name.
    pub(crate) fn compile_as(&self, unit: &str, version: &str) -> Put {
        let outputs = self.outputs(&format!("built/{}", fs::unique_name()));
        let (mut artifacts, mut files) = (Vec::new(), Vec::new());
        for output in outputs {
            let content = content(output.role, version);
            fs::write_new(&output.path, &content).expect("writes");
            artifacts.push(Artifact {
                role: output.role,
                blob: Digest::hash(&content),
                size_bytes: content.len() as u64,
                executable: output.role == Role::Cdylib,
                directory_at: Vec::new(),
            });
            files.push((output.path, restore::sharing(output.role, ROLES)));
        }
        let unit_key = Digest::hash(unit.as_bytes());
        let list = InputList { files: vec![Portable::literal("lib.rs")], ..InputList::default() };
        let read = self.present().inputs(&list).expect("the source is there");
        let mut known = KeyInputs::default();
        known.digest(InputKind::Schema, Portable::literal("schema"), unit_key);
        let entry = Entry {
            format: FORMAT,
            unit: UnitName { crate_name: unit.to_owned(), ..UnitName::default() },
            artifacts,
            dep_info: vec![Role::DepInfo, Role::Metadata],
            checksums: Vec::new(),
            tree: Vec::new(),
            stdout: Vec::new(),
            stderr: vec![Segment::Text(Portable::literal("warning\n")), Segment::Announce(Role::Metadata)],
            closure: Default::default(),
            compile_ms: 1,
            created_ms: 2,
        };
        let stem = Portable::literal("libunit");
        let own =
            ClosureCrate { stem, procedural_macro: None, native_libraries: Vec::new(), assembles: false };
        Put {
            key: read.key_after(Some(unit_key)),
            entry,
            inputs: StoredInputs { unit_key, unit: known, read, basis: list.basis },
            list,
            files,
            closure: Some(CrateClosure { crates: vec![own] }),
            variable_names: Some("NAME".to_owned()),
            program_variable_names: Vec::new(),
        }
    }

    fn present(&self) -> Present<'_> {
        Present::new(&self.build_dirs, &self.env)
    }

    /// Where a tree wants its outputs. Its directory is made.
    pub(crate) fn outputs(&self, tree: &str) -> Vec<Output> {
        let dir = self.path(tree);
        fs::create_dir_all(&dir).expect("makes a directory");
        let names = ["libunit.rmeta", "libunit.rlib", "libunit.so"];
        ROLES.iter().zip(names).map(|(role, name)| Output { role: *role, path: dir.join(name) }).collect()
    }

    pub(crate) fn lookup(&self, unit: &str) -> Result<FoundEntry, MissReason> {
        self.store().lookup(&Digest::hash(unit.as_bytes()), &mut self.present())
    }

    pub(crate) fn restore(&self, found: &FoundEntry, outputs: &[Output]) -> Result<Restored, Failed> {
        self.restore_with(found, outputs, FileTimes::Now)
    }

    pub(crate) fn restore_with(
        &self,
        found: &FoundEntry,
        outputs: &[Output],
        times: FileTimes<'_>,
    ) -> Result<Restored, Failed> {
        restore::restore(&self.store(), &found.entry, outputs, Path::new("/"), &Memo::of(None), times)
    }

    /// A miss (false), or a whole entry of one version (true).
    pub(crate) fn hits(&self, unit: &str) -> bool {
        let Ok(found) = self.lookup(unit) else { return false };
        let tree = format!("tree-{}", fs::unique_name());
        let outputs = self.outputs(&tree);
        self.restore(&found, &outputs).expect("a found entry is whole");
        let versions = ["1", "2"].map(|version| is_restored(&outputs, version));
        assert!(versions.contains(&true), "all artifacts are of one compile, and right");
        fs::remove_dir_all(&self.path(&tree)).expect("removes");
        true
    }
}

/// What the compiler writes.
pub(crate) fn content(role: Role, version: &str) -> Vec<u8> {
    format!("{role:?} of version {version}").into_bytes()
}

/// Whether every output is as the compiler of `version` made it.
pub(crate) fn is_restored(outputs: &[Output], version: &str) -> bool {
    outputs.iter().all(|output| {
        let metadata = fs::metadata(&output.path).expect("the output is there");
        let same_mode = !cfg!(unix) || fs::is_executable(&metadata) == (output.role == Role::Cdylib);
        same_mode && fs::read(&output.path).ok() == Some(content(output.role, version))
    })
}

/// Every file below `dir`, by its path from there.
pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut waiting = vec![dir.to_path_buf()];
    let mut files = Vec::new();
    while let Some(next) = waiting.pop() {
        for path in fs::list(&next).unwrap_or_default() {
            let metadata = fs::symlink_metadata(&path).expect("was listed");
            if metadata.is_dir() {
                waiting.push(path);
            } else {
                files.push(path.strip_prefix(dir).expect("is below").to_path_buf());
            }
        }
    }
    files.sort();
    files
}

/// So many cases, unless `PROPTEST_CASES` says otherwise.
pub(crate) fn cases(few: u32) -> Config {
    match Env::from_process().get("PROPTEST_CASES") {
        Some(_) => Config::default(),
        None => Config::with_cases(few),
    }
}
