//! Every place and setting of sccache, and what becomes of it.

#![expect(clippy::disallowed_methods, reason = "the places are made from outside")]

mod places;

#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;

use crate::setup::plan::{Action, Journal, Plan};
use crate::setup::sccache::assignment::assignment;
use crate::setup::sccache::migrate::{self, Migration, View};
use crate::setup::sccache::places::Syntax;
#[cfg(unix)]
use crate::setup::sccache::purge;
use crate::setup::sccache::settings;
use crate::sys::env::{Env, unset_command};
use crate::sys::fs;

/// A home with a repository in it, on a system of this name whose programs answer what is written here.
struct Home {
    dir: tempfile::TempDir,
    vars: Vec<(String, String)>,
    os: &'static str,
    answers: Vec<(&'static str, &'static str)>,
}

impl Home {
    fn new() -> Home {
        let dir = tempfile::tempdir().unwrap();
        let mut home = Home { dir, vars: Vec::new(), os: "linux", answers: Vec::new() };
        std::fs::create_dir_all(home.path("home/project/.git")).unwrap();
        let path = home.path("home").display().to_string();
        home.set(if cfg!(windows) { "USERPROFILE" } else { "HOME" }, &path);
        // What other systems do not look at.
        home.set("LOCALAPPDATA", &home.path("home/AppData/Local").display().to_string());
        home
    }

    fn set(&mut self, name: &str, value: &str) {
        self.vars.push((name.to_owned(), value.to_owned()));
    }

