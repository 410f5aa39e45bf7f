//! A setting: a value and its source. Also the problems of a configuration.

use std::fmt;
use std::path::PathBuf;

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The effective value.
    pub value: T,
    /// Where it was set. For a list that both files add to: where the project adds to it.
    pub source: Source,
}

impl<T> Setting<T> {
    /// The same source with another value.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Setting<U> {
        Setting { value: change(self.value), source: self.source }
    }
}

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is not set anywhere.
    Default,
    /// In the environment variable of this name.
    Env(&'static str),
    /// On this line, counted from 1, of a configuration file.
    File {
        /// The file, as it was looked for.
        path: PathBuf,
        /// The line of the value.
        line: usize,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::Env(name) => f.write_str(name),
            Source::File { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}

/// How much of a path may differ between two trees that share artifacts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathsMode {
    /// Portable between the checkouts of this machine; between machines as well where a remote is configured.
    #[default]
    Auto,
    /// Registry, git and toolchain paths are mapped too.
    Portable,
    /// Nothing is mapped: real paths are part of the key.
    Exact,
}

impl PathsMode {
    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<PathsMode> {
        [PathsMode::Auto, PathsMode::Portable, PathsMode::Exact].into_iter().find(|mode| mode.name() == name)
    }

    /// The name as it is written in a file.
    pub fn name(self) -> &'static str {
        match self {
            PathsMode::Auto => "auto",
            PathsMode::Portable => "portable",
            PathsMode::Exact => "exact",
        }
    }
}

/// Whether compiles are observed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Observe {
    /// Where the system allows it.
    #[default]
    Auto,
    /// Never: what a compile reads is taken from its dep-info, and from rules for what dep-info does not list.
    Off,
}

impl Observe {
    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<Observe> {
        [Observe::Auto, Observe::Off].into_iter().find(|mode| mode.name() == name)
    }

    /// The name as it is written in a file.
    pub fn name(self) -> &'static str {
        match self {
            Observe::Auto => "auto",
            Observe::Off => "off",
        }
    }
}

/// Whether edits are compiled incrementally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Incremental {
    /// Where a source was changed that the build directory was built from. Such a compile is not stored.
    #[default]
    Auto,
    /// Never: every compile is stored.
    Off,
    /// Everything that cargo wants compiled incrementally and that the store does not have. Nothing of it is stored.
    On,
}

impl Incremental {
    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<Incremental> {
        let all = [Incremental::Auto, Incremental::Off, Incremental::On];
        all.into_iter().find(|mode| mode.name() == name)
    }

    /// The name as it is written in a file.
    pub fn name(self) -> &'static str {
        match self {
            Incremental::Auto => "auto",
            Incremental::Off => "off",
            Incremental::On => "on",
        }
    }
}

/// Whether what is compiled is put into the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Write {
    /// It is.
    #[default]
    On,
    /// The store is only read.
    Off,
}

impl Write {
    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<Write> {
        [Write::On, Write::Off].into_iter().find(|mode| mode.name() == name)
    }

    /// The name as it is written in a file.
    pub fn name(self) -> &'static str {
        match self {
            Write::On => "on",
            Write::Off => "off",
        }
    }
}

/// Whether a file of the store may be one file with an output in a build directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// Where files cannot be cloned, and nothing changes an output of that kind in place.
    #[default]
    Auto,
    /// Never: outputs are clones or copies.
    Off,
}

impl Links {
    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<Links> {
        [Links::Auto, Links::Off].into_iter().find(|mode| mode.name() == name)
    }

    /// The name as it is written in a file.
    pub fn name(self) -> &'static str {
        match self {
            Links::Auto => "auto",
            Links::Off => "off",
        }
    }
}

/// A part of the configuration that is invalid and was ignored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A file exists, or was named, but cannot be read.
    #[error("{}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said, or which limit it is over.
        why: String,
    },
    /// A file is not valid TOML, so all of it is ignored.
    #[error("{}:{line}: {why}", path.display())]
    Unparsable {
        /// The file.
        path: PathBuf,
        /// The line of the syntax error.
        line: usize,
        /// What the parser expected.
        why: String,
    },
    /// A key that is not a setting.
    #[error("{}:{line}: unknown key `{key}`{}", path.display(), did_you_mean(*suggestion))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The line of the key.
        line: usize,
        /// The whole key, with dots; shortened.
        key: String,
        /// The whole key of a setting with a similar name.
        suggestion: Option<&'static str>,
    },
    /// A value that its setting does not accept.
    #[error("{}invalid {key} {found}: expected {accepts}", in_file(place))]
    BadValue {
        /// Where it was set; never [`Source::Default`].
        place: Source,
        /// The whole key, or the name of the variable.
        key: &'static str,
        /// The value as written, shortened.
        found: String,
        /// What the setting accepts, for people.
        accepts: &'static str,
    },
    /// A project's file that another user has put there.
    #[error("{}: ignored, because it belongs neither to you nor to the owner of the project", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A setting that is not allowed in a repository.
    #[error("{}:{line}: `{key}` is only allowed in the user's configuration, not in a project", path.display())]
    NotForProjects {
        /// The file.
        path: PathBuf,
        /// The line of the value.
        line: usize,
        /// The whole key.
        key: &'static str,
    },
}

impl Problem {
    /// Whether a whole file is lost, with settings in it that nobody can know.
    pub fn loses_file(&self) -> bool {
        matches!(self, Problem::Unreadable { .. } | Problem::Unparsable { .. })
    }

    /// Whether something that decides keys may be lost: without it, wrong artifacts could be served.
    pub fn loses_key(&self) -> bool {
        match self {
            Problem::BadValue { key, .. } => decides_keys(key),
            Problem::UnknownKey { suggestion, .. } => suggestion.is_some_and(decides_keys),
            _ => self.loses_file(),
        }
    }
}

fn decides_keys(key: &str) -> bool {
    ["cache.key_salt", "cache.key_env_vars", "KACHE_KEY_SALT", "KACHE_CONFIG"].contains(&key)
}

fn did_you_mean(suggestion: Option<&str>) -> String {
    suggestion.map(|key| format!("; did you mean `{key}`?")).unwrap_or_default()
}

/// The file and the line as a prefix; nothing for a variable, whose name is its key.
fn in_file(place: &Source) -> String {
    match place {
        Source::Env(_) => String::new(),
        Source::Default | Source::File { .. } => format!("{place}: "),
    }
}

/// `text` for a message: short, and without control characters.
pub(super) fn shortened(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", text[..end].escape_debug()),
        None => text.escape_debug().to_string(),
    }
}

/// `text` in quotes, made fit for a message in the same way.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", shortened(text))
}
