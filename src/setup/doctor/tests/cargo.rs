//! What cargo is told, and what it calls.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::made::Made;
use crate::setup::plan::Journal;
use crate::setup::proof::NotCalled;
use crate::setup::service::detect;

#[test]
fn every_kache_in_path_is_found() {
    let mut made = Made::well();
    made.is_ok("on-path");
    made.program("home/bin/kache");
    made.says_of(
        "on-path",
        &[
            "note on-path PATH contains 2 programs named kache; the first one is used",
            "/home/.cargo/bin/kache (1.95.0), this program",
            "/home/bin/kache (1.95.0)",
            "hint: remove the ones you do not need",
        ],
    );
    made.write("home/bin/kache", &made.read("home/.cargo/bin/kache"));
    assert!(
        made.said("on-path").contains("/home/bin/kache (1.95.0), a copy of this program"),
        "{}",
        made.said("on-path")
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
            "PROBLEM wrapper-file /home/gone/kache, set by /home/.cargo/config.toml:2, does not exist, so no cargo command works",
            "fix: `kache doctor --fix`",
        ],
    );
    made.is_fixed("wrapper-file");

    let made = Made::well();
    made.write("home/flat/kache", "no program");
    named(&made, "home/flat/kache");
    assert!(made.said("wrapper-file").contains("is not executable"));
    made.is_fixed("wrapper-file");

    let made = Made::well();
    made.program("home/.local/share/mise/shims/kache");
    named(&made, "home/.local/share/mise/shims/kache");
    assert!(made.said("wrapper-file").contains("is a shim: every compilation starts mise first"));
    made.is_fixed("wrapper-file");

    let made = Made::well();
    made.program("home/mise/installs/kache/0.1.0/bin/kache");
    named(&made, "home/mise/installs/kache/0.1.0/bin/kache");
    assert!(made.said("wrapper-file").contains("is in a version-specific directory"));
    made.is_fixed("wrapper-file");

    let made = Made::well();
    made.write("home/.cargo/config.toml", "[build]\nrustc-wrapper = \"kache-nowhere/kache\"\n");
    assert!(made.said("wrapper-file").contains("does not exist"));
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
    assert!(made.said("same-program").contains("cargo calls a different kache"));
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
    assert!(made.said("wrapper").contains("sets an empty wrapper, which disables it"));
    made.is_fixed("wrapper");

    let made = Made::without_wiring();
    made.write("home/.cargo/config.toml", "[build]\nrustc-wrapper = \"/opt/mine\"\n");
    assert!(made.said("wrapper").contains("cargo calls `/opt/mine`"));
    assert!(!made.fix(Some("wrapper")), "a wrapper that nobody knows is kept");

    let mut made = Made::well();
    made.set("RUSTC_WORKSPACE_WRAPPER", "kache");
    assert!(made.said("wrapper").contains("workspace members would go through kache twice"));
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
    assert!(made.said("config-files").contains("but cargo does not expand `~`"));
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
            "PROBLEM wrapper-variable every new shell sets another wrapper",
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
    assert!(made.said("wrapper-variable").contains("RUSTC_WRAPPER is empty, which disables the wrapper,"));
    let kache = made.path("home/.cargo/bin/kache").display().to_string();
    made.set("RUSTC_WRAPPER", &kache);
    assert!(made.said("wrapper-variable").starts_with("  note"));
}

#[test]
fn a_variable_that_the_system_keeps_is_found_and_unset() {
    let mut made = Made::well();
    made.says().platform = detect::Platform { system: "macos".to_owned(), ..detect::Platform::default() };
    made.answers("launchctl getenv RUSTC_WRAPPER", 0, "/opt/mine\n");
    made.answers_after("launchctl unsetenv RUSTC_WRAPPER", "launchctl getenv RUSTC_WRAPPER", 0, "\n");
    made.says_of(
        "wrapper-variable",
        &[
            "PROBLEM wrapper-variable every new shell sets another wrapper",
            "the variable RUSTC_WRAPPER that launchd keeps",
            "fix: `kache doctor --fix`",
        ],
    );
    made.is_fixed("wrapper-variable");
    made.says().platform.system = "windows".to_owned();
    made.answers(
        "reg query HKCU",
        0,
        "\n    RUSTC_WRAPPER    REG_SZ    C:\\mine.exe\n    OTHER    REG_SZ    x\n",
    );
    assert!(made.said("wrapper-variable").contains("RUSTC_WRAPPER of this user in the registry"));
    // What administrators set is not for this user to unset.
    made.answers("reg query HKCU", 0, "");
    made.answers("reg query HKLM", 0, "\n    RUSTC_WRAPPER    REG_SZ    C:\\mine.exe\n");
    assert!(
        made.said("wrapper-variable").contains("of all users in the registry")
            && !made.fix(Some("wrapper-variable"))
    );
}

