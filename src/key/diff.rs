//! Describes how the keys of two compiles differ. Both are read from the store and nothing is recomputed, so the
//! explanation is about the inputs that really decided.

use crate::action::input_kinds::{InputKind, Wording};
use crate::action::inputs::{Input, KeyInputs, Value};
use crate::action::portable::{Portable, Root};
use crate::action::present::OTHER_WORDS;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub kind: InputKind,
    pub name: Portable,
    /// `None`: it was no input.
    pub old: Option<Value>,
    /// `None`: it is no input any more. Neither old nor new: the same inputs come in another order.
    pub new: Option<Value>,
}

/// The differences between two lists of inputs, in the order of the kinds' first appearance.
pub fn diff(old: &KeyInputs, new: &KeyInputs) -> Vec<Change> {
    let mut kinds: Vec<InputKind> = Vec::new();
    for input in new.iter().chain(old.iter()) {
        if !kinds.contains(&input.kind) {
            kinds.push(input.kind);
        }
    }
    as_one(kinds.into_iter().flat_map(|kind| diff_of_kind(kind, old, new)).collect())
}

/// Merges what was absent and is read now, or the other way round, into one difference at one path.
fn as_one(changes: Vec<Change>) -> Vec<Change> {
    changes.iter().filter_map(|change| merged(change, &changes)).collect()
}

/// The difference that stands for `change` in a report; `None` if another one of `all` says it.
fn merged(change: &Change, all: &[Change]) -> Option<Change> {
    if change.kind == InputKind::Probed {
        let content = all.iter().find(|other| is_content(other.kind) && change.is_counterpart_of(other));
        return match content {
            Some(Change { kind, new: Some(_), .. }) => {
                let found = if *kind == InputKind::Listed { "directory" } else { "file" };
                Some(Change { new: Some(Value::Text(Portable::literal(found))), ..change.clone() })
            }
            Some(_) => None,
            None => Some(change.clone()),
        };
    }
    let is_said_by_probe = is_content(change.kind)
        && change.old.is_none()
        && all.iter().any(|other| other.kind == InputKind::Probed && change.is_counterpart_of(other));
    (!is_said_by_probe).then(|| change.clone())
}

fn is_content(kind: InputKind) -> bool {
    matches!(kind, InputKind::Read | InputKind::Listed)
}

fn diff_of_kind(kind: InputKind, old: &KeyInputs, new: &KeyInputs) -> Vec<Change> {
    let mut old: Vec<Input> = old.iter().filter(|input| input.kind == kind).cloned().collect();
    let mut new: Vec<Input> = new.iter().filter(|input| input.kind == kind).cloned().collect();
    if old == new {
        return Vec::new();
    }
    old.retain(|input| match new.iter().position(|other| other == input) {
        Some(at) => {
            new.remove(at);
            false
        }
        None => true,
    });
    if old.is_empty() && new.is_empty() {
        return vec![Change { kind, name: Portable::default(), old: None, new: None }];
    }
    let mut changes = Vec::new();
    for input in new {
        let before = old.iter().position(|other| is_same_slot(other, &input)).map(|at| old.remove(at).value);
        changes.push(Change { kind, name: input.name, old: before, new: Some(input.value) });
    }
    changes.extend(old.into_iter().map(|input| Change {
        kind,
        name: input.name,
        old: Some(input.value),
        new: None,
    }));
    changes
}

/// Whether one input stands where the other stood, so that the two are one thing that changed.
fn is_same_slot(old: &Input, new: &Input) -> bool {
    match (old.kind, &old.value, &new.value) {
        // Its name is what it calls itself.
        (InputKind::Compiler, _, _) => true,
        (InputKind::Argument, Value::Text(left), Value::Text(right)) => {
            old.name == new.name && argument_slot(&old.name, left) == argument_slot(&new.name, right)
        }
        _ => old.name == new.name,
    }
}

/// What an argument sets: two that set the same are one argument with another value.
fn argument_slot<'a>(name: &Portable, value: &'a Portable) -> &'a [u8] {
    const ONCE: &[&str] = &[
        "crate-name",
        "target",
        "edition",
        "cap-lints",
        "error-format",
        "json",
        "sysroot",
        "remap-path-scope",
        "O",
    ];
    let value = value.as_bytes();
    match name.as_bytes() {
        b"codegen" | b"Z" => value.split(|byte| *byte == b'=').next().unwrap_or_default(),
        name if ONCE.iter().any(|once| once.as_bytes() == name) => &[],
        _ => value,
    }
}

