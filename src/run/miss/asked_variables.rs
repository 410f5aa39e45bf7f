//! Which variables a compile may have asked for. Reading a variable cannot be observed, so every possible name in what
//! the compile read counts. If it was not observed what a procedural macro read, so does every name in the texts of the
//! package and its `OUT_DIR` that the macro could have read, up to some size.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use crate::action::input_list::InputList;
use crate::action::memo::{Memo, is_crate_file};
use crate::action::observed::{ObservationContext, ObservedInputs};
use crate::action::portable::Portable;
use crate::action::snapshot::InputSnapshot;
use crate::action::variables;
use crate::digest::Digest;
use crate::key::context::{KeyContext, KnownContents};
use crate::key::depinfo::DepInfo;
use crate::key::unit::UnitKey;
use crate::key::{linker, variable_names};
use crate::outcome::Unstored;
use crate::sys::{fs, os};

/// The size up to which a file is taken for a script or template.
const MOST_TEXT_BYTES: u64 = 256 << 10;

/// How much is read of one package; the rest is taken for data.
const MOST_READABLE_BYTES: usize = 4 << 20;

/// Names of variables.
#[derive(Debug, Default)]
pub struct Names {
    asked: BTreeSet<String>,
    /// See [`InputList::quoted`].
    quoted: BTreeSet<String>,
}

impl Names {
    /// Those that macros in these sources could ask for.
    pub fn add_sources(&mut self, context: &KeyContext<'_>, dep_info: &DepInfo) -> Result<(), Unstored> {
        // With this option the compiled crates are among them.
        let lists_crates = context.invocation.has_unstable("binary-dep-depinfo");
        let files = dep_info.files.iter().filter_map(|file| os::path(file));
        for path in files.filter(|path| !(lists_crates && is_crate_file(path))) {
            let path = context.build_dirs.cwd.join(path);
            self.add_text(&fs::read(&path).map_err(|e| unknown(&path, &e))?);
        }
        Ok(())
    }

    /// Those in what else was read, where a macro may have filled them in, or a program that it started: a script, what
    /// that draws in, and what is a script by being an argument of a shell.
    pub fn add_texts(
        &mut self,
        unit: &UnitKey,
        observed_inputs: &ObservedInputs,
        sources: &[PathBuf],
    ) -> Result<(), Unstored> {
        let mut asks = unit.runs_macros;
        for path in &observed_inputs.started {
            asks |=
                !linker::is_standard(path) || fs::starts_with(path, b"#!").map_err(|e| unknown(path, &e))?;
        }
        let texts = observed_inputs.read.iter().filter(|(path, _)| asks && !sources.contains(path));
        for (path, _) in texts.filter(|(_, identity)| identity.size <= MOST_TEXT_BYTES) {
            let text = fs::read(path).map_err(|e| unknown(path, &e))?;
            if !text.contains(&0) {
                self.add_text(&text);
            }
        }
        Ok(())
    }

    /// Those in files that macros may have read, where nobody saw whether they did. There are many such words, so they
    /// only count while there is a variable of that name.
    pub fn add_readable(&mut self, readable: &InputSnapshot) -> Result<(), Unstored> {
        let mut n_left = MOST_READABLE_BYTES;
        for (path, _) in readable.present().filter(|(_, state)| state.size <= MOST_TEXT_BYTES) {
            // Directories are among them, and what became one meanwhile is noticed as a change.
            let Some(text) = fs::metadata(path).is_ok_and(|it| it.is_file()).then(|| fs::read(path)) else {
                continue;
            };
            let text = text.map_err(|e| unknown(path, &e))?;
            n_left = n_left.saturating_sub(text.len());
            if n_left == 0 {
                break;
            }
            if !text.contains(&0) {
                let words = variables::capital_words(&text).chain(variables::quoted_words(&text));
                self.quoted.extend(words.map(str::to_owned));
            }
        }
        Ok(())
    }

    fn add_text(&mut self, text: &[u8]) {
        self.asked.extend(variables::capital_words(text).map(str::to_owned));
        self.quoted.extend(variables::quoted_words(text).map(str::to_owned));
    }

    /// What says where temporary files are, if something that lies there decided.
    pub fn add_temporary(&mut self, setting: &ObservationContext, observed_inputs: &ObservedInputs) {
        if observed_inputs.is_in_temporary(setting) {
            self.asked.extend(TEMPORARY_VARIABLES.iter().copied().map(str::to_owned));
        }
    }

