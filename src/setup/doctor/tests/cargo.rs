//! What cargo is told, and what it calls.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::made::Made;
use crate::setup::plan::Journal;

#[test]
fn every_kache_in_path_is_found() {
    let mut made = Made::well();
    made.is_ok("on-path");
    made.program("home/bin/kache");
    made.says_of(
        "on-path",
        &[
            "note on-path PATH has 2 programs called kache; the first is called",
            "/home/.cargo/bin/kache (1.95.0), which is this one",
            "/home/bin/kache (1.95.0)",
            "hint: remove those that are not needed",
        ],
    );
    made.set("PATH", "/nowhere");
    assert!(made.said("on-path").contains("kache is not in PATH"));
}

#[test]
fn a_wrapper_that_is_missing_cannot_be_run_or_is_a_shim_is_replaced() {
    let named = |made: &Made, path: &str| {
        let text = format!("[build]\nrustc-wrapper = \"{}\"\n", made.path(path).display());
        made.write("home/.cargo/config.toml", &text);
    };
    let made = Made::well();
    made.is_ok("wrapper-file");
    named(&made, "home/gone/kache");
    made.says_of(
        "wrapper-file",
        &[
            "PROBLEM wrapper-file /home/gone/kache, set by /home/.cargo/config.toml:2, is not there, so no cargo command works",
            "fix: `kache doctor --fix`",
        ],
    );
    made.is_fixed("wrapper-file");

    let made = Made::well();
    made.write("home/flat/kache", "no program");
    named(&made, "home/flat/kache");
    assert!(made.said("wrapper-file").contains("cannot be run"));
    made.is_fixed("wrapper-file");

    let made = Made::well();
    made.program("home/.local/share/mise/shims/kache");
    named(&made, "home/.local/share/mise/shims/kache");
    assert!(made.said("wrapper-file").contains("is a shim: it starts mise"));
    made.is_fixed("wrapper-file");

    let made = Made::well();
    made.program("home/mise/installs/kache/0.1.0/bin/kache");
    named(&made, "home/mise/installs/kache/0.1.0/bin/kache");
    assert!(made.said("wrapper-file").contains("is in a directory of one version"));
    made.is_fixed("wrapper-file");

    let made = Made::well();
    made.write("home/.cargo/config.toml", "[build]\nrustc-wrapper = \"kache-nowhere/kache\"\n");
    assert!(made.said("wrapper-file").contains("is not there"));
    made.is_fixed("wrapper-file");
}

#[test]
fn a_name_that_is_not_in_path_is_made_a_path() {
    let mut made = Made::well();
    made.write("home/.cargo/config.toml", "[build]\nrustc-wrapper = \"kache\"\n");
    made.is_ok("wrapper-file");
    made.set("PATH", made.path("home/bin").to_str().unwrap().to_owned().as_str());
    made.program("home/bin/cargo");
    assert!(made.said("wrapper-file").contains("is not in PATH"), "{}", made.said("wrapper-file"));
}

#[test]
fn another_kache_than_this_one_is_a_problem_unless_it_is_a_copy() {
    let made = Made::well();
    made.is_ok("same-program");
    made.program("home/other/kache");
    let other = made.path("home/other/kache");
    made.write("home/.cargo/config.toml", &format!("[build]\nrustc-wrapper = \"{}\"\n", other.display()));
    assert!(made.said("same-program").contains("cargo calls another kache than this one"));
    std::fs::copy(made.path("home/.cargo/bin/kache"), &other).unwrap();
    made.is_ok("same-program");
    made.program("home/other/kache");
    made.is_fixed("same-program");
}

#[test]
fn no_wrapper_an_empty_one_and_another_one_are_problems() {
    let made = Made::without_wiring();
    made.says_of(
        "wrapper",
        &["PROBLEM wrapper cargo calls the compiler without kache", "fix: `kache doctor --fix`"],
    );
    made.is_fixed("wrapper");

    let made = Made::without_wiring();
    made.write("home/.cargo/config.toml", "[build]\nrustc-wrapper = \"\"\n");
    assert!(made.said("wrapper").contains("sets an empty wrapper, which means none"));
    made.is_fixed("wrapper");

    let made = Made::without_wiring();
    made.write("home/.cargo/config.toml", "[build]\nrustc-wrapper = \"/opt/mine\"\n");
    assert!(made.said("wrapper").contains("cargo calls `/opt/mine`"));
    assert!(!made.fix(Some("wrapper")), "a wrapper that nobody knows is kept");

    let mut made = Made::well();
    made.set("RUSTC_WORKSPACE_WRAPPER", "kache");
    assert!(made.said("wrapper").contains("members of a workspace would go through kache twice"));
}

