//! What tells one toolchain from another, and what shows that it is still the same.

#![expect(clippy::disallowed_methods, reason = "a toolchain is made from outside")]

use super::*;

/// A toolchain in a directory of its own, made of these files.
struct Installed(tempfile::TempDir);

impl Installed {
    fn with(files: &[&str]) -> Installed {
        let installed = Installed(tempfile::tempdir().expect("a directory"));
        files.iter().for_each(|file| installed.write(file, "one"));
        installed
    }

    fn write(&self, file: &str, content: &str) {
        let path = self.0.path().join(file);
        std::fs::create_dir_all(path.parent().expect("has one")).expect("makes it");
        std::fs::write(path, content).expect("writes");
    }

    fn witnesses(&self, parts: &Parts<'_>) -> Witnesses {
        Witnesses::new(self.0.path(), &parts.witnesses, &parts.contents).expect("paths are UTF-8")
    }

    fn is_unchanged(&self, witnesses: &Witnesses) -> bool {
        let kept = serde_json::to_string(witnesses).expect("is text");
        serde_json::from_str::<Witnesses>(&kept).expect("reads").hold(self.0.path())
    }

    /// What is read of it, where these libraries are loaded.
    fn parts(&self, libraries: &[&str]) -> (Digest, Witnesses, Covered) {
        let program = self.0.path().join("bin/rustc");
        let mut parts = Parts::new(&program, self.0.path()).expect("reads");
        let libraries = libraries.iter().map(|library| self.0.path().join(library)).collect();
        parts.add_libraries(libraries).expect("reads");
        parts.add_directory(self.0.path().join("lib/rustlib/host/lib")).expect("reads");
        parts.add_directory(self.0.path().join("lib/rustlib/host/bin")).expect("reads");
        parts.add_presence(self.0.path().join("lib/rustlib").join(STD_SOURCES)).expect("reads");
        let digest = parts.digest("rustc 1", &mut FileDigests::default()).expect("reads");
        (digest, self.witnesses(&parts), parts.covered)
    }
}

const LEAST: [&str; 2] = ["bin/rustc", "lib/rustlib/host/lib/libstd.rlib"];

#[test]
fn the_compilers_own_libraries_tell_builds_apart_wherever_a_system_keeps_them() {
    let libraries =
        ["lib/librustc_driver-1.so", "lib/libLLVM.so.1", "bin/rustc_driver-1.dll", "bin/LLVM.dll"];
    for library in libraries {
        let installed = Installed::with(&LEAST);
        installed.write(library, "one");
        let before = installed.parts(&[]).0;
        assert_eq!(installed.parts(&[]).0, before);
        installed.write(library, "two");
        assert_ne!(installed.parts(&[]).0, before, "{library}");
    }
}

#[test]
fn every_library_that_is_loaded_tells_builds_apart() {
    for library in ["lib/x86_64-linux-gnu/libLLVM.so.1", "lib64/librustc_driver-1.so", "lib/libffi.so.8"] {
        let installed = Installed::with(&LEAST);
        installed.write(library, "one");
        let (before, _, covered) = installed.parts(&[library]);
        let real = fs::canonical(&installed.0.path().join(library)).expect("exists");
        assert!(covered.files.contains(&real), "{covered:?}");
        installed.write(library, "two");
        assert_ne!(installed.parts(&[library]).0, before, "{library}");
    }
}

#[test]
fn a_library_that_appears_where_the_loader_looks_is_noticed() {
    let installed = Installed::with(&LEAST);
    installed.write("lib/multi/libLLVM.so.1", "one");
    let (_, witnesses, _) = installed.parts(&["lib/multi/libLLVM.so.1"]);
    assert!(installed.is_unchanged(&witnesses));
    installed.write("lib/multi/libz.so.1", "one");
    assert!(!installed.is_unchanged(&witnesses));
}

#[test]
fn sources_of_std_that_come_or_go_make_another_compiler() {
    let installed = Installed::with(&LEAST);
    let (without, witnesses, covered) = installed.parts(&[]);
    assert!(installed.is_unchanged(&witnesses));
    assert_eq!(covered.presence.len(), 1);
    let sources = format!("lib/rustlib/{STD_SOURCES}");
    installed.write(&sources, "");
    assert!(!installed.is_unchanged(&witnesses));
    let (with, witnesses, _) = installed.parts(&[]);
    assert_ne!(with, without);
    std::fs::remove_file(installed.0.path().join(sources)).expect("removes");
    assert!(!installed.is_unchanged(&witnesses));
    assert_eq!(installed.parts(&[]).0, without);
}

