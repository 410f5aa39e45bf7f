//! Checks on machines made up for them: each broken in one way, and put right.

#![expect(clippy::disallowed_methods, reason = "the machines are made from outside")]

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::digest::{Digest, seal};
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::examine::{ALL, Examined, examine};
use crate::setup::doctor::finding::{Finding, Fix};
use crate::setup::doctor::machine::{Ask, LIMIT, Machine};
use crate::setup::doctor::repair::{Repair, keep_up};
use crate::setup::doctor::{show, verify};
use crate::setup::plan::Journal;
use crate::store::{Shelf, Store};
use crate::sys::env::Env;
use crate::sys::fs::Disk;
use crate::sys::process::Captured;

/// What does not stand in files.
struct Says {
    disk: Disk,
    open_files: Option<u64>,
    proof: Result<(), String>,
    rustc: (i32, &'static str),
    cc: i32,
}

impl Ask for Says {
    fn run(&self, program: &Path, _: &[&str], _: &[(&str, Option<&OsStr>)]) -> io::Result<Captured> {
        let answer = |code, stdout: &str, stderr: &str| {
            Ok(Captured { code: Some(code), stdout: stdout.into(), stderr: stderr.into() })
        };
        match program.file_name().and_then(|name| name.to_str()) {
            Some("cc") => answer(self.cc, "cc 1", "cc: broken"),
            _ if self.rustc.0 == 0 => answer(0, self.rustc.1, ""),
            _ => answer(self.rustc.0, "", self.rustc.1),
        }
    }

    fn prove(&self, _: &Env, _: &Path) -> Result<(), String> {
        self.proof.clone()
    }

    fn disk(&self, _: &Path) -> io::Result<Disk> {
        Ok(self.disk)
    }

    fn most_open_files(&self) -> Option<u64> {
        self.open_files
    }
}

/// A machine in a directory: `home` is somebody's, `root` the system's.
struct Made {
    dir: tempfile::TempDir,
    vars: Vec<(String, String)>,
    says: Option<Says>,
    cwd: &'static str,
    with_project: bool,
}

impl Made {
    /// One that is well: kache is installed and wired, and there is a compiler.
    fn well() -> Made {
        let made = Made::without_wiring();
        let kache = made.path("home/.cargo/bin/kache");
        made.write("home/.cargo/config.toml", &format!("[build]\nrustc-wrapper = \"{}\"\n", kache.display()));
        made
    }

    fn without_wiring() -> Made {
        let says = Says {
            disk: Disk { kind: Some("ext4"), free_bytes: 9 << 30, free_files: u64::MAX },
            open_files: Some(1024),
            proof: Ok(()),
            rustc: (0, "rustc 1.95.0"),
            cc: 0,
        };
        let mut made = Made {
            dir: tempfile::tempdir().unwrap(),
            vars: Vec::new(),
            says: Some(says),
            cwd: "home/project",
            with_project: false,
        };
        for program in
            ["home/.cargo/bin/kache", "home/.cargo/bin/cargo", "home/.cargo/bin/rustc", "home/bin/cc"]
        {
            made.program(program);
        }
        made.make_dir("home/project");
        made.make_dir("root");
        let home = made.path("home");
        made.set("HOME", home.to_str().unwrap());
        made.set("PATH", &format!("{0}/.cargo/bin:{0}/bin", home.display()));
        made
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(name)
    }

