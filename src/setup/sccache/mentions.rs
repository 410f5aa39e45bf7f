//! Lines that mention sccache, or a setting of it, in a way that is not understood. They are shown to the user.

use std::collections::BTreeSet;

use crate::setup::plan::show::without_secret;
use crate::setup::sccache::lines::{self, MARK, MatchedFile};
use crate::setup::sccache::places::{ConfigFile, FileScope, Syntax};

const MOST_LINES: usize = 5;

/// Those of one place but for the lines in `understood`, as `path:line: text`.
pub fn find(place: &ConfigFile, understood: &[&MatchedFile]) -> Vec<String> {
    let Some(text) = lines::text(&place.path) else { return Vec::new() };
    let assignments = understood.iter().flat_map(|file| &file.assignments);
    let known: BTreeSet<usize> = assignments.map(|one| one.line).collect();
    let mut found: Vec<String> = Vec::new();
    let mut n_more = 0;
    for (index, line) in text.lines().enumerate() {
        if known.contains(&(index + 1)) || is_comment(line) || !names_it(place, line) {
            continue;
        }
        if found.len() == MOST_LINES {
            n_more += 1;
        } else {
            found.push(format!("{}:{}: {}", place.path.display(), index + 1, shown(line)));
        }
    }
    if n_more > 0 {
        found.push(format!("{}: {n_more} more lines", place.path.display()));
    }
    found
}

fn is_comment(line: &str) -> bool {
    let text = line.trim_start();
    text.starts_with(['#', ':']) || text.starts_with("//") || line.contains(MARK)
}

fn names_it(place: &ConfigFile, line: &str) -> bool {
    let is_all_about_it =
        place.scope == FileScope::Project || matches!(place.syntax, Syntax::Mise | Syntax::Named);
    let sets_wrapper = line.contains("RUSTC_WRAPPER") || line.contains("rustc-wrapper");
    line.contains("SCCACHE_") || ((is_all_about_it || sets_wrapper) && has_word(line))
}

fn has_word(line: &str) -> bool {
    line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
        .any(|word| word == "sccache" || word == "sccache-action")
}

/// The part of a line to show: the value of a setting may be a secret.
fn shown(line: &str) -> String {
    let line = without_secret(line.trim());
    let text = if line.contains("SCCACHE_") && !has_word(&line) {
        line.split(['=', ':']).next().unwrap_or_default()
    } else {
        &line
    };
    text.trim().chars().take(80).collect()
}
