//! The key as a value: every input of a compile with its name and what it was, in order.

use serde::{Deserialize, Serialize};

use crate::action::input_kinds::{InputKind, Level};
use crate::action::portable::Portable;
use crate::digest::{Digest, Hasher};
use crate::sys::defence;

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

    /// Whether each input is of a kind that may be at one of `levels`.
    pub fn all_belong_to(&self, levels: &[Level]) -> bool {
        self.iter().all(|input| input.kind.description().levels.iter().any(|level| levels.contains(level)))
    }

    /// Adds an input of known content.
    pub fn digest(&mut self, kind: InputKind, name: Portable, digest: Digest) {
        self.push(kind, name, Value::Digest(digest));
    }

    /// Adds an input that is a text.
    pub fn text(&mut self, kind: InputKind, name: Portable, text: Portable) {
        self.push(kind, name, Value::Text(text));
    }

    /// Adds a variable: the digest of its portable value, or that it is not set.
    pub fn variable(&mut self, kind: InputKind, name: Portable, value: Option<&Portable>) {
        let unset = if defence::stands("unset-is-not-empty") {
            Value::Unset
        } else {
            Value::Digest(Digest::hash(b""))
        };
        let value = value.map_or(unset, |value| Value::Digest(Digest::hash(value.as_bytes())));
        self.push(kind, name, value);
    }

    /// Adds an input.
    pub fn push(&mut self, kind: InputKind, name: Portable, value: Value) {
        if defence::counts(format_args!("input {kind:?}")) {
            self.0.push(Input { kind, name, value });
        }
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
