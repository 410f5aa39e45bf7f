//! Formats findings for people and for programs.

use serde::Serialize;

use crate::config::Source;
use crate::report::words::counted;
use crate::setup::doctor::check::Group;
use crate::setup::doctor::examine::Examined;
use crate::setup::doctor::finding::{MaintenanceTask, Severity};
use crate::setup::doctor::machine::Machine;
use crate::setup::plan::show::{ShownAction, shown};
use crate::sys::{dirs, fs};

/// A finding for programs.
#[derive(Serialize)]
pub struct Row {
    pub id: &'static str,
    pub group: Group,
    pub looks_at: &'static str,
    pub level: Severity,
    pub text: String,
    pub details: Vec<String>,
    pub hint: Option<String>,
    /// Whether `--fix` can do something about it.
    pub is_fixable: bool,
    /// What that is, as changes of the machine.
    pub fix: Vec<ShownAction>,
    /// What that is, as work on what is kache's own; for people.
    pub upkeep: Vec<String>,
    pub took_ms: u64,
}

/// The findings for programs.
pub fn rows(examined: &[Examined]) -> Vec<Row> {
    examined.iter().map(row).collect()
}

fn row(examined: &Examined) -> Row {
    let Examined { check, finding, took } = examined;
    Row {
        id: check.id(),
        group: check.group(),
        looks_at: check.looks_at(),
        level: finding.level,
        text: finding.text.clone(),
        details: finding.details.clone(),
        hint: finding.hint.clone(),
        is_fixable: finding.fix.is_some(),
        fix: finding.fix.iter().flat_map(|fix| &fix.actions).map(shown).collect(),
        upkeep: finding.fix.iter().flat_map(|fix| &fix.upkeep).map(MaintenanceTask::title).collect(),
        took_ms: took.as_millis() as u64,
    }
}

/// The findings for people: one line each, by group. Notes and problems are followed by their details and hints.
pub fn text(examined: &[Examined]) -> String {
    let mut text = String::new();
    let mut groups: Vec<Group> = examined.iter().map(|one| one.check.group()).collect();
    groups.sort();
    groups.dedup();
    for group in groups {
        text += &format!("{}{}\n", if text.is_empty() { "" } else { "\n" }, group.name());
        for one in examined.iter().filter(|one| one.check.group() == group) {
            text += &lines(one);
        }
    }
    text
}

fn lines(one: &Examined) -> String {
    let finding = &one.finding;
    let word = match finding.level {
        Severity::Ok => "ok",
        Severity::Note => "note",
        Severity::Problem => "PROBLEM",
    };
    let mut text = format!("  {word:<8} {:<16} {}\n", one.check.id(), finding.text);
    if finding.level == Severity::Ok {
        return text;
    }
    let hint = finding.hint.iter().map(|hint| format!("hint: {hint}"));
    let fix = finding.fix.iter().map(|_| "fix: `kache doctor --fix`".to_owned());
    for more in finding.details.iter().cloned().chain(hint).chain(fix) {
        for line in more.lines() {
            text += format!("             {line}").trim_end();
            text.push('\n');
        }
    }
    text
}

/// The attachment for a bug report: all findings and the settings that differ from the defaults, without names of the
/// user, the home directory and the project.
pub fn report(examined: &[Examined], machine: &Machine) -> String {
    let mut text = format!("```text\n{}\n{}", self::text(examined), summary(examined));
    let own: Vec<String> = machine
        .config
        .rows()
        .iter()
        .filter(|row| *row.source != Source::Default && row.name != SALT)
        .map(|row| format!("  {} = {} (from {})\n", row.name, row.value, row.source))
        .collect();
    if !own.is_empty() {
        text += &format!("\nsettings\n{}", own.concat());
    }
    text += "```\n";
    redacted(&text, machine)
}

/// A secret of those who share a store.
const SALT: &str = "cache.key_salt";

/// `text` without the paths and the name of its user.
fn redacted(text: &str, machine: &Machine) -> String {
    let mut text = text.to_owned();
    let home = dirs::home(&machine.env);
    let real_home = home.as_ref().and_then(|home| fs::canonical(home).ok());
    // The project may be in the home.
    let project = Some(machine.cwd.clone()).filter(|cwd| Some(cwd) != home.as_ref());
    for (path, name) in [(project, "<project>"), (home, "~"), (real_home, "~")] {
        // Of `/` nothing would be left.
        if let Some(path) = path.filter(|path| path.components().count() > 1) {
            text = text.replace(&*path.to_string_lossy(), name);
        }
    }
    for name in ["USER", "LOGNAME", "USERNAME"] {
        // A name of one or two letters is in every word.
        if let Some(user) = machine.var(name).filter(|user| user.len() > 2) {
            text = text.replace(&user, "<user>");
        }
    }
    text
}

/// The result in one sentence.
pub fn summary(examined: &[Examined]) -> String {
    match (count(examined, Severity::Problem), count(examined, Severity::Note)) {
        (0, 0) => "No problems found.\n".to_owned(),
        (0, n_notes) => format!("No problems found; {} to read.\n", counted(n_notes, "note")),
        (n_problems, _) => format!("{} found.\n", counted(n_problems, "problem")),
    }
}

fn count(examined: &[Examined], level: Severity) -> usize {
    examined.iter().filter(|one| one.finding.level == level).count()
}

/// Whether there is a problem.
pub fn has_problem(examined: &[Examined]) -> bool {
    examined.iter().any(|one| one.finding.level == Severity::Problem)
}
