//! How a unit that is not in the store is compiled: with an earlier incremental state, or from scratch. Pure.

use crate::config::Incremental;
use crate::outcome::{Clean, Edit, MissReason};

/// What is known about a unit that was looked up without success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// What the configuration says.
    pub mode: Incremental,
    /// Whether the build runs on CI, where nobody edits.
    pub on_ci: bool,
    /// Whether cargo wants an incremental compile.
    pub is_asked: bool,
    /// Whether the code is optimized.
    pub is_optimized: bool,
    /// Why it was not found.
    pub miss: MissReason,
}

/// What became of the outputs that this build directory held of the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastBuild {
    /// There are none.
    None,
    /// The last compile was an edit, and failed.
    Failed,
    /// A source that they were made from was changed or removed.
    SourceChanged,
    /// The sources are those that they were made from.
    SourcesKept,
    /// Another commit was checked out since.
    OtherCommit,
}

/// How a unit that is not in the store is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Incrementally, with the state of the last compile. It is not stored.
    Edit(Edit),
    /// From scratch in an empty incremental directory, and stored: what that makes depends on its inputs alone. The next
    /// edit finds the compiler's state there.
    Fresh(Clean),
    /// From scratch without an incremental directory, and stored.
    Clean(Clean),
}

/// How to compile a unit. `last_build` costs some system calls.
pub fn decide(situation: Situation, last_build: impl FnOnce() -> LastBuild) -> Mode {
    let Situation { mode, on_ci, is_asked, is_optimized, miss } = situation;
    match (mode, miss) {
        (Incremental::Off, _) => return Mode::Clean(Clean::Off),
        _ if on_ci => return Mode::Clean(Clean::Ci),
        _ if !is_asked => return Mode::Clean(Clean::NotAsked),
        (_, MissReason::EntryDamaged | MissReason::BlobDamaged | MissReason::RestoreFailed) => {
            return Mode::Clean(Clean::Damage);
        }
        (Incremental::On, _) => return Mode::Edit(Edit::Always),
        (Incremental::Auto, MissReason::NewUnit | MissReason::InputsChanged) => {}
    }
    let clean = match last_build() {
        LastBuild::Failed => return Mode::Edit(Edit::AfterFailure),
        LastBuild::SourceChanged => return Mode::Edit(Edit::Source),
        LastBuild::None => Clean::FirstBuild,
        LastBuild::OtherCommit => Clean::OtherCommit,
        LastBuild::SourcesKept => Clean::NotEdited,
    };
    // Optimized code of an incremental compile is slower, so it is never stored.
    if is_optimized { Mode::Clean(clean) } else { Mode::Fresh(clean) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Incremental::{Auto, Off, On};
    use LastBuild::{Failed, OtherCommit, SourceChanged, SourcesKept};
    use MissReason::{BlobDamaged, EntryDamaged, InputsChanged, NewUnit, RestoreFailed};

    type Case = (Incremental, bool, bool, MissReason, LastBuild, Mode);

    /// Mode, on CI, asked for by cargo, why it missed, the last build; and what is done without optimization.
    const CASES: &[Case] = &[
        (Auto, false, true, InputsChanged, SourceChanged, Mode::Edit(Edit::Source)),
        (Auto, false, true, NewUnit, SourceChanged, Mode::Edit(Edit::Source)),
        (Auto, false, true, InputsChanged, Failed, Mode::Edit(Edit::AfterFailure)),
        (Auto, false, true, NewUnit, LastBuild::None, Mode::Fresh(Clean::FirstBuild)),
        (Auto, false, true, InputsChanged, LastBuild::None, Mode::Fresh(Clean::FirstBuild)),
        (Auto, false, true, InputsChanged, OtherCommit, Mode::Fresh(Clean::OtherCommit)),
        (Auto, false, true, NewUnit, SourcesKept, Mode::Fresh(Clean::NotEdited)),
        (Auto, false, true, EntryDamaged, SourceChanged, Mode::Clean(Clean::Damage)),
        (Auto, false, true, BlobDamaged, SourceChanged, Mode::Clean(Clean::Damage)),
        (Auto, false, true, RestoreFailed, SourceChanged, Mode::Clean(Clean::Damage)),
        (Auto, false, false, InputsChanged, SourceChanged, Mode::Clean(Clean::NotAsked)),
        (Auto, false, false, NewUnit, LastBuild::None, Mode::Clean(Clean::NotAsked)),
        (Auto, true, true, InputsChanged, SourceChanged, Mode::Clean(Clean::Ci)),
        (Auto, true, true, NewUnit, LastBuild::None, Mode::Clean(Clean::Ci)),
        (On, false, true, NewUnit, LastBuild::None, Mode::Edit(Edit::Always)),
        (On, false, true, InputsChanged, SourcesKept, Mode::Edit(Edit::Always)),
        (On, false, true, BlobDamaged, SourcesKept, Mode::Clean(Clean::Damage)),
        (On, false, false, NewUnit, SourceChanged, Mode::Clean(Clean::NotAsked)),
        (On, true, true, NewUnit, SourceChanged, Mode::Clean(Clean::Ci)),
        (Off, false, true, InputsChanged, SourceChanged, Mode::Clean(Clean::Off)),
        (Off, false, true, NewUnit, LastBuild::None, Mode::Clean(Clean::Off)),
        (Off, true, true, InputsChanged, Failed, Mode::Clean(Clean::Off)),
    ];

    #[test]
    fn only_edits_are_compiled_with_an_earlier_state() {
        for (mode, on_ci, is_asked, miss, last_build, expected) in CASES.iter().copied() {
            let situation = Situation { mode, on_ci, is_asked, is_optimized: false, miss };
            assert_eq!(decide(situation, || last_build), expected, "{situation:?} {last_build:?}");
        }
    }

    #[test]
    fn what_is_optimized_leaves_no_state_where_it_is_stored() {
        for (mode, on_ci, is_asked, miss, last_build, expected) in CASES.iter().copied() {
            let situation = Situation { mode, on_ci, is_asked, is_optimized: true, miss };
            let expected = match expected {
                Mode::Fresh(clean) => Mode::Clean(clean),
                other => other,
            };
            assert_eq!(decide(situation, || last_build), expected, "{situation:?} {last_build:?}");
        }
    }

    #[test]
    fn the_last_build_is_looked_at_only_where_it_decides() {
        for (mode, on_ci, is_asked) in
            [(Off, false, true), (Auto, true, true), (Auto, false, false), (On, false, true)]
        {
            let situation = Situation { mode, on_ci, is_asked, is_optimized: false, miss: NewUnit };
            let _ = decide(situation, || unreachable!("{situation:?}"));
        }
    }
}
