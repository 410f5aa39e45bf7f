//! The sources of the crate: files, the modules they are, and the paths they name.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, ItemMod, Signature, TraitItemFn};

use crate::tokens::{Token, tokens};

/// The directory of this project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `dir`, sorted, except what building and git leave there.
pub(crate) fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let entries = fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    for path in entries.map(|entry| entry.expect("the project can be listed").path()) {
        let is_left_over = path.file_name().is_some_and(|name| name == "target" || name == ".git");
        if path.is_dir() && !path.is_symlink() && !is_left_over {
            files.extend(files_below(&path));
        } else if path.is_file() && !is_left_over {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A path named in code, from its first segment on.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) path: Vec<String>,
    /// What a `use` calls it.
    pub(crate) alias: String,
    /// Whether it stands in a `use`.
    pub(crate) in_use: bool,
    pub(crate) line: usize,
    /// Whether it stands in a test module.
    pub(crate) in_test: bool,
    /// The module around it.
    pub(crate) module: Vec<String>,
}

impl Named {
    /// Whether the path is `prefix` or goes on from there. Segments are separated by `::`.
    pub(crate) fn starts_with(&self, prefix: &str) -> bool {
        let prefix: Vec<&str> = prefix.split("::").collect();
        self.path.len() >= prefix.len() && self.path.iter().zip(&prefix).all(|(a, b)| a == b)
    }
}

/// A function with a body.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) n_lines: usize,
}

/// One file.
pub(crate) struct Source {
    /// Below the project, with `/`.
    pub(crate) path: String,
    /// `key::inputs`, in segments; empty for `lib.rs` and `main.rs`.
    pub(crate) module: Vec<String>,
    /// Whether all of it is test code.
    pub(crate) is_test: bool,
    pub(crate) text: String,
    pub(crate) tokens: Vec<Token>,
    /// The lines of its test modules.
    pub(crate) test_lines: Vec<Range<usize>>,
    /// Functions with a body.
    pub(crate) functions: Vec<Function>,
}

/// Collects what is looked at of the items of a file.
#[derive(Default)]
struct Items {
    test_modules: Vec<Range<usize>>,
    functions: Vec<Function>,
}

impl Items {
    fn add_function(&mut self, signature: &Signature, body: &Block) {
        let line = signature.fn_token.span.start().line;
        let last = body.brace_token.span.close().end().line;
        let name = signature.ident.to_string();
        self.functions.push(Function { name, line, n_lines: last - line + 1 });
    }
}

