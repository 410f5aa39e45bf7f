//! Restoring over whatever is in the way, with a fault at any step.

use std::io::ErrorKind;
use std::path::Path;

use super::*;
use crate::store::Bucket;
use crate::store::tests::{ROLES, Scene, content, files_below, is_restored};
use crate::sys::fs::{Step, fault};

fn stored() -> Scene {
    let scene = Scene::new();
    scene.store().put(&scene.compile("1")).expect("puts");
    scene
}

/// Names that rustc would open when it looks for crates.
fn candidates(dir: &Path) -> Vec<PathBuf> {
    let is_candidate = |path: &PathBuf| {
        let name = path.to_string_lossy().into_owned();
        name.starts_with("lib") && [".rlib", ".rmeta", ".so"].iter().any(|suffix| name.ends_with(suffix))
    };
    files_below(dir).into_iter().filter(is_candidate).collect()
}

/// Every output is missing, or what the compiler made; `old` is what was there before.
fn assert_gone_or_complete(scene: &Scene, outputs: &[Output], old: Option<&[u8]>) {
    for output in outputs {
        if let Ok(now) = fs::read(&output.path) {
            let is_complete = now == content(output.role, "1");
            assert!(is_complete || old == Some(now.as_slice()), "{} is torn", output.path.display());
        }
    }
    assert!(candidates(&scene.path("tree")).len() <= outputs.len(), "no name beside them looks like a crate");
}

#[test]
fn a_restore_that_ends_after_any_step_leaves_no_torn_output() {
    for old in [None, Some(b"old".as_slice())] {
        for n in 0.. {
            let scene = stored();
            let outputs = scene.outputs("tree");
            for (output, old) in outputs.iter().zip(std::iter::repeat(old)) {
                old.iter().for_each(|old| fs::write_new(&output.path, old).expect("writes"));
            }
            let found = scene.lookup("unit").expect("hits");
            let (result, crashed) = fault::crash_after(n, || scene.restore(&found, &outputs));
            assert_gone_or_complete(&scene, &outputs, old);
            scene.restore(&found, &outputs).expect("the next one restores");
            assert!(is_restored(&outputs, "1"));
            if !crashed {
                result.expect("nothing failed");
                break;
            }
        }
    }
}

#[test]
fn a_restore_with_a_failing_step_removes_what_it_placed_or_finds_another_way() {
    for error in [ErrorKind::StorageFull, ErrorKind::PermissionDenied, ErrorKind::AlreadyExists] {
        for n in 0.. {
            let scene = stored();
            let outputs = scene.outputs("tree");
            let found = scene.lookup("unit").expect("hits");
            let (result, failed) = fault::fail_at(n, error, || scene.restore(&found, &outputs));
            match result {
                Ok(_) => assert!(is_restored(&outputs, "1")),
                Err(_) => assert_eq!(files_below(&scene.path("tree")), [] as [PathBuf; 0], "step {n}"),
            }
            if !failed {
                break;
            }
        }
    }
}

#[test]
fn where_nothing_can_be_written_or_renamed_nothing_is_left() {
    for step in [Step::Write, Step::Rename] {
        let scene = stored();
        // Clones are made in place, without writing.
        if fs::clones_files(&scene.path(".")) {
            return;
        }
        let outputs = scene.outputs("tree");
        let found = scene.lookup("unit").expect("hits");
        let result = fault::fail_every(step, ErrorKind::StorageFull, || scene.restore(&found, &outputs));
        assert_eq!(result.err(), Some(Failed::Place));
        assert_eq!(files_below(&scene.path("tree")), [] as [PathBuf; 0]);
    }
}

#[test]
fn where_links_fail_files_are_copied_and_that_is_counted() {
    for error in [ErrorKind::TooManyLinks, ErrorKind::CrossesDevices, ErrorKind::PermissionDenied] {
        let scene = stored();
        let outputs = scene.outputs("tree");
        let found = scene.lookup("unit").expect("hits");
        let restored = fault::fail_every(Step::Link, error, || scene.restore(&found, &outputs));
        let restored = restored.expect("copies");
        if !fs::clones_files(&scene.path("tree")) {
            assert_eq!((restored.n_link_failures, restored.linked_bytes), (1, 0));
        }
        assert!(is_restored(&outputs, "1"));
    }
}