    fn make_dir(&self, name: &str) {
        std::fs::create_dir_all(self.path(name)).unwrap();
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn program(&self, name: &str) {
        self.write(name, &format!("#!/bin/sh\nexit 0 # {name}\n"));
        self.mode(name, 0o755);
    }

    fn mode(&self, name: &str, mode: u32) {
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn set(&mut self, name: &str, value: &str) {
        self.vars.retain(|(known, _)| known != name);
        self.vars.push((name.to_owned(), value.to_owned()));
    }

    fn says(&mut self) -> &mut Says {
        self.says.as_mut().unwrap()
    }

    fn env(&self) -> Env {
        let vars: Vec<(&str, &str)> =
            self.vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut env = Env::with_vars(&vars);
        env.cwd = Some(self.path(self.cwd));
        env
    }

    fn machine(&self) -> Arc<Machine> {
        let says = self.says.as_ref().unwrap();
        let asks = Says { proof: says.proof.clone(), ..*says };
        let exe = self.path("home/.cargo/bin/kache");
        let machine = Machine::with(&self.env(), exe, &self.path("root"), Arc::new(asks));
        Arc::new(Machine { with_project: self.with_project, ..machine })
    }

    fn examine(&self, id: &str) -> Vec<Examined> {
        let check = ALL.iter().find(|check| check.id() == id).expect("there is such a check");
        examine(&self.machine(), &[*check], Duration::from_secs(20))
    }

    /// What is said of one check, without the name of its group.
    fn said(&self, id: &str) -> String {
        let text = show::text(&self.examine(id));
        let text = text.split_once('\n').map_or("", |(_, lines)| lines).to_owned();
        text.replace(self.path("").to_str().unwrap(), "/").trim_end().to_owned()
    }

    #[track_caller]
    fn is_ok(&self, id: &str) {
        assert!(self.said(id).starts_with("  ok "), "{}", self.said(id));
    }

    #[track_caller]
    fn says_of(&self, id: &str, expected: &[&str]) {
        let lines: Vec<String> = self.said(id).lines().map(|line| line.trim_start().to_owned()).collect();
        let lines: Vec<String> =
            lines.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines, expected, "{id}");
    }

    /// Carries out what one check or all can put right. Answers whether there was something.
    fn fix(&self, id: Option<&str>) -> bool {
        let mut examined = match id {
            Some(id) => self.examine(id),
            None => examine(&self.machine(), ALL, Duration::from_secs(20)),
        };
        let yes = &mut |_: &Fix, _: &str| Ok::<_, ()>(true);
        let repair = Repair::of(&mut examined, yes).unwrap();
        if repair.is_empty() {
            return false;
        }
        if !repair.plan.is_empty() {
            Journal::of(&self.env()).unwrap().apply(&repair.plan, &mut || Ok(())).unwrap();
        }
        let config = &self.machine().config;
        repair.upkeep.iter().for_each(|upkeep| drop(keep_up(upkeep, config).unwrap()));
        true
    }

    /// After its fix a check has nothing to say, and nothing to do.
    #[track_caller]
    fn is_fixed(&self, id: &str) {
        assert!(self.fix(Some(id)), "there is a fix");
        self.is_ok(id);
        assert!(!self.fix(Some(id)), "there is nothing to fix a second time");
    }

    /// Everything in the machine but the journal.
    fn look(&self) -> Vec<(PathBuf, Option<Vec<u8>>)> {
        let (mut found, mut open) = (Vec::new(), vec![self.path("")]);
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let metadata = std::fs::symlink_metadata(&path).unwrap();
                found.push((path.clone(), metadata.is_file().then(|| std::fs::read(&path).unwrap())));
                if metadata.is_dir() {
                    open.push(path);
                }
            }
        }
        found.sort();
        found
    }

    /// Puts a blob into the store.
    fn blob(&self, text: &str) -> PathBuf {
        let store = Store::at(&self.path("home/.cache/kache"));
        let digest = Digest::of(text.as_bytes());
        let path = store.path(Shelf::Blobs, &digest);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(seal::of(&digest)).unwrap();
        path
    }
}

#[test]
fn a_machine_that_is_well_has_no_problem_and_is_not_changed_by_looking() {
    let made = Made::well();
    let before = made.look();
    let examined = examine(&made.machine(), ALL, Duration::from_secs(20));
    assert!(!show::has_problem(&examined), "{}", show::text(&examined));
    assert_eq!(made.look(), before);
    assert!(!made.fix(None));
    assert_eq!(made.look(), before);
    let ids: std::collections::BTreeSet<_> = ALL.iter().map(|check| check.id()).collect();
    assert_eq!(ids.len(), ALL.len(), "every check has its own name");
    let groups: Vec<&str> = show::rows(&examined).iter().map(|row| row.id).collect();
    assert_eq!(groups.len(), ALL.len());
}

