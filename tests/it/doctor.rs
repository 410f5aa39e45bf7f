//! `kache doctor` in homes of their own, with real cargo.

use crate::home::Home;

/// A home in which nothing of the machine's other configuration shows.
fn home() -> Home {
    let mut home = Home::new();
    home.package("project");
    home.within("project");
    home
}

#[test]
fn what_is_broken_is_found_put_right_and_taken_back_with_uninstall() {
    let home = home();
    home.write(".zshrc", "export SCCACHE_LOG=debug\nexport RUSTC_WRAPPER=sccache # mine\n");
    // One that is not there would not be put back by uninstall: no cargo command would work.
    home.wrapper(".cargo/bin/sccache");
    let sccache = home.path(".cargo/bin/sccache").display().to_string();
    home.write(".cargo/config.toml", format!("[build]\nrustc-wrapper = \"{sccache}\" # fast\n"));
    let before = home.look();
    home.run(&["doctor"]).with(1, "sccache is set up in 3 places").with(1, "fix: `kache doctor --fix`");
    assert_eq!(home.look(), before, "looking changes nothing");
    home.run(&["doctor", "--fix"]).with(2, "there is nobody to ask");
    assert_eq!(home.look(), before, "nobody agreed");
    home.run(&["doctor", "--fix", "-y"]).with(0, "cargo was asked, and calls kache");
    assert!(home.read(".zshrc").ends_with("\n: # kache: was export RUSTC_WRAPPER=sccache # mine\n"));
    home.cargo_works();
    std::fs::remove_dir_all(home.path("works")).unwrap();
    std::fs::remove_dir_all(home.path(".cache")).unwrap();
    let _ = std::fs::remove_file(home.path(".cargo/.package-cache-mutate"));
    let after = home.look();
    home.run(&["doctor", "--fix", "-y"]).with(0, "All is well");
    assert_eq!(home.look(), after, "there is nothing to do a second time");
    home.run(&["doctor"]).with(0, "All is well");
    home.run(&["uninstall", "-y"]).with(0, "Done");
    assert_eq!(home.look(), before, "uninstall");
}

#[test]
fn a_store_is_verified_and_its_index_made_anew() {
    let home = home();
    home.run(&["init", "-y"]).with(0, "Done");
    home.cargo_works();
    home.run(&["doctor", "--verify"]).with(0, "The store is sound");
    let report = home.run(&["doctor", "--verify", "--json"]);
    report.with(0, "\"is_sound\": true").with(0, "\"format\": 1");
    let mut dirs = vec![home.path(".cache/kache/store/v1/blobs")];
    let mut blobs = Vec::new();
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { dirs.push(path) } else { blobs.push(path) }
        }
    }
    std::fs::write(&blobs[0], "altered").unwrap();
    home.run(&["doctor", "--verify"]).with(1, "blobs were not what was stored, and are out of service");
    assert!(!blobs[0].exists());
    home.run(&["doctor", "--verify"]).with(0, "lack a blob, and are compiled again");
    home.write(".cache/kache/index.db", "no database");
    home.run(&["doctor"]).with(1, "is damaged");
    home.run(&["doctor", "--rebuild-index"]).with(0, "the index is made anew, and knows");
    home.run(&["doctor"]).with(0, "All is well");
}

#[test]
fn programs_get_one_object_and_a_cache_of_sccache_goes_when_it_is_asked_for() {
    let home = home();
    home.run(&["init", "-y"]).with(0, "Done");
    home.write(".cache/sccache/a/b/abc", "object");
    home.run(&["doctor"]).with(0, "only its cache is left");
    let report = home.run(&["doctor", "--json"]);
    report.with(0, "\"format\": 1").with(0, "\"is_well\": true").with(0, "\"id\": \"cargo-calls\"");
    home.run(&["doctor", "--purge-sccache"]).with(2, "--fix");
    home.run(&["doctor", "--fix", "--json"]).with(2, "-y");
    home.run(&["doctor", "--fix", "--purge-sccache", "-y"]).with(0, "sccache is nowhere");
    assert!(!home.path(".cache/sccache").exists());
    home.write(".cache/sccache/thesis.txt", "years of work");
    home.run(&["doctor", "--fix", "--purge-sccache", "-y"]).with(0, "which is not sccache's");
    assert!(home.path(".cache/sccache/thesis.txt").exists());
}
