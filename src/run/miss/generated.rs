//! Whether generated code asks for its own path: that decides whether a unit can be compiled with mapped paths.
//!
//! "Generated" is every source that the compiler knows by an absolute path below a mapped directory: what a build
//! script left in `OUT_DIR`, and what is included or named by an absolute path. Of these, `file!()` and the location
//! of a caller are the mapped name, which may lead nowhere. So a unit whose generated code asks for its path keeps the
//! real one. All others stay mapped, and shared; locations of panics that nobody asked for stay mapped with them.
//!
//! Code asks by `file!`, `dbg!` or `Location::caller`, or by a macro that does: one of its own crate, or of a crate
//! that the unit depends on. `file!` in a macro is the path of its caller. A procedural macro asks if its
//! sources use the file of a span, or any of these macros. Where sources of a crate are not found, they are taken to ask.
//!
//! Where the workspace is mapped to a placeholder ([`crate::run::compilation_dir`]), some of these sources would be known
//! by a name that begins with it, and a panic in them would print it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use memchr::memmem;

use crate::action::portable::{Portable, Root};
use crate::action::roots::BuildDirs;
use crate::digest::Digest;
use crate::invocation::outputs::output_of;
use crate::invocation::{Invocation, Output, Role};
use crate::key::closure::{ClosureCrate, CrateClosure};
use crate::key::depinfo::DepInfo;
use crate::run::miss::rust_text;
use crate::store::Store;
use crate::sys::{defence, fs, os};

/// How generated code affects a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// There is none.
    Absent,
    /// It does not ask for its path.
    Silent,
    /// It asks for its path.
    Asks,
    /// It does not ask, but the placeholder would stand in its path.
    BehindPlaceholder,
}

/// Where the sources of a unit are looked for.
pub struct Sources<'a> {
    pub invocation: &'a Invocation,
    pub outputs: &'a [Output],
    pub build_dirs: &'a BuildDirs,
    pub store: &'a Store,
    /// Content of the externs.
    pub externs: &'a [Digest],
    /// The unit is an edit: of dependencies that are edits too, no closure is known.
    pub is_edit: bool,
    /// The directory of the package, where that is mapped as well.
    pub remapped_package: Option<PathBuf>,
    /// Where the workspace is mapped to the placeholder: the directories in it that are not.
    pub covered: Option<&'a [PathBuf]>,
}

