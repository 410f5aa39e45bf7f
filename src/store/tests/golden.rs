//! The committed form of every file, in `tests/fixtures/stores/v2`: what is written today has these bytes, and what
//! has these bytes is understood. A change of either is another version of the store, or of the key.
//!
//! `REGENERATE=1 cargo test golden` writes them again.

use std::path::{Path, PathBuf};

use crate::action::input_kinds::InputKind;
use crate::action::input_list::{Basis, InputList, Seen};
use crate::action::inputs::KeyInputs;
use crate::action::memo::ClosureNote;
use crate::action::portable::{Portable, Root, Roots};
use crate::digest::Digest;
use crate::invocation::Role;
use crate::key::closure::{ClosureCrate, CrateClosure, ProceduralMacro};
use crate::store::entry::{
    Artifact, Entry, FORMAT, Segment, StoredInputs, TreeFile, TreeItem, TreeKind, UnitName,
};
use crate::store::put::Put;
use crate::store::{Bucket, Store};
use crate::sys::env::Env;
use crate::sys::fs;

fn portable(text: &str) -> Portable {
    let mut roots = Roots::default();
    roots.add(Root::Workspace, b"/w");
    roots.add(Root::Target, b"/w/target");
    roots.add(Root::CargoHome, b"/h/.cargo");
    roots.add(Root::Home, b"/h");
    roots.tokenize(text.as_bytes())
}

/// Every kind of input, each with a value that it may have.
fn inputs(kinds: impl Iterator<Item = InputKind>) -> KeyInputs {
    let mut inputs = KeyInputs::default();
    for (nth, kind) in kinds.enumerate() {
        let name = portable(&format!("/w/{kind:?}"));
        match nth % 3 {
            0 => inputs.digest(kind, name, Digest::hash(b"content")),
            1 => inputs.text(kind, name, portable("a=/h/.cargo/b <c> %d")),
            _ => inputs.variable(kind, name, None),
        }
    }
    inputs
}

/// A compile with something in every field.
fn put(dir: &Path) -> Put {
    let unit = inputs(InputKind::ALL.iter().copied());
    let unit_key = unit.key();
    let read = inputs([InputKind::Source, InputKind::Variable, InputKind::Root].into_iter());
    let file = |name: &str| {
        let path = dir.join(name);
        fs::write_new(&path, name.as_bytes()).expect("writes");
        (path, crate::store::blob::Sharing::Own)
    };
    let artifact = |role: Role, name: &str| Artifact {
        role,
        blob: Digest::hash(name.as_bytes()),
        size_bytes: name.len() as u64,
        executable: role == Role::ProcMacro,
        directory_at: Vec::new(),
    };
    let entry = Entry {
        format: FORMAT,
        unit: UnitName {
            crate_name: "a_b".to_owned(),
            package: "a-b".to_owned(),
            version: "1.2.3".to_owned(),
            id: "-0123456789abcdef".to_owned(),
            kind: "proc-macro".to_owned(),
            target: "x86_64-unknown-linux-musl".to_owned(),
        },
        artifacts: vec![artifact(Role::Metadata, "metadata"), artifact(Role::ProcMacro, "library")],
        dep_info: vec![Role::DepInfo, Role::ProcMacro],
        checksums: Vec::new(),
        tree: vec![
            TreeItem { path: "gen".to_owned(), kind: TreeKind::Directory },
            TreeItem {
                path: "gen/code.rs".to_owned(),
                kind: TreeKind::File(TreeFile {
                    blob: Digest::hash(b"code"),
                    size_bytes: 4,
                    executable: false,
                    read_only: true,
                }),
            },
            TreeItem { path: "latest".to_owned(), kind: TreeKind::Link(portable("/w/x")) },
        ],
        stdout: vec![Segment::Text(portable("/w/x\n"))],
        stderr: vec![Segment::Announce(Role::Metadata), Segment::Text(Portable::literal("caf\u{e9}"))],
        closure: ClosureNote::Macros,
        compile_ms: 1234,
        created_ms: 1_795_478_400_000,
    };
    let list = InputList {
        basis: Basis::Assumed,
        files: vec![portable("src/lib.rs"), portable("/h/.cargo/registry/x.rs")],
        variables: vec![Portable::literal("OUT_DIR")],
        roots: vec![Root::Target, Root::Home],
        asked: vec![Portable::literal("ASKED")],
        quoted: String::new(),
        read: [portable("/usr/lib/a"), portable("/usr/lib/b"), portable("/w/target/c")].into_iter().collect(),
        listed: [portable("/w/dir")].into_iter().collect(),
        probed: [portable("/w/absent")].into_iter().collect(),
        programs: vec!["cc".to_owned()],
        asking: vec![1],
        libraries: vec!["libz.so.1".to_owned()],
        seen: vec![Seen { file: 1, state: [1, 2, 3, 4, 5], digest: Digest::hash(b"x") }],
    };
    let own = ClosureCrate {
        stem: Portable::literal("liba_b-0123456789abcdef"),
        procedural_macro: Some(ProceduralMacro {
            digest: Digest::hash(b"library"),
            pure: false,
            finds_manifest: false,
        }),
        native_libraries: vec![Portable::literal("z")],
        assembles: false,
    };
    Put {
        key: read.key_after(Some(unit_key)),
        entry,
        inputs: StoredInputs { unit_key, unit, read, basis: list.basis },
        list,
        files: vec![file("metadata"), file("library")],
        closure: Some(CrateClosure { crates: vec![own] }),
        variable_names: Some("FIRST SECOND".to_owned()),
        program_variable_names: Vec::new(),
    }
}

