//! The configuration of kache, and what earlier runs left.

use std::time::{Duration, SystemTime};

use super::made::Made;
use crate::setup::plan::Journal;

#[test]
fn a_setting_that_is_mistyped_gets_its_name() {
    let mut made = Made::well();
    made.is_ok("settings");
    made.write("home/.config/kache/config.toml", "# mine\n[cache]\n  local_max_sise = \"5GiB\" # c\r\n");
    assert!(made.said("settings").contains("did you mean `cache.local_max_size`?"));
    made.is_fixed("settings");
    let text = made.read("home/.config/kache/config.toml");
    assert_eq!(text, "# mine\n[cache]\n  local_max_size = \"5GiB\" # c\r\n");
    made.set("KACHE_MAX_SIZE", "much");
    assert!(made.said("settings").contains("KACHE_MAX_SIZE"));
    made.set("KACHE_MAX_SIZE", "");
    made.set("KACHE_DISABLED", "1");
    assert!(made.said("settings").contains("kache is disabled by KACHE_DISABLED"));
}

#[test]
fn a_secret_that_others_can_read_is_closed() {
    let made = Made::well();
    made.write("home/.config/kache/config.toml", "[cache.remote]\nsecret_key = \"s3cr3t\"\n");
    made.mode("home/.config/kache/config.toml", 0o644);
    let said = made.said("secrets");
    assert!(said.contains("contains a secret that other users can read") && !said.contains("s3cr3t"));
    made.is_fixed("secrets");
}

#[test]
fn what_interrupted_runs_left_is_removed_when_it_is_old() {
    let made = Made::well();
    made.is_ok("leftovers");
    made.write("home/.local/state/kache/proof-1/Cargo.toml", "");
    made.is_ok("leftovers");
    let old = SystemTime::now() - Duration::from_secs(3 * 24 * 3600);
    let dir = std::fs::File::open(made.path("home/.local/state/kache/proof-1")).unwrap();
    dir.set_modified(old).unwrap();
    made.is_fixed("leftovers");
    assert!(!made.path("home/.local/state/kache/proof-1").exists());
    // The program that an update replaced.
    made.program("home/.cargo/bin/kache.prev");
    made.is_ok("leftovers");
    let replaced =
        std::fs::File::options().write(true).open(made.path("home/.cargo/bin/kache.prev")).unwrap();
    replaced.set_modified(SystemTime::now() - Duration::from_secs(91 * 24 * 3600)).unwrap();
    made.is_fixed("leftovers");
}

#[test]
fn a_journal_that_cannot_be_read_is_found_before_it_is_needed() {
    let made = Made::without_wiring();
    made.is_ok("journal");
    assert!(made.fix(Some("wrapper")));
    made.says_of("journal", &["ok journal all changes can be undone"]);
    let entries = Journal::for_user(&made.env()).unwrap().entries().unwrap();
    let status = entries[0].dir().join("status");
    std::fs::write(&status, "applying").unwrap();
    assert!(made.said("journal").starts_with("  note"));
    std::fs::remove_file(&status).unwrap();
    assert!(made.said("journal").starts_with("  PROBLEM") && made.said("journal").contains("/status: "));
    std::fs::write(&status, "done").unwrap();
    std::fs::write(entries[0].dir().join("plan.json"), "").unwrap();
    assert!(made.said("journal").starts_with("  PROBLEM"));
    assert!(made.said("journal").contains("remove that directory and run this again"));
}

#[test]
fn a_machine_is_described_for_reports() {
    let mut made = Made::well();
    made.is_ok("summary");
    made.write("root/.dockerenv", "");
    made.set("CI", "true");
    assert!(made.said("summary").ends_with(", in a container, in CI"));
}
