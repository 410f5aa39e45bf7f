//! Single processes: how long the wrapper takes to start, and what one hit does.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Result;
use crate::checkout;
use crate::clock;
use crate::contender::{Contender, Contenders};
use crate::options::{Mode, Options};
use crate::recording::{self, Recording};
use crate::records::Counts;
use crate::table::Budget::{AtLeast, AtMost};
use crate::table::{Row, Table, Unit};
use crate::trace::{self, Calls};

/// How often a start is measured.
const N_STARTS: usize = 200;

/// How often a hit is measured.
pub(crate) const N_HITS: usize = 50;

/// Adds the rows about single processes.
pub(crate) fn measure(
    contenders: &Contenders,
    options: &Options,
    place: &Path,
    table: &mut Table,
) -> Result<()> {
    start_up(contenders, place, table)?;
    // The largest of the projects that are quick to build.
    let project = options.projects.iter().find(|project| project.name == "middle");
    let Some(project) = project.or(options.projects.first()) else { return Ok(()) };
    let home = place.join("hit");
    let checkout = home.join("checkout");
    checkout::copy(&project.directory, &checkout)?;
    let (store, recordings) = record(contenders, &checkout, &home)?;
    for (what, recording) in chosen(&recordings) {
        let subject = format!("hit: {what}");
        one_hit(contenders, &subject, recording, &store, &home, table)?;
    }
    Ok(checkout::remove(&home)?)
}

fn start_up(contenders: &Contenders, place: &Path, table: &mut Table) -> Result<()> {
    let rustc = rustc(contenders)?;
    let command = |program: &Path| {
        let mut command = Command::new(program);
        contenders.clean(&mut command);
        command.env("KACHE_CACHE_DIR", place.join("start-up")).current_dir(place);
        command
    };
    let (mut plain, mut wrapped, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..N_STARTS {
        plain.push(clock::measure(command(&rustc).arg("-vV"))?.wall);
        wrapped.push(clock::measure(command(&contenders.kache).arg(&rustc).arg("-vV"))?.wall);
        alone.push(clock::measure(command(&contenders.kache).arg("--version")).map(|sample| sample.wall));
    }
    let (plain, wrapped) = (clock::median(plain), clock::median(wrapped));
    let over = milliseconds(wrapped) - milliseconds(plain);
    let note = format!("{:.2} ms / {:.2} ms", milliseconds(wrapped), milliseconds(plain));
    let row = Row::new("process", "kache rustc -vV over rustc -vV", over, Unit::Milliseconds);
    table.add(row.budget(AtMost(1.0)).note(note));
    let alone: Vec<Duration> = alone.into_iter().flatten().collect();
    if !alone.is_empty() {
        let figure = milliseconds(clock::median(alone));
        table.add(Row::new("process", "kache --version", figure, Unit::Milliseconds));
    }
    let size = fs::metadata(&contenders.kache)?.len() as f64 / 1024.0;
    table.add(Row::new("process", "size of the binary", size, Unit::Kibibytes));
    Ok(())
}

/// The compiler itself, past any proxy.
fn rustc(contenders: &Contenders) -> Result<PathBuf> {
    let mut command = Command::new("rustc");
    contenders.clean(&mut command);
    let output = command.args(["--print", "sysroot"]).output()?;
    Ok(Path::new(String::from_utf8(output.stdout)?.trim()).join("bin/rustc"))
}

/// Builds a project once to fill the store, then once more with every call written down.
pub(crate) fn record(
    contenders: &Contenders,
    checkout: &Path,
    home: &Path,
) -> Result<(PathBuf, Vec<Recording>)> {
    let (store, recordings) = (home.join("store"), home.join("recordings"));
    fs::create_dir_all(&store)?;
    fs::create_dir_all(&recordings)?;
    checkout::fetch(contenders, checkout)?;
    let cargo = || contenders.cargo(Contender::Kache, Mode::Build, checkout, &store);
    clock::measure(&mut cargo())?;
    checkout::remove(&checkout.join("target"))?;
    let mut recorded = cargo();
    recorded.env("RUSTC_WRAPPER", std::env::current_exe()?);
    recorded.env(recording::DIRECTORY, &recordings).env(recording::KACHE, &contenders.kache);
    clock::measure(&mut recorded)?;
    Ok((store, Recording::read_all(&recordings)?))
}

/// A small library, a unit that uses procedural macros, and a binary, where the project has them.
fn chosen(recordings: &[Recording]) -> Vec<(String, &Recording)> {
    let uses_macros = |call: &Recording| call.externs().any(|value| value.ends_with(".so"));
    let is_program =
        |call: &Recording| call.crate_name() != "build_script_build" && call.is_crate_type("bin");
    let wanted = [
        ("rlib", recordings.iter().find(|call| call.is_crate_type("lib") && call.externs().next().is_none())),
        ("macros", recordings.iter().find(|call| call.is_crate_type("lib") && uses_macros(call))),
        ("bin", recordings.iter().find(|call| is_program(call))),
    ];
    let found = wanted.into_iter().filter_map(|(what, call)| Some((what, call?)));
    found.map(|(what, call)| (format!("{what} {}", call.crate_name()), call)).collect()
}

/// Repeats one call again and again: alone for the time, then under each tracer.
pub(crate) fn one_hit(
    contenders: &Contenders,
    subject: &str,
    recording: &Recording,
    store: &Path,
    home: &Path,
    table: &mut Table,
) -> Result<()> {
    let kache = contenders.kache.as_path();
    let count = |what: &str, figure: f64| Row::new(subject, what, figure, Unit::Count);
    let before = Counts::read(store)?;
    let program: [OsString; 1] = [kache.into()];
    let mut walls = Vec::new();
    for _ in 0..N_HITS {
        walls.push(clock::measure(&mut recording.command(&program))?.wall);
    }
    let counts = Counts::read(store)? - before;
    table.add(Row::new(subject, "wall", milliseconds(clock::median(walls)), Unit::Milliseconds));
    if counts.all() > 0 {
        let hits = 100.0 * counts.hits as f64 / counts.all() as f64;
        table.add(Row::new(subject, "hits", hits, Unit::Percent).budget(AtLeast(100.0)));
    }
    if let Some(instructions) = trace::instructions(recording, kache)? {
        table.add(count("instructions", instructions as f64));
    }
    if let Some(calls) = Calls::of(recording, kache, home)? {
        table.add(count("system calls", calls.n_calls as f64));
        table.add(count("files opened", calls.n_opened as f64));
        table.add(count("bytes written", calls.n_written_bytes as f64));
        table.add(count("threads and processes started", calls.n_clones as f64).budget(AtMost(0.0)));
        table.add(count("programs started, itself included", calls.n_execs as f64).budget(AtMost(1.0)));
    }
    Ok(())
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
