//! The context of a command: environment, configuration, index and output.

use std::cell::Cell;
use std::path::Path;

use serde::Serialize;

use crate::cli::exit::{ErrorCode, Exit, Failure, FailureReport, hint_line};
use crate::cli::terminal;
use crate::config::Config;
use crate::index::open::Index;
use crate::report::escape;
use crate::report::text::{Style, Text};
use crate::settings;
use crate::setup::store_access;
use crate::setup::user::{WrongUser, is_root_for_another};
use crate::sys::env::Env;

/// The context of one command.
pub struct Session<'a> {
    pub env: &'a Env,
    /// Whether a JSON object was printed, which is then the only one.
    printed_json: Cell<bool>,
}

/// One JSON object on standard output. Each kind has a committed schema, which `cli::tests` compares with the type.
pub trait Report: Serialize + Described {}

/// What a type of a JSON object needs for its schema.
#[cfg(not(test))]
pub trait Described {}

#[cfg(not(test))]
impl<T> Described for T {}

#[cfg(test)]
pub use schemars::JsonSchema as Described;

impl Report for FailureReport<'_> {}

impl<'a> Session<'a> {
    pub fn new(env: &'a Env) -> Session<'a> {
        Session { env, printed_json: Cell::new(false) }
    }
}

impl Session<'_> {
    /// The configuration in effect.
    ///
    /// # Errors
    /// If any of it is invalid: a command must not act on half a configuration, and its user can correct it.
    pub fn config(&self) -> Result<Config, Failure> {
        let (config, problems) = settings::for_command(self.env);
        if !problems.is_empty() {
            let hint =
                "builds ignore invalid settings; `kache config` shows all settings and where they come from";
            return Err(invalid_config(problems.iter().map(ToString::to_string).collect()).hint(hint));
        }
        with_store_path(config)
    }

    /// The configuration that builds use, which ignore invalid settings, and the problems. For commands that report on
    /// builds.
    pub fn config_of_builds(&self) -> Result<(Config, Vec<String>), Failure> {
        let (config, problems) = settings::for_command(self.env);
        let mut notes = Vec::new();
        for problem in &problems {
            let note = match problem.loses_key() {
                true => format!("builds bypass the cache because of this: {problem}"),
                false => format!("builds ignore this setting: {problem}"),
            };
            self.note(&note);
            notes.push(note);
        }
        Ok((with_store_path(config)?, notes))
    }

    /// Prints a note if builds of this user cannot use the store.
    pub fn note_obstacles(&self, cache_dir: &Path) {
        let obstacles = store_access::look(cache_dir);
        if obstacles.hinders_builds() {
            self.note(&obstacles.sentence());
            terminal::say(hint_line(&obstacles.hint()));
        }
    }

    /// Opens the index of the cache directory and prints its notes.
    pub fn index(&self, cache_dir: &Path) -> Result<Index, Failure> {
        let index = Index::open(cache_dir)
            .map_err(|e| Failure::new(format_args!("failed to open the index, even in memory: {e}")))?;
        index.notes.iter().for_each(|note| self.note(note));
        Ok(index)
    }

    /// Fails if root runs this on behalf of another user: files that root writes into that user's home would belong to
    /// root.
    pub fn refuse_root_for_another(&self) -> Result<(), Failure> {
        if !is_root_for_another(self.env) {
            return Ok(());
        }
        let error = WrongUser::RootForAnother.to_string();
        let hint = "run it as that user, without sudo; to run it for root, use `env -u SUDO_UID kache …`";
        Err(Failure::usage(error).code(ErrorCode::WrongUser).hint(hint))
    }

    /// Prints `text` for people.
    pub fn print(&self, text: impl Into<Text>) -> Result<(), Failure> {
        terminal::print(&text.into()).map_err(|e| not_printed(&e))
    }

    /// Prints a text of clap, which has its own styles.
    pub fn print_help(&self, text: &clap::builder::StyledStr) -> Result<(), Failure> {
        terminal::print_ansi(&text.ansi().to_string()).map_err(|e| not_printed(&e))
    }

    /// Prints a document in which the names of projects are escaped already.
    pub fn print_document(&self, text: &str) -> Result<(), Failure> {
        terminal::print_verbatim(&escape::text(text)).map_err(|e| not_printed(&e))
    }

    /// Prints `text` for another program, without escaping.
    pub fn print_verbatim(&self, text: &str) -> Result<(), Failure> {
        terminal::print_verbatim(text).map_err(|e| not_printed(&e))
    }

    /// Prints a report as JSON.
    pub fn print_json(&self, report: &impl Report) -> Result<(), Failure> {
        self.printed_json.set(true);
        let json = serde_json::to_string_pretty(report)? + "\n";
        terminal::print_json(&json).map_err(|e| not_printed(&e))
    }

    /// Prints a note on standard error.
    pub fn note(&self, text: &str) {
        let mut note = Text::new();
        note.push_styled(Style::Heading, "note:");
        note.push(format!(" {text}\n"));
        terminal::say(note);
    }

    /// Prints errors and a hint on standard error.
    pub fn say(&self, failure: &Failure) {
        terminal::say(failure.text());
    }

    /// Prints the failure of the command on standard error; with `--json` also as JSON, unless the command has printed
    /// its own object. Returns the exit code.
    pub fn fail(&self, failure: &Failure) -> Exit {
        self.say(failure);
        if self.wants_json() && !self.printed_json.get() {
            // One line, because some commands print lines. The failure may be that there is no reader.
            let json = serde_json::to_string(&failure.report()).unwrap_or_default();
            let _ = terminal::print_json(&(json + "\n"));
        }
        failure.exit
    }

    /// Whether `--json` is among the arguments, which may be invalid otherwise.
    fn wants_json(&self) -> bool {
        let mut args = self.env.args.iter().skip(1).take_while(|arg| *arg != "--");
        args.any(|arg| arg == "--json")
    }
}

/// The failure for invalid settings.
pub fn invalid_config(errors: Vec<String>) -> Failure {
    Failure { exit: Exit::Usage, ..Failure::several(ErrorCode::InvalidConfig, errors) }
}

/// Fails unless `config` names a directory for the store.
fn with_store_path(config: Config) -> Result<Config, Failure> {
    if config.cache_dir.value.as_os_str().is_empty() {
        let error = "no directory for the store: neither HOME nor KACHE_CACHE_DIR is set";
        return Err(Failure::usage(error)
            .code(ErrorCode::InvalidConfig)
            .hint("set HOME to your home directory, or KACHE_CACHE_DIR to a directory for the store"));
    }
    Ok(config)
}

fn not_printed(e: &std::io::Error) -> Failure {
    Failure::new(format_args!("failed to write to standard output: {e}"))
}