#[test]
fn a_project_that_sets_another_wrapper_is_told_of_and_left_alone() {
    let made = Made::well();
    made.is_ok("project-config");
    for value in ["", "/opt/mine", "sccache"] {
        let text = format!("[build]\nrustc-wrapper = \"{value}\"\n");
        made.write("home/project/.cargo/config.toml", &text);
        assert!(made.said("project-config").contains("which takes precedence here"), "{value}");
        made.fix(None);
        assert_eq!(made.read("home/project/.cargo/config.toml"), text);
    }
    made.write("home/project/.cargo/config.toml", "[build]\nrustc-wrapper = \"kache\"\n");
    made.is_ok("project-config");
}

#[test]
fn a_project_leaves_the_wrapper_to_its_users_when_that_is_asked_for() {
    let mut made = Made::well();
    made.with_project = true;
    for value in ["", "/opt/mine"] {
        let line = format!("rustc-wrapper = \"{value}\" # ours\n");
        made.write("home/project/.cargo/config.toml", &format!("[build]\njobs = 1\n{line}"));
        made.is_fixed("project-config");
        let text = made.read("home/project/.cargo/config.toml");
        assert_eq!(text, format!("[build]\njobs = 1\n# kache: was {line}"));
    }
    // In one line with something else it is a person's to remove.
    let text = "build = { jobs = 1, rustc-wrapper = \"\" }\n";
    made.write("home/project/.cargo/config.toml", text);
    assert!(made.said("project-config").starts_with("  PROBLEM") && !made.fix(Some("project-config")));
}

#[test]
fn what_cargo_does_is_proof() {
    let mut made = Made::well();
    made.is_ok("cargo-calls");
    made.says().not_called = Some(|| NotCalled::OtherProgram { exe: "/opt/other".into() });
    assert!(made.said("cargo-calls").contains("PROBLEM  cargo-calls      cargo does not call it"));
    std::fs::remove_file(made.path("home/.cargo/bin/cargo")).unwrap();
    assert!(made.said("cargo-calls").contains("cargo is not in PATH"));
}

#[test]
fn whatever_asks_for_incremental_compilation_is_named() {
    let mut made = Made::well();
    made.is_ok("incremental");
    made.write(
        "home/project/Cargo.toml",
        "[profile.dev]\nincremental = false\n[profile.release]\nincremental = true\n",
    );
    made.write("home/project/.cargo/config.toml", "build.incremental = true\n");
    made.set("CARGO_INCREMENTAL", "0");
    made.set("CARGO_PROFILE_DEV_INCREMENTAL", "true");
    made.says_of(
        "incremental",
        &[
            "note incremental CARGO_PROFILE_DEV_INCREMENTAL enables incremental compilation, which kache uses for edits only",
            "so does `build.incremental`, set by /home/project/.cargo/config.toml:1,",
            "so does `profile.release.incremental`, set by /home/project/Cargo.toml:4,",
            "hint: `unset CARGO_PROFILE_DEV_INCREMENTAL`: cargo enables it where it helps",
        ],
    );
    made.vars.retain(|(name, _)| !name.starts_with("CARGO_"));
    assert!(made.said("incremental").contains("remove the line"), "{}", made.said("incremental"));
    made.set("CARGO_INCREMENTAL", "1");
    assert!(made.said("incremental").contains("`unset CARGO_INCREMENTAL`"));
}

#[test]
fn flags_that_make_hits_rare_are_told_of_wherever_they_are_set() {
    let made = Made::well();
    made.is_ok("rustflags");
    made.write("home/project/.cargo/config.toml", "[target.'cfg(all())']\nrustflags = ['-Z', 'threads=8']\n");
    let said = made.said("rustflags");
    assert!(
        said.contains("`target.cfg(all()).rustflags`, set by /home/project/.cargo/config.toml:2,"),
        "{said}"
    );
    for (variable, value, is_told) in [
        ("RUSTFLAGS", "-C debuginfo=1 -Zthreads=8", true),
        ("CARGO_ENCODED_RUSTFLAGS", "-Z\x1fthreads=8", true),
        ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-Z threads=8", true),
        ("CARGO_BUILD_RUSTFLAGS", "-Z unstable-options threads=8 --cfg threads", false),
    ] {
        let mut made = Made::well();
        made.set(variable, value);
        assert_eq!(made.said("rustflags").starts_with("  note"), is_told, "{variable}");
        made.set(variable, "-C debuginfo=1 -C instrument-coverage");
        assert!(made.said("rustflags").contains("write profiles"), "{variable}");
    }
}

