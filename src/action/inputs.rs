//! The key as a value: every input of a compile with its name and what it was, in order.

use serde::{Deserialize, Serialize};

use crate::action::portable::Portable;
use crate::digest::{Digest, Hasher};

/// What kind of thing an input is. `key/mod.rs` has a row for each.
///
/// The number is part of the digest: numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum InputKind {
    Schema = 1,
    Salt = 2,
    Compiler = 3,
    Paths = 4,
    Argument = 5,
    SourcePath = 6,
    Extern = 7,
    StaticLibrary = 8,
    ArgumentFile = 9,
    Processor = 10,
    CompilerVariable = 11,
    DeclaredVariable = 12,
    DeclaredFile = 13,
    Macro = 14,
    MacroVariable = 15,
    PackageTree = 16,
    LintConfig = 17,
    Linker = 18,
    LinkFile = 19,
    LinkedCrate = 20,
    Source = 21,
    Sibling = 22,
    Variable = 23,
    Root = 24,
    PackageVariable = 25,
    AskedVariable = 26,
    Read = 27,
    Listed = 28,
    Probed = 29,
    Program = 30,
    Executable = 31,
    Library = 32,
}

impl InputKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [InputKind; 32] = {
        use InputKind::*;
        [
            Schema,
            Salt,
            Compiler,
            Paths,
            Argument,
            SourcePath,
            Extern,
            StaticLibrary,
            ArgumentFile,
            Processor,
            CompilerVariable,
            DeclaredVariable,
            DeclaredFile,
            Macro,
            MacroVariable,
            PackageTree,
            LintConfig,
            Linker,
            LinkFile,
            LinkedCrate,
            Source,
            Sibling,
            Variable,
            Root,
            PackageVariable,
            AskedVariable,
            Read,
            Listed,
            Probed,
            Program,
            Executable,
            Library,
        ]
    };
}

/// What an input was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// Content, or the value of a variable. A value may be a secret: what is stored of it is keyed, see
    /// `store::secret`.
    Digest(Digest),
    /// An argument or a path.
    Text(Portable),
    /// A variable that was not set.
    Unset,
}

/// One input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    pub kind: InputKind,
    pub name: Portable,
    pub value: Value,
}

/// The inputs of a compile, in order. Their digest is made from an encoding of its own, in which each field carries
/// its length: no serialization library can change the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyInputs(Vec<Input>);

impl KeyInputs {
    /// The inputs in order.
    pub fn iter(&self) -> impl Iterator<Item = &Input> {
        self.0.iter()
    }

    /// Adds an input of known content.
    pub fn digest(&mut self, kind: InputKind, name: Portable, digest: Digest) {
        self.0.push(Input { kind, name, value: Value::Digest(digest) });
    }

    /// Adds an input that is a text.
    pub fn text(&mut self, kind: InputKind, name: Portable, text: Portable) {
        self.0.push(Input { kind, name, value: Value::Text(text) });
    }

    /// Adds a variable: the digest of its portable value, or that it is not set.
    pub fn variable(&mut self, kind: InputKind, name: Portable, value: Option<&Portable>) {
        let value = value.map_or(Value::Unset, |value| Value::Digest(Digest::hash(value.as_bytes())));
        self.0.push(Input { kind, name, value });
    }

    /// Adds an input.
    pub fn push(&mut self, kind: InputKind, name: Portable, value: Value) {
        self.0.push(Input { kind, name, value });
    }

    /// Adds all inputs of `other`.
    pub fn extend(&mut self, other: KeyInputs) {
        self.0.extend(other.0);
    }

    /// The key that these inputs make.
    pub fn key(&self) -> Digest {
        self.key_after(None)
    }

    /// The key that these inputs make on top of another key.
    pub fn key_after(&self, first: Option<Digest>) -> Digest {
        let mut hasher = Hasher::new();
        hasher.field(first.as_ref().map_or(&[], |digest| digest.as_bytes()));
        for input in &self.0 {
            hasher.number(input.kind as u64);
            hasher.field(input.name.as_bytes());
            match &input.value {
                Value::Digest(digest) => {
                    hasher.field(b"d");
                    hasher.field(digest.as_bytes());
                }
                Value::Text(text) => {
                    hasher.field(b"t");
                    hasher.field(text.as_bytes());
                }
                Value::Unset => hasher.field(b"u"),
            }
        }
        hasher.finish()
    }
}
