//! Everything that sets the wrapper, in the order in which cargo looks.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::setup::cargo_config::read::{self, ParsedFile, ReadError};
use crate::sys::env::Env;
use crate::sys::{dirs, fs, os};

/// A setting of cargo that names a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrapperKey {
    /// `build.rustc-wrapper`, for all units.
    RustcWrapper,
    /// `build.rustc-workspace-wrapper`, for members of the workspace only; called inside the other one.
    WorkspaceWrapper,
}

impl WrapperKey {
    /// Its key in the table `build`.
    pub fn key(self) -> &'static str {
        match self {
            WrapperKey::RustcWrapper => "rustc-wrapper",
            WrapperKey::WorkspaceWrapper => "rustc-workspace-wrapper",
        }
    }

    /// Its variables, the first one before the second.
    pub fn variables(self) -> [&'static str; 2] {
        match self {
            WrapperKey::RustcWrapper => ["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER"],
            WrapperKey::WorkspaceWrapper => {
                ["RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER"]
            }
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigOrigin {
    Variable(&'static str),
    File { path: PathBuf, line: usize },
}

impl fmt::Display for ConfigOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigOrigin::Variable(name) => write!(f, "the environment variable {name}"),
            ConfigOrigin::File { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}

/// What a value means to cargo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WrapperProgram {
    /// An empty value: no wrapper, whatever is set further down.
    Disabled,
    /// The file that cargo would start. Whether it is there is another question.
    At(PathBuf),
    /// A bare name that is not in `PATH`.
    NotInPath,
}

/// One place that sets the wrapper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub origin: ConfigOrigin,
    /// The value as it is written.
    pub value: String,
    pub program: WrapperProgram,
}

/// What is wrong with the files.
#[derive(Debug, thiserror::Error)]
pub enum ChainProblem {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("both {used} and {ignored} exist; cargo reads {used} and ignores the other", used = used.display(), ignored = ignored.display())]
    Both { used: PathBuf, ignored: PathBuf },
    #[error("{path}:{line}: {what}", path = path.display())]
    Wrong { path: PathBuf, line: usize, what: String },
}

impl ChainProblem {
    /// Whether no cargo command works because of it.
    pub fn stops_cargo(&self) -> bool {
        !matches!(self, ChainProblem::Both { .. })
    }
}

/// All places that set the wrapper; the first one is in effect.
#[derive(Debug, Default)]
pub struct Chain {
    pub links: Vec<Link>,
    pub problems: Vec<ChainProblem>,
    /// The files that were read.
    pub files: Vec<PathBuf>,
    /// One of them includes others.
    pub has_includes: bool,
}

impl Chain {
    /// The place in effect.
    pub fn winner(&self) -> Option<&Link> {
        self.links.first()
    }

    /// The problem that stops every cargo command.
    pub fn obstacle(&self) -> Option<&ChainProblem> {
        self.problems.iter().find(|problem| problem.stops_cargo())
    }
}

/// The configuration file that cargo reads in a directory (`.cargo` of a project, or cargo's home), or would read if
/// it were made. To cargo a link that leads to nothing is not there.
pub fn config_file(dir: &Path) -> PathBuf {
    let old = dir.join("config");
    if fs::metadata(&old).is_ok() { old } else { dir.join("config.toml") }
}

/// Cargo's home as cargo sees it from `cwd`.
pub fn cargo_home(env: &Env, cwd: &Path) -> Option<PathBuf> {
    dirs::cargo_home(env).map(|home| cwd.join(home))
}

/// Everything that sets `setting` for cargo called in `cwd`.
pub fn resolve(setting: WrapperKey, env: &Env, cwd: &Path) -> Chain {
    let mut chain = Chain::default();
    for name in setting.variables() {
        if let Some(value) = env.get(name) {
            let program = program(value, cwd, env);
            let value = value.to_string_lossy().into_owned();
            chain.links.push(Link { origin: ConfigOrigin::Variable(name), value, program });
        }
    }
    let mut seen: Vec<PathBuf> = Vec::new();
    let projects = cwd.ancestors().map(|dir| dir.join(".cargo"));
    for dir in projects.chain(cargo_home(env, cwd)) {
        let file = config_file(&dir);
        if !seen.contains(&file) && fs::metadata(&file).is_ok() {
            seen.push(file.clone());
            note_both(&dir, &file, &mut chain.problems);
            let mut walk = Walk { setting, env, chain: &mut chain, above: Vec::new() };
            walk.file(&file);
        }
    }
    chain
}

