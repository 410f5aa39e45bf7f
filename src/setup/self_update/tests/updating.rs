//! What an update does, and all that it refuses to do.

use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::release::{Key, SIGNATURE, SUMS, Server, archive};
use super::{Machine, TARGET, program, receipt};
use crate::setup::plan::Plan;
use crate::setup::self_update::fetch::ReleaseServer;
use crate::setup::self_update::update::{Availability, Staging};
use crate::sys::env::{Env, is_root};
use crate::sys::fs::fault;

/// Whether this process runs the test `name` and no other; if not, one that does is run. What other tests start could
/// inherit a lock, or a file that is being written.
fn is_alone(name: &str) -> bool {
    const ALONE: &str = "KACHE_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let path = format!("{}::{name}", module_path!().split_once("::").unwrap().1);
    let mut this = Command::new(std::env::current_exe().unwrap());
    let output = this.args([&path, "--exact"]).env(ALONE, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// 0.2.0 is there, with all that belongs to it.
fn is_updated(machine: &Machine) {
    assert_eq!(machine.says(), "kache 0.2.0");
    let files = machine.look();
    let of = |name: &str| files.get(&machine.path(name)).cloned().unwrap_or_default();
    assert_eq!(of(".local/bin/kache"), (0o100755, program("0.2.0")));
    assert_eq!(of(".local/bin/kache.prev"), (0o100755, program("0.1.0")));
    let (_, text) = of(".local/share/kache/receipt.json");
    let before = receipt("installer", &machine.exe(), "URL");
    let url = String::from_utf8(text.clone()).unwrap();
    let url = url.split("\"base_url\": \"").nth(1).unwrap().split('"').next().unwrap();
    let expected = before.replace("0.1.0", "0.2.0").replace("URL", url).replace("[1]", "[\n    1\n  ]");
    assert_eq!(String::from_utf8(text).unwrap(), expected);
    assert_eq!(files.len(), 3, "nothing else is left: {:?}", files.keys());
}

#[test]
fn a_newer_release_takes_the_place_of_the_program_which_is_kept() {
    let machine = Machine::with_release();
    let server = Server::start(&machine.releases.dir);
    machine.receipt(&server.url());
    let Availability::Newer(update) = machine.update().unwrap() else { panic!("there is a newer one") };
    is_updated(&machine);
    let text = update.plan.text();
    let titles = ["Keep kache 0.1.0\n", "Replace it with kache 0.2.0\n", "Update the installer's receipt\n"];
    assert!(titles.iter().all(|title| text.contains(title)), "{text}");
    assert!(text.contains("-  \"version\": \"0.1.0\",\n    +  \"version\": \"0.2.0\","), "{text}");
    assert!(matches!(machine.update_from("0.2.0").unwrap(), Availability::NothingNewer(_)));
    is_updated(&machine);
}

#[test]
fn the_second_update_keeps_the_program_of_the_first() {
    let machine = Machine::with_release();
    machine.update().unwrap();
    machine.publish("0.10.0", &program("0.10.0"));
    machine.update_from("0.2.0").unwrap();
    assert_eq!(machine.says(), "kache 0.10.0");
    assert_eq!(std::fs::read(machine.path(".local/bin/kache.prev")).unwrap(), program("0.2.0"));
}

#[test]
fn a_program_of_another_installation_that_is_kept_stays() {
    let machine = Machine::with_release();
    machine.write(".local/share/kache/installed", format!("foreign {}\n", machine.exe().display()));
    machine.write(".local/bin/kache.prev", "another's");
    machine.update().unwrap();
    assert_eq!(machine.says(), "kache 0.2.0");
    assert_eq!(std::fs::read(machine.path(".local/bin/kache.prev")).unwrap(), b"another's");
}

#[test]
fn wget_does_it_where_there_is_no_curl() {
    let mut machine = Machine::with_release();
    let server = Server::start(&machine.releases.dir);
    machine.receipt(&server.url());
    let Ok(wget) = Command::new("sh").args(["-c", "command -v wget"]).output() else { return };
    let wget = String::from_utf8(wget.stdout).unwrap();
    if wget.trim().is_empty() {
        return;
    }
    std::fs::create_dir_all(machine.path("tools")).unwrap();
    std::os::unix::fs::symlink(wget.trim(), machine.path("tools/wget")).unwrap();
    let tools = machine.path("tools");
    machine.env =
        Env::with_vars(&[("HOME", machine.path("").to_str().unwrap()), ("PATH", tools.to_str().unwrap())]);
    machine.update().unwrap();
    assert_eq!(machine.says(), "kache 0.2.0");
    std::fs::remove_file(machine.releases.dir.join(SUMS)).unwrap();
    assert!(machine.refused().contains("wget exited with"));
}

#[test]
fn a_release_that_is_not_signed_with_the_right_key_is_refused() {
    let machine = Machine::with_release();
    let list = std::fs::read(machine.releases.dir.join(SUMS)).unwrap();
    let good = std::fs::read_to_string(machine.releases.dir.join(SIGNATURE)).unwrap();
    let comment = "kache release format=1 version=0.2.0 expires=9999-12-31";
    let mut same_id = Key::new(2);
    same_id.set_id_of(&machine.releases.key);
    let without_hash = machine.releases.key.sign_as(b"Ed", &list, comment);
    let lines: Vec<&str> = good.lines().collect();
    for (signature, said) in [
        (Key::new(2).sign(&list, comment), "different key"),
        (same_id.sign(&list, comment), "cannot be trusted"),
        (machine.releases.key.sign(b"other", comment), "cannot be trusted"),
        (good.replace("version=0.2.0", "version=0.3.0"), "cannot be trusted"),
        (without_hash, "cannot be trusted"),
        (lines[..2].join("\n"), "is not a signature"),
        (lines[..3].join("\n"), "is not a signature"),
        (String::new(), "is not a signature"),
        ("<html>".to_owned(), "is not a signature"),
        (machine.releases.key.sign(&list, "timestamp:1"), "does not name its release"),
        (
            machine.releases.key.sign(&list, "kache release format=2 version=0.2.0"),
            "unknown release format 2",
        ),
    ] {
        machine.releases.write(SIGNATURE, signature);
        let refused = machine.refused();
        assert!(refused.contains(said), "{said}: {refused}");
    }
    machine.releases.write(SIGNATURE, good);
    machine.releases.write(SUMS, [&list[..], b"\n"].concat());
    assert!(machine.refused().contains("cannot be trusted"));
    machine.releases.write(SUMS, list);
    machine.update().unwrap();
    is_updated(&machine);
}

#[test]
fn a_release_may_be_signed_with_the_next_key() {
    let machine = Machine::with_release();
    let next = machine.releases.key.public();
    let look = |keys: &[&str]| {
        let installed = machine.installed("0.1.0").unwrap().unwrap();
        let staging = Staging::open(&machine.env).unwrap();
        installed.look(keys, &staging, &machine.env).map(|found| matches!(found, Availability::Newer(_)))
    };
    let current = Key::new(2).public();
    assert!(look(&[&current, &next]).unwrap());
    assert!(look(&[&next, &current]).unwrap());
    let refused = look(&[&current, &Key::new(3).public()]).unwrap_err().to_string();
    assert!(refused.contains("different key"), "{refused}");
}

#[test]
fn a_release_is_refused_after_it_expired() {
    let machine = Machine::with_release();
    let list = std::fs::read(machine.releases.dir.join(SUMS)).unwrap();
    let sign = |date: &str| {
        let comment = format!("kache release format=1 version=0.2.0 expires={date}");
        machine.releases.write(SIGNATURE, machine.releases.key.sign(&list, &comment));
    };
    sign("2026-01-31");
    assert!(machine.refused().contains("the list of release 0.2.0 expired on 2026-01-31"));
    let comment = "kache release format=1 version=0.2.0";
    machine.releases.write(SIGNATURE, machine.releases.key.sign(&list, comment));
    assert!(machine.refused().contains("does not name its release and expiry date"));
    // The last day counts; if midnight passes between these lines, the next day is still ahead.
    let tomorrow = crate::sys::clock::date(crate::sys::clock::now_ms() + 86_400_000);
    sign(&tomorrow);
    machine.update().unwrap();
    is_updated(&machine);
}

#[test]
fn a_program_that_another_user_could_replace_is_not_updated() {
    use std::os::unix::fs::PermissionsExt as _;
    let machine = Machine::with_release();
    for name in [".local/bin", ".local"] {
        let dir = machine.path(name);
        let set = |mode| std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(mode)).unwrap();
        set(0o777);
        let refused = machine.refused();
        assert!(refused.contains("another user could replace this program"), "{refused}");
        assert!(refused.contains(&dir.display().to_string()), "{refused}");
        // In a sticky directory, users cannot rename the files of others.
        set(0o1777);
        assert!(machine.installed("0.1.0").unwrap().is_some());
        assert_eq!(crate::sys::fs::trusted_directories(&machine.exe()), Ok(()));
        set(0o755);
    }
    machine.update().unwrap();
    is_updated(&machine);
}

#[test]
fn an_asset_that_is_not_what_was_signed_or_of_no_use_is_refused() {
    let machine = Machine::with_release();
    let asset = format!("download/v0.2.0/kache-{TARGET}.tar.gz");
    let good = archive(&program("0.2.0"), TARGET);
    for bad in [&good[..good.len() - 1], &good[..good.len() / 2], b"", b"<html>"] {
        machine.releases.write(&asset, bad);
        assert!(machine.refused().contains("checksum mismatch of "));
    }
    std::fs::remove_file(machine.releases.dir.join(&asset)).unwrap();
    assert!(machine.refused().contains("No such file"));
    // Signed, but wrong in itself.
    machine.releases.publish("0.2.0", TARGET, &good[..good.len() / 2]);
    assert!(machine.refused().contains("damaged"));
    machine.releases.publish("0.2.0", TARGET, &archive(&program("0.2.0"), "aarch64-apple-darwin"));
    assert!(machine.refused().contains("outside of its directory"));
    machine.releases.publish("0.2.0", "aarch64-apple-darwin", &good);
    assert!(machine.refused().contains(&format!("release 0.2.0 does not include kache-{TARGET}.tar.gz")));
    machine.releases.publish_list("0.2.0", "not a list\n");
    assert!(machine.refused().contains("line 1 of SHA256SUMS"));
}

#[test]
fn never_an_older_release_and_a_prerelease_only_for_a_prerelease() {
    let machine = Machine::new();
    let before = machine.look();
    for (here, there, is_newer) in [
        ("0.1.0", "0.1.0", false),
        ("0.1.0", "0.0.9", false),
        ("0.10.0", "0.9.0", false),
        ("0.1.0", "0.1.0-rc.1", false),
        ("0.1.0", "0.2.0-rc.1", false),
        ("0.2.0-rc.9", "0.2.0-rc.9", false),
        ("0.2.0-rc.9", "0.2.0-rc.10", true),
        ("0.2.0-rc.1", "0.2.0", true),
        ("0.9.0", "0.10.0", true),
    ] {
        machine.publish(there, &program(there));
        let staging = Staging::open(&machine.env).unwrap();
        let installed = machine.installed(here).unwrap().unwrap();
        let found = installed.look(&[&machine.releases.key.public()], &staging, &machine.env).unwrap();
        assert_eq!(matches!(found, Availability::Newer(_)), is_newer, "{here} {there}");
        drop(staging);
        assert_eq!(machine.look(), before, "looking changes nothing");
    }
}

#[test]
fn only_the_program_that_the_receipt_names_is_the_installers() {
    let machine = Machine::new();
    let is_ours = || machine.installed("0.1.0").map(|installed| installed.is_some());
    let name = ".local/share/kache/receipt.json";
    let other = machine.path("other");
    machine.write("other/kache", program("0.1.0"));
    for (text, expected) in [
        (receipt("installer", &machine.exe(), "https://host"), true),
        (receipt("homebrew", &machine.exe(), "https://host"), false),
        (receipt("installer", &other.join("kache"), "https://host"), false),
        (receipt("installer", &other.join("gone"), "https://host"), false),
    ] {
        machine.write(name, &text);
        assert_eq!(is_ours().unwrap(), expected, "{text}");
    }
    // The same program by another name is the same program.
    std::os::unix::fs::symlink(machine.exe(), other.join("link")).unwrap();
    machine.write(name, receipt("installer", &other.join("link"), "https://host"));
    assert!(is_ours().unwrap());
    std::fs::remove_file(machine.path(name)).unwrap();
    assert!(!is_ours().unwrap());
    for text in
        ["", "{}", "{\"format\": 2", &receipt("x", &other, "u").replace("\"format\": 1", "\"format\": 2")]
    {
        machine.write(name, text);
        assert!(is_ours().unwrap_err().to_string().contains("invalid installer's receipt"), "{text}");
    }
}

#[test]
fn a_program_that_does_not_work_here_is_not_installed() {
    let machine = Machine::new();
    for (program, said) in [
        (program("0.3.0"), "--version` says `kache 0.3.0`"),
        (b"#!/bin/sh\necho too bad >&2; exit 3\n".to_vec(), "--version` exited with 3 too bad"),
        (b"#!/nowhere/sh\n".to_vec(), "failed to run"),
        (b"\x7fELF and no more".to_vec(), "failed to run"),
        (b"#!/bin/sh\n[ \"$1\" = --version ] && echo kache 0.2.0\n".to_vec(), "rustc -vV` exited with 1"),
        (b"#!/bin/sh\necho kache 0.2.0\n".to_vec(), "prints something else than `rustc -vV`"),
    ] {
        machine.publish("0.2.0", &program);
        let refused = machine.refused();
        assert!(
            refused.contains("kache 0.2.0 was not installed, because it does not work here")
                && refused.contains(said),
            "{refused}"
        );
    }
}

#[test]
fn a_program_that_does_not_work_in_its_place_is_taken_back() {
    let machine = Machine::new();
    let only_staged = "#!/bin/sh\ncase $0 in */bin/kache) exit 9;; esac\n".to_owned();
    let new = only_staged + std::str::from_utf8(&program("0.2.0")[10..]).unwrap();
    machine.publish("0.2.0", new.as_bytes());
    let refused = machine.refused();
    assert!(refused.contains("does not work in its place") && refused.contains("exited with 9"), "{refused}");
    assert!(refused.ends_with("all changes were undone"), "{refused}");
    assert_eq!(machine.says(), "kache 0.1.0");
}

#[test]
fn a_disk_that_fails_at_any_step_leaves_everything_as_it_was() {
    if !is_alone("a_disk_that_fails_at_any_step_leaves_everything_as_it_was") {
        return;
    }
    for error in [ErrorKind::StorageFull, ErrorKind::PermissionDenied] {
        for n in 0.. {
            let machine = Machine::with_release();
            let before = machine.look();
            let (result, was_reached) = fault::fail_at(n, error, || machine.update().map(drop));
            if !was_reached {
                assert!(n > 12, "an update has more steps than {n}");
                result.unwrap();
                is_updated(&machine);
                break;
            }
            // What clears up may fail; the next update does it.
            drop(Staging::open(&machine.env).unwrap());
            match result {
                Ok(()) => is_updated(&machine),
                Err(failed) => assert_eq!(machine.look(), before, "step {n}: {failed}"),
            }
        }
    }
}

#[test]
fn an_update_killed_at_any_step_leaves_a_program_that_works_and_is_taken_back_by_the_next() {
    if !is_alone("an_update_killed_at_any_step_leaves_a_program_that_works_and_is_taken_back_by_the_next") {
        return;
    }
    for n in 0.. {
        let machine = Machine::with_release();
        let before = machine.look();
        let (result, has_crashed) = fault::crash_after(n, || machine.update().map(drop));
        if !has_crashed {
            result.unwrap();
            break;
        }
        assert!(["kache 0.1.0", "kache 0.2.0"].contains(&machine.says().as_str()), "step {n}");
        machine.journal().recover().unwrap();
        drop(Staging::open(&machine.env).unwrap());
        if result.is_ok() {
            is_updated(&machine);
            continue;
        }
        assert_eq!(machine.look(), before, "step {n}");
        machine.update().unwrap();
        is_updated(&machine);
    }
}

#[test]
fn a_build_that_runs_meanwhile_always_finds_a_whole_program() {
    if !is_alone("a_build_that_runs_meanwhile_always_finds_a_whole_program") {
        return;
    }
    let machine = Machine::new();
    let [stop, failed] = ["stop", "failed"].map(|name| machine.path(name));
    let script =
        "n=0; while [ ! -e \"$2\" ]; do \"$1\" sh -c : || echo $? >> \"$3\"; n=$((n + 1)); done; echo $n";
    let mut builds = Command::new("sh");
    builds.args(["-c", script, "sh"]).args([&machine.exe(), &stop, &failed]).stdout(Stdio::piped());
    let builds: Vec<_> = (0..2).map(|_| builds.spawn().unwrap()).collect();
    for (here, there) in [("0.1.0", "0.2.0"), ("0.2.0", "0.3.0"), ("0.3.0", "0.4.0"), ("0.4.0", "0.5.0")] {
        machine.publish(there, &program(there));
        assert!(matches!(machine.update_from(here).unwrap(), Availability::Newer(_)));
    }
    std::fs::write(stop, "").unwrap();
    for build in builds {
        let output = build.wait_with_output().unwrap();
        let n_calls: u32 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        assert!(n_calls > 4, "{n_calls} calls do not show much");
    }
    assert_eq!(std::fs::read_to_string(failed).unwrap_or_default(), "", "a call failed");
    assert_eq!(machine.says(), "kache 0.5.0");
}

#[test]
fn two_updates_at_a_time_do_not_meet() {
    let machine = Machine::with_release();
    let first = Staging::open(&machine.env).unwrap();
    assert_eq!(machine.update().err().unwrap().to_string(), "busy: another self-update is running");
    drop(first);
    machine.update().unwrap();
}

#[test]
fn a_directory_that_cannot_be_written_to_is_told_before_anything_is_downloaded() {
    use std::os::unix::fs::PermissionsExt as _;
    let machine = Machine::with_release();
    let set_mode = |mode| {
        std::fs::set_permissions(machine.path(".local/bin"), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set_mode(0o555);
    if !is_root() {
        assert!(machine.refused().contains("cannot replace the program: "));
    }
    set_mode(0o755);
    machine.update().unwrap();
}

#[test]
fn a_server_that_fails_or_never_ends_is_told() {
    let machine = Machine::with_release();
    let server = Server::start(&machine.releases.dir);
    let url = server.url();
    let source = ReleaseServer::new(&url, &machine.env).unwrap();
    let patience = Duration::from_secs(60);
    let said = |name: &str| source.get(name, 100_000, patience).unwrap_err().to_string();
    assert!(said("nothing").contains("404"), "{}", said("nothing"));
    assert_eq!(said("endless"), format!("{url}/endless is too large: more than 100000 bytes"));
    machine.releases.write("large", vec![0; 100_001]);
    machine.releases.write("fits", vec![0; 100_000]);
    assert!(said("large").contains("too large"));
    assert_eq!(source.get("fits", 100_000, patience).unwrap().len(), 100_000);
    let source_of_files = format!("file://{}", machine.releases.dir.display());
    let files = ReleaseServer::new(&source_of_files, &machine.env).unwrap();
    assert!(files.get("large", 100_000, patience).unwrap_err().to_string().contains("too large"));
    drop(server);
    assert!(said("fits").contains("fits: curl: (7)"), "{}", said("fits"));
}

#[test]
fn what_changed_after_it_was_planned_is_not_replaced() {
    let machine = Machine::with_release();
    let staging = Staging::open(&machine.env).unwrap();
    let installed = machine.installed("0.1.0").unwrap().unwrap();
    let found = installed.look(&[&machine.releases.key.public()], &staging, &machine.env).unwrap();
    let Availability::Newer(update) = found else { panic!("there is a newer one") };
    machine.write(".local/bin/kache", program("9.0.0"));
    let plan: &Plan = &update.plan;
    let refused = machine.journal().apply(plan, &mut || Ok(update.prove()?)).unwrap_err().to_string();
    assert!(refused.contains("changed after this was planned"), "{refused}");
    assert_eq!(machine.says(), "kache 9.0.0");
}
