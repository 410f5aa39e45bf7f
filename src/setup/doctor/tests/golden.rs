//! What is said of machines that are broken, each in one way, and what after the fix: to the letter, in `golden/`.
//!
//! `REGENERATE=1 cargo test golden` regenerates the texts.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::daemon::{FAILED, UP, name, with_systemd};
use super::made::{Daemon, Made, status};
use crate::digest::guard;
use crate::protocol::build::Build;
use crate::protocol::message::{Status, UpkeepStatus};
use crate::run::miss::privileged::Note;
use crate::setup::doctor::examine::{ALL, ONLINE};
use crate::setup::doctor::machine::Page;
use crate::setup::plan::Journal;
use crate::setup::proof::NotCalled;
use crate::setup::service::detect;
use crate::store::scrub::Scrub;
use crate::sys::env::Env;
use crate::sys::fs::probe::Way;

/// A machine: which check it is made for, how it is broken, and making it so.
type Case = (&'static str, &'static str, fn() -> Made);

/// `made`, changed.
fn with(mut made: Made, change: impl FnOnce(&mut Made)) -> Made {
    change(&mut made);
    made
}

fn well(change: impl FnOnce(&mut Made)) -> Made {
    with(Made::well(), change)
}

/// A machine whose cargo is told to call this.
fn wired(value: &str) -> Made {
    let made = Made::without_wiring();
    let value = value.replace('~', made.path("home").to_str().unwrap());
    made.write("home/.cargo/config.toml", &format!("[build]\nrustc-wrapper = \"{value}\"\n"));
    made
}

/// A build server with a system service in this state.
fn with_system_service(state: &str) -> Made {
    well(|made| {
        let unit = "[Service]\nUser=ci\nExecStart=\"/bin/kache\" daemon run --supervised=systemd\n";
        made.write(&format!("root/etc/systemd/system/{}.service", name()), unit);
        made.answers("systemctl show --property=ActiveState", 0, state);
    })
}

