//! Whether a unit that is not in the store is compiled incrementally. Pure.

use crate::config::Incremental;
use crate::outcome::{Clean, Edit, MissReason};

/// What is known of a unit that was looked up in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// What the configuration says.
    pub mode: Incremental,
    /// Whether the build runs on CI, where nobody edits.
    pub on_ci: bool,
    /// Whether cargo wants an incremental compile.
    pub is_asked: bool,
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

/// Whether to compile incrementally, or from scratch and store. `last_build` costs some system calls.
pub fn decide(situation: Situation, last_build: impl FnOnce() -> LastBuild) -> Result<Edit, Clean> {
    let Situation { mode, on_ci, is_asked, miss } = situation;
    match (mode, miss) {
        (Incremental::Off, _) => return Err(Clean::Off),
        _ if on_ci => return Err(Clean::Ci),
        _ if !is_asked => return Err(Clean::NotAsked),
        (_, MissReason::EntryDamaged | MissReason::BlobDamaged | MissReason::RestoreFailed) => {
            return Err(Clean::Damage);
        }
        (Incremental::On, _) => return Ok(Edit::Always),
        (Incremental::Auto, MissReason::NewUnit | MissReason::InputsChanged) => {}
    }
    match last_build() {
        LastBuild::None => Err(Clean::FirstBuild),
        LastBuild::OtherCommit => Err(Clean::OtherCommit),
        LastBuild::SourcesKept => Err(Clean::NotEdited),
        LastBuild::Failed => Ok(Edit::AfterFailure),
        LastBuild::SourceChanged => Ok(Edit::Source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Incremental::{Auto, Off, On};
    use LastBuild::{Failed, OtherCommit, SourceChanged, SourcesKept};
    use MissReason::{BlobDamaged, EntryDamaged, InputsChanged, NewUnit, RestoreFailed};

    type Case = (Incremental, bool, bool, MissReason, LastBuild, Result<Edit, Clean>);

    /// Mode, on CI, asked for by cargo, why it missed, the last build; and what is done.
    const CASES: &[Case] = &[
        (Auto, false, true, InputsChanged, SourceChanged, Ok(Edit::Source)),
        (Auto, false, true, NewUnit, SourceChanged, Ok(Edit::Source)),
        (Auto, false, true, InputsChanged, Failed, Ok(Edit::AfterFailure)),
        (Auto, false, true, NewUnit, LastBuild::None, Err(Clean::FirstBuild)),
        (Auto, false, true, InputsChanged, LastBuild::None, Err(Clean::FirstBuild)),
        (Auto, false, true, InputsChanged, OtherCommit, Err(Clean::OtherCommit)),
        (Auto, false, true, NewUnit, SourcesKept, Err(Clean::NotEdited)),
        (Auto, false, true, EntryDamaged, SourceChanged, Err(Clean::Damage)),
        (Auto, false, true, BlobDamaged, SourceChanged, Err(Clean::Damage)),
        (Auto, false, true, RestoreFailed, SourceChanged, Err(Clean::Damage)),
        (Auto, false, false, InputsChanged, SourceChanged, Err(Clean::NotAsked)),
        (Auto, true, true, InputsChanged, SourceChanged, Err(Clean::Ci)),
        (On, false, true, NewUnit, LastBuild::None, Ok(Edit::Always)),
        (On, false, true, InputsChanged, SourcesKept, Ok(Edit::Always)),
        (On, false, true, BlobDamaged, SourcesKept, Err(Clean::Damage)),
        (On, false, false, NewUnit, SourceChanged, Err(Clean::NotAsked)),
        (On, true, true, NewUnit, SourceChanged, Err(Clean::Ci)),
        (Off, false, true, InputsChanged, SourceChanged, Err(Clean::Off)),
        (Off, true, true, InputsChanged, Failed, Err(Clean::Off)),
    ];

    #[test]
    fn only_edits_are_compiled_incrementally() {
        for (mode, on_ci, is_asked, miss, last_build, expected) in CASES.iter().copied() {
            let situation = Situation { mode, on_ci, is_asked, miss };
            assert_eq!(decide(situation, || last_build), expected, "{situation:?} {last_build:?}");
        }
    }

    #[test]
    fn the_last_build_is_looked_at_only_where_it_decides() {
        for (mode, on_ci, is_asked) in
            [(Off, false, true), (Auto, true, true), (Auto, false, false), (On, false, true)]
        {
            let situation = Situation { mode, on_ci, is_asked, miss: NewUnit };
            let _ = decide(situation, || unreachable!("{situation:?}"));
        }
    }
}
