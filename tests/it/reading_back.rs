//! What people ask afterwards: what was done, what is there, why something was compiled; and removing it.

use std::fs::File;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::step::{hits, misses};
use crate::world::{World, files_below, package};

const KACHE: &str = env!("CARGO_BIN_EXE_kache");

/// What a command of kache did.
pub(crate) struct Answer {
    line: String,
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Answer {
    fn of(line: &str, output: Output) -> Answer {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        Answer { line: line.to_owned(), code: output.status.code(), stdout, stderr }
    }

    /// It ended well, and printed nothing but its answer.
    #[track_caller]
    pub(crate) fn ok(&self) -> &str {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "kache {}\n{}", self.line, self.stdout);
        &self.stdout
    }

    /// It ended well, with a note that says `part`.
    #[track_caller]
    fn noted(&self, part: &str) -> &str {
        let is_note = self.stderr.starts_with("note: ") && self.stderr.contains(part);
        assert!(self.code == Some(0) && is_note, "kache {}: {:?}\n{}", self.line, self.code, self.stderr);
        &self.stdout
    }

    /// It said all of this on standard error, however it ended.
    #[track_caller]
    fn mentions(&self, parts: &[&str]) {
        assert!(parts.iter().all(|part| self.stderr.contains(part)), "kache {}\n{}", self.line, self.stderr);
    }

    /// What it printed.
    pub(crate) fn stdout(&self) -> &str {
        &self.stdout
    }

    /// It ended with this code, and said so once.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, parts: &[&str]) {
        let said = self.stderr.starts_with("error: ") && parts.iter().all(|part| self.stderr.contains(part));
        assert!(self.code == Some(code) && said, "kache {}: {:?}\n{}", self.line, self.code, self.stderr);
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let value: Value = serde_json::from_str(self.ok()).expect("it is one JSON object");
        assert_eq!(value["format"], 1);
        value
    }
}

pub(crate) fn kache(world: &World, line: &str) -> Answer {
    let output = world.command(KACHE).args(line.split_whitespace()).output().expect("kache runs");
    Answer::of(line, output)
}

/// Two crates, built twice: two misses, two hits.
fn built_twice() -> World {
    let world = World::project("two-crates");
    world.build().expect(hits(0), misses(2));
    world.rebuild().expect(hits(2), misses(0));
    world
}

/// The names in a list, in its order.
fn names(list: &Value, field: &str) -> Vec<String> {
    let entries = list["entries"].as_array().expect("a list");
    entries.iter().map(|entry| entry[field].as_str().expect("a text").to_owned()).collect()
}

#[test]
fn stats_add_up_what_builds_did() {
    let world = built_twice();
    let stats = kache(&world, "stats --json").json();
    for (field, n) in
        [("n_units", 4), ("n_hits", 2), ("n_hits_waited", 0), ("n_misses", 2), ("n_bypasses", 0)]
    {
        assert_eq!(stats[field], n, "{field}: {stats}");
    }
    assert_eq!(stats["hit_rate"], 0.5);
    assert_eq!(stats["misses_by_reason"]["new-unit"], 2);
    assert_eq!(stats["saved_ms"], stats["compiled_ms"], "the hits saved what the misses took");
    let served = ["linked_bytes", "cloned_bytes", "copied_bytes"]
        .map(|field| stats[field].as_u64().expect("a number"));
    assert_eq!(served.iter().sum::<u64>(), stats["stored_bytes"].as_u64().expect("a number"));
    assert!(stats["store"]["disk_bytes"].as_u64() > Some(10_000), "{stats}");
    let text = kache(&world, "stats");
    for line in ["hits", "misses", "  new-unit", "hit rate", "The store at "] {
        assert!(
            text.ok().lines().any(|this| this.starts_with(line)),
            "{line:?} is missing in\n{}",
            text.stdout
        );
    }
    assert!(kache(&world, "stats --since 24h").ok().contains("hit rate"));
    assert!(kache(&world, "stats --since 0s").ok().starts_with("No builds with kache in the last 0s.\n"));
}

