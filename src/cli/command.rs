//! All commands: what can be called, and the way from arguments to the one that was.

use std::ffi::OsStr;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};

use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;
use crate::cli::{
    completions, config, daemon, doctor, gc, init, list, purge, self_update, stats, trial, uninstall,
    why_miss,
};
use crate::sys::env::Env;

/// A build cache for Rust: a second build of the same thing costs almost nothing.
///
/// Cargo calls it in front of the compiler: `kache init` sets that up for this user, and RUSTC_WRAPPER=kache for one
/// build.
#[derive(Parser)]
#[command(name = "kache", version, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or nothing to do
  1  something could not be done; doctor found a problem; daemon found none running
  2  nothing was done: the arguments or the configuration are not right, or --check found something to do
  4  another process is at it; nothing was done";

#[derive(Subcommand)]
enum Command {
    /// Have cargo call kache, and prove that it does
    Init(init::Args),
    /// Check whether all is well, and put right what is not
    Doctor(doctor::Args),
    /// Show what the cache did: hits, misses and why, time saved, bytes, the store's size
    Stats(stats::Args),
    /// List what is in the store
    List(list::Args),
    /// Tell why a crate was compiled and not served from the store
    WhyMiss(why_miss::Args),
    /// Remove what was not used for longest, and what nothing refers to
    Gc(gc::Args),
    /// Remove everything, or all of one crate
    Purge(purge::Args),
    /// Have cargo call the compiler alone again, and remove what init made
    Uninstall(uninstall::Args),
    /// Replace this program by the newest release, if the installer put it here
    SelfUpdate(self_update::Args),
    /// Show every setting, its value, and where it came from
    Config(config::Args),
    /// Show how the daemon is; start and stop it
    Daemon(daemon::Args),
    /// Build a workspace with and without kache in a temporary directory, and compare
    Try(trial::command::Args),
    /// Print what a shell needs to complete these commands
    Completions(completions::Args),
}

/// All that can be called, as data: completions and manual pages are made from it.
pub fn definition() -> clap::Command {
    Arguments::command()
}

/// Whether there is a command of this name.
pub fn is_command(name: &OsStr) -> bool {
    name == "help" || definition().find_subcommand(name).is_some()
}

/// Runs the command that the arguments name.
pub fn run(env: &Env) -> Result<Exit, Failure> {
    let session = Session { env };
    if env.args.len() < 2 {
        session.print(&definition().render_help().to_string())?;
        return Ok(Exit::Ok);
    }
    let arguments = match Arguments::try_parse_from(&env.args) {
        Ok(arguments) => arguments,
        Err(answer) if matches!(answer.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            session.print(&answer.render().to_string())?;
            return Ok(Exit::Ok);
        }
        Err(error) => return Err(bad_usage(&error.render().to_string(), &env.args[1])),
    };
    match arguments.command {
        Command::Stats(args) => stats::run(&args, &session),
        Command::List(args) => list::run(&args, &session),
        Command::WhyMiss(args) => why_miss::run(&args, &session),
        Command::Gc(args) => gc::run(&args, &session),
        Command::Purge(args) => purge::run(&args, &session),
        Command::Doctor(args) => doctor::run(&args, &definition(), &session),
        Command::Init(args) => init::run(&args, &session),
        Command::Uninstall(args) => uninstall::run(&args, &session),
        Command::SelfUpdate(args) => self_update::run(&args, &session),
        Command::Config(args) => config::run(&args, &session),
        Command::Daemon(args) => daemon::run(args, &session),
        Command::Try(args) => trial::command::run(&args, &session),
        Command::Completions(args) => completions::run(&args, definition(), &session),
    }
}

/// What clap says about arguments, in this program's form: its first paragraph, and as a hint its tip, the usage, or
/// where to look, which for a known `command` is that command's help.
fn bad_usage(rendered: &str, command: &OsStr) -> Failure {
    let mut lines = rendered.lines();
    let error: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let error = error.join(" ");
    let failure = Failure::usage(vec![error.trim_start_matches("error: ").to_owned()]);
    let hint = lines.clone().find_map(|line| line.trim().strip_prefix("tip: "));
    match hint.or_else(|| lines.find(|line| line.starts_with("Usage: "))) {
        Some(hint) => failure.hint(hint),
        None => match definition().find_subcommand(command) {
            Some(command) => {
                failure.hint(format!("`kache {} --help` shows what it takes", command.get_name()))
            }
            None => failure.hint("`kache --help` shows all commands"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_arguments_is_sound() {
        Arguments::command().debug_assert();
    }

    fn failure(line: &str) -> Failure {
        let args: Vec<&str> = line.split_whitespace().collect();
        match Arguments::try_parse_from(&args) {
            Ok(_) => panic!("{line} is understood"),
            Err(error) => bad_usage(&error.render().to_string(), args[1].as_ref()),
        }
    }

    #[test]
    fn an_unknown_command_is_answered_with_the_nearest() {
        let failure = failure("kache confg");
        assert_eq!(failure.exit, Exit::Usage);
        let said = failure.to_string();
        assert_eq!(
            said,
            "error: unrecognized subcommand 'confg'\nhint: a similar subcommand exists: 'config'\n"
        );
    }

    #[test]
    fn a_value_that_is_not_understood_is_answered_with_the_help_of_the_command() {
        let said = failure("kache list --sort x").to_string();
        let values = "[possible values: name, size, hits, age]";
        let error = format!("error: invalid value 'x' for '--sort <SORT>' {values}\n");
        assert_eq!(said, error + "hint: `kache list --help` shows what it takes\n");
    }

    #[test]
    fn an_unknown_argument_is_answered_with_the_usage() {
        let said = failure("kache config --frob").to_string();
        assert_eq!(said, "error: unexpected argument '--frob' found\nhint: Usage: kache config [OPTIONS]\n");
    }
}
