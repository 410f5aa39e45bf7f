//! `kache config get`, `set`, `unset` and `undo`, and `kache` alone on a terminal.
#![allow(clippy::unwrap_used, reason = "a scenario ends where it cannot go on")]

use std::fs;

use crate::home::Home;
#[cfg(target_os = "linux")]
use crate::terminal::Typed;

const FILE: &str = ".config/kache/config.toml";

#[test]
fn a_setting_is_set_read_and_removed_and_the_file_stays_as_it_was() {
    let home = Home::new();
    home.run(&["config", "get", "cache.wait"]).with(0, "1m\n");
    home.run(&["config", "set", "wait", "7s"]).with(0, "cache.wait");
    assert_eq!(home.read(FILE), "[cache]\nwait = \"7s\"\n");
    assert_eq!(home.run(&["config", "get", "wait"]).out, "7s\n");
    let text = "# my settings\n[cache] # all of them\nwait=\"7s\"   # short\n\n# names\nbypass_crates = [ 'a',\n  'b' ]\n";
    home.write(FILE, text);
    home.run(&["config", "set", "cache.wait", "9s"]).with(0, "-wait=\"7s\"").with(0, "+wait=\"9s\"");
    assert_eq!(home.read(FILE), text.replace("7s", "9s"));
    home.run(&["config", "set", "cache.wait", "9s"]).with(0, "Nothing to change.");
    home.run(&["config", "set", "bypass_crates", "x, y-z"]).with(0, "");
    assert_eq!(home.run(&["config", "get", "bypass_crates"]).out, "x, y-z\n");
    home.run(&["config", "unset", "wait"]).with(0, "Remove cache.wait");
    let left = home.read(FILE);
    assert!(left.contains("# my settings\n[cache] # all of them\n") && !left.contains("wait"), "{left}");
    home.run(&["config", "unset", "wait"]).with(0, "Nothing to change.");
    let now = "{\n  \"format\": 1,\n  \"name\": \"cache.bypass_crates\",\n  \"value\": \"x, y-z\",";
    home.run(&["config", "get", "cache.bypass_crates", "--json"]).with(0, now);
}

#[test]
fn a_dry_run_changes_nothing_and_each_change_can_be_undone() {
    let home = Home::new();
    home.run(&["config", "undo"]).with(0, "Nothing to change.");
    home.run(&["config", "set", "paths", "exact", "--dry-run"]).with(2, "+paths = \"exact\"");
    assert!(!home.path(FILE).exists());
    home.run(&["config", "set", "paths", "exact"]).with(0, "");
    home.run(&["config", "set", "wait", "5s"]).with(0, "");
    home.run(&["config", "undo", "--dry-run"]).with(2, "-wait = \"5s\"");
    home.run(&["config", "undo"]).with(0, "");
    assert_eq!(home.read(FILE), "[cache]\npaths = \"exact\"\n");
    home.run(&["config", "undo"]).with(0, "");
    assert!(!home.path(FILE).exists());
    home.run(&["config", "undo"]).with(0, "Nothing to change.");
    // What was edited since is left alone.
    home.run(&["config", "set", "paths", "exact"]).with(0, "");
    home.write(FILE, "[cache]\npaths = \"portable\"\n");
    home.run(&["config", "undo"]).with(1, "it is left unchanged");
    assert_eq!(home.read(FILE), "[cache]\npaths = \"portable\"\n");
}

#[test]
fn what_is_invalid_is_refused() {
    let home = Home::new();
    home.run(&["config", "set", "wait", "soon"])
        .with(2, "error: invalid value \"soon\" for `cache.wait`: expected a duration such as 7d");
    home.run(&["config", "set", "max_size", "5GiB"])
        .with(2, "hint: a similar setting exists: cache.local_max_size");
    home.run(&["config", "get", "zzzzzz"]).with(2, "hint: `kache config` shows all settings");
    home.run(&["config", "set", "key_env_vars", "A=B"]).with(2, "invalid value");
    assert!(!home.path(FILE).exists());
    for broken in ["[cache\n", "cache = 1\n"] {
        home.write(FILE, broken);
        home.run(&["config", "set", "wait", "5s"]).with(2, "nothing was changed");
        assert_eq!(home.read(FILE), broken);
    }
    fs::write(home.path(FILE), b"# \xff\n").unwrap();
    home.run(&["config", "set", "wait", "5s"]).with(1, "nothing was changed");
}

