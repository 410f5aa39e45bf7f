//! Programs that want to take over, good and bad.

#![allow(clippy::disallowed_methods, reason = "they make files for the code under test")]

use super::*;
#[cfg(unix)]
use crate::protocol::build::BuildId;

#[cfg(unix)]
fn running() -> Build {
    Build { id: BuildId([1; 16]), version: "1.0.0".into(), time: 1, is_dev: false }
}

#[cfg(unix)]
fn program(dir: &Path, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = dir.join(fs::unique_name());
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[cfg(unix)]
fn judged(script: &str) -> Verdict {
    let dir = tempfile::tempdir().unwrap();
    judge(&program(dir.path(), script), &running(), Reason::Replaced)
}

#[test]
#[cfg(unix)]
fn what_cannot_run_or_is_not_kache_does_not_take_over() {
    let cannot = |verdict: Verdict, words: &str| match verdict {
        Verdict::Cannot(why) if why.to_string().contains(words) => {}
        other => panic!("{words}: {other:?}"),
    };
    cannot(judged("exit 1"), "preflight failed");
    cannot(judged("echo no room >&2; exit 3"), "no room");
    cannot(judged("kill -9 $$"), "preflight failed");
    cannot(judged("echo hello"), "does not answer as kache");
    cannot(judged("exec sleep 600"), "failed to run");
    cannot(judged("exec >&- 2>&-; exec sleep 600"), "failed to run");
    cannot(judge(Path::new("/missing/kache"), &running(), Reason::Replaced), "/missing/kache: ");
    cannot(judge(Path::new("/"), &running(), Reason::Replaced), "not a program");
    let dir = tempfile::tempdir().unwrap();
    let half = dir.path().join("half");
    std::fs::write(&half, b"\x7fELF").unwrap();
    cannot(judge(&half, &running(), Reason::Replaced), "not a program");
}

#[test]
#[cfg(unix)]
fn a_binary_that_others_can_write_is_not_even_asked() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("ran");
    let path = program(dir.path(), &format!("touch {}", mark.display()));
    for mode in [0o775, 0o757, 0o777] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let Verdict::Cannot(why) = judge(&path, &running(), Reason::Replaced) else { panic!("{mode:o}") };
        assert!(why.to_string().contains("chmod go-w"), "{why}");
    }
    assert!(!mark.exists());
}

#[test]
#[cfg(unix)]
fn what_a_binary_says_of_itself_decides() {
    let says = |id: &str, version: &str, dev: bool, handover: u32| {
        let build = format!(
            r#"{{"id":"{}","version":"{version}","time":1,"is_dev":{dev}}}"#,
            id.repeat(32 / id.len())
        );
        judged(&format!(
            r#"echo '{{"build":{build},"protocol":{{"major":9,"minor":0}},"handover":{handover},"more":1}}'"#
        ))
    };
    assert!(matches!(says("2", "0.9.0", false, 1), Verdict::Go(build) if build.version == "0.9.0"));
    assert!(matches!(says("01", "1.0.0", false, 1), Verdict::Same));
    assert!(
        matches!(says("2", "2.0.0", true, 1), Verdict::Cannot(why) if why.to_string().contains("development"))
    );
    assert!(
        matches!(says("2", "2.0.0", false, 2), Verdict::Cannot(why) if why.to_string().contains("restart"))
    );
}

#[test]
fn a_file_that_was_refused_is_left_alone_for_a_while() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kache");
    std::fs::write(&path, "new").unwrap();
    let mut launch = Launch { path: path.clone(), known: None, refused: None };
    let found = launch.changed().unwrap();
    launch.refuse(found);
    assert_eq!(launch.changed(), None);
    launch.refuse(found);
    assert_eq!(launch.refused.as_ref().unwrap().pause, FIRST_PAUSE * 2);
    std::fs::write(&path, "another").unwrap();
    let other = launch.changed().expect("another file is looked at at once");
    launch.mark_known(other);
    assert_eq!(launch.changed(), None);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(launch.changed(), None, "nothing there is nothing to change to");
}
