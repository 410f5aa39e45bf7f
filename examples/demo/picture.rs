//! Draws a recording as an SVG: all lines are in one strip, which moves up behind a window.

use std::fmt::Write as _;

use crate::recording::{Kind, Line};

/// Whether lines appear one after the other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Motion {
    Played,
    /// Only the end is shown.
    Still,
}

const COLUMNS: usize = 84;
const ROWS: usize = 24;
const LINE_HEIGHT: usize = 18;
const MARGIN: usize = 16;
const WIDTH: usize = COLUMNS * 8 + 2 * MARGIN;
const HEIGHT: usize = ROWS * LINE_HEIGHT + 2 * MARGIN;

/// No pause is shown for longer than this.
const MAX_PAUSE_MS: u64 = 1_200;
/// Lines of a build appear at least this fast.
const MAX_OUTPUT_PAUSE_MS: u64 = 90;
/// How long the end stays.
const END_MS: u64 = 4_000;

/// The picture.
pub(crate) fn draw(lines: &[Line], motion: Motion) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\">\n\
         <style>\n\
         rect {{ fill: #16181d; }}\n\
         text {{ font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #d7dae0; white-space: pre; }}\n\
         .comment {{ fill: #8b93a1; }}\n\
         .command {{ fill: #ffffff; font-weight: bold; }}\n\
         .status {{ fill: #7fd88f; font-weight: bold; }}\n"
    );
    // The end is what is seen where nothing moves.
    let _ = writeln!(svg, ".strip {{ transform: translateY({}px); }}", offset(lines.len()));
    if motion == Motion::Played {
        push_motion(&mut svg, lines);
    }
    let _ = writeln!(
        svg,
        "</style>\n<clipPath id=\"window\"><rect x=\"0\" y=\"{MARGIN}\" width=\"{WIDTH}\" height=\"{}\"/></clipPath>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\"/>\n<g clip-path=\"url(#window)\"><g class=\"strip\">",
        ROWS * LINE_HEIGHT
    );
    for (index, line) in lines.iter().enumerate() {
        let y = MARGIN + index * LINE_HEIGHT + LINE_HEIGHT * 3 / 4;
        // Not all programs that draw a picture know `white-space`.
        let _ = writeln!(svg, "<text x=\"{MARGIN}\" y=\"{y}\" xml:space=\"preserve\">{}</text>", spans(line));
    }
    svg += "</g></g>\n</svg>\n";
    svg
}

/// How far the strip is moved when `n` of its lines are seen: the last of these is at the bottom of the window.
fn offset(n: usize) -> i64 {
    (ROWS as i64 - n as i64) * LINE_HEIGHT as i64
}

/// The strip moves by one line at a time, without a transition.
fn push_motion(svg: &mut String, lines: &[Line]) {
    let mut at_ms = 0;
    let mut times = Vec::new();
    for line in lines {
        let most_ms = if line.kind == Kind::Output { MAX_OUTPUT_PAUSE_MS } else { MAX_PAUSE_MS };
        at_ms += line.after_ms.min(most_ms);
        times.push(at_ms);
    }
    let total_ms = at_ms + END_MS;
    let _ = writeln!(
        svg,
        "@media (prefers-reduced-motion: no-preference) {{\n.strip {{ animation: play {total_ms}ms step-end infinite; }}\n}}\n\
         @keyframes play {{\n0% {{ transform: translateY({}px); }}",
        offset(0)
    );
    for (index, ms) in times.iter().enumerate() {
        // Of lines that appear at once only the last is seen.
        if times.get(index + 1) == Some(ms) {
            continue;
        }
        let share = *ms as f64 / total_ms as f64 * 100.0;
        let _ = writeln!(svg, "{share:.3}% {{ transform: translateY({}px); }}", offset(index + 1));
    }
    *svg += "}\n";
}

/// How the monitor begins the lines of units that were not compiled.
const SERVED: [&str; 2] = ["hit    ", "seeded "];

/// The text of a line: the word with which cargo or the monitor begins it may have a color.
fn spans(line: &Line) -> String {
    let text: String = line.text.chars().take(COLUMNS).collect();
    let class = match line.kind {
        Kind::Comment => "comment",
        Kind::Command => "command",
        Kind::Output => {
            let (word, rest) = text.split_at(n_colored(&text));
            return format!("<tspan class=\"status\">{}</tspan>{}", escaped(word), escaped(rest));
        }
    };
    format!("<tspan class=\"{class}\">{}</tspan>", escaped(&text))
}

/// How many bytes at the beginning of a line have a color.
fn n_colored(text: &str) -> usize {
    match text.split_at_checked(12) {
        Some((word, rest)) if is_status(word, rest) => word.len(),
        _ => SERVED.iter().find(|word| text.starts_with(**word)).map_or(0, |word| word.len()),
    }
}

/// Whether cargo wrote `word` in its column of twelve.
fn is_status(word: &str, rest: &str) -> bool {
    let name = word.trim_start();
    rest.starts_with(' ')
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphabetic())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
