//! What cargo really does with its configuration, each fact shown by which wrapper it calls, and the reader beside it.

use kache::setup::cargo_config::{self, ConfigOrigin, WrapperKey, WrapperProgram};
use kache::setup::cargo_config::{Chain, edit};

use crate::home::{Ended, Home};

/// A home with the wrappers `a`, `b` and `c` in `w`, and a package in `p` where cargo is called.
fn home() -> Home {
    let mut home = Home::without_kache();
    ["w/a", "w/b", "w/c"].iter().for_each(|name| home.wrapper(name));
    home.package("p");
    home.within("p");
    home
}

/// `[build] rustc-wrapper = …`, with `W` for the directory of the wrappers.
fn build(home: &Home, value: &str) -> String {
    format!("[build]\nrustc-wrapper = \"{}\"\n", value.replace("W", &home.path("w").display().to_string()))
}

fn chain(home: &Home) -> Chain {
    let env = home.env();
    let cwd = env.cwd.clone().expect("it is set");
    cargo_config::resolve(WrapperKey::RustcWrapper, &env, &cwd)
}

/// Cargo and the reader agree on which wrapper is called; "" is none.
#[track_caller]
fn calls(home: &Home, expected: &str) -> Chain {
    let cargo = home.cargo();
    assert_eq!(cargo.code, Some(0), "{}", cargo.err);
    assert_eq!(home.called().join(" "), expected, "what cargo calls");
    let chain = chain(home);
    assert!(chain.obstacle().is_none(), "{:?}", chain.problems);
    let winner = match chain.winner().map(|link| &link.program) {
        Some(WrapperProgram::At(path)) => {
            path.file_name().expect("it is a file").to_string_lossy().into_owned()
        }
        Some(WrapperProgram::Disabled) | None => String::new(),
        Some(WrapperProgram::NotInPath) => panic!("it is not in PATH"),
    };
    assert_eq!(winner, expected, "what the reader says");
    chain
}

/// Cargo stops, and the reader says why.
#[track_caller]
fn stops(home: &Home, why: &str) {
    let cargo = home.cargo();
    assert_ne!(cargo.code, Some(0), "cargo accepts it");
    let chain = chain(home);
    let obstacle = chain.obstacle().expect("the reader finds it too").to_string();
    assert!(obstacle.contains(why), "{obstacle}\n{}", cargo.err);
}

#[test]
fn of_config_and_config_toml_cargo_reads_config() {
    let home = home();
    home.write(".cargo/config.toml", build(&home, "W/a"));
    home.write(".cargo/config", build(&home, "W/b"));
    assert!(home.cargo().err.contains("both"));
    home.called();
    let chain = calls(&home, "b");
    assert!(chain.problems[0].to_string().contains("ignores the other"));
    assert_eq!(cargo_config::config_file(&home.path(".cargo")), home.path(".cargo/config"));
    std::fs::remove_file(home.path(".cargo/config")).unwrap();
    home.link("config.toml", ".cargo/config");
    assert_eq!(calls(&home, "a").problems.len(), 0, "one file with two names is one file");
}

#[test]
fn a_link_called_config_that_leads_to_nothing_is_not_there() {
    let home = home();
    home.write(".cargo/config.toml", build(&home, "W/a"));
    home.link("gone", ".cargo/config");
    assert_eq!(calls(&home, "a").problems.len(), 0);
    assert_eq!(cargo_config::config_file(&home.path(".cargo")), home.path(".cargo/config.toml"));
}

#[test]
fn variables_go_before_files_and_near_files_before_far_ones() {
    let mut home = home();
    home.write(".cargo/config.toml", build(&home, "W/a"));
    calls(&home, "a");
    home.write("p/.cargo/config.toml", build(&home, "W/b"));
    let chain = calls(&home, "b");
    assert_eq!(chain.links.len(), 2);
    assert_eq!(chain.links[1].origin, ConfigOrigin::File { path: home.path(".cargo/config.toml"), line: 2 });
    home.set("CARGO_BUILD_RUSTC_WRAPPER", home.path("w/c").to_str().unwrap());
    calls(&home, "c");
    home.set("RUSTC_WRAPPER", home.path("w/a").to_str().unwrap());
    assert_eq!(calls(&home, "a").links.len(), 4);
}

