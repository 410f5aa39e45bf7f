//! Programs that try to change files, succeed or fail, and read: what they read of what was there before must be seen,
//! whatever was tried before.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::super::super::{Observation, Scope};
use super::super::spawn;

/// The names at hand: files, directories, links (one leads nowhere), names that are missing, and a directory that must
/// not be written to.
const NAMES: [&str; 13] = [
    "file",
    "other",
    "full",
    "full/x",
    "empty",
    "link",
    "dangling",
    "linked",
    "linked/x",
    "none",
    "none/x",
    "closed/x",
    "closed/none",
];

const CHANGES: [&str; 14] = [
    "rename",
    "exclusive",
    "unlink",
    "rmdir",
    "mkdir",
    "truncate",
    "overwrite",
    "create",
    "append",
    "hardlink",
    "symlink",
    "mknod",
    "chmod",
    "cut",
];

const STEPS: &str = "KACHE_TEST_STEPS";
const NOBODY: u32 = 65_534;

/// One step: the kind, and two names.
type Step = (&'static str, &'static str, &'static str);

fn change() -> impl Strategy<Value = Step> {
    use prop::sample::select;
    (select(&CHANGES[..]), select(&NAMES[..]), select(&NAMES[..]))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![change(), (Just("read"), prop::sample::select(&NAMES[..]), Just(""))]
}

fn path(name: &str) -> std::ffi::CString {
    std::ffi::CString::new(name).unwrap()
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[expect(unsafe_code, reason = "std does not make these calls")]
fn change_by_call(kind: &str, name: &str, second: &str) -> io::Result<()> {
    let (name, second) = (path(name), path(second));
    let here = libc::AT_FDCWD;
    // SAFETY: all pointers are those of texts that live on; the calls keep none.
    checked(unsafe {
        match kind {
            "exclusive" => {
                libc::renameat2(here, name.as_ptr(), here, second.as_ptr(), libc::RENAME_NOREPLACE)
            }
            "mknod" => libc::mknod(name.as_ptr(), libc::S_IFREG | 0o644, 0),
            "cut" => libc::truncate(name.as_ptr(), 0),
            other => panic!("{other}"),
        }
    })
}

fn try_change((kind, name, second): (&str, &str, &str)) -> io::Result<()> {
    match kind {
        "rename" => fs::rename(name, second),
        "unlink" => fs::remove_file(name),
        "rmdir" => fs::remove_dir(name),
        "mkdir" => fs::create_dir(name),
        "truncate" => OpenOptions::new().write(true).truncate(true).open(name).map(drop),
        "overwrite" => fs::write(name, "new"),
        "create" => File::create_new(name).map(drop),
        "append" => OpenOptions::new().append(true).create(true).open(name).map(drop),
        "hardlink" => fs::hard_link(name, second),
        "symlink" => symlink(second, name),
        "chmod" => fs::set_permissions(name, fs::Permissions::from_mode(0o644)),
        _ => change_by_call(kind, name, second),
    }
}

/// What the observed program does: the steps, one in each line. Logs how each ended.
fn perform(steps: &str) {
    #[expect(unsafe_code, reason = "std does not become another user")]
    // SAFETY: the calls take numbers only.
    unsafe {
        // Root may do too much.
        if libc::geteuid() == 0 {
            assert_eq!(libc::setgid(NOBODY), 0);
            assert_eq!(libc::setuid(NOBODY), 0);
        }
    }
    let mut log = String::new();
    for line in steps.lines() {
        let words: Vec<&str> = line.split('\t').collect();
        let [kind, name, second] = words[..] else { panic!("{line}") };
        let said = match kind {
            "read" => fs::read_to_string(name).map(|content| format!("read {content}")),
            _ => try_change((kind, name, second)).map(|()| "done".to_owned()),
        };
        writeln!(log, "{}", said.unwrap_or_else(|e| format!("failed {e}"))).unwrap();
    }
    fs::write("log", log).unwrap();
}

fn lay_out(dir: &Path) {
    for name in ["full", "empty", "closed"] {
        fs::create_dir(dir.join(name)).unwrap();
    }
    for name in ["file", "other", "full/x", "full/y", "closed/x"] {
        fs::write(dir.join(name), format!("old {name}")).unwrap();
    }
    for (name, target) in [("link", "file"), ("dangling", "none"), ("linked", "full")] {
        symlink(target, dir.join(name)).unwrap();
    }
    for name in ["full/x", "file", "other", "full", "empty", ""] {
        // Without the right to, the program runs as this user anyway.
        let _ = std::os::unix::fs::chown(dir.join(name), Some(NOBODY), Some(NOBODY));
    }
    let mode =
        |name: &str, mode| fs::set_permissions(dir.join(name), fs::Permissions::from_mode(mode)).unwrap();
    mode("", 0o755);
    mode("closed/x", 0o444);
    mode("closed", 0o555);
}

/// Plays the steps under observation. Answers what was seen, and how each step ended.
fn play(dir: &Path, steps: &[Step]) -> (Observation, Vec<String>) {
    lay_out(dir);
    let lines: Vec<String> = steps.iter().map(|(kind, a, b)| format!("{kind}\t{a}\t{b}")).collect();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let test = "sys::observe::linux::own::tests::a_change_that_failed_leaves_every_name_an_input";
    command.args(["--exact", test]).env(STEPS, lines.join("\n")).current_dir(dir);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let (child, watching) = spawn(command, Scope::All).expect("programs can be observed here");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let seen = watching.finish();
    let log = fs::read_to_string(dir.join("log")).unwrap();
    (seen, log.lines().map(str::to_owned).collect())
}

fn is_read(seen: &Observation, file: &Path) -> bool {
    seen.accesses.iter().any(|access| (access.path == file || access.real == file) && access.uses.read)
}

/// The path, or the first name in it that is missing, counts.
fn counts(seen: &Observation, path: &Path) -> bool {
    seen.accesses.iter().any(|access| {
        access.uses.depends() && (path.starts_with(&access.path) || access.real.as_path() == path)
    })
}

fn check(steps: &[Step]) -> Result<(), TestCaseError> {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().canonicalize().unwrap();
    let (seen, ends) = play(&dir, steps);
    let _ = fs::set_permissions(dir.join("closed"), fs::Permissions::from_mode(0o755));
    if seen.incomplete.is_some() {
        return Ok(());
    }
    let mut is_changed = false;
    for ((kind, name, _), end) in steps.iter().zip(&ends) {
        let told = || format!("{name}: {steps:?} {ends:?}\n{:#?}", seen.accesses);
        if let Some(original) = end.strip_prefix("read old ") {
            prop_assert!(is_read(&seen, &dir.join(original)), "{}", told());
        }
        if *kind == "read" && !is_changed {
            prop_assert!(counts(&seen, &dir.join(name)), "{}", told());
        }
        is_changed |= *kind != "read" && end == "done";
    }
    Ok(())
}

/// Each case starts a program: a few, unless more are asked for.
fn config() -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(48),
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_was_there_before_and_is_read_is_seen(
        steps in prop::collection::vec(step(), 0..5), last in change(), read in prop::sample::select(&NAMES[..]),
    ) {
        let names = [last.1, last.2, read].map(|name| ("read", name, ""));
        check(&[steps, vec![last], names.to_vec()].concat())?;
    }
}

/// Changes that fail, one for each way in which they can.
const FAILURES: [Step; 30] = [
    ("rename", "none", "file"),
    ("rename", "none/x", "other"),
    ("rename", "file", "full"),
    ("rename", "full", "file"),
    ("rename", "empty", "full"),
    ("rename", "full", "full/x"),
    ("rename", "file", "closed/x"),
    ("rename", "closed/x", "none"),
    ("rename", "file", "none/x"),
    ("exclusive", "other", "file"),
    ("unlink", "full", ""),
    ("unlink", "none", ""),
    ("unlink", "closed/x", ""),
    ("rmdir", "full", ""),
    ("rmdir", "file", ""),
    ("rmdir", "linked", ""),
    ("mkdir", "file", ""),
    ("mkdir", "closed/none", ""),
    ("truncate", "full", ""),
    ("truncate", "closed/x", ""),
    ("truncate", "dangling", ""),
    ("overwrite", "closed/none", ""),
    ("overwrite", "closed/x", ""),
    ("create", "link", ""),
    ("append", "closed/none", ""),
    ("hardlink", "none", "other"),
    ("symlink", "link", "other"),
    ("mknod", "full/x", ""),
    ("chmod", "closed/x", ""),
    ("cut", "closed/x", ""),
];

#[test]
fn a_change_that_failed_leaves_every_name_an_input() {
    // This very test is the program that is observed.
    if let Ok(steps) = std::env::var(STEPS) {
        return perform(&steps);
    }
    let reads = NAMES.map(|name| ("read", name, ""));
    let dir = tempfile::tempdir().unwrap();
    let mut rename = FAILURES.to_vec();
    rename.extend(reads);
    let (_, ends) = play(&dir.path().canonicalize().unwrap(), &rename);
    let _ = fs::set_permissions(dir.path().join("closed"), fs::Permissions::from_mode(0o755));
    let is_failed = |(_, end): &(&Step, &String)| end.starts_with("failed");
    assert_eq!(FAILURES.iter().zip(&ends).filter(is_failed).count(), FAILURES.len(), "{ends:?}");
    check(&rename).unwrap();
    for failure in FAILURES {
        let (kind, a, b) = failure;
        let read = |name| ("read", name, "");
        let one = if b.is_empty() { vec![failure, read(a)] } else { vec![failure, read(a), read(b)] };
        check(&one).unwrap_or_else(|e| panic!("{kind} {a} {b}: {e}"));
    }
}