    /// What any program asks for to order and write texts, if one was started that is none of a linker.
    pub fn add_locale(&mut self, observed_inputs: &ObservedInputs) {
        if observed_inputs.started.iter().any(|path| !linker::is_standard(path)) {
            self.asked.extend(LOCALE_VARIABLES.iter().copied().map(str::to_owned));
        }
    }

    /// What git asks for, if it was started: where the repository is, and settings.
    pub fn add_git(&mut self, context: &KeyContext<'_>, observed_inputs: &ObservedInputs) {
        if observed_inputs.started.iter().any(|path| path.file_stem().is_some_and(|stem| stem == "git")) {
            self.asked.extend(GIT_VARIABLES.iter().copied().map(str::to_owned));
            let set = context.env.vars().filter_map(|(name, _)| name.to_str());
            self.asked.extend(set.filter(|name| name.starts_with("GIT_")).map(str::to_owned));
        }
    }

    /// The list with these names.
    pub fn added_to(self, list: InputList) -> InputList {
        let quoted: Vec<String> = self.quoted.into_iter().collect();
        InputList {
            asked: self.asked.iter().map(Portable::literal).collect(),
            quoted: quoted.join(" "),
            ..list
        }
    }
}

/// Programs that were started, and their libraries, as far as it is not known otherwise what they ask for; with the
/// texts in them.
pub struct Programs<'a> {
    known: &'a dyn KnownContents,
    paths: Vec<PathBuf>,
    /// Texts that were not known yet, by the program's content.
    new: HashMap<Digest, String>,
}

impl<'a> Programs<'a> {
    /// Those of a compile.
    pub fn of(
        context: &'a KeyContext<'_>,
        setting: &ObservationContext,
        observed_inputs: &ObservedInputs,
    ) -> Result<Programs<'a>, Unstored> {
        let mut programs = Programs { known: context.known, paths: Vec::new(), new: HashMap::new() };
        let mut texts = String::new();
        for path in observed_inputs.started.iter().filter(|path| !linker::is_standard(path)) {
            if !fs::starts_with(path, b"#!").map_err(|e| unknown(path, &e))? {
                texts += &programs.add(context.memo, path)?;
            }
        }
        let mut waiting: Vec<&Path> = observed_inputs.loaded(setting).collect();
        // A linker reads libraries as well. Those that are loaded are named by what loads them.
        while let Some(at) =
            waiting.iter().position(|path| !programs.paths.is_empty() && is_named(path, setting, &texts))
        {
            texts += &programs.add(context.memo, waiting.swap_remove(at))?;
        }
        Ok(programs)
    }

    fn add(&mut self, memo: &Memo, path: &Path) -> Result<String, Unstored> {
        let (program, _) = memo.digest(path).map_err(|e| unknown(path, &e))?;
        self.paths.push(path.to_owned());
        if let Some(names) = self.names(&program.digest) {
            return Ok(names);
        }
        let names = variable_names::names_in(&fs::read(path).map_err(|e| unknown(path, &e))?);
        self.new.insert(program.digest, names.clone());
        Ok(names)
    }

    /// The texts in the program with this content.
    pub fn names(&self, program: &Digest) -> Option<String> {
        self.new.get(program).cloned().or_else(|| self.known.program_variable_names(program))
    }

    /// Where they are.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter().map(PathBuf::as_path)
    }

    /// What was not known yet.
    pub fn into_new(self) -> Vec<(Digest, String)> {
        self.new.into_iter().collect()
    }
}

/// Whether a library may be loaded by a program with these texts.
fn is_named(path: &Path, setting: &ObservationContext, texts: &str) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let word = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
    !setting.linked || texts.contains(word)
}

fn unknown(path: &Path, error: &io::Error) -> Unstored {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "it was read and is gone".to_owned(),
        _ => error.to_string(),
    };
    Unstored::InputsUnknown(format!("{}: {why}", path.display()))
}

/// The language, the order of letters, the form of numbers and dates, and the time zone.
const LOCALE_VARIABLES: &[&str] = &[
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_MESSAGES",
    "LC_MONETARY",
    "LC_NUMERIC",
    "LC_TIME",
    "TZ",
];

/// Where programs put temporary files.
pub const TEMPORARY_VARIABLES: &[&str] = &["TMPDIR", "TMP", "TEMP"];

/// What decides which repository git looks at and what it says of that. Any other of its variables counts if it is set.
const GIT_VARIABLES: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_SYSTEM",
    "GIT_DIR",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_WORK_TREE",
];
