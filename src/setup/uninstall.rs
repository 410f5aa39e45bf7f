//! `kache uninstall`: plans the changes after which nothing calls this program.
//!
//! Cargo's configuration goes first. What it named stays until then, and for good where something that cannot be
//! changed from here still names it: a wrapper that is missing stops every cargo command.

use std::io;
use std::path::{Path, PathBuf};

use crate::setup::cargo_config::chain::{self, ConfigOrigin, WrapperKey, WrapperProgram};
use crate::setup::cargo_config::read;
use crate::setup::cargo_config::{CannotEdit, edit};
use crate::setup::init::{self, KnownWrapper};
use crate::setup::login::is_planned;
use crate::setup::plan::action::{ActionKind, PathChange, resolved};
use crate::setup::plan::journal::{EntryStatus, RecordedChange};
use crate::setup::plan::state::{Content, PathSnapshot};
use crate::setup::plan::{Action, CannotPlan, Journal, Plan, UndoEdit, undo};
use crate::setup::self_update::receipt;
use crate::setup::service::systemd::LOGINCTL;
use crate::setup::unwritable::unwritable;
use crate::setup::user::WrongUser;
use crate::setup::wrapper_path;
use crate::sys::env::{self, Env};
use crate::sys::fs;

/// The command, as the journal names it.
pub const COMMAND: &str = "uninstall";

/// A repair, as the journal names it. It is undone too.
pub const REPAIR: &str = "doctor --fix";

