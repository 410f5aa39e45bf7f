//! From the samples of the rounds to rows with budgets (`DESIGN.md`, section 12).

use std::time::Duration;

use crate::contender::Contender::{self, Floor, Kache, Plain, Sccache, Unobserved};
use crate::rounds::Phase::{self, Cold, FirstElsewhere, FirstEver, Noop, SecondElsewhere, Warm};
use crate::rounds::Rounds;
use crate::table::Budget::{AtLeast, AtMost};
use crate::table::{Budget, Row, Table, Unit};

/// Processor time is counted in steps of 10 ms: below this it says nothing.
const SHORTEST_CPU: Duration = Duration::from_millis(500);

/// Who ran, and on what.
type Run = (Contender, Phase);

/// What is compared with what, and how far it may be off.
const RATIOS: [(&str, Run, Run, Option<Budget>); 10] = [
    ("cold kache / plain", (Kache, Cold), (Plain, Cold), Some(AtMost(1.02))),
    ("cold: observed / not observed", (Kache, Cold), (Unobserved, Cold), Some(AtMost(1.01))),
    ("cold sccache / plain", (Sccache, Cold), (Plain, Cold), None),
    ("warm kache / floor", (Kache, Warm), (Floor, Warm), Some(AtMost(1.10))),
    ("warm sccache / floor", (Sccache, Warm), (Floor, Warm), None),
    ("warm floor / cold plain", (Floor, Warm), (Plain, Cold), None),
    ("elsewhere, first build: kache / floor", (Kache, FirstElsewhere), (Floor, Warm), None),
    ("elsewhere, second build: kache / floor", (Kache, SecondElsewhere), (Floor, Warm), Some(AtMost(1.15))),
    // "The same time": what two runs of the same no-op build differ by.
    ("no-op after warm: kache / plain", (Kache, Noop), (Plain, Noop), Some(AtMost(1.05))),
    ("no-op after warm: sccache / plain", (Sccache, Noop), (Plain, Noop), None),
];

/// Which runs are asked for their hits, and how many must hit.
const HITS: [(&str, Phase, Option<Budget>); 3] = [
    ("warm: hits of cacheable units", Warm, Some(AtLeast(100.0))),
    ("elsewhere, first build: hits", FirstElsewhere, None),
    ("elsewhere, second build: hits", SecondElsewhere, Some(AtLeast(100.0))),
];

/// Adds all rows of one project and mode.
pub(crate) fn add(rounds: &Rounds<'_>, table: &mut Table) {
    let ratios = RATIOS.iter().filter_map(|(what, one, other, budget)| {
        let (one, other) = (rounds.median(one.0, one.1)?, rounds.median(other.0, other.1)?);
        let cpu = (other.cpu >= SHORTEST_CPU).then(|| one.cpu.div_duration_f64(other.cpu));
        let note = format!("{} / {}", seconds(one.wall), seconds(other.wall));
        let row = Row::new(&rounds.subject, *what, one.wall.div_duration_f64(other.wall), Unit::Ratio);
        Some(with_budget(row.cpu(cpu).note(note), *budget))
    });
    let hits = HITS.iter().filter_map(|(what, phase, budget)| {
        let counts = rounds.worst_counts(*phase).filter(|counts| counts.cacheable() > 0)?;
        let percent = 100.0 * counts.hits as f64 / counts.cacheable() as f64;
        let note = format!("{} of {}, {} bypassed", counts.hits, counts.cacheable(), counts.bypasses);
        Some(with_budget(Row::new(&rounds.subject, *what, percent, Unit::Percent).note(note), *budget))
    });
    ratios.chain(hits).for_each(|row| table.add(row));
    if let (Some(kache), Some(plain)) = (rounds.median(Kache, FirstEver), rounds.median(Plain, FirstEver)) {
        let over = 1000.0 * (kache.wall.as_secs_f64() - plain.wall.as_secs_f64());
        let what = "first crate ever (the toolchain is read): kache over plain";
        table.add(Row::new(&rounds.subject, what, over, Unit::Milliseconds));
    }
    if let (Some(kache), Some(plain)) = (rounds.median(Kache, Cold), rounds.median(Plain, Cold))
        && let Some(counts) = rounds.worst_counts(Cold).filter(|counts| counts.cacheable() > 0)
    {
        let over = 1000.0 * (kache.cpu.as_secs_f64() - plain.cpu.as_secs_f64()) / counts.cacheable() as f64;
        let what = "cold: processor time over plain, per unit";
        table.add(Row::new(&rounds.subject, what, over, Unit::Milliseconds));
    }
    if let Some((n_calls, n_observed)) = rounds.observed(Cold) {
        let figure = n_calls as f64 / n_observed as f64;
        let note = format!("{n_calls} in {n_observed} compiles");
        table.add(Row::new(&rounds.subject, "cold: calls observed per unit", figure, Unit::Count).note(note));
    }
    if let Some(n_records) = rounds.most_records(Noop) {
        let row = Row::new(&rounds.subject, "no-op after warm: units run", n_records as f64, Unit::Count);
        table.add(row.budget(AtMost(0.0)));
    }
    if let Some((both, plain)) = rounds.disk {
        let note = format!("{} MiB / {} MiB", both >> 20, plain >> 20);
        let what = "disk: two trees + store / one plain tree";
        let row = Row::new(&rounds.subject, what, both as f64 / plain as f64, Unit::Ratio);
        table.add(row.budget(AtMost(1.35)).note(note));
    }
}

fn with_budget(row: Row, budget: Option<Budget>) -> Row {
    match budget {
        Some(budget) => row.budget(budget),
        None => row,
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}
