//! Finds the configuration of sccache on a machine, and plans its migration.

use std::path::{Path, PathBuf};

use crate::setup::cargo_config::{self, ConfigOrigin, WrapperKey};
use crate::setup::init::{KnownWrapper, known};
use crate::setup::plan::{Action, CommandLine};
use crate::setup::programs;
use crate::setup::sccache::kept_variables::{self, AskProgram, VariableSource};
use crate::setup::sccache::lines::{self, MatchedFile};
use crate::setup::sccache::places::{self, ConfigFile, FileScope, Syntax};
use crate::setup::sccache::settings::{self, Fate, Ours};
use crate::setup::sccache::{carry, mentions, purge, server};
use crate::sys::env::{Env, unset_command};
use crate::sys::{dirs, fs};

/// What is looked at.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub env: &'a Env,
    /// Where the system's own files are: `/`.
    pub root: &'a Path,
    pub cwd: &'a Path,
    /// The name of the system.
    pub os: &'a str,
    pub ask: AskProgram<'a>,
}

/// What was found, and what to do about it.
#[derive(Debug, Default)]
pub struct Migration {
    /// Where something was found.
    pub found: Vec<String>,
    /// Changes of the user's own files.
    pub actions: Vec<Action>,
    /// Changes of files of the repository.
    pub in_project: Vec<Action>,
    /// What the user has to do.
    pub by_hand: Vec<String>,
    /// sccache's caches on this disk.
    pub caches: Vec<PathBuf>,
    /// By the name of the variable; the first of a name is the one in force.
    settings: Vec<(String, String)>,
    /// Compilers of C go through sccache.
    compiles_c: bool,
}

const TITLE: &str = "Turn sccache off in";

/// Looks at a machine.
pub fn look(view: View<'_>) -> Migration {
    let View { env, root, cwd, .. } = view;
    let home = dirs::home(env);
    let project =
        cwd.ancestors().find(|dir| Some(*dir) != home.as_deref() && fs::metadata(&dir.join(".git")).is_ok());
    let mut places = places::all(env, root, project);
    places.extend(configurations_of_cargo(env, cwd));
    let cargo_home = cargo_config::chain::cargo_home(env, cwd);
    let kept: Vec<(&ConfigFile, MatchedFile)> =
        places.iter().filter_map(|place| Some((place, lines::find(place, &is_for_c)?))).collect();
    let is_in_env =
        env.vars().any(|(name, value)| is_for_c(&name.to_string_lossy(), &value.to_string_lossy()));
    let mut migration = Migration { compiles_c: !kept.is_empty() || is_in_env, ..Migration::default() };
    let servers = server::running(view.os, &root.join("proc"), view.ask);
    migration.settings.extend(servers.iter().flat_map(|server| server.settings.clone()));
    migration.look_at_variables(env);
    for place in &places {
        let of_c = kept.iter().find(|(kept, _)| *kept == place).map(|(_, file)| file);
        migration.look_at_file(place, of_c, cargo_home.as_deref());
    }
    migration.look_at_universal_variables(env);
    migration.look_at_home_of_cargo(env, cwd);
    migration.look_at_kept_variables(view);
    migration.look_at_configuration(env);
    migration.stop_server(view, servers.first());
    migration.carry_over(env);
    migration
}

/// Those that cargo reads here. The user's own are in cargo's home, or included from there.
fn configurations_of_cargo(env: &Env, cwd: &Path) -> Vec<ConfigFile> {
    let setting = WrapperKey::RustcWrapper;
    let own = cargo_config::chain::cargo_home(env, cwd).map(|home| cargo_config::config_file(&home));
    let own = own.map_or_else(Vec::new, |file| cargo_config::chain::in_file(setting, env, &file).files);
    let mut places = Vec::new();
    for path in cargo_config::resolve(setting, env, cwd).files {
        let scope = if own.contains(&path) { FileScope::User } else { FileScope::Project };
        places.push(ConfigFile { path, syntax: Syntax::Cargo, scope });
    }
    places
}

/// Whether a value of a variable starts sccache.
pub fn is_sccache(value: &str) -> bool {
    let end = value.trim_end_matches([')', '`', '"', ' ']);
    known(end.rsplit([' ', '/', '\\']).next().unwrap_or_default()) == KnownWrapper::Sccache
}

fn wrapper_names() -> impl Iterator<Item = &'static str> {
    let settings = [WrapperKey::RustcWrapper, WrapperKey::WorkspaceWrapper];
    settings.into_iter().flat_map(WrapperKey::variables)
}

fn is_wrapper(name: &str, value: &str) -> bool {
    let keys = [WrapperKey::RustcWrapper.key(), WrapperKey::WorkspaceWrapper.key()];
    (wrapper_names().any(|known| known == name) || keys.contains(&name)) && is_sccache(value)
}

