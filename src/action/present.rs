//! The second level of the key: what a compile read, and what that is now.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::action::input_kinds::InputKind;
use crate::action::input_list::{Basis, InputList, Seen};
use crate::action::inputs::KeyInputs;
use crate::action::memo::{self, Memo};
use crate::action::portable::{Portable, Root};
use crate::action::roots::BuildDirs;
use crate::action::variables;
use crate::digest::{Digest, Hasher};
use crate::sys::env::Env;
use crate::sys::fs::{self, Identity};
use crate::sys::{defence, os};

/// Stands for all of [`InputList::quoted`] among the inputs; no variable can be called so.
pub const OTHER_WORDS: &str = "other words";

/// The possible variable names in a program, by its content.
type NamesOf<'a> = &'a dyn Fn(&Digest) -> Option<String>;

/// Looks at the present state of what input lists name. Each file is read at most once.
pub struct Present<'a> {
    build_dirs: &'a BuildDirs,
    env: &'a Env,
    memo: Option<&'a Memo>,
    assume: Option<&'a dyn Fn() -> Option<KeyInputs>>,
    assumed: OnceCell<Option<KeyInputs>>,
    names: Option<NamesOf<'a>>,
    /// By the program's content: which variables that are set it may read.
    read_by: HashMap<Digest, Option<Vec<&'a str>>>,
    loader_dirs: Vec<PathBuf>,
    /// By bytes: hashing a path takes its parts one by one.
    files: HashMap<OsString, Option<(Digest, Identity)>>,
}

