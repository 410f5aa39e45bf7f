//! What has to hold on every system, with stand-ins for cargo and rustc: so it is played where neither can be had, such
//! as under Wine.
//!
//! This program is its own stand-ins: a copy of it that is called `rustc` or `cargo` is one. Therefore it has no harness
//! but its own, which understands what `cargo test` and `cargo nextest` ask of one.

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

use std::panic::catch_unwind;
use std::process::ExitCode;

fn main() -> ExitCode {
    let exe = std::env::current_exe().expect("this program has a path");
    let args: Vec<String> =
        std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    match exe.file_stem().and_then(|stem| stem.to_str()) {
        Some("rustc") => stand_in::rustc(&args),
        Some("cargo") => stand_in::cargo(&args),
        _ => run(&args),
    }
}

fn run(args: &[String]) -> ExitCode {
    let has = |name: &str| args.iter().any(|arg| arg == name);
    let takes_value = |arg: &str| matches!(arg, "--format" | "--color" | "--test-threads" | "-Z");
    let is_filter = |at: usize| !args[at].starts_with('-') && (at == 0 || !takes_value(&args[at - 1]));
    let filters: Vec<&String> = (0..args.len()).filter(|at| is_filter(*at)).map(|at| &args[at]).collect();
    let is_wanted = |name: &str| {
        let fits = |filter: &&String| if has("--exact") { *filter == name } else { name.contains(*filter) };
        !has("--ignored") && (filters.is_empty() || filters.iter().any(fits))
    };
    let wanted = scenarios::ALL.iter().filter(|(name, _)| is_wanted(name));
    if has("--list") {
        wanted.for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let mut n_failed = 0;
    for (name, scenario) in wanted {
        let is_fine = catch_unwind(scenario).is_ok();
        println!("test {name} ... {}", if is_fine { "ok" } else { "FAILED" });
        n_failed += usize::from(!is_fine);
    }
    if n_failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(101) }
}
