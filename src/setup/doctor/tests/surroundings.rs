//! What surrounds the store, and what is told of a machine.

use std::time::{Duration, SystemTime};

use super::made::Made;
use crate::setup::doctor::examine::{ALL, examine};
use crate::setup::doctor::show;
use crate::setup::service::detect;

#[test]
fn times_that_lie_ahead_are_told_of() {
    let mut made = Made::well();
    made.is_ok("clock");
    let hour_ahead = |path: std::path::PathBuf| {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(3600)).unwrap();
    };
    made.write("home/project/Cargo.toml", "[package]\nname = 'p'\n");
    for other in ["target/debug/build/x.rs", ".git/x.rs", "notes.txt"] {
        made.write(&format!("home/project/{other}"), "");
        hour_ahead(made.path(&format!("home/project/{other}")));
    }
    made.is_ok("clock");
    made.write("home/project/src/inner/mod.rs", "");
    hour_ahead(made.path("home/project/src/inner/mod.rs"));
    made.says_of(
        "clock",
        &[
            "PROBLEM clock 1 file here has a time in the future",
            "/home/project/src/inner/mod.rs",
            "hint: cargo recompiles such packages in every build: set the clock and `touch` the files",
        ],
    );
    made.make_dir("home/.cache/kache");
    made.says().ahead_ms = 600_000;
    assert!(
        made.said("clock").contains("of the store's file system are 600 s apart"),
        "{}",
        made.said("clock")
    );
    made.write("home/.cache/kache/records/a.jsonl", "");
    hour_ahead(made.path("home/.cache/kache/records/a.jsonl"));
    assert!(made.said("clock").contains("s in the future"));
}

#[test]
fn few_open_files_and_files_open_to_everybody_are_told_of() {
    let mut made = Made::well();
    made.is_ok("limits");
    for (umask, level) in
        [("0022\n", "ok"), ("077\n", "ok"), ("0002\n", "ok"), ("0\n", "PROBLEM"), ("0777\n", "PROBLEM")]
    {
        made.answers("sh -c umask", 0, umask);
        assert!(made.said("limits").starts_with(&format!("  {level} ")), "{umask}");
    }
    made.says().platform.system = "windows".to_owned();
    made.is_ok("limits");
    made.says().open_files = Some(64);
    assert!(made.said("limits").contains("may open only 64 files"));
}

#[test]
fn a_store_that_defender_looks_through_is_told_of() {
    let mut made = Made::well();
    made.is_ok("exclusions");
    made.says().platform = detect::Platform { system: "windows".to_owned(), ..detect::Platform::default() };
    made.is_ok("exclusions");
    made.answers("powershell ", 0, "False\r\n");
    made.is_ok("exclusions");
    made.set("KACHE_CACHE_DIR", "/Users/ann's/kache");
    made.answers("powershell ", 0, "True\r\nN/A: Must be an administrator to view exclusions\r\n");
    made.says_of(
        "exclusions",
        &[
            "note exclusions Defender scans every file of the store on access",
            "hint: to exclude it, run as an administrator: Add-MpPreference -ExclusionPath '/Users/ann''s/kache'",
            "a Dev Drive, which is scanned later, is faster too: `cache.local_store`",
        ],
    );
    for (excluded, is_left_out) in
        [(r"\users\ANN'S", true), (r"\Users\ann's\kache\", true), (r"\Users\ann", false), ("", false)]
    {
        made.answers("powershell ", 0, &format!("True\r\nD:\\other\r\n{excluded}\r\n"));
        assert_eq!(made.said("exclusions").starts_with("  ok"), is_left_out, "{excluded}");
    }
}

#[test]
fn a_store_that_is_backed_up_and_searched_on_a_mac_is_told_of() {
    let mut made = Made::well();
    made.says().platform = detect::Platform { system: "macos".to_owned(), ..detect::Platform::default() };
    made.is_ok("exclusions");
    let dir = made.path("home/.cache/kache");
    made.make_dir("home/.cache/kache");
    made.answers("tmutil isexcluded ", 0, "[Included]    /home/.cache/kache\n");
    made.says_of(
        "exclusions",
        &[
            "note exclusions Time Machine backs up the store, and Spotlight indexes it",
            "hint: to exclude it:",
            "tmutil addexclusion /home/.cache/kache",
            "touch /home/.cache/kache/.metadata_never_index",
        ],
    );
    made.set("KACHE_CACHE_DIR", "/Volumes/My Disk/kache");
    assert!(made.said("exclusions").contains("tmutil addexclusion '/Volumes/My Disk/kache'"));
    made.set("KACHE_CACHE_DIR", "");
    made.write("home/.cache/kache/.metadata_never_index", "");
    made.answers("tmutil isexcluded ", 0, "[Excluded]    /home/.cache/kache\n");
    made.is_ok("exclusions");
    std::fs::remove_dir_all(dir).unwrap();
    let library = made.path("home/Library/Caches/kache");
    std::fs::create_dir_all(&library).unwrap();
    made.set("KACHE_CACHE_DIR", library.to_str().unwrap());
    made.is_ok("exclusions");
}

#[test]
fn a_job_of_a_ci_service_is_told_what_it_lacks() {
    let mut made = Made::well();
    made.is_ok("ci");
    made.says().platform.ci = Some("GITHUB_ACTIONS");
    made.says_of(
        "ci",
        &[
            "note ci GITHUB_ACTIONS is set: this is a CI job",
            "there is no store from an earlier job: restore /home/.cache/kache before the build and save it \
             afterwards",
            "the store may grow to 50 GiB, more than most CI services keep: set KACHE_MAX_SIZE to the limit of yours",
        ],
    );
    made.blob("restored");
    made.set("KACHE_MAX_SIZE", "2GiB");
    made.is_ok("ci");
}

#[test]
fn a_report_names_neither_the_user_nor_the_home_nor_the_project() {
    let mut made = Made::well();
    made.cwd = "home/secret-project";
    made.make_dir("home/secret-project");
    made.set("USER", "ann.smith");
    made.set("KACHE_CACHE_DIR", "/mnt/ann.smith/cache");
    made.set("KACHE_KEY_SALT", "among-us");
    made.program("home/bin/kache");
    made.write("home/secret-project/.cargo/config.toml", "[build]\nrustc-wrapper = \"/opt/mine\"\n");
    let machine = made.machine();
    let report = show::report(&examine(&machine, ALL, std::time::Duration::from_secs(20)), &machine);
    for secret in ["ann.smith", "secret-project", "among-us", made.path("home").to_str().unwrap()] {
        assert!(!report.contains(secret), "{secret} is in\n{report}");
    }
    for told in [
        "~/.cargo/bin/kache",
        "<project>/.cargo/config.toml:2 sets `/opt/mine`",
        "settings\n  cache.local_store = /mnt/<user>/cache (from KACHE_CACHE_DIR)\n```\n",
        "3 problems found.",
    ] {
        assert!(report.contains(told), "{told} is not in\n{report}");
    }
}