#[test]
fn an_empty_value_anywhere_means_none() {
    let mut home = home();
    home.write(".cargo/config.toml", build(&home, "W/a"));
    home.write("p/.cargo/config.toml", build(&home, ""));
    calls(&home, "");
    std::fs::remove_file(home.path("p/.cargo/config.toml")).unwrap();
    home.set("CARGO_BUILD_RUSTC_WRAPPER", "");
    calls(&home, "");
    home.set("CARGO_BUILD_RUSTC_WRAPPER", home.path("w/b").to_str().unwrap());
    home.set("RUSTC_WRAPPER", "");
    calls(&home, "");
}

#[test]
fn a_path_is_relative_to_the_parent_of_the_directory_that_the_file_is_in() {
    let mut home = home();
    home.write(".cargo/config.toml", build(&home, "w/a"));
    calls(&home, "a");
    home.write(".cargo/sub/i.toml", build(&home, "../w/b"));
    home.write("p/.cargo/config.toml", "include = [\"../../.cargo/sub/i.toml\"]\n");
    calls(&home, "b");
    home.set("RUSTC_WRAPPER", "../w/c");
    calls(&home, "c");
    home.unset("RUSTC_WRAPPER");
    home.set("CARGO_BUILD_RUSTC_WRAPPER", "../w/a");
    calls(&home, "a");
}

#[test]
fn a_bare_name_is_looked_for_in_path() {
    let mut home = home();
    home.write(".cargo/config.toml", build(&home, "a"));
    let path = format!("{}:{}", home.path("w").display(), home.var("PATH"));
    home.set("PATH", &path);
    calls(&home, "a");
    home.write(".cargo/config.toml", build(&home, "not-there"));
    assert_ne!(home.cargo().code, Some(0));
    assert_eq!(chain(&home).winner().unwrap().program, WrapperProgram::NotInPath);
}

#[test]
fn a_tilde_is_a_letter_like_any_other() {
    let home = home();
    home.write(".cargo/config.toml", build(&home, "~/w/a"));
    let cargo = home.cargo();
    assert_ne!(cargo.code, Some(0));
    let literal = home.path("~/w/a");
    assert!(cargo.err.contains(literal.to_str().unwrap()), "{}", cargo.err);
    assert_eq!(chain(&home).winner().unwrap().program, WrapperProgram::At(literal));
}

#[test]
fn the_table_of_variables_does_not_reach_the_wrapper() {
    let home = home();
    let path = home.path("w/a");
    home.write(".cargo/config.toml", format!("[env]\nRUSTC_WRAPPER = '{}'\n", path.display()));
    calls(&home, "");
}

#[test]
fn setting_a_wrapper_rebuilds_nothing_and_setting_one_of_the_workspace_its_members() {
    let mut home = home();
    let compiled = |home: &Home| {
        let output = home.command("cargo").args(["build", "--offline"]).output().unwrap();
        let ended = Ended::of(output);
        ended.with(0, "Finished").err.contains("Compiling p ")
    };
    assert!(compiled(&home));
    home.set("RUSTC_WRAPPER", home.path("w/a").to_str().unwrap());
    assert!(!compiled(&home), "what is built already gets into no cache");
    home.set("RUSTC_WORKSPACE_WRAPPER", home.path("w/b").to_str().unwrap());
    home.called();
    assert!(compiled(&home));
    assert_eq!(home.called().join(" "), "a b", "the one is called by the other");
    home.unset("RUSTC_WORKSPACE_WRAPPER");
    assert!(!compiled(&home), "the members that were built without it are still there");
}

#[test]
fn the_including_file_wins_and_then_the_later_include() {
    let home = home();
    home.write(".cargo/a.toml", build(&home, "W/a"));
    home.write(".cargo/b.toml", build(&home, "W/b"));
    home.write(".cargo/config.toml", "include = ['a.toml']\n");
    let chain = calls(&home, "a");
    assert_eq!(
        chain.winner().unwrap().origin,
        ConfigOrigin::File { path: home.path(".cargo/a.toml"), line: 2 }
    );
    home.write(".cargo/config.toml", "include = ['a.toml', 'b.toml']\n");
    calls(&home, "b");
    home.write(".cargo/nested.toml", "include = ['b.toml']\n");
    home.write(".cargo/config.toml", "include = ['a.toml', 'nested.toml']\n");
    calls(&home, "b");
    home.write(".cargo/config.toml", format!("include = ['b.toml']\n{}", build(&home, "W/c")));
    assert_eq!(calls(&home, "c").links.len(), 2);
    home.write(
        ".cargo/config.toml",
        "include = [{ path = 'gone.toml', optional = true }, { path = 'a.toml' }]\n",
    );
    calls(&home, "a");
    home.write(".cargo/config.toml", "[[include]]\npath = 'a.toml'\n[[include]]\npath = 'b.toml'\n");
    calls(&home, "b");
}

