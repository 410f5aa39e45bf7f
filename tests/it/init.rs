//! `kache init` and `kache uninstall`, in homes of all kinds. What cargo calls is the proof, and a home afterwards is
//! compared byte for byte with what it was.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::home::{Ended, Home};
use crate::skip::skip;

/// Whether cargo calls kache, in any directory of the home.
fn cargo_calls_kache(home: &Home) -> bool {
    let answers = home.path("answers");
    std::fs::write(&answers, kache::run::ping::HEADER).expect("asks");
    home.package("asked");
    let mut command = home.command("cargo");
    command.current_dir(home.path("asked")).args(["tree", "--offline", "--depth", "0"]);
    command.env("CARGO_CACHE_RUSTC_INFO", "0").env("KACHE_PROBE", &answers);
    Ended::of(command.output().expect("cargo runs")).with(0, "");
    std::fs::remove_dir_all(home.path("asked")).expect("it was made");
    let called = std::fs::read(&answers).expect("was asked").len() > kache::run::ping::HEADER.len();
    let _ = std::fs::remove_file(&answers);
    called
}

/// init works, does nothing a second time, and undo and uninstall each leave the home as it was.
fn comes_and_goes(home: &Home) {
    let before = home.look();
    home.run(&["init", "--check"]).with(2, "Tell cargo to call kache");
    assert_eq!(home.look(), before, "--check changes nothing");
    home.run(&["init", "-y"]).with(0, "Done");
    assert!(cargo_calls_kache(home));
    let after = home.look();
    home.run(&["init", "-y"]).with(0, "Nothing to do");
    home.run(&["init", "--check"]).with(0, "Nothing to do");
    assert_eq!(home.look(), after, "nothing is done a second time");
    home.run(&["init", "--undo", "-y"]).with(0, "Done");
    assert_eq!(home.look(), before, "undo");
    home.run(&["init", "-y"]).with(0, "Done");
    home.run(&["uninstall", "--check"]).with(2, "cargo");
    assert_eq!(home.look(), after, "--check changes nothing");
    home.run(&["uninstall", "-y"]).with(0, "Done");
    assert_eq!(home.look(), before, "uninstall");
    assert!(!cargo_calls_kache(home));
    home.run(&["uninstall", "-y"]).with(0, "Nothing to do");
}

#[test]
fn init_in_a_new_home_is_taken_back_without_a_trace() {
    comes_and_goes(&Home::new());
}

#[test]
fn every_byte_of_a_configuration_is_back_after_uninstall() {
    for config in [
        "",
        "\u{feff}# mine\r\n[build] # c\r\n\tjobs = 2",
        "build = { jobs = 2 }",
        "build.jobs = 2\n[net]\nretry = 2\n",
        "[build]\nrustc-wrapper = \"\"\n",
    ] {
        let home = Home::new();
        home.write(".cargo/config.toml", config);
        home.mode(".cargo/config.toml", 0o640);
        comes_and_goes(&home);
        assert_eq!(home.read(".cargo/config.toml"), config);
    }
}

#[test]
fn a_configuration_behind_a_link_in_an_include_or_under_its_old_name_is_found() {
    let home = Home::new();
    home.write("dotfiles/cargo.toml", "# dots\n");
    home.link("../dotfiles/cargo.toml", ".cargo/config.toml");
    comes_and_goes(&home);

    let home = Home::new();
    home.write(".cargo/config", "# old\n");
    home.write(".cargo/config.toml", "# ignored\n");
    home.run(&["init", "--check"]).with(2, "ignores the other");
    comes_and_goes(&home);

    let home = Home::new();
    home.write(".cargo/config.toml", "include = ['more.toml']\n");
    home.write(".cargo/more.toml", "[build]\nrustc-wrapper = ''\n");
    comes_and_goes(&home);
}

#[test]
fn whoever_keeps_dotfiles_is_told_that_one_changes() {
    let home = Home::new();
    home.dir(".local/share/chezmoi");
    home.run(&["init", "-y"]).with(0, "`chezmoi re-add`");
    assert!(!home.run(&["init", "-y"]).err.contains("chezmoi"), "nothing changes");
}

