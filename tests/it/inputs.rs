//! What an entry depends on, how kache learned that, and the very file that makes it miss: as people are told.

use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::observing::reading;
use crate::reading_back::kache;
use crate::world::World;

/// The inputs of the newest entry of a crate, as `[kind, learned, name]`.
fn inputs(world: &World, name: &str) -> (Value, Vec<[String; 3]>) {
    let list = kache(world, &format!("list {name} --inputs --json")).json();
    let entries = list["entries"].as_array().expect("a list");
    let newest = entries.iter().max_by_key(|entry| entry["created_ms"].as_u64()).expect("there is one");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let lines = newest["inputs"].as_array().expect("a list").iter();
    let lines = lines.map(|line| [&line["kind"], &line["learned"], &line["name"]].map(text)).collect();
    (newest["basis"].clone(), lines)
}

#[test]
fn inputs_are_listed_by_how_they_were_learned() {
    let world = reading("sh:cat app/data/one; ls app/data; test -e app/absent");
    world.write(".kache.toml", "[cache]\nkey_env_vars = [\"DECLARED\"]\n");
    world.build().all_missed();
    let (basis, found) = inputs(&world, "app");
    assert_eq!(basis, "observed");
    for line in [
        ["schema", "call", "schema"],
        ["extern", "call", "reader"],
        ["argument", "call", "edition"],
        ["declared-variable", "declared", "DECLARED"],
        ["source", "dep-info", "app/src/main.rs"],
        ["read", "observed", "<workspace>/app/data/one"],
        ["listed", "observed", "<workspace>/app/data"],
        ["probed", "observed", "<workspace>/app/absent"],
        ["program", "observed", "cat"],
    ] {
        assert!(
            found.iter().any(|of| of.each_ref().map(String::as_str) == line),
            "{line:?} is not in {found:#?}"
        );
    }
    assert!(!found.iter().any(|[_, _, name]| name.contains("unrelated")), "{found:#?}");
    let text = kache(&world, "list app --inputs");
    let lines: Vec<&str> = text.ok().lines().map(str::trim).collect();
    for part in ["from the call", "declared", "reported by the compiler (dep-info)", "observed"] {
        assert!(lines.contains(&part), "{part:?} is no heading in\n{}", text.stdout());
    }
    let is_told = |line: &&str| {
        line.starts_with("looked for")
            && line.contains("<workspace>/app/absent ")
            && line.ends_with(" absent")
    };
    assert!(lines.iter().any(is_told), "{}", text.stdout());
    assert!(lines[0].ends_with("ago: everything the compile read was observed"), "{}", lines[0]);
    kache(&world, "list --inputs").failed(2, &["--inputs", "CRATE"]);
    assert_eq!(kache(&world, "list app --json").json()["entries"][0].get("inputs"), None);
}

#[test]
fn inputs_that_were_learned_by_rules_say_so() {
    let world = reading("file:data/one").env("KACHE_OBSERVE", "off");
    world.build().all_missed();
    let (basis, found) = inputs(&world, "app");
    assert_eq!(basis, "assumed");
    assert!(found.iter().any(|[kind, how, _]| kind == "package-tree" && how == "rules"), "{found:#?}");
    assert!(found.iter().any(|[kind, how, _]| kind == "linker" && how == "rules"), "{found:#?}");
    assert!(!found.iter().any(|[_, how, _]| how == "observed"), "{found:#?}");
    let text = kache(&world, "list app --inputs");
    assert!(text.ok().contains("taken from dep-info and from rules"), "{}", text.stdout());
}

#[test]
fn an_entry_whose_inputs_are_gone_says_so() {
    let world = reading("file:data/one");
    world.build().all_missed();
    std::fs::remove_dir_all(world.cache().join("store/v2/inputs")).expect("removes");
    let text = kache(&world, "list app --inputs");
    assert!(text.ok().contains("its inputs cannot be read from the store"), "{}", text.stdout());
}