impl Change {
    /// Whether `other` came to the same path as this one went, or the other way round.
    fn is_counterpart_of(&self, other: &Change) -> bool {
        self.name == other.name
            && match (&self.old, &self.new) {
                (Some(_), None) => other.old.is_none() && other.new.is_some(),
                (None, Some(_)) => other.old.is_some() && other.new.is_none(),
                _ => false,
            }
    }

    /// Whether it only follows from another of `all`: cargo's own hashes, crates that are linked because a dependency
    /// is, a package whose source is listed already.
    pub fn follows_from(&self, all: &[Change]) -> bool {
        let mut others = all.iter().filter(|other| *other != self);
        match self.kind {
            InputKind::Argument => self.is_cargos_hash() && others.any(|other| !other.is_cargos_hash()),
            InputKind::LinkedCrate | InputKind::Macro => others.any(|other| other.kind == InputKind::Extern),
            InputKind::Read if self.is_crate() => others.any(|other| other.kind == InputKind::Extern),
            InputKind::AskedVariable if self.name == Portable::literal(OTHER_WORDS) => {
                others.next().is_some()
            }
            InputKind::PackageTree => others.any(|other| other.kind == InputKind::Source),
            _ => false,
        }
    }

    /// Whether it is a crate in the build directory.
    fn is_crate(&self) -> bool {
        let name = self.name.as_bytes();
        let suffixes = [b".rlib".as_slice(), b".rmeta", b".so", b".dylib"];
        self.name.is_under(Root::Target) && suffixes.iter().any(|suffix| name.ends_with(suffix))
    }

    fn is_cargos_hash(&self) -> bool {
        let mut values = self.old.iter().chain(&self.new);
        self.kind == InputKind::Argument
            && values.any(|value| match value {
                Value::Text(text) => {
                    text.as_bytes().starts_with(b"metadata=")
                        || text.as_bytes().starts_with(b"extra-filename=")
                }
                Value::Digest(_) | Value::Unset => false,
            })
    }

    /// The name of a dependency without the options before it.
    pub fn extern_name(&self) -> Option<String> {
        let name = self.name.to_string();
        let name = name.rsplit(':').next().unwrap_or_default().to_owned();
        (self.kind == InputKind::Extern).then_some(name)
    }

    /// The difference in words.
    pub fn words(&self) -> String {
        if self.old.is_none() && self.new.is_none() {
            return in_another_order(self.kind).to_owned();
        }
        if self.kind == InputKind::AskedVariable && self.name == Portable::literal(OTHER_WORDS) {
            return "the words in the sources that could name variables changed".to_owned();
        }
        let (old, new) = (self.old.as_ref(), self.new.as_ref());
        match self.kind.description().wording {
            Wording::Content(subject) => format!("{} {}", self.named(subject), content_change(old, new)),
            Wording::Variable(subject) => format!("{} {}", self.named(subject), variable_change(old, new)),
            Wording::Text(clause) => format!("{} {}", self.named(clause), text_change(old, new)),
            Wording::Sentences { added, .. } if old.is_none() => self.named(added),
            Wording::Sentences { removed, .. } if new.is_none() => self.named(removed),
            Wording::Sentences { changed, .. } => match new {
                Some(Value::Text(_)) => format!("{} {}", self.named(changed), text_change(old, new)),
                _ => self.named(changed),
            },
            Wording::Argument => self.argument(),
        }
    }

    /// Words of [`Wording`] with the name of the input in them.
    fn named(&self, words: &str) -> String {
        let name = match self.kind {
            InputKind::Extern => self.extern_name().unwrap_or_default(),
            InputKind::SourcePath if self.name != Portable::literal("directory") => "crate root".to_owned(),
            InputKind::SourcePath => "working directory".to_owned(),
            _ => self.name.to_string(),
        };
        words.replace("{}", &name)
    }