fn dated(path: &Path, time: SystemTime) {
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

fn days_ago(n_days: u64) -> SystemTime {
    SystemTime::now() - Duration::from_secs(n_days * 24 * 3600)
}

const PROGRAM: &[Case] = &[
    ("on-path", "two", || well(|made| made.program("home/bin/kache"))),
    ("on-path", "none", || well(|made| made.set("PATH", "/nowhere"))),
    ("wrapper-file", "missing", || wired("~/gone/kache")),
    ("wrapper-file", "no-program", || {
        with(wired("~/flat/kache"), |made| made.write("home/flat/kache", "no program"))
    }),
    ("wrapper-file", "shim", || {
        with(wired("~/.local/share/mise/shims/kache"), |made| {
            made.program("home/.local/share/mise/shims/kache");
        })
    }),
    ("wrapper-file", "of-one-version", || {
        with(wired("~/mise/installs/kache/0.1.0/bin/kache"), |made| {
            made.program("home/mise/installs/kache/0.1.0/bin/kache");
        })
    }),
    ("wrapper-file", "relative", || wired("nowhere/kache")),
    ("same-program", "another", || with(wired("~/other/kache"), |made| made.program("home/other/kache"))),
    ("gui-path", "not-in-it", || {
        with(wired("kache"), |made| {
            made.answers("systemctl --user show-environment", 0, "LANG=C\nPATH=/nowhere/bin:/nowhere\n");
        })
    }),
    ("gui-path", "variable-only", || with(Made::without_wiring(), |made| made.set("RUSTC_WRAPPER", "kache"))),
    ("completions", "of-another-version", || {
        well(|made| {
            made.pages = vec![Page { place: "bash-completion/completions/kache", text: "new\n".to_owned() }];
            made.write("home/.local/share/bash-completion/completions/kache", "old\n");
        })
    }),
    ("release", "newer", || {
        well(|made| {
            let own = made.path("home/.cargo/bin/kache").display().to_string();
            let receipt = format!(
                r#"{{"format":1,"method":"installer","version":"0.1.0","target":"t","path":"{own}","base_url":"https://host/releases"}}"#
            );
            made.write("home/.local/share/kache/receipt.json", &receipt);
            made.says().newest = Some("99.0.0");
        })
    }),
];

const CARGO: &[Case] = &[
    ("config-files", "no-string", || {
        well(|made| made.write("home/.cargo/config.toml", "[build]\nrustc-wrapper = 1\n"))
    }),
    ("config-files", "no-toml", || well(|made| made.write("home/.cargo/config.toml", "[build\n"))),
    ("config-files", "tilde", || {
        well(|made| {
            made.write("home/.cargo/config.toml", "[build]\nrustc-wrapper = \"~/.cargo/bin/kache\"\n");
        })
    }),
    ("two-files", "same", || {
        well(|made| made.write("home/.cargo/config", &made.read("home/.cargo/config.toml")))
    }),
    ("two-files", "different", || well(|made| made.write("home/.cargo/config", "# other\n"))),
    ("wrapper", "none", Made::without_wiring),
    ("wrapper", "empty", || wired("")),
    ("wrapper", "unknown", || wired("/opt/mine")),
    ("wrapper", "twice", || well(|made| made.set("RUSTC_WORKSPACE_WRAPPER", "kache"))),
    ("wrapper-variable", "in-a-start-up-file", || {
        well(|made| made.write("home/.bashrc", "export RUSTC_WRAPPER=/opt/mine\n"))
    }),
    ("wrapper-variable", "kept-by-launchd", || {
        well(|made| {
            made.says().platform =
                detect::Platform { system: "macos".to_owned(), ..detect::Platform::default() };
            made.answers("launchctl getenv RUSTC_WRAPPER", 0, "/opt/mine\n");
            made.answers_after("launchctl unsetenv", "launchctl getenv RUSTC_WRAPPER", 0, "\n");
        })
    }),
    ("wrapper-variable", "empty", || well(|made| made.set("RUSTC_WRAPPER", ""))),
    ("project-config", "empty", || {
        well(|made| made.write("home/project/.cargo/config.toml", "[build]\nrustc-wrapper = \"\"\n"))
    }),
    ("project-config", "with-project", || {
        well(|made| {
            made.write("home/project/.cargo/config.toml", "[build]\nrustc-wrapper = \"/opt/mine\"\n");
            made.with_project = true;
        })
    }),
    ("project-config", "sccache", || {
        well(|made| made.write("home/project/.cargo/config.toml", "[build]\nrustc-wrapper = \"sccache\"\n"))
    }),
    ("sccache", "used", || {
        with(wired("sccache"), |made| {
            made.program("home/.cargo/bin/sccache");
            made.write("home/.zshenv", "export SCCACHE_CACHE_SIZE=20G\n");
        })
    }),
    ("sccache", "repository", || {
        well(|made| {
            made.make_dir("home/project/.git");
            made.write("home/project/.envrc", "export RUSTC_WRAPPER=sccache\n");
            made.with_project = true;
        })
    }),
    ("cargo-calls", "another", || {
        well(|made| made.says().not_called = Some(|| NotCalled::OtherProgram { exe: "/opt/other".into() }))
    }),
    ("cargo-calls", "no-cargo", || well(|made| fs::remove_file(made.path("home/.cargo/bin/cargo")).unwrap())),
    ("incremental", "variable", || well(|made| made.set("CARGO_INCREMENTAL", "1"))),
    ("incremental", "profile", || {
        well(|made| made.write("home/project/Cargo.toml", "[profile.release]\nincremental = true\n"))
    }),
];

const COMPILERS: &[Case] = &[
    ("toolchains", "broken", || well(|made| made.says().rustc = (1, "error: no such file"))),
    ("toolchains", "none", || well(|made| fs::remove_file(made.path("home/.cargo/bin/rustc")).unwrap())),
    ("linker", "broken", || well(|made| made.says().cc = 1)),
    ("drivers", "another-compiler", || well(|made| made.set("RUSTC", "/opt/bin/rustc-clif"))),
    ("drivers", "workspace-wrapper", || well(|made| made.set("RUSTC_WORKSPACE_WRAPPER", "/opt/checker"))),
    ("rustflags", "threads", || well(|made| made.set("RUSTFLAGS", "-Zthreads=8"))),
    ("privileges", "helper", || {
        well(|made| {
            made.program("home/bin/helper");
            let note = Note { program: made.path("home/bin/helper"), crate_name: "app".to_owned() };
            let text = String::from_utf8(guard::add(serde_json::to_vec(&note).unwrap())).unwrap();
            made.write("home/.cache/kache/store/v2/memo/privileged-1", &text);
        })
    }),
    ("linker", "none", || well(|made| fs::remove_file(made.path("home/bin/cc")).unwrap())),
];

const DAEMON: &[Case] = &[
    ("service", "of-another-version", || {
        with(with_systemd(), |made| {
            made.write(&format!("home/.config/systemd/user/{}.service", name()), "old\n");
        })
    }),
    ("service", "disabled", || {
        with(with_systemd(), |made| {
            made.answers("systemctl --user show ", 0, &UP.replace("enabled", "disabled"));
            made.answers_after("systemctl --user enable", "systemctl --user show ", 0, UP);
        })
    }),
    ("service", "masked", || {
        with(with_systemd(), |made| {
            let masked = "LoadState=masked\nActiveState=inactive\nUnitFileState=masked\n";
            made.answers("systemctl --user show ", 0, masked);
        })
    }),
    ("service-runs", "failed", || {
        with(with_systemd(), |made| {
            made.answers("systemctl --user show ", 0, FAILED);
            made.answers("journalctl", 0, "daemon: no room\n");
            made.answers_after("systemctl --user start", "systemctl --user show ", 0, UP);
            made.daemon(Daemon::Absent);
        })
    }),
    ("system-service", "failed", || with_system_service("failed\n")),
    ("system-service", "stopped", || with_system_service("inactive\n")),
    ("linger", "remote-session", || {
        with(with_systemd(), |made| {
            made.answers("loginctl show-user ", 0, "no\n");
            made.set("SSH_CONNECTION", "1.2.3.4 5 6.7.8.9 22");
        })
    }),
    ("daemon", "silent", || {
        well(|made| {
            made.daemon(Daemon::Silent);
            made.process(77, made.place().lock.to_str().unwrap());
        })
    }),
    ("daemon", "upgrade-pending", || {
        well(|made| {
            let why = Some("/home/.cargo/bin/kache: it does not run".to_owned());
            let exe = made.path("home/.cargo/bin/kache");
            made.daemon_is(Status { upgrade_pending: why, exe, ..status(42) });
        })
    }),
    ("daemon", "upkeep-failed", || {
        well(|made| {
            let error = Some("/home/.cache/kache: no space left on device".to_owned());
            let upkeep = UpkeepStatus { error, ..UpkeepStatus::default() };
            made.daemon_is(Status { upkeep, ..status(42) });
        })
    }),
    ("daemon", "too-old", || well(|made| made.daemon(Daemon::TooOld))),
    ("daemon-traces", "socket", || well(|made| drop(made.socket()))),
    ("daemon-traces", "second-daemon", || {
        well(|made| {
            made.daemon_is(status(42));
            let lock = made.place().lock;
            made.process(42, lock.to_str().unwrap());
            made.process(43, &format!("{} (deleted)", lock.display()));
        })
    }),
    ("daemon-socket", "open", || {
        well(|made| fs::set_permissions(made.socket(), fs::Permissions::from_mode(0o666)).unwrap())
    }),
    ("daemon-config", "of-this-shell", || {
        well(|made| {
            let config_fingerprint = Some(made.place().config.fingerprint());
            made.daemon_is(Status { config_fingerprint, ..status(42) });
            made.set("KACHE_MAX_SIZE", "5GiB");
        })
    }),
    ("daemon-config", "not-understood", || {
        well(|made| {
            let config_problems = vec!["config.toml:1: no".to_owned()];
            made.daemon_is(Status { config_problems, ..status(42) });
        })
    }),
];

const STORE: &[Case] = &[
    ("cache-directory", "open", || {
        well(|made| {
            made.make_dir("home/.cache/kache");
            made.mode("home/.cache/kache", 0o777);
        })
    }),
    ("cache-directory", "file", || well(|made| made.write("home/.cache/kache", ""))),
    ("file-system", "network", || well(|made| made.says().disk.kind = Some("NFS"))),
    ("file-system", "passing", || well(|made| made.says().disk.kind = Some("tmpfs"))),
    ("file-system", "without-links", || well(|made| made.says().disk.kind = Some("exFAT"))),
    ("room", "full", || well(|made| made.says().disk.free_bytes = 1 << 20)),
    ("room", "less-than-the-limit", || well(|made| made.says().disk.free_bytes = 9 << 30)),
    ("room", "few-files", || well(|made| made.says().disk.free_files = 100)),
    ("sharing", "copied", || {
        well(|made| {
            made.write("home/project/Cargo.toml", "[package]\nname = 'p'\n");
            made.make_dir("home/project/target");
            made.make_dir("home/.cache/kache");
            made.says().way = Way::Copy;
        })
    }),
    ("index", "damaged", || well(|made| made.write("home/.cache/kache/index.db", "no database"))),
    ("size", "collections-that-do-not-end", || {
        well(|made| {
            for (name, n_days) in [("gc.lock", 8), ("gc.stamp", 1)] {
                made.write(&format!("home/.cache/kache/{name}"), "");
                dated(&made.path(&format!("home/.cache/kache/{name}")), days_ago(n_days));
            }
        })
    }),
    ("size", "over-the-limit", || {
        well(|made| {
            made.blob(&"x".repeat(9_000));
            made.set("KACHE_MAX_SIZE", "1000");
        })
    }),
    ("seals", "written-to", || well(|made| fs::write(made.blob("whole"), "other").unwrap())),
    ("last-read", "altered", || {
        well(|made| {
            made.blob("whole");
            let mut scrub = Scrub::default();
            scrub.all_read(made.machine().now_ms - 5 * 86_400_000);
            scrub.found_altered(2, made.machine().now_ms - 3 * 86_400_000);
            scrub.save(&made.path("home/.cache/kache")).unwrap();
        })
    }),
    ("cleaning", "both", || {
        well(|made| {
            made.write("home/.config/kache/config.toml", "[clean]\nstale = \"14d\"\norphans = true\n");
        })
    }),
    ("clock", "sources-ahead", || {
        well(|made| {
            made.write("home/project/Cargo.toml", "[package]\nname = 'p'\n");
            made.write("home/project/src/lib.rs", "");
            let ahead = SystemTime::now() + Duration::from_secs(3600);
            dated(&made.path("home/project/src/lib.rs"), ahead);
        })
    }),
    ("clock", "of-another-machine", || {
        well(|made| {
            made.make_dir("home/.cache/kache");
            made.says().ahead_ms = 600_000;
        })
    }),
    ("limits", "few-open-files", || well(|made| made.says().open_files = Some(64))),
    ("limits", "open-to-everybody", || well(|made| made.answers("sh -c umask", 0, "0000\n"))),
    ("exclusions", "defender", || {
        well(|made| {
            made.says().platform =
                detect::Platform { system: "windows".to_owned(), ..detect::Platform::default() };
            made.answers("powershell ", 0, "True\r\n");
        })
    }),
];

const SETTINGS: &[Case] = &[
    ("settings", "mistyped", || {
        well(|made| {
            made.write("home/.config/kache/config.toml", "[cache]\nlocal_max_sise = \"5GiB\"\n");
        })
    }),
    ("settings", "no-size", || well(|made| made.set("KACHE_MAX_SIZE", "much"))),
    ("settings", "turned-off", || well(|made| made.set("KACHE_DISABLED", "1"))),
    ("secrets", "open", || {
        well(|made| {
            made.write("home/.config/kache/config.toml", "[cache.remote]\nsecret_key = \"s3cr3t\"\n");
            made.mode("home/.config/kache/config.toml", 0o644);
        })
    }),
    ("remote", "nobody-is-believed", || remote("bucket = \"b\"\ntrust = \"signed\"\n")),
    ("remote", "does-not-sign", || remote(&format!("dir = \"/shared\"\npublic_keys = [\"{PUBLIC_KEY}\"]\n"))),
    ("remote", "two", || remote("bucket = \"b\"\ndir = \"/shared\"\n")),
    ("remote-access", "not-mounted", || remote("dir = \"/nowhere/shared\"\n")),
    ("journal", "interrupted", || journal("status", "applying")),
    ("journal", "damaged", || journal("plan.json", "")),
    ("leftovers", "proof", || {
        well(|made| {
            made.make_dir("home/.local/state/kache/proof-1");
            dated(&made.path("home/.local/state/kache/proof-1"), days_ago(3));
        })
    }),
    ("ci", "nothing-restored", || well(|made| made.says().platform.ci = Some("GITHUB_ACTIONS"))),
    ("summary", "container", || well(|made| made.write("root/.dockerenv", ""))),
];

const PUBLIC_KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

/// A machine with these settings of the remote.
fn remote(settings: &str) -> Made {
    well(|made| made.write("home/.config/kache/config.toml", &format!("[cache.remote]\n{settings}")))
}

/// A machine with one change in its journal, of which this file is as given.
fn journal(file: &str, text: &str) -> Made {
    let made = Made::without_wiring();
    assert!(made.fix(Some("wrapper")));
    let entries = Journal::for_user(&made.env()).unwrap().entries().unwrap();
    let dir = made.path("home/.local/state/kache/journal/first");
    fs::rename(entries[0].dir(), &dir).unwrap();
    fs::write(dir.join(file), text).unwrap();
    made
}

fn cases() -> impl Iterator<Item = &'static Case> {
    [PROGRAM, CARGO, COMPILERS, DAEMON, STORE, SETTINGS].into_iter().flatten()
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/setup/doctor/tests/golden")
}

