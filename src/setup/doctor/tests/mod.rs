//! Checks on machines made up for them: each broken in one way, and put right.

#![cfg(unix)]
#![expect(clippy::disallowed_methods, reason = "the machines are made from outside")]

mod cargo;
mod daemon;
mod golden;
mod made;
mod program;
mod settings;
mod store;
mod surroundings;

use std::time::{Duration, Instant};

use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::examine::{ALL, ONLINE, examine};
use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::{LIMIT, Machine};
use crate::setup::doctor::show;

use made::Made;

#[test]
fn a_machine_that_is_well_has_no_problem_and_is_not_changed_by_looking() {
    let made = Made::well();
    let before = made.look();
    let examined = examine(&made.machine(), ALL, Duration::from_secs(20));
    assert!(!show::has_problem(&examined), "{}", show::text(&examined));
    assert_eq!(made.look(), before);
    assert!(!made.fix(None));
    assert_eq!(made.look(), before);
    let ids: std::collections::BTreeSet<_> = ALL.iter().chain(ONLINE).map(|check| check.id()).collect();
    assert_eq!(ids.len(), ALL.len() + ONLINE.len(), "every check has its own name");
    let groups: Vec<&str> = show::rows(&examined).iter().map(|row| row.id).collect();
    assert_eq!(groups.len(), ALL.len());
}

struct Slow;

impl Check for Slow {
    fn id(&self) -> &'static str {
        "slow"
    }
    fn group(&self) -> Group {
        Group::Machine
    }
    fn looks_at(&self) -> &'static str {
        "nothing"
    }
    fn run(&self, _: &Machine) -> Finding {
        std::thread::sleep(Duration::from_secs(30));
        Finding::ok("late")
    }
}

struct Broken;

impl Check for Broken {
    fn id(&self) -> &'static str {
        "broken"
    }
    fn group(&self) -> Group {
        Group::Machine
    }
    fn looks_at(&self) -> &'static str {
        "nothing"
    }
    fn run(&self, _: &Machine) -> Finding {
        panic!("as meant")
    }
}

#[test]
fn a_check_that_hangs_or_fails_costs_only_itself() {
    let made = Made::well();
    let started = Instant::now();
    let slow = examine(&made.machine(), &[&Slow], Duration::from_millis(50));
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(slow[0].finding.text, "no answer within 50 ms");
    let examined = examine(&made.machine(), &[&Broken, ALL[0]], Duration::from_secs(20));
    assert_eq!(examined[0].finding.text, "internal error: the check panicked");
    assert!(examined[1].finding.text.starts_with("`kache` is "), "{}", examined[1].finding.text);
    assert!(LIMIT <= Duration::from_secs(2));
}