#[test]
fn what_is_not_known_is_not_shown_as_zero() {
    let world = World::project("two-crates");
    let stats = kache(&world, "stats --json").json();
    for field in ["hit_rate", "saved_ms", "compiled_ms", "first_ms"] {
        assert_eq!(stats.get(field), None, "{field}");
    }
    let text = kache(&world, "stats");
    assert!(text.ok().contains("There is no store at"), "{}", text.stdout);
    assert!(text.ok().contains("\n`kache init` configures cargo to use it;"), "{}", text.stdout);
    assert!(!world.cache().exists(), "asking makes nothing");
}

#[test]
fn where_there_is_no_store_a_report_has_the_fields_that_it_has_elsewhere() {
    let world = World::project("two-crates");
    for (command, amount) in [("gc", "before_bytes"), ("purge", "removed_bytes")] {
        let report = |options: &str| kache(&world, &format!("{command} --json {options}")).json();
        for (options, dry_run) in [("", false), ("--dry-run", true)] {
            let report = report(options);
            assert_eq!((&report["dry_run"], &report[amount]), (&dry_run.into(), &0.into()), "{report}");
        }
    }
    assert!(!world.cache().exists(), "asking makes nothing");
}

#[test]
fn bypasses_and_what_was_not_stored_have_their_reasons() {
    let world = World::project("two-crates");
    world.write(".kache.toml", "[cache]\nbypass_crates = [\"app\"]\n");
    world.write("words/src/a.rs", "pub const NAME: &str = 1;\n");
    world.build().fails_with("E0308");
    world.write("words/src/a.rs", "pub const NAME: &str = \"x\";\n");
    world.build().succeeds();
    let stats = kache(&world, "stats --json").json();
    assert_eq!(stats["unstored_by_reason"]["compiler-failed"], 1);
    assert_eq!(stats["bypasses_by_reason"]["configured"], 1);
    assert_eq!(stats["hit_rate"], 0.0);
    let why = kache(&world, "why-miss app");
    assert!(why.ok().contains("excluded by the configuration: app"), "{}", why.stdout);
}

#[test]
fn list_shows_entries_in_the_order_that_is_asked_for() {
    let world = built_twice();
    world.edit("app/src/main.rs", "{} {}", "{}, {}");
    world.build().expect(hits(0), misses(1));
    let list = |args: &str| kache(&world, &format!("list --json {args}")).json();
    assert_eq!(names(&list(""), "crate_name"), ["app", "app", "words"]);
    assert_eq!(names(&list("words"), "kind"), ["lib"]);
    assert_eq!(names(&list("--sort size"), "crate_name"), ["app", "app", "words"]);
    let n_hits = |list: Value| -> Vec<u64> {
        list["entries"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|entry| entry["n_hits"].as_u64())
            .collect()
    };
    assert_eq!(n_hits(list("--sort hits")), [1, 1, 0]);
    // The newest app was used last, and was never served.
    assert_eq!(n_hits(list("--sort age")), [1, 1, 0]);
    assert_eq!(kache(&world, "list").ok().lines().count(), 4);
    assert!(kache(&world, "list nothing").ok().starts_with("There are no entries of `nothing`"));
    kache(&world, "list --sort colour").failed(2, &["colour", "name, size, hits, age"]);
}

/// The verdict on a unit and why.
fn why(world: &World, name: &str, kind: &str) -> (String, Vec<String>, Value) {
    let answer = kache(world, &format!("why-miss {name} --json")).json();
    let units = answer["units"].as_array().expect("a list");
    let unit =
        units.iter().find(|unit| unit["kind"] == kind).unwrap_or_else(|| panic!("no {kind} in {answer}"));
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let because = unit["because"].as_array().expect("a list").iter().map(text).collect();
    (text(&unit["verdict"]), because, unit["see"].clone())
}

/// The one reason that a changed key has.
#[track_caller]
fn changed(world: &World, name: &str, kind: &str) -> String {
    let (verdict, because, _) = why(world, name, kind);
    assert!(verdict == "changed" && because.len() == 1, "{verdict}: {because:?}");
    because[0].split(" (compared with").next().expect("there is one").to_owned()
}