impl Sources<'_> {
    /// The part of generated code in the compile that wrote its dep-info just now; `None` if that is not there or not
    /// understood.
    pub fn part_of_generated(&self) -> Option<Part> {
        let output = output_of(self.outputs, Role::DepInfo)?;
        let dep_info = DepInfo::parse(&fs::read(&self.path(&output.path)).ok()?).ok()?;
        let files = dep_info.files.iter().filter_map(|file| os::path(file));
        let (generated, own): (Vec<PathBuf>, Vec<PathBuf>) = files.partition(|path| self.is_generated(path));
        if generated.is_empty() {
            let package = self.remapped_package.as_ref();
            let is_mapped = package.is_some_and(|package| own.iter().any(|path| path.starts_with(package)));
            return Some(if is_mapped { Part::Silent } else { Part::Absent });
        }
        let silent =
            if self.are_behind_placeholder(&generated) { Part::BehindPlaceholder } else { Part::Silent };
        let generated: Vec<Vec<u8>> = generated.iter().filter_map(|path| code_of(&self.path(path))).collect();
        if generated.iter().any(|code| asks_itself(code)) {
            return Some(Part::Asks);
        }
        let mut macros = Macros::default();
        for code in &generated {
            macros.add(code);
        }
        for code in own.iter().filter_map(|path| code_of(&self.path(path))) {
            macros.add(&code);
        }
        let is_asking =
            macros.asks(used_in(&generated), &generated) || self.asks_elsewhere(macros, &generated);
        Some(if is_asking { Part::Asks } else { silent })
    }

    /// Whether a source that may take part in a compile asks for its own path: one of `earlier`, which an earlier
    /// compile of the unit read, or else one that a build script has left in `out_dir` and that the crate root names.
    /// What is found here saves compiling twice.
    pub fn seem_to_ask(&self, earlier: &[PathBuf], out_dir: Option<&OsStr>) -> bool {
        let mut candidates = earlier.to_vec();
        if let (true, Some(out_dir)) = (candidates.is_empty(), out_dir) {
            let root = fs::read(&self.path(&self.invocation.source)).unwrap_or_default();
            candidates = fs::list(Path::new(out_dir)).unwrap_or_default();
            candidates.retain(|path| mentions_source(&root, path));
        }
        candidates.retain(|path| self.is_generated(path));
        candidates.iter().filter_map(|path| code_of(path)).any(|code| asks_itself(&code))
    }

    /// Whether the placeholder stands in the name that the compiler has for one of these sources.
    pub fn are_behind_placeholder(&self, sources: &[PathBuf]) -> bool {
        let covered = self.covered.filter(|_| defence::stands("sources-behind-the-placeholder"));
        let Some(covered) = covered else { return false };
        sources.iter().any(|path| {
            let portable = self.build_dirs.roots.tokenize(os::bytes(path));
            portable.is_under(Root::Workspace) && !covered.iter().any(|dir| path.starts_with(dir))
        })
    }

    /// Whether the compiler knows a source by a path that is mapped: sources with relative names stay as they are.
    fn is_generated(&self, path: &Path) -> bool {
        let path = self.build_dirs.roots.tokenize(os::bytes(path));
        path.is_under(Root::Target) || path.is_under(Root::Workspace)
    }

    fn path(&self, path: &Path) -> PathBuf {
        self.build_dirs.cwd.join(path)
    }

    /// Whether the generated code asks by macros of crates that the unit depends on.
    fn asks_elsewhere(&self, mut macros: Macros, generated: &[Vec<u8>]) -> bool {
        let mut names = used_in(generated);
        names.retain(|name| !macros.0.contains_key(name));
        if names.is_empty() {
            return false;
        }
        let mut closure = CrateClosure::default();
        for digest in self.externs {
            match self.store.closure(digest) {
                Some(behind) => closure.extend(behind),
                None if self.is_edit => {}
                None => return true,
            }
        }
        if self.is_edit {
            closure.extend(CrateClosure { crates: self.externs_by_name() });
        }
        for reached in &closure.crates {
            let Some(sources) = self.sources_of(reached.stem.as_bytes()) else { return true };
            let texts = sources.iter().filter_map(|path| fs::read(path).ok());
            if reached.procedural_macro.is_none() {
                let texts = texts.filter(|text| memmem::find(text, b"macro_rules").is_some());
                texts.for_each(|text| macros.add(&rust_text::code(&text)));
                continue;
            }
            // What a procedural macro makes may stand in its literals.
            let codes: Vec<Vec<u8>> = texts.collect();
            let mut defined = codes.iter().flat_map(|code| rust_text::names(code));
            if !defined.any(|(name, _)| names.contains(name)) {
                continue;
            }
            if codes.iter().any(|code| asks_itself(code) || asks_spans(code)) {
                return true;
            }
            names.extend(codes.iter().flat_map(|code| rust_text::invoked(code)).map(str::to_owned));
        }
        macros.asks(names, generated)
    }

    /// The externs themselves, by their files alone.
    fn externs_by_name(&self) -> Vec<ClosureCrate> {
        let stems = self.invocation.externs.iter().filter_map(|this| this.path.as_ref()?.file_stem());
        let reached = stems.map(|stem| ClosureCrate {
            stem: Portable::literal(os::bytes(stem)),
            procedural_macro: None,
            native_libraries: Vec::new(),
            assembles: false,
        });
        reached.collect()
    }

    /// The sources of a crate that the unit depends on, by the dep-info beside its library.
    fn sources_of(&self, stem: &[u8]) -> Option<Vec<PathBuf>> {
        let stem = os::from_bytes(stem.strip_prefix(b"lib").unwrap_or(stem))?;
        let named = self.invocation.externs.iter().filter_map(|this| this.path.as_deref()?.parent());
        let searched = self.invocation.search_paths.iter().map(|this| this.path.as_path());
        let mut candidates = named.chain(searched).map(|dir| self.path(dir).join(&stem));
        let dep_info = candidates.find_map(|path| fs::read(&path.with_added_extension("d")).ok())?;
        let dep_info = DepInfo::parse(&dep_info).ok()?;
        Some(dep_info.files.iter().filter_map(|file| Some(self.path(&os::path(file)?))).collect())
    }
}