#[test]
fn flags_that_others_override_are_not_told_of() {
    let mut made = Made::well();
    made.write("home/project/.cargo/config.toml", "[build]\nrustflags = ['-Zthreads=8']\n");
    assert!(made.said("rustflags").starts_with("  note"));
    made.set("RUSTFLAGS", "-g");
    made.is_ok("rustflags");
    // What is included is not resolved, so it counts.
    made.write("home/project/.cargo/more.toml", "");
    let text = "include = ['more.toml']\n[build]\nrustflags = ['-Zthreads=8']\n";
    made.write("home/project/.cargo/config.toml", text);
    assert!(made.said("rustflags").starts_with("  note"));
}

#[test]
fn a_program_in_the_place_of_the_compiler_is_told_of() {
    let mut made = Made::well();
    made.is_ok("drivers");
    made.program("home/.cargo/bin/clippy-driver");
    made.says_of("drivers", &["ok drivers clippy works through kache"]);
    // It does not answer at all, as where a toolchain has only its name.
    made.says().rustc = (1, "error: not installed");
    made.is_ok("drivers");
    let through_kache = format!("{} ", made.path("home/.cargo/bin/kache").display());
    made.says().rustc = (0, "rustc 1.95.0");
    made.answers(through_kache.leak(), 1, "error: no such argument");
    assert!(made.said("drivers").contains("PROBLEM  drivers          clippy works, but not through kache"));
    for (wrapper, is_told) in [("clippy-driver", false), ("/opt/checker", true), ("sccache", false)] {
        let mut made = Made::well();
        made.set("RUSTC_WORKSPACE_WRAPPER", wrapper);
        assert_eq!(made.said("drivers").starts_with("  note"), is_told, "{wrapper}");
    }
    let mut made = Made::well();
    made.write("home/project/.cargo/config.toml", "build.rustc = '/opt/rustc-clif'\n");
    assert!(
        made.said("drivers").contains("config.toml:1 makes cargo call `/opt/rustc-clif`"),
        "{}",
        made.said("drivers")
    );
    made.set("RUSTC", "/opt/bin/rustc");
    made.is_ok("drivers");
}

#[test]
fn every_toolchain_has_to_answer() {
    let mut made = Made::well();
    made.make_dir("home/.rustup/toolchains/stable/bin");
    symlink("/gone", made.path("home/.rustup/toolchains/custom")).unwrap();
    assert!(made.said("toolchains").contains("2 compilers ran through kache"));
    made.says().rustc = (1, "error: no such file");
    assert!(made.said("toolchains").contains("2 of 2 compilers do not run through kache"));
    std::fs::remove_dir_all(made.path("home/.rustup")).unwrap();
    std::fs::remove_file(made.path("home/.cargo/bin/rustc")).unwrap();
    assert!(made.said("toolchains").contains("rustc is not installed"));
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
fn the_linker_of_cargos_configuration_is_looked_at() {
    let mut made = Made::well();
    let text = "[target.x86_64-unknown-linux-gnu]\nlinker = 'my-linker'\n";
    made.write("home/project/.cargo/config.toml", text);
    let said = made.said("linker");
    assert!(said.contains("`my-linker`, the linker in cargo's configuration, is not in PATH"), "{said}");
    made.program("home/bin/my-linker");
    let linker = made.path("home/bin/my-linker").display().to_string();
    made.answers(Box::leak(linker.into_boxed_str()), 0, "my-linker 1\n");
    assert!(made.said("linker").contains("my-linker works"), "{}", made.said("linker"));
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
    assert!(made.said("sccache").contains("sccache is configured in 3 places"), "{}", made.said("sccache"));
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
    let journal = Journal::for_user(&made.env()).unwrap();
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
    assert!(made.said("sccache").contains("to change the repository, run `kache doctor --fix --project`:"));
    assert!(made.said("sccache").contains("-export RUSTC_WRAPPER=sccache"));
    assert!(!made.fix(Some("sccache")), "the repository is not the user's alone");
    assert_eq!(made.read("home/project/.envrc"), "export RUSTC_WRAPPER=sccache\n");
    made.with_project = true;
    made.is_fixed("sccache");
    assert_eq!(made.read("home/project/.envrc"), ": # kache: was export RUSTC_WRAPPER=sccache\n");
}