/// What is said of a machine; names in the place of what is of this build and this system.
fn said(made: &Made, id: &str) -> String {
    let socket = made.place().endpoint.path.file_name().unwrap().to_string_lossy().into_owned();
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let mut text = made.said(id);
    for (found, name) in [
        (socket.as_str(), "<socket>"),
        (&Build::current().to_string(), "<this build>"),
        (env!("CARGO_PKG_VERSION"), "<version>"),
        (&system, "<system>"),
        ("daemon-dev.log", "daemon.log"),
        (&format!("/{}.", name()), "/kache."),
        (&format!(" {}.", name()), " kache."),
        (&format!(" {}`", name()), " kache`"),
    ] {
        text = text.replace(found, name);
    }
    text + "\n"
}

/// What is said of a machine, and what once everything was done about it that can be.
fn told((id, broken, make): &Case) -> String {
    let made = make();
    let mut text = said(&made, id);
    assert!(!text.starts_with("  ok ") || *id == "summary", "{id}, {broken}: nothing is found");
    if made.fix(Some(id)) {
        text += &format!("\nAfter `kache doctor --fix`:\n{}", said(&made, id));
        // What is young stays in the store, so that fix can be called again.
        assert!(
            (*id, *broken) == ("size", "over-the-limit") || !made.fix(Some(id)),
            "{id}, {broken}: there is something to fix a second time"
        );
    }
    text
}

#[test]
fn what_is_said_of_each_machine_is_the_golden_text() {
    let files: Vec<PathBuf> =
        cases().map(|(id, broken, _)| golden().join(format!("{id}.{broken}.txt"))).collect();
    let asked = Env::from_process().get("REGENERATE").is_some();
    for (case, file) in cases().zip(&files) {
        let told = told(case);
        if asked {
            fs::create_dir_all(golden()).unwrap();
            fs::write(file, &told).unwrap();
        }
        let expected = fs::read_to_string(file).unwrap_or_default();
        assert_eq!(told, expected, "{}", file.display());
    }
    let found: BTreeSet<PathBuf> =
        fs::read_dir(golden()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(found, files.into_iter().collect(), "no text is left of a machine that is gone");
}

#[test]
fn there_is_a_machine_for_every_check() {
    let made: BTreeSet<&str> = cases().map(|(id, _, _)| *id).collect();
    let checks: BTreeSet<&str> = ALL.iter().chain(ONLINE).map(|check| check.id()).collect();
    assert_eq!(made, checks);
    assert!(cases().count() >= 80);
}