#[test]
fn stats_count_units_by_how_their_inputs_were_learned() {
    let world = reading("file:data/one");
    world.build().all_missed();
    world.rebuild().all_hit();
    let stats = kache(&world, "stats --json").json();
    assert_eq!(stats["inputs_by_basis"], serde_json::json!({ "observed": 4 }));
    assert_eq!(stats["unobserved_by_reason"], serde_json::json!({}));
    let world = world.env("KACHE_OBSERVE", "off").env("KACHE_KEY_SALT", "rules");
    world.rebuild().all_missed();
    let stats = kache(&world, "stats --json").json();
    assert_eq!(stats["inputs_by_basis"], serde_json::json!({ "observed": 4, "assumed": 2 }));
    assert_eq!(stats["unobserved_by_reason"], serde_json::json!({ "observing is off": 2 }));
    let text = kache(&world, "stats");
    let said = |words: [&str; 3]| text.ok().lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(said(["  observed", "4", "everything"]), "{}", text.stdout());
    assert!(said(["  assumed", "2", "rules"]), "{}", text.stdout());
    assert!(said(["not observed", "2", "observing is off"]), "{}", text.stdout());
}

#[test]
fn why_miss_names_the_very_file_that_was_seen_to_be_read() {
    type Edit = fn(&World);
    let table: [(&str, Edit, &str); 5] = [
        (
            "file:data/one",
            |world| world.write("app/data/one", "changed"),
            "`<workspace>/app/data/one`, which was read when it was compiled, changed",
        ),
        (
            "names:data",
            |world| world.write("app/data/three", ""),
            "the names in `<workspace>/app/data`, which was listed, changed",
        ),
        (
            "is:absent",
            |world| world.write("app/absent", ""),
            "at `<workspace>/app/absent`, which was looked for, is `file` instead of `absent`",
        ),
        (
            "real:link",
            |world| {
                world.remove("app/link");
                symlink("data/two", world.tree().join("app/link")).expect("links");
            },
            "at `<workspace>/app/link`, which was looked for, is `link to file data/two` instead of `link to file \
             data/one`",
        ),
        (
            "sh:sh app/tool.sh",
            |world| world.write("app/tool.sh", "echo other"),
            "`<workspace>/app/tool.sh`, which was read when it was compiled, changed",
        ),
    ];
    for (call, edit, says) in table {
        let world = reading(call);
        world.write("app/tool.sh", "cat app/data/one");
        symlink("data/one", world.tree().join("app/link")).expect("links");
        world.build().all_missed();
        edit(&world);
        world.rebuild().only_missed(&["app bin"]);
        assert!(because(&world).iter().any(|because| because == says), "{call}: {:#?}", because(&world));
    }
}

/// Each reason of the last miss.
fn because(world: &World) -> Vec<String> {
    let answer = kache(world, "why-miss app --json").json();
    let reasons = answer["units"][0]["because"].as_array().expect("a list").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    reasons
        .map(text)
        .map(|text| text.split(" (compared with").next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn why_miss_names_the_program_that_another_directory_has_first() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut world = reading("sh:kache-tool");
    let path = std::env::var("PATH").expect("there is one");
    let root = world.root();
    let tool = |dir: &str, prints: &str| {
        let dir = root.join(dir);
        std::fs::create_dir_all(&dir).expect("creates");
        std::fs::write(dir.join("kache-tool"), format!("#!/bin/sh\necho {prints}\n")).expect("writes");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(dir.join("kache-tool"), mode).expect("changes the mode");
    };
    tool("tools", "same");
    let (first, second) = (root.join("first"), root.join("tools"));
    std::fs::create_dir(&first).expect("creates");
    world.set("PATH", format!("{}:{}:{path}", first.display(), second.display()));
    world.build().all_missed();
    tool("first", "other");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "other");
    let (first, second) = (first.join("kache-tool"), second.join("kache-tool"));
    let says = format!("program `kache-tool` is `{}` instead of `{}`", first.display(), second.display());
    assert!(because(&world).contains(&says), "{says}: {:#?}", because(&world));
}
