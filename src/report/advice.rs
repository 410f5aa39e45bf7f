//! What can be done about a unit that was not served.

use std::path::Path;

use crate::outcome::{Bypass, BypassReason, Edit, MissReason, Outcome, Unstored};
use crate::report::words::{self, with_detail};
use crate::run::record::Record;

/// Why a unit was not served, in words; of a hit, where it came from.
pub fn reason(record: &Record) -> String {
    match &record.outcome {
        Outcome::Hit { origin } => words::origin(*origin).to_owned(),
        Outcome::Miss { reason, unstored: None } => words::miss(*reason).to_owned(),
        Outcome::Miss { unstored: Some(unstored), .. } => {
            let (why, detail) = words::unstored(unstored);
            format!("not stored: {}", with_detail(why, detail))
        }
        Outcome::Edit { edit, detail, .. } => with_detail(words::edit(*edit), detail),
        Outcome::Bypass { reason } => with_detail(words::bypass(reason.why), &reason.detail),
    }
}

/// What to do so that the unit is served the next time; `None` where nothing is needed, or nothing helps.
pub fn advice(record: &Record) -> Option<String> {
    let name = name(record);
    Some(match &record.outcome {
        Outcome::Hit { .. } => return None,
        Outcome::Miss { unstored: Some(unstored), .. } => of_unstored(unstored)?.to_owned(),
        Outcome::Miss { reason: MissReason::NewUnit | MissReason::InputsChanged, .. } => {
            format!("`kache why-miss {name}` shows what differs from earlier compiles")
        }
        Outcome::Miss { reason: MissReason::RestoreFailed, .. } => {
            "`kache doctor` checks whether files can be linked".to_owned()
        }
        Outcome::Miss { .. } => "`kache doctor --verify` checks the whole store".to_owned(),
        Outcome::Edit { edit: Edit::Always, .. } => "set `cache.incremental` to `auto` or `off`".to_owned(),
        Outcome::Edit { .. } => {
            "commit and build again to have it stored, or set `cache.incremental` to `off`".to_owned()
        }
        Outcome::Bypass { reason } => of_bypass(reason.why)?.to_owned(),
    })
}

fn of_unstored(unstored: &Unstored) -> Option<&'static str> {
    Some(match unstored {
        Unstored::CompilerFailed => "correct the error: failures are not stored",
        Unstored::InputChanged(_) => "let nothing write sources or generated files while cargo builds",
        Unstored::InputsUnknown(_) => "`kache why-miss` names what is not known; declare it, or leave it",
        Unstored::OnlyRead => "set `cache.write` to `on` where builds may be trusted",
        Unstored::StoreFailed(_) => "`kache doctor` checks the store",
        Unstored::UnexpectedOutput(_) | Unstored::Defect(_) => {
            "please report it: `kache doctor --report` prints what to attach"
        }
    })
}

fn of_bypass(why: Bypass) -> Option<&'static str> {
    Some(match why {
        Bypass::Executable => "set `cache.cache_executables` to `true`",
        Bypass::Configured => "remove it from `cache.bypass_crates`",
        Bypass::UnknownExtern => "remove the build directory with `kache clean`, and build again",
        Bypass::Store => "`kache doctor` checks the store",
        Bypass::LoadedCode | Bypass::Noise => "unset the variable for builds",
        Bypass::UnknownCompiler => "`kache doctor` checks the compiler",
        Bypass::Defect => "please report it: `kache doctor --report` prints what to attach",
        _ => return None,
    })
}

/// What people call the unit's crate: of a build script its package, because all build scripts have the same crate name.
pub fn name(record: &Record) -> &str {
    if record.unit.kind.ends_with("build-script") { &record.unit.package } else { &record.unit.crate_name }
}

/// What people call the unit: its name, version and kind.
pub fn title(record: &Record) -> String {
    if record.unit.crate_name.is_empty()
        && let Outcome::Bypass { reason: BypassReason { why: Bypass::UnknownDriver, detail } } =
            &record.outcome
    {
        // A C compiler that a build script calls through the wrapper.
        return Path::new(detail).file_name().unwrap_or_default().to_string_lossy().into_owned();
    }
    let words = [name(record), &record.unit.version, &record.unit.kind, &record.unit.target];
    let title = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    // A question about the compiler names no crate.
    if title.is_empty() { "rustc".to_owned() } else { title }
}

/// The units that took the compiler longest, without hits; the longest first.
pub fn costliest<'r>(records: impl IntoIterator<Item = &'r Record>, most: usize) -> Vec<&'r Record> {
    let mut compiled: Vec<&Record> = records.into_iter().collect();
    compiled.retain(|record| !matches!(record.outcome, Outcome::Hit { .. }) && record.compile_ms > 0);
    compiled.sort_by_key(|record| std::cmp::Reverse(record.compile_ms));
    compiled.truncate(most);
    compiled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Origin;
    use crate::sys::env::Env;

    fn record(outcome: Outcome, compile_ms: u64) -> Record {
        let mut record = Record::new(&Env::with_vars(&[]), &[]);
        record.unit.crate_name = "serde".to_owned();
        (record.outcome, record.compile_ms) = (outcome, compile_ms);
        record
    }

    #[test]
    fn a_c_compiler_is_called_by_its_name() {
        let mut call =
            record(Outcome::Bypass { reason: BypassReason::new(Bypass::UnknownDriver, "/usr/bin/cc") }, 0);
        assert_eq!(title(&call), "serde");
        call.unit.crate_name.clear();
        assert_eq!(title(&call), "cc");
    }

    #[test]
    fn each_miss_has_a_reason_and_most_have_advice() {
        let hit = record(Outcome::Hit { origin: Origin::Local }, 9);
        let miss = record(Outcome::Miss { reason: MissReason::InputsChanged, unstored: None }, 4);
        let unstored = Some(Unstored::StoreFailed("no space".to_owned()));
        let unstored = record(Outcome::Miss { reason: MissReason::NewUnit, unstored }, 6);
        let bypass = record(Outcome::Bypass { reason: BypassReason::new(Bypass::Executable, "") }, 0);
        assert_eq!(advice(&hit), None);
        assert_eq!(
            advice(&miss).as_deref(),
            Some("`kache why-miss serde` shows what differs from earlier compiles")
        );
        assert_eq!(reason(&unstored), "not stored: writing to the store failed: no space");
        assert_eq!(advice(&unstored).as_deref(), Some("`kache doctor` checks the store"));
        assert_eq!(advice(&bypass).as_deref(), Some("set `cache.cache_executables` to `true`"));
        let all = [hit, miss.clone(), unstored.clone(), bypass];
        assert_eq!(costliest(&all, 9), [&unstored, &miss]);
        assert_eq!(costliest(&all, 1), [&unstored]);
    }
}
