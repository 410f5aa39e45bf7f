//! The programs that the script calls: those that are missing, and those that do not do what they should.

use crate::POSES;
use crate::machine::{Machine, find, have};
use crate::skip::skip;

#[test]
fn a_system_without_some_programs_installs_and_uninstalls_all_the_same() {
    for missing in [&["awk"][..], &["find"], &["cmp"], &["mktemp"], &["id", "ls", "tr"], &["cmp", "readlink"]]
    {
        let machine = Machine::with_release(POSES);
        machine.write(".profile", "no line break at the end");
        let before = machine.look();
        missing.iter().for_each(|program| machine.without(program));
        let said = machine.run("sh", &[]).with(0, "called: init -y");
        assert!(!said.contains("not found"), "{missing:?}: {said}");
        let after = machine.look();
        machine.run("sh", &[]).with(0, "is installed");
        assert_eq!(machine.look(), after, "{missing:?}: nothing is done a second time");
        machine.run("sh", &["--uninstall"]).with(0, "kache is removed");
        assert_eq!(machine.look(), before, "{missing:?}");
    }
}

#[test]
fn a_program_without_which_it_does_not_go_is_named() {
    for missing in ["tar", "gzip", "cut", "sed", "cp", "wc", "dirname", "uname"] {
        let machine = Machine::with_release(POSES);
        let before = machine.look();
        machine.without(missing);
        let said = machine.run("sh", &[]).with(1, &format!("not on PATH: {missing}\n"));
        assert!(said.contains("hint: install"), "{said}");
        assert_eq!(machine.look(), before, "{missing}");
    }
}

#[test]
fn links_of_dotfiles_stay_links_where_readlink_cannot_follow_them() {
    let machine = Machine::with_release(POSES);
    machine.write("dotfiles/bashrc", "mine\n");
    machine.link("dotfiles/bashrc", ".bashrc");
    machine.tool("readlink", "exit 1");
    let before = machine.look();
    machine.run("sh", &["--no-init"]).with(0, "is installed");
    machine.run("sh", &["--uninstall"]).with(0, "kache is removed");
    assert_eq!(machine.look(), before);
}

/// Installs over loopback with `curl` as this script.
fn downloads_with(curl: &str, code: i32, expected: &str) {
    if !have("curl") || !have("wget") {
        skip("curl", "a curl that cannot write is not tried: there is no curl or no wget");
        return;
    }
    let machine = Machine::with_release(POSES);
    let url = machine.serve();
    let real = find("curl").expect("it is here").display().to_string();
    machine.tool("curl", &curl.replace("REAL", &format!("exec {real} \"$@\"")));
    machine.run("sh", &["--base-url", &url, "--no-init"]).with(code, expected);
}

/// One in a sandbox may neither write to temporary directories nor to hidden ones.
#[test]
fn a_curl_that_cannot_write_is_read_from_or_followed_by_wget() {
    downloads_with("case \"$*\" in *--output*) echo no >&2; exit 23;; esac; REAL", 0, "is installed");
    downloads_with("echo no >&2; exit 23", 0, "wget is tried");
    downloads_with("exit 127", 0, "wget is tried");
    downloads_with("exit 77", 0, "wget is tried");
    // A server that refuses is not asked again.
    downloads_with("echo 'curl: (22) it said 404' >&2; exit 22", 1, "curl: (22) it said 404");
    downloads_with("echo 'curl: (1) http is disabled' >&2; exit 1", 1, "curl: (1) http is disabled");
}

/// A `wget` that is sent on by this header, and gets the release there all the same.
fn is_sent_on(header: &str) -> Machine {
    let machine = Machine::with_release(POSES);
    machine.without("curl");
    let only = machine.root().join("only/wget");
    let _ = std::fs::remove_file(&only);
    let release = machine.root().join("release").display().to_string();
    machine.tool(
        "wget",
        &format!(
            "hsts=$HOME/.wget-hsts\n\
             while [ $# -gt 1 ]; do case $1 in -O) to=$2;; --no-hsts) hsts=/dev/null;; esac; shift; done\n\
             case $1 in --help) echo ' --no-hsts'; exit;; esac; echo >\"$hsts\"\n\
             printf '  HTTP/1.1 302 Found\\r\\n  {header}\\r\\n' >&2\n\
             cp \"{release}/${{1##*/}}\" \"$to\""
        ),
    );
    let tools = machine.root().join("tools").display().to_string();
    let only = machine.root().join("only").display().to_string();
    machine.set("PATH", &format!("{tools}:{only}"));
    machine
}

#[test]
fn wget_is_not_sent_from_https_to_anything_else() {
    for header in [
        "Location: http://elsewhere/x",
        "location: HTTP://elsewhere/x",
        "LOCATION:ftp://elsewhere/x",
        "Location: https://good/x\\r\\n  Location: http://elsewhere/x",
    ] {
        let machine = is_sent_on(header);
        let before = machine.look();
        machine
            .run("sh", &["--base-url", "https://host.test/r"])
            .with(1, "is sent on to where nothing is downloaded from");
        assert_eq!(machine.look(), before, "{header}");
    }
    for header in ["Location: https://elsewhere/x", "Location: /x?to=http://a", "Location: //elsewhere/x"] {
        let machine = is_sent_on(header);
        machine.run("sh", &["--base-url", "https://host.test/r", "--no-init"]).with(0, "is installed");
        assert!(!machine.path(".wget-hsts").exists(), "it is noted nowhere");
    }
}

#[test]
fn wget_is_not_sent_from_this_machine_to_another() {
    for header in ["Location: http://elsewhere/x", "Location: //elsewhere/x", "Location: /x"] {
        let machine = is_sent_on(header);
        machine
            .run("sh", &["--base-url", "http://127.0.0.1:8080"])
            .with(1, "is sent on to where nothing is downloaded from");
    }
}
