//! Writes down what cargo calls a wrapper with, so that one call can be repeated by itself.
//!
//! For that the bench itself is the wrapper: it writes one file per call and becomes kache.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use serde::{Deserialize, Serialize};

use crate::Result;

/// Set to the directory of the recordings, it makes the bench a wrapper.
pub(crate) const DIRECTORY: &str = "BENCH_RECORDINGS";
/// The wrapper to become.
pub(crate) const KACHE: &str = "BENCH_KACHE";

/// One call of the wrapper.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Recording {
    argv: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: PathBuf,
}

/// What the bench does as a wrapper.
pub(crate) fn record_and_become_kache(directory: &Path) -> Result<()> {
    let kache = env::var_os(KACHE).ok_or("no wrapper to become")?;
    let argv: Vec<OsString> = env::args_os().skip(1).collect();
    let recording = Recording {
        argv: argv.clone(),
        environment: env::vars_os().filter(|(name, _)| is_of_the_unit(name)).collect(),
        directory: env::current_dir()?,
    };
    let file = directory.join(format!("{}.json", process::id()));
    fs::write(file, serde_json::to_string(&recording)?)?;
    Err(Command::new(kache).args(argv).env_remove(DIRECTORY).env_remove(KACHE).exec().into())
}

/// Not the recording's own variables, and no job server: its pipe is closed when the call is repeated.
fn is_of_the_unit(name: &OsString) -> bool {
    ![DIRECTORY, KACHE, "CARGO_MAKEFLAGS", "MAKEFLAGS", "MFLAGS"].iter().any(|own| name == own)
}

impl Recording {
    /// All calls that made a unit, in a stable order.
    pub(crate) fn read_all(directory: &Path) -> Result<Vec<Recording>> {
        let mut recordings = Vec::new();
        for file in fs::read_dir(directory)? {
            recordings.push(serde_json::from_slice::<Recording>(&fs::read(file?.path())?)?);
        }
        recordings.retain(|recording| recording.value_of("--out-dir").is_some());
        recordings.sort_by(|a, b| a.argv.len().cmp(&b.argv.len()).then_with(|| a.argv.cmp(&b.argv)));
        Ok(recordings)
    }

    /// The call again, started by `program` (`kache`, or a tracer and its arguments).
    pub(crate) fn command(&self, program: &[OsString]) -> Command {
        let mut command = Command::new(&program[0]);
        command.args(&program[1..]).args(&self.argv);
        command.env_clear().envs(self.environment.iter().cloned()).current_dir(&self.directory);
        command
    }

    pub(crate) fn crate_name(&self) -> String {
        self.value_of("--crate-name").unwrap_or_default()
    }

    pub(crate) fn is_crate_type(&self, crate_type: &str) -> bool {
        self.value_of("--crate-type").as_deref() == Some(crate_type)
    }

    /// The values of `--extern`.
    pub(crate) fn externs(&self) -> impl Iterator<Item = String> {
        let pairs = self.argv.iter().zip(self.argv.iter().skip(1));
        pairs.filter(|(name, _)| *name == "--extern").map(|(_, value)| value.to_string_lossy().into_owned())
    }

    fn value_of(&self, option: &str) -> Option<String> {
        let at = self.argv.iter().position(|argument| argument == option)?;
        Some(self.argv.get(at + 1)?.to_string_lossy().into_owned())
    }
}
