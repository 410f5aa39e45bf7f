//! Describes how the keys of two compiles differ. Both are read from the store and nothing is recomputed, so the
//! explanation is about the inputs that really decided.

use crate::action::inputs::{Input, InputKind, KeyInputs, Value};
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

/// What was looked for in vain and is read now, or the other way round, is one difference at one path.
fn as_one(changes: Vec<Change>) -> Vec<Change> {
    let is_content = |kind: InputKind| matches!(kind, InputKind::Read | InputKind::Listed);
    let counterpart = |change: &Change, is_kind: &dyn Fn(InputKind) -> bool| {
        let is_other_way = |other: &Change| match (&change.old, &change.new) {
            (Some(_), None) => other.old.is_none() && other.new.is_some(),
            (None, Some(_)) => other.old.is_some() && other.new.is_none(),
            _ => false,
        };
        changes
            .iter()
            .find(|other| is_kind(other.kind) && other.name == change.name && is_other_way(other))
            .cloned()
    };
    let found = |kind: InputKind| if kind == InputKind::Listed { "directory" } else { "file" };
    let one = |change: &Change| match change.kind {
        InputKind::Probed => match counterpart(change, &is_content) {
            Some(Change { kind, new: Some(_), .. }) => {
                Some(Change { new: Some(Value::Text(Portable::literal(found(kind)))), ..change.clone() })
            }
            Some(_) => None,
            None => Some(change.clone()),
        },
        kind if is_content(kind) && change.old.is_none() => {
            let looked_for = counterpart(change, &|kind| kind == InputKind::Probed);
            looked_for.is_none().then(|| change.clone())
        }
        _ => Some(change.clone()),
    };
    changes.iter().filter_map(one).collect()
}

