//! What has to hold on every system, with stand-ins for cargo and rustc: so it is played where neither can be had, such
//! as under Wine.
//!
//! This program is its own stand-ins: a copy of it that is called `rustc` or `cargo` is one. So it has a `main` of its own,
//! and libtest-mimic as its harness.

#![allow(
    clippy::disallowed_methods,
    reason = "scenarios drive programs and files from outside, as a person does"
)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it answers in the place of a compiler, and tells how tests ended"
)]

mod scenarios;
mod stand_in;
mod world;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let exe = std::env::current_exe().expect("this program has a path");
    let args: Vec<String> =
        std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    match exe.file_stem().and_then(|stem| stem.to_str()) {
        Some("rustc") => stand_in::rustc(&args),
        Some("cargo") => stand_in::cargo(&args),
        _ => run(),
    }
}

fn run() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // On Windows, all homes of a user share one daemon.
    arguments.test_threads = Some(1);
    let trials = scenarios::ALL.iter().map(|(name, scenario)| {
        Trial::test(*name, || {
            scenario();
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
