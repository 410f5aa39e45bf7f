//! What a check is.

use serde::Serialize;

use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;

/// What a check is about; findings are shown by it, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    Program,
    Cargo,
    Compilers,
    Daemon,
    Store,
    Settings,
    Machine,
}

impl Group {
    /// As it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Group::Program => "program",
            Group::Cargo => "cargo",
            Group::Compilers => "compilers",
            Group::Daemon => "daemon",
            Group::Store => "store",
            Group::Settings => "settings",
            Group::Machine => "machine",
        }
    }
}

/// One question about a machine.
pub trait Check: Send + Sync {
    /// Its name: never changed, because scripts look for it.
    fn id(&self) -> &'static str;

    fn group(&self) -> Group;

    /// What it looks at, in a few words.
    fn looks_at(&self) -> &'static str;

    /// The answer. Leaves everything as it was found; what can only be told by making a file is told by one that goes.
    fn run(&self, machine: &Machine) -> Finding;
}