    fn argument(&self) -> String {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => {
                format!("argument {} instead of {}", self.argument_with(new), self.argument_with(old))
            }
            (Some(old), None) => format!("argument {} is gone", self.argument_with(old)),
            (_, Some(new)) => format!("argument {} is new", self.argument_with(new)),
            (None, None) => String::new(),
        }
    }

    /// The argument as it stands on the command line.
    fn argument_with(&self, value: &Value) -> String {
        let value = match value {
            Value::Text(text) => text.to_string(),
            Value::Digest(_) | Value::Unset => String::new(),
        };
        match self.name.to_string().as_str() {
            "codegen" => format!("`-C {value}`"),
            "Z" => format!("`-Z {value}`"),
            "output" => format!("output `{value}`"),
            name if value.is_empty() => format!("`--{name}`"),
            name => format!("`--{name} {value}`"),
        }
    }
}

fn in_another_order(kind: InputKind) -> &'static str {
    match kind {
        InputKind::Argument => "the same arguments come in another order",
        InputKind::Extern => "the same dependencies come in another order",
        InputKind::Source => "the same source files are read in another order",
        _ => "the same inputs come in another order",
    }
}

fn content_change(old: Option<&Value>, new: Option<&Value>) -> &'static str {
    match (old, new) {
        (None, _) => "is new",
        (_, None) => "is gone",
        _ => "changed",
    }
}

fn variable_change(old: Option<&Value>, new: Option<&Value>) -> &'static str {
    match (old, new) {
        (None | Some(Value::Unset), Some(Value::Digest(_) | Value::Text(_))) => "is set now",
        (Some(Value::Digest(_) | Value::Text(_)), None | Some(Value::Unset)) => "is no longer set",
        (None, _) => "is asked for now",
        (_, None) => "is no longer asked for",
        _ => "has another value",
    }
}

fn text_change(old: Option<&Value>, new: Option<&Value>) -> String {
    format!("{} instead of {}", shown(new), shown(old))
}

