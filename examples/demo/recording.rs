//! Runs commands in a terminal's place, and notes when they printed which line.

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// A command of the recording.
pub(crate) struct Step {
    /// A comment above the command; empty for none.
    pub(crate) says: &'static str,
    pub(crate) shown: &'static str,
    /// What the shell really runs.
    pub(crate) run: &'static str,
    /// The directory below the temporary one.
    pub(crate) within: &'static str,
}

/// A line on the screen.
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) kind: Kind,
    /// How long after the line before it appeared, in milliseconds.
    pub(crate) after_ms: u64,
}

/// What a line is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Comment,
    Command,
    Output,
}

/// A temporary directory with a project, a store and a home.
pub(crate) struct Recorder {
    temporary: tempfile::TempDir,
    kache: PathBuf,
}

/// Readers need a moment for a comment, and for a result.
const READ_MS: u64 = 1_200;

impl Recorder {
    /// Copies the project, and makes it a repository.
    pub(crate) fn new(kache: &Path) -> Result<Recorder, Box<dyn Error>> {
        let temporary = tempfile::Builder::new().prefix("kache-demo-").tempdir()?;
        let recorder = Recorder { temporary, kache: kache.to_owned() };
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/big");
        let script = format!(
            "mkdir home && cp -R '{}' big && rm -rf big/target && cd big && echo target >.gitignore && git init -q && \
             git add -A && git -c user.name=a -c user.email=a@example.com commit -qm a",
            fixture.display()
        );
        let status = recorder.command(&script, recorder.temporary.path()).status()?;
        if !status.success() {
            return Err("failed to set up the project".into());
        }
        Ok(recorder)
    }

    fn command(&self, script: &str, cwd: &Path) -> Command {
        let root = self.temporary.path();
        let caller = std::env::var("HOME").unwrap_or_default();
        let cargo_home = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{caller}/.cargo"));
        let rustup_home = std::env::var("RUSTUP_HOME").unwrap_or_else(|_| format!("{caller}/.rustup"));
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(cwd).env_remove("CI").env_remove("CARGO_TARGET_DIR");
        command
            .env("HOME", root.join("home"))
            .env("CARGO_HOME", cargo_home)
            .env("RUSTUP_HOME", rustup_home)
            .env("CARGO_NET_OFFLINE", "true")
            .env("RUSTC_WRAPPER", &self.kache)
            .env("KACHE", &self.kache)
            .env("KACHE_CACHE_DIR", root.join("home/store"))
            .env("COLUMNS", "80");
        command
    }

    /// Plays a step, and adds its lines.
    pub(crate) fn play(&self, step: &Step, lines: &mut Vec<Line>) -> Result<(), Box<dyn Error>> {
        if !step.says.is_empty() {
            let text = format!("# {}", step.says);
            lines.push(Line { text, kind: Kind::Comment, after_ms: READ_MS });
        }
        lines.push(Line { text: format!("$ {}", step.shown), kind: Kind::Command, after_ms: READ_MS });
        let cwd = self.temporary.path().join(step.within);
        let mut child =
            self.command(&format!("{{ {}; }} 2>&1", step.run), &cwd).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or("there is no output")?;
        let mut before = Instant::now();
        for line in BufReader::new(output).lines() {
            let text = line?.replace(&self.temporary.path().display().to_string(), "~");
            let after_ms = before.elapsed().as_millis() as u64;
            before = Instant::now();
            lines.push(Line { text, kind: Kind::Output, after_ms });
        }
        if !child.wait()?.success() {
            return Err(format!("`{}` failed", step.shown).into());
        }
        // What a build starts in the background has to end before the next one.
        let harvest = format!("'{}' harvest", self.kache.display());
        self.command(&harvest, &cwd).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        Ok(())
    }
}
