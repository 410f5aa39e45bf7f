//! The rules, one by one.

use super::*;
use crate::action::portable::Portable;
use crate::digest::Digest;
use crate::key::candidates::turned_down;
use crate::key::closure::ProceduralMacro;
use crate::key::closure::{ClosureCrate, CrateClosure};
use crate::sys::observe::Uses;

fn setting() -> ObservationContext {
    ObservationContext {
        outputs: vec!["/w/target/debug/deps/liba-1.rmeta".into()],
        out_dir: "/w/target/debug/deps".into(),
        stems: vec!["a-1".to_owned(), "liba-1".to_owned()],
        own_dirs: Vec::new(),
        incremental: Some("/elsewhere/incremental/kache/a-9".into()),
        linked: false,
        compiler: "/home/me/.cargo/bin/rustc".into(),
        sysroot: "/opt/rust".into(),
        covered: Covered {
            files: vec!["/opt/rust/lib/librustc_driver-1.so".into(), "/usr/lib/multi/libLLVM.so.1".into()],
            directories: vec!["/opt/rust/lib/rustlib/x/lib".into(), "/opt/rust/lib/rustlib/x/bin".into()],
            presence: vec!["/opt/rust/lib/rustlib/src/rust/library/std/src/lib.rs".into()],
        },
        rustup: Some("/home/me/.rustup".into()),
        arguments: vec!["/w/flags".into()],
        externs: vec!["/w/target/debug/deps/libb-2.rmeta".into()],
        crate_dirs: vec!["/w/found".into()],
        dependency_dirs: HashSet::from(["/w/target/debug/deps".into()]),
        loader_dirs: vec!["/w/loaded".into()],
        generated: Some("/w/target/debug/build/a-3/out".into()),
        build_dirs: vec!["/w".into()],
        roots: vec!["/w/target".into(), "/w".into(), "/home/me".into()],
        path: vec!["/usr/local/bin".into(), "/usr/bin".into()],
        temporary: vec!["/scratch/job/tmp".into(), "/tmp".into()],
        jobservers: vec!["/tmp/make".into(), "/w/make".into()],
        turned_down: Vec::new(),
    }
}

fn identity() -> Identity {
    Identity { device: 1, inode: 2, size: 3, modified_ns: 4, changed_ns: 5, executable: false }
}

fn access(path: &str, found: PathState, uses: &str) -> Access {
    let has = |letter| uses.contains(letter);
    let uses = Uses {
        read: has('r'),
        listed: has('l'),
        executed: has('x'),
        probed: has('p'),
        link_read: has('k'),
        written: has('w'),
    };
    Access { path: path.into(), real: path.into(), found, uses }
}

fn file(path: &str, uses: &str) -> Access {
    access(path, PathState::File(identity()), uses)
}

fn why(access: &Access) -> Option<LeftOut> {
    left_out(&setting(), access)
}

fn of(accesses: Vec<Access>) -> Result<ObservedInputs, String> {
    observed_inputs(&setting(), &Observation { accesses, ..Observation::default() })
}

