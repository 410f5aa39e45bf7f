//! A plan as people read it (unified diffs and command lines) and as programs do.

use std::borrow::Cow;

use serde::Serialize;
use similar::TextDiff;

use crate::report::text::{Style, Text};
use crate::setup::plan::action::{Action, ActionKind, PathChange};
use crate::setup::plan::state::Content;

/// At most this many lines of one change are shown to people. Programs get all of it.
const MOST_LINES: usize = 60;

/// An action for programs.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ShownAction {
    pub title: String,
    /// `write`, `remove`, `link`, `copy`, `make-directory` or `run`.
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A unified diff, a command line, or what a link leads to.
    pub detail: String,
}

/// The action for programs.
pub fn shown(action: &Action) -> ShownAction {
    let path = match &action.change {
        ActionKind::Path(change) => Some(change.path.display().to_string()),
        ActionKind::Run(_) => None,
    };
    let kind = match &action.change {
        ActionKind::Run(_) => "run",
        ActionKind::Path(PathChange { after, .. }) => match after {
            Content::Absent => "remove",
            Content::File { .. } => "write",
            Content::Copy { .. } => "copy",
            Content::Link { .. } => "link",
            Content::Directory => "make-directory",
        },
    };
    ShownAction { title: action.title.clone(), kind, path, detail: detail(action) }
}

/// The actions for people, in full.
pub fn text(actions: &[Action]) -> String {
    styled(actions, true).plain()
}

/// The actions for people: the title of each, and below it what exactly is done, indented, where that tells more. Unless
/// `is_verbose`, a long new file is described in one line.
pub fn styled(actions: &[Action], is_verbose: bool) -> Text {
    let mut text = Text::new();
    let mut was_long = false;
    for action in actions {
        let is_long = !matches!(
            &action.change,
            ActionKind::Path(PathChange { after: Content::Absent | Content::Directory, .. })
        );
        if !text.is_empty() && (is_long || was_long) {
            text.push("\n");
        }
        was_long = is_long;
        text.push_styled(Style::Heading, action.title.as_str());
        text.push("\n");
        let short = if is_verbose { None } else { new_file(action) };
        let detail = if is_long { short.unwrap_or_else(|| detail(action)) } else { String::new() };
        for line in detail.lines().take(MOST_LINES) {
            text.push_styled(style_of(line), format!("    {line}").trim_end());
            text.push("\n");
        }
        let n_more = detail.lines().count().saturating_sub(MOST_LINES);
        if n_more > 0 {
            text.push(format!("    … and {n_more} more lines\n"));
        }
    }
    text
}

/// A new file longer than a few lines, in one line.
fn new_file(action: &Action) -> Option<String> {
    const SHORT: usize = 6;
    let ActionKind::Path(PathChange {
        path,
        before: Content::Absent,
        after: Content::File { bytes, .. },
        ..
    }) = &action.change
    else {
        return None;
    };
    let n_lines = text_of(bytes).lines().count();
    (n_lines > SHORT).then(|| format!("create {} ({n_lines} lines; -v shows them)", path.display()))
}

/// The style of a line of a diff.
fn style_of(line: &str) -> Style {
    match line.as_bytes() {
        [b'+', b'+', b'+', b' ', ..] | [b'-', b'-', b'-', b' ', ..] => Style::Heading,
        [b'+', ..] => Style::Added,
        [b'-', ..] => Style::Removed,
        _ => Style::Plain,
    }
}

