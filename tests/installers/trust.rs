//! What is installed, and for whom: where it comes from, which release the signature is of, and who may call the script.

use crate::machine::{Machine, have};
use crate::skip::skip;
use crate::{NEWER, POSES};

const ALIASES: [&str; 14] = [
    "http://127.0.0.1:80@other.test/",
    "http://127.0.0.1@other.test",
    "http://localhost:@other.test/r",
    "http://localhost:80:80@other.test/r",
    "http://127.0.0.1.other.test/r",
    "http://127.0.0.1:80.other.test/r",
    "http://localhost\\@other.test/",
    "http://localhost?@other.test/",
    "http://localhost#@other.test/",
    "http://[::1]@other.test/",
    "http://other.test/127.0.0.1/",
    "HTTP://127.0.0.1/",
    "https://",
    "file://other.test/r",
];

#[test]
fn what_only_looks_like_this_machine_is_not_downloaded_from() {
    let machine = Machine::with_release(POSES);
    machine.tool("curl", "echo called >&2; exit 1");
    machine.tool("wget", "echo called >&2; exit 1");
    for url in ALIASES {
        let said = machine.run("sh", &["--base-url", url]).with(1, "this address is neither https:// nor");
        assert!(!said.contains("called"), "{url}: {said}");
    }
    for url in ["http://127.0.0.1", "http://localhost:8080/r/", "http://[::1]:80", "https://host.test/r"] {
        machine.run("sh", &["--base-url", url, "--dry-run"]).with(0, "would download: ");
    }
}

#[test]
fn what_is_not_checked_is_said() {
    let machine = Machine::with_release(POSES);
    machine
        .run("sh", &["--no-init"])
        .with(0, "and not who made it: no key is known to check the signature with");
    machine.without("minisign");
    let args = ["--public-key", "RWQ", "--no-init"];
    machine.run("sh", &args).with(0, "and not who made it: there is neither minisign nor rsign");
    machine.run("sh", &["--from-source", "--require-signature"]).with(1, "sources have no signature");
}

/// A release of `program`, signed with `comment`. Answers the key; none where there is no minisign.
fn signed(machine: &Machine, comment: &str) -> Option<String> {
    if !have("minisign") {
        skip("minisign", "signatures are not tried: there is no minisign");
        return None;
    }
    let key = machine.key("one");
    machine.sign("one", comment);
    Some(key)
}

#[test]
fn a_signature_that_is_not_of_this_release_is_refused() {
    for (comment, expected) in [
        ("kache release format=1 version=0.2.0", "was signed as kache 0.2.0, and holds kache 0.1.0"),
        ("kache release format=1 version=0.1", "was signed as kache 0.1, and holds kache 0.1.0"),
        ("timestamp:1 file:kache.tar.gz", "does not say which release it is of"),
        ("kache release format=1", "does not say which release it is of"),
        ("kache release version=0.1.0", "does not say which release it is of"),
        ("another release format=1 version=0.1.0", "does not say which release it is of"),
        ("kache release format=2 version=0.1.0", "has format 2, which this script does not know"),
    ] {
        let machine = Machine::with_release(POSES);
        let Some(key) = signed(&machine, comment) else { return };
        let before = machine.look();
        let said = machine.run("sh", &["--public-key", &key]).with(1, expected);
        assert!(said.contains("hint: "), "{said}");
        assert_eq!(machine.look(), before, "{comment}");
    }
    let machine = Machine::with_release(POSES);
    let Some(key) = signed(&machine, "kache release date=now version=0.1.0 format=1 more") else { return };
    machine.run("sh", &["--public-key", &key, "--require-signature", "--no-init"]).with(0, "is installed");
}