#[test]
fn cargos_home_may_be_elsewhere() {
    let mut home = Home::new();
    home.dir("other/cargo");
    home.set("CARGO_HOME", home.path("other/cargo").to_str().unwrap());
    comes_and_goes(&home);
    home.set("CARGO_HOME", "other/cargo");
    home.run(&["init", "-y"]).with(0, "Done");
    assert!(home.read("other/cargo/config.toml").contains("rustc-wrapper"));
}

#[test]
fn a_program_in_a_build_directory_is_copied_and_one_of_a_version_is_linked() {
    let home = Home::without_kache();
    home.dir(".cargo/bin");
    let mut init = home.command(env!("CARGO_BIN_EXE_kache"));
    Ended::of(init.args(["init", "-y"]).output().unwrap()).with(0, "Copy the program");
    let own = home.path(".local/share/kache/bin/kache");
    assert!(std::fs::symlink_metadata(&own).unwrap().is_file());
    assert_eq!(std::fs::metadata(&own).unwrap().permissions().mode() & 0o111, 0o111);
    assert!(cargo_calls_kache(&home));

    let versioned = ".local/share/mise/installs/kache/0.1.0/bin/kache";
    home.install(versioned);
    home.link("0.1.0", ".local/share/mise/installs/kache/latest");
    let mut init = home.command(home.path(versioned));
    Ended::of(init.args(["init", "-y"]).output().unwrap()).with(0, "Link the program");
    let target = std::fs::read_link(&own).unwrap();
    assert_eq!(target, home.path(".local/share/mise/installs/kache/latest/bin/kache"));
    assert!(cargo_calls_kache(&home));
    let mut uninstall = home.command(home.path(versioned));
    Ended::of(uninstall.args(["uninstall", "-y"]).output().unwrap()).with(0, "Done");
    assert!(std::fs::symlink_metadata(&own).is_err());
    assert!(!cargo_calls_kache(&home));
}

#[test]
fn wrapper_path_name_is_looked_for_in_path_and_abs_is_where_the_program_is() {
    let mut home = Home::new();
    home.run(&["init", "-y", "--wrapper-path", "name"]).with(2, "put its directory first in PATH");
    let bin = home.path(".cargo/bin").display().to_string();
    home.set("PATH", &format!("{bin}:{}", home.var("PATH")));
    let before = home.look();
    home.run(&["init", "-y", "--wrapper-path", "name"]).with(0, "Done").with(0, &format!("{bin} is in PATH"));
    assert_eq!(home.read(".cargo/config.toml"), "[build]\nrustc-wrapper = \"kache\"\n");
    assert!(cargo_calls_kache(&home));
    home.run(&["init", "-y", "--wrapper-path", "name"]).with(0, "Nothing to do");
    home.run(&["doctor"]).with(0, "No problems found");
    home.run(&["init", "-y"]).with(0, "Done");
    assert!(home.read(".cargo/config.toml").contains(&format!("\"{bin}/kache\"")));
    home.run(&["uninstall", "-y"]).with(0, "Done");
    assert_eq!(home.look(), before);

    home.set("PATH", &format!("{}:{}", home.path("other").display(), home.var("PATH")));
    home.wrapper("other/kache");
    let said = format!("`kache` in PATH is {}, not this program", home.path("other/kache").display());
    home.run(&["init", "-y", "--wrapper-path", "name"]).with(2, &said);

    let home = Home::without_kache();
    home.install("tools/0.1.0/kache");
    let init = |args: &[&str]| {
        let mut command = home.command(home.path("tools/0.1.0/kache"));
        Ended::of(command.args(["init", "-y", "--no-service"]).args(args).output().unwrap())
    };
    init(&["--wrapper-path", "abs"]).with(0, "Done");
    assert!(home.read(".cargo/config.toml").contains("tools/0.1.0/kache\""));
    assert!(!home.path(".local/share/kache").exists());
    init(&["--wrapper-path", "elsewhere"]).with(2, "auto, name, abs");
}