#[test]
fn why_miss_names_the_very_file_flag_variable_and_dependency() {
    let mut world = World::project("two-crates");
    kache(&world, "why-miss words").failed(1, &["no build of `words`", "hint: "]);
    world.build().all_missed();
    assert_eq!(why(&world, "words", "lib").0, "never-compiled");
    world.rebuild().all_hit();
    assert_eq!(why(&world, "words", "lib").0, "hit");

    world.edit("words/src/a.rs", "world", "moon");
    world.build().missed(&["app bin", "words lib"]);
    assert_eq!(changed(&world, "words", "lib"), "source file `words/src/a.rs` changed");
    assert_eq!(changed(&world, "app", "bin"), "dependency `words` changed");
    assert_eq!(why(&world, "app", "bin").2, serde_json::json!(["words"]));

    world.set("RUSTFLAGS", "-Copt-level=1");
    world.build().all_missed();
    assert_eq!(changed(&world, "words", "lib"), "argument `-C opt-level=1` is new");
    world.unset("RUSTFLAGS");

    world.write("words/src/lib.rs", "pub fn greeting() -> &'static str { option_env!(\"NAME\").unwrap_or(\"\") }\npub fn note() -> String { String::new() }\n");
    world.build().all_stored();
    world.set("NAME", "one");
    world.build().all_stored();
    assert_eq!(changed(&world, "words", "lib"), "environment variable `NAME` is set now");
    world.set("NAME", "two");
    world.build().all_stored();
    assert_eq!(changed(&world, "words", "lib"), "environment variable `NAME` has another value");

    world.set("KACHE_KEY_SALT", "x");
    world.rebuild().all_missed();
    assert_eq!(changed(&world, "words", "lib"), "the key salt is set now");
    world.write("words/src/lib.rs", "broken");
    world.build().fails_with("error");
    assert_eq!(why(&world, "words", "lib").0, "not-stored");
}

#[test]
fn why_miss_names_features_and_follows_a_renamed_dependency() {
    let world = World::files(&[
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\", \"real-name\"]\n"),
        ("real-name/Cargo.toml", &package("real-name", "[features]\nmore = []\n")),
        ("real-name/src/lib.rs", "pub const N: u32 = if cfg!(feature = \"more\") { 2 } else { 1 };\n"),
        (
            "app/Cargo.toml",
            &package(
                "app",
                "[dependencies]\ncalled = { package = \"real-name\", path = \"../real-name\" }\n",
            ),
        ),
        ("app/src/main.rs", "fn main() { println!(\"{}\", called::N); }\n"),
    ]);
    world.build().all_missed();
    world.edit("app/Cargo.toml", "path = ", "features = [\"more\"], path = ");
    world.build().all_missed();
    let (verdict, because, _) = why(&world, "real-name", "lib");
    assert_eq!(verdict, "changed");
    assert!(because.iter().any(|because| because.contains("`--cfg feature=\"more\"` is new")), "{because:?}");
    assert!(!because.iter().any(|because| because.contains("metadata=")), "{because:?}");
    let (_, because, see) = why(&world, "app", "bin");
    assert!(because.iter().any(|because| because.contains("dependency `called` changed")), "{because:?}");
    assert_eq!(see, serde_json::json!(["real_name"]));
}

