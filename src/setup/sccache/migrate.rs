//! Everything of sccache's on a machine, and what is to be done with it.

use std::path::{Path, PathBuf};

use crate::config::load::user_file_path;
use crate::setup::cargo_config::{self, Origin, Setting, edit, read};
use crate::setup::init::{Known, known, unwritable};
use crate::setup::plan::{Action, CommandLine, Plan, UndoEdit, show};
use crate::setup::sccache::places::{self, Scope};
use crate::setup::sccache::settings::{self, Way};
use crate::setup::sccache::{lines, mentions, purge, server};
use crate::sys::env::Env;
use crate::sys::{dirs, fs, os};

/// What was found, and what becomes of it.
#[derive(Debug, Default)]
pub struct Migration {
    /// Where something was found.
    pub found: Vec<String>,
    /// Changes of the user's own files.
    pub actions: Vec<Action>,
    /// What is left to a person.
    pub by_hand: Vec<String>,
    /// Diffs of files of the repository.
    pub patches: Vec<String>,
    /// sccache's caches on this disk.
    pub caches: Vec<PathBuf>,
    settings: Vec<(String, String)>,
}

const TITLE: &str = "Turn sccache off in";

/// Looks at the machine whose root is at `root`, from the directory `cwd`.
pub fn look(env: &Env, root: &Path, cwd: &Path) -> Migration {
    let mut migration = Migration::default();
    let home = dirs::home(env);
    let is_project = |dir: &&Path| Some(*dir) != home.as_deref() && fs::metadata(&dir.join(".git")).is_ok();
    let project = cwd.ancestors().find(is_project);
    migration.look_at_files(env, root, project);
    migration.look_at_variables(env);
    migration.look_at_cargo(env, cwd);
    if let Some(project) = project {
        let found = mentions::of(project);
        if !found.is_empty() {
            migration
                .by_hand
                .push("these files of the repository name sccache; change them yourself".to_owned());
            migration.by_hand.extend(found.iter().map(|line| format!("  {line}")));
        }
    }
    migration.look_at_configuration(env, root);
    migration.stop_server(env, cwd, root);
    migration.carry_over(env);
    migration
}

/// Whether a value of a variable starts sccache.
pub fn is_sccache(value: &str) -> bool {
    let end = value.trim_end_matches([')', '`', '"', ' ']);
    known(end.rsplit([' ', '/', '\\']).next().unwrap_or_default()) == Known::Sccache
}

fn is_wanted(name: &str, value: &str) -> bool {
    let is_wrapper = Setting::RustcWrapper.variables().contains(&name)
        || Setting::WorkspaceWrapper.variables().contains(&name);
    (is_wrapper && is_sccache(value)) || name.starts_with("SCCACHE_")
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
    names.contains(&name) && value.split_whitespace().any(|part| known(part) == Known::Sccache)
}