/// A store whose secret is always the same.
fn store_with_secret(dir: &Path) -> Store {
    let store = Store::at(dir);
    fs::create_dir_all(store.root()).expect("makes the directory");
    fs::write_new(&store.root().join("secret"), &[7; 32]).expect("writes");
    store
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stores/v2")
}

/// Each file of the store that one put makes, with the name of its bucket.
fn files(store: &Store, put: &Put) -> Vec<(String, PathBuf)> {
    let artifact = put.entry.artifacts.last().map(|artifact| artifact.blob).expect("there is one");
    let files = [
        (Bucket::Entries, put.key),
        (Bucket::Inputs, put.key),
        (Bucket::Units, put.inputs.unit_key),
        (Bucket::CrateClosures, artifact),
        (Bucket::VariableNames, artifact),
    ];
    files
        .into_iter()
        .map(|(bucket, digest)| (bucket.name().to_owned(), store.path(bucket, &digest)))
        .collect()
}

#[test]
fn what_is_written_has_the_golden_bytes_and_keys() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let (store, put) = (store_with_secret(dir.path()), put(dir.path()));
    store.put(&put).expect("puts");
    let mut found: Vec<(String, Vec<u8>)> = files(&store, &put)
        .into_iter()
        .map(|(bucket, path)| (bucket, fs::read(&path).expect("was put")))
        .collect();
    found.push(("keys".to_owned(), format!("{}\n{}\n", put.inputs.unit_key, put.key).into_bytes()));
    for (name, bytes) in found {
        let path = golden().join(name);
        if Env::from_process().get("REGENERATE").is_some() {
            fs::create_dir_all(&golden()).expect("makes the directory");
            fs::remove(&path).expect("removes");
            fs::private::write_new(&path, &bytes).expect("writes");
        }
        assert_eq!(fs::read(&path).expect("is committed"), bytes, "{} is not as it was", path.display());
    }
}

#[test]
fn what_has_the_golden_bytes_is_understood() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let (store, put) = (store_with_secret(dir.path()), put(dir.path()));
    for (bucket, path) in files(&store, &put) {
        fs::create_dir_all(path.parent().expect("it is in a bucket")).expect("makes the directory");
        fs::private::write_new(&path, &fs::read(&golden().join(bucket)).expect("is committed"))
            .expect("writes");
    }
    assert_eq!(store.entry(&put.key), Ok(put.entry.clone()));
    let unit_key = put.inputs.unit_key;
    let secret = store.secret().expect("it is there");
    assert_eq!(store.inputs(&put.key), Ok(secret.conceal(&put.inputs)));
    assert_eq!(store.lists(&unit_key), Ok(vec![put.list.clone()]));
    let library = Digest::hash(b"library");
    assert_eq!(store.closure(&library), put.closure);
    assert_eq!(store.variable_names(&library), put.variable_names);
}