#[test]
fn uninstall_removes_the_program_that_an_update_replaced() {
    let home = Home::without_kache();
    let before = home.look();
    home.install(".local/bin/kache");
    home.dir(".cargo");
    let kache = home.path(".local/bin/kache");
    let path = kache.display();
    let receipt = |method: &str| {
        let text = format!(
            r#"{{"format":1,"method":"{method}","version":"0.1.0","target":"t","path":"{path}","base_url":"file:///r"}}"#
        );
        home.write(".local/share/kache/receipt.json", text);
    };
    let run = |args: &[&str]| Ended::of(home.command(&kache).args(args).output().unwrap());
    let is_kept = || home.path(".local/bin/kache.prev").exists();
    home.write(".local/bin/kache.prev", "older");
    run(&["init", "-y", "--no-service"]).with(0, "Done");
    run(&["uninstall", "-y"]).with(0, "Done");
    assert!(is_kept(), "without a receipt it is somebody's");
    receipt("source");
    run(&["uninstall", "-y"]).with(0, "Nothing to do");
    receipt("installer");
    home.write(".local/share/kache/installed", format!("foreign {path}\n"));
    run(&["uninstall", "-y"]).with(0, "Nothing to do");
    assert!(is_kept(), "it is what the installer puts back");
    std::fs::remove_file(home.path(".local/share/kache/installed")).unwrap();
    run(&["uninstall", "--check"]).with(2, "kache.prev, which an update replaced");
    assert!(is_kept());
    run(&["uninstall", "-y"]).with(0, "Done");
    run(&["uninstall", "-y"]).with(0, "Nothing to do");
    for made in [".local/bin", ".local/share", ".cargo"] {
        std::fs::remove_dir_all(home.path(made)).unwrap();
    }
    assert_eq!(home.look(), before);
}

#[test]
fn sccache_is_replaced_and_comes_back() {
    let home = Home::new();
    home.wrapper("w/sccache");
    let config = format!("[build]\nrustc-wrapper = '{}' # fast\n", home.path("w/sccache").display());
    home.write(".cargo/config.toml", &config);
    comes_and_goes(&home);
    assert_eq!(home.read(".cargo/config.toml"), config);
    home.run(&["init", "-y"]).with(0, "Done");
    std::fs::remove_file(home.path("w/sccache")).unwrap();
    home.run(&["uninstall", "-y"]).with(0, "it no longer exists");
    assert_eq!(home.read(".cargo/config.toml"), "", "a missing wrapper would stop cargo");
    home.cargo_works();
}

#[test]
fn an_unknown_wrapper_is_kept() {
    let home = Home::new();
    home.wrapper("w/mine");
    let config = format!("[build]\nrustc-wrapper = '{}'\n", home.path("w/mine").display());
    home.write(".cargo/config.toml", &config);
    let before = home.look();
    for args in [&["init", "-y"][..], &["init", "--check"]] {
        home.run(args).with(1, "which is not kache; it was left unchanged");
        assert_eq!(home.look(), before);
    }
    home.run(&["uninstall", "-y"]).with(0, "Nothing to do");
    assert_eq!(home.look(), before);
}

#[test]
fn a_variable_that_goes_before_the_configuration_is_told_and_fails() {
    let mut home = Home::new();
    home.set("RUSTC_WRAPPER", "");
    home.run(&["init", "-y"])
        .with(1, "in this shell cargo calls no wrapper: the environment variable RUSTC_WRAPPER");
    home.set("RUSTC_WRAPPER", home.kache().to_str().unwrap());
    home.run(&["init", "-y"]).with(0, "Nothing to do");
}

#[test]
fn a_project_that_sets_another_wrapper_is_named() {
    let mut home = Home::new();
    home.write("p/.cargo/config.toml", "[build]\nrustc-wrapper = \"other\"\n");
    home.within("p");
    home.run(&["init", "-y"]).with(0, "p/.cargo/config.toml:2 sets `other`, which takes precedence");
    assert_eq!(home.read("p/.cargo/config.toml"), "[build]\nrustc-wrapper = \"other\"\n");
}

