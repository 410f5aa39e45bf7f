//! Builds after an edit: kache against plain cargo with its incremental compilation, and against a clean compile of what
//! changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::checkout;
use crate::clock::{self, Sample};
use crate::contender::{Contender, Contenders};
use crate::options::{Mode, Project};
use crate::table::Budget::AtMost;
use crate::table::{Budget, Row, Table, Unit};

/// Sources that are edited, where a project has them: first a library below that which the program is made of.
const SOURCES: [&str; 6] =
    ["core/src/lib.rs", "words/src/lib.rs", "app/src/lib.rs", "app/src/main.rs", "src/lib.rs", "src/main.rs"];

/// Tests that are edited.
const TESTS: [&str; 2] = ["app/tests/runs_the_binary.rs", "tests/it/main.rs"];

/// How many sources of a project are edited.
const MOST_SOURCES: usize = 2;

/// What was done before a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    First,
    Body,
    Signature,
    Undo,
    Touch,
}

impl Change {
    const fn name(self) -> &'static str {
        match self {
            Change::First => "first edit",
            Change::Body => "edit of a body",
            Change::Signature => "edit of a signature",
            Change::Undo => "undo",
            Change::Touch => "touch",
        }
    }

    /// What is added to the source; `n` differs each time.
    fn text(self, n: usize) -> String {
        match self {
            Change::First | Change::Body => format!("\npub fn bench_edit() -> usize {{ {n} }}\n"),
            Change::Signature => format!("\npub fn bench_edit(_: [u8; {n}]) -> usize {{ {n} }}\n"),
            Change::Undo | Change::Touch => String::new(),
        }
    }
}

/// Who builds: plain cargo, kache, and plain cargo without incremental compilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Builder {
    Plain,
    Kache,
    Clean,
}

const BUILDERS: [Builder; 3] = [Builder::Plain, Builder::Kache, Builder::Clean];

/// What is compared with what, and how far it may be off.
const RATIOS: [(Change, Builder, Budget); 6] = [
    (Change::First, Builder::Clean, AtMost(1.15)),
    (Change::First, Builder::Plain, AtMost(1.15)),
    (Change::Body, Builder::Plain, AtMost(1.0)),
    (Change::Signature, Builder::Plain, AtMost(1.0)),
    (Change::Undo, Builder::Clean, AtMost(0.3)),
    (Change::Touch, Builder::Clean, AtMost(0.3)),
];

/// Adds the rows of one project and mode.
pub(crate) fn measure(
    contenders: &Contenders,
    project: &Project,
    mode: Mode,
    place: &Path,
    n_rounds: usize,
    table: &mut Table,
) -> Result<()> {
    let home = place.join(format!("edits-{}-{mode}", project.name));
    for builder in BUILDERS {
        checkout::copy(&project.directory, &home.join(name(builder)))?;
        build(contenders, builder, mode, &home)?;
    }
    let tests = TESTS.iter().filter(|_| mode == Mode::Test);
    let sources = tests.chain(&SOURCES).filter(|source| project.directory.join(source).is_file());
    for source in sources.take(MOST_SOURCES) {
        let original = fs::read_to_string(project.directory.join(source))?;
        let mut samples: BTreeMap<(Change, Builder), Vec<Sample>> = BTreeMap::new();
        for (n, change) in changes(n_rounds).into_iter().enumerate() {
            for builder in BUILDERS {
                let path: PathBuf = home.join(name(builder)).join(source);
                fs::write(path, format!("{original}{}", change.text(n + 1)))?;
                let sample = build(contenders, builder, mode, &home)?;
                samples.entry((change, builder)).or_default().push(sample);
            }
        }
        for (change, other, budget) in RATIOS {
            let median =
                |builder| clock::median(samples[&(change, builder)].iter().map(|sample| sample.wall));
            let (kache, other_wall) = (median(Builder::Kache), median(other));
            let what = format!("{}: kache / {}", change.name(), name(other));
            let note = format!("{:.2} s / {:.2} s", kache.as_secs_f64(), other_wall.as_secs_f64());
            let subject = format!("{} {mode} {source}", project.name);
            let row = Row::new(&subject, what, kache.div_duration_f64(other_wall), Unit::Ratio);
            table.add(row.budget(budget).note(note));
        }
    }
    Ok(checkout::remove(&home)?)
}

/// The last one leaves the source as it was.
fn changes(n_rounds: usize) -> Vec<Change> {
    let mut changes = vec![Change::First];
    for _ in 0..n_rounds.max(2) {
        changes.extend([Change::Body, Change::Signature]);
    }
    for _ in 0..n_rounds.max(2) {
        changes.extend([Change::Body, Change::Undo, Change::Touch]);
    }
    changes
}

fn name(builder: Builder) -> &'static str {
    match builder {
        Builder::Plain => "plain",
        Builder::Kache => "kache",
        Builder::Clean => "clean",
    }
}

fn build(contenders: &Contenders, builder: Builder, mode: Mode, home: &Path) -> Result<Sample> {
    let contender = if builder == Builder::Kache { Contender::Kache } else { Contender::Plain };
    let checkout = home.join(name(builder));
    let mut cargo = contenders.cargo(contender, mode, &checkout, &home.join("store"));
    if builder != Builder::Clean {
        cargo.env_remove("CARGO_INCREMENTAL").env_remove("CI");
    }
    clock::measure(&mut cargo)
}
