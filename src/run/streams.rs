//! What a compiler prints: kept as text with root tokens, given back for the invocation at hand.
//!
//! How long sections of a compile took (`--json=timings`) is not kept: a hit takes another time.
//!
//! Three things are no plain text. Announcements of outputs name real paths; they are kept by role and written again for
//! this tree. And where the compiler was told to write `./target` for the build directory, diagnostics say `./target`
//! too; people see the real path: [`Streams::real_paths`] puts it back, in the places where rustc names a file. Where it
//! was told to write a placeholder for the workspace, people see `.`.

use std::borrow::Cow;

use memchr::memmem;

use crate::action::portable::{Root, Roots};
use crate::invocation::outputs::output_of;
use crate::invocation::{Invocation, Output, Role};
use crate::run::compilation_dir::PLACEHOLDER;
use crate::store::entry::Segment;
use crate::sys::{defence, os};

/// What the build directory is called in outputs.
pub const TARGET_NAME: &str = "./target";

/// How one invocation's output is read and written.
pub struct Streams<'a> {
    outputs: &'a [Output],
    announces: bool,
    /// Roots as they are spelled in what is printed: JSON escapes some characters.
    roots: Roots,
}

impl<'a> Streams<'a> {
    /// For what `invocation` prints, with these outputs and roots.
    pub fn new(invocation: &Invocation, outputs: &'a [Output], roots: &Roots) -> Streams<'a> {
        let mut spelled = Roots::default();
        for (path, root) in roots.spellings() {
            // The first spelling must stay the first.
            let path = roots.value(root).filter(|_| spelled.value(root).is_none()).unwrap_or(path);
            spelled.add(root, &in_json(path, invocation.json_diagnostics));
        }
        for (path, root) in roots.spellings() {
            spelled.add(root, &in_json(path, invocation.json_diagnostics));
        }
        Streams { outputs, announces: invocation.json_artifacts, roots: spelled }
    }

    /// What was printed, as it is kept. `None` where it holds what cannot be told from a token.
    pub fn keep(&self, printed: &[u8]) -> Option<Vec<Segment>> {
        if printed.contains(&0) {
            return None;
        }
        let mut segments = Vec::new();
        let mut text = 0;
        let mut at = 0;
        for line in printed.split_inclusive(|byte| *byte == b'\n') {
            let role = self.announced(line);
            if role.is_some() || line.starts_with(TIMING) {
                self.keep_text(&printed[text..at], &mut segments);
                segments.extend(role.map(Segment::Announce));
                text = at + line.len();
            }
            at += line.len();
        }
        self.keep_text(&printed[text..], &mut segments);
        Some(segments)
    }

    fn keep_text(&self, text: &[u8], segments: &mut Vec<Segment>) {
        if !text.is_empty() {
            segments.push(Segment::Text(self.roots.tokenize(text)));
        }
    }

    /// The output that a line announces.
    pub fn announced(&self, line: &[u8]) -> Option<Role> {
        if !self.announces || !line.starts_with(ANNOUNCEMENT) {
            return None;
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        self.outputs.iter().find(|output| announcement(output) == line).map(|output| output.role)
    }

    /// Whether a line announces an output that is not among those of this invocation.
    pub fn is_foreign_announcement(&self, line: &[u8]) -> bool {
        self.announces
            && line.starts_with(ANNOUNCEMENT)
            && self.announced(line).is_none()
            && defence::stands("foreign-announcements-are-seen")
    }

    /// What was kept, as this invocation prints it. `None` where it names what this invocation does not have.
    pub fn give(&self, segments: &[Segment]) -> Option<Vec<u8>> {
        let mut printed = Vec::new();
        for segment in segments {
            match segment {
                Segment::Text(text) => {
                    let text = self.roots.expand(text)?;
                    for line in text.split_inclusive(|byte| *byte == b'\n') {
                        printed.extend_from_slice(&self.real_paths(line));
                    }
                }
                Segment::Announce(role) => {
                    if defence::stands("announcements-of-a-hit") {
                        printed.extend(announcement(output_of(self.outputs, *role)?));
                        printed.push(b'\n');
                    }
                }
            }
        }
        Some(printed)
    }

    /// A line in which files of the build directory have their real paths, and no path has the placeholder.
    pub fn real_paths<'l>(&self, line: &'l [u8]) -> Cow<'l, [u8]> {
        match without_placeholder(line) {
            Some(line) => Cow::Owned(self.with_real_target(&line).into_owned()),
            None => self.with_real_target(line),
        }
    }