#[test]
fn what_a_variable_names_stays_until_it_is_gone() {
    let mut home = Home::without_kache();
    home.dir(".cargo");
    let kache = |home: &Home, args: &[&str]| {
        Ended::of(home.command(env!("CARGO_BIN_EXE_kache")).args(args).output().unwrap())
    };
    kache(&home, &["init", "-y"]).with(0, "Done");
    let own = home.path(".local/share/kache/bin/kache");
    home.set("RUSTC_WRAPPER", own.to_str().unwrap());
    kache(&home, &["uninstall", "-y"]).with(1, "until then that file is kept");
    assert!(own.exists());
    home.cargo_works();
    home.unset("RUSTC_WRAPPER");
    kache(&home, &["uninstall", "-y"]).with(0, "Done");
    assert!(!own.exists());
}

#[test]
fn what_was_edited_since_is_kept_and_only_the_key_goes() {
    let home = Home::new();
    home.write(".cargo/config.toml", "[net]\nretry = 2\n");
    home.run(&["init", "-y"]).with(0, "Done");
    let edited = home.read(".cargo/config.toml").replace("retry = 2", "retry = 3") + "jobs = 1\n";
    home.write(".cargo/config.toml", edited);
    home.run(&["init", "--undo", "-y"]).with(0, "Done");
    assert_eq!(home.read(".cargo/config.toml"), "[net]\nretry = 3\n\n[build]\njobs = 1\n");
    assert!(!cargo_calls_kache(&home));
}

#[test]
fn without_a_journal_the_key_is_found_wherever_it_stands() {
    let mut home = Home::new();
    home.write("p/.cargo/config.toml", "build = { rustc-wrapper = 'kache', jobs = 1 } # c\n");
    home.run(&["init", "-y"]).with(0, "Done");
    std::fs::remove_dir_all(home.path(".local")).unwrap();
    home.within("p");
    home.run(&["uninstall", "-y"]).with(0, "Done");
    assert_eq!(home.read("p/.cargo/config.toml"), "build = { jobs = 1 } # c\n");
    assert_eq!(home.read(".cargo/config.toml"), "");
}

#[test]
fn uninstall_after_the_home_was_renamed_leaves_no_empty_table() {
    let home = Home::new();
    let wrapper = "rustc-wrapper = \"/home/before/.local/bin/kache\"\n";
    for (before, after) in [
        (format!("[build]\n{wrapper}"), ""),
        (format!("[net]\nretry = 3\n\n[build]\n{wrapper}"), "[net]\nretry = 3\n"),
        (format!("[build]\n{wrapper}jobs = 1\n"), "[build]\njobs = 1\n"),
        (format!("[build] # mine\n{wrapper}"), "[build] # mine\n"),
    ] {
        home.write(".cargo/config.toml", before);
        home.run(&["uninstall", "-y"]).with(0, "Done");
        assert_eq!(home.read(".cargo/config.toml"), after);
        home.cargo_works();
    }
}

#[test]
fn what_cannot_be_understood_or_written_stays_as_it_is() {
    type Make = fn(&Home);
    let cases: [(Make, i32, &str); 10] = [
        (|home| home.write(".cargo/config.toml", "a = 1\n[build\n"), 1, "config.toml:2: "),
        (|home| home.write(".cargo/config.toml", b"a = 1\n# \xff\n"), 1, "config.toml:2: not UTF-8"),
        (|home| home.write(".cargo/config.toml", "[build]\nrustc-wrapper = ['a']\n"), 1, "config.toml:2: "),
        (|home| home.write(".cargo/config.toml", "build = 3\n"), 1, "`build` must be a table"),
        (|home| home.write(".cargo/config.toml", vec![b'#'; 5 << 20]), 1, "too large"),
        (|home| home.dir(".cargo/config.toml"), 1, "not a regular file"),
        (|home| home.link("nowhere", ".cargo/config.toml"), 1, "is a dangling symbolic link"),
        (|home| home.link("config.toml", ".cargo/config.toml"), 1, "config.toml"),
        (
            |home| {
                home.write(".cargo/config.toml", "# mine\n");
                home.mode(".cargo/config.toml", 0o444);
            },
            2,
            "it is read-only\nhint: add this to the file, and run this again:\n\n[build]\nrustc-wrapper = ",
        ),
        (|home| home.write(".cargo/config.toml", "include = ['gone.toml']\n"), 1, "is not there"),
    ];
    for (make, code, said) in cases {
        let home = Home::new();
        make(&home);
        let before = home.look();
        for args in [&["init", "-y"][..], &["init", "--check"]] {
            home.run(args).with(code, said);
            assert_eq!(home.look(), before, "{said}");
        }
    }
}

