//! Escapes text for display. Names of files, crates and variables come from projects, and may contain sequences that
//! control a terminal or reverse the direction of text.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Escapes every character that a terminal would not show as it is, except line feeds.
pub fn text(text: &str) -> Cow<'_, str> {
    escaped(text, &|c| is_unsafe(c) && c != '\n', &|c| c.escape_default().to_string())
}

/// Escapes text that must stay on one line.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, &is_unsafe, &|c| c.escape_default().to_string())
}

/// Escapes these characters in JSON, as JSON does. Except for line feeds they occur only in its strings.
pub fn json(json: &str) -> Cow<'_, str> {
    escaped(json, &|c| is_unsafe(c) && c != '\n', &|c| format!("\\u{:04x}", u32::from(c)))
}

/// Escapes text in HTML, in elements and attributes. It stays on one line.
pub fn html(text: &str) -> String {
    let text = line(text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Control characters, text direction characters, and line ends that only some programs recognize.
fn is_unsafe(c: char) -> bool {
    let is_direction =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || is_direction || matches!(c, '\u{2028}' | '\u{2029}')
}

fn escaped<'t>(
    text: &'t str,
    is_unsafe: &dyn Fn(char) -> bool,
    escape: &dyn Fn(char) -> String,
) -> Cow<'t, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        let _ = if is_unsafe(c) { safe.write_str(&escape(c)) } else { safe.write_char(c) };
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_characters_that_control_a_terminal_are_escaped() {
        for plain in ["", "a b", "übersetzt → 5×\n  次", "\\u{1b}", "👩‍🚀"] {
            assert!(matches!(text(plain), Cow::Borrowed(same) if same == plain), "{plain}");
        }
        assert_eq!(text("a\u{1b}[2J\n\tb\r\u{7f}"), "a\\u{1b}[2J\n\\tb\\r\\u{7f}");
        assert_eq!(text("\u{9b}\u{202e}\u{2066}\u{200f}\u{61c}"), r"\u{9b}\u{202e}\u{2066}\u{200f}\u{61c}");
        assert_eq!(line("a\nb"), r"a\nb");
        assert_eq!(html("<a b=\"c\">&\u{1b}"), r"&lt;a b=&quot;c&quot;&gt;&amp;\u{1b}");
    }

    #[test]
    fn escaped_json_keeps_its_value() {
        let name = "a\u{1b}\u{7f}\u{202e}\u{9b}\u{2028}\"\\\n";
        let written = serde_json::to_string_pretty(&[name]).expect("serializes");
        let safe = json(&written);
        assert!(!safe.contains(|c| is_unsafe(c) && c != '\n'), "{safe}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&safe).expect("JSON"), [name]);
    }
}