#[test]
fn a_directory_of_the_toolchain_that_appears_later_is_noticed() {
    let installed = Installed::with(&LEAST);
    let (_, witnesses, covered) = installed.parts(&[]);
    assert!(covered.directories.iter().any(|dir| dir.ends_with("lib/rustlib/host/bin")));
    installed.write("lib/rustlib/host/bin/rust-lld", "one");
    assert!(!installed.is_unchanged(&witnesses));
}

#[test]
fn a_list_of_libraries_for_every_program_is_part_of_the_identity() {
    let installed = Installed::with(&LEAST);
    let root = installed.0.path();
    let (program, list) = (root.join("bin/rustc"), root.join("etc/ld.so.preload"));
    installed.write("etc/other", "");
    installed.write("lib64/libagent-v8l.so", "one");
    let loaded = [root.join("lib64/libagent-v8l.so")];
    let parts = || {
        let mut parts = Parts::new(&program, root).expect("reads");
        parts.add_preloaded(&list, &loaded).map(|()| {
            (
                parts.digest("rustc 1", &mut FileDigests::default()).expect("reads"),
                installed.witnesses(&parts),
            )
        })
    };
    let (without, witnesses) = parts().expect("reads");
    assert!(installed.is_unchanged(&witnesses));
    // Other files of the directory come and go.
    installed.write("etc/another", "");
    assert!(installed.is_unchanged(&witnesses));
    for text in ["/opt/$LIB/libagent-v8l.so", "/opt/libagent-${PLATFORM}.so\n"] {
        installed.write("etc/ld.so.preload", text);
        assert!(!installed.is_unchanged(&witnesses));
        let (with, now) = parts().expect("reads");
        assert_ne!(with, without);
        assert!(installed.is_unchanged(&now));
        installed.write("etc/ld.so.preload", &format!("{text} # agent"));
        assert!(!installed.is_unchanged(&now));
    }
    installed.write("etc/ld.so.preload", "/opt/libagent.so");
    assert!(parts().is_err_and(|e| e.to_string().contains("/opt/libagent.so, which is not loaded")));
    std::fs::remove_file(&list).expect("removes");
    assert!(installed.is_unchanged(&witnesses));
    assert_eq!(parts().expect("reads").0, without);
}

#[test]
fn every_file_of_a_toolchain_vouches_for_its_identity() {
    let library = "lib/x86_64-linux-gnu/libLLVM.so.1";
    let installed = Installed::with(&LEAST);
    installed.write(library, "one");
    let (_, witnesses, _) = installed.parts(&[library]);
    assert!(installed.is_unchanged(&witnesses));
    for file in [library, "bin/rustc", "lib/rustlib/host/lib/libstd.rlib"] {
        let path = installed.0.path().join(file);
        let (old, new) = (path.with_extension("old"), path.with_extension("new"));
        std::fs::copy(&path, &new).expect("copies");
        std::fs::hard_link(&path, &old).expect("links");
        std::fs::rename(&new, &path).expect("renames");
        assert!(!installed.is_unchanged(&witnesses), "{file}");
        std::fs::rename(&old, &path).expect("renames");
        std::fs::remove_file(&path).expect("removes");
        assert!(!installed.is_unchanged(&witnesses), "{file}");
        installed.write(file, "three");
        assert!(!installed.is_unchanged(&witnesses), "{file}");
    }
}

#[test]
fn what_an_identity_covers_is_kept_to_the_path() {
    let base = Path::new("/toolchain");
    let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
    let covered = Covered {
        files: paths(&["/toolchain/bin/rustc", "/usr/lib/libc.so.6", "/toolchain2/x"]),
        directories: Vec::new(),
        presence: paths(&["/toolchain/a b"]),
    };
    let kept = CoveredPaths::new(base, &covered).expect("is UTF-8");
    assert_eq!(kept.expand(base), covered);
    let elsewhere = kept.expand(Path::new("/other"));
    assert_eq!(elsewhere.files, paths(&["/other/bin/rustc", "/usr/lib/libc.so.6", "/toolchain2/x"]));
}