/// What uninstall found, and what it would do.
#[derive(Debug)]
pub struct Uninstall {
    pub plan: Plan,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// What still names the program and has to be changed by the user.
    pub unfinished: Vec<String>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum CannotUninstall {
    #[error(transparent)]
    User(#[from] WrongUser),
    #[error(
        "cannot change {path} ({why}), and cargo would fail without the wrapper it names; remove `build.rustc-wrapper` from it first"
    )]
    Unwritable { path: PathBuf, why: &'static str },
    #[error("the journal cannot be read: {0}")]
    Journal(io::Error),
    #[error(transparent)]
    Chain(#[from] chain::ChainProblem),
    #[error(transparent)]
    Edit(#[from] CannotEdit),
    #[error(transparent)]
    Plan(#[from] CannotPlan),
}

/// The plan that undoes every init.
pub fn undo_init(env: &Env, command: &str) -> Result<Uninstall, CannotUninstall> {
    undo_all(env, command, &[init::COMMAND])
}

fn undo_all(env: &Env, command: &str, commands: &[&str]) -> Result<Uninstall, CannotUninstall> {
    let journal = Journal::for_user(env).ok_or(WrongUser::NoHome)?;
    let undo = journal.undo(command, commands).map_err(CannotUninstall::Journal)?;
    let mut plan = undo.plan;
    undo::first(&mut plan, |change| match &change.before {
        Content::File { bytes, .. } => std::str::from_utf8(bytes)
            .is_ok_and(|text| chain::in_text(WrapperKey::RustcWrapper, env, &change.path, text).is_some()),
        _ => false,
    });
    let mut uninstall = Uninstall { plan, notes: Vec::new(), unfinished: undo.conflicts };
    uninstall.put_back_no_missing_wrapper(env)?;
    Ok(uninstall)
}

/// The plan for this machine: the journal first, and then whatever else names the program.
pub fn plan(env: &Env) -> Result<Uninstall, CannotUninstall> {
    let mut uninstall = undo_all(env, COMMAND, &[init::COMMAND, REPAIR])?;
    uninstall.unwire(env)?;
    uninstall.remove_own(env)?;
    uninstall.remove_previous(env)?;
    uninstall.keep_what_is_named(env);
    Ok(uninstall)
}

fn cwd(env: &Env) -> PathBuf {
    env.cwd.clone().unwrap_or_else(|| PathBuf::from("/"))
}

impl Uninstall {
    /// Adds the removal of the login service: after cargo's configuration, and before the program that it runs. The
    /// commands in the journal are dropped: the manager would refuse them if it does not know the service any more.
    pub fn remove_service(&mut self, service: Plan) {
        self.plan.actions.retain(|action| !is_of_service(action) && !is_planned(action, &service.actions));
        let n_first = self.plan.actions.iter().take_while(|action| changes_wrapper(action)).count();
        self.plan.actions.splice(n_first..n_first, service.actions);
        self.plan.undoes.extend(service.undoes);
    }

    /// Whether init installed the service, as the journal has it.
    pub fn installed_service(&self) -> bool {
        self.plan.actions.iter().any(is_of_service)
    }

    /// Does not restore a wrapper that no longer exists, because cargo would fail.
    fn put_back_no_missing_wrapper(&mut self, env: &Env) -> Result<(), CannotUninstall> {
        for action in &mut self.plan.actions {
            let ActionKind::Path(change) = &mut action.change else { continue };
            let Content::File { bytes, mode } = &change.after else { continue };
            let Ok(text) = std::str::from_utf8(bytes) else { continue };
            let Some(link) = chain::in_text(WrapperKey::RustcWrapper, env, &change.path, text) else {
                continue;
            };
            let is_relative =
                link.value.contains(std::path::is_separator) && Path::new(&link.value).is_relative();
            let is_missing = match &link.program {
                WrapperProgram::Disabled => false,
                // Relative to where cargo finds the file, which may be a link to this one.
                WrapperProgram::At(_) if is_relative => false,
                WrapperProgram::At(program) => fs::metadata(program).is_err(),
                WrapperProgram::NotInPath => true,
            };
            if is_missing {
                let rest = edit::remove(&change.path, text)?;
                self.notes.push(format!(
                    "`{}` was the wrapper before kache, but it no longer exists; no wrapper is set",
                    link.value
                ));
                change.after = match rest.is_empty() && was_made_here(env, &change.before.state()) {
                    true => {
                        action.title = format!("Remove {}", change.path.display());
                        Content::Absent
                    }
                    false => Content::File { bytes: rest.into_bytes(), mode: *mode },
                };
            }
        }
        Ok(())
    }

    /// Takes the key out of every file of the chain that still names kache.
    fn unwire(&mut self, env: &Env) -> Result<(), CannotUninstall> {
        let chain = chain::resolve(WrapperKey::RustcWrapper, env, &cwd(env));
        if let Some(index) = chain.problems.iter().position(chain::ChainProblem::stops_cargo) {
            let mut problems = chain.problems;
            return Err(problems.swap_remove(index).into());
        }
        for link in &chain.links {
            match &link.origin {
                ConfigOrigin::File { path, .. } if init::known(&link.value) == KnownWrapper::Kache => {
                    self.unwire_file(env, path)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn unwire_file(&mut self, env: &Env, path: &Path) -> Result<(), CannotUninstall> {
        let path = resolved(path)?;
        if let Some(why) = unwritable(&path) {
            return Err(CannotUninstall::Unwritable { path, why });
        }
        let planned = self.plan.actions.iter().position(|action| change_of(action, &path).is_some());
        let text = match planned.and_then(|index| change_of(&self.plan.actions[index], &path)) {
            Some(PathChange { after: Content::File { bytes, .. }, .. }) => {
                String::from_utf8(bytes.clone()).unwrap_or_default()
            }
            Some(_) => return Ok(()),
            None => read::text(&path).map_err(chain::ChainProblem::from)?.unwrap_or_default(),
        };
        let file = read::ParsedFile::parse(&path, &text).map_err(chain::ChainProblem::from)?;
        let still = file.build(WrapperKey::RustcWrapper.key()).and_then(|value| value.text.ok());
        if !still.is_some_and(|value| init::known(&value) == KnownWrapper::Kache) {
            return Ok(());
        }
        let rest = edit::remove(&path, &text)?;
        let title = "Tell cargo to call no wrapper";
        let is_only_ours =
            rest.is_empty() && PathSnapshot::at(&path).is_ok_and(|state| was_made_here(env, &state));
        match planned {
            _ if is_only_ours => {
                let action = Action::remove(format!("Remove {}", path.display()), &path)?;
                match planned {
                    Some(index) => self.plan.actions[index] = action,
                    None => self.plan.actions.insert(0, action),
                }
            }
            Some(index) => {
                if let ActionKind::Path(change) = &mut self.plan.actions[index].change {
                    let mode = 0o644;
                    change.after = Content::File { bytes: rest.into_bytes(), mode };
                }
            }
            None => {
                let action = Action::edit(title, &path, rest.into_bytes(), UndoEdit::None)?;
                self.plan.actions.insert(0, action);
            }
        }
        Ok(())
    }

    /// Removes the link or copy that init made, if the journal does not know of it.
    fn remove_own(&mut self, env: &Env) -> Result<(), CannotUninstall> {
        let Some(own) = wrapper_path::own(env) else { return Ok(()) };
        if fs::symlink_metadata(&own).is_err() {
            return Ok(());
        }
        let dirs = own.ancestors().skip(1).take(2);
        for path in [own.as_path()].into_iter().chain(dirs) {
            if !self.plan.actions.iter().any(|action| change_of(action, path).is_some()) {
                let title = match path == own {
                    true => format!("Remove {}", path.display()),
                    false => format!("Remove the directory {} if it is empty", path.display()),
                };
                let action = Action::remove(title, path)?;
                self.plan.add(action);
            }
        }
        Ok(())
    }

    /// Removes the program that an update replaced. The installer restores one of another installation.
    fn remove_previous(&mut self, env: &Env) -> Result<(), CannotUninstall> {
        let exe = env::current_exe().and_then(|exe| fs::canonical(&exe));
        let receipt = receipt::path(env).and_then(|path| receipt::read(&path).ok()?);
        if let (Ok(exe), Some(receipt)) = (exe, receipt)
            && receipt.is_of(&exe)
            && !receipt::has_foreign_previous(env, &receipt.path)
        {
            let previous = receipt::previous(&exe);
            let title = format!("Remove {}, which an update replaced", previous.display());
            self.plan.add(Action::remove(title, &previous)?);
        }
        Ok(())
    }

    /// Keeps the program that a variable names, because kache cannot unset that.
    fn keep_what_is_named(&mut self, env: &Env) {
        let chain = chain::resolve(WrapperKey::RustcWrapper, env, &cwd(env));
        for link in &chain.links {
            let ConfigOrigin::Variable(name) = &link.origin else { continue };
            if init::known(&link.value) != KnownWrapper::Kache {
                continue;
            }
            let mut said = format!("{} still names `{}`: remove it where it is set", link.origin, link.value);
            if let WrapperProgram::At(program) = &link.program
                && self.plan.actions.iter().any(|action| change_of(action, program).is_some())
            {
                self.plan.actions.retain(
                    |action| !matches!(&action.change, ActionKind::Path(change) if program.starts_with(&change.path)),
                );
                said += "; until then that file is kept, because cargo would fail without it. Then run this again";
            }
            self.unfinished.push(format!("{said} (`{}` for this shell)", env::unset_command(name)));
        }
    }
}

/// Whether kache created a file that is in this state, and nothing else changed it since. Paths do not matter: the home
/// directory may have been renamed.
fn was_made_here(env: &Env, state: &PathSnapshot) -> bool {
    let entries = Journal::for_user(env).and_then(|journal| journal.entries().ok()).unwrap_or_default();
    let done = entries.iter().filter(|entry| entry.status() == EntryStatus::Done);
    let changes: Vec<&RecordedChange> = done.flat_map(|entry| &entry.record().changes).collect();
    let mut state = state;
    for change in changes.into_iter().rev() {
        match change {
            RecordedChange::Path { before: PathSnapshot::Absent, after, .. } if after.matches(state) => {
                return true;
            }
            RecordedChange::Path { before, after, .. } if after.matches(state) => state = before,
            _ => {}
        }
    }
    false
}

/// Whether this is a command for the service: others set what is the user's, a variable or that services linger.
fn is_of_service(action: &Action) -> bool {
    let ActionKind::Run(run) = &action.change else { return false };
    let words: Vec<&str> = run.command.0.iter().map(String::as_str).collect();
    !matches!(
        words[..],
        [LOGINCTL, ..] | ["launchctl", "setenv", ..] | ["reg", "add", "HKCU\\Environment", ..]
    )
}

/// Whether this may change a cargo configuration file that sets a wrapper.
fn changes_wrapper(action: &Action) -> bool {
    let ActionKind::Path(change) = &action.change else { return false };
    let Content::File { bytes, .. } = &change.before else { return false };
    std::str::from_utf8(bytes).is_ok_and(|text| text.contains("rustc-wrapper"))
}

fn change_of<'a>(action: &'a Action, path: &Path) -> Option<&'a PathChange> {
    match &action.change {
        ActionKind::Path(change) if change.path == path => Some(change),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the home is made and looked at from outside")]

    use super::*;
    use crate::setup::plan::CommandLine;
    use crate::sys::dirs;
    use crate::sys::fs::fault;
    use crate::sys::fs::settle::HAS_SYMLINKS;

    const THEIRS: &str = "# mine\n[build]\njobs = 2\n";

    /// A home as init leaves it where the program is linked or copied.
    fn wired() -> (tempfile::TempDir, Env, Journal) {
        let home = tempfile::tempdir().unwrap();
        let root = home.path();
        let vars = ["HOME", "USERPROFILE", "LOCALAPPDATA"].map(|name| (name, root.to_str().unwrap()));
        let env = Env::with_vars(&vars);
        let own = wrapper_path::own(&env).unwrap();
        let config = root.join(".cargo/config.toml");
        std::fs::create_dir(root.join(".cargo")).unwrap();
        std::fs::write(&config, THEIRS).unwrap();
        std::fs::write(root.join("program"), "").unwrap();
        let mut plan = Plan::new(init::COMMAND);
        plan.make_dirs(own.parent().unwrap()).unwrap();
        let (title, program) = ("the program", root.join("program"));
        let put = if HAS_SYMLINKS { Action::link } else { Action::copy };
        plan.add(put(title, &own, &program).unwrap());
        let edited = edit::set(&config, THEIRS, own.to_str().unwrap()).unwrap();
        let undo = UndoEdit::CargoWrapper { undo: edited.undo };
        plan.add(Action::edit("edit", &config, edited.text.into_bytes(), undo).unwrap());
        let journal = Journal::for_user(&env).unwrap();
        journal.apply(&plan, &mut || Ok(())).unwrap();
        (home, env, journal)
    }

    #[test]
    fn commands_that_set_what_is_the_users_are_taken_back_with_or_without_a_service() {
        for (line, is_service) in [
            ("systemctl --user disable --now kache.service", true),
            ("launchctl bootout gui/501/kache", true),
            ("reg add HKCU\\Software\\Run /v kache", true),
            ("loginctl disable-linger", false),
            ("launchctl setenv RUSTC_WRAPPER sccache", false),
            ("reg add HKCU\\Environment /v RUSTC_WRAPPER /t REG_SZ /d sccache /f", false),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            let action = Action::run("", CommandLine::new(words[0], &words[1..]), None);
            assert_eq!(is_of_service(&action), is_service, "{line}");
        }
    }

    fn env_of(home: &Path) -> Env {
        let home = home.to_str().unwrap();
        Env::with_vars(&["HOME", "USERPROFILE", "LOCALAPPDATA"].map(|name| (name, home)))
    }

    /// Has cargo call kache, as `command` in the journal.
    fn wire(home: &Path, command: &str) {
        let config = home.join(".cargo/config.toml");
        let text = std::fs::read_to_string(&config).unwrap_or_default();
        let wrapper = home.join("bin/kache");
        let edited = edit::set(&config, &text, wrapper.to_str().unwrap()).unwrap();
        let undo = UndoEdit::CargoWrapper { undo: edited.undo };
        let mut plan = Plan::new(command);
        plan.add(Action::edit("edit", &config, edited.text.into_bytes(), undo).unwrap());
        Journal::for_user(&env_of(home)).unwrap().apply(&plan, &mut || Ok(())).unwrap();
    }

    /// A home that is renamed takes its journal along, in which files have their old paths.
    #[test]
    fn in_a_home_that_was_renamed_only_a_file_that_kache_made_is_removed() {
        for (theirs, is_repaired) in
            [(None, false), (None, true), (Some(""), false), (Some(""), true), (Some(THEIRS), true)]
        {
            let dir = tempfile::tempdir().unwrap();
            let [old, new] = ["old", "new"].map(|name| dir.path().join(name));
            std::fs::create_dir_all(old.join(".cargo")).unwrap();
            if let Some(theirs) = theirs {
                std::fs::write(old.join(".cargo/config.toml"), theirs).unwrap();
            }
            wire(&old, init::COMMAND);
            std::fs::rename(&old, &new).unwrap();
            if is_repaired {
                wire(&new, REPAIR);
            }
            let uninstall = plan(&env_of(&new)).unwrap();
            Journal::for_user(&env_of(&new)).unwrap().apply(&uninstall.plan, &mut || Ok(())).unwrap();
            let left = std::fs::read_to_string(new.join(".cargo/config.toml")).ok();
            assert_eq!(left.as_deref(), theirs, "{is_repaired}");
        }
    }

    #[test]
    fn a_kill_at_any_step_leaves_no_configuration_that_names_what_is_gone() {
        for with_journal in [true, false] {
            for n in 0.. {
                let (home, env, journal) = wired();
                if !with_journal {
                    std::fs::remove_dir_all(dirs::state(&env).unwrap().join("kache/journal")).unwrap();
                }
                let uninstall = plan(&env).unwrap();
                let (_, crashed) =
                    fault::crash_after(n, || drop(journal.apply(&uninstall.plan, &mut || Ok(()))));
                let config = home.path().join(".cargo/config.toml");
                let own = wrapper_path::own(&env).unwrap();
                let names_it = std::fs::read_to_string(&config).unwrap().contains("rustc-wrapper");
                assert!(!names_it || own.exists(), "step {n}: cargo would not work");
                journal.recover().unwrap();
                journal.apply(&plan(&env).unwrap().plan, &mut || Ok(())).unwrap();
                assert_eq!(std::fs::read_to_string(&config).unwrap(), THEIRS, "step {n}");
                assert!(std::fs::symlink_metadata(&own).is_err(), "step {n}");
                if !crashed {
                    assert!(n > 10, "{n} steps were counted");
                    break;
                }
            }
        }
    }
}
