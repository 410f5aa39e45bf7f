//! Side-by-side measurements of kache: ratios against plain cargo, against the floor (`examples/floor.rs`) and
//! against sccache where it is installed, each with its budget from the design.
//!
//! ```text
//! cargo run --release --example bench -- [--kache PATH] [--project NAME=DIR]… [--runs N]
//!                                        [--mode build,check,test] [--part LIST] [--quick] [--json FILE]
//! ```
//!
//! Everything happens in one temporary directory: copies of the projects, target directories, stores. All
//! contenders of a figure run in turn, one round after the other, and the figure is the ratio of their medians; so
//! a busy machine disturbs them alike. Wall clock decides, processor time stands beside it. `--kache` may name
//! the floor itself: then all ratios against it should be 1.00, and what differs is the noise.
//!
//! It is best run on a quiet machine, with `TMPDIR` on a file system as people have it: ext4 without a journal looks through
//! all inodes that were deleted in the last minutes whenever a file is made, which makes builds after a removed one slow,
//! and those that make more files slower.
//!
//! In reading order: `options` (what was asked), `clock` (how one command is measured), `contender` (who runs, with
//! which environment), `checkout` (copies of a project), `records` and `disk` (what is counted afterwards),
//! `rounds` and `figures` (the builds), `edits` (builds after an edit), `recording`, `trace`, `hit`, `linked` and `observing`
//! (single processes), `machines` (two that share a bucket), `monitor` (the live view beside builds), `table` (how it is told).

#![expect(clippy::print_stdout, reason = "its output is its purpose")]
#![allow(
    clippy::disallowed_methods,
    reason = "it drives cargo and files from outside, and is no part of kache"
)]

#[cfg(unix)]
mod checkout;
#[cfg(unix)]
mod clock;
#[cfg(unix)]
mod contender;
#[cfg(unix)]
mod disk;
#[cfg(unix)]
mod edits;
#[cfg(unix)]
mod figures;
#[cfg(unix)]
mod hit;
#[cfg(unix)]
mod linked;
#[cfg(unix)]
mod machines;
#[cfg(unix)]
mod monitor;
#[cfg(unix)]
mod observing;
#[cfg(unix)]
mod options;
#[cfg(unix)]
mod recording;
#[cfg(unix)]
mod records;
#[cfg(unix)]
mod rounds;
#[cfg(unix)]
#[path = "../../tests/common/s3_server.rs"]
mod server;
#[cfg(unix)]
mod table;
#[cfg(unix)]
mod trace;

#[cfg(unix)]
use std::path::Path;

#[cfg(unix)]
use crate::{
    contender::Contenders,
    options::{Options, Part},
    table::Table,
};

/// What can go wrong here is only ever told to a person.
#[cfg(unix)]
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[cfg(unix)]
fn main() -> Result<()> {
    if let Some(directory) = std::env::var_os(recording::DIRECTORY) {
        return recording::record_and_become_kache(directory.as_ref());
    }
    if let Ok(n) = std::env::var(observing::N_OPENS) {
        return observing::open_again_and_again(&n);
    }
    let Some(options) = Options::from_args()? else {
        println!("{}", options::USAGE);
        return Ok(());
    };
    let place = tempfile::Builder::new().prefix("kache-bench-").tempdir()?;
    let contenders = Contenders::find(&options, place.path())?;
    let mut table = Table::default();
    for part in &options.parts {
        match part {
            Part::Builds => builds(&contenders, &options, place.path(), &mut table)?,
            Part::Processes => processes(&contenders, &options, place.path(), &mut table)?,
            Part::Machines => {
                let project = options.projects.iter().find(|project| project.name == "middle");
                let Some(project) = project.or(options.projects.first()) else { continue };
                println!("measuring machines that share a bucket …");
                machines::measure(&contenders, project, place.path(), options.runs, &mut table)?;
            }
            Part::Monitor => {
                println!("measuring the monitor …");
                monitor::measure(&contenders, place.path(), options.runs, &mut table)?;
            }
        }
    }
    table.print();
    match &options.json {
        Some(path) => Ok(std::fs::write(path, serde_json::to_string_pretty(&table)?)?),
        None => Ok(()),
    }
}

#[cfg(unix)]
fn builds(contenders: &Contenders, options: &Options, place: &Path, table: &mut Table) -> Result<()> {
    for project in &options.projects {
        for &mode in &options.modes {
            println!("measuring {} ({mode}) …", project.name);
            let mut rounds = rounds::Rounds::prepare(contenders, project, mode, place)?;
            rounds.run(options.runs)?;
            figures::add(&rounds, table);
            rounds.remove()?;
            if project.name != "large" {
                edits::measure(contenders, project, mode, place, options.runs, table)?;
            }
        }
        if project.name != "large" && !options.quick && !options.modes.contains(&options::Mode::Test) {
            edits::measure(contenders, project, options::Mode::Test, place, options.runs, table)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn processes(contenders: &Contenders, options: &Options, place: &Path, table: &mut Table) -> Result<()> {
    println!("measuring single processes …");
    observing::measure(table)?;
    hit::measure(contenders, options, place, table)?;
    if !options.quick {
        linked::measure(contenders, place, table)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn main() {
    println!("the bench reads /proc and counts inodes: run it on Linux");
}
