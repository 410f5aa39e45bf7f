//! Formats findings for people and for programs.

use serde::Serialize;

use crate::config::Source;
use crate::report::text::{Mark, Style, Text};
use crate::report::words::counted;
use crate::setup::doctor::check::Group;
use crate::setup::doctor::examine::Examined;
use crate::setup::doctor::finding::{MaintenanceTask, Severity};
use crate::setup::doctor::machine::Machine;
use crate::setup::plan::show::{ShownAction, shown};
use crate::sys::{dirs, fs};

/// A finding for programs.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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

/// All findings for people, as plain text.
pub fn text(examined: &[Examined]) -> String {
    verbose(examined).plain()
}

/// The findings for people: one line each, by group. Notes and problems are followed by their details and hints.
pub fn verbose(examined: &[Examined]) -> Text {
    let mut text = Text::new();
    for (group, examined) in by_group(examined) {
        text.push(if text.is_empty() { "" } else { "\n" });
        text.push_styled(Style::Heading, group.name());
        text.push("\n");
        for one in examined {
            text.append(lines(one));
        }
    }
    text
}

/// The findings for people: one line for each group, followed by its notes and problems.
pub fn brief(examined: &[Examined]) -> Text {
    let mut text = Text::new();
    for (group, examined) in by_group(examined) {
        let worst = examined.iter().map(|one| one.finding.level).max().unwrap_or(Severity::Ok);
        text.push_mark(mark(worst));
        text.push_styled(Style::Heading, format!("{:<10}", group.name()));
        text.push(format!(" {}", counted(examined.len(), "check")));
        for (level, word) in [(Severity::Problem, "problem"), (Severity::Note, "note")] {
            let n = examined.iter().filter(|one| one.finding.level == level).count();
            if n > 0 {
                text.push(format!(", {}", counted(n, word)));
            }
        }
        text.push("\n");
        for one in examined.into_iter().filter(|one| one.finding.level != Severity::Ok) {
            text.append(lines(one));
        }
    }
    text
}

/// The groups in order, each with its findings.
fn by_group(examined: &[Examined]) -> Vec<(Group, Vec<&Examined>)> {
    let mut groups: Vec<Group> = examined.iter().map(|one| one.check.group()).collect();
    groups.sort();
    groups.dedup();
    let mut by_group = Vec::new();
    for group in groups {
        by_group.push((group, examined.iter().filter(|one| one.check.group() == group).collect()));
    }
    by_group
}

fn mark(level: Severity) -> Mark {
    match level {
        Severity::Ok => Mark::Ok,
        Severity::Note => Mark::Note,
        Severity::Problem => Mark::Problem,
    }
}

fn lines(one: &Examined) -> Text {
    let finding = &one.finding;
    let mut text = Text::from("  ");
    text.push_mark(mark(finding.level));
    text.push(format!(" {:<16} {}\n", one.check.id(), finding.text));
    if finding.level == Severity::Ok {
        return text;
    }
    for detail in &finding.details {
        text.append(indented(Style::Plain, "", detail));
    }
    if let Some(hint) = &finding.hint {
        text.append(indented(Style::Hint, "hint:", hint));
    }
    if finding.fix.is_some() {
        text.append(indented(Style::Hint, "fix:", "`kache doctor --fix`"));
    }
    text
}

/// Lines below a finding, the first with a label.
fn indented(style: Style, label: &str, lines: &str) -> Text {
    let mut text = Text::new();
    for (index, line) in lines.lines().enumerate() {
        let label = if index == 0 { label } else { "" };
        let blank = if label.is_empty() { "" } else { " " };
        if label.is_empty() && line.trim_end().is_empty() {
            text.push("\n");
            continue;
        }
        text.push("             ");
        text.push_styled(style, label);
        text.push(format!("{blank}{}\n", line.trim_end()));
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
    summary_text(examined).plain()
}

/// The result in one sentence, in its style.
pub fn summary_text(examined: &[Examined]) -> Text {
    let mut text = Text::new();
    let style = if has_problem(examined) { Style::Error } else { Style::Ok };
    text.push_styled(style, sentence(examined));
    text
}

fn sentence(examined: &[Examined]) -> String {
    match (count(examined, Severity::Problem), count(examined, Severity::Note)) {
        (0, 0) => "No problems found.\n".to_owned(),
        (0, n_notes) => format!("No problems found, {}.\n", counted(n_notes, "note")),
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