    fn with_real_target<'l>(&self, line: &'l [u8]) -> Cow<'l, [u8]> {
        let target = self.roots.value(Root::Target).filter(|_| defence::stands("real-paths-in-messages"));
        let Some(target) = target else { return Cow::Borrowed(line) };
        let mapped = [TARGET_NAME.as_bytes(), b"/"].concat();
        if memmem::find(line, &mapped).is_none() {
            return Cow::Borrowed(line);
        }
        let mut real = Vec::with_capacity(line.len() + 256);
        let mut copied = 0;
        for at in memmem::find_iter(line, &mapped) {
            let (before, behind) = (&line[copied..at], &line[at + mapped.len()..]);
            let is_file = FILE_COMES_NEXT.iter().any(|it| before.ends_with(it))
                || (at == 0 || PLACE_COMES_NEXT.iter().any(|it| before.ends_with(it)))
                    && starts_with_place(behind);
            if is_file {
                real.extend_from_slice(&line[copied..at]);
                real.extend_from_slice(target);
                real.push(b'/');
                copied = at + mapped.len();
            }
        }
        real.extend_from_slice(&line[copied..]);
        Cow::Owned(real)
    }
}

/// The line with `.` for each placeholder, if there are any.
fn without_placeholder(line: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let mut copied = 0;
    for at in memmem::find_iter(line, PLACEHOLDER) {
        text.extend_from_slice(&line[copied..at]);
        text.push(b'.');
        copied = at + PLACEHOLDER.len();
    }
    text.extend_from_slice(&line[copied..]);
    (copied > 0).then_some(text)
}

/// Begins a line that says when a section of the compile began or ended.
const TIMING: &[u8] = b"{\"$message_type\":\"section_timing\",";

const ANNOUNCEMENT: &[u8] = b"{\"$message_type\":\"artifact\",";

/// What stands before the name of a file: the field of a span, and the arrows of the rendered form, with and
/// without colors, in JSON and out of it.
const FILE_COMES_NEXT: &[&[u8]] = &[
    b"\"file_name\":\"",
    b"--> ",
    b"::: ",
    b"--> \\u001b[0m",
    b"::: \\u001b[0m",
    b"--> \x1b[0m",
    b"::: \x1b[0m",
];

/// What stands before a place in a file, `<path>:<line>:<column>`: in the short form the beginning of a line, in JSON
/// and out of it; anywhere the name of what has no name of its own, such as `{closure@`.
const PLACE_COMES_NEXT: &[&[u8]] = &[b"\"rendered\":\"", b"\\n", b"@"];

/// Whether the path that `text` goes on with is followed by a line and a column.
fn starts_with_place(text: &[u8]) -> bool {
    let Some(end) = text.iter().position(|byte| matches!(byte, b':' | b'\n' | b'"' | b'`')) else {
        return false;
    };
    if text[end] != b':' {
        return false;
    }
    let mut numbers = text[end + 1..].splitn(3, |byte| *byte == b':');
    starts_with_digit(numbers.next()) && starts_with_digit(numbers.next())
}

fn starts_with_digit(text: Option<&[u8]>) -> bool {
    text.unwrap_or_default().trim_ascii().first().is_some_and(u8::is_ascii_digit)
}