/// The places in one file and the files that it includes; none if it cannot be read.
pub fn in_file(setting: WrapperKey, env: &Env, file: &Path) -> Chain {
    let mut chain = Chain::default();
    if fs::metadata(file).is_ok() {
        Walk { setting, env, chain: &mut chain, above: Vec::new() }.file(file);
    }
    chain
}

/// What `text`, the content of `path`, sets by itself.
pub fn in_text(setting: WrapperKey, env: &Env, path: &Path, text: &str) -> Option<Link> {
    link(setting, env, path, &ParsedFile::parse(path, text).ok()?).ok()?
}

fn link(
    setting: WrapperKey,
    env: &Env,
    path: &Path,
    file: &ParsedFile<'_>,
) -> Result<Option<Link>, ChainProblem> {
    let Some(value) = file.build(setting.key()) else { return Ok(None) };
    let line = value.line;
    let value = value.text.map_err(|is| {
        let what = format!("`build.{}` must be a string, not of the type {is}", setting.key());
        ChainProblem::Wrong { path: path.to_owned(), line, what }
    })?;
    let base = path.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
    let program = program(value.as_ref(), base, env);
    Ok(Some(Link { origin: ConfigOrigin::File { path: path.to_owned(), line }, value, program }))
}

fn note_both(dir: &Path, used: &Path, problems: &mut Vec<ChainProblem>) {
    let ignored = dir.join("config.toml");
    let is_other = used != ignored && fs::metadata(&ignored).is_ok();
    if is_other && fs::canonical(used).ok() != fs::canonical(&ignored).ok() {
        problems.push(ChainProblem::Both { used: used.to_owned(), ignored });
    }
}

/// A walk through a file and its includes.
struct Walk<'a> {
    setting: WrapperKey,
    env: &'a Env,
    chain: &'a mut Chain,
    /// The files that led here.
    above: Vec<PathBuf>,
}

impl Walk<'_> {
    fn file(&mut self, path: &Path) {
        if let Err(problem) = self.try_file(path) {
            self.chain.problems.push(problem);
        }
    }

    fn try_file(&mut self, path: &Path) -> Result<(), ChainProblem> {
        let Some(text) = read::text(path)? else { return Ok(()) };
        let file = ParsedFile::parse(path, &text)?;
        self.chain.files.push(path.to_owned());
        self.chain.links.extend(link(self.setting, self.env, path, &file)?);
        self.above.push(path.to_owned());
        let includes = file.includes().map_err(|(line, what)| wrong(path, line, what))?;
        self.chain.has_includes |= !includes.is_empty();
        for include in includes.iter().rev() {
            let target = normal(&path.with_file_name("").join(&include.path));
            let is_missing = fs::metadata(&target).is_err();
            if self.above.contains(&target) {
                return Err(wrong(path, include.line, format!("{} includes itself", target.display())));
            } else if !is_missing {
                self.file(&target);
            } else if !include.optional {
                return Err(wrong(path, include.line, format!("{} is not there", target.display())));
            }
        }
        self.above.pop();
        Ok(())
    }
}

fn wrong(path: &Path, line: usize, what: String) -> ChainProblem {
    ChainProblem::Wrong { path: path.to_owned(), line, what }
}

/// `path` without `.` and `..`, as far as names tell.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(normal.pop()),
            std::path::Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

fn program(value: &OsStr, base: &Path, env: &Env) -> WrapperProgram {
    if value.is_empty() {
        return WrapperProgram::Disabled;
    }
    // As exec finds it, which is what cargo calls: the crate `which` would expand a `~` in `PATH`.
    match os::find_program(value, env.get("PATH"), base) {
        Some(path) => WrapperProgram::At(normal(&path)),
        None => WrapperProgram::NotInPath,
    }
}
