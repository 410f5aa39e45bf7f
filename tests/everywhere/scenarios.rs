//! The scenarios.

use crate::world::World;

/// By name.
pub(crate) const ALL: &[(&str, fn())] = &[
    ("what_was_compiled_is_served_whatever_the_directories_are_called", what_was_compiled_is_served),
    ("outputs_that_are_read_only_are_replaced", outputs_that_are_read_only_are_replaced),
    ("a_build_without_kache_over_what_was_served_harms_no_entry", a_build_without_kache_harms_no_entry),
    ("commands_tell_what_is_in_the_store_and_empty_it", commands_tell_what_is_in_the_store_and_empty_it),
    ("a_daemon_starts_answers_and_stops", a_daemon_starts_answers_and_stops),
    ("init_is_proven_and_taken_back_byte_for_byte", init_is_proven_and_taken_back_byte_for_byte),
    (
        "what_is_wrong_with_a_configuration_is_told_and_builds_go_on",
        what_is_wrong_with_a_configuration_is_told,
    ),
];

/// Blanks, letters of other scripts, and more than the 260 letters that a path once could have. A program, and the
/// directory that it runs in, still cannot have more there.
fn what_was_compiled_is_served() {
    for name in ["plain", "with blank & 'quotes'", "ünïcode 文", "long"] {
        let mut world = World::new(name);
        if name == "long" {
            let long = ["a longer name"; 25].join("/");
            world.cache = world.path(&format!("{long}/cache"));
            world.out_dir = world.path(&format!("project/target/{long}/deps"));
        }
        world.compile().with(0, "warning: the stand-in warns");
        let outputs = world.outputs();
        assert_eq!((outputs.len(), world.n_compiled()), (3, 1), "{outputs:?}");
        world.clean();
        world.compile().with(0, "warning: the stand-in warns");
        assert_eq!((world.outputs(), world.n_compiled()), (outputs, 1), "{name}: {}", world.recorded());
        world.write("project/src/lib.rs", "pub fn two() {}");
        world.compile().with(0, "");
        assert_eq!(world.n_compiled(), 2, "another source");
        assert!(world.outputs().iter().any(|(_, text)| text == "rlib of pub fn two() {}"));
        world.write("project/src/lib.rs", "broken");
        world.compile().with(1, "error: it is broken");
    }
}

fn outputs_that_are_read_only_are_replaced() {
    let world = World::new("plain");
    world.compile().with(0, "");
    world.clean();
    world.compile().with(0, "");
    let rlib = world.out_dir.join("libunit-7.rlib");
    let mut permissions = std::fs::metadata(&rlib).expect("is there").permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&rlib, permissions).expect("marks it");
    world.compile().with(0, "");
    assert_eq!(world.n_compiled(), 1, "it is served");
    world.write("project/src/lib.rs", "pub fn two() {}");
    world.compile().with(0, "");
    assert!(world.outputs().iter().any(|(_, text)| text == "rlib of pub fn two() {}"));
}

/// Where outputs are links into the store, a compiler that writes over them would change what is stored.
fn a_build_without_kache_harms_no_entry() {
    let world = World::new("plain");
    world.compile().with(0, "");
    let outputs = world.outputs();
    world.clean();
    world.compile().with(0, "");
    std::fs::write(world.out_dir.join("libunit-7.rlib"), "in place, and longer").expect("writes");
    world.clean();
    world.compile().with(0, "");
    assert_eq!(world.outputs(), outputs);
}

