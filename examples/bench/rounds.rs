//! The builds of one project in one mode: cold rounds, then warm rounds, all contenders in turn in each.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::checkout;
use crate::clock::{self, Sample};
use crate::contender::{Contender, Contenders};
use crate::disk;
use crate::options::{Mode, Project};
use crate::records::Counts;

/// What a build finds when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// A package with nothing in it, and a cache directory that has never seen this toolchain.
    FirstEver,
    /// Neither target directory nor store, but the toolchain was seen before.
    Cold,
    /// A full store, no target directory.
    Warm,
    /// A fresh target directory that a warm build left.
    Noop,
    /// A full store from another checkout path; no build was ever made at this one.
    FirstElsewhere,
    /// The same checkout path once more, after removing its target directory.
    SecondElsewhere,
}

/// Samples of one project in one mode.
pub(crate) struct Rounds<'a> {
    contenders: &'a Contenders,
    pub(crate) subject: String,
    mode: Mode,
    source: PathBuf,
    home: PathBuf,
    samples: HashMap<(Contender, Phase), Vec<Sample>>,
    /// What kache recorded in each run.
    counts: HashMap<Phase, Vec<Counts>>,
    /// Bytes of two trees and the store; of one plain tree.
    pub(crate) disk: Option<(u64, u64)>,
}

