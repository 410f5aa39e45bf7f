//! Describes the inputs of an entry, grouped by how kache learned them. Pure: computed from the values that the entry's
//! key was made of.

use serde::Serialize;

use crate::action::inputs::{Input, InputKind, Value};
use crate::store::entry::StoredInputs;

/// How kache learned of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearnedFrom {
    /// The call itself: arguments, compiler, dependencies, environment.
    Call,
    /// Declared by the configuration, a manifest or a build script.
    Declared,
    /// Listed in the compiler's dep-info.
    DepInfo,
    /// Observed: the compile read, listed, executed or looked for it.
    Observed,
    /// Assumed by a rule.
    Rules,
    /// Found in an output.
    Output,
}

impl LearnedFrom {
    /// A heading for reports.
    pub fn words(self) -> &'static str {
        match self {
            LearnedFrom::Call => "from the call",
            LearnedFrom::Declared => "declared",
            LearnedFrom::DepInfo => "reported by the compiler (dep-info)",
            LearnedFrom::Observed => "observed",
            LearnedFrom::Rules => "assumed by rules",
            LearnedFrom::Output => "found in an output",
        }
    }
}

/// One input, for reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputLine {
    pub kind: InputKind,
    #[serde(rename = "learnt")]
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
    let mut lines: Vec<InputLine> = inputs.unit.iter().map(|input| line(input, false)).collect();
    lines.extend(inputs.read.iter().map(|input| line(input, true)));
    lines.sort_by_key(|line| line.learned);
    lines
}

fn line(input: &Input, is_read: bool) -> InputLine {
    let (what, learned) = kind(input.kind, is_read);
    // A dependency's options come before its name; most have none.
    let name = input.name.to_string();
    let name = name.strip_prefix(':').unwrap_or(&name).to_owned();
    let (value, shown) = match &input.value {
        Value::Digest(digest) => (Some(digest.to_hex()), format!("{digest:?}")),
        Value::Text(text) => (Some(text.to_string()), text.to_string()),
        Value::Unset => (None, "not set".to_owned()),
    };
    InputLine { kind: input.kind, learned, what, name, value, shown }
}

/// The name of a kind of input, and how it is learned. `is_read`: it is not part of the unit key.
fn kind(kind: InputKind, is_read: bool) -> (&'static str, LearnedFrom) {
    use InputKind::*;
    match kind {
        Schema => ("version of the key", LearnedFrom::Call),
        Salt => ("key salt", LearnedFrom::Call),
        Compiler => ("compiler", LearnedFrom::Call),
        Paths => ("path remap", LearnedFrom::Call),
        Argument => ("argument", LearnedFrom::Call),
        SourcePath => ("source path", LearnedFrom::Call),
        Extern => ("dependency", LearnedFrom::Call),
        StaticLibrary => ("static library", LearnedFrom::Call),
        ArgumentFile => ("file of an argument", LearnedFrom::Call),
        Processor => ("processor", LearnedFrom::Call),
        CompilerVariable => ("variable for the compiler", LearnedFrom::Call),
        PackageVariable => ("from the manifest", LearnedFrom::Call),
        DeclaredVariable => ("declared variable", LearnedFrom::Declared),
        // Outside of the unit key only the rules ask for what a build script watches.
        DeclaredFile if is_read => ("watched by the build script", LearnedFrom::Declared),
        DeclaredFile => ("declared file", LearnedFrom::Declared),
        Source => ("source file", LearnedFrom::DepInfo),
        Variable => ("variable", LearnedFrom::DepInfo),
        Read => ("file", LearnedFrom::Observed),
        Listed => ("directory listing", LearnedFrom::Observed),
        Probed => ("looked for", LearnedFrom::Observed),
        Program => ("program", LearnedFrom::Observed),
        Executable => ("executable", LearnedFrom::Observed),
        Library => ("library found first", LearnedFrom::Observed),
        Macro => ("procedural macro", LearnedFrom::Rules),
        MacroVariable => ("named in a macro's library", LearnedFrom::Rules),
        AskedVariable => ("named in a source", LearnedFrom::Rules),
        LintConfig => ("for clippy", LearnedFrom::Rules),
        Sibling => ("other spelling of a module", LearnedFrom::Rules),
        PackageTree => ("all files below", LearnedFrom::Rules),
        Linker => ("linker", LearnedFrom::Rules),
        LinkFile => ("for the linker", LearnedFrom::Rules),
        LinkedCrate => ("linked crate", LearnedFrom::Rules),
        Root => ("real path", LearnedFrom::Output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::input_list::Learnt;
    use crate::action::inputs::KeyInputs;
    use crate::action::portable::Portable;
    use crate::digest::Digest;

    #[test]
    fn every_kind_has_its_own_name() {
        let mut names: Vec<&str> = InputKind::ALL.iter().map(|of| kind(*of, false).0).collect();
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
        let inputs = StoredInputs { unit_key: unit.key(), unit, read, learnt: Learnt::Observed };
        let lines = lines(&inputs);
        let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["edition", "a", "z.rs", "V", "b.rs", "/etc/x", "<home>"]);
        assert_eq!((lines[3].value.as_deref(), lines[3].shown.as_str()), (None, "not set"));
        assert_eq!(lines[0].value.as_deref(), Some("2024"));
    }
}
