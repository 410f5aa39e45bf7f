//! `kache init`: plans the changes that make cargo call this program.
//!
//! The link or copy of the program comes first and cargo's configuration after it, so that at every moment the
//! configuration names something that is there.

use std::path::{Path, PathBuf};

use crate::setup::cargo_config::chain::{
    self, Chain, ChainProblem, ConfigOrigin, Link, WrapperKey, WrapperProgram,
};
use crate::setup::cargo_config::read::{self, ReadError};
use crate::setup::cargo_config::{CannotEdit, edit};
use crate::setup::plan::action::{ActionKind, resolved};
use crate::setup::plan::state::Content;
use crate::setup::plan::{Action, CannotPlan, Plan, UndoEdit};
use crate::setup::programs;
use crate::setup::proof;
use crate::setup::unwritable::unwritable;
use crate::setup::user::WrongUser;
use crate::setup::wrapper_path::{self, Make, Naming, WrapperPath};
use crate::sys::env::{self, Env};
use crate::sys::{dirs, fs};

/// The command, as the journal names it.
pub const COMMAND: &str = "init";

/// What init found, and what it would do.
#[derive(Debug)]
pub struct Init {
    pub plan: Plan,
    /// Where cargo finds the program afterwards.
    pub wrapper: PathBuf,
    /// How cargo's configuration names it.
    pub value: String,
    /// Another wrapper that would be replaced, which the user has to confirm.
    pub replaces: Option<String>,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// Cargo's configuration, if it cannot be changed from here.
    pub by_hand: Option<ByHand>,
    /// Obstacles that the user has to remove. Cargo may not call this program because of them.
    pub unfinished: Vec<String>,
}

