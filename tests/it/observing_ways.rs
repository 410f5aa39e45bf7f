//! The ways to a file count as well: links, directories that are searched, the working directory; and whoever is left
//! behind holds up nobody.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::observing::{build_prints, misses_after, reading};
use crate::world::World;

/// Lets the link at `name` in the tree lead to `target`.
fn lead(world: &World, name: &str, target: &str) {
    let link = world.tree().join(name);
    let _ = std::fs::remove_file(&link);
    symlink(target, link).expect("links");
}

#[test]
fn where_a_linked_directory_leads_decides_whatever_was_read_there() {
    for (call, before, after) in [
        ("names:link", "same,sub", "more,same,sub"),
        ("names:link/sub", "same", "more,same"),
        ("all:link/sub", "1", "2,1"),
        ("sh:cd app/link/sub; cat more 2>&- || echo none", "none", "2"),
    ] {
        let world = reading(call);
        for file in ["d1/same", "d1/sub/same", "d2/same", "d2/sub/same"] {
            world.write(&format!("app/{file}"), "1");
        }
        for file in ["d2/more", "d2/sub/more"] {
            world.write(&format!("app/{file}"), "2");
        }
        lead(&world, "app/link", "d1");
        build_prints(&world, call, before);
        misses_after(&world, call, |world| lead(world, "app/link", "d2"), after);
    }
}

#[test]
fn a_directory_that_is_called_like_a_processor_is_one_as_any_other() {
    for name in ["tls", "x86_64", "atomics"] {
        let call = format!("is:{name}");
        let world = reading(&call);
        build_prints(&world, &call, "false");
        misses_after(&world, &call, |world| world.write(&format!("app/{name}/file"), ""), "true");
    }
}

#[test]
fn names_in_a_directory_that_is_searched_for_libraries_decide() {
    for kind in ["", "native=", "crate="] {
        let world = reading("names:data");
        world.write(
            "app/build.rs",
            format!(
                "fn main() {{ println!(\"cargo::rustc-link-search={kind}{{}}/data\", env!(\"CARGO_MANIFEST_DIR\")); \
                 println!(\"cargo::rerun-if-changed=build.rs\"); }}\n"
            ),
        );
        build_prints(&world, "names:data", "one,two");
        misses_after(&world, "names:data", |world| world.write("app/data/three", ""), "one,three,two");
    }
}

#[test]
fn a_link_that_is_made_anew_leads_to_other_files() {
    let call = "sh:cd app; for d in d1 d2; do ln -sfn $d cur; cat cur/x; done; rm cur";
    let world = reading(call);
    world.write("app/d1/x", "1");
    world.write("app/d2/x", "2");
    build_prints(&world, call, "12");
    misses_after(&world, call, |world| world.write("app/d2/x", "3"), "13");
    misses_after(&world, call, |world| world.write("app/d1/x", "0"), "03");
}

#[test]
fn whoever_is_left_behind_and_busy_holds_up_nothing() {
    let world = reading("sh:setsid sh -c 'while test -e ../busy; do :; done' >/dev/null 2>&1 </dev/null &");
    let busy = world.tree().join("../busy");
    std::fs::write(&busy, "").expect("writes");
    let (over, waits) = channel();
    let watcher = std::thread::spawn({
        let busy: PathBuf = busy.clone();
        move || {
            let is_over = waits.recv_timeout(Duration::from_secs(60)).is_ok();
            std::fs::remove_file(busy).expect("removes");
            is_over
        }
    });
    world.build().succeeds();
    over.send(()).unwrap_or_default();
    assert!(watcher.join().expect("ends"), "the build waited for what it had left behind");
}
