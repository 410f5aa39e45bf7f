//! Whether kache's configuration is valid.

use std::path::Path;

use crate::config::Problem;
use crate::setup::doctor::check::{Check, Group};
use crate::setup::doctor::finding::{Finding, Fix};
use crate::setup::doctor::machine::Machine;
use crate::setup::plan::{Action, UndoEdit};
use crate::sys::fs;

/// See the module.
pub struct ValuesCheck;

impl Check for ValuesCheck {
    fn id(&self) -> &'static str {
        "settings"
    }

    fn group(&self) -> Group {
        Group::Settings
    }

    fn looks_at(&self) -> &'static str {
        "kache's configuration files and variables"
    }

    fn run(&self, machine: &Machine) -> Finding {
        if machine.problems.is_empty() {
            let off = machine.config.disabled.value;
            return match off {
                true => Finding::note(format!("kache is disabled by {}", machine.config.disabled.source)),
                false => Finding::ok("all settings are valid"),
            };
        }
        let said = machine.problems.iter().map(ToString::to_string);
        let n = machine.problems.len();
        let text =
            if n == 1 { "1 setting is invalid".to_owned() } else { format!("{n} settings are invalid") };
        let renamed = machine.problems.iter().find_map(rename);
        let finding = Finding::problem(text).details(said);
        let finding = finding.hint("`kache config` shows all settings and where they come from");
        match renamed {
            Some((action, question)) => finding.fix(Fix::from_actions(vec![action]).after_asking(question)),
            None => finding,
        }
    }
}

/// Renames a mistyped key. One at a time: the line number of the next is right only after this edit.
fn rename(problem: &Problem) -> Option<(Action, String)> {
    let Problem::UnknownKey { path, line, key, suggestion: Some(suggestion) } = problem else { return None };
    let (table, old) = key.rsplit_once('.')?;
    let new = suggestion.strip_prefix(table)?.strip_prefix('.')?;
    let text = String::from_utf8(fs::read(path).ok()?).ok()?;
    let (before, after) = renamed(&text, *line, old, new)?;
    let undo = UndoEdit::RestoreLines { pairs: vec![(after.1, before)] };
    let action = Action::edit("Correct the name of a setting", Path::new(path), after.0.into_bytes(), undo);
    Some((action.ok()?, format!("Rename `{key}` to `{suggestion}`?")))
}

/// The old line, and the text and the line with another key.
fn renamed(text: &str, line: usize, old: &str, new: &str) -> Option<(String, (String, String))> {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let found = *lines.get(line.checked_sub(1)?)?;
    let trimmed = found.trim_start();
    let rest = trimmed.strip_prefix(old).filter(|rest| rest.trim_start().starts_with('='))?;
    let indent = &found[..found.len() - trimmed.len()];
    let changed = format!("{indent}{new}{rest}");
    lines[line - 1] = &changed;
    Some((without_end(found), (lines.concat(), without_end(&changed))))
}

fn without_end(line: &str) -> String {
    line.trim_end_matches(['\n', '\r']).to_owned()
}