fn is_setting(name: &str) -> bool {
    settings::fate(name).is_some()
}

/// Compilers of C that go through sccache: they stay, because kache does not cache C.
fn is_for_c(name: &str, value: &str) -> bool {
    let names = [
        "CC",
        "CXX",
        "CMAKE_C_COMPILER_LAUNCHER",
        "CMAKE_CXX_COMPILER_LAUNCHER",
        "CMAKE_CUDA_COMPILER_LAUNCHER",
    ];
    names.contains(&name) && value.split_whitespace().any(|part| known(part) == KnownWrapper::Sccache)
}

/// Lines of a file that are understood, and stay as they are here.
struct KeptLines {
    /// In the file that `kache init` changes, it replaces the wrapper by kache.
    is_changed_by_init: bool,
    /// sccache's settings are still needed for C.
    compiles_c: bool,
}

impl KeptLines {
    fn has(&self, name: &str) -> bool {
        let is_replaced = self.is_changed_by_init && name == WrapperKey::RustcWrapper.key();
        is_replaced || (self.compiles_c && is_setting(name))
    }
}

impl Migration {
    /// Whether sccache is not configured.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
            && self.actions.is_empty()
            && self.in_project.is_empty()
            && self.by_hand.is_empty()
    }

    fn look_at_file(&mut self, place: &ConfigFile, of_c: Option<&MatchedFile>, cargo_home: Option<&Path>) {
        let path = place.path.display();
        if let Some(file) = of_c {
            let kept = file.shown().into_iter();
            self.by_hand
                .extend(kept.map(|line| format!("{line} was left unchanged: kache caches Rust only")));
        }
        if let Some(file) = lines::find(place, &|name, _| is_setting(name)) {
            let settings = file.assignments.into_iter().filter(|one| is_setting(&one.name));
            if place.scope == FileScope::Project {
                settings.for_each(|one| self.say_of_project(&one.name));
            } else {
                self.settings.extend(settings.map(|one| (one.name, one.value)));
            }
        }
        let kept = KeptLines {
            is_changed_by_init: cargo_home.is_some_and(|home| place.path.starts_with(home)),
            compiles_c: self.compiles_c,
        };
        let file = lines::find(place, &|name, value| {
            !kept.has(name) && (is_wrapper(name, value) || is_setting(name))
        });
        let replaced = lines::find(place, &|name, _| kept.has(name));
        let understood: Vec<&MatchedFile> =
            [of_c, file.as_ref(), replaced.as_ref()].into_iter().flatten().collect();
        let mentioned = mentions::find(place, &understood);
        self.by_hand.extend(mentioned.into_iter().map(|line| format!("{line}; change it by hand")));
        let Some(file) = file else { return };
        self.found.extend(file.shown());
        match (place.scope, file.comment_out(TITLE)) {
            (FileScope::User, Some(action)) => self.actions.push(action),
            (FileScope::Project, Some(action)) => self.in_project.push(action),
            _ => self.by_hand.push(format!(
                "this user cannot change {path}; remove these lines from it: {}",
                file.assignments.iter().map(|one| one.line.to_string()).collect::<Vec<_>>().join(", ")
            )),
        }
    }

    /// What a repository sets is not for all of a user's builds: of it nothing is carried over.
    fn say_of_project(&mut self, name: &str) {
        let said = match settings::fate(name) {
            Some(Fate::Carried(ours)) => format!(
                "{name} was not carried over: it is for this repository alone, and `cache.{}` would be for all",
                ours.key()
            ),
            Some(Fate::Not(why)) => format!("{name} was not carried over: {why}"),
            Some(Fate::NotNeeded(why)) => format!("{name} is not needed: {why}"),
            None => return,
        };
        if !self.by_hand.contains(&said) {
            self.by_hand.push(said);
        }
    }

    fn look_at_universal_variables(&mut self, env: &Env) {
        let universal = dirs::config(env).map(|dir| dir.join("fish/fish_variables"));
        let bytes = universal.and_then(|path| fs::read(&path).ok()).unwrap_or_default();
        for line in String::from_utf8_lossy(&bytes).lines().filter_map(|line| line.strip_prefix("SETUVAR ")) {
            let Some((name, value)) = line.rsplit(' ').next().and_then(|pair| pair.split_once(':')) else {
                continue;
            };
            if is_setting(name) {
                self.settings.push((name.to_owned(), value.to_owned()));
            }
            if is_wrapper(name, value) || is_setting(name) {
                self.found.push(format!("the universal variable {name} of fish"));
                self.by_hand.push(format!("run this in fish, which stores the variable: set -Ue {name}"));
            }
        }
    }

    fn look_at_variables(&mut self, env: &Env) {
        for (name, value) in env.vars() {
            let (name, value) = (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned());
            let is_wrapper = is_wrapper(&name, &value);
            if is_wrapper || is_setting(&name) {
                self.found.push(format!("the variable {name} of this shell"));
            }
            if is_wrapper {
                self.by_hand.push(format!("`{}`, or start a new shell", unset_command(&name)));
            } else if is_setting(&name) {
                self.settings.push((name, value));
            }
        }
    }

    /// What `kache init` replaces.
    fn look_at_home_of_cargo(&mut self, env: &Env, cwd: &Path) {
        let own = cargo_config::chain::cargo_home(env, cwd).unwrap_or_default();
        for link in cargo_config::resolve(WrapperKey::RustcWrapper, env, cwd).links {
            let is_own = matches!(&link.origin, ConfigOrigin::File { path, .. } if path.starts_with(&own));
            if is_own && known(&link.value) == KnownWrapper::Sccache {
                self.found.push(format!("{}: `{}`", link.origin, link.value));
            }
        }
    }

    fn look_at_kept_variables(&mut self, view: View<'_>) {
        let names: Vec<&'static str> = wrapper_names().chain(settings::names()).collect();
        for kept in kept_variables::look(view.os, &names, view.ask) {
            if is_setting(&kept.name) {
                self.by_hand.push(kept.by_hand());
                self.settings.push((kept.name, kept.value));
            } else if is_wrapper(&kept.name, &kept.value) {
                self.found.push(kept.shown());
                match kept.unset() {
                    Some(action) => self.actions.push(action),
                    None => self.by_hand.push(kept.by_hand()),
                }
                if kept.keeper != VariableSource::Launchd {
                    self.by_hand.push("log out and in again: running programs keep the variable".to_owned());
                }
            }
        }
    }

    fn look_at_configuration(&mut self, env: &Env) {
        let named = self.settings.iter().find(|(name, _)| name == "SCCACHE_CONF");
        let files = [
            named.map(|(_, path)| PathBuf::from(path)),
            dirs::config(env).map(|dir| dir.join("sccache/config")),
            dirs::home(env).map(|home| home.join("Library/Application Support/Mozilla.sccache/config")),
            env.get("APPDATA").map(|dir| Path::new(dir).join("Mozilla/sccache/config/config")),
        ];
        for file in files.into_iter().flatten() {
            let text = lines::text(&file).unwrap_or_default();
            self.settings.extend(settings::parse_file(&text));
        }
        let named = self.settings.iter().filter(|(name, _)| name == "SCCACHE_DIR");
        let mut caches: Vec<PathBuf> = named.map(|(_, dir)| PathBuf::from(dir)).collect();
        caches.extend(purge::default_dirs(env));
        caches.retain(|dir| dir.is_absolute() && fs::symlink_metadata(dir).is_ok());
        caches.sort();
        caches.dedup();
        self.caches = caches;
    }

    fn stop_server(&mut self, view: View<'_>, server: Option<&server::Server>) {
        let Some(server) = server.filter(|_| !self.compiles_c) else { return };
        self.found.push(format!("its server (process {})", server.pid));
        let program = programs::find("sccache", view.env);
        match program.as_deref().and_then(Path::to_str) {
            Some(program) => {
                let command = CommandLine::new(program, &["--stop-server"]);
                self.actions.push(Action::run("Stop the sccache server", command, None));
            }
            None => {
                let command = if view.os == "windows" { "taskkill /F /PID" } else { "kill" };
                self.by_hand.push(format!("stop the sccache server: {command} {}", server.pid));
            }
        }
    }

    /// Carries sccache's settings over, or tells the user about them.
    fn carry_over(&mut self, env: &Env) {
        let mut names: Vec<String> = Vec::new();
        let mut wishes: Vec<(Ours, String)> = Vec::new();
        for (name, value) in std::mem::take(&mut self.settings) {
            if names.contains(&name) {
                continue;
            }
            let shown = name.trim_end_matches('_');
            match settings::fate(&name) {
                Some(Fate::Carried(ours)) => match carry::value(ours, &value, env) {
                    Ok(Some(value)) => wishes.push((ours, value)),
                    Ok(None) => {}
                    Err(why) => self.by_hand.push(format!("{shown} was not carried over: {why}")),
                },
                Some(Fate::Not(why)) => self.by_hand.push(format!("{shown} was not carried over: {why}")),
                Some(Fate::NotNeeded(why)) => self.by_hand.push(format!("{shown} is not needed: {why}")),
                None => {}
            }
            names.push(name);
        }
        let (actions, left) = carry::over(&wishes, env);
        self.actions.extend(actions);
        self.by_hand
            .extend(left.iter().map(|ours| {
                format!("cannot change kache's configuration: set `cache.{}` in it", ours.key())
            }));
    }
}
