//! Reading a variable is not seen. Those whose names stand in what was read decide.

use std::process::Command;

use crate::observing::{build_prints, reading};
use crate::world::World;

/// Setting the variable is a miss of the binary alone, which prints `printed`; what was there before is served again.
fn decides(world: &mut World, variable: &str, values: [(&str, &str); 2], unset: &str) {
    world.rebuild().all_hit();
    for (value, printed) in values {
        world.set(variable, value);
        world.rebuild().only_missed(&["app bin"]);
        assert_eq!(world.run_bin("app"), printed, "{variable}={value}");
    }
    world.unset(variable);
    world.rebuild().all_hit();
    assert_eq!(world.run_bin("app"), unset);
}

#[test]
fn a_variable_that_a_script_reads_decides_however_the_script_is_started() {
    let mut world = reading("sh:sh tool.sh");
    world.write("tool.sh", "echo ${FLAVOR:-plain}; . ./more.sh");
    world.write("more.sh", "echo ${my_flavor:-plain}");
    build_prints(&world, "script", "plain\nplain");
    decides(&mut world, "FLAVOR", [("sweet", "sweet\nplain"), ("sour", "sour\nplain")], "plain\nplain");
    decides(&mut world, "my_flavor", [("sweet", "plain\nsweet"), ("sour", "plain\nsour")], "plain\nplain");
    world.set("other_flavor", "sweet");
    world.rebuild().all_hit();
    let other = world.checkout("other");
    other.build().all_hit();
}

#[test]
fn a_variable_that_a_macro_fills_into_a_file_decides() {
    let mut world = reading("filled:template");
    world.write("app/template", "is $FLAVOR. and $ci.");
    build_prints(&world, "template", "is $FLAVOR. and $ci.");
    let unset = "is $FLAVOR. and $ci.";
    decides(&mut world, "FLAVOR", [("sweet", "is sweet and $ci."), ("sour", "is sour and $ci.")], unset);
    decides(&mut world, "ci", [("on", "is $FLAVOR. and on"), ("off", "is $FLAVOR. and off")], unset);
    let other = world.checkout("other");
    other.build().all_hit();
}

/// Nobody saw which file the macro read: any text of its package may be it.
#[test]
fn a_variable_that_a_macro_fills_into_a_file_decides_by_the_rules_too() {
    let mut world = reading("filled:template").env("KACHE_OBSERVE", "off");
    world.write("app/template", "is $FLAVOR. and $ci.");
    world.build().all_missed();
    let unset = "is $FLAVOR. and $ci.";
    assert_eq!(world.run_bin("app"), unset);
    decides(&mut world, "FLAVOR", [("sweet", "is sweet and $ci."), ("sour", "is sour and $ci.")], unset);
    decides(&mut world, "ci", [("on", "is $FLAVOR. and on"), ("off", "is $FLAVOR. and off")], unset);
    world.set("OTHER", "sweet");
    world.rebuild().all_hit();
}

#[test]
fn a_variable_decides_whatever_its_name_looks_like() {
    for variable in ["FLAVOR", "my_flavor", "Flavor", "CI", "TZ", "USER", "LOGNAME"] {
        let call = format!("set:{variable}");
        // The name stands alone between quotes elsewhere: nothing says where a macro takes it from.
        let mut world = reading(&call);
        let source = format!("const _: &str = \"{variable}\";\n");
        world.write("app/src/name.rs", source);
        world.edit("app/src/main.rs", "fn main", "mod name;\nfn main");
        build_prints(&world, &call, "none");
        decides(&mut world, variable, [("1", "1"), ("2", "2")], "none");
    }
}

#[test]
fn a_variable_that_says_whose_session_it_is_decides_where_a_macro_names_it() {
    for variable in ["USER", "LOGNAME", "TZ", "PWD", "HOME"] {
        let mut world = reading("file:data/one");
        let named = format!("\"file\" => std::env::var({variable:?}).unwrap_or_else(|_| \"none\".into()),");
        world.edit("reader/src/lib.rs", "\"file\" => text(path),", &named);
        // The cargo home is named: another home is nothing but another home.
        let values = ["/first", "/second"];
        world.set(variable, values[0]);
        world.build().all_missed();
        for value in values.iter().rev() {
            world.set(variable, value);
            world.rebuild().succeeds();
            assert_eq!(world.run_bin("app"), *value, "{variable}");
        }
        let other = world.checkout("other");
        other.build().all_hit();
    }
}

#[test]
fn a_variable_that_tells_git_where_to_look_decides() {
    let git = "git config --get kache.word || git rev-parse --git-dir";
    let mut world = reading(&format!("sh:{git}"));
    let call = |args: &[&str]| {
        let mut git = Command::new("git");
        git.args(args).current_dir(world.tree()).env("HOME", world.root()).env("GIT_CONFIG_NOSYSTEM", "1");
        assert!(git.status().expect("git is there").success());
    };
    call(&["init", "-q"]);
    call(&["init", "-q", "--bare", "other.git"]);
    build_prints(&world, "git", ".git");
    let other = world.tree().join("other.git").display().to_string();
    let third = world.tree().join("./.git").display().to_string();
    decides(&mut world, "GIT_DIR", [(&other, &other), (&third, &third)], ".git");
    world.set("GIT_CONFIG_COUNT", "1");
    world.set("GIT_CONFIG_KEY_0", "kache.word");
    world.set("GIT_CONFIG_VALUE_0", "one");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "one");
    world.set("GIT_CONFIG_VALUE_0", "two");
    world.rebuild().only_missed(&["app bin"]);
    assert_eq!(world.run_bin("app"), "two");
}

#[test]
fn the_language_decides_where_programs_are_started() {
    // Its name stands nowhere, as it is with `sort` and `date`.
    let call = "sh:env | sed -n s/^LC_A.*=//p";
    let mut world = reading(call);
    build_prints(&world, call, "");
    decides(&mut world, "LC_ALL", [("C", "C"), ("POSIX", "POSIX")], "");
}
