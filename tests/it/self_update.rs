//! `kache self-update` as it is called: whose program it is decides. What an update does is shown beside its code,
//! with a key that tests can sign with.

use crate::home::{Ended, Home};

const RECEIPT: &str = ".local/share/kache/receipt.json";

fn receipt(home: &Home, name: &str) -> String {
    let path = home.path(name).display().to_string();
    format!(
        r#"{{"format":1,"method":"installer","version":"0.1.0","target":"t","path":"{path}","base_url":"file:///r"}}"#
    )
}

#[test]
fn who_looks_after_the_program_is_named_with_the_command_and_nothing_is_done() {
    let home = Home::new();
    for (name, said) in [
        (
            ".cargo/bin/kache",
            "was installed by cargo, which also updates it\nhint: run: cargo install kache\n",
        ),
        (
            "brew/Cellar/kache/0.1.0/bin/kache",
            "by Homebrew, which also updates it\nhint: run: brew upgrade kache\n",
        ),
        (
            ".local/share/mise/installs/kache/0.1.0/bin/kache",
            "by mise, which also updates it\nhint: run: mise up",
        ),
        (
            "tools/kache",
            "was not installed by the kache installer, and is not updated\nhint: update it the way",
        ),
    ] {
        home.install(name);
        let before = home.look();
        for args in [&["self-update"][..], &["self-update", "-y"], &["self-update", "--check", "--json"]] {
            let output = home.command(home.path(name)).args(args).output().expect("kache starts");
            Ended::of(output).with(1, said);
            assert_eq!(home.look(), before);
        }
    }
    home.write(RECEIPT, receipt(&home, "tools/kache"));
    home.run(&["self-update", "-y"]).with(1, "hint: run: cargo install kache");
}

#[test]
fn a_build_without_a_key_for_releases_trusts_none() {
    let home = Home::new();
    home.write(RECEIPT, receipt(&home, ".cargo/bin/kache"));
    let before = home.look();
    home.run(&["self-update", "-y"]).with(1, "this build has no public key to verify releases with");
    home.write(RECEIPT, "{}");
    home.run(&["self-update", "--check"]).with(1, "receipt.json: missing field");
    home.write(RECEIPT, receipt(&home, ".cargo/bin/kache"));
    assert_eq!(home.look(), before);
}