/// Whether `path` is a Rust source whose name stands in `text`.
fn mentions_source(text: &[u8], path: &Path) -> bool {
    let name = path.file_name().map(os::bytes).unwrap_or_default();
    name.ends_with(b".rs") && memmem::find(text, name).is_some()
}

/// The code in a text file.
fn code_of(path: &Path) -> Option<Vec<u8>> {
    let source = fs::read(path).ok()?;
    (!source.contains(&0)).then(|| rust_text::code(&source))
}

/// Whether `code` asks without the help of other macros.
fn asks_itself(code: &[u8]) -> bool {
    // The type may have been imported under another name.
    let asks_caller = ["Location", ""].into_iter().any(|name| has_call(code, name, "::", "caller"));
    asks_caller || rust_text::invoked(code).any(|name| ASKING.contains(&name))
}

/// Whether `code`, of a procedural macro, asks spans for their file.
fn asks_spans(code: &[u8]) -> bool {
    rust_text::names(code).any(|(name, _)| matches!(name, "local_file" | "source_file"))
        || has_call(code, "", ".", "file")
}

/// Whether `name` stands in `code` behind `before` and `separator`, and is called or named as a function.
fn has_call(code: &[u8], before: &str, separator: &str, name: &str) -> bool {
    memmem::find_iter(code, name).any(|at| {
        let rest = &code[at + name.len()..];
        let is_call = rest.trim_ascii_start().starts_with(b"(");
        let is_whole_name = rest.first().is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
        let ahead = code[..at].trim_ascii_end().strip_suffix(separator.as_bytes());
        let is_behind = ahead.is_some_and(|ahead| ahead.trim_ascii_end().ends_with(before.as_bytes()));
        is_behind && (is_call || !before.is_empty() && is_whole_name)
    })
}

/// Macros of std that ask for the path of their caller, not only for a panic.
const ASKING: &[&str] = &["dbg", "file"];

/// Macros of std that do not.
const SILENT: &[&str] = &[
    "addr_of",
    "addr_of_mut",
    "asm",
    "assert",
    "assert_eq",
    "assert_matches",
    "assert_ne",
    "cfg",
    "column",
    "compile_error",
    "concat",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "env",
    "eprint",
    "eprintln",
    "format",
    "format_args",
    "global_asm",
    "include",
    "include_bytes",
    "include_str",
    "is_x86_feature_detected",
    "line",
    "macro_rules",
    "matches",
    "module_path",
    "offset_of",
    "option_env",
    "panic",
    "pin",
    "print",
    "println",
    "ready",
    "stringify",
    "thread_local",
    "todo",
    "unimplemented",
    "unreachable",
    "vec",
    "write",
    "writeln",
];

/// Attributes and derives of the language.
const BUILT_IN: &[&str] = &[
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Eq",
    "Hash",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "allow",
    "automatically_derived",
    "cfg",
    "cfg_attr",
    "cold",
    "default",
    "deny",
    "deprecated",
    "derive",
    "doc",
    "expect",
    "export_name",
    "inline",
    "link",
    "link_name",
    "macro_export",
    "macro_use",
    "must_use",
    "no_mangle",
    "non_exhaustive",
    "path",
    "repr",
    "rustfmt",
    "test",
    "track_caller",
    "unsafe",
    "warn",
];

