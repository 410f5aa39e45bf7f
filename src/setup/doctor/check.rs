//! What a check is.

use serde::Serialize;

use crate::setup::doctor::finding::Finding;
use crate::setup::doctor::machine::Machine;

/// The subject of a check. Findings are shown by subject, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// Its name in the output.
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
    /// Its name. It never changes, because scripts rely on it.
    fn id(&self) -> &'static str;

    fn group(&self) -> Group;

    /// What it checks, in a few words.
    fn looks_at(&self) -> &'static str;

    /// Runs the check. It changes nothing; if it needs a file to find something out, it removes that again.
    fn run(&self, machine: &Machine) -> Finding;
}
