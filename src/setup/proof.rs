//! Verifies that cargo calls kache, by running cargo in an empty package: the wrapper that it calls has to be this
//! program.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::protocol::build::Build;
use crate::run::ping::{self, Answer};
use crate::setup::cargo_config::{self, Origin, WrapperKey};
use crate::sys::env::Env;
use crate::sys::fs::settle;
use crate::sys::process::{self, Captured, Surroundings};
use crate::sys::{dirs, fs, os};

/// The cargo that is called; `None` if there is none.
pub fn cargo(env: &Env) -> Option<PathBuf> {
    let cwd = env.cwd.as_deref().unwrap_or(Path::new("/"));
    os::find_program(OsStr::new("cargo"), env.get("PATH"), cwd)
}

/// Has cargo call its wrapper in an empty package, with the variables that set another wrapper out of the way, and
/// checks that the wrapper is the file at `wrapper` in this very build.
///
/// # Errors
/// It is not: what cargo did instead.
pub fn prove(env: &Env, wrapper: &Path) -> Result<(), String> {
    let asked = Asked::ask(env).and_then(|asked| asked.judge(env, wrapper));
    asked.map_err(|why| not_called(wrapper, &why))
}

/// The same in the environment as it is: a variable may have cargo call the wrapper.
///
/// # Errors
/// It is not: what cargo did instead.
pub fn prove_here(env: &Env, wrapper: &Path) -> Result<(), String> {
    let asked = Asked::ask_with(env, Variables::Kept).and_then(|asked| asked.judge(env, wrapper));
    asked.map_err(|why| not_called(wrapper, &why))
}

fn not_called(wrapper: &Path, why: &str) -> String {
    format!("cargo does not call {}: {why}", wrapper.display())
}

/// Checks that cargo works and does not call this program, whatever else it calls. A cargo that did not work before
/// (`worked`) does not have to.
///
/// # Errors
/// It does, or it does not work.
pub fn prove_absent(env: &Env, worked: bool) -> Result<(), String> {
    let asked = match Asked::ask(env) {
        Ok(asked) => asked,
        Err(why) if worked => return Err(why),
        Err(_) => return Ok(()),
    };
    match asked.answers.first() {
        Some(answer) => Err(format!("cargo still calls {}", answer.exe.display())),
        None if worked => asked.works(),
        None => Ok(()),
    }
}

/// Checks that cargo works, whatever it calls. A cargo that did not work before (`worked`) does not have to.
///
/// # Errors
/// It does not: what it said.
pub fn prove_works(env: &Env, worked: bool) -> Result<(), String> {
    if !worked {
        return Ok(());
    }
    Asked::ask(env)?.works()
}

/// Whether cargo works.
pub fn cargo_works(env: &Env) -> bool {
    Asked::ask(env).is_ok_and(|asked| asked.captured.code == Some(0))
}

/// What becomes of the variables that set a wrapper while cargo is asked.
#[derive(Clone, Copy, PartialEq)]
enum Variables {
    Kept,
    Removed,
}

/// What cargo did when it was asked.
struct Asked {
    dir: PathBuf,
    captured: Captured,
    answers: Vec<Answer>,
}

impl Asked {
    fn ask(env: &Env) -> Result<Asked, String> {
        Asked::ask_with(env, Variables::Removed)
    }

    fn ask_with(env: &Env, variables: Variables) -> Result<Asked, String> {
        let cargo = cargo(env).ok_or("cargo is not in PATH")?;
        let state = dirs::state(env).ok_or("there is no home directory")?.join("kache");
        let dir = state.join(format!("proof-{}", fs::unique_name()));
        let captured = make_package(&dir).map_err(|e| format!("{}: {e}", dir.display())).and_then(|()| {
            ask(&cargo, &dir, env, variables).map_err(|e| format!("failed to run {}: {e}", cargo.display()))
        });
        let answers = ping::answers(&fs::read(&answers_file(&dir)).unwrap_or_default());
        // What is left of it is small, and named for what it is.
        let _ = fs::remove_dir_all(&dir);
        let _ = settle::remove_empty_dir(&state);
        Ok(Asked { dir, captured: captured?, answers })
    }

    fn works(&self) -> Result<(), String> {
        match self.captured.code {
            Some(0) => Ok(()),
            _ => Err(format!("cargo no longer works: {}", self.said())),
        }
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&self.captured.stderr).trim().to_owned()
    }

    fn judge(&self, env: &Env, wrapper: &Path) -> Result<(), String> {
        let Some(answer) = self.answers.first() else {
            if self.captured.code != Some(0) {
                return Err(format!("`cargo tree` failed there:\n{}", self.said()));
            }
            let chain = cargo_config::resolve(WrapperKey::RustcWrapper, env, &self.dir);
            for link in &chain.links {
                if let Origin::File { .. } = link.origin {
                    return Err(format!("{} sets `{}`", link.origin, link.value));
                }
            }
            return Err("no configuration file sets a wrapper".to_owned());
        };
        let wrapper = fs::canonical(wrapper).ok();
        for answer in &self.answers {
            if fs::canonical(&answer.exe).ok() != wrapper {
                return Err(format!("it calls {}", answer.exe.display()));
            }
        }
        if answer.build != Build::current().id {
            return Err("the program there is a different build".to_owned());
        }
        Ok(())
    }
}

fn make_package(dir: &Path) -> std::io::Result<()> {
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
fn ask(cargo: &Path, dir: &Path, env: &Env, variables: Variables) -> std::io::Result<Captured> {
    let answers = answers_file(dir);
    // Relative to where it was set, not to the package.
    let home = env.cwd.as_deref().and_then(|cwd| cargo_config::chain::cargo_home(env, cwd));
    let mut vars = vec![
        (crate::config::env::PROBE.name, Some(answers.as_os_str())),
        ("CARGO_CACHE_RUSTC_INFO", Some(OsStr::new("0"))),
        ("CARGO_TERM_COLOR", Some(OsStr::new("never"))),
    ];
    vars.extend(home.iter().map(|home| ("CARGO_HOME", Some(home.as_os_str()))));
    if variables == Variables::Removed {
        vars.extend(WrapperKey::RustcWrapper.variables().map(|name| (name, None)));
    }
    let surroundings = Surroundings { cwd: Some(dir), vars: &vars, ..Surroundings::default() };
    process::capture(cargo.as_os_str(), &["tree", "--offline", "--depth", "0"], &surroundings)
}
