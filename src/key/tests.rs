//! What is remembered about this machine, with anything in its files.

use std::ffi::OsStr;
use std::path::Path;

use proptest::prelude::*;

use crate::action::memo::{ClosureNote, DIR, Known, Memo};
use crate::action::portable::{Portable, Root, Roots};
use crate::action::roots::BuildDirs;
use crate::digest::{Digest, guard};
use crate::key::{linker, toolchain};
use crate::store::tests::cases;
use crate::sys::env::Env;
use crate::sys::fs::{self, Identity};

fn file_with(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("file");
    fs::write_new(&path, bytes).expect("writes");
    (dir, path)
}

fn identity() -> impl Strategy<Value = Identity> {
    (0..4_u64, any::<u64>(), any::<u64>(), any::<i64>(), any::<i64>()).prop_map(
        |(device, inode, size, modified_ns, changed_ns)| Identity {
            device,
            inode,
            size,
            modified_ns,
            changed_ns,
            executable: false,
        },
    )
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn any_bytes_are_no_remembered_compiler_or_linker(bytes: Vec<u8>, guarded: bool) {
        let bytes = if guarded { guard::add(bytes) } else { bytes };
        let (_dir, path) = file_with(&bytes);
        prop_assert!(toolchain::recall(&path).is_none());
        prop_assert!(linker::recall(&path).is_none());
    }

    #[test]
    fn any_table_answers_nothing_wrong(
        bytes in prop::collection::vec(any::<u8>(), 0..4096), identity in identity(),
    ) {
        let dir = tempfile::tempdir().expect("temporary directory");
        fs::create_dir_all(&dir.path().join(DIR)).expect("makes a directory");
        fs::write_new(&dir.path().join(DIR).join("digests-1"), &bytes).expect("writes");
        let memo = Memo::of(Some(dir.path()));
        prop_assert_eq!(memo.get(&identity), None);
        let known = Known { digest: Digest::hash(&bytes), closure: ClosureNote::Macros };
        memo.set(&identity, known);
        prop_assert_eq!(Memo::of(Some(dir.path())).get(&identity), Some(known));
    }

    #[test]
    fn a_table_with_some_bytes_changed_answers_what_was_noted_or_nothing(
        identity in identity(), at in 0..88_usize, flip in 1..=255_u8,
    ) {
        let dir = tempfile::tempdir().expect("temporary directory");
        let known = Known { digest: Digest::hash(b"x"), closure: ClosureNote::Plain };
        Memo::of(Some(dir.path())).set(&identity, known);
        let path = dir.path().join(DIR).join("digests-1");
        let mut bytes = fs::read(&path).expect("reads");
        let slot = bytes.len() - 88;
        bytes[slot + at] ^= flip;
        fs::remove(&path).expect("removes");
        fs::write_new(&path, &bytes).expect("writes");
        prop_assert_eq!(Memo::of(Some(dir.path())).get(&identity), None);
    }

    #[test]
    fn any_text_is_a_portable_one_or_refused(text in "(<(workspace|target|x)?>|%[0-9a-f]{0,2}|\\.\\./|/|\\PC){0,12}") {
        let json = serde_json::to_vec(&text).expect("serializes");
        if let Ok(portable) = serde_json::from_slice::<Portable>(&json) {
            let mut roots = Roots::default();
            prop_assert!(roots.expand(&portable).is_some() || text.contains('<'));
            roots.add(Root::Workspace, b"/w");
            roots.add(Root::Target, b"/t");
            let _ = roots.expand(&portable).map(|expanded| roots.tokenize(&expanded));
            let again = serde_json::to_vec(&portable).expect("serializes");
            prop_assert_eq!(serde_json::from_slice::<Portable>(&again).expect("parses"), portable);
        }
    }

    #[test]
    fn any_bytes_go_through_tokens_and_back(text: Vec<u8>) {
        let mut roots = Roots::default();
        roots.add(Root::Workspace, b"/w");
        let kept: Vec<u8> = text.iter().copied().filter(|byte| *byte != 0).collect();
        prop_assert_eq!(roots.expand(&roots.tokenize(&kept)), Some(kept));
    }
}

/// What is remembered is believed only with every byte in place.
fn assert_any_change_shows(dir: &Path, prefix: &str, recalls: impl Fn(&Path) -> bool) {
    let path = fs::list(dir)
        .expect("lists")
        .into_iter()
        .find(|path| path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with(prefix)));
    let whole = fs::read(&path.expect("was remembered")).expect("reads");
    for at in (0..whole.len()).step_by(whole.len().div_ceil(200)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        let (_dir, path) = file_with(&bytes);
        assert!(!recalls(&path), "byte {at}");
        let (_dir, path) = file_with(&whole[..at]);
        assert!(!recalls(&path), "cut at {at}");
    }
    let (_dir, path) = file_with(&whole);
    assert!(recalls(&path));
}

#[test]
fn a_changed_note_about_a_compiler_or_linker_is_not_believed() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let env = Env::from_process();
    let cwd = env.cwd.clone().expect("is there");
    let build_dirs = BuildDirs { roots: Roots::default(), cwd: cwd.clone(), target: None, member: true };
    if toolchain::Toolchain::identify(OsStr::new("rustc"), None, &build_dirs, &env, dir.path()).is_ok()
        && fs::list(dir.path()).is_ok_and(|notes| !notes.is_empty())
    {
        assert!(dir.path().join("files-of-toolchains").exists(), "for the next target");
        assert_any_change_shows(dir.path(), "toolchain-", |path| toolchain::recall(path).is_some());
    }
    if linker::identify(OsStr::new("cc"), None, &cwd, &env, dir.path()).is_ok() {
        assert_any_change_shows(dir.path(), "linker-", |path| linker::recall(path).is_some());
    }
}