impl<'a> Present<'a> {
    /// The present as seen from these places.
    pub fn new(build_dirs: &'a BuildDirs, env: &'a Env) -> Present<'a> {
        Present {
            build_dirs,
            env,
            memo: None,
            assume: None,
            assumed: OnceCell::new(),
            names: None,
            read_by: HashMap::new(),
            loader_dirs: Vec::new(),
            files: HashMap::new(),
        }
    }

    /// The same, where `memo` knows digests of files in the build directory.
    #[must_use]
    pub fn with_memo(self, memo: &'a Memo) -> Present<'a> {
        Present { memo: Some(memo), ..self }
    }

    /// The same, where lists made by rules count too; `assume` applies the rules now.
    #[must_use]
    pub fn with_rules(self, assume: &'a dyn Fn() -> Option<KeyInputs>) -> Present<'a> {
        Present { assume: Some(assume), ..self }
    }

    /// The same, where `names` knows the possible variable names in programs (`key::variable_names`).
    #[must_use]
    pub fn with_variable_names(self, names: NamesOf<'a>) -> Present<'a> {
        Present { names: Some(names), ..self }
    }

    /// The same, where the loader looks in these directories first.
    #[must_use]
    pub fn with_loader_dirs(self, loader_dirs: Vec<PathBuf>) -> Present<'a> {
        Present { loader_dirs, ..self }
    }

    /// Where a file of an input list is here.
    pub fn path(&self, file: &Portable) -> Option<PathBuf> {
        let path = os::path(&self.build_dirs.roots.expand(file)?)?;
        Some(self.build_dirs.cwd.join(path))
    }

    /// The inputs that `list` names, as they are now. `None`: one is missing or unreadable, so that no compile
    /// could have read this list.
    pub fn inputs(&mut self, list: &InputList) -> Option<KeyInputs> {
        let mut inputs = KeyInputs::default();
        if list.basis == Basis::Assumed {
            let assumed = self.assumed.get_or_init(|| self.assume.and_then(|assume| assume()));
            inputs.extend(assumed.clone()?);
        }
        let mut seen = list.seen.iter().peekable();
        let mut executables = Vec::new();
        for (index, file) in list.files.iter().enumerate() {
            let known = seen.next_if(|seen| seen.file == index);
            let path = self.path(file)?;
            let (digest, identity) = self.content(&path, known)?;
            inputs.digest(InputKind::Source, file.clone(), digest);
            executables.extend(identity.executable.then_some(file));
            // `mod foo;` is ambiguous once both spellings are there. An observed compile has recorded the failed lookup.
            if index > 0
                && list.basis == Basis::Assumed
                && let Some(sibling) = sibling_spelling(&path)
                && fs::symlink_metadata(&sibling).is_ok()
            {
                inputs.text(InputKind::Sibling, file.clone(), Portable::literal("present"));
            }
        }
        for name in &list.variables {
            inputs.variable(InputKind::Variable, name.clone(), self.variable(name).as_ref());
        }
        // That one is not set decides as well: another list need not name it.
        for name in &list.asked {
            if defence::stands("asked-variables-that-are-unset") || self.variable(name).is_some() {
                inputs.variable(InputKind::AskedVariable, name.clone(), self.variable(name).as_ref());
            }
        }
        // What none of these is set for must not be found by a list of other words.
        if defence::stands("quoted-words-that-are-unset") && !list.quoted.is_empty() {
            let words = Digest::hash(list.quoted.as_bytes());
            inputs.digest(InputKind::AskedVariable, Portable::literal(OTHER_WORDS), words);
        }
        let quoted = if defence::stands("variables-without-capitals") { &*list.quoted } else { "" };
        for name in self.set_among(quoted) {
            let name = Portable::literal(name);
            inputs.variable(InputKind::AskedVariable, name.clone(), self.variable(&name).as_ref());
        }
        for root in &list.roots {
            // A program that asks for the path may get any spelling of it, or resolve its links.
            let first = self.build_dirs.roots.value(*root)?;
            let canonical = os::path(first).and_then(|path| fs::canonical(&path).ok());
            let spellings = self.build_dirs.roots.spellings().filter(|(_, this)| this == root);
            let canonical = canonical.filter(|_| defence::stands("where-links-of-roots-lead"));
            let spellings = spellings.map(|(path, _)| path).chain(canonical.as_deref().map(os::bytes));
            let others = spellings.filter(|path| *path != first);
            let others = others.filter(|_| defence::stands("every-spelling-of-a-root"));
            let paths = [first].into_iter().chain(others).collect::<Vec<_>>().join(&b'\n');
            inputs.text(InputKind::Root, Portable::literal(root.token()), Portable::literal(paths));
        }
        let mut asking = list.asking.iter().peekable();
        for (index, file) in list.read.iter().enumerate() {
            let known = seen.next_if(|seen| seen.file == list.files.len() + index);
            let path = self.path(file)?;
            // Without a recorded state, the unit was just compiled, and others of the build read the same files of the system.
            let memo = self.memo.filter(|_| file.is_under(Root::Target) || known.is_none());
            let (digest, identity) = match memo {
                Some(memo) => self.remembered(&path, memo)?,
                None => self.content(&path, known)?,
            };
            inputs.digest(InputKind::Read, file.clone(), digest);
            executables.extend(identity.executable.then_some(file));
            if asking.next_if_eq(&&index).is_some() && defence::stands("variables-that-programs-name") {
                self.add_variables_of(&path, &digest, &mut inputs)?;
            }
        }
        self.add_libraries(list, &mut inputs);
        for file in executables.into_iter().filter(|_| list.basis == Basis::Observed) {
            inputs.text(InputKind::Executable, file.clone(), Portable::default());
        }
        for dir in list.listed.iter() {
            inputs.digest(InputKind::Listed, dir.clone(), listing(&self.path(dir)?)?);
        }
        let dirs = os::path_dirs(self.env.get("PATH"), &self.build_dirs.cwd);
        for name in &list.programs {
            let candidates = dirs.iter().map(|dir| dir.join(name));
            let mut there = candidates.filter(|path| fs::symlink_metadata(path).is_ok()).peekable();
            let first = there.peek().cloned();
            let found =
                there.find(|path| fs::metadata(path).is_ok_and(|metadata| os::may_be_run(path, &metadata)));
            // A program that looked for a file there, not for an executable, also takes one that cannot be run.
            let other = first
                .filter(|first| defence::stands("files-that-cannot-be-run") && found.as_ref() != Some(first));
            let found = found.as_ref().map_or(&b""[..], |path| os::bytes(path));
            inputs.text(InputKind::Program, Portable::literal(name), self.build_dirs.roots.tokenize(found));
            if let Some(other) = other {
                let other = self.build_dirs.roots.tokenize(os::bytes(&other));
                inputs.text(InputKind::Program, Portable::literal(name), other);
            }
        }
        for path in list.probed.iter() {
            let kind = self.build_dirs.roots.tokenize(&kind(&self.path(path)?));
            inputs.text(InputKind::Probed, path.clone(), kind);
        }
        Some(inputs)
    }

    /// Adds the variables that the program at `path`, which has this content, may read. `None`: its texts are not known,
    /// so that no compile that it took part in is.
    fn add_variables_of(&mut self, path: &Path, program: &Digest, inputs: &mut KeyInputs) -> Option<()> {
        let (env, names) = (self.env, self.names);
        let read = self
            .read_by
            .entry(*program)
            .or_insert_with(|| Some(variables::read_among(env, &names.and_then(|names| names(program))?)));
        let is_shell = path.file_name().is_some_and(|name| SHELLS.iter().any(|shell| name == *shell));
        for name in read.clone()? {
            if is_shell && name == "PWD" && !self.is_where_it_runs(name) {
                continue;
            }
            let name = Portable::literal(name);
            inputs.variable(InputKind::AskedVariable, name.clone(), self.variable(&name).as_ref());
        }
        Some(())
    }

    fn is_where_it_runs(&self, variable: &str) -> bool {
        let dir = self.env.get(variable).and_then(|dir| fs::canonical(Path::new(dir)).ok());
        dir.is_some() && dir == fs::canonical(&self.build_dirs.cwd).ok()
    }

    /// Adds the first file of each library's name where the loader looks first, if there is one.
    fn add_libraries(&self, list: &InputList, inputs: &mut KeyInputs) {
        for name in list.libraries.iter().filter(|_| !self.loader_dirs.is_empty()) {
            let mut candidates = self.loader_dirs.iter().map(|dir| dir.join(name));
            if let Some(found) = candidates.find(|path| fs::metadata(path).is_ok()) {
                let found = self.build_dirs.roots.tokenize(os::bytes(&found));
                inputs.text(InputKind::Library, Portable::literal(name), found);
            }
        }
    }

    fn variable(&self, name: &Portable) -> Option<Portable> {
        let value = os::bytes(self.env.get(os::from_bytes(name.as_bytes())?)?);
        let is_literal = std::str::from_utf8(name.as_bytes()).is_ok_and(variables::is_literal);
        Some(if is_literal { Portable::literal(value) } else { self.build_dirs.roots.tokenize(value) })
    }

    /// Which of these words are names of variables, in order.
    fn set_among(&self, words: &str) -> Vec<&str> {
        if words.is_empty() {
            return Vec::new();
        }
        let names = self.env.vars().filter_map(|(name, _)| name.to_str());
        let mut set: Vec<&str> =
            names.filter(|name| variables::may_be_quoted(name) && is_among(words, name)).collect();
        set.sort_unstable();
        set
    }

    fn content(&mut self, path: &Path, known: Option<&Seen>) -> Option<(Digest, Identity)> {
        if let Some(found) = self.files.get(path.as_os_str()) {
            return *found;
        }
        if let Some(known) = known
            && let Ok(identity) = Identity::at(path)
            && identity.numbers() == known.state
        {
            self.files.insert(path.as_os_str().to_owned(), Some((known.digest, identity)));
            return Some((known.digest, identity));
        }
        let mut found = memo::hash_file(path).ok();
        if found.is_none() && !defence::stands("what-is-gone-is-not-empty") {
            found = Some((Digest::hash(b""), Identity::at(Path::new("/")).ok()?));
        }
        self.files.insert(path.as_os_str().to_owned(), found);
        found
    }

    fn remembered(&mut self, path: &Path, memo: &Memo) -> Option<(Digest, Identity)> {
        if let Some(found) = self.files.get(path.as_os_str()) {
            return *found;
        }
        let found = memo.digest(path).ok().map(|(known, identity)| (known.digest, identity));
        self.files.insert(path.as_os_str().to_owned(), found);
        found
    }

    /// What is known of the files of `list` that stay as they are: those outside of the workspace and of the build
    /// directory, whose files are remembered there. It saves reading them again.
    pub fn seen(&self, list: &InputList) -> Vec<Seen> {
        let files = list.files.iter().chain(list.read.iter()).enumerate();
        files.filter_map(|(index, file)| self.settled(index, file)).collect()
    }

    /// What is known of the file at `index` of an input list, if it lies outside of the workspace and the build
    /// directory.
    fn settled(&self, index: usize, file: &Portable) -> Option<Seen> {
        let is_outside = file.is_under(Root::CargoHome)
            || file.is_under(Root::Home)
            || file.as_bytes().first() == Some(&b'/');
        if !is_outside {
            return None;
        }
        let (digest, identity) = self.state_of(&self.path(file)?)?;
        Seen::settled(index, identity, *digest)
    }

    /// The state of a file, if it was looked at so far.
    pub fn state_of(&self, path: &Path) -> Option<(&Digest, &Identity)> {
        let found = self.files.get(path.as_os_str())?.as_ref()?;
        Some((&found.0, &found.1))
    }

    /// The state of every file that was looked at so far.
    pub fn looked_at(&self) -> impl Iterator<Item = (&Path, &Digest, &Identity)> {
        self.files.iter().filter_map(|(path, found)| {
            found.as_ref().map(|(digest, identity)| (Path::new(path), digest, identity))
        })
    }
}

/// Programs that believe `PWD` only where it is the directory that they run in.
const SHELLS: &[&str] = &["sh", "ash", "bash", "dash", "ksh", "mksh", "zsh", "busybox", "git", "make"];

/// Whether `name` is one of the words, which are separated by spaces.
fn is_among(words: &str, name: &str) -> bool {
    memchr::memmem::find_iter(words.as_bytes(), name).any(|at| {
        let (before, after) = (&words[..at], &words[at + name.len()..]);
        (before.is_empty() || before.ends_with(' ')) && (after.is_empty() || after.starts_with(' '))
    })
}

/// The digest of the names in a directory.
fn listing(dir: &Path) -> Option<Digest> {
    let mut hasher = Hasher::new();
    for (name, kind) in fs::names(dir).ok()? {
        hasher.field(os::bytes(&name));
        hasher.field(&[kind]);
    }
    Some(hasher.finish())
}

/// What is at a path: `absent`, `file`, `directory` or `other`; of a link also where it leads.
pub fn kind(path: &Path) -> Vec<u8> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {
            let target = fs::read_link(path).unwrap_or_default();
            let behind = fs::metadata(path).map_or("absent", |metadata| kind_of(&metadata));
            [format!("link to {behind} ").as_bytes(), os::bytes(&target)].concat()
        }
        Ok(metadata) => kind_of(&metadata).as_bytes().to_vec(),
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            b"absent".to_vec()
        }
        Err(_) => b"unknown".to_vec(),
    }
}