#[test]
fn each_rule_leaves_out_what_it_is_for_and_not_its_neighbour() {
    let directory = || PathState::Directory(identity());
    let table = [
        (file("/w/target/debug/deps/liba-1.rmeta", "r"), Some(LeftOut::Output)),
        (file("/w/target/debug/deps/a-1.cgu.rcgu.o", "r"), Some(LeftOut::Output)),
        (file("/w/target/debug/other/a-1.x", "r"), None),
        (file("/elsewhere/incremental/kache/a-9/a-x/s-y/dep-graph.bin", "r"), Some(LeftOut::Output)),
        (file("/elsewhere/incremental/kache/a-9.state", "r"), None),
        (access("/elsewhere/incremental/kache", directory(), "pk"), Some(LeftOut::Ancestor)),
        (access("/elsewhere/incremental/kache", directory(), "l"), None),
        // `a-1` may be all of a name where cargo adds no hash: `a-1_sys` is another crate.
        (file("/w/target/debug/deps/liba-1_sys-4.so", "r"), None),
        (file("/dev/shm/w/data.txt", "r"), None),
        (access("/dev/shm", directory(), "p"), Some(LeftOut::Machine)),
        (access("/dev/shm/data", directory(), "l"), None),
        (access("/dev/shm/data/absent", PathState::Absent, "p"), None),
        (access("/dev/pts", directory(), "l"), Some(LeftOut::Machine)),
        (access("/scratch/job/tmp", directory(), "pk"), Some(LeftOut::Ancestor)),
        (access("/scratch/job", directory(), "k"), Some(LeftOut::Ancestor)),
        (access("/scratch/job/tmp", directory(), "l"), None),
        (file("/scratch/job/tmp/override", "r"), None),
        (access("/scratch/job/tmp/override", PathState::Absent, "r"), None),
        (access("/dev/kvm", PathState::Absent, "p"), Some(LeftOut::Machine)),
        (file("/proc/7/maps", "r"), Some(LeftOut::Machine)),
        (file("/processes", "r"), None),
        (file("/etc/ld.so.cache", "r"), Some(LeftOut::Session)),
        (file("/usr/share/zoneinfo/UTC", "r"), None),
        (file("/usr/lib/x86_64-linux-gnu/gconv/gconv-modules", "r"), Some(LeftOut::Session)),
        (file("/etc/passwd", "r"), None),
        (file("/opt/rust/lib/rustlib/x/lib/libstd-1.rlib", "r"), Some(LeftOut::Toolchain)),
        (file("/opt/rust/lib/librustc_driver-1.so", "r"), Some(LeftOut::Toolchain)),
        (access("/opt/rust/lib/libz.so.1", PathState::Absent, "r"), Some(LeftOut::Toolchain)),
        (file("/usr/lib/multi/libLLVM.so.1", "r"), Some(LeftOut::Toolchain)),
        (access("/opt/rust/lib/rustlib/x/lib/none", PathState::Absent, "p"), Some(LeftOut::Toolchain)),
        (access("/opt/rust/lib/rustlib/x/bin/none", PathState::Absent, "p"), Some(LeftOut::Toolchain)),
        (access("/opt/rust/lib/rustlib/x", directory(), "p"), Some(LeftOut::Toolchain)),
        (file("/opt/rust/lib/rustlib/src/rust/library/std/src/lib.rs", "p"), Some(LeftOut::Toolchain)),
        (access("/opt/rust/lib/rustlib/src", PathState::Absent, "p"), Some(LeftOut::Toolchain)),
        (access("/opt/rust/lib/rustlib/src/rust", directory(), "p"), Some(LeftOut::Toolchain)),
        // Of these the identity says nothing, so they are inputs.
        (access("/opt/rust/lib/rustlib/src/rust", directory(), "l"), None),
        (file("/opt/rust/lib/libLLVM.so.2", "r"), None),
        (file("/opt/rust/lib/libstd-1.so", "r"), None),
        (file("/usr/lib/multi/librustc_driver-2.so", "r"), None),
        (file("/opt/rust/lib/rustlib/y/lib/libstd-1.rlib", "r"), None),
        (access("/opt/rust/lib/rustlib/x/none", PathState::Absent, "p"), None),
        (access("/opt/rust/lib/rustlib/x", directory(), "l"), None),
        (file("/opt/rust/lib/rustlib/src/rust/library/std/src/lib.rs", "r"), None),
        (file("/opt/rust/lib/rustlib/src/rust/library/core/src/lib.rs", "r"), None),
        (access("/opt/rust/lib/tls", PathState::Absent, "p"), Some(LeftOut::Toolchain)),
        (access("/opt/rust/lib", directory(), "p"), Some(LeftOut::Toolchain)),
        (access("/opt/rust/lib64", PathState::Absent, "p"), Some(LeftOut::Toolchain)),
        (access("/opt/rust/lib", directory(), "l"), None),
        (access("/opt/rust/share/none", PathState::Absent, "p"), None),
        (access("/opt/rust/lib/none.h", PathState::Absent, "p"), None),
        (file("/home/me/.rustup/settings.toml", "r"), Some(LeftOut::Toolchain)),
        (access("/home/me/.rustup/toolchains/x", directory(), "p"), Some(LeftOut::Toolchain)),
        (file("/home/me/.rustup/toolchains/x/share/data", "r"), None),
        (file("/opt/rust/share/data", "r"), None),
        (file("/w/target/debug/deps/libb-2.rmeta", "r"), Some(LeftOut::Extern)),
        (file("/w/flags", "r"), Some(LeftOut::Argument)),
        (file("/w/target/debug/deps/libc-3.rmeta", "r"), Some(LeftOut::Closure)),
        (file("/w/target/debug/deps/libmacro-3.so", "r"), None),
        (access("/w/target/debug/deps", directory(), "lp"), Some(LeftOut::Search)),
        (access("/w/found", directory(), "l"), None),
        (access("/w/target/debug/build/a-3/out", directory(), "l"), None),
        (access("/w/target/debug/deps/libc.so.6", PathState::Absent, "r"), Some(LeftOut::Loader)),
        (access("/w/target/debug/deps/glibc-hwcaps", PathState::Absent, "p"), Some(LeftOut::Loader)),
        (access("/w/a/libc.so.6", PathState::Absent, "r"), None),
        (access("/w/found/libc.so.6", PathState::Absent, "r"), None),
        (access("/w/a/tls", PathState::Absent, "p"), None),
        (access("/w/loaded/tls", PathState::Absent, "p"), Some(LeftOut::Loader)),
        (access("/usr/lib/x86_64-linux-gnu/haswell", PathState::Absent, "p"), Some(LeftOut::Loader)),
        (file("/lib/x86_64-linux-gnu/libc.so.6", "r"), Some(LeftOut::Runtime)),
        (file("/lib/x86_64-linux-gnu/libcurl.so.4", "r"), None),
        (file("/w/libc.so.6", "r"), None),
        (access("/w", directory(), "k"), Some(LeftOut::Ancestor)),
        (access("/home", directory(), "p"), Some(LeftOut::Ancestor)),
        (access("/home", directory(), "l"), None),
        (access("/w/src", directory(), "p"), None),
    ];
    for (access, expected) in table {
        assert_eq!(why(&access), expected, "{access:?}");
    }
}

