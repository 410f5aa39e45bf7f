//! One call of the compiler as a value: argv turned into an [`Invocation`], without any I/O of its own.
//!
//! [`parse`] understands what rustc 1.95 accepts. Whatever it does not understand becomes a [`crate::outcome::Bypass`]:
//! the compiler then runs, and nothing is stored. `raw` splits argv into options and values in every spelling, `parse`
//! gives them their meaning (`emit`: `--emit`, `codegen`: `-C`, `unstable`: `-Z`), `outputs` names the files by role,
//! with the affixes of `target`; `driver` recognizes compilers by name. What rustc will write depends on the target
//! triple, a value: `cfg!` does not occur here.

pub mod codegen;
pub mod driver;
pub mod emit;
pub mod outputs;
pub mod parse;
pub mod raw;
pub mod target;
pub mod unstable;

#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::sys::defence;

/// A compilation that is fully understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// `--crate-name`.
    pub crate_name: String,
    /// `--crate-type`, in argv order, without repetitions; `bin` where none is given and this is no `--test`
    /// (rustc then also looks at `#![crate_type]`, which argv does not show).
    pub crate_types: Vec<CrateType>,
    /// `--test`: the output is a test harness executable whatever the crate type says.
    pub test: bool,
    /// The one source file, as spelled in argv.
    pub source: PathBuf,
    /// `--target`; `None` is the host.
    pub target: Option<Target>,
    /// `--out-dir`, as spelled in argv.
    pub out_dir: PathBuf,
    /// `-C extra-filename`, empty where not given.
    pub extra_filename: OsString,
    /// The kinds of `--emit`, each once, in argv order.
    pub emits: Vec<emit::Emit>,
    /// `--extern`, in argv order.
    pub externs: Vec<Extern>,
    /// `-L`, in argv order (the order decides which library is found first).
    pub search_paths: Vec<SearchPath>,
    /// `-l`, in argv order.
    pub native_libs: Vec<NativeLib>,
    /// Every other option that can decide the output or what is printed, in argv order, in its long spelling:
    /// (`codegen`, `opt-level=3`), (`cfg`, `feature="std"`), (`deny`, `warnings`), (`error-format`, `json`). `-g` is
    /// (`codegen`, `debuginfo=2`); `-O` and `-Z` have no long spelling: (`O`, ``), (`Z`, `threads=2`).
    /// Not here: what only says where things lie or how a terminal looks (`--out-dir`, `--color`,
    /// `--diagnostic-width`, `-C incremental`).
    pub flags: Vec<Flag>,
    /// `@path` arguments, as spelled; their lines are already part of all that stands above.
    pub argument_files: Vec<PathBuf>,
    /// `--error-format=json`.
    pub json_diagnostics: bool,
    /// `--json=…artifacts…`: the compiler announces each output.
    pub json_artifacts: bool,
    /// Positions in the arguments given to [`parse::parse`] that a compile under kache leaves out: `-C incremental`.
    pub left_out: Vec<usize>,
    /// The directory of `-C incremental`, as spelled; `None` where it is not given or empty.
    pub incremental: Option<PathBuf>,
}

/// An option and its value, in the option's long spelling without dashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    pub name: &'static str,
    pub value: OsString,
}

/// `--crate-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CrateType {
    Bin,
    /// `lib` and `rlib` are the same to rustc.
    Rlib,
    Dylib,
    Cdylib,
    Staticlib,
    ProcMacro,
}

/// `--target`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A triple such as `x86_64-unknown-linux-musl`.
    Triple(String),
    /// A path to a JSON specification; the triple is its file stem.
    Spec(PathBuf),
}

impl Target {
    /// What cargo and rustc call directories of this target.
    pub fn name(&self) -> Option<&OsStr> {
        match self {
            Target::Triple(triple) => Some(triple.as_ref()),
            Target::Spec(path) => path.file_stem(),
        }
    }
}

/// `--extern [options:]name[=path]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extern {
    /// `priv`, `noprelude`, `nounused`, `force`, as spelled, or empty.
    pub options: String,
    pub name: String,
    /// `None`: searched for by name (`--extern proc_macro`).
    pub path: Option<PathBuf>,
}

/// `-L [kind=]path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPath {
    pub kind: SearchKind,
    pub path: PathBuf,
}

/// What may be looked for in a search path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchKind {
    /// Transitive dependencies.
    Dependency,
    /// Crates named by the source.
    Crate,
    /// Native libraries.
    Native,
    /// Apple frameworks.
    Framework,
    /// All of these: also what no kind means.
    All,
}

/// `-l [kind[:modifiers]=]name[:rename]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeLib {
    /// `static`, `dylib`, `framework`, `link-arg`, or `None` where not given.
    pub kind: Option<String>,
    /// Such as `+whole-archive`, `-bundle`, in argv order.
    pub modifiers: Vec<String>,
    pub name: OsString,
    pub rename: Option<OsString>,
}

impl NativeLib {
    /// The name by which a linker looks for it, if that is not done with when the crate is compiled: `:` stands before
    /// the name of a file.
    pub fn linked_name(&self) -> Option<OsString> {
        let is_linked = match self.kind.as_deref() {
            None | Some("dylib") => true,
            Some("static") => {
                defence::stands("libraries-that-no-crate-bundles") && self.has_modifier("-bundle")
            }
            Some(_) => false,
        };
        let mut name = OsString::from(if self.has_modifier("+verbatim") { ":" } else { "" });
        name.push(self.rename.as_ref().unwrap_or(&self.name));
        is_linked.then_some(name)
    }

    fn has_modifier(&self, modifier: &str) -> bool {
        self.modifiers.iter().any(|this| this == modifier)
    }
}

/// What an output is for. Outputs are known by role, never by their file name: names may change between cargo layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// `.d`.
    DepInfo,
    /// `.rmeta`.
    Metadata,
    Rlib,
    Executable,
    Dylib,
    Cdylib,
    Staticlib,
    ProcMacro,
    /// `.pdb`.
    DebugInfo,
    /// `.dll.lib`, `.dll.a`.
    ImportLibrary,
    /// `.dll.exp`.
    ExportFile,
}

impl Role {
    /// Whether other units read it: only then its digest is worth noting.
    pub fn can_be_depended_on(self) -> bool {
        matches!(self, Role::Metadata | Role::Rlib | Role::Dylib | Role::ProcMacro)
    }

    /// Made by a linker: it depends on more than what rustc reads.
    pub fn is_linked(self) -> bool {
        matches!(self, Role::Executable | Role::Dylib | Role::Cdylib | Role::ProcMacro)
    }

    /// Objects as the compiler made them, which no linker has seen.
    pub fn is_archive(self) -> bool {
        matches!(self, Role::Rlib | Role::Staticlib)
    }

    /// Written by the linker beside its output. rustc does not announce it, and it need not appear.
    pub fn is_side_file(self) -> bool {
        matches!(self, Role::DebugInfo | Role::ImportLibrary | Role::ExportFile)
    }

    /// The kind by which rustc announces it: `{"artifact":…,"emit":"metadata"}`.
    pub fn emit_name(self) -> &'static str {
        match self {
            Role::DepInfo => "dep-info",
            Role::Metadata => "metadata",
            _ => "link",
        }
    }
}

/// One file that the compilation will leave behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub role: Role,
    /// As rustc spells it: `--out-dir` joined with the name, or the path given with `--emit`.
    pub path: PathBuf,
}