#[test]
fn what_a_read_only_configuration_has_to_name_is_there() {
    let home = Home::without_kache();
    home.write(".cargo/config.toml", "# mine\n");
    home.mode(".cargo/config.toml", 0o444);
    let mut init = home.command(env!("CARGO_BIN_EXE_kache"));
    let ended = Ended::of(init.args(["init", "-y"]).output().unwrap());
    let own = home.path(".local/share/kache/bin/kache");
    ended.with(2, &format!("rustc-wrapper = \"{}\"", own.display()));
    assert!(own.exists());
    let (_, snippet) = ended.err.split_once("\n\n").unwrap();
    home.mode(".cargo/config.toml", 0o644);
    home.write(".cargo/config.toml", snippet);
    home.mode(".cargo/config.toml", 0o444);
    assert!(cargo_calls_kache(&home));
    let mut init = home.command(env!("CARGO_BIN_EXE_kache"));
    Ended::of(init.args(["init", "-y"]).output().unwrap()).with(0, "Nothing to do");
    let mut uninstall = home.command(env!("CARGO_BIN_EXE_kache"));
    Ended::of(uninstall.args(["uninstall", "-y"]).output().unwrap())
        .with(1, "remove `build.rustc-wrapper` from it");
    home.cargo_works();
}

#[test]
fn without_a_home_or_cargo_or_as_root_for_somebody_else_nothing_is_done() {
    let mut home = Home::new();
    let before = home.look();
    home.set("SUDO_UID", "1000");
    if kache::sys::env::is_root() {
        home.run(&["init", "-y"]).with(2, "without sudo");
        home.run(&["uninstall", "-y"]).with(2, "without sudo");
        home.run(&["init", "--check", "--allow-root"]).with(2, "Tell cargo");
        for args in [
            // One that is not refused would go on running, so it comes after one that ends.
            &["daemon", "start"][..],
            &["daemon", "run"],
            &["daemon", "restart"],
            &["daemon", "install"],
            &["daemon", "uninstall"],
            &["doctor", "--verify"],
            &["doctor", "--rebuild-index"],
            &["gc"],
            &["purge"],
        ] {
            home.run(args).with(2, "this is root in another user's home");
        }
        home.run(&["daemon"]).with(1, "The daemon is not running");
        home.run(&["daemon", "status"]).with(1, "The daemon is not running");
        home.run(&["daemon", "log"]).with(1, "hint: the daemon writes its log once it has started");
        home.run(&["purge", "--dry-run"]).with(0, "There is no store");
    }
    home.unset("SUDO_UID");
    home.unset("HOME");
    home.run(&["stats"]).with(2, "neither HOME nor KACHE_CACHE_DIR is set").with(2, "hint: set HOME");
    home.run(&["init", "-y"]).with(2, "HOME is not set");
    home.run(&["uninstall", "-y"]).with(2, "HOME is not set");
    home.set("HOME", "relative");
    for args in [&["init", "-y"][..], &["init", "--undo", "-y"], &["uninstall", "-y"]] {
        home.run(args).with(2, "is not an absolute path").with(2, "hint: set HOME to the home directory");
    }
    home.set("HOME", home.root().to_str().unwrap());
    home.set("PATH", "/nowhere");
    home.run(&["init", "-y"]).with(1, "cargo is not in PATH");
    assert_eq!(home.look(), before);
}