/// A configuration that only the user can change. The wrapper that it has to name is created all the same.
#[derive(Debug)]
pub struct ByHand {
    pub path: PathBuf,
    pub why: &'static str,
    /// What has to be in it.
    pub snippet: String,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum CannotInit {
    #[error(transparent)]
    User(#[from] WrongUser),
    #[error("cargo is not in PATH")]
    NoCargo,
    #[error("`kache` in PATH is {found}, not this program, {exe}", found = found.as_ref().map_or("nowhere".into(), |found| found.display().to_string()))]
    NotInPath { found: Option<PathBuf>, exe: PathBuf },
    #[error("failed to find this program's own file: {0}")]
    NoExe(std::io::Error),
    #[error("{0} is not UTF-8, so cargo's configuration cannot name it")]
    NotUnicode(PathBuf),
    #[error("invalid cargo configuration: {0}")]
    Broken(ChainProblem),
    #[error("{path} sets `build.rustc-wrapper` to `{value}`, which is not kache; it was left unchanged", path = place)]
    Foreign { place: String, value: String },
    #[error("{path} changed while it was read; try again")]
    Unsteady { path: PathBuf },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Edit(#[from] CannotEdit),
    #[error(transparent)]
    Plan(#[from] CannotPlan),
}

/// The plan for this machine.
pub fn plan(env: &Env, naming: Naming) -> Result<Init, CannotInit> {
    let exe = env::current_exe().and_then(|exe| fs::canonical(&exe)).map_err(CannotInit::NoExe)?;
    plan_named(env, &exe, naming)
}

/// The plan for the program at `exe`, which is without symbolic links.
pub fn plan_for(env: &Env, exe: &Path) -> Result<Init, CannotInit> {
    plan_named(env, exe, Naming::Auto)
}

fn plan_named(env: &Env, exe: &Path, naming: Naming) -> Result<Init, CannotInit> {
    let cwd = env.cwd.clone().unwrap_or_else(|| PathBuf::from("/"));
    let cargo_home = chain::cargo_home(env, &cwd).ok_or(WrongUser::NoHome)?;
    let wrapper = match naming {
        Naming::Auto => wrapper_path::wrapper_path(exe, env).ok_or(WrongUser::NoHome)?,
        Naming::Name => WrapperPath { path: in_path(exe, env)?, make: Make::Nothing },
        Naming::Abs => WrapperPath { path: exe.to_owned(), make: Make::Nothing },
    };
    let value = match naming {
        Naming::Name => NAME.to_owned(),
        _ => wrapper.path.to_str().ok_or_else(|| CannotInit::NotUnicode(wrapper.path.clone()))?.to_owned(),
    };
    let state = dirs::state(env).ok_or(WrongUser::NoHome)?;
    if let Some(relative) = [wrapper.path.clone(), state].into_iter().find(|path| path.is_relative()) {
        return Err(WrongUser::RelativeHome(relative).into());
    }
    if proof::cargo(env).is_none() {
        return Err(CannotInit::NoCargo);
    }
    let mut init = Init {
        plan: Plan::new(COMMAND),
        wrapper: wrapper.path,
        value,
        replaces: None,
        notes: Vec::new(),
        by_hand: None,
        unfinished: Vec::new(),
    };
    init.make(&wrapper.make)?;
    init.wire(env, &cargo_home)?;
    init.look_for_managers(env);
    init.look_around(env, &cwd, &cargo_home);
    if naming == Naming::Name && !init.plan.is_empty() {
        let dir = init.wrapper.parent().unwrap_or(Path::new("/"));
        init.notes.push(format!(
            "cargo fails unless {} is in PATH; editors that are not started from a shell may lack it",
            dir.display()
        ));
    }
    Ok(init)
}

const NAME: &str = "kache";

/// Where the name alone leads, if that is to the program at `exe`.
fn in_path(exe: &Path, env: &Env) -> Result<PathBuf, CannotInit> {
    match programs::find(NAME, env) {
        Some(found) if fs::canonical(&found).is_ok_and(|found| found == exe) => Ok(found),
        found => Err(CannotInit::NotInPath { found, exe: exe.to_owned() }),
    }
}

impl Init {
    fn make(&mut self, make: &Make) -> Result<(), CannotInit> {
        let dir = self.wrapper.parent().map(Path::to_owned).unwrap_or_default();
        let action = match make {
            Make::Nothing => return Ok(()),
            Make::Link(target) => {
                Action::link("Link the program from a path that upgrades keep", &self.wrapper, target)?
            }
            Make::Copy(from) => {
                let title = "Copy the program to a permanent path";
                Action::copy(title, &self.wrapper, from)?
            }
        };
        self.plan.make_dirs(&dir)?;
        self.plan.add(action);
        Ok(())
    }

    /// Names the wrapper in cargo's own configuration.
    fn wire(&mut self, env: &Env, cargo_home: &Path) -> Result<(), CannotInit> {
        let in_home = chain::in_file(WrapperKey::RustcWrapper, env, &chain::config_file(cargo_home));
        if let Some(index) = in_home.problems.iter().position(ChainProblem::stops_cargo) {
            let mut problems = in_home.problems;
            return Err(CannotInit::Broken(problems.swap_remove(index)));
        }
        let file = match in_home.winner() {
            Some(link) if self.is_right(link) => return Ok(()),
            Some(link) => {
                self.judge(link)?;
                file_of(link).unwrap_or_else(|| chain::config_file(cargo_home))
            }
            None => chain::config_file(cargo_home),
        };
        self.edit(&file)
    }

    fn edit(&mut self, file: &Path) -> Result<(), CannotInit> {
        let target = resolved(file)?;
        let value = self.value.as_str();
        if let Some(why) = unwritable(&target) {
            let snippet = edit::set(file, "", value)?.text;
            self.by_hand = Some(ByHand { path: target, why, snippet });
            return Ok(());
        }
        if target != file {
            let link = file.display();
            self.notes.push(format!("{link} is a symbolic link; its target is changed"));
        }
        let text = read::text(&target)?.unwrap_or_default();
        let edited = edit::set(&target, &text, value)?;
        self.plan.make_dirs(target.parent().unwrap_or(Path::new("/")))?;
        let undo = UndoEdit::CargoWrapper { undo: edited.undo };
        let action = Action::edit("Tell cargo to call kache", &target, edited.text.into_bytes(), undo)?;
        if !is_based_on(&action, &text) {
            return Err(CannotInit::Unsteady { path: target });
        }
        self.plan.add(action);
        Ok(())
    }

    /// Whether a place names the wrapper already: by a path, or through `PATH` if that is wanted.
    fn is_right(&self, link: &Link) -> bool {
        let is_path = link.value.contains(std::path::is_separator);
        is_path == (self.value != NAME) && link.program == WrapperProgram::At(self.wrapper.clone())
    }

    /// Whether another value may be replaced.
    fn judge(&mut self, link: &Link) -> Result<(), CannotInit> {
        match known(&link.value) {
            KnownWrapper::Disabled => {
                self.notes.push(format!("{} set an empty wrapper, which disabled it", link.origin));
            }
            KnownWrapper::Kache => {}
            KnownWrapper::Sccache => {
                self.replaces = Some(format!("sccache (`{}`, set in {})", link.value, link.origin));
            }
            KnownWrapper::Foreign => {
                let (place, value) = (link.origin.to_string(), link.value.clone());
                return Err(CannotInit::Foreign { place, value });
            }
        }
        Ok(())
    }

    /// Dotfile managers may restore the old configuration.
    fn look_for_managers(&mut self, env: &Env) {
        let Some(data) = dirs::data(env) else { return };
        for (dir, name, add) in
            [("chezmoi", "chezmoi", "chezmoi re-add"), ("yadm/repo.git", "yadm", "yadm add")]
        {
            if !self.plan.is_empty() && fs::metadata(&data.join(dir)).is_ok() {
                self.notes.push(format!(
                    "if {name} manages cargo's configuration, it may restore the old one; record the change with `{add}`"
                ));
            }
        }
    }

    /// Reports what overrides cargo's own configuration, here and in this shell.
    fn look_around(&mut self, env: &Env, cwd: &Path, cargo_home: &Path) {
        let Chain { links, problems, .. } = chain::resolve(WrapperKey::RustcWrapper, env, cwd);
        self.notes.extend(problems.iter().filter(|problem| !problem.stops_cargo()).map(ToString::to_string));
        self.unfinished.extend(
            problems
                .iter()
                .filter(|problem| problem.stops_cargo())
                .map(|problem| format!("cargo fails here: {problem}")),
        );
        for link in &links {
            let is_ours = link.program == WrapperProgram::At(self.wrapper.clone())
                || known(&link.value) == KnownWrapper::Kache;
            let wrapper = match link.program {
                WrapperProgram::Disabled => "no wrapper".to_owned(),
                _ => format!("`{}`", link.value),
            };
            match &link.origin {
                ConfigOrigin::File { path, .. } if path.starts_with(cargo_home) => break,
                _ if is_ours => {}
                ConfigOrigin::Variable(name) => {
                    self.unfinished.push(format!(
                        "in this shell cargo calls {wrapper}: {} overrides cargo's configuration. Run \
                         `{}`, and remove it where it is set (a start-up file of your shell, perhaps)",
                        link.origin,
                        env::unset_command(name)
                    ));
                }
                ConfigOrigin::File { .. } => {
                    self.notes.push(format!(
                        "in this directory {} sets {wrapper}, which takes precedence",
                        link.origin
                    ));
                }
            }
        }
    }
}

fn file_of(link: &Link) -> Option<PathBuf> {
    match &link.origin {
        ConfigOrigin::File { path, .. } => Some(path.clone()),
        ConfigOrigin::Variable(_) => None,
    }
}

fn is_based_on(action: &Action, text: &str) -> bool {
    let ActionKind::Path(change) = &action.change else { return false };
    match &change.before {
        Content::File { bytes, .. } => bytes == text.as_bytes(),
        before => *before == Content::Absent && text.is_empty(),
    }
}

/// The program that a wrapper setting names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownWrapper {
    Disabled,
    Kache,
    Sccache,
    Foreign,
}

/// Recognizes the wrapper by its file name.
pub fn known(value: &str) -> KnownWrapper {
    let name = value.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    match name.strip_suffix(".exe").unwrap_or(&name) {
        _ if value.is_empty() => KnownWrapper::Disabled,
        "kache" => KnownWrapper::Kache,
        "sccache" => KnownWrapper::Sccache,
        _ => KnownWrapper::Foreign,
    }
}
