//! Defines all commands, parses the arguments, and runs the command they name.

use std::ffi::{OsStr, OsString};

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};

use crate::cli::exit::{Exit, Failure};
use crate::cli::session::Session;
use crate::cli::terminal::{self, ColorWhen, HELP_STYLES};
use crate::cli::{
    clean, completions, config, daemon, doctor, gc, harvest, init, list, monitor, overview, purge, remote,
    report, save_manifest, self_update, stats, sync, trial, uninstall, why_miss,
};
use crate::report::escape;

/// A build cache for Rust
///
/// Cargo runs kache as a wrapper around rustc. `kache init` configures that for the current user; set
/// RUSTC_WRAPPER=kache to use it for a single build.
#[derive(Parser)]
#[command(name = "kache", version, after_help = EXIT_CODES, styles = HELP_STYLES)]
struct Arguments {
    /// When to use colors
    // It is read by `terminal::prepare`, before the arguments are parsed.
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColorWhen::Auto, display_order = 900)]
    color: ColorWhen,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  success, or nothing to do
  1  failure; doctor found a problem; daemon is not running
  2  nothing was done: invalid arguments or configuration, or --dry-run found changes to make
  4  busy: another kache process is running; nothing was done";

#[derive(Subcommand)]
enum Command {
    /// Configure cargo to use kache, and verify it
    Init(init::Args),
    /// Check the installation and fix problems
    Doctor(doctor::Args),
    /// Show cache statistics: hits, misses, time saved, and disk usage
    Stats(stats::Args),
    /// Report what the cache was worth: as text, JSON, Markdown, or a page with a timeline
    Report(report::Args),
    /// Show what kache does while a build runs
    Monitor(monitor::Args),
    /// List the entries of the store
    List(list::Args),
    /// Explain why crates were not served from the cache: one, or those of the last build
    WhyMiss(why_miss::Args),
    /// Reduce the store to its size limit, and remove unreferenced files
    Gc(gc::Args),
    /// Keep what cargo wrote in the last build, to fill new build directories with it
    Harvest(harvest::Args),
    /// Remove all entries, or those of one crate
    Purge(purge::Args),
    /// Remove build directories of cargo: by choice, unused ones, or those of deleted projects
    Clean(clean::Args),
    /// Share entries with other machines through the remote
    Sync(sync::Args),
    /// Share what the last build consisted of, so that others can fill new build directories with it
    SaveManifest(save_manifest::Args),
    /// Manage keys for the remote
    Remote(remote::Args),
    /// Restore the cargo configuration, and remove what init created
    Uninstall(uninstall::Args),
    /// Update kache to the latest release
    SelfUpdate(self_update::Args),
    /// Show the settings in effect and where they come from
    Config(config::Args),
    /// Manage the daemon
    Daemon(daemon::Args),
    /// Build a workspace with and without kache in a temporary directory, and compare
    Try(trial::command::Args),
    /// Generate shell completions
    Completions(completions::Args),
}

/// The definition of all commands, from which completions and manual pages are generated.
pub fn definition() -> clap::Command {
    Arguments::command()
}

/// Whether there is a command of this name.
pub fn is_command(name: &OsStr) -> bool {
    name == "help" || definition().find_subcommand(name).is_some()
}

/// Runs the command that the arguments name.
pub fn run(session: &Session<'_>) -> Result<Exit, Failure> {
    let args = &session.env.args;
    if args.len() < 2 && terminal::is_for_people() {
        return overview::run(session);
    }
    if args.len() < 2 {
        session.print_help(&definition().render_help())?;
        return Ok(Exit::Ok);
    }
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(answer) if matches!(answer.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            session.print_help(&answer.render())?;
            return Ok(Exit::Ok);
        }
        Err(error) => return Err(bad_usage(&error, args)),
    };
    match arguments.command {
        Command::Stats(args) => stats::run(&args, session),
        Command::Report(args) => report::run(&args, session),
        Command::Monitor(args) => monitor::run(&args, session),
        Command::List(args) => list::run(&args, session),
        Command::WhyMiss(args) => why_miss::run(&args, session),
        Command::Gc(args) => gc::run(&args, session),
        Command::Clean(args) => clean::run(&args, session),
        Command::Harvest(args) => harvest::run(&args, session),
        Command::Purge(args) => purge::run(&args, session),
        Command::Sync(args) => sync::run(&args, session),
        Command::SaveManifest(args) => save_manifest::run(&args, session),
        Command::Remote(args) => remote::run(&args, session),
        Command::Doctor(args) => doctor::run(&args, &definition(), session),
        Command::Init(args) => init::run(&args, session),
        Command::Uninstall(args) => uninstall::run(&args, session),
        Command::SelfUpdate(args) => self_update::run(&args, session),
        Command::Config(args) => config::run(&args, session),
        Command::Daemon(args) => daemon::run(args, session),
        Command::Try(args) => trial::command::run(&args, session),
        Command::Completions(args) => completions::run(&args, definition(), session),
    }
}

