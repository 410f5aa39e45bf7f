//! Variables that no file holds: macOS keeps those of a session in launchd, Windows those of users in its registry. Its
//! own programs are asked, and what they print is read here, on every system.

use crate::setup::plan::{Action, CommandLine};

/// Asks a program with arguments; what it printed, if it ended well.
pub type AskProgram<'a> = &'a dyn Fn(&str, &[&str]) -> Option<String>;

/// One variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptVariable {
    pub keeper: VariableSource,
    pub name: String,
    pub value: String,
}

/// Who keeps a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableSource {
    Launchd,
    /// The registry, for this user.
    User {
        /// The type that the registry gives the value.
        kind: String,
    },
    /// The registry, for all users.
    Machine,
}

const OF_USER: &str = "HKCU\\Environment";
const OF_MACHINE: &str = "HKLM\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment";

/// The variables that the system called `os` keeps, where it has to be asked for each by its name: those of `names`.
pub fn look(os: &str, names: &[&'static str], ask: AskProgram<'_>) -> Vec<KeptVariable> {
    match os {
        "macos" => {
            let mut found = Vec::new();
            for name in names {
                let printed = ask("launchctl", &["getenv", name]).unwrap_or_default();
                let value = printed.trim_end_matches(['\r', '\n']).to_owned();
                if !value.is_empty() {
                    found.push(KeptVariable {
                        keeper: VariableSource::Launchd,
                        name: (*name).to_owned(),
                        value,
                    });
                }
            }
            found
        }
        "windows" => {
            let user = ask("reg", &["query", OF_USER]).unwrap_or_default();
            let machine = ask("reg", &["query", OF_MACHINE]).unwrap_or_default();
            let mut found = parse_registry(&user, |kind| VariableSource::User { kind: kind.to_owned() });
            found.extend(parse_registry(&machine, |_| VariableSource::Machine));
            found
        }
        _ => Vec::new(),
    }
}

/// What `reg query` printed: a line for each value, with four blanks between its name, its type and itself.
fn parse_registry(printed: &str, keeper: impl Fn(&str) -> VariableSource) -> Vec<KeptVariable> {
    let values = printed.lines().filter_map(|line| {
        let mut parts = line.strip_prefix("    ")?.splitn(3, "    ");
        let (name, kind, value) = (parts.next()?, parts.next()?, parts.next()?);
        let (name, value) = (name.to_owned(), value.trim_end().to_owned());
        kind.starts_with("REG_").then(|| KeptVariable { keeper: keeper(kind), name, value })
    });
    values.collect()
}

impl KeptVariable {
    /// As people look for it.
    pub fn shown(&self) -> String {
        let name = &self.name;
        match self.keeper {
            VariableSource::Launchd => format!("the variable {name} that launchd keeps"),
            VariableSource::User { .. } => format!("the variable {name} of this user in the registry"),
            VariableSource::Machine => format!("the variable {name} of all users in the registry"),
        }
    }

    /// What unsets it.
    fn removal(&self) -> CommandLine {
        let key = match self.keeper {
            VariableSource::Launchd => return CommandLine::new("launchctl", &["unsetenv", &self.name]),
            VariableSource::User { .. } => OF_USER,
            VariableSource::Machine => OF_MACHINE,
        };
        CommandLine::new("reg", &["delete", key, "/v", &self.name, "/f"])
    }

    /// Unsets it; `None` if it is not this user's.
    pub fn unset(&self) -> Option<Action> {
        let undo = match &self.keeper {
            VariableSource::Launchd => CommandLine::new("launchctl", &["setenv", &self.name, &self.value]),
            VariableSource::User { kind } => {
                let (name, value) = (self.name.as_str(), self.value.as_str());
                CommandLine::new("reg", &["add", OF_USER, "/v", name, "/t", kind, "/d", value, "/f"])
            }
            VariableSource::Machine => return None,
        };
        Some(Action::run(format!("Unset {}", self.shown()), self.removal(), Some(undo)))
    }

    /// How a person unsets it.
    pub fn by_hand(&self) -> String {
        let command = self.removal();
        match self.keeper {
            VariableSource::Machine => {
                format!("{} can be removed by an administrator: {command}", self.shown())
            }
            _ => format!("{} has no effect without sccache; it is removed with: {command}", self.shown()),
        }
    }
}
