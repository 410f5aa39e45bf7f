//! Crashes and errors after every step of a put, and writers that meet.

use std::io::ErrorKind;

use super::Scene;
use crate::sys::fs::{Step, fault};

#[test]
fn a_put_that_ends_after_any_step_leaves_a_miss_or_a_whole_entry() {
    for n in 0.. {
        let scene = Scene::new();
        let put = scene.compile("1");
        let (_, crashed) = fault::crash_after(n, || scene.store().put(&put));
        let hits = scene.hits("unit");
        assert!(hits || crashed, "nothing failed, so it hits");
        scene.store().put(&scene.compile("1")).expect("the next put makes it good");
        assert!(scene.hits("unit"));
        if !crashed {
            assert!(n > 20, "the steps were counted");
            break;
        }
    }
}

#[test]
fn a_put_over_blobs_that_are_there_never_harms_their_first_owner() {
    for n in 0.. {
        let scene = Scene::new();
        scene.store().put(&scene.compile("1")).expect("puts");
        let other = scene.compile_as("other", "1");
        let (_, crashed) = fault::crash_after(n, || scene.store().put(&other));
        assert!(scene.hits("unit"));
        assert!(scene.hits("other") || crashed);
        if !crashed {
            break;
        }
    }
}

#[test]
fn a_second_writer_of_a_key_that_ends_anywhere_leaves_one_whole_entry() {
    for n in 0.. {
        let scene = Scene::new();
        scene.store().put(&scene.compile("1")).expect("puts");
        // A compiler that is not deterministic: same key, other bytes.
        let other = scene.compile("2");
        let (_, crashed) = fault::crash_after(n, || scene.store().put(&other));
        assert!(scene.hits("unit"));
        if !crashed {
            break;
        }
    }
}

#[test]
fn two_writers_that_both_end_anywhere_leave_a_miss_or_a_whole_entry() {
    let (mut first, mut is_last) = (0, false);
    while !is_last {
        for second in (0..).step_by(3) {
            let scene = Scene::new();
            let (one, two) = (scene.compile("1"), scene.compile("2"));
            let (_, first_crashed) = fault::crash_after(first, || scene.store().put(&one));
            let (_, second_crashed) = fault::crash_after(second, || scene.store().put(&two));
            assert!(scene.hits("unit") || first_crashed && second_crashed);
            is_last = !first_crashed;
            if !second_crashed {
                break;
            }
        }
        first += 3;
    }
}

#[test]
fn writers_and_readers_of_one_key_at_once_see_a_miss_or_a_whole_entry() {
    let scene = Scene::new();
    let puts: Vec<_> = ["1", "2", "1", "2"].map(|version| scene.compile(version)).into();
    std::thread::scope(|scope| {
        for put in &puts {
            scope.spawn(|| (0..50).for_each(|_| scene.store().put(put).expect("puts")));
        }
        scope.spawn(|| (0..50).filter(|_| scene.hits("unit")).count());
    });
    assert!(scene.hits("unit"));
    assert_eq!(super::files_below(&scene.store().quarantine()).len(), 0);
}

#[test]
fn a_put_with_a_failing_step_tells_so_or_is_whole() {
    for n in 0.. {
        let scene = Scene::new();
        let put = scene.compile("1");
        let (result, failed) = fault::fail_at(n, ErrorKind::StorageFull, || scene.store().put(&put));
        assert_eq!(scene.hits("unit"), result.is_ok(), "step {n}");
        if !failed {
            break;
        }
    }
}

#[test]
fn a_file_system_without_hard_links_still_has_a_store() {
    for error in [ErrorKind::CrossesDevices, ErrorKind::TooManyLinks, ErrorKind::PermissionDenied] {
        let scene = Scene::new();
        let put = scene.compile("1");
        fault::fail_every(Step::Link, error, || {
            scene.store().put(&put).expect("copies");
            assert!(scene.hits("unit"));
        });
    }
}

#[test]
fn nothing_unfinished_stays_behind_a_put() {
    for version in ["1", "1", "2"] {
        let scene = Scene::new();
        scene.store().put(&scene.compile(version)).expect("puts");
        let unfinished = super::files_below(&scene.store().root().join("tmp"));
        assert_eq!(unfinished, [] as [std::path::PathBuf; 0]);
    }
}