/// The crate closure of the externs: a macro, and a crate that is named like it.
fn closure() -> CrateClosure {
    let digest = Digest::hash(b"macro");
    let reached = |stem: &str, procedural_macro| ClosureCrate {
        stem: Portable::literal(stem),
        procedural_macro,
        native_libraries: Vec::new(),
        assembles: false,
    };
    let is_macro = ProceduralMacro { digest, pure: true, finds_manifest: false };
    CrateClosure { crates: vec![reached("libmac-1", Some(is_macro)), reached("libmac_rt-2", None)] }
}

#[test]
fn crates_that_were_opened_for_their_names_and_turned_down_are_no_inputs() {
    let deps = "/w/target/debug/deps";
    let opened = |names: &[&str]| Observation {
        accesses: names.iter().map(|name| file(&format!("{deps}/{name}"), "r")).collect(),
        ..Observation::default()
    };
    let all = ["libmac-1.so", "libmac-9.so", "libmac_more-3.rlib", "libmac_rt-2.rlib", "libother-4.so"];
    let linked = ObservationContext { linked: true, crate_dirs: Vec::new(), ..setting() };
    let down = |setting: &ObservationContext, names: &[&str]| {
        turned_down(setting, &opened(names), || Some(closure()))
    };
    let found = down(&linked, &all);
    assert_eq!(found, ["libmac-9.so", "libmac_more-3.rlib"].map(|name| Path::new(deps).join(name)));
    let setting = ObservationContext { turned_down: found, ..linked.clone() };
    assert_eq!(left_out(&setting, &file("/w/target/debug/deps/libmac-9.so", "r")), Some(LeftOut::Candidate));
    assert_eq!(left_out(&setting, &file("/w/target/debug/deps/libmac-1.so", "r")), None);
    let none: [PathBuf; 0] = [];
    assert_eq!(down(&linked, &all[1..]), none, "the file that the name leads to is not there");
    assert_eq!(down(&self::setting(), &all), none, "sources find crates by name");
    assert_eq!(turned_down(&linked, &opened(&all), || None), none, "the reach is not known");
}

#[test]
fn a_link_reads_the_closure_and_the_c_library() {
    let linked = ObservationContext { linked: true, ..setting() };
    for path in ["/w/target/debug/deps/libc-3.rlib", "/lib/x86_64-linux-gnu/libc.so.6"] {
        assert_eq!(left_out(&linked, &file(path, "r")), None, "{path}");
    }
    assert_eq!(left_out(&linked, &file("/w/target/debug/deps/libb-2.rmeta", "r")), Some(LeftOut::Extern));
}

#[test]
fn a_project_among_the_devices_is_none() {
    let there = ObservationContext { build_dirs: vec!["/dev/mounted/w".into()], ..setting() };
    assert_eq!(left_out(&there, &access("/dev/mounted/w/absent", PathState::Absent, "p")), None);
    assert_eq!(left_out(&there, &access("/dev/absent", PathState::Absent, "p")), Some(LeftOut::Machine));
}

