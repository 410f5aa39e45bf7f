//! The machines of these tests have modes and symbolic links.

#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "the places are made from outside")]

use super::*;

/// What is chosen for a program in a home; its `tmp` is the only directory for temporary files.
fn at(program: &str, links: &[(&str, &str)]) -> (String, Make) {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().canonicalize().unwrap();
    let exe = root.join(program);
    std::fs::create_dir_all(exe.parent().unwrap()).unwrap();
    std::fs::write(&exe, "program").unwrap();
    for (link, target) in links {
        let link = root.join(link);
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, link).unwrap();
    }
    if program.contains("target") {
        std::fs::write(root.join("target/CACHEDIR.TAG"), "").unwrap();
    }
    let env = Env::with_vars(&[("HOME", root.to_str().unwrap())]);
    let found = choose(&exe, &env, &[root.join("tmp")]).unwrap();
    let below = |path: PathBuf| path.strip_prefix(&root).unwrap().to_path_buf();
    let make = match found.make {
        Make::Nothing => Make::Nothing,
        Make::Link(target) => Make::Link(below(target)),
        Make::Copy(from) => Make::Copy(below(from)),
    };
    (below(found.path).display().to_string(), make)
}

const OWN: &str = ".local/share/kache/bin/kache";

#[test]
fn an_installed_program_is_named_by_its_path() {
    for program in [".cargo/bin/kache", ".local/bin/kache", "bin/kache", "tools/kache", OWN] {
        assert_eq!(at(program, &[]), (program.to_owned(), Make::Nothing));
    }
}

#[test]
fn a_program_in_a_directory_of_one_version_gets_a_link_of_ours() {
    for program in [
        ".local/share/mise/installs/kache/0.4.1/bin/kache",
        "homebrew/Cellar/kache/0.4.1/bin/kache",
        "scoop/apps/kache/0.4.1/kache",
        "tools/kache-0.4.1/kache",
    ] {
        let expected = (OWN.to_owned(), Make::Link(program.into()));
        assert_eq!(at(program, &[]), expected);
    }
}

#[test]
fn the_link_goes_through_the_managers_name_for_the_current_version() {
    for (program, link, target, current) in [
        (
            "mise/installs/kache/0.4.1/bin/kache",
            "mise/installs/kache/latest",
            "0.4.1",
            "mise/installs/kache/latest/bin/kache",
        ),
        (
            "scoop/apps/kache/0.4.1/kache",
            "scoop/apps/kache/current",
            "0.4.1",
            "scoop/apps/kache/current/kache",
        ),
        (
            "brew/Cellar/kache/0.4.1/bin/kache",
            "brew/opt/kache",
            "../Cellar/kache/0.4.1",
            "brew/opt/kache/bin/kache",
        ),
    ] {
        assert_eq!(at(program, &[(link, target)]), (OWN.to_owned(), Make::Link(current.into())));
    }
    let other = ("mise/installs/kache/latest", "0.5.0");
    let exe = "mise/installs/kache/0.4.1/bin/kache";
    assert_eq!(at(exe, &[other]), (OWN.to_owned(), Make::Link(exe.into())), "it is another version");
}

#[test]
fn a_program_where_things_are_removed_is_copied() {
    for program in ["target/debug/kache", "tmp/x/kache", "Downloads/kache"] {
        assert_eq!(at(program, &[]), (OWN.to_owned(), Make::Copy(program.into())));
    }
}

#[test]
fn versions_are_told_from_other_names() {
    for version in ["1.2.3", "v1.2", "kache-0.4.1", "0.4.1-rc.1", "kache-v0.4"] {
        assert!(is_version(version), "{version}");
    }
    for other in ["bin", "x86_64", "python3", "a.b", "1", ""] {
        assert!(!is_version(other), "{other}");
    }
}