/// What something is that is no symbolic link.
fn kind_of(metadata: &std::fs::Metadata) -> &'static str {
    match metadata.file_type() {
        kind if kind.is_file() => "file",
        kind if kind.is_dir() => "directory",
        _ => "other",
    }
}

/// The other file that `mod foo;` could mean: `foo/mod.rs` for `foo.rs`, and the reverse.
fn sibling_spelling(path: &Path) -> Option<PathBuf> {
    if path.extension()? != "rs" {
        return None;
    }
    let dir = path.parent()?;
    if path.file_name()? == "mod.rs" {
        Some(dir.with_extension("rs"))
    } else {
        Some(path.with_extension("").join("mod.rs"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_module_spelling_has_its_sibling() {
        assert_eq!(sibling_spelling(Path::new("src/a.rs")).as_deref(), Some(Path::new("src/a/mod.rs")));
        assert_eq!(sibling_spelling(Path::new("src/a/mod.rs")).as_deref(), Some(Path::new("src/a.rs")));
        assert_eq!(sibling_spelling(Path::new("data.txt")), None);
    }

    #[test]
    fn a_list_made_by_rules_counts_only_where_rules_do() {
        let build_dirs = BuildDirs {
            roots: crate::action::portable::Roots::default(),
            cwd: "/".into(),
            target: None,
            member: true,
        };
        let env = Env::with_vars(&[]);
        let list = InputList { basis: Basis::Assumed, ..InputList::default() };
        assert_eq!(Present::new(&build_dirs, &env).inputs(&list), None);
        let refuses = || None;
        assert_eq!(Present::new(&build_dirs, &env).with_rules(&refuses).inputs(&list), None);
        let mut inputs = KeyInputs::default();
        inputs.text(InputKind::PackageTree, Portable::literal("a"), Portable::literal("b"));
        let says = || Some(inputs.clone());
        assert_eq!(Present::new(&build_dirs, &env).with_rules(&says).inputs(&list), Some(inputs.clone()));
    }

    #[test]
    fn variable_counts_where_a_program_names_it_and_it_is_set() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let program = dir.path().join("tool");
        fs::write_new(&program, b"content").expect("writes");
        let roots = crate::action::portable::Roots::default();
        let build_dirs = BuildDirs { roots, cwd: "/".into(), target: None, member: true };
        let list = InputList {
            read: [Portable::literal(os::bytes(&program))].into_iter().collect(),
            asking: vec![0],
            ..InputList::default()
        };
        let names = |digest: &Digest| (*digest == Digest::hash(b"content")).then(|| "useFLAVORor".to_owned());
        let n_asked = |vars: &[(&str, &str)]| {
            let env = Env::with_vars(vars);
            let inputs =
                Present::new(&build_dirs, &env).with_variable_names(&names).inputs(&list).expect("is there");
            inputs.iter().filter(|input| input.kind == InputKind::AskedVariable).count()
        };
        assert_eq!((n_asked(&[]), n_asked(&[("OTHER", "1"), ("TERM", "1")])), (0, 0));
        assert_eq!(n_asked(&[("FLAVOR", "1"), ("OTHER", "1")]), 1);
        // Of a program whose texts are not known nothing is.
        let env = Env::with_vars(&[]);
        assert_eq!(Present::new(&build_dirs, &env).inputs(&list), None);
    }

    #[test]
    fn library_counts_where_a_directory_of_the_loader_has_it() {
        let dir = tempfile::tempdir().expect("temporary directory");
        fs::write_new(&dir.path().join("libz.so.1"), b"").expect("writes");
        let roots = crate::action::portable::Roots::default();
        let build_dirs = BuildDirs { roots, cwd: "/".into(), target: None, member: true };
        let env = Env::with_vars(&[]);
        let n_found = |name: &str, dirs: &[&Path]| {
            let list = InputList { libraries: vec![name.to_owned()], ..InputList::default() };
            let dirs = dirs.iter().map(|dir| dir.to_path_buf()).collect();
            let inputs =
                Present::new(&build_dirs, &env).with_loader_dirs(dirs).inputs(&list).expect("is known");
            inputs.iter().count()
        };
        assert_eq!(n_found("libz.so.1", &[dir.path()]), 1);
        assert_eq!((n_found("libz.so.1", &[]), n_found("libc.so.6", &[dir.path()])), (0, 0));
    }

    #[test]
    fn a_listing_is_of_names_and_not_of_content() {
        let dir = tempfile::tempdir().expect("temporary directory");
        fs::write_new(&dir.path().join("a"), b"1").expect("writes");
        let before = listing(dir.path());
        fs::remove(&dir.path().join("a")).expect("removes");
        fs::write_new(&dir.path().join("a"), b"2").expect("writes");
        assert_eq!(listing(dir.path()), before);
        fs::write_new(&dir.path().join("b"), b"2").expect("writes");
        assert_ne!(listing(dir.path()), before);
        assert_eq!(kind(&dir.path().join("a")), b"file");
        assert_eq!(kind(&dir.path().join("a/x")), b"absent");
        assert_eq!(listing(&dir.path().join("c")), None);
    }
}