#[test]
fn a_workspace_at_the_root_is_not_made_of_devices() {
    let root = ObservationContext { build_dirs: vec!["/".into()], roots: vec!["/".into()], ..setting() };
    assert_eq!(left_out(&root, &access("/dev/urandom", PathState::Other, "r")), Some(LeftOut::Machine));
    assert_eq!(left_out(&root, &access("/dev/kvm", PathState::Absent, "p")), Some(LeftOut::Machine));
    assert_eq!(left_out(&root, &file("/data.txt", "r")), None);
    let accesses = vec![access("/dev/null", PathState::Other, "w"), file("/src/generated.rs", "w")];
    let found = observed_inputs(&root, &Observation { accesses, ..Observation::default() }).unwrap();
    assert_eq!(found.written, [(PathBuf::from("/src/generated.rs"), PathState::File(identity()))]);
}

#[test]
fn every_use_becomes_the_input_that_it_depends_on() {
    let link = PathState::Link("/w/elsewhere".into());
    let found = of(vec![
        file("/w/z", "r"),
        file("/w/a", "p"),
        file("/w/only-asked", "k"),
        access("/w/dir", PathState::Directory(identity()), "lp"),
        access("/w/dir/none", PathState::Absent, "p"),
        access("/w/empty", PathState::Directory(identity()), "p"),
        access("/w/link", link.clone(), "k"),
    ])
    .unwrap();
    let paths = |list: &[(PathBuf, Identity)]| list.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(paths(&found.read), [PathBuf::from("/w/a"), "/w/z".into()]);
    assert_eq!(paths(&found.listed), [PathBuf::from("/w/dir")]);
    assert_eq!(found.absent, [PathBuf::from("/w/dir/none")]);
    assert_eq!(
        found.kinds,
        [
            ("/w/empty".into(), Kind::Directory),
            ("/w/link".into(), Kind::Link("/w/elsewhere".into())),
            ("/w/only-asked".into(), Kind::File),
        ]
    );
    assert!(found.written.is_empty());
}

#[test]
fn a_search_on_the_path_counts_by_its_result() {
    let found = of(vec![
        access("/usr/local/bin/cc", PathState::Absent, "x"),
        file("/usr/bin/cc", "x"),
        access("/usr/local/bin/gnm", PathState::Absent, "p"),
        access("/usr/lib/gcc/cc", PathState::Absent, "p"),
        file("/usr/bin/read", "r"),
    ])
    .unwrap();
    assert_eq!(found.programs, ["cc", "gnm"]);
    assert_eq!(found.absent, [PathBuf::from("/usr/lib/gcc/cc")]);
    assert_eq!(found.read.len(), 2);
}

#[test]
fn the_order_of_events_makes_no_difference() {
    let accesses = vec![file("/w/b", "r"), file("/w/a", "r"), access("/w/c", PathState::Absent, "p")];
    let reversed = accesses.iter().rev().cloned().collect();
    assert_eq!(of(accesses), of(reversed));
}

#[test]
fn written_files_other_than_outputs_are_reported_with_what_was_there() {
    let output = setting().outputs[0].clone();
    let found = of(vec![
        access("/w/bindings.ts", PathState::Absent, "pw"),
        access("/w/default_1.profraw", PathState::Absent, "w"),
        access("/w/target/debug/deps/a-1.map", PathState::Absent, "w"),
        access(output.to_str().unwrap(), PathState::Absent, "w"),
        file("/w/snapshot", "w"),
        access("/tmp/cc1.o", PathState::Absent, "w"),
        access("/w/make", PathState::Other, "w"),
        file("/proc/self/comm", "w"),
        file("/tmp/log", "w"),
    ])
    .unwrap();
    let (made, there) = (PathState::Absent, PathState::File(identity()));
    assert_eq!(
        found.written,
        [
            ("/tmp/cc1.o", &made),
            ("/tmp/log", &there),
            ("/w/bindings.ts", &made),
            ("/w/snapshot", &there),
            ("/w/target/debug/deps/a-1.map", &made),
        ]
        .map(|(path, before)| (PathBuf::from(path), before.clone()))
    );
    // Was looked for before it was made: if it stays, it is no longer absent, and that is noticed.
    assert_eq!(found.absent, [PathBuf::from("/w/bindings.ts")]);
}

#[test]
fn what_cannot_be_looked_at_is_an_error_with_its_path() {
    let denied = access("/w/secret", PathState::Unknown("Permission denied".to_owned()), "r");
    assert_eq!(of(vec![denied]), Err("/w/secret: Permission denied".to_owned()));
    let lost = Observation { incomplete: Some("a program mounts".to_owned()), ..Observation::default() };
    assert_eq!(observed_inputs(&setting(), &lost), Err("a program mounts".to_owned()));
}