fn diff_of_kind(kind: InputKind, old: &KeyInputs, new: &KeyInputs) -> Vec<Change> {
    let of_kind = |inputs: &'_ KeyInputs| -> Vec<Input> {
        inputs.iter().filter(|input| input.kind == kind).cloned().collect()
    };
    let (mut old, mut new) = (of_kind(old), of_kind(new));
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
    /// Whether it only follows from another of `all`: cargo's own hashes, crates that are linked because a dependency
    /// is, a package whose source is listed already.
    pub fn follows_from(&self, all: &[Change]) -> bool {
        let others = || all.iter().filter(|other| *other != self);
        match self.kind {
            InputKind::Argument => self.is_cargos_hash() && others().any(|other| !other.is_cargos_hash()),
            InputKind::LinkedCrate => others().any(|other| other.kind == InputKind::Extern),
            InputKind::Read if self.is_crate() => others().any(|other| other.kind == InputKind::Extern),
            InputKind::Macro => others().any(|other| other.kind == InputKind::Extern),
            InputKind::AskedVariable if self.name == Portable::literal(OTHER_WORDS) => {
                others().next().is_some()
            }
            InputKind::PackageTree => others().any(|other| other.kind == InputKind::Source),
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
        let is_hash = |value: &Option<Value>| match value {
            Some(Value::Text(text)) => [b"metadata=".as_slice(), b"extra-filename="]
                .iter()
                .any(|prefix| text.as_bytes().starts_with(prefix)),
            _ => false,
        };
        self.kind == InputKind::Argument && (is_hash(&self.new) || is_hash(&self.old))
    }

    /// The name of a dependency without the options before it.
    pub fn extern_name(&self) -> Option<String> {
        let name = self.name.to_string();
        let name = name.rsplit(':').next().unwrap_or_default().to_owned();
        (self.kind == InputKind::Extern).then_some(name)
    }

    /// The difference in words.
    pub fn words(&self) -> String {
        let name = self.name.to_string();
        let file = || of_file(&self.old, &self.new);
        let variable = || of_variable(&self.old, &self.new);
        let text = || of_text(&self.old, &self.new);
        if self.old.is_none() && self.new.is_none() {
            return in_another_order(self.kind).to_owned();
        }
        match self.kind {
            InputKind::Schema => format!("kache makes its keys in another way: {}", text()),
            InputKind::Salt => format!("the key salt {}", variable()),
            InputKind::Compiler => self.compiler(),
            InputKind::Paths => format!("paths are mapped in another way: {}", text()),
            InputKind::Argument => self.argument(),
            InputKind::SourcePath if name == "directory" => {
                format!("the directory it is compiled in is {}", text())
            }
            InputKind::SourcePath => format!("the crate root is {}", text()),
            InputKind::Extern => format!("dependency `{}` {}", self.extern_name().unwrap_or(name), file()),
            InputKind::StaticLibrary => format!("static library `{name}` {}", file()),
            InputKind::ArgumentFile => format!("the file that `{name}` names {}", file()),
            InputKind::Processor => format!("the processor that `target-cpu=native` means {}", file()),
            InputKind::CompilerVariable => {
                format!("variable `{name}`, which the compiler reads, {}", variable())
            }
            InputKind::DeclaredVariable => format!("variable `{name}`, declared as an input, {}", variable()),
            InputKind::DeclaredFile => format!("`{name}`, declared as an input, {}", file()),
            InputKind::Macro => format!("procedural macro `{name}`, which may read files, {}", file()),
            InputKind::MacroVariable => {
                format!("variable `{name}`, which a procedural macro may read, {}", variable())
            }
            InputKind::AskedVariable if name == OTHER_WORDS => {
                "other words stand in the sources where names of variables could".to_owned()
            }
            InputKind::AskedVariable => {
                format!(
                    "variable `{name}`, whose name stands in the source for a procedural macro to read, {}",
                    variable()
                )
            }
            InputKind::PackageTree => {
                format!(
                    "the files below `{name}`, which a procedural macro may read: their content {}",
                    file()
                )
            }
            InputKind::LintConfig => format!("lint configuration `{name}` {}", file()),
            InputKind::Linker => format!("what links it, `{name}`, {}", file()),
            InputKind::LinkFile => format!("`{name}`, which goes into the link, {}", file()),
            InputKind::LinkedCrate => format!("crate `{name}`, which is linked in, {}", file()),
            InputKind::Source => format!("source file `{name}` {}", of_source(&self.old, &self.new)),
            InputKind::Sibling if self.new.is_some() => {
                format!("`{name}` is there in both spellings of a module")
            }
            InputKind::Sibling => format!("`{name}` is there in one spelling of a module only"),
            InputKind::Variable => format!("environment variable `{name}` {}", variable()),
            InputKind::Root => {
                format!("the real path of `{name}`, which stands in the output, is {}", text())
            }
            InputKind::Read => format!("`{name}`, which was read when it was compiled, {}", file()),
            InputKind::Listed => {
                format!("the names in `{name}`, which was listed, {}", of_names(&self.old, &self.new))
            }
            InputKind::Probed if self.new.is_none() => format!("`{name}` is no longer looked for"),
            InputKind::Probed if self.old.is_none() => format!("`{name}` is looked for now"),
            InputKind::Probed => format!("at `{name}`, which was looked for, is {}", text()),
            InputKind::Program if self.new.is_none() => format!("program `{name}` is no longer started"),
            InputKind::Program if self.old.is_none() => format!("program `{name}` is started now"),
            InputKind::Program => format!("program `{name}` is {}", text()),
            InputKind::Executable if self.new.is_none() => format!("`{name}` is no program any more"),
            InputKind::Executable => format!("`{name}` is a program now"),
            InputKind::Library if self.new.is_none() => {
                format!("library `{name}` is no longer found through LD_LIBRARY_PATH")
            }
            InputKind::Library => format!("library `{name}` is found through LD_LIBRARY_PATH: {}", text()),
            InputKind::PackageVariable => format!("`{name}`, from the package's manifest, {}", variable()),
        }
    }

    fn compiler(&self) -> String {
        match (&self.old, &self.new) {
            (Some(_), Some(_)) => format!("the compiler is another: {} now", self.name),
            (None, _) => format!("the compiler is known now: {}", self.name),
            (_, None) => "the compiler is not known any more".to_owned(),
        }
    }

    fn argument(&self) -> String {
        let spelled = |value: &Value| {
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
        };
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => format!("argument {} instead of {}", spelled(new), spelled(old)),
            (Some(old), None) => format!("argument {} is gone", spelled(old)),
            (_, Some(new)) => format!("argument {} is new", spelled(new)),
            (None, None) => String::new(),
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

fn of_file(old: &Option<Value>, new: &Option<Value>) -> &'static str {
    match (old, new) {
        (None, _) => "is new",
        (_, None) => "is gone",
        _ => "changed",
    }
}

fn of_names(old: &Option<Value>, new: &Option<Value>) -> &'static str {
    match (old, new) {
        (None, _) => "count now",
        (_, None) => "no longer count",
        _ => "changed",
    }
}

fn of_source(old: &Option<Value>, new: &Option<Value>) -> &'static str {
    match (old, new) {
        (None, _) => "is read now",
        (_, None) => "is no longer read",
        _ => "changed",
    }
}

fn of_variable(old: &Option<Value>, new: &Option<Value>) -> &'static str {
    match (old, new) {
        (None | Some(Value::Unset), Some(Value::Digest(_) | Value::Text(_))) => "is set now",
        (Some(Value::Digest(_) | Value::Text(_)), None | Some(Value::Unset)) => "is no longer set",
        (None, _) => "is asked for now",
        (_, None) => "is no longer asked for",
        _ => "has another value",
    }
}

fn of_text(old: &Option<Value>, new: &Option<Value>) -> String {
    let text = |value: &Option<Value>| match value {
        Some(Value::Text(text)) => format!("`{text}`"),
        Some(Value::Digest(digest)) => format!("{digest:?}"),
        Some(Value::Unset) | None => "nothing".to_owned(),
    };
    format!("{} instead of {}", text(new), text(old))
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
        for kind in InputKind::ALL {
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
        assert_eq!(said(&compiler("1.94.0"), &compiler("1.95.0")), ["the compiler is another: 1.95.0 now"]);
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