struct Slow;

impl Check for Slow {
    fn id(&self) -> &'static str {
        "slow"
    }
    fn group(&self) -> Group {
        Group::Machine
    }
    fn looks_at(&self) -> &'static str {
        "nothing"
    }
    fn run(&self, _: &Machine) -> Finding {
        std::thread::sleep(Duration::from_secs(30));
        Finding::ok("late")
    }
}

struct Broken;

impl Check for Broken {
    fn id(&self) -> &'static str {
        "broken"
    }
    fn group(&self) -> Group {
        Group::Machine
    }
    fn looks_at(&self) -> &'static str {
        "nothing"
    }
    fn run(&self, _: &Machine) -> Finding {
        panic!("as meant")
    }
}

#[test]
fn a_check_that_hangs_or_fails_costs_only_itself() {
    let made = Made::well();
    let started = Instant::now();
    let slow = examine(&made.machine(), &[&Slow], Duration::from_millis(50));
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(slow[0].finding.text, "no answer within 50 ms");
    let examined = examine(&made.machine(), &[&Broken, ALL[0]], Duration::from_secs(20));
    assert_eq!(examined[0].finding.text, "the check itself failed");
    assert!(examined[1].finding.text.starts_with("`kache` is "), "{}", examined[1].finding.text);
    assert!(LIMIT <= Duration::from_secs(2));
}

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
fn a_cache_directory_that_cannot_be_used_is_a_problem() {
    let mut made = Made::well();
    made.is_ok("cache-directory");
    made.make_dir("home/.cache/kache");
    made.is_ok("cache-directory");
    made.mode("home/.cache/kache", 0o777);
    assert!(made.said("cache-directory").contains("can be written to by everybody"));
    std::fs::remove_dir_all(made.path("home/.cache/kache")).unwrap();
    made.write("home/.cache/kache", "");
    assert!(made.said("cache-directory").contains("is no directory"));
    made.vars.clear();
    assert!(made.said("cache-directory").contains("there is no place for the store"));
}

#[test]
fn a_file_system_that_is_slow_full_or_passing_is_told_of() {
    let mut made = Made::well();
    made.is_ok("file-system");
    for (kind, level) in [("NFS", "PROBLEM"), ("9p", "PROBLEM"), ("overlay", "note"), ("tmpfs", "note")] {
        made.says().disk.kind = Some(kind);
        assert!(made.said("file-system").starts_with(&format!("  {level}")), "{kind}");
    }
    made.says().disk.free_bytes = 1 << 20;
    assert!(made.said("file-system").contains("only 1"), "{}", made.said("file-system"));
    made.says().disk = Disk { kind: None, free_bytes: 9 << 30, free_files: 5 };
    assert!(made.said("file-system").contains("only 5 more files"));
}

#[test]
fn a_damaged_index_is_made_anew() {
    let made = Made::well();
    made.is_ok("index");
    made.write("home/.cache/kache/index.db", "no database");
    made.says_of(
        "index",
        &[
            "PROBLEM index /home/.cache/kache/index.db is damaged",
            "hint: nothing is lost with it",
            "fix: `kache doctor --fix`",
        ],
    );
    made.is_fixed("index");
}

#[test]
fn a_store_over_its_limit_is_collected() {
    let mut made = Made::well();
    made.make_dir("home/.cache/kache");
    made.is_ok("size");
    made.blob(&"x".repeat(9_000));
    made.set("KACHE_MAX_SIZE", "1000");
    assert!(made.said("size").contains("PROBLEM  size"));
    // What is young stays, so the fix can be called again.
    assert!(made.fix(Some("size")));
}

