//! The wording of outcomes. Each text can follow "because", "compiled:" or a count.

use crate::action::input_list::Basis;
use crate::outcome::{Bypass, Clean, Edit, MissReason, Origin, Unstored};

/// Where a hit came from.
pub fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Local => "from the store",
        Origin::Waited => "after waiting for another build to compile it",
        Origin::Seeded => "before cargo asked for it",
        Origin::Remote => "from the remote",
    }
}

/// Why no entry was found.
pub fn miss(reason: MissReason) -> &'static str {
    match reason {
        MissReason::NewUnit => "never compiled before with these arguments and dependencies",
        MissReason::InputsChanged => "a source file, a variable or a path differs from every known compile",
        MissReason::EntryDamaged => "its entry in the store was damaged",
        MissReason::BlobDamaged => "a blob of its entry was missing or altered",
        MissReason::RestoreFailed => "its files could not be restored into the build directory",
    }
}

/// Why a unit was compiled incrementally.
pub fn edit(edit: Edit) -> &'static str {
    match edit {
        Edit::Source => "a source was edited since the last build here",
        Edit::Dependency => "a dependency was compiled incrementally",
        Edit::AfterFailure => "the last incremental compile failed",
        Edit::Always => "cache.incremental is on",
    }
}

/// Why a miss was compiled from scratch.
pub fn clean(clean: Clean) -> &'static str {
    match clean {
        Clean::Off => "cache.incremental is off",
        Clean::Ci => "CI is set",
        Clean::NotAsked => "cargo does not ask for incremental compilation",
        Clean::Damage => "a damaged entry is replaced",
        Clean::FirstBuild => "this build directory had no outputs of it",
        Clean::OtherCommit => "another commit was checked out since the last build here",
        Clean::NotEdited => "none of its sources was edited since the last build here",
        Clean::InUse => "another process used its incremental files",
    }
}

/// Why a compile was not stored.
pub fn unstored(unstored: &Unstored) -> (&'static str, &str) {
    match unstored {
        Unstored::CompilerFailed => ("the compiler or the build script failed", ""),
        Unstored::InputChanged(what) => ("an input changed while the compiler ran", what),
        Unstored::InputsUnknown(what) => ("not everything that the compiler read is known", what),
        Unstored::UnexpectedOutput(what) => ("the compiler wrote an unexpected output", what),
        Unstored::OnlyRead => ("the store is configured as read-only", ""),
        Unstored::StoreFailed(what) => ("writing to the store failed", what),
        Unstored::Defect(what) => ("internal error; please report it", what),
    }
}

/// Why an invocation bypassed the cache.
pub fn bypass(why: Bypass) -> &'static str {
    match why {
        Bypass::Query => "a query of the compiler",
        Bypass::Stdin => "the source is read from standard input",
        Bypass::NoSource => "no source file, or more than one",
        Bypass::NotCargo => "not a compiler call as cargo makes it",
        Bypass::Probe => "a build script probing the compiler",
        Bypass::Fix => "`cargo fix` edits source files",
        Bypass::UnknownDriver => "the compiler is neither rustc nor clippy-driver",
        Bypass::UnknownArgument => "an unknown argument",
        Bypass::ArgumentFile => "an unsupported argument file",
        Bypass::EmitKind => "an output kind other than link, metadata and dep-info",
        Bypass::SideOutput => "an option or a variable whose outputs cannot be predicted",
        Bypass::CrateType => "a crate type whose outputs cannot be predicted",
        Bypass::Executable => "caching of executables and dynamic libraries is turned off",
        Bypass::Configured => "excluded by the configuration",
        Bypass::NativeLibrary => "a static library that is missing or ambiguous",
        Bypass::Linker => "the inputs of the linker cannot be determined",
        Bypass::UnknownExtern => {
            "it depends on a crate that was built without kache, or before the store was purged"
        }
        Bypass::UnreadableInput => "an unreadable input",
        Bypass::UnknownCompiler => "the compiler cannot be identified",
        Bypass::LoadedCode => "a variable loads additional code into the compiler",
        Bypass::Noise => "a variable makes the compiler print more than its diagnostics",
        Bypass::Store => "the store cannot be used",
        Bypass::Defect => "internal error; please report it",
    }
}

/// How the inputs of a compile were learned.
pub fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Observed => "everything the compile read was observed",
        Basis::Assumed => "inputs are taken from dep-info and from rules",
    }
}

/// A reason with the thing it is about, if it is about one.
pub fn with_detail(words: &str, detail: &str) -> String {
    if detail.is_empty() { words.to_owned() } else { format!("{words}: {detail}") }
}

/// A count with its noun: `1 file`, `2 files`, `2 entries`.
pub fn counted(n: usize, one: &str) -> String {
    match one.strip_suffix("ry") {
        _ if n == 1 => format!("1 {one}"),
        Some(stem) => format!("{n} {stem}ries"),
        None => format!("{n} {one}s"),
    }
}
