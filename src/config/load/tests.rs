//! Tests with real files.

#![expect(clippy::disallowed_methods, reason = "these tests write the files that are read")]

use std::ffi::OsString;
use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::super::setting::{Setting, Source};
use super::*;

/// A directory with a home and files in it.
struct World {
    dir: TempDir,
    vars: Vec<(&'static str, OsString)>,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let home = dir.path().join("home").into_os_string();
        World { dir, vars: vec![("HOME", home)] }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn file(self, name: &str, content: impl AsRef<[u8]>) -> World {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is below a directory"))
            .expect("its directory can be made");
        fs::write(path, content).expect("it can be written");
        self
    }

    fn directory(self, name: &str) -> World {
        fs::create_dir_all(self.path(name)).expect("it can be made");
        self
    }

    fn var(mut self, name: &'static str, value: impl Into<OsString>) -> World {
        self.vars.push((name, value.into()));
        self
    }

    fn load(&self, starts: &[&str]) -> (Config, Vec<Problem>) {
        let env = |name: &str| self.vars.iter().find(|(n, _)| *n == name).map(|(_, value)| value.clone());
        let starts: Vec<PathBuf> = starts.iter().map(|start| self.path(start)).collect();
        let starts: Vec<&Path> = starts.iter().map(PathBuf::as_path).collect();
        load(&env, &starts, &Defaults { cache_dir: "/cache".into(), observes: false }, Scope::Command)
    }

    /// The salt, where nothing is wrong.
    fn salt(&self, starts: &[&str]) -> String {
        let (config, problems) = self.load(starts);
        assert_eq!(problems, []);
        config.key_salt.value
    }
}

fn salt(salt: &str) -> String {
    format!("cache.key_salt = \"{salt}\"\n")
}

#[test]
fn no_file_is_no_problem() {
    assert_eq!(World::new().salt(&["repo/member", "elsewhere"]), "");
    let (_, problems) =
        load(&|_| None, &[], &Defaults { cache_dir: "/cache".into(), observes: false }, Scope::Command);
    assert_eq!(problems, []);
}

#[test]
fn the_user_file_is_below_the_configuration_home() {
    let world = World::new().file("home/.config/kache/config.toml", salt("home"));
    assert_eq!(world.salt(&[]), "home");
    let xdg = world.path("xdg");
    let world = world.file("xdg/kache/config.toml", salt("xdg")).var("XDG_CONFIG_HOME", xdg);
    assert_eq!(world.salt(&[]), "xdg");
}

#[test]
fn a_relative_configuration_home_is_ignored() {
    let world =
        World::new().file("home/.config/kache/config.toml", salt("home")).var("XDG_CONFIG_HOME", "xdg");
    assert_eq!(world.salt(&[]), "home");
}

#[test]
fn kache_config_names_another_user_file() {
    let world =
        World::new().file("home/.config/kache/config.toml", salt("home")).file("mine.toml", salt("mine"));
    let mine = world.path("mine.toml");
    assert_eq!(world.var("KACHE_CONFIG", mine).salt(&[]), "mine");
    let world = World::new().file("home/mine.toml", salt("mine")).var("KACHE_CONFIG", "~/mine.toml");
    assert_eq!(world.salt(&[]), "mine");
}

#[test]
fn kache_config_must_name_a_file_that_exists() {
    let world = World::new();
    let absent = world.path("absent.toml");
    let (_, problems) = world.var("KACHE_CONFIG", &absent).load(&[]);
    assert_eq!(
        problems,
        [Problem::Unreadable { path: absent, why: "no such file; KACHE_CONFIG names it".to_owned() }]
    );
    let (_, problems) = World::new().var("KACHE_CONFIG", "relative.toml").load(&[]);
    assert!(matches!(&problems[..], [Problem::BadValue { key: "KACHE_CONFIG", .. }]), "{problems:?}");
}

#[test]
fn the_nearest_project_file_above_the_first_start_that_has_one_wins() {
    let world = World::new()
        .file("repo/.kache.toml", salt("outer"))
        .file("repo/inner/.kache.toml", salt("inner"))
        .file("other/.kache.toml", salt("other"));
    assert_eq!(world.salt(&["repo/inner/deep/er", "other"]), "inner");
    assert_eq!(world.salt(&["repo/src"]), "outer");
    assert_eq!(world.salt(&["repo/inner/.kache.toml"]), "inner", "a start that is a file is passed over");
    assert_eq!(world.salt(&["none/at/all", "other/x", "repo"]), "other");
    assert_eq!(world.salt(&["none/at/all", "none/at/.."]), "");
}

#[test]
fn a_project_goes_before_the_user_and_keeps_the_rest() {
    let user = format!("{}cache.wait = \"5s\"", salt("user"));
    let world =
        World::new().file("home/.config/kache/config.toml", user).file("repo/.kache.toml", salt("project"));
    let (config, problems) = world.load(&["repo"]);
    assert_eq!(problems, []);
    let project = world.path("repo/.kache.toml");
    assert_eq!(
        config.key_salt,
        Setting { value: "project".into(), source: Source::File { path: project, line: 1 } }
    );
    let user = world.path("home/.config/kache/config.toml");
    assert_eq!(config.wait.source, Source::File { path: user, line: 2 });
}

#[test]
fn what_is_no_readable_text_is_a_problem_that_loses_the_file() {
    let too_large = "#".repeat(MAX_FILE_BYTES as usize + 1);
    let worlds = [
        World::new().directory("repo/.kache.toml"),
        World::new().file("repo/.kache.toml", b"# \xff\n"),
        World::new().file("repo/.kache.toml", too_large),
        World::new().file("repo/.kache.toml", "cache = ["),
    ];
    for world in worlds {
        let world =
            world.file(".kache.toml", salt("farther")).file("home/.config/kache/config.toml", salt("user"));
        let (config, problems) = world.load(&["repo"]);
        assert!(problems.len() == 1 && problems[0].loses_file(), "{problems:?}");
        let file = world.path("repo").join(PROJECT_FILE);
        assert!(problems[0].to_string().starts_with(&file.display().to_string()), "{problems:?}");
        assert_eq!(config.key_salt.value, "user", "the other file still counts, one farther up does not");
    }
}

#[test]
fn a_file_of_exactly_the_limit_is_read() {
    let text = format!("{}#", salt("full"));
    let text = format!("{text}{}", "x".repeat(MAX_FILE_BYTES as usize - text.len()));
    assert_eq!(World::new().file("repo/.kache.toml", text).salt(&["repo"]), "full");
}

proptest! {
    #[test]
    fn random_bytes_never_panic(
        noise in prop::collection::vec(any::<u8>(), 0..200),
        almost in "(\\[cache\\]\n)?((wait|key_salt|paths|local_max_size|key_env_vars)?[ .=\"\\[\\]{}0-9a-zé\n-]{0,20}){0,5}",
        values in prop::collection::vec("[ -~é]{0,12}", 7),
    ) {
        let mut world = World::new().file("home/.config/kache/config.toml", noise).file("repo/.kache.toml", almost);
        for (variable, value) in env::ALL.iter().zip(values) {
            world = world.var(variable.name, value.replace('\0', ""));
        }
        let (config, problems) = world.load(&["repo"]);
        let shown: String = problems.iter().map(Problem::to_string).collect();
        prop_assert!(config.rows().len() == 39 && shown.is_empty() == problems.is_empty());
    }
}