impl Migration {
    /// Whether sccache is nowhere.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.actions.is_empty() && self.by_hand.is_empty() && self.patches.is_empty()
    }

    fn look_at_files(&mut self, env: &Env, root: &Path, project: Option<&Path>) {
        for place in places::all(env, root, project) {
            if let Some(file) = lines::find(&place, &is_for_c) {
                let kept = file.shown().into_iter();
                self.by_hand.extend(kept.map(|line| format!("{line} was kept: kache caches Rust only")));
            }
            let Some(file) = lines::find(&place, &is_wanted) else {
                self.by_hand.extend(unclear(&place));
                continue;
            };
            self.found.extend(file.shown());
            let settings = file.hits.iter().filter(|hit| hit.name.starts_with("SCCACHE_"));
            self.settings.extend(settings.map(|hit| (hit.name.clone(), hit.value.clone())));
            match (place.scope, file.comment_out(TITLE)) {
                (Scope::User, Some(action)) => self.actions.push(action),
                (Scope::Project, _) => {
                    self.patches.extend(file.edited(TITLE).map(|action| show::text(&[action])));
                }
                _ => self.by_hand.push(format!(
                    "{} is not this user's to change; remove these lines from it: {}",
                    place.path.display(),
                    file.hits.iter().map(|hit| hit.line.to_string()).collect::<Vec<_>>().join(", ")
                )),
            }
        }
        let universal = dirs::config(env).map(|dir| dir.join("fish/fish_variables"));
        let bytes = universal.and_then(|path| fs::read(&path).ok()).unwrap_or_default();
        for line in String::from_utf8_lossy(&bytes).lines().filter_map(|line| line.strip_prefix("SETUVAR ")) {
            let Some((name, value)) = line.rsplit(' ').next().and_then(|pair| pair.split_once(':')) else {
                continue;
            };
            if is_wanted(name, value) {
                self.found.push(format!("the universal variable {name} of fish"));
                self.by_hand
                    .push(format!("call this in fish, which keeps the variable itself: set -Ue {name}"));
            }
        }
    }

    fn look_at_variables(&mut self, env: &Env) {
        for (name, value) in env.vars() {
            let (name, value) = (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned());
            if is_wanted(&name, &value) {
                self.found.push(format!("the variable {name} of this shell"));
                if name.starts_with("SCCACHE_") {
                    self.settings.push((name, value));
                } else {
                    self.by_hand.push(format!("`unset {name}`, or start a new shell"));
                }
            }
        }
    }

    fn look_at_cargo(&mut self, env: &Env, cwd: &Path) {
        let own = cargo_config::chain::cargo_home(env, cwd).unwrap_or_default();
        for setting in [Setting::RustcWrapper, Setting::WorkspaceWrapper] {
            for link in cargo_config::resolve(setting, env, cwd).links {
                let Origin::File { path, .. } = &link.origin else { continue };
                if known(&link.value) != Known::Sccache {
                    continue;
                }
                self.found.push(format!("{}: `{}`", link.origin, link.value));
                if setting == Setting::WorkspaceWrapper {
                    self.by_hand.push(format!("remove `rustc-workspace-wrapper` from {}", link.origin));
                } else if !path.starts_with(&own) {
                    self.patches.extend(patch(path));
                }
            }
        }
    }

    fn look_at_configuration(&mut self, env: &Env, root: &Path) {
        let named = env.get("SCCACHE_CONF").map(PathBuf::from);
        let files = [
            named,
            dirs::config(env).map(|dir| dir.join("sccache/config")),
            dirs::home(env).map(|home| home.join("Library/Application Support/Mozilla.sccache/config")),
            env.get("APPDATA").map(|dir| Path::new(dir).join("Mozilla/sccache/config/config")),
        ];
        for file in files.into_iter().flatten() {
            if let Ok(bytes) = fs::read(&file) {
                self.settings.extend(settings::of_file(&String::from_utf8_lossy(&bytes)));
            }
        }
        for server in server::running(&root.join("proc")) {
            self.settings.extend(server.settings);
        }
        let named = self.settings.iter().filter(|(name, _)| name == "SCCACHE_DIR");
        let mut caches: Vec<PathBuf> = named.map(|(_, dir)| PathBuf::from(dir)).collect();
        caches.extend(purge::default_dir(env));
        caches.retain(|dir| dir.is_absolute() && fs::symlink_metadata(dir).is_ok());
        caches.sort();
        caches.dedup();
        self.caches = caches;
    }

    fn stop_server(&mut self, env: &Env, cwd: &Path, root: &Path) {
        let servers = server::running(&root.join("proc"));
        let Some(server) = servers.first() else { return };
        self.found.push(format!("its server, process {}", server.pid));
        let program = os::find_program("sccache".as_ref(), env.get("PATH"), cwd);
        match program.as_deref().and_then(Path::to_str) {
            Some(program) => {
                let command = CommandLine::new(program, &["--stop-server"]);
                self.actions.push(Action::run("Stop the server of sccache", command, None));
            }
            None => self.by_hand.push(format!("end the server of sccache: kill {}", server.pid)),
        }
    }

    /// What is known of sccache's settings, in kache's configuration or in words.
    fn carry_over(&mut self, env: &Env) {
        let mut settings = std::mem::take(&mut self.settings);
        settings.sort();
        settings.dedup_by(|one, other| one.0 == other.0);
        for (name, value) in &settings {
            let name = name.trim_end_matches('_');
            match settings::way(&format!("{name}_")).or_else(|| settings::way(name)) {
                Some(Way::Size) => match settings::size(value).and_then(|size| set_max_size(env, &size)) {
                    Some(actions) => self.actions.extend(actions),
                    None => {
                        self.by_hand.push(format!("{name} was not carried over: see `cache.local_max_size`"));
                    }
                },
                Some(Way::Not(why)) => self.by_hand.push(format!("{name} was not carried over: {why}")),
                Some(Way::NotNeeded(why)) => self.by_hand.push(format!("{name} is not needed: {why}")),
                None => {}
            }
        }
    }
}