#[test]
fn a_configuration_that_cargo_cannot_read_is_named_with_its_line() {
    let made = Made::well();
    made.is_ok("config-files");
    made.write("home/.cargo/config.toml", "[build]\nrustc-wrapper = 1\n");
    assert!(made.said("config-files").contains("/home/.cargo/config.toml:2"));
    made.write("home/.cargo/config.toml", "[build\n");
    assert!(made.said("config-files").contains("no cargo command works until then"));
    assert!(!made.fix(None), "a file that cannot be parsed is not touched");
    assert_eq!(made.read("home/.cargo/config.toml"), "[build\n");
}

#[test]
fn a_tilde_becomes_the_home_directory() {
    let made = Made::well();
    made.write("home/.cargo/config.toml", "# mine\n[build]\nrustc-wrapper = \"~/.cargo/bin/kache\" # c\n");
    assert!(made.said("config-files").contains("where `~` is a letter like any other"));
    made.is_fixed("config-files");
    let kache = made.path("home/.cargo/bin/kache");
    let expected = format!("# mine\n[build]\nrustc-wrapper = \"{}\" # c\n", kache.display());
    assert_eq!(made.read("home/.cargo/config.toml"), expected);
}

#[test]
fn the_old_name_of_a_configuration_goes_only_if_it_says_the_same() {
    let made = Made::well();
    made.is_ok("two-files");
    let text = made.read("home/.cargo/config.toml");
    made.write("home/.cargo/config", &text);
    assert!(made.said("two-files").contains("cargo reads /home/.cargo/config and ignores"));
    made.is_fixed("two-files");
    made.write("home/.cargo/config", "# other\n");
    assert!(made.said("two-files").contains("merge them"));
    assert!(!made.fix(Some("two-files")));
}

#[test]
fn a_variable_that_sets_another_wrapper_is_found_where_it_is_set() {
    let mut made = Made::well();
    made.is_ok("wrapper-variable");
    made.write("home/.bashrc", "a=1\nif true; then\n  export RUSTC_WRAPPER=/opt/mine\nfi\n");
    made.says_of(
        "wrapper-variable",
        &[
            "PROBLEM wrapper-variable a start-up file sets another wrapper",
            "/home/.bashrc:3: RUSTC_WRAPPER",
            "fix: `kache doctor --fix`",
        ],
    );
    made.is_fixed("wrapper-variable");
    assert_eq!(
        made.read("home/.bashrc"),
        "a=1\nif true; then\n  : # kache: was export RUSTC_WRAPPER=/opt/mine\nfi\n"
    );
    made.set("RUSTC_WRAPPER", "");
    assert!(made.said("wrapper-variable").contains("RUSTC_WRAPPER is empty, which means none"));
    let kache = made.path("home/.cargo/bin/kache").display().to_string();
    made.set("RUSTC_WRAPPER", &kache);
    assert!(made.said("wrapper-variable").starts_with("  note"));
}

#[test]
fn a_project_that_sets_another_wrapper_is_told_of_and_left_alone() {
    let made = Made::well();
    made.is_ok("project-config");
    for value in ["", "/opt/mine", "sccache"] {
        let text = format!("[build]\nrustc-wrapper = \"{value}\"\n");
        made.write("home/project/.cargo/config.toml", &text);
        assert!(made.said("project-config").contains("which goes first here"), "{value}");
        made.fix(None);
        assert_eq!(made.read("home/project/.cargo/config.toml"), text);
    }
    made.write("home/project/.cargo/config.toml", "[build]\nrustc-wrapper = \"kache\"\n");
    made.is_ok("project-config");
}

#[test]
fn what_cargo_does_is_proof() {
    let mut made = Made::well();
    made.is_ok("cargo-calls");
    made.says().proof = Err("cargo does not call it: it calls /opt/other\nmore".to_owned());
    assert!(made.said("cargo-calls").contains("PROBLEM  cargo-calls      cargo does not call it"));
    std::fs::remove_file(made.path("home/.cargo/bin/cargo")).unwrap();
    assert!(made.said("cargo-calls").contains("cargo is not in PATH"));
}