#[test]
fn a_project_has_a_file_of_its_own() {
    let mut home = Home::new();
    home.run(&["config", "set", "wait", "5s", "--project"]).with(2, "there is no project here");
    home.package("p");
    home.within("p/src");
    home.run(&["config", "set", "local_max_size", "5GiB", "--project"])
        .with(2, "`cache.local_max_size` cannot be set by a project");
    home.run(&["config", "set", "key_salt", "-x", "--project"]).with(0, "");
    assert_eq!(home.read("p/.kache.toml"), "[cache]\nkey_salt = \"-x\"\n");
    // Where another source wins, that is said.
    home.run(&["config", "set", "key_salt", "mine"])
        .with(0, ".kache.toml:2 has precedence here: cache.key_salt is \"-x\"");
    home.set("KACHE_KEY_SALT", "loud");
    home.run(&["config", "set", "key_salt", "y", "--project"]).with(0, "KACHE_KEY_SALT has precedence here");
    home.run(&["config", "unset", "key_salt", "--project"]).with(0, "");
    assert_eq!(home.read("p/.kache.toml"), "[cache]\n");
}

#[test]
fn a_link_to_the_file_stays_a_link() {
    let home = Home::new();
    home.write("dotfiles/kache.toml", "# mine\n");
    home.dir(".config/kache");
    home.link("../../dotfiles/kache.toml", FILE);
    home.run(&["config", "set", "wait", "5s"]).with(0, "");
    assert_eq!(home.read("dotfiles/kache.toml"), "# mine\n[cache]\nwait = \"5s\"\n");
    assert!(fs::symlink_metadata(home.path(FILE)).unwrap().is_symlink());
    let entries = fs::read_dir(home.path("dotfiles")).unwrap().count();
    assert_eq!(entries, 1, "no temporary file is left");
}

#[test]
#[cfg(target_os = "linux")]
fn settings_are_edited_on_a_terminal_which_is_given_back() {
    let home = Home::new();
    let edit = |keys: &[&str]| Typed { line: "config", keys, signal: None, columns: 80 }.run(&home);
    // The second setting is a switch.
    let Some((code, shown)) = edit(&["j", "\r", "\x7f\x7f\x7f\x7f\x7f", "true", "\r", "q"]) else { return };
    assert_eq!(code, 0, "{shown}");
    let (_, after) = shown.rsplit_once("\x1b[?1049h").unwrap();
    assert!(after.contains("\x1b[?1049l") && after.contains("\x1b[?25h"), "{shown}");
    assert_eq!(home.read(FILE), "[cache]\nshared = true\n");
    let (code, _) = edit(&["u", "\x03"]).unwrap();
    assert_eq!(code, 0);
    assert!(!home.path(FILE).exists());
    // Without a terminal it is the table.
    home.run(&["config"]).with(0, "cache.shared                ");
}

#[test]
#[cfg(target_os = "linux")]
fn kache_alone_shows_the_state_and_the_next_steps() {
    let mut home = Home::new();
    home.package("p");
    home.within("p");
    // Elsewhere it is the help, as before.
    home.run(&[]).with(0, "Usage: kache");
    let shown = |home: &Home| Typed { line: "", keys: &[], signal: None, columns: 80 }.run(home);
    let Some((code, said)) = shown(&home) else { return };
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("does not call kache here") && said.contains("none recorded yet"), "{said}");
    assert!(said.contains("Next steps") && said.contains("  kache init "), "{said}");
    home.run(&["init", "-y", "--no-service"]).with(0, "Done");
    home.cargo_works();
    let (code, said) = shown(&home).unwrap();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("calls kache (") && said.contains("0 of 1 unit were hits"), "{said}");
    assert!(said.contains("  kache why-miss  ") && said.contains("  kache report "), "{said}");
}