/// Turns an error of clap into a failure: its first paragraph is the error, and its tip or the usage line is the hint.
/// Without either, the hint points to the help of the command.
fn bad_usage(error: &clap::Error, args: &[OsString]) -> Failure {
    // Clap removes escape sequences from what it renders, also those in arguments; the user should see them.
    let escaped = args.iter().map(|arg| escape::line(&arg.to_string_lossy()).into_owned());
    let rendered = match Arguments::try_parse_from(escaped) {
        Err(error) => error.render().to_string(),
        Ok(_) => error.render().to_string(),
    };
    let command = args.get(1).map(OsString::as_os_str).unwrap_or_default();
    let (error, rest) = rendered.split_once("\n\n").unwrap_or((&rendered, ""));
    let error: Vec<&str> = error.lines().map(str::trim).collect();
    let error = error.join(" ");
    let failure = Failure::usage(error.trim_start_matches("error: "));
    let mut tips = rest.lines().filter_map(|line| line.trim().strip_prefix("tip: "));
    // That an unknown option could be passed as a value helps nobody.
    let tip = tips.find(|tip| !tip.starts_with("to pass '"));
    // The usage line of kache itself says nothing about its commands.
    let usage = rest.lines().find(|line| line.starts_with("Usage: ") && !line.ends_with("<COMMAND>"));
    match tip.or(usage) {
        Some(hint) => failure.hint(hint),
        None => match definition().find_subcommand(command) {
            Some(command) => failure.hint(format!("`kache {} --help` lists its options", command.get_name())),
            None => failure.hint("`kache --help` lists all commands"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_definition_is_valid() {
        Arguments::command().debug_assert();
    }

    fn failure(line: &str) -> Failure {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        match Arguments::try_parse_from(&args) {
            Ok(_) => panic!("{line} is accepted"),
            Err(error) => bad_usage(&error, &args),
        }
    }

    #[test]
    fn an_unknown_command_suggests_the_nearest() {
        let failure = failure("kache confg");
        assert_eq!(failure.exit, Exit::Usage);
        let said = failure.to_string();
        assert_eq!(
            said,
            "error: unrecognized subcommand 'confg'\nhint: a similar subcommand exists: 'config'\n"
        );
    }

    #[test]
    fn an_invalid_value_points_to_the_help_of_the_command() {
        let said = failure("kache list --sort x").to_string();
        let values = "[possible values: name, size, hits, age]";
        let error = format!("error: invalid value 'x' for '--sort <SORT>' {values}\n");
        assert_eq!(said, error + "hint: `kache list --help` lists its options\n");
    }

    #[test]
    fn a_crate_is_named_by_position_or_option() {
        for line in [
            "kache list a",
            "kache list --inputs --crate-name a",
            "kache purge a --check",
            "kache purge --crate-name a --dry-run",
            "kache why-miss a",
            "kache why-miss --crate-name a",
        ] {
            assert!(Arguments::try_parse_from(line.split_whitespace()).is_ok(), "{line}");
        }
        for line in ["kache list a --crate-name b", "kache list --inputs"] {
            assert!(Arguments::try_parse_from(line.split_whitespace()).is_err(), "{line}");
        }
    }

    #[test]
    fn a_dry_run_has_two_names_and_goes_with_yes() {
        for command in [
            "init -y",
            "init --undo -y",
            "uninstall -y",
            "self-update -y",
            "doctor --fix -y",
            "daemon install",
            "daemon uninstall",
            "gc",
            "purge",
            "clean --all -y",
        ] {
            for flag in ["--check", "--dry-run"] {
                let line = format!("kache {command} {flag}");
                assert!(Arguments::try_parse_from(line.split_whitespace()).is_ok(), "{line}");
            }
        }
    }

    #[test]
    fn an_unknown_argument_shows_the_usage() {
        let said = failure("kache config --frob").to_string();
        assert_eq!(said, "error: unexpected argument '--frob' found\nhint: Usage: kache config [OPTIONS]\n");
    }
}
