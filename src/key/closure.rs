//! The crate closure of an artifact: the crates that linking it reads, and the procedural macros that a compile against
//! it may run. rustc finds them through `-L dependency`; no argument names them, so the key has to.

use serde::{Deserialize, Serialize};

use crate::action::memo::ClosureNote;
use crate::action::portable::Portable;
use crate::digest::Digest;

/// The crates behind one artifact, itself included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrateClosure {
    /// In order of first appearance, each once.
    pub crates: Vec<ClosureCrate>,
}

/// One crate that can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosureCrate {
    /// File name without suffix, such as `libserde-0123456789abcdef`.
    pub stem: Portable,
    /// Set for procedural macros: the content of the library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub procedural_macro: Option<ProceduralMacro>,
    /// Native libraries that it asks the linker for, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub native_libraries: Vec<Portable>,
    /// Its metadata holds a directive with which the assembler reads a file: crates that use its macros, or inline its
    /// functions, may read one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assembles: bool,
}

/// A procedural macro crate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProceduralMacro {
    /// Content of the library.
    pub digest: Digest,
    /// It is known to read nothing but its input.
    pub pure: bool,
    /// It is known to start no program but cargo, to find out where the manifest of the workspace is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finds_manifest: bool,
}

impl CrateClosure {
    /// Adds what can be reached through `other`.
    pub fn extend(&mut self, other: CrateClosure) {
        for reached in other.crates {
            if !self.crates.contains(&reached) {
                self.crates.push(reached);
            }
        }
    }

    /// Says of the crate itself whether the assembler may read files for its dependents.
    pub fn set_assembles(&mut self, assembles: bool) {
        if let Some(own) = self.crates.first_mut() {
            own.assembles = assembles;
        }
    }

    /// The same, where it is known of the crate itself whether the assembler may read files for its dependents.
    #[must_use]
    pub fn with_assembles(&self, assembles: bool) -> CrateClosure {
        let mut closure = self.clone();
        closure.set_assembles(assembles);
        closure
    }

    /// The procedural macros that may read files or variables on their own.
    pub fn hidden_readers(&self) -> impl Iterator<Item = (&Portable, &ProceduralMacro)> {
        self.crates.iter().filter_map(|reached| match &reached.procedural_macro {
            Some(procedural_macro) if !procedural_macro.pure => Some((&reached.stem, procedural_macro)),
            _ => None,
        })
    }

    /// The short form for the memo.
    pub fn note(&self) -> ClosureNote {
        if self.hidden_readers().next().is_some() { ClosureNote::Macros } else { ClosureNote::Plain }
    }
}
