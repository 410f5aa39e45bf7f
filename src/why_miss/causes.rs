//! Groups the units of a build that were not served by what caused that: a unit that was compiled because one of its
//! dependencies was, belongs to the cause of that one.

use crate::outcome::{Edit, Outcome};
use crate::report::advice;
use crate::why_miss::{ExplainedUnit, Verdict};

/// One cause, and what it cost.
#[derive(Debug)]
pub struct Cause {
    /// The units, by their indexes: the one that everything began with is the first, the others follow by their cost.
    pub units: Vec<usize>,
    /// How long their compilers ran.
    pub compile_ms: u64,
}

/// Groups `explained`, the units of one build that were not served. The costliest cause comes first.
pub fn group(explained: &[ExplainedUnit]) -> Vec<Cause> {
    let mut groups: Vec<(String, Cause)> = Vec::new();
    for (index, unit) in explained.iter().enumerate() {
        let root = root(explained, index);
        let name = cause_name(&explained[root], root);
        let compile_ms = unit.record.compile_ms;
        match groups.iter_mut().find(|(other, _)| *other == name) {
            Some((_, cause)) => {
                cause.units.push(index);
                cause.compile_ms += compile_ms;
            }
            None => groups.push((name, Cause { units: vec![index], compile_ms })),
        }
    }
    let mut causes: Vec<Cause> = groups.into_iter().map(|(_, cause)| cause).collect();
    for cause in &mut causes {
        cause.units.sort_by_key(|index| {
            (root(explained, *index) != *index, std::cmp::Reverse(explained[*index].record.compile_ms))
        });
    }
    causes.sort_by_key(|cause| std::cmp::Reverse((cause.compile_ms, cause.units.len())));
    causes
}

/// The unit that a unit was compiled because of, in the end.
fn root(explained: &[ExplainedUnit], index: usize) -> usize {
    let mut at = index;
    let mut seen = vec![index];
    while let Some(next) = dependency(explained, at).filter(|next| !seen.contains(next)) {
        seen.push(next);
        at = next;
    }
    at
}

/// The dependency because of which a unit was compiled, if that was compiled in the same build.
fn dependency(explained: &[ExplainedUnit], index: usize) -> Option<usize> {
    let names: &[String] = match &explained[index].verdict {
        Verdict::Changed { see, .. } => see,
        Verdict::Edited(Edit::Dependency, name) => std::slice::from_ref(name),
        _ => return None,
    };
    names.iter().find_map(|name| {
        let name = name.replace('-', "_");
        explained.iter().position(|other| other.record.unit.crate_name.replace('-', "_") == name)
    })
}

/// What all units of a cause have in common. Changes differ from unit to unit, other reasons do not.
fn cause_name(root: &ExplainedUnit, index: usize) -> String {
    match (&root.verdict, &root.record.outcome) {
        (Verdict::Changed { .. } | Verdict::Edited(..), _) => format!("unit {index}"),
        (_, Outcome::Bypass { reason }) => format!("{:?}", reason.why),
        (Verdict::NotStored(_, unstored), _) => crate::report::words::unstored(unstored).0.to_owned(),
        (Verdict::Evicted { .. }, _) => "evicted".to_owned(),
        (Verdict::Never | Verdict::Gone, _) => "never".to_owned(),
        _ => advice::reason(&root.record),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Bypass, BypassReason, MissReason};
    use crate::run::record::Record;
    use crate::sys::env::Env;

    fn unit(name: &str, compile_ms: u64, verdict: Verdict) -> ExplainedUnit {
        let mut record = Record::new(&Env::with_vars(&[]), &[]);
        record.unit.crate_name = name.to_owned();
        record.compile_ms = compile_ms;
        record.outcome = match &verdict {
            Verdict::Bypassed(reason) => Outcome::Bypass { reason: reason.clone() },
            _ => Outcome::Miss { reason: MissReason::NewUnit, unstored: None },
        };
        ExplainedUnit { record, verdict }
    }

    fn changed(see: &[&str]) -> Verdict {
        let see = see.iter().map(|name| (*name).to_owned()).collect();
        Verdict::Changed { before_ms: 0, changes: Vec::new(), see }
    }

    #[test]
    fn the_costliest_chain_comes_first() {
        let bypassed = || Verdict::Bypassed(BypassReason::new(Bypass::Probe, "x"));
        let explained = [
            unit("lonely", 50, Verdict::Never),
            unit("app", 30, changed(&["middle"])),
            unit("middle", 10, changed(&["not-here", "root_lib"])),
            unit("root-lib", 20, changed(&[])),
            unit("probe", 0, bypassed()),
            unit("probe2", 0, bypassed()),
            unit("other", 5, Verdict::Edited(Edit::Dependency, "root_lib".to_owned())),
        ];
        let causes = group(&explained);
        let shown: Vec<(u64, &[usize])> =
            causes.iter().map(|cause| (cause.compile_ms, cause.units.as_slice())).collect();
        assert_eq!(shown, [(65, &[3, 1, 2, 6][..]), (50, &[0]), (0, &[4, 5])]);
    }

    #[test]
    fn units_that_name_each_other_end_the_search() {
        let explained = [unit("a", 1, changed(&["b"])), unit("b", 2, changed(&["a"]))];
        assert_eq!(group(&explained).iter().map(|cause| cause.units.len()).sum::<usize>(), 2);
    }
}