fn detail(action: &Action) -> String {
    match &action.change {
        ActionKind::Run(run) => format!("$ {}", run.command),
        ActionKind::Path(change) => {
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

/// The text of a file. That of Windows' own programs may be UTF-16, with a mark before it.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    let Some(units) = bytes.strip_prefix(&[0xff, 0xfe]) else { return String::from_utf8_lossy(bytes) };
    let units: Vec<u16> =
        units.chunks(2).map(|unit| u16::from_le_bytes([unit[0], *unit.get(1).unwrap_or(&0)])).collect();
    String::from_utf16_lossy(&units).replace("\r\n", "\n").into()
}

fn diff(change: &PathChange, after: &[u8]) -> String {
    let (before, old_name) = match &change.before {
        Content::File { bytes, .. } => (bytes.as_slice(), change.path.display().to_string()),
        _ => (&b""[..], "/dev/null".to_owned()),
    };
    let (before, after) = (text_of(before), text_of(after));
    let diff = TextDiff::from_lines(before.as_ref(), after.as_ref());
    let new_name = change.path.display().to_string();
    let shown = diff.unified_diff().header(&old_name, &new_name).to_string();
    shown.split_inclusive('\n').map(without_secret).collect()
}

/// Parts of the names of variables and keys whose values are secret.
const SECRET: [&str; 9] = [
    "password",
    "passwd",
    "secret",
    "token",
    "access_key",
    "api_key",
    "private_key",
    "connection_string",
    "credentials",
];

/// A line, without the value that it gives to something that is secret by its name, and without an address that holds
/// a password.
pub fn without_secret(line: &str) -> String {
    let end = if line.ends_with('\n') { "\n" } else { "" };
    for (at, separator) in line.char_indices().filter(|(_, c)| matches!(c, '=' | ':' | ' ')) {
        let before = line[..at].trim_end_matches(['"', '\'', ' ']);
        let word = before
            .rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .next()
            .unwrap_or_default();
        // Before a blank, a name is recognized by its capital letters.
        let is_name = separator != ' ' || !word.chars().any(|c| c.is_ascii_lowercase());
        let name = word.to_ascii_lowercase();
        if (is_name && SECRET.iter().any(|part| name.contains(part))) || has_password(&line[at..]) {
            return format!("{}…{end}", &line[..=at]);
        }
    }
    line.to_owned()
}

/// Whether a value is, or begins with, `scheme://user:password@host`.
fn has_password(value: &str) -> bool {
    let value = value.trim_start_matches(['=', ':', ' ', '"', '\'']);
    let Some((scheme, rest)) = value.split_once("://") else { return false };
    let host = rest.split(['/', ' ', '"', '\'']).next().unwrap_or_default();
    let is_scheme = scheme.chars().all(|c| c.is_ascii_alphanumeric() || c == '+');
    is_scheme && host.split_once('@').is_some_and(|(user, _)| user.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::plan::UndoEdit;

    #[test]
    fn long_new_file_is_shown_in_one_line_unless_verbose() {
        let dir = tempfile::tempdir().unwrap();
        let (new, old) = (dir.path().join("new"), dir.path().join("old"));
        crate::sys::fs::write_new(&old, b"a\n").unwrap();
        let lines = b"1\n2\n3\n4\n5\n6\n7\n";
        let actions = [&new, &old].map(|path| {
            Action::edit(format!("Write {}", path.display()), path, lines.to_vec(), UndoEdit::None).unwrap()
        });
        let brief = styled(&actions, false).plain();
        let one_line = format!("    create {} (7 lines; -v shows them)\n", new.display());
        assert!(brief.contains(&one_line) && brief.matches("+7").count() == 1, "{brief}");
        assert_eq!(styled(&actions, true).plain().matches("+7").count(), 2);
    }

    #[test]
    fn what_is_secret_by_its_name_is_not_shown() {
        for line in [
            "+: # kache: was export SCCACHE_REDIS_PASSWORD=s3cr3t",
            " setenv AWS_SECRET_ACCESS_KEY s3cr3t",
            "-set -gx SCCACHE_WEBDAV_TOKEN s3cr3t",
            " token = \"s3cr3t\"",
            " \"SCCACHE_AZURE_CONNECTION_STRING\": \"s3cr3t\",",
            "+  SCCACHE_GCS_CREDENTIALS_URL: s3cr3t",
            " export SCCACHE_REDIS=redis://me:s3cr3t@host/0",
            "-GITHUB_TOKEN DEFAULT=s3cr3t",
            " SOME_API_KEY=s3cr3t",
        ] {
            let shown = without_secret(&format!("{line}\n"));
            assert!(!shown.contains("s3cr3t") && shown.ends_with("…\n"), "{shown}");
        }
        for line in [
            "+rustc-wrapper = \"/home/me/kache\"",
            " SCCACHE_ENDPOINT=https://host:9000/a",
            "# ask for a token first",
            " export CARGO_REGISTRIES_X_INDEX=https://me@host/index",
        ] {
            assert_eq!(without_secret(line), line);
        }
    }
}