fn put_in_the_way(what: &str, path: &Path, scene: &Scene) {
    let valuable = scene.path("outside/valuable");
    match what {
        "other file" => fs::write_new(path, b"other").expect("writes"),
        "larger file" => fs::write_new(path, &[b'x'; 10_000]).expect("writes"),
        #[cfg(unix)]
        "read-only file" => {
            use std::os::unix::fs::PermissionsExt;
            fs::write_new(path, b"other").expect("writes");
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o444)).expect("sets the mode");
        }
        #[cfg(unix)]
        "dangling symlink" => {
            std::os::unix::fs::symlink(scene.path("outside/nothing"), path).expect("links");
        }
        #[cfg(unix)]
        "symlink to a file" => std::os::unix::fs::symlink(valuable, path).expect("links"),
        "second name of a file" => fs::hard_link(&valuable, path).expect("links"),
        _ => {}
    }
}

#[test]
fn whatever_file_is_in_the_way_is_replaced_and_never_written_through() {
    for what in [
        "other file",
        "larger file",
        "read-only file",
        "dangling symlink",
        "symlink to a file",
        "second name of a file",
    ] {
        let scene = stored();
        fs::write_new(&scene.path("outside/valuable"), b"valuable").expect("writes");
        let outputs = scene.outputs("tree");
        outputs.iter().for_each(|output| put_in_the_way(what, &output.path, &scene));
        let found = scene.lookup("unit").expect("hits");
        scene.restore(&found, &outputs).expect("restores");
        assert!(is_restored(&outputs, "1"), "{what}");
        assert!(outputs.iter().all(|output| !output.path.is_symlink()), "{what}");
        assert_eq!(fs::read(&scene.path("outside/valuable")).expect("reads"), b"valuable");
        assert_eq!(files_below(&scene.path("outside")), [Path::new("valuable")]);
        assert_eq!(files_below(&scene.path("tree")).len(), ROLES.len());
    }
}

#[test]
fn restoring_over_what_was_restored_changes_nothing() {
    let scene = stored();
    let outputs = scene.outputs("tree");
    let found = scene.lookup("unit").expect("hits");
    for _ in 0..3 {
        scene.restore(&found, &outputs).expect("restores");
        assert!(is_restored(&outputs, "1"));
        assert_eq!(files_below(&scene.path("tree")).len(), ROLES.len());
    }
}

#[test]
fn a_directory_in_the_way_stays_and_nothing_is_placed() {
    for index in 0..ROLES.len() {
        let scene = stored();
        let outputs = scene.outputs("tree");
        fs::create_dir_all(&outputs[index].path).expect("makes a directory");
        fs::write_new(&outputs[index].path.join("valuable"), b"").expect("writes");
        let found = scene.lookup("unit").expect("hits");
        assert_eq!(scene.restore(&found, &outputs).err(), Some(Failed::Place));
        assert_eq!(files_below(&scene.path("tree")).len(), 1, "only what is in the directory");
    }
}

#[test]
fn an_entry_without_an_output_that_is_asked_for_restores_nothing() {
    let scene = stored();
    let mut outputs = scene.outputs("tree");
    outputs.push(Output { role: Role::Executable, path: scene.path("tree/unit") });
    let found = scene.lookup("unit").expect("hits");
    assert_eq!(scene.restore(&found, &outputs).err(), Some(Failed::Incomplete));
    assert_eq!(files_below(&scene.path("tree")), [] as [PathBuf; 0]);
}

