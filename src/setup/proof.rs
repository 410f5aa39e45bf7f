//! Verifies that cargo calls kache, by running cargo in an empty package: the wrapper that it calls has to be this
//! program.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::protocol::build::Build;
use crate::run::ping::{self, Answer};
use crate::setup::cargo_config::{self, ConfigOrigin, WrapperKey};
use crate::setup::programs;
use crate::sys::env::Env;
use crate::sys::fs::settle;
use crate::sys::process::{self, Captured, Surroundings};
use crate::sys::{dirs, fs};

/// The first cargo in `PATH`.
pub fn cargo(env: &Env) -> Option<PathBuf> {
    programs::find("cargo", env)
}

/// Why cargo could not be run in the empty package.
#[derive(Debug, thiserror::Error)]
pub enum CannotAsk {
    #[error("cargo is not in PATH")]
    NoCargo,
    #[error("there is no home directory")]
    NoHome,
    #[error("{dir}: {error}")]
    NoPackage { dir: PathBuf, error: io::Error },
    #[error("failed to run {cargo}: {error}")]
    NotRun { cargo: PathBuf, error: io::Error },
}

/// What cargo does instead of calling the wrapper.
#[derive(Debug, thiserror::Error)]
pub enum NotCalled {
    #[error(transparent)]
    CannotAsk(#[from] CannotAsk),
    #[error("`cargo tree` failed there:\n{output}")]
    CargoFails { output: String },
    #[error("{origin} sets `{value}`")]
    OtherValue { origin: ConfigOrigin, value: String },
    #[error("no configuration file sets a wrapper")]
    NotSet,
    #[error("it calls {exe}")]
    OtherProgram { exe: PathBuf },
    #[error("the program there is a different build")]
    OtherBuild,
}

/// Why a proof failed.
#[derive(Debug, thiserror::Error)]
pub enum NotProven {
    #[error("cargo does not call {wrapper}: {why}")]
    NotCalled { wrapper: PathBuf, why: NotCalled },
    #[error("cargo still calls {exe}")]
    StillCalled { exe: PathBuf },
    #[error("cargo no longer works: {output}")]
    CargoFails { output: String },
    #[error(transparent)]
    CannotAsk(#[from] CannotAsk),
}

/// Verifies that cargo calls the file at `wrapper`, and that it is this very build. The variables that set another
/// wrapper are removed for that.
pub fn prove(env: &Env, wrapper: &Path) -> Result<(), NotProven> {
    prove_with(env, wrapper, WrapperVariables::Removed)
}

/// The same in the environment as it is, in which a variable may set the wrapper.
pub fn prove_here(env: &Env, wrapper: &Path) -> Result<(), NotProven> {
    prove_with(env, wrapper, WrapperVariables::Kept)
}

fn prove_with(env: &Env, wrapper: &Path, variables: WrapperVariables) -> Result<(), NotProven> {
    let judged = match CargoRun::ask_with(env, variables) {
        Ok(asked) => asked.judge(env, wrapper),
        Err(e) => Err(e.into()),
    };
    judged.map_err(|why| NotProven::NotCalled { wrapper: wrapper.to_owned(), why })
}

/// Verifies that cargo works and does not call this program, whatever else it calls. If cargo did not work before
/// (`worked`), it does not have to now.
pub fn prove_absent(env: &Env, worked: bool) -> Result<(), NotProven> {
    let asked = match CargoRun::ask(env) {
        Ok(asked) => asked,
        Err(e) if worked => return Err(e.into()),
        Err(_) => return Ok(()),
    };
    match asked.answers.first() {
        Some(answer) => Err(NotProven::StillCalled { exe: answer.exe.clone() }),
        None if worked => asked.works(),
        None => Ok(()),
    }
}

/// Verifies that cargo works, whatever it calls. If it did not work before (`worked`), it does not have to now.
pub fn prove_works(env: &Env, worked: bool) -> Result<(), NotProven> {
    if !worked {
        return Ok(());
    }
    CargoRun::ask(env)?.works()
}

/// Whether cargo works.
pub fn cargo_works(env: &Env) -> bool {
    CargoRun::ask(env).is_ok_and(|asked| asked.captured.code == Some(0))
}

/// Whether cargo sees the variables that set a wrapper.
#[derive(Clone, Copy, PartialEq)]
enum WrapperVariables {
    Kept,
    Removed,
}

/// What cargo did in the empty package.
struct CargoRun {
    dir: PathBuf,
    captured: Captured,
    answers: Vec<Answer>,
}

impl CargoRun {
    fn ask(env: &Env) -> Result<CargoRun, CannotAsk> {
        CargoRun::ask_with(env, WrapperVariables::Removed)
    }

