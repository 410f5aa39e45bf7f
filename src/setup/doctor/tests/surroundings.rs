//! What surrounds the store, and what is told of a machine.

use super::made::Made;
use crate::setup::doctor::examine::{ALL, examine};
use crate::setup::doctor::show;
use crate::setup::service::detect;

#[test]
fn a_store_that_defender_looks_through_is_told_of() {
    let mut made = Made::well();
    made.is_ok("exclusions");
    made.says().seen = detect::Machine { system: "windows".to_owned(), ..detect::Machine::default() };
    made.is_ok("exclusions");
    made.answers("powershell ", 0, "False\r\n");
    made.is_ok("exclusions");
    made.set("KACHE_CACHE_DIR", "/Users/ann's/kache");
    made.answers("powershell ", 0, "True\r\nN/A: Must be an administrator to view exclusions\r\n");
    made.says_of(
        "exclusions",
        &[
            "note exclusions Defender looks at every file of the store as it is used",
            "hint: to leave it out, as an administrator: Add-MpPreference -ExclusionPath '/Users/ann''s/kache'",
            "a Dev Drive, which is looked at later, costs less as well: `cache.local_store`",
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
    made.says().seen = detect::Machine { system: "macos".to_owned(), ..detect::Machine::default() };
    made.is_ok("exclusions");
    let dir = made.path("home/.cache/kache");
    made.make_dir("home/.cache/kache");
    made.answers("tmutil isexcluded ", 0, "[Included]    /home/.cache/kache\n");
    made.says_of(
        "exclusions",
        &[
            "note exclusions Time Machine backs up the store, and Spotlight goes through it",
            "hint: to leave it out:",
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
    made.says().seen.ci = Some("GITHUB_ACTIONS");
    made.says_of(
        "ci",
        &[
            "note ci GITHUB_ACTIONS is set: this is a job of a CI service",
            "there is no store from an earlier job: have the service restore /home/.cache/kache before the build, and keep it \
             after",
            "the store may grow to 50 GiB, more than most services keep: set KACHE_MAX_SIZE to what yours does",
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
        "settings\n  cache.local_store = /mnt/<user>/cache, by KACHE_CACHE_DIR\n```\n",
        "There are 3 problems.",
    ] {
        assert!(report.contains(told), "{told} is not in\n{report}");
    }
}