/// The names of macros that these texts may use.
fn used_in(generated: &[Vec<u8>]) -> BTreeSet<String> {
    let invoked = generated.iter().flat_map(|code| rust_text::invoked(code));
    let invoked = invoked.filter(|name| !SILENT.contains(name));
    let attributes = generated.iter().flat_map(|code| rust_text::attributes(code));
    // Tools' and lints' names stand among these too; they are in no macro's sources.
    let attributes = attributes.filter(|name| !BUILT_IN.contains(name) && !name.starts_with("clippy"));
    invoked.chain(attributes).map(str::to_owned).collect()
}

/// All names in these texts.
fn names_in(generated: &[Vec<u8>]) -> impl Iterator<Item = &str> {
    generated.iter().flat_map(|code| rust_text::names(code)).map(|(name, _)| name)
}

/// Macros by name, and what their rules do.
#[derive(Default)]
struct Macros(BTreeMap<String, Rules>);

#[derive(Default)]
struct Rules {
    asks: bool,
    /// They invoke macros whose names they are handed.
    calls_back: bool,
    invokes: BTreeSet<String>,
}

impl Macros {
    /// Adds what `code` defines.
    fn add(&mut self, code: &[u8]) {
        for (name, rules) in rust_text::defined(code) {
            let known = self.0.entry(name.to_owned()).or_default();
            known.asks |= asks_itself(rules);
            known.calls_back |= rust_text::calls_back(rules);
            known.invokes.extend(rust_text::invoked(rules).map(str::to_owned));
        }
    }

    /// Whether one of these macros asks, or one that it invokes. What `generated` code hands to a macro may be any name
    /// in it.
    fn asks(&self, names: BTreeSet<String>, generated: &[Vec<u8>]) -> bool {
        let mut waiting: Vec<String> = names.into_iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(name) = waiting.pop() {
            let Some(rules) = self.0.get(&name) else { continue };
            if rules.asks || rules.calls_back && names_in(generated).any(|name| ASKING.contains(&name)) {
                return true;
            }
            if seen.insert(name) {
                waiting.extend(rules.invokes.iter().cloned());
                if rules.calls_back {
                    waiting.extend(names_in(generated).map(str::to_owned));
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_asks_for_its_path_by_name() {
        let asks = |source: &str| asks_itself(&rust_text::code(source.as_bytes()));
        assert!(asks("fn f() { file!() }"));
        assert!(asks("fn f() { std :: file ! () }"));
        assert!(asks("fn f() { dbg!(1); }"));
        assert!(asks("use std::panic::Location; fn f() { Location::caller() }"));
        assert!(asks("f.map_or_else(core::panic::Location::caller, g)"));
        assert!(asks("use std::panic::Location as L; fn f() { L::caller() }"));
        assert!(!asks("// file!()\nfn file() { include_file!(); panic!(\"file!()\") } Location::callers()"));
    }

    #[test]
    fn a_procedural_macro_asks_spans_for_their_file() {
        let asks = |source: &str| asks_spans(&rust_text::code(source.as_bytes()));
        assert!(asks("span.file()"));
        assert!(asks("Span::call_site().local_file()"));
        assert!(!asks("File::open(path); self.file; file(); x.files()"));
    }

    #[test]
    fn a_macro_asks_if_one_that_it_invokes_asks() {
        let mut macros = Macros::default();
        macros.add(b"macro_rules! a { () => { $crate::b!() } } macro_rules! b { () => { a!(); c!() } }");
        assert!(!macros.asks(BTreeSet::from(["a".to_owned()]), &[]));
        macros.add(b"macro_rules! c { () => { file!() } }");
        assert!(macros.asks(BTreeSet::from(["a".to_owned()]), &[]));
        assert!(!macros.asks(BTreeSet::from(["d".to_owned()]), &[]));
    }

    #[test]
    fn a_macro_asks_if_it_is_handed_one_that_asks() {
        let mut macros = Macros::default();
        macros.add(b"macro_rules! with { ($m:ident) => { $m!() } } macro_rules! b { () => { file!() } }");
        let asks = |code: &str| macros.asks(BTreeSet::from(["with".to_owned()]), &[code.into()]);
        assert!(asks("with!(file)"));
        assert!(asks("with!(b)"));
        assert!(!asks("with!(c)"));
    }
}
