//! The command line: one file per command, with its arguments and its implementation.
//!
//! - Commands print to standard output through a [`session::Session`]: tables for people, or with `--json` one object
//!   with a `format` number, which changes when a field is removed or changes its meaning.
//! - A failure is printed on standard error: `error: …`, and `hint: …` where the user can do something. With `--json`
//!   it is also printed as JSON on standard output, in place of the command's object.
//! - A command ends with one of the codes of [`exit::Exit`].
//! - [`terminal`] decides about colors and symbols, and whether [`progress`] is shown.

pub mod terminal;

pub mod progress;

pub mod exit;

pub mod table;

pub mod session;

pub mod crate_args;

pub mod dispatch;

pub mod completions;

pub mod config;

pub mod prompt;

pub mod changes;

pub mod service_args;

pub mod system_service;

pub mod daemon;

pub mod gc;
pub mod harvest;

pub mod clean;

pub mod list;

pub mod monitor;

pub mod purge;

pub mod remote;

pub mod stats;

pub mod report;

pub mod sync;

pub mod save_manifest;

pub mod trial;

pub mod why_miss;

pub mod init;

pub mod doctor;

pub mod uninstall;

pub mod self_update;

pub mod overview;

pub mod command;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use crate::cli::session::Session;
use crate::sys::env::Env;

/// Whether the process was started as a command line, and not by cargo as a wrapper.
pub fn is_command_line(env: &Env) -> bool {
    let args = env.args.get(1..).unwrap_or_default();
    let in_build_script = env.get("OUT_DIR").is_some() && env.get("CARGO_MANIFEST_DIR").is_some();
    dispatch::form(args, in_build_script, &command::is_command) == dispatch::Form::CommandLine
}

/// Runs the command that the arguments name.
pub fn main(env: &Env) -> ExitCode {
    terminal::prepare(env);
    let session = Session::new(env);
    let exit = command::run(&session).unwrap_or_else(|failure| session.fail(&failure));
    ExitCode::from(exit as u8)
}