#[test]
fn what_keeps_its_time_is_linked_unless_a_dependency_is_younger() {
    let scene = stored();
    let outputs = scene.outputs("tree");
    let found = scene.lookup("unit").expect("hits");
    let rlib = found.entry.artifacts.iter().find(|artifact| artifact.role == Role::Rlib).expect("has one");
    let made_here = fs::metadata(&scene.store().path(Bucket::Blobs, &rlib.blob)).expect("is there");
    let made_ns: Vec<i64> =
        found.entry.artifacts.iter().filter_map(|it| scene.store().blob_made_ns(&it.blob)).collect();
    let newest_ns = made_ns.iter().copied().max().expect("has artifacts");
    let otherwise = fs::time(newest_ns + 1_000_000_000);
    for (not_before_ns, is_kept) in [(0, true), (newest_ns + 1, false)] {
        let times = FileTimes::Made(MadeTimes { not_before_ns, otherwise, made_here: &made_here });
        let restored = scene.restore_with(&found, &outputs, times).expect("restores");
        let expected_ns = if is_kept { newest_ns } else { fs::nanoseconds(otherwise) };
        assert_eq!(restored.newest_ns, expected_ns);
        for output in outputs.iter().filter(|output| output.role != Role::DepInfo) {
            let there = Identity::at(&output.path).expect("is there");
            assert!((is_kept && there.modified_ns <= newest_ns) || there.modified_ns == expected_ns);
        }
        assert!(is_restored(&outputs, "1"));
        assert_eq!(restored.linked_bytes > 0, is_kept);
    }
}

#[test]
fn metadata_that_is_older_than_a_dependency_keeps_its_time_beside_a_library_that_is_not() {
    let scene = stored();
    let outputs = scene.outputs("tree");
    let found = scene.lookup("unit").expect("hits");
    let blob = |role: Role| {
        let mut artifacts = found.entry.artifacts.iter();
        artifacts.find(|artifact| artifact.role == role).expect("has one").blob
    };
    let path = |role: Role| scene.store().path(Bucket::Blobs, &blob(role));
    let made_here = fs::metadata(&path(Role::Rlib)).expect("is there");
    let minute_ns = 60_000_000_000;
    let now_ns = Identity::from_metadata(&made_here).modified_ns;
    for artifact in &found.entry.artifacts {
        let minutes = if artifact.role == Role::Metadata { 3 } else { 1 };
        let made_ns = crate::digest::seal::near(&artifact.blob, now_ns - minutes * minute_ns);
        let path = scene.store().path(Bucket::Blobs, &artifact.blob);
        fs::set_modified(&path, fs::time(made_ns)).expect("sets the time");
    }
    let not_before_ns = now_ns - 2 * minute_ns;
    let times = MadeTimes { not_before_ns, otherwise: fs::time(now_ns), made_here: &made_here };
    let restored = scene.restore_with(&found, &outputs, FileTimes::Made(times)).expect("restores");
    let metadata_ns = scene.store().blob_made_ns(&blob(Role::Metadata));
    for output in outputs.iter().filter(|output| matches!(output.role, Role::Rlib | Role::Metadata)) {
        let times =
            [&output.path, &path(output.role)].map(|it| Identity::at(it).expect("is there").modified_ns);
        assert_eq!(times[0], times[1], "{:?}", output.role);
    }
    assert_eq!(restored.metadata_ns, metadata_ns);
    assert!(restored.newest_ns > not_before_ns && metadata_ns.is_some_and(|ns| ns < not_before_ns));
}

#[test]
fn a_blob_that_is_younger_than_what_is_made_here_is_copied() {
    let scene = stored();
    let outputs = scene.outputs("tree");
    let found = scene.lookup("unit").expect("hits");
    assert!(scene.restore(&found, &outputs).expect("restores").linked_bytes > 0);
    for artifact in &found.entry.artifacts {
        let hour_ns = 3_600_000_000_000;
        let made_ns = scene.store().blob_made_ns(&artifact.blob).expect("is there");
        let later_ns = crate::digest::seal::near(&artifact.blob, made_ns + hour_ns);
        let path = scene.store().path(Bucket::Blobs, &artifact.blob);
        fs::set_modified(&path, fs::time(later_ns)).expect("sets the time");
    }
    assert_eq!(scene.restore(&found, &outputs).expect("restores").linked_bytes, 0);
    assert!(is_restored(&outputs, "1"));
}