#[test]
fn incremental_compilation_is_a_note() {
    let mut made = Made::well();
    made.is_ok("incremental");
    made.set("CARGO_INCREMENTAL", "1");
    assert!(made.said("incremental").starts_with("  note"));
}

#[test]
fn every_toolchain_has_to_answer() {
    let mut made = Made::well();
    made.make_dir("home/.rustup/toolchains/stable/bin");
    symlink("/gone", made.path("home/.rustup/toolchains/custom")).unwrap();
    assert!(made.said("toolchains").contains("2 compilers answered through kache"));
    made.says().rustc = (1, "error: no such file");
    assert!(made.said("toolchains").contains("2 of 2 compilers cannot be run through kache"));
    std::fs::remove_dir_all(made.path("home/.rustup")).unwrap();
    std::fs::remove_file(made.path("home/.cargo/bin/rustc")).unwrap();
    assert!(made.said("toolchains").contains("there is no rustc"));
}

#[test]
fn a_linker_that_is_missing_or_broken_is_told_of() {
    let mut made = Made::well();
    made.is_ok("linker");
    made.says().cc = 1;
    assert!(made.said("linker").contains("does not work"));
    std::fs::remove_file(made.path("home/bin/cc")).unwrap();
    assert!(made.said("linker").starts_with("  note"));
}

#[test]
fn somebody_who_used_sccache_is_moved_over_and_back() {
    let made = Made::without_wiring();
    made.program("home/.cargo/bin/sccache");
    made.write("home/.cargo/config.toml", "# c\n[build]\nrustc-wrapper = \"sccache\"\njobs = 2\n");
    made.write(
        "home/.zshenv",
        "export RUSTC_WRAPPER=\"$HOME/.cargo/bin/sccache\"\nexport SCCACHE_CACHE_SIZE=20G\n",
    );
    let before = made.look();
    assert!(made.said("sccache").contains("sccache is set up in 3 places"), "{}", made.said("sccache"));
    assert!(made.said("sccache").contains("can be removed: cargo uninstall sccache"));
    assert_eq!(made.look(), before);
    assert!(made.fix(None));
    let kache = made.path("home/.cargo/bin/kache");
    let wired = format!("# c\n[build]\nrustc-wrapper = \"{}\"\njobs = 2\n", kache.display());
    assert_eq!(made.read("home/.cargo/config.toml"), wired);
    assert_eq!(made.read("home/.config/kache/config.toml"), "[cache]\nlocal_max_size = \"20GiB\"\n");
    made.is_ok("wrapper");
    made.is_ok("sccache");
    let after = made.look();
    assert!(!made.fix(None), "there is nothing to do a second time");
    assert_eq!(made.look(), after);
    // What it did can be taken back.
    let journal = Journal::of(&made.env()).unwrap();
    let undo = journal.undo("undo", &[crate::setup::doctor::repair::COMMAND]).unwrap();
    journal.apply(&undo.plan, &mut || Ok(())).unwrap();
    let state = made.path("home/.local");
    let without_journal = |found: Vec<(PathBuf, Option<Vec<u8>>)>| {
        found.into_iter().filter(|(path, _)| !path.starts_with(&state)).collect::<Vec<_>>()
    };
    assert_eq!(without_journal(made.look()), without_journal(before));
}

#[test]
fn files_of_a_repository_are_changed_with_project_only() {
    let mut made = Made::well();
    made.make_dir("home/project/.git");
    made.write("home/project/.envrc", "export RUSTC_WRAPPER=sccache\n");
    assert!(made.said("sccache").contains("for the repository, with `kache doctor --fix --project`:"));
    assert!(made.said("sccache").contains("-export RUSTC_WRAPPER=sccache"));
    assert!(!made.fix(Some("sccache")), "the repository is not the user's alone");
    assert_eq!(made.read("home/project/.envrc"), "export RUSTC_WRAPPER=sccache\n");
    made.with_project = true;
    made.is_fixed("sccache");
    assert_eq!(made.read("home/project/.envrc"), ": # kache: was export RUSTC_WRAPPER=sccache\n");
}