/// Lines that set a wrapper in a way that is not understood.
fn unclear(place: &places::Place) -> Vec<String> {
    let bytes = fs::read(&place.path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let is_code = |line: &str| !line.trim_start().starts_with(['#', ':']) && !line.contains("kache: was");
    let is_part = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let names =
        |line: &str| line.contains("RUSTC_WRAPPER") && line.split(is_part).any(|word| word == "sccache");
    let lines = text.lines().enumerate().filter(|(_, line)| is_code(line) && names(line));
    let path = place.path.display();
    lines
        .map(|(index, _)| {
            format!("{path}:{} sets sccache in a way of its own; change it yourself", index + 1)
        })
        .collect()
}

/// A diff that takes the wrapper out of a configuration of the repository.
fn patch(path: &Path) -> Option<String> {
    let text = read::text(path).ok()??;
    let after = edit::remove(path, &text).ok()?;
    let action =
        Action::edit("Leave the wrapper to the user", path, after.into_bytes(), UndoEdit::None).ok()?;
    Some(show::text(&[action]))
}

/// `cache.local_max_size` in kache's configuration, unless it is there already; `None` if it cannot be put there.
fn set_max_size(env: &Env, size: &str) -> Option<Vec<Action>> {
    let file = user_file_path(&|name| env.get(name).map(ToOwned::to_owned)).ok()??.path;
    let text = read::text(&file).ok()?.unwrap_or_default();
    let (before, problems) = crate::config::file::parse(&file, &text);
    if before.local_max_size.is_some() {
        return Some(Vec::new());
    }
    let line = format!("local_max_size = \"{size}\"");
    let header = text.split_inclusive('\n').position(|line| line.trim() == "[cache]");
    let (after, added) = match header {
        Some(index) => {
            let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
            let with_end = format!("{}{line}\n", if lines[index].ends_with('\n') { "" } else { "\n" });
            lines.insert(index + 1, &with_end);
            (lines.concat(), vec![line])
        }
        None => {
            let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            (format!("{text}{end}[cache]\n{line}\n"), vec!["[cache]".to_owned(), line])
        }
    };
    // Nothing but that one setting may come of it.
    let (mut expected, problems_after) = crate::config::file::parse(&file, &after);
    let is_set = expected.local_max_size.take().is_some();
    let same_problems = problems.len() == problems_after.len();
    if !is_set || !same_problems || unwritable(&file).is_some() {
        return None;
    }
    let mut plan = Plan::new("");
    plan.make_dirs(file.parent()?).ok()?;
    let undo = UndoEdit::RemoveLines { lines: added };
    plan.add(Action::edit("Carry the size of the cache over", &file, after.into_bytes(), undo).ok()?);
    Some(plan.actions)
}