    fn path(&self, name: &str) -> PathBuf {
        fs::canonical(self.dir.path()).unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn env(&self) -> Env {
        let vars: Vec<(&str, &str)> =
            self.vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut env = Env::with_vars(&vars);
        env.cwd = Some(self.path("home").join("project"));
        env
    }

    fn look(&self) -> Migration {
        let ask = |program: &str, args: &[&str]| {
            let line = format!("{program} {}", args.join(" "));
            let answer = self.answers.iter().find(|(asked, _)| line.starts_with(asked));
            answer.map(|(_, printed)| (*printed).to_owned())
        };
        let (env, root, cwd) = (self.env(), self.path("root"), self.path("home").join("project"));
        migrate::look(View { env: &env, root: &root, cwd: &cwd, os: self.os, ask: &ask })
    }

    fn apply(&self) {
        self.carry_out(self.look().actions);
    }

    fn carry_out(&self, actions: Vec<Action>) {
        let mut plan = Plan::new("move over");
        plan.actions = actions;
        Journal::for_user(&self.env()).unwrap().apply(&plan, &mut || Ok(())).unwrap();
    }
}

#[test]
fn each_file_of_a_user_is_edited_in_its_own_language() {
    for (file, line, expected) in [
        (".profile", "export RUSTC_WRAPPER=sccache", ": # kache: was export RUSTC_WRAPPER=sccache"),
        (
            ".bash_profile",
            "RUSTC_WRAPPER=/usr/bin/sccache # c",
            ": # kache: was RUSTC_WRAPPER=/usr/bin/sccache # c",
        ),
        (".bash_login", "export SCCACHE_LOG=debug", ": # kache: was export SCCACHE_LOG=debug"),
        (
            ".bashrc",
            "\texport RUSTC_WRAPPER=$(which sccache)",
            "\t: # kache: was export RUSTC_WRAPPER=$(which sccache)",
        ),
        (".zshenv", "export RUSTC_WRAPPER='sccache'", ": # kache: was export RUSTC_WRAPPER='sccache'"),
        (".zprofile", "declare -x RUSTC_WRAPPER=sccache", ": # kache: was declare -x RUSTC_WRAPPER=sccache"),
        (
            ".zshrc",
            "typeset -x CARGO_BUILD_RUSTC_WRAPPER=sccache",
            ": # kache: was typeset -x CARGO_BUILD_RUSTC_WRAPPER=sccache",
        ),
        (
            ".zlogin",
            "export RUSTC_WRAPPER=\"${HOME}/sccache\"",
            ": # kache: was export RUSTC_WRAPPER=\"${HOME}/sccache\"",
        ),
        (
            ".config/fish/config.fish",
            "set -gx RUSTC_WRAPPER sccache",
            "# kache: was set -gx RUSTC_WRAPPER sccache",
        ),
        (
            ".config/fish/conf.d/a.fish",
            "set -x -g RUSTC_WRAPPER sccache",
            "# kache: was set -x -g RUSTC_WRAPPER sccache",
        ),
        (
            ".config/nushell/env.nu",
            "$env.RUSTC_WRAPPER = \"sccache\"",
            "# kache: was $env.RUSTC_WRAPPER = \"sccache\"",
        ),
        (
            ".config/nushell/config.nu",
            "$env.RUSTC_WRAPPER = sccache",
            "# kache: was $env.RUSTC_WRAPPER = sccache",
        ),
        (".tcshrc", "setenv RUSTC_WRAPPER sccache", "# kache: was setenv RUSTC_WRAPPER sccache"),
        (".cshrc", "  setenv RUSTC_WRAPPER sccache", "  # kache: was setenv RUSTC_WRAPPER sccache"),
        (".xonshrc", "    $RUSTC_WRAPPER = 'sccache'", "    pass  # kache: was $RUSTC_WRAPPER = 'sccache'"),
        (
            ".config/xonsh/rc.xsh",
            "$RUSTC_WRAPPER = 'sccache'",
            "pass  # kache: was $RUSTC_WRAPPER = 'sccache'",
        ),
        (
            ".config/powershell/profile.ps1",
            "$env:RUSTC_WRAPPER = \"sccache\"",
            "# kache: was $env:RUSTC_WRAPPER = \"sccache\"",
        ),
        (
            "Documents/PowerShell/profile.ps1",
            "$Env:RUSTC_WRAPPER='sccache'",
            "# kache: was $Env:RUSTC_WRAPPER='sccache'",
        ),
        (".config/environment.d/rust.conf", "RUSTC_WRAPPER=sccache", "# kache: was RUSTC_WRAPPER=sccache"),
        (".pam_environment", "RUSTC_WRAPPER DEFAULT=sccache", "# kache: was RUSTC_WRAPPER DEFAULT=sccache"),
    ] {
        let home = Home::new();
        let file = format!("home/{file}");
        home.write(&file, &format!("# sccache\r\n{line}\r\nlast"));
        assert_eq!(home.look().found.len(), 1, "{file}");
        home.apply();
        assert_eq!(home.read(&file), format!("# sccache\r\n{expected}\r\nlast"), "{file}");
        assert!(home.look().actions.is_empty() && home.look().found.is_empty(), "{file}: a second time");
    }
}

#[test]
fn what_is_not_one_whole_assignment_is_shown_and_left_alone() {
    for text in [
        "command -v sccache && export RUSTC_WRAPPER=sccache\n",
        "export RUSTC_WRAPPER=sccache; echo done\n",
        "export A=1 RUSTC_WRAPPER=sccache\n",
        "export RUSTC_WRAPPER=sccache \\\n  B=2\n",
        "x=\"\nexport RUSTC_WRAPPER=sccache\n\"\n",
        "cat <<'END'\nexport RUSTC_WRAPPER=sccache\nEND\n",
        "a \\\nRUSTC_WRAPPER=sccache\n",
        "export RUSTC_WRAPPER=`which sccache`\n",
    ] {
        let home = Home::new();
        home.write("home/.bashrc", text);
        let migration = home.look();
        assert!(migration.actions.is_empty() && migration.found.is_empty(), "{text}");
        assert_eq!(migration.by_hand.len(), 1, "{text}");
        assert!(migration.by_hand[0].contains(".bashrc:"), "{:?}", migration.by_hand);
    }
}

#[test]
fn a_line_after_a_quoted_text_or_a_here_document_is_a_line_again() {
    let home = Home::new();
    let before = "x='a # b'\ny=\"c\nd\"\ncat <<-END # it's\n\ttext's\n\tEND\necho <<<'here'\n# don't\n";
    home.write("home/.bashrc", &format!("{before}export RUSTC_WRAPPER=sccache\n"));
    home.apply();
    assert_eq!(home.read("home/.bashrc"), format!("{before}: # kache: was export RUSTC_WRAPPER=sccache\n"));
}

#[test]
fn a_shell_still_reads_what_was_edited() {
    let home = Home::new();
    home.write("home/.profile", "if true; then\nexport RUSTC_WRAPPER=sccache\nfi\necho alive\n");
    home.apply();
    let file = home.path("home/.profile");
    let Ok(output) = std::process::Command::new("sh").arg(file).output() else {
        println!("skipped: there is no sh");
        return;
    };
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"alive\n"[..], &b""[..]));
}