fn shown(value: Option<&Value>) -> String {
    match value {
        Some(Value::Text(text)) => format!("`{text}`"),
        Some(Value::Digest(digest)) => format!("{digest:?}"),
        Some(Value::Unset) | None => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::digest::Digest;

    fn literal(text: &str) -> Portable {
        Portable::literal(text)
    }

    fn content(text: &str) -> Digest {
        Digest::hash(text.as_bytes())
    }

    fn said(old: &KeyInputs, new: &KeyInputs) -> Vec<String> {
        diff(old, new).iter().map(Change::words).collect()
    }

    fn arguments(list: &[(&str, &str)]) -> KeyInputs {
        let mut inputs = KeyInputs::default();
        list.iter().for_each(|(name, value)| inputs.text(InputKind::Argument, literal(name), literal(value)));
        inputs
    }

    #[test]
    fn every_kind_has_words_of_its_own() {
        let values = [Some(Value::Digest(content("a"))), Some(Value::Digest(content("b"))), None];
        let mut all = HashMap::new();
        for kind in InputKind::ALL.iter().copied() {
            for (old, new) in [(0, 1), (0, 2), (2, 1)] {
                let name = literal("it");
                let words = Change { kind, name, old: values[old].clone(), new: values[new].clone() }.words();
                assert!(words.len() > 10, "{kind:?}: {words}");
                let said_by = all.insert(words.clone(), kind).unwrap_or(kind);
                assert_eq!(said_by, kind, "both say: {words}");
            }
        }
    }

    #[test]
    fn a_changed_file_is_named() {
        let inputs = |main: &str, more: Option<&str>| {
            let mut inputs = KeyInputs::default();
            inputs.digest(InputKind::Source, literal("src/main.rs"), content(main));
            more.iter().for_each(|more| inputs.digest(InputKind::Source, literal(more), content("x")));
            inputs
        };
        assert_eq!(said(&inputs("1", None), &inputs("2", None)), ["source file `src/main.rs` changed"]);
        assert_eq!(said(&inputs("1", None), &inputs("1", Some("b.rs"))), ["source file `b.rs` is read now"]);
        assert_eq!(
            said(&inputs("1", Some("b.rs")), &inputs("1", None)),
            ["source file `b.rs` is no longer read"]
        );
        assert!(said(&inputs("1", Some("b.rs")), &inputs("1", Some("b.rs"))).is_empty());
    }

    #[test]
    fn a_path_that_was_absent_and_is_read_now_is_one_change() {
        let (mut absent, mut read, mut listed) =
            (KeyInputs::default(), KeyInputs::default(), KeyInputs::default());
        absent.text(InputKind::Probed, literal("it"), literal("absent"));
        read.digest(InputKind::Read, literal("it"), content("1"));
        listed.digest(InputKind::Listed, literal("it"), content("2"));
        let says = |kind: &str| [format!("at `it`, which was looked for, is `{kind}` instead of `absent`")];
        assert_eq!(said(&absent, &read), says("file"));
        assert_eq!(said(&absent, &listed), says("directory"));
        assert_eq!(said(&read, &absent), ["`it`, which was read when it was compiled, is gone"]);
        assert_eq!(said(&absent, &KeyInputs::default()), ["`it` is no longer looked for"]);
    }

    #[test]
    fn an_argument_with_another_value_is_one_change() {
        let old = arguments(&[("codegen", "opt-level=0"), ("codegen", "debuginfo=2"), ("edition", "2021")]);
        let new = arguments(&[("codegen", "opt-level=3"), ("codegen", "debuginfo=2"), ("edition", "2024")]);
        assert_eq!(
            said(&old, &new),
            [
                "argument `-C opt-level=3` instead of `-C opt-level=0`",
                "argument `--edition 2024` instead of `--edition 2021`"
            ]
        );
    }

    #[test]
    fn features_that_come_and_go_are_two_changes() {
        let (old, new) = (arguments(&[("cfg", "feature=\"a\"")]), arguments(&[("cfg", "feature=\"b\"")]));
        assert_eq!(
            said(&old, &new),
            [r#"argument `--cfg feature="b"` is new"#, r#"argument `--cfg feature="a"` is gone"#]
        );
    }

    #[test]
    fn the_order_alone_is_a_change() {
        let (old, new) =
            (arguments(&[("warn", "a"), ("deny", "b")]), arguments(&[("deny", "b"), ("warn", "a")]));
        assert_eq!(said(&old, &new), ["the same arguments come in another order"]);
    }

    #[test]
    fn another_compiler_is_one_change_although_it_is_called_differently() {
        let compiler = |release: &str| {
            let mut inputs = KeyInputs::default();
            inputs.digest(InputKind::Compiler, literal(release), content(release));
            inputs
        };
        assert_eq!(
            said(&compiler("1.94.0"), &compiler("1.95.0")),
            ["the compiler changed: it is 1.95.0 now"]
        );
    }

    #[test]
    fn variables_are_set_unset_or_have_another_value() {
        let variable = |value: Option<&str>| {
            let mut inputs = KeyInputs::default();
            inputs.variable(InputKind::Variable, literal("V"), value.map(literal).as_ref());
            inputs
        };
        assert_eq!(said(&variable(None), &variable(Some("1"))), ["environment variable `V` is set now"]);
        assert_eq!(
            said(&variable(Some("1")), &variable(None)),
            ["environment variable `V` is no longer set"]
        );
        assert_eq!(
            said(&variable(Some("1")), &variable(Some("2"))),
            ["environment variable `V` has another value"]
        );
    }

    #[test]
    fn cargos_hash_follows_from_what_it_was_made_from() {
        let old = arguments(&[("cfg", "a"), ("codegen", "metadata=1"), ("codegen", "extra-filename=-1")]);
        let new = arguments(&[("cfg", "b"), ("codegen", "metadata=2"), ("codegen", "extra-filename=-2")]);
        let changes = diff(&old, &new);
        let first: Vec<_> = changes.iter().filter(|change| !change.follows_from(&changes)).collect();
        assert_eq!(first.len(), 2, "{first:?}");
        let old = arguments(&[("codegen", "metadata=1")]);
        let changes = diff(&old, &arguments(&[("codegen", "metadata=2")]));
        assert!(!changes[0].follows_from(&changes));
    }

    #[test]
    fn a_dependency_is_named_without_its_options() {
        let dependency = |content: &str| {
            let mut inputs = KeyInputs::default();
            inputs.digest(
                InputKind::Extern,
                literal("priv,noprelude:words"),
                Digest::hash(content.as_bytes()),
            );
            inputs
        };
        assert_eq!(said(&dependency("a"), &dependency("b")), ["dependency `words` changed"]);
    }
}