    fn ask_with(env: &Env, variables: WrapperVariables) -> Result<CargoRun, CannotAsk> {
        let cargo = cargo(env).ok_or(CannotAsk::NoCargo)?;
        let state = dirs::state(env).ok_or(CannotAsk::NoHome)?.join("kache");
        let dir = state.join(format!("proof-{}", fs::unique_name()));
        let captured = ask_in(&dir, cargo, env, variables);
        let answers = ping::answers(&fs::read(&answers_file(&dir)).unwrap_or_default());
        // Leftovers are small, and doctor finds them by their name.
        let _ = fs::remove_dir_all(&dir);
        let _ = settle::remove_empty_dir(&state);
        Ok(CargoRun { dir, captured: captured?, answers })
    }

    fn works(&self) -> Result<(), NotProven> {
        match self.captured.code {
            Some(0) => Ok(()),
            _ => Err(NotProven::CargoFails { output: self.output() }),
        }
    }

    fn output(&self) -> String {
        String::from_utf8_lossy(&self.captured.stderr).trim().to_owned()
    }

    fn judge(&self, env: &Env, wrapper: &Path) -> Result<(), NotCalled> {
        let Some(answer) = self.answers.first() else { return Err(self.why_not_called(env)) };
        let wrapper = fs::canonical(wrapper).ok();
        for answer in &self.answers {
            if fs::canonical(&answer.exe).ok() != wrapper {
                return Err(NotCalled::OtherProgram { exe: answer.exe.clone() });
            }
        }
        match answer.build == Build::current().id {
            true => Ok(()),
            false => Err(NotCalled::OtherBuild),
        }
    }

    fn why_not_called(&self, env: &Env) -> NotCalled {
        if self.captured.code != Some(0) {
            return NotCalled::CargoFails { output: self.output() };
        }
        let chain = cargo_config::resolve(WrapperKey::RustcWrapper, env, &self.dir);
        for link in chain.links {
            if let ConfigOrigin::File { .. } = link.origin {
                return NotCalled::OtherValue { origin: link.origin, value: link.value };
            }
        }
        NotCalled::NotSet
    }
}

/// Makes the empty package at `dir`, and runs cargo in it.
fn ask_in(dir: &Path, cargo: PathBuf, env: &Env, variables: WrapperVariables) -> Result<Captured, CannotAsk> {
    if let Err(error) = make_package(dir) {
        return Err(CannotAsk::NoPackage { dir: dir.to_owned(), error });
    }
    ask(&cargo, dir, env, variables).map_err(|error| CannotAsk::NotRun { cargo, error })
}

fn make_package(dir: &Path) -> io::Result<()> {
    const MANIFEST: &str =
        "[package]\nname = \"kache-proof\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n";
    settle::create_private_dir_all(&dir.join("src"))?;
    fs::write_new(&dir.join("Cargo.toml"), MANIFEST.as_bytes())?;
    fs::write_new(&dir.join("src/lib.rs"), b"")?;
    fs::write_new(&answers_file(dir), ping::HEADER)
}

fn answers_file(dir: &Path) -> PathBuf {
    dir.join("answers")
}

/// `cargo tree` asks the compiler for its version and builds nothing. Its cache of earlier answers is
/// turned off.
fn ask(cargo: &Path, dir: &Path, env: &Env, variables: WrapperVariables) -> io::Result<Captured> {
    let answers = answers_file(dir);
    // Relative to where it was set, not to the package.
    let home = env.cwd.as_deref().and_then(|cwd| cargo_config::chain::cargo_home(env, cwd));
    let mut vars = vec![
        (crate::config::env::PROBE.name, Some(answers.as_os_str())),
        ("CARGO_CACHE_RUSTC_INFO", Some(OsStr::new("0"))),
        ("CARGO_TERM_COLOR", Some(OsStr::new("never"))),
    ];
    vars.extend(home.iter().map(|home| ("CARGO_HOME", Some(home.as_os_str()))));
    if variables == WrapperVariables::Removed {
        vars.extend(WrapperKey::RustcWrapper.variables().map(|name| (name, None)));
    }
    let surroundings = Surroundings { cwd: Some(dir), vars: &vars, ..Surroundings::default() };
    process::capture(cargo.as_os_str(), &["tree", "--offline", "--depth", "0"], &surroundings)
}
