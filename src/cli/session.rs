//! What every command works with: the environment, the configuration, and a place to print to.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::cli::exit::Failure;
use crate::cli::terminal;
use crate::config::units::parse_duration;
use crate::config::{Config, Problem};
use crate::index::open::Index;
use crate::settings;
use crate::setup::store_access;
use crate::setup::user::{WrongUser, is_root_for_another};
use crate::sys::env::Env;

/// One run of a command.
pub struct Session<'a> {
    pub env: &'a Env,
}

impl Session<'_> {
    /// The configuration in force.
    ///
    /// # Errors
    /// Anything in it is not understood: who calls a command can correct it, and should not be told half the truth.
    pub fn config(&self) -> Result<Config, Failure> {
        let (config, problems) = settings::for_command(self.env);
        if !problems.is_empty() {
            let errors = problems.iter().map(ToString::to_string).collect();
            let hint = "builds go on without what is not understood; `kache config` shows all settings and where \
                        they come from";
            return Err(Failure::usage(errors).hint(hint));
        }
        placed(config)
    }

    /// The configuration as builds have it, which go on without what is not understood; and what that is. For commands
    /// that report on builds.
    pub fn config_of_builds(&self) -> Result<(Config, Vec<String>), Failure> {
        let (config, problems) = settings::for_command(self.env);
        let says = |problem: &Problem| match problem.loses_key() {
            true => format!("builds leave everything to the compiler because of this: {problem}"),
            false => format!("builds ignore this setting: {problem}"),
        };
        let said: Vec<String> = problems.iter().map(says).collect();
        said.iter().for_each(|said| self.note(said));
        Ok((placed(config)?, said))
    }

    /// Says what keeps builds of this user from using the store.
    pub fn note_obstacles(&self, cache_dir: &Path) {
        let obstacles = store_access::look(cache_dir);
        if obstacles.hinders_builds() {
            self.note(&obstacles.sentence());
            terminal::say(&format!("hint: {}\n", obstacles.hint()));
        }
    }

    /// The index of the cache directory, up to date; says what there is to say about it.
    pub fn index(&self, cache_dir: &Path) -> Result<Index, Failure> {
        let index = Index::open(cache_dir)
            .map_err(|e| Failure::new(format_args!("the index cannot be opened, not even in memory: {e}")))?;
        index.notes.iter().for_each(|note| self.note(note));
        Ok(index)
    }

    /// Lets nobody go on who is root in the place of another user: what is written would be root's, in that user's home.
    pub fn refuse_root_for_another(&self) -> Result<(), Failure> {
        if !is_root_for_another(self.env) {
            return Ok(());
        }
        let error = WrongUser::RootForAnother.to_string();
        let hint = "run it as that user, without sudo; `env -u SUDO_UID kache …` does it for root";
        Err(Failure::usage(vec![error]).hint(hint))
    }

    /// Prints `text` for people.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        terminal::print(text).map_err(|e| not_printed(&e))
    }

    /// Prints `text` byte for byte, for a program that reads it.
    pub fn print_verbatim(&self, text: &str) -> Result<(), Failure> {
        terminal::print_verbatim(text).map_err(|e| not_printed(&e))
    }

    /// Prints a report as JSON.
    pub fn print_json(&self, report: &impl Serialize) -> Result<(), Failure> {
        let json = serde_json::to_string_pretty(report)? + "\n";
        terminal::print_json(&json).map_err(|e| not_printed(&e))
    }

    /// Says on standard error what a reader of the output should know of it.
    pub fn note(&self, text: &str) {
        terminal::say(&format!("note: {text}\n"));
    }
}

/// `config`, if there is a place for the store in it.
fn placed(config: Config) -> Result<Config, Failure> {
    if config.cache_dir.value.as_os_str().is_empty() {
        let error = "there is no place for the store: neither HOME nor KACHE_CACHE_DIR is set";
        return Err(Failure::usage(vec![error.to_owned()])
            .hint("set HOME to your home directory, or KACHE_CACHE_DIR to a directory for the store"));
    }
    Ok(config)
}

fn not_printed(e: &std::io::Error) -> Failure {
    Failure::new(format_args!("standard output cannot be written to: {e}"))
}

/// A duration in an argument.
pub fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|e| e.to_string())
}
