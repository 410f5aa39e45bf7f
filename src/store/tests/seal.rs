//! Whatever writes to a blob through one of its other names breaks its seal.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use super::{Scene, content, files_below, is_restored};
use crate::invocation::Role;
use crate::run::restore::Failed;
use crate::store::Bucket;
use crate::sys::fs;

fn open(path: &Path) -> File {
    OpenOptions::new().write(true).open(path).expect("opens")
}

fn grow(path: &Path) {
    OpenOptions::new().append(true).open(path).expect("opens").write_all(b"more").expect("writes");
}

fn shrink(path: &Path) {
    open(path).set_len(3).expect("shrinks");
}

fn overwrite(path: &Path) {
    open(path).write_all(b"same size").expect("writes");
}

fn truncate_and_write_the_same_size(path: &Path) {
    let size = fs::metadata(path).expect("is there").len();
    shrink(path);
    open(path).write_all(&vec![b'x'; size as usize]).expect("writes");
}

#[test]
fn a_file_changed_through_a_hard_link_is_never_served_again() {
    for change in [grow, shrink, overwrite, truncate_and_write_the_same_size] {
        for role in [Role::Rlib, Role::Metadata, Role::Cdylib] {
            let scene = Scene::new();
            let put = scene.compile("1");
            scene.store().put(&put).expect("puts");
            let blob = scene.store().path(Bucket::Blobs, &crate::digest::Digest::hash(&content(role, "1")));
            let second_name = scene.path("outside/second-name");
            fs::hard_link(&blob, &second_name).expect("links");
            change(&second_name);
            let found = scene.lookup("unit").expect("the entry itself is whole");
            let outputs = scene.outputs("tree");
            assert_eq!(scene.restore(&found, &outputs).err(), Some(Failed::Blob));
            assert_eq!(files_below(&scene.path("tree")).len(), 0, "what had been placed is gone");
            assert_eq!(files_below(&scene.store().quarantine()).len(), 1);
            assert!(fs::metadata(&blob).is_err());
            scene.store().put(&scene.compile("1")).expect("puts");
            scene.restore(&found, &outputs).expect("the next put made it good");
            assert!(is_restored(&outputs, "1"));
        }
    }
}

#[test]
fn a_put_that_meets_an_altered_blob_replaces_it() {
    let scene = Scene::new();
    scene.store().put(&scene.compile("1")).expect("puts");
    overwrite(&scene.store().path(Bucket::Blobs, &crate::digest::Digest::hash(&content(Role::Rlib, "1"))));
    scene.store().put(&scene.compile("1")).expect("puts");
    assert!(scene.hits("unit"));
    assert_eq!(files_below(&scene.store().quarantine()).len(), 1);
}

#[test]
fn a_program_that_strips_its_own_copy_leaves_the_blob_alone() {
    let scene = Scene::new();
    scene.store().put(&scene.compile("1")).expect("puts");
    let found = scene.lookup("unit").expect("hits");
    for n in 0..2 {
        let outputs = scene.outputs(&format!("tree-{n}"));
        scene.restore(&found, &outputs).expect("restores");
        assert!(is_restored(&outputs, "1"));
        for output in outputs.iter().filter(|output| output.role != Role::Rlib) {
            shrink(&output.path);
        }
    }
}

#[test]
fn a_missing_blob_is_a_miss_and_leaves_no_outputs() {
    for role in super::ROLES {
        let scene = Scene::new();
        scene.store().put(&scene.compile("1")).expect("puts");
        let digest = crate::digest::Digest::hash(&content(role, "1"));
        fs::remove(&scene.store().path(Bucket::Blobs, &digest)).expect("removes");
        let found = scene.lookup("unit").expect("the entry itself is whole");
        assert_eq!(scene.restore(&found, &scene.outputs("tree")).err(), Some(Failed::Blob));
        assert_eq!(files_below(&scene.path("tree")).len(), 0);
    }
}

/// What archives such as zip keep of a time.
fn cut_off(path: &Path) {
    let modified_ns = fs::Identity::at(path).expect("is there").modified_ns;
    let second = modified_ns.div_euclid(1_000_000_000) * 1_000_000_000;
    fs::set_modified(path, fs::time(second)).expect("sets the time");
}

#[test]
fn a_blob_out_of_an_archive_is_read_once_and_sealed_again() {
    let scene = Scene::new();
    let put = scene.compile("1");
    scene.store().put(&put).expect("puts");
    for artifact in &put.entry.artifacts {
        let path = scene.store().path(Bucket::Blobs, &artifact.blob);
        cut_off(&path);
        assert!(!crate::digest::seal::matches(
            &artifact.blob,
            scene.store().blob_made_ns(&artifact.blob).expect("is there")
        ));
        scene.store().blob(&artifact.blob, artifact.size_bytes).expect("has its content");
        assert!(crate::digest::seal::matches(
            &artifact.blob,
            scene.store().blob_made_ns(&artifact.blob).expect("is there")
        ));
        // Damage that such a time hides.
        overwrite(&path);
        cut_off(&path);
        assert!(scene.store().blob(&artifact.blob, artifact.size_bytes).is_err());
        assert!(scene.store().open_blob(&artifact.blob, artifact.size_bytes).is_err());
    }
}
