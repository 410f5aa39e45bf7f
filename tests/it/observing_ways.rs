//! The ways to a file count as well: links, directories that are searched, the working directory; and a process that is
//! left behind holds up nobody.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

use kache::outcome::Unstored;

use crate::observing::{build_prints, misses_after, reading};
use crate::skip::skip;
use crate::world::{World, package};

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
fn a_link_that_is_made_again_leads_to_other_files() {
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

#[test]
fn a_file_decides_that_is_called_like_one_that_is_gone() {
    let call = "sh:touch own; rm own; cat 'app/data (deleted)'";
    let world = reading(call);
    world.write("app/data (deleted)", "1");
    build_prints(&world, call, "1");
    misses_after(&world, call, |world| world.write("app/data (deleted)", "2"), "2");
}

#[test]
fn a_file_that_appears_where_programs_are_looked_for_decides() {
    let mut world = reading("cwd:local");
    let path = std::env::var_os("PATH").expect("there is one");
    let dirs = std::iter::once(world.tree().to_owned()).chain(std::env::split_paths(&path));
    world.set("PATH", std::env::join_paths(dirs).expect("they are paths"));
    build_prints(&world, "cwd:local", "none");
    misses_after(&world, "cwd:local", |world| world.write("local", "there"), "there");
}

/// What a macro writes stands in no source of the crate that calls it.
#[test]
fn a_crate_that_a_macro_finds_by_its_name_decides() {
    let find =
        "macro_rules! find { ($name:ident) => { extern crate $name; pub use $name::N; } }\nfind!(found);\n";
    let mut world = World::files(&[
        ("Cargo.toml", &package("app", "")),
        ("src/lib.rs", find),
        ("src/main.rs", "fn main() { print!(\"{}\", app::N); }\n"),
    ]);
    world.set("RUSTFLAGS", format!("-L {}", world.tree().join("libs").display()));
    for n in ["1", "2", "3"] {
        world.write("found.rs", format!("pub const N: u32 = {n};\n"));
        let mut made = world.command("rustc");
        made.args(["--crate-type", "lib", "--out-dir", "libs", "found.rs"]);
        world.run(made).succeeds();
        let _ = std::fs::remove_dir_all(world.target());
        world.build().all_missed();
        assert_eq!(world.run_bin("app"), n);
        world.rebuild().all_hit();
    }
}

/// A compiler that seems to run alone is not observed where it resolves links.
#[test]
fn a_procedural_macro_that_a_macro_finds_by_its_name_and_that_reads_a_link_decides() {
    let mut world = World::files(&[
        ("Cargo.toml", &package("app", "")),
        (
            "src/lib.rs",
            "macro_rules! find { ($name:ident) => { extern crate $name; } }\nfind!(found);\n\
             pub const N: &str = crate::found::leads_to!();\n",
        ),
        ("src/main.rs", "fn main() { print!(\"{}\", app::N); }\n"),
    ]);
    let link = world.tree().join("link");
    world.write(
        "found.rs",
        format!(
            "#[proc_macro] pub fn leads_to(_: proc_macro::TokenStream) -> proc_macro::TokenStream {{\n\
             format!(\"{{:?}}\", std::fs::read_link({link:?}).unwrap()).parse().unwrap() }}\n"
        ),
    );
    let mut made = world.command("rustc");
    made.args(["--edition=2024", "--crate-type", "proc-macro", "--extern=proc_macro", "--out-dir", "libs"]);
    made.arg("found.rs");
    world.run(made).succeeds();
    world.set("RUSTFLAGS", format!("-L {}", world.tree().join("libs").display()));
    for target in ["one", "two"] {
        lead(&world, "link", target);
        let _ = std::fs::remove_dir_all(world.target());
        world.build().succeeds();
        assert_eq!(world.run_bin("app"), target);
    }
}

#[test]
fn a_compile_that_leaves_a_new_file_anywhere_is_not_stored() {
    let world = reading("write:../../left");
    let left = world.root().join("trees/left");
    for step in [World::build, World::rebuild] {
        let step = step(&world);
        step.succeeds();
        let unstored = step.unstored_of("app", "bin");
        assert!(
            matches!(unstored, Unstored::UnexpectedOutput(what) if what.contains("left")),
            "{unstored:?}"
        );
        std::fs::remove_file(&left).expect("was made");
    }
}

/// It lies among the devices.
#[test]
fn a_directory_on_a_ramdisk_is_one_as_any_other() {
    let Ok(memory) = tempfile::Builder::new().prefix("kache-it-").tempdir_in("/dev/shm") else {
        skip("another-disk", "there is no /dev/shm");
        return;
    };
    let write = |name: &str| std::fs::write(memory.path().join(name), "").expect("writes");
    std::fs::create_dir(memory.path().join("below")).expect("makes it");
    let place = memory.path().display();
    let world = reading(&format!("sh:ls {place}; test -e {place}/below/new && echo more"));
    build_prints(&world, "a ramdisk", "below");
    write("below/new");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "below\nmore");
    write("another");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "another\nbelow\nmore");
    world.rebuild().all_hit();
}
