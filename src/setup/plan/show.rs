//! A plan as people read it (unified diffs and command lines) and as programs do.

use serde::Serialize;
use similar::TextDiff;

use crate::setup::plan::action::{Action, Change, CommandLine, PathChange};
use crate::setup::plan::state::Content;

/// More of one change nobody reads: it is a file that a program made. Programs get all of it.
const MOST_LINES: usize = 60;

/// An action for programs.
#[derive(Serialize)]
pub struct Shown {
    pub title: String,
    /// `write`, `remove`, `link`, `copy`, `make-directory` or `run`.
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A unified diff, a command line, or what a link leads to.
    pub detail: String,
}

/// The action for programs.
pub fn shown(action: &Action) -> Shown {
    let path = match &action.change {
        Change::Path(change) => Some(change.path.display().to_string()),
        Change::Run(_) => None,
    };
    let kind = match &action.change {
        Change::Run(_) => "run",
        Change::Path(PathChange { after, .. }) => match after {
            Content::Absent => "remove",
            Content::File { .. } => "write",
            Content::Copy { .. } => "copy",
            Content::Link { .. } => "link",
            Content::Directory => "make-directory",
        },
    };
    Shown { title: action.title.clone(), kind, path, detail: detail(action) }
}

/// The actions for people: the title of each, and below it what exactly is done, indented, where that tells more.
pub fn text(actions: &[Action]) -> String {
    let mut text = String::new();
    let mut was_long = false;
    for action in actions {
        let is_long = !matches!(
            &action.change,
            Change::Path(PathChange { after: Content::Absent | Content::Directory, .. })
        );
        if !text.is_empty() && (is_long || was_long) {
            text.push('\n');
        }
        was_long = is_long;
        text += &format!("{}\n", action.title);
        let detail = if is_long { detail(action) } else { String::new() };
        for line in detail.lines().take(MOST_LINES) {
            text += format!("    {line}").trim_end();
            text.push('\n');
        }
        let n_more = detail.lines().count().saturating_sub(MOST_LINES);
        if n_more > 0 {
            text += &format!("    … and {n_more} lines more\n");
        }
    }
    text
}

fn detail(action: &Action) -> String {
    match &action.change {
        Change::Run(run) => format!("$ {}", command_line(&run.command)),
        Change::Path(change) => {
            let path = change.path.display();
            match &change.after {
                Content::Absent => format!("remove {path}"),
                Content::Link { target } => format!("{path} -> {}", target.display()),
                Content::Copy { from, .. } => format!("copy {} to {path}", from.display()),
                Content::Directory => format!("make directory {path}"),
                Content::File { bytes, .. } => diff(change, bytes),
            }
        }
    }
}

fn diff(change: &PathChange, after: &[u8]) -> String {
    let (before, old_name) = match &change.before {
        Content::File { bytes, .. } => (bytes.as_slice(), change.path.display().to_string()),
        _ => (&b""[..], "/dev/null".to_owned()),
    };
    let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
    let diff = TextDiff::from_lines(before.as_ref(), after.as_ref());
    let new_name = change.path.display().to_string();
    diff.unified_diff().header(&old_name, &new_name).to_string()
}

/// A command as one would type it.
pub fn command_line(command: &CommandLine) -> String {
    let is_plain = |part: &str| {
        let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,\\".contains(c);
        !part.is_empty() && part.chars().all(plain)
    };
    let quoted = command.0.iter().map(|part| match is_plain(part) {
        true => part.clone(),
        false => format!("'{}'", part.replace('\'', r"'\''")),
    });
    quoted.collect::<Vec<_>>().join(" ")
}