#[test]
fn other_wrappers_and_other_names_are_nobodys_business() {
    for (syntax, line) in [
        (Syntax::Shell, "echo RUSTC_WRAPPER=sccache"),
        (Syntax::Shell, "# export RUSTC_WRAPPER=sccache"),
        (Syntax::Fish, "set RUSTC_WRAPPER"),
        (Syntax::Csh, "set RUSTC_WRAPPER=sccache"),
    ] {
        assert_eq!(assignment(syntax, line), None, "{line}");
    }
    let home = Home::new();
    home.write("home/.bashrc", "export RUSTC_WRAPPER=my-sccache-like\nexport PATH=/opt/sccache/bin:$PATH\n");
    assert!(home.look().is_empty());
}

#[test]
fn files_of_the_system_are_named_and_not_changed() {
    let home = Home::new();
    home.write("root/etc/environment", "RUSTC_WRAPPER=\"sccache\"\n");
    let theirs = home.path("home/big");
    home.write("root/etc/profile.d/rust.sh", &format!("a=1\nexport SCCACHE_DIR={}\n", theirs.display()));
    let migration = home.look();
    assert_eq!((migration.found.len(), migration.actions.len()), (2, 0));
    assert!(migration.by_hand.iter().any(|line| line.ends_with("rust.sh; remove these lines from it: 2")));
}

#[test]
fn variables_of_fish_of_this_shell_and_of_a_server_are_found() {
    let mut home = Home::new();
    home.write("home/.config/fish/fish_variables", "SETUVAR --export RUSTC_WRAPPER:sccache\n");
    home.write("root/proc/77/comm", "sccache\n");
    home.write("root/proc/77/environ", "A=1\0SCCACHE_CACHE_SIZE=5G\0SCCACHE_BUCKET=b\0");
    home.write("root/proc/78/comm", "cargo\n");
    home.set("RUSTC_WRAPPER", "sccache");
    let migration = home.look();
    assert_eq!(migration.found.len(), 3, "{:?}", migration.found);
    let by_hand = migration.by_hand.join("\n");
    let unset = unset_command("RUSTC_WRAPPER");
    for expected in ["set -Ue RUSTC_WRAPPER", &unset, "kill 77", "SCCACHE_BUCKET was not carried over"] {
        assert!(by_hand.contains(expected), "{expected}: {by_hand}");
    }
    home.apply();
    assert_eq!(home.read("home/.config/kache/config.toml"), "[cache]\nlocal_max_size = \"5GiB\"\n");
}

#[test]
fn compilers_of_c_stay_with_sccache() {
    let home = Home::new();
    home.write("home/.bashrc", "export CC=\"sccache cc\"\n");
    let migration = home.look();
    assert!(migration.actions.is_empty() && migration.found.is_empty());
    assert!(migration.by_hand[0].contains("was left unchanged: kache caches Rust only"));
}