impl<'ast> Visit<'ast> for Items {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        let test = module.attrs.iter().find(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<Ident>().is_ok_and(|condition| condition == "test")
        });
        if let (Some(attribute), Some((brace, _))) = (test, &module.content) {
            let first = attribute.pound_token.span.start().line;
            self.test_modules.push(first..brace.span.close().end().line + 1);
        }
        visit::visit_item_mod(self, module);
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.add_function(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.add_function(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(body) = &function.default {
            self.add_function(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

impl Source {
    pub(crate) fn read(path: &Path) -> Source {
        let relative = path.strip_prefix(root()).expect("the file is of this project");
        let relative = relative.to_str().expect("names here are Unicode").replace('\\', "/");
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{relative}: {e}"));
        Source::of(relative, text)
    }

    /// The file at `path` below the project, with what is in it.
    pub(crate) fn of(path: String, text: String) -> Source {
        let inner = path.strip_prefix("src/").unwrap_or(&path);
        let inner = inner.trim_end_matches(".rs").trim_end_matches("/mod");
        let module: Vec<String> =
            inner.split('/').filter(|name| *name != "lib" && *name != "main").map(str::to_owned).collect();
        let code = text.parse().unwrap_or_else(|e| panic!("{path}: {e}"));
        let tokens = tokens(code);
        let file = syn::parse_file(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
        let mut items = Items::default();
        items.visit_file(&file);
        Source {
            path,
            is_test: module.iter().any(|name| name == "tests"),
            module,
            text,
            tokens,
            test_lines: items.test_modules,
            functions: items.functions,
        }
    }

    /// Whether `line` is test code.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.is_test || self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    /// Lines that are not test code.
    pub(crate) fn n_production_lines(&self) -> usize {
        (1..=self.text.lines().count()).filter(|line| !self.is_test_line(*line)).count()
    }

    /// The index of the sign that closes what is opened at `open`.
    pub(crate) fn closing(&self, open: usize) -> usize {
        let mut depth = 0;
        for (index, token) in self.tokens.iter().enumerate().skip(open) {
            match token.text.as_str() {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => (),
            }
            if depth == 0 {
                return index;
            }
        }
        self.tokens.len() - 1
    }

    fn text_at(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |token| token.text.as_str())
    }

    /// The bodies of modules in this file: name, first and last token.
    fn inline_modules(&self) -> Vec<(String, usize, usize)> {
        let starts =
            (0..self.tokens.len()).filter(|i| self.text_at(*i) == "mod" && self.text_at(i + 2) == "{");
        starts.map(|i| (self.text_at(i + 1).to_owned(), i, self.closing(i + 2))).collect()
    }

    /// Every path of the code; the trees of `use` are spread out.
    pub(crate) fn named(&self) -> Vec<Named> {
        let modules = self.inline_modules();
        let mut named = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            if !self.tokens[at].is_name() {
                at += 1;
                continue;
            }
            let in_use = self.text_at(at) == "use" && self.text_at(at + 1) != "<";
            let start = if in_use { at + 1 } else { at };
            let start = if self.text_at(start) == "::" { start + 1 } else { start };
            let around = modules.iter().filter(|(_, first, last)| (*first..*last).contains(&at));
            let mut module = self.module.clone();
            module.extend(around.map(|(name, ..)| name.clone()));
            let mut found = Vec::new();
            at = self.spread(start, &[], &mut found).max(at + 1);
            named.extend(found.into_iter().map(|(path, alias, line)| {
                let (module, in_test) = (module.clone(), self.is_test_line(line));
                Named { path, alias, in_use, line, in_test, module }
            }));
        }
        named
    }

    /// Reads the path or the tree that starts at `at`; answers where it ends.
    fn spread(
        &self,
        mut at: usize,
        prefix: &[String],
        found: &mut Vec<(Vec<String>, String, usize)>,
    ) -> usize {
        let mut path = prefix.to_vec();
        let line = self.tokens.get(at).map_or(0, |token| token.line);
        loop {
            match self.text_at(at) {
                "{" => {
                    let end = self.closing(at);
                    at += 1;
                    while at < end {
                        at = self.spread(at, &path, found).max(at + 1);
                        at += usize::from(self.text_at(at) == ",");
                    }
                    return end + 1;
                }
                "self" if !path.is_empty() => at += 1,
                "*" => {
                    path.push("*".to_owned());
                    at += 1;
                }
                name if self.tokens.get(at).is_some_and(Token::is_name) => {
                    path.push(name.to_owned());
                    at += 1;
                }
                _ => return at,
            }
            let goes_on = self.text_at(at) == "::"
                && (matches!(self.text_at(at + 1), "{" | "*")
                    || self.tokens.get(at + 1).is_some_and(Token::is_name));
            if !goes_on {
                break;
            }
            at += 1;
        }
        let mut alias = path.last().cloned().unwrap_or_default();
        if self.text_at(at) == "as" && self.tokens.get(at + 1).is_some_and(Token::is_name) {
            alias = self.text_at(at + 1).to_owned();
            at += 2;
        }
        found.push((path, alias, line));
        at
    }
}

/// The library and the binary: all files of `src`.
pub(crate) struct Tree {
    pub(crate) sources: Vec<Source>,
    /// For each module, what its `use`s bring in from modules below it: name and where it comes from.
    reexports: BTreeMap<Vec<String>, BTreeMap<String, Vec<String>>>,
}

impl Tree {
    /// The tree of this project, read once.
    pub(crate) fn read() -> &'static Tree {
        static TREE: LazyLock<Tree> = LazyLock::new(Tree::new);
        &TREE
    }

    fn new() -> Tree {
        let files = files_below(&root().join("src"));
        let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
        let sources = files.iter().filter(|path| is_rust(path)).map(|path| Source::read(path)).collect();
        let mut tree = Tree { sources, reexports: BTreeMap::new() };
        for source in &tree.sources {
            let mut names = BTreeMap::new();
            for named in
                source.named().into_iter().filter(|named| named.in_use && named.module == source.module)
            {
                let target =
                    tree.absolute(&named).unwrap_or_else(|| [&source.module[..], &named.path].concat());
                let is_below = target.starts_with(&source.module)
                    && tree.is_module(target.get(..=source.module.len()).unwrap_or_default());
                if is_below && source.path != "src/main.rs" {
                    names.insert(named.alias, target);
                }
            }
            tree.reexports.insert(source.module.clone(), names);
        }
        tree
    }

    pub(crate) fn source(&self, path: &str) -> &Source {
        self.sources.iter().find(|source| source.path == path).unwrap_or_else(|| panic!("{path} is missing"))
    }

    fn is_module(&self, path: &[String]) -> bool {
        self.sources.iter().any(|source| source.module == path)
    }

    /// A path that starts with `crate`, `self` or `super`, from the root of the crate on.
    fn absolute(&self, named: &Named) -> Option<Vec<String>> {
        let mut path = named.path.as_slice();
        let mut from = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => named.module.clone(),
            _ => return None,
        };
        while let Some(first @ ("crate" | "self" | "super")) = path.first().map(String::as_str) {
            if first == "super" {
                from.pop();
            }
            path = &path[1..];
        }
        from.extend_from_slice(path);
        Some(from)
    }

    /// The module that a path of this crate leads to; what a module passes on is followed to where it comes from.
    pub(crate) fn target(&self, named: &Named) -> Option<Vec<String>> {
        let mut path = self.absolute(named)?;
        for _ in 0..8 {
            let n_known =
                (0..=path.len()).rev().find(|n| *n == 0 || self.is_module(&path[..*n])).unwrap_or(0);
            let passed_on =
                path.get(n_known).and_then(|name| self.reexports.get(&path[..n_known])?.get(name));
            match passed_on {
                Some(origin) => path = [origin, &path[n_known + 1..]].concat(),
                None => {
                    path.truncate(n_known);
                    break;
                }
            }
        }
        Some(path)
    }
}
