//! What was asked for on the command line.

use std::env;
use std::fmt::{Display, Formatter};
use std::path::{Path, PathBuf};

use crate::Result;

pub(crate) const USAGE: &str = "\
bench [--kache PATH] [--project NAME=DIR]… [--runs N] [--mode LIST] [--part LIST] [--quick] [--json FILE]
  --kache PATH        the wrapper to measure (default: built from this repository in release mode)
  --project NAME=DIR  measure DIR; may be repeated (default: small, middle and large from tests/fixtures)
  --runs N            rounds per figure (default: 3)
  --mode LIST         cargo commands to measure (default: build,check; edits always with `test --no-run` as well)
  --part LIST         what to measure: builds, processes, machines, monitor (default: all; with --quick the first two)
  --quick             one round, `build` only, without the large project and the large link
  --json FILE         write the figures there, too";

/// The cargo command that a figure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Build,
    Check,
    /// `cargo test --no-run`.
    Test,
}

impl Mode {
    pub(crate) fn arguments(self) -> &'static [&'static str] {
        match self {
            Mode::Build => &["build"],
            Mode::Check => &["check"],
            Mode::Test => &["test", "--no-run"],
        }
    }
}

impl Display for Mode {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.arguments()[0])
    }
}

/// A part of the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Builds,
    Processes,
    /// Machines that share a bucket.
    Machines,
    Monitor,
}

/// A project to build, and what the figures call it.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) name: String,
    pub(crate) directory: PathBuf,
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) kache: Option<PathBuf>,
    pub(crate) projects: Vec<Project>,
    pub(crate) runs: usize,
    pub(crate) modes: Vec<Mode>,
    pub(crate) parts: Vec<Part>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) quick: bool,
}

impl Options {
    /// Reads the arguments of this process; `None` asks for the usage.
    pub(crate) fn from_args() -> Result<Option<Options>> {
        let (mut kache, mut projects, mut json) = (None, Vec::new(), None);
        let (mut runs, mut modes, mut parts, mut quick) = (None, None, None, false);
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
            match argument.as_str() {
                "--kache" => kache = Some(std::path::absolute(value()?)?),
                "--project" => projects.push(project(&value()?)?),
                "--runs" => runs = Some(value()?.parse::<usize>()?.max(1)),
                "--mode" => modes = Some(value()?.split(',').map(mode).collect::<Result<Vec<Mode>>>()?),
                "--part" => parts = Some(value()?.split(',').map(part).collect::<Result<Vec<Part>>>()?),
                "--json" => json = Some(std::path::absolute(value()?)?),
                "--quick" => quick = true,
                "-h" | "--help" => return Ok(None),
                other => return Err(format!("{other} is not understood\n{USAGE}").into()),
            }
        }
        if projects.is_empty() {
            projects = default_projects(quick);
        }
        let modes = modes.unwrap_or(if quick { vec![Mode::Build] } else { vec![Mode::Build, Mode::Check] });
        let runs = runs.unwrap_or(if quick { 1 } else { 3 });
        let mut default_parts = vec![Part::Builds, Part::Processes];
        if !quick {
            default_parts.extend([Part::Machines, Part::Monitor]);
        }
        let parts = parts.unwrap_or(default_parts);
        Ok(Some(Options { kache, projects, runs, modes, parts, json, quick }))
    }
}

/// The fixtures that are there.
fn default_projects(quick: bool) -> Vec<Project> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let all = [("small", "two-crates"), ("middle", "big"), ("large", "large")];
    let wanted = all.iter().filter(|(name, _)| !(quick && *name == "large"));
    let projects = wanted
        .map(|(name, directory)| Project { name: (*name).to_owned(), directory: fixtures.join(directory) });
    projects.filter(|project| project.directory.join("Cargo.toml").is_file()).collect()
}

/// `NAME=DIR`.
fn project(text: &str) -> Result<Project> {
    let (name, directory) = text.split_once('=').ok_or("--project wants NAME=DIR")?;
    let directory = std::path::absolute(directory)?;
    if !directory.join("Cargo.toml").is_file() {
        return Err(format!("{}: no Cargo.toml there", directory.display()).into());
    }
    Ok(Project { name: name.to_owned(), directory })
}

fn mode(text: &str) -> Result<Mode> {
    match text {
        "build" => Ok(Mode::Build),
        "check" => Ok(Mode::Check),
        "test" => Ok(Mode::Test),
        other => Err(format!("{other} is not a mode: build, check or test").into()),
    }
}

fn part(text: &str) -> Result<Part> {
    match text {
        "builds" => Ok(Part::Builds),
        "processes" => Ok(Part::Processes),
        "machines" => Ok(Part::Machines),
        "monitor" => Ok(Part::Monitor),
        other => Err(format!("{other} is not a part: builds, processes, machines or monitor").into()),
    }
}