#[test]
fn the_size_goes_into_a_configuration_that_is_there_and_says_nothing_of_it() {
    for (before, after) in [
        (
            "# mine\n[cache]\npaths = \"auto\"\n",
            "# mine\n[cache]\nlocal_max_size = \"10GiB\"\npaths = \"auto\"\n",
        ),
        ("# mine", "# mine\n[cache]\nlocal_max_size = \"10GiB\"\n"),
        ("[cache]\nlocal_max_size = \"1GiB\"\n", "[cache]\nlocal_max_size = \"1GiB\"\n"),
        ("cache = { paths = \"auto\" }\n", "cache = { paths = \"auto\" }\n"),
    ] {
        let home = Home::new();
        home.write("home/.config/kache/config.toml", before);
        home.write(
            "home/.config/sccache/config",
            "[cache.disk]\nsize = \"10G\"\n[cache.redis]\nurl = \"x\"\n",
        );
        home.apply();
        assert_eq!(home.read("home/.config/kache/config.toml"), after);
        assert!(
            home.look().by_hand.iter().any(|line| line.contains("SCCACHE_REDIS_URL was not carried over"))
        );
    }
}

#[test]
fn every_setting_has_an_answer_and_no_value_is_shown() {
    for name in [
        "BUCKET",
        "ENDPOINT",
        "REGION",
        "S3_USE_SSL",
        "S3_KEY_PREFIX",
        "S3_RW_MODE",
        "S3_NO_CREDENTIALS",
        "CACHE_SIZE",
        "S3_SERVER_SIDE_ENCRYPTION",
        "S3_ENABLE_VIRTUAL_HOST_STYLE",
        "BASEDIRS",
        "IDLE_TIMEOUT",
        "CACHE_ZSTD_LEVEL",
        "LOG",
        "ERROR_LOG",
        "RECACHE",
        "NO_CACHE",
        "C_CUSTOM_CACHE_BUSTER",
        "MULTILEVEL_CHAIN",
        "GCS_BUCKET",
        "REDIS_PASSWORD",
        "MEMCACHED",
        "AZURE_CONNECTION_STRING",
        "WEBDAV_TOKEN",
        "GHA_ENABLED",
        "OSS_BUCKET",
        "COS_BUCKET",
        "DIST_AUTH",
        "DIRECT",
        "SOMETHING_NEW",
    ] {
        let mut home = Home::new();
        home.set(&format!("SCCACHE_{name}"), "s3cr3t");
        let migration = home.look();
        let said = migration.by_hand.join("\n");
        assert!(said.contains(&format!("SCCACHE_{name} ")), "{name}: {said}");
        let said_of_it = said.lines().filter(|line| line.starts_with("SCCACHE_")).count();
        assert_eq!(said_of_it, 1, "{name}: {said}");
        assert!(!format!("{migration:?}").contains("s3cr3t"), "{name}");
    }
    for (theirs, ours) in [
        ("10G", Some("10GiB")),
        ("500M", Some("500MiB")),
        ("1TiB", Some("1TiB")),
        ("7", Some("7")),
        ("x", None),
    ] {
        assert_eq!(settings::size(theirs).as_deref(), ours, "{theirs}");
    }
}

#[cfg(unix)]
#[test]
fn only_what_looks_like_a_cache_of_sccache_is_removed() {
    let home = Home::new();
    let env = home.env();
    let why = |dir: &Path| purge::refusal(dir, &env);
    let cache = home.path("home/.cache/sccache");
    assert!(why(&cache).unwrap().contains("does not exist"));
    std::fs::create_dir_all(&cache).unwrap();
    assert!(why(&cache).unwrap().contains("nothing at all"));
    home.write("home/.cache/sccache/a/b/abc", "12345");
    home.write("home/.cache/sccache/preprocessor/x", "1");
    assert_eq!(why(&cache), None);
    assert!(purge::disk_bytes(&cache) > 0);
    home.write("home/.cache/sccache/thesis.txt", "years of work");
    assert!(why(&cache).unwrap().contains("`thesis.txt`, which is not sccache's"));
    std::os::unix::fs::symlink(&cache, home.path("home/link")).unwrap();
    assert!(why(&home.path("home/link")).unwrap().contains("symbolic link"));
    for dir in [Path::new("/"), &home.path("home"), &home.path("")] {
        assert!(why(dir).unwrap().contains("is or contains the home directory"), "{}", dir.display());
    }
    assert!(why(Path::new("/proc")).is_some());
    assert!(why(&home.path("home/.cache/sccache/thesis.txt")).unwrap().contains("is not a directory"));
}