/// The line with which rustc announces an output, without its end.
fn announcement(output: &Output) -> Vec<u8> {
    let path = in_json(os::bytes(&output.path), true);
    let mut line = [ANNOUNCEMENT, b"\"artifact\":\"", &path, b"\",\"emit\":\""].concat();
    line.extend_from_slice(output.role.emit_name().as_bytes());
    line.extend_from_slice(b"\"}");
    line
}

fn in_json(text: &[u8], escape: bool) -> Vec<u8> {
    if !escape || !text.iter().any(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        return text.to_vec();
    }
    let quoted = serde_json::to_string(&String::from_utf8_lossy(text)).unwrap_or_default();
    quoted.trim_matches('"').as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::portable::Portable;

    fn outputs(target: &str) -> Vec<Output> {
        vec![Output { role: Role::Metadata, path: format!("{target}/debug/deps/liba.rmeta").into() }]
    }

    fn streams<'a>(outputs: &'a [Output], target: &str) -> Streams<'a> {
        let mut roots = Roots::default();
        roots.add(Root::Target, target.as_bytes());
        Streams { outputs, announces: true, roots }
    }

    #[test]
    fn what_was_printed_in_one_tree_is_given_back_in_another() {
        let printed = |target: &str, seen: &str| {
            format!(
                "{{\"file_name\":\"{seen}/x.rs\",\"rendered\":\"--> \\u001b[0m{seen}/x.rs near ./target/y {target}\"}}\n\
                 {{\"$message_type\":\"artifact\",\"artifact\":\"{target}/debug/deps/liba.rmeta\",\"emit\":\"metadata\"}}\n"
            )
        };
        let here = outputs("/here/target");
        let kept = streams(&here, "/here/target").keep(printed("/here/target", "./target").as_bytes());
        let kept = kept.expect("no NUL");
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[1], Segment::Announce(Role::Metadata));
        let there = outputs("/there/t");
        let given = streams(&there, "/there/t").give(&kept).expect("all roots are known");
        assert_eq!(String::from_utf8_lossy(&given), printed("/there/t", "/there/t"));
    }

    #[test]
    fn timings_are_not_kept() {
        let here = outputs("/t");
        let timing =
            "{\"$message_type\":\"section_timing\",\"event\":\"start\",\"name\":\"codegen\",\"time\":5}\n";
        let printed = format!("one\n{timing}two\n{timing}{timing}");
        let kept = streams(&here, "/t").keep(printed.as_bytes()).expect("no NUL");
        assert_eq!(streams(&here, "/t").give(&kept).expect("is given"), b"one\ntwo\n");
        assert_eq!(streams(&here, "/t").keep(timing.as_bytes()), Some(Vec::new()));
    }

    #[test]
    fn the_placeholder_is_shown_as_what_it_means() {
        let outputs = outputs("/t");
        let streams = streams(&outputs, "/t");
        let line = format!("{PLACEHOLDER}/x.rs:1:2 {PLACEHOLDER} ./target/y.rs");
        assert_eq!(streams.real_paths(line.as_bytes()).as_ref(), b"./x.rs:1:2 . ./target/y.rs");
        assert!(matches!(streams.real_paths(b"././././x.rs"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_foreign_announcement_is_seen() {
        let outputs = outputs("/t");
        let streams = streams(&outputs, "/t");
        let line = b"{\"$message_type\":\"artifact\",\"artifact\":\"/t/x.dwo\",\"emit\":\"link\"}\n";
        assert!(streams.is_foreign_announcement(line));
        assert!(!streams.is_foreign_announcement(b"{\"$message_type\":\"diagnostic\"}\n"));
    }

    #[test]
    fn text_that_names_an_unknown_root_cannot_be_given() {
        let mut roots = Roots::default();
        roots.add(Root::Workspace, b"/w");
        let kept = [Segment::Text(roots.tokenize(b"/w/x"))];
        assert_eq!(streams(&[], "/t").give(&kept), None);
        assert_eq!(streams(&[], "/t").give(&[Segment::Text(Portable::literal("x"))]), Some(b"x".to_vec()));
    }
}