#[test]
fn a_blob_that_was_written_to_is_taken_out_of_service() {
    let made = Made::well();
    let (sound, altered) = (made.blob("sound"), made.blob("whole"));
    made.is_ok("seals");
    std::fs::write(&altered, "other").unwrap();
    assert!(made.said("seals").contains("1 of 2 blobs were written to; none is served"));
    made.is_fixed("seals");
    assert!(sound.exists() && !altered.exists());
}

#[test]
fn verifying_finds_what_a_seal_does_not_tell() {
    let made = Made::well();
    let (sound, altered) = (made.blob("sound"), made.blob("whole"));
    let before = std::fs::metadata(&altered).unwrap().modified().unwrap();
    std::fs::write(&altered, "other").unwrap();
    std::fs::File::options().write(true).open(&altered).unwrap().set_modified(before).unwrap();
    made.is_ok("seals");
    let cache_dir = made.path("home/.cache/kache");
    let verified = verify::verify(&cache_dir, &|_, _| {});
    assert_eq!((verified.n_blobs, verified.altered.len(), verified.n_orphans), (2, 1, 2));
    assert!(sound.exists() && !altered.exists());
    assert!(verify::verify(&cache_dir, &|_, _| {}).is_sound());
}

#[test]
fn a_setting_that_is_mistyped_gets_its_name() {
    let mut made = Made::well();
    made.is_ok("settings");
    made.write("home/.config/kache/config.toml", "# mine\n[cache]\n  local_max_sise = \"5GiB\" # c\r\n");
    assert!(made.said("settings").contains("did you mean `cache.local_max_size`?"));
    made.is_fixed("settings");
    let text = made.read("home/.config/kache/config.toml");
    assert_eq!(text, "# mine\n[cache]\n  local_max_size = \"5GiB\" # c\r\n");
    made.set("KACHE_MAX_SIZE", "much");
    assert!(made.said("settings").contains("KACHE_MAX_SIZE"));
    made.set("KACHE_MAX_SIZE", "");
    made.set("KACHE_DISABLED", "1");
    assert!(made.said("settings").contains("kache is turned off by KACHE_DISABLED"));
}

#[test]
fn a_secret_that_others_can_read_is_closed() {
    let made = Made::well();
    made.write("home/.config/kache/config.toml", "[cache.remote]\nsecret_key = \"s3cr3t\"\n");
    made.mode("home/.config/kache/config.toml", 0o644);
    let said = made.said("secrets");
    assert!(said.contains("has a secret in it, and others can read it") && !said.contains("s3cr3t"));
    made.is_fixed("secrets");
}

#[test]
fn what_interrupted_runs_left_is_removed_when_it_is_old() {
    let made = Made::well();
    made.is_ok("leftovers");
    made.write("home/.local/state/kache/proof-1/Cargo.toml", "");
    made.is_ok("leftovers");
    let old = SystemTime::now() - Duration::from_secs(3 * 24 * 3600);
    let dir = std::fs::File::open(made.path("home/.local/state/kache/proof-1")).unwrap();
    dir.set_modified(old).unwrap();
    made.is_fixed("leftovers");
    assert!(!made.path("home/.local/state/kache/proof-1").exists());
}

#[test]
fn times_ahead_and_few_open_files_are_told_of() {
    let mut made = Made::well();
    made.is_ok("clock");
    made.says().open_files = Some(64);
    assert!(made.said("clock").contains("only 64 files open"));
    made.write("home/.cache/kache/records/a.jsonl", "");
    let ahead = SystemTime::now() + Duration::from_secs(3600);
    let path = made.path("home/.cache/kache/records/a.jsonl");
    std::fs::File::options().write(true).open(path).unwrap().set_modified(ahead).unwrap();
    assert!(made.said("clock").contains("s from now"));
}

#[test]
fn a_machine_is_described_for_reports() {
    let mut made = Made::well();
    made.is_ok("summary");
    made.write("root/.dockerenv", "");
    made.set("CI", "true");
    assert!(made.said("summary").ends_with(", in a container, in CI"));
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