#[test]
fn why_miss_names_the_place_that_stands_in_an_output() {
    let world = World::project("manifest-dir");
    world.build().succeeds();
    let world = world.relocate("other");
    world.build().succeeds();
    let listed = kache(&world, "list --json").json();
    let texts: Vec<String> = names(&listed, "crate_name")
        .iter()
        .flat_map(|name| {
            kache(&world, &format!("why-miss {name}")).ok().lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let is_said =
        |text: &String| text.contains("the real path of `<workspace>`, which stands in the output, is `");
    assert!(texts.iter().any(is_said), "{texts:#?}");
}

fn disk_bytes(world: &World) -> u64 {
    kache(world, "stats --json").json()["store"]["disk_bytes"].as_u64().expect("a number")
}

#[test]
fn gc_evicts_what_was_used_least_recently_and_the_rest_still_hits() {
    let mut world = built_twice();
    world.edit("words/src/a.rs", "world", "moon");
    world.build().all_missed();
    world.edit("words/src/a.rs", "moon", "world");
    world.build().all_hit();
    world.set("KACHE_MAX_SIZE", (disk_bytes(&world) - 1).to_string());
    assert!(kache(&world, "gc").ok().starts_with("Nothing to remove."), "all was used lately");

    let planned = kache(&world, "gc --grace 0s --dry-run --json").json();
    assert_eq!(
        (&planned["dry_run"], planned["evictions"].as_array().map(Vec::len)),
        (&Value::Bool(true), Some(2))
    );
    let before = disk_bytes(&world);
    assert_eq!(planned["before_bytes"].as_u64(), Some(before));
    let shown = kache(&world, "gc --grace 0s --dry-run");
    assert!(shown.ok().contains("evict  words 0.1.0 lib, last used"), "{}", shown.stdout);
    assert_eq!(disk_bytes(&world), before, "nothing was removed");

    let done = kache(&world, "gc --grace 0s --json").json();
    assert_eq!(done["evictions"], planned["evictions"]);
    assert_eq!(done["after_bytes"], planned["after_bytes"]);
    assert_eq!(done["after_bytes"].as_u64(), Some(disk_bytes(&world)));
    assert_eq!(names(&kache(&world, "list --json").json(), "crate_name"), ["app", "words"]);
    world.rebuild().expect(hits(2), misses(0));
    world.noop();
    world.edit("words/src/a.rs", "world", "moon");
    world.build().all_missed();
    assert_eq!(why(&world, "words", "lib").0, "evicted");
}

#[test]
fn gc_by_age_leaves_room_unused_and_a_build_after_it_is_right() {
    let world = built_twice();
    assert!(kache(&world, "gc --max-age 1h").ok().starts_with("Nothing to remove."));
    let done = kache(&world, "gc --max-age 0s --grace 0s");
    assert!(done.ok().contains("The store took"), "{}", done.stdout);
    assert_eq!(names(&kache(&world, "list --json").json(), "key"), Vec::<String>::new());
    world.noop();
    // What was built before the collection can still be linked and cached: its crate closure is known.
    world.edit("app/src/main.rs", "{} {}", "{}, {}");
    world.build().expect(hits(0), misses(1));
    world.rebuild().expect(hits(1), misses(1));
    world.same_as_plain_cargo();
}

#[test]
fn one_crate_is_purged_and_then_everything() {
    let world = built_twice();
    assert!(
        kache(&world, "purge --crate-name nothing").ok().starts_with("There are no entries of `nothing`")
    );
    let shown = kache(&world, "purge --crate-name words --dry-run");
    assert!(shown.ok().contains("evict  words 0.1.0 lib"), "{}", shown.stdout);
    world.rebuild().expect(hits(2), misses(0));
    assert!(kache(&world, "purge --crate-name words").ok().contains("evict  words 0.1.0 lib"));
    world.rebuild().expect(hits(1), misses(1));

    assert!(kache(&world, "purge --dry-run").ok().starts_with("Would remove"));
    world.rebuild().expect(hits(2), misses(0));
    world.write("../../cache/mine.txt", "not kache's");
    assert!(
        kache(&world, "purge")
            .noted("until existing build directories are cleaned")
            .starts_with("Removed the store at")
    );
    let mut left: Vec<String> = std::fs::read_dir(world.cache())
        .expect("lists")
        .map(|file| file.expect("lists").file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    assert_eq!(left, ["gc.lock", "mine.txt", "records", "store"]);
    assert_eq!(std::fs::read_dir(world.cache().join("store")).expect("lists").count(), 0);
    world.clean();
    assert_eq!(world.build().n_misses(), 2);
}

#[test]
fn while_one_removes_others_say_so() {
    let world = built_twice();
    let lock = File::create(world.cache().join("gc.lock")).expect("makes the file");
    lock.lock().expect("locks");
    for line in ["gc", "purge", "purge --crate-name words", "purge words"] {
        kache(&world, line)
            .failed(4, &["another kache process", world.cache().to_str().expect("a text"), "hint: "]);
    }
    kache(&world, "gc --dry-run").ok();
    kache(&world, "gc --automatic").ok();
    world.rebuild().expect(hits(2), misses(0));
    drop(lock);
    kache(&world, "gc").ok();
}

#[test]
fn a_bad_configuration_stops_commands_and_no_build() {
    let world = World::project("two-crates");
    world.write(".kache.toml", "[cache]\nlocal_max_size = \"huge\"\nbypas_crates = []\n");
    let file = world.tree().join(".kache.toml");
    let first = format!("{}:2: invalid cache.local_max_size \"huge\": expected", file.display());
    let second = format!(
        "{}:3: unknown key `cache.bypas_crates`; did you mean `cache.bypass_crates`?",
        file.display()
    );
    for line in ["list", "gc", "purge", "config"] {
        kache(&world, line).failed(2, &[&first, &second]);
    }
    kache(&world, "list").failed(2, &["hint: builds ignore invalid settings"]);
    let shown = kache(&world, "config").stdout;
    let limit = shown.lines().find(|line| line.starts_with("cache.local_max_size ")).expect("is shown");
    assert!(limit.split_whitespace().skip(1).take(2).eq(["50", "GiB"]), "{limit}");
    world.build().expect(hits(0), misses(2));
    world.rebuild().expect(hits(2), misses(0));
    // What reports on builds says what they ignore, and reports.
    for (line, part) in [("stats", "hit rate"), ("why-miss words", "it was a hit")] {
        let answer = kache(&world, line);
        answer.noted(&format!("builds ignore this setting: {second}"));
        assert!(answer.noted(&first).contains(part), "{}", answer.stdout);
    }
    world.remove(".kache.toml");
    let stats = kache(&world, "stats");
    assert!(stats.ok().contains("Ignored by builds, 4×: "), "{}", stats.stdout);
    assert!(stats.stdout.contains("did you mean `cache.bypass_crates`?"), "{}", stats.stdout);
}

#[test]
fn config_says_where_each_value_comes_from() {
    let mut world = World::project("two-crates");
    world.write(".kache.toml", "[cache]\nwait = \"2m\"\n");
    world.set("KACHE_KEY_SALT", "x");
    let config = kache(&world, "config --json").json();
    let setting = |name: &str| {
        let settings = config["settings"].as_array().expect("a list");
        settings.iter().find(|setting| setting["name"] == name).cloned().expect("it is there")
    };
    assert_eq!(setting("cache.key_salt")["source"], "KACHE_KEY_SALT");
    assert_eq!(setting("cache.wait")["value"], "2m");
    assert_eq!(setting("cache.wait")["source"], format!("{}:2", world.tree().join(".kache.toml").display()));
    assert_eq!(setting("cache.local_max_size")["source"], "default");
}

#[test]
fn usage_errors_are_answered_and_help_is_no_error() {
    let world = World::project("two-crates");
    for line in ["", "--help", "help gc", "--version"] {
        kache(&world, line).ok();
    }
    kache(&world, "stast").failed(2, &["'stast'", "hint: ", "'stats'"]);
    kache(&world, "stats --since yesterday").failed(2, &["yesterday", "7d"]);
    kache(&world, "why-miss").failed(1, &["no build is recorded", "hint: "]);
    assert!(!world.cache().exists());
}

#[test]
fn a_damaged_index_is_made_again_and_builds_never_open_it() {
    let world = built_twice();
    kache(&world, "list").ok();
    let index = world.cache().join("index.db");
    std::fs::write(&index, "this is no database, and was never one, whatever its name says")
        .expect("damages");
    world.rebuild().expect(hits(2), misses(0));
    let list = kache(&world, "list");
    assert_eq!(list.noted("is damaged; it is rebuilt").lines().count(), 3);
    assert!(list.stderr.contains(index.to_str().expect("a text")), "{}", list.stderr);
    kache(&world, "list").ok();
    std::fs::remove_file(&index).expect("removes");
    std::fs::create_dir(&index).expect("puts something in the way");
    world.rebuild().expect(hits(2), misses(0));
    for line in ["list", "why-miss words", "gc --dry-run"] {
        kache(&world, line).noted("read from the store instead");
    }
}

#[test]
fn damaged_entries_are_told_of_and_removed_by_gc() {
    let world = built_twice();
    let entries = files_below(&world.cache().join("store/v2/entries"));
    std::fs::write(&entries[0], "damaged").expect("damages");
    assert_eq!(kache(&world, "list").noted("1 entry of the store").lines().count(), 2);
    let done = kache(&world, "gc");
    assert!(done.noted("`kache gc` removes them").contains("(damaged)"), "{}", done.stdout);
    kache(&world, "list").ok();
    assert!(!entries[0].exists() && entries[1].exists());
}

/// `kache <line>` with the cache directory mounted read-only; `None` where mounting is not allowed.
fn kache_read_only(world: &World, line: &str) -> Option<Answer> {
    let flags = ["-m", "-rm"].into_iter().find(|flags| {
        Command::new("unshare").args([flags, "true"]).output().is_ok_and(|output| output.status.success())
    });
    let Some(flags) = flags else {
        crate::skip::skip("unshare", "there is no `unshare`, or no right to use it");
        return None;
    };
    let script = format!(
        "mount --bind $KACHE_CACHE_DIR $KACHE_CACHE_DIR && mount -o remount,bind,ro $KACHE_CACHE_DIR && exec {KACHE} {line}"
    );
    let output = world.command("unshare").args([flags, "sh", "-c", &script]).output().expect("it runs");
    Some(Answer::of(line, output))
}

#[test]
fn a_store_that_cannot_be_written_to_is_read_and_removing_says_so() {
    for with_index in [false, true] {
        let world = built_twice();
        if with_index {
            kache(&world, "list").ok();
            world.rebuild().expect(hits(2), misses(0));
        }
        let Some(stats) = kache_read_only(&world, "stats") else { return };
        assert!(stats.ok().contains("hit rate"), "{}", stats.stdout);
        assert!(
            stats.ok().contains("cannot be written to, so nothing is stored\nhint: "),
            "{}",
            stats.stdout
        );
        for (line, n_lines) in [("list", 3), ("why-miss words", 2), ("gc --dry-run", 1)] {
            let answer = kache_read_only(&world, line).expect("it worked before");
            assert_eq!(
                answer.noted("read from the store instead").lines().count(),
                n_lines,
                "{}",
                answer.stdout
            );
        }
        for line in ["gc", "purge", "purge --crate-name words", "purge words"] {
            let answer = kache_read_only(&world, line).expect("it worked before");
            answer.failed(1, &["gc.lock: Read-only file system", "hint: "]);
        }
    }
}

#[test]
fn settings_that_builds_ignore_are_told_by_stats() {
    let mut world = World::project("two-crates");
    for (name, value) in [
        ("KACHE_MAX_SIZE", "10G"),
        ("KACHE_OBSERVE", "false"),
        ("KACHE_CACHE_EXECUTABLES", "sometimes"),
        ("KACHE_PATHS", "exakt"),
    ] {
        world.set(name, value);
        let stats = kache(&world, "stats --json");
        stats.noted(&format!("builds ignore this setting: invalid {name} \"{value}\": expected"));
        let stats: Value = serde_json::from_str(&stats.stdout).expect("it is one JSON object");
        assert!(stats["config_problems"][0].as_str().is_some_and(|said| said.contains(name)), "{stats}");
        world.unset(name);
    }
    // Without its salt, what is served could be another's.
    world.write(".kache.toml", "[cache\n");
    kache(&world, "stats").noted("builds bypass the cache because of this: ");
    // Records say it where the setting was only that of builds.
    world.remove(".kache.toml");
    world.set("KACHE_MAX_SIZE", "10G");
    world.build().succeeds();
    world.unset("KACHE_MAX_SIZE");
    let stats = kache(&world, "stats");
    assert!(
        stats.ok().contains("Ignored by builds, 2×: invalid KACHE_MAX_SIZE \"10G\": expected"),
        "{}",
        stats.stdout
    );
}

#[test]
fn what_belongs_to_another_user_in_a_store_is_told_by_whoever_reports_on_it() {
    for part in ["cache", "cache/records", "cache/store/v2/blobs", "cache/store/v2/units"] {
        let world = built_twice();
        let cache = world.cache();
        let path = world.root().join(part);
        // The bucket's first folder, where it has some: the rest is this user's.
        let folders = std::fs::read_dir(&path).expect("lists").map(|entry| entry.expect("lists").path());
        let path = folders.filter(|path| part.contains("v2") && path.is_dir()).min().unwrap_or(path);
        if std::os::unix::fs::chown(&path, Some(65_534), None).is_err() {
            crate::skip::skip("root", "only root gives files away");
            return;
        }
        let sentence = format!("{} belongs to another user", path.display());
        let hint = format!("hint: `sudo chown -R \"$(id -u):$(id -g)\" {}` gives it to you", cache.display());
        let stats = kache(&world, "stats");
        assert!(stats.ok().contains(&sentence) && stats.stdout.contains(&hint), "{}", stats.stdout);
        assert_eq!(
            kache(&world, "stats --json").json()["store"]["obstacle"]["text"]
                .as_str()
                .map(|text| text.starts_with(&sentence)),
            Some(true)
        );
        for line in ["why-miss words", "gc --dry-run", "gc"] {
            let answer = kache(&world, line);
            answer.noted(&sentence);
            answer.noted(&hint);
        }
        kache(&world, "why-miss nowhere").mentions(&[
            &sentence,
            &hint,
            "error: no build of `nowhere` is recorded",
        ]);
        let doctor = kache(&world, "doctor");
        assert!(doctor.stdout.contains(&sentence), "{}", doctor.stdout);
    }
}

/// As a build with sudo leaves it.
#[test]
fn a_store_that_another_user_keeps_for_himself_is_told_in_one_line() {
    let world = built_twice();
    let run = |line: &str| {
        // The build directory of these tests may be closed to others.
        let mut command = world.command("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(world.root().join("kache")).args(line.split(' ')).current_dir("/");
        command.output()
    };
    std::fs::copy(KACHE, world.root().join("kache")).expect("copies");
    for dir in [world.root(), world.cache(), world.cache().join("store"), world.cache().join("store/v2")] {
        std::fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .expect("sets the mode");
    }
    if !run("--version").is_ok_and(|output| output.status.success()) {
        crate::skip::skip("root", "only root can be another user");
        return;
    }
    for line in ["stats", "list", "why-miss words", "gc --dry-run", "doctor"] {
        let output = run(line).expect("it was started before");
        let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        assert!(said.matches("ermission denied").count() <= 1, "{line}\n{said}");
        assert!(said.contains("another user"), "{line}\n{said}");
        assert!(said.contains("` gives it to you"), "{line}\n{said}");
    }
}

/// Makes the next miss start a collection.
fn let_gc_be_due(world: &World) {
    let stamp = File::options().write(true).create(true).truncate(false).open(world.cache().join("gc.stamp"));
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    stamp.expect("opens").set_modified(long_ago).expect("sets the time");
}

fn wait_until(is_so: impl Fn() -> bool) -> bool {
    (0..1200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        is_so()
    })
}

/// What the collection holds of its build, cargo would wait for; that it holds nothing is a test of `sys::process`.
#[test]
fn a_miss_starts_a_collection_when_one_is_due() {
    let world = built_twice();
    assert!(world.cache().join("gc.stamp").exists(), "the first miss started the clock");
    let old_lock = File::create(world.cache().join("gc.lock")).expect("makes the file");
    old_lock.set_modified(SystemTime::UNIX_EPOCH).expect("sets the time");
    let modified =
        |file: std::io::Result<std::fs::Metadata>| file.and_then(|file| file.modified()).expect("is there");
    let stamped = || modified(world.cache().join("gc.stamp").metadata());
    let is_collected = || modified(old_lock.metadata()) > SystemTime::UNIX_EPOCH;

    // Hits start none.
    let_gc_be_due(&world);
    let before = stamped();
    world.rebuild().expect(hits(2), misses(0));
    assert_eq!(stamped(), before);
    assert!(!is_collected(), "a hit started one");

    world.edit("app/src/main.rs", "{} {}", "{}, {}");
    world.build().expect(hits(0), misses(1));
    assert!(stamped() > before, "it was started");
    assert!(wait_until(is_collected), "it ran");
}

#[test]
fn a_store_over_its_limit_shrinks_by_itself() {
    let mut world = built_twice();
    let damaged = &files_below(&world.cache().join("store/v2/entries"))[0];
    std::fs::write(damaged, "damaged").expect("damages");
    world.set("KACHE_MAX_SIZE", "1");
    let_gc_be_due(&world);
    world.edit("app/src/main.rs", "{} {}", "{}, {}");
    let step = world.build();
    step.expect(hits(0), misses(1));
    // All else was used too lately.
    assert!(wait_until(|| !damaged.exists()), "the collection ran");
}