#[test]
fn an_include_that_cargo_does_not_take_stops_it() {
    let home = home();
    home.write(".cargo/a.toml", build(&home, "W/a"));
    home.write(".cargo/a.conf", build(&home, "W/a"));
    home.write(".cargo/round.toml", "include = ['config.toml']\n");
    for (include, why) in [
        ("'a.toml'", "`include` must be a list"),
        ("['a.conf']", "does not end with .toml"),
        ("['gone.toml']", "is not there"),
        ("['round.toml']", "includes itself"),
        ("[1]", "`include` must be a list"),
    ] {
        home.write(".cargo/config.toml", format!("include = {include}\n"));
        stops(&home, why);
    }
}

#[test]
fn a_value_that_is_no_string_and_a_file_that_does_not_parse_stop_cargo() {
    let home = home();
    home.write(".cargo/config.toml", "[build]\nrustc-wrapper = ['a']\n");
    stops(&home, "config.toml:2: `build.rustc-wrapper` must be a string");
    home.write(".cargo/config.toml", "[build]\n\n[build]\n");
    stops(&home, "config.toml:3: ");
    home.write(".cargo/config.toml", b"# \xff\n");
    stops(&home, "config.toml:1: not UTF-8");
}

#[test]
fn cargos_home_may_be_elsewhere_and_relative() {
    let mut home = home();
    home.write("elsewhere/config.toml", build(&home, "W/a"));
    home.set("CARGO_HOME", home.path("elsewhere").to_str().unwrap());
    calls(&home, "a");
    home.set("CARGO_HOME", "../elsewhere");
    calls(&home, "a");
    home.write(".cargo/config.toml", build(&home, "W/b"));
    calls(&home, "b");
}

#[test]
fn the_workspace_wrapper_is_called_inside_the_other_one() {
    let home = home();
    let w = home.path("w");
    let w = w.display();
    home.write(".cargo/config.toml", format!("{}rustc-workspace-wrapper = '{w}/b'\n", build(&home, "W/a")));
    assert_eq!(home.cargo().code, Some(0));
    assert_eq!(home.called(), ["a", "b"]);
    let env = home.env();
    let chain = cargo_config::resolve(WrapperKey::WorkspaceWrapper, &env, &home.path("p"));
    assert_eq!(chain.winner().unwrap().program, WrapperProgram::At(home.path("w/b")));
}

#[test]
fn cargo_accepts_what_the_editor_makes_of_every_way_to_write_the_table() {
    let home = home();
    let value = home.path("w/a").display().to_string();
    for before in [
        "",
        "\u{feff}",
        "[net]\nretry = 2",
        "\u{feff}[build]\r\njobs = 1\r\n",
        "[build] # c\n\tjobs = 1\n",
        "[ \"build\" ]",
        "build = { jobs = 1 } # c\n",
        "build = {}\n[net]\nretry = 2\n",
        "build.jobs = 1\nbuild.incremental = false\n[net]\nretry = 2\n",
        "build.\"rustc-wrapper\" = 'x' # c",
        "[build]\nrustc-wrapper = \"\"\"x\"\"\"\n",
        "[net]\nretry = 2\n[build]\njobs = 1\n[term]\nverbose = false\n",
        "[build.env-not-known]\nx = 1\n",
    ] {
        let path = home.path(".cargo/config.toml");
        let edited = edit::set(&path, before, &value).unwrap();
        home.write(".cargo/config.toml", &edited.text);
        calls(&home, "a");
        let back = edit::take_back(&path, &edited.text, &edited.undo).unwrap();
        assert_eq!(back.as_deref(), Some(before));
    }
}