#[test]
fn every_key_of_sccaches_own_configuration_has_an_answer() {
    let home = Home::new();
    // A literal string: paths of Windows hold backslashes.
    let disk = format!("[cache.disk]\ndir = '{}'\n", home.path("home/a").display());
    home.write(
        "home/.config/sccache/config",
        &format!("server_startup_timeout_ms = 1\nbasedirs = [\"/a\"]\n[dist]\nscheduler_url = \"s3cr3t\"\n{disk}\
         size = 1073741824\n[cache.disk.preprocessor_cache_mode]\nx = 1\n[cache.s3]\nbucket = \"b\"\nendpoint = \"s3cr3t\"\n\
         region = \"r\"\nkey_prefix = \"k\"\nuse_ssl = true\nno_credentials = false\n[cache.azure]\n\
         connection_string = \"s3cr3t\"\n[cache.multilevel]\nchain = [\"disk\", \"s3\"]\n"),
    );
    let migration = home.look();
    let said = migration.by_hand.join("\n");
    for name in [
        "SERVER_STARTUP_TIMEOUT_MS",
        "BASEDIRS",
        "DIST",
        "DIRECT",
        "BUCKET",
        "ENDPOINT",
        "REGION",
        "S3_KEY_PREFIX",
        "S3_USE_SSL",
        "S3_NO_CREDENTIALS",
        "AZURE_CONNECTION_STRING",
        "MULTILEVEL_CHAIN",
    ] {
        assert_eq!(said.matches(&format!("SCCACHE_{name} ")).count(), 1, "{name}: {said}");
    }
    assert!(!format!("{migration:?}").contains("s3cr3t"));
    home.apply();
    assert_eq!(home.read("home/.config/kache/config.toml"), "[cache]\nlocal_max_size = \"1073741824\"\n");
    assert!(home.look().actions.is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn the_store_goes_to_the_disk_that_sccaches_cache_was_on() {
    let (mut home, other) = (Home::new(), other_disk());
    let theirs = other.path().join("sccache");
    home.set("SCCACHE_DIR", theirs.to_str().unwrap());
    home.apply();
    let expected = format!("[cache]\nlocal_store = \"{}\"\n", other.path().join("kache").display());
    assert_eq!(home.read("home/.config/kache/config.toml"), expected);
    assert!(home.look().actions.is_empty(), "a second time");
    std::fs::remove_file(home.path("home/.config/kache/config.toml")).unwrap();
    std::fs::create_dir(other.path().join("kache")).unwrap();
    let left = home.look();
    assert!(left.actions.is_empty() && left.by_hand[0].contains("cannot be created next to it"));
    std::fs::remove_dir(other.path().join("kache")).unwrap();
    home.write("home/.cache/kache/store/v2/entries/x", "");
    let left = home.look();
    assert!(left.actions.is_empty() && left.by_hand[0].contains("already has a store on another disk"));
}

/// A directory that is not on the disk of temporary files.
#[cfg(target_os = "linux")]
fn other_disk() -> tempfile::TempDir {
    let device = |dir: &Path| crate::sys::fs::Identity::at(dir).unwrap().device;
    let here = device(&std::env::temp_dir());
    let other = ["/dev/shm", "/var/tmp", env!("CARGO_MANIFEST_DIR")]
        .map(Path::new)
        .into_iter()
        .find(|dir| device(dir) != here);
    tempfile::tempdir_in(other.expect("a second disk, such as /dev/shm")).unwrap()
}