#[test]
fn of_several_inits_at_once_each_finds_its_work_done() {
    let home = Home::new();
    let started: Vec<_> = (0..6)
        .map(|_| {
            let mut init = home.command(home.kache());
            init.args(["init", "-y"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let ended: Vec<Ended> =
        started.into_iter().map(|init| Ended::of(init.wait_with_output().unwrap())).collect();
    for one in &ended {
        one.with(0, "verified that cargo calls");
    }
    let did = |one: &&Ended| one.out.contains("Done: ");
    assert_eq!(ended.iter().filter(did).count(), 1, "the others had nothing left to do");
    assert!(cargo_calls_kache(&home));
    home.run(&["uninstall", "-y"]).with(0, "Done");
    assert!(!home.path(".cargo/config.toml").exists());
}

#[test]
fn what_cargo_remembers_of_its_compiler_is_no_proof() {
    let mut home = Home::new();
    // Where every project, and the package that is asked about, keep it.
    let target = home.path("shared").display().to_string();
    home.set("CARGO_TARGET_DIR", &target);
    home.run(&["init", "-y"]).with(0, "Done: verified that cargo calls");
    home.cargo_works();
    assert!(home.path("shared/.rustc_info.json").exists());
    home.run(&["init", "-y"]).with(0, "Nothing to do: verified that cargo calls");
    home.run(&["doctor", "-v"]).with(0, "cargo calls kache (tested)");
}

#[test]
fn settings_in_cargos_table_of_variables_reach_the_wrapper() {
    let home = Home::new();
    home.run(&["init", "-y"]).with(0, "Done");
    let other = home.path("other");
    let wired = home.read(".cargo/config.toml");
    home.write(".cargo/config.toml", format!("{wired}\n[env]\nKACHE_CACHE_DIR = '{}'\n", other.display()));
    home.cargo_works();
    assert!(home.path("other/store/v2").exists());
    assert!(!home.path(".cache/kache").exists());
}

#[test]
fn a_working_directory_that_is_gone_is_no_obstacle() {
    let home = Home::new();
    home.dir("gone");
    let script = format!("cd gone && rmdir ../gone && '{}' init -y", home.kache().display());
    Ended::of(home.command("sh").args(["-c", &script]).output().unwrap()).with(0, "Done");
    assert!(cargo_calls_kache(&home));
}

#[test]
fn nobody_to_ask_means_that_nothing_is_done() {
    let home = Home::new();
    let before = home.look();
    home.run(&["init"]).with(2, "cannot ask for confirmation without a terminal");
    home.run(&["init", "--json"]).with(2, "cannot ask for confirmation without a terminal");
    assert_eq!(home.look(), before);
}

#[test]
fn a_proof_that_fails_takes_everything_back() {
    let mut home = Home::new();
    home.set("RUSTUP_TOOLCHAIN", "not-installed");
    home.wrapper("fake/cargo");
    home.write("fake/cargo", "#!/bin/sh\nexit 0\n");
    let path = format!("{}:{}", home.path("fake").display(), home.var("PATH"));
    home.set("PATH", &path);
    let before = home.look();
    home.run(&["init", "-y"]).with(1, "all changes were undone");
    assert_eq!(home.look(), before);
}

#[test]
fn purge_removes_the_store_the_records_and_the_journal() {
    let mut home = Home::new();
    home.package("p");
    home.write("p/src/lib.rs", "pub fn f() {}\n");
    home.run(&["init", "-y"]).with(0, "Done");
    home.within("p");
    Ended::of(home.command("cargo").args(["build", "--offline"]).output().unwrap()).with(0, "");
    home.write(".cache/kache/mine.txt", "not kache's");
    assert!(home.path(".cache/kache/store").exists());
    home.run(&["uninstall", "--purge", "--check"]).with(2, "Permanently remove the store and the records");
    assert!(home.path(".cache/kache/store").exists());
    home.run(&["uninstall", "--purge", "-y"]).with(0, "Done");
    let left: Vec<_> =
        std::fs::read_dir(home.path(".cache/kache")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["mine.txt"]);
    assert!(!home.path(".local/state/kache").exists());
    home.cargo_works();
}

#[test]
fn purge_leaves_links_in_the_place_of_directories_and_what_they_lead_to() {
    let mut home = Home::new();
    home.package("p");
    home.within("p");
    home.dir("disk/cache");
    home.dir("disk/store");
    home.link("disk/cache", "cache");
    home.link("../store", "disk/cache/store");
    let cache = home.path("cache").display().to_string();
    home.set("KACHE_CACHE_DIR", &cache);
    home.run(&["init", "-y"]).with(0, "Done");
    Ended::of(home.command("cargo").args(["build", "--offline"]).output().unwrap()).with(0, "");
    assert!(home.path("disk/store/v2").exists());
    home.run(&["uninstall", "--purge", "-y"]).with(0, "Done");
    assert!(!home.path(".local/state/kache").exists());
    let left = home.look();
    let left: Vec<&str> = left.lines().filter(|line| line.contains("disk")).collect();
    assert_eq!(left.len(), 5, "{left:?}");
}

#[test]
fn json_tells_the_outcome_and_the_changes() {
    let home = Home::new();
    let parse =
        |ended: &Ended| serde_json::from_str::<serde_json::Value>(&ended.out).expect("one JSON object");
    let report = parse(home.run(&["init", "--check", "--json"]).with(2, ""));
    assert_eq!(report["format"], 1);
    assert_eq!(report["outcome"], "changes-needed");
    assert_eq!(report["changes"][0]["kind"], "write");
    assert!(report["changes"][0]["detail"].as_str().unwrap().contains("+rustc-wrapper = "));
    assert_eq!(parse(home.run(&["init", "-y", "--json"]).with(0, ""))["outcome"], "done");
    assert_eq!(parse(home.run(&["init", "-y", "--json"]).with(0, ""))["outcome"], "nothing-to-do");
    assert_eq!(parse(home.run(&["uninstall", "-y", "--json"]).with(0, ""))["outcome"], "done");
}

#[test]
fn a_damaged_journal_is_named_and_can_be_removed() {
    let home = Home::new();
    home.run(&["init", "-y"]).with(0, "Done");
    let journal = home.path(".local/state/kache/journal");
    home.write(".local/state/kache/journal/2020-01-01T00-00-00.000/plan.json", "{");
    for args in [&["uninstall", "-y"][..], &["init", "-y"], &["init", "--check"]] {
        let said = home.run(args);
        said.with(1, "2020-01-01T00-00-00.000").with(1, "hint: if what it names is damaged, remove");
    }
    home.run(&["doctor"]).with(1, "the journal cannot be read");
    assert!(cargo_calls_kache(&home));
    std::fs::remove_dir_all(journal).unwrap();
    home.run(&["uninstall", "-y"]).with(0, "Done");
    assert!(!cargo_calls_kache(&home));
}

#[test]
fn an_interrupted_run_is_taken_back_by_the_next() {
    let home = Home::new();
    // As a run that was killed between its change and the end leaves it.
    home.run(&["init", "-y"]).with(0, "Done");
    let journal = home.path(".local/state/kache/journal");
    let mut entries: Vec<_> =
        std::fs::read_dir(&journal).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.retain(|path| path.is_dir());
    std::fs::write(entries[0].join("status"), "applying").unwrap();
    home.run(&["init", "--check"]).with(0, "was interrupted");
    home.run(&["uninstall", "-y"]).with(0, "its changes were undone");
    assert!(!home.path(".cargo/config.toml").exists());
}

#[test]
fn whoever_calls_init_is_told_to_uninstall_before_the_program_goes() {
    let home = Home::new();
    home.run(&["init", "-y"]).with(0, "To undo this, run `kache uninstall` before you remove the program");
    std::fs::rename(home.kache(), home.path(".cargo/bin/moved")).unwrap();
    assert_ne!(home.cargo().code, Some(0), "cargo stops at a wrapper that is missing");
    let moved =
        |args: &[&str]| Ended::of(home.command(home.path(".cargo/bin/moved")).args(args).output().unwrap());
    moved(&["init", "-y"]).with(0, "Done");
    assert!(cargo_calls_kache(&home));
    moved(&["uninstall", "-y"]).with(0, "Done");
    assert!(!home.path(".cargo/config.toml").exists());
}

/// What `kache init` on a terminal showed, when `keys` were typed at its question, and how it ended; `None` where no
/// terminal can be made.
fn typed_at_init(home: &Home, keys: &str) -> Option<(i32, String)> {
    let mut command = home.command("script");
    command.args(["-qefc", &format!("'{}' init --no-service", home.kache().display()), "/dev/null"]);
    command.env("SHELL", "/bin/sh").env("TERM", "xterm");
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        skip("script", "there is no `script` that makes a terminal");
        return None;
    };
    let (mut input, mut output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
    let mut shown = Vec::new();
    let mut letter = [0];
    let mut is_asked = false;
    while output.read(&mut letter).expect("reads") == 1 {
        shown.push(letter[0]);
        if !is_asked && shown.ends_with(HIDE_CURSOR) {
            is_asked = true;
            input.write_all(keys.as_bytes()).expect("types");
            input.flush().expect("types");
        }
    }
    let code = child.wait().expect("ends").code().expect("script exits");
    Some((code, String::from_utf8_lossy(&shown).into_owned()))
}

const HIDE_CURSOR: &[u8] = b"\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";

#[test]
fn init_on_a_terminal_asks_and_gives_the_cursor_back() {
    for (keys, code, said) in
        [("y\r", 0, "Done"), ("\r", 0, "Done"), ("n\r", 1, "nothing was done"), ("\x03", 130, "")]
    {
        let home = Home::new();
        let before = home.look();
        let Some((ended, shown)) = typed_at_init(&home, keys) else { return };
        assert_eq!(ended, code, "{keys:?}: {shown}");
        assert!(shown.contains("Continue?") && shown.contains(said), "{keys:?}: {shown}");
        let (_, after) = shown.rsplit_once("\x1b[?25l").expect("the cursor was hidden");
        assert!(after.contains(SHOW_CURSOR), "{keys:?}: {shown}");
        if code != 0 {
            assert_eq!(home.look(), before, "{keys:?}");
        }
    }
}

#[test]
fn uninstall_self_removes_what_the_installer_put_here() {
    let home = Home::new();
    let before = home.look();
    home.run(&["uninstall", "--self", "-y"]).with(2, "run: cargo uninstall kache");
    assert_eq!(home.look(), before);
    let program = home.path("apps/kache");
    home.install("apps/kache");
    let own = home.path(".local/share/kache");
    let script = own.join("env");
    home.write(".local/share/kache/env", "export PATH\n");
    let line = format!("[ ! -f '{0}' ] || . '{0}'", script.display());
    home.write(".profile", format!("a=1\n{line}\n"));
    let records = [
        format!("dir {}", own.display()),
        format!("program {}", program.display()),
        format!("file {}", program.display()),
        format!("file {}", script.display()),
        format!("line {}", home.path(".profile").display()),
    ];
    home.write(".local/share/kache/installed", records.join("\n") + "\n");
    let run = |args: &[&str]| {
        Ended::of(home.command(program.to_str().expect("is text")).args(args).output().expect("runs"))
    };
    run(&["init", "-y", "--no-service"]).with(0, "Done");
    assert!(cargo_calls_kache(&home));
    run(&["uninstall", "-y"]).with(0, "`kache uninstall --self` removes it too");
    run(&["init", "-y", "--no-service"]).with(0, "Done");
    run(&["uninstall", "--self", "--check"]).with(2, "Remove the installer's line from");
    run(&["uninstall", "--self", "-y"]).with(0, "Done: kache is removed.");
    assert!(!program.exists() && !own.exists());
    assert_eq!(home.read(".profile"), "a=1\n");
    assert!(!cargo_calls_kache(&home));
}
