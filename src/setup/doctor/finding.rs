//! What a check found, and what can be done about it.

use std::path::PathBuf;

use serde::Serialize;

use crate::setup::plan::Action;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Ok,
    /// Nothing is wrong, but a reader should know.
    Note,
    Problem,
}

/// What a check found.
#[derive(Debug)]
pub struct Finding {
    pub level: Severity,
    /// One line.
    pub text: String,
    pub details: Vec<String>,
    /// What to do.
    pub hint: Option<String>,
    pub fix: Option<Fix>,
}

/// What `--fix` does about a finding.
#[derive(Debug, Default)]
pub struct Fix {
    /// Asked before it is done, if people may want it otherwise.
    pub question: Option<String>,
    pub actions: Vec<Action>,
    /// Work on kache's own files, which needs no undo.
    pub upkeep: Vec<MaintenanceTask>,
    /// What a person has to do, shown after everything else.
    pub by_hand: Vec<String>,
}

/// Work on kache's own files and processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaintenanceTask {
    /// Rebuild the index from the store.
    RebuildIndex,
    /// Evict entries until the store is within its limit.
    CollectGarbage,
    /// Quarantine blobs that are not what was stored.
    SetAltered,
    /// Remove leftovers of kache.
    Remove(Vec<PathBuf>),
    /// Remove the socket that a crashed daemon left.
    ClearTraces,
    /// Terminate an unreachable daemon.
    EndProcess(u32),
    /// Stop a daemon that was started on demand.
    EndOnDemand,
    /// Switch the daemon to this build.
    HandOver,
    /// Make the daemon reload its configuration.
    ReadSettings,
}

impl MaintenanceTask {
    /// What it does, for people.
    pub fn title(&self) -> String {
        match self {
            MaintenanceTask::RebuildIndex => "Rebuild the index from the store".to_owned(),
            MaintenanceTask::CollectGarbage => "Evict entries until the store is within its limit".to_owned(),
            MaintenanceTask::SetAltered => "Quarantine altered blobs".to_owned(),
            MaintenanceTask::ClearTraces => "Remove the socket that an earlier daemon left".to_owned(),
            MaintenanceTask::EndProcess(pid) => format!("Terminate process {pid}, an unreachable daemon"),
            MaintenanceTask::EndOnDemand => "Stop the daemon that was started on demand".to_owned(),
            MaintenanceTask::ReadSettings => "Make the daemon reload its configuration".to_owned(),
            MaintenanceTask::HandOver => "Switch the daemon to this build".to_owned(),
            MaintenanceTask::Remove(paths) => {
                let shown = paths.iter().map(|path| format!("\n    {}", path.display()));
                format!("Remove leftovers of kache:{}", shown.collect::<String>())
            }
        }
    }
}

impl Fix {
    /// Actions that need no question.
    pub fn from_actions(actions: Vec<Action>) -> Fix {
        Fix { actions, ..Fix::default() }
    }

    /// Work on what is kache's own.
    pub fn from_upkeep(upkeep: MaintenanceTask) -> Fix {
        Fix { upkeep: vec![upkeep], ..Fix::default() }
    }

    /// The same after a question.
    pub fn after_asking(self, question: impl Into<String>) -> Fix {
        Fix { question: Some(question.into()), ..self }
    }

    /// Whether it would do anything.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.upkeep.is_empty()
    }
}

impl Finding {
    fn new(level: Severity, text: impl Into<String>) -> Finding {
        Finding { level, text: text.into(), details: Vec::new(), hint: None, fix: None }
    }

    /// No problems found.
    pub fn ok(text: impl Into<String>) -> Finding {
        Finding::new(Severity::Ok, text)
    }

    /// Something that a reader should know.
    pub fn note(text: impl Into<String>) -> Finding {
        Finding::new(Severity::Note, text)
    }

    /// Something is wrong.
    pub fn problem(text: impl Into<String>) -> Finding {
        Finding::new(Severity::Problem, text)
    }

    /// The same with more lines.
    pub fn details(mut self, details: impl IntoIterator<Item = String>) -> Finding {
        self.details.extend(details);
        self
    }

    /// The same with advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Finding {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a fix, unless that does nothing.
    pub fn fix(mut self, fix: Fix) -> Finding {
        self.fix = Some(fix).filter(|fix| !fix.is_empty());
        self
    }
}
