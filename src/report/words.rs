//! Outcomes in words. Each reads on after "because", "compiled:" or a count.

use crate::action::input_list::Learnt;
use crate::outcome::{Bypass, MissReason, Origin, Unstored};

/// Where a hit came from.
pub fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Local => "from the store",
        Origin::Waited => "after waiting for another build that compiled the same",
    }
}

/// Why no entry was found.
pub fn miss(reason: MissReason) -> &'static str {
    match reason {
        MissReason::NewUnit => "no compile with these arguments and dependencies was known",
        MissReason::InputsChanged => "a source, a variable or a place differs from all known compiles",
        MissReason::EntryDamaged => "its entry in the store was damaged",
        MissReason::BlobDamaged => "a blob of its entry was missing or altered",
        MissReason::RestoreFailed => "the files could not be put into the build directory",
    }
}

/// Why what was compiled was not stored.
pub fn unstored(unstored: &Unstored) -> (&'static str, &str) {
    match unstored {
        Unstored::CompilerFailed => ("the compiler failed", ""),
        Unstored::InputChanged(what) => ("an input changed while the compiler ran", what),
        Unstored::InputsUnknown(what) => ("what the compiler read is not known completely", what),
        Unstored::UnexpectedOutput(what) => ("the compiler made another output than announced", what),
        Unstored::OnlyRead => ("the configuration says that the store is only read", ""),
        Unstored::StoreFailed(what) => ("the store could not be written", what),
        Unstored::Defect(what) => ("a defect of kache, which its makers would like to know of", what),
    }
}

/// Why an invocation was left to the compiler alone.
pub fn bypass(why: Bypass) -> &'static str {
    match why {
        Bypass::Query => "a question to the compiler",
        Bypass::Stdin => "the source comes from standard input",
        Bypass::NoSource => "no source file, or more than one",
        Bypass::NotCargo => "not called as cargo calls the compiler",
        Bypass::Probe => "a build script trying the compiler",
        Bypass::Fix => "`cargo fix` edits sources",
        Bypass::UnknownDriver => "the compiler is neither rustc nor clippy-driver",
        Bypass::UnknownArgument => "an argument that is not understood",
        Bypass::ArgumentFile => "an argument file that is not understood",
        Bypass::EmitKind => "an output kind beyond link, metadata and dep-info",
        Bypass::SideOutput => "an option or a variable with outputs that cannot be named beforehand",
        Bypass::CrateType => "a crate type whose outputs cannot be named",
        Bypass::Executable => "executables and dynamic libraries are configured not to be cached",
        Bypass::Configured => "the configuration says to leave it alone",
        Bypass::NativeLibrary => "a static library that cannot be found, or is there twice",
        Bypass::Linker => "what the linker reads cannot be told",
        Bypass::UnknownExtern => {
            "it depends on a crate that was built without kache, or before the store was emptied"
        }
        Bypass::UnreadableInput => "an input that cannot be read",
        Bypass::UnknownCompiler => "the compiler cannot be identified",
        Bypass::LoadedCode => "a variable loads other code into the compiler",
        Bypass::Noise => "a variable makes the compiler print more than its diagnostics",
        Bypass::Store => "the store cannot be used",
        Bypass::Defect => "a defect of kache, which its makers would like to know of",
    }
}

/// How it was learnt what a compile read.
pub fn learnt(learnt: Learnt) -> &'static str {
    match learnt {
        Learnt::Observed => "all that the compile read was seen",
        Learnt::Assumed => "what the compile read was told by dep-info and taken from rules",
    }
}

/// A number of things: `1 file`, `2 files`.
pub fn counted(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}
