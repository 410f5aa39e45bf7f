//! How an invocation ends, and why. The lists of reasons are closed, so that reports can count them.

use serde::{Deserialize, Serialize};

/// How one invocation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// Served from a store; no compiler ran.
    Hit { origin: Origin },
    /// The compiler ran; what it made was stored, or `unstored` says why not.
    Miss { reason: MissReason, unstored: Option<Unstored> },
    /// The compiler ran incrementally, because of an edit; nothing was stored. `detail` names the source or crate.
    Edit {
        edit: Edit,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        detail: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        failed: bool,
    },
    /// Not cacheable: the compiler ran, and nothing was looked up or stored. If other crates depend on the unit, it ran
    /// without `-C incremental`.
    Bypass { reason: BypassReason },
}

/// Where the entry of a hit came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// It was in the local store.
    Local,
    /// Another invocation was compiling the same unit; this one waited for it.
    Waited,
    /// It was put into a new build directory before cargo asked for it.
    Seeded,
    /// It was fetched from the remote when it was asked for.
    Remote,
}

/// Why no entry was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum MissReason {
    /// No compile of this unit key is known.
    NewUnit,
    /// The unit key is known, but a source, variable or root differs from all earlier compiles.
    InputsChanged,
    /// The key led to an entry whose file could not be read or understood.
    EntryDamaged,
    /// The key led to an entry with a missing or altered blob.
    BlobDamaged,
    /// The outputs could not be put into the target directory.
    RestoreFailed,
}

/// Why a unit was compiled incrementally.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Edit {
    /// A source was changed that the outputs in this build directory were made from.
    Source,
    /// It depends on a unit that was compiled incrementally, so its key cannot be known.
    Dependency,
    /// The last compile in this build directory was an edit, and failed.
    AfterFailure,
    /// The configuration says so of all units.
    Always,
}

/// Why a unit that missed was compiled from scratch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Clean {
    /// The configuration says so.
    Off,
    /// `CI` is set.
    Ci,
    /// Cargo does not want it compiled incrementally.
    NotAsked,
    /// Something in the store could not be used, and is to be replaced.
    Damage,
    /// This build directory holds no outputs of the unit.
    FirstBuild,
    /// Another commit was checked out since its outputs were made.
    OtherCommit,
    /// None of the sources of its outputs was changed: something else was.
    NotEdited,
    /// Another process uses the incremental files.
    InUse,
}

/// Why a compile, or a run of a build script, was not stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", tag = "unstored", content = "detail")]
pub enum Unstored {
    /// The compiler, or the build script, failed; failures are never stored.
    CompilerFailed,
    /// An input changed during the compile, or is too new to tell. Names the input.
    InputChanged(String),
    /// The inputs of the compile could not be determined completely.
    InputsUnknown(String),
    /// The compiler made other outputs than its arguments announce.
    UnexpectedOutput(String),
    /// The configuration says that the store is only read.
    OnlyRead,
    /// The store could not be written.
    StoreFailed(String),
    /// A panic in kache: its message and location.
    Defect(String),
}

/// Why an invocation was not looked up at all. `detail` names the argument, file or variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub struct BypassReason {
    pub why: Bypass,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl BypassReason {
    /// A reason with the thing it is about.
    pub fn new(why: Bypass, detail: impl Into<String>) -> BypassReason {
        BypassReason { why, detail: detail.into() }
    }
}

/// The closed list of reasons for a bypass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Bypass {
    /// `-vV`, `--print`, `--explain`, `--help`: a question, not a compilation.
    Query,
    /// The source comes from standard input.
    Stdin,
    /// No source file, or more than one.
    NoSource,
    /// No `--crate-name`, `--out-dir` or `--emit`, or outputs placed with `-o`: nothing that cargo does.
    NotCargo,
    /// A build script trying what the compiler can do.
    Probe,
    /// `cargo fix`: the driver edits sources.
    Fix,
    /// The compiler is neither rustc nor clippy-driver.
    UnknownDriver,
    /// An argument that is not understood.
    UnknownArgument,
    /// An argument file that cannot be read, or nests another.
    ArgumentFile,
    /// An `--emit` kind beyond link, metadata and dep-info.
    EmitKind,
    /// An option, or a variable of the linker, with outputs that cannot be named beforehand.
    SideOutput,
    /// A crate type, or a mix of them, whose outputs cannot be named.
    CrateType,
    /// Executables and dynamic libraries are configured not to be cached here.
    Executable,
    /// The configuration says to leave this crate alone.
    Configured,
    /// A static library that cannot be found, or is there twice.
    NativeLibrary,
    /// A linker, start file or link argument that cannot be resolved.
    Linker,
    /// An extern crate that kache has not made and whose own dependencies are therefore unknown.
    UnknownExtern,
    /// An input that cannot be read.
    UnreadableInput,
    /// The compiler cannot be identified.
    UnknownCompiler,
    /// A variable that loads other code into the compiler.
    LoadedCode,
    /// A variable that makes the compiler print more than its diagnostics.
    Noise,
    /// The store cannot be opened.
    Store,
    /// A panic in kache: the detail is its message and location.
    Defect,
}