impl<'a> Rounds<'a> {
    /// Copies the project for each contender and fetches what it needs.
    pub(crate) fn prepare(
        contenders: &'a Contenders,
        project: &Project,
        mode: Mode,
        place: &Path,
    ) -> Result<Rounds<'a>> {
        let home = place.join(format!("{}-{mode}", project.name));
        let source = home.join("source");
        checkout::copy(&project.directory, &source)?;
        checkout::fetch(contenders, &source)?;
        let rounds = Rounds {
            contenders,
            subject: format!("{} {mode}", project.name),
            mode,
            source,
            home,
            samples: HashMap::new(),
            counts: HashMap::new(),
            disk: None,
        };
        for contender in rounds.present(&[Contender::Plain, Contender::Floor, Contender::Unobserved]) {
            checkout::copy(&rounds.source, &rounds.checkout(contender))?;
        }
        checkout::empty_package(&rounds.empty_package())?;
        Ok(rounds)
    }

    pub(crate) fn run(&mut self, n_rounds: usize) -> Result<()> {
        for round in 0..n_rounds {
            self.cold_round(round)?;
        }
        self.fill_store_of_floor()?;
        // Short builds are noisy and cheap.
        let is_short =
            self.median(Contender::Plain, Phase::Cold).is_some_and(|cold| cold.wall.as_secs() < 10);
        let n_warm_rounds = if is_short { 3 * n_rounds } else { n_rounds };
        for round in 0..n_warm_rounds {
            self.warm_round(round)?;
            self.noop_round()?;
            self.elsewhere_round(round)?;
        }
        Ok(())
    }

    /// Removes all that the rounds left.
    pub(crate) fn remove(self) -> Result<()> {
        Ok(checkout::remove(&self.home)?)
    }

    /// The median of all samples, wall and processor time each by itself.
    pub(crate) fn median(&self, contender: Contender, phase: Phase) -> Option<Sample> {
        let samples = self.samples.get(&(contender, phase))?;
        let wall = clock::median(samples.iter().map(|sample| sample.wall));
        let cpu = clock::median(samples.iter().map(|sample| sample.cpu));
        Some(Sample { wall, cpu })
    }

    /// The counts of the worst run: the one with the fewest hits.
    pub(crate) fn worst_counts(&self, phase: Phase) -> Option<Counts> {
        let runs = self.counts.get(&phase)?;
        runs.iter().copied().min_by_key(|counts| counts.hits)
    }

    /// The calls that were observed in one build, and in how many compiles.
    pub(crate) fn observed(&self, phase: Phase) -> Option<(u64, usize)> {
        let runs = self.counts.get(&phase)?.iter();
        runs.map(|counts| (counts.n_calls, counts.n_observed)).filter(|(_, n)| *n > 0).max()
    }

    /// The most records that any run appended.
    pub(crate) fn most_records(&self, phase: Phase) -> Option<usize> {
        self.counts.get(&phase)?.iter().map(|counts| counts.all()).max()
    }

    /// `first`, then kache, then sccache if it is installed.
    fn present(&self, first: &[Contender]) -> Vec<Contender> {
        let sccache = self.contenders.sccache.as_ref().map(|_| Contender::Sccache);
        first.iter().copied().chain([Contender::Kache]).chain(sccache).collect()
    }

    fn checkout(&self, contender: Contender) -> PathBuf {
        self.home.join(contender.name())
    }

    fn empty_package(&self) -> PathBuf {
        self.home.join("empty")
    }

    fn store(&self, contender: Contender) -> PathBuf {
        self.home.join("stores").join(contender.name())
    }

    fn cold_round(&mut self, round: usize) -> Result<()> {
        for contender in turned(self.present(&[Contender::Plain, Contender::Unobserved]), round) {
            self.empty_store(contender)?;
            for (phase, checkout) in
                [(Phase::FirstEver, self.empty_package()), (Phase::Cold, self.checkout(contender))]
            {
                checkout::remove(&checkout.join("target"))?;
                self.build(contender, phase, &checkout)?;
            }
        }
        Ok(())
    }

    fn fill_store_of_floor(&mut self) -> Result<()> {
        self.empty_store(Contender::Floor)?;
        let checkout = self.checkout(Contender::Floor);
        self.build(Contender::Floor, Phase::Cold, &checkout)
    }

    fn warm_round(&mut self, round: usize) -> Result<()> {
        for contender in turned(self.present(&[Contender::Floor]), round) {
            let checkout = self.checkout(contender);
            checkout::remove(&checkout.join("target"))?;
            self.build(contender, Phase::Warm, &checkout)?;
        }
        Ok(())
    }

    fn noop_round(&mut self) -> Result<()> {
        for turn in 0..4 {
            for contender in turned(self.present(&[Contender::Plain]), turn) {
                self.build(contender, Phase::Noop, &self.checkout(contender))?;
            }
        }
        Ok(())
    }

    /// kache at a path of this round, the first checkout's target directory gone.
    fn elsewhere_round(&mut self, round: usize) -> Result<()> {
        let target = self.checkout(Contender::Kache).join("target");
        checkout::remove(&target)?;
        let elsewhere = self.home.join("elsewhere").join(format!("place-{round}"));
        checkout::copy(&self.source, &elsewhere)?;
        self.build(Contender::Kache, Phase::FirstElsewhere, &elsewhere)?;
        checkout::remove(&elsewhere.join("target"))?;
        self.build(Contender::Kache, Phase::SecondElsewhere, &elsewhere)?;
        if round == 0 {
            self.measure_disk(&elsewhere.join("target"))?;
        }
        Ok(checkout::remove(&elsewhere)?)
    }

    /// Right after the first round, when the store holds what two checkouts need and nothing else.
    fn measure_disk(&mut self, second_target: &Path) -> Result<()> {
        let (contender, mode) = (Contender::Kache, self.mode);
        let (checkout, store) = (self.checkout(contender), self.store(contender));
        clock::measure(&mut self.contenders.cargo(contender, mode, &checkout, &store))?;
        let both = disk::allocated_bytes(&[&checkout.join("target"), second_target, &store])?;
        let plain = disk::allocated_bytes(&[&self.checkout(Contender::Plain).join("target")])?;
        self.disk = Some((both, plain));
        Ok(())
    }

    fn empty_store(&self, contender: Contender) -> Result<()> {
        let store = self.store(contender);
        checkout::remove(&store)?;
        fs::create_dir_all(&store)?;
        match (contender, &self.contenders.sccache) {
            (Contender::Sccache, Some(sccache)) => sccache.restart(self.contenders, &store),
            _ => Ok(()),
        }
    }

    /// One measured build.
    fn build(&mut self, contender: Contender, phase: Phase, checkout: &Path) -> Result<()> {
        let store = self.store(contender);
        if phase != Phase::Noop {
            disk::settle(&self.home);
        }
        let before = Counts::read(&store)?;
        let sample = clock::measure(&mut self.contenders.cargo(contender, self.mode, checkout, &store))?;
        self.samples.entry((contender, phase)).or_default().push(sample);
        if contender == Contender::Kache {
            self.counts.entry(phase).or_default().push(Counts::read(&store)? - before);
        }
        Ok(())
    }
}

/// Every other round goes through the contenders backwards.
fn turned(mut contenders: Vec<Contender>, round: usize) -> Vec<Contender> {
    if round % 2 == 1 {
        contenders.reverse();
    }
    contenders
}