#[test]
fn an_old_release_is_not_passed_off_as_another() {
    let machine = Machine::with_release(POSES);
    let Some(key) = signed(&machine, "kache release format=1 version=0.1.0") else { return };
    let before = machine.look();
    let url = machine.release_below("download/v0.2.0");
    let named = format!("{url}/download/v0.2.0");
    let args = ["--public-key", &key, "--base-url", &named];
    machine.run("sh", &args).with(1, "is that of kache 0.1.0, and not of 0.2.0");
    let script = machine.script_of_release("0.2.0");
    let archive = machine.archive().display().to_string();
    for args in [&["--public-key", &key][..], &["--public-key", &key, "--archive", &archive]] {
        machine.run_script("sh", &script, args).with(1, "is that of kache 0.1.0, and not of 0.2.0");
    }
    assert_eq!(machine.look(), before);
    let script = machine.script_of_release("0.1.0");
    let args = ["--public-key", &key, "--no-init"];
    machine.run_script("sh", &script, &args).with(0, "kache 0.1.0 is installed");
}

#[test]
fn an_installed_program_is_not_taken_for_one_that_was_signed_as_another() {
    let machine = Machine::with_release(NEWER);
    machine.run("sh", &["--no-init"]).with(0, "kache 0.2.0 is installed");
    let Some(key) = signed(&machine, "kache release format=1 version=0.3.0") else { return };
    let before = machine.look();
    machine.run("sh", &["--public-key", &key]).with(1, "was signed as kache 0.3.0, and holds kache 0.2.0");
    assert_eq!(machine.look(), before);
}

#[test]
fn rsign_says_which_release_the_signature_is_of() {
    let machine = Machine::with_release(POSES);
    machine.without("minisign");
    let release = machine.archive().display().to_string();
    std::fs::write(format!("{release}.sig"), "").unwrap();
    let tools = machine.root().join("tools").display().to_string();
    machine.set("PATH", &format!("{tools}:{}", machine.root().join("only").display()));
    for (comment, code, expected) in [
        ("kache release format=1 version=0.2.0", 1, "was signed as kache 0.2.0"),
        ("timestamp:1", 1, "does not say which release"),
        ("kache release format=1 version=0.1.0", 0, "is installed"),
    ] {
        machine.tool(
            "rsign",
            &format!(
                "echo 'Signature and comment signature verified' >&2; echo 'Trusted comment: {comment}' >&2"
            ),
        );
        machine.run("sh", &["--public-key", "RWQ", "--no-init"]).with(code, expected);
    }
    machine.tool("rsign", "echo 'Trusted comment: kache release format=1 version=0.1.0' >&2; exit 1");
    machine.run("sh", &["--public-key", "RWQ"]).with(1, "is not from the key RWQ");
}

#[test]
fn root_for_somebody_else_is_refused_unless_meant() {
    let machine = Machine::with_release(POSES);
    let before = machine.look();
    machine.tool("id", "case $1 in -u) echo 0;; *) echo root;; esac");
    machine.tool("ls", "echo 'drwxr-xr-x 5 0 0 4096 Nov 1 10:00 home'");
    machine.set("SUDO_USER", "someone");
    for args in [&[][..], &["--dry-run"], &["--uninstall"]] {
        let said = machine.run("sh", args).with(1, "this was called as root by someone");
        assert!(said.contains("hint: run it as the user who shall have kache, without sudo"), "{said}");
    }
    machine.unset("SUDO_USER");
    machine.set("DOAS_USER", "someone");
    machine.run("sh", &[]).with(1, "this was called as root by someone");
    machine.unset("DOAS_USER");
    machine.tool("ls", "echo 'drwxr-xr-x 5 1000 1000 4096 Nov 1 10:00 home'");
    machine.run("sh", &[]).with(1, "belongs to the user with the number 1000");
    assert_eq!(machine.look(), before);
    machine.run("sh", &["--allow-root", "--dry-run"]).with(0, "Nothing was changed");
    machine.set("CI", "true");
    machine.run("sh", &["--dry-run"]).with(0, "note: this was called as root");
}

#[test]
fn root_in_its_own_home_and_users_are_not_asked() {
    let machine = Machine::with_release(POSES);
    machine.tool("ls", "echo 'drwxr-xr-x 5 0 0 4096 Nov 1 10:00 home'");
    for number in [0, 1000] {
        machine.tool("id", &format!("case $1 in -u) echo {number};; *) echo somebody;; esac"));
        let said = machine.run("sh", &["--no-init"]).with(0, "is installed");
        assert!(!said.contains("as root"), "{said}");
    }
}