fn commands_tell_what_is_in_the_store_and_empty_it() {
    let world = World::new("with blank & ünïcode 文");
    world.run(&["--version"]).with(0, concat!("kache ", env!("CARGO_PKG_VERSION")));
    world.run(&["stats"]).with(0, "No builds with kache.");
    world.run(&["gc"]).with(0, "nothing to remove");
    world.compile().with(0, "");
    world.clean();
    world.compile().with(0, "");
    world.run(&["stats", "--json"]).with(0, "\"format\"");
    world.run(&["list"]).with(0, "unit");
    world.run(&["list", "no-such-crate"]).with(0, "");
    world.run(&["why-miss", "unit"]).with(0, "unit");
    world.run(&["gc"]).with(0, "");
    world.run(&["doctor", "--verify"]).with(0, "The store is intact.");
    world.run(&["purge"]).with(0, "");
    world.run(&["list"]).with(0, "There are no entries");
    world.clean();
    world.compile().with(0, "");
    assert_eq!(world.n_compiled(), 2, "nothing is left to be served");
}

fn a_daemon_starts_answers_and_stops() {
    let mut world = World::new("with blank & ünïcode 文");
    world.has_daemon = true;
    world.run(&["daemon"]).with(1, "The daemon is not running.");
    world.run(&["daemon", "stop"]).with(0, "The daemon is not running.");
    world.run(&["daemon", "start"]).with(0, "Started, as process ");
    world.run(&["daemon"]).with(0, "");
    world.run(&["daemon", "start"]).with(0, "");
    world.run(&["daemon", "restart"]).with(0, "");
    world.compile().with(0, "");
    world.run(&["stats"]).with(0, "");
    world.run(&["daemon", "stop"]).with(0, "Stopped.");
    world.run(&["daemon", "stop"]).with(0, "The daemon is not running.");
}

fn init_is_proven_and_taken_back_byte_for_byte() {
    for before in [None, Some("# mine\r\n[build]\r\njobs = 2\r\n")] {
        let world = World::new("with blank & ünïcode 文");
        before.iter().for_each(|text| world.write("home/.cargo/config.toml", text));
        let now = || std::fs::read_to_string(world.path("home/.cargo/config.toml")).ok();
        let init = |args: &[&str]| world.run(&[&["init", "--no-service"], args].concat());
        init(&["--check"]).with(2, "rustc-wrapper");
        assert_eq!(now().as_deref(), before);
        init(&["-y"]).with(0, "");
        assert!(now().is_some_and(|text| text.contains("rustc-wrapper") && text.contains("kache")));
        init(&["-y"]).with(0, "");
        let doctor = world.run(&["doctor", "-v"]).said;
        for check in ["on-path", "wrapper-file", "same-program", "wrapper", "cargo-calls", "journal"] {
            assert!(doctor.contains(&format!("ok       {check} ")), "{check}:\n{doctor}");
        }
        world.run(&["init", "--undo", "-y"]).with(0, "");
        assert_eq!(now().as_deref(), before, "after --undo");
        init(&["-y"]).with(0, "");
        world.run(&["uninstall", "-y"]).with(0, "");
        assert_eq!(now().as_deref(), before, "after uninstall");
        world.run(&["uninstall", "-y"]).with(0, "");
        world.run(&["uninstall", "-y", "--purge"]).with(0, "");
        let state =
            world.path(if cfg!(windows) { "home/AppData/Local/kache" } else { "home/.local/state/kache" });
        assert!(!state.exists(), "the journal is gone, and so is its directory");
    }
}

fn what_is_wrong_with_a_configuration_is_told() {
    let world = World::new("plain");
    world.write("home/.config/kache/config.toml", "[cache]\nlocal_max_size = \"50 apples\"\nnonsense = 1\n");
    world.run(&["config"]).with(2, "unknown key `cache.nonsense`");
    world.compile().with(0, "");
    world.write("home/.config/kache/config.toml", "[cache\n");
    world.run(&["config"]).with(2, "config.toml");
    world.compile().with(0, "");
    world.write("home/.config/kache/config.toml", "[cache]\nlocal_store = \"~/store\"\n");
    world.run_with_default_store(&["config"]).with(0, "store");
    world.run(&["no-such-command"]).with(2, "error: unrecognized subcommand");
}
