//! What an entry depends on, in words, grouped by how that was learnt: pure, from the values that its key was made of.

use serde::Serialize;

use crate::action::inputs::{Input, InputKind, KeyInputs, Value};
use crate::store::entry::StoredInputs;

/// How it was learnt that something is an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// The call itself: arguments, compiler, dependencies, environment.
    Call,
    /// Someone declared it: the configuration, a manifest, a build script.
    Declared,
    /// The compiler told it.
    DepInfo,
    /// It was seen to be read, listed, started or looked for.
    Observed,
    /// A rule takes it for read.
    Rules,
    /// An output was searched, and it was found there.
    Output,
}

impl How {
    /// As a heading.
    pub fn words(self) -> &'static str {
        match self {
            How::Call => "from the call",
            How::Declared => "declared",
            How::DepInfo => "told by the compiler (dep-info)",
            How::Observed => "observed",
            How::Rules => "taken for read, by rules",
            How::Output => "found in an output",
        }
    }
}

/// One input in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    pub kind: InputKind,
    pub learnt: How,
    /// What it is: `source file`, `listed directory`, …
    #[serde(skip)]
    pub what: &'static str,
    pub name: String,
    /// A text, a digest of content or of a value (which may be a secret), or `null` of a variable that was not set.
    pub value: Option<String>,
    #[serde(skip)]
    pub shown: String,
}

/// All inputs of an entry: by how they were learnt, and then in the order in which the key has them.
pub fn lines(inputs: &StoredInputs) -> Vec<Line> {
    let level = |inputs: &KeyInputs, is_read: bool| -> Vec<Line> {
        inputs.iter().map(|input| line(input, is_read)).collect()
    };
    let mut lines = level(&inputs.unit, false);
    lines.extend(level(&inputs.read, true));
    lines.sort_by_key(|line| line.learnt);
    lines
}

fn line(input: &Input, is_read: bool) -> Line {
    let (what, learnt) = kind(input.kind, is_read);
    // A dependency has its options before its name, mostly none.
    let name = input.name.to_string();
    let name = name.strip_prefix(':').unwrap_or(&name).to_owned();
    let (value, shown) = match &input.value {
        Value::Digest(digest) => (Some(digest.to_hex()), format!("{digest:?}")),
        Value::Text(text) => (Some(text.to_string()), text.to_string()),
        Value::Unset => (None, "not set".to_owned()),
    };
    Line { kind: input.kind, learnt, what, name, value, shown }
}

/// What a kind of input is called, and how it is learnt. `is_read`: it is not part of the unit key.
fn kind(kind: InputKind, is_read: bool) -> (&'static str, How) {
    use InputKind::*;
    match kind {
        Schema => ("version of the key", How::Call),
        Salt => ("key salt", How::Call),
        Compiler => ("compiler", How::Call),
        Paths => ("mapping of paths", How::Call),
        Argument => ("argument", How::Call),
        SourcePath => ("place", How::Call),
        Extern => ("dependency", How::Call),
        StaticLibrary => ("static library", How::Call),
        ArgumentFile => ("file of an argument", How::Call),
        Processor => ("processor", How::Call),
        CompilerVariable => ("variable for the compiler", How::Call),
        PackageVariable => ("from the manifest", How::Call),
        DeclaredVariable => ("declared variable", How::Declared),
        // Outside of the unit key only the rules ask for what a build script watches.
        DeclaredFile if is_read => ("watched by the build script", How::Declared),
        DeclaredFile => ("declared file", How::Declared),
        Source => ("source file", How::DepInfo),
        Variable => ("variable", How::DepInfo),
        Read => ("file", How::Observed),
        Listed => ("names in directory", How::Observed),
        Probed => ("looked for", How::Observed),
        Program => ("program", How::Observed),
        Executable => ("can be started", How::Observed),
        Library => ("library found first", How::Observed),
        Macro => ("procedural macro", How::Rules),
        MacroVariable => ("named in a macro's library", How::Rules),
        AskedVariable => ("named in a source", How::Rules),
        LintConfig => ("for clippy", How::Rules),
        Sibling => ("other spelling of a module", How::Rules),
        PackageTree => ("all files below", How::Rules),
        Linker => ("linker", How::Rules),
        LinkFile => ("for the linker", How::Rules),
        LinkedCrate => ("linked crate", How::Rules),
        Root => ("real path", How::Output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::input_list::Learnt;
    use crate::action::portable::Portable;
    use crate::digest::Digest;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let mut names: Vec<&str> = InputKind::ALL.iter().map(|of| kind(*of, false).0).collect();
        names.sort_unstable();
        let n = names.len();
        names.dedup();
        assert_eq!(names.len(), n, "{names:?}");
    }

    #[test]
    fn inputs_stand_by_how_they_were_learnt_and_then_in_the_order_of_the_key() {
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