#[test]
fn an_input_keeps_its_spelling_unless_that_is_of_a_process() {
    let mut through_proc = file("/proc/7/cwd/a", "r");
    through_proc.real = "/w/a".into();
    let mut through_link = file("/w/link/b", "r");
    through_link.real = "/w/real/b".into();
    let found = of(vec![through_proc, through_link]).unwrap();
    let names: Vec<_> = found.read.into_iter().map(|(path, _)| path).collect();
    assert_eq!(names, [PathBuf::from("/w/a"), "/w/link/b".into()]);
}

#[test]
fn a_place_holds_itself_and_what_is_below_it() {
    for (path, place, expected) in [
        ("/a/b", "/a", true),
        ("/a", "/a", true),
        ("/a/b", "/", true),
        ("/", "/", true),
        ("/ab", "/a", false),
        ("/a", "/a/b", false),
        ("/a", "", false),
    ] {
        assert_eq!(is_in(Path::new(path), place), expected, "{path} {place}");
    }
}

/// Elsewhere, where nothing can be observed, a path such as these is not absolute.
#[test]
#[cfg(unix)]
fn a_pipe_that_is_read_is_no_input_that_could_be_compared() {
    let pipe = |path: &str, uses: &str| access(path, PathState::Other, uses);
    assert!(of(vec![pipe("/w/pipe", "r")]).unwrap_err().starts_with("/w/pipe: a pipe"));
    assert_eq!(of(vec![pipe("/w/pipe", "p")]).unwrap().kinds, [("/w/pipe".into(), Kind::Other)]);
    let between = Access { real: "pipe:[7]".into(), ..pipe("/proc/7/fd/3", "r") };
    for access in [pipe("/dev/urandom", "r"), pipe("/tmp/make", "r"), between] {
        assert_eq!(why(&access), Some(LeftOut::Machine), "{access:?}");
    }
}

#[test]
fn input_in_the_temporary_directory_is_told_from_a_build_in_there() {
    let is_in_temporary = |access: Access| of(vec![access]).expect("is known").is_in_temporary(&setting());
    assert!(is_in_temporary(file("/scratch/job/tmp/override", "r")));
    assert!(is_in_temporary(access("/scratch/job/tmp/override", PathState::Absent, "p")));
    assert!(is_in_temporary(access("/scratch/job/tmp", PathState::Directory(identity()), "l")));
    assert!(!is_in_temporary(file("/scratch/job/data", "r")));
    assert!(!is_in_temporary(access("/scratch/job/tmp/made", PathState::Absent, "w")));
    let inside = ObservationContext {
        build_dirs: vec!["/tmp/a/w".into()],
        temporary: vec!["/tmp".into()],
        ..setting()
    };
    let is_of_build = |path: &str| is_of_build(&inside, Path::new(path), Path::new("/tmp"));
    assert!(is_of_build("/tmp/a/w/src/lib.rs") && is_of_build("/tmp/a/.git"));
    assert!(!is_of_build("/tmp/.git") && !is_of_build("/tmp/b/x"));
    // A place of the build that is the directory itself, or is around it, holds no build that is apart.
    let same = ObservationContext { build_dirs: vec!["/tmp".into(), "/".into()], ..inside.clone() };
    assert!(!super::is_of_build(&same, Path::new("/tmp/x"), Path::new("/tmp")));
}

#[test]
fn libraries_are_those_that_are_looked_for_by_name() {
    let accesses = vec![
        file("/usr/lib/x86_64-linux-gnu/libc.so.6", "r"),
        access("/w/loaded/libssl.so.3", PathState::Absent, "r"),
        file("/w/target/debug/deps/libmacro-3.so", "r"),
        file("/usr/lib/libz.so.1", "p"),
        file("/w/src/lib.rs", "r"),
    ];
    let observation = Observation { accesses, ..Observation::default() };
    assert_eq!(libraries(&setting(), &observation), ["libc.so.6", "libssl.so.3"]);
}

#[test]
fn part_of_another_compiler_is_noticed() {
    let part = |path: &str| {
        let observation = Observation { accesses: vec![file(path, "r")], ..Observation::default() };
        foreign_part(&setting(), &observation).is_some()
    };
    assert!(part("/w/loaded/librustc_driver-1.so") && part("/w/loaded/libstd-1.so"));
    // The loader looks for it in vain in the directories of another toolchain.
    let absent = access("/w/loaded/librustc_driver-1.so", PathState::Absent, "r");
    let observation = Observation { accesses: vec![absent], ..Observation::default() };
    assert_eq!(foreign_part(&setting(), &observation), None);
    assert!(!part("/opt/rust/lib/librustc_driver-1.so") && !part("/w/target/debug/deps/libstd-1.rlib"));
    assert!(!part("/w/loaded/libstd-1.rlib") && !part("/usr/lib/libstdc++.so.6"));
}
