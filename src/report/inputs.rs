//! Describes the inputs of an entry, grouped by how kache learned them. Pure: computed from the values that the entry's
//! key was made of.

use serde::Serialize;

use crate::action::input_kinds::{InputKind, LearnedFrom};
use crate::action::inputs::{Input, Value};
use crate::store::entry::StoredInputs;

/// One input, for reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InputLine {
    pub kind: InputKind,
    pub learned: LearnedFrom,
    /// What it is: `source file`, `listed directory`, …
    #[serde(skip)]
    pub what: &'static str,
    pub name: String,
    /// A text, the digest of a content or of a value that may be secret, or `null` for a variable that is not set.
    pub value: Option<String>,
    #[serde(skip)]
    pub shown: String,
}

/// All inputs of an entry, ordered by how they were learned, then as in the key.
pub fn lines(inputs: &StoredInputs) -> Vec<InputLine> {
    let mut lines: Vec<InputLine> = inputs.unit.iter().chain(inputs.read.iter()).map(line).collect();
    lines.sort_by_key(|line| line.learned);
    lines
}

fn line(input: &Input) -> InputLine {
    let description = input.kind.description();
    // A dependency's options come before its name; most have none.
    let name = input.name.to_string();
    let name = name.strip_prefix(':').unwrap_or(&name).to_owned();
    let (value, shown) = match &input.value {
        Value::Digest(digest) => (Some(digest.to_hex()), format!("{digest:?}")),
        Value::Text(text) => (Some(text.to_string()), text.to_string()),
        Value::Unset => (None, "not set".to_owned()),
    };
    InputLine { kind: input.kind, learned: description.learned, what: description.name, name, value, shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::input_list::Basis;
    use crate::action::inputs::KeyInputs;
    use crate::action::portable::Portable;
    use crate::digest::Digest;

    #[test]
    fn every_kind_has_its_own_name() {
        let mut names: Vec<&str> = InputKind::ALL.iter().map(|kind| kind.description().name).collect();
        names.sort_unstable();
        let n = names.len();
        names.dedup();
        assert_eq!(names.len(), n, "{names:?}");
    }

    #[test]
    fn inputs_are_ordered_by_how_they_were_learned_then_as_in_the_key() {
        let (mut unit, mut read) = (KeyInputs::default(), KeyInputs::default());
        let name = |name: &str| Portable::literal(name);
        let digest = Digest::hash(b"x");
        unit.digest(InputKind::DeclaredFile, name("a"), digest);
        unit.text(InputKind::Argument, name("edition"), name("2024"));
        read.digest(InputKind::Source, name("z.rs"), digest);
        read.variable(InputKind::Variable, name("V"), None);
        read.text(InputKind::Root, name("<home>"), name("/h"));
        read.digest(InputKind::Read, name("/etc/x"), digest);
        read.digest(InputKind::Source, name("b.rs"), digest);
        let inputs = StoredInputs { unit_key: unit.key(), unit, read, basis: Basis::Observed };
        let lines = lines(&inputs);
        let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["edition", "a", "z.rs", "V", "b.rs", "/etc/x", "<home>"]);
        assert_eq!((lines[3].value.as_deref(), lines[3].shown.as_str()), (None, "not set"));
        assert_eq!(lines[0].value.as_deref(), Some("2024"));
    }
}
