//! The program, what was installed with it, and who finds it.

use super::made::Made;
use crate::setup::doctor::machine::Page;
use crate::setup::service::detect;

#[test]
fn a_wrapper_that_only_a_shell_finds_is_named_by_its_path() {
    let mut made = Made::well();
    made.is_ok("gui-path");
    made.write("home/.cargo/config.toml", "[build]\nrustc-wrapper = \"kache\"\n");
    made.answers("systemctl --user show-environment", 0, "LANG=C\nPATH=/nowhere/bin:/nowhere\n");
    made.says_of(
        "gui-path",
        &[
            "PROBLEM gui-path `kache`, set by /home/.cargo/config.toml:2, is not in the desktop's PATH: cargo fails in \
             editors started there",
            "PATH there is /nowhere/bin:/nowhere",
            "fix: `kache doctor --fix`",
        ],
    );
    made.is_fixed("gui-path");

    made.write("home/.cargo/config.toml", "[build]\nrustc-wrapper = \"kache\"\n");
    let with_it = format!("PATH={}\n", made.path("home/.cargo/bin").display());
    made.answers("systemctl --user show-environment", 0, &with_it);
    made.is_ok("gui-path");
    made.says().platform = detect::Platform { system: "macos".to_owned(), ..detect::Platform::default() };
    let said = made.said("gui-path");
    assert!(said.starts_with("  note") && said.contains("usually /usr/bin:/bin:/usr/sbin:/sbin"), "{said}");
    made.answers("launchctl getenv PATH", 0, &with_it.replace("PATH=", ""));
    made.is_ok("gui-path");
    made.says().platform.system = "windows".to_owned();
    made.is_ok("gui-path");
}

#[test]
fn a_wrapper_that_only_a_variable_sets_is_not_there_for_editors() {
    let mut made = Made::without_wiring();
    made.is_ok("gui-path");
    made.set("RUSTC_WRAPPER", "kache");
    assert!(
        made.said("gui-path").contains("only an environment variable of this shell makes cargo call kache")
    );
    made.is_fixed("gui-path");
}

#[test]
fn completions_of_another_version_are_written_again() {
    let mut made = Made::well();
    made.pages = vec![
        Page { place: "bash-completion/completions/kache", text: "new\n".to_owned() },
        Page { place: "config/fish/completions/kache.fish", text: "fish\n".to_owned() },
    ];
    assert!(made.said("completions").contains("none are installed for this user"));
    made.write("home/.local/share/bash-completion/completions/kache", "old\n");
    made.write("home/.config/fish/completions/kache.fish", "fish\n");
    made.says_of(
        "completions",
        &[
            "note completions completions or manual pages of another version are installed",
            "/home/.local/share/bash-completion/completions/kache",
            "fix: `kache doctor --fix`",
        ],
    );
    made.is_fixed("completions");
    assert_eq!(made.read("home/.local/share/bash-completion/completions/kache"), "new\n");
}

#[test]
fn a_manual_page_of_another_version_is_told_of() {
    let made = Made::well();
    let page = |version: &str| format!(".ie n\n.TH kache 1  \"kache {version}\" \n");
    made.write("home/.local/share/man/man1/kache.1", &page(env!("CARGO_PKG_VERSION")));
    made.is_ok("completions");
    made.write("home/.local/share/man/man1/kache.1", &page("0.0.1"));
    assert!(made.said("completions").contains("/home/.local/share/man/man1/kache.1"));
    assert!(!made.fix(Some("completions")), "this program has none to write");
}

#[test]
fn a_newer_release_is_told_with_the_command_of_who_installed_this_one() {
    let mut made = Made::well();
    assert!(made.said("release").contains("the release server is unknown"));
    assert!(made.said("release").contains("hint: run: cargo install kache"));
    let receipt = |path: &str| {
        format!(
            r#"{{"format":1,"method":"installer","version":"0.1.0","target":"t","path":"{path}","base_url":"https://host/releases"}}"#
        )
    };
    made.write("home/.local/share/kache/receipt.json", &receipt("/gone/kache"));
    made.says().newest = Some("99.0.0");
    made.says_of(
        "release",
        &[
            &format!("note release kache 99.0.0 is available; this is {}", env!("CARGO_PKG_VERSION")),
            "hint: run: cargo install kache",
        ],
    );
    let own = made.path("home/.cargo/bin/kache");
    made.write("home/.local/share/kache/receipt.json", &receipt(own.to_str().unwrap()));
    assert!(made.said("release").contains("hint: run: kache self-update"));
    for newest in ["0.0.1", "99.0.0-rc.1", env!("CARGO_PKG_VERSION")] {
        made.says().newest = Some(newest);
        made.is_ok("release");
    }
    made.says().newest = None;
    assert!(made.said("release").contains("this build knows no key"));
    made.write("home/.local/share/kache/receipt.json", "{");
    assert!(made.said("release").contains("run the installer again"));
}
