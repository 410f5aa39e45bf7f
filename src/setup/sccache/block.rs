//! Which lines of YAML and JSON can be removed so that the rest stays valid.

use std::collections::BTreeSet;

use crate::setup::sccache::assignment::Assignment;

/// Mappings that may be removed as a whole, because they hold variables only.
const OF_VARIABLES: [&str; 3] = ["env:", "environment:", "variables:"];

/// Keeps the assignments that can go. A mapping or list that would be empty goes as well if it is one of variables; else what
/// is in it stays.
pub fn retain_yaml(text: &str, assignments: &mut Vec<Assignment>) {
    let lines: Vec<&str> = text.lines().collect();
    let wanted: BTreeSet<usize> = assignments.iter().map(|one| one.line - 1).collect();
    let mut parents: Vec<Assignment> = Vec::new();
    assignments.retain(|one| {
        let siblings = siblings(&lines, one.line - 1);
        if siblings.iter().any(|sibling| !wanted.contains(sibling)) {
            return true;
        }
        let first = siblings.first().copied().unwrap_or_default();
        let parent = (0..first).rev().find(|index| has_content(lines[*index]));
        let parent = parent.filter(|index| OF_VARIABLES.contains(&lines[*index].trim()));
        let Some(parent) = parent else { return false };
        let name = lines[parent].trim().trim_end_matches(':').to_owned();
        if parents.iter().all(|known| known.line != parent + 1) {
            parents.push(Assignment { line: parent + 1, name, value: String::new() });
        }
        true
    });
    assignments.extend(parents);
    assignments.sort_by_key(|one| one.line);
}

/// The lines of the mapping or list that a line is in, itself among them.
fn siblings(lines: &[&str], of: usize) -> Vec<usize> {
    let depth = indent(lines[of]);
    let is_item = lines[of].trim_start().starts_with("- ");
    let before = (0..of).rev().take_while(|index| is_in_block(lines[*index], depth, is_item)).count();
    let after = (of..lines.len()).take_while(|index| is_in_block(lines[*index], depth, is_item)).count();
    (of - before..of + after)
        .filter(|index| has_content(lines[*index]) && indent(lines[*index]) == depth)
        .collect()
}

fn is_in_block(line: &str, depth: usize, is_item: bool) -> bool {
    let is_same_kind = indent(line) > depth || line.trim_start().starts_with("- ") == is_item;
    !has_content(line) || (indent(line) >= depth && is_same_kind)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn has_content(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with('#')
}

/// Keeps the assignments that can go: those with a comma after them, and those that stand alone.
pub fn retain_json(text: &str, assignments: &mut Vec<Assignment>) {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    assignments.retain(|one| {
        let before =
            lines[..one.line - 1].iter().rev().find(|line| !line.is_empty() && !line.starts_with("//"));
        lines[one.line - 1].ends_with(',') || before.is_some_and(|line| line.ends_with('{'))
    });
}
